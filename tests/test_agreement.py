"""The same frame through source-extractor and photutils: places and Kron fluxes agree where they should."""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from analysis.detection import smooth
from analysis.frame_calibration import calibrate_frame
from analysis.i2d import open_frame
from analysis.measure import measure_frame
from analysis.simulate import simulate_field
from analysis.window import prepare

BINARY = shutil.which("source-extractor") or shutil.which("sex")
SHARED = Path("/usr/share/source-extractor")


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A SIMULATED short-wave frame, its sources, and its pixels with the sky taken off."""
    folder = tmp_path_factory.mktemp("field")
    (path,) = simulate_field(folder, size=1024, seed=12, bands=("F200W",), second_epoch=None)
    with open_frame(path) as frame:
        measured = measure_frame(frame, "a", detection_threshold=3.0)
        calibration = calibrate_frame(frame, 3.0)
        window = prepare(frame, calibration.sky, 0, frame.shape[0], 0, frame.shape[1])
    return path, measured, window, calibration


def kron(sources):
    """The Kron flux itself, before it is made all of the light."""
    return (sources["flux"] / sources["kron_correction"]).to_numpy()


def isolated(x, y, reach=14.0):
    """Which positions have no other within reach, pixels."""
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1) > reach


def compare(measured, scale_njy, x, y, flux):
    """Offsets in pixels and flux ratios of clean isolated sources at S/N > 20 that both have."""
    sources = measured.sources
    ours_x, ours_y = sources["x"].to_numpy(), sources["y"].to_numpy()
    clean = isolated(ours_x, ours_y) & (sources["snr"].to_numpy() > 20) & (sources["flags"] == "").to_numpy()
    # nor parted by the other one within the same reach
    clean &= (np.hypot(ours_x[:, None] - x, ours_y[:, None] - y) < 14.0).sum(axis=1) <= 1
    apart = np.hypot(ours_x[clean, None] - x, ours_y[clean, None] - y)
    nearest = apart.argmin(axis=1)
    distance = apart.min(axis=1)
    both = distance < 2
    assert both.mean() > 0.95
    assert both.sum() >= 15
    return distance[both], (kron(sources)[clean] / (flux[nearest] * scale_njy))[both]


@pytest.mark.skipif(
    BINARY is None or not SHARED.is_dir(), reason="the program source-extractor is not installed"
)
def test_source_extractor_gives_the_same_places_and_kron_fluxes(field, tmp_path):
    """Windowed positions within 0.1 px, FLUX_AUTO within 3 %, for isolated sources at S/N > 20."""
    path, measured, window, _ = field
    fits.writeto(tmp_path / "a.fits", window.data)
    (tmp_path / "p").write_text("XWIN_IMAGE\nYWIN_IMAGE\nFLUX_AUTO\nFLAGS\n")
    threshold = str(measured.summary["threshold_k"])
    subprocess.run(
        [BINARY, tmp_path / "a.fits", "-c", SHARED / "default.sex", "-PARAMETERS_NAME", tmp_path / "p",
         "-FILTER_NAME", SHARED / "gauss_2.0_5x5.conv", "-STARNNW_NAME", SHARED / "default.nnw",
         "-CATALOG_NAME", tmp_path / "cat", "-DETECT_THRESH", threshold, "-ANALYSIS_THRESH", threshold,
         "-DEBLEND_MINCONT", "0.001", "-CLEAN", "N", "-BACK_TYPE", "MANUAL", "-BACK_VALUE", "0",
         "-VERBOSE_TYPE", "QUIET"],
        check=True, capture_output=True,
    )  # fmt: skip
    x, y, flux, _ = np.loadtxt(tmp_path / "cat", unpack=True)
    with open_frame(path) as frame:
        distance, ratio = compare(measured, frame.to_njy, x - 1, y - 1, flux)
    assert np.median(distance) < 0.05
    assert np.percentile(distance, 90) < 0.1
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)


def test_photutils_gives_the_same_places_and_kron_fluxes(field):
    """Its segmentation of the same sky-subtracted pixels: windowed centroids and Kron fluxes."""
    path, measured, window, calibration = field
    with open_frame(path) as frame:
        scale = frame.to_njy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from photutils.segmentation import SourceCatalog, detect_sources

        smoothed = smooth(window.data, calibration.kernel)
        above = calibration.threshold.value * window.sigma
        segments = detect_sources(smoothed, above, n_pixels=5)
        catalogue = SourceCatalog(window.data, segments, convolved_data=smoothed, kron_params=(2.5, 1.4, 0.0))
        centres = np.asarray(catalogue.centroid_win)
        flux = np.asarray(catalogue.kron_flux)
    known = np.isfinite(centres).all(axis=1) & np.isfinite(flux)
    distance, ratio = compare(measured, scale, centres[known, 0], centres[known, 1], flux[known])
    assert np.median(distance) < 0.05
    assert np.percentile(distance, 90) < 0.1
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)


def test_at_most_one_in_a_hundred_detections_is_false(field):
    """Measured on the frame turned over, at the threshold 3.0 that promises it."""
    assert field[1].summary["false_rate"] <= 0.01
