"""How far frames lie apart on the sky: measured from the sources they share, before objects are made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]

REACH_ARCSEC: Final = 2.0
"""Largest offset looked for: a wrong guide star moves a frame by 1 to 2 arcsec (jwst-docs)."""
FEWEST: Final = 5
"""Shared sources below which no offset is told."""
APPLIED_ARCSEC: Final = 0.02
"""Offsets above this, at three errors, are taken out before matching; smaller ones are only told."""
_BIN_ARCSEC: Final = 0.1
_NEAR_ARCSEC: Final = 0.25
_LEAST_SNR: Final = 10.0
_MOST: Final = 1000
_SPOILT: Final = "blended|cosmic_ray|edge|nan|saturated|truncated"


@dataclass(frozen=True, slots=True)
class Offset:
    """How one frame lies against the others.

    Attributes
    ----------
    east, north : float
        Frame minus reference, arcsec; 0 of the reference itself, NaN where not measured.
    error : float
        Of each component, arcsec: scatter over the root of n.
    scatter : float
        Robust scatter of one source in one component, arcsec.
    n : int
        Sources shared with the frames aligned before; for the reference, its own.
    reference : str
        The frame that all are laid on; "" where not measured.
    """

    east: float = math.nan
    north: float = math.nan
    error: float = math.nan
    scatter: float = math.nan
    n: int = 0
    reference: str = ""

    @property
    def applied(self) -> bool:
        """Whether positions of the frame are moved before matching."""
        size = math.hypot(self.east, self.north)
        return bool(size > max(APPLIED_ARCSEC, 3.0 * self.error)) if self.reference else False


def measure_offsets(sources: pd.DataFrame, frames: Sequence[str]) -> dict[str, Offset]:
    """Measure how far each frame lies from the one with most sources.

    Whole, isolated sources with S/N of 10 and more are used. The peak of the two-dimensional histogram of
    all offsets up to 2 arcsec finds the offset, mutual nearest pairs around it measure it: their median,
    cleaned at 3 robust deviations (1.4826 MAD). Frames are laid on in order of their number of sources; each
    one's sources serve those that follow, so that frames that do not touch the reference are tied to it by
    others between.

    Parameters
    ----------
    sources : DataFrame
        Columns frame, ra, dec (ICRS degrees), snr, flags, forced.
    frames : sequence of str
        Frames to tell of.

    Returns
    -------
    dict
        An `Offset` for every frame; without numbers where it shares fewer than 5 sources.
    """
    found = {name: Offset() for name in frames}
    stars = _usable(sources)
    parts = {str(name): part for name, part in stars.groupby("frame", sort=True)}
    queue = sorted((name for name in frames if name in parts), key=lambda name: (-len(parts[name]), name))
    if not queue or len(parts[queue[0]]) < FEWEST:
        return found
    origin = float(stars["ra"].iloc[0]), float(stars["dec"].mean())
    places = {name: _plane(parts[name], origin) for name in queue}
    first = queue.pop(0)
    found[first] = Offset(0.0, 0.0, 0.0, 0.0, len(places[first]), first)
    known = places[first]
    while queue:
        offsets = {name: _offset(places[name], known, first) for name in queue}
        laid = [name for name in queue if offsets[name].reference]
        if not laid:
            break
        name = laid[0]
        found[name] = offsets[name]
        moved = places[name] - [found[name].east, found[name].north]
        far = cKDTree(known).query(moved)[0] > _NEAR_ARCSEC
        known = np.concatenate([known, moved[far]])
        queue.remove(name)
    return found


def aligned(sources: pd.DataFrame, offsets: Mapping[str, Offset]) -> pd.DataFrame:
    """Return the sources with ra and dec on the reference's system, where their frame's offset is applied."""
    moved = {name: offset for name, offset in offsets.items() if offset.applied}
    if not moved:
        return sources
    still = Offset(0.0, 0.0)
    laid = [moved.get(name, still) for name in sources["frame"].astype(str)]
    east, north = np.array([o.east for o in laid]), np.array([o.north for o in laid])
    ra, dec = shifted(sources["ra"].to_numpy(float), sources["dec"].to_numpy(float), -east, -north)
    return sources.assign(ra=ra, dec=dec)


def shifted(ra: Array, dec: Array, east: Array | float, north: Array | float) -> tuple[Array, Array]:
    """Return positions (n,), ICRS degrees, moved by small offsets east and north, arcsec."""
    squeeze = np.maximum(np.cos(np.radians(dec)), 1e-6)
    return np.mod(ra + east / 3600.0 / squeeze, 360.0), dec + north / 3600.0


def _usable(sources: pd.DataFrame) -> pd.DataFrame:
    """Return whole, isolated detections with S/N of at least 10, at most 1000 a frame, the brightest."""
    good = ~sources["forced"].to_numpy(dtype=bool) & (sources["snr"].to_numpy(dtype=float) >= _LEAST_SNR)
    good &= ~sources["flags"].astype(str).str.contains(_SPOILT).to_numpy(dtype=bool)
    good &= np.isfinite(sources[["ra", "dec"]].to_numpy(dtype=float)).all(axis=1)
    part = sources.loc[good, ["frame", "ra", "dec", "snr"]].sort_values(["snr", "dec", "ra"], ascending=False)
    return part.groupby("frame", sort=True).head(_MOST)


def _plane(part: pd.DataFrame, origin: tuple[float, float]) -> Array:
    """Return east and north of an origin, arcsec, shape (n, 2)."""
    ra, dec = part["ra"].to_numpy(dtype=float), part["dec"].to_numpy(dtype=float)
    east = (np.mod(ra - origin[0] + 180.0, 360.0) - 180.0) * math.cos(math.radians(origin[1]))
    return np.stack([east, dec - origin[1]], axis=1) * 3600.0


def _offset(places: Array, known: Array, reference: str) -> Offset:
    """Return the offset of some places (n, 2) from known ones, both arcsec."""
    tree = cKDTree(known)
    pairs = tree.query_ball_point(places, REACH_ARCSEC)
    near = [known[j] - place for place, found in zip(places, pairs, strict=True) for j in found]
    if len(near) < FEWEST:
        return Offset()
    peak = _peak(-np.array(near))
    chord, nearest = tree.query(places - peak)
    _, back = cKDTree(places - peak).query(known)
    mutual = (back[nearest] == np.arange(len(places))) & (chord < _NEAR_ARCSEC)
    off = (places - known[nearest])[mutual]
    for _ in range(5):
        if len(off) < FEWEST:
            return Offset()
        centre = np.median(off, axis=0)
        scatter = max(1.4826 * float(np.median(np.abs(off - centre))), 1e-4)
        kept = (np.abs(off - centre) <= 3.0 * scatter).all(axis=1)
        if kept.all():
            break
        off = off[kept]
    error = 1.2533 * scatter / math.sqrt(len(off))  # of a median
    return Offset(float(centre[0]), float(centre[1]), error, scatter, len(off), reference)


def _peak(off: Array) -> Array:
    """Return where offsets crowd most, from a smoothed histogram of 0.1 arcsec; of equals the smallest."""
    edges = np.arange(-REACH_ARCSEC - _BIN_ARCSEC / 2, REACH_ARCSEC + _BIN_ARCSEC, _BIN_ARCSEC)
    counts, _, _ = np.histogram2d(off[:, 0], off[:, 1], bins=[edges, edges])
    smooth = ndimage.gaussian_filter(counts, 1.0)
    middle = (edges[1:] + edges[:-1]) / 2
    size = np.hypot(middle[:, None], middle[None, :])
    best = np.lexsort((size.ravel(), -np.round(smooth, 9).ravel()))[0]
    i, j = np.unravel_index(best, counts.shape)
    return np.array([middle[i], middle[j]])
