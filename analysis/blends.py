"""Pixels of an island shared among its sources by flooding from their peaks, wherever the window begins."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_NEIGHBOURS: Final = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_COMPANY: Final = 5
_EIGHT: Final = np.ones((3, 3), bool)


def find_peaks(
    smoothed: npt.NDArray[np.float32], segments: npt.NDArray[np.int32], n: int
) -> npt.NDArray[np.int64]:
    """Find the peak of every segment.

    SEP's own peak can be a pixel on a brighter neighbour's flank that the lot gave to the segment. A source's
    peak is a local maximum with most of its surroundings in the same segment.

    Parameters
    ----------
    smoothed : float32, shape (ny, nx)
        The smoothed image.
    segments : int32, shape (ny, nx)
        0 on sky, i + 1 on the pixels of source i; every source has one.
    n : int
        How many sources.

    Returns
    -------
    int64, shape (n,)
        Flat indices.
    """
    nx = segments.shape[1]
    pixels = np.flatnonzero(segments)
    value, owner = smoothed.ravel()[pixels], segments.ravel()[pixels]
    around = np.pad(segments, 1)
    tops = local_maxima(smoothed, pixels, _NEIGHBOURS)
    row, column = pixels[tops] // nx + 1, pixels[tops] % nx + 1
    company = np.zeros(tops.size, np.int8)
    for dy, dx in _NEIGHBOURS:
        company += around[row + dy, column + dx] == owner[tops]
    grade = np.zeros(pixels.size, np.int8)
    grade[tops] = 1 + (company >= _COMPANY)
    best = np.zeros(n + 1, np.int8)
    np.maximum.at(best, owner[tops], grade[tops])
    kept = np.flatnonzero(grade == best[owner])  # all pixels of a source without a maximum, else its tops
    order = kept[np.lexsort((pixels[kept], -value[kept], owner[kept]))]
    first = np.searchsorted(owner[order], np.arange(1, n + 1))
    return pixels[order][first]


def local_maxima(
    image: npt.NDArray[np.float32],
    pixels: npt.NDArray[np.int64],
    neighbours: Sequence[tuple[int, int]],
) -> npt.NDArray[np.int64]:
    """Find which pixels no neighbour outshines.

    Parameters
    ----------
    image : float32, shape (ny, nx)
        The image; beyond its border there is nothing.
    pixels : int64, shape (n,)
        Flat indices.
    neighbours : sequence of (dy, dx)
        Steps to the pixels compared with.

    Returns
    -------
    int64, shape (m,)
        Places in `pixels`, ascending.
    """
    reach = max(max(abs(dy), abs(dx)) for dy, dx in neighbours)
    padded = np.pad(image, reach, constant_values=-np.inf)
    width = padded.shape[1]
    flat = padded.ravel()
    nx = image.shape[1]
    left = np.arange(pixels.size)
    place = (pixels // nx + reach) * width + pixels % nx + reach
    value = flat[place]
    for dy, dx in neighbours:  # most fall at the first steps, and are not looked at again
        keep = value >= flat[place + dy * width + dx]
        left, place, value = left[keep], place[keep], value[keep]
    return left


def share_pixels(
    smoothed: npt.NDArray[np.float32],
    segments: npt.NDArray[np.int32],
    peaks: npt.NDArray[np.int64],
    least_dip: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Share out every island that holds several sources.

    Each pixel climbs to a local maximum; the basins of maxima that are no source join, highest saddle first,
    the source they touch: a watershed with markers (Meyer 1994). A source that rises over its highest saddle
    to a brighter one by less than its `least_dip` is that one's: noise alone makes such dips in a faint disc.

    Parameters
    ----------
    smoothed : float32, shape (ny, nx)
        The smoothed image.
    segments : int32, shape (ny, nx)
        0 on sky, i + 1 on the pixels first given to source i.
    peaks : int64, shape (n,)
        Flat index of each source's peak, from `find_peaks`.
    least_dip : float32, shape (n,)
        Of each source, in units of the smoothed image; 0 keeps it whatever it is.

    Returns
    -------
    segments : int32, shape (ny, nx)
        The same islands, shared anew among the sources that stay; numbers as before.
    blended : bool, shape (n,)
        Whether a source shares its island with another that stays.
    stays : bool, shape (n,)
        Whether it is a source of its own.
    """
    n = len(peaks)
    islands, n_islands = ndimage.label(segments > 0, _EIGHT)
    home = islands.ravel()[peaks] if n else np.empty(0, np.int64)
    blended = np.bincount(home, minlength=n_islands + 1)[home] > 1
    shared = np.zeros(n_islands + 1, bool)
    shared[home[blended]] = True
    shared[0] = False
    pixels = np.flatnonzero(shared[islands.ravel()])
    if not pixels.size:
        return segments, blended, np.ones(n, bool)
    order = np.full(segments.size, -1, np.int64)
    order[pixels] = np.arange(pixels.size)
    links = _links(pixels, order, segments.shape)
    value = smoothed.ravel()[pixels]
    seeds = order[peaks[blended]]
    basin = _climb(value, links, seeds)
    roots, basin = np.unique(basin, return_inverse=True)
    marker = np.zeros(len(roots), np.int64)
    marker[np.searchsorted(roots, seeds)] = np.flatnonzero(blended) + 1
    top = np.append(smoothed.ravel()[peaks], -np.inf)[marker - 1]
    dip = np.append(least_dip, 0.0)[marker - 1]
    marker = _flood(value, links, basin, marker, top, dip)
    result = segments.copy()
    result.ravel()[pixels] = marker[basin]
    stays = ~blended
    stays[marker[marker > 0] - 1] = True
    company = np.bincount(home[stays], minlength=n_islands + 1)
    return result, (company[home] > 1) & stays, stays


def _links(
    pixels: npt.NDArray[np.int64], order: npt.NDArray[np.int64], shape: tuple[int, ...]
) -> npt.NDArray[np.int64]:
    """Return the eight neighbours of each pixel as places in `pixels`, -1 for none: shape (8, n)."""
    ny, nx = shape
    y, x = pixels // nx, pixels % nx
    links = np.full((len(_NEIGHBOURS), pixels.size), -1, np.int64)
    for row, (dy, dx) in enumerate(_NEIGHBOURS):
        inside = (y + dy >= 0) & (y + dy < ny) & (x + dx >= 0) & (x + dx < nx)
        links[row, inside] = order[pixels[inside] + dy * nx + dx]
    return links


def _climb(
    value: npt.NDArray[Any], links: npt.NDArray[np.int64], seeds: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Send every pixel up its steepest neighbour to the top; seeds are tops."""
    best = np.arange(value.size)
    height = value.copy()
    for neighbour in links:
        there = np.where(neighbour >= 0, value[neighbour], -np.inf)
        higher = there > height
        best = np.where(higher, neighbour, best)
        height = np.where(higher, there, height)
    best[seeds] = seeds
    while not np.array_equal(further := best[best], best):
        best = further
    return best


def _flood(
    value: npt.NDArray[Any],
    links: npt.NDArray[np.int64],
    basin: npt.NDArray[np.int64],
    marker: npt.NDArray[np.int64],
    height: npt.NDArray[Any],
    least_dip: npt.NDArray[Any],
) -> npt.NDArray[np.int64]:
    """Join basins over their highest saddles, of two sources only where the lower one's dip is small.

    `marker`, `height` and `least_dip` are of basins: the source of each, 0 for none, its peak, and how far
    that must rise over a saddle to stay. Returns each basin's source.
    """
    first, second, saddle = [], [], []
    for neighbour in links[4:]:
        here = np.flatnonzero(neighbour >= 0)
        there = neighbour[here]
        differ = basin[here] != basin[there]
        here, there = here[differ], there[differ]
        first.append(np.minimum(basin[here], basin[there]))
        second.append(np.maximum(basin[here], basin[there]))
        saddle.append(np.minimum(value[here], value[there]))
    low, high, level = np.concatenate(first), np.concatenate(second), np.concatenate(saddle)
    order = np.lexsort((-level, high, low))
    low, high, level = low[order], high[order], level[order]
    top = np.ones(low.size, bool)
    top[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    low, high, level = low[top], high[top], level[top]
    order = np.lexsort((high, low, -level))
    parent = list(range(len(marker)))
    source, peak, dip = marker.tolist(), height.tolist(), least_dip.tolist()

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b, saddle_at in zip(low[order].tolist(), high[order].tolist(), level[order].tolist(), strict=True):
        one, other = find(a), find(b)
        if one == other:
            continue
        if (peak[one], -source[one]) < (peak[other], -source[other]):
            one, other = other, one
        if not source[other] or peak[other] - saddle_at < dip[other]:
            parent[other] = one
    return np.array([source[find(node)] for node in range(len(marker))], dtype=np.int64)
