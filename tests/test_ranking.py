"""The composite rank: its terms, what drops out, who is listed, and that no source rescales another."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from analysis.anomaly import SEEDS, score_sources
from analysis.association import FrameFacts, associate, carry_names
from analysis.ranking import (
    CANDIDATE_COLUMNS,
    TERMS,
    artifact_score,
    composite,
    consistency_score,
    rank_candidates,
    select_per_image,
    snr_score,
)

WEIGHTS = {"anomaly": 0.4, "snr": 0.3, "artifact": 0.2, "consistency": 0.1}
FRAMES = [FrameFacts("f115w", "NIRCAM", "F115W", 0.04), FrameFacts("f200w", "NIRCAM", "F200W", 0.066)]


def field(n=120, seed=3):
    """Sources of two frames on the same objects, with every column that ranking reads."""
    rng = np.random.default_rng(seed)
    ra, dec = 150.0 + 0.02 * rng.random(n), 2.0 + 0.02 * rng.random(n)
    parts = []
    for i, facts in enumerate(FRAMES):
        seen = rng.random(n) < 0.8
        m = int(seen.sum())
        snr = 10 ** rng.uniform(0.5, 2.5, m)
        parts.append(
            pd.DataFrame(
                {
                    "source_id": [f"{facts.frame}-{k + 1}" for k in range(m)],
                    "frame": facts.frame,
                    "instrument": "NIRCAM",
                    "filter": facts.filter,
                    "forced": False,
                    "ra": ra[seen] + 0.01 * i / 3600,
                    "dec": dec[seen],
                    "snr": snr,
                    "flux": 3.0 * snr,
                    "flux_err": 3.0,
                    "flux_unit": "nJy",
                    "mag_ab": 31.4 - 2.5 * np.log10(3.0 * snr),
                    "r50_arcsec": 0.1,
                    "concentration": 2.8 + 0.3 * rng.standard_normal(m),
                    "asymmetry": 0.1 + 0.05 * rng.standard_normal(m),
                    "gini": 0.5 + 0.04 * rng.standard_normal(m),
                    "m20": -1.7 + 0.15 * rng.standard_normal(m),
                    "ellipticity": 0.3 + 0.1 * rng.standard_normal(m),
                    "peak_ratio": 10 ** (-1.5 + 0.2 * rng.standard_normal(m)),
                    "sharpness": 10 ** (0.1 * rng.standard_normal(m)),
                    "r50_psf_ratio": 10 ** (0.2 * rng.standard_normal(m)),
                    "n_peaks": rng.integers(1, 4, m),
                    "artifact_probability": rng.random(m) ** 3,
                    "flags": np.where(rng.random(m) < 0.2, "edge", ""),
                    "simulated": True,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def ranked(sources, *, top=0, min_snr=5.0, covered=None, weights=WEIGHTS, seeds=(1,)):
    """Score, associate and rank, as the stage does."""
    scores = score_sources(sources, min_snr=min_snr, seeds=seeds)
    sources = sources.assign(
        anomaly_score=scores.anomaly_score, isolation_forest_score=scores.isolation_forest_score
    )
    objects = associate(sources, FRAMES)
    names = carry_names(objects.ra, objects.dec, [])
    seen = np.ones((len(names), 2), dtype=bool) if covered is None else np.resize(covered, (len(names), 2))
    return rank_candidates(sources, objects, names, seen, weights=weights, min_snr=min_snr, top=top)


@pytest.mark.parametrize(("snr", "score"), [(0.1, 0), (1, 0), (10, 0.5), (100, 1), (1e9, 1), (-3, 0)])
def test_snr_score_is_half_the_logarithm_between_0_and_1(snr, score):
    """clip(log10(max(S/N, 1)) / 2, 0, 1)."""
    assert snr_score(np.array([snr]))[0] == pytest.approx(score)


def test_unknown_values_stay_unknown():
    """NaN in, NaN out: what was not measured is no zero."""
    assert np.isnan(snr_score(np.array([math.nan]))[0])
    assert np.isnan(artifact_score(np.array([math.nan]))[0])


def test_consistency_needs_two_covering_frames():
    """Seen in one of one frame says nothing; in two of four, a half."""
    score = consistency_score(np.array([1, 2, 0]), np.array([1, 4, 0]))
    assert np.isnan(score[0])
    assert score[1] == 0.5
    assert np.isnan(score[2])


def test_composite_is_the_weighted_sum_of_four_terms():
    """0.4, 0.3, 0.2, 0.1."""
    terms = {name: np.array([value]) for name, value in zip(TERMS, (0.9, 0.5, 1.0, 0.25), strict=True)}
    score, names = composite(terms, WEIGHTS)
    assert score[0] == pytest.approx(0.4 * 0.9 + 0.3 * 0.5 + 0.2 * 1.0 + 0.1 * 0.25)
    assert names[0] == "anomaly,snr,artifact,consistency"


def test_missing_term_drops_out_and_the_others_are_renormalised():
    """Without consistency the rest counts 0.4, 0.3 and 0.2 of 0.9, and the names say so."""
    terms = {name: np.array([value]) for name, value in zip(TERMS, (0.9, 0.5, 1.0, math.nan), strict=True)}
    score, names = composite(terms, WEIGHTS)
    assert score[0] == pytest.approx((0.4 * 0.9 + 0.3 * 0.5 + 0.2 * 1.0) / 0.9)
    assert names[0] == "anomaly,snr,artifact"


def test_no_term_gives_no_score():
    """All NaN, or all of weight 0: the composite is NaN and no term is named."""
    none = {name: np.array([math.nan]) for name in TERMS}
    score, names = composite(none, WEIGHTS)
    assert np.isnan(score[0])
    assert names[0] == ""
    only = composite({name: np.array([1.0]) for name in TERMS}, {**dict.fromkeys(TERMS, 0.0), "snr": 2.0})
    assert only[0][0] == 1.0
    assert only[1][0] == "snr"


unit = st.floats(0, 1) | st.just(math.nan)


@given(st.tuples(unit, unit, unit, unit), st.tuples(*[st.floats(0, 10)] * 4))
def test_composite_stays_between_its_terms(values, weights):
    """A weighted mean cannot leave the range of what it averages."""
    terms = {name: np.array([value]) for name, value in zip(TERMS, values, strict=True)}
    score, names = composite(terms, dict(zip(TERMS, weights, strict=True)))
    used = [terms[name][0] for name in names[0].split(",") if name]
    if used:
        assert min(used) - 1e-9 <= score[0] <= max(used) + 1e-9
    else:
        assert np.isnan(score[0])


def test_each_image_puts_forward_its_most_anomalous_above_min_snr():
    """Three of each frame, none fainter than 5, numbered from 1."""
    sources = field()
    sources["anomaly_score"] = np.random.default_rng(0).random(len(sources))
    chosen = select_per_image(sources, min_snr=5.0, top=3)
    assert chosen["frame"].tolist() == ["f115w"] * 3 + ["f200w"] * 3
    assert chosen["rank_in_image"].tolist() == [1, 2, 3] * 2
    bright = sources[(sources["frame"] == "f115w") & (sources["snr"] >= 5)]
    best = bright.sort_values("anomaly_score", ascending=False)["source_id"].head(3)
    assert chosen["source_id"].tolist()[:3] == best.tolist()


def test_zero_means_no_cap_and_nothing_bright_means_nothing():
    """top 0 lists every source that is bright enough."""
    sources = field().assign(anomaly_score=0.5)
    assert len(select_per_image(sources, min_snr=5.0, top=0)) == (sources["snr"] >= 5).sum()
    assert select_per_image(sources, min_snr=1e9, top=0).empty
    assert ranked(sources, min_snr=1e9).candidates.empty


def test_ties_are_broken_by_position():
    """Equal scores: south first, then west."""
    sources = field(40).assign(anomaly_score=0.5)
    chosen = select_per_image(sources, min_snr=0.0, top=0)
    places = sources.loc[chosen.index].groupby("frame")["dec"]
    assert all(part.is_monotonic_increasing for _, part in places)


def test_one_object_is_listed_once_with_the_columns_of_the_store():
    """Sources of both frames merge; the table has the documented columns, ranks run from 1."""
    result = ranked(field(), top=30)
    table = result.candidates
    assert tuple(table.columns) == CANDIDATE_COLUMNS
    assert table["candidate"].is_unique
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["composite_score"].is_monotonic_decreasing
    assert len(table) < len(result.image_candidates)
    assert set(result.image_candidates["candidate"]) == set(table["candidate"])


def test_snr_and_measures_are_those_of_the_best_frame():
    """S/N of an object is its best frame's; filters stand in order of wavelength."""
    sources = field()
    table = ranked(sources).candidates.set_index("candidate")
    by_id = sources.set_index("source_id")
    assert (table["snr"] == by_id.loc[table["best_source"], "snr"].to_numpy()).all()
    assert (table["flux"] == by_id.loc[table["best_source"], "flux"].to_numpy()).all()
    assert set(table["filters"]) == {"F115W", "F200W", "F115W,F200W"}
    both = table[table["frames_detected"] == 2]
    assert (both["snr"] >= 5).all()


def test_snr_over_bands_takes_the_place_of_the_best_sources_where_it_is_known():
    """The S/N term is that of the object over its bands; NaN leaves the best source's, and `snr` stays."""
    sources = field()
    objects = associate(sources, FRAMES)
    names = [f"object {n}" for n in range(len(objects.ra))]
    covered = np.ones((len(names), len(FRAMES)), dtype=bool)
    own = np.where(np.arange(len(names)) % 2, 10.0, np.nan)
    scores = score_sources(sources, min_snr=5.0, seeds=(1,))
    scored = sources.assign(
        anomaly_score=scores.anomaly_score, isolation_forest_score=scores.isolation_forest_score
    )
    table = rank_candidates(
        scored, objects, names, covered, weights=WEIGHTS, min_snr=5.0, top=0, band_snr=own
    ).candidates
    odd = table["object"].str.removeprefix("object ").astype(int) % 2 == 1
    assert set(table["snr_score"][odd]) == {0.5}
    kron = table[~odd]
    assert kron["snr_score"].to_numpy() == pytest.approx(snr_score(kron["snr"].to_numpy(dtype=float)))
    by_id = sources.set_index("source_id")
    assert (table["snr"].to_numpy() == by_id.loc[table["best_source"], "snr"].to_numpy()).all()


def test_frames_covering_counts_detections_and_valid_pixels():
    """A frame that detected it covers it, whatever the mask says at its centre."""
    nothing = ranked(field(), covered=[[False, False]]).candidates
    assert (nothing["frames_covering"] == nothing["frames_detected"]).all()
    all_covered = ranked(field()).candidates
    assert (all_covered["frames_covering"] == 2).all()
    assert set(all_covered["consistency_score"]) == {0.5, 1.0}


def test_frame_spoilt_by_an_artifact_makes_no_object_unusual():
    """The anomaly term is that of a clean frame; the artefact term is the mean over the object's frames."""
    sources = field()
    objects = associate(sources, FRAMES)
    pair = next(
        rows for n in range(len(objects.ra)) if len(rows := np.flatnonzero(objects.of_source == n)) == 2
    )
    sources.loc[pair, "snr"] = 50.0
    sources.loc[pair, "artifact_probability"] = [0.9, 0.1]
    sources["anomaly_score"] = sources["isolation_forest_score"] = 0.5
    sources.loc[pair, "anomaly_score"] = [1.0, 0.6]
    names = [f"object {n}" for n in range(len(objects.ra))]
    covered = np.ones((len(names), len(FRAMES)), dtype=bool)
    table = rank_candidates(sources, objects, names, covered, weights=WEIGHTS, min_snr=5.0, top=0).candidates
    row = table.set_index("object").loc[names[objects.of_source[pair[0]]]]
    assert row["anomaly_score"] == 0.6
    assert row["artifact_score"] == pytest.approx(0.5)


def test_8_one_source_a_million_times_brighter_moves_nobody_else():
    """Every other candidate's snr_score and artifact_score stays bit-identical."""
    sources = field()
    before = ranked(sources).candidates.set_index("best_source")
    loud = sources.copy()
    loud.loc[10, ["flux", "snr"]] = loud.loc[10, ["flux", "snr"]] * 1e6
    after = ranked(loud).candidates.set_index("best_source")
    others = before.index.intersection(after.index).difference([sources.loc[10, "source_id"]])
    assert len(others) >= len(before) - 2
    for column in ("snr_score", "artifact_score"):
        assert (before.loc[others, column] == after.loc[others, column]).all()


@pytest.mark.parametrize("dropped", [0, 130])
def test_8_dropping_one_source_keeps_the_order(dropped):
    """Spearman's rank correlation of the composite over the candidates that remain is at least 0.99."""
    sources = field()
    before = ranked(sources, seeds=SEEDS).candidates.set_index("best_source")["composite_score"]
    less = sources.drop(index=dropped).reset_index(drop=True)
    after = ranked(less, seeds=SEEDS).candidates.set_index("best_source")["composite_score"]
    common = before.index.intersection(after.index)
    assert len(common) >= len(before) - 2
    assert spearmanr(before[common], after[common]).statistic >= 0.99


def test_same_input_same_rank():
    """Two rankings of the same sources, and of the same sources in another order, are equal."""
    sources = field()
    first = ranked(sources, top=20).candidates
    shuffled = sources.sample(frac=1.0, random_state=1).reset_index(drop=True)
    second = ranked(shuffled, top=20).candidates
    pd.testing.assert_frame_equal(first, second)
