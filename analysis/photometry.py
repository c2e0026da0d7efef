"""Light and size of sources from their stamps: centres, Kron and fixed apertures, radii, errors."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep

from analysis import totals
from analysis.noise import ApertureNoise
from analysis.stamps import Stamps
from analysis.zeropoint import AB_ZERO_NJY

Array = npt.NDArray[np.float64]
KRON_FACTOR: Final = 2.5
KRON_LEAST: Final = 3.5
"""Smallest Kron aperture, in units of the isophotal axes (SExtractor's PHOT_AUTOPARAMS 2.5, 3.5)."""
KRON_MOST: Final = 9.0
"""Largest one; beyond it the Kron radius is that of the noise."""
KRON_MEASURE: Final = 6.0
"""The Kron radius is measured inside this many isophotal axes."""
_FRACTIONS: Final = (0.2, 0.5, 0.8)
_HALF_WITHIN: Final = 0.7
"""Half of a Kron flux lies within this share of the Kron ellipse's longer axis: no need to look beyond."""
_FWHM: Final = 2.3548200450309493
"""Of a Gaussian, in sigmas."""


@dataclass(frozen=True, eq=False)
class Light:
    """Light of n sources; arrays of shape (n,); pixels and image units; NaN where it cannot be measured.

    Attributes
    ----------
    x, y : float64
        Centre in the stamp: Gaussian-windowed, or the barycentre where that wanders off.
    flux, flux_err : float64
        In the Kron ellipse.
    ap1, ap1_err, ap2, ap2_err : float64
        In the two circles.
    kron_a : float64
        Semi-major axis of the Kron ellipse.
    r20, r50, r80 : float64
        Radii of circles that hold those shares of the Kron flux.
    sharpness : float64
        Sum within 1.2 px over that within 4 px.
    invalid, hole : float64
        Invalid pixels and pixels of holes inside the Kron ellipse, about.
    kron_r : float64
        Root of the product of the Kron ellipse's semi-axes.
    growth : float64, shape (n, 8)
        Light inside `totals.GROWTH` times the outermost growth radius; NaN for faint sources.
    """

    x: Array
    y: Array
    flux: Array
    flux_err: Array
    ap1: Array
    ap1_err: Array
    ap2: Array
    ap2_err: Array
    kron_a: Array
    r20: Array
    r50: Array
    r80: Array
    sharpness: Array
    invalid: Array
    hole: Array
    kron_r: Array
    growth: Array


def aperture_radii(fwhm_arcsec: float) -> tuple[float, float]:
    """Return the radii of the two circles, arcsec: max(0.16, 0.7 FWHM) and max(0.25, 1.1 FWHM)."""
    width = 0.0 if math.isnan(fwhm_arcsec) else fwhm_arcsec
    return max(0.16, 0.7 * width), max(0.25, 1.1 * width)


def measure_light(
    stamps: Stamps,
    axes: tuple[Array, Array, Array],
    noise: ApertureNoise,
    radii_px: tuple[float, float],
    fwhm_px: float,
) -> Light:
    """Measure the light of sources.

    Parameters
    ----------
    stamps : Stamps
        Of n sources.
    axes : tuple of arrays (n,)
        a, b, theta of the isophotal ellipses: pixels, pixels, radians.
    noise : ApertureNoise
        The frame's.
    radii_px : tuple[float, float]
        Radii of the two circles, pixels.
    fwhm_px : float
        PSF width, pixels; NaN where unknown.

    Returns
    -------
    Light
        Errors are the empty-aperture noise of that area, times the root mean square of the pixel noise inside
        the aperture, which holds the source's own photon noise where the file has ERR.
    """
    axes = axes[0], axes[1], np.clip(axes[2], -1.5707, 1.5707)
    laid = _lay(stamps, axes, fwhm_px)
    variance = stamps.sigma**2

    def error(summed_variance: Array, area: Array | float) -> Array:
        return noise.sigma(area) * np.sqrt(summed_variance / area)

    flux, around = laid.ellipse(stamps.image, 5), laid.circle(stamps.image, 4.0)
    bright = flux > 0
    a, kron_r = axes[0], laid.size * np.sqrt(axes[0] * axes[1])
    reach = np.minimum(np.where(bright, laid.size * a, 1.0), laid.room)
    radii, _ = sep.flux_radius(
        laid.image, laid.x, laid.row, reach, _FRACTIONS, normflux=np.where(bright, flux, 1.0)
    )
    radii = np.where(bright[:, None] & (radii > 0), radii, np.nan)
    core = laid.circle(stamps.image, 1.2, 7)
    flux_err = error(laid.ellipse(variance), math.pi * kron_r**2)
    bright &= flux > totals.STAR_SNR * flux_err
    outermost = totals.growth_radius(radii_px[1])
    return Light(
        x=laid.x,
        y=laid.y,
        flux=flux,
        flux_err=flux_err,
        ap1=laid.circle(stamps.image, radii_px[0]),
        ap1_err=error(laid.circle(variance, radii_px[0]), math.pi * radii_px[0] ** 2),
        ap2=laid.circle(stamps.image, radii_px[1]),
        ap2_err=error(laid.circle(variance, radii_px[1]), math.pi * radii_px[1] ** 2),
        kron_a=laid.size * a,
        r20=radii[:, 0],
        r50=radii[:, 1],
        r80=radii[:, 2],
        sharpness=np.divide(core, around, out=np.full(len(core), np.nan), where=around > 0),
        invalid=laid.ellipse(stamps.invalid.astype(np.float32)),
        hole=laid.ellipse(stamps.hole.astype(np.float32)),
        kron_r=kron_r,
        growth=_growth(laid.image, laid.x, laid.row, np.where(bright, laid.room, 0.0), outermost),
    )


@dataclass(frozen=True, eq=False)
class _Laid:
    """Where apertures lie on the stamps standing on each other; arrays of shape (n,), pixels.

    `x`, `y` in the stamp, `row` on the canvas, `size` of the Kron ellipse in isophotal axes, `room` to the
    stamp's border.
    """

    stamps: Stamps
    image: npt.NDArray[Any]
    axes: tuple[Array, Array, Array]
    x: Array
    y: Array
    row: Array
    room: Array
    size: Array

    def ellipse(self, planes: npt.NDArray[Any], subpix: int = 1) -> Array:
        """Return sums inside the Kron ellipses, in the unit of the planes (n, s, s)."""
        canvas = self.stamps.canvas(planes)
        total: Array = sep.sum_ellipse(canvas, self.x, self.row, *self.axes, self.size, subpix=subpix)[0]
        return total

    def circle(self, planes: npt.NDArray[Any], radius: float, subpix: int = 5) -> Array:
        """Return sums inside circles, in the unit of the planes; NaN where one does not fit the stamp."""
        reach = np.minimum(radius, self.room)
        total: Array = sep.sum_circle(self.stamps.canvas(planes), self.x, self.row, reach, subpix=subpix)[0]
        return np.where(self.room >= radius, total, np.nan)


def _lay(stamps: Stamps, axes: tuple[Array, Array, Array], fwhm_px: float) -> _Laid:
    """Find centres and Kron ellipses."""
    image = stamps.canvas(stamps.image)
    x, y = _centres(stamps, image, axes, fwhm_px)
    row, room = stamps.column(y), _room(stamps, x, y)
    return _Laid(stamps, image, axes, x, y, row, room, _kron_size(image, x, row, axes, room))


def _growth(image: npt.NDArray[Any], x: Array, row: Array, room: Array, outermost: float) -> Array:
    """Return the light of sources that have room for it in circles of the growth radii, (n, 8); else NaN."""
    light = np.full((len(x), len(totals.GROWTH)), np.nan)
    some = np.flatnonzero(room >= outermost)
    for place, part in enumerate(totals.GROWTH):
        light[some, place] = sep.sum_circle(image, x[some], row[some], part * outermost, subpix=9)[0]
    return light


def _room(stamps: Stamps, x: Array, y: Array) -> Array:
    """Return the radius, pixels, up to which an aperture stays in its stamp."""
    last = 2 * stamps.half
    nearest = np.minimum(np.minimum(x, y), np.minimum(last - x, last - y))
    return np.maximum(nearest, 1.0)


def _kron_size(
    image: npt.NDArray[Any], x: Array, row: Array, axes: tuple[Array, Array, Array], room: Array
) -> Array:
    """Return the Kron ellipse's size in isophotal axes: 2.5 Kron radii, 3.5 to 9, inside the stamp."""
    a, b, theta = axes
    kron, _ = sep.kron_radius(image, x, row, a, b, theta, np.minimum(KRON_MEASURE, room / a))
    kron = np.where(np.isfinite(kron) & (kron > 0), KRON_FACTOR * kron, KRON_LEAST)
    return np.minimum(np.clip(kron, KRON_LEAST, KRON_MOST), room / a)


def _centres(
    stamps: Stamps, image: npt.NDArray[Any], axes: tuple[Array, Array, Array], fwhm_px: float
) -> tuple[Array, Array]:
    """Return Gaussian-windowed centres, pixels, or barycentres where the window wanders off.

    The window is that of SExtractor's XWIN_IMAGE: as wide (FWHM) as the half-light diameter about the
    barycentre, at least the PSF. Another width moves the centre of a lopsided galaxy by up to half a pixel.
    """
    a, b, theta = axes
    row, room = stamps.column(stamps.y), _room(stamps, stamps.x, stamps.y)
    size = _kron_size(image, stamps.x, row, axes, room)
    flux = sep.sum_ellipse(image, stamps.x, row, a, b, theta, size, subpix=1)[0]
    lit = flux > 0
    reach = np.minimum(np.where(lit, _HALF_WITHIN * size * a, 1.0), room)
    half, _ = sep.flux_radius(image, stamps.x, row, reach, 0.5, normflux=np.where(lit, flux, 1.0), subpix=1)
    half = np.where(lit & (half > 0), half, 0.5 * _FWHM * np.sqrt(a * b))
    width = np.maximum(2.0 * half, 2.0 if math.isnan(fwhm_px) else fwhm_px) / _FWHM
    x, y, flag = sep.winpos(image, stamps.x, row, np.minimum(width, stamps.half / 4), subpix=1)
    moved = np.hypot(x - stamps.x, y - row)
    good = np.isfinite(moved) & (moved <= np.maximum(1.0, width)) & (flag == 0)
    return np.where(good, x, stamps.x), np.where(good, stamps.y + (y - row), stamps.y)


def magnitudes(flux_njy: Array, flux_err_njy: Array) -> tuple[Array, Array]:
    """Return AB magnitudes and errors (n,) of fluxes (n,), nJy: 31.4 - 2.5 log10 F (Oke & Gunn 1983).

    NaN where the flux is not positive; the error is 2.5 / ln(10) times that of the flux over it.
    """
    positive = flux_njy > 0
    safe = np.where(positive, flux_njy, 1.0)
    mag = np.where(positive, AB_ZERO_NJY - 2.5 * np.log10(safe), np.nan)
    return mag, np.where(positive, 2.5 / math.log(10) * flux_err_njy / safe, np.nan)
