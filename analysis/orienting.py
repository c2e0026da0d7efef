"""Where a pixel of a cutout lies on the sky, and cutouts turned north up. Needs numpy alone.

Offsets are (east, north) in arcsec from the candidate. Within a cutout the sky is flat to 1e-8 of its side
squared over an arcsec, so one rotation, one mirror and one scale say all.
"""

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.cutouts import Panel

Plane = npt.NDArray[Any]
FINER: Final = 1.5
"""How much finer than a pixel a turned picture is: a lone hot pixel must not fall between."""


def known(panel: Panel) -> bool:
    """Return whether the panel's orientation on the sky is known."""
    return panel.parity != 0 and math.isfinite(panel.north_deg)


def side_of(panel: Panel, image: Plane) -> float:
    """Return the side (arcsec) of the square of sky to show; a cutout may hold more, to be turned in."""
    if math.isfinite(panel.side_arcsec):
        return panel.side_arcsec
    return float(image.shape[1] * panel.pixel_scale)


def _axes(panel: Panel) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the pixel directions (dx, dy) of east and north; left and up where that is unknown."""
    if not known(panel):
        return (-1.0, 0.0), (0.0, 1.0)
    north, east = (math.radians(panel.north_deg + turn) for turn in (0.0, 90.0 * panel.parity))
    return (-math.sin(east), math.cos(east)), (-math.sin(north), math.cos(north))


def pixel_at(panel: Panel, east: Any, north: Any) -> tuple[Any, Any]:
    """Return x and y in the cutout (0-based pixel centres) of offsets in arcsec."""
    (ex, ey), (nx, ny) = _axes(panel)
    scale = panel.pixel_scale
    return panel.x + (east * ex + north * nx) / scale, panel.y + (east * ey + north * ny) / scale


def offset_at(panel: Panel, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the offsets east and north, arcsec, of a place in the cutout (0-based pixel centres)."""
    (ex, ey), (nx, ny) = _axes(panel)
    dx, dy = (x - panel.x) * panel.pixel_scale, (y - panel.y) * panel.pixel_scale
    return dx * ex + dy * ey, dx * nx + dy * ny


def position_at(ra: float, dec: float, east: float, north: float) -> tuple[float, float]:
    """Return ra and dec (degrees) of an offset from a position, off the tangent plane."""
    xi, eta = math.radians(east / 3600.0), math.radians(north / 3600.0)
    d = math.radians(dec)
    below = math.cos(d) - eta * math.sin(d)
    alpha = math.atan2(xi, below)
    delta = math.atan2(math.sin(d) + eta * math.cos(d), math.hypot(xi, below))
    return (ra + math.degrees(alpha)) % 360.0, math.degrees(delta)


def offsets_of(ra0: float, dec0: float, ra: Any, dec: Any) -> tuple[Any, Any]:
    """Return the gnomonic offsets east and north, arcsec, of positions (degrees) from (ra0, dec0)."""
    a, d, d0 = np.radians(np.asarray(ra) - ra0), np.radians(dec), math.radians(dec0)
    below = math.sin(d0) * np.sin(d) + math.cos(d0) * np.cos(d) * np.cos(a)
    east = np.cos(d) * np.sin(a) / below
    north = (math.cos(d0) * np.sin(d) - math.sin(d0) * np.cos(d) * np.cos(a)) / below
    return np.degrees(east) * 3600.0, np.degrees(north) * 3600.0


def sampling(panel: Panel) -> float:
    """Return the step (arcsec) at which no pixel is left out when the panel is turned north up.

    A square grid hits every pixel of another if its step is at most the pixel over the square root of 2.
    """
    quarter = panel.north_deg / 90.0
    return panel.pixel_scale / (1.0 if abs(quarter - round(quarter)) < 1e-4 else FINER)


def turned(plane: Plane, panel: Panel, side: float, scale: float, *, fill: Any = 0) -> Plane:
    """Return a square of sky, north up and east left, row 0 at the bottom: the nearest pixel's own value.

    Values are never mixed, so that a number read from the picture is one of the mosaic; a place moves by half
    a pixel at most. Take `sampling` for the scale where none may be left out.

    Parameters
    ----------
    plane : array (y, x) or (y, x, n)
        In the panel's own pixels.
    panel : Panel
        Its orientation, scale and the candidate's place.
    side, scale : float
        Side of the square and of one of its pixels, arcsec.
    fill : scalar
        Where the plane has no pixel.
    """
    rows, columns, inside = _sources(panel, plane.shape[:2], round(side, 6), round(scale, 6))
    made = plane[rows, columns]
    made[~inside] = fill
    return made


@lru_cache(maxsize=64)
def _sources(panel: Panel, shape: tuple[int, int], side: float, scale: float) -> tuple[Plane, Plane, Plane]:
    """Return for every pixel of the square the row and column it comes from, and whether there is one."""
    count = max(1, round(side / scale))
    along = (np.arange(count) - (count - 1) / 2.0) * scale
    x, y = pixel_at(panel, -along[None, :], along[:, None])
    columns, rows = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
    inside = (columns >= 0) & (columns < shape[1]) & (rows >= 0) & (rows < shape[0])
    return np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1), inside


def middle(plane: Plane, panel: Panel, side: float) -> tuple[Plane, float, float]:
    """Return the square of `side` arcsec about the candidate, not turned, and its low corner."""
    count = min(2 * math.ceil((side / panel.pixel_scale - 1.0) / 2.0 - 1e-6) + 1, *plane.shape[:2])
    x0 = min(max(round(panel.x) - count // 2, 0), plane.shape[1] - count)
    y0 = min(max(round(panel.y) - count // 2, 0), plane.shape[0] - count)
    return plane[y0 : y0 + count, x0 : x0 + count], x0, y0
