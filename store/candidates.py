"""Candidates: the ranked objects, written whole by a ranking and read a page at a time by the desk."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from store import bulk
from store.database import Database
from store.project import StoreError

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True)
class Ranking:
    """What a ranking hands over; every table's columns are those of the store's table of that name."""

    scores: "pd.DataFrame"
    candidates: "pd.DataFrame"
    image_candidates: "pd.DataFrame"
    names: "pd.DataFrame"
    info: dict[str, Any]
    frames: "pd.DataFrame | None" = None
    epochs: "pd.DataFrame | None" = None
    features: "pd.DataFrame | None" = None
    views: "pd.DataFrame | None" = None


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One candidate; NaN means not measured, scores are 0 to 1, angles degrees, fluxes in `flux_unit`."""

    rank: int
    candidate: str
    kind: str
    ra: float
    dec: float
    composite_score: float
    anomaly_score: float
    isolation_forest_score: float
    snr_score: float
    artifact_score: float
    consistency_score: float
    terms: str
    snr: float
    frames_detected: int
    frames_covering: int
    filters: str
    object: str
    best_source: str
    best_frame: str
    mag_ab: float
    flux: float
    flux_err: float
    flux_unit: str
    r50_arcsec: float
    ellipticity: float
    concentration: float
    asymmetry: float
    gini: float
    m20: float
    peak_ratio: float
    flags: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One detection of a candidate in one frame."""

    source_id: str
    frame: str
    instrument: str
    filter: str
    mjd_beg: float
    x: float
    y: float
    ra: float
    dec: float
    flux: float
    flux_err: float
    flux_unit: str
    mag_ab: float
    snr: float
    r50_arcsec: float
    ellipticity: float
    anomaly_score: float
    artifact_probability: float
    flags: str


@dataclass(frozen=True)
class Filter:
    """Which candidates to list; every field left empty lets all pass.

    `label` is a standing label of any vetter, "conflict" where they differ, or "none" where nobody gave one.
    Scores are composite; `cone` is a position in ICRS degrees and a radius in arcsec
    (haversine, Sinnott 1984).
    """

    text: str = ""
    label: str = ""
    undecided_by: str | None = None
    band: str = ""
    flag: str = ""
    score_low: float | None = None
    score_high: float | None = None
    cone: tuple[float, float, float] | None = None


REMEMBERED = 10_000
"""Candidates of each ranking whose rank is remembered."""
COLUMNS = tuple(field.name for field in fields(CandidateRow))
MEMBER_COLUMNS = tuple(field.name for field in fields(MemberRow))

# The row of each name when last listed: a page is fetched by row number, not by comparing 100,000 names.
_rows: WeakKeyDictionary[Database, dict[str, int]] = WeakKeyDictionary()


def save_ranking(db: Database, ranking: Ranking) -> None:
    """Replace the ranking in one transaction: readers see the old one or the new one, whole."""
    ordered = ranking.candidates.sort_values("rank", kind="stable")
    with db.write() as cursor:
        for table, rows in (
            ("scores", ranking.scores),
            ("candidates", ordered),
            ("image_candidates", ranking.image_candidates),
            ("candidate_frames", ranking.frames),
            ("candidate_epochs", ranking.epochs),
            ("features", ranking.features),
            ("candidate_views", ranking.views),
        ):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
            if rows is not None:
                bulk.insert(cursor, table, rows)
        bulk.insert(cursor, "names", ranking.names)
        # Of a name already there, the first position stays.
        cursor.execute(
            "DELETE FROM names WHERE rowid NOT IN (SELECT min(rowid) FROM names GROUP BY candidate, alias)"
        )
        _record_ranks(cursor, str(ranking.info.get("key", "")))
        cursor.execute("DELETE FROM ranking_info")
        cursor.execute("INSERT INTO ranking_info VALUES (?)", [json.dumps(ranking.info, sort_keys=True)])


def _record_ranks(cursor: "duckdb.DuckDBPyConnection", key: str) -> None:
    """Remember the ranks of this ranking, unless the one before was made of the same inputs."""
    before = cursor.execute("SELECT ranking FROM rank_history ORDER BY made_at DESC LIMIT 1").fetchone()
    if before is None or not key or before[0] != key:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        cursor.execute(
            "INSERT INTO rank_history SELECT ?, ?, candidate, rank, composite_score FROM candidates "
            "WHERE rank <= ?",
            [now, key, REMEMBERED],
        )


def note_ranking(db: Database, **facts: object) -> None:
    """Add facts to those of the last ranking."""
    info = ranking_info(db) | facts
    with db.write() as cursor:
        cursor.execute("DELETE FROM ranking_info")
        cursor.execute("INSERT INTO ranking_info VALUES (?)", [json.dumps(info, sort_keys=True)])


def load_candidates(db: Database) -> "pd.DataFrame":
    """Give all candidates in order of rank."""
    with db.read() as cursor:
        return bulk.load(cursor, f"SELECT {', '.join(COLUMNS)} FROM candidates ORDER BY rank")  # noqa: S608


def load_candidate_frames(db: Database, candidate: str | None = None) -> "pd.DataFrame":
    """Give what each frame shows of the candidates, or of one, by candidate and frame."""
    return _load_of(db, "candidate_frames", "candidate, frame", candidate)


def load_candidate_epochs(db: Database, candidate: str | None = None) -> "pd.DataFrame":
    """Give exposures, epochs, rolls and what changed of the candidates, or of one, by candidate."""
    return _load_of(db, "candidate_epochs", "candidate", candidate)


def _load_of(db: Database, table: str, order: str, candidate: str | None) -> "pd.DataFrame":
    where, values = ("", []) if candidate is None else ("WHERE candidate = ?", [candidate])
    with db.read() as cursor:
        return bulk.load(cursor, f"SELECT * FROM {table} {where} ORDER BY {order}", values)  # noqa: S608


def load_image_candidates(db: Database) -> "pd.DataFrame":
    """Give the candidates that each image put forward, by frame and rank in it."""
    with db.read() as cursor:
        return bulk.load(cursor, "SELECT * FROM image_candidates ORDER BY frame, rank_in_image")


def known_names(db: Database) -> list[tuple[str, float, float]]:
    """List every name ever given or decided on, with the position (degrees) that it was first given for.

    Names that are only later ones of another candidate are left out: the first name stays.
    """
    query = """
        SELECT candidate, first(ra ORDER BY source, place), first(dec ORDER BY source, place) FROM (
            SELECT candidate, ra, dec, CASE WHEN alias = candidate THEN 0 ELSE 1 END AS source, rowid AS place
            FROM names
            UNION ALL
            SELECT candidate, ra, dec, 2, rowid FROM decisions
            WHERE candidate <> '' AND candidate NOT IN (SELECT alias FROM names WHERE alias <> candidate)
        ) WHERE isfinite(ra) AND isfinite(dec) GROUP BY candidate ORDER BY candidate
    """
    with db.read() as cursor:
        return cursor.execute(query).fetchall()


def aliases(db: Database) -> dict[str, str]:
    """Map every later name to the first name of the same candidate."""
    query = "SELECT alias, candidate FROM names WHERE alias <> candidate ORDER BY rowid"
    with db.read() as cursor:
        return dict(cursor.execute(query).fetchall())


def ranking_info(db: Database) -> dict[str, Any]:
    """Give the facts of the last ranking; empty where nothing was ranked."""
    with db.read() as cursor:
        row = cursor.execute("SELECT info FROM ranking_info").fetchone()
    info: dict[str, Any] = json.loads(row[0]) if row else {}
    return info


def count(db: Database) -> int:
    """Count the candidates."""
    with db.read() as cursor:
        row = cursor.execute("SELECT count(*) FROM candidates").fetchone()
    return int(row[0]) if row else 0


def candidate_order(
    db: Database, *, where: Filter | None = None, sort: str = "rank", descending: bool = False
) -> list[str]:
    """Name the candidates that pass a filter, by any column; not measured comes last, ties by rank."""
    if sort not in COLUMNS:
        raise StoreError(f"candidates have no column {sort!r}; there are {', '.join(COLUMNS)}")
    tests, values = conditions(where or Filter())
    direction = "DESC" if descending else "ASC"
    query = f"""
        SELECT candidate, rowid FROM candidates WHERE {" AND ".join(tests)}
        ORDER BY {sort} {direction} NULLS LAST, rank
    """  # noqa: S608
    with db.read() as cursor:
        rows = dict(cursor.execute(query, values).fetchall())
    _rows.setdefault(db, {}).update(rows)
    return list(rows)


def positions(db: Database) -> "tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]":
    """Give every candidate's name, ra and dec (degrees), in order of rank."""
    import numpy as np

    with db.read() as cursor:
        rows = cursor.execute("SELECT candidate, ra, dec FROM candidates ORDER BY rank").fetchall()
    places = np.array([row[1:] for row in rows], dtype=float).reshape(-1, 2)
    return [row[0] for row in rows], places[:, 0], places[:, 1]


def candidate_rows(db: Database, names: Sequence[str]) -> dict[str, CandidateRow]:
    """Give the rows of the named candidates; a name no longer ranked is left out."""
    wanted = set(names)
    listed = _rows.get(db, {})
    numbers = ", ".join(str(listed[name]) for name in wanted if name in listed)
    select = f"SELECT {', '.join(COLUMNS)} FROM candidates"  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(f"{select} WHERE rowid IN ({numbers})").fetchall() if numbers else []
        found = {row[1]: row for row in rows if row[1] in wanted}
        # A ranking newer than the list, or a name that was never listed here: ask by name.
        rest = [name for name in wanted if name not in found]
        if rest:
            by_name = cursor.execute(f"{select} WHERE candidate IN (SELECT unnest(?))", [rest]).fetchall()
            found |= {row[1]: row for row in by_name}
    return {name: CandidateRow(*_plain(found[name], COLUMNS)) for name in names if name in found}


def first_rows(db: Database, limit: int) -> tuple[dict[str, CandidateRow], int]:
    """Give the best candidates in order of rank, and how many there are in all."""
    select = f"SELECT {', '.join(COLUMNS)} FROM candidates WHERE rank <= ? ORDER BY rank"  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(select, [limit]).fetchall()
        total = cursor.execute("SELECT count(*) FROM candidates").fetchone()
    return {row[1]: CandidateRow(*_plain(row, COLUMNS)) for row in rows}, int(total[0]) if total else 0


def members(db: Database, candidate: str) -> list[MemberRow]:
    """List a candidate's detections in done frames, by frame and number."""
    columns = ", ".join(
        {"mjd_beg": "f.mjd_beg", "anomaly_score": "c.anomaly_score"}.get(name, f"s.{name}")
        for name in MEMBER_COLUMNS
    )
    query = f"""
        SELECT {columns} FROM candidates k
        JOIN scores c ON c.object = k.object
        JOIN sources s ON s.source_id = c.source_id
        JOIN frames f ON f.frame = s.frame AND f.state = 'done'
        WHERE k.candidate = ? ORDER BY s.frame, s.n
    """  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(query, [candidate]).fetchall()
    return [MemberRow(*_plain(row, MEMBER_COLUMNS)) for row in rows]


def plain_row(row: Sequence[Any]) -> CandidateRow:
    """Make a row of what the database gave for COLUMNS."""
    return CandidateRow(*_plain(row, COLUMNS))


def conditions(where: Filter) -> tuple[list[str], list[object]]:
    """Give the tests of a filter in SQL, to be joined by AND, and their values."""
    tests, values = ["true"], list[object]()
    if where.text:
        wanted = where.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        escape = "" if wanted == where.text else " ESCAPE '\\'"
        columns = ("candidate", "object", "best_frame", "flags")
        tests.append(f"({' OR '.join(f'{name} ILIKE ?{escape}' for name in columns)})")
        values += [f"%{wanted}%"] * len(columns)
    if where.band:
        tests.append("list_contains(string_split(lower(filters), ','), lower(?))")
        values.append(where.band)
    if where.flag:
        tests.append("list_contains(string_split(flags, ','), ?)")
        values.append(where.flag)
    for value, sign in ((where.score_low, ">="), (where.score_high, "<=")):
        if value is not None:
            tests.append(f"composite_score {sign} ?")
            values.append(value)
    if where.cone is not None:
        ra, dec, radius = where.cone
        tests.append("dec BETWEEN ? AND ?")
        tests.append(
            "asin(least(1, sqrt(pow(sin(radians(dec - ?) / 2), 2) + cos(radians(dec)) * cos(radians(?)) "
            "* pow(sin(radians(ra - ?) / 2), 2)))) * 2 <= radians(?)"
        )
        degrees = radius / 3600
        values += [dec - degrees, dec + degrees, dec, dec, ra, degrees]
    if where.undecided_by is not None:
        tests.append("candidate NOT IN (SELECT candidate FROM standing WHERE vetter = ? AND label <> '')")
        values.append(where.undecided_by)
    if where.label == "none":
        tests.append("candidate NOT IN (SELECT candidate FROM standing WHERE label <> '')")
    elif where.label == "conflict":
        tests.append(
            "candidate IN (SELECT candidate FROM standing WHERE label <> '' "
            "GROUP BY candidate HAVING count(DISTINCT label) > 1)"
        )
    elif where.label:
        tests.append("candidate IN (SELECT candidate FROM standing WHERE label = ?)")
        values.append(where.label)
    return tests, values


_TEXT = frozenset(
    field.name for kind in (CandidateRow, MemberRow) for field in fields(kind) if field.type is str
)


def _plain(row: Sequence[Any], names: Sequence[str]) -> list[Any]:
    return [
        value if value is not None else "" if name in _TEXT else math.nan
        for name, value in zip(names, row, strict=True)
    ]
