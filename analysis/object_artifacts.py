"""What speaks for an artefact once all bands were asked: numbers of every object in, a probability out."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SHARP: Final = 1.35
_SHARP_SNR: Final = 4.0
_SEEN: Final = 5.0
_EXPECTED: Final = 5.0
"""A band that would not show a flat spectrum at this S/N cannot testify that there is nothing."""
STAR_LIGHT: Final = 0.1
"""A smaller share of star light counts for nothing."""
SPIKE_SHARE: Final = 0.3
"""Share of star light from which an object is called a diffraction spike."""
FLAT: Final = 1.9
"""A disc as bright all over has a concentration of 5 log10(2) = 1.51, a Gaussian of 2.15, an exponential disc
of 2.7; a PSF and noise raise the first. Below this an object has a border, as no galaxy has."""
SMOOTH: Final = 2.7
"""A smooth afterglow is no more concentrated than this."""
WIDE: Final = 1.2
"""Half-light radius over the PSF's from which an object is wider than a point source."""
BROAD: Final = 2.0
"""From here on it is far wider: a track one pixel wide never is."""
ROUND: Final = 0.25
"""Ellipticity of what one pixel or one flood of charge leaves."""
NEARLY_ROUND: Final = 0.35


def object_artifact_probability(
    flux: Array, error: Array, sharpness: Array, starlight: Array, warned: BoolArray
) -> Array:
    """Return the probability that an object is an artefact.

    1 minus the product of (1 - weight) of what speaks for it:

    - seen in one band only: S/N above 5 there and below 2.5 in all others, or above 8 and below 12 per cent
      of it, where another band is deep enough to show a flat spectrum at S/N 5: 0.75. In the reddest band
      that covers it, where it may be a drop-out, 0.45;
    - sharper than the PSF by 1.35 at S/N above 4: in the band of highest S/N 0.8, in another 0.3;
    - light of a bright star's wings and spikes: 1.6 times its share, at most 0.95;
    - every detection at an edge or in low weight: 0.3.

    Parameters
    ----------
    flux, error, sharpness, starlight : float64, shape (n, b), bands from blue to red
        Forced fluxes and errors; light within 1.2 px over that within 4 px over the PSF's; flux of stars in
        the circle over the flux measured. NaN where a band does not cover the object.
    warned : bool, shape (n,)
        Whether every detection lies at an edge or in low weight.

    Returns
    -------
    float64, shape (n,)
        0..1; NaN where no band covers the object.
    """
    n, bands = flux.shape
    if not n or not bands:
        return np.full(n, np.nan)
    covered, snr = _significance(flux, error)
    rows, best = np.arange(n), snr.argmax(axis=1)
    alone, reddest = seen_in_one_band(flux, error)
    with np.errstate(invalid="ignore"):
        sharp = (sharpness > SHARP) & (snr > _SHARP_SNR)
    light = in_best_band(flux, error, np.nan_to_num(starlight))
    innocent = np.where(alone, np.where(reddest, 0.55, 0.25), 1.0)
    innocent = innocent * np.where(sharp[rows, best], 0.2, 1.0) * np.where(sharp.any(axis=1), 0.7, 1.0)
    innocent *= 1.0 - np.where(light > STAR_LIGHT, np.clip(1.6 * light, 0.0, 0.95), 0.0)
    innocent *= np.where(warned, 0.7, 1.0)
    return np.where(covered.any(axis=1), 1.0 - innocent, np.nan)


def _significance(flux: Array, error: Array) -> tuple[BoolArray, Array]:
    """Return where bands cover objects, and the S/N there, minus infinity elsewhere; both (n, b)."""
    covered = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    unit = np.where(covered, error, 1.0)
    return covered, np.where(covered, flux / unit, -np.inf)


def in_best_band(flux: Array, error: Array, values: Array) -> Array:
    """Return of each object the value in its band of highest S/N, 0 without bands: (n,) of (n, b)."""
    n, bands = flux.shape
    if not n or not bands:
        return np.zeros(n)
    _, snr = _significance(flux, error)
    chosen: Array = values[np.arange(n), snr.argmax(axis=1)]
    return chosen


def seen_in_one_band(flux: Array, error: Array) -> tuple[BoolArray, BoolArray]:
    """Tell which objects one band alone shows though another was deep enough, and whether it is the reddest.

    Parameters
    ----------
    flux, error : float64, shape (n, b), bands from blue to red
        Forced fluxes and errors in one unit; NaN where a band does not cover the object.

    Returns
    -------
    alone, reddest : bool, shape (n,)
        `reddest`: the band of highest S/N is the reddest that covers the object.
    """
    n, bands = flux.shape
    if not n or not bands:
        return np.zeros(n, bool), np.zeros(n, bool)
    covered, snr = _significance(flux, error)
    unit = np.where(covered, error, 1.0)
    rows, best = np.arange(n), snr.argmax(axis=1)
    first = snr[rows, best]
    other = covered & (np.arange(bands)[None, :] != best[:, None])
    second = np.where(other, snr, -np.inf).max(axis=1)
    bright = np.where(covered[rows, best], flux[rows, best], 0.0)
    expected = np.where(other, bright[:, None] / unit, 0.0).max(axis=1)
    alone = ((first > _SEEN) & (second < 2.5)) | ((first > 8.0) & (second < 0.12 * first))
    return alone & (expected > _EXPECTED), best == bands - 1 - covered[:, ::-1].argmax(axis=1)


def name_artifacts(
    flux: Array, error: Array, starlight: Array, shapes: Mapping[str, Array]
) -> dict[str, BoolArray]:
    """Say which kind of artefact objects look like, by `artifacts.OBJECT_FLAGS`; most look like none.

    A spike is named from the light of stars. The other kinds stand in one exposure, so in one band: nothing
    is named that two bands show, or that no other band was deep enough to deny. In the reddest band a galaxy
    may stand alone: no afterglow is named there, and no track that is not sharp. A NaN names nothing.

    Parameters
    ----------
    flux, error : float64, shape (n, b), bands from blue to red
        Forced fluxes and errors in one unit.
    starlight : float64, shape (n,)
        Share of star light in the band of highest S/N.
    shapes : mapping of float64, shape (n,)
        sharpness and r50_psf_ratio (over the PSF's, no unit), ellipticity, concentration.

    Returns
    -------
    dict of bool, shape (n,)
        One entry for every flag of `artifacts.OBJECT_FLAGS`.
    """
    alone, reddest = seen_in_one_band(flux, error)
    with np.errstate(invalid="ignore"):
        spike = starlight >= SPIKE_SHARE
        alone = alone & ~spike
        sharp = shapes["sharpness"] > SHARP
        size, flatness, oval = shapes["r50_psf_ratio"], shapes["concentration"], shapes["ellipticity"]
        track = alone & (sharp | ~reddest) & (size < BROAD) & (oval >= ROUND)
        dot = alone & sharp & (oval < ROUND)
        disc = alone & ~sharp & (size >= BROAD) & (flatness < FLAT)
        glow = alone & ~sharp & ~reddest & (size >= WIDE) & (oval < NEARLY_ROUND)
        glow &= (flatness >= FLAT) & (flatness < SMOOTH)
    return {
        "cosmic_ray": track | dot,
        "diffraction_spike": np.asarray(spike),
        "hot_pixel": dot,
        "persistence": glow & ~track,
        "snowball": disc,
    }
