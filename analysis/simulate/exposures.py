"""From a noiseless image to the planes of a mosaic: coverage by dithered exposures, noise, weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.pointing import Pointing

_READ_NOISE_E = 8.5  # electrons per exposure, after the ramp is fitted
_BAD_SHARE = 0.008  # pixels of an exposure lost to defects and cosmic rays
_GAP = (0.22, 0.31)  # the short-wave chip gap along x, in half sides


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The planes of one mosaic, all of shape (ny, nx), float32, axes (y, x); NaN is no data.

    Attributes
    ----------
    sci, err : ndarray
        Surface brightness and its uncorrelated-equivalent error, MJy/sr.
    wht : ndarray
        Relative weight (inverse read-noise variance), 0 where no exposure reaches.
    con : ndarray of int32, shape (1, ny, nx)
        Bit k of a pixel: exposure k contributed.
    """

    sci: NDArray[np.float32]
    err: NDArray[np.float32]
    wht: NDArray[np.float32]
    con: NDArray[np.int32]


def coverage(pointing: Pointing) -> NDArray[np.bool_]:
    """Return which exposures reach each pixel, shape (number of exposures, ny, nx).

    The footprint's right border is slanted and lies inside the grid (a strip without data), its left border
    is reached by some dithers only (a shallow edge), and short-wave detectors have a gap.
    """
    axis = (
        (np.arange(pointing.size) - (pointing.size - 1) / 2) * pointing.camera.scale / pointing.half
    ).astype(np.float32)
    y, x = axis[:, None], axis[None, :]
    slanted = x + 0.035 * y
    covered = np.empty((len(pointing.dithers), pointing.size, pointing.size), dtype=np.bool_)
    for k, (dx, dy) in enumerate(pointing.dithers):
        u, v = slanted - dx / pointing.half, y - dy / pointing.half
        covered[k] = (u > -0.95) & (u < 0.86) & (np.abs(v) < 1.1)
        if pointing.camera.short:
            covered[k] &= (u < _GAP[0]) | (u > _GAP[1])
    return covered


def expose(pointing: Pointing, model: NDArray[np.float32], rng: np.random.Generator) -> Mosaic:
    """Return the mosaic of a noiseless image.

    Noise of each exposure is white, shifted by part of a pixel (bilinear) as the drizzle does, and averaged:
    neighbouring pixels correlate and the scatter is about two thirds of ERR (Fruchter & Hook 2002).

    Parameters
    ----------
    pointing : Pointing
        Grid, band and exposures.
    model : ndarray of float32, shape (ny, nx)
        Noiseless surface brightness, MJy/sr.
    rng : numpy.random.Generator
        Source of the noise.
    """
    camera = pointing.camera
    covered = coverage(pointing)
    electrons = pointing.exposure_s * camera.gain / camera.photmjsr
    count = np.zeros(model.shape, dtype=np.float32)
    noise = np.zeros(model.shape, dtype=np.float32)
    context = np.zeros(model.shape, dtype=np.int32)
    for k, reached in enumerate(covered):
        good = reached & (rng.random(model.shape, dtype=np.float32) >= _BAD_SHARE)
        noise += np.where(good, _shifted_noise(model.shape, rng), 0)
        count += good
        context |= np.where(good, np.int32(1 << k), np.int32(0))
    read_variance = np.float32((_READ_NOISE_E / electrons) ** 2)
    single = np.sqrt(read_variance + np.maximum(model + camera.sky, 0) / np.float32(electrons))
    with np.errstate(divide="ignore", invalid="ignore"):
        sci = model + _background(pointing, rng) + single * noise / count
        err = single / np.sqrt(count)
    lost = (count == 0) | (model > camera.saturation)
    sci[lost], err[lost] = np.nan, np.nan
    weight = np.where(lost, np.float32(0), count / read_variance)
    context[lost] = 0
    return Mosaic(
        sci.astype(np.float32),
        err.astype(np.float32),
        weight.astype(np.float32),
        context[np.newaxis].astype(np.int32),
    )


def _shifted_noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return white noise of unit variance, shifted by a random part of a pixel."""
    white = rng.standard_normal((shape[0] + 1, shape[1] + 1), dtype=np.float32)
    fx, fy = rng.random(2, dtype=np.float32)
    rows = white[:-1] * (1 - fy) + white[1:] * fy
    return np.asarray(rows[:, :-1] * (1 - fx) + rows[:, 1:] * fx, dtype=np.float32)


def _background(pointing: Pointing, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return what the sky subtraction left: a pedestal, a slope, a wave and faint row stripes, MJy/sr."""
    sky = pointing.camera.sky
    axis = np.linspace(-1, 1, pointing.size, dtype=np.float32)
    y, x = axis[:, None], axis[None, :]
    slope = rng.normal(0, 0.008, 2)
    kx, ky, phase = rng.uniform(1.5, 3.5), rng.uniform(1.5, 3.5), rng.uniform(0, 6.28)
    smooth = 0.06 + slope[0] * x + slope[1] * y + 0.012 * np.sin(kx * x + ky * y + phase)
    stripes = 0.002 * rng.standard_normal((pointing.size, 1), dtype=np.float32)
    return np.asarray(sky * (smooth + stripes), dtype=np.float32)
