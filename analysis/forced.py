"""Every object in every frame, seen or not: small-aperture fluxes at one PSF, and stamps on one grid."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep
from scipy import ndimage

from analysis import instruments
from analysis.background import Sky, measure_sky, source_mask
from analysis.i2d import Frame
from analysis.noise import empty_apertures
from analysis.psf import psf
from analysis.tiles import CORE, Tile, make_tiles, owns
from analysis.window import Window, prepare

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST_RADIUS_ARCSEC: Final = 0.16
WIDEST_REFERENCE_ARCSEC: Final = 0.2
"""No band is blurred to a wider PSF than this: MIRI beside NIRCam is measured as it is."""
STAMP_STEP_ARCSEC: Final = 0.06
STAMP_HALF: Final = 20
"""Stamps reach 1.2 arcsec from the object."""
STAMP_SIDE: Final = 2 * STAMP_HALF + 1
_FWHM: Final = 2.3548200450309493
_PSF_ARCSEC: Final = 3.0
_LOST: Final = 0.2
"""Largest share of an aperture that may lie on pixels without a value."""
_SAMPLE: Final = 1024


@dataclass(frozen=True, eq=False)
class Forced:
    """What one frame says at n given places; arrays of shape (n,), NaN where the frame does not cover one.

    Attributes
    ----------
    covered : bool
        At most a fifth of the aperture lies on pixels without a value.
    flux, flux_err : float64
        At the common PSF, in the small circle, over the share of a point source's light in it: the flux of a
        point source, and of anything else in the same measure for all bands. In the frame's flux unit.
    core, core_err : float64
        The same circle on the frame as it is, not blurred, not corrected: what a limit is best made of.
    sharpness : float64
        Light within 1.2 px over that within 4 px of the frame as it is, over that of the PSF.
    saturated : bool
        A hole of up to 1000 px lies within 4 px.
    stamps : float32, shape (n, 41, 41), axes (object, north, east)
        Common PSF, flux unit per square arcsec, 0.06 arcsec a step; NaN without a value. An array, or a file
        that is read by numbers (`analysis.stamp_file`).
    stamp_noise : float64
        Noise of one sample of the stamp.
    """

    covered: BoolArray
    flux: Array
    flux_err: Array
    core: Array
    core_err: Array
    sharpness: Array
    saturated: BoolArray
    stamps: Any
    stamp_noise: Array


def reference_fwhm(fwhms: Any) -> float:
    """Return the PSF width, arcsec, to which bands are matched: the widest not above 0.2, else the narrowest.

    NaN where no width is known; such frames are measured as they are.
    """
    known = np.asarray(fwhms, dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        return math.nan
    narrow = known[known <= WIDEST_REFERENCE_ARCSEC]
    return float(narrow.max() if narrow.size else known.min())


def aperture_radius(fwhm: float, reference: float) -> float:
    """Return the radius of the circle, arcsec: 1.1 FWHM of the PSF it is laid on, at least 0.16."""
    width = np.nanmax([0.0, fwhm, reference])
    return float(max(LEAST_RADIUS_ARCSEC, 1.1 * width))


def force(
    frame: Frame, ra: Array, dec: Array, reference: float, *, core: int = CORE, stamps: Any = None
) -> Forced:
    """Measure given places in a frame.

    The frame is blurred by the Gaussian that takes its PSF's width to the reference's,
    sigma^2 = (FWHM_ref^2 - FWHM^2) / 5.545; errors are those of as many circles on empty sky of the blurred
    frame, and follow the noise map.

    Parameters
    ----------
    frame : Frame
        Open.
    ra, dec : float64, shape (n,)
        ICRS degrees.
    reference : float
        From `reference_fwhm` of all frames.
    core : int
        Longest side of the tiles in which the frame is read, pixels; it changes no result.
    stamps : StampFile or None
        Where to keep the stamps; None: in memory, 6.7 kB a place.

    Returns
    -------
    Forced

    Raises
    ------
    FrameError
        The pixels cannot be read.
    """
    fwhm = instruments.fwhm_arcsec(frame.instrument, frame.filter)
    job = _prepare_job(frame, fwhm, reference)
    x, y = frame.pixel(ra, dec)
    n = len(x)
    empty = np.full(n, np.nan)
    found = Forced(
        np.zeros(n, bool), empty.copy(), empty.copy(), empty.copy(), empty.copy(), empty.copy(),
        np.zeros(n, bool), np.full((n, STAMP_SIDE, STAMP_SIDE), np.nan, np.float32)
        if stamps is None else stamps, empty.copy(),
    )  # fmt: skip
    margin = math.ceil((STAMP_HALF + 1) * STAMP_STEP_ARCSEC * 1.5 / frame.pixel_scale + 4 * job.blur_px) + 2
    for tile in make_tiles(frame.shape, core, margin):
        with np.errstate(invalid="ignore"):
            index = np.flatnonzero(owns(tile, y, x))
        if index.size:
            _measure_tile(frame, job, tile, index, x[index], y[index], found)
    return found


@dataclass(frozen=True, eq=False)
class _Job:
    """What is the same for all tiles of a frame."""

    sky: Sky
    blur_px: float
    radius_px: float
    share: float
    """Of a point source's light, inside the circle on the blurred frame."""
    noise: float
    """Of the circle on the blurred frame, in units of the noise per pixel."""
    core_noise: float
    sample_noise: float
    psf_sharpness: float
    scale: float
    """Flux unit per image unit."""


def _prepare_job(frame: Frame, fwhm: float, reference: float) -> _Job:
    """Measure the sky and the noise of circles, blurred and not."""
    sky = measure_sky(frame, fwhm)
    gap = reference**2 - fwhm**2 if math.isfinite(fwhm) and math.isfinite(reference) else 0.0
    blur = math.sqrt(max(gap, 0.0)) / _FWHM / frame.pixel_scale
    radius = aperture_radius(fwhm, reference) / frame.pixel_scale
    share, sharpness = _point_source(frame.filter, round(frame.pixel_scale, 5), blur, radius)
    blurred, plain, scatter = [], [], []
    for tile in _sample(frame, sky):
        window = prepare(frame, sky, tile.y0, tile.y1, tile.x0, tile.x1)
        taken = source_mask(
            window.data / window.sigma, ~(window.outside | window.hole), fwhm / frame.pixel_scale
        )
        taken = ndimage.maximum_filter(taken, 5) | window.outside | window.hole
        smooth = ndimage.gaussian_filter(window.data, blur) if blur > 0 else window.data
        blurred.append((smooth / window.sigma, taken))
        plain.append((window.data / window.sigma, taken))
        scatter.append((smooth / window.sigma)[~taken])
    area = math.pi * radius**2
    values = np.concatenate(scatter) if scatter else np.empty(0)
    sample = 1.4826 * float(np.median(np.abs(values - np.median(values)))) if values.size else 1.0
    return _Job(
        sky, blur, radius, share,
        float(empty_apertures(blurred, (radius,)).sigma(area)),
        float(empty_apertures(plain, (radius,)).sigma(area)),
        sample, sharpness, frame.to_njy if math.isfinite(frame.to_njy) else 1.0,
    )  # fmt: skip


def _sample(frame: Frame, sky: Sky) -> list[Tile]:
    """Return up to two of the best covered windows of 1024 by 1024 pixels."""
    step = sky.level.step
    tiles = make_tiles(frame.shape, _SAMPLE, 0)

    def covered(tile: Tile) -> float:
        cells = sky.covered[tile.y0 // step : tile.y1 // step + 1, tile.x0 // step : tile.x1 // step + 1]
        return -round(float(cells.mean()), 3)

    return sorted(tiles, key=lambda tile: (covered(tile), tile.y0, tile.x0))[:2]


@lru_cache(maxsize=64)
def _point_source(filter_name: str, pixel_scale: float, blur: float, radius: float) -> tuple[float, float]:
    """Return a point source's share of light in the circle after the blur, and its sharpness before.

    1 and NaN where the filter's PSF is unknown.
    """
    side = 2 * round(_PSF_ARCSEC / 2 / pixel_scale) + 1
    try:
        image = psf(filter_name, pixel_scale, side, drizzled=True).copy()
    except ValueError:
        return 1.0, math.nan
    middle = [(side - 1) / 2]
    near, _, _ = sep.sum_circle(image, middle, middle, 1.2, subpix=0)
    around, _, _ = sep.sum_circle(image, middle, middle, 4.0, subpix=0)
    if blur > 0:
        image = ndimage.gaussian_filter(image, blur, mode="constant")
    inside, _, _ = sep.sum_circle(image, middle, middle, radius, subpix=0)
    return float(inside[0]), float(near[0] / around[0])


def _measure_tile(
    frame: Frame,
    job: _Job,
    tile: Tile,
    index: npt.NDArray[np.int64],
    x: Array,
    y: Array,
    found: Forced,
) -> None:
    """Fill in the places that a tile owns."""
    window = prepare(frame, job.sky, tile.y0, tile.y1, tile.x0, tile.x1)
    row, column = y - tile.y0, x - tile.x0
    smooth = ndimage.gaussian_filter(window.data, job.blur_px) if job.blur_px > 0 else window.data
    smooth = np.ascontiguousarray(smooth, dtype=np.float32)
    lost = (window.outside | window.hole).astype(np.float32)
    area = math.pi * job.radius_px**2

    def circle(image: Any, radius: float) -> Array:
        total: Array = sep.sum_circle(image, column, row, radius, subpix=5)[0]
        return total

    covered = circle(lost, job.radius_px) <= _LOST * area
    sigma = np.sqrt(circle(window.sigma**2, job.radius_px) / area)
    around = circle(window.data, 4.0)
    values = {
        "flux": circle(smooth, job.radius_px) * job.scale / job.share,
        "flux_err": job.noise * sigma * job.scale / job.share,
        "core": circle(window.data, job.radius_px) * job.scale,
        "core_err": job.core_noise * sigma * job.scale,
        "sharpness": np.divide(
            circle(window.data, 1.2),
            around * job.psf_sharpness,
            out=np.full(len(x), np.nan),
            where=around > 0,
        ),
        "stamp_noise": job.sample_noise * sigma * job.scale / frame.pixel_scale**2,
    }
    for name, value in values.items():
        getattr(found, name)[index] = np.where(covered, value, np.nan)
    found.covered[index] = covered
    found.saturated[index] = circle(window.hole.astype(np.float32), 4.0) > 0.5
    found.stamps[index] = _stamps(frame, window, smooth, row, column) * np.float32(
        job.scale / frame.pixel_scale**2
    )


def _stamps(
    frame: Frame, window: Window, smooth: npt.NDArray[np.float32], row: Array, column: Array
) -> npt.NDArray[np.float32]:
    """Sample the blurred frame on a grid of 0.06 arcsec, rows to the north, columns to the east."""
    along = (np.arange(STAMP_SIDE) - STAMP_HALF) * STAMP_STEP_ARCSEC / 3600.0
    north, east = np.meshgrid(along, along, indexing="ij")
    # The grid is laid through the linear part of the coordinates at the middle of the places: over 1.2
    # arcsec nothing else matters.
    matrix = _sky_to_pixel_matrix(
        frame, float(np.median(row)) + window.y0, float(np.median(column)) + window.x0
    )
    dx = matrix[0, 0] * east + matrix[0, 1] * north
    dy = matrix[1, 0] * east + matrix[1, 1] * north
    rows = row[:, None, None] + dy
    columns = column[:, None, None] + dx
    values: npt.NDArray[np.float32] = ndimage.map_coordinates(
        smooth, [rows, columns], order=1, mode="constant", cval=np.nan, prefilter=False
    )
    y = np.clip(np.rint(rows).astype(np.int64), 0, smooth.shape[0] - 1)
    x = np.clip(np.rint(columns).astype(np.int64), 0, smooth.shape[1] - 1)
    return np.where(window.outside[y, x], np.float32(np.nan), values)


def _sky_to_pixel_matrix(frame: Frame, y: float, x: float) -> Array:
    """Return d(x, y) / d(east, north), pixels per degree, shape (2, 2), by differences at a place."""
    ra, dec = frame.sky(np.array([x]), np.array([y]))
    step = 1.0 / 3600.0
    squeeze = max(math.cos(math.radians(float(dec[0]))), 1e-6)
    px, py = frame.pixel(
        np.array([ra[0] + step / squeeze, ra[0] - step / squeeze, ra[0], ra[0]]),
        np.array([dec[0], dec[0], dec[0] + step, dec[0] - step]),
    )
    return np.array([[px[0] - px[1], px[2] - px[3]], [py[0] - py[1], py[2] - py[3]]]) / (2 * step)
