"""The simulated sky: its files, its noise, its sources and its truth."""

import csv
import hashlib
import math
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from analysis.simulate import ANOMALIES, ARTIFACTS, TRUTH_NAME, simulate_field
from analysis.simulate.anomalies import draw_anomalies
from analysis.simulate.exposures import coverage, expose
from analysis.simulate.galaxies import draw_galaxy
from analysis.simulate.pointing import Pointing, offset_to_radec, plan
from analysis.simulate.population import draw_magnitudes, draw_star, flux_njy
from analysis.simulate.render import render
from analysis.simulate.shapes import LensedGalaxy, Ring, Sersic
from analysis.simulate.sources import Piece, Source
from analysis.simulate.spectra import Spectrum, star_magnitudes

BANDS = ("F115W", "F200W", "F277W", "F444W")


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A tiny field of five files, 8 arcsec on a side."""
    return simulate_field(tmp_path_factory.mktemp("field"), size=256, seed=5)


def _truth(paths):
    with (paths[0].parent / TRUTH_NAME).open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _wcs(path):
    with warnings.catch_warnings(), fits.open(path) as hdus:
        warnings.simplefilter("ignore", FITSFixedWarning)  # DATE-BEG is made from MJD-BEG, as in real files
        return WCS(hdus["SCI"].header)


def _pointing(band="F200W", size=256):
    return next(p for p in plan(size, (band,), None) if p.band == band)


def _grid(half, step):
    axis = np.arange(-half, half + step / 2, step, dtype=np.float32)
    return axis[None, :] + 0 * axis[:, None], axis[:, None] + 0 * axis[None, :]


# files


def test_five_files_have_the_archives_names_and_extensions(field):
    """Four bands and a second epoch, extensions by the pipeline's names and types."""
    assert [p.name for p in field] == [
        "jw99001-o001_t001_nircam_clear-f115w_i2d.fits",
        "jw99001-o001_t001_nircam_clear-f200w_i2d.fits",
        "jw99001-o001_t001_nircam_clear-f277w_i2d.fits",
        "jw99001-o001_t001_nircam_clear-f444w_i2d.fits",
        "jw99001-o002_t001_nircam_clear-f200w_i2d.fits",
    ]
    for path in field:
        with fits.open(path) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ERR", "CON", "WHT", "HDRTAB"]
            side = 126 if hdus[0].header["CHANNEL"] == "LONG" else 256
            assert hdus["SCI"].shape == hdus["ERR"].shape == hdus["WHT"].shape == (side, side)
            assert hdus["CON"].shape == (1, side, side)
            assert {hdus[name].header["BITPIX"] for name in ("SCI", "ERR", "WHT")} == {-32}
            assert hdus["CON"].header["BITPIX"] == 32
            assert hdus["SCI"].header["BUNIT"] == "MJy/sr"
            assert len(hdus["HDRTAB"].data) == hdus[0].header["NDRIZ"]


def test_every_file_says_that_it_is_simulated(field):
    """In the keywords of every extension, target, title and history; in every row of the truth."""
    for path in field:
        with fits.open(path) as hdus:
            assert all(hdu.header["SIMULATE"] is True for hdu in hdus)
            assert hdus[0].header["TARGPROP"] == "SIMULATED"
            assert "SIMULATED" in hdus[0].header["TITLE"]
            assert "SIMULATED" in str(hdus[0].header["HISTORY"])
    assert {row["origin"] for row in _truth(field)} == {"SIMULATED"}


def test_files_verify_as_standard_fits(field):
    """astropy's verifier has nothing to say."""
    for path in field:
        with fits.open(path) as hdus:
            hdus.verify("exception")


def test_same_seed_same_bytes_other_seed_other_sky(field, tmp_path):
    """The whole file is reproducible."""
    again = simulate_field(tmp_path / "again", size=256, seed=5)
    other = simulate_field(tmp_path / "other", size=256, seed=6)
    digests = [[hashlib.sha256(p.read_bytes()).hexdigest() for p in paths] for paths in (field, again, other)]
    assert digests[0] == digests[1]
    assert not set(digests[0]) & set(digests[2])
    assert (again[0].parent / TRUTH_NAME).read_bytes() == (field[0].parent / TRUTH_NAME).read_bytes()


def test_long_and_short_wave_cover_the_same_sky(field):
    """Centres agree to a pixel of the long wave, sides to one too."""
    outlines = [_wcs(path).calc_footprint() for path in field[:4]]
    for outline in outlines[1:]:
        shift = (outline - outlines[0]) * [math.cos(math.radians(outline[0, 1])), 1] * 3600
        assert np.abs(shift).max() < 0.063


def test_units_and_footprint_follow_from_the_wcs(field):
    """Pixel area, PHOTUJA2 and S_REGION agree with the WCS."""
    for path in field:
        wcs = _wcs(path)
        header = fits.getheader(path, "SCI")
        area = abs(np.linalg.det(wcs.pixel_scale_matrix)) * 3600**2
        assert header["PIXAR_A2"] == pytest.approx(area, rel=1e-6)
        assert header["PIXAR_SR"] == pytest.approx(area * math.radians(1 / 3600) ** 2, rel=1e-6)
        corners = np.array(header["S_REGION"].split()[2:], dtype=float).reshape(4, 2)
        assert np.abs(corners - wcs.calc_footprint(center=False)).max() < 1e-7


def test_the_second_epoch_is_later_and_turned(field):
    """118 days and 11.5 degrees, in the header and in HDRTAB."""
    first, second = (fits.getheader(field[k], "SCI") for k in (1, 4))
    assert second["PA_V3"] - first["PA_V3"] == pytest.approx(11.5)
    assert 100 < second["MJD-BEG"] - first["MJD-BEG"] < 130
    rows = fits.getdata(field[4], "HDRTAB")
    assert np.allclose(rows["ROLL_REF"], second["PA_V3"])
    assert (np.diff(rows["EXPSTART"]) > 0).all()


def test_progress_counts_the_files(tmp_path):
    """One call per file, to the end; one band without a second epoch is one file."""
    seen = []
    simulate_field(
        tmp_path,
        size=128,
        bands=("F444W",),
        second_epoch=None,
        n_galaxies=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 1)]


@pytest.mark.parametrize(
    "arguments", [{"bands": ()}, {"bands": ("F999W",)}, {"size": 64}, {"second_epoch": "X"}]
)
def test_a_field_that_cannot_be_is_refused_before_anything_is_written(tmp_path, arguments):
    """The message names what is allowed."""
    with pytest.raises(ValueError, match=r"must be"):
        simulate_field(tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()


# coverage and noise


def test_pixels_without_exposures_hold_no_data(field):
    """SCI and ERR are NaN exactly where WHT and CON are 0; the right border is such a strip."""
    for path in field:
        with fits.open(path) as hdus:
            blank = np.isnan(hdus["SCI"].data)
            assert (blank == np.isnan(hdus["ERR"].data)).all()
            assert (blank == (hdus["WHT"].data == 0)).all()
            assert (blank == (hdus["CON"].data[0] == 0)).all()
            assert blank[:, -1].mean() > 0.4
            assert 0.01 < blank.mean() < 0.2


def test_the_left_edge_is_shallow_and_short_wave_has_a_chip_gap():
    """Fewer exposures there; the long-wave detector has no gap."""
    for band, gap in (("F200W", True), ("F444W", False)):
        pointing = _pointing(band)
        count = coverage(pointing).sum(axis=0)
        middle = count[pointing.size // 2]
        assert 0 < middle[3] < 6
        assert middle[round(0.5 * pointing.size)] == 6
        assert bool(middle[round(0.62 * pointing.size) : round(0.65 * pointing.size)].min() < 6) is gap


def test_noise_is_correlated_as_a_drizzle_leaves_it():
    """Scatter is about two thirds of ERR, and neighbours share a third or so of their noise."""
    pointing = _pointing(size=512)
    mosaic = expose(pointing, np.zeros((512, 512), np.float32), np.random.default_rng(3))
    patch = (mosaic.sci / mosaic.err)[100:400, 60:280]
    patch = patch - np.array([[np.nanmedian(patch)]])
    assert 0.6 < np.nanstd(patch) < 0.76
    assert 0.2 < np.nanmean(patch[:, 1:] * patch[:, :-1]) / np.nanvar(patch) < 0.6
    assert np.nanmedian(mosaic.err) == pytest.approx(0.006, rel=0.3)


def test_bits_of_con_count_the_exposures():
    """ERR falls as the root of the number of bits."""
    pointing = _pointing()
    mosaic = expose(pointing, np.zeros((256, 256), np.float32), np.random.default_rng(3))
    bits = np.bitwise_count(mosaic.con[0].astype(np.uint32))
    assert bits.max() == 6
    single = mosaic.err * np.sqrt(bits)
    assert np.nanstd(single) < 1e-5
    assert np.array_equal(np.unique(mosaic.wht / mosaic.wht.max() * 6).round().astype(int), np.unique(bits))


def test_a_bright_star_loses_its_core_inside_the_footprint():
    """A NaN hole of a few pixels where the star stands, data around it."""
    pointing = _pointing()
    star = draw_star(np.random.default_rng(1), 16.8, ("F200W",), (-1.0, 0.4))
    mosaic = expose(pointing, render(pointing, [star]), np.random.default_rng(2))
    x, y = (round(value) for value in pointing.pixel(-1.0, 0.4))
    assert np.isnan(mosaic.sci[y, x])
    assert 4 <= np.isnan(mosaic.sci[y - 12 : y + 13, x - 12 : x + 13]).sum() <= 200
    assert np.isfinite(mosaic.sci[y + 12, x - 12 : x + 13]).all()


# light


@pytest.mark.parametrize("band", BANDS)
def test_a_star_has_its_flux_at_its_place(band):
    """97 per cent or more of the light inside 2.5 arcsec, centred to a twentieth of a pixel."""
    pointing = _pointing(band)
    star = Source("star", 0.31, -0.47, (Piece(None, 0.31, -0.47, {band: 1000.0}),), 0.0, 0.0)
    image = render(pointing, [star])
    assert image.sum() * pointing.camera.njy_per_unit == pytest.approx(1000.0, rel=0.03)
    x, y = pointing.pixel(0.31, -0.47)
    core = np.where(image > image.max() / 5, image, 0)
    rows, columns = np.indices(image.shape)
    assert (core * columns).sum() / core.sum() == pytest.approx(x, abs=0.1)
    assert (core * rows).sum() / core.sum() == pytest.approx(y, abs=0.1)


def test_pixels_and_sky_are_inverse_and_agree_with_the_wcs(field):
    """The grid's own arithmetic and astropy's TAN give one answer."""
    for path, pointing in zip(field, plan(256, BANDS, "F200W"), strict=True):
        assert isinstance(pointing, Pointing)
        east, north = pointing.sky(17.0, 101.5)
        assert pointing.pixel(east, north) == pytest.approx((17.0, 101.5))
        ra, dec = offset_to_radec((110.8375, -73.4397), east, north)
        assert _wcs(path).all_world2pix(ra, dec, 0) == pytest.approx([17.0, 101.5], abs=1e-5)


@pytest.mark.parametrize("index", [0.7, 1.0, 2.5, 4.0])
def test_half_of_a_sersic_galaxy_lies_inside_its_radius(index):
    """The definition of the half-light radius, on a face-on galaxy."""
    shape = Sersic(0.3, index, 1.0, 0.0)
    east, north = _grid(shape.reach(1e4, 1.0), 0.02)
    light = shape.brightness(east, north, 0.02)
    assert light[np.hypot(east, north) < 0.3].sum() / light.sum() == pytest.approx(0.5, abs=0.03)


def test_faint_stamps_are_smaller_than_bright_ones():
    """Nothing is drawn far below the noise."""
    shape = Sersic(0.2, 4.0, 0.8, 0.0)
    assert shape.reach(10.0, 5.0) < shape.reach(1e5, 5.0)
    assert shape.reach(1e-9, 5.0) == pytest.approx(0.6)


def test_a_lens_in_line_makes_a_ring_of_its_einstein_radius():
    """Source behind the lens, no shear: a circle."""
    shape = LensedGalaxy(0.7, 0.0, 0.0, 0.0, 0.0, 0.08)
    east, north = _grid(1.5, 0.02)
    light = shape.brightness(east, north, 0.02)
    radius = np.hypot(east, north)
    assert (light * radius).sum() / light.sum() == pytest.approx(0.7, abs=0.05)
    assert light[radius < 0.3].max() < 0.1 * light.max()


def test_a_collisional_ring_is_hollow():
    """Light at its radius, none at its centre."""
    shape = Ring(0.5, 0.08, 1.0, 0.0, 0.3, 40.0, 7)
    east, north = _grid(1.0, 0.02)
    light = shape.brightness(east, north, 0.02)
    assert light[np.hypot(east, north) < 0.15].max() < 0.01 * light.max()
    assert light.min() >= 0


# the population


def test_galaxies_grow_in_number_to_the_faint_end():
    """About twice as many per magnitude at the faint end, steeper before magnitude 24."""
    counts, _ = np.histogram(draw_magnitudes(np.random.default_rng(0), 60000), np.arange(20, 31))
    assert (np.diff(counts) > 0).all()
    assert counts[-1] / counts[-3] == pytest.approx(10 ** (2 * 0.24), rel=0.1)
    assert counts[3] / counts[1] == pytest.approx(10 ** (2 * 0.36), rel=0.4)


def test_ordinary_galaxies_keep_their_magnitude_whatever_they_are_made_of():
    """Bulge, bar, ring, clumps and disc share the light: the sum is what was asked, company adds little."""
    rng = np.random.default_rng(4)
    drawn = [draw_galaxy(rng, 23.0, ("F200W",), (0.0, 0.0)) for _ in range(200)]
    total = np.array([galaxy.flux("F200W") for galaxy in drawn]) / flux_njy(23.0)
    assert np.median(total) == pytest.approx(1.0, abs=0.03)
    assert total.min() > 0.9
    assert len({len(galaxy.pieces) for galaxy in drawn}) > 8


def test_a_patchy_disc_is_uneven_and_a_lane_takes_light():
    """Patches scatter the brightness at one radius; a lane dims one side of the major axis."""
    turn = np.linspace(0, 2 * np.pi, 90).astype("f4")
    east, north = 0.3 * np.sin(turn), 0.3 * np.cos(turn)
    even = Sersic(0.4, 1.0, 1.0, 0.0).brightness(east, north, 0.03)
    patchy = Sersic(0.4, 1.0, 1.0, 0.0, patchy=0.5, grain=3).brightness(east, north, 0.03)
    assert np.ptp(even) < 1e-3 * even.mean()
    assert 0.25 < np.log(patchy / even).std() < 0.8
    side = np.array([0.05, -0.05], dtype="f4")
    lane = Sersic(0.4, 1.0, 0.3, 0.0, lane=0.6).brightness(side, np.zeros(2, "f4"), 0.03)
    assert lane.min() < 0.7 * lane.max()


def test_nothing_comes_through_before_lyman_alpha():
    """At redshift 10 F115W is dark, F200W is not; at redshift 2 both are lit."""
    far, near = (Spectrum(z).magnitudes(("F115W", "F200W")) for z in (10.0, 2.0))
    assert far[0] == 99.0
    assert far[1] < 50
    assert near.max() < 50


def test_dust_and_cool_photospheres_are_red():
    """F115W - F444W grows with dust and falls with temperature."""
    clear, dusty = (Spectrum(1.5, dust=dust).magnitudes(("F115W", "F444W")) for dust in (0.0, 2.0))
    assert dusty[0] - dusty[1] > clear[0] - clear[1] + 0.5
    cool, hot = (star_magnitudes(t, ("F115W", "F444W")) for t in (2700, 6000))
    assert cool[0] - cool[1] > hot[0] - hot[1] + 0.5


def test_magnitudes_are_ab_with_zero_point_31_4_in_njy():
    """AB 31.4 is 1 nJy, 23.9 is 1 microjansky."""
    assert flux_njy(31.4) == pytest.approx(1.0)
    assert flux_njy(23.9) == pytest.approx(1000.0)
    assert flux_njy(99.0) == 0.0


def _magnitude(source, band):
    return 31.4 - 2.5 * math.log10(max(source.flux(band), 1e-9))


def test_each_anomaly_is_what_its_name_says():
    """Dropouts drop, emission lines stand out in F277W, little red dots are red points: 12 draws of each."""
    places = [(float(k), 0.0) for k in range(12 * len(ANOMALIES))]
    for source in draw_anomalies(np.random.default_rng(8), places, BANDS):
        assert source.anomaly
        f115, f200, f277, f444 = (_magnitude(source, band) for band in BANDS)
        if source.kind == "dropout":
            assert f115 > 45
            assert f200 < 27.2
        if source.kind == "emission_line":
            assert 0.3 < f444 - f277 < 2.2  # least where H-alpha has come into F444W
        if source.kind == "little_red_dot":
            assert f277 - f444 > 0.9
            assert source.radius == 0
            assert abs(f115 - f200) < 0.6
        if source.kind in {"merger", "lens", "ring"}:
            assert 19.5 < f200 < 26.0
            assert len(source.pieces) >= 2


def test_kinds_come_in_turn():
    """Six anomalies are six kinds."""
    drawn = draw_anomalies(np.random.default_rng(2), [(0.0, 0.0)] * 6, BANDS)
    assert {source.kind for source in drawn} == set(ANOMALIES)


# the truth


def test_anomalies_stand_where_every_mosaic_sees_them(field):
    """Finite pixels in all five files, with half of the exposures or more."""
    rows = [row for row in _truth(field) if row["is_anomaly"] == "True"]
    assert len(rows) == 2
    for path in field:
        wcs = _wcs(path)
        with fits.open(path) as hdus:
            for row in rows:
                x, y = wcs.all_world2pix(float(row["ra"]), float(row["dec"]), 0)
                bits = int(hdus["CON"].data[0, round(float(y)), round(float(x))]).bit_count()
                assert bits >= 0.5 * hdus[0].header["NDRIZ"] - 1


def test_the_truth_has_one_row_per_thing(field):
    """Galaxies, stars, anomalies and artefacts, numbered, with magnitudes and places."""
    rows = _truth(field)
    assert [int(row["id"]) for row in rows] == list(range(1, len(rows) + 1))
    kinds = {row["kind"] for row in rows}
    assert {"galaxy", "star"} <= kinds <= {"galaxy", "star", *ANOMALIES, *ARTIFACTS}
    stems = {path.stem for path in field}
    for row in rows:
        artifact = row["is_artifact"] == "True"
        assert (row["frame"] in stems) is artifact
        assert (row["kind"] in ARTIFACTS) is artifact
        assert bool(row["mag_f200w"]) is not artifact


def test_an_artifact_is_in_its_own_mosaic_only(tmp_path):
    """With and without artefacts the same noise: the difference is at the artefacts, frame by frame."""
    options = {"size": 256, "seed": 9, "n_galaxies": 5, "n_stars": 1, "n_anomalies": 1}
    clean = simulate_field(tmp_path / "clean", n_artifacts=0, **options)
    dirty = simulate_field(tmp_path / "dirty", n_artifacts=4, **options)
    rows = [row for row in _truth(dirty) if row["is_artifact"] == "True"]
    assert {row["kind"] for row in rows} == set(ARTIFACTS)
    for before, after in zip(clean, dirty, strict=True):
        difference = np.nan_to_num(fits.getdata(after, "SCI") - fits.getdata(before, "SCI"))
        own = [row for row in rows if row["frame"] == after.stem]
        assert bool(difference.any()) is bool(own)
        wcs = _wcs(after)
        for row in own:
            x, y = (round(float(v)) for v in wcs.all_world2pix(float(row["ra"]), float(row["dec"]), 0))
            assert difference[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4].max() > 0.005
