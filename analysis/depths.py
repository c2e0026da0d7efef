"""How deep a frame is, twice: in a fixed circle, and for a point weighted as detection weights it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis.detection import MIN_AREA, smooth
from analysis.frame_calibration import Calibration, limiting_flux
from analysis.noise import robust_spread
from analysis.window import Window

FloatArray = npt.NDArray[np.float32]
SIGMAS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Depths:
    """Fluxes of five sigma in one frame, image units.

    Attributes
    ----------
    matched : float
        Total flux of a point source whose peak in the image smoothed for detection is five times the noise
        of empty sky there: the filter's weights are a Gaussian as wide as the PSF.
    aperture : float
        Five times the noise of empty circles of the first fixed radius: light inside the circle alone.
    cut : float
        Total flux of a point source whose fifth-brightest smoothed pixel reaches the threshold, so that
        without noise it is just found: brighter than `matched` where the PSF covers few pixels.
    threshold_sigma : float
        Where detection cuts, in units of the noise of the smoothed image on empty sky.
    """

    matched: float
    aperture: float
    cut: float
    threshold_sigma: float


def measure_depths(
    windows: Sequence[Window], calibration: Calibration, points: Sequence[FloatArray]
) -> Depths:
    """Measure both depths of a frame.

    The flux of a point at S/N s under a filter g is s sigma_g / max(g * PSF), with sigma_g the scatter of the
    smoothed image on empty sky, so that correlated noise and faint unseen sources are in it (the matched
    filter of e.g. Zackay & Ofek 2017, with the noise measured instead of taken as white).

    Parameters
    ----------
    windows : sequence of Window
        Where the noise is measured.
    calibration : Calibration
        The frame's: kernel, threshold and noise.
    points : sequence of float32 (s, s)
        Point sources of unit total flux, at several places in the pixel.

    Returns
    -------
    Depths
        `matched` and `threshold_sigma` are NaN where the windows hold no empty sky.
    """
    kernel, cut = calibration.kernel, calibration.threshold.value
    parts = [_empty_smoothed(window, kernel, cut) for window in windows]
    values = np.concatenate(parts) if parts else np.empty(0, np.float32)
    noise = robust_spread(values) if values.size else math.nan
    peak, least = np.mean([np.sort(smooth(point, kernel), axis=None)[[-1, -MIN_AREA]] for point in points], 0)
    return Depths(
        matched=SIGMAS * noise * calibration.sigma / float(peak),
        aperture=limiting_flux(calibration),
        cut=cut * calibration.sigma / float(least),
        threshold_sigma=cut / noise if noise > 0 else math.nan,
    )


def _empty_smoothed(window: Window, kernel: FloatArray, cut: float) -> FloatArray:
    """Return the smoothed image over the noise per pixel where the kernel touches no source and no gap."""
    smoothed: FloatArray = smooth(window.data, kernel) / window.sigma
    taken = (smoothed > cut) | window.outside | window.hole
    return smoothed[~ndimage.maximum_filter(taken, len(kernel))]
