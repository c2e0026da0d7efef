"""What speaks for an artefact once all bands were asked: numbers of every object in, a probability out."""

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
    covered = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    if not n or not bands:
        return np.full(n, np.nan)
    unit = np.where(covered, error, 1.0)
    snr = np.where(covered, flux / unit, -np.inf)
    rows, best = np.arange(n), snr.argmax(axis=1)
    first = snr[rows, best]
    other = covered & (np.arange(bands)[None, :] != best[:, None])
    second = np.where(other, snr, -np.inf).max(axis=1)
    bright = np.where(covered[rows, best], flux[rows, best], 0.0)
    expected = np.where(other, bright[:, None] / unit, 0.0).max(axis=1)
    alone = ((first > _SEEN) & (second < 2.5)) | ((first > 8.0) & (second < 0.12 * first))
    alone &= expected > _EXPECTED
    reddest = best == bands - 1 - covered[:, ::-1].argmax(axis=1)
    with np.errstate(invalid="ignore"):
        sharp = (sharpness > SHARP) & (snr > _SHARP_SNR)
    light = np.nan_to_num(starlight[rows, best])
    innocent = np.where(alone, np.where(reddest, 0.55, 0.25), 1.0)
    innocent = innocent * np.where(sharp[rows, best], 0.2, 1.0) * np.where(sharp.any(axis=1), 0.7, 1.0)
    innocent *= 1.0 - np.where(light > STAR_LIGHT, np.clip(1.6 * light, 0.0, 0.95), 0.0)
    innocent *= np.where(warned, 0.7, 1.0)
    return np.where(covered.any(axis=1), 1.0 - innocent, np.nan)
