"""Anomalies put into the images and ranked with the rest: the table, and how many were near the top."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

TOP: Final = 100
"""Candidates that somebody looks at in an hour."""
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Injected:
    """One anomaly that was put in.

    Attributes
    ----------
    key : str
        Of the frames and parameters it was ranked with.
    kind : str
        What it was: merger, lens, ring, little_red_dot, emission_line, dropout.
    ra, dec : float
        ICRS degrees.
    mag_ab : float
        Total AB magnitude in the band in which it is brightest.
    rank : int
        Best rank of what was found there; 0 where nothing was.
    n_candidates, n_bands : int
        Candidates that were ranked together, bands it was put into.
    simulated : bool
        Whether the frames themselves are SIMULATED; what was put in always is.
    """

    key: str
    kind: str
    ra: float
    dec: float
    mag_ab: float
    rank: int
    n_candidates: int
    n_bands: int
    simulated: bool


def recall(rows: Sequence[Injected], top: int = TOP) -> tuple[int, int]:
    """Return how many of the anomalies are among the first candidates, and how many were put in."""
    return sum(0 < row.rank <= top for row in rows), len(rows)


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); 0 to 1 where nothing was tried."""
    if not n:
        return 0.0, 1.0
    share = hits / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def told(rows: Sequence[Injected]) -> str:
    """Describe the recall in one line."""
    hits, n = recall(rows)
    low, high = interval(hits, n)
    candidates = rows[0].n_candidates
    top = min(TOP, candidates)
    return (
        f"{hits} of {n} anomalies put in are among the first {top} of {candidates} candidates: "
        f"{hits / n:.2f} (95 %: {low:.2f} to {high:.2f}; by chance {top / max(candidates, 1):.2f})"
    )


def as_csv(rows: Sequence[Injected]) -> str:
    """Write the rows as CSV; rank empty where nothing was found."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(Injected)])
    for row in rows:
        writer.writerow([
            row.key, row.kind, f"{row.ra:.7f}", f"{row.dec:.7f}", f"{row.mag_ab:.3f}", row.rank or "",
            row.n_candidates, row.n_bands, str(row.simulated).lower(),
        ])  # fmt: skip
    return out.getvalue()


def from_csv(text: str) -> list[Injected]:
    """Read the table.

    Raises
    ------
    ValueError
        It is not one that `as_csv` wrote.
    """
    try:
        return [
            Injected(
                line["key"], line["kind"], float(line["ra"]), float(line["dec"]), float(line["mag_ab"]),
                int(line["rank"] or 0), int(line["n_candidates"]), int(line["n_bands"]),
                line["simulated"] == "true",
            )
            for line in csv.DictReader(io.StringIO(text))
        ]  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a table of anomalies put in ({error})") from error
