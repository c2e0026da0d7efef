"""Cutouts: the right sky at the right size, kept with their facts, stretched with invalid pixels apart."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analysis.cutouts import (
    STRETCHES,
    CutoutError,
    Target,
    common_side_arcsec,
    cut_panel,
    cutout_set,
    load_cutouts,
    orientation,
    save_cutouts,
    side_arcsec,
    to_gray,
)
from analysis.montage import draw_montage, save_montage

CENTRE = (150.0, 2.0)


def wcs_of(shape, scale=0.03, angle=0.0, mirrored=False):
    """A tangent plane about CENTRE, north turned by `angle` degrees counter-clockwise from +y."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = CENTRE
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    east = 1.0 if mirrored else -1.0
    wcs.wcs.cd = np.array([[east * c, east * s], [-s, c]]) * scale / 3600
    return wcs


def frame(shape=(201, 201), scale=0.03, angle=0.0, mirrored=False, value=None, to_njy=math.nan):
    """An open frame of noise with one bright pixel at its centre."""
    rng = np.random.default_rng(1)
    sci = rng.standard_normal(shape).astype(np.float32)
    sci[shape[0] // 2, shape[1] // 2] = 50.0 if value is None else value
    valid = np.ones(shape, dtype=bool)

    def read(y0, y1, x0, x1):
        return SimpleNamespace(sci=sci[y0:y1, x0:x1], valid=valid[y0:y1, x0:x1])

    return SimpleNamespace(
        instrument="NIRCAM",
        filter="F200W",
        shape=shape,
        wcs=wcs_of(shape, scale, angle, mirrored),
        pixel_scale=scale,
        flux_unit="nJy",
        to_njy=to_njy,
        mjd_beg=59950.5,
        rolls=(12.5,),
        read=read,
        sci=sci,
        valid=valid,
    )


def test_side_is_the_largest_of_pixels_kron_radii_and_three_arcsec():
    """50 px of 0.063 arcsec are 3.15; 6 Kron radii of 1 arcsec are 6; a halo counts up to 15."""
    assert side_arcsec(50, 0.031, math.nan) == 3.0
    assert side_arcsec(50, 0.063, 0.2) == pytest.approx(3.15)
    assert side_arcsec(50, 0.031, 1.0) == 6.0
    assert side_arcsec(50, 0.031, 40.0) == 15.0
    assert side_arcsec(2000, 0.031, 40.0) == pytest.approx(62.0)


def test_every_panel_of_a_candidate_shows_the_same_sky():
    """The coarsest frame sets the side: NIRCam beside MIRI shows 5.5 arcsec in both."""
    assert common_side_arcsec(50, [0.031, 0.11], math.nan) == pytest.approx(5.5)


def test_candidate_is_in_the_middle_pixel():
    """The brightest pixel of the cutout is where the panel says that the candidate is."""
    panel, image = cut_panel(Target("c", *CENTRE), "f", frame(), 3.0)
    assert image.shape == (101, 101)
    assert (panel.x, panel.y) == pytest.approx((50.0, 50.0), abs=0.51)
    y, x = np.unravel_index(np.nanargmax(image), image.shape)
    assert abs(x - panel.x) <= 1
    assert abs(y - panel.y) <= 1
    assert panel.covered
    assert panel.rms == pytest.approx(1.0, rel=0.1)


def test_outside_the_frame_is_invalid_and_far_away_is_nothing():
    """At the edge the missing part is NaN; a degree away there is no panel."""
    opened = frame()
    ra, dec = (float(v) for v in opened.wcs.pixel_to_world_values(3, 100))
    panel, image = cut_panel(Target("c", ra, dec), "f", opened, 3.0)
    assert np.isnan(image[:, :40]).all()
    assert np.isfinite(image[:, 60:]).all()
    assert panel.covered
    assert cut_panel(Target("c", 151.0, 2.0), "f", opened, 3.0) is None
    assert cut_panel(Target("c", 330.0, -2.0), "f", opened, 3.0) is None


def test_invalid_pixel_at_the_candidate_is_not_covered():
    """A saturated core leaves a panel, not covered; a frame without any valid pixel there leaves none."""
    opened = frame()
    opened.valid[95:106, 95:106] = False
    panel, image = cut_panel(Target("c", *CENTRE, detected_in=frozenset({"g"})), "f", opened, 3.0)
    assert not panel.covered
    assert not panel.detected
    assert np.isnan(image[50, 50])
    opened.valid[:] = False
    assert cut_panel(Target("c", *CENTRE), "f", opened, 3.0) is None


def test_pixels_are_in_njy_where_the_scale_is_known():
    """A frame of 7 nJy per unit gives 7 times the values."""
    _, plain = cut_panel(Target("c", *CENTRE), "f", frame(), 3.0)
    _, scaled = cut_panel(Target("c", *CENTRE), "f", frame(to_njy=7.0), 3.0)
    np.testing.assert_allclose(scaled, 7.0 * plain, rtol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 37.0, -120.0, 180.0])
def test_north_is_found_at_any_angle(angle):
    """Angle counter-clockwise from +y; east left of north means parity +1."""
    found, parity = orientation(wcs_of((100, 100), angle=angle), 50, 50)
    assert (found - angle + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-3)
    assert parity == 1


def test_mirrored_image_has_parity_minus_one():
    """East right of north: seen from outside the sphere."""
    found, parity = orientation(wcs_of((100, 100), mirrored=True), 50, 50)
    assert found == pytest.approx(0.0, abs=1e-3)
    assert parity == -1


def cut_set(**keys):
    """A set of one panel about CENTRE."""
    target = Target("JWST J150.00000+02.00000", *CENTRE, 0.4, frozenset({"f"}), **keys)
    return cutout_set(target, [cut_panel(target, "f", frame(), 3.0)])


def test_what_is_saved_is_what_is_loaded(tmp_path):
    """Facts and pixels come back, NaN included."""
    cutouts = cut_set(simulated=True)
    cutouts.images[0][0, 0] = np.nan
    path = tmp_path / "cache" / "c.npz"
    save_cutouts(path, cutouts)
    loaded = load_cutouts(path)
    assert loaded.panels == cutouts.panels
    assert (loaded.candidate, loaded.ra, loaded.dec, loaded.simulated) == (cutouts.candidate, *CENTRE, True)
    np.testing.assert_array_equal(loaded.images[0], cutouts.images[0])
    assert loaded.images[0].dtype == np.float32
    assert [p.name for p in path.parent.iterdir()] == ["c.npz"]


def test_unknown_numbers_survive_as_nan(tmp_path):
    """The JSON holds null where a time or a radius is not known: no NaN that other readers refuse."""
    target = Target("c", *CENTRE)
    opened = frame()
    opened.mjd_beg = math.nan
    path = tmp_path / "c.npz"
    save_cutouts(path, cutout_set(target, [cut_panel(target, "f", opened, 3.0)]))
    with np.load(path) as archive:
        meta = json.loads(archive["meta"].tobytes().decode())
    assert meta["panels"][0]["mjd"] is None
    panel = load_cutouts(path).panels[0]
    assert math.isnan(panel.mjd)
    assert math.isnan(panel.r_kron_arcsec)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x93NUMPY", b"[]"])
def test_damaged_cutout_file_is_one_clear_error(tmp_path, content):
    """Absent or damaged: the file and the remedy are named."""
    path = tmp_path / "c.npz"
    with pytest.raises(CutoutError, match="jwst-vet rank"):
        load_cutouts(path)
    path.write_bytes(content)
    with pytest.raises(CutoutError, match=r"c\.npz.*not a readable cutout file"):
        load_cutouts(path)


def test_reading_cutouts_needs_numpy_alone():
    """The terminal shows a candidate without loading astropy, pandas, Pillow or scipy."""
    heavy = "astropy", "pandas", "PIL", "scipy", "matplotlib", "sklearn"
    code = f"import sys, analysis.cutouts; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("stretch", STRETCHES)
def test_stretch_is_monotonic_and_keeps_zero_for_invalid(stretch):
    """Brighter never looks darker; only invalid pixels are 0."""
    image = np.random.default_rng(2).standard_normal((40, 40)).astype(np.float32) * 3
    image[10:14, 10:14] += 500
    image[0, :] = np.nan
    gray = to_gray(image, stretch)
    assert (gray[0] == 0).all()
    assert (gray[1:] > 0).all()
    order = np.argsort(image[1:], axis=None)
    assert (np.diff(gray[1:].ravel()[order].astype(int)) >= 0).all()
    assert gray.max() == 255


def test_faint_source_is_visible_beside_a_bright_one():
    """Under asinh a 6 sigma pixel stands clear of the sky beside a core of 10,000 sigma."""
    image = np.random.default_rng(3).standard_normal((60, 60)).astype(np.float32)
    image[30, 30] = 1e4
    image[10:13, 10:13] = 6.0
    gray = to_gray(image, "asinh").astype(int)
    assert gray[11, 11] - np.median(gray) > 20


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(width=32)),
    st.sampled_from(sorted(STRETCHES)),
)
def test_any_pixels_can_be_stretched(image, stretch):
    """Infinite, huge, constant or all invalid: 0 exactly where not finite, and no warning."""
    gray = to_gray(image, stretch)
    assert gray.dtype == np.uint8
    assert ((gray == 0) == ~np.isfinite(image)).all()


def test_unknown_stretch_is_a_key_error():
    """The registry is the whole list."""
    with pytest.raises(KeyError):
        to_gray(np.zeros((2, 2), dtype=np.float32), "rainbow")


def test_montage_says_simulated_and_is_the_same_twice(tmp_path):
    """The stamp differs from the same picture of an observation; the file repeats to the byte."""
    simulated, observed = cut_set(simulated=True), cut_set()
    assert np.asarray(draw_montage(simulated)).tobytes() != np.asarray(draw_montage(observed)).tobytes()
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    save_montage(first, simulated, title="rank 1")
    save_montage(second, simulated, title="rank 1")
    assert first.read_bytes() == second.read_bytes()
    assert b"SIMULATED" in first.read_bytes()
    save_montage(second, observed)
    assert b"SIMULATED" not in second.read_bytes()


def test_montage_has_a_tile_per_panel_and_row_zero_at_the_bottom():
    """The brightest pixel near the bottom of the image is near the bottom of the tile."""
    cutouts = cut_set()
    cutouts.images[0][:] = 0.0
    cutouts.images[0][5, 50] = 100.0
    picture = np.asarray(draw_montage(cutouts, stretch="log").convert("L")).astype(int)
    tile = picture[34 : 34 + 240, 10:250]
    y, _ = np.unravel_index(np.argmax(tile[:, 110:130]), (240, 20))
    assert y > 200


def test_montage_without_panels_says_so():
    """No frame has valid pixels: still a picture."""
    picture = draw_montage(cutout_set(Target("c", *CENTRE), []))
    assert picture.size[0] > 400
