"""The sky of a frame: level and noise on one global mesh, measured block by block, evaluated on any window.

The mesh belongs to the frame and the blocks that measure it are fixed by the mesh: no value depends on how
the frame is later cut into tiles.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis.i2d import Frame, Planes
from analysis.mesh import Mesh, clipped_statistics, cut_cells, fill_cells, smooth_cells
from analysis.spreading import Spread, one_by_one

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
MESH_ARCSEC: Final = 2.0
"""Side of a mesh cell: 64 px at 0.03 arcsec."""
MESH_FWHM: Final = 8.0
"""A cell is never smaller than this many PSF widths, or it would subtract point sources."""
_MESH_RANGE: Final = (16, 256)
_BLOCK: Final = 1024
_MASK_SIGMAS: Final = (3.0, 3.5)
"""In smoothed noise, narrow and wide. Lower ones mask noise and pull the level down (by 0.07 at 2)."""
_BINNING: Final = 4
_WEIGHT_REACH: Final = 15
"""Side, in cells, of the neighbourhood whose median weight a pixel's weight is compared with."""


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky of a frame.

    Attributes
    ----------
    level : Mesh
        Background, image units.
    scale : Mesh
        Per-pixel noise over `noise_shape`; with an ERR plane the ratio of true to stated noise.
    weight : Mesh or None
        Median WHT of the neighbourhood; None without a WHT plane.
    n_valid : int
        Valid pixels of the frame.
    covered : float64, shape (my, mx)
        Share of valid pixels in each cell.
    """

    level: Mesh
    scale: Mesh
    weight: Mesh | None
    n_valid: int
    covered: npt.NDArray[np.float64]


def mesh_step(pixel_scale: float, fwhm_arcsec: float, *, fine: bool = False) -> int:
    """Return the side of a mesh cell, pixels, for a pixel scale and a PSF width (NaN: unknown) in arcsec.

    A fine mesh, for nebulae, has cells of 4 PSF widths.
    """
    if math.isnan(fwhm_arcsec):
        side = MESH_ARCSEC / 2 if fine else MESH_ARCSEC
    else:
        side = MESH_FWHM / 2 * fwhm_arcsec if fine else max(MESH_ARCSEC, MESH_FWHM * fwhm_arcsec)
    return int(np.clip(round(side / pixel_scale), *_MESH_RANGE))


def noise_shape(planes: Planes) -> FloatArray:
    """Return how the noise varies from pixel to pixel, up to a factor: ERR, else WHT ** -0.5, else 1.

    float32, shape (ny, nx), in the unit of ERR, of WHT ** -0.5, or none. ERR of a drizzled image overstates
    the noise per pixel (jwst documentation, resample step), and its factor is measured from the sky; invalid
    pixels are 1.
    """
    shape = np.ones(planes.sci.shape, np.float32)
    if planes.err is not None:
        np.copyto(shape, planes.err, where=planes.valid)
    elif planes.wht is not None:
        np.divide(1.0, np.sqrt(planes.wht, where=planes.valid, out=shape), where=planes.valid, out=shape)
    return shape


def measure_sky(frame: Frame, fwhm_arcsec: float, *, fine: bool = False, spread: Spread | None = None) -> Sky:
    """Measure level and noise of the sky in two passes, sources found in the first masked in the second.

    Parameters
    ----------
    frame : Frame
        An open frame.
    fwhm_arcsec : float
        PSF width; NaN where unknown.
    fine : bool
        Take the fine mesh, which follows a nebula more closely and eats into extended sources.
    spread : Spread or None
        Who measures the blocks; None: this process.

    Returns
    -------
    Sky
        Finite everywhere, also where the frame has no pixels.
    """
    spread = spread or one_by_one(frame)
    step = mesh_step(frame.pixel_scale, fwhm_arcsec, fine=fine)
    blocks = _blocks(frame.shape, step)
    shape = (-(-frame.shape[0] // step), -(-frame.shape[1] // step))
    level, noise, weight, count = (np.full(shape, np.nan) for _ in range(4))
    found = spread(_first_pass, [(block, step) for block in blocks])
    for block, cells in zip(blocks, found, strict=True):
        at = _cells_of(block, step)
        level[at], noise[at], weight[at], count[at] = cells
    covered = count / step**2
    first = Mesh(step, smooth_cells(level, covered)), Mesh(step, smooth_cells(noise, covered))
    fwhm_px = 2.5 if math.isnan(fwhm_arcsec) else max(2.0, fwhm_arcsec / frame.pixel_scale)
    scale = np.full(shape, np.nan)
    found = spread(_second_pass, [(first, block, step, fwhm_px) for block in blocks])
    for block, cells in zip(blocks, found, strict=True):
        at = _cells_of(block, step)
        level[at], scale[at], count[at] = cells
    share = count / step**2
    neighbourhood = None
    if frame.has_wht:
        filled = fill_cells(np.where(covered > 0, weight, np.nan))
        neighbourhood = Mesh(step, ndimage.median_filter(filled, _WEIGHT_REACH, mode="nearest"))
    return Sky(
        level=Mesh(step, smooth_cells(level, share)),
        scale=Mesh(step, smooth_cells(scale, share)),
        weight=neighbourhood,
        n_valid=round(float(covered.sum()) * step**2),
        covered=covered,
    )


def _cells_of(block: tuple[int, int, int, int], step: int) -> tuple[slice, slice]:
    """Return the cells of a block of pixels."""
    y0, y1, x0, x1 = block
    return np.s_[y0 // step : -(-y1 // step), x0 // step : -(-x1 // step)]


def _first_pass(frame: Frame, item: tuple[tuple[int, int, int, int], int]) -> tuple[npt.NDArray[Any], ...]:
    """Measure the cells of one block, sources and all: level, noise, weight (NaN without WHT), pixels."""
    (y0, y1, x0, x1), step = item
    planes = frame.read(y0, y1, x0, x1)
    level, noise, count = clipped_statistics(cut_cells(np.where(planes.valid, planes.sci, np.nan), step))
    weight = np.full(level.shape, np.nan)
    if planes.wht is not None:
        coarse = cut_cells(np.where(planes.valid, planes.wht, np.nan), step)[..., ::_BINNING]
        weight = clipped_statistics(coarse)[0]
    return level, noise, weight, count


def _second_pass(
    frame: Frame, item: tuple[tuple[Mesh, Mesh], tuple[int, int, int, int], int, float]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Measure the cells of one block again, sources masked: level, noise over its shape, sky pixels."""
    first, (y0, y1, x0, x1), step, fwhm_px = item
    halo = step
    ya, yb = max(y0 - halo, 0), min(y1 + halo, frame.shape[0])
    xa, xb = max(x0 - halo, 0), min(x1 + halo, frame.shape[1])
    planes = frame.read(ya, yb, xa, xb)
    residual = planes.sci - first[0].window(ya, yb, xa, xb)
    spread = np.maximum(first[1].window(ya, yb, xa, xb), np.finfo(np.float32).tiny)
    normalised = np.divide(residual, spread, out=np.zeros_like(residual), where=planes.valid)
    masked = ~planes.valid | source_mask(normalised, planes.valid, fwhm_px)
    normalised = np.divide(residual, noise_shape(planes), out=normalised, where=planes.valid)
    inner = np.s_[y0 - ya : y1 - ya, x0 - xa : x1 - xa]
    level, _, count = clipped_statistics(cut_cells(np.where(masked, np.nan, planes.sci)[inner], step))
    _, scale, _ = clipped_statistics(cut_cells(np.where(masked, np.nan, normalised)[inner], step))
    return level, scale, count


def source_mask(normalised: FloatArray, valid: BoolArray, fwhm_px: float) -> BoolArray:
    """Mask sources of two sizes: about the PSF's, and eight times as wide.

    Parameters
    ----------
    normalised : float32, shape (ny, nx)
        Background-subtracted pixels over their noise.
    valid : bool, shape (ny, nx)
        Pixels with a value.
    fwhm_px : float
        PSF width, pixels.

    Returns
    -------
    bool, shape (ny, nx)
        True on sources and within about one PSF width of them.
    """
    clean = np.where(valid, np.clip(normalised, -10, 1000), 0).astype(np.float32)
    narrow = ndimage.gaussian_filter(clean, fwhm_px / 2.355, truncate=3.0)
    mask: BoolArray = narrow > _MASK_SIGMAS[0] * _spread(narrow[valid])
    mask = ndimage.maximum_filter(mask, 2 * math.ceil(fwhm_px) + 1)
    ny, nx = clean.shape
    pad = ((0, -ny % _BINNING), (0, -nx % _BINNING))
    small = (
        np.pad(clean, pad).reshape(-(-ny // _BINNING), _BINNING, -(-nx // _BINNING), _BINNING).mean((1, 3))
    )
    wide = ndimage.gaussian_filter(small, 4 * fwhm_px / _BINNING / 2.355, truncate=3.0)
    far = wide > _MASK_SIGMAS[1] * _spread(wide)
    mask |= np.repeat(np.repeat(far, _BINNING, 0), _BINNING, 1)[:ny, :nx]
    return mask


def _spread(values: FloatArray) -> float:
    """Return 1.4826 times the median absolute deviation; 1 where the sample is empty or flat."""
    sample = values.ravel()[:: max(1, values.size // 200_000)]
    if not sample.size:
        return 1.0
    spread = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    return spread if spread > 0 else 1.0


def _blocks(shape: tuple[int, int], step: int) -> list[tuple[int, int, int, int]]:
    """Cut a frame into windows of whole cells."""
    side = max(1, _BLOCK // step) * step
    ny, nx = shape
    return [
        (y, min(y + side, ny), x, min(x + side, nx)) for y in range(0, ny, side) for x in range(0, nx, side)
    ]
