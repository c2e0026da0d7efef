"""The table of completeness: what was put into each frame and found again, written, read and summed up."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

_HEADER: Final = (
    "frame", "stage_key", "instrument", "filter", "r50_arcsec", "step_mag", "mag_ab", "injected", "recovered",
    "depth_mag", "detections", "false_detections", "taken_share", "simulated", "aperture_depth_mag",
    "cut_mag", "threshold_sigma",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One bin of one frame, as the table holds it; `stage_key` is that of the frame's measurement.

    `depth_mag` is the total magnitude of a point at 5 sigma under detection's filter, from which `step_mag`
    counts; `aperture_depth_mag` that of 5 sigma in the smaller circle, the light inside it alone; `cut_mag`
    that of a point just found without noise; `threshold_sigma` where detection cuts, over the smoothed
    image's noise. NaN: not known.
    """

    frame: str
    stage_key: str
    instrument: str
    filter: str
    r50_arcsec: float
    step_mag: float
    mag_ab: float
    injected: int
    recovered: int
    depth_mag: float
    detections: int
    false_detections: int
    taken_share: float
    simulated: bool
    aperture_depth_mag: float = math.nan
    cut_mag: float = math.nan
    threshold_sigma: float = math.nan


def rows_of(rows: Sequence[Row], frame: str) -> list[Row]:
    """Return the rows of one frame."""
    return [row for row in rows if row.frame == frame]


def half_recovered(rows: Sequence[Row], r50_arcsec: float) -> float:
    """Return where half of the sources of a size are found, magnitudes fainter than `depth_mag`.

    The shares are first made to fall with magnitude, neighbouring bins pooled where chance has them rise
    (isotonic regression, Ayer et al. 1955); NaN where they do not cross one half.
    """
    bins = [row for row in rows if row.r50_arcsec == r50_arcsec and row.injected]
    shares = _falling([(row.recovered, row.injected) for row in bins])
    curve = [(row.step_mag, share) for row, share in zip(bins, shares, strict=True)]
    for (bright, above), (faint, below) in pairwise(curve):
        if above >= 0.5 > below:
            return bright + (faint - bright) * (above - 0.5) / (above - below)
    return math.nan


def _falling(counts: Sequence[tuple[int, int]]) -> list[float]:
    """Return the shares closest to those counted, found of all, that never rise from left to right."""
    blocks: list[tuple[int, int, int]] = []
    for found, of in counts:
        blocks.append((found, of, 1))
        while len(blocks) > 1 and blocks[-1][0] * blocks[-2][1] > blocks[-2][0] * blocks[-1][1]:
            last, former = blocks.pop(), blocks.pop()
            blocks.append((former[0] + last[0], former[1] + last[1], former[2] + last[2]))
    return [found / of for found, of, width in blocks for _ in range(width)]


def summary(rows: Sequence[Row]) -> str:
    """Describe one frame's completeness in one line."""
    parts = []
    for size in sorted({row.r50_arcsec for row in rows}):
        where = half_recovered(rows, size)
        name = "points" if size == 0 else f'discs of r50 {size:g}"'
        known = math.isfinite(where) and math.isfinite(rows[0].depth_mag)
        text = f"{rows[0].depth_mag + where:.2f} AB" if known else f"5 sigma depth {where:+.2f} mag"
        parts.append(f"{name} to {text}" if math.isfinite(where) else f"{name}: no limit in the range tried")
    depths = ""
    if math.isfinite(rows[0].depth_mag):
        depths = f"; 5 sigma of a point {rows[0].depth_mag:.2f} AB (matched filter)"
        if math.isfinite(rows[0].aperture_depth_mag):
            depths += f", in the smaller circle {rows[0].aperture_depth_mag:.2f} AB"
    return "half recovered: " + ", ".join(parts) + depths


def from_csv(text: str) -> list[Row]:
    """Read the table.

    Raises
    ------
    ValueError
        It is not one that `as_csv` wrote.
    """
    try:
        return [_row(line) for line in csv.DictReader(io.StringIO(text))]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a table of completeness ({error})") from error


def _row(line: dict[str, Any]) -> Row:
    """Read one line of the table."""
    return Row(
        frame=line["frame"],
        stage_key=line["stage_key"],
        instrument=line["instrument"],
        filter=line["filter"],
        r50_arcsec=float(line["r50_arcsec"]),
        step_mag=float(line["step_mag"]),
        mag_ab=float(line["mag_ab"] or "nan"),
        injected=int(line["injected"]),
        recovered=int(line["recovered"]),
        depth_mag=float(line["depth_mag"] or "nan"),
        detections=int(line["detections"]),
        false_detections=int(line["false_detections"]),
        taken_share=float(line["taken_share"] or "nan"),
        simulated=line["simulated"] == "true",
        # Former tables have none of these; their frames are measured anew before anybody is told of them.
        aperture_depth_mag=float(line.get("aperture_depth_mag") or "nan"),
        cut_mag=float(line.get("cut_mag") or "nan"),
        threshold_sigma=float(line.get("threshold_sigma") or "nan"),
    )


def as_csv(rows: Sequence[Row]) -> str:
    """Write the rows as CSV, missing numbers empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in _HEADER])
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a value as the table writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, float) and math.isnan(value) else value
