"""What each view says of every candidate, and how far its rank hangs on who else happened to be observed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.stages.forcing import Outcome
from store.oddity import VIEWS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


def candidate_views(
    outcome: Outcome, candidates: "pd.DataFrame", numbers: Mapping[str, int], weights: Mapping[str, float]
) -> "pd.DataFrame":
    """Return the store's table of that name: one row per image candidate that was measured everywhere.

    Parameters
    ----------
    outcome : Outcome
        Of the ensemble.
    candidates : DataFrame
        The whole list in order of rank, spectra and all: ranks are those that people see.
    numbers : mapping of str to int
        Numbers of the objects by the names of their candidates.
    weights : mapping
        By term, as in `analysis.weighting.TERMS`.
    """
    import numpy as np
    import pandas as pd

    objects = np.array([numbers.get(name, -1) for name in candidates["candidate"]], dtype=np.int64)
    row_of = np.full(len(outcome.anomaly) + 1, -1, dtype=np.int64)  # the last is that of spectra, -1
    row_of[outcome.evidence.objects] = np.arange(len(outcome.evidence.objects))
    rows = row_of[objects]
    told = rows >= 0
    low, high = _intervals(outcome, candidates, objects, weights)
    views = {f"view_{name}": outcome.views.views[name][rows[told]] for name in VIEWS}
    facts = {
        "candidate": candidates["candidate"].to_numpy(dtype=str)[told],
        "rank_low": low[told],
        "rank_high": high[told],
        "draws": len(outcome.spread),
    }
    return pd.DataFrame(facts | views)


def _intervals(
    outcome: Outcome,
    candidates: "pd.DataFrame",
    objects: "npt.NDArray[np.int64]",
    weights: Mapping[str, float],
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Return the lowest and highest rank of each candidate over the draws and its own.

    A candidate whose anomaly is that of its spectrum keeps it: spectra are not drawn anew.
    """
    import numpy as np

    from analysis.weighting import TERMS, best_first, composite

    own = np.arange(1, len(candidates) + 1)
    ranks = [own]
    terms = {name: candidates[f"{name}_score"].to_numpy(dtype=float) for name in TERMS}
    image = objects >= 0
    of_image = np.where(image, outcome.anomaly[objects], np.nan)
    # What is above the image's own is the spectrum's.
    floor = np.where(image & ~(terms["anomaly"] > of_image), np.nan, terms["anomaly"])
    for again in outcome.spread:
        drawn = np.fmax(floor, np.where(image, again[objects], np.nan))
        score, _ = composite(terms | {"anomaly": drawn}, weights)
        rank = np.empty(len(own), dtype=np.int64)
        rank[best_first(score, candidates["ra"], candidates["dec"])] = own
        ranks.append(rank)
    return np.min(ranks, axis=0), np.max(ranks, axis=0)
