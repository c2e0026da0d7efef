"""How alike candidates are: features of each on one scale, and the nearest ones in them."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.anomaly import FEATURES
from analysis.instruments import order_key

FloatArray = npt.NDArray[np.float64]

CLIP = 5.0
"""Most scaled units that one feature may differ from the median: one odd value must not be all."""
LEAST_FOR_SCALE = 5
"""Fewer measured values than this give no scale, and the feature is left out."""


def feature_vectors(candidates: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each candidate in units of their spread among the candidates.

    Features are the shapes of `analysis.anomaly.FEATURES` of the best source and the colours (differences of
    AB magnitude) between neighbouring bands, each less its median and divided by 1.4826 times its median
    absolute deviation, clipped to ±`CLIP`.

    Parameters
    ----------
    candidates : DataFrame
        Columns candidate, object, best_source.
    sources : DataFrame
        Columns source_id, object, instrument, filter, snr, mag_ab and those of `FEATURES`.

    Returns
    -------
    DataFrame
        candidate, vector: a list of floats of one length, None where a feature was not measured.
    """
    best = sources.set_index("source_id").reindex(candidates["best_source"])
    with np.errstate(invalid="ignore", divide="ignore"):
        shapes = [feature.transform(best[feature.column].to_numpy(dtype=float)) for feature in FEATURES]
    values = np.stack([*shapes, *_colours(candidates, sources)], axis=1)
    scaled = np.stack([_scaled(column) for column in values.T], axis=1) if len(values) else values
    vectors = [[None if np.isnan(value) else float(value) for value in row] for row in scaled]
    return pd.DataFrame({"candidate": candidates["candidate"].to_numpy(), "vector": vectors})


def _colours(candidates: pd.DataFrame, sources: pd.DataFrame) -> list[FloatArray]:
    """Return the colour of each candidate between each two neighbouring bands, NaN where one lacks it."""
    mine = sources[sources["object"].isin(candidates["object"]) & np.isfinite(sources["mag_ab"])]
    best = mine.sort_values("snr", kind="stable").drop_duplicates(
        ["object", "instrument", "filter"], keep="last"
    )
    bands = sorted(
        set(zip(best["instrument"], best["filter"], strict=True)), key=lambda pair: order_key(*pair)
    )
    magnitudes = []
    for instrument, band in bands:
        here = best[(best["instrument"] == instrument) & (best["filter"] == band)]
        found = here.set_index("object")["mag_ab"].reindex(candidates["object"])
        magnitudes.append(found.to_numpy(dtype=float))
    return [one - two for one, two in pairwise(magnitudes)]


def _scaled(column: FloatArray) -> FloatArray:
    known = column[np.isfinite(column)]
    if known.size < LEAST_FOR_SCALE:
        return np.full(column.shape, np.nan)
    middle = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - middle)) or float(np.std(known)) or 1.0
    scaled: FloatArray = np.clip((column - middle) / spread, -CLIP, CLIP)
    return np.where(np.isfinite(column), scaled, np.nan)
