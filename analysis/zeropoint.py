"""What one unit of a pixel is worth in nJy: from BUNIT, PHOTFNU or a given zero point."""

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from astropy import units

AB_ZERO_NJY: Final = 31.4
"""AB magnitude of 1 nJy: 8.9 + 2.5 * 9 (Oke & Gunn 1983, 3631 Jy rounded as the JWST documentation does)."""
UNKNOWN_UNIT: Final = "image unit"
"""`flux_unit` of a frame that records no unit at all."""

# Spellings of survey mosaics that astropy's unit parser does not take.
_SPELLINGS: Final = (
    (re.compile(r"nano\s*jansky|nanojy", re.IGNORECASE), "nJy"),
    (re.compile(r"micro\s*jansky|microjy|\u00b5Jy|\u03bcJy|\bujy\b", re.IGNORECASE), "uJy"),
    (re.compile(r"milli\s*jansky", re.IGNORECASE), "mJy"),
    (re.compile(r"\bjansky\b", re.IGNORECASE), "Jy"),
    (re.compile(r"\bnjy\b", re.IGNORECASE), "nJy"),
    (re.compile(r"/\s*pix(el)?\b", re.IGNORECASE), ""),
)
_LEADING_NUMBER: Final = re.compile(r"^\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*\*?\s*(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class FluxScale:
    """The worth of a pixel value.

    Attributes
    ----------
    to_njy : float
        Multiply a pixel value by it to get nJy in that pixel; NaN where unknown.
    flux_unit : str
        "nJy" where `to_njy` is known, else the unit the image itself names, or "image unit".
    source : str
        Which keyword or value decided, in words.
    """

    to_njy: float
    flux_unit: str
    source: str


def flux_scale(
    header: Mapping[str, object], pixel_area_sr: float, zeropoint: float | None = None
) -> FluxScale:
    """Find what a pixel value is worth.

    The first that is there decides: the given zero point, BUNIT as a flux or a surface brightness, PHOTFNU. A
    count rate with PHOTMJSR alone stays unknown: in a mosaic of several detectors that keyword is the first
    input's only.

    Parameters
    ----------
    header : Mapping[str, object]
        Science header (with the primary's keywords beneath it); BUNIT, PHOTFNU, PIXAR_SR are read.
    pixel_area_sr : float
        Solid angle of a pixel from the WCS, steradians; used where PIXAR_SR is missing.
    zeropoint : float or None
        AB magnitude of one unit in one pixel, if the user gave it.

    Returns
    -------
    FluxScale
        F[nJy] = value * 1e15 * PIXAR_SR for MJy/sr (JWST documentation, "Absolute Flux Calibration").
    """
    bunit = str(header.get("BUNIT") or "").strip()
    if zeropoint is not None and math.isfinite(zeropoint):
        return FluxScale(
            10.0 ** (0.4 * (AB_ZERO_NJY - zeropoint)), "nJy", f"zero point {zeropoint:g} AB as given"
        )
    area = _positive(header.get("PIXAR_SR"))
    scale = _from_bunit(bunit, pixel_area_sr if math.isnan(area) else area)
    if not math.isnan(scale):
        return FluxScale(scale, "nJy", f"BUNIT {bunit}")
    photfnu = _positive(header.get("PHOTFNU"))
    if not math.isnan(photfnu):
        return FluxScale(photfnu * 1e9, "nJy", f"PHOTFNU {photfnu:g} Jy per unit")
    if bunit:
        return FluxScale(math.nan, bunit, f"BUNIT {bunit} is no flux; give a zero point to have nJy")
    return FluxScale(math.nan, UNKNOWN_UNIT, "BUNIT is not recorded; give a zero point to have nJy")


def _from_bunit(bunit: str, pixel_area_sr: float) -> float:
    """Return nJy per pixel and unit for a BUNIT that is a flux or a surface brightness, else NaN."""
    text = bunit
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    number = _LEADING_NUMBER.match(text)
    try:
        factor = float(number.group(1)) if number else 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)
            unit = units.Unit(_LEADING_NUMBER.sub("", text).strip(), parse_strict="raise")
        if unit.is_equivalent(units.nJy):
            return factor * float(unit.to(units.nJy))
        if unit.is_equivalent(units.nJy / units.sr):
            return factor * float(unit.to(units.nJy / units.sr)) * pixel_area_sr
    except (ValueError, TypeError):
        return math.nan
    return math.nan


def _positive(value: object) -> float:
    """Return a header value as a finite positive float, else NaN."""
    try:
        number = float(str(value))
    except ValueError:
        return math.nan
    return number if math.isfinite(number) and number > 0 else math.nan
