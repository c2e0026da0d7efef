"""Where else to look at a position: ICRS degrees in, addresses of archives and sky atlases out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

FIELD_DEG = 0.01
NEAR_ARCSEC = 5


@dataclass(frozen=True)
class Link:
    """One address: its name, what is found there, and how it is made of a position."""

    name: str
    what: str
    address: Callable[[float, float], str]


def _both(ra: float, dec: float) -> str:
    return quote(f"{ra:.7f} {dec:+.7f}")


LINKS: tuple[Link, ...] = (
    Link(
        "MAST",
        "every mission's observations",
        lambda ra, dec: (
            f"https://mast.stsci.edu/portal/Mashup/Clients/Mast/Portal.html?searchQuery={_both(ra, dec)}"
        ),
    ),
    Link(
        "ESASky",
        "all wavelengths, and what the archives hold",
        lambda ra, dec: (
            f"https://sky.esa.int/esasky/?target={_both(ra, dec)}&fov={FIELD_DEG:g}&cooframe=J2000&sci=true"
        ),
    ),
    Link(
        "Aladin Lite",
        "surveys of the whole sky",
        lambda ra, dec: (
            f"https://aladin.cds.unistra.fr/AladinLite/?target={_both(ra, dec)}&fov={FIELD_DEG:g}"
        ),
    ),
    Link(
        "SIMBAD",
        f"known objects within {NEAR_ARCSEC}″",
        lambda ra, dec: (
            f"https://simbad.cds.unistra.fr/simbad/sim-coo?Coord={_both(ra, dec)}&CooFrame=ICRS"
            f"&Radius={NEAR_ARCSEC}&Radius.unit=arcsec"
        ),
    ),
)
