"""Products of the archive: what one is, and what its name says of it (DMS names, jwst-docs "File naming")."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.footprints import Footprint, parse_region

SAFE_NAME = re.compile(r"jw\d{5}[A-Za-z0-9._+-]*")
"""Names that are taken from the archive and used on disk: JWST's, and no path."""
_LEVEL_3 = re.compile(r"(jw\d{5}-[a-z]\d+[a-z0-9-]*)_([a-z]\d+)_([a-z]+)_([a-z0-9-]+)_[a-z0-9]+")
_LEVEL_2 = re.compile(r"(jw\d{11})_(\d{5})_(\d{5})(?:-seg\d+)?_([a-z0-9]+)_[a-z0-9]+")
_DETECTORS = (("nrc", "NIRCAM"), ("mir", "MIRI"), ("nis", "NIRISS"), ("nrs", "NIRSPEC"), ("guider", "FGS"))
_ELEMENT = re.compile(r"F\d{3,4}(?:LP|[A-Z]\d?)|WLP\d|GR\d+[RC]|PRISM|P\d{3,4}L|G\d{3}[MH]")
_WIDTH_ORDER = "NMLW"


@dataclass(frozen=True)
class Product:
    """One file of the archive.

    Parameters
    ----------
    uri, name : str
        The archive's address ("mast:JWST/product/...") and the file's name.
    observation : str
        obs_id of the archive's observation in whose list it was found; `max_obs` counts these.
    suffix : str
        What it holds, the end of the name's stem: "i2d", "x1d", "cat", "segm".
    level : int
        3: made of several exposures; 2: one exposure; from the name, not from the archive's table.
    size : int or None
        Bytes, None where the archive does not say.
    region : Footprint or None
        Where on the sky; None unknown.
    epoch : float
        Start of the exposure, MJD; NaN unknown.
    exclusive : bool
        Not public yet; `public_from` (MJD, NaN unknown) says until when.
    """

    uri: str
    name: str
    observation: str = ""
    suffix: str = ""
    instrument: str = ""
    filter: str = ""
    level: int = 3
    size: int | None = None
    region: Footprint | None = None
    epoch: float = math.nan
    exclusive: bool = False
    public_from: float = math.nan
    program: str = ""
    target: str = ""

    @property
    def band(self) -> tuple[str, str]:
        """Instrument and filter."""
        return self.instrument, self.filter

    @property
    def stem(self) -> str:
        """Name without what it holds: the same for a product and its companions."""
        return self.name.split(".")[0].rpartition("_")[0]

    @property
    def night(self) -> int | None:
        """Whole days of the epoch: exposures of one night count as one epoch; None unknown."""
        return None if math.isnan(self.epoch) else int(self.epoch)

    def sized(self, size: int | None) -> Product:
        """Return the same product with its size known."""
        return replace(self, size=size)

    def holds(self, ra: float, dec: float) -> bool | None:
        """Tell whether its footprint holds a place; None where there is no footprint."""
        return None if self.region is None else self.region.holds(ra, dec)


def suffix_of(name: str) -> str:
    """Return what a file holds by its name: "i2d" of "jw..._nrcb1_i2d.fits"."""
    return name.split(".", maxsplit=1)[0].rpartition("_")[2].lower()


def level_of(name: str) -> int:
    """Return 3 for a product of several exposures, 2 for one of a single exposure, 0 for other names."""
    stem = name.split(".", maxsplit=1)[0]
    if _LEVEL_3.fullmatch(stem):
        return 3
    return 2 if _LEVEL_2.fullmatch(stem) else 0


def family(instrument: str) -> str:
    """Return the instrument without its mode: "MIRI" of "MIRI/IMAGE"."""
    return instrument.split("/", maxsplit=1)[0].strip().upper()


def instrument_of(name: str, stated: str) -> str:
    """Return the instrument family that a name says, else the one the archive's table states."""
    stem = name.split(".", maxsplit=1)[0]
    three, two = _LEVEL_3.fullmatch(stem), _LEVEL_2.fullmatch(stem)
    if three:
        return three[3].upper()
    if two:
        for start, instrument in _DETECTORS:
            if two[4].startswith(start):
                return instrument
    return family(stated)


def filter_of(name: str, *stated: str) -> str:
    """Return the filter: from a level-3 name, else from the first statement that names one; "unknown" else.

    Of two elements in series ("F405N;F444W") the narrower one makes the band; CLEAR and masks are none.
    """
    three = _LEVEL_3.fullmatch(name.split(".", maxsplit=1)[0])
    for text in (three[4] if three else "", *stated):
        elements = [e for e in re.split(r"[^A-Z0-9]+", text.upper()) if _ELEMENT.fullmatch(e)]
        if elements:
            return min(elements, key=lambda e: (_width(e), e))
    return "unknown"


def _width(element: str) -> int:
    """Order of a filter's width, narrow first."""
    return min((_WIDTH_ORDER.find(c) for c in element[4:] if c in _WIDTH_ORDER), default=len(_WIDTH_ORDER))


def pointing_of(name: str) -> tuple[str, str, str] | None:
    """Return visit, exposure number and detector of a level-2 name; None for other names."""
    two = _LEVEL_2.fullmatch(name.split(".", maxsplit=1)[0])
    return None if two is None else (two[1], two[3], two[4])


def allowed(
    instrument: str, stated: str, filter_name: str, instruments: Sequence[str], filters: Sequence[str]
) -> bool:
    """Tell whether the lists of instruments and filters, where they are not empty, name this product."""
    names = {family(instrument), stated.strip().upper()}
    if instruments and not names & {name.strip().upper() for name in instruments}:
        return False
    return not filters or filter_name.upper() in {name.strip().upper() for name in filters}


def region_of(text: str | None) -> Footprint | None:
    """Return the footprint of an s_region text, None where it has none."""
    return parse_region(text) if text else None
