"""A window of a frame ready to measure: sky subtracted, small holes filled, noise per pixel beside it."""

from dataclasses import dataclass
from typing import Any, Final

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
    # A hole has no noise of its own; its rim's is the best there is.
    if hole.any():
        sigma = np.where(hole, ndimage.maximum_filter(np.where(planes.valid, sigma, 0), 3), sigma)
        sigma = np.where(sigma > 0, sigma, np.median(sigma[planes.valid]) if planes.valid.any() else 1)
    return Window(y0, x0, data, sigma.astype(np.float32), ~planes.valid & ~hole, hole, planes.wht)


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
    labels, n = ndimage.label(~valid, _EIGHT)
    if not n:
        return np.zeros(data.shape, bool), data
    small = np.bincount(labels.ravel(), minlength=n + 1) <= LARGEST_HOLE
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        small[border] = False
    small[0] = False
    hole: BoolArray = small[labels]
    if not hole.any():
        return hole, data
    spread: npt.NDArray[Any] = ndimage.maximum_filter(np.where(hole, labels, 0), 3)
    rim = (spread > 0) & valid
    count = np.bincount(spread[rim], minlength=n + 1)
    total = np.bincount(spread[rim], data[rim].astype(float), minlength=n + 1)
    mean = (total / np.maximum(count, 1)).astype(np.float32)
    return hole, np.where(hole, mean[labels] * (1 + _RISE * _depth(labels, small)), data)


def _depth(labels: npt.NDArray[Any], small: BoolArray) -> FloatArray:
    """Return how far inside a small island a pixel lies, pixels; 1 next to the rim, 0 elsewhere."""
    depth = small[labels].astype(np.float32)
    sizes = np.bincount(labels.ravel())
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None and small[number] and sizes[number] >= _WITH_DEPTH:
            island = np.pad(labels[box] == number, 1)
            inner = ndimage.distance_transform_edt(island)[1:-1, 1:-1]
            depth[box] = np.maximum(depth[box], inner)
    return depth
