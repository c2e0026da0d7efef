"""One value per square cell of a frame: cutting into cells, robust values of cells, reading between cells."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

FloatArray = npt.NDArray[np.float32]
_CLIP_SIGMA: Final = 3.0
_ENOUGH: Final = 0.25
"""Share of a cell's pixels that must be sky for the cell to count."""
_SAMPLES: Final = 2048
"""A cell with more pixels than twice this is thinned: neighbours in a drizzled image tell little more."""
_CLIP_CORRECTION: Final = 1.0 / 0.9866
"""A normal distribution cut at 3 sigma has 0.9866 of its standard deviation left."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """One value per square cell of a frame, read between the cells by a cubic B-spline.

    Attributes
    ----------
    step : int
        Side of a cell, pixels.
    cells : float64, shape (my, mx)
        Finite values at the cell centres ((j + 0.5) step - 0.5, (i + 0.5) step - 0.5).
    """

    step: int
    cells: npt.NDArray[np.float64]

    def window(self, y0: int, y1: int, x0: int, x1: int) -> FloatArray:
        """Evaluate on rows y0..y1-1, columns x0..x1-1: float32 (y1 - y0, x1 - x0), in the cells' unit."""
        coefficients = self.cells
        for axis in (0, 1):
            if coefficients.shape[axis] > 1:
                coefficients = ndimage.spline_filter1d(coefficients, 3, axis, mode="mirror")
        rows, j0, j1 = _spline_weights(y0, y1, self.step, coefficients.shape[0])
        columns, i0, i1 = _spline_weights(x0, x1, self.step, coefficients.shape[1])
        return (rows @ coefficients[j0:j1, i0:i1] @ columns.T).astype(np.float32)

    def nearest(self, y: npt.NDArray[Any], x: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the value of the cell each 0-based position (pixels) lies in: shape as given."""
        my, mx = self.cells.shape
        j = np.clip((y / self.step).astype(np.int64), 0, my - 1)
        i = np.clip((x / self.step).astype(np.int64), 0, mx - 1)
        return self.cells[j, i]


def cut_cells(image: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """Cut an image (ny, nx), any unit, into cells: (my, mx, step * step), short cells padded with NaN."""
    ny, nx = image.shape
    if ny % step or nx % step:
        image = np.pad(image, ((0, -ny % step), (0, -nx % step)), constant_values=np.nan)
    my, mx = image.shape[0] // step, image.shape[1] // step
    return image.reshape(my, step, mx, step).swapaxes(1, 2).reshape(my, mx, step * step)


def clipped_statistics(
    values: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return level and noise of many samples, each clipped at 3 sigma about its median until nothing changes.

    Parameters
    ----------
    values : float, shape (..., k)
        Samples along the last axis; NaN is left out.

    Returns
    -------
    level : float64, shape (...)
        2.5 median - 1.5 mean where that is a sane estimate of the mode, else the median (Bertin & Arnouts
        1996, section 3); NaN without a finite value.
    spread : float64, shape (...)
        Standard deviation, corrected for what the clipping of a normal distribution takes away.
    count : int64, shape (...)
        Finite values there were, before clipping.
    """
    shape = values.shape[:-1]
    thinned = values[..., :: max(1, values.shape[-1] // _SAMPLES)]
    flat = np.sort(thinned.reshape(-1, thinned.shape[-1]), axis=-1)
    n = np.count_nonzero(np.isfinite(flat), axis=-1)
    rows = np.arange(len(flat))
    middle = np.where(n > 0, flat[rows, np.maximum(n - 1, 0) // 2], 0.0)
    shifted = np.where(np.isfinite(flat), flat - middle[:, None], 0.0).astype(np.float64)
    sums = np.concatenate([np.zeros((len(flat), 1)), np.cumsum(shifted, axis=-1)], axis=-1)
    squares = np.concatenate([np.zeros((len(flat), 1)), np.cumsum(shifted**2, axis=-1)], axis=-1)
    low, high = np.zeros_like(n), n.copy()
    mean = median = spread = np.zeros(len(flat))
    for _ in range(12):
        kept = np.maximum(high - low, 1)
        mean = (sums[rows, high] - sums[rows, low]) / kept
        spread = np.sqrt(np.maximum((squares[rows, high] - squares[rows, low]) / kept - mean**2, 0.0))
        median = (shifted[rows, (low + kept - 1) // 2] + shifted[rows, low + kept // 2 - (kept == 0)]) / 2
        reach = _CLIP_SIGMA * spread
        inside = (shifted >= (median - reach)[:, None]) & (shifted <= (median + reach)[:, None])
        inside &= np.isfinite(flat)
        new_low = np.where(n > 0, inside.argmax(axis=-1), 0)
        new_high = new_low + inside.sum(axis=-1)
        if np.array_equal(new_low, low) and np.array_equal(new_high, high):
            break
        low, high = new_low, new_high
    sane = np.abs(mean - median) < 0.3 * spread
    level = np.where(sane, 2.5 * median - 1.5 * mean, median) + middle
    level = np.where(n > 0, level, np.nan)
    spread = np.where(n > 0, spread * _CLIP_CORRECTION, np.nan)
    return level.reshape(shape), spread.reshape(shape), np.count_nonzero(np.isfinite(values), axis=-1)


def fill_cells(cells: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fill cells (my, mx) that are NaN from their neighbours, ring by ring, same unit; all NaN becomes 0."""
    filled = cells.copy()
    if not np.isfinite(filled).any():
        return np.zeros_like(filled)
    while not (known := np.isfinite(filled)).all():
        total = ndimage.uniform_filter(np.where(known, filled, 0.0), 3, mode="constant")
        share = ndimage.uniform_filter(known.astype(float), 3, mode="constant")
        reached = ~known & (share > 1e-6)
        filled[reached] = total[reached] / share[reached]
    return filled


def smooth_cells(cells: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fill cells (my, mx), any unit, that hold too small a `share` of sky, 0 to 1; then median of 3 by 3."""
    enough = share >= _ENOUGH
    if not enough.any():
        enough = share >= share.max()
    smooth: npt.NDArray[np.float64] = ndimage.median_filter(
        fill_cells(np.where(enough, cells, np.nan)), 3, mode="nearest"
    )
    return smooth


def _spline_weights(start: int, stop: int, step: int, n: int) -> tuple[npt.NDArray[np.float64], int, int]:
    """Return the weights (stop - start, last - first) of cubic B-spline coefficients first..last-1.

    Source: Unser, Aldroubi & Eden 1993, mirrored at both ends; outside the outermost cell centres the value
    stays what it is there.
    """
    if n == 1:
        return np.ones((stop - start, 1)), 0, 1
    u = np.clip((np.arange(start, stop) + 0.5) / step - 0.5, 0, n - 1)
    base = np.floor(u).astype(np.int64)
    t = u - base
    first, last = max(int(base[0]) - 1, 0), min(int(base[-1]) + 3, n)
    weights = np.zeros((stop - start, last - first))
    basis = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    for offset, weight in zip((-1, 0, 1, 2), basis, strict=True):
        index = np.abs(base + offset)
        index = np.where(index > n - 1, 2 * (n - 1) - index, index)
        np.add.at(weights, (np.arange(stop - start), np.abs(index) - first), weight)
    return weights, first, last
