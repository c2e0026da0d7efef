"""Integrations of a time series averaged into one spectrum, and whether the light changed in between."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.spectra.spectrum import Spectrum

LEAST_FOR_VARIABILITY = 5


def averaged(spectra: Sequence[Spectrum]) -> tuple[Spectrum, ...]:
    """Average spectra of one source and order on one wavelength grid; others are returned as they are.

    Weights are inverse variances; a sample is valid where any integration has it valid. Spectra of a source
    that cover other wavelengths (channels, dithered exposures) stay apart.
    """
    groups: dict[tuple[object, ...], list[Spectrum]] = {}
    for spectrum in spectra:
        named = (
            (spectrum.source, spectrum.ra, spectrum.dec)
            if spectrum.source or spectrum.position
            else spectrum.row
        )
        key = (str(named), spectrum.order, spectrum.flux_unit, round(float(spectrum.wavelength[0]), 2))
        groups.setdefault(key, []).append(spectrum)
    return tuple(_average(group) if len(group) > 1 else group[0] for group in groups.values())


def _average(group: list[Spectrum]) -> Spectrum:
    grid = max(group, key=lambda spectrum: len(spectrum.wavelength)).wavelength
    weight = np.zeros((len(group), len(grid)))
    flux = np.zeros((len(group), len(grid)))
    half = 0.5 * float(np.median(np.diff(grid)))
    for place, spectrum in enumerate(group):
        near = np.clip(np.searchsorted(grid, spectrum.wavelength - half), 0, len(grid) - 1)
        good = spectrum.valid & (np.abs(grid[near] - spectrum.wavelength) <= half)
        flux[place, near[good]] = spectrum.flux[good]
        weight[place, near[good]] = spectrum.error[good] ** -2.0
    total = weight.sum(axis=0)
    valid = total > 0.0
    safe = np.where(valid, total, 1.0)
    return replace(
        group[0],
        wavelength=grid,
        flux=np.where(valid, (flux * weight).sum(axis=0) / safe, np.nan),
        error=np.where(valid, safe**-0.5, np.nan),
        valid=valid,
        integrations=len(group),
        variability=_variability(flux, weight),
    )


def _variability(flux: np.ndarray, weight: np.ndarray) -> float:
    """Return the largest |white light − its median| in robust deviations; NaN for few integrations."""
    if len(flux) < LEAST_FOR_VARIABILITY:
        return float("nan")
    everywhere = (weight > 0.0).all(axis=0)
    if not everywhere.any():
        return float("nan")
    white = flux[:, everywhere].mean(axis=1)
    away = np.abs(white - np.median(white))
    spread = 1.4826 * float(np.median(away))
    return float(away.max() / spread) if spread > 0.0 else float("nan")
