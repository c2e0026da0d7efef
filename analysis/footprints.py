"""Footprints on the sky: s_region text in; whether they hold a place and how far they overlap out."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_GRID = 32
_CIRCLE_SIDES = 24
_NUMBER = re.compile(r"(?<![A-Z0-9.])[-+]?(?:\d+\.?\d*|\.\d+)(?:E[-+]?\d+)?")


@dataclass(frozen=True)
class Footprint:
    """One or more polygons on the sky: tuples of (RA, Dec) corners, ICRS degrees."""

    rings: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def centre(self) -> tuple[float, float]:
        """Mean direction of all corners: RA, Dec in degrees."""
        points = [_unit(ra, dec) for ring in self.rings for ra, dec in ring]
        x, y, z = (sum(p[i] for p in points) / len(points) for i in range(3))
        return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))

    @property
    def radius_deg(self) -> float:
        """Radius of a circle about the centre that holds all corners, degrees."""
        ra, dec = self.centre
        return max(separation_deg(ra, dec, *corner) for ring in self.rings for corner in ring)

    def holds(self, ra: float, dec: float) -> bool:
        """Tell whether a place (ICRS degrees) is inside."""
        if separation_deg(*self.centre, ra, dec) > self.radius_deg:
            return False
        x, y = _project(np.array([ra]), np.array([dec]), *self.centre)
        return bool(_inside(self, x, y, self.centre)[0])


@lru_cache(maxsize=4096)
def parse_region(text: str) -> Footprint | None:
    """Read an s_region: POLYGON and CIRCLE, one or several, with or without a frame's name (ICRS, J2000).

    Returns None where there is none or it cannot be read.
    """
    rings = []
    for shape, body in re.findall(r"(POLYGON|CIRCLE)((?:(?!POLYGON|CIRCLE).)*)", text.upper(), re.DOTALL):
        numbers = [float(n) for n in _NUMBER.findall(body)]
        if shape == "CIRCLE" and len(numbers) >= 3:
            rings.append(_circle(*numbers[:3]))
        elif shape == "POLYGON" and len(numbers) >= 6:
            rings.append(tuple(zip(numbers[0::2], numbers[1::2], strict=False)))
    good = [ring for ring in rings if all(0 <= ra <= 360 and -90 <= dec <= 90 for ra, dec in ring)]
    return Footprint(tuple(good)) if good else None


def overlap(one: Footprint, other: Footprint) -> float:
    """Fraction of the smaller footprint that lies in both, 0 to 1, from a grid of 32 by 32 points.

    Points are laid on the tangent plane at the centre of the smaller one; good to some 3 percent.
    """
    small, large = sorted((one, other), key=lambda f: (f.radius_deg, f.rings))
    if separation_deg(*small.centre, *large.centre) > small.radius_deg + large.radius_deg:
        return 0.0
    centre = small.centre
    half = math.tan(math.radians(small.radius_deg))
    steps = (np.arange(_GRID) + 0.5) / _GRID * 2 - 1
    x, y = (axis.ravel() for axis in np.meshgrid(steps * half, steps * half))
    mine = _inside(small, x, y, centre)
    if not mine.any():
        return 0.0
    return float(_inside(large, x[mine], y[mine], centre).mean())


def separation_deg(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    """Angle between two directions, degrees (haversine formula, stable for small angles)."""
    a1, d1, a2, d2 = map(math.radians, (ra1, dec1, ra2, dec2))
    h = math.sin((d2 - d1) / 2) ** 2 + math.cos(d1) * math.cos(d2) * math.sin((a2 - a1) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(h))))


def _unit(ra: float, dec: float) -> tuple[float, float, float]:
    """Direction as a unit vector."""
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def _circle(ra: float, dec: float, radius: float) -> tuple[tuple[float, float], ...]:
    """Corners of a polygon in place of a small circle, degrees."""
    corners = []
    for k in range(_CIRCLE_SIDES):
        angle = 2 * math.pi * k / _CIRCLE_SIDES
        high = max(-90.0, min(90.0, dec + radius * math.cos(angle)))
        stretch = max(math.cos(math.radians(dec)), 1e-6)
        corners.append(((ra + radius * math.sin(angle) / stretch) % 360.0, high))
    return tuple(corners)


def _project(ra: Array, dec: Array, ra0: float, dec0: float) -> tuple[Array, Array]:
    """Project about (ra0, dec0), gnomonic (Calabretta & Greisen 2002, 5.1.3); radians, x to the east."""
    a = np.radians(ra - ra0)
    d, d0 = np.radians(dec), math.radians(dec0)
    cosine = np.maximum(np.sin(d) * math.sin(d0) + np.cos(d) * math.cos(d0) * np.cos(a), 1e-9)
    x = np.cos(d) * np.sin(a) / cosine
    y = (np.sin(d) * math.cos(d0) - np.cos(d) * math.sin(d0) * np.cos(a)) / cosine
    return x, y


def _inside(footprint: Footprint, x: Array, y: Array, centre: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """Which points of a tangent plane lie in any polygon, by the even-odd rule."""
    found = np.zeros(x.shape, dtype=bool)
    for ring in footprint.rings:
        corners = np.array(ring)
        px, py = _project(corners[:, 0], corners[:, 1], *centre)
        odd = np.zeros(x.shape, dtype=bool)
        for x1, y1, x2, y2 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
            crosses = (y1 > y) != (y2 > y)
            rise = y2 - y1 if y2 != y1 else 1.0
            odd ^= crosses & (x < (x2 - x1) * (y - y1) / rise + x1)
        found |= odd
    return found
