"""Shapes of many sources at once: concentration, asymmetry, Gini, M20, with a reason for every gap."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.stamps import Stamps

Array = npt.NDArray[np.float64]
FEWEST_PIXELS: Final = 8
"""Segments smaller than this have no Gini and no M20."""
_NOISE_OF_DIFFERENCE: Final = 2.0 / np.sqrt(np.pi)
"""Mean of |difference of two normal deviates|, in sigmas."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Shapes of n sources; arrays of shape (n,); NaN where not measurable, and `reasons` says why.

    Attributes
    ----------
    concentration : float64
        5 log10(r80 / r20) (Bershady et al. 2000).
    asymmetry : float64
        Sum of |I - I180| less what noise alone gives, over sum of |I|, in a circle, mirrored pixels left out;
        about the centre where it is smallest (Conselice 2003).
    gini : float64
        Inequality of the segment's pixels, 0 all equal to 1 all in one (Lotz et al. 2004).
    m20 : float64
        log10 of the second moment of the brightest 20 % of the light over that of all (Lotz et al. 2004).
    reasons : tuple[str, ...]
        "asymmetry: no light; ..." or "".
    """

    concentration: Array
    asymmetry: Array
    gini: Array
    m20: Array
    reasons: tuple[str, ...]


def measure_shapes(stamps: Stamps, x: Array, y: Array, radius: Array, r20: Array, r80: Array) -> Shape:
    """Measure the shapes of sources.

    Parameters
    ----------
    stamps : Stamps
        Of n sources.
    x, y : float64, shape (n,)
        Centres in the stamps, pixels.
    radius : float64, shape (n,)
        Radius within which asymmetry is measured, pixels; clipped to the stamp.
    r20, r80 : float64, shape (n,)
        Growth radii, pixels; NaN where unknown.

    Returns
    -------
    Shape
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        concentration = 5.0 * np.log10(r80 / r20)
    concentration = np.where(np.isfinite(concentration), concentration, np.nan)
    asymmetry = _asymmetry(stamps, x, y, radius)
    segment = _Pixels.of(stamps.own)
    count = segment.count
    own_light = stamps.image.ravel()[segment.flat].astype(np.float64)
    gini, m20 = _gini(own_light, segment), _m20(own_light, segment)
    words = (
        (np.isnan(concentration), "concentration: no growth curve"),
        (np.isnan(asymmetry), "asymmetry: no light in the aperture"),
        (np.isnan(gini), np.where(count < FEWEST_PIXELS, "gini: too few pixels", "gini: no light")),
        (np.isnan(m20), np.where(count < FEWEST_PIXELS, "m20: too few pixels", "m20: no light")),
    )
    columns = [np.where(missing, text, "") for missing, text in words]
    reasons = tuple("; ".join(filter(None, row)) for row in zip(*columns, strict=True))
    return Shape(concentration, asymmetry, gini, m20, reasons)


def _asymmetry(stamps: Stamps, x: Array, y: Array, radius: Array) -> Array:
    """Return the asymmetry under a half turn about the centre where it is smallest.

    Half turns are made about whole and half pixels only, because those move pixels onto pixels and leave the
    noise what it is; between the five centres nearest to the source the square of the difference is taken as
    a parabola along each axis, which is what a shifted symmetric source gives.
    """
    side = 2 * stamps.half + 1
    grid = np.arange(side, dtype=np.float32)
    off_x, off_y = (grid - x.astype(np.float32)[:, None]) ** 2, (grid - y.astype(np.float32)[:, None]) ** 2
    reach = np.minimum(radius, stamps.half - 2).astype(np.float32) ** 2
    inside = off_y[:, :, None] + off_x[:, None, :] <= reach[:, None, None]
    inside &= ~(stamps.foreign | stamps.foreign[:, ::-1, ::-1])  # what was mirrored is symmetric by making
    pixels = _Pixels.of(inside)
    image = stamps.image.ravel()
    here = image[pixels.flat]
    light = pixels.total(np.abs(here))
    noise = _NOISE_OF_DIFFERENCE * pixels.total(stamps.sigma.ravel()[pixels.flat])
    twice_x, twice_y = np.rint(2 * x).astype(np.int64), np.rint(2 * y).astype(np.int64)
    row, column = pixels.row, pixels.column
    first = pixels.owner * side**2

    def turned(dy: int, dx: int) -> Array:
        opposite_row = np.clip((twice_y + dy)[pixels.owner] - row, 0, side - 1)
        opposite_column = np.clip((twice_x + dx)[pixels.owner] - column, 0, side - 1)
        there = image[first + opposite_row * side + opposite_column]
        return pixels.total(np.abs(here - there)) ** 2

    middle = turned(0, 0)
    least = middle - _gain(turned(0, -1), middle, turned(0, 1)) - _gain(turned(-1, 0), middle, turned(1, 0))
    difference = np.sqrt(np.maximum(least, 0.0)) - noise
    return np.divide(difference, light, out=np.full(len(x), np.nan), where=light > 0)


def _gain(before: Array, here: Array, after: Array) -> Array:
    """Return how far the vertex of the parabola through three values lies below the middle one."""
    curvature = before + after - 2 * here
    hollow = curvature > 0
    shift = np.divide(before - after, 2 * curvature, out=np.zeros_like(here), where=hollow)
    shift = np.clip(shift, -1.0, 1.0)
    return np.where(hollow, (before - after) / 2 * shift - curvature / 2 * shift**2, 0.0)


def _gini(light: Array, pixels: "_Pixels") -> Array:
    """Return Gini of each segment: sum (2i - n - 1) |X_i| / (mean |X| n (n - 1)), X ascending."""
    values = np.abs(light)
    values = values[np.lexsort((values, pixels.owner))]
    count = pixels.count[pixels.owner]
    place = np.arange(1, len(values) + 1) - pixels.first[pixels.owner]
    total = pixels.total(values)
    fine = (total > 0) & (pixels.count >= FEWEST_PIXELS)
    scale = np.where(fine, total * (pixels.count - 1), 1.0)
    return np.where(fine, pixels.total((2.0 * place - count - 1) * values) / scale, np.nan)


def _m20(light: Array, pixels: "_Pixels") -> Array:
    """Return M20 of each segment about its centre of light, where the total second moment is smallest."""
    total = pixels.total(light)
    fine = (total > 0) & (pixels.count >= FEWEST_PIXELS)
    safe = np.where(fine, total, 1.0)
    cx, cy = pixels.total(light * pixels.column) / safe, pixels.total(light * pixels.row) / safe
    square = (pixels.column - cx[pixels.owner]) ** 2 + (pixels.row - cy[pixels.owner]) ** 2
    order = np.lexsort((-light, pixels.owner))  # stable: ties stay in the order of pixels
    ranked, moment = light[order], (light * square)[order]
    before = np.cumsum(ranked) - ranked
    start = np.zeros(len(safe))
    start[pixels.count > 0] = before[pixels.first[pixels.count > 0]]
    bright = before - start[pixels.owner] < 0.2 * safe[pixels.owner]
    top, whole = pixels.total(moment * bright), pixels.total(moment)
    fine &= (top > 0) & (whole > 0)
    ratio = np.where(fine, top, 1.0) / np.where(fine, whole, 1.0)
    return np.where(fine, np.log10(ratio), np.nan)


@dataclass(frozen=True, eq=False)
class _Pixels:
    """The chosen pixels of n stamps, one after another: far fewer than the stamps have.

    Attributes
    ----------
    flat, owner, row, column : int64, shape (m,)
        Flat index, stamp, and place in the stamp of each pixel, stamp after stamp.
    count, first : int64, shape (n,)
        Pixels of each stamp, and where its first one stands in those arrays.
    """

    flat: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]

    @classmethod
    def of(cls, chosen: npt.NDArray[np.bool_]) -> "_Pixels":
        """Gather the true pixels of stamps of shape (n, side, side)."""
        n, side = len(chosen), chosen.shape[-1]
        flat = np.flatnonzero(chosen)
        owner = flat // side**2
        count = np.bincount(owner, minlength=n)
        place = flat - owner * side**2
        row = place // side
        return cls(flat, owner, row, place - row * side, count, np.cumsum(count) - count)

    def total(self, values: npt.NDArray[Any]) -> Array:
        """Sum values (n, s, s) over each stamp; float64, shape (n,), same unit."""
        return np.bincount(self.owner, values, minlength=len(self.count)).astype(np.float64)
