"""Pictures and the sky: north up without mixing pixels, composites, colour maps, fields, what lies near."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.colormaps import COLOUR_MAPS, colour_table
from analysis.composites import composite, default_bands, lupton, sky_of
from analysis.cutouts import Panel, Target, cut_panel, cutout_set, load_cutouts, save_cutouts
from analysis.fields import FieldError, binned, load_field, save_field, view_field
from analysis.orienting import middle, offset_at, offsets_of, pixel_at, position_at, sampling, turned
from analysis.surroundings import near_stars, neighbours

CENTRE = (150.0, 2.0)


def wcs_of(shape, scale=0.03, angle=0.0, mirrored=False, centre=CENTRE):
    """A tangent plane, north turned by `angle` degrees counter-clockwise from +y."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = centre
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    east = 1.0 if mirrored else -1.0
    wcs.wcs.cd = np.array([[east * c, east * s], [-s, c]]) * scale / 3600
    return wcs


def frame_of(sci, valid=None, **more):
    """An open frame with these pixels."""
    valid = np.ones(sci.shape, bool) if valid is None else valid

    def read(y0, y1, x0, x1):
        return SimpleNamespace(sci=sci[y0:y1, x0:x1], valid=valid[y0:y1, x0:x1])

    return SimpleNamespace(
        instrument="NIRCAM",
        filter="F200W",
        shape=sci.shape,
        wcs=wcs_of(sci.shape, **more),
        pixel_scale=more.get("scale", 0.03),
        flux_unit="nJy",
        to_njy=1.0,
        mjd_beg=59950.5,
        rolls=(12.0, 80.0),
        read=read,
    )


def panel(**keys):
    """A panel of 101 pixels with the candidate in the middle."""
    given = {"pixel_scale": 0.03, "north_deg": 0.0, "parity": 1, "x": 50.0, "y": 50.0, "side_arcsec": 3.0}
    given |= keys
    return Panel(
        "f", "NIRCAM", given.pop("filter", "F200W"), 59950.0, rms=1.0, unit=given.pop("unit", "nJy"),
        detected=True, covered=given.pop("covered", True), r_kron_arcsec=0.3, **given,
    )  # fmt: skip


@pytest.mark.parametrize("angle", [0.0, 33.0, -141.0, 90.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_cutout_turned_north_up_has_north_up_and_east_left(angle, mirrored):
    """A star put 1 arcsec north and 0.6 east of the candidate stands there, whatever the mosaic's angle."""
    sci = np.random.default_rng(1).normal(0, 1, (301, 301)).astype(np.float32)
    frame = frame_of(sci, angle=angle, mirrored=mirrored)
    ra, dec = position_at(*CENTRE, 0.6, 1.0)
    x, y = (round(float(v)) for v in frame.wcs.world_to_pixel_values(ra, dec))
    sci[y, x] = 500.0
    cut, image = cut_panel(Target("c", *CENTRE), "f", frame, 3.0)
    shown = turned(image, cut, 3.0, 0.03, fill=np.nan)
    assert shown.shape == (100, 100)
    assert np.isfinite(shown).all(), "the cutout is too small to be turned in"
    row, column = np.unravel_index(np.argmax(shown), shown.shape)
    assert (49.5 - column) * 0.03 == pytest.approx(0.6, abs=0.05)
    assert (row - 49.5) * 0.03 == pytest.approx(1.0, abs=0.05)
    assert cut.rolls_deg == (12.0, 80.0)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-180, 180), st.sampled_from([-1, 1]), st.floats(-5, 5), st.floats(-5, 5), st.floats(0.02, 0.2)
)
def test_offsets_and_pixels_are_inverse(angle, parity, east, north, scale):
    """There and back again."""
    one = panel(north_deg=angle, parity=parity, pixel_scale=scale)
    assert offset_at(one, *pixel_at(one, east, north)) == pytest.approx((east, north), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 360, exclude_max=True), st.floats(-89, 89), st.floats(-60, 60), st.floats(-60, 60))
def test_positions_are_those_of_astropy(ra, dec, east, north):
    """The tangent plane of the read-out against SkyCoord's own, to a hundredth of a milliarcsecond."""
    found = position_at(ra, dec, east, north)
    centre = SkyCoord(ra, dec, unit="deg").skyoffset_frame()
    flat = SkyCoord(*found, unit="deg").transform_to(centre)
    expected = SkyCoord(
        lon=np.arctan(np.radians(east / 3600)) * units.rad,
        lat=np.arctan(np.radians(north / 3600) * np.cos(np.arctan(np.radians(east / 3600)))) * units.rad,
        frame=centre,
    )
    assert flat.separation(expected).arcsec < 1e-5
    again = offsets_of(ra, dec, *found)
    assert [float(v) for v in again] == pytest.approx([east, north], abs=1e-6)


def test_turning_never_mixes_values():
    """Every pixel of the turned picture is one of the cutout's: a number read is one of the mosaic."""
    image = np.random.default_rng(2).normal(0, 1, (143, 143))
    shown = turned(image, panel(north_deg=33.0, x=71.0, y=71.0), 3.0, 0.03)
    assert np.isin(shown, image).all()
    fine = panel(north_deg=33.0, x=71.0, y=71.0)
    numbers = np.arange(143 * 143).reshape(143, 143)
    everywhere = turned(numbers, fine, 3.0, sampling(fine))
    y, x = np.indices(numbers.shape)
    near = np.hypot(x - 71, y - 71) * 0.03 < 1.45
    assert np.isin(numbers[near], everywhere).all(), "a pixel was left out"
    part, x0, y0 = middle(image, panel(x=71.0, y=71.0), 3.0)
    assert part.shape == (101, 101)
    assert (part == image[y0 : y0 + 101, x0 : x0 + 101]).all()


def test_a_file_of_before_has_no_surroundings_and_one_of_now_has(tmp_path):
    """Not recorded is not "none": the fields are None, and panels keep their own side."""
    import json

    target = Target("c", *CENTRE, 0.3)
    cutouts = cutout_set(target, [cut_panel(target, "f", frame_of(np.ones((201, 201), np.float32)), 3.0)])
    path = tmp_path / "c.npz"
    save_cutouts(path, cutouts)
    assert load_cutouts(path).neighbours == ()
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(arrays["meta"].tobytes())
    del meta["neighbours"], meta["stars"], meta["panels"][0]["side_arcsec"], meta["panels"][0]["rolls_deg"]
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    np.savez(path, **arrays)
    old = load_cutouts(path)
    assert (old.neighbours, old.stars) == (None, None)
    assert math.isnan(old.panels[0].side_arcsec)


def test_a_composite_keeps_hue_at_any_brightness():
    """Lupton's point: a source a thousand times brighter has the same ratio of colours."""
    faint = lupton(*(np.full((1, 1), v) for v in (0.4, 0.2, 0.1)), linear=1.0)[0, 0].astype(float) - 1
    bright = lupton(*(np.full((1, 1), v) for v in (400.0, 200.0, 100.0)), linear=1.0)[0, 0].astype(float) - 1
    assert bright.max() == 254
    assert bright / bright[0] == pytest.approx(faint / faint[0], abs=0.02)
    grey = lupton(*(np.full((1, 1), 0.3),) * 3, linear=1.0)[0, 0]
    assert len(set(grey.tolist())) == 1


def test_a_composite_is_empty_exactly_where_a_band_is():
    """An invalid pixel of one band is no colour, and sky below zero is black, not invalid."""
    planes = [np.random.default_rng(n).normal(0, 1, (20, 20)) for n in range(3)]
    planes[1][3, 4] = np.nan
    made = lupton(*planes, linear=5.0)
    empty = (made == 0).all(axis=2)
    assert empty[3, 4]
    assert empty.sum() == 1


def test_bands_of_different_pixels_meet_in_a_composite():
    """A source in three bands, one with pixels twice as large and turned, is one white spot north-east."""
    cuts = []
    for scale, angle in ((0.03, 0.0), (0.06, 70.0), (0.06, 70.0)):
        sci = np.zeros((201, 201), np.float32)
        frame = frame_of(sci, scale=scale, angle=angle)
        x, y = (round(float(v)) for v in frame.wcs.world_to_pixel_values(*position_at(*CENTRE, 0.6, 0.6)))
        width = 4 if scale < 0.05 else 2
        sci[y - width // 2 : y + width // 2 + 1, x - width // 2 : x + width // 2 + 1] = scale**2 * 1e6
        sci += np.random.default_rng(3).normal(0, scale**2, sci.shape).astype(np.float32)
        cuts.append(cut_panel(Target("c", *CENTRE), "f", frame, 3.0))
    made, scale = composite([p for p, _ in cuts], [image for _, image in cuts], 3.0)
    assert scale == 0.03
    row, column = (float(np.mean(v)) for v in np.nonzero(made.min(axis=2) > 200))
    assert (49.5 - column) * scale == pytest.approx(0.6, abs=0.1)
    assert (row - 49.5) * scale == pytest.approx(0.6, abs=0.1)


def test_default_colours_are_longest_middle_and_shortest_band():
    """Panels stand in order of wavelength; a band that misses the candidate is passed over."""
    names = ("F115W", "F200W", "F200W", "F277W", "F444W")
    panels = [panel(filter=name) for name in names]
    assert default_bands(panels) == (4, 3, 0)
    panels[0] = panel(filter="F115W", covered=False)
    assert default_bands(panels) == (4, 3, 1)
    assert default_bands(panels[1:3]) is None


def test_sky_and_noise_of_a_picture_ignore_its_source():
    """What the read-out calls sigma."""
    values = np.random.default_rng(4).normal(7.0, 2.0, (100, 100))
    values[40:60, 40:60] += 500
    sky, rms = sky_of(values)
    assert sky == pytest.approx(7.0, abs=0.1)
    assert rms == pytest.approx(2.0, rel=0.05)
    assert all(math.isnan(v) for v in sky_of(np.full((3, 3), np.nan)))


def lightness(table):
    """CIE L* of colours 0 to 255."""
    linear = table / 255.0
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps_get_lighter_all_the_way(name):
    """Order is told by lightness, so nobody needs to tell hues apart."""
    table = colour_table(name).astype(float)
    steps = np.diff(lightness(table)[1:])
    assert (steps > -0.35).all()
    assert lightness(table)[255] - lightness(table)[1] > 70


@pytest.mark.parametrize("name", ["cividis", "viridis", "inferno"])
def test_colour_maps_are_those_of_their_authors(name):
    """Within a few levels of the full tables that matplotlib ships."""
    matplotlib = pytest.importorskip("matplotlib")
    full = matplotlib.colormaps[name](np.arange(255) / 254)[:, :3] * 255
    assert np.abs(colour_table(name)[1:] - full).max() < 12


def test_a_whole_frame_becomes_means_of_its_valid_pixels_and_knows_its_sky(tmp_path):
    """Bins average what is valid; places agree with the WCS to a thousandth of a bin; saved is loaded."""
    sci = np.random.default_rng(5).normal(0, 1, (1300, 900)).astype(np.float32)
    valid = np.ones(sci.shape, bool)
    valid[:300, :300] = False
    frame = frame_of(sci, valid, angle=-57.0)
    view = view_field(frame, name="f", instrument="NIRCAM", filter_name="F200W", stage_key="k")
    assert view.bin == 3
    assert np.isnan(view.image[:100, :100]).all()
    assert view.image[200, 200] == pytest.approx(sci[600:603, 600:603].mean(), abs=1e-5)
    ra, dec = (v[()] for v in frame.wcs.pixel_to_world_values([17.0, 880.0], [1200.0, 40.0]))
    x, y = view.place(ra, dec)
    assert np.abs(x - (np.array([17.0, 880.0]) + 0.5) / 3 + 0.5).max() < 1e-3
    assert np.abs(y - (np.array([1200.0, 40.0]) + 0.5) / 3 + 0.5).max() < 1e-3
    assert view.residual < 1e-3
    assert view.north_deg == pytest.approx(-57.0, abs=0.01)
    assert view.arcsec_per_bin == pytest.approx(0.09, rel=1e-4)
    path = tmp_path / "f.npz"
    save_field(path, view)
    again = load_field(path)
    np.testing.assert_array_equal(again.image, view.image)
    assert (again.matrix, again.stage_key) == (view.matrix, "k")
    path.write_bytes(b"torn")
    with pytest.raises(FieldError, match="jwst-vet rank"):
        load_field(path)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_bins_of_any_size_cover_every_pixel_once(height, width, factor):
    """The sum of means times counts is the sum of the pixels."""
    sci = np.arange(height * width, dtype=np.float32).reshape(height, width)
    made = binned(frame_of(sci), factor)
    rows, columns = (np.bincount(np.arange(n) // factor) for n in (height, width))
    assert (made * np.outer(rows, columns)).sum() == pytest.approx(sci.sum(), rel=1e-5)


def test_neighbours_are_the_other_objects_near_and_stars_the_bright_ones():
    """Nearest first, the candidate itself left out, ranks known; stars reach further."""
    ra, dec = zip(
        *(position_at(*CENTRE, e, n) for e, n in ((0, 0), (2, 0), (0.5, 0.5), (60, 0))), strict=True
    )
    sources = pd.DataFrame(
        {
            "object": ["a", "b", "c", "d"],
            "ra": ra,
            "dec": dec,
            "snr": [9.0, 8.0, 7.0, 6.0],
            "mag_ab": [24.0, 25.0, math.nan, 20.0],
        }
    )
    candidates = pd.DataFrame({"object": ["a", "b"], "rank": [1, 2], "ra": ra[:2], "dec": dec[:2]})
    first, second = neighbours(candidates, sources)
    assert [(one.rank, round(one.east, 2)) for one in first] == [(0, 0.5), (2, 2.0)]
    assert math.isnan(first[0].mag_ab)
    assert [one.rank for one in second] == [0, 1]
    star = position_at(*CENTRE, 20.0, -3.0)
    (of_first, _) = near_stars(candidates, (np.array([star[0], ra[0]]), np.array([star[1], dec[0]])))
    assert of_first == ((20.0, -3.0),)


def test_reading_pictures_of_the_sky_needs_numpy_alone():
    """What the app imports to turn, colour and place pictures brings no other package."""
    modules = "analysis.orienting, analysis.composites, analysis.colormaps, analysis.fields"
    heavy = "astropy", "pandas", "PIL", "scipy", "matplotlib", "sklearn", "photutils"
    code = f"import sys, {modules}; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_run_leaves_a_view_of_every_frame_and_what_lies_near_each_candidate(finished, jwst_vet):
    """Views agree with the frames' own WCS; a second ranking makes none anew; one that is lost comes back."""
    from analysis.i2d import open_frame
    from analysis.stages.fielding import field_path
    from store.candidates import load_candidates
    from store.database import Database
    from store.frames import frame_records
    from store.project import Project, slug

    project = Project(finished)
    database = Database(project.database)
    records = frame_records(database, "done")
    assert len(records) == 5
    candidates = load_candidates(database)
    ra, dec = candidates["ra"].to_numpy(), candidates["dec"].to_numpy()
    for record in records:
        view = load_field(field_path(project, record.frame))
        with open_frame(record.path) as frame:
            x, y = frame.pixel(ra, dec)
        places = view.place(ra, dec)
        assert np.abs(np.array(places) - ((np.array([x, y]) + 0.5) / view.bin - 0.5)).max() < 0.01
        assert view.stage_key == record.stage_key
    for name in candidates["candidate"]:
        cutouts = load_cutouts(project.cutout_cache / f"{slug(name)}.npz")
        assert cutouts.neighbours is not None
        assert cutouts.stars is not None
        for one, image in zip(cutouts.panels, cutouts.images, strict=True):
            assert one.rolls_deg
            shown = turned(np.ones(image.shape), one, one.side_arcsec, sampling(one))
            assert (shown == 1).all(), "the square is not whole when it is turned north up"
    before = {path.name: path.stat().st_mtime_ns for path in project.field_cache.iterdir()}
    assert "nothing changed" in jwst_vet("rank", cwd=finished).stdout
    assert {path.name: path.stat().st_mtime_ns for path in project.field_cache.iterdir()} == before
