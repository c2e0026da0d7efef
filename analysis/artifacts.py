"""What may be wrong with a source: the registry of flags, and the probability of being an artefact."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep
from scipy.spatial import cKDTree

from analysis.psf import psf

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
EDGE_PX: Final = 10.0
LOW_WEIGHT: Final = 0.5
SHARP: Final = 1.35
"""Sharper than the PSF by this factor is no star and no galaxy: a hot pixel or a cosmic ray."""
_SHARP_SNR: Final = 4.0
_PSF_SIDE: Final = 61


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag: its name in the column `flags`, what it means, and how much it speaks for an artefact, 0..1."""

    name: str
    meaning: str
    weight: float


FLAGS: Final = (
    Flag("blended", "shares its island of pixels with another source", 0.0),
    Flag("cosmic_ray", "sharper than a point source can be: a hot pixel or a cosmic ray", 0.8),
    Flag("edge", "within 10 px of pixels without a value or of the frame's border", 0.4),
    Flag("low_weight", "weight below half of the neighbourhood's median", 0.2),
    Flag("nan", "pixels without a value inside its aperture", 0.2),
    Flag("saturated", "a hole of up to 1000 px inside its aperture, mostly a saturated core", 0.3),
    Flag("truncated", "cut by the border of the frame", 0.3),
)
"""Every flag there is, by name."""


OBJECT_FLAGS: Final = (
    Flag("cosmic_ray", "in one band only, narrow and elongated, or sharper than a point source", 0.0),
    Flag("diffraction_spike", "wings or spikes of bright stars give 30 % or more of its light", 0.0),
    Flag("hot_pixel", "in one band only, round and sharper than a point source: one pixel, hot or hit", 0.0),
    Flag("persistence", "in one band only, round, smooth and wider than a point source: an afterglow", 0.0),
    Flag("snowball", "in one band only, round, as bright all over and sharply bounded", 0.0),
)
"""Flags raised once every frame was asked (`object_artifacts.name_artifacts`). They name what is suspected
in the words that people vet with; the probability of an artefact counts what speaks for it by itself."""


def with_object_flags(flags: Sequence[str], raised: Mapping[str, BoolArray]) -> list[str]:
    """Return the flags of n sources with those of their objects added.

    Parameters
    ----------
    flags : sequence of str
        Comma-separated, as from `flags_text`.
    raised : mapping of bool, shape (n,)
        By name, of `OBJECT_FLAGS`.
    """
    names = list(raised)
    rows = np.stack([raised[name] for name in names], axis=1) if names else np.zeros((len(flags), 0), bool)
    added = [[name for name, up in zip(names, row, strict=True) if up] for row in rows.tolist()]
    return [
        ",".join(sorted({*filter(None, text.split(",")), *new})) if new else text
        for text, new in zip(flags, added, strict=True)
    ]


def flags_text(raised: Mapping[str, BoolArray]) -> list[str]:
    """Join the raised flags of each source: sorted names, comma-separated.

    Parameters
    ----------
    raised : Mapping[str, bool array of shape (n,)]
        One entry for every flag of `FLAGS`.
    """
    rows = zip(*(raised[flag.name] for flag in FLAGS), strict=True)
    return [",".join(flag.name for flag, up in zip(FLAGS, row, strict=True) if up) for row in rows]


def raise_flags(
    *,
    edge_distance: Array,
    weight_ratio: Array,
    sharpness: Array,
    snr: Array,
    invalid: Array,
    hole: Array,
    blended: BoolArray,
    truncated: BoolArray,
) -> dict[str, BoolArray]:
    """Decide every flag of n sources from their measurements; a NaN measurement raises none.

    Parameters
    ----------
    edge_distance : float64, shape (n,)
        From `edge_distances`, pixels; raised under 10.
    weight_ratio : float64, shape (n,)
        Weight over the local median, no unit; raised under 0.5.
    sharpness, snr : float64, shape (n,)
        Light within 1.2 px over that within 4 px, over the PSF's; signal to noise. Raised above 1.35 at 4.
    invalid, hole : float64, shape (n,)
        Pixels without a value, and of holes, inside the aperture; raised from half a pixel on.
    blended, truncated : bool, shape (n,)
        Shares its island; touches the border of the frame.

    Returns
    -------
    dict of bool, shape (n,)
        One entry for every flag of `FLAGS`.
    """
    with np.errstate(invalid="ignore"):
        return {
            "blended": blended,
            "cosmic_ray": (sharpness > SHARP) & (snr > _SHARP_SNR) & (hole < 0.5),
            "edge": edge_distance < EDGE_PX,
            "low_weight": weight_ratio < LOW_WEIGHT,
            "nan": invalid >= 0.5,
            "saturated": hole >= 0.5,
            "truncated": truncated,
        }


def artifact_probability(
    raised: Mapping[str, BoolArray], sharpness: Array, exposures: npt.NDArray[Any]
) -> Array:
    """Combine what one frame can tell into the probability that a source is an artefact.

    1 minus the product of (1 - weight) over the raised flags; sharpness between 1.15 and 1.35 counts in part,
    and where a single exposure made the pixel, so that no other could vote a cosmic ray down, 0.1 is added.
    Whether other bands show the source is not asked here. The weights are those of a simulated 4-band field.

    Returns
    -------
    float64, shape (n,)
        0..1.
    """
    innocent = np.ones(len(sharpness))
    for flag in FLAGS:
        innocent *= 1.0 - flag.weight * raised[flag.name]
    part = np.clip((np.nan_to_num(sharpness) - 1.15) / (SHARP - 1.15), 0.0, 1.0)
    innocent *= np.where(raised["cosmic_ray"], 1.0, 1.0 - 0.3 * part)
    innocent *= np.where(exposures == 1, 0.9, 1.0)
    return 1.0 - innocent


def edge_distances(
    outside: BoolArray, y: Array, x: Array, borders: tuple[bool, bool, bool, bool], most: float
) -> Array:
    """Return the distance of sources to the frame's border or the nearest pixel without a value.

    Parameters
    ----------
    outside : bool, shape (ny, nx)
        Pixels of a window that have no value and are no hole.
    y, x : float64, shape (n,)
        0-based positions in the window.
    borders : tuple of bool
        Whether the window's bottom, top, left and right are the frame's.
    most : float
        Answer of sources further away than this, pixels; the window's margin, so that no tile sees further.

    Returns
    -------
    float64, shape (n,)
        Pixels.
    """
    ny, nx = outside.shape
    distance = np.full(len(x), float(most))
    for there, gap in zip(borders, (y + 0.5, ny - 0.5 - y, x + 0.5, nx - 0.5 - x), strict=True):
        if there:
            distance = np.minimum(distance, gap)
    rim = outside.copy()
    rim[1:-1, 1:-1] &= ~(outside[:-2, 1:-1] & outside[2:, 1:-1] & outside[1:-1, :-2] & outside[1:-1, 2:])
    where = np.argwhere(rim)
    if len(where) and len(x):
        near, _ = cKDTree(where).query(np.column_stack([y, x]), distance_upper_bound=float(most))
        distance = np.minimum(distance, near)
    return np.maximum(distance, 0.0)


@lru_cache(maxsize=64)
def point_source(filter_name: str, pixel_scale: float) -> tuple[float, float]:
    """Return sharpness f(1.2 px) / f(4 px) and half-light radius, pixels, of a point source; NaN if unknown.

    From the segmented-pupil PSF; the radius is that of half the light within 30 pixels.
    """
    try:
        image = psf(filter_name, pixel_scale, _PSF_SIDE, drizzled=True).copy()
    except ValueError:
        return math.nan, math.nan
    centre = [(_PSF_SIDE - 1) / 2]
    core, _, _ = sep.sum_circle(image, centre, centre, 1.2, subpix=0)
    around, _, _ = sep.sum_circle(image, centre, centre, 4.0, subpix=0)
    radius, _ = sep.flux_radius(image, centre, centre, [centre[0]], 0.5, normflux=[1.0])
    return float(core[0] / around[0]), float(np.ravel(radius)[0])
