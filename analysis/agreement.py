"""How well vetters agree: labels by object and vetter in, a coefficient with its interval out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]

MISSING = -1
RESAMPLES = 2000
SEED = 1960
LEVEL = 0.95
COHEN, FLEISS, KRIPPENDORFF = "Cohen's kappa", "Fleiss' kappa", "Krippendorff's alpha"


@dataclass(frozen=True)
class Agreement:
    """One coefficient of agreement; `undefined` says in words why there is none.

    Attributes
    ----------
    statistic : str
        Which coefficient; "" where there is nothing to compare.
    value, low, high : float
        The coefficient (1 is full agreement, 0 what chance gives) and its bootstrap interval; NaN where it is
        not defined, or where too many resamples of the objects do not define it.
    observed : float
        Share of pairs of labels on one object that agree, over all objects; NaN without a pair.
    objects, vetters : int
        Objects with labels of at least two vetters, and vetters who gave one of those.
    undefined : str
        Why there is no value.
    """

    statistic: str
    value: float
    low: float
    high: float
    observed: float
    objects: int
    vetters: int
    undefined: str = ""

    def words(self) -> str:
        """Return it in one line."""
        if self.undefined:
            return f"{self.statistic or 'agreement'} is not defined: {self.undefined}"
        spread = (
            f"95 % {self.low:.2f} to {self.high:.2f}"
            if np.isfinite(self.low)
            else "no interval: too few objects differ"
        )
        return (
            f"{self.statistic} {self.value:.2f} ({spread}); {self.observed:.0%} of pairs of labels agree; "
            f"{self.objects} candidates have labels of at least two of {self.vetters} vetters"
        )


@dataclass(frozen=True)
class Labels:
    """Labels in an array: `codes` (objects, vetters) are places in `labels`, MISSING where none was given."""

    objects: tuple[str, ...]
    vetters: tuple[str, ...]
    labels: tuple[str, ...]
    codes: IntArray


def tabulate(given: Sequence[tuple[str, str, str]]) -> Labels:
    """Return labels as an array from (object, vetter, label), each sorted by name; "" is no label."""
    given = [one for one in given if one[2]]
    objects, vetters, labels = (tuple(sorted({one[n] for one in given})) for n in range(3))
    places = [{name: place for place, name in enumerate(names)} for names in (objects, vetters, labels)]
    codes = np.full((len(objects), len(vetters)), MISSING, dtype=np.int64)
    for one, vetter, label in given:
        codes[places[0][one], places[1][vetter]] = places[2][label]
    return Labels(objects, vetters, labels, codes)


def agreement(codes: IntArray, resamples: int = RESAMPLES, seed: int = SEED) -> Agreement:
    """Return the coefficient that fits what was labelled.

    Cohen's kappa for two vetters, Fleiss' for several who all labelled the same objects, Krippendorff's alpha
    (nominal) where some labels are missing. Objects with fewer than two labels tell nothing and are left out.

    Parameters
    ----------
    codes : int array (objects, vetters)
        Labels as numbers from 0; MISSING where a vetter gave none.
    resamples, seed : int
        Of the bootstrap: percentile interval over objects drawn with replacement (Efron & Tibshirani 1993,
        An Introduction to the Bootstrap, ch. 13).
    """
    codes = codes[(codes != MISSING).sum(axis=1) >= 2]
    codes = codes[:, (codes != MISSING).any(axis=0)] if len(codes) else codes[:, :0]
    objects, vetters = codes.shape
    if not objects:
        return Agreement(
            "", np.nan, np.nan, np.nan, np.nan, 0, vetters, "no candidate has labels of two vetters"
        )
    complete = bool((codes != MISSING).all())
    name = COHEN if vetters == 2 else FLEISS if complete else KRIPPENDORFF
    patterns, weights, statistic = {COHEN: _cohen, FLEISS: _fleiss, KRIPPENDORFF: _krippendorff}[name](codes)
    observed = float(np.nanmean(object_agreement(codes)))
    why = ""
    if objects < 2:
        why = "one candidate alone was labelled by two vetters"
    elif len(np.unique(codes[codes != MISSING])) < 2:
        why = f"all {objects} candidates have one and the same label, so chance would agree as well"
    if why:
        return Agreement(name, np.nan, np.nan, np.nan, observed, objects, vetters, why)
    value = float(statistic(weights[None, :])[0])
    drawn = np.random.default_rng(seed).multinomial(objects, weights / objects, size=resamples)
    spread = statistic(drawn.astype(float))
    spread = spread[np.isfinite(spread)]
    low = high = np.nan
    if len(spread) > resamples / 2 and patterns > 1:
        low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Agreement(name, value, low, high, observed, objects, vetters)


def pairs(codes: IntArray) -> dict[tuple[int, int], Agreement]:
    """Return Cohen's kappa of every two vetters, by their columns."""
    vetters = range(codes.shape[1])
    return {(i, j): agreement(codes[:, [i, j]]) for i in vetters for j in vetters if i < j}


def object_agreement(codes: IntArray) -> FloatArray:
    """Return for each object the share of pairs of its labels that agree (Fleiss 1971); NaN below two."""
    counts = _counts(codes)
    given = counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: FloatArray = (counts * (counts - 1)).sum(axis=1) / (given * (given - 1))
    return np.where(given >= 2, share, np.nan)


def votes(codes: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return for each object its most frequent label (ties: the first code), its votes, and all votes."""
    counts = _counts(codes).astype(np.int64)
    return counts.argmax(axis=1), counts.max(axis=1), counts.sum(axis=1)


def _counts(codes: IntArray) -> FloatArray:
    """Return how often each object has each label: (objects, labels)."""
    labels = int(codes.max(initial=0)) + 1
    return (codes[:, :, None] == np.arange(labels)).sum(axis=1).astype(float)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 1e-12)
    return ratio


def _cohen(codes: IntArray) -> tuple[int, FloatArray, Statistic]:
    """Return Cohen's kappa as a function of how often each pair of labels occurs.

    kappa = (p_o - p_e) / (1 - p_e), p_e from each vetter's own shares of labels: Cohen 1960, Educational and
    Psychological Measurement 20, 37.
    """
    rows, weights = np.unique(codes, axis=0, return_counts=True)
    labels = np.arange(int(codes.max()) + 1)
    first, second = (np.equal(rows[:, [n]], labels).astype(float) for n in (0, 1))
    same = (rows[:, 0] == rows[:, 1]).astype(float)

    def kappa(drawn: FloatArray) -> FloatArray:
        total = drawn.sum(axis=1)
        by_chance = ((drawn @ first) * (drawn @ second)).sum(axis=1) / total**2
        return _ratio(drawn @ same / total - by_chance, 1 - by_chance)

    return len(rows), weights.astype(float), kappa


def _fleiss(codes: IntArray) -> tuple[int, FloatArray, Statistic]:
    """Return Fleiss' kappa as a function of how often each row of votes occurs.

    kappa = (P - P_e) / (1 - P_e), P the mean share of agreeing pairs, P_e from the shares of labels over all
    vetters: Fleiss 1971, Psychological Bulletin 76, 378.
    """
    rows, weights = np.unique(_counts(codes), axis=0, return_counts=True)
    given = codes.shape[1]
    agreeing = (rows * (rows - 1)).sum(axis=1) / (given * (given - 1))

    def kappa(drawn: FloatArray) -> FloatArray:
        total = drawn.sum(axis=1)
        by_chance = ((drawn @ rows / (total * given)[:, None]) ** 2).sum(axis=1)
        return _ratio(drawn @ agreeing / total - by_chance, 1 - by_chance)

    return len(rows), weights.astype(float), kappa


def _krippendorff(codes: IntArray) -> tuple[int, FloatArray, Statistic]:
    """Return Krippendorff's alpha for nominal data as a function of how often each row of votes occurs.

    alpha = 1 - (n - 1) (n - sum o_cc) / (n^2 - sum n_c^2), o_cc the coincidences of equal labels, each object
    weighted by 1 / (labels - 1): Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section C.
    """
    rows, weights = np.unique(_counts(codes), axis=0, return_counts=True)
    coincident = (rows * (rows - 1)).sum(axis=1) / (rows.sum(axis=1) - 1)

    def alpha(drawn: FloatArray) -> FloatArray:
        by_label = drawn @ rows
        total = by_label.sum(axis=1)
        differing = (total - 1) * (total - drawn @ coincident)
        return 1 - _ratio(differing, total**2 - (by_label**2).sum(axis=1))

    return len(rows), weights.astype(float), alpha
