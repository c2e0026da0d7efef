"""A frame cut into overlapping tiles whose cores cover it once, so that a tile bounds the memory needed."""

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

CORE: Final = 2048
OVERLAP: Final = 256


@dataclass(frozen=True, slots=True)
class Tile:
    """A window to read and the core inside it whose sources it owns; half-open, 0-based pixels of the frame.

    Attributes
    ----------
    y0, y1, x0, x1 : int
        Rows y0..y1-1 and columns x0..x1-1 to read.
    core_y0, core_y1, core_x0, core_x1 : int
        The core: no pixel of the frame is in two cores, none is in no core.
    """

    y0: int
    y1: int
    x0: int
    x1: int
    core_y0: int
    core_y1: int
    core_x0: int
    core_x1: int


def make_tiles(shape: tuple[int, int], core: int = CORE, overlap: int = OVERLAP) -> list[Tile]:
    """Cut a frame.

    Parameters
    ----------
    shape : tuple[int, int]
        (ny, nx) of the frame, pixels.
    core : int
        Longest side of a core, pixels.
    overlap : int
        Margin read around each core where the frame goes on, pixels.

    Returns
    -------
    list[Tile]
        In (y, x) order.

    Raises
    ------
    ValueError
        `core` is not positive or `overlap` is negative.
    """
    if core < 1 or overlap < 0:
        raise ValueError(f"tiles need core >= 1 and overlap >= 0, not {core} and {overlap}")
    ny, nx = shape
    return [
        Tile(
            max(y - overlap, 0),
            min(y_end + overlap, ny),
            max(x - overlap, 0),
            min(x_end + overlap, nx),
            y,
            y_end,
            x,
            x_end,
        )
        for y, y_end in _spans(ny, core)
        for x, x_end in _spans(nx, core)
    ]


def owns(tile: Tile, y: npt.ArrayLike, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell which positions a tile owns: those whose nearest pixel lies in its core.

    Parameters
    ----------
    tile : Tile
        The tile.
    y, x : array of shape (n,)
        0-based positions in the frame, pixels.

    Returns
    -------
    bool array of shape (n,)
        Every position inside the frame is owned by exactly one of `make_tiles`.
    """
    row, column = _nearest(y), _nearest(x)
    inside: npt.NDArray[np.bool_] = (
        (row >= tile.core_y0) & (row < tile.core_y1) & (column >= tile.core_x0) & (column < tile.core_x1)
    )
    return inside


def _nearest(position: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return the pixel a position lies in: pixel i reaches from i - 0.5 to i + 0.5."""
    return np.floor(np.asarray(position, float) + 0.5)


def _spans(length: int, core: int) -> list[tuple[int, int]]:
    """Cut a length into nearly equal spans, none longer than the core."""
    count = -(-length // core)
    edges = [length * index // count for index in range(count + 1)]
    return list(itertools.pairwise(edges))
