"""The checks of a spectrum: other dispersers, cosmic ray or gap, other continua and thresholds, methods."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from analysis.checks.finding import Finding, Outcome, Value
from analysis.spectra.continuum import fit_continuum
from analysis.spectra.lines import COSMIC_SHARE, EDGE_SAMPLES, NARROWEST, find_lines
from analysis.spectra.plotting import Curve
from analysis.spectra.resolution import lsf_fwhm

VERSION: Final = "1"
SHOWN: Final = 3.0
EXPECTED: Final = 5.0
"""S/N at which a line is shown elsewhere, and that it should have for its absence to mean something."""
WINDOWS: Final = (0.6, 1.0, 1.6)
THRESHOLDS: Final = (5.0, 6.0, 7.5)
PERSISTENT: Final = 0.8
_FWHM: Final = 2.354820045


def examine(curves: Sequence[Curve]) -> list[Finding]:
    """Return the findings on a candidate's best spectrum, the first; the others are of the same place."""
    best = curves[0]
    line = max(best.lines, key=lambda one: abs(one["line_snr"]), default=None)
    if line is None:
        why = "no line was found in it, so that there is nothing to look for elsewhere"
        names = ("other_filters", "psf_or_cosmic_ray", "thresholds", "methods")
        return [Finding(name, "inconclusive", "no line", why) for name in names]
    return [
        _elsewhere(best, line, curves[1:]),
        _spike_or_gap(best, line),
        _recipes(best, line),
        _methods(best, line),
    ]


def forced(curve: Curve, at: float, fwhm: float) -> tuple[float, float]:
    """Return height and error, in the unit of the spectrum, of a Gaussian at a wavelength (µm), or NaN."""
    sigma = fwhm / _FWHM
    good = np.isfinite(curve.noise) & np.isfinite(curve.flux) & (np.abs(curve.wavelength - at) < 3.0 * sigma)
    if good.sum() < 2:
        return math.nan, math.nan
    k = np.exp(-0.5 * ((curve.wavelength[good] - at) / sigma) ** 2)
    weight = curve.noise[good] ** -2.0
    power = float((k * k * weight).sum())
    residual = curve.flux[good] - curve.level[good]
    return float((k * residual * weight).sum()) / power, power**-0.5


def _elsewhere(best: Curve, line: Any, others: Sequence[Curve]) -> Finding:
    """Look for the strongest line in other gratings and dithers, where it should be as strong."""
    at, area = float(line["wavelength"]), _height(best, line) * float(line["fwhm"])
    rows: list[tuple[str, ...]] = [("spectrum", "disperser", "expected S/N", "S/N there")]
    shown = absent = 0
    for other in others:
        facts = other.facts
        if facts["flux_unit"] != best.facts["flux_unit"]:
            continue
        lsf = float(
            np.interp(
                at, other.wavelength, lsf_fwhm(facts["instrument"], facts["disperser"], other.wavelength)
            )
        )
        width = max(float(line["fwhm"]), lsf)
        height, error = forced(other, at, width)
        if not math.isfinite(height):
            continue
        expected, found = area / width / error, height / error
        rows.append((str(facts["spectrum"]), str(facts["disperser"]), f"{expected:.1f}", f"{found:.1f}"))
        shown += abs(found) >= SHOWN and found * expected > 0.0
        absent += abs(expected) >= EXPECTED and abs(found) < SHOWN
    if len(rows) == 1:
        return Finding(
            "other_filters",
            "inconclusive",
            "no other spectrum",
            "no other spectrum covers its strongest line",
        )
    outcome: Outcome = "pass" if shown else "fail" if absent else "inconclusive"
    reason = {
        "pass": "its strongest line is seen through another disperser or in another exposure",
        "fail": "its strongest line should be seen elsewhere and is not",
    }.get(outcome, "others cover its strongest line and are not deep enough to tell")
    return Finding("other_filters", outcome, f"{shown} of {len(rows) - 1} show it", reason, rows=tuple(rows))


def _height(curve: Curve, line: Any) -> float:
    return forced(curve, float(line["wavelength"]), float(line["fwhm"]))[0]


def _spike_or_gap(best: Curve, line: Any) -> Finding:
    """Ask how much of the line is in one sample, and how far the next detector gap or end is."""
    at = int(np.argmin(np.abs(best.wavelength - line["wavelength"])))
    good = np.flatnonzero(np.isfinite(best.noise))
    ends = [at - int(good[0]), int(good[-1]) - at]
    bad = np.flatnonzero(~np.isfinite(best.noise[good[0] : good[-1] + 1])) + good[0]
    distance = min([*ends, *(np.abs(bad - at).tolist())])
    near = best.residual[max(at - 4, 0) : at + 5] ** 2
    share = float(near.max() / near.sum()) if near.sum() > 0.0 else math.nan
    ratio = float(line["fwhm"]) / float(line["lsf_fwhm"])
    values = (
        Value("share of its (S/N)² in one sample", share, threshold=f"at most {COSMIC_SHARE}"),
        Value("width over the line-spread function's", ratio, threshold=f"at least {NARROWEST}"),
        Value("samples to the next gap or end", float(distance), threshold=f"at least {EDGE_SAMPLES}"),
    )
    spiky = (
        share > COSMIC_SHARE or ratio + 2.0 * float(line["fwhm_err"]) / float(line["lsf_fwhm"]) < NARROWEST
    )
    outcome: Outcome = "fail" if spiky else "pass" if distance >= EDGE_SAMPLES else "inconclusive"
    reason = {
        "fail": "its strongest line is narrower than the spectrograph can make one",
        "pass": "its strongest line is as wide as the spectrograph makes one, away from gaps and ends",
    }.get(outcome, "its strongest line lies beside a gap or an end")
    return Finding("psf_or_cosmic_ray", outcome, f"{share:.2f} of it in one sample", reason, values)


def _recipes(best: Curve, line: Any) -> Finding:
    """Count the recipes of continuum and threshold, of nine, that find the strongest line."""
    wave, facts = best.wavelength, best.facts
    good = np.isfinite(best.noise) & np.isfinite(best.flux)
    scale = float(facts["error_scale"] or 1.0)
    error = np.where(good, best.noise, np.nan) / scale
    fwhm = lsf_fwhm(facts["instrument"], facts["disperser"], wave)
    found = []
    for window in WINDOWS:
        base = fit_continuum(np.where(good, best.flux, np.nan), error, good, window=window)
        lines = find_lines(wave, np.where(good, best.flux - base.level, 0.0), base.noise, fwhm).lines
        near = [
            abs(one.snr)
            for one in lines
            if abs(one.wavelength - line["wavelength"]) < max(one.fwhm, line["fwhm"])
        ]
        found += [max(near, default=0.0) >= threshold for threshold in THRESHOLDS]
    share = sum(found) / len(found)
    outcome: Outcome = "pass" if share >= PERSISTENT else "fail" if share < 0.4 else "inconclusive"
    reason = f"found in {sum(found)} of {len(found)} recipes of continuum and threshold"
    value = Value("share of recipes", share, threshold=f"at least {PERSISTENT}")
    return Finding("thresholds", outcome, f"{sum(found)} of {len(found)}", reason, (value,))


def _methods(best: Curve, line: Any) -> Finding:
    """Ask independent line finders: peaks by prominence, and specutils where it is installed."""
    answers = {"scipy.signal.find_peaks, prominence 4": _by_prominence(best, line)}
    asked = []
    try:
        answers["specutils.find_lines_threshold, 4 sigma"] = _by_specutils(best, line)
    except ImportError:
        asked.append("specutils is not installed: pip install 'jwst-vet[spectra]' adds its line finder")
    asked += [f"{name}: {'found' if found else 'not found'}" for name, found in answers.items()]
    agree = sum(answers.values())
    outcome: Outcome = "pass" if agree == len(answers) else "fail" if not agree else "inconclusive"
    reason = f"its strongest line is found by {agree} of {len(answers)} independent line finders"
    return Finding("methods", outcome, f"{agree} of {len(answers)}", reason, asked=tuple(asked))


def _by_prominence(best: Curve, line: Any) -> bool:
    from scipy.signal import find_peaks

    sign = 1.0 if line["line_snr"] > 0 else -1.0
    step = float(np.median(np.diff(best.wavelength)))
    width = max(round(float(line["fwhm"]) / step / 2.0), 1)
    kernel = np.ones(width) / math.sqrt(width)
    peaks, _ = find_peaks(np.convolve(sign * best.residual, kernel, "same"), prominence=4.0)
    return bool(
        (np.abs(best.wavelength[peaks] - line["wavelength"]) <= max(float(line["fwhm"]), 2.0 * step)).any()
    )


def _by_specutils(best: Curve, line: Any) -> bool:
    import warnings

    from astropy import units
    from astropy.nddata import StdDevUncertainty
    from specutils import Spectrum
    from specutils.fitting import find_lines_threshold

    good = np.isfinite(best.noise) & np.isfinite(best.flux)
    spectrum = Spectrum(
        flux=(best.flux - best.level)[good] * units.uJy,
        spectral_axis=best.wavelength[good] * units.um,
        uncertainty=StdDevUncertainty(best.noise[good] * units.uJy),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = find_lines_threshold(spectrum, noise_factor=4)
    if not len(table):
        return False
    return bool((np.abs(table["line_center"].to_value("um") - line["wavelength"]) <= line["fwhm"]).any())
