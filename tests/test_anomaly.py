"""The anomaly score finds the odd shapes, keeps to its range, and says what it was made of."""

import numpy as np
import pandas as pd
import pytest

from analysis.anomaly import FEATURES, LEAST_FOR_FOREST, score_sources


def shapes(n, seed=1, band="F200W", frame="a", instrument="NIRCAM"):
    """Ordinary sources: correlated Gaussian features about plausible centres."""
    rng = np.random.default_rng(seed)
    values = {
        "concentration": 2.8 + 0.3 * rng.standard_normal(n),
        "asymmetry": 0.1 + 0.05 * rng.standard_normal(n),
        "gini": 0.5 + 0.04 * rng.standard_normal(n),
        "m20": -1.7 + 0.15 * rng.standard_normal(n),
        "ellipticity": np.clip(0.3 + 0.12 * rng.standard_normal(n), 0, 0.9),
        "peak_ratio": 10 ** (-1.5 + 0.2 * rng.standard_normal(n)),
        "sharpness": 10 ** (-0.2 + 0.1 * rng.standard_normal(n)),
        "r50_psf_ratio": 10 ** (0.4 + 0.15 * rng.standard_normal(n)),
        "n_peaks": np.ones(n, dtype=int),
    }
    return pd.DataFrame(
        values
        | {
            "source_id": [f"{frame}-{i + 1}" for i in range(n)],
            "frame": frame,
            "instrument": instrument,
            "filter": band,
            "ra": 150.0 + 0.01 * rng.random(n),
            "dec": 2.0 + 0.01 * rng.random(n),
            "snr": 10 ** rng.uniform(0.8, 2.0, n),
            "forced": False,
        }
    )


def odd(table, row=0):
    """Make one row unlike all others: lopsided, many-peaked, diffuse."""
    table.loc[row, ["asymmetry", "n_peaks", "m20", "concentration"]] = [0.9, 6, -0.6, 1.6]
    return table


def test_odd_shape_comes_first_among_two_hundred():
    """One lopsided, many-peaked source stands out of 200 by forest, with the highest possible rank."""
    scores = score_sources(odd(shapes(200)))
    assert np.argmax(scores.anomaly_score) == 0
    assert scores.anomaly_score[0] == pytest.approx(1.0 - 0.5 / 200)
    assert scores.isolation_forest_score[0] > 0.6
    assert scores.groups[0].method == "isolation_forest"


def test_scores_lie_in_zero_to_one():
    """Fractional ranks fill 0 to 1 evenly; Liu's score stays inside."""
    scores = score_sources(shapes(120))
    assert np.allclose(np.sort(scores.anomaly_score), (np.arange(120) + 0.5) / 120)
    assert ((scores.isolation_forest_score > 0) & (scores.isolation_forest_score < 1)).all()


def test_order_of_rows_changes_nothing():
    """The same sources shuffled get bit-identical scores."""
    table = odd(shapes(90))
    order = np.random.default_rng(5).permutation(90)
    first = score_sources(table)
    second = score_sources(table.iloc[order].reset_index(drop=True))
    assert (first.anomaly_score[order] == second.anomaly_score).all()
    assert (first.isolation_forest_score[order] == second.isolation_forest_score).all()


def test_fewer_than_fifty_are_scored_by_robust_distance():
    """49 sources: no forest score, a distance that still finds the odd one, and a record that says so."""
    scores = score_sources(odd(shapes(LEAST_FOR_FOREST - 1)))
    assert np.isnan(scores.isolation_forest_score).all()
    assert np.argmax(scores.anomaly_score) == 0
    assert scores.groups[0].method == "robust_distance"
    assert scores.facts()[0]["n_population"] == 49


def test_small_bands_of_one_instrument_are_scored_together():
    """20 sources in each of three bands make one group of 60, still by distance; MIRI keeps apart."""
    table = pd.concat(
        [shapes(20, i, band, band) for i, band in enumerate(("F115W", "F277W", "F444W"))]
        + [shapes(8, 9, "F770W", "m", "MIRI")],
        ignore_index=True,
    )
    scores = score_sources(table)
    assert [group.bands for group in scores.groups] == [
        ("MIRI F770W",),
        ("NIRCAM F115W", "NIRCAM F277W", "NIRCAM F444W"),
    ]
    assert {group.method for group in scores.groups} == {"robust_distance"}
    assert np.isfinite(scores.anomaly_score).all()


def test_fewer_than_five_have_no_score():
    """Four sources have no median worth the name: NaN, so that the term drops out."""
    scores = score_sources(shapes(4))
    assert np.isnan(scores.anomaly_score).all()
    assert scores.groups[0].method == "none"


def test_no_sources_give_no_groups():
    """An empty table is no special case."""
    scores = score_sources(shapes(5).iloc[:0])
    assert scores.groups == ()
    assert scores.anomaly_score.size == 0


def test_faint_sources_are_placed_but_shape_nothing():
    """What lies below min_snr does not move anybody else's score."""
    bright = shapes(100)
    faint = shapes(60, 7).assign(snr=2.0)
    faint["asymmetry"] += 1.0
    alone = score_sources(bright, min_snr=5.0)
    both = score_sources(pd.concat([bright, faint], ignore_index=True), min_snr=5.0)
    assert (both.anomaly_score[:100] == alone.anomaly_score).all()
    assert (both.anomaly_score[100:] > 0.5).mean() > 0.9


def test_missing_values_count_as_ordinary_and_missing_rows_have_no_score():
    """One NaN feature changes little; a source of which nothing is known is not scored."""
    table = shapes(100)
    table.loc[3, "gini"] = np.nan
    table.loc[4, [feature.column for feature in FEATURES]] = np.nan
    scores = score_sources(table)
    assert np.isfinite(scores.anomaly_score[3])
    assert np.isnan(scores.anomaly_score[4])
    assert np.isnan(scores.isolation_forest_score[4])


def test_feature_that_never_varies_or_is_rarely_known_takes_no_part():
    """Constant n_peaks and a sharpness known for a few carry no information."""
    table = shapes(100)
    table.loc[20:, "sharpness"] = np.nan
    names = score_sources(table).groups[0].features
    assert "n_peaks" not in names
    assert "sharpness" not in names
    assert "gini" in names


def test_forced_rows_are_not_scored():
    """A forced measurement has no shape of its own."""
    table = shapes(100)
    table.loc[0, "forced"] = True
    assert np.isnan(score_sources(table).anomaly_score[0])


def test_robust_distance_can_be_asked_for_and_other_names_are_refused():
    """The configuration's two methods, and no third."""
    scores = score_sources(shapes(100), method="robust_distance")
    assert np.isnan(scores.isolation_forest_score).all()
    with pytest.raises(ValueError, match="must be isolation_forest or robust_distance"):
        score_sources(shapes(10), method="magic")
