"""Flags: each raised by what it names, and the probability they make."""

import numpy as np
import pytest

from analysis.artifacts import (
    FLAGS,
    OBJECT_FLAGS,
    artifact_probability,
    edge_distances,
    flags_text,
    point_source,
    raise_flags,
    with_object_flags,
)
from store.states import REASONS

CLEAN = {
    "edge_distance": 100.0, "weight_ratio": 1.0, "sharpness": 0.8, "snr": 20.0, "invalid": 0.0, "hole": 0.0,
    "blended": False, "truncated": False,
}  # fmt: skip


def raised(**changes):
    return raise_flags(**{key: np.array([value]) for key, value in (CLEAN | changes).items()})


def text(**changes):
    return flags_text(raised(**changes))[0]


def test_a_good_source_has_no_flag_and_no_suspicion():
    """Empty text, probability 0."""
    assert text() == ""
    assert artifact_probability(raised(), np.array([0.8]), np.array([4]))[0] == 0


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"edge_distance": 9.9}, "edge"),
        ({"weight_ratio": 0.49}, "low_weight"),
        ({"sharpness": 1.6}, "cosmic_ray"),
        ({"invalid": 1.0}, "nan"),
        ({"invalid": 5.0, "hole": 5.0}, "nan,saturated"),
        ({"blended": True}, "blended"),
        ({"truncated": True}, "truncated"),
    ],
)
def test_each_flag_is_raised_by_its_own_cause(changes, flag):
    """One measurement out of bounds, its flag and no other."""
    assert text(**changes) == flag


def test_unknown_measurements_raise_no_flag():
    """NaN is not a fault."""
    assert text(sharpness=np.nan, weight_ratio=np.nan) == ""
    assert artifact_probability(raised(sharpness=np.nan), np.array([np.nan]), np.array([-1]))[0] == 0


def test_a_noise_peak_is_no_cosmic_ray():
    """Sharpness needs light to mean anything."""
    assert text(sharpness=2.0, snr=3.0) == ""


def test_flags_are_sorted_and_joined_by_commas():
    """As the column's readers expect them."""
    assert text(truncated=True, edge_distance=1.0, blended=True) == "blended,edge,truncated"
    assert [flag.name for flag in FLAGS] == sorted(flag.name for flag in FLAGS)


def test_the_probability_grows_with_every_fault_and_stays_below_1():
    """Cosmic ray most, an edge less; a single exposure adds a little."""
    sharp, one = np.array([1.6]), np.array([1])
    ray = artifact_probability(raised(sharpness=1.6), sharp, np.array([4]))[0]
    edge = artifact_probability(raised(edge_distance=2.0), np.array([0.8]), np.array([4]))[0]
    both = artifact_probability(raised(sharpness=1.6, edge_distance=2.0), sharp, one)[0]
    assert 0 < edge < ray < both < 1
    assert ray == pytest.approx(0.8)


def test_the_edge_is_the_frames_border_or_the_nearest_gap():
    """Whichever is nearer; a tile's border inside the frame is none."""
    outside = np.zeros((100, 100), bool)
    outside[:, 60:70] = True
    x, y = np.array([50.0, 20.0, 95.0]), np.array([50.0, 4.0, 50.0])
    whole = edge_distances(outside, y, x, (True, True, True, True), 256)
    np.testing.assert_allclose(whole, [10, 4.5, 4.5])
    inner = edge_distances(outside, y, x, (False, False, False, False), 256)
    np.testing.assert_allclose(inner, [10, 40, 26])


def test_distances_beyond_the_margin_are_the_margin():
    """So that no tile sees further than another."""
    assert (
        edge_distances(np.zeros((9, 9), bool), np.array([4.0]), np.array([4.0]), (False,) * 4, 30.0)[0] == 30
    )


def test_the_point_source_of_a_known_filter():
    """A star of F200W is half inside about 0.05 arcsec; an unknown filter has no PSF."""
    sharpness, radius = point_source("F200W", 0.031)
    assert 0.3 < sharpness < 0.9
    assert 0.03 < radius * 0.031 < 0.07
    assert np.isnan(point_source("unknown", 0.031)).all()


def test_names_of_objects_are_added_in_order():
    """Sorted among the flags of the frame, each once; nothing raised changes nothing."""
    raised = {"snowball": np.array([True, False, False]), "cosmic_ray": np.array([True, True, False])}
    flags = with_object_flags(["edge", "blended,cosmic_ray", "b,a"], raised)
    assert flags == ["cosmic_ray,edge,snowball", "blended,cosmic_ray", "b,a"]
    assert with_object_flags(["edge"], {}) == ["edge"]


def test_every_artefact_has_a_name_that_people_vet_with():
    """Object flags are reasons that a vetter may give, and are registered by name."""
    names = [flag.name for flag in OBJECT_FLAGS]
    assert names == sorted(names)
    assert set(names) <= set(REASONS)
