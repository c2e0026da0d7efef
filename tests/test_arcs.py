"""Arcs, rings and tails stand out; discs, spheroids, clumps and neighbours do not."""

import numpy as np
import pytest

from analysis.arcs import ARCS, measure_arcs
from analysis.forced import STAMP_HALF, STAMP_SIDE, STAMP_STEP_ARCSEC

ALONG = (np.arange(STAMP_SIDE) - STAMP_HALF) * STAMP_STEP_ARCSEC
EAST, NORTH = ALONG[None, :], ALONG[:, None]
RADIUS = np.hypot(EAST, NORTH)


def measured(image):
    """Of one object at the centre, with noise of 1 a sample."""
    noisy = image + np.random.default_rng(8).normal(0, 1, image.shape)
    stamp = noisy[None].astype(np.float32)
    middle = np.array([STAMP_HALF])
    found = measure_arcs(stamp, stamp, stamp, middle, middle)
    assert set(found) == set(ARCS)
    return {name: float(values[0]) for name, values in found.items()}


def profile(index, scale=0.25, peak=300.0):
    """A round galaxy."""
    return peak * np.exp(-((RADIUS / scale) ** (1 / index)) * (3.0 if index > 2 else 1.0))


def on_circle(radius, reach_deg, peak):
    """Light along a part of a circle, 0.14 arcsec wide."""
    turn = np.abs(np.degrees(np.arctan2(NORTH, EAST)))
    return peak * np.exp(-0.5 * ((RADIUS - radius) / 0.06) ** 2) * (turn < reach_deg / 2)


def test_a_ring_goes_all_the_way_round():
    """Around a spheroid a ring of 0.7 arcsec is a whole circle of its circumference."""
    found = measured(profile(4) + on_circle(0.7, 360, 25))
    assert found["arc_share"] > 0.9
    assert found["ring_share"] > 0.9
    assert found["arc_arcsec"] == pytest.approx(2 * np.pi * 0.7, rel=0.2)


@pytest.mark.parametrize("index", [1, 4])
def test_smooth_galaxies_have_no_arc(index):
    """Neither an exponential disc nor a spheroid has one, nor an excess over itself, nor a ridge."""
    found = measured(profile(index))
    assert found["arc_share"] < 0.15
    assert found["faint_arc_share"] < 0.25
    assert found["excess_arcsec"] < 0.8
    assert found["ridge_broad"] < 0.12


def test_a_disc_with_an_edge_has_no_ring():
    """A disc that falls faster than an exponential has no gap, whatever its curvature."""
    assert measured(200 * np.exp(-((RADIUS / 0.6) ** 3)))["ring_share"] < 0.15


def test_an_arc_has_its_length():
    """A third of a circle is found as that, give or take a sector on both ends."""
    found = measured(profile(4) + on_circle(0.6, 120, 30))
    assert 0.25 <= found["arc_share"] <= 0.5


def test_a_faint_arc_shows_when_averaged():
    """Two and a half sigmas a sample show along a fifth of a circle, not in single places."""
    found = measured(profile(4) + on_circle(0.7, 200, 3.5))
    assert found["faint_arc_share"] > 0.4
    assert found["arc_share"] < found["faint_arc_share"]


def test_a_neighbour_does_not_reach_around():
    """A bright point beside an object covers a few sectors at most."""
    point = 80 * np.exp(-0.5 * ((EAST - 0.7) ** 2 + NORTH**2) / 0.07**2)
    assert measured(profile(1) + point)["arc_share"] < 0.25


def test_a_tail_is_a_ridge_and_a_clump_is_not():
    """A straight tail of an arcsec has a ridge more than twice that of clumps of the same light."""
    tail = 25 * np.exp(-0.5 * (NORTH / 0.07) ** 2) * ((EAST > 0.2) & (EAST < 1.1))
    clumps = sum(
        60 * np.exp(-0.5 * ((EAST - e) ** 2 + (NORTH - n) ** 2) / 0.07**2)
        for e, n in ((0.5, 0.4), (-0.6, 0.2), (0.1, -0.6))
    )
    with_tail, with_clumps = measured(profile(1) + tail), measured(profile(1) + clumps)
    assert with_tail["ridge_broad"] > 2 * with_clumps["ridge_broad"]


def test_nothing_is_nothing():
    """Empty sky has no arcs, and no objects give no answers."""
    found = measured(np.zeros((STAMP_SIDE, STAMP_SIDE)))
    assert found["arc_share"] < 0.15
    none = np.zeros((0, STAMP_SIDE, STAMP_SIDE), np.float32)
    assert all(v.shape == (0,) for v in measure_arcs(none, none, none, np.arange(0), np.arange(0)).values())
