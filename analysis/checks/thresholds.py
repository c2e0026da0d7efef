"""Check 4: whether other detection thresholds, kernels and deblending find it too, at the same place."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sep

from analysis.checks.finding import Finding, Outcome, Value
from analysis.checks.subject import Subject, band
from analysis.checks.surroundings import View
from analysis.detection import MIN_AREA, NOMINAL, smooth, smoothing_kernel

FloatArray = npt.NDArray[np.float32]

NAME: Final = "thresholds"
VERSION: Final = "1"
FACTORS: Final = (0.7, 1.0, 1.5, 2.0, 3.0)
"""Times the threshold of the frame."""
KERNELS: Final = {"none": 0.0, "PSF": 1.0, "1.5 PSF": 1.5}
"""Smoothing before detection, in widths of the pipeline's own kernel."""
CONTRASTS: Final = (1e-4, 1e-3, 5e-3)
JUDGED_UP_TO: Final = 2.0
LEAST_SHARE: Final = 0.8
MOST_SCATTER_PX: Final = 0.5
KRON_SHARE: Final = 0.15
"""Large objects may scatter by this share of their Kron radius."""
LEAST_HALF: Final = 64
MOST_HALF: Final = 160
PIXSTACK: Final = 100_000
"""SEP clears its pixel stack in every call, 17 ns a pixel: a stack for whole frames costs 0.2 s a recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of detecting, and what it found: nothing, or a place (px of the window) and a Kron flux."""

    factor: float
    kernel: str
    contrast: float
    found: bool
    x: float = math.nan
    y: float = math.nan
    flux: float = math.nan


def check(subject: Subject) -> Finding:
    """Detect the neighbourhood again with 45 recipes: five thresholds, three kernels, three contrasts.

    Passes where at least 80 per cent of the recipes up to twice the threshold find it, with the centroid
    scattering by less than 0.5 px, or 15 per cent of the Kron radius. Fails where fewer than half do.

    Parameters
    ----------
    subject : Subject
        Its best frame is used.

    Returns
    -------
    Finding
    """
    main = subject.main
    if main is None:
        return Finding(NAME, "inconclusive", "no frame covers it", "no frame has valid pixels at the place")
    view = subject.views[main]
    recipes = detect_again(view, subject.detection_threshold, subject.place.r_kron_arcsec)
    judged = [recipe for recipe in recipes if recipe.factor <= JUDGED_UP_TO]
    share = sum(recipe.found for recipe in judged) / len(judged)
    found = [recipe for recipe in recipes if recipe.found]
    scatter = _scatter(found)
    flux_scatter = _relative_scatter([recipe.flux for recipe in found])
    kron = subject.place.r_kron_arcsec / view.scale if math.isfinite(subject.place.r_kron_arcsec) else 0.0
    most = max(MOST_SCATTER_PX, KRON_SHARE * kron)
    outcome, reason = _judge(share, scatter, most)
    number = f"found in {len(found)} of {len(recipes)} recipes"
    ranking = subject.place.ranking
    values = (
        Value("recipes that find it", float(len(found)), f"of {len(recipes)}"),
        Value(f"share up to {JUDGED_UP_TO:g} times the threshold", share,
              threshold=f"at least {LEAST_SHARE}", source="docs/checks.md"),
        Value("centroid scatter", scatter, "px", threshold=f"at most {most:.2f}", source="docs/checks.md"),
        Value("flux scatter", 100 * flux_scatter, "%"),
        Value("threshold of the frame", base_threshold(view, subject.detection_threshold), "σ per pixel"),
        Value("rank", float(subject.place.rank) if subject.place.rank else math.nan),
        Value("rank over seeds", _rank_words(ranking), source="the ranking, population drawn anew"),
    )  # fmt: skip
    asked = (f"{band(view)}, {view.facts.frame}: {2 * _half(kron)} px around the place",)
    return Finding(
        NAME, outcome, number,
        f"{reason}; centroid scatter {scatter:.2f} px, flux scatter {100 * flux_scatter:.0f} %",
        values, asked, _rows(recipes), _figure(recipes),
    )  # fmt: skip


def base_threshold(view: View, detection_threshold: float) -> float:
    """Return the frame's own threshold, sigmas per pixel of the smoothed image."""
    k = view.facts.threshold_k if math.isfinite(view.facts.threshold_k) else 1.5
    return k * detection_threshold / NOMINAL


def detect_again(view: View, detection_threshold: float, r_kron_arcsec: float) -> list[Recipe]:
    """Return what each recipe finds at a view's place.

    Thresholds are in units of the noise per pixel; with another kernel than the pipeline's they are scaled by
    the ratio of the smoothed images' own noise, so that all are as strict.
    """
    window = view.window
    assert window is not None
    kron = r_kron_arcsec / view.scale if math.isfinite(r_kron_arcsec) else 0.0
    half = _half(kron)
    row, column = round(view.row), round(view.column)
    y0, x0 = max(row - half, 0), max(column - half, 0)
    box = np.s_[y0 : row + half + 1, x0 : column + half + 1]
    data, sigma = (np.ascontiguousarray(a[box]) for a in (window.data, window.sigma))
    bad = np.ascontiguousarray(window.outside[box])
    place = (view.column - x0, view.row - y0)
    base = base_threshold(view, detection_threshold)
    reach = max(3.0, 0.7 * kron)
    images = {name: _smoothed(data, view, width) for name, width in KERNELS.items()}
    sky = ~view.taken[box]
    noises = {name: _noise(image / sigma, sky) for name, image in images.items()}
    sep.set_extract_pixstack(PIXSTACK)
    sep.set_sub_object_limit(2048)
    found = []
    for name, image in images.items():
        scale = noises[name] / noises["PSF"] if noises["PSF"] > 0 and noises[name] > 0 else 1.0
        for factor in FACTORS:
            for contrast in CONTRASTS:
                objects, segments = _extract(image, sigma, bad, base * factor * scale, contrast)
                found.append(_recipe(factor, name, contrast, objects, segments, data, place, reach))
    return found


def _half(kron_px: float) -> int:
    """Return half the side of the neighbourhood, px."""
    return int(np.clip(3 * kron_px, LEAST_HALF, MOST_HALF))


def _smoothed(data: FloatArray, view: View, width: float) -> FloatArray:
    """Return the data smoothed by so many of the pipeline's kernels; 0 leaves it as it is."""
    if width == 0:
        return data
    kernel = smoothing_kernel(view.facts.fwhm / view.scale)
    if width > 1:
        fwhm = (
            float(np.clip(view.facts.fwhm / view.scale, 2.0, 3.5)) if math.isfinite(view.facts.fwhm) else 2.5
        )
        reach = math.ceil(1.5 * fwhm * width)
        axis = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 2.3548 / (fwhm * width)) ** 2)
        kernel = (axis / axis.sum()).astype(np.float32)
    return smooth(data, kernel)


def _noise(normal: FloatArray, sky: npt.NDArray[np.bool_]) -> float:
    """Return the robust scatter of the sky; 1 where too little of it is left."""
    values = normal[sky]
    if values.size < 200:
        return 1.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _extract(
    image: FloatArray, sigma: FloatArray, bad: npt.NDArray[np.bool_], threshold: float, contrast: float
) -> tuple[Any, npt.NDArray[np.int32]]:
    """Run SEP; a window too full for its limits gives nothing, as for a pipeline that gives up."""
    try:
        objects, segments = sep.extract(
            image, threshold, err=sigma, mask=bad, minarea=MIN_AREA, filter_kernel=None,
            deblend_nthresh=32, deblend_cont=contrast, clean=False, segmentation_map=True,
        )  # fmt: skip
    except Exception as error:  # SEP raises plain Exception
        if "overflow" not in str(error).lower() and "full" not in str(error):
            raise
        return np.zeros(0), np.zeros(image.shape, np.int32)
    return objects, segments


def _recipe(
    factor: float,
    kernel: str,
    contrast: float,
    objects: Any,
    segments: npt.NDArray[np.int32],
    data: FloatArray,
    place: tuple[float, float],
    reach: float,
) -> Recipe:
    """Return the detection at the place: the segment under it, else the nearest peak within reach."""
    nothing = Recipe(factor, kernel, contrast, found=False)
    if not len(objects):
        return nothing
    column = int(np.clip(round(place[0]), 0, segments.shape[1] - 1))
    row = int(np.clip(round(place[1]), 0, segments.shape[0] - 1))
    number = int(segments[row, column]) - 1
    if number < 0:
        distance = np.hypot(objects["x"] - place[0], objects["y"] - place[1])
        number = int(distance.argmin())
        if distance[number] > reach:
            return nothing
    one = objects[number : number + 1]
    return Recipe(
        factor, kernel, contrast, True, float(one["x"][0]), float(one["y"][0]), _kron_flux(data, one)
    )


def _kron_flux(data: FloatArray, one: Any) -> float:
    """Return the light in 2.5 Kron radii (Kron 1980), NaN where the ellipse is none."""
    x, y, a, b, theta = (one[name].astype(float) for name in ("x", "y", "a", "b", "theta"))
    a, b = np.maximum(a, 0.7), np.maximum(b, 0.7)
    theta = np.clip(theta, -math.pi / 2, math.pi / 2)
    radius, _ = sep.kron_radius(data, x, y, a, b, theta, 6.0)
    scale = 2.5 * float(np.clip(radius[0], 1.4, 6.0))
    flux, _, _ = sep.sum_ellipse(data, x, y, a, b, theta, scale, subpix=3)
    return float(flux[0])


def _scatter(found: list[Recipe]) -> float:
    """Return the robust scatter of the centroids, px: 1.4826 median absolute deviations, axes added."""
    if len(found) < 2:
        return math.nan
    x, y = np.array([r.x for r in found]), np.array([r.y for r in found])
    spread = [1.4826 * float(np.median(np.abs(v - np.median(v)))) for v in (x, y)]
    return math.hypot(*spread)


def _relative_scatter(fluxes: list[float]) -> float:
    """Return the robust scatter of fluxes over their median."""
    values = np.array([flux for flux in fluxes if math.isfinite(flux)])
    if values.size < 2:
        return math.nan
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return spread / middle if middle > 0 else math.nan


def _judge(share: float, scatter: float, most: float) -> tuple[Outcome, str]:
    """Return outcome and reason."""
    words = f"{share:.0%} of the recipes up to {JUDGED_UP_TO:g} times the threshold find it"
    if share < 0.5:
        return "fail", words
    if share < LEAST_SHARE:
        return "inconclusive", f"{words}: not firmly above the threshold"
    if not scatter <= most:
        return "inconclusive", f"{words}, but at places {scatter:.2f} px apart"
    return "pass", words


def _rank_words(ranking: Any) -> str:
    """Return the interval of ranks over seeds."""
    low, high, times = (ranking.get(name) for name in ("rank_low", "rank_high", "bootstraps"))
    if low is None or high is None:
        return "not computed for this rank"
    return f"{low} to {high} over {times} seeds"


def _rows(recipes: list[Recipe]) -> tuple[tuple[str, ...], ...]:
    """Return found and not found: kernels and contrasts down, thresholds across."""
    rows: list[tuple[str, ...]] = [("kernel", "contrast", *(f"{factor:g} ×" for factor in FACTORS))]
    for kernel in KERNELS:
        for contrast in CONTRASTS:
            marks = [
                "found" if r.found else "–" for r in recipes if (r.kernel, r.contrast) == (kernel, contrast)
            ]
            rows.append((kernel, f"{contrast:g}", *marks))
    return tuple(rows)


def _figure(recipes: list[Recipe]) -> dict[str, Any]:
    """Return the grid of found and not found, in the order of the recipes."""
    return {
        "kind": "grid",
        "columns": [f"{factor:g}×" for factor in FACTORS],
        "rows": [[kernel, contrast] for kernel in KERNELS for contrast in CONTRASTS],
        "found": [
            [r.found for r in recipes if (r.kernel, r.contrast) == (kernel, contrast)]
            for kernel in KERNELS
            for contrast in CONTRASTS
        ],
    }
