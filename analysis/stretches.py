"""Stretches: from pixel values to grey levels, with invalid pixels kept apart. Needs numpy alone."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.floating[Any]]

Limits = Callable[[FloatImage, float], tuple[float, float]]
Curve = Callable[[FloatImage, float], FloatImage]


@dataclass(frozen=True)
class Stretch:
    """From values to grey.

    `limits` gives black and white from the valid values and their rms; `curve` bends values brought to 0…1,
    knowing the rms on that scale.
    """

    name: str
    meaning: str
    limits: Limits
    curve: Curve


def clipped_rms(values: FloatImage) -> float:
    """Return the noise of the finite values: 1.4826 MAD after three rounds of 3σ clipping; NaN if empty."""
    kept = values[np.isfinite(values)].astype(float)
    sigma = math.nan
    for _ in range(3):
        if kept.size == 0:
            break
        centre = float(np.median(kept))
        sigma = 1.4826 * float(np.median(np.abs(kept - centre)))
        if sigma <= 0.0:
            break
        kept = kept[np.abs(kept - centre) <= 3.0 * sigma]
    return sigma


def _faint_limits(values: FloatImage, rms: float) -> tuple[float, float]:
    median = float(np.median(values))
    return median - 1.5 * rms, max(float(np.percentile(values, 99.7)), median + 8.0 * rms)


def _percentile_limits(values: FloatImage, _rms: float) -> tuple[float, float]:
    low, high = np.percentile(values, (1.0, 99.7))
    return float(low), float(high)


def _noise_limits(values: FloatImage, rms: float) -> tuple[float, float]:
    median = float(np.median(values))
    return median - 3.0 * rms, median + 7.0 * rms


def _full_limits(values: FloatImage, _rms: float) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def zscale_limits(values: FloatImage, _rms: float = math.nan) -> tuple[float, float]:
    """Return IRAF's zscale limits: a clipped line through 1000 sorted values, slope over contrast 0.25.

    After the description of IRAF's `display` task (National Optical Astronomy Observatories).
    """
    sample = np.sort(values[:: max(1, values.size // 1000)][:1000].astype(float))
    low, high = float(sample[0]), float(sample[-1])
    if sample.size < 5 or high <= low:
        return low, high
    position = np.arange(sample.size, dtype=float)
    kept = np.ones(sample.size, dtype=bool)
    slope, intercept = 0.0, float(np.median(sample))
    for _ in range(5):
        slope, intercept = (float(v) for v in np.polyfit(position[kept], sample[kept], 1))
        residual = sample - (slope * position + intercept)
        fresh = np.abs(residual) <= 2.5 * residual[kept].std()
        if fresh.sum() < max(5, sample.size // 2) or (fresh == kept).all():
            break
        kept = fresh
    middle = (sample.size - 1) // 2
    median = float(np.median(sample))
    return max(low, median - middle * slope / 0.25), min(high, median + middle * slope / 0.25)


def _identity(unit: FloatImage, _rms: float) -> FloatImage:
    return unit


def _asinh(unit: FloatImage, rms: float) -> FloatImage:
    # Linear up to 2.5σ, logarithmic above: noise stays dark, faint arcs show beside bright cores.
    softening = max(2.5 * rms, 0.03)
    return np.arcsinh(unit / softening) / math.asinh(1.0 / softening)


def _sqrt(unit: FloatImage, _rms: float) -> FloatImage:
    return np.sqrt(unit)


def _log(unit: FloatImage, _rms: float) -> FloatImage:
    return np.log1p(999.0 * unit) / math.log(1000.0)


STRETCHES: Mapping[str, Stretch] = {
    stretch.name: stretch
    for stretch in (
        Stretch("asinh", "faint and bright parts together", _faint_limits, _asinh),
        Stretch("percentile", "linear from the 1 to the 99.7 percentile", _percentile_limits, _identity),
        Stretch("zscale", "IRAF's limits about the sky", zscale_limits, _identity),
        Stretch("sqrt", "between linear and asinh", _faint_limits, _sqrt),
        Stretch("log", "the whole range, three decades", _full_limits, _log),
        Stretch("sigma", "linear from -3 to +7 sigma about the sky", _noise_limits, _identity),
        Stretch("linear", "the whole range", _full_limits, _identity),
    )
}
"""Every stretch by name; the first is the default."""


def to_gray(
    image: FloatImage, stretch: str = "asinh", *, reference: FloatImage | None = None
) -> npt.NDArray[np.uint8]:
    """Return grey levels: 0 where the pixel is invalid (NaN), 1 (black) to 255 (white) where valid.

    Parameters
    ----------
    image : array (y, x)
        Pixel values; NaN and infinite ones are invalid.
    stretch : str
        A name in `STRETCHES`.
    reference : array
        Pixels that set black and white, so that two images can be compared; the image's own by default.

    Raises
    ------
    KeyError
        No such stretch.
    """
    kind = STRETCHES[stretch]
    gray = np.zeros(image.shape, dtype=np.uint8)
    valid = np.isfinite(image)
    values = image[valid]
    if values.size == 0:
        return gray
    judged = values if reference is None else reference[np.isfinite(reference)]
    judged = judged if judged.size else values
    rms = clipped_rms(judged)
    low, high = kind.limits(judged, rms)
    span = high - low
    if span > 0.0:
        # float64: the span of float32 values can overflow float32
        bent = kind.curve(np.clip((values.astype(float) - low) / span, 0.0, 1.0), rms / span)
    else:
        bent = np.full(values.shape, 0.5)
    gray[valid] = (1.0 + np.rint(254.0 * bent)).astype(np.uint8)
    return gray
