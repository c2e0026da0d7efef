"""Check 5: whether independent methods of detection find it, and independent views of the ranking agree."""

import math
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.checks.finding import Finding, Outcome, Value
from analysis.checks.subject import Subject, band
from analysis.checks.surroundings import View
from analysis.detection import smooth, smoothing_kernel

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

NAME: Final = "methods"
VERSION: Final = "2"
LEAST_METHODS: Final = 2
LEAST_VIEWS: Final = 2
TOP_SHARE: Final = 0.05
FLUX_AGREES: Final = 0.1
LEAST_REACH_ARCSEC: Final = 0.1
SIGMAS: Final = 1.5
"""Threshold of the methods per pixel of the smoothed image, in the noise of that image times two."""
_HALF: Final = (48, 128)
_BINARIES: Final = ("source-extractor", "sex")
_EXTRACTOR_SECONDS: Final = 20.0
_LEVELS, _CONTRAST = 16, 0.005
_LEAST_ROOM: Final = 10
_BAD_FLAG: Final = 2
"""statmorph's flag of a measurement that is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Method:
    """What one method says: whether it could be asked, whether it finds the source, how far away, its flux.

    `state` is "found", "not found" or the reason why it was not asked; `flux_ratio` is its flux over ours.
    """

    name: str
    state: str
    offset_arcsec: float = math.nan
    flux_ratio: float = math.nan
    detail: str = ""

    @property
    def asked(self) -> bool:
        """Whether it gave an answer."""
        return self.state in {"found", "not found"}


@dataclass(frozen=True, eq=False)
class Cutout:
    """A square of a view ready for any method: data over zero sky, noise, holes, the place in it, px."""

    data: FloatArray
    sigma: FloatArray
    bad: BoolArray
    x: float
    y: float
    scale: float
    reach: float
    fwhm_px: float
    noise: float


def check(subject: Subject) -> Finding:
    """Ask other methods for the source, and the views of the ranking whether it is unusual.

    Passes where two methods find it within the larger of 0.1 arcsec and its half-light radius, and two views
    place it in their top 5 per cent. Fails where fewer than two of the methods asked find it.

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
    cutout = cut(view, subject.place.r_kron_arcsec, subject.place.r50_arcsec)
    radius = _radius(cutout, subject.place.r_kron_arcsec)
    ours = _own_flux(cutout, radius)
    methods = [
        by_segmentation(cutout, ours, radius), by_dao(cutout), by_source_extractor(cutout),
        by_statmorph(cutout), *pipeline_methods(subject, view.scale),
    ]  # fmt: skip
    places = {k: v for k, v in subject.place.ranking.get("places", {}).items() if math.isfinite(v)}
    outcome, reason = _judge(methods, places)
    found = sum(method.state == "found" for method in methods)
    asked = sum(method.asked for method in methods)
    top = sum(value >= 1 - TOP_SHARE for value in places.values())
    number = (
        f"{found} of {asked} methods, {top} of {len(places)} views"
        if places
        else f"{found} of {asked} methods"
    )
    values = (
        Value("methods of detection that find it", float(found), f"of {asked} asked",
              threshold=f"{LEAST_METHODS} or more"),
        Value("views with it in their top 5 %", float(top) if places else math.nan,
              f"of {len(places)}" if places else "", threshold=f"{LEAST_VIEWS} or more"),
        *(Value(f"{name}: share of the population less odd", value, threshold=f"top: {1 - TOP_SHARE}")
          for name, value in sorted(places.items())),
    )  # fmt: skip
    silent = tuple(f"{m.name}: {m.state}" for m in methods if not m.asked)
    lines = (f"{band(view)}, {view.facts.frame}: {cutout.data.shape[1]} px around the place", *silent)
    if not places:
        lines = (*lines, "views of the ranking: too few objects to compare, or not ranked")
    return Finding(NAME, outcome, number, reason, values, lines, _rows(methods), _figure(methods, places))


def cut(view: View, r_kron_arcsec: float, r50_arcsec: float) -> Cutout:
    """Cut the square that methods work on: three Kron radii, between 48 and 128 px to each side."""
    window = view.window
    assert window is not None
    kron = r_kron_arcsec / view.scale if math.isfinite(r_kron_arcsec) else 0.0
    half = int(np.clip(3 * kron, *_HALF))
    row, column = round(view.row), round(view.column)
    y0, x0 = max(row - half, 0), max(column - half, 0)
    box = np.s_[y0 : row + half + 1, x0 : column + half + 1]
    fwhm = view.facts.fwhm / view.scale if math.isfinite(view.facts.fwhm) else 2.5
    data, sigma = window.data[box], window.sigma[box]
    sky = (smooth(np.ascontiguousarray(window.data), smoothing_kernel(fwhm)) / window.sigma)[~view.taken]
    noise = 1.4826 * float(np.median(np.abs(sky))) if sky.size > 200 else 0.5
    reach = max(LEAST_REACH_ARCSEC, r50_arcsec if math.isfinite(r50_arcsec) else 0.0) / view.scale
    return Cutout(
        np.ascontiguousarray(data, np.float32), np.ascontiguousarray(sigma, np.float32),
        np.ascontiguousarray(window.outside[box]), view.column - x0, view.row - y0, view.scale,
        max(reach, 1.5), fwhm, noise,
    )  # fmt: skip


def _radius(cutout: Cutout, r_kron_arcsec: float) -> float:
    """Return the Kron radius, px, at least 2 and no more than the cutout holds."""
    radius = r_kron_arcsec / cutout.scale if math.isfinite(r_kron_arcsec) else 5.0
    return float(np.clip(radius, 2.0, min(cutout.data.shape) / 2))


def _own_flux(cutout: Cutout, radius: float) -> float:
    """Return the light in a circle about the place, image units, by SEP."""
    import sep

    return float(sep.sum_circle(cutout.data, [cutout.x], [cutout.y], radius, subpix=5)[0][0])


def by_segmentation(cutout: Cutout, ours: float, radius: float) -> Method:
    """Segment with photutils: connected pixels of the smoothed image, and the light around them.

    Blends are not taken apart (that needs scikit-image): the centroid is that of the segment within reach.
    """
    from photutils.aperture import CircularAperture, aperture_photometry
    from photutils.centroids import centroid_com
    from photutils.segmentation import detect_sources

    name = "photutils segmentation"
    image = smooth(cutout.data, smoothing_kernel(cutout.fwhm_px))
    threshold = 2 * SIGMAS * cutout.noise * cutout.sigma
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segments = detect_sources(image, threshold, n_pixels=5, mask=cutout.bad)
        if segments is None:
            return Method(name, "not found")
    inside = _within(segments.data > 0, cutout)
    if not inside.any():
        return Method(name, "not found")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = centroid_com(np.where(inside, np.maximum(image, 0), 0))
        circle = CircularAperture((x, y), r=radius)
        flux = float(aperture_photometry(np.where(cutout.bad, 0, cutout.data), circle)["aperture_sum"][0])
    ratio = flux / ours if ours > 0 else math.nan
    agrees = f"flux agrees to {FLUX_AGREES:.0%}" if abs(ratio - 1) <= FLUX_AGREES else "flux differs"
    return Method(name, "found", math.hypot(x - cutout.x, y - cutout.y) * cutout.scale, ratio, agrees)


def _within(mask: BoolArray, cutout: Cutout) -> BoolArray:
    """Return the part of a mask within reach of the place."""
    rows, columns = np.indices(mask.shape)
    near: BoolArray = np.hypot(rows - cutout.y, columns - cutout.x) <= max(cutout.reach, 2.0)
    return mask & near


def by_dao(cutout: Cutout) -> Method:
    """Look for a peak of the PSF's width (Stetson 1987, photutils), shapes of all kinds let through."""
    from photutils.detection import DAOStarFinder

    name = "DAOFind"
    data = np.where(cutout.bad, 0.0, cutout.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finder = DAOStarFinder(
            threshold=4 * cutout.noise * float(np.median(cutout.sigma)), fwhm=max(cutout.fwhm_px, 1.5),
            sharpness_range=(-10.0, 10.0), roundness_range=(-10.0, 10.0),
        )  # fmt: skip
        found = finder(data, mask=cutout.bad)
    if found is None or not len(found):
        return Method(name, "not found")
    x, y = (np.asarray(found[f"{axis}_centroid"], float) for axis in "xy")
    distance = float(np.hypot(x - cutout.x, y - cutout.y).min())
    state = "found" if distance <= cutout.reach + 1 else "not found"
    return Method(name, state, distance * cutout.scale if state == "found" else math.nan)


def by_source_extractor(cutout: Cutout) -> Method:
    """Run SExtractor (Bertin & Arnouts 1996) where it is installed, on the cutout with its noise map."""
    name = "source-extractor"
    binary = next((path for word in _BINARIES if (path := shutil.which(word))), None)
    if binary is None:
        return Method(name, "not installed")
    with tempfile.TemporaryDirectory() as folder:
        try:
            table = _run_extractor(binary, Path(folder), cutout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return Method(name, f"no answer ({type(error).__name__})")
    if not len(table):
        return Method(name, "not found")
    distance = float(np.hypot(table[:, 0] - 1 - cutout.x, table[:, 1] - 1 - cutout.y).min())
    state = "found" if distance <= cutout.reach + 1 else "not found"
    return Method(name, state, distance * cutout.scale if state == "found" else math.nan)


def _run_extractor(binary: str, folder: Path, cutout: Cutout) -> npt.NDArray[np.float64]:
    """Return x and y (1-based) of SExtractor's sources."""
    from astropy.io import fits

    fits.PrimaryHDU(cutout.data).writeto(folder / "image.fits")
    fits.PrimaryHDU(cutout.sigma).writeto(folder / "rms.fits")
    (folder / "default.param").write_text("X_IMAGE\nY_IMAGE\nFLUX_AUTO\n")
    kernel = np.outer(*(smoothing_kernel(cutout.fwhm_px),) * 2)
    lines = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in kernel)
    (folder / "default.conv").write_text(f"CONV NORM\n# Gaussian\n{lines}\n")
    (folder / "default.sex").write_text("")
    words = {
        "CATALOG_NAME": "out.cat", "CATALOG_TYPE": "ASCII", "PARAMETERS_NAME": "default.param",
        "FILTER_NAME": "default.conv", "DETECT_MINAREA": "5",
        "DETECT_THRESH": f"{2 * SIGMAS * cutout.noise:.3f}",
        "WEIGHT_TYPE": "MAP_RMS", "WEIGHT_IMAGE": "rms.fits", "BACK_TYPE": "MANUAL", "BACK_VALUE": "0.0",
        "CLEAN": "N", "DEBLEND_MINCONT": "0.001", "VERBOSE_TYPE": "QUIET",
    }  # fmt: skip
    options = [part for key, value in words.items() for part in (f"-{key}", value)]
    subprocess.run(
        [binary, "image.fits", "-c", "default.sex", *options], cwd=folder, check=True, capture_output=True,
        timeout=_EXTRACTOR_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty catalogue
        return np.atleast_2d(np.loadtxt(folder / "out.cat", ndmin=2))


def by_statmorph(cutout: Cutout) -> Method:
    """Say what statmorph (Rodriguez-Gomez et al. 2019) makes of the shape, where it is installed.

    It brings scikit-image, so that photutils can take blends apart: the part that holds the place is
    measured, in a box of its own size on each side of it. Found: the part's centroid is within reach.
    """
    name = "statmorph"
    try:
        import statmorph
    except ImportError:
        return Method(name, "not installed (pip install 'jwst-vet[morphology]')")
    from photutils.segmentation import SegmentationImage

    part = _part_at(cutout)
    if part is None:
        return Method(name, "not found")
    box = _around(part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape = statmorph.SourceMorphology(
            cutout.data[box].astype(float), SegmentationImage(part[box].astype(int)), 1,
            weightmap=cutout.sigma[box].astype(float), mask=cutout.bad[box],
        )  # fmt: skip
    x, y = shape.xc_centroid + box[1].start, shape.yc_centroid + box[0].start
    distance = math.hypot(x - cutout.x, y - cutout.y)
    words = f"flag {shape.flag}, C {shape.concentration:.2f}, A {shape.asymmetry:.2f}, Gini {shape.gini:.2f}"
    state = "found" if shape.flag < _BAD_FLAG and distance <= cutout.reach + 1 else "not found"
    return Method(name, state, distance * cutout.scale if state == "found" else math.nan, math.nan, words)


def _part_at(cutout: Cutout) -> BoolArray | None:
    """Return the pixels of the segment at the place, blends taken apart; None where there is none."""
    from photutils.segmentation import deblend_sources, detect_sources

    image = smooth(cutout.data, smoothing_kernel(cutout.fwhm_px))
    row, column = _nearest(cutout.y, image.shape[0]), _nearest(cutout.x, image.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segments = detect_sources(
            image, 2 * SIGMAS * cutout.noise * cutout.sigma, n_pixels=5, mask=cutout.bad
        )
        if segments is None or not segments.data[row, column]:
            return None
        label = int(segments.data[row, column])
        parts = deblend_sources(
            image, segments, n_pixels=5, labels=label, n_levels=_LEVELS, contrast=_CONTRAST,
            progress_bar=False,
        )  # fmt: skip
    part: BoolArray = parts.data == parts.data[row, column]
    return part


def _around(part: BoolArray) -> tuple[slice, slice]:
    """Return the box of a segment with its own size on each side, inside the image."""
    box = []
    for axis, length in enumerate(part.shape):
        filled = np.flatnonzero(part.any(axis=1 - axis))
        low, high = int(filled[0]), int(filled[-1]) + 1
        room = max(high - low, _LEAST_ROOM)
        box.append(slice(max(low - room, 0), min(high + room, length)))
    return box[0], box[1]


def pipeline_methods(subject: Subject, scale: float) -> list[Method]:
    """Return what the pipeline's own catalogues and segmentation maps say, where they were fetched."""
    reach = max(LEAST_REACH_ARCSEC, subject.place.r50_arcsec if subject.place.r50_arcsec > 0 else 0.0, scale)
    methods = []
    for companion in subject.companions:
        found = companion.separation_arcsec <= reach or companion.in_segment
        methods.append(
            Method(
                f"pipeline {companion.kind} of {companion.frame}",
                "found" if found else "not found",
                companion.separation_arcsec if found else math.nan,
                math.nan,
                companion.label,
            )
        )
    return methods


def _judge(methods: list[Method], places: dict[str, float]) -> tuple[Outcome, str]:
    """Return outcome and reason."""
    found = [method.name for method in methods if method.state == "found"]
    asked = [method for method in methods if method.asked]
    top = sorted(name for name, value in places.items() if value >= 1 - TOP_SHARE)
    if len(found) < LEAST_METHODS:
        names = ", ".join(method.name for method in asked if method.state != "found")
        return "fail", f"not found by {names}"
    words = f"found by {', '.join(found)}"
    if not places:
        return "inconclusive", f"{words}; the ranking's views could not be computed"
    if len(top) >= LEAST_VIEWS:
        return "pass", f"{words}; unusual to {', '.join(top)}"
    who = f"only {top[0]} has" if top else "no view of the ranking has"
    return "inconclusive", f"{words}, but {who} it in its top {TOP_SHARE:.0%}"


def _nearest(value: float, size: int) -> int:
    """Return the pixel nearest to a coordinate, inside the image."""
    return int(np.clip(round(value), 0, size - 1))


def _rows(methods: list[Method]) -> tuple[tuple[str, ...], ...]:
    """Return a row for each method."""
    rows: list[tuple[str, ...]] = [("method", "answer", "offset ″", "flux over ours", "remark")]
    for m in methods:
        offset = f"{m.offset_arcsec:.3f}" if math.isfinite(m.offset_arcsec) else "–"
        ratio = f"{m.flux_ratio:.2f}" if math.isfinite(m.flux_ratio) else "–"
        rows.append((m.name, m.state if m.asked else f"not asked: {m.state}", offset, ratio, m.detail or "–"))
    return tuple(rows)


def _figure(methods: list[Method], places: dict[str, float]) -> dict[str, Any]:
    """Return the strip of methods and the places in the views."""
    return {
        "kind": "strip",
        "methods": [[m.name, m.state if m.asked else "not asked"] for m in methods],
        "views": [[name, value] for name, value in sorted(places.items())],
    }
