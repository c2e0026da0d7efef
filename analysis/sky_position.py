"""Pixels to sky and back: the celestial coordinates of an image, checked once, always answered in ICRS."""

import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

from analysis.fitsfile import FrameError

_COORDINATE = re.compile(r"(CRVAL|CRPIX|CDELT|CROTA)[12]|(CD|PC)[12]_[12]")

FloatArray = npt.NDArray[np.float64]


def celestial_wcs(path: Path, header: Any, shape: tuple[int, int]) -> Any:
    """Return the world coordinates of an image, or refuse it."""
    _require_numbers(path, header)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # obsolete keywords that astropy mends by itself
            wcs = WCS(header, naxis=2)
    except Exception as error:  # wcslib raises a dozen classes of its own
        raise FrameError(
            path, "bad WCS", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        ) from error
    if not wcs.has_celestial:
        raise FrameError(path, "no WCS", "the SCI header has no celestial coordinates (CTYPE, CRVAL, CRPIX)")
    centre = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            there = wcs.wcs_pix2world([centre], 0)
            back = wcs.wcs_world2pix(there, 0)
    except Exception as error:
        raise FrameError(
            path, "bad WCS", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        ) from error
    if (
        not np.all(np.isfinite(there))
        or not np.allclose(back, [centre], atol=0.01)
        or not 0 < pixel_area_deg2(wcs) < 1
    ):
        raise FrameError(path, "bad WCS", "the coordinates of the image's centre do not lead back to it")
    return wcs


def _require_numbers(path: Path, header: Any) -> None:
    """Refuse coordinates that are words or not finite: wcslib reads 0 in their place and says nothing."""
    for keyword in header:
        if _COORDINATE.fullmatch(keyword):
            value = header[keyword]
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise FrameError(path, "bad WCS", f"{keyword} is {str(value)[:40]!r}, not a number")


def pixel_area_deg2(wcs: Any) -> float:
    """Return the area of a pixel at the reference point, square degrees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(proj_plane_pixel_area(wcs))


def pixel_to_sky(wcs: Any, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ICRS degrees of 0-based pixel positions."""
    if _is_icrs(wcs):
        ra, dec = wcs.all_pix2world(x, y, 0)
        return np.asarray(ra, float) % 360.0, np.asarray(dec, float)
    where = wcs.pixel_to_world(x, y).icrs
    return np.asarray(where.ra.deg, float), np.asarray(where.dec.deg, float)


def sky_to_pixel(wcs: Any, ra: FloatArray, dec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return 0-based pixel positions of ICRS degrees; NaN where a position is behind the tangent plane."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _is_icrs(wcs):
            x, y = (
                wcs.wcs_world2pix(ra, dec, 0)
                if wcs.sip is None
                else wcs.all_world2pix(ra, dec, 0, quiet=True)
            )
        else:
            from astropy.coordinates import SkyCoord

            x, y = wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg", frame="icrs"))
    return np.asarray(x, float), np.asarray(y, float)


def _is_icrs(wcs: Any) -> bool:
    """Tell whether the world coordinates are right ascension and declination in ICRS, in that order."""
    return bool(wcs.wcs.lng == 0 and wcs.wcs.lngtyp == "RA" and (wcs.wcs.radesys or "ICRS") == "ICRS")
