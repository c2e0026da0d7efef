"""What a frame can show: sources of known light put into its own pixels and looked for again."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree

from analysis.depths import measure_depths
from analysis.detection import Detections, detect
from analysis.frame_calibration import Calibration, sample_tiles
from analysis.i2d import Frame
from analysis.psf import psf
from analysis.tiles import Tile
from analysis.window import Window, prepare
from analysis.zeropoint import AB_ZERO_NJY

FloatArray = npt.NDArray[np.float32]
SIZES_ARCSEC: Final = (0.0, 0.1, 0.25)
"""Half-light radii of what is put in: a point, and exponential discs seen face on."""
STEPS_MAG: Final = tuple(round(0.25 * step, 2) for step in range(-12, 9))
"""Middles of the magnitude bins, relative to the matched 5 sigma depth; positive is fainter."""
WINDOWS: Final = 2
SOURCES: Final = 1500
"""How many are put into a frame, about; in as many rounds as its size needs, and at most `ROUNDS`."""
ROUNDS: Final = 60
_SEED: Final = 20260102
_SPACING_ARCSEC: Final = 3.0
_STAMP_ARCSEC: Final = 1.4
_PHASES: Final = 4
"""Places of a centre within its pixel that stamps are made for."""
_DISC_SCALE: Final = 1.67835
_OVERSAMPLED: Final = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """Sources of one size and brightness that were put into one frame.

    Attributes
    ----------
    r50_arcsec : float
        Half-light radius before the PSF; 0 is a point.
    step_mag : float
        Middle of the bin, magnitudes fainter than the matched 5 sigma depth; bins are 0.25 wide.
    injected, recovered : int
        How many were put in on sky without a source, and how many of those were found.
    """

    r50_arcsec: float
    step_mag: float
    injected: int
    recovered: int


@dataclass(frozen=True)
class Completeness:
    """What was recovered in one frame.

    Attributes
    ----------
    bins : tuple[Bin, ...]
        By size, then brightness.
    depth_mag : float
        Total AB magnitude of a point source at five sigma under detection's own filter
        (`depths.Depths.matched`); NaN: unit unknown.
    aperture_depth_mag : float
        AB magnitude of five times the noise in the first circle, the light inside it alone; NaN likewise.
    cut_mag : float
        Total AB magnitude of a point that detection's threshold and least area just let through without
        noise (`depths.Depths.cut`); NaN likewise.
    threshold_sigma : float
        Where detection cuts, in units of the smoothed image's noise.
    detections, false_detections : int
        Sources of the windows searched, and of the same windows turned over, where every one is false.
    taken_share : float
        Share of the places that lay on a source already there: those are left out.
    """

    bins: tuple[Bin, ...]
    depth_mag: float
    aperture_depth_mag: float
    cut_mag: float
    threshold_sigma: float
    detections: int
    false_detections: int
    taken_share: float


def measure_completeness(frame: Frame, calibration: Calibration) -> Completeness:
    """Put sources into a frame's best covered windows and look for them as the frame's own were looked for.

    Sky, noise, kernel and threshold are those of the frame as it is. Fluxes are total; the sources' own
    photon noise is not added, as it is small against the sky's where completeness falls.

    Parameters
    ----------
    frame : Frame
        Open.
    calibration : Calibration
        From `frame_calibration.calibrate_frame`, at the user's threshold.

    Returns
    -------
    Completeness
        The same for the same frame.
    """
    stamps = {size: _stamps(frame, calibration, size) for size in SIZES_ARCSEC}
    tiles = sample_tiles(frame, calibration.sky)[:WINDOWS]
    windows = [prepare(frame, calibration.sky, t.y0, t.y1, t.x0, t.x1) for t in tiles]
    depths = measure_depths(windows, calibration, stamps[0.0])
    unit = depths.matched if math.isfinite(depths.matched) else depths.aperture
    counts = {(size, step): [0, 0] for size in SIZES_ARCSEC for step in STEPS_MAG}
    found = false = places = taken = 0
    for number, (tile, window) in enumerate(zip(tiles, windows, strict=True)):
        before = _find(window, window.data, calibration)
        found += len(before)
        false += len(_find(window, -window.data, calibration))
        occupied = ndimage.maximum_filter(before.segments > 0, 5) | window.outside | window.hole
        room = max(1, len(_draw(np.random.default_rng(_SEED), tile, frame.pixel_scale).y))
        for turn in range(min(ROUNDS, math.ceil(SOURCES / len(tiles) / room))):
            rng = np.random.default_rng([_SEED, number, turn])
            drawn = _draw(rng, tile, frame.pixel_scale)
            free = ~occupied[drawn.y, drawn.x]
            places, taken = places + len(free), taken + int((~free).sum())
            drawn = drawn.chosen(free)
            data = window.data.copy()
            for y, x, size, step, phase in drawn.rows():
                _add(data, stamps[size][phase], y, x, unit * 10 ** (-0.4 * step))
            seen = _seen(_find(window, data, calibration), drawn, calibration, frame.pixel_scale)
            for (_, _, size, step, _), hit in zip(drawn.rows(), seen, strict=True):
                tally = counts[size, step]
                tally[0], tally[1] = tally[0] + 1, tally[1] + int(hit)
    bins = tuple(Bin(size, step, *tally) for (size, step), tally in counts.items())
    return Completeness(
        bins=bins,
        depth_mag=_magnitude(depths.matched * frame.to_njy),
        aperture_depth_mag=_magnitude(depths.aperture * frame.to_njy),
        cut_mag=_magnitude(depths.cut * frame.to_njy),
        threshold_sigma=depths.threshold_sigma,
        detections=found,
        false_detections=false,
        taken_share=taken / places if places else math.nan,
    )


def _magnitude(flux_njy: float) -> float:
    """Return the AB magnitude of a flux in nJy; NaN stays NaN."""
    return AB_ZERO_NJY - 2.5 * math.log10(flux_njy) if math.isfinite(flux_njy) else math.nan


@dataclass(frozen=True)
class _Drawn:
    """Sources to put in: nearest pixel, size, brightness and place in the pixel of each."""

    y: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    size: npt.NDArray[np.float64]
    step: npt.NDArray[np.float64]
    phase: npt.NDArray[np.int64]

    def chosen(self, which: npt.NDArray[np.bool_]) -> "_Drawn":
        """Return those sources alone."""
        return _Drawn(self.y[which], self.x[which], self.size[which], self.step[which], self.phase[which])

    def rows(self) -> list[tuple[int, int, float, float, int]]:
        """Return y, x, size, step and phase of each source."""
        columns = (self.y, self.x, self.size, self.step, self.phase)
        return list(zip(*(column.tolist() for column in columns), strict=True))


def _draw(rng: np.random.Generator, tile: Tile, pixel_scale: float) -> _Drawn:
    """Draw sources on a jittered grid, so that they do not touch."""
    pitch = math.ceil(_SPACING_ARCSEC / pixel_scale)
    half = math.ceil(_STAMP_ARCSEC / pixel_scale)
    jitter = max(1, pitch // 4)
    rows = np.arange(half, tile.y1 - tile.y0 - half - jitter, pitch)
    columns = np.arange(half, tile.x1 - tile.x0 - half - jitter, pitch)
    y, x = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    return _Drawn(
        y + rng.integers(0, jitter, y.size),
        x + rng.integers(0, jitter, x.size),
        rng.choice(SIZES_ARCSEC, y.size),
        rng.choice(STEPS_MAG, y.size),
        rng.integers(0, _PHASES, y.size),
    )


def _find(window: Window, data: FloatArray, calibration: Calibration) -> Detections:
    """Find the sources in pixels that stand in for a window's own."""
    return detect(data, window.sigma, window.outside, calibration.kernel, calibration.threshold.value)


def _seen(
    found: Detections, drawn: _Drawn, calibration: Calibration, pixel_scale: float
) -> npt.NDArray[np.bool_]:
    """Tell which places have a detection within one PSF width, at least 2 pixels, or half the radius."""
    if not len(found):
        return np.zeros(len(drawn.y), bool)
    reach = 2.0 if math.isnan(calibration.fwhm_px) else max(2.0, calibration.fwhm_px)
    tree = cKDTree(np.column_stack([found.y, found.x]))
    nearest, _ = tree.query(np.column_stack([drawn.y, drawn.x]))
    seen: npt.NDArray[np.bool_] = nearest <= np.hypot(reach, 0.5 * drawn.size / pixel_scale)
    return seen


def _add(data: FloatArray, stamp: FloatArray, y: int, x: int, flux: float) -> None:
    """Add a stamp of unit flux around a pixel, cut at the border."""
    half = stamp.shape[0] // 2
    top, left = max(0, half - y), max(0, half - x)
    box = np.s_[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
    rows, columns = data[box].shape
    data[box] += np.float32(flux) * stamp[top : top + rows, left : left + columns]


def _stamps(frame: Frame, calibration: Calibration, r50_arcsec: float) -> list[FloatArray]:
    """Return stamps of unit total flux of a source of one size, its centre at a few places in the pixel."""
    half = math.ceil(_STAMP_ARCSEC / frame.pixel_scale)
    point = _point(frame, calibration, half)
    rng = np.random.default_rng(_SEED)
    stamps = []
    for dy, dx in rng.uniform(-0.5, 0.5, (_PHASES, 2)):
        if r50_arcsec == 0:
            stamp = ndimage.shift(point, (dy, dx), order=3, mode="constant")
            stamp *= point.sum() / stamp.sum()
        else:
            disc = _disc(half, float(dy), float(dx), r50_arcsec / _DISC_SCALE / frame.pixel_scale)
            stamp = fftconvolve(disc, point, mode="same")
        stamps.append(stamp.astype(np.float32))
    return stamps


def _point(frame: Frame, calibration: Calibration, half: int) -> npt.NDArray[np.float64]:
    """Return the PSF of a frame's filter, or a Gaussian where it is unknown."""
    side = 2 * half + 1
    if math.isfinite(calibration.fwhm_px):
        return psf(frame.filter, round(frame.pixel_scale, 5), side, drizzled=True).copy()
    axis = np.exp(-0.5 * (np.arange(-half, half + 1) * 2.3548 / 2.5) ** 2)
    return np.outer(axis, axis) / axis.sum() ** 2


def _disc(half: int, dy: float, dx: float, scale_px: float) -> npt.NDArray[np.float64]:
    """Return an exponential disc, summing to 1, sampled finely enough for its cusp."""
    side = 2 * half + 1
    axis = (np.arange(side * _OVERSAMPLED) + 0.5) / _OVERSAMPLED - 0.5 - half
    fine = np.exp(-np.hypot(axis[:, None] - dy, axis[None, :] - dx) / scale_px)
    disc: npt.NDArray[np.float64] = fine.reshape(side, _OVERSAMPLED, side, _OVERSAMPLED).sum(axis=(1, 3))
    return disc / disc.sum()
