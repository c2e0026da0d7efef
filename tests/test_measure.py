"""A frame's table: columns, positions, units; the same for any tiling, byte order or order of extensions."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from analysis.executors import crew
from analysis.i2d import open_frame
from analysis.measure import COLUMNS, measure_frame
from analysis.stages.images import measure_together
from analysis.stages.inputs import Fingerprint, Task

SCALE = 0.031
SIZE = 300


@pytest.fixture(scope="module")
def sky_file(tmp_path_factory):
    """A file with 60 known sources, correlated noise, a gap, a shallow strip and a dead core."""
    from scipy import ndimage

    rng = np.random.default_rng(11)
    y, x = np.mgrid[:SIZE, :SIZE]
    model = np.zeros((SIZE, SIZE))
    truth = []
    for row in range(25, SIZE - 20, 34):
        for column in range(25, SIZE - 20, 34):
            at, flux = (row + rng.uniform(-3, 3), column + rng.uniform(-3, 3)), 10 ** rng.uniform(0.3, 1.5)
            width = rng.uniform(1.1, 2.5)
            model += (
                flux / (2 * np.pi * width**2) * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 2 / width**2)
            )
            truth.append((*at, flux))
    weight = np.full((SIZE, SIZE), 4.0)
    weight[:, 240:] = 1.0
    sigma = 0.02 * np.sqrt(4 / weight + model)
    noise = ndimage.convolve(rng.normal(size=(SIZE, SIZE)), np.outer([1, 2, 1], [1, 2, 1]) / 6.0)
    sci = (0.3 + model + sigma * noise).astype("f4")
    err = (1.5 * sigma).astype("f4")
    gap = np.s_[140:152, :120]
    sci[gap], weight[gap] = np.nan, 0
    context = np.full((1, SIZE, SIZE), 0b1011, "i4")
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=110.8, CRVAL2=-73.4, CRPIX1=150.5, CRPIX2=150.5,
        CD1_1=-SCALE / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=SCALE / 3600, BUNIT="nJy",
    )  # fmt: skip
    planes = {"SCI": sci, "ERR": err, "CON": context, "WHT": weight.astype("f4")}
    path = tmp_path_factory.mktemp("sky") / "a_i2d.fits"
    write(path, planes, header)
    return path, planes, header, np.array(truth)


def write(path, planes, header, filter_name="F200W"):
    primary = fits.PrimaryHDU()
    primary.header.update(INSTRUME="NIRCAM", FILTER=filter_name, PUPIL="CLEAR")
    hdus = [
        fits.ImageHDU(array, header if name == "SCI" else None, name=name) for name, array in planes.items()
    ]
    fits.HDUList([primary, *hdus]).writeto(path, overwrite=True)
    return path


def table(path, **options):
    with open_frame(path) as frame:
        return measure_frame(frame, "a_i2d", detection_threshold=3.0, **options)


@pytest.fixture(scope="module")
def measured(sky_file):
    return table(sky_file[0])


def test_columns_and_names_are_those_of_the_contract(measured):
    """The columns in order; ids count from 1 in (y, x) order."""
    sources = measured.sources
    assert tuple(sources.columns) == COLUMNS
    assert sources["source_id"].tolist() == [f"a_i2d-{n}" for n in range(1, len(sources) + 1)]
    assert sources["y"].is_monotonic_increasing
    assert sources["forced"].dtype == bool
    assert sources["n_peaks"].dtype == np.int64


def test_known_sources_are_found_with_their_light_and_place(sky_file, measured):
    """Of the isolated ones off the gap all; flux to a few per cent, positions to a tenth of a pixel."""
    truth, sources = sky_file[3], measured.sources
    truth = truth[(np.abs(truth[:, 0] - 146) > 18) | (truth[:, 1] > 138)]
    distance = np.hypot(truth[:, :1] - sources["y"].to_numpy(), truth[:, 1:2] - sources["x"].to_numpy())
    assert (distance.min(axis=1) < 1.5).mean() > 0.97
    found = sources.iloc[distance.argmin(axis=1)][distance.min(axis=1) < 1.5]
    bright = found["snr"].to_numpy() > 20
    ratio = found["flux"].to_numpy() / truth[distance.min(axis=1) < 1.5, 2]
    assert np.median(ratio[bright]) == pytest.approx(1.0, abs=0.05)  # Gaussians, between points and discs
    assert np.median(distance.min(axis=1)) < 0.15
    assert (found["exposures"] == 3).all()


def test_every_error_is_finite_and_positive(measured):
    """And the S/N is each Kron flux over its own noise, from which the model of its outskirts only takes."""
    sources = measured.sources
    for name in ("flux_err", "flux_ap1_err", "flux_ap2_err"):
        assert np.isfinite(sources[name]).all()
        assert (sources[name] > 0).all()
    total = sources["flux"] / sources["flux_err"]
    added = 0.06 * (1 - 1 / sources["kron_correction"]) * sources["snr"]
    np.testing.assert_allclose(sources["snr"], total * np.hypot(1, added))


def test_sky_positions_are_those_of_the_coordinates(sky_file, measured):
    """ra and dec of each row lead back to its x and y."""
    with open_frame(sky_file[0]) as frame:
        x, y = frame.pixel(measured.sources["ra"], measured.sources["dec"])
    np.testing.assert_allclose(x, measured.sources["x"], atol=1e-6)
    np.testing.assert_allclose(y, measured.sources["y"], atol=1e-6)


def test_the_shallow_strip_has_larger_errors_and_the_gap_an_edge(measured):
    """Errors follow the local noise; sources by the gap carry the edge flag."""
    sources = measured.sources
    faint = sources[sources["flux"] < 8]
    deep, shallow = faint[faint["x"] < 220], faint[faint["x"] > 245]
    assert shallow["flux_ap1_err"].median() > 1.5 * deep["flux_ap1_err"].median()
    beside = sources[(sources["x"] < 110) & (np.abs(sources["y"] - 145.5) < 14)]
    assert len(beside)
    assert beside["flags"].str.contains("edge").all()


@pytest.mark.parametrize(("core", "overlap"), [(128, 96), (100, 96), (77, 96)])
def test_tile_seams_show_in_no_result(sky_file, core, overlap):
    """One tile or many: the same rows, the same values."""
    whole = table(sky_file[0], overlap=overlap).sources
    tiled = table(sky_file[0], tile_core=core, overlap=overlap).sources
    pd.testing.assert_frame_equal(whole, tiled, check_exact=False, rtol=1e-9)


def test_extension_order_and_number_format_change_nothing(sky_file, measured, tmp_path):
    """ERR and WHT swapped in file order, or every plane in double precision: the same table."""
    _, planes, header, _ = sky_file
    swapped = {"SCI": planes["SCI"], "WHT": planes["WHT"], "CON": planes["CON"], "ERR": planes["ERR"]}
    other = table(write(tmp_path / "b_i2d.fits", swapped, header)).sources
    pd.testing.assert_frame_equal(other, measured.sources, check_exact=True)
    doubled = {name: array.astype("f8") if name != "CON" else array for name, array in planes.items()}
    other = table(write(tmp_path / "c_i2d.fits", doubled, header)).sources
    pd.testing.assert_frame_equal(other, measured.sources, check_exact=True)


def test_the_same_frame_twice_is_the_same_table(sky_file, measured):
    """Seeds are fixed."""
    pd.testing.assert_frame_equal(table(sky_file[0]).sources, measured.sources, check_exact=True)


def test_without_a_known_unit_the_images_own_is_kept(sky_file, tmp_path):
    """No BUNIT: fluxes in "image unit", no magnitudes, no depth."""
    _, planes, header, _ = sky_file
    plain = header.copy()
    del plain["BUNIT"]
    result = table(write(tmp_path / "b_i2d.fits", planes, plain))
    assert set(result.sources["flux_unit"]) == {"image unit"}
    assert result.sources["mag_ab"].isna().all()
    assert np.isnan(result.summary["depth_5sigma_mag"])


def test_sci_alone_is_enough(sky_file, tmp_path):
    """Without ERR, WHT and CON there are still errors, and the unknown is NaN or -1."""
    _, planes, header, _ = sky_file
    result = table(write(tmp_path / "b_i2d.fits", {"SCI": planes["SCI"]}, header))
    assert len(result.sources) > 40
    assert np.isfinite(result.sources["flux_err"]).all()
    assert result.sources["weight_ratio"].isna().all()
    assert (result.sources["exposures"] == -1).all()


def test_the_summary_tells_what_was_searched_and_how_deep(measured):
    """Area of valid pixels, threshold, false rate, depth, and seconds by phase."""
    summary = measured.summary
    assert summary["n_sources"] == len(measured.sources)
    assert summary["area_arcmin2"] == pytest.approx((SIZE**2 - 12 * 120) * SCALE**2 / 3600, rel=1e-3)
    assert summary["fwhm_arcsec"] == 0.064
    assert 1.2 <= summary["threshold_k"] <= 4
    assert 0 <= summary["false_rate"] <= 0.05
    assert 28 < summary["depth_5sigma_mag"] < 32
    assert set(summary["phases"]) == {"sky", "noise", "detection", "measurement", "table"}


def test_pieces_done_by_other_processes_give_the_same_table(sky_file, tmp_path):
    """Blocks, windows and tiles spread over two workers: every value is the same, to the last bit."""
    path = sky_file[0]
    task = Task("a_i2d", path, Fingerprint("sha", 1, 1), None, "key")
    with crew(2) as share:
        together = measure_together(task, 3.0, tmp_path, share=share, progress=lambda *_: None)
    pd.testing.assert_frame_equal(together.sources, table(path).sources, check_exact=True)
    assert together.record.state == "done"


def test_progress_counts_to_its_total(sky_file):
    """Every step is told once."""
    seen = []
    table(sky_file[0], tile_core=150, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(step, 5) for step in range(1, 6)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (17, 16)])
def test_tiny_frames_have_a_table_without_trouble(sky_file, tmp_path, shape):
    """Down to one pixel, with the columns there always are."""
    sci = np.random.default_rng(0).normal(size=shape).astype("f4")
    result = table(write(tmp_path / "b_i2d.fits", {"SCI": sci}, sky_file[2]))
    assert tuple(result.sources.columns) == COLUMNS


def test_the_rings_lens_is_found_in_every_band(real_data):
    """Within 0.1 arcsec of its place in four bands, at high S/N."""
    for path in sorted((real_data / "ring").glob("*.fits")):
        sources = table(path).sources
        east = (sources["ra"] - 150.10048) * np.cos(np.radians(1.89301))
        apart = np.hypot(east, sources["dec"] - 1.89301) * 3600
        assert (apart < 0.1).sum() == 1, path.name
        assert sources.loc[apart.idxmin(), "snr"] > 20


def test_real_miri_frames_give_sources_on_their_own_sky(real_data):
    """In bright nebulosity there are few; each lies in the frame, in nJy, with a finite error."""
    for path in sorted((real_data / "i2d").glob("jw01288*_i2d.fits")):
        with open_frame(path) as frame:
            sources = measure_frame(frame, "a", detection_threshold=3.0).sources
            assert len(sources)
            ra, dec = frame.sky((frame.shape[1] - 1) / 2, (frame.shape[0] - 1) / 2)
            apart = np.hypot((sources["ra"] - ra) * np.cos(np.radians(dec)), sources["dec"] - dec) * 3600
        assert (apart < 11).all()
        assert set(sources["flux_unit"]) == {"nJy"}
        assert np.isfinite(sources["flux_err"]).all()
