"""The composite rank: four terms in 0…1, weighted, and the table of candidates. Tables in, tables out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.association import Objects
from analysis.instruments import order_key
from analysis.weighting import TERMS, best_first, composite

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MEASURED = (
    "snr", "mag_ab", "flux", "flux_err", "flux_unit", "r50_arcsec", "ellipticity", "concentration",
    "asymmetry", "gini", "m20", "peak_ratio",
)  # fmt: skip
"""Columns that a candidate takes from its best source, the one of highest S/N."""

CANDIDATE_COLUMNS = (
    "rank", "candidate", "kind", "ra", "dec", "composite_score", "anomaly_score", "isolation_forest_score",
    "snr_score", "artifact_score", "consistency_score", "terms", "snr", "frames_detected", "frames_covering",
    "filters", "object", "best_source", "best_frame", "mag_ab", "flux", "flux_err", "flux_unit", "r50_arcsec",
    "ellipticity", "concentration", "asymmetry", "gini", "m20", "peak_ratio", "flags", "simulated",
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """The outcome of a ranking.

    Attributes
    ----------
    candidates : DataFrame
        `CANDIDATE_COLUMNS`, one row per object, best first.
    image_candidates : DataFrame
        frame, rank_in_image, source_id, candidate: what each image put forward.
    """

    candidates: pd.DataFrame
    image_candidates: pd.DataFrame


def snr_score(snr: FloatArray) -> FloatArray:
    """Return clip(log10(max(S/N, 1)) / 2, 0, 1): 0 at S/N 1, 1 from 100 on, NaN where S/N is NaN.

    Shape (n,) in and out, no unit.

    It depends on nothing but the source itself, so that one saturated star rescales nobody.
    """
    return np.clip(np.log10(np.maximum(np.asarray(snr, dtype=float), 1.0)) / 2.0, 0.0, 1.0)


def artifact_score(probability: FloatArray) -> FloatArray:
    """Return 1 − artifact probability, in 0…1; NaN where the probability is NaN."""
    return 1.0 - np.clip(np.asarray(probability, dtype=float), 0.0, 1.0)


def consistency_score(detected: npt.NDArray[np.int64], covering: npt.NDArray[np.int64]) -> FloatArray:
    """Return frames showing it / frames covering it, (n,), 0 to 1; NaN where fewer than two cover it."""
    return np.where(covering >= 2, detected / np.maximum(covering, 1), np.nan)


def select_per_image(sources: pd.DataFrame, *, min_snr: float, top: int) -> pd.DataFrame:
    """Return the sources that each image puts forward, by anomaly score.

    Parameters
    ----------
    sources : DataFrame
        Columns frame, source_id, ra, dec, snr, forced, anomaly_score.
    min_snr : float
        Least S/N; a source whose S/N is NaN is never put forward.
    top : int
        Most sources of an image; 0 means no cap.

    Returns
    -------
    DataFrame
        frame, rank_in_image (from 1), source_id; frames in order of their names; the index is that of
        `sources`.
    """
    able = sources[~sources["forced"].to_numpy(dtype=bool) & (sources["snr"] >= min_snr)]
    parts = []
    for _, part in sorted(able.groupby("frame", sort=True), key=lambda item: str(item[0])):
        order = best_first(part["anomaly_score"].to_numpy(dtype=float), part["ra"], part["dec"])
        chosen = part.iloc[order[:top] if top > 0 else order][["frame", "source_id"]].copy()
        chosen.insert(1, "rank_in_image", np.arange(1, len(chosen) + 1))
        parts.append(chosen)
    if not parts:
        empty: dict[str, Any] = {"frame": [], "rank_in_image": np.empty(0, dtype=np.int64), "source_id": []}
        return pd.DataFrame(empty)
    return pd.concat(parts)


def listed_objects(sources: pd.DataFrame, objects: Objects, *, min_snr: float, top: int) -> IntArray:
    """Return the numbers of the objects of which some image puts a source forward, ascending."""
    chosen = select_per_image(sources, min_snr=min_snr, top=top)
    return np.unique(objects.of_source[sources["source_id"].isin(chosen["source_id"]).to_numpy()])


def rank_candidates(
    sources: pd.DataFrame,
    objects: Objects,
    names: list[str],
    covered: npt.NDArray[np.bool_],
    *,
    weights: Mapping[str, float],
    min_snr: float,
    top: int,
    band_snr: FloatArray | None = None,
) -> Ranked:
    """Rank the objects of which some image put a source forward.

    A candidate's S/N and measured values are those of its best source, the one of highest S/N in any frame.
    Of its sources with S/N ≥ `min_snr`, the anomaly term is that of the one whose anomaly score times its
    artefact score is highest, so that a frame spoilt by an artefact does not make an object look unusual;
    the artefact term is their mean artefact score, which depends on no other object. The flags are those of
    all its sources.

    Parameters
    ----------
    sources : DataFrame
        The columns of the table `sources`, with anomaly_score and isolation_forest_score.
    objects : Objects
        `associate` of the same rows.
    names : list of str
        One for each object.
    covered : bool array (n_objects, n_frames)
        Which frames have a valid pixel at the object; a frame that detected it covers it.
    weights : mapping
        By term, as in `TERMS`.
    min_snr, top
        See `select_per_image`.
    band_snr : float array (n_objects,), or None
        S/N over bands for the S/N term; where it is NaN, and without it, that of the best source.
    """
    chosen = select_per_image(sources, min_snr=min_snr, top=top)
    positions = pd.Series(np.arange(len(sources)), index=sources["source_id"])
    rows = positions.loc[chosen["source_id"]].to_numpy(dtype=np.int64)
    owners = objects.of_source[rows]
    listed = np.unique(owners)
    table = _candidate_rows(sources, objects, names, covered, listed, min_snr)
    if band_snr is not None:
        over_bands = snr_score(band_snr[listed])
        table["snr_score"] = np.where(np.isfinite(over_bands), over_bands, table["snr_score"])
    scores = {name: table[f"{name}_score"].to_numpy(dtype=float) for name in TERMS}
    table["composite_score"], table["terms"] = composite(scores, weights)
    order = best_first(table["composite_score"].to_numpy(dtype=float), table["ra"], table["dec"])
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    put_forward = chosen.reset_index(drop=True)
    put_forward["candidate"] = [names[owner] for owner in owners]
    return Ranked(table[list(CANDIDATE_COLUMNS)], put_forward)


def _candidate_rows(
    sources: pd.DataFrame,
    objects: Objects,
    names: list[str],
    covered: npt.NDArray[np.bool_],
    listed: IntArray,
    min_snr: float,
) -> pd.DataFrame:
    """Return one row per listed object with every column but rank, composite_score and terms."""
    members = np.flatnonzero(np.isin(objects.of_source, listed))
    owner = objects.of_source[members]
    part = sources.iloc[members]
    snr = part["snr"].to_numpy(dtype=float)
    anomaly = part["anomaly_score"].to_numpy(dtype=float)
    clean = artifact_score(part["artifact_probability"].to_numpy(dtype=float))
    frame = part["frame"].to_numpy(dtype=str)
    best = _first_of_each(owner, np.nan_to_num(snr, nan=-np.inf), frame)
    witness = _first_of_each(owner, np.where(snr >= min_snr, np.nan_to_num(anomaly * clean), -1.0), frame)
    head = part.iloc[best]
    detected = objects.detected[listed].sum(axis=1)
    covering = (covered[listed] | objects.detected[listed]).sum(axis=1)
    table = {name: head[name].to_numpy() for name in MEASURED} | {
        "candidate": [names[i] for i in listed],
        "kind": "image",
        "ra": objects.ra[listed],
        "dec": objects.dec[listed],
        "anomaly_score": anomaly[witness],
        "isolation_forest_score": part["isolation_forest_score"].to_numpy(dtype=float)[witness],
        "snr_score": snr_score(snr[best]),
        "artifact_score": _mean_of_each(owner, np.where(snr >= min_snr, clean, np.nan), frame),
        "consistency_score": consistency_score(detected, covering),
        "frames_detected": detected,
        "frames_covering": covering,
        "filters": _bands(owner, part, listed),
        "object": [names[i] for i in listed],
        "best_source": head["source_id"].to_numpy(),
        "best_frame": head["frame"].to_numpy(),
        "flags": _flags(owner, part, listed),
        "simulated": _any(owner, part["simulated"].to_numpy(dtype=bool), listed),
    }
    return pd.DataFrame(table)


def _first_of_each(owner: IntArray, value: FloatArray, frame: npt.NDArray[np.str_]) -> IntArray:
    """Return, for each owner in ascending order, the row of its highest value; ties by the frame's name."""
    order = np.lexsort((frame, -value, owner))
    leads = np.ones(order.size, dtype=bool)
    leads[1:] = owner[order][1:] != owner[order][:-1]
    return order[leads].astype(np.int64)


def _mean_of_each(owner: IntArray, value: FloatArray, frame: npt.NDArray[np.str_]) -> FloatArray:
    """Return, for each owner in ascending order, the mean of its finite values, summed in order of frames."""
    if not owner.size:
        return np.empty(0)
    order = np.lexsort((frame, owner))
    starts = np.flatnonzero(np.r_[True, owner[order][1:] != owner[order][:-1]])
    known = np.isfinite(value[order])
    total = np.add.reduceat(np.where(known, value[order], 0.0), starts)
    count = np.add.reduceat(known.astype(float), starts)
    return np.divide(total, count, out=np.full(len(starts), np.nan), where=count > 0.0)


def _any(owner: IntArray, true: npt.NDArray[np.bool_], listed: IntArray) -> npt.NDArray[np.bool_]:
    """Return which listed owners have a row that is true."""
    return np.isin(listed, owner[true])


def _bands(owner: IntArray, part: pd.DataFrame, listed: IntArray) -> list[str]:
    """Return the filters of each listed owner's rows, short wavelengths first."""
    found: dict[int, set[tuple[str, str]]] = {}
    pairs = zip(part["instrument"].astype(str), part["filter"].astype(str), strict=True)
    for number, pair in zip(owner.tolist(), pairs, strict=True):
        found.setdefault(number, set()).add(pair)
    in_order = {number: sorted(pairs, key=lambda pair: order_key(*pair)) for number, pairs in found.items()}
    return [",".join(dict.fromkeys(band for _, band in in_order[number])) for number in listed.tolist()]


def _flags(owner: IntArray, part: pd.DataFrame, listed: IntArray) -> list[str]:
    """Return every flag of each listed owner's rows, sorted."""
    found: dict[int, set[str]] = {}
    for number, text in zip(owner.tolist(), part["flags"].astype(str), strict=True):
        found.setdefault(number, set()).update(flag for flag in text.split(",") if flag)
    return [",".join(sorted(found[number])) for number in listed.tolist()]
