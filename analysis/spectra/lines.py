"""Lines of a spectrum: matched filters of the line-spread function's width and wider, cosmic rays refused."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.spectra.continuum import median
from analysis.spectra.spectrum import FloatArray

WIDTHS: Final = (1.0, 1.6, 2.6, 4.2, 6.7, 10.0)
"""Template widths in units of the line-spread function's FWHM."""
THRESHOLD: Final = 5.0
"""Least matched-filter S/N of a line."""
EDGE_SAMPLES: Final = 10
"""Samples at both ends in which no line is believed."""
GAP_SAMPLES: Final = 3
"""Runs of invalid samples at least so long are gaps, beside which no line is believed."""
COSMIC_SHARE: Final = 0.85
_FWHM: Final = 2.354820045
_STEP: Final = 1.12
_MOST_PASSES: Final = 12
NARROWEST: Final = 0.72
"""What is surely narrower than this share of the line-spread function never went through the spectrograph."""
SUSPICIOUS: Final = 0.85
"""Narrower than this, what remains beside a line is its misfit, not another component."""
WIDE: Final = 3.3
"""Beyond this many unresolved widths the continuum's fit can make what looks like a line."""
WIDE_THRESHOLD: Final = 8.0
"""Least S/N of so wide a line, which must be emission."""
LIGHT_UM_S: Final = 2.99792458e14
LIGHT_KM_S: Final = 299792.458


@dataclass(frozen=True)
class Line:
    """One line; wavelengths and widths in µm as observed, emission positive.

    Attributes
    ----------
    snr : float
        Amplitude of the best template over its error; negative for absorption.
    fwhm, fwhm_err : float
        As observed, the instrument's width included.
    lsf_fwhm : float
        Of an unresolved line there.
    peak : float
        Height above the continuum, in the unit of the spectrum.
    """

    wavelength: float
    wavelength_err: float
    snr: float
    fwhm: float
    fwhm_err: float
    lsf_fwhm: float
    peak: float
    sample: int

    @property
    def broad(self) -> float:
        """By how many standard deviations it is wider than 2.5 unresolved lines, 0 where it is not."""
        return max(0.0, (self.fwhm - 2.5 * self.lsf_fwhm) / self.fwhm_err)

    @property
    def velocity_fwhm(self) -> float:
        """Width without the instrument's, km/s; 0 where unresolved."""
        own = np.sqrt(max(self.fwhm**2 - self.lsf_fwhm**2, 0.0))
        return float(own / self.wavelength * LIGHT_KM_S)


@dataclass(frozen=True, eq=False)
class Search:
    """What was found: lines by wavelength, spikes refused, and the S/N of narrow and of best templates.

    `narrow` has, per sample, the S/N of the unresolved template, 0 at refused spikes and invalid samples.
    """

    lines: tuple[Line, ...]
    spikes: tuple[float, ...]
    narrow: FloatArray


def find_lines(
    wavelength: FloatArray, residual: FloatArray, noise: FloatArray, fwhm: FloatArray, step_at: int = -1
) -> Search:
    """Find emission and absorption lines.

    For each width w the S/N of a Gaussian k of that width at every sample is Σ(k r/σ²) / √Σ(k²/σ²); it is
    divided by its own robust standard deviation where that exceeds 1 (correlated noise). The best template of
    the strongest sample is a line if its S/N reaches 5; it is subtracted and the next one is looked for. A
    peak whose brightest sample holds more of the (S/N)² than an unresolved line can put into one sample is a
    cosmic ray or a hot pixel, and so is one narrower than the line-spread function allows.

    Parameters
    ----------
    wavelength : float array (n,)
        µm, ascending.
    residual, noise : float arrays (n,)
        Flux − continuum and its error, inf where not valid.
    fwhm : float array (n,)
        Of the line-spread function, µm.
    step_at : int
        The sample of a step of the continuum, beside which no line is believed; -1: none.
    """
    good = np.isfinite(noise)
    weight = np.where(good, noise, 1.0) ** -2.0 * good
    signal = np.where(good, residual, 0.0) * weight
    step = np.gradient(wavelength)
    sigma = fwhm / step / _FWHM  # in samples
    steps = np.round(np.log(sigma) / np.log(_STEP)).astype(int)
    power = _filtered(weight, steps, 2)
    numerator = _filtered(signal, steps, 1)
    snr = numerator / np.sqrt(np.where(power > 0.0, power, np.inf))
    spread = np.array([max(1.0, 1.4826 * float(median(np.abs(s[good])))) for s in snr])
    snr = snr / spread[:, None]
    narrow = np.where(good, snr[0], 0.0)
    state = _State(
        wavelength, signal, weight, np.where(good, residual, 0.0) * np.sqrt(weight), sigma, fwhm, step
    )
    found: list[Line] = []
    spikes: list[int] = []
    best, open_ = np.abs(snr), _allowed(good, step_at)
    for _ in range(_MOST_PASSES):
        peaks = _peaks(np.where(open_, best.max(axis=0), 0.0), sigma)
        if not peaks:
            break
        refused = len(spikes)
        for sample in peaks:
            _settle(state, sample, best, spread, open_, found, spikes)
        if len(spikes) > refused:  # only a spike takes samples away
            power = _filtered(state.weight, steps, 2)
        numerator = _filtered(state.signal, steps, 1)
        best = np.abs(numerator / np.sqrt(np.where(power > 0.0, power, np.inf)) / spread[:, None])
    for sample in spikes:
        reach = int(np.ceil(1.25 * sigma[sample] * _FWHM + 1))
        narrow[max(sample - reach, 0) : sample + reach + 1] = 0.0
    lines = tuple(sorted(_believable(found, wavelength[good]), key=lambda line: line.wavelength))
    return Search(lines, tuple(wavelength[sorted(spikes)].tolist()), narrow)


@dataclass(frozen=True, eq=False)
class _State:
    """What is left of a spectrum while lines are taken out of it, and the widths it is measured with."""

    wavelength: FloatArray
    signal: FloatArray
    weight: FloatArray
    sigmas: FloatArray
    sigma: FloatArray
    fwhm: FloatArray
    step: FloatArray


def _peaks(top: FloatArray, sigma: FloatArray) -> list[int]:
    """Return the samples above the threshold that are highest within a few line widths, highest first."""
    above = np.flatnonzero(top >= THRESHOLD)
    chosen: list[int] = []
    for sample in above[np.argsort(-top[above], kind="stable")].tolist():
        if all(abs(sample - other) > 8.0 * _FWHM * sigma[sample] for other in chosen):
            chosen.append(sample)
    return chosen


def _settle(
    state: _State, sample: int, best: FloatArray, spread: FloatArray, open_: np.ndarray,
    found: list[Line], spikes: list[int],
) -> None:  # fmt: skip
    """Decide what one peak is, a line or a spike, and take it out."""
    kind = int(np.argmax(best[:, sample]))
    line = model = None
    low, high = _window(sample, max(2.0 * WIDTHS[kind] * float(state.sigma[sample]), 3.0), len(open_))
    brightest = low + int(np.argmax(np.abs(state.sigmas[low:high])))
    if _is_spike(state.sigmas, brightest, float(state.sigma[brightest])):
        sample = brightest
    else:
        line, model = _fitted(state, sample, WIDTHS[kind], float(spread[kind]))
        if line is None or model is None:
            open_[sample] = False
            return
        if line.fwhm + 2.0 * line.fwhm_err > NARROWEST * line.lsf_fwhm and line.fwhm > 0.55 * line.lsf_fwhm:
            state.signal[:] -= model * state.weight
            state.sigmas[:] -= model * np.sqrt(state.weight)
            reach = max(1.0, 0.5 * line.fwhm / state.step[sample])
            open_[slice(*_window(sample, reach, len(open_)))] = False
            if abs(line.snr) >= THRESHOLD:
                found.append(line)
            return
    spikes.append(sample)
    around = slice(max(sample - 2, 0), sample + 3)
    drop = np.zeros(len(open_), dtype=bool)
    drop[around] = np.abs(state.sigmas[around]) > 3.0
    state.signal[drop], state.weight[drop], state.sigmas[drop] = 0.0, 0.0, 0.0
    open_[sample] = False


def _filtered(values: FloatArray, steps: npt.NDArray[np.int64], order: int) -> FloatArray:
    """Return Σ v kᵒʳᵈᵉʳ for each template width (rows) and sample, k of unit height.

    The width in samples changes along the spectrum: it is rounded to steps of 12 %, and each step has one
    kernel.
    """
    n = len(values)
    made = np.zeros((len(WIDTHS), n))
    for step in np.unique(steps).tolist():
        rows = np.flatnonzero(steps == step)
        first, last = int(rows[0]), int(rows[-1]) + 1
        whole = last - first == len(rows)
        for place, kernel in enumerate(_kernels(step, order, max(n // 2 - 1, 1))):
            half = len(kernel) // 2
            low, high = max(first - half, 0), min(last + half, n)
            part = values[low:high]
            done = np.convolve(part, kernel, "same") if high - low >= len(kernel) else _short(part, kernel)
            if whole:
                made[place, first:last] = done[first - low : last - low]
            else:
                made[place, rows] = done[rows - low]
    return made


@lru_cache(maxsize=512)
def _kernels(step: int, order: int, longest: int) -> tuple[FloatArray, ...]:
    """Return the templates of every width to a power, for one step of widths in samples."""
    kernels = []
    for width in WIDTHS:
        s = _STEP**step * width
        half = min(int(np.ceil(4.0 * s)), longest)
        kernels.append(np.exp(-0.5 * order * (np.arange(-half, half + 1) / s) ** 2))
    return tuple(kernels)


def _short(values: FloatArray, kernel: FloatArray) -> FloatArray:
    """Convolve where the kernel is longer than the values."""
    full = np.convolve(values, kernel, "full")
    start = len(kernel) // 2
    return full[start : start + len(values)]


def _allowed(good: np.ndarray, step_at: int) -> np.ndarray:
    """Return the samples where a line may be: valid, and away from both ends, from gaps and from a step."""
    allowed = good.copy()
    rows = np.flatnonzero(good)
    if len(rows):
        allowed[: rows[0] + EDGE_SAMPLES] = False
        allowed[max(rows[-1] + 1 - EDGE_SAMPLES, 0) :] = False
    starts = np.flatnonzero(np.diff(rows) > GAP_SAMPLES)
    for start in starts.tolist():
        allowed[max(rows[start] - 2, 0) : rows[start + 1] + 3] = False
    if step_at >= 0:
        allowed[max(step_at - GAP_SAMPLES, 0) : step_at + GAP_SAMPLES + 1] = False
    return allowed


def _is_spike(r_over: FloatArray, sample: int, sigma: float) -> bool:
    """Tell whether a peak has more of its (S/N)² in one sample, or in two, than a line can."""
    reach = max(2, int(np.ceil(2.0 * sigma)))
    low = max(sample - reach, 0)
    part = r_over[low : sample + reach + 1]
    share = np.maximum(part * np.sign(r_over[sample]), 0.0) ** 2
    total = share.sum()
    if total <= 0.0:
        return False
    x = np.arange(-12, 13)
    ideal = np.exp(-((x / sigma) ** 2))
    line_one = float(ideal.max() / ideal.sum())
    limit = (
        max(COSMIC_SHARE, line_one + 0.6 * (1.0 - line_one))
        if sigma < 0.8
        else line_one + 0.6 * (1.0 - line_one)
    )
    if share.max() / total > limit:
        return True
    pairs = share[:-1] + share[1:]
    shifted = np.exp(-(((x - 0.5) / sigma) ** 2))
    line_two = float(np.sort(shifted)[-2:].sum() / shifted.sum())
    return bool(line_two < 0.9 and pairs.max() / total > line_two + 0.75 * (1.0 - line_two))


def _fitted(state: _State, sample: int, kind: float, spread: float) -> tuple[Line | None, FloatArray | None]:
    """Return a line with centre and width where its S/N is highest, and its model; None if it runs away.

    Newton's steps on (centre, width) by parabolas through S/N² at three values of each; errors of a Gaussian
    in white noise are √2 σ / (S/N) for both (Landman, Roussel-Dupré & Tanigawa 1982).
    """
    width, step, lsf = float(state.sigma[sample]) * kind, float(state.step[sample]), float(state.fwhm[sample])
    low, high = _window(sample, 6.0 * width + 6.0, len(state.signal))
    x = np.arange(low, high, dtype=float)
    s, w = state.signal[low:high], state.weight[low:high]
    centre, sigma, least = float(sample), width, lsf / step / _FWHM
    for _ in range(4):
        move = 0.4 * sigma
        centres = np.array([centre - move, centre, centre + move, centre, centre])
        sigmas = np.array([sigma, sigma, sigma, sigma / 1.25, sigma * 1.25])
        k = np.exp(-0.5 * ((x - centres[:, None]) / sigmas[:, None]) ** 2)
        power = (k * k) @ w
        gain = (k @ s) ** 2 / np.where(power > 0.0, power, np.inf)
        centre += _parabola(gain[0], gain[1], gain[2]) * move
        sigma = float(
            np.clip(sigma * 1.25 ** _parabola(gain[3], gain[1], gain[4]), 0.35 * least, 15.0 * least)
        )
    k = np.exp(-0.5 * ((x - centre) / sigma) ** 2)
    power = float((k * k) @ w)
    if abs(centre - sample) > 3.0 * width + 1.0 or power <= 0.0:
        return None, None
    height = float(k @ s) / power
    snr = height * np.sqrt(power) / spread
    if snr == 0.0:
        return None, None
    model = np.zeros_like(state.signal)
    model[low:high] = height * k
    position = float(np.interp(centre, np.arange(len(state.wavelength)), state.wavelength))
    error = np.sqrt(2.0) * sigma * step / abs(snr)
    return Line(position, error, float(snr), sigma * _FWHM * step, error * _FWHM, lsf, height, sample), model


def _parabola(left: float, middle: float, right: float) -> float:
    """Return where a parabola through three values has its maximum, in steps, at most one away."""
    bend = left - 2.0 * middle + right
    if bend >= 0.0:
        return 0.0 if left == right else (1.0 if right > left else -1.0)
    return float(np.clip(0.5 * (left - right) / bend, -1.0, 1.0))


def _window(sample: int, reach: float, n: int) -> tuple[int, int]:
    return max(sample - int(np.ceil(reach)), 0), min(sample + int(np.ceil(reach)) + 1, n)


def _believable(lines: list[Line], wavelength: FloatArray) -> list[Line]:
    """Drop what the continuum's fit or a stronger neighbour explains.

    That is: what is wide and nearer to an end than its width, wide absorption, and what is beside a stronger
    line and much weaker, or of the other sign.
    """
    kept: list[Line] = []
    for line in sorted(lines, key=lambda one: -abs(one.snr)):
        wide = line.fwhm > WIDE * line.lsf_fwhm
        from_end = min(line.wavelength - wavelength[0], wavelength[-1] - line.wavelength)
        if wide and (line.snr < WIDE_THRESHOLD or from_end < line.fwhm):
            continue
        reach = lambda other: 1.5 * max(other.fwhm, line.fwhm)  # noqa: E731, B023
        shadow = any(
            abs(line.wavelength - other.wavelength) < reach(other)
            and (
                abs(line.snr) < 0.12 * abs(other.snr)
                or line.snr * other.snr < 0.0
                or other.fwhm < SUSPICIOUS * other.lsf_fwhm
            )
            for other in kept
        )
        if not shadow:
            kept.append(line)
    return kept
