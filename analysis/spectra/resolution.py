"""The line-spread function of JWST's spectrographs: how wide an unresolved line is at each wavelength."""

from typing import Final

import numpy as np

from analysis.spectra.spectrum import FloatArray

SAMPLES_PER_FWHM: Final = 2.2
"""Where the disperser is not known: JWST's gratings put about 2.2 detector pixels on their resolution."""
LEAST_FWHM_SAMPLES: Final = 1.3
"""No line is narrower than this on the detector, whatever the nominal resolution says."""

# NIRSpec gratings: R = wavelength / step, step (µm) constant along the order (JDox, "NIRSpec Dispersers and
# Filters": R 700 to 1340 for M and 1900 to 3690 for H across each band).
_NIRSPEC_STEP: Final = {
    "G140M": 1.40e-3,
    "G235M": 2.35e-3,
    "G395M": 3.95e-3,
    "G140H": 0.52e-3,
    "G235H": 0.86e-3,
    "G395H": 1.46e-3,
}
# Curves of wavelength (µm) against R, rounded from the same pages (PRISM 30 to 330, LRS 40 to 200).
_PRISM: Final = (
    (0.6, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.3),
    (55, 34, 31, 36, 53, 78, 112, 153, 199, 252, 300, 330),
)
_LRS: Final = ((5.0, 7.5, 10.0, 12.0, 14.0), (40, 95, 160, 200, 240))


def resolving_power(instrument: str, disperser: str, wavelength: FloatArray) -> FloatArray:
    """Return R = λ/Δλ (FWHM) at each wavelength (µm); NaN where the disperser is not known.

    NIRSpec and LRS from JDox; MRS R = 4603 − 128 λ (Argyriou et al. 2023, A&A 675, A111); NIRISS SOSS about
    500 λ in order 1, WFSS 150; NIRCam WFSS the polynomial of JDox, "NIRCam Grisms".
    """
    wave = np.asarray(wavelength, dtype=float)
    name = disperser.upper()
    for grating, step in _NIRSPEC_STEP.items():
        if grating in name:
            return wave / step
    if "PRISM" in name:
        return np.interp(wave, *_PRISM)
    if instrument == "MIRI":
        return np.interp(wave, *_LRS) if "LRS" in name else np.maximum(4603.0 - 128.0 * wave, 500.0)
    if instrument == "NIRISS":
        return 500.0 * wave if "SOSS" in name else np.full_like(wave, 150.0)
    if instrument == "NIRCAM":
        return np.maximum(3.35 * wave**4 - 41.9 * wave**3 + 95.5 * wave**2 + 536.0 * wave - 240.0, 500.0)
    return np.full_like(wave, np.nan)


def lsf_fwhm(instrument: str, disperser: str, wavelength: FloatArray) -> FloatArray:
    """Return the FWHM of an unresolved line (µm) at each wavelength (µm, ascending, at least two)."""
    wave = np.asarray(wavelength, dtype=float)
    step = np.gradient(wave)
    power = resolving_power(instrument, disperser, wave)
    nominal = np.where(np.isfinite(power), wave / np.where(power > 0.0, power, 1.0), SAMPLES_PER_FWHM * step)
    return np.maximum(nominal, LEAST_FWHM_SAMPLES * step)
