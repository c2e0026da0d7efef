"""From sources to a noiseless image: pieces on a twice finer grid, convolved with the PSF, then binned."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from analysis.psf import psf
from analysis.simulate.pointing import V3_DEG, Pointing
from analysis.simulate.sources import Piece, Source

_FINE = 2  # samples per pixel and axis: finer than Nyquist from 0.9 um on
_FLOOR = 0.0002  # MJy/sr left out of stamps: 1/30 of a deep mosaic's noise
_WIDEST = 6.5  # arcsec: no stamp reaches further
PSF_REACH = 7.0
"""How far the PSF's wings and spikes are followed, arcsec."""


def render(pointing: Pointing, sources: Sequence[Source]) -> NDArray[np.float32]:
    """Return the noiseless mosaic.

    Parameters
    ----------
    pointing : Pointing
        Grid and band.
    sources : Sequence[Source]
        Everything on the sky; what lies outside adds the light that reaches in.

    Returns
    -------
    ndarray of float32, shape (size, size), axes (y, x)
        Surface brightness, MJy/sr, without background.
    """
    camera = pointing.camera
    margin = math.ceil(1.6 / camera.scale)
    side = (pointing.size + 2 * margin) * _FINE
    canvas = np.zeros((side, side), dtype=np.float32)
    floor = _FLOOR * 23504.5  # nJy per square arcsec and MJy/sr
    for source in sources:
        for piece in source.pieces:
            flux = piece.flux[pointing.band]
            if flux <= 0:
                continue
            x, y = pointing.pixel(piece.east, piece.north)
            fine_x = (x + margin) * _FINE + (_FINE - 1) / 2
            fine_y = (y + margin) * _FINE + (_FINE - 1) / 2
            if piece.shape is None:
                _add_point(canvas, fine_x, fine_y, flux)
            else:
                _add_stamp(canvas, pointing, piece, (fine_x, fine_y), flux, floor)
    seen = _convolved(canvas, _kernel(pointing))
    binned = seen.reshape(side // _FINE, _FINE, side // _FINE, _FINE).sum(axis=(1, 3))
    inner = slice(margin, margin + pointing.size)
    return np.ascontiguousarray(binned[inner, inner] / np.float32(camera.njy_per_unit))


def _add_point(canvas: NDArray[np.float32], x: float, y: float, flux: float) -> None:
    """Share a point's flux among its four nearest samples."""
    x0, y0 = math.floor(x), math.floor(y)
    fx, fy = x - x0, y - y0
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            if 0 <= y0 + dy < canvas.shape[0] and 0 <= x0 + dx < canvas.shape[1]:
                canvas[y0 + dy, x0 + dx] += flux * wx * wy


def _add_stamp(
    canvas: NDArray[np.float32],
    pointing: Pointing,
    piece: Piece,
    place: tuple[float, float],
    flux: float,
    floor: float,
) -> None:
    """Add an extended piece, its stamp summing to its flux before the canvas cuts it."""
    if piece.shape is None:
        return
    step = pointing.camera.scale / _FINE
    half = math.ceil(min(piece.shape.reach(flux, floor), _WIDEST) / step) + 2
    x0, y0 = round(place[0]) - half, round(place[1]) - half
    width = 2 * half + 1
    side = canvas.shape[0]
    if x0 >= side or y0 >= side or x0 + width <= 0 or y0 + width <= 0:
        return
    dx = ((np.arange(width) + x0 - place[0]) * step).astype(np.float32)[None, :]
    dy = ((np.arange(width) + y0 - place[1]) * step).astype(np.float32)[:, None]
    (xe, ye), (xn, yn) = pointing.to_sky.astype(np.float32)
    stamp = piece.shape.brightness(xe * dx + ye * dy, xn * dx + yn * dy, step)
    stamp *= np.float32(flux / float(stamp.sum(dtype=np.float64)))
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y0 + width, side), min(x0 + width, side)
    canvas[top:bottom, left:right] += stamp[top - y0 : bottom - y0, left - x0 : right - x0]


def _kernel(pointing: Pointing) -> NDArray[np.float32]:
    """Return the PSF on the fine grid, widened by the drizzle's pixel box, its far wings tapered off."""
    step = pointing.camera.scale / _FINE
    reach = min(PSF_REACH, 0.9 * pointing.half)
    half = math.ceil(reach / step)
    # The mosaic is turned with the telescope: V3 lies along +y but for what lies between V3 and aperture.
    image = psf(pointing.band, step, 2 * half + 1, oversample=1, rotation_deg=V3_DEG)
    padded = np.pad(image, 1)
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    boxed = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    axis = np.arange(-half, half + 1) / half
    radius = np.hypot(axis[:, None], axis[None, :])
    taper = np.clip((1 - radius) / 0.2, 0, 1)
    return (boxed * taper).astype(np.float32)


def _convolved(canvas: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the canvas convolved with a centred kernel of odd side, zero beyond the borders."""
    half = kernel.shape[0] // 2
    side = next_fast_len(canvas.shape[0] + half, real=True)
    wrapped = np.zeros((side, side), dtype=np.float32)
    wrapped[: kernel.shape[0], : kernel.shape[1]] = kernel
    wrapped = np.roll(wrapped, (-half, -half), axis=(0, 1))
    spectrum = rfft2(canvas, s=(side, side))
    spectrum *= rfft2(wrapped)
    image = irfft2(spectrum, s=(side, side))
    return np.asarray(image[: canvas.shape[0], : canvas.shape[1]], dtype=np.float32)
