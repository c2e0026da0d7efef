"""One SIMULATED sky seen twice, and once more without errors in the file: values differ as errors say."""

import numpy as np
import pytest
from astropy.io import fits
from scipy.spatial import cKDTree

from analysis.changes import centre_error
from analysis.i2d import open_frame
from analysis.instruments import fwhm_arcsec
from analysis.measure import measure_frame
from analysis.simulate import simulate_field


def measured(path):
    """Sources and summary of a file."""
    with open_frame(path) as frame:
        found = measure_frame(frame, "a", detection_threshold=3.0)
    return found.sources, found.summary


def pairs(one, other):
    """Rows of two tables that are each other's nearest within 0.1 arcsec; offsets (east, north), arcsec."""
    dec = float(one["dec"].mean())
    scale = np.array([np.cos(np.radians(dec)), 1.0]) * 3600
    here, there = (np.column_stack([t["ra"], t["dec"]]) * scale for t in (one, other))
    apart, nearest = cKDTree(there).query(here)
    back = cKDTree(here).query(there)[1]
    good = (apart < 0.1) & (back[nearest] == np.arange(len(here)))
    return one[good], other.iloc[nearest[good]], there[nearest[good]] - here[good]


def column(table, name):
    return table[name].to_numpy(dtype=float)


def width(values):
    """1.4826 times the median absolute deviation."""
    return 1.4826 * np.median(np.abs(values - np.median(values)))


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Files of two epochs of one band, their sources, and those of the first one."""
    folder = tmp_path_factory.mktemp("twice")
    paths = simulate_field(
        folder, size=900, seed=58, bands=("F200W",), n_stars=4, n_anomalies=0, n_artifacts=0
    )
    return paths, *(measured(path) for path in paths)


def test_changes_between_epochs_are_as_wide_as_their_errors(sky):
    """Places and fluxes of whole sources that nothing moved or changed: pulls of 1 within 0.3."""
    _, (one, _), (other, _) = sky
    crowded = "blended|saturated|truncated|nan|edge"
    whole = [t[~t["flags"].str.contains(crowded) & (t["snr"] > 6)] for t in (one, other)]
    first, second, shift = pairs(*whole)
    assert len(first) >= 35
    fwhm = np.full(len(first), fwhm_arcsec("NIRCAM", "F200W"))
    error = np.hypot(
        *(centre_error(fwhm, column(t, "r50_arcsec"), column(t, "snr")) for t in (first, second))
    )
    assert width((shift / error[:, None]).ravel()) == pytest.approx(1.0, abs=0.3)
    change = column(second, "flux_ap1") - column(first, "flux_ap1")
    error = np.hypot(column(first, "flux_ap1_err"), column(second, "flux_ap1_err"))
    faint = column(first, "flux_ap1") < 60 * column(first, "flux_ap1_err")  # calibration and PSF rule above
    assert faint.sum() >= 25
    assert width((change / error)[faint]) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(("lost", "least"), [(("ERR",), 0.9), (("ERR", "WHT"), 0.6)])
def test_a_frame_without_errors_is_measured_by_its_own_sky(sky, tmp_path, lost, least):
    """ERR gone: the same sources; weights too: a higher cut, as clean. Errors of faint ones within 10 %."""
    (path, *_), (whole, summary), _ = sky
    bare = tmp_path / path.name
    with fits.open(path) as hdus:
        kept = [h for h in hdus if h.name not in lost and not h.name.startswith("VAR_")]
        fits.HDUList(kept).writeto(bare)
    with open_frame(bare) as frame:
        assert not frame.has_err
    found, told = measured(bare)
    assert told["false_rate"] <= 0.01
    assert least * len(whole) < len(found) < 1.1 * len(whole)
    assert told["depth_5sigma_mag"] == pytest.approx(summary["depth_5sigma_mag"], abs=0.1)
    first, second, _ = pairs(whole, found)
    assert len(first) > 0.8 * min(len(whole), len(found))
    faint = (column(first, "snr") < 20) & (column(first, "weight_ratio") > 0.8)
    ratio = column(second, "flux_ap1_err") / column(first, "flux_ap1_err")
    assert np.isfinite(column(found, "flux_err")).all()
    assert np.median(ratio[faint]) == pytest.approx(1.0, abs=0.1)
