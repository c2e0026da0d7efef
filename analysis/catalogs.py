"""Catalogues of known objects: which services there are, what each is asked, and its rows as plain entries.

Nothing here touches the network when imported. Questions are asked for cells of the sky, so that one answer
serves all candidates in it and tells how crowded the catalogue is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from analysis.catalog_entries import NO_ANSWER, OK, TRUNCATED, Answer, Entry
from analysis.footprints import separation_deg
from analysis.tap import Answered, Client, NoAnswer, Refused

GAIA_EPOCH: Final = 2016.0
MOST_PIECES: Final = 36
"""Questions about one block at most, where answers are cut short."""


@dataclass(frozen=True)
class Service:
    """One catalogue service.

    `identifies`: a match names the object; otherwise it only says that a survey lists it. `radius_arcsec` is
    the least radius of a match, and `why` where it comes from. `otherwise` is asked where `adql` is refused.
    """

    key: str
    name: str
    release: str
    radius_arcsec: float
    why: str
    identifies: bool
    adql: Callable[[float, float, float], str]
    entry: Callable[[Mapping[str, Any]], Entry]
    otherwise: Callable[[float, float, float], str] | None = None


def _select(columns: str, table: str, where: tuple[str, str], circle: tuple[float, float, float]) -> str:
    """Return the ADQL of a circle on the sky, degrees; all words are this program's, never a user's text."""
    inside = ", ".join(f"{value:.7f}" for value in circle)
    return (
        f"SELECT {columns} FROM {table} WHERE "  # noqa: S608
        f"1 = CONTAINS(POINT('ICRS', {where[0]}, {where[1]}), CIRCLE('ICRS', {inside}))"
    )


def _simbad(ra: float, dec: float, radius: float) -> str:
    columns = "main_id, ra, dec, otype, coo_err_maj, pmra, pmdec, rvz_redshift"
    return _select(columns, "basic", ("ra", "dec"), (ra, dec, radius))


def _gaia(ra: float, dec: float, radius: float) -> str:
    columns = "source_id, ra, dec, ra_error, dec_error, pmra, pmdec, ref_epoch, phot_g_mean_mag"
    return _select(columns, "gaiadr3.gaia_source", ("ra", "dec"), (ra, dec, radius))


def _ned(ra: float, dec: float, radius: float) -> str:
    return _select("prefname, ra, dec, pretype, z", "objdir", ("ra", "dec"), (ra, dec, radius))


def _of_simbad(row: Mapping[str, Any]) -> Entry:
    return Entry(
        _text(row, "main_id"), _number(row, "ra"), _number(row, "dec"), _text(row, "otype"),
        error_arcsec=_number(row, "coo_err_maj") / 1000.0, pmra=_number(row, "pmra"),
        pmdec=_number(row, "pmdec"), epoch=2000.0, redshift=_number(row, "rvz_redshift"),
    )  # fmt: skip


def _of_gaia(row: Mapping[str, Any]) -> Entry:
    error = math.hypot(_number(row, "ra_error"), _number(row, "dec_error")) / 1000.0
    epoch = _number(row, "ref_epoch")
    return Entry(
        f"Gaia DR3 {_text(row, 'source_id')}", _number(row, "ra"), _number(row, "dec"), "Gaia source",
        _number(row, "phot_g_mean_mag"), "G", error, _number(row, "pmra"), _number(row, "pmdec"),
        epoch if math.isfinite(epoch) else GAIA_EPOCH,
    )  # fmt: skip


def _of_ned(row: Mapping[str, Any]) -> Entry:
    return Entry(
        _text(row, "prefname"), _number(row, "ra"), _number(row, "dec"), _text(row, "pretype"),
        redshift=_number(row, "z"),
    )  # fmt: skip


SERVICES: Final[Mapping[str, Service]] = {
    service.key: service
    for service in (
        Service("simbad", "SIMBAD", "as of the day asked", 1.0,
                "positions of some entries are good to an arcsecond", True, _simbad, _of_simbad),
        Service("gaia", "Gaia", "DR3", 0.3, "three times JWST's pointing error of 0.1 arcsec", True,
                _gaia, _of_gaia),
        Service("ned", "NED", "as of the day asked", 1.0,
                "positions of some entries are good to an arcsecond", True, _ned, _of_ned),
    )
}  # fmt: skip


_POSITIONS: Final = (("RAJ2000", "DEJ2000"), ("RA_ICRS", "DE_ICRS"))
"""Columns of positions, ICRS degrees, that tables of VizieR have; the second pair where there is no first."""


def vizier(table: str) -> Service:
    """Return the service that asks one table of VizieR, by its positions."""

    def adql(ra: float, dec: float, radius: float, pair: tuple[str, str] = _POSITIONS[0]) -> str:
        columns = f"recno, {pair[0]}, {pair[1]}"
        return _select(columns, f'"{table}"', pair, (ra, dec, radius))

    def otherwise(ra: float, dec: float, radius: float) -> str:
        return adql(ra, dec, radius, _POSITIONS[1])

    def entry(row: Mapping[str, Any]) -> Entry:
        name = f"{table} #{_text(row, 'recno')}"
        ra, dec = next((pair for pair in _POSITIONS if pair[0].lower() in row), _POSITIONS[0])
        return Entry(name, _number(row, ra.lower()), _number(row, dec.lower()), "survey source")

    return Service(
        "vizier", f"VizieR {table}", table, 0.3, "deep surveys with HST and JWST agree to 0.1 arcsec", False,
        adql, entry, otherwise,
    )  # fmt: skip


def ask(
    service: Service, url: str, client: Client, block: tuple[str, float, float, float], now: str
) -> Answer:
    """Ask a service for a block of sky; what became of it is in the answer, nothing is raised but Stopped.

    An answer that the service cut short is asked again in smaller circles, `MOST_PIECES` at most; one that
    still is not whole stays truncated.
    """
    name, ra, dec, radius = block
    blank = Answer(
        service.name, name, NO_ANSWER, ra, dec, radius, release=service.release, asked_at=now, url=url
    )
    try:
        entries, whole = _all_of(service, url, client, (ra, dec, radius))
    except Refused as error:
        return replace(blank, reason=str(error), refused=True)
    except NoAnswer as error:
        return replace(blank, reason=str(error))
    if not whole:
        reason = f"cut short at {len(entries)} entries: what is not among them is not known"
        return replace(blank, state=TRUNCATED, entries=entries, reason=reason)
    return replace(blank, state=OK, entries=entries)


def _all_of(
    service: Service, url: str, client: Client, circle: tuple[float, float, float]
) -> tuple[tuple[Entry, ...], bool]:
    """Return the entries in a circle and whether they are all; asked in pieces where one answer is not."""
    found: dict[tuple[str, float, float], Entry] = {}
    waiting, asked, whole = [circle], 0, True
    while waiting and asked < MOST_PIECES:
        piece = waiting.pop(0)
        answered = _one_of(service, url, client, piece)
        asked += 1
        for entry in entries_of(service, answered):
            if separation_deg(circle[0], circle[1], entry.ra, entry.dec) <= circle[2]:
                found[entry.name, entry.ra, entry.dec] = entry
        if not answered.whole:
            waiting += _sevenths(piece)
            whole = whole and asked + len(waiting) <= MOST_PIECES
            if not whole:
                break
    return tuple(found.values()), whole and not waiting


def _one_of(service: Service, url: str, client: Client, circle: tuple[float, float, float]) -> Answered:
    """Ask one question; in other words where the service has no such columns."""
    try:
        return client.query(url, service.adql(*circle))
    except Refused:
        if service.otherwise is None:
            raise
        return client.query(url, service.otherwise(*circle))


def _sevenths(circle: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    """Return seven circles of half the radius that cover a circle: its middle, and six around it."""
    ra, dec, radius = circle
    ring = radius * math.sqrt(0.75)
    around = []
    for k in range(6):
        turn = math.radians(60.0 * k)
        north = ring * math.cos(turn)
        squeeze = max(math.cos(math.radians(dec + north)), 1e-6)
        around.append(((ra + ring * math.sin(turn) / squeeze) % 360.0, dec + north))
    # A little wider than half: the sky is not flat.
    return [(a, max(min(d, 90.0), -90.0), radius * 0.51) for a, d in [(ra, dec), *around]]


def entries_of(service: Service, found: Answered) -> tuple[Entry, ...]:
    """Return rows as entries; NoAnswer where the columns are not those that were asked for."""
    names = list(found.columns)
    rows = (dict(zip(names, values, strict=True)) for values in zip(*found.columns.values(), strict=True))
    try:
        entries = [service.entry(row) for row in rows]
    except KeyError as error:
        raise NoAnswer(f"its table has no column {error}") from error
    return tuple(entry for entry in entries if math.isfinite(entry.ra) and math.isfinite(entry.dec))


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    return "" if value is None else " ".join(str(value).split())


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row[name]
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
