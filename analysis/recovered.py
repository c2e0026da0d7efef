"""The table of completeness: what was put into each frame and found again, written, read and summed up."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_HEADER: Final = (
    "frame", "stage_key", "instrument", "filter", "r50_arcsec", "step_mag", "mag_ab", "injected", "recovered",
    "depth_mag", "detections", "false_detections", "taken_share", "simulated",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One bin of one frame, as the table holds it; `stage_key` is that of the frame's measurement."""

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


def rows_of(rows: Sequence[Row], frame: str) -> list[Row]:
    """Return the rows of one frame."""
    return [row for row in rows if row.frame == frame]


def half_recovered(rows: Sequence[Row], r50_arcsec: float) -> float:
    """Return where half of the sources of a size are found in a frame, magnitudes fainter than its depth."""
    curve = [
        (r.step_mag, r.recovered / r.injected) for r in rows if r.r50_arcsec == r50_arcsec and r.injected
    ]
    for (bright, above), (faint, below) in zip(curve[-2::-1], curve[:0:-1], strict=True):
        if above >= 0.5 > below:
            return bright + (faint - bright) * (above - 0.5) / (above - below)
    return math.nan


def summary(rows: Sequence[Row]) -> str:
    """Describe one frame's completeness in one line."""
    parts = []
    for size in sorted({row.r50_arcsec for row in rows}):
        where = half_recovered(rows, size)
        name = "points" if size == 0 else f'discs of r50 {size:g}"'
        known = math.isfinite(where) and math.isfinite(rows[0].depth_mag)
        text = f"{rows[0].depth_mag + where:.2f} AB" if known else f"5 sigma depth {where:+.2f} mag"
        parts.append(f"{name} to {text}" if math.isfinite(where) else f"{name}: no limit in the range tried")
    return "half recovered: " + ", ".join(parts)


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
