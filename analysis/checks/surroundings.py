"""One frame around one place: its pixels with local sky and noise, and the exposures behind them.

Everything is measured in a window of some ten arcseconds, so that a check costs the same in a mosaic of any
size.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep
from scipy import ndimage

from analysis.background import Sky, noise_shape, source_mask
from analysis.frame_facts import EPOCH_GAP_DAYS
from analysis.i2d import Frame
from analysis.mesh import Mesh
from analysis.noise import ApertureNoise, empty_sums, fit_noise
from analysis.psf import psf
from analysis.window import Window, prepare

Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LEAST_SIDE: Final = 288
"""Pixels of the window at least; 9 arcsec at 0.031."""
MOST_SIDE: Final = 640
KRON_RADII: Final = 8.0
NOISE_RADII_PX: Final = (1.5, 3.0, 5.0)
_TRIES_SHARE: Final = 1 / 6
_CELL: Final = 48
_PSF_ARCSEC: Final = 3.0
_UNKNOWN_FWHM: Final = 0.1
"""Arcsec, where a filter's PSF is not known."""


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is recorded of a frame: name, band, PSF width (arcsec), start (MJD), nJy per unit, threshold."""

    frame: str
    instrument: str
    filter: str
    fwhm: float
    mjd: float
    to_njy: float
    flux_unit: str
    threshold_k: float


@dataclass(frozen=True, slots=True)
class Exposures:
    """The exposures that contributed to a pixel: how many, in how many epochs and roll angles; -1 unknown."""

    count: int = -1
    epochs: int = -1
    rolls: int = -1


@dataclass(frozen=True, eq=False)
class View:
    """What one frame has around a place.

    Attributes
    ----------
    facts : FrameFacts
        Of the frame.
    scale : float
        Arcsec per pixel.
    x, y : float
        The place, 0-based pixels of the frame; NaN where it has none.
    inside : bool
        Whether the place falls on the pixel grid.
    valid : bool
        Whether the nearest pixel, or the hole around it, holds a value.
    window : Window or None
        Pixels around, local sky subtracted; None outside.
    taken : bool, shape of the window
        Sources and invalid pixels.
    noise : ApertureNoise
        Of circles on the local empty sky.
    exposures : Exposures
        Behind the nearest pixel.
    rolls : tuple of float
        PA_V3 of the frame's exposures, degrees.
    """

    facts: FrameFacts
    scale: float
    x: float
    y: float
    inside: bool
    valid: bool
    window: Window | None
    taken: BoolArray
    noise: ApertureNoise
    sky: Sky | None
    exposures: Exposures
    rolls: tuple[float, ...]
    frame: Frame

    @property
    def to_unit(self) -> float:
        """Flux unit per image unit."""
        return self.facts.to_njy if math.isfinite(self.facts.to_njy) else 1.0

    @property
    def column(self) -> float:
        """The place's x in the window."""
        return self.x - (self.window.x0 if self.window else 0)

    @property
    def row(self) -> float:
        """The place's y in the window."""
        return self.y - (self.window.y0 if self.window else 0)

    @property
    def covers(self) -> bool:
        """Whether the place can be measured here."""
        return self.inside and self.valid and self.window is not None


def look(frame: Frame, facts: FrameFacts, ra: float, dec: float, r_kron_arcsec: float) -> View:
    """Read what a frame has around a place.

    Parameters
    ----------
    frame : Frame
        Open; it stays in the view.
    facts : FrameFacts
        As recorded when it was measured.
    ra, dec : float
        ICRS degrees.
    r_kron_arcsec : float
        Kron radius; the window is eight of them, between 288 and 640 pixels. NaN: 288.

    Returns
    -------
    View
    """
    (x,), (y,) = frame.pixel(np.array([ra]), np.array([dec]))
    ny, nx = frame.shape
    inside = bool(-0.5 < x < nx - 0.5 and -0.5 < y < ny - 0.5)
    nothing = View(
        facts, frame.pixel_scale, float(x), float(y), inside, False, None, np.zeros((0, 0), bool),
        ApertureNoise(1.0, 1.35, 0), None, Exposures(), frame.rolls, frame,
    )  # fmt: skip
    if not inside:
        return nothing
    kron = r_kron_arcsec / frame.pixel_scale if math.isfinite(r_kron_arcsec) else 0.0
    half = int(np.clip(KRON_RADII * kron, LEAST_SIDE, MOST_SIDE)) // 2
    y0, y1 = max(round(y) - half, 0), min(round(y) + half + 1, ny)
    x0, x1 = max(round(x) - half, 0), min(round(x) + half + 1, nx)
    if min(y1 - y0, x1 - x0) < 8:
        return nothing
    sky = local_sky(frame, (y0, y1, x0, x1))
    if sky is None:
        return nothing
    width = (facts.fwhm if math.isfinite(facts.fwhm) else _UNKNOWN_FWHM) / frame.pixel_scale
    window = prepare(frame, sky, y0, y1, x0, x1)
    lost = window.outside | window.hole
    data = _flattened(window, width, lost)
    window = Window(y0, x0, data, window.sigma, window.outside, window.hole, window.weight)
    normal = data / window.sigma
    taken = ndimage.maximum_filter(source_mask(normal, ~lost, width), 5) | lost
    row, column = round(y) - y0, round(x) - x0
    return View(
        facts, frame.pixel_scale, float(x), float(y), True, not bool(window.outside[row, column]), window,
        taken, local_noise(normal, taken), sky, exposures_at(frame, float(x), float(y)), frame.rolls,
        frame,
    )  # fmt: skip


def local_noise(
    normal: FloatArray, taken: BoolArray, radii: tuple[float, ...] = NOISE_RADII_PX
) -> ApertureNoise:
    """Return the noise of circles from some 500 laid on the window's empty sky: good to about 5 per cent."""
    return fit_noise([empty_sums(normal, taken, _TRIES_SHARE, 0, radii)])


def local_sky(frame: Frame, box: tuple[int, int, int, int]) -> Sky | None:
    """Return level and noise scale in rows and columns y0, y1, x0, x1, one value each, or None."""
    planes = frame.read(*box)
    shape = noise_shape(planes)
    if planes.valid.sum() < 16:
        return None
    values = planes.sci[planes.valid]
    level = _clipped_median(values)
    scatter = (values - level) / shape[planes.valid]
    below = scatter[scatter < 0]  # sources only add light: the lower half is the sky's
    scale = 1.4826 * float(np.median(-below)) if below.size else 0.0
    step = max(frame.shape)
    return Sky(
        Mesh(step, np.array([[level]])), Mesh(step, np.array([[max(scale, 1e-12)]])), None,
        int(planes.valid.sum()), np.ones((1, 1)),
    )  # fmt: skip


def _clipped_median(values: npt.NDArray[Any]) -> float:
    """Return the median after three rounds of clipping at three robust sigmas, of at most 30,000 values."""
    values = values[:: max(1, values.size // 30_000)]
    for _ in range(3):
        middle = np.median(values)
        spread = 1.4826 * np.median(np.abs(values - middle))
        values = values[np.abs(values - middle) <= 3 * spread] if spread > 0 else values
    return float(np.median(values))


def _flattened(window: Window, fwhm_px: float, lost: BoolArray) -> FloatArray:
    """Return the window's pixels with what varies of the sky taken off, sources masked."""
    data = window.data
    if min(data.shape) < 2 * _CELL:
        return data
    mask = source_mask(data / window.sigma, ~lost, fwhm_px) | lost
    if mask.mean() > 0.8:
        return data
    sky = sep.Background(np.ascontiguousarray(data), mask=mask, bw=_CELL, bh=_CELL, fw=3, fh=3)
    flat: FloatArray = np.where(lost, data, data - sky.back(dtype=np.float32)).astype(np.float32)
    return flat


def exposures_at(frame: Frame, x: float, y: float) -> Exposures:
    """Return the exposures behind the pixel nearest to a 0-based place.

    Bit k of plane p of CON is input 32 p + k, which is row 32 p + k of HDRTAB: the pipeline's resample step
    fills both in one loop. Epochs are groups more than a day apart.
    """
    ny, nx = frame.shape
    column, row = round(x), round(y)
    if not frame.has_con or not (0 <= column < nx and 0 <= row < ny):
        return Exposures()
    bits = frame.planes.context(row, row + 1, column, column + 1)[:, 0, 0]
    inputs = [32 * p + k for p, value in enumerate(bits) for k in range(32) if (int(value) >> k) & 1]
    table = frame.planes.table("HDRTAB")
    if table is None or not inputs or max(inputs) >= len(table):
        return Exposures(len(inputs))
    starts = np.sort(_column(table, inputs, "EXPSTART", "MJD-BEG"))
    rolls = _column(table, inputs, "PA_V3", "ROLL_REF")
    epochs = 1 + int((np.diff(starts) > EPOCH_GAP_DAYS).sum()) if starts.size else -1
    return Exposures(len(inputs), epochs, len({round(float(r), 1) for r in rolls}) or -1)


def _column(table: Any, rows: list[int], *names: str) -> Array:
    """Return the finite numbers of some rows, from the first column that is there."""
    for name in names:
        if name in table.dtype.names:
            try:
                values = np.asarray(table[name][rows], dtype=np.float64)
            except ValueError:
                continue
            return values[np.isfinite(values)]
    return np.empty(0)


@lru_cache(maxsize=64)
def point_source(
    filter_name: str, pixel_scale: float, blur_px: float, radius_px: float
) -> tuple[float, float]:
    """Return a point source's share of light in a circle after a Gaussian blur, and its sharpness before it.

    Sharpness is the light within 1.2 px over that within 4 px; 1 and NaN where the filter's PSF is unknown.
    """
    side = 2 * round(_PSF_ARCSEC / 2 / pixel_scale) + 1
    try:
        image = psf(filter_name, pixel_scale, side, drizzled=True).copy()
    except ValueError:
        return 1.0, math.nan
    middle = [(side - 1) / 2]
    near, around = (float(sep.sum_circle(image, middle, middle, r, subpix=0)[0][0]) for r in (1.2, 4.0))
    if blur_px > 0:
        image = ndimage.gaussian_filter(image, blur_px, mode="constant")
    return float(sep.sum_circle(image, middle, middle, radius_px, subpix=0)[0][0]), near / around
