"""What lies near a candidate: other objects and bright stars, as offsets. Tables in, tuples out."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from analysis.cutouts import LARGEST_KRON_SIDE_ARCSEC, Neighbour
from analysis.orienting import offsets_of

NEAR_ARCSEC: Final = LARGEST_KRON_SIDE_ARCSEC * 0.75
"""Half the diagonal of the largest cutout that a Kron radius asks for."""
STAR_ARCSEC: Final = 30.0
"""How far away a bright star's spikes are still drawn."""
MOST: Final = 60
OWN_ARCSEC: Final = 0.15

Array = npt.NDArray[np.float64]


def _near(
    candidates: pd.DataFrame, ra: Array, dec: Array, reach: float
) -> list[tuple[npt.NDArray[np.intp], Array, Array]]:
    """Return for each candidate the rows within `reach` arcsec and their offsets east and north."""
    if not len(ra):
        nothing = np.empty(0, np.intp), np.empty(0), np.empty(0)
        return [nothing] * len(candidates)
    tree = cKDTree(_unit_vectors(ra, dec))
    places = candidates[["ra", "dec"]].to_numpy(dtype=float)
    found = []
    for (ra0, dec0), rows in zip(
        places,
        tree.query_ball_point(_unit_vectors(places[:, 0], places[:, 1]), np.radians(reach / 3600.0)),
        strict=True,
    ):
        picked = np.sort(np.asarray(rows, dtype=np.intp))
        found.append((picked, *offsets_of(ra0, dec0, ra[picked], dec[picked])))
    return found


def _unit_vectors(ra: Array, dec: Array) -> Array:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def neighbours(candidates: pd.DataFrame, sources: pd.DataFrame) -> list[tuple[Neighbour, ...]]:
    """Return the other objects near each candidate, the nearest first, at most sixty.

    Parameters
    ----------
    candidates : DataFrame
        Columns candidate, object, rank, ra, dec (degrees).
    sources : DataFrame
        Columns object ("" where none), ra, dec, snr, mag_ab; an object is where its best source is.
    """
    known = sources[sources["object"] != ""].sort_values("snr", ascending=False, kind="stable")
    best = known.drop_duplicates("object")
    ranks = dict(zip(candidates["object"], candidates["rank"].tolist(), strict=True))
    ra, dec, snr, mag = (best[name].to_numpy(dtype=float) for name in ("ra", "dec", "snr", "mag_ab"))
    names = best["object"].tolist()
    listed = []
    own_names = candidates["object"].tolist()
    for own, (rows, east, north) in zip(own_names, _near(candidates, ra, dec, NEAR_ARCSEC), strict=True):
        others = [
            Neighbour(
                round(e, 4), round(n, 4), _rounded(mag[k]), _rounded(snr[k]), int(ranks.get(names[k], 0))
            )
            for k, e, n in zip(rows.tolist(), east.tolist(), north.tolist(), strict=True)
            if names[k] != own
        ]
        others.sort(key=lambda one: one.east**2 + one.north**2)
        listed.append(tuple(others[:MOST]))
    return listed


def near_stars(candidates: pd.DataFrame, stars: tuple[Array, Array]) -> list[tuple[tuple[float, float], ...]]:
    """Return the offsets (east, north; arcsec) of bright stars near each candidate, itself left out."""
    return [
        tuple(
            (round(e, 4), round(n, 4))
            for e, n in zip(east.tolist(), north.tolist(), strict=True)
            if e * e + n * n > OWN_ARCSEC**2
        )
        for _, east, north in _near(candidates, *stars, STAR_ARCSEC)
    ]


def _rounded(value: Any) -> float:
    return round(float(value), 3)
