"""How unusual a source's shape is among sources of its band: a table of features in, scores in 0…1 out."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

TREES = 300
SUBSAMPLE = 256
SEEDS = (11, 23, 37, 53, 71)
LEAST_FOR_FOREST = 50
"""Fewer sources than this give an Isolation Forest nothing to isolate from."""
LEAST_FOR_DISTANCE = 5
"""Fewer than this have no meaningful median and spread: no score at all."""
CLIP = 10.0


@dataclass(frozen=True)
class Feature:
    """A column of the source table, how it is brought to a symmetric scale, and what it tells."""

    column: str
    transform: Callable[[FloatArray], FloatArray]
    meaning: str


def _plain(values: FloatArray) -> FloatArray:
    return values


def _log(values: FloatArray) -> FloatArray:
    """Return log10, NaN where the value is not above 0."""
    return np.log10(np.where(values > 0.0, values, np.nan))


FEATURES = (
    Feature("concentration", _plain, "5 log10(r80 / r20) of the light"),
    Feature("asymmetry", _plain, "residual after half a turn"),
    Feature("gini", _plain, "inequality of the pixel values"),
    Feature("m20", _plain, "second moment of the brightest fifth of the light"),
    Feature("ellipticity", _plain, "1 - b/a"),
    Feature("peak_ratio", _log, "brightest pixel over total flux"),
    Feature("sharpness", _log, "flux within 1.2 px over that within 4 px, relative to the PSF"),
    Feature("r50_psf_ratio", _log, "half-light radius over that of the PSF"),
    Feature("n_peaks", _log, "local maxima"),
)


@dataclass(frozen=True)
class Group:
    """Sources scored together: which bands, how many, by which method, on which features."""

    bands: tuple[str, ...]
    n_sources: int
    n_population: int
    method: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """Scores in the order of the rows given, and the groups that were scored together.

    Attributes
    ----------
    anomaly_score : float array (n,)
        Where a source stands among its population, 0 (most ordinary) to 1; NaN where it could not be
        computed.
    isolation_forest_score : float array (n,)
        Score of Liu, Ting & Zhou (2008), 2^(−E[h]/c(ψ)): 0.5 ordinary, towards 1 isolated; NaN where no
        forest was grown.
    groups : tuple of Group
        In order of their bands.
    """

    anomaly_score: FloatArray
    isolation_forest_score: FloatArray
    groups: tuple[Group, ...]

    def facts(self) -> list[dict[str, Any]]:
        """Return the groups as plain values for a record."""
        return [asdict(group) for group in self.groups]


def score_sources(
    sources: pd.DataFrame,
    *,
    min_snr: float = 0.0,
    method: str = "isolation_forest",
    seeds: tuple[int, ...] = SEEDS,
) -> Scores:
    """Score every source's shape against the sources of its band.

    Frames of one instrument and filter are pooled. The population is what has S/N ≥ `min_snr`; fainter
    sources are placed among it without shaping it. Features are centred on the population's median, divided
    by its robust spread and clipped at ±10; a missing value counts as ordinary. With 50 or more in the
    population of a band the score is the mean of one Isolation Forest of 300 trees per seed; the bands of an
    instrument that have fewer are pooled, and their score is the root mean square of the scaled features
    (robust distance); with fewer than 5 there is none. The order of rows changes nothing.

    Parameters
    ----------
    sources : DataFrame
        Columns frame, instrument, filter, ra, dec (degrees), snr, forced and those of `FEATURES`.
    min_snr : float
        Least S/N of the population.
    method : str
        "isolation_forest", or "robust_distance" whatever the number of sources.
    seeds : tuple of int
        One forest is grown for each and the scores are averaged.

    Raises
    ------
    ValueError
        The method is neither of the two.
    """
    if method not in {"isolation_forest", "robust_distance"}:
        raise ValueError(f"ranking method {method!r}: must be isolation_forest or robust_distance")
    anomaly = np.full(len(sources), np.nan)
    forest = np.full(len(sources), np.nan)
    groups = []
    usable = ~sources["forced"].to_numpy(dtype=bool)
    eligible = usable & (sources["snr"].to_numpy(dtype=float) >= min_snr)
    features = _features(sources)
    for bands, rows, enough in _pools(sources, usable, eligible):
        population = eligible[rows]
        values, names = _scaled(features[rows], population)
        known = np.asarray(np.isfinite(features[rows]).any(axis=1))
        n_population = int((population & known).sum())
        chosen = method if enough else "robust_distance"
        if n_population < LEAST_FOR_DISTANCE or not names:
            chosen = "none"
        elif chosen == "isolation_forest":
            score = _forest(values[population & known], values, seeds)
            forest[rows] = np.where(known, score, np.nan)
            anomaly[rows] = _standing(score, population & known, known)
        else:
            score = np.sqrt(np.mean(values**2, axis=1))
            anomaly[rows] = _standing(score, population & known, known)
        groups.append(Group(bands, len(rows), n_population, chosen, names))
    return Scores(anomaly, forest, tuple(groups))


def _features(sources: pd.DataFrame) -> FloatArray:
    """Return transformed features (n, n_features); NaN where not measured."""
    columns = [f.transform(sources[f.column].to_numpy(dtype=float)) for f in FEATURES]
    values = np.stack(columns, axis=1)
    return np.where(np.isfinite(values), values, np.nan)


def _pools(
    sources: pd.DataFrame, usable: BoolArray, eligible: BoolArray
) -> Iterator[tuple[tuple[str, ...], IntArray, bool]]:
    """Yield bands, rows (in order of position) to be scored together, and whether the band fills a forest."""
    instrument = sources["instrument"].to_numpy(dtype=str)
    filters = sources["filter"].to_numpy(dtype=str)
    order = np.lexsort((sources["frame"].to_numpy(dtype=str), sources["ra"], sources["dec"]))
    order = order[usable[order]].astype(np.int64)
    small: dict[str, list[str]] = {}
    for tool, band in sorted(set(zip(instrument[order].tolist(), filters[order].tolist(), strict=True))):
        rows = order[(instrument[order] == tool) & (filters[order] == band)]
        if eligible[rows].sum() >= LEAST_FOR_FOREST:
            yield (f"{tool} {band}",), rows, True
        else:
            small.setdefault(tool, []).append(band)
    for tool, bands in small.items():
        rows = order[(instrument[order] == tool) & np.isin(filters[order], bands)]
        yield tuple(f"{tool} {band}" for band in bands), rows, False


def _scaled(features: FloatArray, population: BoolArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Return features in robust units of the population, and the names of those that vary in it."""
    columns, names = [], []
    for feature, values in zip(FEATURES, features.T, strict=True):
        known = values[population & np.isfinite(values)]
        if 2 * known.size < max(1, int(population.sum())):
            continue  # measured for fewer than half: absence would pass for a shape
        centre = float(np.median(known))
        spread = 1.4826 * float(np.median(np.abs(known - centre)))
        if spread <= 0.0:
            spread = float(known.std())
        if spread > 1e-9:
            columns.append(np.clip((values - centre) / spread, -CLIP, CLIP))
            names.append(feature.column)
    if not columns:
        return np.zeros((len(features), 0)), ()
    return np.nan_to_num(np.stack(columns, axis=1), nan=0.0), tuple(names)


def _forest(population: FloatArray, values: FloatArray, seeds: tuple[int, ...]) -> FloatArray:
    """Return the mean Isolation Forest score of `values` over forests grown on the population."""
    from sklearn.ensemble import IsolationForest

    scores = []
    for seed in seeds:
        forest = IsolationForest(
            n_estimators=TREES, max_samples=min(SUBSAMPLE, len(population)), random_state=seed
        )
        scores.append(-np.asarray(forest.fit(population).score_samples(values), dtype=float))
    return np.asarray(np.mean(scores, axis=0))


def _standing(score: FloatArray, population: BoolArray, known: BoolArray) -> FloatArray:
    """Return the fraction of the population that scores lower, ties and itself counting half; NaN if unknown.

    Scores are compared to ten decimals, so that rounding in the last bit does not decide a rank.
    """
    rounded = np.round(score, 10)
    ordered = np.sort(rounded[population])
    below = np.searchsorted(ordered, rounded, side="left")
    through = np.searchsorted(ordered, rounded, side="right")
    return np.where(known, (below + through) / (2.0 * len(ordered)), np.nan)
