"""How unusual each spectrum is among those of a set, and its rank's four terms: a table in, scores out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.ranking import consistency_score, snr_score
from analysis.spectra.spectrum import FloatArray
from analysis.weighting import composite

LEAST_FOR_FOREST: Final = 30
LEAST_FOR_DISTANCE: Final = 5
TREES: Final = 300
SUBSAMPLE: Final = 256
SEEDS: Final = (11, 23, 37, 53, 71)
CLIP: Final = 10.0
INSECURE: Final = 0.9
"""Weight of unexplained lines where the redshift that leaves them over is not secure."""
LONGEST_TAIL: Final = 3.0
"""A tail of one in a thousand is as unusual as counts."""

VIEWS: Final = {
    "unexplained": "significant emission lines that no usual line explains at the best redshift",
    "broad": "an emission line significantly wider than 2.5 times the line-spread function",
    "step": "a step of the continuum by more than a factor 2.5 that no usual break explains",
    "set": "an outlier among the spectra of this set, in all features together",
}
"""Every view of a spectrum's oddity, and what it says; the longest tail counts."""


@dataclass(frozen=True)
class Feature:
    """A column of the table `spectra`, brought to a symmetric scale for the comparison within a set."""

    column: str
    transform: Callable[[FloatArray], FloatArray]


def _log1p(values: FloatArray) -> FloatArray:
    return np.log1p(np.maximum(values, 0.0))


def _log(values: FloatArray) -> FloatArray:
    return np.log(np.where(values > 0.0, values, np.nan))


def _plain(values: FloatArray) -> FloatArray:
    return values


FEATURES: Final = (
    Feature("n_unexplained", _log1p),
    Feature("unexplained_snr", _log1p),
    Feature("n_emission", _log1p),
    Feature("n_absorption", _log1p),
    Feature("largest_width", _log1p),
    Feature("broad_sigmas", _log1p),
    Feature("slope", _plain),
    Feature("curvature", _plain),
    Feature("break_ratio", _log),
    Feature("residual_chi2", _log1p),
    Feature("residual_skew", _plain),
    Feature("residual_kurtosis", _log1p),
    Feature("negative_fraction", _log1p),
)


@dataclass(frozen=True, eq=False)
class Oddities:
    """Scores of n spectra; float arrays (n,), NaN where not computed.

    Attributes
    ----------
    anomaly : 0…1
        The longest tail of the views over 3, times the artefact score: what looks like an artefact is no
        anomaly of the sky.
    isolation_forest : 0.5 ordinary, towards 1 isolated; NaN where no forest was grown.
    artifact_probability : 0…1
    views : dict of 0…1, keys of `VIEWS`
    method : "isolation_forest", "robust_distance" or "none" (of the view `set`)
    """

    anomaly: FloatArray
    isolation_forest: FloatArray
    artifact_probability: FloatArray
    views: dict[str, FloatArray]
    method: str


def score_spectra(table: pd.DataFrame, seeds: tuple[int, ...] = SEEDS) -> Oddities:
    """Score every spectrum of a table with the columns of `spectra`, in an order that does not matter.

    Three views judge a spectrum by itself: unexplained lines (a line of S/N 5 begins to count, one of 9 is
    certain), broad lines, steps. The view `set` compares features, centred and scaled robustly over the set:
    with 30 spectra or more by Isolation Forests of 300 trees averaged over seeds, with 5 or more by robust
    distance, with fewer not at all. Each view is a tail −log10 p over 3, at most 1.
    """
    order = np.argsort(table["spectrum"].to_numpy(dtype=str), kind="stable")
    part = table.iloc[order]
    probability = artifact_probability(part)
    views = {
        "unexplained": _ramp(part["unexplained_snr"], 5.0, 9.0)
        * (part["n_unexplained"].to_numpy(dtype=float) > 0)
        * np.where(part["redshift_grade"].to_numpy(dtype=str) == "secure", 1.0, INSECURE),
        "broad": _ramp(part["broad_sigmas"], 2.0, 4.0),
        "step": _ramp(np.abs(np.log(part["break_ratio"].to_numpy(dtype=float))), np.log(2.5), np.log(4.0))
        * _ramp(part["break_snr"], 5.0, 10.0)
        * ~part["break_explained"].to_numpy(dtype=bool),
    }
    forest = np.full(len(part), np.nan)
    score, method = _among_the_set(part, seeds)
    if method == "isolation_forest":
        forest = score
    views["set"] = _tail(score) if method != "none" else np.full(len(part), np.nan)
    longest = np.nanmax(np.stack([np.nan_to_num(view) for view in views.values()]), axis=0)
    back = np.argsort(order, kind="stable")
    return Oddities(
        (longest * (1.0 - probability))[back],
        forest[back],
        probability[back],
        {name: view[back] for name, view in views.items()},
        method,
    )


def _ramp(values: Any, begins: float, sure: float) -> FloatArray:
    """Return 0 up to `begins`, 1 from `sure` on, straight between; NaN counts as 0."""
    return np.clip((np.nan_to_num(np.asarray(values, dtype=float)) - begins) / (sure - begins), 0.0, 1.0)


def _among_the_set(part: pd.DataFrame, seeds: tuple[int, ...]) -> tuple[FloatArray, str]:
    columns = [f.transform(part[f.column].to_numpy(dtype=float)) for f in FEATURES]
    scaled = [values for values in map(_scaled, columns) if values is not None]
    if len(part) < LEAST_FOR_DISTANCE or not scaled:
        return np.full(len(part), np.nan), "none"
    values = np.stack(scaled, axis=1)
    if len(part) < LEAST_FOR_FOREST:
        return np.sqrt(np.mean(values**2, axis=1)), "robust_distance"
    from sklearn.ensemble import IsolationForest

    scores = []
    for seed in seeds:
        forest = IsolationForest(
            n_estimators=TREES, max_samples=min(SUBSAMPLE, len(values)), random_state=seed
        )
        scores.append(-np.asarray(forest.fit(values).score_samples(values), dtype=float))
    return np.asarray(np.round(np.mean(scores, axis=0), 10), dtype=float), "isolation_forest"


def _scaled(values: FloatArray) -> FloatArray | None:
    """Return values in robust units, a missing one as ordinary; None where they do not vary."""
    known = values[np.isfinite(values)]
    if 2 * known.size < max(values.size, 1):
        return None
    centre = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - centre)))
    if spread <= 0.0:
        spread = float(known.std())
    if spread <= 1e-9:
        return None
    return np.nan_to_num(np.clip((values - centre) / spread, -CLIP, CLIP), nan=0.0)


def _tail(score: FloatArray) -> FloatArray:
    """Return −log10 of the share of the set that is at least as odd, over 3; ties count half."""
    ordered = np.sort(score)
    below = np.searchsorted(ordered, score, side="left")
    through = np.searchsorted(ordered, score, side="right")
    share = 1.0 - (below + through) / (2.0 * len(ordered))
    return np.clip(-np.log10(share) / LONGEST_TAIL, 0.0, 1.0)


def artifact_probability(table: pd.DataFrame) -> FloatArray:
    """Return how much each spectrum looks like a fault of the data, 0…1, each by itself.

    It grows with the share of samples that are not valid, with samples 3σ below zero, with errors that are
    wrong by more than a factor 3, with residuals far from the noise, and with absorption without a continuum.
    """
    number = lambda name: table[name].to_numpy(dtype=float)  # noqa: E731
    wrong = np.abs(np.log(np.where(number("error_scale") > 0.0, number("error_scale"), 1.0)))
    without = (number("n_absorption") > 1) & (number("snr_continuum") < 2.0)
    reasons = np.stack([
        0.7 * _ramp(1.0 - number("valid_fraction"), 0.2, 0.7),
        0.7 * _ramp(number("negative_fraction"), 0.01, 0.08),
        0.5 * _ramp(wrong, np.log(3.0), np.log(10.0)),
        0.5 * _ramp(number("residual_chi2"), 2.0, 6.0),
        0.3 * without,
        0.4 * _ramp(number("n_spikes"), 10, 40),
    ])  # fmt: skip
    return 1.0 - np.prod(1.0 - reasons, axis=0)


def flags_of(row: Any) -> str:
    """Return the warnings and findings of one measured spectrum, comma-separated, sorted."""
    found = {
        "unexplained_line": row["n_unexplained"] > 0,
        "broad_line": row["broad_sigmas"] > 2.0,
        "break": not row["break_explained"]
        and row["break_snr"] > 8.0
        and abs(np.log(row["break_ratio"])) > np.log(2.5),
        "many_spikes": row["n_spikes"] > 10,
        "errors_rescaled": not 1 / 3 < row["error_scale"] < 3.0,
        "negative_flux": row["negative_fraction"] > 0.02,
        "partial": row["valid_fraction"] < 0.8,
    }
    return ",".join(sorted(name for name, true in found.items() if true))


def shown_elsewhere(table: pd.DataFrame, lines: pd.DataFrame, group: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return, of each spectrum's strongest line, how many spectra of its place cover it and show it.

    Spectra of one group are of one place. Columns covering and showing, 0 where there is no line.
    """
    low, high = table["wavelength_min"].to_numpy(dtype=float), table["wavelength_max"].to_numpy(dtype=float)
    names = table["spectrum"].astype(str).tolist()
    by_spectrum = dict(iter(lines.groupby("spectrum", sort=False))) if len(lines) else {}
    members: dict[int, list[int]] = {}
    for place, number in enumerate(group.tolist()):
        members.setdefault(number, []).append(place)
    covering, showing = np.zeros(len(table), dtype=np.int64), np.zeros(len(table), dtype=np.int64)
    for place, name in enumerate(names):
        mine = by_spectrum.get(name)
        if mine is None:
            continue
        strongest = mine.iloc[int(mine["line_snr"].abs().to_numpy().argmax())]
        at, width = float(strongest["wavelength"]), float(strongest["fwhm"])
        for other in members[int(group[place])]:
            if not low[other] < at < high[other]:
                continue
            covering[place] += 1
            theirs = by_spectrum.get(names[other])
            if theirs is not None:
                near = np.abs(theirs["wavelength"].to_numpy(dtype=float) - at) <= max(width, 0.003 * at)
                showing[place] += bool(near.any())
    return pd.DataFrame({"covering": covering, "showing": showing})


def ranked(table: pd.DataFrame, oddities: Oddities, shown: pd.DataFrame, weights: Any) -> pd.DataFrame:
    """Return the table with the four terms, the composite score and the terms that could be computed."""
    terms = {
        "anomaly": oddities.anomaly,
        "snr": snr_score(table["snr"].to_numpy(dtype=float)),
        "artifact": 1.0 - oddities.artifact_probability,
        "consistency": consistency_score(shown["showing"].to_numpy(), shown["covering"].to_numpy()),
    }
    score, used = composite(terms, weights)
    return table.assign(
        **{f"{name}_score": values for name, values in terms.items()},
        composite_score=score,
        terms=used,
        isolation_forest_score=oddities.isolation_forest,
        artifact_probability=oddities.artifact_probability,
        **{f"view_{name}": values for name, values in oddities.views.items()},
    )
