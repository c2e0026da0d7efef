"""How unusual an object is: several views, each a tail among objects as bright; the longest one counts."""

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

VIEWS: Final = {
    "spectrum": "no ordinary galaxy to redshift 8 and no star fits the fluxes",
    "colour": "far in colour from objects as bright, the more so when as compact as the PSF",
    "structure": "large, many-peaked, lopsided, in company, with ridges or arcs, or an outlier of the forest",
    "arc": "an arc or ring beyond a gap, a third of a circle and more",
}
"""Every view, and what it says."""
WHY_NOT: Final = {
    "spectrum": "fewer than three known bands, or of unknown unit",
    "colour": "one band, or fewer than 50 objects to compare with",
    "structure": "fewer than 5 objects to compare with",
    "arc": "no isophote",
}
"""Why a view could not be computed for any object."""
COMPANY: Final = (
    "extent", "r50_psf_ratio", "members", "neighbours", "close_neighbours", "neighbour_light", "halo",
    "peaks", "turn",
)  # fmt: skip
"""Size, shape and neighbours: columns of the view `structure`; each counts upwards."""
RIDGES: Final = ("ridge_fine", "ridge_broad")
ARCS: Final = ("arc_share", "arc_arcsec", "faint_arc_share", "faint_arc_arcsec")
EXCESS: Final = ("excess_arcsec", "excess_contrast")
PARTS: Final = (COMPANY, RIDGES, ARCS, EXCESS)
"""The parts of that view, each the tail of the mean rank of its columns."""
ABSOLUTE: Final = ("spectrum", "arc")
"""Views that need no population."""
SHAPES: Final = (
    "concentration", "asymmetry", "gini", "m20", "ellipticity", "peak_ratio", "sharpness", "r50_psf_ratio",
    "n_peaks",
)  # fmt: skip
"""Columns of the Isolation Forest of that view."""
LEAST_POPULATION: Final = 50
"""Fewer objects are not compared in colour and shape, nor with those as bright."""
FEWEST: Final = 5
"""Fewer than this cannot be compared at all: the absolute views are left."""
NEIGHBOURS: Final = 8
LONGEST_TAIL: Final = 2.8
"""A tail of 10^-2.8, one in 630, is as unusual as counts: beyond, objects are equal."""
COMMON_COLOUR: Final = 0.6
"""A tail of 10^-0.6, one in four, is no odd colour yet."""
FOREST_SHARE: Final = 0.2
SHAPELESS_SNR: Final = 20.0
"""S/N in all bands together, where structure is measured, at which half of what makes it odd may be noise."""
SPECTRUM_SIGMAS: Final = (0.7, 2.0)
"""Misfit per band, in sigmas, at which the view `spectrum` begins and is sure."""
RESOLVED: Final = (0.5, 2.0)
"""Above 10^0.5 PSF sizes colours in a small circle are those of one place in the object, not quite the same
in every band: misfits are divided by 1 and 2 for every further factor of ten in size."""
RING_SHARES: Final = (0.35, 0.75)
"""Shares of a circle at which the view `arc` begins and is sure."""
STAR_CEILING: Final = 0.1
"""A star is no anomaly for being bright, sharp and blue: a field has more of them than oddities."""
TREES: Final = 200
SUBSAMPLE: Final = 256
WINDOW: Final = 101
CLIP: Final = 10.0
_STEP: Final = 10
_LEAST_SPREAD: Final = 0.25
"""The local spread is at least this share of that of all magnitudes."""


@dataclass(frozen=True, eq=False)
class Views:
    """What the views say of n objects; float64 arrays of shape (n,), 0..1, NaN where a view sees nothing.

    Attributes
    ----------
    anomaly : float64
        The largest of the views; stars are capped at 0.1 unless no star's spectrum fits them.
    views : dict of str to float64
        Keys of `VIEWS`.
    population : int
        Objects that the views compare with.
    missing : tuple of str
        Views that could not be computed.
    """

    anomaly: Array
    views: dict[str, Array]
    population: int
    missing: tuple[str, ...]


def local_z(values: Any, magnitude: Array, population: BoolArray) -> Array:
    """Return how many robust sigmas a value is from that of objects as bright.

    Median and 1.4826 times the median absolute deviation of the 101 objects nearest in magnitude, the latter
    at least a quarter of that of all; clipped at 10; 0 where the value or the magnitude is unknown.

    Parameters
    ----------
    values, magnitude : float64, shape (n,)
        NaN where unknown.
    population : bool, shape (n,)
        With whom to compare.

    Returns
    -------
    float64, shape (n,)
    """
    values = np.asarray(values, dtype=float)
    known = population & np.isfinite(values) & np.isfinite(magnitude)
    count = int(known.sum())
    if count < 2 * NEIGHBOURS:
        return np.zeros(len(values))
    order = np.lexsort((values[known], magnitude[known]))
    ordered, places = values[known][order], magnitude[known][order]
    width = min(WINDOW, count)
    starts = np.unique(np.append(np.arange(0, count - width + 1, _STEP), count - width))
    windows = np.stack([ordered[start : start + width] for start in starts])
    centre = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - centre[:, None]), axis=1)
    overall = 1.4826 * float(np.median(np.abs(ordered - np.median(ordered))))
    spread = np.maximum(spread, max(_LEAST_SPREAD * overall, 1e-6))
    at = np.array([np.median(places[start : start + width]) for start in starts])
    z = (values - np.interp(magnitude, at, centre)) / np.interp(magnitude, at, spread)
    return np.clip(np.nan_to_num(z, nan=0.0, posinf=CLIP, neginf=-CLIP), -CLIP, CLIP)


def standing(score: Array, population: BoolArray) -> Array:
    """Return the fraction of the population that scores lower, between 0 and 1, both left out."""
    ordered = np.sort(np.round(score[population], 9))
    below = np.searchsorted(ordered, np.round(score, 9), side="left")
    return np.asarray((below + 0.5) / (len(ordered) + 1.0), dtype=float).clip(
        0.0, 1.0 - 0.5 / (len(ordered) + 1)
    )


def tail(score: Array, population: BoolArray) -> Array:
    """Return -log10 of the fraction of the population that scores as high."""
    return -np.log10(1.0 - standing(score, population))


def combine(facts: pd.DataFrame, colours: Array, *, seed: int = 11, resample: bool = False) -> Views:
    """Score objects.

    Views are combined by the largest, never averaged: what is odd in one way only is odd (science of
    outlier ensembles: Aggarwal & Sathe 2017; measured in docs/ranking.md). Between 5 and 50 objects to
    compare with there is no colour view and no shape forest, and structures are compared with all others
    instead of those as bright; below, the absolute views are left.

    Parameters
    ----------
    facts : DataFrame
        magnitude, stacked_snr, misfit (sigmas per band, NaN where unknown), star and eligible (bool), and the
        columns of `PARTS` and `SHAPES`; one row per object.
    colours : float64, shape (n, c)
        Colours between neighbouring bands from blue to red; NaN where one does not cover the object.
    seed : int
        Of the forest, and of the resampling.
    resample : bool
        Draw the population anew with replacement, to see how much of a rank is chance.
    """
    magnitude = facts["magnitude"].to_numpy(dtype=float)
    star = facts["star"].to_numpy(dtype=bool)
    population = facts["eligible"].to_numpy(dtype=bool) & ~star & np.isfinite(magnitude)
    if resample:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(np.flatnonzero(population), int(population.sum()))
        population = np.isin(np.arange(len(facts)), chosen)
    count = int(population.sum())
    enough = count >= LEAST_POPULATION
    names = sorted({*itertools.chain(*PARTS), *SHAPES})
    z = {
        name: local_z(facts[name], magnitude, population) if enough else _plain(facts[name]) for name in names
    }
    unknown = np.full(len(facts), np.nan)
    colour = _colour(z, colours, magnitude, population) if enough else unknown
    structure = _structure(z, facts, population, seed) if count >= FEWEST else unknown
    start, slope = RESOLVED
    size = np.nan_to_num(facts["r50_psf_ratio"].to_numpy(dtype=float))  # log10
    misfit = facts["misfit"].to_numpy(dtype=float) / (1.0 + slope * np.maximum(size - start, 0.0))
    views = {
        "spectrum": _ramp(misfit, SPECTRUM_SIGMAS),
        "colour": _ramp(colour, (COMMON_COLOUR, LONGEST_TAIL)),
        "structure": _ramp(structure, (0.0, LONGEST_TAIL)),
        "arc": _ramp(facts["ring_share"].to_numpy(dtype=float), RING_SHARES),
    }
    anomaly = np.max([np.nan_to_num(value) for value in views.values()], axis=0)
    anomaly = np.where(
        star, np.maximum(np.minimum(anomaly, STAR_CEILING), np.nan_to_num(views["spectrum"])), anomaly
    )
    missing = tuple(name for name, value in views.items() if not np.isfinite(value).any())
    return Views(anomaly, views, count, missing)


def _ramp(values: Array, edges: tuple[float, float]) -> Array:
    """Return 0 below the first edge, 1 above the second, a straight line between."""
    low, high = edges
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _plain(values: Any) -> Array:
    """Return values with the median in place of what is unknown."""
    values = np.asarray(values, dtype=float)
    known = values[np.isfinite(values)]
    return np.where(np.isfinite(values), values, np.median(known) if known.size else 0.0)


def _colour(z: dict[str, Array], colours: Array, magnitude: Array, population: BoolArray) -> Array:
    """Return the mean of the tails of colour times compactness and of bends; NaN without colours."""
    covered = np.isfinite(colours).any(axis=1)
    if colours.shape[1] == 0 or not covered.any():
        return np.full(len(magnitude), np.nan)
    steps = [local_z(column, magnitude, population) for column in colours.T]
    far = standing(_neighbour_distance(np.stack(steps, axis=1), population), population)
    compact = np.mean(
        [
            standing(z["sharpness"], population), standing(z["peak_ratio"], population),
            standing(-z["r50_psf_ratio"], population), standing(z["gini"], population),
        ], axis=0,
    )  # fmt: skip
    dots = tail(far * compact, population)
    if colours.shape[1] > 1:
        bends = [local_z(column, magnitude, population) for column in np.diff(colours, axis=1).T]
        dots = (dots + tail(_neighbour_distance(np.stack(bends, axis=1), population), population)) / 2
    return np.where(covered, dots, np.nan)


def _structure(z: dict[str, Array], facts: pd.DataFrame, population: BoolArray, seed: int) -> Array:
    """Return the mean of the tails of `PARTS`, with a fifth of that of the shape forest where there is one.

    A mean rank is drawn to the middle as far as the object is faint: by S/N^2 / (S/N^2 + 20^2).
    """
    snr = np.nan_to_num(facts["stacked_snr"].to_numpy(dtype=float))
    sure = snr**2 / (snr**2 + SHAPELESS_SNR**2)
    parts = []
    for names in PARTS:
        rank = np.mean([standing(z[name], population) for name in names], axis=0)
        parts.append(tail((rank - np.median(rank[population])) * sure, population))
    mean: Array = np.mean(parts, axis=0)
    if population.sum() < LEAST_POPULATION:
        return mean
    from sklearn.ensemble import IsolationForest

    shapes = np.stack([z[name] for name in SHAPES], axis=1)
    forest = IsolationForest(
        n_estimators=TREES, max_samples=min(SUBSAMPLE, int(population.sum())), random_state=seed
    ).fit(shapes[population])
    return (1 - FOREST_SHARE) * mean + FOREST_SHARE * tail(-forest.score_samples(shapes), population)


def _neighbour_distance(points: Array, population: BoolArray) -> Array:
    """Return the mean distance to the eight nearest of the population, itself left out."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(points[population]).kneighbors(points)[0]
    mean: Array = found[:, 1:].mean(axis=1)
    return mean
