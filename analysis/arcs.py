"""Arcs, rings and tails: light that stands out along a circle around an object's centre, or along a line."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis.forced import STAMP_STEP_ARCSEC

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.float32]

ARCS: Final = {
    "ring_share": "longest arc beyond a gap, all bands or the two bluest, as share of a circle",
    "arc_share": "longest arc brighter than the light within and without it, as share of a circle",
    "arc_arcsec": "the longest of such arcs, arcsec",
    "faint_arc_share": "the same share of arcs that show only when a fifth of the circle is averaged",
    "faint_arc_arcsec": "the longest of these, arcsec",
    "excess_arcsec": "longest arc half again as bright as a smooth falling profile, all bands, arcsec",
    "excess_contrast": "ln of 1 and the mean contrast of such light along the circle where it is highest",
    "ridge_fine": "root of the area of the largest ridge of 0.17 arcsec width outside the core, arcsec",
    "ridge_broad": "the same of 0.25 arcsec width",
}
"""Every number, and what it is."""
_RADII: Final = np.arange(0.0, 1.15, 0.06)
"""Circles, arcsec."""
_SECTORS: Final = 24
_ARC_FROM: Final = 0.24
_EXCESS_FROM: Final = 0.3
_SIGMAS: Final = 4.0
_APART: Final = 3
"""An arc is compared with the circles this many steps within and without."""
_ARC_CONTRAST: Final = 0.3
_RING_CONTRAST: Final = 0.1
_FAINT_SIGMAS: Final = 2.0
_FAINT_CONTRAST: Final = 0.2
_FAINT_SECTORS: Final = 5
_EXCESS_CONTRAST: Final = 0.5
_PROFILE_QUANTILE: Final = 0.2
_MOST_CONTRAST: Final = 10.0
_RIDGE_FROM: Final = 0.25
_RIDGE_WIDTHS: Final = {"ridge_fine": 1.2, "ridge_broad": 1.8}
"""Sigmas of the Gaussians, samples."""
_RIDGE_NOISE: Final = 0.15
"""Noise of the second derivative of a stamp's correlated noise, times sigma cubed."""
_RIDGE_CONTRAST: Final = 0.15
_FLAT: Final = np.array([[[0] * 3] * 3, [[1] * 3] * 3, [[0] * 3] * 3])


def measure_arcs(own: Image, image: Image, blue: Image, cy: Any, cx: Any) -> dict[str, Array]:
    """Measure what stands out around n objects.

    An arc is light above the geometric mean of that 0.18 arcsec further in and further out, as a lensed
    galaxy's or a ring's is; of an exponential disc it is none, of a steeper profile less, and a neighbour
    does not reach around. A ring is above the lowest light on the way in and on the way out: beyond a gap,
    which no disc has. Excess is above the fifth that is faintest of each circle, made to fall outwards:
    the deflector, or the disc, without its arms. A ridge is curved across much more than along (eigenvalues
    of the Hessian; Frangi et al. 1998), as tails and arcs are and clumps are not.

    Parameters
    ----------
    own, image, blue : float32, shape (n, s, s), axes (object, north, east)
        Detection images, noise 1 per sample: with other systems' samples 0, with everything, and with
        everything in the two bluest bands only.
    cy, cx : int64, shape (n,)
        Centres, samples.

    Returns
    -------
    dict of str to float64 arrays, shape (n,)
        Keys of `ARCS`; 0 where nothing stands out.
    """
    around = _around(image, cy, cx)
    rings = np.maximum(_longest(_beyond_a_gap(around)), _longest(_beyond_a_gap(_around(blue, cy, cx))))
    arcs = _longest(_above_both_sides(around, _SIGMAS, _ARC_CONTRAST))
    around = ndimage.uniform_filter1d(around, _FAINT_SECTORS, axis=2, mode="wrap")
    faint = _longest(_above_both_sides(around, _FAINT_SIGMAS, _FAINT_CONTRAST))
    light = _around(own, cy, cx)
    profile = np.minimum.accumulate(np.maximum(np.quantile(light, _PROFILE_QUANTILE, axis=2), 0.0), axis=1)
    excess = light - profile[:, :, None]
    above = excess > np.maximum(_SIGMAS, _EXCESS_CONTRAST * profile)[:, :, None]
    above &= (_RADII >= _EXCESS_FROM)[:, None]
    contrast = np.where(above, excess / np.maximum(profile, 2.0)[:, :, None], 0.0)
    return {
        "ring_share": rings.max(axis=1, initial=0.0),
        "arc_share": arcs.max(axis=1, initial=0.0),
        "arc_arcsec": _arcsec(arcs),
        "faint_arc_share": faint.max(axis=1, initial=0.0),
        "faint_arc_arcsec": _arcsec(faint),
        "excess_arcsec": _arcsec(_longest(above)),
        "excess_contrast": np.log1p(
            np.minimum(contrast, _MOST_CONTRAST).mean(axis=2).max(axis=1, initial=0.0)
        ),
    } | {name: _ridge(own, cy, cx, width) for name, width in _RIDGE_WIDTHS.items()}


def _above_both_sides(light: Array, sigmas: float, contrast: float) -> BoolArray:
    """Return where light (n, radii, sectors) is above the geometric mean of that within and without."""
    lit = np.maximum(light, 1.0)
    between = np.full(light.shape, np.inf)
    between[:, _APART:-_APART] = np.sqrt(lit[:, : -2 * _APART] * lit[:, 2 * _APART :])
    stands: BoolArray = light - between > np.maximum(sigmas, contrast * between)
    return stands & (_RADII >= _ARC_FROM)[:, None]


def _beyond_a_gap(light: Array) -> BoolArray:
    """Return where light (n, radii, sectors) is above the lowest on the way in and on the way out."""
    within = np.minimum.accumulate(light, axis=1)
    without = np.minimum.accumulate(light[:, ::-1], axis=1)[:, ::-1]
    floor = np.maximum(np.maximum(within, without), 0.0)
    stands: BoolArray = light - floor > np.maximum(_SIGMAS, _RING_CONTRAST * floor)
    return stands & (_RADII >= _ARC_FROM)[:, None]


def _arcsec(share: Array) -> Array:
    """Return the longest arc of shares of circles (n, radii), arcsec."""
    longest: Array = (share * _RADII * 2 * np.pi).max(axis=1, initial=0.0)
    return longest


def _around(image: Image, cy: Any, cx: Any) -> Array:
    """Return the image on circles, shape (n, radii, sectors)."""
    turn = np.arange(_SECTORS) * 2 * np.pi / _SECTORS
    radius = _RADII[None, :, None] / STAMP_STEP_ARCSEC
    rows = cy[:, None, None] + radius * np.cos(turn)
    columns = cx[:, None, None] + radius * np.sin(turn)
    which = np.broadcast_to(np.arange(len(image))[:, None, None], rows.shape)
    found: Array = ndimage.map_coordinates(image, [which, rows, columns], order=1, mode="constant")
    return found.astype(np.float64)


def _longest(out: BoolArray) -> Array:
    """Return the longest run of sectors on each circle, the next ones included, as share of the circle."""
    wide = out.copy()
    wide[:, 1:] |= out[:, :-1]
    wide[:, :-1] |= out[:, 1:]
    run = np.zeros(wide.shape[:2], dtype=np.int64)
    longest = run.copy()
    for _ in range(2):  # twice around, so that a run may cross where the circle begins
        for sector in range(_SECTORS):
            run = np.where(wide[:, :, sector], run + 1, 0)
            longest = np.maximum(longest, run)
    return np.minimum(longest, _SECTORS) / _SECTORS


def _ridge(own: Image, cy: Any, cx: Any, sigma: float) -> Array:
    """Return the root of the area of the largest ridge outside the core, arcsec."""
    n, side, _ = own.shape

    def smooth(rows: int, columns: int) -> Array:
        found: Array = ndimage.gaussian_filter(own, (0, sigma, sigma), order=(0, rows, columns))
        return found

    yy, xx, xy = smooth(2, 0), smooth(0, 2), smooth(1, 1)
    middle, half = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    strength = np.maximum(half - middle - 2 * np.abs(middle + half), 0.0)
    grid = np.arange(side)
    away = np.hypot(grid[None, :, None] - cy[:, None, None], grid[None, None, :] - cx[:, None, None])
    there = strength > np.maximum(
        3 * _RIDGE_NOISE / sigma**3, _RIDGE_CONTRAST / sigma**2 * np.maximum(smooth(0, 0), 3.0)
    )
    labels, count = ndimage.label(there & (away * STAMP_STEP_ARCSEC > _RIDGE_FROM), _FLAT)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    area[0] = 0
    return np.sqrt(area[labels.reshape(n, side * side)].max(axis=1, initial=0)) * STAMP_STEP_ARCSEC
