"""Completeness: what is put into a frame is found down to its depth; the table, the command, the report."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.completeness import SIZES_ARCSEC, measure_completeness
from analysis.depths import measure_depths
from analysis.detection import Threshold, smooth, smoothing_kernel
from analysis.frame_calibration import calibrate_frame
from analysis.i2d import open_frame
from analysis.injection import add_sources
from analysis.noise import ApertureNoise
from analysis.recalled import Injected, interval, recall, told
from analysis.recalled import as_csv as recall_csv
from analysis.recalled import from_csv as from_recall_csv
from analysis.recovered import Row, as_csv, from_csv, half_recovered, summary
from analysis.simulate import simulate_field
from analysis.simulate.sources import Piece, Source
from analysis.window import Window
from tui.cli import main


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Completeness of one SIMULATED frame of 640 px."""
    folder = tmp_path_factory.mktemp("field")
    (path,) = simulate_field(folder, size=640, seed=8, bands=("F200W",), second_epoch=None)
    with open_frame(path) as frame:
        calibration = calibrate_frame(frame, 3.0)
        return measure_completeness(frame, calibration), measure_completeness(frame, calibration)


def rows(result, frame="a"):
    return [
        Row(
            frame, "key", "NIRCAM", "F200W", b.r50_arcsec, b.step_mag, result.depth_mag + b.step_mag,
            b.injected, b.recovered, result.depth_mag, result.detections, result.false_detections,
            result.taken_share, True, result.aperture_depth_mag, result.cut_mag, result.threshold_sigma,
        )
        for b in result.bins
    ]  # fmt: skip


def test_bright_points_are_found_and_hopeless_ones_are_not(searched):
    """Nearly all two magnitudes above the depth, nearly none two below it."""
    points = [b for b in searched[0].bins if b.r50_arcsec == 0]
    bright, faint = ([b for b in points if sign * b.step_mag >= 1.75] for sign in (-1, 1))
    assert sum(b.recovered for b in bright) > 0.95 * sum(b.injected for b in bright)
    assert sum(b.recovered for b in faint) < 0.15 * sum(b.injected for b in faint)


def test_half_of_the_points_are_found_at_the_matched_depth(searched):
    """50 % completeness within 0.25 mag of 5 sigma under detection's filter; discs are lost earlier."""
    table = rows(searched[0])
    limits = [half_recovered(table, size) for size in SIZES_ARCSEC]
    assert abs(limits[0]) < 0.25
    assert abs(searched[0].depth_mag + limits[0] - searched[0].cut_mag) < 0.25
    assert limits[0] > limits[1] > limits[2]


def test_a_circle_is_a_brighter_limit_than_the_matched_filter(searched):
    """The smaller circle holds less of a point and more noise: 0.4 to 1.3 mag; both are told."""
    result = searched[0]
    assert 0.4 < result.depth_mag - result.aperture_depth_mag < 1.3
    assert 2.5 < result.threshold_sigma < 4.5
    text = summary(rows(result))
    assert f"5 sigma of a point {result.depth_mag:.2f} AB (matched filter)" in text
    assert f"in the smaller circle {result.aperture_depth_mag:.2f} AB" in text


def test_a_point_at_the_matched_depth_peaks_at_five_sigma():
    """White noise of sigma 2: the smoothed noise is 2 sqrt(sum g^2), the peak of a point sum g PSF."""
    rng = np.random.default_rng(3)
    kernel = smoothing_kernel(2.2)
    shape = (400, 400)
    data, sigma = rng.normal(0, 2, shape).astype("f4"), np.full(shape, 2, "f4")
    nothing = np.zeros(shape, bool)
    axis = np.exp(-0.5 * (np.arange(-10, 11) / 1.1) ** 2)
    point = (np.outer(axis, axis) / axis.sum() ** 2).astype("f4")
    calibration = SimpleNamespace(
        kernel=kernel, threshold=Threshold(1.5, 1.5, 0.0, True), sigma=2.0, radii_px=(5.2, 8.1),
        noise=ApertureNoise(1.0, 1.0, 900),
    )  # fmt: skip
    depths = measure_depths([Window(0, 0, data, sigma, nothing, nothing, None)], calibration, [point])
    weights = np.outer(kernel, kernel).astype(float)
    noise = 2 * math.sqrt((weights**2).sum())
    assert depths.matched * smooth(point, kernel).max() == pytest.approx(5 * noise, rel=0.03)
    assert depths.threshold_sigma == pytest.approx(3.0 / noise, rel=0.03)
    assert depths.cut * np.sort(smooth(point, kernel), axis=None)[-5] == pytest.approx(1.5 * 2.0)
    assert depths.aperture == pytest.approx(5 * 2 * math.sqrt(math.pi * 5.2**2))


def test_the_same_frame_gives_the_same_answer(searched):
    """Places and sizes are drawn from fixed seeds."""
    assert searched[0] == searched[1]


def test_false_detections_are_few(searched):
    """In the windows turned over, against those found in them."""
    assert searched[0].false_detections <= 0.02 * searched[0].detections


def test_the_table_comes_back_as_it_was_written(searched):
    """CSV and back, missing magnitudes included."""
    table = rows(searched[0])
    assert from_csv(as_csv(table)) == table
    unknown = [Row("b", "k", "", "unknown", 0.0, 0.25, math.nan, 4, 2, math.nan, 9, 0, 0.1, False)]
    (back,) = from_csv(as_csv(unknown))
    assert math.isnan(back.mag_ab)
    assert not back.simulated
    with pytest.raises(ValueError, match="not a table"):
        from_csv("a,b\n1,2\n")


def test_the_limit_lies_between_the_bins_that_cross_one_half():
    """Linear between them; unknown where they never do."""
    steps = [(-1.0, 10), (0.0, 8), (1.0, 2), (2.0, 0)]
    table = [Row("a", "k", "", "F200W", 0.0, s, 28 + s, 10, n, 28.0, 9, 0, 0.1, False) for s, n in steps]
    assert half_recovered(table, 0.0) == pytest.approx(0.5)
    assert math.isnan(half_recovered(table[:2], 0.0))
    by_chance = [(-1.0, 10), (-0.5, 5), (0.0, 7), (0.5, 3), (1.0, 4), (1.5, 0)]  # pooled: 0.6 to 0.35
    pooled = [Row("a", "k", "", "F200W", 0.0, s, 28 + s, 10, n, 28.0, 9, 0, 0.1, False) for s, n in by_chance]
    assert half_recovered(pooled, 0.0) == pytest.approx(0.2)
    assert "28.50 AB" in summary(table)


def test_the_command_writes_table_and_figure_and_the_report_tells_of_them(tmp_path, capsys):
    """Not measured before; limits, figure and SIMULATED after; not measured again once the frame changed."""
    (tmp_path / "config.toml").write_text("[execution]\nworkers = 1\n")
    simulate_field(tmp_path / "data" / "products", size=200, seed=3, bands=("F200W",), second_epoch=None)
    report = tmp_path / "outputs" / "report" / "REPORT.md"
    assert main(["-C", str(tmp_path), "completeness"]) == 2
    assert "jwst-vet images" in capsys.readouterr().err
    for command in ("images", "report"):
        assert main(["-C", str(tmp_path), command]) == 0
    assert "Completeness: not measured" in report.read_text()
    for command in ("completeness", "report"):
        assert main(["-C", str(tmp_path), command]) == 0
    text = report.read_text()
    assert "not measured. `jwst-vet completeness`" not in text
    assert "half found, points" in text
    assert "5σ point, matched filter (AB)" in text
    assert "5σ in the circle (AB)" in text
    assert "limits are those of SIMULATED images" in text
    assert (report.parent / "../figures/completeness.png").is_file()
    assert "Recall of anomalies: not measured" in text
    table = tmp_path / "outputs" / "tables" / "completeness.csv"
    table.write_text(table.read_text().replace("nircam_clear-f200w_i2d,", "nircam_clear-f200w_i2d,0"))
    assert main(["-C", str(tmp_path), "report"]) == 0
    assert "Completeness: not measured" in report.read_text()


@pytest.fixture(scope="module")
def recalled(tmp_path_factory):
    """A SIMULATED project of two bands without anomalies of its own, after `completeness` and `report`."""
    root = tmp_path_factory.mktemp("recall")
    (root / "config.toml").write_text("[execution]\nworkers = 2\n")
    simulate_field(
        root / "data" / "products", size=720, seed=21, bands=("F200W", "F444W"), second_epoch=None,
        n_anomalies=0, n_artifacts=0,
    )  # fmt: skip
    before = {path: path.read_bytes() for path in (root / "data" / "products").iterdir()}
    for command in ("images", "completeness", "report"):
        assert main(["-C", str(root), command]) == 0
    return root, before


def test_anomalies_put_into_the_frames_are_ranked_and_told_of(recalled):
    """Some of each drawn kind, ranked with the rest; table, figure, report; the frames are untouched."""
    root, before = recalled
    table = from_recall_csv((root / "outputs/tables/completeness_anomalies.csv").read_text())
    assert 3 <= len(table) <= 6
    assert all(row.simulated and row.n_bands == 2 for row in table)
    assert sum(row.rank > 0 for row in table) >= len(table) - 1
    text = (root / "outputs/report/REPORT.md").read_text()
    assert told(table) in text
    assert "anomalies put in are among the first" in text
    assert (root / "outputs/figures/completeness_anomalies.png").is_file()
    assert not (root / "outputs/cache/recall").exists()
    assert {path: path.read_bytes() for path in before} == before


def test_a_recall_of_other_settings_is_not_told(recalled):
    """With other weights the table is no longer this ranking's."""
    root, _ = recalled
    (root / "config.toml").write_text("[weights]\nsnr = 0.9\n")
    assert main(["-C", str(root), "report"]) == 0
    assert "Recall of anomalies: not measured" in (root / "outputs/report/REPORT.md").read_text()


def test_light_put_in_is_where_and_as_much_as_asked(recalled):
    """A point of 1000 nJy: its centroid within a tenth of a pixel, nearly all of its light on the window."""
    (path,) = (recalled[0] / "data/products").glob("*f200w*.fits")
    with open_frame(path) as frame:
        ny, nx = frame.shape
        ra, dec = frame.sky(np.array([300.3]), np.array([280.8]))
        dot = Source("star", 0.0, 0.0, (Piece(None, 0.0, 0.0, {frame.filter: 1000.0}),), 0.0, 0.0)
        light = add_sources(frame, (0, ny, 0, nx), (float(ra[0]), float(dec[0])), [dot])
    assert light.sum() == pytest.approx(1000, rel=0.03)
    y, x = np.mgrid[270:293, 290:313]
    core = light[270:293, 290:313]
    assert (core * x).sum() / core.sum() == pytest.approx(300.3, abs=0.1)
    assert (core * y).sum() / core.sum() == pytest.approx(280.8, abs=0.1)


def test_intervals_of_shares_are_wilsons():
    """9 of 10: 0.596 to 0.982 (Wilson 1927); none of none says nothing; the table comes back."""
    assert interval(9, 10) == pytest.approx((0.596, 0.982), abs=2e-3)
    assert interval(0, 0) == (0.0, 1.0)
    rows = [Injected("k", "lens", 1.0, -2.0, 23.5, rank, 50, 2, False) for rank in (1, 0, 101)]
    assert recall(rows) == (1, 3)
    assert from_recall_csv(recall_csv(rows)) == rows
    with pytest.raises(ValueError, match="not a table"):
        from_recall_csv("a,b\n1,2\n")
