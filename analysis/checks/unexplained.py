"""How much of a frame's light no mixture of the other frames explains: what only one frame has."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from analysis.checks.light import STAMP_HALF, STAMP_STEP_ARCSEC, Light

Array = npt.NDArray[np.float64]

REACH_ARCSEC: Final = 0.6
_EDGE_SIGMAS: Final = 2.0
_SPOT: Final = 2
"""Samples from the middle of a spot to its border."""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """What is left of a frame's light: its share of all of it, 0..1, and how many sigmas it is.

    `patch` and `patch_snr` are the same of the spot of 0.13 arcsec radius where most is left. NaN where there
    is nothing to compare with.
    """

    share: float
    snr: float
    patch: float = math.nan
    patch_snr: float = math.nan


def unexplained(light: Light, others: list[Light]) -> Unexplained:
    """Compare a frame's stamp with the best non-negative mixture of the others' (Lawson & Hanson 1974).

    A galaxy's light has the same place and nearly the same shape in all bands at a common PSF, whatever its
    colours; a cosmic ray, a hot pixel or a snowball has a shape of its own. Compared are the samples within
    0.6 arcsec that belong to the source at the place: those above two sigmas and connected with its peak.

    Parameters
    ----------
    light : Light
        Of the frame in question.
    others : list of Light
        Of the other frames that cover the place.
    """
    nothing = Unexplained(math.nan, math.nan)
    if light.stamp is None or not light.stamp_noise > 0:
        return nothing
    image = np.nan_to_num(light.stamp.astype(float))
    use = source_of(image, light.stamp_noise)
    wide = ndimage.binary_dilation(use, iterations=2)
    whole = [one for one in others if one.stamp is not None and np.isfinite(one.stamp[wide]).all()]
    if use.sum() < 3 or not whole:
        return nothing
    stamps = [np.nan_to_num(one.stamp) for one in whole if one.stamp is not None]
    noises = [one.stamp_noise for one in whole]
    matrix = np.stack([stamp[wide] / light.stamp_noise for stamp in stamps], axis=1).astype(float)
    # Noise of an empty frame explains nothing: a small ridge keeps it from being scaled up.
    ridge = np.diag([noise / light.stamp_noise * math.sqrt(wide.sum()) for noise in noises])
    target = np.concatenate([image[wide] / light.stamp_noise, np.zeros(len(stamps))])
    weights, _ = optimize.nnls(np.vstack([matrix, ridge]), target)
    model = sum(w * stamp.astype(float) for w, stamp in zip(weights, stamps, strict=True))
    left = np.where(use, image - model, 0.0)
    total = float(image[use].sum())
    # Neighbouring samples share their noise: about one independent value in four.
    error = 2.0 * light.stamp_noise * math.sqrt(int(use.sum()))
    rest = float(left.sum())
    share = float(np.clip(rest / total, 0.0, 1.0)) if total > 0 else math.nan
    return Unexplained(share, rest / error, *_patch(np.where(use, image, 0.0), left, use, light.stamp_noise))


def _patch(image: Array, left: Array, use: npt.NDArray[np.bool_], noise: float) -> tuple[float, float]:
    """Return share and significance of what is left in the spot where most is."""
    disc = (np.hypot(*np.indices((2 * _SPOT + 1, 2 * _SPOT + 1)) - _SPOT) <= _SPOT + 0.2).astype(float)
    rest, all_of_it, samples = (ndimage.convolve(a, disc, mode="constant") for a in (left, image, use * 1.0))
    at = np.unravel_index(np.where(use, rest, -np.inf).argmax(), use.shape)
    error = 2.0 * noise * math.sqrt(max(float(samples[at]), 1.0))
    return float(rest[at] / all_of_it[at]) if all_of_it[at] > 0 else math.nan, float(rest[at] / error)


def source_of(image: Array, noise: float) -> npt.NDArray[np.bool_]:
    """Return the samples of the source in the middle: above two sigmas, connected, within 0.6 arcsec."""
    rows, columns = np.indices(image.shape) - STAMP_HALF
    near = np.hypot(rows, columns) * STAMP_STEP_ARCSEC <= REACH_ARCSEC
    labels, _ = ndimage.label((image > _EDGE_SIGMAS * noise) & near)
    middle = labels[STAMP_HALF - 2 : STAMP_HALF + 3, STAMP_HALF - 2 : STAMP_HALF + 3]
    found = middle[middle > 0]
    if not found.size:
        return np.zeros(image.shape, bool)
    return np.asarray(labels == np.bincount(found).argmax())
