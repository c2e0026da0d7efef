"""What no sky can look like through the PSF: pixels that no sources, however many, can make."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from analysis.checks.surroundings import View
from analysis.psf import psf

Array = npt.NDArray[np.float64]

HALF: Final = 5
"""Compared are 11 by 11 pixels around the place."""
_PER_PIXEL: Final = 2
"""Places of model sources per pixel and axis, to one pixel beyond the square."""
_NEAR: Final = 3
_BOX: Final = 5
_MOST_STEPS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Misfit:
    """How badly the best sky fits in the worst 5 by 5 pixels within 3 px of the place.

    `chi2` is the sum of squared residuals there in units of the pixels' noise; `share` the root of that over
    the root of the summed squares of the pixels: the part of the light, 0..1, that no sky explains. NaN where
    the filter's PSF is unknown or too few pixels are valid.
    """

    chi2: float = math.nan
    share: float = math.nan


def misfit(view: View) -> Misfit:
    """Fit the pixels around a place by point sources of any non-negative flux, two per pixel and axis.

    Whatever is on the sky, a star, a galaxy, a crowd, is a sum of non-negative point sources seen through
    the PSF; the best such sum is found by non-negative least squares (Lawson & Hanson 1974). A cosmic ray or
    a hot pixel was not seen through it: where the PSF is sampled at all, its border is too sharp for any sum.
    Two numbers are needed: chi2 says that the residual is not noise, the share that it is not an error of
    the PSF of some per cent, which in a bright star is highly significant too.

    Parameters
    ----------
    view : View
        Of the frame in question.

    Returns
    -------
    Misfit
    """
    square = _square(view)
    if square is None:
        return Misfit()
    data, good = square
    try:
        model = _sources(view.facts.filter, round(view.scale, 5))
    except ValueError:
        return Misfit()
    try:
        fluxes, _ = optimize.nnls(model * good.ravel()[:, None], data.ravel(), maxiter=_MOST_STEPS)
    except RuntimeError:  # no convergence: nothing is known
        return Misfit()
    left = (data.ravel() - (model @ fluxes) * good.ravel()).reshape(data.shape)
    inner = np.s_[HALF - _NEAR : HALF + _NEAR + 1, HALF - _NEAR : HALF + _NEAR + 1]
    box = np.ones((_BOX, _BOX))
    chi2 = ndimage.convolve(left**2, box, mode="constant")[inner]
    light = ndimage.convolve(data**2, box, mode="constant")[inner]
    worst = np.unravel_index(chi2.argmax(), chi2.shape)
    return Misfit(float(chi2[worst]), math.sqrt(chi2[worst] / max(light[worst], 1e-12)))


def _square(view: View) -> tuple[Array, Array] | None:
    """Return the pixels around the place over their noise, 0 where invalid, and 1 over the noise there."""
    window = view.window
    if window is None or not view.covers:
        return None
    side = 2 * HALF + 1
    data, good = np.zeros((side, side)), np.zeros((side, side))
    row, column = round(view.row) - HALF, round(view.column) - HALF
    ny, nx = window.data.shape
    y0, y1, x0, x1 = max(row, 0), min(row + side, ny), max(column, 0), min(column + side, nx)
    here, there = np.s_[y0 - row : y1 - row, x0 - column : x1 - column], np.s_[y0:y1, x0:x1]
    valid = ~(window.outside | window.hole)[there] & (window.sigma[there] > 0)
    if valid.sum() < side * side // 2:
        return None
    good[here] = np.where(valid, 1.0 / np.where(valid, window.sigma[there], 1.0), 0.0)
    data[here] = np.where(valid, window.data[there], 0.0) * good[here]
    return data, good


@lru_cache(maxsize=16)
def _sources(filter_name: str, scale: float) -> Any:
    """Return the square's pixels, shape (121, n), of n sources of unit flux; ValueError: no such PSF."""
    reach = HALF + 1
    side = 4 * reach + 5
    image = psf(filter_name, scale, side, drizzled=True)
    places = np.arange(-reach, reach + 1e-9, 1.0 / _PER_PIXEL)
    at_y, at_x = (axis.ravel() for axis in np.meshgrid(places, places, indexing="ij"))
    rows, columns = (axis.ravel() for axis in np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1])
    middle = (side - 1) / 2
    where = [rows[:, None] - at_y[None, :] + middle, columns[:, None] - at_x[None, :] + middle]
    return ndimage.map_coordinates(image, where, order=3, mode="constant")
