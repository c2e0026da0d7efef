"""FITS cutouts: one file per candidate, one image with its WCS per frame, and a table of the files."""

import math
from pathlib import Path
from typing import Any, Final

from analysis.cutouts import Panel
from analysis.exports.handing import Cut, HandOff
from analysis.exports.plain import write_rows
from analysis.report.markdown import visible
from store.project import slug

INDEX: Final = "cutouts.csv"


def file_name(candidate: str) -> str:
    """Return the name of a candidate's FITS file."""
    return f"{slug(candidate)}.fits"


def write_cutouts(hand: HandOff, folder: Path) -> None:
    """Write one FITS file per candidate that has cutouts, then `cutouts.csv`: filename,sourceID,ra,dec."""
    folder.mkdir()
    written = []
    for name, ra, dec in zip(*(hand.values(n) for n in ("candidate", "ra", "dec")), strict=True):
        cut = hand.cut(name)
        if cut is None or not cut.cutouts.panels:
            continue
        write_one(cut, hand, folder / file_name(name))
        written.append((file_name(name), name, ra, dec))
    write_rows(folder / INDEX, ("filename", "sourceID", "ra", "dec"), written)


def write_one(cut: Cut, hand: HandOff, path: Path) -> None:
    """Write the panels of one candidate: float32 (y, x), NaN where invalid, BUNIT per pixel."""
    from astropy.io import fits

    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = (_ascii(cut.cutouts.candidate), "candidate")
    primary.header["RA_TARG"] = (cut.cutouts.ra, "[deg] ICRS")
    primary.header["DEC_TARG"] = (cut.cutouts.dec, "[deg] ICRS")
    primary.header["SIMULATD"] = (cut.cutouts.simulated, "SIMULATED data")
    primary.header["ORIGIN"] = _ascii(hand.about["program"])
    if cut.cutouts.simulated:
        primary.header["COMMENT"] = "SIMULATED: not an observation of the sky"
    units = [primary]
    pairs = zip(cut.cutouts.panels, cut.cutouts.images, strict=True)
    for number, (panel, image) in enumerate(pairs, 1):
        one = fits.ImageHDU(image, cut.headers.get(panel.frame) or grid(panel, cut), name="SCI", ver=number)
        one.header["FRAME"] = _ascii(panel.frame)[:68]
        one.header["INSTRUME"] = _ascii(panel.instrument)
        one.header["FILTER"] = _ascii(panel.filter)
        one.header["BUNIT"] = (_ascii(panel.unit), "of one pixel")
        one.header["DETECTED"] = (panel.detected, "candidate is detected in this frame")
        one.header["COVERED"] = (panel.covered, "its pixel is valid in this frame")
        if math.isfinite(panel.mjd):
            one.header["MJD-BEG"] = (panel.mjd, "[d] start of the observation")
        units.append(one)
    write_hdus(units, path)


def write_hdus(units: list[Any], path: Path) -> None:
    """Write FITS with checksums whose comments hold no time: the same content gives the same bytes."""
    from astropy.io import fits

    made = fits.HDUList(units)
    made.update_extend()
    for unit in made:
        unit.add_checksum(when="of the HDU")
    made.writeto(path)


def grid(panel: Panel, cut: Cut) -> Any:
    """Return the WCS cards of a panel whose file is not at hand: gnomonic, square pixels.

    North lies `north_deg` counter-clockwise from +y, east a quarter turn from it on the side of `parity`.
    """
    from astropy.io import fits

    turn, scale = math.radians(panel.north_deg), panel.pixel_scale / 3600.0
    header = fits.Header()
    if panel.parity == 0 or not math.isfinite(turn):
        return header  # no orientation, no coordinates
    # Unit vectors of north and east in pixels (x, y); CD turns pixels into degrees along east and north.
    north = (-math.sin(turn), math.cos(turn))
    east = (-panel.parity * math.cos(turn), -panel.parity * math.sin(turn))
    header["WCSAXES"] = 2
    for axis, (kind, value, pixel, row) in enumerate(
        (
            ("RA---TAN", cut.cutouts.ra, panel.x, east),
            ("DEC--TAN", cut.cutouts.dec, panel.y, north),
        ),
        1,
    ):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = kind, "deg"
        header[f"CRVAL{axis}"], header[f"CRPIX{axis}"] = value, pixel + 1.0
        header[f"CD{axis}_1"], header[f"CD{axis}_2"] = scale * row[0], scale * row[1]
    header["RADESYS"] = "ICRS"
    return header


def _ascii(text: str) -> str:
    return visible(text).encode("ascii", "replace").decode()
