"""How much of the light at a place is a bright star's: wings and spikes of the PSF, for every roll angle."""

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from analysis import instruments
from analysis.background import Sky, measure_sky
from analysis.i2d import Frame
from analysis.psf import psf
from analysis.window import prepare

Array = npt.NDArray[np.float64]

REACH_ARCSEC: Final = 6.0
"""How far wings and spikes are followed."""
WINGS_PX: Final = (5.0, 25.0)
"""The star's brightness is fitted between these radii, outside a saturated core."""
_FEWEST: Final = 40


def star_flux(
    frame: Frame, sky: Sky, stars: tuple[Array, Array], x: Array, y: Array, radius_px: float
) -> Array:
    """Return the light of stars in a circle at given places.

    Each star is the PSF times the median of pixel over PSF in a ring of 5 to 25 pixels, so that a saturated
    core does not matter; the PSF is turned to every roll angle of the exposures and averaged.

    Parameters
    ----------
    frame : Frame
        Open.
    sky : Sky
        Of the frame.
    stars : tuple of float64 arrays, shape (m,)
        x and y of the stars, 0-based pixels.
    x, y : float64, shape (n,)
        Places, 0-based pixels.
    radius_px : float
        Of the circle.

    Returns
    -------
    float64, shape (n,)
        Image units; the brightest the model gets within one pixel of the place, 0 where no star reaches or
        the PSF is unknown. The star itself, within 0.3 arcsec, is not counted at its own place.
    """
    total = np.zeros(len(x))
    model = _turned_psf(frame)
    places = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if model is None or not len(stars[0]) or not places.size:
        return total
    half = model.shape[0] // 2
    # What a circle would sum, and the tolerance of one pixel for a PSF that is good to a few per cent.
    spread = ndimage.maximum_filter(
        ndimage.uniform_filter(model, 2 * round(radius_px * 0.886) // 2 * 2 + 1), 3
    )
    spread = spread * math.pi * radius_px**2
    tree = cKDTree(np.column_stack([x[places], y[places]]))
    own = 0.3 / frame.pixel_scale
    for sx, sy in zip(*stars, strict=True):
        near = places[tree.query_ball_point([sx, sy], half - 1)]
        amplitude = _amplitude(frame, sky, model, sx, sy)
        if not near.size or amplitude <= 0:
            continue
        dx, dy = x[near] - sx, y[near] - sy
        value = ndimage.map_coordinates(spread, [dy + half, dx + half], order=1, mode="constant")
        total[near] += np.where(np.hypot(dx, dy) > own, amplitude * value, 0.0)
    return total


def _amplitude(frame: Frame, sky: Sky, model: Array, x: float, y: float) -> float:
    """Return the flux of a star from its wings; 0 where too few pixels tell."""
    half = min(int(WINGS_PX[1]) + 1, model.shape[0] // 2)
    cx, cy = round(x), round(y)
    y0, y1 = max(cy - half, 0), min(cy + half + 1, frame.shape[0])
    x0, x1 = max(cx - half, 0), min(cx + half + 1, frame.shape[1])
    if y1 - y0 < 2 or x1 - x0 < 2:
        return 0.0
    window = prepare(frame, sky, y0, y1, x0, x1)
    rows, columns = np.mgrid[y0:y1, x0:x1]
    middle = model.shape[0] // 2
    expected = ndimage.map_coordinates(model, [rows - y + middle, columns - x + middle], order=1)
    distance = np.hypot(rows - y, columns - x)
    use = (
        (distance > WINGS_PX[0]) & (distance < WINGS_PX[1]) & ~window.outside & ~window.hole & (expected > 0)
    )
    if use.sum() < _FEWEST:
        return 0.0
    return max(float(np.median(window.data[use] / expected[use])), 0.0)


def _turned_psf(frame: Frame) -> Array | None:
    """Return the PSF as the frame has it, mean over the rolls; None where the filter is unknown."""
    ra, dec = frame.sky(np.array([0.0, 0.0]) + frame.shape[1] / 2, np.array([0.0, 10.0]) + frame.shape[0] / 2)
    east = (ra[1] - ra[0]) * math.cos(math.radians(float(dec[0])))
    axis = math.degrees(math.atan2(float(east), float(dec[1] - dec[0])))
    rolls = frame.rolls or ((frame.pa_v3,) if math.isfinite(frame.pa_v3) else ())
    turns = tuple(round((roll - axis) % 360.0, 1) for roll in rolls) or (0.0,)
    try:
        return _psf_of(frame.filter, round(frame.pixel_scale, 5), turns)
    except ValueError:
        return None


@lru_cache(maxsize=16)
def _psf_of(filter_name: str, scale: float, turns: tuple[float, ...]) -> Any:
    """Return the mean PSF over directions of V3, as far as `REACH_ARCSEC`."""
    side = 2 * math.ceil(REACH_ARCSEC / scale) + 1
    images = [psf(filter_name, scale, side, oversample=1, rotation_deg=turn) for turn in turns]
    return ndimage.uniform_filter(np.mean(images, axis=0), 3)


def starlight_in(
    frame: Frame, stars: tuple[Array, Array], ra: Array, dec: Array, radius_arcsec: float
) -> Array:
    """Return the light of stars, in the frame's flux unit, in a circle at each place of the sky.

    Parameters
    ----------
    frame : Frame
        Open.
    stars : tuple of float64 arrays, shape (m,)
        ra and dec of the stars, ICRS degrees.
    ra, dec : float64, shape (n,)
        Places, ICRS degrees.
    radius_arcsec : float
        Of the circle.
    """
    if not len(stars[0]) or not len(ra):
        return np.zeros(len(ra))
    sky = measure_sky(frame, instruments.fwhm_arcsec(frame.instrument, frame.filter))
    x, y = frame.pixel(ra, dec)
    scale = frame.to_njy if math.isfinite(frame.to_njy) else 1.0
    return scale * star_flux(frame, sky, frame.pixel(*stars), x, y, radius_arcsec / frame.pixel_scale)
