"""What ordinary galaxies and stars look like in a set of bands, and how far an object is from all of them."""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.instruments import FILTERS

Array = npt.NDArray[np.float64]

MODEL_ERROR: Final = 0.08
"""Share by which templates, PSF matching and zero points may be off in a band."""
LARGEST_REDSHIFT: Final = 8.0
"""Galaxies beyond are not ordinary: a break that needs more is what the search is for."""
LEAST_BANDS: Final = 3
_BREAK_UM: Final = 0.3646
_ALPHA_UM: Final = 0.1216
_LINES: Final = ((0.3728, 0.35), (0.4990, 1.0), (0.6563, 0.8))
"""[OII]; [OIII] with H-beta; H-alpha: micrometres and strength over that of [OIII] with H-beta."""
_SAMPLES: Final = 15
_CHUNK: Final = 256


def calzetti(wavelength_um: Array) -> Array:
    """Return k(lambda), attenuation in magnitudes per E(B-V) (Calzetti et al. 2000, eq. 4), 0.12 to 2.2 um.

    Beyond 2.2 micrometres it falls on as a power law of wavelength to the -1.6.
    """
    w = np.clip(np.asarray(wavelength_um, dtype=float), 0.1, None)
    inner = np.clip(w, 0.1, 2.2)
    blue = 2.659 * (-2.156 + 1.509 / inner - 0.198 / inner**2 + 0.011 / inner**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 / inner) + 4.05
    value = np.maximum(np.where(inner < 0.63, blue, red), 0.05)
    return np.where(w > 2.2, value * (w / 2.2) ** -1.6, value)


def distance_from_ordinary(flux: Array, error: Array, filters: Sequence[str]) -> Array:
    """Return how badly the best ordinary galaxy or star fits, in sigmas per band.

    The grid holds redshifts 0 to 8, ultraviolet slopes of young light with optical breaks of 1 to 4, dust
    after Calzetti et al. (2000) with A_V 0 to 3, lines of [OIII] with H-beta up to 500 angstrom (rest), no
    light bluewards of Lyman alpha, and black bodies of 2500 to 10,000 K. Each is scaled by least squares.

    Parameters
    ----------
    flux, error : float64, shape (n, b)
        nJy, or any one unit; NaN where a band does not cover the object.
    filters : sequence of str, length b
        Names known to `analysis.instruments`; others are left out.

    Returns
    -------
    float64, shape (n,)
        Root of chi-square over the bands left after scaling; NaN below three usable bands.
    """
    n = len(flux)
    usable = [i for i, name in enumerate(filters) if _edges(name) is not None]
    answer = np.full(n, np.nan)
    if len(usable) < LEAST_BANDS or not n:
        return answer
    models = _templates(tuple(filters[i] for i in usable))
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        f, e = flux[rows][:, usable], error[rows][:, usable]
        known = np.isfinite(f) & np.isfinite(e) & (e > 0)
        f = np.where(known, f, 0.0)
        weight = np.where(known, 1.0 / (np.where(known, e, 1.0) ** 2 + (MODEL_ERROR * f) ** 2), 0.0)
        scale = np.maximum((weight * f) @ models.T, 0.0) / np.maximum(weight @ (models**2).T, 1e-300)
        chi = (weight * f**2).sum(axis=1)[:, None] - 2 * scale * ((weight * f) @ models.T)
        chi += scale**2 * (weight @ (models**2).T)
        free = known.sum(axis=1) - 1
        best = np.sqrt(np.maximum(chi.min(axis=1), 0.0) / np.maximum(free, 1))
        answer[rows] = np.where(free >= LEAST_BANDS - 1, best, np.nan)
    return answer


def _edges(name: str) -> tuple[float, float] | None:
    """Return the band's half-transmission wavelengths, micrometres, from its pivot and its width class."""
    entry = next((f for f in FILTERS.values() if f.name == name.strip().upper()), None)
    if entry is None:
        return None
    width = {"W2": 0.55, "W": 0.24, "M": 0.09, "N": 0.01}.get(name[len(name.rstrip("WMN2")) :], 0.2)
    return entry.pivot_um * (1 - width / 2), entry.pivot_um * (1 + width / 2)


@lru_cache(maxsize=8)
def _templates(filters: tuple[str, ...]) -> Array:
    """Return the grid, shape (templates, bands), each of unit length."""
    edges = [_edges(name) for name in filters]
    samples = np.array([np.linspace(*pair, _SAMPLES) for pair in edges if pair])
    rows = [_planck(samples, kelvin) for kelvin in np.geomspace(2500, 10000, 12)]
    for z in np.expm1(np.linspace(0.0, math.log1p(LARGEST_REDSHIFT), 70)):
        rest = samples / (1 + z)
        for beta, jump, optical in itertools.product(
            (-2.5, -2.0, -1.5), (1.0, 1.6, 2.5, 4.0), (0.0, 0.6, 1.2)
        ):
            light = _continuum(rest, beta, jump, optical)
            for dust in (0.0, 0.3, 0.7, 1.2, 1.8, 2.4, 3.0):
                dimmed = light * 10 ** (-0.4 * dust / 4.05 * calzetti(rest))
                rows.append(dimmed.mean(axis=1))
                if jump < 2.0:
                    rows += [_with_lines(dimmed, rest, samples, z, width) for width in (0.015, 0.05)]
    models = np.array(rows)
    models /= np.maximum(np.linalg.norm(models, axis=1), 1e-300)[:, None]
    return models


def _continuum(rest: Array, beta: float, jump: float, optical: float) -> Array:
    """Return f_nu: a power law to the Balmer break, a step, a rise to 1.6 um, then the fall of old stars."""
    blue = (rest / _BREAK_UM) ** (beta + 2)
    red = (
        jump * (np.clip(rest, _BREAK_UM, 1.6) / _BREAK_UM) ** optical * (np.maximum(rest, 1.6) / 1.6) ** -1.2
    )
    step = 1 / (1 + np.exp(-(rest - 0.385) / 0.012))
    return np.where(rest < _ALPHA_UM, 0.0, blue * (1 - step) + red * step)


def _with_lines(light: Array, rest: Array, samples: Array, z: float, width_um: float) -> Array:
    """Return band means with lines whose strongest has a rest equivalent width."""
    mean = light.mean(axis=1)
    for line, share in _LINES:
        seen = line * (1 + z)
        inside = (samples[:, 0] < seen) & (seen < samples[:, -1])
        at = np.array([np.interp(line, row, values) for row, values in zip(rest, light, strict=True)])
        mean = mean + inside * at * share * width_um * (1 + z) / (samples[:, -1] - samples[:, 0])
    return mean


def _planck(samples: Array, kelvin: float) -> Array:
    """Return the band means of a black body, f_nu in any unit."""
    frequency = 1.0 / samples
    shape: Array = (frequency**3 / np.expm1(14387.77 * frequency / kelvin)).mean(axis=1)
    return shape
