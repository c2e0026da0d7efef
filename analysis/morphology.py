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
    count = stamps.own.sum(axis=(1, 2))
    gini, m20 = _gini(stamps, count), _m20(stamps, count)
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
    grid = np.arange(side)
    yy, xx = grid[None, :, None], grid[None, None, :]
    reach = np.minimum(radius, stamps.half - 2)[:, None, None]
    inside = (xx - x[:, None, None]) ** 2 + (yy - y[:, None, None]) ** 2 <= reach**2
    inside &= ~(stamps.foreign | stamps.foreign[:, ::-1, ::-1])  # what was mirrored is symmetric by making
    light = np.abs(stamps.image).sum(axis=(1, 2), where=inside, dtype=np.float64)
    noise = _NOISE_OF_DIFFERENCE * stamps.sigma.sum(axis=(1, 2), where=inside, dtype=np.float64)
    twice_x, twice_y = np.rint(2 * x).astype(np.int64), np.rint(2 * y).astype(np.int64)
    numbers = np.arange(len(x))[:, None, None]

    def turned(dy: int, dx: int) -> Array:
        rows = np.clip(twice_y[:, None] + dy - grid, 0, side - 1)[:, :, None]
        columns = np.clip(twice_x[:, None] + dx - grid, 0, side - 1)[:, None, :]
        difference = np.abs(stamps.image - stamps.image[numbers, rows, columns])
        total: Array = difference.sum(axis=(1, 2), where=inside, dtype=np.float64)
        return total**2

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


def _gini(stamps: Stamps, count: npt.NDArray[Any]) -> Array:
    """Return Gini of each segment: sum (2i - n - 1) |X_i| / (mean |X| n (n - 1)), X ascending."""
    values = np.where(stamps.own, np.abs(stamps.image), np.inf).reshape(len(stamps), -1).astype(np.float64)
    ranked = _ranked(values, count)
    place = np.arange(1, ranked.shape[1] + 1)
    present = place <= count[:, None]
    ranked = np.where(present, ranked, 0.0)
    total = ranked.sum(axis=1)
    weight = 2.0 * place - count[:, None] - 1
    fine = (total > 0) & (count >= FEWEST_PIXELS)
    scale = np.where(fine, total * (count - 1), 1.0)
    return np.where(fine, (weight * ranked).sum(axis=1) / scale, np.nan)


def _m20(stamps: Stamps, count: npt.NDArray[Any]) -> Array:
    """Return M20 of each segment about its centre of light, where the total second moment is smallest."""
    n, side = len(stamps), 2 * stamps.half + 1
    light = np.where(stamps.own, stamps.image, 0.0).astype(np.float64)
    total = light.sum(axis=(1, 2))
    fine = (total > 0) & (count >= FEWEST_PIXELS)
    safe = np.where(fine, total, 1.0)
    grid = np.arange(side, dtype=np.float64)
    cx = np.einsum("nyx,x->n", light, grid) / safe
    cy = np.einsum("nyx,y->n", light, grid) / safe
    square = (grid[None, None, :] - cx[:, None, None]) ** 2 + (grid[None, :, None] - cy[:, None, None]) ** 2
    flat = np.where(stamps.own, light, -np.inf).reshape(n, -1)
    order = np.argsort(-flat, axis=1, kind="stable")[:, : max(1, int(count.max(initial=1)))]
    ranked = np.take_along_axis(np.where(np.isfinite(flat), flat, 0.0), order, axis=1)
    moment = ranked * np.take_along_axis(square.reshape(n, -1), order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    bright = before < 0.2 * safe[:, None]
    top, whole = (moment * bright).sum(axis=1), moment.sum(axis=1)
    fine &= (top > 0) & (whole > 0)
    ratio = np.where(fine, top, 1.0) / np.where(fine, whole, 1.0)
    return np.where(fine, np.log10(ratio), np.nan)


def _ranked(values: Array, count: npt.NDArray[Any]) -> Array:
    """Sort each row ascending and keep as many columns as the fullest row has."""
    widest = max(1, int(count.max(initial=1)))
    return np.sort(values, axis=1)[:, :widest]
