"""The table of a frame's sources: raw measurements of its tiles in, named columns with units out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import artifacts, instruments
from analysis.artifacts import point_source
from analysis.i2d import Frame
from analysis.photometry import aperture_radii, magnitudes
from analysis.totals import (
    PointGrowth,
    choose_stars,
    correction_error,
    corrections,
    growth_radius,
    point_growth,
    total_error,
)

Array = npt.NDArray[np.float64]
Raw = Mapping[str, npt.NDArray[Any]]
COLUMNS: Final = (
    "source_id", "frame", "instrument", "filter", "forced", "x", "y", "ra", "dec", "flux", "flux_err",
    "flux_unit", "mag_ab", "mag_ab_err", "snr", "flux_ap1", "flux_ap1_err", "flux_ap2", "flux_ap2_err",
    "r_kron_arcsec", "r50_arcsec", "semimajor_arcsec", "semiminor_arcsec", "theta_deg", "ellipticity",
    "concentration", "asymmetry", "gini", "m20", "peak_ratio", "sharpness", "r50_psf_ratio", "n_peaks",
    "n_pixels", "exposures", "weight_ratio", "edge_distance_px", "artifact_probability", "flags",
    "invalid_reasons", "simulated", "kron_correction",
)  # fmt: skip
"""Columns of the table, in order."""
_TEXT: Final = ("source_id", "frame", "instrument", "filter", "flux_unit", "flags", "invalid_reasons")
_WHOLE: Final = ("n_peaks", "n_pixels", "exposures")
_TRUTH: Final = ("forced", "simulated")


def source_table(frame: Frame, name: str, parts: Sequence[Raw]) -> tuple[pd.DataFrame, PointGrowth | None]:
    """Join the tiles' sources into the table.

    Parameters
    ----------
    frame : Frame
        Open: its coordinates, unit and band are used.
    name : str
        The frame's name, the first part of every source_id.
    parts : sequence of mappings
        Raw columns of each tile, in frame pixels and image units; empty where a tile has no source.

    Returns
    -------
    sources : pandas.DataFrame
        Columns as in `COLUMNS`, rows in (y, x) order, fluxes in the frame's flux unit; NaN where not
        measurable.
    growth : PointGrowth or None
        How the light of point sources grows in this frame; None where that is unknown.
    """
    filled = [part for part in parts if part]
    if not filled:
        return _typed({column: np.empty(0) for column in COLUMNS}), None
    raw = {key: np.concatenate([part[key] for part in filled]) for key in filled[0]}
    order = np.lexsort((np.round(raw["x"], 3), np.round(raw["y"], 3)))
    raw = {key: value[order] for key, value in raw.items()}
    ra, dec = frame.sky(raw["x"], raw["y"])
    columns: dict[str, Any] = {
        "source_id": [f"{name}-{number}" for number in range(1, len(order) + 1)],
        "frame": name,
        "instrument": frame.instrument,
        "filter": frame.filter,
        "forced": False,
        "x": raw["x"],
        "y": raw["y"],
        "ra": ra,
        "dec": dec,
        "flux_unit": frame.flux_unit,
        "simulated": frame.simulated,
    }
    point = point_source(frame.filter, round(frame.pixel_scale, 5))
    correction, growth = _total(raw, frame, point[1])
    columns |= _light(raw, frame, correction)
    columns |= _shape(raw, frame.pixel_scale)
    columns |= _trust(raw, frame, columns["snr"])
    return _typed(columns), growth


def _total(raw: Raw, frame: Frame, psf_r50: float) -> tuple[Array, PointGrowth | None]:
    """Return what Kron fluxes are multiplied by to be all of the light, and the growth that says so."""
    fwhm = instruments.fwhm_arcsec(frame.instrument, frame.filter)
    unit = growth_radius(aperture_radii(fwhm)[1])
    growth = point_growth(frame.filter, raw["growth"], unit, *choose_stars(raw, psf_r50), fwhm)
    if growth is None:
        return np.ones(len(raw["flux"])), None
    scale = frame.pixel_scale
    snr = raw["flux"] / raw["flux_err"]
    factor = corrections(
        growth,
        unit,
        raw["kron_r"] * scale,
        raw["r50"] * scale,
        raw["r80"] * scale,
        snr,
        ~raw["blended"].astype(bool),
    )
    return factor, growth


def _light(raw: Raw, frame: Frame, correction: Array) -> dict[str, Any]:
    """Return fluxes in the frame's unit, and magnitudes where that is nJy."""
    known = math.isfinite(frame.to_njy)
    scale = frame.to_njy if known else 1.0
    flux = raw["flux"] * scale * correction
    flux_err = total_error(raw["flux"], raw["flux_err"], correction) * scale
    measured_err = raw["flux_err"] * correction_error(correction)
    unknown = np.full(len(flux), np.nan)
    mag, mag_err = magnitudes(flux, flux_err) if known else (unknown, unknown)
    bright = raw["flux"] > 0
    return {
        "flux": flux,
        "flux_err": flux_err,
        "mag_ab": mag,
        "mag_ab_err": mag_err,
        "snr": raw["flux"] / measured_err,
        "kron_correction": correction,
        "flux_ap1": raw["ap1"] * scale,
        "flux_ap1_err": raw["ap1_err"] * scale,
        "flux_ap2": raw["ap2"] * scale,
        "flux_ap2_err": raw["ap2_err"] * scale,
        "peak_ratio": np.where(bright, raw["peak"] / np.where(bright, raw["flux"], 1.0), np.nan),
    }


def _shape(raw: Raw, pixel_scale: float) -> dict[str, Any]:
    """Return sizes in arcsec, the angle in degrees, and the shapes as they are."""
    return {
        "r_kron_arcsec": raw["kron_a"] * pixel_scale,
        "r50_arcsec": raw["r50"] * pixel_scale,
        "semimajor_arcsec": raw["a"] * pixel_scale,
        "semiminor_arcsec": raw["b"] * pixel_scale,
        "theta_deg": np.degrees(raw["theta"]),
        "ellipticity": 1.0 - raw["b"] / raw["a"],
        "concentration": raw["concentration"],
        "asymmetry": raw["asymmetry"],
        "gini": raw["gini"],
        "m20": raw["m20"],
        "n_peaks": raw["n_peaks"],
        "n_pixels": raw["n_pixels"],
        "invalid_reasons": raw["reasons"],
    }


def _trust(raw: Raw, frame: Frame, snr: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the comparison with a point source, the surroundings, the flags and what they add up to."""
    psf_sharpness, psf_r50 = artifacts.point_source(frame.filter, round(frame.pixel_scale, 5))
    sharpness = raw["sharpness"] / psf_sharpness
    raised = artifacts.raise_flags(
        edge_distance=raw["edge_distance"],
        weight_ratio=raw["weight_ratio"],
        sharpness=sharpness,
        snr=snr,
        invalid=raw["invalid"],
        hole=raw["hole"],
        blended=raw["blended"],
        truncated=raw["truncated"],
    )
    return {
        "sharpness": sharpness,
        "r50_psf_ratio": raw["r50"] / psf_r50,
        "exposures": raw["exposures"],
        "weight_ratio": raw["weight_ratio"],
        "edge_distance_px": raw["edge_distance"],
        "artifact_probability": artifacts.artifact_probability(raised, sharpness, raw["exposures"]),
        "flags": artifacts.flags_text(raised),
    }


def _typed(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Make the table with the column order and types there always are."""
    table = pd.DataFrame(columns)[list(COLUMNS)]
    kinds = dict.fromkeys(COLUMNS, "float64") | dict.fromkeys(_TEXT, "object")
    kinds |= dict.fromkeys(_WHOLE, "int64") | dict.fromkeys(_TRUTH, "bool")
    return table.astype(kinds)
