"""Where candidates stand in several views of oddness, each of a method of its own, in their bands."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.anomaly import CLIP, FEATURES

Array = npt.NDArray[np.float64]

LEAST_POPULATION: Final = 50
MOST_POPULATION: Final = 5000
"""A larger population is thinned evenly in order of brightness: a share of 5 per cent needs no more."""
NEIGHBOURS: Final = {"LOF": 30, "kNN": 10}


COLUMNS: Final = tuple(dict.fromkeys(("snr", *(feature.column for feature in FEATURES))))
"""What is read of each source, beside its name, its band and its score by Isolation Forest."""


def places(population: pd.DataFrame, best: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return for each best source the share of its band's sources that are less odd, by view.

    Views: local outlier factor of 30 neighbours (Breunig et al. 2000), mean distance to 10 neighbours, and
    the Isolation Forest of the ranking; over the shape features, centred on the median and in units of the
    robust spread, clipped at 10.

    Parameters
    ----------
    population, best : DataFrame
        Sources to compare with, and sources to place: columns source_id, instrument, filter,
        isolation_forest_score and `COLUMNS`, from `store.sources.band_sources`.

    Returns
    -------
    dict
        By source id, then by view; bands with fewer than 50 sources are left out.
    """
    found: dict[str, dict[str, float]] = {}
    bands = dict(list(population.groupby(["instrument", "filter"], sort=True)))
    for band, mine in best.groupby(["instrument", "filter"], sort=True):
        others = bands.get(band)
        if others is None or len(others) < LEAST_POPULATION:
            continue
        for name, shares in _views(others, mine).items():
            for source, share in zip(mine["source_id"], shares.tolist(), strict=True):
                if np.isfinite(share):
                    found.setdefault(source, {})[name] = share
    return found


def _views(population: pd.DataFrame, mine: pd.DataFrame) -> dict[str, Array]:
    """Return the shares of a population that are less odd, by view."""
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

    values, places_of = _scaled(population, mine)
    if not values.shape[1]:
        return {}
    lof = LocalOutlierFactor(n_neighbors=NEIGHBOURS["LOF"], novelty=True).fit(values)
    near = NearestNeighbors(n_neighbors=NEIGHBOURS["kNN"] + 1).fit(values)
    views = {
        "LOF": _share(-lof.negative_outlier_factor_, -lof.score_samples(places_of)),
        "kNN": _share(near.kneighbors(values)[0][:, 1:].mean(axis=1), _distance(near, places_of)),
    }
    forest = population["isolation_forest_score"].to_numpy(dtype=float)
    if np.isfinite(forest).sum() >= LEAST_POPULATION:
        own = mine["isolation_forest_score"].to_numpy(dtype=float)
        views["Isolation Forest"] = _share(forest[np.isfinite(forest)], own)
    return views


def _distance(near: Any, values: Array) -> Array:
    """Return the mean distance to the neighbours, a source itself left out where it is of the population."""
    distance = near.kneighbors(values)[0]
    own = distance[:, :1] < 1e-12
    mean: Array = np.where(own, distance[:, 1:], distance[:, :-1]).mean(axis=1)
    return mean


def _scaled(population: pd.DataFrame, mine: pd.DataFrame) -> tuple[Array, Array]:
    """Return the features of both in robust units of the population; missing counts as ordinary."""
    columns: list[tuple[Array, Array]] = []
    for feature in FEATURES:
        of_all, of_mine = (
            feature.transform(table[feature.column].to_numpy(dtype=float)) for table in (population, mine)
        )
        known = of_all[np.isfinite(of_all)]
        if known.size < LEAST_POPULATION // 2:
            continue
        middle = float(np.median(known))
        spread = 1.4826 * float(np.median(np.abs(known - middle)))
        spread = spread if spread > 0 else float(known.std())
        if spread > 1e-9:
            both = [np.nan_to_num(np.clip((v - middle) / spread, -CLIP, CLIP)) for v in (of_all, of_mine)]
            columns.append((both[0], both[1]))
    if not columns:
        return np.zeros((len(population), 0)), np.zeros((len(mine), 0))
    return np.stack([c[0] for c in columns], axis=1), np.stack([c[1] for c in columns], axis=1)


def _share(population: Array, values: Array) -> Array:
    """Return the share of a population below each value; NaN stays NaN."""
    ordered = np.sort(np.round(population, 9))
    below = np.searchsorted(ordered, np.round(values, 9), side="left") / len(ordered)
    return np.where(np.isfinite(values), below, np.nan)
