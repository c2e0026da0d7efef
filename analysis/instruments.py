"""Filters of JWST's imagers: wavelengths, PSF widths, pixel scales, encircled energies, spike angles.

Facts only, each with where it comes from; no arrays and no files. Angles on the sky are arcseconds,
wavelengths micrometres. Instruments are spelt as INSTRUME spells them: "NIRCAM", "MIRI", "NIRISS".
"""

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "unknown"
"""What `band` answers where the header does not tell."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of one imager.

    Attributes
    ----------
    instrument, name : str
        As in INSTRUME and FILTER or PUPIL, upper case.
    pivot_um : float
        Pivot wavelength, micrometres (MIRI: nominal).
    fwhm_arcsec : float
        Full width at half maximum of a point source, arcsec: the optical width for NIRCam, the width
        convolved with the pixel for MIRI (measured) and NIRISS (undersampled below F380M).
    source : str
        Where the width comes from.
    """

    instrument: str
    name: str
    pivot_um: float
    fwhm_arcsec: float
    source: str


_NIRCAM_SOURCE: Final = "JDox simulated NIRCam PSFs, as tabulated by starbug2 (2023-06-08)"
_MIRI_SOURCE: Final = "jwst-docs, MIRI point spread functions, Table 1 (commissioning)"
_NIRISS_SOURCE: Final = "segmented-pupil model convolved with the 0.0656 arcsec pixel"

# fmt: off
_NIRCAM: Final = (
    ("F070W", 0.704, 0.023), ("F090W", 0.901, 0.030), ("F115W", 1.154, 0.037), ("F140M", 1.404, 0.046),
    ("F150W", 1.501, 0.049), ("F162M", 1.626, 0.053), ("F164N", 1.644, 0.054), ("F150W2", 1.671, 0.045),
    ("F182M", 1.845, 0.060), ("F187N", 1.874, 0.061), ("F200W", 1.990, 0.064), ("F210M", 2.093, 0.068),
    ("F212N", 2.120, 0.069), ("F250M", 2.503, 0.082), ("F277W", 2.786, 0.088), ("F300M", 2.996, 0.097),
    ("F322W2", 3.247, 0.096), ("F323N", 3.237, 0.106), ("F335M", 3.365, 0.109), ("F356W", 3.563, 0.114),
    ("F360M", 3.621, 0.118), ("F405N", 4.055, 0.132), ("F410M", 4.092, 0.133), ("F430M", 4.280, 0.139),
    ("F444W", 4.421, 0.140), ("F460M", 4.624, 0.151), ("F466N", 4.654, 0.152), ("F470N", 4.707, 0.154),
    ("F480M", 4.834, 0.157),
)
_MIRI: Final = (
    ("F560W", 5.6, 0.207), ("F770W", 7.7, 0.269), ("F1000W", 10.0, 0.328), ("F1130W", 11.3, 0.375),
    ("F1280W", 12.8, 0.420), ("F1500W", 15.0, 0.488), ("F1800W", 18.0, 0.591), ("F2100W", 21.0, 0.674),
    ("F2550W", 25.5, 0.803),
)
# F140M and F158M are interpolated between their neighbours in wavelength.
_NIRISS: Final = (
    ("F090W", 0.901, 0.074), ("F115W", 1.154, 0.072), ("F140M", 1.404, 0.073), ("F150W", 1.501, 0.074),
    ("F158M", 1.582, 0.075), ("F200W", 1.990, 0.080), ("F277W", 2.786, 0.101), ("F356W", 3.563, 0.128),
    ("F380M", 3.827, 0.135), ("F430M", 4.280, 0.150), ("F444W", 4.421, 0.153), ("F480M", 4.834, 0.167),
)
# fmt: on

FILTERS: Final[Mapping[tuple[str, str], Filter]] = {
    (instrument, name): Filter(instrument, name, pivot, fwhm, source)
    for instrument, source, rows in (
        ("NIRCAM", _NIRCAM_SOURCE, _NIRCAM),
        ("MIRI", _MIRI_SOURCE, _MIRI),
        ("NIRISS", _NIRISS_SOURCE, _NIRISS),
    )
    for name, pivot, fwhm in rows
}
"""Every imaging filter known here, by (instrument, filter)."""

_EE_RADII: Final = (0.05, 0.10, 0.16, 0.20, 0.35, 0.50, 0.70, 1.0)
# NIRCam encircled energy at _EE_RADII, then the radii (arcsec) of 50 and 80 per cent: aperpy, from ETC v2.
_EE_ROWS: Final[Mapping[str, tuple[float, ...]]] = {
    "F090W": (0.613, 0.755, 0.803, 0.835, 0.903, 0.936, 0.958, 0.974, 0.027, 0.156),
    "F115W": (0.629, 0.776, 0.817, 0.844, 0.897, 0.930, 0.952, 0.969, 0.027, 0.135),
    "F150W": (0.616, 0.750, 0.803, 0.839, 0.890, 0.921, 0.944, 0.962, 0.034, 0.156),
    "F200W": (0.582, 0.701, 0.780, 0.832, 0.884, 0.911, 0.935, 0.954, 0.042, 0.176),
    "F277W": (0.459, 0.677, 0.765, 0.823, 0.867, 0.899, 0.921, 0.943, 0.055, 0.184),
    "F356W": (0.324, 0.633, 0.706, 0.754, 0.851, 0.886, 0.908, 0.931, 0.073, 0.252),
    "F410M": (0.261, 0.585, 0.660, 0.710, 0.845, 0.869, 0.904, 0.924, 0.084, 0.272),
    "F444W": (0.237, 0.557, 0.645, 0.703, 0.837, 0.864, 0.900, 0.920, 0.090, 0.282),
}

PA_SPIKES_STRONG: Final = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
"""The six spikes of the hexagonal segments: degrees east of north on top of PA_V3 (jwst-docs)."""
PA_SPIKES_WEAK: Final = (90.0, 270.0)
"""The weak pair of the vertical strut, on top of PA_V3; about 0.4 of the length of the strong ones."""
PA_SPIKES: Final = (*PA_SPIKES_STRONG, *PA_SPIKES_WEAK)
"""All eight spike directions, on top of PA_V3."""

_FILTER_NAME: Final = re.compile(r"F(\d{3,4})(W2|W|M|N|C)")
_NARROWEST_FIRST: Final = {"N": 0, "M": 1, "C": 1, "W": 2, "W2": 3}
_NOT_A_BAND: Final = frozenset({"", "N/A", "NONE", "ANY", "MULTIPLE", "OPEN"})


def _text(value: object) -> str:
    """Return a header value as stripped upper-case text, "" for None."""
    return "" if value is None else str(value).strip().upper()


def band(header_values: Mapping[str, object]) -> tuple[str, str]:
    """Return the instrument and the filter that made an image.

    Of the two wheels the narrower filter is the band: NIRCam's F162M, F164N, F323N, F405N, F466N and F470N
    sit in the pupil wheel behind a wide one, NIRISS's short filters behind FILTER='CLEAR' (jwst-docs). Names
    that join both wheels (``F444W-F470N``, ``CLEARP-F444W``), as in the DAWN archive, are taken apart.

    Parameters
    ----------
    header_values : Mapping[str, object]
        Primary header keywords; INSTRUME, FILTER and PUPIL are read, all may be missing.

    Returns
    -------
    tuple[str, str]
        (instrument, filter), upper case, each "unknown" where not given.
    """
    instrument = _text(header_values.get("INSTRUME")) or UNKNOWN
    given = [_text(header_values.get("FILTER")), _text(header_values.get("PUPIL"))]
    parts = [part for text in given for part in re.split(r"[-+;,\s]+", text)]
    matches = [match for part in parts if (match := _FILTER_NAME.fullmatch(part))]
    if matches:
        narrowest = min(matches, key=lambda match: _NARROWEST_FIRST[match[2]])
        return instrument, narrowest[0]
    rest = given[0]
    if rest in _NOT_A_BAND or rest.startswith("CLEAR"):
        return instrument, UNKNOWN
    return instrument, rest


def fwhm_arcsec(instrument: str, filter_name: str) -> float:
    """Return the width of a point source, arcsec (see `Filter`); NaN for an unknown filter."""
    known = FILTERS.get((_text(instrument), _text(filter_name)))
    return known.fwhm_arcsec if known else math.nan


def wavelength_um(instrument: str, filter_name: str) -> float:
    """Return the pivot wavelength, micrometres.

    An unknown filter with a JWST-like name (F1065C) has its wavelength read from the name; any other is NaN.
    """
    known = FILTERS.get((_text(instrument), _text(filter_name)))
    if known:
        return known.pivot_um
    match = _FILTER_NAME.fullmatch(_text(filter_name))
    return int(match[1]) / 100 if match else math.nan


def pixel_scale_native(instrument: str, filter_name: str) -> float:
    """Return the detector's pixel scale, arcsec per pixel; NaN for an unknown imager.

    NIRCam's two channels meet at 2.35 um (STPSF references: 0.0311 and 0.0630; NIRISS 0.0656; MIRI 0.11).
    """
    name = _text(instrument)
    if name == "NIRCAM":
        wavelength = wavelength_um(name, filter_name)
        if math.isnan(wavelength):
            return math.nan
        return 0.0311 if wavelength < 2.35 else 0.0630
    return {"NIRISS": 0.0656, "MIRI": 0.11}.get(name, math.nan)


def order_key(instrument: str, filter_name: str) -> tuple[float, str, str]:
    """Return a sort key: by wavelength, then by name; unknown filters last."""
    wavelength = wavelength_um(instrument, filter_name)
    return (math.inf if math.isnan(wavelength) else wavelength, _text(instrument), _text(filter_name))


def encircled_energy(filter_name: str, radius_arcsec: float) -> float:
    """Return the share of a NIRCam point source's light inside a circle.

    Linear interpolation between the tabulated radii (ETC v2, through aperpy), from nothing at radius 0.

    Parameters
    ----------
    filter_name : str
        A NIRCam filter.
    radius_arcsec : float
        Radius of the circle, arcsec.

    Returns
    -------
    float
        Share in 0..1; NaN where there is no table: other filters, and radii below 0 or beyond 1 arcsec.
    """
    row = _EE_ROWS.get(_text(filter_name))
    if row is None or not 0.0 <= radius_arcsec <= _EE_RADII[-1]:
        return math.nan
    knots = sorted([(0.0, 0.0), (row[8], 0.5), (row[9], 0.8), *zip(_EE_RADII, row[:8], strict=True)])
    for (r0, e0), (r1, e1) in itertools.pairwise(knots):
        if radius_arcsec <= r1:
            return e0 + (e1 - e0) * (radius_arcsec - r0) / (r1 - r0)
    return math.nan
