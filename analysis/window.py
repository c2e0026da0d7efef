"""A window of a frame ready to measure: sky subtracted, small holes filled, noise per pixel beside it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis.background import Sky
from analysis.i2d import Frame
from analysis.noise import pixel_noise

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
LARGEST_HOLE: Final = 1000
"""Invalid islands of up to this many pixels in the footprint are holes, mostly saturated cores (aperpy)."""
_RISE: Final = 0.5
_WITH_DEPTH: Final = 9
"""Islands of fewer pixels have no inside."""
_EIGHT: Final = np.ones((3, 3), bool)


@dataclass(frozen=True, eq=False)
class Window:
    """Pixels of rows y0.. and columns x0.. of a frame; arrays of one shape (ny, nx).

    Attributes
    ----------
    y0, x0 : int
        Where it begins in the frame.
    data : float32
        Image units, sky subtracted; holes are filled from their rim, other invalid pixels 0.
    sigma : float32
        True noise per pixel, image units; positive everywhere.
    outside : bool
        Invalid pixels that are no hole: beyond the footprint, gaps.
    hole : bool
        Invalid islands of 1 to 1000 pixels inside the footprint.
    weight : float32 or None
        WHT as the file gives it.
    """

    y0: int
    x0: int
    data: FloatArray
    sigma: FloatArray
    outside: BoolArray
    hole: BoolArray
    weight: FloatArray | None


def prepare(frame: Frame, sky: Sky, y0: int, y1: int, x0: int, x1: int) -> Window:
    """Read rows y0..y1-1 and columns x0..x1-1 of a frame and make them ready to measure."""
    planes = frame.read(y0, y1, x0, x1)
    sigma = pixel_noise(planes, sky, y0, x0)
    data = np.where(planes.valid, planes.sci - sky.level.window(y0, y1, x0, x1), np.float32(0))
    hole, data = fill_holes(data, planes.valid)
    if hole.any():
        _noise_of_holes(sigma, hole, planes.valid)
    return Window(y0, x0, data, sigma, ~planes.valid & ~hole, hole, planes.wht)


def _noise_of_holes(sigma: FloatArray, hole: BoolArray, valid: BoolArray) -> None:
    """Give pixels of holes, which have no noise of their own, the loudest neighbour's, or the median."""
    row, column = np.nonzero(hole)  # never at the border
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    near = [np.where(valid[row + dy, column + dx], sigma[row + dy, column + dx], 0) for dy, dx in steps]
    loudest = np.max(near, axis=0)
    sigma[row, column] = np.where(loudest > 0, loudest, np.median(sigma[valid]))


def fill_holes(data: FloatArray, valid: BoolArray) -> tuple[BoolArray, FloatArray]:
    """Fill small islands of invalid pixels from the mean of their rim, half of it more per pixel inwards.

    A saturated star without its core would be found as a ring of fragments; with a peak in the core it is one
    source. Islands that touch the window's border may be gaps and stay empty.

    Parameters
    ----------
    data : float32, shape (ny, nx)
        Sky-subtracted pixels.
    valid : bool, shape (ny, nx)
        Pixels with a value.

    Returns
    -------
    hole : bool, shape (ny, nx)
        The pixels filled.
    filled : float32, shape (ny, nx)
        The data with them.
    """
    filled, hole = data, np.zeros(data.shape, bool)
    if valid.all():
        return hole, data
    labels, _ = ndimage.label(~valid, _EIGHT)
    small = np.bincount(labels.ravel()) <= LARGEST_HOLE
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        small[border] = False
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or not small[number]:
            continue
        around = tuple(slice(side.start - 1, side.stop + 1) for side in box)  # no small island is at a border
        island = labels[around] == number
        rim = ndimage.binary_dilation(island, _EIGHT) & valid[around]
        mean = np.float32(data[around][rim].mean(dtype=float)) if rim.any() else np.float32(0)
        if filled is data:
            filled = data.copy()
        filled[around][island] = mean * (1 + _RISE * _depth(island))[island]
        hole[around] |= island
    return hole, filled


def _depth(island: BoolArray) -> FloatArray:
    """Return how far inside an island a pixel lies, pixels; 1 next to the rim."""
    if np.count_nonzero(island) < _WITH_DEPTH:
        return island.astype(np.float32)
    depth: FloatArray = ndimage.distance_transform_edt(island).astype(np.float32)
    return depth
