"""From detections in frames to objects on the sky, and their names: tables in, groups and names out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FLOOR_ARCSEC = 0.15
"""Least matching radius: three times a 0.05″ disagreement between frames aligned apart."""
LARGEST_EXTENT_ARCSEC = 0.5
NAME_RADIUS_ARCSEC = 0.15
_ARCSEC = math.radians(1.0 / 3600.0)


@dataclass(frozen=True)
class FrameFacts:
    """What matching needs to know of a frame; `fwhm_arcsec` is the width of its PSF, NaN where unknown."""

    frame: str
    instrument: str
    filter: str
    fwhm_arcsec: float


@dataclass(frozen=True)
class Objects:
    """Detections grouped into objects, numbered by (dec, ra).

    Attributes
    ----------
    of_source : int array (n_sources,)
        The object of each row of the table given; −1 for a forced measurement.
    ra, dec : float arrays (n_objects,)
        ICRS degrees: the mean of the members weighted by (S/N / FWHM)², S/N between 1 and 100.
    frames : tuple of str
        The frames given, in the order of the columns of `detected`.
    detected : bool array (n_objects, n_frames)
        Which frames hold a detection of the object.
    """

    of_source: IntArray
    ra: FloatArray
    dec: FloatArray
    frames: tuple[str, ...]
    detected: BoolArray


def unit_vectors(ra: Any, dec: Any) -> FloatArray:
    """Return unit vectors (n, 3) of positions in degrees."""
    alpha, delta = np.radians(np.asarray(ra, dtype=float)), np.radians(np.asarray(dec, dtype=float))
    return np.stack([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], axis=-1)


def associate(sources: pd.DataFrame, frames: Sequence[FrameFacts]) -> Objects:
    """Group detections of all frames into objects.

    Two detections of different frames are a pair where each is the other's nearest within the matching
    radius: the larger of 0.15″, half the wider PSF, and half the smaller half-light radius (up to 0.5″, since
    the centres of large galaxies shift with colour). Pairs are joined from the closest on, as long as no
    frame would come twice into an object and the two groups' centres agree within the radius. Last, objects
    whose centres lie within 0.15″ become one, fragments of one frame included: a name and a verdict belong to
    that much sky. The order of rows and of frames changes nothing; exact ties are settled by position.

    Parameters
    ----------
    sources : DataFrame
        Columns frame, ra, dec (ICRS degrees), snr, r50_arcsec and forced; positions must be finite.
    frames : sequence of FrameFacts
        The frames of the sources, and those without any.

    Raises
    ------
    ValueError
        A source's frame is not among the frames, or its position is not finite.
    """
    names = tuple(fact.frame for fact in frames)
    of_source = np.full(len(sources), -1, dtype=np.int64)
    rows = np.flatnonzero(~sources["forced"].to_numpy(dtype=bool))
    table = sources.iloc[rows]
    order = np.lexsort((table["frame"].to_numpy(dtype=str), table["ra"], table["dec"]))
    rows, table = rows[order], table.iloc[order]
    if table.empty:
        return Objects(of_source, np.empty(0), np.empty(0), names, np.zeros((0, len(names)), dtype=bool))
    number = {name: i for i, name in enumerate(names)}
    strangers = sorted(set(table["frame"]) - set(names))
    if strangers:
        raise ValueError(f"sources of frames that were not given: {', '.join(strangers)}")
    vectors = unit_vectors(table["ra"], table["dec"])
    if not np.isfinite(vectors).all():
        raise ValueError("a source has no finite position")
    frame = np.array([number[name] for name in table["frame"]], dtype=np.int64)
    fwhm = np.nan_to_num(np.array([fact.fwhm_arcsec for fact in frames], dtype=float), nan=0.0)[frame]
    extent = 0.5 * np.nan_to_num(table["r50_arcsec"].to_numpy(dtype=float), nan=0.0)
    snr = np.clip(np.nan_to_num(table["snr"].to_numpy(dtype=float), nan=1.0), 1.0, 100.0)
    weights = (snr / np.maximum(fwhm, 0.03)) ** 2
    first, second, radius = _mutual_pairs(vectors, frame, fwhm, np.clip(extent, 0.0, LARGEST_EXTENT_ARCSEC))
    weighted = vectors * weights[:, None]
    group = _unite(weighted, _join(weighted, frame, first, second, radius))
    return _collect(of_source, rows, group, weighted, frame, names)


def _mutual_pairs(
    vectors: FloatArray, frame: IntArray, fwhm: FloatArray, extent: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return mutual nearest pairs (i < j) between frames, closest first, and the radius (arcsec) of each."""
    largest = max(FLOOR_ARCSEC, 0.5 * float(fwhm.max()), float(extent.max()))
    near = cKDTree(vectors).query_pairs(2.0 * math.sin(largest * _ARCSEC / 2.0), output_type="ndarray")
    i, j = near[:, 0].astype(np.int64), near[:, 1].astype(np.int64)
    chord = np.linalg.norm(vectors[i] - vectors[j], axis=1)
    radius = np.maximum(FLOOR_ARCSEC, 0.5 * np.maximum(fwhm[i], fwhm[j]))
    radius = np.maximum(radius, np.minimum(extent[i], extent[j]))
    kept = (frame[i] != frame[j]) & (chord <= radius * _ARCSEC)
    i, j, chord, radius = i[kept], j[kept], chord[kept], radius[kept]
    mutual = _nearest_both_ways(i, j, frame, chord)
    i, j, chord, radius = i[mutual], j[mutual], chord[mutual], radius[mutual]
    low, high = np.minimum(i, j), np.maximum(i, j)
    order = np.lexsort((high, low, chord))
    return low[order], high[order], radius[order]


def _nearest_both_ways(i: IntArray, j: IntArray, frame: IntArray, chord: FloatArray) -> BoolArray:
    """Return which pairs are each other's nearest, each among the detections of the other's frame."""
    seeker, found = np.concatenate([i, j]), np.concatenate([j, i])
    distance = np.concatenate([chord, chord])
    order = np.lexsort((found, distance, frame[found], seeker))
    keys = np.stack([seeker[order], frame[found][order]])
    leads = np.ones(order.size, dtype=bool)
    leads[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    best = np.zeros(order.size, dtype=bool)
    best[order[leads]] = True
    return best[: i.size] & best[i.size :]


def _join(
    weighted: FloatArray, frame: IntArray, first: IntArray, second: IntArray, radius: FloatArray
) -> IntArray:
    """Return each detection's group, named by its lowest row, after joining pairs in the order given."""
    parent = list(range(len(weighted)))
    frames = [{int(f)} for f in frame]
    sums = weighted.copy()

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for i, j, reach in zip(first.tolist(), second.tolist(), radius.tolist(), strict=True):
        a, b = sorted((root(i), root(j)))
        if a == b or frames[a] & frames[b]:
            continue
        if np.linalg.norm(_unit(sums[a]) - _unit(sums[b])) > reach * _ARCSEC:
            continue
        parent[b] = a
        frames[a] |= frames[b]
        sums[a] += sums[b]
    return np.array([root(k) for k in range(len(weighted))], dtype=np.int64)


def _unite(weighted: FloatArray, group: IntArray) -> IntArray:
    """Return groups of which no two centres lie within 0.15″, the closest united first."""
    while True:
        names, index = np.unique(group, return_inverse=True)
        centres = _unit(_sums(weighted, index, len(names)))
        near = cKDTree(centres).query_pairs(FLOOR_ARCSEC * _ARCSEC, output_type="ndarray")
        if not len(near):
            return group
        low, high = near.min(axis=1), near.max(axis=1)
        chord = np.linalg.norm(centres[low] - centres[high], axis=1)
        target = np.arange(len(names))
        moved: set[int] = set()
        for k in np.lexsort((high, low, chord)).tolist():
            pair = {int(low[k]), int(high[k])}
            if not pair & moved:
                moved |= pair
                target[high[k]] = low[k]
        group = names[target][index].astype(np.int64)


def _unit(vectors: FloatArray) -> FloatArray:
    """Return vectors brought to length 1 along their last axis."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _sums(weighted: FloatArray, index: IntArray, count: int) -> FloatArray:
    """Return the sums (count, 3) of the vectors of each group."""
    return np.stack([np.bincount(index, weighted[:, axis], count) for axis in range(3)], axis=1)


def _collect(
    of_source: IntArray,
    rows: IntArray,
    group: IntArray,
    weighted: FloatArray,
    frame: IntArray,
    names: tuple[str, ...],
) -> Objects:
    """Return the objects of grouped detections, numbered by (dec, ra) of their weighted centres."""
    _, index = np.unique(group, return_inverse=True)
    count = int(index.max()) + 1
    x, y, z = _unit(_sums(weighted, index, count)).T
    ra = np.mod(np.degrees(np.arctan2(y, x)), 360.0)
    dec = np.degrees(np.arctan2(z, np.hypot(x, y)))
    order = np.lexsort((ra, dec))
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    of_source[rows] = place[index]
    detected = np.zeros((count, len(names)), dtype=bool)
    detected[place[index], frame] = True
    return Objects(of_source, ra[order], dec[order], names, detected)


def name_of(ra: float, dec: float) -> str:
    """Return a candidate's name from its ICRS position in degrees: ``JWST J110.83751-73.43968``."""
    # adding 0.0 turns a rounded −0.0 into 0.0
    return f"JWST J{round(ra % 360.0, 5) % 360.0:09.5f}{round(dec, 5) + 0.0:+09.5f}"


def carry_names(
    ra: FloatArray,
    dec: FloatArray,
    known: Sequence[tuple[str, float, float]],
    radius_arcsec: float = NAME_RADIUS_ARCSEC,
) -> list[str]:
    """Name objects: the name first given to that place on the sky, else one made of the position.

    Parameters
    ----------
    ra, dec : float arrays (n,)
        ICRS degrees.
    known : sequence of (name, ra, dec)
        Names given before; one name may stand at several positions (its aliases').
    radius_arcsec : float
        A name is carried to the object that is its nearest, and whose nearest it is, within this radius.

    Returns
    -------
    list of str
        One name for each position, no two the same; where two made of positions would be, the later one in
        the order given gets a letter (b, c, …).
    """
    names: list[str | None] = [None] * len(ra)
    taken = {name for name, _, _ in known}
    for i, name in _carried(ra, dec, sorted(known), radius_arcsec):
        names[i] = name
    return [name or next(_free_names(taken, float(ra[i]), float(dec[i]))) for i, name in enumerate(names)]


def _carried(
    ra: FloatArray, dec: FloatArray, known: Sequence[tuple[str, float, float]], radius_arcsec: float
) -> Iterator[tuple[int, str]]:
    """Yield (row, name) of mutual nearest neighbours, each name once, at its closest."""
    if not len(ra) or not known:
        return
    new = unit_vectors(ra, dec)
    old = unit_vectors([k[1] for k in known], [k[2] for k in known])
    new_tree, old_tree = cKDTree(new), cKDTree(old)
    chord, nearest = old_tree.query(new)
    _, back = new_tree.query(old)
    used: set[str] = set()
    for i in np.lexsort((np.arange(len(ra)), chord)).tolist():
        k = int(nearest[i])
        if back[k] == i and chord[i] <= radius_arcsec * _ARCSEC and known[k][0] not in used:
            used.add(known[k][0])
            yield i, known[k][0]


def _free_names(taken: set[str], ra: float, dec: float) -> Iterator[str]:
    """Yield names for a position that nobody bears, and take them."""
    plain = name_of(ra, dec)
    for letter in ("", *"bcdefghijklmnopqrstuvwxyz"):
        if plain + letter not in taken:
            taken.add(plain + letter)
            yield plain + letter
