"""From the light in an aperture to all of it: the growth of the PSF and of a disc seen through it.

A Kron aperture leaves out some 5 % of an exponential disc and up to a fifth of a faint point source. How much
follows from the size of the aperture, the half-light radius measured in it and the frame's own PSF: its core
from the growth curves of the frame's bright compact sources, its far wings from a table.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator
from scipy.special import j0, j1

from analysis.instruments import encircled_energy

Array = npt.NDArray[np.float64]
GROWTH: Final = (0.12, 0.2, 0.3, 0.4, 0.52, 0.66, 0.82, 1.0)
"""Radii at which growth is measured, in units of the outermost one."""
FEWEST_STARS: Final = 5
MOST: Final = 1.6
"""Largest correction made: beyond it, what the aperture holds says little of the rest."""
_WINGS_VARY: Final = 0.5
"""How far the strength of the wings may well differ from the table's."""
STAR_SNR: Final = 20.0
"""Brighter sources have their growth measured."""
_STAR_SIZE: Final = (0.6, 1.15)
"""Half-light radius of sources taken for stars, over that of the model PSF."""
_MOST_STARS: Final = 200
_TABLE_END: Final = 1.0
MODEL_ERROR: Final = 0.06
"""Share of what was added to a flux by which that may be wrong however bright the source: the shape of its
outskirts and of the PSF's wings is a model's."""
_FAR: Final = 3.5
"""Where the PSF ends, arcsec: the outer radius of the ETC's tables."""
_SIZES: Final = (0.0, 0.015, 0.03, 0.05, 0.07, 0.1, 0.14, 0.19, 0.25, 0.33, 0.43, 0.56, 0.75, 1.0, 1.4)
"""Half-light radii of the model sources, in units in which growth is measured out to 0.4."""
_SHAPE_SNR: Final = 25.0
"""S/N at which the measured r80 / r50 counts as much as the expectation of an exponential disc."""
_HALF_DISC: Final = 1.67835
"""Half-light radius of an exponential disc, in scale lengths."""
_HALF_NORMAL: Final = 1.17741


def growth_radius(second_radius_arcsec: float) -> float:
    """Return the outermost radius, arcsec, at which growth is measured: 1.6 times the second circle's."""
    return 1.6 * second_radius_arcsec


@dataclass(frozen=True, eq=False)
class PointGrowth:
    """How the light of the frame's point sources grows with radius.

    Attributes
    ----------
    radii : float64, shape (k,)
        Arcsec, ascending, from 0.
    share : float64, shape (k,)
        Share of all light inside, 0 to 1.
    n_stars : int
        Bright compact sources behind it; 0 where the table of encircled energy alone was taken.
    wings : float
        Light beyond the outermost radius measured, over what the table says; NaN without a table.
    """

    radii: Array
    share: Array
    n_stars: int
    wings: float


def point_growth(
    filter_name: str,
    growth: Array,
    radius_arcsec: float,
    stars: npt.NDArray[np.bool_],
    smallest: npt.NDArray[np.bool_],
    fwhm_arcsec: float,
) -> PointGrowth | None:
    """Join the growth curves of the frame's stars to the wings of the table of encircled energy.

    Parameters
    ----------
    filter_name : str
        The filter; where it has no table, nothing is said to lie beyond `radius_arcsec`.
    growth : float64, shape (n, 8)
        Light inside `GROWTH` times `radius_arcsec`, any unit; rows of NaN where not measured.
    radius_arcsec : float
        Outermost radius.
    stars : bool, shape (n,)
        Which rows are taken for stars.
    smallest : bool, shape (n,)
        Bright sources that are small, stars or not: where there are too few stars, they bound the wings.
    fwhm_arcsec : float
        PSF width; NaN where unknown.

    Returns
    -------
    PointGrowth or None
        None with fewer than 5 stars and no table: then nothing is known.
    """
    radii = np.array(GROWTH) * radius_arcsec
    table = np.array([encircled_energy(filter_name, float(r)) for r in radii])
    rows = _typical(growth[stars])
    curve = rows.sum(axis=0) / rows[:, -1].sum() if len(rows) >= FEWEST_STARS else None
    known = bool(np.isfinite(table[-1]))
    if curve is None and not known:
        return None
    wings = 1.0 if known else math.nan
    inner = table
    if curve is None:
        small = _typical(growth[smallest])
        if len(small) >= FEWEST_STARS:  # whatever they are, they have at least the wings of a point source
            wings = min(_wings(small, table, radii, fwhm_arcsec)[0], 1.0)
            inner = (1 - wings) * _core(radii, fwhm_arcsec) + wings * table
    elif known:
        measured, error = _wings(rows, table, radii, fwhm_arcsec)
        trust = _WINGS_VARY**2 / (_WINGS_VARY**2 + error**2)
        wings = trust * measured + (1 - trust)
        inner = trust * curve * (1.0 - measured * (1.0 - table[-1])) + (1 - trust) * table
    else:
        inner = curve
    inner = np.maximum.accumulate(inner)
    outer_radii = [r for r in (0.5, 0.7, _TABLE_END) if r > radii[-1] * 1.05] if known else []
    outer = [1.0 - wings * (1.0 - encircled_energy(filter_name, r)) for r in outer_radii]
    end = max(_FAR, 2 * radii[-1])
    return PointGrowth(
        radii=np.array([0.0, *radii, *outer_radii, end]),
        share=np.array([0.0, *inner, *np.maximum(outer, inner[-1]), 1.0]),
        n_stars=len(rows) if curve is not None else 0,
        wings=wings,
    )


def _wings(rows: Array, table: Array, radii: Array, fwhm_arcsec: float) -> tuple[float, float]:
    """Return how strong the wings are, against the table's, and its error, from the growth between two radii.

    The PSF is taken as (1 - w) times a Gaussian core plus w times the table's; w is 0 for an image whose PSF
    has no wings, and is not taken beyond 1.3.
    """
    inner = int(np.argmin(np.abs(radii - 0.4 * radii[-1])))
    core = float(_core(radii[inner : inner + 1], fwhm_arcsec)[0])
    light = rows[:, inner].sum()
    ratio = rows[:, -1].sum() / light
    error = math.sqrt(np.sum((rows[:, -1] - ratio * rows[:, inner]) ** 2)) / light
    wings = [
        (1.0 - each * core) / min((1.0 - table[-1]) - each * (core - table[inner]), -1e-3)
        for each in (ratio, ratio + error)
    ]
    return float(np.clip(wings[0], 0.0, 1.3)), abs(wings[1] - wings[0])


def _typical(growth: Array) -> Array:
    """Return the complete rows whose outer light is within 4 robust deviations of the others'."""
    rows = growth[np.isfinite(growth).all(axis=1) & (growth[:, -1] > 0) & (growth[:, 3] > 0)]
    if len(rows) < FEWEST_STARS:
        return rows
    ratio = rows[:, -1] / rows[:, 3]
    off = np.abs(ratio - np.median(ratio))
    return rows[off <= 4 * 1.4826 * np.median(off) + 1e-9]


def _core(radii: Array, fwhm_arcsec: float) -> Array:
    """Return the growth of a Gaussian as wide as the PSF; all inside where that is unknown."""
    if not fwhm_arcsec > 0:
        return np.ones_like(radii)
    return 1.0 - np.exp(-(radii**2) / (2 * (fwhm_arcsec / 2.3548) ** 2))


def choose_stars(
    raw: Mapping[str, npt.NDArray[Any]], psf_r50_px: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Choose bright, isolated, whole sources: those as small as the PSF, and the smallest fifth of all.

    Parameters
    ----------
    raw : mapping
        Columns flux, flux_err, r50 (pixels), blended, truncated, invalid, hole of n sources.
    psf_r50_px : float
        Half-light radius of a point source, pixels; NaN chooses none.

    Returns
    -------
    stars : bool, shape (n,)
        At most 200, the brightest.
    smallest : bool, shape (n,)
        The fifth with the smallest half-light radius, at least 5.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        size = raw["r50"] / psf_r50_px
        bright = raw["flux"] > STAR_SNR * raw["flux_err"]
        bright &= ~raw["blended"] & ~raw["truncated"] & (raw["invalid"] < 0.5) & (raw["hole"] < 0.5)
        stars = bright & (size > _STAR_SIZE[0]) & (size < _STAR_SIZE[1])
    if np.count_nonzero(stars) > _MOST_STARS:
        brightness = np.where(stars, raw["flux"], -np.inf)
        stars &= brightness >= np.partition(brightness, -_MOST_STARS)[-_MOST_STARS]
    smallest = np.zeros(len(stars), bool)
    order = np.flatnonzero(bright & np.isfinite(raw["r50"]))
    order = order[np.argsort(raw["r50"][order], kind="stable")]
    smallest[order[: max(FEWEST_STARS, len(order) // 5)]] = True
    return np.asarray(stars, dtype=bool), smallest


def corrections(
    point: PointGrowth,
    unit: float,
    radius: Array,
    r50: Array,
    r80: Array,
    snr: Array,
    isolated: npt.NDArray[np.bool_],
) -> Array:
    """Return by how much the flux inside apertures must be multiplied to be all of the light.

    Two families of sources, seen through the frame's PSF, bracket what there is: exponential discs and
    Gaussians, from points to 1.4 times `unit` / 0.4 in half-light radius. In each the member that has the
    half-light radius measured, cut by the aperture as the source is, says how much lies beyond; r80 / r50
    decides between them where S/N allows, else the disc.

    Parameters
    ----------
    point : PointGrowth
        The frame's.
    unit : float
        Outermost radius of the growth curves, arcsec.
    radius : float64, shape (n,)
        Root of the product of the aperture's semi-axes, arcsec.
    r50, r80 : float64, shape (n,)
        Radii of circles that hold those shares of the light in the aperture, arcsec; NaN where unknown.
    snr : float64, shape (n,)
        Signal to noise in the aperture.
    isolated : bool, shape (n,)
        Whether the radii are the source's alone; the others are given what a point would miss and no more.

    Returns
    -------
    float64, shape (n,)
        1 to 1.6; 1 where r50 or r80 is unknown.
    """
    scale = unit / 0.4
    grid = np.geomspace(0.008, 4.0, 120) * scale
    known = np.isfinite(r50) & np.isfinite(r80) & np.isfinite(radius) & (radius > 0)
    reach, half = np.where(known, radius, scale)[:, None], np.where(known, r50, 0.1 * scale)
    answers = []
    for transform in (_disc, _normal):
        tables = _growth_tables(point, grid, scale, transform)
        answers.append(_outside(tables, grid, reach[:, 0], half))
    (disc, disc_ratio), (normal, normal_ratio) = answers
    measured = np.where(known, r80, half) / half
    spread = np.where(disc_ratio - normal_ratio > 0.02, disc_ratio - normal_ratio, np.inf)
    like_disc = np.clip((measured - normal_ratio) / spread, 0.0, 1.0)
    like_disc = np.where(np.isfinite(spread), like_disc, 1.0)
    weight = 1.0 / (1.0 + (np.maximum(snr, 0.0) / _SHAPE_SNR) ** 2)
    like_disc = like_disc * (1 - weight) + weight
    factor = like_disc * disc + (1 - like_disc) * normal
    as_point = 1.0 / np.interp(reach[:, 0], point.radii, point.share)
    factor = np.where(isolated, factor, np.minimum(factor, as_point))
    return np.where(known, np.clip(factor, 1.0, MOST), 1.0)


def total_error(flux: Array, flux_err: Array, factor: Array) -> Array:
    """Return the error of a total flux, in the unit of the fluxes given.

    The error in the aperture, times the factor and `correction_error`, and in quadrature 6 % of the light
    that was added (from the pulls of injected points and discs with S/N above 80).

    Parameters
    ----------
    flux, flux_err : float64, shape (n,)
        In the aperture, of one unit.
    factor : float64, shape (n,)
        From `corrections`.
    """
    return np.hypot(flux_err * factor * correction_error(factor), MODEL_ERROR * (factor - 1.0) * flux)


def correction_error(factor: Array) -> Array:
    """Return by how much the error of a flux grows with its correction; no unit, shape (n,) as given.

    A larger correction comes from a smaller aperture, whose size the noise decides: three times what was
    added, in quadrature (from the pulls of injected points and discs), and at most 0.75.
    """
    return np.sqrt(1.0 + np.minimum(3.0 * (1.0 - 1.0 / factor), 0.75) ** 2)


def _disc(k: Array, half: float) -> Array:
    """Transform of an exponential disc: (1 + (2 pi k h) ** 2) ** -1.5."""
    return (1.0 + (2 * math.pi * k * half / _HALF_DISC) ** 2) ** -1.5


def _normal(k: Array, half: float) -> Array:
    """Transform of a Gaussian of that half-light radius."""
    return np.exp(-2.0 * (math.pi * k * half / _HALF_NORMAL) ** 2)


def _growth_tables(
    point: PointGrowth, grid: Array, scale: float, transform: Callable[[Array, float], Array]
) -> Array:
    """Return the share of light inside each radius of a grid, (sizes, radii), through the PSF.

    F(R) = 2 pi R times the integral of f(k) J1(2 pi k R) dk, with f the product of the transforms of source
    and PSF (Bracewell 1999, the Hankel transform); the PSF is a sum of thin rings.
    """
    smooth = PchipInterpolator(point.radii, point.share)
    edges = np.concatenate([np.zeros(1), np.geomspace(0.004 * scale, float(point.radii[-1]), 160)])
    light = np.diff(smooth(edges))
    middle = np.sqrt((edges[1:] ** 2 + edges[:-1] ** 2) / 2)
    k: Array = (np.arange(900, dtype=np.float64) + 0.5) * (0.03 / scale)
    psf = light @ j0(2 * math.pi * np.outer(middle, k))
    kernel = 2 * math.pi * grid[:, None] * j1(2 * math.pi * np.outer(grid, k)) * (k[1] - k[0])
    rows = [np.asarray(smooth(np.minimum(grid, point.radii[-1])), dtype=float)]
    for size in _SIZES[1:]:
        shares: Array = kernel @ (psf * transform(k, size * scale))
        rows.append(np.maximum.accumulate(np.clip(shares, 1e-6, 1.0)))
    return np.array(rows)


def _outside(tables: Array, grid: Array, reach: Array, half: Array) -> tuple[Array, Array]:
    """Return 1 / (share inside the aperture) and r80 / r50 of the model source with the r50 measured."""
    inside = np.array([np.interp(reach, grid, row) for row in tables])
    log_grid = np.log(grid)
    r50s, r80s = (
        np.exp([
            np.interp(part * share, row, log_grid) for row, share in zip(tables, inside, strict=True)
        ])
        for part in (0.5, 0.8)
    )  # fmt: skip
    r50s = np.maximum.accumulate(r50s, axis=0)
    # The first model as large as the source; smaller sources are points, larger ones the largest model.
    upper = np.clip((r50s < half).sum(axis=0), 1, len(tables) - 1)
    here = np.arange(len(half))
    low, high = r50s[upper - 1, here], r50s[upper, here]
    share = np.clip(np.divide(half - low, high - low, out=np.zeros_like(half), where=high > low), 0.0, 1.0)
    missing = 1 / inside[upper - 1, here] * (1 - share) + 1 / inside[upper, here] * share
    ratios = r80s / r50s
    return missing, ratios[upper - 1, here] * (1 - share) + ratios[upper, here] * share
