"""What several bands together show of an object's structure: stamps on one grid in, numbers out."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis.arcs import ARCS, measure_arcs
from analysis.forced import STAMP_STEP_ARCSEC

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.float32]

STRUCTURE: Final = {
    "extent": "root of the isophote's area over pi, arcsec",
    "turn": "sum |D - D180| less noise over sum |D| in the isophote, about its brightest sample",
    "peaks": "log10 of the local maxima above a tenth of the highest",
    "halo": "light at 0.36 to 1.1 arcsec over that within 0.19, two bluest bands, neighbours included, asinh",
    **ARCS,
}
"""Every number, and what it is."""
LEAST_SIGMA: Final = 3.0
LEAST_OF_PEAK: Final = 0.03
_FLAT: Final = np.array([[[0] * 3] * 3, [[1] * 3] * 3, [[0] * 3] * 3])
"""Neighbours in the plane of a stamp only."""
_CENTRE: Final = 3
"""The peak is sought this many samples around the object's place."""
_HALO_ARCSEC: Final = (0.36, 1.1)
_CORE_ARCSEC: Final = 0.19
_LEAST_SAMPLES: Final = 5
_NOISE_OF_DIFFERENCE: Final = 2.0 / np.sqrt(np.pi)
"""Mean of |difference of two normal deviates|, in sigmas."""


def detection_images(stamps: Image, noise: Array) -> Image:
    """Return the sum over bands of stamps over their noise, over the root of the number of bands.

    Parameters
    ----------
    stamps : float32, shape (n, b, s, s), axes (object, band, north, east)
        Surface brightness at one PSF; NaN without a value.
    noise : float64, shape (n, b)
        Of one sample; NaN where the band does not cover the object.

    Returns
    -------
    float32, shape (n, s, s)
        Noise 1 per sample; 0 where no band has a value.
    """
    known = np.isfinite(noise) & (noise > 0)
    total = np.zeros((stamps.shape[0], *stamps.shape[2:]), dtype=np.float32)
    for band in range(stamps.shape[1]):
        unit = np.where(known[:, band], noise[:, band], np.inf)
        total += (np.nan_to_num(stamps[:, band]) / unit[:, None, None]).astype(np.float32)
    count = np.sqrt(np.maximum(known.sum(axis=1), 1)).astype(np.float32)
    return np.asarray(total / count[:, None, None], dtype=np.float32)


def measure_structure(image: Image, stamps: Image, noise: Array, foreign: BoolArray) -> dict[str, Array]:
    """Measure the structure of n objects.

    The isophote is what hangs together with the central peak above three sigmas and three per cent of it.

    Parameters
    ----------
    image : float32, shape (n, s, s)
        From `detection_images`.
    stamps, noise
        As for `detection_images`, bands from blue to red.
    foreign : bool, shape (n, s, s)
        Samples that belong to other objects; they count as empty but for the halo and the arcs.

    Returns
    -------
    dict of str to float64 arrays, shape (n,)
        Keys of `STRUCTURE`; NaN where there is no isophote of five samples.
    """
    n = len(image)
    if n == 0:
        return {name: np.empty(0) for name in STRUCTURE}
    own = image * ~foreign
    cy, cx, region = _isophotes(own)
    area = region.sum(axis=(1, 2)).astype(float)
    light = (own * region).sum(axis=(1, 2), dtype=float)
    fine = (area >= _LEAST_SAMPLES) & (light > 0)
    safe = np.where(fine, light, 1.0)
    both = region | (_turned(region.astype(np.float32), cy, cx) > 0.5)
    change = (np.abs(own - _turned(own, cy, cx)) * both).sum(axis=(1, 2), dtype=float)
    maxima = (ndimage.maximum_filter(own, (0, 5, 5)) == own) & region
    maxima &= own > np.maximum(5.0, 0.1 * own[np.arange(n), cy, cx])[:, None, None]
    values = {
        "extent": np.sqrt(area / np.pi) * STAMP_STEP_ARCSEC,
        "turn": (change - _NOISE_OF_DIFFERENCE * both.sum(axis=(1, 2))) / safe,
        "peaks": np.log10(np.maximum(maxima.sum(axis=(1, 2)), 1)),
        "halo": _halo(stamps, noise),
        **measure_arcs(own, image, detection_images(stamps[:, :2], noise[:, :2]), cy, cx),
    }
    return {name: np.where(fine, value, np.nan) for name, value in values.items()}


def _isophotes(image: Image) -> tuple[Any, Any, BoolArray]:
    """Return the central peak and the isophote around it."""
    n, side, _ = image.shape
    low, width = side // 2 - _CENTRE, 2 * _CENTRE + 1
    box = image[:, low : low + width, low : low + width].reshape(n, -1)
    best = box.argmax(axis=1)
    cy, cx = low + best // width, low + best % width
    above = image > np.maximum(LEAST_SIGMA, LEAST_OF_PEAK * box.max(axis=1))[:, None, None]
    labels, _ = ndimage.label(above, _FLAT)
    own = labels[np.arange(n), cy, cx]
    return cy, cx, (labels == own[:, None, None]) & (own > 0)[:, None, None]


def _turned(image: Image, cy: Any, cx: Any) -> Image:
    """Return each image turned by half a turn about its centre, 0 from outside."""
    n, side, _ = image.shape
    grid = np.arange(side)
    y, x = 2 * cy[:, None] - grid, 2 * cx[:, None] - grid
    inside = ((y >= 0) & (y < side))[:, :, None] & ((x >= 0) & (x < side))[:, None, :]
    y, x = np.clip(y, 0, side - 1), np.clip(x, 0, side - 1)
    seen = image[np.arange(n)[:, None, None], y[:, :, None], x[:, None, :]]
    return np.where(inside, seen, np.float32(0))


def _halo(stamps: Image, noise: Array) -> Array:
    """Return arcsinh of the light around over the light of the core, in the two bluest bands."""
    side = stamps.shape[2]
    along = (np.arange(side) - side // 2) * STAMP_STEP_ARCSEC
    radius = np.hypot(along[:, None], along[None, :])
    ring = (radius > _HALO_ARCSEC[0]) & (radius < _HALO_ARCSEC[1])
    blue = np.nan_to_num(stamps[:, :2]).sum(axis=1)
    floor = np.sqrt(np.nansum(noise[:, :2] ** 2, axis=1) * ring.sum() / 6)
    around = blue[:, ring].sum(axis=1, dtype=float)
    core = np.maximum(blue[:, radius < _CORE_ARCSEC].sum(axis=1, dtype=float), floor)
    return np.arcsinh(np.divide(around, core, out=np.zeros(len(core)), where=core > 0))
