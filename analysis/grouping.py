"""Fragments of one system joined: which objects hang together in the light between them."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from analysis.forced import STAMP_HALF, STAMP_STEP_ARCSEC
from analysis.stamp_file import batches

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SADDLE: Final = 0.5
"""Joined where the light between never falls below this share of the fainter one's."""
LEAST_SIGMA: Final = 3.0
_STEPS: Final = 16


def offsets_arcsec(ra: Array, dec: Array) -> tuple[Array, Array]:
    """Return offsets to the east and north of the middle, arcsec, on the tangent plane to first order."""
    if not len(ra):
        return np.empty(0), np.empty(0)
    middle = math.degrees(math.atan2(np.sin(np.radians(ra)).mean(), np.cos(np.radians(ra)).mean()))
    turned = (ra - middle + 180.0) % 360.0 - 180.0
    return turned * np.cos(np.radians(dec)) * 3600.0, (dec - np.median(dec)) * 3600.0


def group_objects(ra: Array, dec: Array, brightness: Array, image: Any) -> IntArray:
    """Join objects into systems.

    Going from the brightest object on, a fainter one within 1.2 arcsec belongs to it, and to its system,
    where on the straight line between them the detection image never falls below half of what it is at the
    fainter one (its saddle), nor below three sigmas. A neighbour with a gap between stays alone.

    Parameters
    ----------
    ra, dec : float64, shape (n,)
        ICRS degrees.
    brightness : float64, shape (n,)
        Decides who is whose fragment; NaN counts as faintest.
    image : float32, shape (n, s, s), axes (object, north, east)
        Detection images around each object, noise 1 per sample; see `analysis.structure`. An array, or
        anything that gives those of some numbers as image[numbers].

    Returns
    -------
    int64, shape (n,)
        For each object the number of the brightest object of its system; its own where it is alone.
    """
    n = len(ra)
    head = np.arange(n)
    if n < 2:
        return head
    east, north = offsets_arcsec(ra, dec)
    rank = np.lexsort((ra, dec, -np.nan_to_num(brightness, nan=-np.inf)))
    place = np.empty(n, dtype=np.int64)
    place[rank] = np.arange(n)
    reach = (STAMP_HALF - 1) * STAMP_STEP_ARCSEC
    pairs = cKDTree(np.column_stack([east, north])).query_pairs(reach, output_type="ndarray")
    if not len(pairs):
        return head
    first = np.where(place[pairs[:, 0]] < place[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    second = pairs.sum(axis=1) - first
    joined = _saddle_holds(image, first, east[second] - east[first], north[second] - north[first])
    first, second = first[joined], second[joined]
    distance = np.hypot(east[second] - east[first], north[second] - north[first])
    # Each fragment goes to the nearest brighter object that it hangs together with.
    for k in np.lexsort((first, distance, place[second])):
        if head[second[k]] == second[k]:
            head[second[k]] = first[k]
    for i in rank:
        head[i] = head[head[i]]
    return head


def _saddle_holds(image: Any, of: IntArray, east: Array, north: Array) -> npt.NDArray[np.bool_]:
    """Tell for pairs whether the light on the line to the fainter one never falls below the limit."""
    holds = np.zeros(len(of), dtype=bool)
    order = np.argsort(of, kind="stable")
    for part in batches(len(of)):
        pairs = order[part]
        whose, place = np.unique(of[pairs], return_inverse=True)
        holds[pairs] = _saddles(image[whose], place, east[pairs], north[pairs])
    return holds


def _saddles(image: npt.NDArray[Any], of: IntArray, east: Array, north: Array) -> npt.NDArray[np.bool_]:
    """Return `_saddle_holds` of pairs whose images are in memory."""
    share = np.linspace(0.0, 1.0, _STEPS)[None, :]
    rows = np.rint(STAMP_HALF + north[:, None] * share / STAMP_STEP_ARCSEC).astype(np.int64)
    columns = np.rint(STAMP_HALF + east[:, None] * share / STAMP_STEP_ARCSEC).astype(np.int64)
    along = image[of[:, None], rows, columns]
    there = along[:, -1]
    holds: npt.NDArray[np.bool_] = along.min(axis=1) >= np.maximum(SADDLE * there, LEAST_SIGMA)
    return holds


def foreign_samples(
    ra: Array, dec: Array, head: IntArray, size: Array, rows: IntArray | None = None
) -> npt.NDArray[np.bool_]:
    """Return which samples of an object's stamp belong to an object of another system.

    A sample belongs to whatever object is nearest in units of the objects' sizes.

    Parameters
    ----------
    ra, dec, head
        As in `group_objects`, and its answer.
    size : float64, shape (n,)
        Kron radii, arcsec.
    rows : int64, shape (m,), or None
        Numbers of the objects asked for; None: all.

    Returns
    -------
    bool, shape (m, s, s), axes (object, north, east)
    """
    asked = np.arange(len(ra)) if rows is None else rows
    n = len(asked)
    side = 2 * STAMP_HALF + 1
    foreign = np.zeros((n, side, side), dtype=bool)
    east, north = offsets_arcsec(ra, dec)
    along = (np.arange(side) - STAMP_HALF) * STAMP_STEP_ARCSEC
    width = np.clip(np.nan_to_num(size, nan=0.2), 0.1, 1.5)
    if not n:
        return foreign
    tree = cKDTree(np.column_stack([east, north]))
    here = np.column_stack([east[asked], north[asked]])
    near = tree.query_ball_point(here, 1.5 * STAMP_HALF * STAMP_STEP_ARCSEC)
    for place, (i, neighbours) in enumerate(zip(asked.tolist(), near, strict=True)):
        who = np.asarray(neighbours)
        own = head[who] == head[i]
        if own.all():
            continue
        dx = (along[None, :] - (east[who] - east[i])[:, None]) / width[who][:, None]
        dy = (along[None, :] - (north[who] - north[i])[:, None]) / width[who][:, None]
        square = dy[:, :, None] ** 2 + dx[:, None, :] ** 2
        foreign[place] = square[~own].min(axis=0) < square[own].min(axis=0)
    return foreign
