"""Everything known of each object over all frames, as one table: what ensemble and artefact terms read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from analysis.association import Objects
from analysis.forced import Forced
from analysis.grouping import foreign_samples, group_objects, offsets_arcsec
from analysis.instruments import order_key
from analysis.object_artifacts import in_best_band, object_artifact_probability
from analysis.ordinary import distance_from_ordinary
from analysis.stamp_file import batches
from analysis.structure import detection_images, measure_structure

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.float32]

SEEN_SNR: Final = 3.0
STAR_SNR: Final = 300.0
COMPANY_ARCSEC: Final = 1.3
VARIABILITY_FLOOR: Final = 0.03
"""Share of its flux by which two epochs of one band may differ without a cause on the sky."""
_LOGARITHMIC: Final = frozenset({"peak_ratio", "sharpness", "r50_psf_ratio", "n_peaks"})
_SHAPES: Final = (
    "concentration", "asymmetry", "gini", "m20", "ellipticity", "peak_ratio", "sharpness", "r50_psf_ratio",
    "n_peaks",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Seen:
    """One frame's forced measurements: frame and band, what was measured, light of stars in the circle."""

    frame: str
    instrument: str
    filter: str
    forced: Forced
    starlight: Array


@dataclass(frozen=True, eq=False)
class Evidence:
    """The n objects that were measured everywhere; arrays follow `objects`.

    Attributes
    ----------
    objects : int64, shape (n,)
        Numbers of the objects.
    head : int64, shape (n,)
        Number of the brightest object of each one's system.
    bands : tuple of str
        Filters, blue to red; b of them.
    flux, error : float64, shape (n, b)
        Forced, at one PSF, frames of one band averaged; NaN where none covers it.
    shown : bool, shape (n, n_frames)
        Forced S/N at least 3, in the order of the frames given.
    facts : DataFrame
        Columns that `analysis.ensemble.combine` reads, and artifact_probability, variability (the largest
        difference of two frames of one band, in sigmas), starlight (share of a bright star's light in the
        band of highest S/N), band_snr (root mean square of the forced S/N over bands) and stacked_snr (of all
        bands together).
    colours : float64, shape (n, b - 1)
        Differences of asinh magnitudes of neighbouring bands (Lupton et al. 1999), softened at 0.8 sigma.
    """

    objects: IntArray
    head: IntArray
    bands: tuple[str, ...]
    flux: Array
    error: Array
    shown: BoolArray
    facts: pd.DataFrame
    colours: Array


def eligible_objects(sources: pd.DataFrame, objects: Objects, min_snr: float) -> IntArray:
    """Return the objects of which some detection has at least `min_snr`, ascending."""
    good = (objects.of_source >= 0) & (sources["snr"].to_numpy(dtype=float) >= min_snr)
    return np.unique(objects.of_source[good])


def bright_stars(sources: pd.DataFrame) -> tuple[Array, Array]:
    """Return ra, dec (degrees) of the sources that are bright stars, each once.

    Saturated at S/N above 500, or as sharp and small as a point source at S/N above 300; fainter ones within
    1.6 arcsec of a brighter one are taken for pieces of it.
    """
    flags = sources["flags"].astype(str).str.contains("saturated").to_numpy(dtype=bool)
    snr, flux = (sources[name].to_numpy(dtype=float) for name in ("snr", "flux"))
    size, sharp = (sources[name].to_numpy(dtype=float) for name in ("r50_psf_ratio", "sharpness"))
    with np.errstate(invalid="ignore"):
        point = (size < 1.3) & (sharp > 0.8) & (sharp < 1.25) & (snr > STAR_SNR)
        chosen = np.flatnonzero((flags & (snr > 500.0)) | point)
    chosen = chosen[np.argsort(-flux[chosen], kind="stable")]
    ra, dec = (sources[name].to_numpy(dtype=float)[chosen] for name in ("ra", "dec"))
    east, north = offsets_arcsec(ra, dec)
    kept: list[int] = []
    for i in range(len(chosen)):
        near = 1.6 if flags[chosen[i]] else 0.3
        if all(math.hypot(east[i] - east[j], north[i] - north[j]) > near for j in kept):
            kept.append(i)
    return ra[kept], dec[kept]


def gather(sources: pd.DataFrame, objects: Objects, rows: IntArray, seen: Sequence[Seen]) -> Evidence:
    """Put together what is known of objects.

    Parameters
    ----------
    sources : DataFrame
        Measured sources of all frames.
    objects : Objects
        `associate` of the same rows.
    rows : int64, shape (n,)
        The objects that were measured everywhere, from `eligible_objects`.
    seen : sequence of Seen
        One for each frame that could be opened.
    """
    ra, dec = objects.ra[rows], objects.dec[rows]
    bands, members = _bands(seen)
    flux, error, variability = _photometry(seen, members, len(rows))
    table = _detections(sources, objects, rows)
    stack = _Stack.of(seen, members)
    heads = group_objects(ra, dec, table["snr"].to_numpy(dtype=float), stack)
    size = table["r_kron_arcsec"].to_numpy(dtype=float)
    parts = [
        measure_structure(*stack.around(part), foreign_samples(ra, dec, heads, size, part))
        for part in batches(len(rows)) or [np.arange(0)]
    ]
    facts = table.assign(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    facts["members"] = np.log10(np.bincount(heads, minlength=len(rows))[np.arange(len(rows))].clip(1))
    sharp, light = _per_band(seen, members, "sharpness"), _starlight(seen, members)
    facts["artifact_probability"] = object_artifact_probability(
        flux, error, sharp, light, table["warned"].to_numpy(dtype=bool)
    )
    facts["variability"] = variability
    facts["band_snr"], facts["stacked_snr"] = _over_bands(flux, error)
    facts["starlight"] = in_best_band(flux, error, np.nan_to_num(light))
    facts = _company(ra, dec, facts, flux, error, light)
    # Without its core a star has the colours of its hole.
    holed = np.any([one.forced.saturated for one in seen], axis=0)
    # Image units of different bands cannot be laid on one spectrum.
    if not sources["flux_unit"].eq("nJy").all():
        holed = np.ones(len(rows), dtype=bool)
    facts["misfit"] = np.where(holed, np.nan, distance_from_ordinary(flux, error, bands))
    holes = np.any([one.forced.saturated & ~one.forced.covered for one in seen], axis=0)
    facts["star"] = holes | _stars(facts, flux, bands)
    clean = facts["artifact_probability"].to_numpy(dtype=float) < 0.5
    facts["eligible"] = clean & (heads == np.arange(len(rows)))
    shown = np.stack([_snr(s.forced.flux, s.forced.flux_err) >= SEEN_SNR for s in seen], axis=1)
    return Evidence(rows, rows[heads], tuple(bands), flux, error, shown, facts, _colours(flux, error))


def joined(objects: Objects, evidence: Evidence, frames: Sequence[str]) -> Objects:
    """Return the objects with the fragments of each system given to its brightest object.

    Numbers and positions stay; fragments are left without detections, and a system is detected in every frame
    that detected one of its parts or shows its brightest one at a forced S/N of 3.

    Parameters
    ----------
    objects : Objects
        As associated.
    evidence : Evidence
        From `gather`.
    frames : sequence of str
        The frames of `evidence.shown`.
    """
    owner = np.arange(len(objects.ra))
    owner[evidence.objects] = evidence.head
    of_source = np.where(objects.of_source >= 0, owner[objects.of_source], -1)
    detected = np.zeros_like(objects.detected)
    np.logical_or.at(detected, owner, objects.detected)
    place = {name: i for i, name in enumerate(objects.frames)}
    for column, name in enumerate(frames):
        shown = evidence.shown[:, column] & (evidence.objects == evidence.head)
        detected[evidence.objects[shown], place[name]] = True
    return replace(objects, of_source=of_source, detected=detected)


def _bands(seen: Sequence[Seen]) -> tuple[list[str], list[list[int]]]:
    """Return the filters from blue to red, and which frames saw each."""
    keys = sorted({(s.instrument, s.filter) for s in seen}, key=lambda key: order_key(*key))
    members = [[i for i, s in enumerate(seen) if (s.instrument, s.filter) == key] for key in keys]
    return [name for _, name in keys], members


def _photometry(seen: Sequence[Seen], members: Sequence[Sequence[int]], n: int) -> tuple[Array, Array, Array]:
    """Return fluxes and errors per band, weighted by inverse variance, and the largest change in a band."""
    flux, error = np.full((n, len(members)), np.nan), np.full((n, len(members)), np.nan)
    variability = np.full(n, np.nan)
    for band, frames in enumerate(members):
        f = np.stack([seen[i].forced.flux for i in frames])
        e = np.stack([seen[i].forced.flux_err for i in frames])
        known = np.isfinite(f) & np.isfinite(e) & (e > 0)
        weight = np.where(known, 1.0 / np.where(known, e, 1.0) ** 2, 0.0)
        total = weight.sum(axis=0)
        any_known = total > 0
        mean = (weight * np.where(known, f, 0.0)).sum(axis=0) / np.where(any_known, total, 1.0)
        flux[:, band] = np.where(any_known, mean, np.nan)
        error[:, band] = np.where(any_known, 1.0 / np.sqrt(np.where(any_known, total, 1.0)), np.nan)
        for i in range(len(frames)):
            for j in range(i):
                floor = VARIABILITY_FLOOR * np.maximum(np.abs(f[i]), np.abs(f[j]))
                change = np.abs(f[i] - f[j]) / np.sqrt(e[i] ** 2 + e[j] ** 2 + floor**2)
                variability = np.fmax(variability, change)
    return flux, error, variability


def _per_band(seen: Sequence[Seen], members: Sequence[Sequence[int]], name: str) -> Array:
    """Return a forced measurement of the deepest frame of each band, shape (n, b)."""
    return np.stack([getattr(seen[_deepest(seen, frames)].forced, name) for frames in members], axis=1)


def _starlight(seen: Sequence[Seen], members: Sequence[Sequence[int]]) -> Array:
    """Return the share of star light in the circle, of the deepest frame of each band, shape (n, b)."""
    columns = []
    for frames in members:
        one = seen[_deepest(seen, frames)]
        floor = np.maximum(one.forced.core, one.forced.core_err)
        columns.append(np.clip(one.starlight / floor, 0.0, None))
    return np.stack(columns, axis=1)


def _deepest(seen: Sequence[Seen], frames: Sequence[int]) -> int:
    """Return the frame that covers most objects, of equals the one of smallest error, then the first."""
    return min(
        frames, key=lambda i: (-int(seen[i].forced.covered.sum()), _median(seen[i].forced.flux_err), i)
    )


def _median(values: Array) -> float:
    """Return the median of what is finite, infinity if nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.inf


@dataclass(frozen=True, eq=False)
class _Stack:
    """Stamps of the deepest frame of each band, read by numbers of objects, and their noise (n, b)."""

    stamps: tuple[Any, ...]
    noise: Array

    @classmethod
    def of(cls, seen: Sequence[Seen], members: Sequence[Sequence[int]]) -> "_Stack":
        """Choose the frames."""
        forced = [seen[_deepest(seen, frames)].forced for frames in members]
        return cls(tuple(f.stamps for f in forced), np.stack([f.stamp_noise for f in forced], axis=1))

    def around(self, rows: IntArray) -> tuple[Image, Image, Array]:
        """Return detection images (m, s, s), stamps (m, b, s, s) and noise (m, b) of some objects."""
        stamps = np.stack([of_band[rows] for of_band in self.stamps], axis=1)
        return detection_images(stamps, self.noise[rows]), stamps, self.noise[rows]

    def __getitem__(self, rows: IntArray) -> Image:
        """Return detection images of some objects."""
        return self.around(rows)[0]


def _snr(flux: Array, error: Array) -> Array:
    """Return S/N, 0 where unknown."""
    known = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    return np.divide(flux, error, out=np.zeros(len(flux)), where=known)


def _over_bands(flux: Array, error: Array) -> tuple[Array, Array]:
    """Return the root mean square of S/N over the bands that cover an object, and the root of its sum.

    Shapes (n,), NaN where no band covers it; light below zero counts as none. The latter is the S/N of all
    bands together, each weighted by its own.
    """
    known = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    snr = np.divide(np.maximum(flux, 0.0), error, out=np.zeros(flux.shape), where=known)
    count, total = known.sum(axis=1), np.sqrt((snr**2).sum(axis=1))
    total = np.where(count > 0, total, np.nan)
    return total / np.sqrt(np.maximum(count, 1)), total


def _detections(sources: pd.DataFrame, objects: Objects, rows: IntArray) -> pd.DataFrame:
    """Return what detections say: shapes weighted by S/N up to 100, the best one's flux and size."""
    n = len(rows)
    place = np.full(len(objects.ra), -1, dtype=np.int64)
    place[rows] = np.arange(n)
    mine = np.flatnonzero(objects.of_source >= 0)
    mine = mine[place[objects.of_source[mine]] >= 0]
    part, owner = sources.iloc[mine], place[objects.of_source[mine]]
    snr = np.nan_to_num(part["snr"].to_numpy(dtype=float))
    weight = np.clip(snr, 0.0, 100.0)
    table: dict[str, Any] = {}
    for name in _SHAPES:
        values = part[name].to_numpy(dtype=float)
        if name in _LOGARITHMIC:
            with np.errstate(invalid="ignore", divide="ignore"):
                values = np.where(values > 0, np.log10(np.maximum(values, 1e-3)), np.nan)
        known = np.isfinite(values)
        total = np.bincount(owner[known], weight[known], n)
        mean = np.bincount(owner[known], (weight * values)[known], n) / np.where(total > 0, total, 1.0)
        table[name] = np.where(total > 0, mean, np.nan)
    order = np.lexsort((part["frame"].to_numpy(dtype=str), -snr, owner))
    leads = order[np.r_[True, owner[order][1:] != owner[order][:-1]]] if len(order) else order
    best = np.empty(n, dtype=np.int64)
    best[owner[leads]] = leads
    flux = part["flux"].to_numpy(dtype=float)[best]
    table["snr"] = snr[best]
    table["magnitude"] = -2.5 * np.log10(np.where(flux > 0, flux, np.nan))
    table["r_kron_arcsec"] = part["r_kron_arcsec"].to_numpy(dtype=float)[best]
    flags = part["flags"].astype(str)
    warned = flags.str.contains("edge|low_weight|truncated").to_numpy(dtype=float)
    holed = flags.str.contains("saturated").to_numpy(dtype=float)
    count = np.maximum(np.bincount(owner, minlength=n), 1)
    table["warned"] = np.bincount(owner, warned, n) >= count
    table["saturated"] = np.bincount(owner, holed, n) > 0
    return pd.DataFrame(table)


def _company(
    ra: Array, dec: Array, facts: pd.DataFrame, flux: Array, error: Array, light: Array
) -> pd.DataFrame:
    """Add neighbours, close_neighbours and neighbour_light: others within 1.3 arcsec, and how bright."""
    n = len(ra)
    kron = 10 ** (-0.4 * np.nan_to_num(facts["magnitude"].to_numpy(dtype=float), nan=99.0))
    bright = np.sqrt(np.nansum(np.clip(flux / error, 0.0, None) ** 2, axis=1))
    honest = np.nan_to_num(light).max(axis=1) < 0.3
    east, north = offsets_arcsec(ra, dec)
    count, close, share = np.zeros(n), np.zeros(n), np.zeros(n)
    if n:
        where = np.column_stack([east, north])
        for i, near in enumerate(cKDTree(where).query_ball_point(where, COMPANY_ARCSEC)):
            others = np.array([j for j in near if j != i and honest[j]], dtype=np.int64)
            if others.size:
                ratio = np.minimum(kron[others] / kron[i], 1.0)
                count[i] = (ratio > 0.02).sum()
                share[i] = ratio[ratio > 0.02].sum()
                close[i] = (bright[others] > 0.05 * bright[i]).sum()
    return facts.assign(
        neighbours=np.log1p(count), close_neighbours=np.log1p(close), neighbour_light=np.sqrt(share)
    )


def _stars(facts: pd.DataFrame, flux: Array, bands: Sequence[str]) -> BoolArray:
    """Return which objects are stars: saturated, or points whose f_nu falls over the three reddest bands."""
    snr = facts["snr"].to_numpy(dtype=float)
    holed = facts["saturated"].to_numpy(dtype=bool) & (snr > 1000.0)
    size, sharp = (facts[name].to_numpy(dtype=float) for name in ("r50_psf_ratio", "sharpness"))
    with np.errstate(invalid="ignore"):
        point = (np.abs(sharp) < np.where(snr > STAR_SNR / 2, 0.12, 0.07)) & (size < 0.12) & (snr > 30.0)
        if len(bands) < 2:
            return np.asarray(holed | point)
        blue = flux[:, max(len(bands) - 3, 0)]
        falls = flux[:, -1] < 0.76 * blue
    return np.asarray(holed | (point & falls))


def _colours(flux: Array, error: Array) -> Array:
    """Return asinh colours of neighbouring bands; see `Evidence`."""
    if not flux.size:
        return np.zeros((len(flux), max(flux.shape[1] - 1, 0)))
    soft = 0.8 * np.array([_median(column) for column in error.T])
    soft = np.where(np.isfinite(soft) & (soft > 0), soft, 1.0)
    magnitudes = -2.5 / math.log(10) * (np.arcsinh(flux / (2 * soft)) + np.log(soft))
    return magnitudes[:, :-1] - magnitudes[:, 1:]
