"""The ensemble: odd colours, odd spectra and odd structures each come first, stars do not, few fall back."""

import numpy as np
import pandas as pd
import pytest

from analysis.ensemble import COMPANY, PARTS, SHAPES, STAR_CEILING, combine, local_z, standing, tail

ODD = [name for part in PARTS for name in part]
N = 300


@pytest.fixture
def field():
    """Facts and colours of ordinary objects whose features drift with magnitude."""
    rng = np.random.default_rng(5)
    magnitude = rng.uniform(22, 28, N)
    names = sorted({*ODD, *SHAPES})
    facts = pd.DataFrame({name: rng.normal(0.1 * magnitude, 0.1) for name in names})
    facts["r50_psf_ratio"] -= 2.0  # log10: as small as the PSF, most of them
    facts["ring_share"], facts["stacked_snr"] = rng.uniform(0, 0.3, N), 200.0
    facts["magnitude"], facts["misfit"] = magnitude, np.abs(rng.normal(0, 0.2, N))
    facts["star"], facts["eligible"] = False, True
    return facts, rng.normal(0.05 * magnitude[:, None], 0.1, (N, 3))


def test_each_way_of_being_odd_comes_first(field):
    """One of odd colours, one of odd structure and one that no galaxy fits are the three highest."""
    facts, colours = field
    colours[10] = [1.5, -1.0, 2.0]
    facts.loc[10, ["sharpness", "peak_ratio", "gini"]] += 2
    facts.loc[20, ODD] += 2
    facts.loc[30, "misfit"] = 4.0
    views = combine(facts, colours)
    assert set(np.argsort(-views.anomaly)[:3]) == {10, 20, 30}
    assert views.missing == ()
    assert views.anomaly.min() >= 0
    assert views.anomaly.max() <= 1


def test_same_input_same_score_and_order_does_not_matter(field):
    """Twice the same is the same; rows shuffled give the same scores, shuffled."""
    facts, colours = field
    first, again = combine(facts, colours), combine(facts, colours)
    assert np.array_equal(first.anomaly, again.anomaly)
    order = np.random.default_rng(1).permutation(N)
    turned = combine(facts.iloc[order].reset_index(drop=True), colours[order])
    assert np.corrcoef(turned.anomaly, first.anomaly[order])[0, 1] > 0.98


def test_the_misfit_of_a_resolved_object_counts_less(field):
    """The same misfit is sure for a point and a hint for what is ten times as large."""
    facts, colours = field
    facts.loc[[30, 31], "misfit"] = 2.0
    facts.loc[[30, 31], "r50_psf_ratio"] = [0.1, 1.0]
    spectrum = combine(facts, colours).views["spectrum"]
    assert spectrum[30] == 1
    assert 0 < spectrum[31] < 0.5


def test_stars_are_ranked_apart(field):
    """A star with an odd shape is capped; one that no star's spectrum fits is not."""
    facts, colours = field
    facts.loc[[40, 41], list(COMPANY)] += 3
    facts.loc[[40, 41], "star"] = True
    facts.loc[41, "misfit"] = 50.0  # a misfit of what is so large counts less
    scores = combine(facts, colours).anomaly
    assert scores[40] <= STAR_CEILING
    assert scores[41] == 1


def test_one_band_leaves_the_structure_and_says_what_is_missing(field):
    """Without colours and spectra two views are missing and the third ranks."""
    facts, _ = field
    facts["misfit"] = np.nan
    facts.loc[20, ODD] += 2
    views = combine(facts, np.zeros((N, 0)))
    assert set(views.missing) == {"spectrum", "colour"}
    assert views.anomaly.argmax() == 20


def test_few_objects_are_compared_with_all_and_say_what_is_missing(field):
    """Of eighteen the oddest structure leads, no further than eighteen can tell; colours are not judged."""
    facts, colours = (part[:18] for part in field)
    facts.loc[3, ODD] += 2
    views = combine(facts, colours)
    assert views.missing == ("colour",)
    assert views.anomaly.argmax() == 3
    assert views.anomaly[3] < 0.6


def test_absolute_views_need_nobody_to_compare_with(field):
    """A ring around an object and a spectrum that nothing fits speak also where nothing can be compared."""
    facts, colours = (part[:4].copy() for part in field)
    facts.loc[1, "ring_share"], facts.loc[2, "misfit"] = 0.9, 5.0
    views = combine(facts, colours)
    assert set(views.missing) == {"colour", "structure"}
    assert views.anomaly.tolist() == [0, 1, 1, 0]
    facts["eligible"] = False
    assert combine(facts, colours).anomaly.tolist() == [0, 1, 1, 0]


def test_the_structure_of_faint_objects_is_not_trusted(field):
    """The same odd structure at S/N 5 is less unusual than at 200."""
    facts, _ = field
    facts.loc[[20, 21], ODD] += 2
    facts.loc[21, "stacked_snr"] = 5.0
    structure = combine(facts, np.zeros((N, 0))).views["structure"]
    assert structure[21] < structure[20]


def test_resampling_is_repeatable_and_differs_by_seed(field):
    """A bootstrap depends on its seed alone."""
    facts, colours = field
    one, same, other = (combine(facts, colours, seed=s, resample=True).anomaly for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_local_z_takes_out_the_drift_with_magnitude():
    """A feature that follows magnitude is ordinary everywhere; what sticks out at its magnitude is not."""
    magnitude = np.linspace(20, 28, N)
    values = 0.1 * magnitude + np.random.default_rng(2).normal(0, 0.1, N)
    values[150] += 3
    z = local_z(values, magnitude, np.ones(N, bool))
    assert z.argmax() == 150
    assert np.abs(np.delete(z, 150)).max() < 6
    assert local_z(np.full(N, np.nan), magnitude, np.ones(N, bool)).tolist() == [0.0] * N


def test_standing_and_tail():
    """The highest of 99 stands at 98.5 per cent of a hundred: a tail of about 1.8."""
    values = np.arange(99.0)
    everyone = np.ones(99, bool)
    assert standing(values, everyone)[-1] == pytest.approx(0.985)
    assert tail(values, everyone)[-1] == pytest.approx(1.824, abs=0.01)
