"""Names that only journals know, matched to candidates by position; the first name stays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.candidates import aliases
from store.database import Database
from store.project import Project
from store.verdicts import VerdictBook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RADIUS_ARCSEC = 0.15
_ARCSEC = 1 / 3600.0

Places = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Matched:
    """Names of journals: those found at a candidate's place, with its name, and those at none."""

    aliases: Mapping[str, str]
    unplaced: tuple[str, ...] = ()


def indexed_book(project: Project, vetter: str, db: Database) -> tuple[VerdictBook, Matched]:
    """Open the book of verdicts under the names that candidates have here, and bring the index up to it."""
    book = VerdictBook(project, vetter, database=db)
    matched = match_journals(db, book)
    book.index()
    return book, matched


def match_journals(db: Database, book: VerdictBook) -> Matched:
    """Match every name that only the journals know to the ranked candidates, and let the book read them so.

    Each vetter's names are matched on their own, since two who named one object differently mean the same.
    What is found is kept in the index, so that the next ranking knows it; what is not found stays as it is,
    and is tried again the next time.
    """
    places = book.places()
    everywhere = {name: place for named in places.values() for name, place in named.items()}
    with db.read():  # one lease for both: the file is opened once
        known = aliases(db)
        strange = _strange(db, everywhere)
        if strange:
            names, ra, dec = _targets(db, [everywhere[name][1] for name in strange])
    found: dict[str, str] = {}
    for named in places.values() if strange else ():
        taken = {known.get(name, name) for name in named if name not in strange}
        wanted = {name: place for name, place in named.items() if name in strange}
        found |= mutual_nearest(wanted, names, ra, dec, taken)
    if found:
        with db.write() as cursor:
            cursor.execute(
                "INSERT INTO names SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
                [
                    list(found.values()),
                    list(found),
                    [everywhere[name][0] for name in found],
                    [everywhere[name][1] for name in found],
                ],
            )
    book.set_aliases({**known, **found})
    return Matched(found, tuple(sorted(strange - found.keys())))


def mutual_nearest(
    places: Places,
    names: Sequence[str],
    ra: "npt.NDArray[np.float64]",
    dec: "npt.NDArray[np.float64]",
    taken: Collection[str] = (),
) -> dict[str, str]:
    """Match names to candidates that are each other's nearest, within 0.15 arcsec.

    Parameters
    ----------
    places : mapping
        By name, the ICRS position in degrees.
    names, ra, dec : sequence, arrays (n,)
        The candidates.
    taken : collection of str
        Candidates that have a name already: no further one is given to them.

    Returns
    -------
    dict
        By name, the candidate's.
    """
    import numpy as np

    if not len(names):
        return {}
    order = np.argsort(dec, kind="stable")
    sorted_dec, reach = dec[order], RADIUS_ARCSEC * _ARCSEC * 1.001
    nearest: dict[int, tuple[float, str]] = {}
    for name, (one_ra, one_dec) in sorted(places.items()):
        low, high = np.searchsorted(sorted_dec, (one_dec - reach, one_dec + reach), side="left")
        near = order[low:high]
        if not len(near):
            continue
        apart = separation_arcsec(one_ra, one_dec, ra[near], dec[near])
        best = int(np.argmin(apart))
        candidate, distance = int(near[best]), float(apart[best])
        if distance <= RADIUS_ARCSEC and (distance, name) < nearest.get(candidate, (np.inf, "")):
            nearest[candidate] = (distance, name)
    return {name: names[n] for n, (_, name) in nearest.items() if names[n] not in taken}


def separation_arcsec(
    ra: float, dec: float, others_ra: "npt.NDArray[np.float64]", others_dec: "npt.NDArray[np.float64]"
) -> "npt.NDArray[np.float64]":
    """Give the angles in arcsec from one position to others, all in degrees (haversine, Sinnott 1984)."""
    import numpy as np

    one, two = np.radians(dec), np.radians(others_dec)
    half = np.sin((two - one) / 2) ** 2
    half = half + np.cos(one) * np.cos(two) * np.sin(np.radians(others_ra - ra) / 2) ** 2
    angles: npt.NDArray[np.float64] = np.degrees(2 * np.arcsin(np.sqrt(half))) * 3600
    return angles


def _strange(db: Database, names: Collection[str]) -> set[str]:
    """Give those of some names that the index does not know."""
    if not names:
        return set()
    query = "SELECT unnest(?) EXCEPT (SELECT alias FROM names UNION ALL SELECT candidate FROM candidates)"
    with db.read() as cursor:
        return {row[0] for row in cursor.execute(query, [sorted(names)]).fetchall()}


def _targets(
    db: Database, decs: Sequence[float]
) -> "tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]":
    """Read the candidates in the band of declinations that some places lie in."""
    import numpy as np

    reach = 2 * RADIUS_ARCSEC * _ARCSEC
    query = """
        SELECT candidate, ra, dec FROM candidates WHERE isfinite(ra) AND dec BETWEEN ? AND ? ORDER BY rank
    """
    with db.read() as cursor:
        found = cursor.execute(query, [min(decs) - reach, max(decs) + reach]).fetchnumpy()
    ra, dec = (np.asarray(found[name], dtype=float) for name in ("ra", "dec"))
    return [str(name) for name in found["candidate"]], ra, dec
