"""Total fluxes and their errors, completeness against depth, and the same frame through source-extractor.

    python benchmarks/photometry.py [--seeds 911 912 913 914] [--fields 31 32]

Prints Markdown tables. Isolated points and inclined discs of known light, in correlated noise and seen
through the filter's PSF, are measured: median of measured over true flux, and how wide the pulls are. Then,
for SIMULATED fields: where half of the points are found against the matched 5 sigma depth, offsets and
Kron fluxes against source-extractor with the same sky and with its own, and milliseconds of the shapes.
"""

import argparse
import math
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from scipy import ndimage
from scipy.signal import fftconvolve

from analysis.completeness import measure_completeness
from analysis.frame_calibration import calibrate_frame
from analysis.i2d import open_frame
from analysis.measure import measure_frame
from analysis.psf import psf
from analysis.recovered import Row, half_recovered
from analysis.simulate import simulate_field
from analysis.window import prepare

BAND, SCALE, SIDE, PITCH, HALF = "F200W", 0.031, 1700, 78, 37
SIZES = (0.0, 0.05, 0.1, 0.2, 0.3)
SNR_BINS = ((6, 10), (10, 15), (15, 25), (25, 40), (40, 80), (80, 1000))
_SHARED = Path("/usr/share/source-extractor")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[911, 912, 913, 914])
    parser.add_argument("--fields", type=int, nargs="*", default=[31, 32])
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        _injected(Path(name), words.seeds)
        _fields(Path(name), words.fields)


def _injected(folder: Path, seeds: list[int]) -> None:
    tables, truths = [], []
    for seed in seeds:
        truth = _write(folder / "injected_i2d.fits", seed)
        with open_frame(folder / "injected_i2d.fits") as frame:
            sources = measure_frame(frame, "a", detection_threshold=3.0).sources
        apart = np.hypot(sources["y"].to_numpy() - truth[:, :1], sources["x"].to_numpy() - truth[:, 1:2])
        best = np.where(apart < 4, sources["flux"].to_numpy(), -1).argmax(axis=1)
        hit = apart[np.arange(len(truth)), best] < 4
        tables.append(sources.iloc[best[hit]])
        truths.append(truth[hit])
    found, truth = pd.concat(tables), np.concatenate(truths)
    flux, error = found["flux"].to_numpy(), found["flux_err"].to_numpy()
    print(f"seeds {', '.join(map(str, seeds))}; half-light radius in arcsec, 0 a point\n")
    print(
        "| r50 | S/N | n | median flux / truth | pulls, robust width | pulls, rms |\n"
        "|---:|---|---:|---:|---:|---:|"
    )
    for size in SIZES:
        mine = truth[:, 3] == size
        law = np.polyfit(np.log(truth[mine, 2]), np.log(error[mine]), 2)
        snr = np.where(mine, truth[:, 2] / np.exp(np.polyval(law, np.log(truth[:, 2]))), np.nan)
        for low, high in SNR_BINS:
            _row(f"{size:g}", f"{low} to {high}", flux, error, truth[:, 2], (snr >= low) & (snr < high))
    good = found["snr"].to_numpy() >= 15
    _row("all", "15 and more", flux, error, truth[:, 2], good)


def _row(
    size: str, snr: str, flux: np.ndarray, error: np.ndarray, true: np.ndarray, which: np.ndarray
) -> None:
    if which.sum() < 15:
        return
    pull = ((flux - true) / error)[which]
    width = 1.4826 * np.median(np.abs(pull - np.median(pull)))
    ratio = (flux / true)[which]
    spread = 1.2533 * 1.4826 * np.median(np.abs(ratio - np.median(ratio))) / math.sqrt(which.sum())
    print(
        f"| {size} | {snr} | {which.sum()} | {np.median(ratio):.3f} ± {spread:.3f} | {width:.2f} | "
        f"{math.sqrt(np.mean(pull**2)):.2f} |"
    )


def _write(path: Path, seed: int) -> np.ndarray:
    """Write a frame of points and discs; return y, x, total flux (nJy) and r50 (arcsec) of each."""
    rng = np.random.default_rng(seed)
    full = psf(BAND, SCALE, 201, oversample=2, drizzled=True)
    point = full[100 - HALF : 101 + HALF, 100 - HALF : 101 + HALF]
    model, truth = np.zeros((SIDE, SIDE)), []
    for row in range(PITCH // 2, SIDE - HALF, PITCH):
        for column in range(PITCH // 2, SIDE - HALF, PITCH):
            dy, dx = rng.uniform(-0.5, 0.5, 2)
            r50, ratio, turn = float(rng.choice(SIZES)), rng.uniform(0.4, 1.0), rng.uniform(0, math.pi)
            stamp = ndimage.shift(point, (dy, dx), order=5)
            if r50:
                stamp = fftconvolve(_disc(r50 / SCALE, ratio, turn, dy, dx), point, mode="same")
            stamp *= point.sum() / stamp.sum()
            flux = 10 ** rng.uniform(1.2, 3.4) * (1 + 3 * r50 / 0.2)
            model[row - HALF : row + HALF + 1, column - HALF : column + HALF + 1] += flux * stamp
            truth.append((row + dy, column + dx, flux, r50))
    noise = ndimage.convolve(rng.normal(size=model.shape), np.outer([1, 4, 1], [1, 4, 1]) / 36)
    sci = (model + 0.667 * noise / noise.std() + 0.3).astype("f4")
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=110.8, CRVAL2=-73.4, CRPIX1=850, CRPIX2=850,
        CD1_1=-SCALE / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=SCALE / 3600, BUNIT="nJy",
    )  # fmt: skip
    primary = fits.PrimaryHDU()
    primary.header.update(INSTRUME="NIRCAM", FILTER=BAND, PUPIL="CLEAR", SIMULATE=True)
    planes = (("SCI", sci), ("ERR", np.ones_like(sci)), ("WHT", np.ones_like(sci)))
    hdus = [fits.ImageHDU(data, header, name=name) for name, data in planes]
    fits.HDUList([primary, *hdus]).writeto(path, overwrite=True)
    return np.array(truth)


def _disc(r50: float, ratio: float, turn: float, dy: float, dx: float) -> np.ndarray:
    """Return an inclined exponential disc of unit sum; r50 is of its circle of equal area, pixels."""
    side = 2 * HALF + 1
    axis = (np.arange(side * 5) + 0.5) / 5 - 0.5 - HALF
    y, x = axis[:, None] - dy, axis[None, :] - dx
    along = x * math.cos(turn) + y * math.sin(turn)
    across = (y * math.cos(turn) - x * math.sin(turn)) / ratio
    fine = np.exp(-np.hypot(along, across) * math.sqrt(ratio) * 1.67835 / r50)
    disc = fine.reshape(side, 5, side, 5).sum(axis=(1, 3))
    return disc / disc.sum()


def _fields(folder: Path, seeds: list[int]) -> None:
    binary = shutil.which("source-extractor") or shutil.which("sex")
    print("\n| SIMULATED field | what | figure |\n|---|---|---|")
    for seed in seeds:
        (path,) = simulate_field(folder / str(seed), size=1024, seed=seed, bands=(BAND,), second_epoch=None)
        with open_frame(path) as frame:
            measured = measure_frame(frame, "a", detection_threshold=3.0)
            calibration = calibrate_frame(frame, 3.0)
            result = measure_completeness(frame, calibration)
            window = prepare(frame, calibration.sky, 0, frame.shape[0], 0, frame.shape[1])
            sci = frame.read(0, frame.shape[0], 0, frame.shape[1]).sci
            scale = frame.to_njy
        rows = [
            Row(
                "a",
                "",
                "",
                BAND,
                b.r50_arcsec,
                b.step_mag,
                0.0,
                b.injected,
                b.recovered,
                0.0,
                1,
                0,
                0.0,
                True,
            )
            for b in result.bins
        ]
        half = half_recovered(rows, 0.0)
        print(f"| {seed} | 5 sigma of a point, matched filter, AB | {result.depth_mag:.2f} |")
        print(f"| {seed} | 5 sigma in the smaller circle, AB | {result.aperture_depth_mag:.2f} |")
        print(f"| {seed} | a point at the cut, AB | {result.cut_mag:.2f} |")
        print(f"| {seed} | detection cuts at, sigma of the smoothed sky | {result.threshold_sigma:.2f} |")
        print(f"| {seed} | half of the points found, mag fainter than the matched depth | {half:+.2f} |")
        print(f"| {seed} | false detections | {result.false_detections} of {result.detections} |")
        for name, data, words in (
            ("same sky", window.data, ["-BACK_TYPE", "MANUAL", "-BACK_VALUE", "0"]),
            ("its own sky, mesh 64", np.nan_to_num(sci), ["-BACK_SIZE", "64"]),
            ("its own sky, mesh 128", np.nan_to_num(sci), ["-BACK_SIZE", "128"]),
        ):
            text = "not installed"
            if binary and _SHARED.is_dir():
                theirs = _source_extractor(binary, folder, data, measured.summary["threshold_k"], words)
                text = _compared(measured.sources, theirs, scale)
            print(f"| {seed} | source-extractor, {name} | {text} |")
        _time_shapes(window, calibration, seed)


def _source_extractor(
    binary: str, folder: Path, data: np.ndarray, threshold: float, words: list[str]
) -> np.ndarray:
    fits.writeto(folder / "in.fits", data.astype("f4"), overwrite=True)
    (folder / "p").write_text("XWIN_IMAGE\nYWIN_IMAGE\nFLUX_AUTO\n")
    subprocess.run(
        [binary, folder / "in.fits", "-c", _SHARED / "default.sex", "-PARAMETERS_NAME", folder / "p",
         "-FILTER_NAME", _SHARED / "gauss_2.0_5x5.conv", "-STARNNW_NAME", _SHARED / "default.nnw",
         "-CATALOG_NAME", folder / "cat", "-DETECT_THRESH", str(threshold), "-ANALYSIS_THRESH",
         str(threshold), "-DEBLEND_MINCONT", "0.001", "-CLEAN", "N", *words, "-VERBOSE_TYPE", "QUIET"],
        check=True, capture_output=True,
    )  # fmt: skip
    return np.loadtxt(folder / "cat")


def _compared(sources: pd.DataFrame, theirs: np.ndarray, scale: float) -> str:
    """Compare clean sources at S/N over 20 that both find alone within 14 px."""
    x, y = sources["x"].to_numpy(), sources["y"].to_numpy()
    kron = (sources["flux"] / sources["kron_correction"]).to_numpy()
    own = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(own, np.inf)
    apart = np.hypot(x[:, None] - theirs[:, 0] + 1, y[:, None] - theirs[:, 1] + 1)
    clean = (sources["snr"].to_numpy() > 20) & (sources["flags"] == "").to_numpy() & (own.min(axis=1) > 14)
    clean &= ((apart < 14).sum(axis=1) == 1) & (apart.min(axis=1) < 2)
    ratio = kron[clean] / (theirs[apart.argmin(axis=1), 2][clean] * scale)
    distance = apart.min(axis=1)[clean]
    most = np.percentile(distance, 90)
    return (
        f"{clean.sum()} sources: offsets {np.median(distance):.3f} px (90 %: {most:.3f}), "
        f"Kron flux ratio {np.median(ratio):.4f}"
    )


def _time_shapes(window: object, calibration: object, seed: int) -> None:
    """Print milliseconds of the shapes of a source: concentration, asymmetry, Gini, M20."""
    from analysis import photometry
    from analysis.detection import detect
    from analysis.morphology import measure_shapes
    from analysis.stamps import HALVES, cut_stamps, half_sides

    found = detect(window.data, window.sigma, window.outside, calibration.kernel, calibration.threshold.value)
    halves = half_sides(photometry.KRON_MEASURE * found.a + 2, HALVES[-1])
    seconds = count = 0
    for stamps in cut_stamps(window, found, halves, np.arange(len(found))):
        axes = (found.a[stamps.index], found.b[stamps.index], found.theta[stamps.index])
        light = photometry.measure_light(
            stamps, axes, calibration.noise, calibration.radii_px, calibration.fwhm_px
        )
        began = time.process_time()
        measure_shapes(stamps, light.x, light.y, light.kron_a, light.r20, light.r80)
        seconds, count = seconds + time.process_time() - began, count + len(stamps.index)
    print(f"| {seed} | shapes, ms of one core per source | {1000 * seconds / count:.3f} of {count} sources |")


if __name__ == "__main__":
    main()
