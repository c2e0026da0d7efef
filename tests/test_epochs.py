"""Frames against each other: offsets measured, exposures decoded, changes between epochs with errors."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.alignment import aligned, measure_offsets
from analysis.changes import FLUX_FLOOR, flux_change, motion
from analysis.exposures import Coverage, timeline, unpack


def catalogue(frame, east, north, shift=(0.0, 0.0), scatter=0.0, seed=0):
    """Bright, whole sources at offsets (arcsec) from one place, moved and scattered."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "frame": frame,
            "ra": 80.0
            + (east + shift[0] + rng.normal(0, scatter, len(east))) / 3600 / np.cos(np.radians(-30)),
            "dec": -30.0 + (north + shift[1] + rng.normal(0, scatter, len(east))) / 3600,
            "snr": 50.0,
            "flags": "",
            "forced": False,
        }
    )


@settings(max_examples=40, deadline=None)
@given(
    east=st.floats(-1.5, 1.5),
    north=st.floats(-1.2, 1.2),
    seed=st.integers(0, 1000),
)
def test_an_offset_is_found_within_its_error(east, north, seed):
    """A frame moved by up to two arcsec, with sources of its own, is laid back to a few errors."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-40, 40, (2, 150))
    other = rng.uniform(-40, 40, (2, 40))
    table = pd.concat(
        [
            catalogue("a", *places, scatter=0.005, seed=seed),
            catalogue("b", *places[:, :90], (east, north), scatter=0.005, seed=seed + 1),
            catalogue("b", *other),
        ]
    )
    offset = measure_offsets(table, ["a", "b"])["b"]
    assert offset.n > 60
    assert np.hypot(offset.east - east, offset.north - north) < 6 * offset.error + 1e-4
    assert offset.applied == (np.hypot(offset.east, offset.north) > max(0.02, 3 * offset.error))
    back = aligned(table, {"b": offset})
    if offset.applied:
        moved = back[back["frame"] == "b"].iloc[:90]
        assert np.abs((moved["dec"] + 30) * 3600 - places[1, :90]).max() < 0.04


def test_few_shared_sources_give_no_offset():
    """Frames of different sky, and frames without sources, are not aligned by chance."""
    rng = np.random.default_rng(1)
    table = pd.concat(
        [catalogue("a", *rng.uniform(-40, 0, (2, 50))), catalogue("b", *rng.uniform(20, 40, (2, 50)))]
    )
    offsets = measure_offsets(table, ["a", "b", "empty"])
    assert offsets["a"].reference == "a"
    assert not offsets["b"].reference
    assert not offsets["b"].applied
    assert np.isnan(offsets["empty"].east)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3))
def test_context_bits_are_inputs(planes):
    """Bit k of plane p is input 32 p + k."""
    bits = np.array(planes, dtype=np.uint32)[:, None]
    inputs = np.flatnonzero(unpack(bits)[0])
    assert sum(1 << int(k) for k in inputs) == sum(value << (32 * p) for p, value in enumerate(planes))


def cover(starts, rolls, used):
    """A frame that covers every place it has an input at."""
    used = np.array(used, dtype=bool)
    covered = used.any(axis=1)
    return Coverage(covered, covered, used.sum(axis=1), used, np.array(starts, float), np.array(rolls, float))


def test_epochs_are_groups_over_a_day_apart_at_the_pixel():
    """The first place has both epochs, the second one; a roll of 359.8 and of 0.1 are the same."""
    one = cover([100.0, 100.4, 130.0], [359.8, 359.9, 12.0], [[1, 1, 1], [1, 0, 0]])
    two = cover([130.5], [0.1], [[1], [0]])
    time = timeline([one, two])
    assert time.mjd.tolist() == [100.0, 130.0]
    assert time.present[0].tolist() == [[True, True], [False, True]]
    assert time.present[1].tolist() == [[True, False], [False, False]]
    assert time.single.tolist() == [[-1, 1], [0, -1]]
    assert time.rolls.tolist() == [2, 1]
    assert time.mean_mjd[0, 0] == pytest.approx((100 + 100.4 + 130) / 3)


def test_no_times_means_no_epochs():
    """A frame without any date takes no part."""
    time = timeline([cover([np.nan], [np.nan], [[1]])])
    assert time.present.shape == (1, 1, 0)
    assert time.single.tolist() == [[-1]]
    assert time.rolls.tolist() == [0]


EPOCHS, MJD, BAND = np.array([[0, 1, 1]]), np.array([[10.0, 50.0, 50.1]]), np.array([0, 0, 1])


def test_change_is_later_minus_earlier_with_a_floor():
    """Twice as bright is -0.75 mag; the floor bounds the significance of bright sources."""
    found = flux_change(np.array([[100.0, 200.0, 900.0]]), np.full((1, 3), 1e-3), EPOCHS, MJD, BAND)
    assert found.delta_mag[0] == pytest.approx(-0.7526, abs=1e-3)
    assert found.delta_mag_err[0] == pytest.approx(1.0857 * FLUX_FLOOR, rel=1e-3)
    assert found.sigma[0] == pytest.approx(0.5 / FLUX_FLOOR, rel=1e-3)
    assert found.days[0] == pytest.approx(40.0)
    assert (found.first[0], found.second[0]) == (0, 1)


def test_what_went_out_has_a_significance_but_no_magnitude():
    """Seen at 20 sigma and then not at all: no magnitude is made up."""
    found = flux_change(np.array([[20.0, 0.3, np.nan]]), np.ones((1, 3)), EPOCHS, MJD, BAND)
    assert np.isnan(found.delta_mag[0])
    assert found.sigma[0] < -10


def test_one_epoch_says_nothing():
    """Frames of one epoch, or of a pixel that mixes two, are not compared."""
    flux, ones = np.array([[20.0, 90.0, 5.0]]), np.ones((1, 3))
    for epochs in ([[0, 0, 0]], [[0, -1, 0]]):
        found = flux_change(flux, ones, np.array(epochs), MJD, np.zeros(3, int))
        assert np.isnan(found.sigma[0])
        place = motion(flux, flux, ones, np.ones(1), np.array(epochs), MJD, np.zeros(3, int))
        assert np.isnan(place.offset[0])


def test_errors_of_changes_are_what_they_say():
    """2000 constant sources: pulls of the change and of the shift have unit width below the floors."""
    rng = np.random.default_rng(4)
    n = 2000
    epochs, mjd = np.tile([0, 1], (n, 1)), np.tile([0.0, 40.0], (n, 1))
    flux = rng.normal(10.0, 1.0, (n, 2))
    found = flux_change(flux, np.ones((n, 2)), epochs, mjd, np.zeros(2, int))
    assert np.std(found.sigma) == pytest.approx(1.0, abs=0.08)
    east, north = rng.normal(0, 0.05, (2, n, 2))
    shift = motion(east, north, np.full((n, 2), 0.05), np.ones(n), epochs, mjd, np.zeros(2, int))
    assert np.mean(shift.sigma > 3) == pytest.approx(np.exp(-4.5), abs=0.008)


def test_a_band_of_its_own_is_compared_only_where_no_other_can_be():
    """The same band in two epochs goes before another band, whose centre colour may have moved."""
    east = np.array([[0.0, 0.2, 0.9], [0.0, np.nan, 0.9]])
    found = motion(
        east,
        np.zeros((2, 3)),
        np.full((2, 3), 0.01),
        np.full(2, 0.1),
        EPOCHS.repeat(2, 0),
        MJD.repeat(2, 0),
        BAND,
    )
    assert found.offset.tolist() == pytest.approx([0.2, 0.9])
    assert found.error[1] > found.error[0]
