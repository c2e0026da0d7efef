"""What is measured of a frame before its sources: sky, threshold, noise, the same for every tile."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis import instruments
from analysis.background import Sky, measure_sky
from analysis.detection import (
    MIN_AREA,
    NOMINAL,
    Threshold,
    choose_k,
    count_islands,
    false_rate,
    island_heights,
    smooth,
    smoothing_kernel,
)
from analysis.i2d import Frame
from analysis.noise import ApertureNoise, empty_sums, fit_noise
from analysis.photometry import aperture_radii
from analysis.spreading import Spread, one_by_one
from analysis.tiles import Tile, make_tiles
from analysis.window import Window, prepare

_SAMPLE: Final = 1024
_MOST_SAMPLES: Final = 4
_WIDENED: Final = 7
"""Side of the square by which sources are widened before empty apertures are laid: 3 px on each side."""
_NEBULOUS: Final = 3.0
"""Sky that scatters by this many times what ERR says is structure, not noise: a finer mesh is tried."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of one frame.

    Attributes
    ----------
    sky : Sky
        Level and noise.
    kernel : float32, shape (k,)
        One axis of the smoothing for detection.
    threshold : Threshold
        Where detection cuts.
    noise : ApertureNoise
        How the noise grows with area.
    sigma : float
        Median noise per pixel, image units.
    fwhm_arcsec, fwhm_px : float
        PSF width; NaN for an unknown filter.
    radii_px : tuple[float, float]
        Radii of the two fixed circles.
    """

    sky: Sky
    kernel: npt.NDArray[np.float32]
    threshold: Threshold
    noise: ApertureNoise
    sigma: float
    fwhm_arcsec: float
    fwhm_px: float
    radii_px: tuple[float, float]


def calibrate_frame(
    frame: Frame,
    detection_threshold: float,
    phase: Callable[[str], None] = lambda _: None,
    spread: Spread | None = None,
) -> Calibration:
    """Measure a frame's sky, then its threshold and noise on up to four windows of 1024 by 1024 pixels.

    In a nebula, where the sky scatters far more than ERR says and dark lanes turned over are as many as the
    bright knots, sky and threshold are measured again on a finer mesh.

    Parameters
    ----------
    frame : Frame
        Open.
    detection_threshold : float
        The user's.
    phase : callable
        Called with "sky" and "noise" as each ends.
    spread : Spread or None
        Who measures blocks and windows; None: this process.

    Returns
    -------
    Calibration
        It hangs on the frame and the user's threshold alone, never on the tiles.
    """
    spread = spread or one_by_one(frame)
    fwhm_arcsec = instruments.fwhm_arcsec(frame.instrument, frame.filter)
    fwhm_px = fwhm_arcsec / frame.pixel_scale
    kernel = smoothing_kernel(fwhm_px)
    for fine in (False, True):
        sky = measure_sky(frame, fwhm_arcsec, fine=fine, spread=spread)
        phase("sky")
        tiles = sample_tiles(frame, sky)
        k, clean = choose_k(list(spread(_heights, [(sky, tile, kernel) for tile in tiles])))
        if clean or not frame.has_err or np.median(sky.scale.cells) < _NEBULOUS:
            break
    value = k * detection_threshold / NOMINAL
    sizes = np.array([(t.y1 - t.y0) * (t.x1 - t.x0) for t in tiles], dtype=float)
    items = [
        (sky, tile, kernel, k, value, number, float(share))
        for number, (tile, share) in enumerate(zip(tiles, sizes / sizes.sum(), strict=True))
    ]
    counts, sums, sigmas = zip(*spread(_emptiness, items), strict=True)
    threshold = Threshold(k, value, false_rate(counts), clean)
    phase("noise")
    first, second = aperture_radii(fwhm_arcsec)
    radii = first / frame.pixel_scale, second / frame.pixel_scale
    sigma = float(np.median(np.concatenate(sigmas)))
    return Calibration(sky, kernel, threshold, fit_noise(sums), sigma, fwhm_arcsec, fwhm_px, radii)


def _heights(frame: Frame, item: tuple[Sky, Tile, npt.NDArray[np.float32]]) -> tuple[Any, Any]:
    """Return how high the islands of a window and of its negative rise."""
    sky, tile, kernel = item
    window = prepare(frame, sky, tile.y0, tile.y1, tile.x0, tile.x1)
    return island_heights(window.data, window.sigma, kernel)


def _emptiness(
    frame: Frame, item: tuple[Sky, Tile, npt.NDArray[np.float32], float, float, int, float]
) -> tuple[tuple[int, int], dict[float, npt.NDArray[np.float64]], npt.NDArray[np.float32]]:
    """Return the islands of a window and of its negative, sums in its empty circles, its noise per pixel."""
    sky, tile, kernel, k, value, number, share = item
    window = prepare(frame, sky, tile.y0, tile.y1, tile.x0, tile.x1)
    counts = count_islands(window.data, window.sigma, kernel, value)
    sums = empty_sums(*_empty(window, kernel, k), share, number)
    return counts, sums, window.sigma[~window.outside][::16]


def limiting_flux(calibration: Calibration) -> float:
    """Return five times the median noise in the first circle, image units."""
    area = math.pi * calibration.radii_px[0] ** 2
    return 5.0 * float(calibration.noise.sigma(area)) * calibration.sigma


def sample_tiles(frame: Frame, sky: Sky) -> list[Tile]:
    """Return the best covered windows of a frame, at least one."""
    step = sky.level.step
    scored = []
    for tile in make_tiles(frame.shape, _SAMPLE, 0):
        cells = sky.covered[tile.y0 // step : tile.y1 // step + 1, tile.x0 // step : tile.x1 // step + 1]
        scored.append((-round(float(cells.mean()), 3), tile.y0, tile.x0, tile))
    best = sorted(scored, key=lambda item: item[:3])[:_MOST_SAMPLES]
    return [item[3] for item in best if item[0] < 0] or [best[0][3]]


def _empty(
    window: Window, kernel: npt.NDArray[np.float32], k: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return pixels over their noise, and where sources or gaps are."""
    above = smooth(window.data, kernel) > k * window.sigma
    labels, _ = ndimage.label(above, np.ones((3, 3), bool))
    large = np.bincount(labels.ravel()) >= MIN_AREA
    large[0] = False
    taken = ndimage.maximum_filter(large[labels], _WIDENED) | window.outside | window.hole
    return window.data / window.sigma, taken
