"""Spectra of simulated galaxies and stars: redshift, slopes, breaks and lines in, magnitudes per band out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.bands import BANDS

_LINES_UM = (0.0, 0.3728, 0.5000, 0.6563)  # none, [OII], [OIII] with H-beta, H-alpha
_SAMPLES = 25


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A galaxy's flux density f_nu against rest wavelength, as few numbers.

    Attributes
    ----------
    z : float
        Redshift.
    beta : float
        Slope of f_lambda in the ultraviolet before dust, about -2.5 (youngest) to -1.
    balmer : float
        Strength of the break at 0.38 um: f_nu redwards over f_nu bluewards.
    optical : float
        Power of f_nu against wavelength between the break and 1.6 um.
    dust : float
        Attenuation at 0.55 um, magnitudes; it falls as wavelength**-0.7 (Charlot & Fall 2000).
    lines : float
        Rest equivalent width of [OIII] with H-beta, angstrom; H-alpha has 0.7, [OII] 0.25 of it.
    infrared : float
        Power by which f_nu falls beyond 1.6 um.
    """

    z: float
    beta: float = -2.0
    balmer: float = 1.4
    optical: float = 0.4
    dust: float = 0.2
    lines: float = 100.0
    infrared: float = 1.2

    def magnitudes(self, bands: Sequence[str]) -> NDArray[np.float64]:
        """Return AB magnitudes up to one constant, shape (number of bands,); 99 for no light."""
        return np.array([_magnitude(self.band_mean(name)) for name in bands])

    def band_mean(self, name: str) -> float:
        """Return the mean f_nu in a top-hat band, arbitrary unit."""
        low, high = BANDS[name].edges_um
        observed = np.linspace(low, high, _SAMPLES)
        rest = observed / (1 + self.z)
        density = self._continuum(rest)
        mean = float(density.mean())
        for line, share in zip(_LINES_UM[1:], (0.25, 1.0, 0.7), strict=True):
            seen = line * (1 + self.z)
            if low < seen < high:
                width = share * self.lines * 1e-4 * (1 + self.z)
                mean += float(self._continuum(np.array([line]))[0]) * width / (high - low)
        return mean

    def _continuum(self, rest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return f_nu at rest wavelengths (micrometres), 1 at 0.55 um before dust."""
        red = np.where(
            rest < 1.6,
            (rest / 0.55) ** self.optical,
            (1.6 / 0.55) ** self.optical * (1.6 / rest) ** self.infrared,
        )
        at_break = (0.38 / 0.55) ** self.optical
        blue = at_break / self.balmer * (rest / 0.38) ** (self.beta + 2)
        smooth = 1 / (1 + np.exp(-(rest - 0.38) / 0.008))
        density = blue * (1 - smooth) + red * smooth
        density = density * 10 ** (-0.4 * self.dust * (rest / 0.55) ** -0.7)
        forest = np.clip(1 - 0.12 * (self.z - 1.5), 0.0, 1.0) if self.z < 6 else 0.0
        density = np.where(rest < 0.1216, density * forest, density)
        return np.where(rest < 0.0912, 0.0, density)


def star_magnitudes(temperature: float, bands: Sequence[str]) -> NDArray[np.float64]:
    """Return AB magnitudes of a black body up to one constant, shape (number of bands,).

    Parameters
    ----------
    temperature : float
        Effective temperature, kelvin.
    bands : Sequence[str]
        Filter names.
    """
    means = []
    for name in bands:
        wavelength = np.linspace(*BANDS[name].edges_um, _SAMPLES)
        # Planck in f_nu: nu^3 / (exp(h nu / k T) - 1), with h c / k = 14387.8 um K.
        means.append(float((wavelength**-3 / np.expm1(14387.8 / (wavelength * temperature))).mean()))
    return np.array([_magnitude(mean) for mean in means])


def _magnitude(density: float) -> float:
    """Return -2.5 log10, or 99 for no light."""
    return -2.5 * float(np.log10(density)) if density > 0 else 99.0
