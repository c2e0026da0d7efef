"""Spectra and image candidates in one ranked list, and which belongs to which: tables in, tables out."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from analysis.association import carry_names, unit_vectors
from analysis.ranking import CANDIDATE_COLUMNS
from analysis.weighting import TERMS, best_first, composite

IntArray = npt.NDArray[np.int64]

RADIUS_ARCSEC: Final = 0.5
"""A spectrum within this distance of an image candidate belongs to it; so do spectra among each other."""
_ARCSEC: Final = math.radians(1.0 / 3600.0)


def groups_of(table: pd.DataFrame) -> IntArray:
    """Return a number for each spectrum: the same for those of one place, its own for one without a position.

    In order of their names, each joins the nearest group whose first member is within 0.5″.
    """
    order = np.argsort(table["spectrum"].to_numpy(dtype=str), kind="stable")
    places = table[["ra", "dec"]].to_numpy(dtype=float)
    known = np.isfinite(places).all(axis=1)
    vectors = unit_vectors(np.where(known, places[:, 0], 0.0), np.where(known, places[:, 1], 0.0))
    group = np.full(len(table), -1, dtype=np.int64)
    near = cKDTree(vectors[known]).query_ball_point(vectors, RADIUS_ARCSEC * _ARCSEC) if known.any() else []
    rows = np.flatnonzero(known)
    heads: set[int] = set()
    for row in order.tolist():
        if known[row]:
            close = [int(rows[k]) for k in near[row] if int(rows[k]) in heads]
            if close:
                group[row] = min(
                    close, key=lambda head: (float(np.linalg.norm(vectors[head] - vectors[row])), head)
                )
                continue
        group[row] = row
        heads.add(row)
    return group


def owners_of(table: pd.DataFrame, candidates: pd.DataFrame) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return each spectrum's nearest image candidate within 0.5″ ("" where none), and how far it is."""
    names, away = [""] * len(table), np.full(len(table), np.nan)
    known = np.flatnonzero(np.isfinite(table[["ra", "dec"]].to_numpy(dtype=float)).all(axis=1))
    if not len(candidates) or not len(known):
        return names, away
    tree = cKDTree(unit_vectors(candidates["ra"], candidates["dec"]))
    part = table.iloc[known]
    chord, nearest = tree.query(unit_vectors(part["ra"], part["dec"]))
    listed = candidates["candidate"].tolist()
    for row, distance, place in zip(known.tolist(), chord.tolist(), nearest.tolist(), strict=True):
        arcsec = distance / _ARCSEC
        if arcsec <= RADIUS_ARCSEC:
            names[row], away[row] = listed[place], arcsec
    return names, away


def put_forward(table: pd.DataFrame, *, min_snr: float, top: int) -> npt.NDArray[np.bool_]:
    """Return the spectra that each file puts forward: S/N ≥ `min_snr`, the `top` most unusual (0: all)."""
    able = table["snr"].to_numpy(dtype=float) >= min_snr
    if top > 0:
        order = np.lexsort(
            (table["spectrum"].to_numpy(dtype=str), -table["anomaly_score"].to_numpy(dtype=float))
        )
        place = pd.Series(able[order]).groupby(table["file"].to_numpy(dtype=str)[order]).cumsum().to_numpy()
        able[order] &= place <= top
    return able


def name_groups(
    table: pd.DataFrame,
    group: IntArray,
    digests: Mapping[str, str],
    known: Sequence[tuple[str, float, float]],
) -> dict[int, str]:
    """Name each group: by position as image candidates are, else `JWST S<sha8>-<row>` of its only member."""
    heads = np.unique(group)
    placed = [head for head in heads.tolist() if np.isfinite(table["ra"].iloc[head])]
    rows = table.iloc[placed]
    names = carry_names(rows["ra"].to_numpy(dtype=float), rows["dec"].to_numpy(dtype=float), known)
    named = dict(zip(placed, names, strict=True))
    for head in heads.tolist():
        if head not in named:
            row = table.iloc[head]
            named[head] = f"JWST S{digests[str(row['file'])][:8]}-{int(row['n'])}"
    return named


def spectrum_candidates(
    table: pd.DataFrame,
    group: IntArray,
    names: Mapping[int, str],
    chosen: npt.NDArray[np.bool_],
    shown: pd.DataFrame,
) -> pd.DataFrame:
    """Return one row of `CANDIDATE_COLUMNS` but rank for each group of which a spectrum was put forward.

    The terms are those of its spectrum of highest composite score; fluxes are its median in nJy, or in MJy/sr
    of an extended source. `shown` has, per spectrum, how many spectra of the place cover its strongest line
    and how many show it.
    """
    rows = []
    for head in np.unique(group[chosen]).tolist():
        members = np.flatnonzero(group == head)
        able = members[chosen[members]]
        score = table["composite_score"].to_numpy(dtype=float)[able]
        best = int(able[np.lexsort((table["spectrum"].to_numpy(dtype=str)[able], -score))[0]])
        row, part = table.iloc[best], table.iloc[members]
        njy = row["flux_unit"] == "uJy"
        flux = float(row["flux_median"]) * (1e3 if njy else 1.0)
        rows.append({
            "candidate": names[head], "kind": "spectrum", "ra": float(table["ra"].iloc[head]),
            "dec": float(table["dec"].iloc[head]), "object": names[head], "best_source": row["spectrum"],
            "best_frame": row["file"], "snr": float(row["snr"]),
            **{f"{term}_score": float(row[f"{term}_score"]) for term in TERMS},
            "isolation_forest_score": float(row["isolation_forest_score"]),
            "frames_detected": int(max(shown["showing"].iloc[best], 1)),
            "frames_covering": int(max(shown["covering"].iloc[best], 1)),
            "filters": ",".join(dict.fromkeys(part["disperser"].astype(str))),
            "flux": flux, "flux_err": float(row["flux_err_median"]) * (1e3 if njy else 1.0),
            "flux_unit": "nJy" if njy else "MJy/sr",
            "mag_ab": 31.4 - 2.5 * math.log10(flux) if njy and flux > 0.0 else math.nan,
            "flags": _joined(part["flags"].tolist()), "simulated": bool(part["simulated"].any()),
            **dict.fromkeys(_SHAPES, math.nan),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=[name for name in CANDIDATE_COLUMNS if name not in _COMPUTED])


_SHAPES: Final = ("r50_arcsec", "ellipticity", "concentration", "asymmetry", "gini", "m20", "peak_ratio")
_COMPUTED: Final = ("rank", "composite_score", "terms")


def one_list(
    images: pd.DataFrame,
    spectra: pd.DataFrame,
    table: pd.DataFrame,
    owners: Sequence[str],
    weights: Mapping[str, float],
) -> pd.DataFrame:
    """Return image candidates and spectra ranked together.

    An image candidate that owns spectra has the larger of its own anomaly score and theirs, and their flags.
    """
    images = images.copy()
    scores = (
        pd.Series(table["anomaly_score"].to_numpy(dtype=float)).groupby(np.array(owners, dtype=str)).max()
    )
    flags = pd.Series(table["flags"].to_numpy(dtype=str)).groupby(np.array(owners, dtype=str)).agg(_joined)
    theirs = images["candidate"].map(scores).to_numpy(dtype=float)
    images["anomaly_score"] = np.fmax(images["anomaly_score"].to_numpy(dtype=float), theirs)
    images["flags"] = [
        _joined([own, flags.get(name, ""), "spectrum" if name in flags.index else ""])
        for own, name in zip(images["flags"].astype(str), images["candidate"], strict=True)
    ]
    parts = [part for part in (images, spectra) if len(part)]
    both = pd.concat(parts, ignore_index=True) if parts else images
    terms = {name: both[f"{name}_score"].to_numpy(dtype=float) for name in TERMS}
    both["composite_score"], both["terms"] = composite(terms, weights)
    order = best_first(both["composite_score"].to_numpy(dtype=float), both["ra"], both["dec"])
    both = both.iloc[order].reset_index(drop=True)
    both["rank"] = np.arange(1, len(both) + 1)
    return both[list(CANDIDATE_COLUMNS)]


def _joined(flags: Sequence[str]) -> str:
    return ",".join(sorted({flag for text in flags for flag in text.split(",") if flag}))
