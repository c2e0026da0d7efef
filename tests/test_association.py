"""Detections become objects on the sky, each once, whatever the order; names stay with their place."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.association import FrameFacts, associate, carry_names, name_of

ARCSEC = 1.0 / 3600.0
A = FrameFacts("a", "NIRCAM", "F115W", 0.04)
B = FrameFacts("b", "NIRCAM", "F200W", 0.066)
C = FrameFacts("c", "NIRCAM", "F444W", 0.145)


def detections(*rows, centre=(150.0, 2.0)):
    """Rows of (frame, east arcsec, north arcsec[, snr[, r50]]) about a centre as a table of sources."""
    full = [(*row, 10.0, 0.1)[:5] if len(row) == 3 else (*row, 0.1)[:5] for row in rows]
    ra0, dec0 = centre
    return pd.DataFrame(
        {
            "source_id": [f"{row[0]}-{i}" for i, row in enumerate(full)],
            "frame": [row[0] for row in full],
            "ra": [(ra0 + row[1] * ARCSEC / math.cos(math.radians(dec0))) % 360.0 for row in full],
            "dec": [dec0 + row[2] * ARCSEC for row in full],
            "snr": [float(row[3]) for row in full],
            "r50_arcsec": [float(row[4]) for row in full],
            "forced": [False] * len(full),
        }
    )


def test_detections_of_one_place_in_three_frames_are_one_object():
    """Offsets of 0.05 arcsec between frames are within the 0.15 arcsec floor."""
    objects = associate(detections(("a", 0, 0), ("b", 0.05, 0), ("c", 0, 0.05)), [A, B, C])
    assert objects.of_source.tolist() == [0, 0, 0]
    assert objects.detected.tolist() == [[True, True, True]]


def test_detections_further_apart_than_the_radius_stay_apart():
    """0.3 arcsec exceeds every radius of compact sources in these bands."""
    objects = associate(detections(("a", 0, 0), ("b", 0.3, 0)), [A, B])
    assert len(objects.ra) == 2


def test_two_sources_of_one_frame_stay_two_objects():
    """Neighbours 0.4 arcsec apart, both seen in both frames, are matched each to its own."""
    table = detections(("a", 0, 0), ("a", 0.4, 0), ("b", 0.03, 0), ("b", 0.43, 0))
    objects = associate(table, [A, B])
    assert len(objects.ra) == 2
    assert objects.of_source[0] == objects.of_source[2] != objects.of_source[1]
    assert objects.detected.all()


def test_only_mutually_nearest_detections_are_joined():
    """The blend in b lies nearer to the first source of a; the second finds no partner."""
    objects = associate(detections(("a", 0, 0), ("a", 0.2, 0), ("b", 0.08, 0)), [A, B])
    assert objects.of_source[2] == objects.of_source[0] != objects.of_source[1]


def test_fragments_within_a_name_radius_are_one_object():
    """Two pieces of one frame 0.1 arcsec apart share a name, so that one piece of sky is listed once."""
    objects = associate(detections(("a", 0, 0), ("a", 0.1, 0)), [A])
    assert objects.of_source.tolist() == [0, 0]
    assert objects.detected.tolist() == [[True]]


def test_wide_psf_and_large_galaxies_match_further_out():
    """0.25 arcsec is within half a FWHM of 0.67 arcsec, and half a half-light radius of 0.8 arcsec."""
    wide = FrameFacts("m", "MIRI", "F2100W", 0.674)
    assert len(associate(detections(("a", 0, 0), ("m", 0.25, 0)), [A, wide]).ra) == 1
    large = detections(("a", 0, 0, 10, 0.8), ("b", 0.25, 0, 10, 0.8))
    assert len(associate(large, [A, B]).ra) == 1
    one_large = detections(("a", 0, 0, 10, 0.8), ("b", 0.25, 0, 10, 0.1))
    assert len(associate(one_large, [A, B]).ra) == 2


def test_position_leans_to_the_sharper_and_brighter_frame():
    """Weights are (S/N / FWHM) squared, S/N capped at 100."""
    table = detections(("a", 0, 0, 1e6), ("c", 0.1, 0, 50))
    objects = associate(table, [A, C])
    shift = (objects.ra[0] - table["ra"][0]) * 3600 * math.cos(math.radians(2.0))
    weights = (100 / 0.04) ** 2, (50 / 0.145) ** 2
    assert shift == pytest.approx(0.1 * weights[1] / sum(weights), abs=1e-6)


def test_matching_works_across_ra_zero_and_at_the_pole():
    """The sky is a sphere: no seam at RA 0, no stretch of RA at dec 89.99."""
    for centre in ((0.0, -30.0), (359.99999, 10.0), (42.0, 89.99)):
        objects = associate(detections(("a", -0.03, 0), ("b", 0.03, 0), centre=centre), [A, B])
        assert len(objects.ra) == 1
        assert 0.0 <= objects.ra[0] < 360.0


def test_forced_measurements_make_no_object():
    """A forced row is a measurement at a given place, not a detection."""
    table = detections(("a", 0, 0), ("b", 0, 0))
    table["forced"] = [False, True]
    objects = associate(table, [A, B])
    assert objects.of_source.tolist() == [0, -1]
    assert objects.detected.tolist() == [[True, False]]


def test_no_sources_give_no_objects():
    """An empty table keeps its columns of frames."""
    objects = associate(detections(("a", 0, 0)).iloc[:0], [A, B])
    assert objects.detected.shape == (0, 2)


def test_unknown_frame_and_missing_position_are_refused():
    """A source that belongs nowhere is an error, not a loss."""
    with pytest.raises(ValueError, match="not given: b"):
        associate(detections(("b", 0, 0)), [A])
    table = detections(("a", 0, 0))
    table["ra"] = math.nan
    with pytest.raises(ValueError, match="no finite position"):
        associate(table, [A])


places = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(-12, 12), st.integers(-12, 12)),
    min_size=1,
    max_size=25,
    unique=True,
)


@settings(max_examples=60, deadline=None)
@given(places, st.randoms(use_true_random=False))
def test_order_of_rows_and_frames_changes_nothing(rows, random):
    """Shuffled detections and frames give the same groups at the same places."""
    table = detections(*[(f, x * 0.05, y * 0.05) for f, x, y in rows])
    frames = [A, B, C]
    order = list(range(len(table)))
    random.shuffle(order)
    shuffled = frames.copy()
    random.shuffle(shuffled)
    first = associate(table, frames)
    second = associate(table.iloc[order].reset_index(drop=True), shuffled)
    assert first.of_source[order].tolist() == second.of_source.tolist()
    assert first.ra.tolist() == second.ra.tolist()
    columns = [second.frames.index(name) for name in first.frames]
    assert (first.detected == second.detected[:, columns]).all()


@settings(max_examples=60, deadline=None)
@given(places)
def test_no_two_objects_share_a_place(rows):
    """Any two objects lie more than 0.15 arcsec apart, so that every name and verdict has one owner."""
    objects = associate(detections(*[(f, x * 0.05, y * 0.05) for f, x, y in rows]), [A, B, C])
    x = objects.ra * math.cos(math.radians(2.0)) * 3600
    y = objects.dec * 3600
    apart = np.hypot(x[:, None] - x, y[:, None] - y)[~np.eye(len(x), dtype=bool)]
    assert (apart > 0.15 * (1 - 1e-6)).all()


def test_names_have_fixed_width_and_sign():
    """RA has three digits before the point, dec a sign and two; both five decimals."""
    assert name_of(110.837512, -73.439681) == "JWST J110.83751-73.43968"
    assert name_of(0.5, 1.25) == "JWST J000.50000+01.25000"
    assert name_of(359.9999999, -0.0000001) == "JWST J000.00000+00.00000"


def test_first_name_stays_with_its_place():
    """A shift of 0.1 arcsec keeps the name, one of 0.2 arcsec makes a new one."""
    known = [("JWST J150.00000+02.00000", 150.0, 2.0)]
    near = carry_names(np.array([150.0 + 0.1 * ARCSEC]), np.array([2.0]), known)
    far = carry_names(np.array([150.0]), np.array([2.0 + 0.2 * ARCSEC]), known)
    assert near == ["JWST J150.00000+02.00000"]
    assert far == ["JWST J150.00000+02.00006"]


def test_a_name_goes_to_the_nearest_of_two_and_only_once():
    """Both objects are in reach of the old place; the nearer bears its name."""
    known = [("old", 150.0, 2.0), ("old", 150.0, 2.0 + 0.1 * ARCSEC)]
    dec = np.array([2.0 + 0.1 * ARCSEC, 2.0 - 0.02 * ARCSEC])
    names = carry_names(np.array([150.0, 150.0]), dec, known)
    assert names.count("old") == 1
    assert names[0] == "old"


def test_equal_positions_to_five_decimals_get_a_letter():
    """Names are unique even where rounding would make two the same, or the same as one given before."""
    ra = np.array([150.0, 150.0 + 1e-7])
    names = carry_names(ra, np.array([2.0, 2.0]), [])
    assert names == ["JWST J150.00000+02.00000", "JWST J150.00000+02.00000b"]


def test_names_without_objects_and_objects_without_names():
    """Nothing known or nothing new is no special case."""
    assert carry_names(np.empty(0), np.empty(0), [("old", 1.0, 2.0)]) == []
    assert carry_names(np.array([1.0]), np.array([2.0]), []) == ["JWST J001.00000+02.00000"]
