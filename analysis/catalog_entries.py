"""Entries of catalogues and answers of services: what they are, where they were, how likely by chance."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from analysis.footprints import separation_deg

CELL_DEG: Final = 0.05
MARGIN_DEG: Final = 20.0 / 3600.0
OK, TRUNCATED, NO_ANSWER, NOT_QUERIED = "ok", "truncated", "no answer", "not queried"
"""What can become of a question; never mixed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a catalogue; ICRS degrees at `epoch` (Julian year, NaN: fixed), mas/yr, arcsec, mag."""

    name: str
    ra: float
    dec: float
    type: str = ""
    magnitude: float = math.nan
    band: str = ""
    error_arcsec: float = math.nan
    pmra: float = math.nan
    pmdec: float = math.nan
    epoch: float = math.nan
    redshift: float = math.nan


@dataclass(frozen=True)
class Answer:
    """What a service said of one block of sky, a circle of `radius_deg`.

    There are entries only where the state is ok or truncated; `reason` says why there is none. `refused`: the
    service is there, but would not answer this question.
    """

    service: str
    block: str
    state: str
    ra: float = math.nan
    dec: float = math.nan
    radius_deg: float = math.nan
    entries: tuple[Entry, ...] = ()
    release: str = ""
    asked_at: str = ""
    url: str = ""
    reason: str = ""
    refused: bool = False

    def density_per_arcsec2(self) -> float:
        """Return how many entries there are per square arcsecond of the circle."""
        return len(self.entries) / (math.pi * (self.radius_deg * 3600.0) ** 2)

    def to_json(self) -> str:
        """Return the answer as JSON, for a file."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, sort_keys=True, allow_nan=False)


def answer_from_json(text: str) -> Answer:
    """Read an answer back; ValueError where the text is none."""
    try:
        raw = json.loads(text)
        entries = tuple(Entry(**_floats(Entry, one)) for one in raw.pop("entries"))
        return Answer(**_floats(Answer, raw) | {"entries": entries})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an answer of a catalogue: {error}") from error


def cell_of(ra: float, dec: float) -> tuple[str, float, float, float]:
    """Return the cell of the sky that holds a place: its name, its middle and the radius that covers it.

    Cells are 0.05 degrees high and about as wide; the radius reaches 20 arcsec beyond the farthest corner
    (near a pole the one towards the equator), so that stars that moved and large hosts are in the answer.
    """
    row = math.floor((dec + 90.0) / CELL_DEG)
    middle = min((row + 0.5) * CELL_DEG - 90.0, 90.0)
    count = max(1, math.floor(360.0 * math.cos(math.radians(middle)) / CELL_DEG))
    width = 360.0 / count
    column = math.floor((ra % 360.0) / width)
    ends = (max(middle - CELL_DEG / 2, -90.0), min(middle + CELL_DEG / 2, 90.0))
    farthest = max(separation_deg(0.0, middle, width / 2, end) for end in ends)
    return f"{row}_{column}", (column + 0.5) * width, middle, farthest + MARGIN_DEG


def moved(entry: Entry, year: float) -> tuple[float, float, float]:
    """Return an entry's place (degrees) at a year and what its motion adds to the error, arcsec.

    Without a proper motion it stays, with an error of 10 mas a year for what has an epoch.
    """
    if not (math.isfinite(entry.epoch) and math.isfinite(year)):
        return entry.ra, entry.dec, 0.0
    years = year - entry.epoch
    if not (math.isfinite(entry.pmra) and math.isfinite(entry.pmdec)):
        return entry.ra, entry.dec, abs(years) * 0.010 if entry.type == "Gaia source" else 0.0
    # Over a decade and arcseconds the tangent plane is exact to micro-arcseconds away from the poles.
    cosine = max(math.cos(math.radians(entry.dec)), 1e-9)
    ra = entry.ra + entry.pmra * years / 3.6e6 / cosine
    return ra % 360.0, entry.dec + entry.pmdec * years / 3.6e6, 0.0


def chance(separation_arcsec: float, density_per_arcsec2: float) -> float:
    """Return the probability of an unrelated entry as near: 1 - exp(-pi r^2 n) (Downes et al. 1986).

    Examples
    --------
    1000 per square arcmin at 0.3 arcsec give 0.076.
    """
    return -math.expm1(-math.pi * separation_arcsec**2 * density_per_arcsec2)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _floats(kind: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with null made NaN where the field is a number."""
    numbers = {name for name, f in kind.__dataclass_fields__.items() if f.type in {"float", float}}
    return {k: math.nan if v is None and k in numbers else v for k, v in raw.items()}
