"""Spectra: one record per file, the measured spectra and their lines, and what a ranking says of them."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from store import bulk
from store.database import Database

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

NAN = math.nan


@dataclass(frozen=True)
class SpectrumFileRecord:
    """What is known of one file of spectra; NaN and "" mean unknown."""

    file: str
    path: str
    sha256: str
    bytes: int
    mtime_ns: int
    state: str
    error_kind: str = ""
    error_reason: str = ""
    stage_key: str = ""
    instrument: str = ""
    disperser: str = ""
    program: str = ""
    target: str = ""
    date_beg: str = ""
    mjd_beg: float = NAN
    exposure_s: float = NAN
    exp_type: str = ""
    cal_ver: str = ""
    crds_ctx: str = ""
    layout: str = ""
    n_spectra: int = 0
    simulated: bool = False
    notes: tuple[str, ...] = ()
    measured_at: str = ""
    seconds: float = NAN


COLUMNS = tuple(field.name for field in fields(SpectrumFileRecord))
_FLOATS = frozenset(field.name for field in fields(SpectrumFileRecord) if field.type is float)


def save_spectra(
    db: Database, record: SpectrumFileRecord, spectra: "pd.DataFrame", lines: "pd.DataFrame"
) -> None:
    """Replace what a file gave, in one transaction."""
    with db.write() as cursor:
        _forget(cursor, record.file)
        bulk.insert(cursor, "spectra", spectra)
        bulk.insert(cursor, "spectral_lines", lines)
        _put(cursor, record)


def fail_spectra(db: Database, record: SpectrumFileRecord) -> None:
    """Keep why a file could not be used; what an earlier reading of it gave is dropped."""
    with db.write() as cursor:
        _forget(cursor, record.file)
        _put(cursor, record)


def forget_spectra(db: Database, file: str) -> None:
    """Drop a file with its spectra."""
    with db.write() as cursor:
        _forget(cursor, file)


def move_spectra(db: Database, file: str, path: str) -> None:
    """Note that the same bytes are now found elsewhere."""
    with db.write() as cursor:
        cursor.execute("UPDATE spectrum_files SET path = ? WHERE file = ?", [path, file])


def spectrum_files(db: Database, state: str = "") -> list[SpectrumFileRecord]:
    """List the files of spectra, or those of one state ("done" or "failed"), by name."""
    query = f"SELECT {', '.join(COLUMNS)} FROM spectrum_files WHERE ? IN ('', state) ORDER BY file"  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(query, [state]).fetchall()
    return [_record(dict(zip(COLUMNS, row, strict=True))) for row in rows]


def load_spectra(db: Database) -> "pd.DataFrame":
    """Give every measured spectrum, by file and number."""
    with db.read() as cursor:
        return bulk.load(cursor, "SELECT * FROM spectra ORDER BY file, n")


def load_lines(db: Database) -> "pd.DataFrame":
    """Give every line found, by spectrum and wavelength."""
    with db.read() as cursor:
        return bulk.load(cursor, "SELECT * FROM spectral_lines ORDER BY spectrum, line")


def save_scores(db: Database, scores: "pd.DataFrame") -> None:
    """Replace what a ranking says of the spectra."""
    with db.write() as cursor:
        cursor.execute("DELETE FROM spectrum_scores")
        bulk.insert(cursor, "spectrum_scores", scores)


def spectra_of(db: Database, candidate: str) -> list[dict[str, Any]]:
    """Give the spectra of a candidate with their scores, best first, as plain values; NULL is None."""
    return _rows(
        db,
        "SELECT s.*, c.* EXCLUDE (spectrum), f.sha256, f.path FROM spectrum_scores c "
        "JOIN spectra s ON s.spectrum = c.spectrum JOIN spectrum_files f ON f.file = s.file "
        "WHERE c.candidate = ? ORDER BY c.spectrum_rank",
        [candidate],
    )


def best_spectra(db: Database, limit: int) -> list[dict[str, Any]]:
    """Give the spectra that rank first among spectra, with their scores and candidates."""
    return _rows(
        db,
        "SELECT s.*, c.* EXCLUDE (spectrum), f.sha256, f.path FROM spectrum_scores c "
        "JOIN spectra s ON s.spectrum = c.spectrum JOIN spectrum_files f ON f.file = s.file "
        "ORDER BY c.spectrum_rank LIMIT ?",
        [limit],
    )


def redshift_rows(db: Database, candidates: Sequence[str]) -> list[dict[str, Any]]:
    """Give the redshifts of the spectra of candidates, secure ones first, then by rank; none without one."""
    return _rows(
        db,
        "SELECT c.candidate, s.spectrum, s.redshift, s.redshift_err, s.redshift_grade, s.redshift_second "
        "FROM spectrum_scores c JOIN spectra s ON s.spectrum = c.spectrum "
        "WHERE c.candidate IN (SELECT unnest(?)) AND s.redshift IS NOT NULL AND s.redshift_grade <> 'none' "
        "ORDER BY c.candidate, s.redshift_grade <> 'secure', c.spectrum_rank",
        [list(candidates)],
    )


def lines_of(db: Database, spectra: Sequence[str]) -> list[dict[str, Any]]:
    """Give the lines of the named spectra, by spectrum and wavelength."""
    return _rows(
        db,
        "SELECT * FROM spectral_lines WHERE spectrum IN (SELECT unnest(?)) ORDER BY spectrum, line",
        [list(spectra)],
    )


def _rows(db: Database, query: str, values: Sequence[object]) -> list[dict[str, Any]]:
    with db.read() as cursor:
        done = cursor.execute(query, list(values))
        names = [column[0] for column in done.description or []]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def _forget(cursor: "duckdb.DuckDBPyConnection", file: str) -> None:
    mine = "(SELECT spectrum FROM spectra WHERE file = ?)"
    for table in ("spectral_lines", "spectrum_scores"):
        cursor.execute(f"DELETE FROM {table} WHERE spectrum IN {mine}", [file])  # noqa: S608
    cursor.execute("DELETE FROM spectra WHERE file = ?", [file])
    cursor.execute("DELETE FROM spectrum_files WHERE file = ?", [file])


def _put(cursor: "duckdb.DuckDBPyConnection", record: SpectrumFileRecord) -> None:
    values: dict[str, Any] = {name: getattr(record, name) for name in COLUMNS}
    values |= {"notes": json.dumps(record.notes)}
    values |= {name: None for name in _FLOATS if math.isnan(values[name])}
    cursor.execute(
        f"INSERT INTO spectrum_files ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608
        list(values.values()),
    )


def _record(row: dict[str, Any]) -> SpectrumFileRecord:
    row |= {name: NAN for name in _FLOATS if row[name] is None}
    row["notes"] = tuple(json.loads(row["notes"]))
    return SpectrumFileRecord(**row)
