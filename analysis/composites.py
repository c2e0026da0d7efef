"""Colour composites: three images of one piece of sky in, one picture in colours out. Needs numpy alone."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.cutouts import Panel
from analysis.orienting import sampling, turned
from analysis.stretches import clipped_rms

SOFTENING = 8.0
"""Q of Lupton et al.: how early the bright parts bend."""
LINEAR_SIGMAS = 30.0
"""Up to so many times its noise the mean image is shown nearly linearly."""

Image = npt.NDArray[np.floating[Any]]


def lupton(
    red: Image, green: Image, blue: Image, *, linear: float, softening: float = SOFTENING
) -> npt.NDArray[np.uint8]:
    """Return the colours of three images: one asinh curve for their mean keeps hue at any brightness.

    After Lupton, Blanton, Fekete, Hogg, O'Mullane, Szalay & Wherry 2004, PASP 116, 133: each channel is
    multiplied by asinh(Q I / a) / (Q I); where one exceeds white, all three are divided by it.

    Parameters
    ----------
    red, green, blue : array (y, x)
        Light above the sky, in one unit; NaN is invalid.
    linear : float
        The brightness `a` up to which the curve is nearly a line; positive.
    softening : float
        Q.

    Returns
    -------
    uint8, shape (y, x, 3)
        1 to 255 where all three are valid, 0 in all channels elsewhere.
    """
    planes = np.stack([red, green, blue], axis=-1).astype(float)
    valid = np.isfinite(planes).all(axis=-1)
    planes = np.where(valid[..., None], planes, 0.0)
    mean = np.maximum(planes.mean(axis=-1), 1e-12 * linear)
    curve = np.arcsinh(softening * mean / linear) / math.asinh(softening)
    shown = np.maximum(planes, 0.0) * (curve / mean)[..., None]
    brightest = shown.max(axis=-1)
    shown /= np.maximum(brightest, 1.0)[..., None]
    return np.where(valid[..., None], 1.0 + np.rint(254.0 * shown), 0.0).astype(np.uint8)


def default_bands(panels: Sequence[Panel]) -> tuple[int, int, int] | None:
    """Return the panels for red, green and blue, longest band first; None with fewer than three bands.

    Panels stand in order of wavelength; of one band the first that covers the candidate is taken.
    """
    bands: dict[tuple[str, str], int] = {}
    for number, panel in enumerate(panels):
        key = (panel.instrument, panel.filter)
        if key not in bands or (panel.covered and not panels[bands[key]].covered):
            bands[key] = number
    chosen = [n for n in bands.values() if panels[n].covered] or list(bands.values())
    if len(chosen) < 3:
        chosen = list(bands.values())
    return (chosen[-1], chosen[len(chosen) // 2], chosen[0]) if len(chosen) >= 3 else None


def composite(
    panels: Sequence[Panel], images: Sequence[Image], side: float
) -> tuple[npt.NDArray[np.uint8], float]:
    """Return the composite of three cutouts (red, green, blue), north up, and its pixel's side in arcsec.

    In nJy per square arcsec where all three are known in nJy, so that a source of flat f_nu is grey; else
    each in units of its own noise. The sky of each, its clipped median, is taken off.
    """
    scale = min(sampling(panel) for panel in panels)
    calibrated = all(panel.unit == "nJy" for panel in panels)
    planes = []
    for panel, image in zip(panels, images, strict=True):
        values = np.asarray(image, dtype=float)
        sky, rms = sky_of(values)
        unit = panel.pixel_scale**2 if calibrated else (rms if rms > 0 else 1.0)
        planes.append(turned((values - sky) / unit, panel, side, scale, fill=np.nan))
    noise = clipped_rms(np.mean(planes, axis=0))
    return lupton(*planes, linear=LINEAR_SIGMAS * noise if noise > 0 else 1.0), scale


def sky_of(values: Image) -> tuple[float, float]:
    """Return the clipped median and the noise of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)].astype(float)
    if not finite.size:
        return math.nan, math.nan
    rms = clipped_rms(finite)
    centre = float(np.median(finite))
    near = finite[np.abs(finite - centre) <= 3.0 * rms] if rms > 0 else finite
    return float(np.median(near)) if near.size else centre, rms
