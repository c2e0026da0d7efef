"""From an open frame to its table of sources: the frame calibrated once, then measured tile by tile."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import artifacts, background, detection, photometry
from analysis.detection import DetectionError, Detections, detect
from analysis.frame_calibration import Calibration, calibrate_frame, limiting_flux
from analysis.i2d import Frame, FrameError
from analysis.morphology import measure_shapes
from analysis.source_table import COLUMNS, source_table
from analysis.spreading import Spread, one_by_one
from analysis.stamps import HALVES, Stamps, cut_stamps, half_sides
from analysis.tiles import CORE, OVERLAP, Tile, make_tiles, owns
from analysis.totals import PointGrowth, growth_radius
from analysis.window import Window, prepare

__all__ = ["CODE_VERSION", "COLUMNS", "Measured", "measure_frame", "params_used"]

CODE_VERSION: Final = "3"
"""Part of the key of the stage: changed whenever the same pixels would give another table."""
_LEAST_MARGIN: Final = 16
_LEAST_FOR_DEPTH: Final = 1000
"""Fewer valid pixels than this hold too few empty apertures for a depth to mean anything."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured in a frame.

    Attributes
    ----------
    sources : pandas.DataFrame
        One row per source, in (y, x) order, columns as in `COLUMNS`.
    summary : dict
        n_sources, area_arcmin2 (valid pixels), fwhm_arcsec, threshold_k, threshold_clean (whether k keeps the
        1 % promise), false_rate, sky_rms (median, flux unit per pixel), depth_5sigma_mag (AB, in the first
        circle; NaN where the unit is unknown), noise_beta, psf_stars, psf_wings (`totals.PointGrowth`),
        phases (wall seconds by phase: sky, noise, detection, measurement, table).
    """

    sources: pd.DataFrame
    summary: dict[str, Any]


def params_used() -> Mapping[str, object]:
    """Return the fixed parameters of the measurement, for reports."""
    return {
        "code_version": CODE_VERSION,
        "mesh_arcsec": background.MESH_ARCSEC,
        "min_area_px": detection.MIN_AREA,
        "deblend_contrast": detection.DEBLEND_CONTRAST,
        "false_share": detection.FALSE_SHARE,
        "kron_factor": photometry.KRON_FACTOR,
        "kron_least": photometry.KRON_LEAST,
        "tile_core": CORE,
        "tile_overlap": OVERLAP,
    }


def measure_frame(
    frame: Frame,
    name: str,
    *,
    detection_threshold: float,
    tile_core: int = CORE,
    overlap: int = OVERLAP,
    progress: Callable[[int, int], None] | None = None,
    spread: Spread | None = None,
) -> Measured:
    """Measure every source of a frame.

    Parameters
    ----------
    frame : Frame
        Open.
    name : str
        The frame's name, the first part of every source_id.
    detection_threshold : float
        The user's; 3.0 is calibrated to at most 1 % false detections in this frame, other values scale it.
    tile_core, overlap : int
        Longest side of a tile's core and its margin, pixels. The core changes no result as long as sources
        are smaller than the margin.
    progress : callable or None
        Called with (steps done, steps in all): one step for the calibration, one for each tile.
    spread : Spread or None
        Who does blocks, windows and tiles; None: this process. The results are the same.

    Returns
    -------
    Measured

    Raises
    ------
    FrameError
        The pixels cannot be read, or extraction failed.
    """
    spread = spread or one_by_one(frame)
    tell = progress or _silent
    tiles = make_tiles(frame.shape, tile_core, overlap)
    clock = _Clock()
    calibration = calibrate_frame(frame, detection_threshold, clock.end, spread)
    items = [(calibration, tile, max(overlap, _LEAST_MARGIN)) for tile in tiles]
    parts, seconds = [], {"detection": 0.0, "measurement": 0.0}
    tell(1, len(tiles) + 1)
    for done, (columns, took) in enumerate(spread(_measure_tile, items), start=2):
        parts.append(columns)
        seconds = {name: seconds[name] + took[name] for name in seconds}
        tell(done, len(tiles) + 1)
    clock.share(seconds)
    sources, growth = source_table(frame, name, parts)
    clock.end("table")
    facts = _summary(frame, calibration, growth)
    return Measured(sources, {"n_sources": len(sources), **facts, "phases": clock.phases})


def _silent(_done: int, _total: int) -> None:
    """Tell nobody how far the measurement is."""


def _summary(frame: Frame, calibration: Calibration, growth: PointGrowth | None) -> dict[str, Any]:
    """Return what was searched and how deep; see `Measured`."""
    known = math.isfinite(frame.to_njy)
    enough = calibration.sky.n_valid >= _LEAST_FOR_DEPTH
    scale = frame.to_njy if known else 1.0
    depth, _ = photometry.magnitudes(np.array([limiting_flux(calibration) * scale]), np.zeros(1))
    return {
        "area_arcmin2": calibration.sky.n_valid * frame.pixel_scale**2 / 3600.0,
        "fwhm_arcsec": calibration.fwhm_arcsec,
        "threshold_k": calibration.threshold.k,
        "threshold_clean": calibration.threshold.clean,
        "false_rate": calibration.threshold.false_rate,
        "sky_rms": calibration.sigma * scale,
        "depth_5sigma_mag": float(depth[0]) if known and enough else math.nan,
        "noise_beta": calibration.noise.beta,
        "psf_stars": 0 if growth is None else growth.n_stars,
        "psf_wings": math.nan if growth is None else float(growth.wings),
    }


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self.began = time.perf_counter()

    def end(self, phase: str) -> None:
        """Close a phase: the time since the last one ended is its own."""
        now = time.perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self.began
        self.began = now

    def share(self, seconds: Mapping[str, float]) -> None:
        """Close phases that went on together, in several processes perhaps: each gets its share."""
        now = time.perf_counter()
        total = sum(seconds.values()) or 1.0
        for phase, part in seconds.items():
            self.phases[phase] = self.phases.get(phase, 0.0) + (now - self.began) * part / total
        self.began = now


def _measure_tile(
    frame: Frame, item: tuple[Calibration, Tile, int]
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, float]]:
    """Detect in a tile and measure what its core owns: columns in frame pixels and image units, seconds."""
    calibration, tile, margin = item
    clock = _Clock()
    window = prepare(frame, calibration.sky, tile.y0, tile.y1, tile.x0, tile.x1)
    try:
        found = detect(
            window.data, window.sigma, window.outside, calibration.kernel, calibration.threshold.value
        )
    except DetectionError as error:
        raise FrameError(frame.path, "detection", str(error)) from error
    clock.end("detection")
    columns = _measure_found(frame, calibration, tile, window, found, margin)
    clock.end("measurement")
    return columns, clock.phases


def _measure_found(
    frame: Frame, calibration: Calibration, tile: Tile, window: Window, found: Detections, margin: int
) -> dict[str, npt.NDArray[Any]]:
    """Measure the detections that a tile's core owns; {} where there are none."""
    wanted = np.flatnonzero(owns(tile, found.y + tile.y0, found.x + tile.x0))
    reach = np.maximum(photometry.KRON_MEASURE * found.a, growth_radius(calibration.radii_px[1])) + 2
    halves = half_sides(reach, min(HALVES[-1], margin))
    batches = [
        _measure_stamps(stamps, found, calibration) for stamps in cut_stamps(window, found, halves, wanted)
    ]
    if not batches:
        return {}
    columns = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
    columns |= _surroundings(frame, calibration, tile, window, found, columns, margin)
    return columns | {"x": columns["x"] + tile.x0, "y": columns["y"] + tile.y0}


def _measure_stamps(
    stamps: Stamps, found: Detections, calibration: Calibration
) -> dict[str, npt.NDArray[Any]]:
    """Measure light and shapes in stamps: columns in the window's pixels."""
    index = stamps.index
    axes = found.a[index], found.b[index], found.theta[index]
    light = photometry.measure_light(
        stamps, axes, calibration.noise, calibration.radii_px, calibration.fwhm_px
    )
    shape = measure_shapes(stamps, light.x, light.y, light.kron_a, light.r20, light.r80)
    columns: dict[str, npt.NDArray[Any]] = dict(vars(light))
    columns["x"] = light.x + np.floor(found.x[index] + 0.5) - stamps.half
    columns["y"] = light.y + np.floor(found.y[index] + 0.5) - stamps.half
    for name in ("concentration", "asymmetry", "gini", "m20"):
        columns[name] = getattr(shape, name)
    columns["reasons"] = np.array(shape.reasons, dtype=object)
    for name in ("a", "b", "theta", "peak", "n_peaks", "n_pixels", "blended"):
        columns[name] = getattr(found, name)[index]
    columns["index"] = index
    return columns


def _surroundings(
    frame: Frame,
    calibration: Calibration,
    tile: Tile,
    window: Window,
    found: Detections,
    columns: Mapping[str, npt.NDArray[Any]],
    margin: int,
) -> dict[str, npt.NDArray[Any]]:
    """Return what hangs on a source's place: border, gaps, weight, exposures."""
    index = columns["index"]
    borders = tile.y0 == 0, tile.y1 == frame.shape[0], tile.x0 == 0, tile.x1 == frame.shape[1]
    row, column = found.y_peak[index], found.x_peak[index]
    ratio = np.full(len(index), np.nan)
    if window.weight is not None and calibration.sky.weight is not None:
        usual = calibration.sky.weight.nearest(row + tile.y0, column + tile.x0)
        ratio = np.divide(window.weight[row, column], usual, out=ratio, where=usual > 0)
    cut = np.zeros(len(found) + 1, bool)
    for border in (found.segments[0], found.segments[-1], found.segments[:, 0], found.segments[:, -1]):
        cut[border] = True
    distance = artifacts.edge_distances(window.outside, columns["y"], columns["x"], borders, float(margin))
    return {
        "truncated": cut[index + 1],
        "weight_ratio": ratio,
        "edge_distance": distance,
        "exposures": frame.exposures_at(column + tile.x0, row + tile.y0),
    }
