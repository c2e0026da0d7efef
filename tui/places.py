"""Where `/` goes: a rank, a name or a position, typed by a person, to one candidate of the list."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

_NUMBER = r"[+-]?\d+(?:\.\d*)?"
_DECIMAL = re.compile(rf"^\s*({_NUMBER})[\s,]+({_NUMBER})\s*$")
_SEXAGESIMAL = re.compile(
    rf"^\s*(\d+)[h:\s]+(\d+)[m:\s]+({_NUMBER})s?[\s,]+([+-]?)(\d+)[d°:\s]+(\d+)['m:\s]+({_NUMBER})[\"s]?\s*$"
)


def parse_position(text: str) -> tuple[float, float] | None:
    """Read 'ra dec' in ICRS degrees, or as 7:23:21.0 -73:26:22; None where it is no position."""
    if match := _DECIMAL.match(text):
        ra, dec = float(match[1]), float(match[2])
    elif match := _SEXAGESIMAL.match(text):
        ra = 15 * (float(match[1]) + float(match[2]) / 60 + float(match[3]) / 3600)
        dec = float(match[5]) + float(match[6]) / 60 + float(match[7]) / 3600
        dec = -dec if match[4] == "-" else dec
    else:
        return None
    return (ra % 360, dec) if -90 <= dec <= 90 else None


def separation_arcsec(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    """Give the angle between two positions in degrees, in arcsec (haversine, Sinnott 1984)."""
    d1, d2 = math.radians(dec1), math.radians(dec2)
    half_ra, half_dec = math.radians(ra2 - ra1) / 2, (d2 - d1) / 2
    chord = math.sin(half_dec) ** 2 + math.cos(d1) * math.cos(d2) * math.sin(half_ra) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(chord)))) * 3600


def nearest(
    position: tuple[float, float], known: Iterable[tuple[str, float, float]]
) -> tuple[str, float] | None:
    """Find the known name nearest to a position, and how far it is in arcsec."""
    ra, dec = position
    best: tuple[float, str] | None = None
    for name, other_ra, other_dec in known:
        here = (separation_arcsec(ra, dec, other_ra, other_dec), name)
        best = here if best is None else min(best, here)
    return (best[1], best[0]) if best else None


def by_name(text: str, names: Sequence[str]) -> str | None:
    """Find a name: whole first, then its begin, then any part of it; blanks and case do not count."""
    wanted = _squeezed(text)
    if not wanted:
        return None
    squeezed = [_squeezed(name) for name in names]
    for test in (str.__eq__, str.startswith, str.__contains__):
        for name, short in zip(names, squeezed, strict=True):
            if test(short, wanted):
                return name
    return None


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text).lower()
