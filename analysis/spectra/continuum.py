"""The continuum of a spectrum, its noise, its slope and its strongest step: arrays in, numbers out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from analysis.spectra.spectrum import BoolArray, FloatArray

LONGEST_WINDOW: Final = 101
SHORTEST_WINDOW: Final = 31
CLIP_SIGMAS: Final = 3.0
ROUNDS: Final = 2
LEAST_PART: Final = 12
"""Samples that a side of a step must have to be fitted apart."""
CUT_SNR: Final = 8.0
CUT_RATIO: Final = 0.5
"""A step of that significance and ln(red/blue) is fitted as one."""
_MAD: Final = 1.4826


@dataclass(frozen=True, eq=False)
class Continuum:
    """A smooth continuum and the noise about it.

    Attributes
    ----------
    level : float array (n,)
        In the unit of the flux, at every sample, bridged where samples are not valid.
    noise : float array (n,)
        The file's errors times `error_scale`; inf where not valid.
    error_scale : float
        Robust standard deviation of (flux − level) / error: 1 where the errors are right.
    """

    level: FloatArray
    noise: FloatArray
    error_scale: float


def fit_continuum(
    flux: FloatArray, error: FloatArray, valid: BoolArray, step_at: int = -1, *, window: float = 1.0
) -> Continuum:
    """Fit by a running median, 3σ-clipped twice, then smoothed where that moves no step.

    The window is an eighth of the samples, 31 to 101 of them, so that steps stay steps and lines do not lift
    it. Clipped samples take the level of the round before. Both sides of `step_at` (a sample; -1: none) are
    fitted apart. `window` makes the window longer or shorter by a factor.
    """
    rows = np.flatnonzero(valid)
    values, sigma = flux[rows], error[rows]
    samples = int(window * np.clip(len(rows) // 8, SHORTEST_WINDOW, LONGEST_WINDOW)) | 1
    cut = int(np.searchsorted(rows, step_at)) if step_at >= 0 else 0
    parts = [slice(0, cut), slice(cut, None)] if LEAST_PART < cut < len(rows) - LEAST_PART else [slice(None)]
    level = np.empty(len(rows))
    for part in parts:
        level[part] = _level(values[part], sigma[part], samples)
    scale = float(np.clip(robust_deviation((values - level) / sigma), 0.1, 100.0))
    noise = np.full(len(flux), np.inf)
    noise[rows] = sigma * scale
    return Continuum(np.interp(np.arange(len(flux)), rows, level), noise, scale)


def _level(values: FloatArray, sigma: FloatArray, window: int) -> FloatArray:
    """Return the clipped and smoothed running median of the values."""
    window = min(window, (len(values) - 1) | 1)
    level = clipped = values
    for _ in range(ROUNDS):
        level = _running_median(clipped, window)
        away = (values - level) / sigma
        scale = robust_deviation(away)
        clipped = np.where(np.abs(away) > CLIP_SIGMAS * scale, level, values)
    smooth = gaussian_filter1d(level, window / 8.0, mode="nearest")
    moved = np.abs(level - smooth) > 3.0 * scale * sigma / np.sqrt(window / 4.0)
    return np.where(moved, level, smooth)


def _running_median(values: FloatArray, window: int) -> FloatArray:
    """Return medians of windows a tenth of one apart, joined by straight lines; ends are repeated."""
    half = window // 2
    padded = np.concatenate([np.full(half, values[0]), values, np.full(half, values[-1])])
    centres = np.unique(np.append(np.arange(0, len(values), max(window // 10, 3)), len(values) - 1))
    medians = median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)[centres])
    return np.interp(np.arange(len(values)), centres, medians)


def median(values: FloatArray) -> FloatArray:
    """Return the median along the last axis of values without NaN; numpy's costs thrice as much for few."""
    n = values.shape[-1]
    half = n // 2
    if n % 2:
        return np.asarray(np.partition(values, half)[..., half])
    ordered = np.partition(values, (half - 1, half))
    return np.asarray(0.5 * (ordered[..., half - 1] + ordered[..., half]))


def robust_deviation(values: FloatArray) -> float:
    """Return 1.4826 times the median absolute value about the median."""
    return float(_MAD * median(np.abs(values - median(values))))


@dataclass(frozen=True)
class Step:
    """The strongest step of the continuum: where (µm), red side over blue side, and its significance.

    `ratio` is bounded: where a side is fainter than twice its error, that error stands for it.
    """

    wavelength: float
    ratio: float
    snr: float
    sample: int = -1

    @property
    def cut(self) -> int:
        """The sample at which the continuum is to be fitted in two parts; -1 where the step is too weak."""
        return self.sample if self.snr > CUT_SNR and abs(np.log(self.ratio)) > CUT_RATIO else -1


def strongest_step(wavelength: FloatArray, flux: FloatArray, noise: FloatArray, level: FloatArray) -> Step:
    """Find the step of highest significance between two neighbouring windows of an eighth of the samples.

    Lines are taken out first (samples more than 4σ above the continuum). Means are weighted with inverse
    variances; a step is divided by its error and by the slope that the continuum has anyway.
    """
    good = np.isfinite(noise) & (np.abs(flux - level) < 4.0 * noise)
    wave, values, weight = wavelength[good], flux[good], noise[good] ** -2.0
    n = len(wave)
    side, gap = max(n // 10, 8), max(n // 100, 1)
    if n < 3 * side:
        return Step(float("nan"), float("nan"), 0.0)
    total = np.concatenate([[0.0], np.cumsum(weight)])
    summed = np.concatenate([[0.0], np.cumsum(weight * values)])
    centre = np.arange(side + gap, n - side - gap)

    def mean(start: np.ndarray, stop: np.ndarray) -> tuple[FloatArray, FloatArray]:
        w = total[stop] - total[start]
        return (summed[stop] - summed[start]) / w, w**-0.5

    blue, blue_err = mean(centre - gap - side, centre - gap)
    red, red_err = mean(centre + gap, centre + gap + side)
    snr = (red - blue) / np.hypot(blue_err, red_err)
    low, high = np.maximum(blue, 2.0 * blue_err), np.maximum(red, 2.0 * red_err)
    strength = np.abs(np.log(high / low)) * np.minimum(np.abs(snr), 30.0)
    best = int(np.argmax(strength))
    close = np.arange(max(int(centre[best]) - gap - 10, 6), min(int(centre[best]) + gap + 11, n - 6))
    edge = int(close[np.argmax(np.abs(mean(close, close + 6)[0] - mean(close - 6, close)[0]))])
    sample = int(np.flatnonzero(good)[edge])
    return Step(float(wave[edge]), float(high[best] / low[best]), float(abs(snr[best])), sample)


def slope_and_curvature(
    wavelength: FloatArray, flux: FloatArray, noise: FloatArray, bins: int = 30
) -> tuple[float, float]:
    """Return d ln f / d ln λ and its change, from medians of bins that stand above twice their error.

    A parabola of ln f against ln(λ/λ_mid) is fitted; NaN where fewer than four bins are bright enough.
    """
    rows = np.flatnonzero(np.isfinite(noise))
    number = min(bins, max(len(rows) // 8, 1))
    size = len(rows) // number
    cells = rows[: number * size].reshape(number, size)
    level = median(flux[cells])
    error = 1.25 * median(noise[cells]) / np.sqrt(size)
    centre = wavelength[cells].mean(axis=1)
    bright = level > 2.0 * error
    if bright.sum() < 4:
        return float("nan"), float("nan")
    x = np.log(centre[bright])
    x -= x.mean()
    weight = np.minimum(level[bright] / error[bright], 50.0)
    fit = np.polyfit(x, np.log(level[bright]), 2 if bright.sum() >= 6 else 1, w=weight)
    return float(fit[-2]), float(fit[0]) if len(fit) == 3 else float("nan")
