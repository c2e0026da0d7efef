"""Sources of a window: smoothed, cut at a threshold, deblended; the threshold from the image turned over.

Extraction is SEP's (Barbary 2016; Bertin & Arnouts 1996). The pixels of blended sources are shared out anew
by flooding from their peaks, because SEP shares them by lot, and the draw depends on all else in the window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep
from scipy import ndimage

from analysis.blends import find_peaks, local_maxima, share_pixels

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
MIN_AREA: Final = 5
"""Fewest connected pixels above the threshold."""
NOMINAL: Final = 3.0
"""The user's threshold at which at most `FALSE_SHARE` of the detections are false."""
FALSE_SHARE: Final = 0.01
PEAK_SHARE: Final = 0.1
"""Local maxima fainter than this share of the peak are not counted."""
DEBLEND_CONTRAST: Final = 1e-3
LEAST_DIP: Final = 0.5
"""A peak that rises over the saddle to a brighter one by less than this many thresholds is not a source:
noise alone, about a third of a threshold in the smoothed image, breaks every faint disc into pieces."""
_LADDER: Final = np.round(np.arange(1.2, 4.01, 0.05), 2)
_KERNEL_FWHM: Final = (2.0, 3.5)
_DEBLEND_LEVELS: Final = 32
_PIXSTACK: Final = (20_000, 30_000_000)
_SUB_OBJECTS: Final = (4096, 65_536)
_LEAST_LEVELS: Final = 8
_LEAST_SIDE: Final = 32
_EIGHT: Final = np.ones((3, 3), bool)
_FIVE_BY_FIVE: Final = sorted(
    ((dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if (dy, dx) != (0, 0)),
    key=lambda step: (step[0] ** 2 + step[1] ** 2, step),
)


class DetectionError(Exception):
    """SEP gave up on a window after every way round its limits was tried."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Sources of one window; arrays of shape (n,), positions 0-based in the window.

    Attributes
    ----------
    segments : int32, shape (ny, nx)
        0 on sky, i + 1 on the pixels of source i.
    x, y : float64
        Barycentre of the smoothed pixels.
    x_peak, y_peak : int64
        Brightest smoothed pixel.
    a, b, theta : float64
        Root of the second moments along both axes, pixels; angle of the longer one from +x towards +y,
        radians.
    peak : float64
        Brightest unsmoothed pixel, image units.
    n_pixels, n_peaks : int64
        Pixels above the threshold; local maxima of the smoothed image among them, 5 px or more apart and at
        least a tenth as bright as the peak.
    blended : bool
        Shares its island with another source.
    """

    segments: npt.NDArray[np.int32]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    x_peak: npt.NDArray[np.int64]
    y_peak: npt.NDArray[np.int64]
    a: npt.NDArray[np.float64]
    b: npt.NDArray[np.float64]
    theta: npt.NDArray[np.float64]
    peak: npt.NDArray[np.float64]
    n_pixels: npt.NDArray[np.int64]
    n_peaks: npt.NDArray[np.int64]
    blended: BoolArray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of a frame.

    Attributes
    ----------
    k : float
        Threshold, in units of the noise per pixel, that the user's 3.0 stands for.
    value : float
        The threshold used: k times the user's value over 3.
    false_rate : float
        Detections in the frame turned over, divided by those in the frame, at `value`; 0 where both are none.
    clean : bool
        Whether any step was as clean as 3.0 promises.
    """

    k: float
    value: float
    false_rate: float
    clean: bool


def smoothing_kernel(fwhm_px: float) -> FloatArray:
    """Return one axis (k,) of a Gaussian as wide as the PSF, 2.0 to 3.5 px, of sum 1; NaN: 2.5 px."""
    fwhm = float(np.clip(2.5 if math.isnan(fwhm_px) else fwhm_px, *_KERNEL_FWHM))
    reach = math.ceil(1.5 * fwhm)
    axis = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 2.3548 / fwhm) ** 2)
    return (axis / axis.sum()).astype(np.float32)


def smooth(data: FloatArray, kernel: FloatArray) -> FloatArray:
    """Convolve (ny, nx), any unit, with a separable kernel (k,) along both axes; 0 beyond the border."""
    rows = ndimage.correlate1d(data, kernel, axis=0, mode="constant")
    smoothed: FloatArray = ndimage.correlate1d(rows, kernel, axis=1, mode="constant")
    return smoothed


def calibrate(
    windows: Sequence[tuple[FloatArray, FloatArray]], kernel: FloatArray, detection_threshold: float
) -> Threshold:
    """Find the threshold from the image turned over, where everything found is false.

    k is the lowest of a ladder from 1.2 to 4 at which the islands of the negative image are at most 1 % of
    those of the positive one. Where no step is that clean, as among the lanes and knots of a nebula, it is
    the lowest with a single false island, and at most 3 sigma per pixel.

    Parameters
    ----------
    windows : sequence of (data, sigma), float32 (ny, nx) each
        Background-subtracted pixels, 0 where invalid, and their noise.
    kernel : float32, shape (k,)
        From `smoothing_kernel`.
    detection_threshold : float
        The user's value; 3.0 means k itself.

    Returns
    -------
    Threshold
        Its false rate is measured at the user's own value.
    """
    k, clean = choose_k([island_heights(data, sigma, kernel) for data, sigma in windows])
    value = k * detection_threshold / NOMINAL
    counts = [count_islands(data, sigma, kernel, value) for data, sigma in windows]
    return Threshold(k, value, false_rate(counts), clean)


def island_heights(data: FloatArray, sigma: FloatArray, kernel: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the thresholds up to which the islands of a window and of its negative survive.

    Two float32 arrays of shape (n,), one value per island of at least 5 pixels above 1.2, in units of the
    noise per pixel: its fifth-brightest smoothed pixel. Arguments as for `calibrate`.
    """
    smoothed = smooth(data, kernel) / sigma
    return _island_heights(smoothed, float(_LADDER[0])), _island_heights(-smoothed, float(_LADDER[0]))


def choose_k(heights: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[float, bool]:
    """Return the lowest clean step of the ladder, in units of the noise per pixel, and whether any is clean.

    `heights` are pairs of arrays of shape (n,), as `island_heights` returns them, one for each window.
    """
    found = np.sort(np.concatenate([positive for positive, _ in heights]))
    false = np.sort(np.concatenate([negative for _, negative in heights]))
    n_found = len(found) - np.searchsorted(found, _LADDER)
    n_false = len(false) - np.searchsorted(false, _LADDER)
    share = np.where(n_found > 0, n_false / np.maximum(n_found, 1), np.where(n_false > 0, np.inf, 0.0))
    clean = np.flatnonzero(share <= FALSE_SHARE)
    few = np.flatnonzero(n_false <= 1)
    k = float(_LADDER[clean[0]]) if clean.size else min([NOMINAL, *_LADDER[few[:1]].tolist()])
    return k, bool(clean.size)


def count_islands(
    data: FloatArray, sigma: FloatArray, kernel: FloatArray, threshold: float
) -> tuple[int, int]:
    """Count the islands of a window (ny, nx) and of its negative above a threshold, in sigmas per pixel."""
    smoothed = smooth(data, kernel) / sigma
    return _count_islands(smoothed, threshold), _count_islands(-smoothed, threshold)


def false_rate(counts: Sequence[tuple[int, int]]) -> float:
    """Return islands of the negatives over those of the windows, 0 and more; 0 where both are none."""
    found, false = (sum(column) for column in zip(*counts, strict=True))
    return false / found if found else float(false > 0)


def _island_heights(normalised: FloatArray, floor: float) -> npt.NDArray[Any]:
    """Return the fifth-brightest pixel of each island above a floor: the threshold it survives."""
    labels, n = ndimage.label(normalised > floor, _EIGHT)
    inside = np.flatnonzero(labels)
    island, value = labels.ravel()[inside], normalised.ravel()[inside]
    order = np.lexsort((-value, island))
    sizes = np.bincount(island, minlength=n + 1)[1:]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if n else np.empty(0, np.int64)
    large = sizes >= MIN_AREA
    return value[order][starts[large].astype(np.int64) + MIN_AREA - 1]


def _count_islands(normalised: FloatArray, threshold: float) -> int:
    """Count islands of at least `MIN_AREA` connected pixels above a threshold."""
    labels, n = ndimage.label(normalised > threshold, _EIGHT)
    return int(np.count_nonzero(np.bincount(labels.ravel(), minlength=n + 1)[1:] >= MIN_AREA))


def detect(
    data: FloatArray,
    sigma: FloatArray,
    bad: BoolArray,
    kernel: FloatArray,
    threshold: float,
    deblend_contrast: float = DEBLEND_CONTRAST,
) -> Detections:
    """Find the sources of a window.

    Parameters
    ----------
    data : float32, shape (ny, nx)
        Background-subtracted pixels, 0 where bad.
    sigma : float32, shape (ny, nx)
        Noise per pixel, positive.
    bad : bool, shape (ny, nx)
        Pixels without a value.
    kernel : float32, shape (k,)
        From `smoothing_kernel`.
    threshold : float
        In units of `sigma`, applied to the smoothed data.
    deblend_contrast : float
        Least share of an island's light that makes a peak a source of its own.

    Returns
    -------
    Detections
        In no particular order.

    Raises
    ------
    DetectionError
        SEP's limits were exceeded however high they were set.
    """
    if min(data.shape) < 3:  # no room for a source, and SEP's filter reads beyond such a window
        return _measure(data, data, np.zeros(data.shape, np.int32), np.zeros(0, bool), np.zeros(0, np.int64))
    smoothed = smooth(data, kernel)
    n_above = int(np.count_nonzero(smoothed > threshold * sigma))
    segments = _extract(smoothed, sigma, bad, threshold, deblend_contrast, n_above)
    peaks = find_peaks(smoothed, segments, int(segments.max(initial=0)))
    least_dip = np.float32(LEAST_DIP * threshold) * sigma.ravel()[peaks]
    segments, blended, stays = share_pixels(smoothed, segments, peaks, least_dip)
    number = np.concatenate([np.zeros(1, np.int32), np.cumsum(stays, dtype=np.int32)])
    return _measure(data, smoothed, number[segments], blended[stays], peaks[stays])


def _extract(
    smoothed: FloatArray,
    sigma: FloatArray,
    bad: BoolArray,
    threshold: float,
    contrast: float,
    n_above: int,
) -> npt.NDArray[np.int32]:
    """Run SEP on the smoothed image, raising its limits on demand; last, on its four quarters.

    They are global to the process, so each call sets them. SEP smooths nothing itself: this is its filter
    type "conv", done once and separably; "matched" takes the noise for white and finds it by the thousand.
    """
    pixstack = int(np.clip(1.3 * n_above + 1000, *_PIXSTACK))
    limit, levels = _SUB_OBJECTS[0], _DEBLEND_LEVELS
    while True:
        sep.set_extract_pixstack(pixstack)
        sep.set_sub_object_limit(limit)
        try:
            _, segments = sep.extract(
                smoothed,
                threshold,
                err=sigma,
                mask=bad,
                minarea=MIN_AREA,
                filter_kernel=None,
                deblend_nthresh=levels,
                deblend_cont=contrast,
                clean=False,  # cleaning deletes faint sources near bright ones
                segmentation_map=True,
            )
        except Exception as error:  # SEP raises plain Exception
            text = str(error).lower()
            if "pixel buffer full" in text and pixstack < _PIXSTACK[1]:
                pixstack = min(4 * pixstack, _PIXSTACK[1])
            elif "deblending overflow" in text and limit < _SUB_OBJECTS[1]:
                limit = min(4 * limit, _SUB_OBJECTS[1])
            elif "deblending overflow" in text and levels > _LEAST_LEVELS:
                levels //= 2
            elif "deblending overflow" in text or "pixel buffer full" in text:
                return _extract_quarters(smoothed, sigma, bad, threshold, contrast)
            else:
                raise DetectionError(" ".join(str(error).split())) from error
        else:
            return np.ascontiguousarray(segments, dtype=np.int32)


def _extract_quarters(
    smoothed: FloatArray, sigma: FloatArray, bad: BoolArray, threshold: float, contrast: float
) -> npt.NDArray[np.int32]:
    """Extract each quarter of a window by itself.

    What the seams cut in two is joined again when pixels are shared: no dip lies between the halves.
    """
    ny, nx = smoothed.shape
    if min(ny, nx) < 2 * _LEAST_SIDE:
        raise DetectionError("deblending overflows at every limit tried; raise detection_threshold")
    segments, n = np.zeros(smoothed.shape, np.int32), 0
    for rows in (slice(0, ny // 2), slice(ny // 2, ny)):
        for columns in (slice(0, nx // 2), slice(nx // 2, nx)):
            image = np.ascontiguousarray(smoothed[rows, columns])
            noise = np.ascontiguousarray(sigma[rows, columns])
            n_above = int(np.count_nonzero(image > threshold * noise))
            masked = np.ascontiguousarray(bad[rows, columns])
            found = _extract(image, noise, masked, threshold, contrast, n_above)
            segments[rows, columns] = np.where(found > 0, found + n, 0)
            n += int(found.max(initial=0))
    return segments


def _measure(
    data: FloatArray,
    smoothed: FloatArray,
    segments: npt.NDArray[np.int32],
    blended: BoolArray,
    peaks: npt.NDArray[np.int64],
) -> Detections:
    """Measure moments, peaks and areas of every segment at once, relative to its peak against rounding."""
    n, nx = len(peaks), data.shape[1]
    y_peak, x_peak = peaks // nx, peaks % nx
    pixels = np.flatnonzero(segments)
    owner = segments.ravel()[pixels] - 1
    dy = (pixels // nx - y_peak[owner]).astype(np.float64)
    dx = (pixels % nx - x_peak[owner]).astype(np.float64)
    weight = np.maximum(smoothed.ravel()[pixels], 0).astype(np.float64)

    def total(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(owner, values, minlength=n).astype(np.float64)

    flux = np.maximum(total(weight), np.finfo(float).tiny)
    mx, my = total(weight * dx) / flux, total(weight * dy) / flux
    xx = total(weight * dx**2) / flux - mx**2
    yy = total(weight * dy**2) / flux - my**2
    xy = total(weight * dx * dy) / flux - mx * my
    thin = xx * yy - xy**2 < 0.00694  # less than a pixel wide: 1/12 is a pixel's own second moment
    xx, yy = np.maximum(xx, 0) + thin / 12, np.maximum(yy, 0) + thin / 12
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    bright = np.flatnonzero(smoothed.ravel()[pixels] >= PEAK_SHARE * smoothed.ravel()[peaks][owner])
    maxima = bright[local_maxima(smoothed, pixels[bright], _FIVE_BY_FIVE)]
    peak = np.full(n, -np.inf)
    np.maximum.at(peak, owner, data.ravel()[pixels])
    return Detections(
        segments=segments,
        x=x_peak + mx,
        y=y_peak + my,
        x_peak=x_peak,
        y_peak=y_peak,
        a=np.sqrt(middle + half),
        b=np.sqrt(np.maximum(middle - half, 1e-3)),
        theta=np.arctan2(2 * xy, xx - yy) / 2,
        peak=peak,
        n_pixels=np.bincount(owner, minlength=n),
        n_peaks=np.maximum(np.bincount(owner[maxima], minlength=n).astype(np.int64), 1),
        blended=blended,
    )
