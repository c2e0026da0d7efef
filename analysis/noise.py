"""The noise of a frame, from its own sky: per pixel for detection, in apertures of any area for errors.

Pixels of a drizzled image are correlated: per pixel the noise is smaller than ERR says, in large apertures
larger than independent pixels would give (Casertano et al. 2000, appendix A). Empty apertures measure both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep

from analysis.background import Sky, noise_shape
from analysis.i2d import Planes

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
APERTURES_PX: Final = (1.5, 2.5, 4.0, 6.0, 9.0)
"""Radii of the empty apertures, pixels."""
_TRIES: Final = 3000
_FEWEST: Final = 60
_CLEAR: Final = 0.02
"""Largest share of an empty aperture that may lie on a source or on invalid pixels."""
_NOISELESS: Final = 1e-12
"""Noise of an image that has none, so that nothing is divided by zero."""
_SEED: Final = 20260101
_CORRELATED: Final = 1.35
"""beta where too few empty apertures can be laid: between 1 (independent pixels) and 2 (fully correlated)."""


@dataclass(frozen=True, slots=True)
class ApertureNoise:
    """Noise of the sum over N pixels: sigma_N = alpha N ** (beta / 2), in units of the noise per pixel.

    The form of Labbe et al. 2003 and Weaver et al. 2024 (aperpy).

    Attributes
    ----------
    alpha, beta : float
        beta is 1 for independent pixels and at most 2.
    n_apertures : int
        Empty apertures behind the fit; 0 where a typical beta was taken instead.
    """

    alpha: float
    beta: float
    n_apertures: int

    def sigma(self, area: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the noise in apertures of areas (any shape), pixels, in units of that per pixel."""
        sigma: npt.NDArray[np.float64] = self.alpha * np.asarray(area, float) ** (self.beta / 2)
        return sigma


def pixel_noise(planes: Planes, sky: Sky, y0: int, x0: int) -> FloatArray:
    """Return the true noise per pixel, image units, of a window that begins at row y0, column x0.

    It is the noise's shape (`background.noise_shape`) times the scale measured on the sky; with ERR it rises
    on sources by their own photon noise. Finite and positive everywhere.
    """
    ny, nx = planes.sci.shape
    scale = sky.scale.window(y0, y0 + ny, x0, x0 + nx)
    floor = np.float32(max(float(np.median(sky.scale.cells)) * 0.05, _NOISELESS))
    sigma: FloatArray = noise_shape(planes) * np.maximum(scale, floor)
    return sigma


def empty_apertures(
    windows: Sequence[tuple[FloatArray, BoolArray]], radii: Sequence[float] = APERTURES_PX
) -> ApertureNoise:
    """Lay circles at random on empty sky and fit how the scatter of their sums grows with their area.

    Parameters
    ----------
    windows : sequence of (float32 (ny, nx), bool (ny, nx))
        Background-subtracted pixels over their noise, and where sources or invalid pixels are.
    radii : sequence of float
        Radii, pixels.

    Returns
    -------
    ApertureNoise
        From the radii at which at least 60 empty circles were found; the same for the same input.
    """
    sizes = np.array([image.size for image, _ in windows], dtype=float)
    shares = sizes / sizes.sum()
    return fit_noise([
        empty_sums(image, taken, float(share), number, radii)
        for number, ((image, taken), share) in enumerate(zip(windows, shares, strict=True))
    ])  # fmt: skip


def empty_sums(
    image: FloatArray,
    taken: BoolArray,
    share: float,
    number: int,
    radii: Sequence[float] = APERTURES_PX,
) -> dict[float, npt.NDArray[np.float64]]:
    """Return the sums in empty circles of one window, by radius; `number` seeds where they are laid.

    Parameters
    ----------
    image : float32, shape (ny, nx)
        Background-subtracted pixels over their noise.
    taken : bool, shape (ny, nx)
        Where sources or invalid pixels are.
    share : float
        Share of all circles of the frame that are tried in this window.
    number : int
        Which window of the frame this is.
    radii : sequence of float
        Radii, pixels.
    """
    rng = np.random.default_rng([_SEED, number])
    clean = np.where(taken, np.float32(0), image)
    flags = taken.astype(np.float32)
    where = rng.random((2, math.ceil(_TRIES * share)))
    sums = {}
    for radius in radii:
        reach = radius + 1
        if min(image.shape) <= 2 * reach + 1:
            continue
        y = reach + where[0] * (image.shape[0] - 1 - 2 * reach)
        x = reach + where[1] * (image.shape[1] - 1 - 2 * reach)
        covered, _, _ = sep.sum_circle(flags, x, y, radius, subpix=1)
        free = covered <= _CLEAR * math.pi * radius**2
        sums[radius] = sep.sum_circle(clean, x[free], y[free], radius, subpix=5)[0]
    return sums


def fit_noise(windows: Sequence[dict[float, npt.NDArray[np.float64]]]) -> ApertureNoise:
    """Fit the noise model to the empty circles of all windows of a frame.

    `windows` hold by radius, pixels, the sums (n,) of each window in units of the noise per pixel, as
    `empty_sums` returns them.
    """
    radii = sorted({radius for sums in windows for radius in sums})
    return _fit({r: np.concatenate([sums[r] for sums in windows if r in sums]) for r in radii})


def _fit(sums: dict[float, npt.NDArray[np.float64]]) -> ApertureNoise:
    """Fit log sigma against log area, larger samples counting for more."""
    points = [
        (math.log(math.pi * radius**2), math.log(sigma), len(values))
        for radius, values in sums.items()
        if len(values) >= _FEWEST and (sigma := robust_spread(values)) > 0
    ]
    n = sum(count for _, _, count in points)
    if len(points) < 2:
        if not points:
            return ApertureNoise(1.0, _CORRELATED, 0)
        area, sigma, _ = points[0]
        return ApertureNoise(math.exp(sigma - _CORRELATED / 2 * area), _CORRELATED, n)
    areas, sigmas, weight = np.array(points).T
    mean_area, mean_sigma = np.average(areas, weights=weight), np.average(sigmas, weights=weight)
    above = areas - mean_area
    slope = np.sum(weight * above * (sigmas - mean_sigma)) / np.sum(weight * above**2)
    half_beta = float(np.clip(slope, 0.5, 1.0))
    return ApertureNoise(math.exp(mean_sigma - half_beta * mean_area), 2 * half_beta, n)


def robust_spread(values: npt.NDArray[Any]) -> float:
    """Return 1.4826 times the median absolute deviation, in the unit of the values, any shape but empty."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
