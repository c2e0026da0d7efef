"""The weighing of the four terms: arrays and weights in, composite score and order out. Needs numpy alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TERMS = ("anomaly", "snr", "artifact", "consistency")
"""The terms of the composite score, in the order of the configuration's weights."""


def weighted(values: FloatArray, weights: Mapping[str, float]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the weighted mean of each row's finite terms, and which terms of it took part.

    Parameters
    ----------
    values : float array (n, 4)
        Terms in 0…1 in the order of `TERMS`; NaN takes no part, the other weights are renormalised.
    weights : mapping of str to float
        Not negative; a term of weight 0 takes no part.

    Returns
    -------
    score : float array (n,)
        In 0…1; NaN where no term with weight is finite.
    used : bool array (n, 4)
        Terms that took part.
    """
    weight = np.array([float(weights[name]) for name in TERMS])
    used = np.isfinite(values) & (weight > 0.0)
    total = (used * weight).sum(axis=1)
    summed = (np.where(used, values, 0.0) * weight).sum(axis=1)
    return np.divide(summed, total, out=np.full(len(values), np.nan), where=total > 0.0), used


def composite(
    terms: Mapping[str, FloatArray], weights: Mapping[str, float]
) -> tuple[FloatArray, npt.NDArray[np.object_]]:
    """Return the weighted mean of the terms that could be computed, and their names.

    Parameters
    ----------
    terms : mapping of str to float array (n,)
        Terms in 0…1 by name, all of `TERMS`; NaN drops out of that row, the other weights are renormalised.
    weights : mapping of str to float
        Not negative; a term of weight 0 takes no part.

    Returns
    -------
    score : float array (n,)
        In 0…1; NaN where no term with weight could be computed.
    names : object array (n,)
        The terms with weight that could be computed, comma-separated in the order of `TERMS`.
    """
    values = np.stack([np.asarray(terms[name], dtype=float) for name in TERMS], axis=1)
    score, used = weighted(values, weights)
    names = [",".join(name for name, use in zip(TERMS, row, strict=True) if use) for row in used]
    return score, np.array(names, dtype=object)


def best_first(score: FloatArray, ra: Any, dec: Any) -> IntArray:
    """Return the order of rows: highest score first, NaN last, ties (to 9 decimals) by (dec, ra)."""
    key = -np.round(np.where(np.isfinite(score), score, -np.inf), 9)
    return np.lexsort((np.asarray(ra, dtype=float), np.asarray(dec, dtype=float), key)).astype(np.int64)
