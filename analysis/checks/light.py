"""The light at one place of one frame: flux at a common PSF, limit, sharpness, and where its centre is."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import sep
from scipy import ndimage

from analysis.checks.surroundings import View, local_noise, point_source
from analysis.forced import aperture_radius

SEEN_SNR: Final = 3.0
LEAST_OFFSET_ARCSEC: Final = 0.1
_FWHM: Final = 2.3548200450309493
STAMP_STEP_ARCSEC: Final = 0.06
STAMP_HALF: Final = 14
"""Stamps reach 0.84 arcsec from the place."""
_LOST: Final = 0.2
"""Largest share of an aperture that may lie on pixels without a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What a frame shows at a place; fluxes in the frame's flux unit, NaN where not covered.

    Attributes
    ----------
    covered : bool
        At most a fifth of the aperture lies on pixels without a value.
    flux, error : float
        In the small circle at the common PSF, over a point source's share in it.
    core, core_error : float
        The same circle on the frame as it is.
    sharpness : float
        Light within 1.2 px over that within 4 px, over that of the PSF.
    offset, offset_error : float
        From the place to the windowed centroid, arcsec; NaN where it did not converge.
    east, north : float
        The same offset on the sky, arcsec.
    stamp : float32, shape (29, 29), axes (north, east), or None
        The frame at the common PSF, flux unit per square arcsec; NaN without a value.
    stamp_noise : float
        Noise of one of its samples.
    """

    covered: bool
    flux: float = math.nan
    error: float = math.nan
    core: float = math.nan
    core_error: float = math.nan
    sharpness: float = math.nan
    offset: float = math.nan
    offset_error: float = math.nan
    east: float = math.nan
    north: float = math.nan
    stamp: npt.NDArray[np.float32] | None = None
    stamp_noise: float = math.nan

    @property
    def snr(self) -> float:
        """Flux over its error; NaN where not covered."""
        return self.flux / self.error if self.error > 0 else math.nan

    @property
    def seen(self) -> bool:
        """Whether there is light at three sigmas."""
        return self.snr >= SEEN_SNR

    @property
    def limit(self) -> float:
        """Three sigmas, in the frame's flux unit."""
        return SEEN_SNR * self.error


def magnitude(flux: float, unit: str) -> float:
    """Return the AB magnitude of a flux in nJy; NaN for another unit or no light."""
    return 31.4 - 2.5 * math.log10(flux) if unit == "nJy" and flux > 0 else math.nan


def depth_words(light: Light, unit: str) -> str:
    """Return the depth that was reached: three sigmas as a magnitude, or in the frame's unit."""
    limit = magnitude(light.limit, unit)
    return f"{limit:.2f} AB (3σ)" if math.isfinite(limit) else f"{light.limit:.3g} {unit} (3σ)"


def measure(view: View, reference_fwhm: float) -> Light:
    """Measure the light at a view's place.

    The window is blurred to the reference's PSF width, sigma^2 = (FWHM_ref^2 - FWHM^2) / 5.545; errors are
    those of as many circles on the local empty sky, and follow the noise map. The centre is SExtractor's
    windowed centroid (Bertin & Arnouts 1996), whose error is 0.6 FWHM over S/N.

    Parameters
    ----------
    view : View
        Of the place.
    reference_fwhm : float
        Arcsec, from `analysis.forced.reference_fwhm`.

    Returns
    -------
    Light
    """
    window = view.window
    if window is None or not view.covers:
        return Light(covered=False)
    scale, fwhm = view.scale, view.facts.fwhm
    gap = reference_fwhm**2 - fwhm**2
    blur = math.sqrt(max(gap, 0.0)) / _FWHM / scale if math.isfinite(gap) else 0.0
    radius = aperture_radius(fwhm, reference_fwhm) / scale
    share, psf_sharpness = point_source(view.facts.filter, round(scale, 5), round(blur, 3), round(radius, 3))
    smooth = ndimage.gaussian_filter(window.data, blur) if blur > 0 else window.data
    x, y = np.array([view.column]), np.array([view.row])

    def circle(image: object, r: float) -> float:
        return float(sep.sum_circle(np.ascontiguousarray(image, dtype=np.float32), x, y, r, subpix=5)[0][0])

    area = math.pi * radius**2
    if circle(window.outside | window.hole, radius) > _LOST * area:
        return Light(covered=False)
    sigma = math.sqrt(max(circle(window.sigma**2, radius), 0.0) / area)
    blurred = view.noise
    if blur > 0:
        blurred = local_noise(smooth / window.sigma, view.taken, (radius * 0.7, radius))
    unit = view.to_unit
    around = circle(window.data, 4.0)
    flux = circle(smooth, radius) * unit / share
    error = float(blurred.sigma(area)) * sigma * unit / share
    snr = flux / error if error > 0 else math.nan
    east, north = _centre(view, fwhm if math.isfinite(fwhm) else 2.5 * scale)
    width = max(fwhm, scale) if math.isfinite(fwhm) else 2.5 * scale
    return Light(
        True, flux, error,
        circle(window.data, radius) * unit, float(view.noise.sigma(area)) * sigma * unit,
        circle(window.data, 1.2) / around / psf_sharpness if around > 0 else math.nan,
        math.hypot(east, north), 0.6 * width / snr if snr > 0 else math.nan, east, north,
        *_stamp(view, smooth, sigma),
    )  # fmt: skip


def _stamp(
    view: View, smooth: npt.NDArray[np.float32], sigma: float
) -> tuple[npt.NDArray[np.float32], float]:
    """Return the blurred window on a grid of the sky, and the noise of a sample."""
    window = view.window
    assert window is not None
    along = (np.arange(2 * STAMP_HALF + 1) - STAMP_HALF) * STAMP_STEP_ARCSEC / 3600.0
    north, east = np.meshgrid(along, along, indexing="ij")
    (ra,), (dec,) = view.frame.sky(np.array([view.x]), np.array([view.y]))
    squeeze = max(math.cos(math.radians(dec)), 1e-6)
    x, y = view.frame.pixel((ra + east / squeeze).ravel(), (dec + north).ravel())
    rows, columns = (y - window.y0).reshape(north.shape), (x - window.x0).reshape(north.shape)
    values = ndimage.map_coordinates(
        smooth, [rows, columns], order=1, mode="constant", cval=np.nan, prefilter=False
    )
    ny, nx = smooth.shape
    i = np.clip(np.rint(np.nan_to_num(rows)).astype(int), 0, ny - 1)
    j = np.clip(np.rint(np.nan_to_num(columns)).astype(int), 0, nx - 1)
    sky = (smooth / window.sigma)[~view.taken]
    noise = 1.4826 * float(np.median(np.abs(sky))) if sky.size > 100 else math.nan
    unit = view.to_unit / view.scale**2
    stamp = np.where(window.outside[i, j], np.float32(np.nan), values * np.float32(unit))
    return stamp.astype(np.float32), noise * sigma * unit


def _centre(view: View, fwhm: float) -> tuple[float, float]:
    """Return the offset of the windowed centroid, arcsec east and north; NaN where it does not converge."""
    assert view.window is not None
    width = max(1.2 * fwhm / view.scale / _FWHM, 1.0)
    x, y, flag = sep.winpos(
        np.ascontiguousarray(view.window.data), np.array([view.column]), np.array([view.row]), width
    )
    if flag[0] or math.hypot(x[0] - view.column, y[0] - view.row) > 4 * width + 3:
        return math.nan, math.nan
    ra, dec = view.frame.sky(
        np.array([view.x, x[0] + view.window.x0]), np.array([view.y, y[0] + view.window.y0])
    )
    east = (ra[1] - ra[0]) * math.cos(math.radians(dec[0])) * 3600.0
    return float(east), float((dec[1] - dec[0]) * 3600.0)
