"""The searched footprint as a MOC (IVOA MOC 2.0): corners of frames in, one FITS file out."""

from pathlib import Path
from typing import Any, Final

from analysis.exports.handing import ExportError, HandOff
from analysis.footprints import parse_region

ORDER: Final = 19
"""Cells of 0.4 arcsec: the edge of a frame is off by less than one of them, outwards."""


def footprint(hand: HandOff) -> Any:
    """Return the union of the corners' polygons of every measured frame as a `mocpy.MOC`.

    Raises
    ------
    ExportError
        mocpy is not installed, or no frame says where it is.
    """
    try:
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from mocpy import MOC
    except ImportError:
        raise ExportError("moc: needs mocpy; pip install 'jwst-vet[moc]' brings it") from None
    found = (parse_region(frame.footprint) for frame in hand.searched)
    rings = [ring for footprint in found if footprint is not None for ring in footprint.rings]
    if not rings:
        raise ExportError(
            "moc: no measured image says where it is on the sky; `jwst-vet images` measures some"
        )
    polygons = [SkyCoord([p[0] for p in ring] * u.deg, [p[1] for p in ring] * u.deg) for ring in rings]
    union = MOC.new_empty(ORDER)
    for polygon in polygons:
        union = union.union(MOC.from_polygon_skycoord(polygon, max_depth=ORDER))
    return union


def write_moc(hand: HandOff, path: Path) -> None:
    """Write the footprint in the standard's FITS form. Gaps inside a frame are not taken out."""
    words = {"ORIGIN": "jwst-vet"} | ({"SIMULATD": "T"} if hand.simulated else {})
    footprint(hand).save(path, format="fits", overwrite=True, fits_keywords=words)
