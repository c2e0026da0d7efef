"""What changed between epochs: brightness and place of each object, with errors and a systematic floor."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FLUX_FLOOR: Final = 0.03
"""By which share of a flux one band's epochs differ for no reason on the sky: calibration, PSF, rolls."""
PLACE_FLOOR_ARCSEC: Final = 0.010
"""Same band: alignment within a mosaic (0.009 arcsec band to band in the ULTIMATE survey)."""
COLOUR_FLOOR_ARCSEC: Final = 0.03
"""Different bands: a centre also moves with colour, besides by a quarter of the half-light radius."""
_SEEN: Final = 3.0
_KING: Final = 0.42


@dataclass(frozen=True, eq=False)
class Flux:
    """The most significant change of brightness of n objects, later minus earlier; NaN without two epochs.

    Attributes
    ----------
    delta_mag, delta_mag_err : float64, shape (n,)
        Magnitudes; where one epoch shows nothing at 3 sigmas, NaN (`sigma` still tells).
    sigma : float64, shape (n,)
        Difference of fluxes over its error, floor included; positive is brighter.
    days : float64, shape (n,)
        Between the two.
    first, second : int64, shape (n,)
        Columns of the earlier and the later frame; -1 without.
    """

    delta_mag: Array
    delta_mag_err: Array
    sigma: Array
    days: Array
    first: IntArray
    second: IntArray


@dataclass(frozen=True, eq=False)
class Motion:
    """The most significant shift of n objects, later minus earlier; NaN without two epochs that show one.

    Attributes
    ----------
    east, north, offset : float64, shape (n,)
        Arcsec.
    error : float64, shape (n,)
        Of each component, arcsec, floor included.
    days : float64, shape (n,)
        Between the two.
    first, second : int64, shape (n,)
        Columns of the earlier and the later frame; -1 without.
    """

    east: Array
    north: Array
    offset: Array
    error: Array
    days: Array
    first: IntArray
    second: IntArray

    @property
    def sigma(self) -> Array:
        """Offset over its error, shape (n,), no unit; of an object at rest above 3 once in 90 (Rayleigh)."""
        return self.offset / self.error


def centre_error(fwhm_arcsec: Array, r50_arcsec: Array, snr: Array) -> Array:
    """Return the error of a centroid in each component, arcsec, arrays of shape (n,).

    sigma / S/N, that is 0.42 FWHM / S/N, of a Gaussian's centroid against background noise (King 1983, PASP
    95, 163). The width is that of the PSF and the half-light radius in quadrature. Shifts between two epochs
    of simulated fields are as wide as this says (docs/photometry.md).
    """
    return np.asarray(_KING * np.hypot(fwhm_arcsec, r50_arcsec) / np.maximum(snr, 1.0))


def flux_change(flux: Array, error: Array, epoch: IntArray, mjd: Array, band: IntArray) -> Flux:
    """Compare brightness between epochs of one band.

    Parameters
    ----------
    flux, error : float64, shape (n, f)
        Of n objects in f frames, measured alike in frames of one band; NaN where not covered.
    epoch : int64, shape (n, f)
        Epoch of each pixel, -1 unknown or mixed; from `exposures.Timeline.single`.
    mjd : float64, shape (n, f)
        Mean time of each pixel.
    band : int64, shape (f,)
        Frames of equal number are of one instrument and filter.

    Returns
    -------
    Flux
    """
    n = len(flux)
    best = Flux(*(np.full(n, np.nan) for _ in range(4)), *(np.full(n, -1, dtype=np.int64) for _ in range(2)))
    known = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    for i, j in _pairs(band):
        if band[i] != band[j]:
            continue
        both = known[:, i] & known[:, j] & _apart(epoch, i, j)
        for a, b, rows in _in_time(mjd, i, j, both):
            f, g, e, h = flux[rows, a], flux[rows, b], error[rows, a], error[rows, b]
            floor = FLUX_FLOOR * np.maximum(np.abs(f), np.abs(g))
            sigma = (g - f) / np.sqrt(e**2 + h**2 + floor**2)
            better = ~(np.abs(sigma) <= np.abs(best.sigma[rows]))
            new = rows[better]
            seen = (f > _SEEN * e) & (g > _SEEN * h)
            with np.errstate(invalid="ignore", divide="ignore"):
                change = np.where(seen, -2.5 * np.log10(g / f), np.nan)
                spread = np.where(seen, np.sqrt((e / f) ** 2 + (h / g) ** 2 + FLUX_FLOOR**2), np.nan)
            best.delta_mag[new], best.sigma[new] = change[better], sigma[better]
            best.delta_mag_err[new] = (2.5 / math.log(10) * spread)[better]
            best.days[new] = mjd[new, b] - mjd[new, a]
            best.first[new], best.second[new] = a, b
    return best


def motion(
    east: Array, north: Array, error: Array, size: Array, epoch: IntArray, mjd: Array, band: IntArray
) -> Motion:
    """Compare places between epochs; frames of one band first, others only where there are no such.

    Parameters
    ----------
    east, north : float64, shape (n, f)
        Place of each frame's detection, arcsec from any point of the object, offsets between frames taken
        out; NaN where not detected.
    error : float64, shape (n, f)
        Of each component, arcsec, without floor.
    size : float64, shape (n,)
        Half-light radius, arcsec.
    epoch, mjd, band
        As in `flux_change`.

    Returns
    -------
    Motion
    """
    n = len(east)
    best = Motion(
        *(np.full(n, np.nan) for _ in range(5)), *(np.full(n, -1, dtype=np.int64) for _ in range(2))
    )
    seen = np.isfinite(east) & np.isfinite(north) & np.isfinite(error)
    pairs = sorted(_pairs(band), key=lambda pair: bool(band[pair[0]] != band[pair[1]]))
    done = np.zeros(n, dtype=bool)
    for i, j in pairs:
        same = band[i] == band[j]
        both = seen[:, i] & seen[:, j] & _apart(epoch, i, j)
        if not same:
            both &= ~done
        floor = PLACE_FLOOR_ARCSEC if same else np.hypot(COLOUR_FLOOR_ARCSEC, 0.25 * np.nan_to_num(size))
        spread = np.sqrt(error[:, i] ** 2 + error[:, j] ** 2 + floor**2)
        for a, b, rows in _in_time(mjd, i, j, both):
            de, dn = east[rows, b] - east[rows, a], north[rows, b] - north[rows, a]
            offset = np.hypot(de, dn)
            better = ~(offset / spread[rows] <= best.sigma[rows])
            new = rows[better]
            best.east[new], best.north[new], best.offset[new] = de[better], dn[better], offset[better]
            best.error[new] = spread[new]
            best.days[new] = mjd[new, b] - mjd[new, a]
            best.first[new], best.second[new] = a, b
        if same:
            done |= both
    return best


def _pairs(band: IntArray) -> list[tuple[int, int]]:
    """Return every pair of frames once."""
    return [(i, j) for j in range(len(band)) for i in range(j)]


def _apart(epoch: IntArray, i: int, j: int) -> BoolArray:
    """Return where two frames are of two known epochs."""
    return (epoch[:, i] >= 0) & (epoch[:, j] >= 0) & (epoch[:, i] != epoch[:, j])


def _in_time(mjd: Array, i: int, j: int, rows: BoolArray) -> list[tuple[int, int, IntArray]]:
    """Return (earlier frame, later frame, rows) for both orders; rows without times are in neither."""
    with np.errstate(invalid="ignore"):
        forth, back = rows & (mjd[:, i] <= mjd[:, j]), rows & (mjd[:, i] > mjd[:, j])
    return [(i, j, np.flatnonzero(forth)), (j, i, np.flatnonzero(back))]
