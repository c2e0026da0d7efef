"""Square stamps around sources, one array for many, neighbours and gaps replaced by the pixel opposite."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from analysis.detection import Detections
from analysis.window import Window

HALVES: Final = (12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256)
"""Half sides there are, pixels."""
_MOST_PIXELS: Final = 4_000_000


@dataclass(frozen=True, eq=False)
class Stamps:
    """Stamps of n sources; arrays of shape (n, side, side), axes (source, y, x), side = 2 half + 1.

    Attributes
    ----------
    index : int64, shape (n,)
        Which sources of the window.
    half : int
        The source's nearest pixel is at (half, half).
    x, y : float64, shape (n,)
        The sources' barycentres in the stamp.
    image : float32
        Sky-subtracted image units; neighbours' and invalid pixels mirrored through the centre, 0 where the
        opposite one is no better.
    sigma : float32
        Noise per pixel, mirrored likewise; 0 where the opposite one is no better.
    own : bool
        The source's own segment.
    foreign : bool
        Pixels that were mirrored.
    invalid : bool
        Pixels without a value in the file, holes included.
    hole : bool
        Holes alone.
    """

    index: npt.NDArray[np.int64]
    half: int
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    image: npt.NDArray[np.float32]
    sigma: npt.NDArray[np.float32]
    own: npt.NDArray[np.bool_]
    foreign: npt.NDArray[np.bool_]
    invalid: npt.NDArray[np.bool_]
    hole: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.index)

    def column(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return stamp rows (n,), pixels, as rows of all stamps standing on each other, SEP's image."""
        return y + np.arange(len(self.index)) * (2 * self.half + 1)

    def canvas(self, planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return planes of shape (n, side, side) as that image: (n side, side)."""
        return planes.reshape(-1, planes.shape[-1])


def half_sides(reach: npt.NDArray[np.float64], largest: int) -> npt.NDArray[np.int64]:
    """Return the smallest half side that holds each reach (n,), pixels, and at most `largest`."""
    sizes = np.array(HALVES)
    chosen = sizes[np.minimum(np.searchsorted(sizes, np.ceil(reach)), len(sizes) - 1)]
    return np.minimum(chosen, max(largest, 1))


def cut_stamps(
    window: Window, found: Detections, halves: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]
) -> Iterator[Stamps]:
    """Cut stamps of the wanted sources, a few million pixels at a time.

    Parameters
    ----------
    window : Window
        The pixels.
    found : Detections
        The sources of that window.
    halves : int64, shape (n,)
        Half side for each source.
    wanted : int64, shape (m,)
        Which sources.
    """
    margin = int(halves[wanted].max(initial=0))
    padded = _padded(window, found, margin)
    for half in np.unique(halves[wanted]):
        of_size = wanted[halves[wanted] == half]
        at_once = max(1, _MOST_PIXELS // (2 * int(half) + 1) ** 2)
        for start in range(0, len(of_size), at_once):
            yield _cut(padded, margin, found, of_size[start : start + at_once], int(half))


def _padded(window: Window, found: Detections, margin: int) -> tuple[npt.NDArray[Any], ...]:
    """Return data, noise, segments and state with a margin: state 1 is invalid, 2 a hole."""
    state = window.outside.astype(np.int8) + 2 * window.hole.astype(np.int8)
    return (
        np.pad(window.data, margin),
        np.pad(window.sigma, margin),
        np.pad(found.segments, margin),
        np.pad(state, margin, constant_values=1),
    )


def _cut(
    padded: tuple[npt.NDArray[Any], ...],
    margin: int,
    found: Detections,
    index: npt.NDArray[np.int64],
    half: int,
) -> Stamps:
    """Cut the stamps of some sources of one size."""
    ny, nx = (length - 2 * margin for length in padded[0].shape)
    row = np.clip(np.floor(found.y[index] + 0.5).astype(np.int64), 0, ny - 1)
    column = np.clip(np.floor(found.x[index] + 0.5).astype(np.int64), 0, nx - 1)
    side = 2 * half + 1
    image, sigma, segments, state = (
        sliding_window_view(plane, (side, side))[row + margin - half, column + margin - half]
        for plane in padded
    )
    own = segments == (index + 1)[:, None, None]
    foreign = ((segments > 0) & ~own) | (state == 1)
    opposite = np.s_[:, ::-1, ::-1]
    for plane in (image, sigma):
        mirrored = np.where(foreign[opposite], np.float32(0), plane[opposite])
        np.copyto(plane, mirrored, where=foreign)
    return Stamps(
        index=index,
        half=half,
        x=found.x[index] - column + half,
        y=found.y[index] - row + half,
        image=image,
        sigma=sigma,
        own=own,
        foreign=foreign,
        invalid=state > 0,
        hole=state == 2,
    )
