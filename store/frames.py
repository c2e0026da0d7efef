"""Frames: one record per input file, done or failed, and the sources measured in it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from store import bulk
from store.database import Database

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

State = Literal["done", "failed"]

NAN = math.nan
ROWS_PER_LEASE = 20_000


@dataclass(frozen=True)
class FrameRecord:
    """What is known of one input file; NaN and "" mean unknown, fluxes are in `flux_unit`.

    `companions` are lines "sha256  path" of the weight and error files that belong to it, `zeropoint` the AB
    magnitude of one unit where a person gave it.
    """

    frame: str
    path: str
    sha256: str
    bytes: int
    state: State
    error_kind: str = ""
    error_reason: str = ""
    stage_key: str = ""
    instrument: str = ""
    filter: str = ""
    program: str = ""
    target: str = ""
    date_beg: str = ""
    mjd_beg: float = NAN
    mjd_end: float = NAN
    exposure_s: float = NAN
    n_exposures: int = 0
    pa_v3: float = NAN
    nx: int = 0
    ny: int = 0
    pixel_scale_arcsec: float = NAN
    area_arcmin2: float = NAN
    fwhm_arcsec: float = NAN
    flux_unit: str = ""
    to_njy: float = NAN
    unit_source: str = ""
    cal_ver: str = ""
    crds_ctx: str = ""
    has_err: bool = False
    has_wht: bool = False
    has_con: bool = False
    footprint: str = ""
    n_sources: int = 0
    threshold_k: float = NAN
    false_rate: float = NAN
    sky_rms: float = NAN
    depth_5sigma_mag: float = NAN
    simulated: bool = False
    notes: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    zeropoint: float = NAN
    mtime_ns: int = 0
    measured_at: str = ""
    seconds: float = NAN


COLUMNS = tuple(field.name for field in fields(FrameRecord))
_LISTS = ("notes", "companions")
_FLOATS = frozenset(field.name for field in fields(FrameRecord) if field.type is float)


def save_frame(db: Database, record: FrameRecord, sources: "pd.DataFrame") -> None:
    """Replace a frame's sources in leases of 20,000 rows; readers see them once the last is in."""
    rows = sources.assign(n=_numbers(sources))
    first = True
    for start in range(0, max(len(rows), 1), ROWS_PER_LEASE):
        with db.write() as cursor:
            if first:
                _forget(cursor, record.frame)
                first = False
            bulk.insert(cursor, "sources", rows.iloc[start : start + ROWS_PER_LEASE])
            _put(cursor, record, "done" if start + ROWS_PER_LEASE >= len(rows) else "saving")


def fail_frame(db: Database, record: FrameRecord) -> None:
    """Keep why a file could not be measured; what an earlier reading of it gave is dropped."""
    with db.write() as cursor:
        _forget(cursor, record.frame)
        _put(cursor, record, "failed")


def move_frame(db: Database, frame: str, path: Path | str) -> None:
    """Note that the same bytes are now found elsewhere."""
    with db.write() as cursor:
        cursor.execute("UPDATE frames SET path = ? WHERE frame = ?", [str(path), frame])


def forget_frame(db: Database, frame: str) -> None:
    """Drop a frame with its sources."""
    with db.write() as cursor:
        _forget(cursor, frame)


def frame_records(db: Database, state: State | None = None) -> list[FrameRecord]:
    """List the frames that are done or failed, or only those of one state, by name."""
    states = [state] if state else ["done", "failed"]
    query = f"SELECT {', '.join(COLUMNS)} FROM frames WHERE state IN (SELECT unnest(?)) ORDER BY frame"  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(query, [states]).fetchall()
    return [_record(dict(zip(COLUMNS, row, strict=True))) for row in rows]


def frame_name(known: Database | Mapping[str, tuple[str, str]], path: Path | str, sha256: str) -> str:
    """Name the frame of a file: its stem, with 8 digits of its sha256 where another file has that stem.

    `known` maps the frames there are to their path and sha256, or is the database that holds them. A file
    keeps its frame when it is edited in place or moved elsewhere unchanged.
    """
    if isinstance(known, Database):
        with known.read() as cursor:
            listed = cursor.execute("SELECT frame, path, sha256 FROM frames").fetchall()
        known = {frame: (where, digest) for frame, where, digest in listed}
    stem = re.sub(
        r"[^A-Za-z0-9._+-]", "_", re.sub(r"\.fits(\.gz)?$", "", Path(path).name, flags=re.IGNORECASE)
    )
    for name, (where, _) in known.items():
        if where == str(path):
            return name
    if stem not in known or known[stem][1] == sha256:
        return stem
    return f"{stem}-{sha256[:8]}"


def _numbers(sources: "pd.DataFrame") -> "pd.Series[int]":
    return sources["source_id"].astype("str").str.rsplit("-", n=1).str[-1].astype("int64")


def _forget(cursor: "duckdb.DuckDBPyConnection", frame: str) -> None:
    cursor.execute(
        "DELETE FROM scores WHERE source_id IN (SELECT source_id FROM sources WHERE frame = ?)", [frame]
    )
    cursor.execute("DELETE FROM sources WHERE frame = ?", [frame])
    cursor.execute("DELETE FROM frames WHERE frame = ?", [frame])


def _put(cursor: "duckdb.DuckDBPyConnection", record: FrameRecord, state: str) -> None:
    values: dict[str, Any] = {name: getattr(record, name) for name in COLUMNS}
    values |= {"state": state} | {name: json.dumps(values[name]) for name in _LISTS}
    values |= {name: None for name in _FLOATS if math.isnan(values[name])}
    cursor.execute("DELETE FROM frames WHERE frame = ?", [record.frame])
    marks = ", ".join("?" * len(COLUMNS))
    cursor.execute(
        f"INSERT INTO frames ({', '.join(COLUMNS)}) VALUES ({marks})",  # noqa: S608
        list(values.values()),
    )


def _record(row: dict[str, Any]) -> FrameRecord:
    row |= {name: NAN for name in _FLOATS if row[name] is None}
    row |= {name: tuple(json.loads(row[name])) for name in _LISTS}
    return FrameRecord(**row)
