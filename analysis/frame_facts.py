"""What a mosaic's headers tell: who, when, how long, at which roll angles."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis import instruments
from analysis.frame_planes import PlaneSet
from analysis.sky_position import pixel_to_sky

FloatArray = npt.NDArray[np.float64]
EPOCH_GAP_DAYS: Final = 1.0
"""Exposures further apart in time than this are different epochs."""


def header_facts(planes: PlaneSet, wcs: Any) -> dict[str, Any]:
    """Return the header facts of a frame, keyed as the fields of `analysis.i2d.Frame`.

    PA_V3 of a mosaic's own header is that of its first input only, so the roll angles come from HDRTAB, the
    table of the inputs' headers, where there is one.

    Parameters
    ----------
    planes : PlaneSet
        The open file.
    wcs : astropy.wcs.WCS
        Its celestial coordinates, for a footprint where S_REGION is missing.

    Returns
    -------
    dict
        Text "" and numbers NaN or -1 where not recorded.
    """
    header, primary = planes.header, planes.primary
    instrument, filter_name = instruments.band(_band_keywords(header, primary))
    mjd_beg = _number(header, primary, "MJD-BEG", "EXPSTART")
    inputs = planes.table("HDRTAB")
    starts = _column(inputs, "EXPSTART", "MJD-BEG")
    pa_v3 = _number(header, primary, "PA_V3", "ROLL_REF")
    rolls = _column(inputs, "PA_V3", "ROLL_REF")
    if not rolls.size and math.isfinite(pa_v3):
        rolls = np.array([pa_v3])
    n_exposures = len(inputs) if inputs is not None else _number(header, primary, "NDRIZ")
    return {
        "instrument": instrument,
        "filter": filter_name,
        "simulated": _simulated(header, primary),
        "program": _text(header, primary, "PROGRAM"),
        "target": _text(header, primary, "TARGPROP", "TARGNAME", "OBJECT"),
        "date_beg": _text(header, primary, "DATE-BEG", "DATE-OBS"),
        "mjd_beg": mjd_beg,
        "mjd_end": _number(header, primary, "MJD-END", "EXPEND"),
        "exposure_s": _number(header, primary, "EFFEXPTM", "XPOSURE", "EXPTIME"),
        "n_exposures": int(n_exposures) if np.isfinite(n_exposures) else -1,
        "pa_v3": pa_v3,
        "rolls": tuple(sorted({round(float(roll), 1) for roll in rolls})),
        "epochs": _epochs(starts, mjd_beg),
        "inputs": _inputs(inputs),
        "cal_ver": _text(header, primary, "CAL_VER"),
        "crds_ctx": _text(header, primary, "CRDS_CTX"),
        "footprint": _text(header, primary, "S_REGION") or _corners(wcs, planes.shape),
    }


def _simulated(header: Any, primary: Any) -> bool:
    """Tell whether the pixels are invented, by SIMULATE or by the proposal's target name."""
    flag = primary.get("SIMULATE", header.get("SIMULATE", False))
    return (
        flag is True
        or str(flag).strip().upper() in {"T", "TRUE"}
        or _text(header, primary, "TARGPROP") == "SIMULATED"
    )


def _band_keywords(header: Any, primary: Any) -> Mapping[str, object]:
    """Return the keywords that tell the band, the primary header's first."""
    names = ("INSTRUME", "FILTER", "PUPIL")
    return {name: primary.get(name, header.get(name)) for name in names}


def _text(header: Any, primary: Any, *names: str) -> str:
    """Return the first of some keywords that is there, as stripped text."""
    for name in names:
        for source in (header, primary):
            value = source.get(name)
            if isinstance(value, (str, int, float)) and str(value).strip():
                return str(value).strip()
    return ""


def _number(header: Any, primary: Any, *names: str) -> float:
    """Return the first of some keywords that is a finite number, else NaN."""
    for name in names:
        for source in (header, primary):
            value = source.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
                return float(value)
    return math.nan


def _column(rows: Any, *names: str) -> FloatArray:
    """Return the finite numbers of the first column that is there."""
    if rows is None:
        return np.empty(0)
    for name in names:
        if name in rows.dtype.names:
            try:
                values = np.asarray(rows[name], dtype=np.float64)
            except ValueError:
                continue
            if np.isfinite(values).any():
                return values[np.isfinite(values)]
    return np.empty(0)


def _inputs(rows: Any) -> tuple[tuple[float, float], ...]:
    """Return start (MJD) and PA_V3 (degrees) of each input in the table's order, NaN where not recorded."""
    if rows is None:
        return ()
    pairs = []
    for names in (("EXPSTART", "MJD-BEG"), ("PA_V3", "ROLL_REF")):
        known = next((_numbers(rows, name) for name in names if name in rows.dtype.names), None)
        pairs.append(np.full(len(rows), np.nan) if known is None else known)
    return tuple(zip(*(values.tolist() for values in pairs), strict=True))


def _numbers(rows: Any, name: str) -> FloatArray:
    """Return a column as numbers, NaN where it holds none."""
    try:
        return np.asarray(rows[name], dtype=np.float64)
    except ValueError:
        return np.full(len(rows), np.nan)


def _epochs(starts: FloatArray, mjd_beg: float) -> int:
    """Count groups of exposures over a day apart; 1 where only the mosaic's own start is known, else -1."""
    if starts.size:
        return 1 + int(np.count_nonzero(np.diff(np.sort(starts)) > EPOCH_GAP_DAYS))
    return 1 if math.isfinite(mjd_beg) else -1


def _corners(wcs: Any, shape: tuple[int, int]) -> str:
    """Return the image's corners in the words of S_REGION."""
    ny, nx = shape
    ra, dec = pixel_to_sky(
        wcs, np.array([-0.5, nx - 0.5, nx - 0.5, -0.5]), np.array([-0.5, -0.5, ny - 0.5, ny - 0.5])
    )
    pairs = " ".join(f"{a:.9f} {d:.9f}" for a, d in zip(ra, dec, strict=True))
    return f"POLYGON ICRS  {pairs}"
