"""The same frame through source-extractor and photutils: places and Kron fluxes agree where they should."""

import math
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
SEEDS = (12, 32)
"""In field 32 windows narrower than the half-light diameter put lopsided galaxies off by 0.5 px."""


class Measured:
    """A frame's sources by us, with what is needed to have the same pixels measured by others."""

    def __init__(self, path):
        with open_frame(path) as frame:
            self.result = measure_frame(frame, "a", detection_threshold=3.0)
            self.calibration = calibrate_frame(frame, 3.0)
            self.window = prepare(frame, self.calibration.sky, 0, frame.shape[0], 0, frame.shape[1])
            self.scale = frame.to_njy if math.isfinite(frame.to_njy) else 1.0
        sources = self.result.sources
        self.x, self.y, self.snr = (sources[name].to_numpy() for name in ("x", "y", "snr"))
        self.peaks = sources["n_peaks"].to_numpy()
        # The Kron flux itself, before it is made all of the light.
        self.kron = (sources["flux"] / sources["kron_correction"]).to_numpy() / self.scale
        self.clean = ~sources["flags"].str.contains("blended|nan|saturated|truncated").to_numpy()

    def against(self, theirs, least_snr, reach, most_peaks=np.inf):
        """Offsets in pixels, flux ratios and S/N of clean sources that both see, and see alone within reach.

        Also how many of ours were clean and alone.
        """
        x, y, flux = theirs
        own = np.hypot(self.x[:, None] - self.x, self.y[:, None] - self.y)
        np.fill_diagonal(own, np.inf)
        apart = np.hypot(self.x[:, None] - x, self.y[:, None] - y)
        wanted = self.clean & (self.snr > least_snr) & (own.min(axis=1) > reach)
        wanted &= (apart < reach).sum(axis=1) <= 1
        wanted &= self.peaks <= most_peaks
        nearest, distance = apart.argmin(axis=1), apart.min(axis=1)
        both = wanted & (distance < 2)
        return distance[both], (self.kron / flux[nearest])[both], self.snr[both], int(wanted.sum())


def by_source_extractor(measured, folder):
    """Return x, y (0-based, windowed) and FLUX_AUTO of what the program finds whole in the same pixels."""
    if BINARY is None or not SHARED.is_dir():
        pytest.skip("the program source-extractor is not installed")
    fits.writeto(folder / "a.fits", measured.window.data, overwrite=True)
    (folder / "p").write_text("XWIN_IMAGE\nYWIN_IMAGE\nFLUX_AUTO\nFLAGS\n")
    threshold = str(measured.result.summary["threshold_k"])
    subprocess.run(
        [BINARY, folder / "a.fits", "-c", SHARED / "default.sex", "-PARAMETERS_NAME", folder / "p",
         "-FILTER_NAME", SHARED / "gauss_2.0_5x5.conv", "-STARNNW_NAME", SHARED / "default.nnw",
         "-CATALOG_NAME", folder / "cat", "-DETECT_THRESH", threshold, "-ANALYSIS_THRESH", threshold,
         "-DEBLEND_MINCONT", "0.001", "-CLEAN", "N", "-BACK_TYPE", "MANUAL", "-BACK_VALUE", "0",
         "-VERBOSE_TYPE", "QUIET"],
        check=True, capture_output=True,
    )  # fmt: skip
    x, y, flux, _ = np.loadtxt(folder / "cat", unpack=True, ndmin=2)
    return x - 1, y - 1, flux


def by_photutils(measured, _folder):
    """Return x, y (windowed) and Kron fluxes of photutils' own segmentation of the same pixels."""
    window, calibration = measured.window, measured.calibration
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
    return centres[known, 0], centres[known, 1], flux[known]


OTHERS = pytest.mark.parametrize("other", [by_source_extractor, by_photutils])


@pytest.fixture(scope="module", params=SEEDS)
def field(request, tmp_path_factory):
    """A SIMULATED short-wave frame, measured."""
    folder = tmp_path_factory.mktemp("field")
    (path,) = simulate_field(folder, size=1024, seed=request.param, bands=("F200W",), second_epoch=None)
    return Measured(path)


@OTHERS
def test_isolated_sources_are_where_and_as_bright_as_others_say(field, other, tmp_path):
    """S/N > 20, nothing else within 14 px: windowed centres within 0.1 px, Kron fluxes within 3 %."""
    distance, ratio, _, wanted = field.against(other(field, tmp_path), least_snr=20, reach=14)
    assert len(distance) >= 15
    assert len(distance) > 0.95 * wanted
    assert np.median(distance) < 0.01
    assert np.percentile(distance, 90) < 0.05
    assert distance.max() < 0.1
    assert np.median(ratio) == pytest.approx(1.0, abs=0.005)
    assert np.mean(np.abs(ratio - 1) < 0.03) >= 0.9


@pytest.fixture(scope="module")
def ring(real_data):
    """The real frames of one field, measured."""
    return [Measured(path) for path in sorted((real_data / "ring").glob("*.fits"))]


@OTHERS
def test_real_sources_are_where_and_as_bright_as_others_say(ring, other, tmp_path):
    """Few are isolated in small cutouts: S/N > 10, nothing within 8 px, one peak; fluxes above 20."""
    parts = [frame.against(other(frame, tmp_path), least_snr=10, reach=8, most_peaks=1) for frame in ring]
    distance, ratio, snr = (np.concatenate([part[k] for part in parts]) for k in range(3))
    assert len(distance) >= 5
    assert distance.max() < 0.1
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)
    assert np.sum(snr > 20) >= 2
    assert np.abs(ratio[snr > 20] - 1).max() < 0.03


def test_at_most_one_in_a_hundred_detections_is_false(field):
    """Measured on the frame turned over, at the threshold 3.0 that promises it."""
    assert field.result.summary["false_rate"] <= 0.01
