"""One spectrum measured: continuum, lines, redshift, features; a row for its table and rows for its lines."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analysis.spectra import continuum as continua
from analysis.spectra.lines import LIGHT_UM_S, Line, Search, find_lines
from analysis.spectra.redshift import Redshift, vote
from analysis.spectra.resolution import lsf_fwhm
from analysis.spectra.spectrum import MICROJANSKY, FloatArray, Spectrum

CODE_VERSION: Final = "2"
_W_M2: Final = {MICROJANSKY: 1e-32, "MJy/sr": 1e-20}
"""One unit of the spectrum in W m⁻² Hz⁻¹ (per sr for surface brightness)."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of one spectrum.

    Attributes
    ----------
    row : dict
        The measured columns of the table `spectra`.
    lines : list of dict
        The columns of the table `spectral_lines`, by wavelength.
    level, noise : float arrays (n,)
        Continuum and noise at every sample, in the unit of the flux; noise is inf where not valid.
    """

    row: dict[str, Any]
    lines: list[dict[str, Any]]
    level: FloatArray
    noise: FloatArray


def measure(spectrum: Spectrum, instrument: str, disperser: str) -> Measured:
    """Measure one spectrum; a pure function of its arrays and of the disperser's resolution."""
    wave = spectrum.wavelength
    fwhm = lsf_fwhm(instrument, disperser, wave)
    base = continua.fit_continuum(spectrum.flux, spectrum.error, spectrum.valid)
    step = continua.strongest_step(wave, spectrum.flux, base.noise, base.level)
    if step.cut >= 0:
        base = continua.fit_continuum(spectrum.flux, spectrum.error, spectrum.valid, step.cut)
    residual = np.where(spectrum.valid, spectrum.flux - base.level, 0.0)
    search = find_lines(wave, residual, base.noise, fwhm, step.cut)
    redshift = vote(wave, search.narrow, fwhm, search.lines)
    slope, curvature = continua.slope_and_curvature(wave, spectrum.flux, base.noise)
    rows = [
        line_row(line, name, redshift.z, base.level, base.noise, spectrum.flux_unit)
        for line, name in zip(search.lines, redshift.names, strict=True)
    ]
    strongest = max(search.lines, key=lambda line: abs(line.snr), default=None)
    good = spectrum.valid
    with_noise = np.abs(spectrum.flux[good]) / base.noise[good]
    snr_continuum = float(continua.median(base.level[good] / base.noise[good]))
    snr_line = abs(strongest.snr) if strongest is not None else 0.0
    facts: dict[str, Any] = {
        "snr": max(snr_continuum * math.sqrt(_samples_per_element(wave, fwhm)), snr_line),
        "snr_continuum": snr_continuum,
        "error_scale": base.error_scale,
        "flux_median": float(continua.median(spectrum.flux[good])),
        "flux_err_median": float(continua.median(base.noise[good])),
        "slope": slope,
        "curvature": curvature,
        "break_wavelength": step.wavelength,
        "break_ratio": step.ratio,
        "break_snr": step.snr,
        "break_explained": _usual_break(step.wavelength, step.ratio, redshift, fwhm, wave),
        "n_valid": int(good.sum()),
        "valid_fraction": float(good.mean()),
        "wavelength_min": float(wave[0]),
        "wavelength_max": float(wave[-1]),
        "peak_snr": float(with_noise.max()),
        "negative_fraction": float((spectrum.flux[good] < -3.0 * base.noise[good]).mean()),
        "variability": spectrum.variability,
    }
    facts |= _line_facts(search, redshift, rows) | _residual_facts(residual, base.noise, search.lines, wave)
    return Measured(facts, rows, base.level, base.noise)


def _usual_break(at: float, ratio: float, redshift: Redshift, fwhm: FloatArray, wave: FloatArray) -> bool:
    """Tell whether a step is Lyα's, or a Balmer or 4000 Å break below a factor 3, at a secure redshift."""
    if redshift.grade != "secure" or not math.isfinite(at):
        return False
    slack = 0.03 + float(np.interp(at, wave, fwhm)) / at
    return any(
        abs(at / ((1.0 + redshift.z) * rest) - 1.0) < slack and 1.0 < ratio < most
        for rest, most in ((0.1216, math.inf), (0.3646, 3.0), (0.4000, 3.0))
    )


def _samples_per_element(wave: FloatArray, fwhm: FloatArray) -> float:
    return max(float(continua.median(fwhm / np.gradient(wave))), 1.0)


def line_row(
    line: Line, name: str, z: float, level: FloatArray, noise: FloatArray, unit: str
) -> dict[str, Any]:
    """Return one line as the table has it.

    Flux = height √(2π) σ_λ c/λ², W m⁻² (sr⁻¹ of an extended source); equivalent width = height √(2π) σ_λ /
    continuum, observed frame, emission positive, NaN where the continuum is below three times its error over
    the line.
    """
    area = line.peak * math.sqrt(2.0 * math.pi) * line.fwhm / 2.354820045  # unit × µm
    flux = area * _W_M2[unit] * LIGHT_UM_S / line.wavelength**2
    below = float(level[line.sample])
    floor = 3.0 * float(np.min(noise[max(line.sample - 3, 0) : line.sample + 4])) / math.sqrt(30.0)
    width = area / below * 1e4 if below > floor else math.nan
    return {
        "name": name,
        "wavelength": line.wavelength,
        "wavelength_err": line.wavelength_err,
        "rest_wavelength": line.wavelength / (1.0 + z) if name else math.nan,
        "line_snr": line.snr,
        "line_flux": flux,
        "line_flux_err": abs(flux / line.snr),
        "line_flux_unit": "W/m2" if unit == MICROJANSKY else "W/m2/sr",
        "equivalent_width": width,
        "fwhm": line.fwhm,
        "fwhm_err": line.fwhm_err,
        "lsf_fwhm": line.lsf_fwhm,
        "velocity_fwhm": line.velocity_fwhm,
        "broad_sigmas": line.broad,
        "explained": bool(name),
    }


def _line_facts(search: Search, redshift: Redshift, rows: list[dict[str, Any]]) -> dict[str, Any]:
    emission = [row for row in rows if row["line_snr"] > 0.0]
    strange = [row for row in emission if not row["explained"]]
    broad = max((row for row in emission), key=lambda row: row["broad_sigmas"], default=None)
    widths = [row["equivalent_width"] for row in emission if math.isfinite(row["equivalent_width"])]
    return {
        "redshift": redshift.z,
        "redshift_err": redshift.z_err,
        "redshift_grade": redshift.grade,
        "redshift_second": redshift.second,
        "redshift_lead": redshift.lead,
        "n_emission": len(emission),
        "n_absorption": len(rows) - len(emission),
        "n_matched": redshift.matched,
        "n_unexplained": len(strange),
        "unexplained_snr": max((row["line_snr"] for row in strange), default=0.0),
        "n_spikes": len(search.spikes),
        "line_snr": max((abs(row["line_snr"]) for row in rows), default=0.0),
        "largest_width": max(widths, default=0.0),
        "broad_sigmas": broad["broad_sigmas"] if broad is not None else 0.0,
        "broad_velocity": broad["velocity_fwhm"] if broad is not None else math.nan,
    }


def _residual_facts(
    residual: FloatArray, noise: FloatArray, lines: tuple[Line, ...], wave: FloatArray
) -> dict[str, float]:
    """Return statistics of the residual without lines, in units of the noise."""
    good = np.isfinite(noise)
    for line in lines:
        good &= np.abs(wave - line.wavelength) > 1.5 * line.fwhm
    away = residual[good] / noise[good]
    if len(away) < 10:
        return {"residual_chi2": math.nan, "residual_skew": math.nan, "residual_kurtosis": math.nan}
    clipped = np.clip(away, -10.0, 10.0)
    centred = clipped - clipped.mean()
    squares = centred * centred
    spread = math.sqrt(float(squares.mean())) or 1.0
    return {
        "residual_chi2": float((clipped @ clipped) / len(clipped)),
        "residual_skew": float((squares @ centred) / len(clipped)) / spread**3,
        "residual_kurtosis": float((squares @ squares) / len(clipped)) / spread**4 - 3.0,
    }
