"""Sources: every detection of the frames that are done, with what the last ranking says of it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store import bulk
from store.database import Database

if TYPE_CHECKING:
    import pandas as pd


def load_sources(db: Database, frames: Sequence[str] | None = None) -> "pd.DataFrame":
    """Give the sources of all done frames, or of those named, by frame and number; unranked: "" and NaN."""
    chosen = "" if frames is None else "AND s.frame IN (SELECT unnest(?))"
    query = f"""
        SELECT s.* EXCLUDE (n), coalesce(c.object, '') AS object, c.anomaly_score, c.isolation_forest_score
        FROM sources s
        JOIN frames f ON f.frame = s.frame AND f.state = 'done'
        LEFT JOIN scores c ON c.source_id = s.source_id
        WHERE true {chosen}
        ORDER BY s.frame, s.n
    """  # noqa: S608
    with db.read() as cursor:
        return bulk.load(cursor, query, [] if frames is None else [list(frames)])


def band_sources(
    db: Database, source_ids: Sequence[str], columns: Sequence[str], min_snr: float, most: int
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Give columns of the sources of some sources' bands, and of those sources themselves.

    Of each instrument and filter come those of at least `min_snr`; where there are more than `most`, every
    k-th in order of S/N, so that what is read does not grow with the project. Both tables have source_id,
    instrument and filter too, in order of S/N.
    """
    wanted = ", ".join(f"s.{name}" for name in columns if name != "isolation_forest_score")
    head = f"SELECT s.source_id, s.instrument, s.filter, {wanted}, c.isolation_forest_score"
    tables = """FROM sources s JOIN frames f ON f.frame = s.frame AND f.state = 'done'
        LEFT JOIN scores c ON c.source_id = s.source_id"""
    population = f"""
        WITH bands AS (
            SELECT DISTINCT instrument, filter FROM sources WHERE source_id IN (SELECT unnest(?))
        ), ordered AS (
            SELECT s.source_id,
                row_number() OVER (PARTITION BY s.instrument, s.filter ORDER BY s.snr, s.frame, s.n) - 1 AS i,
                count(*) OVER (PARTITION BY s.instrument, s.filter) AS total
            FROM sources s JOIN frames f ON f.frame = s.frame AND f.state = 'done'
            JOIN bands b ON b.instrument = s.instrument AND b.filter = s.filter
            WHERE s.snr >= ?
        ), chosen AS (
            SELECT source_id FROM ordered WHERE i % greatest(ceil(total / ?)::BIGINT, 1) = 0
        )
        {head} {tables} JOIN chosen o ON o.source_id = s.source_id ORDER BY s.snr, s.frame, s.n
    """  # noqa: S608
    own = f"{head} {tables} WHERE s.source_id IN (SELECT unnest(?)) ORDER BY s.snr, s.frame, s.n"
    ids = list(source_ids)
    with db.read() as cursor:
        return bulk.load(cursor, population, [ids, min_snr, most]), bulk.load(cursor, own, [ids])


def bright_sources(db: Database, snr: float) -> "pd.DataFrame":
    """Give what tells a bright star of the detections above an S/N, by frame and number."""
    query = """
        SELECT s.ra, s.dec, s.flux, s.snr, s.flags, s.r50_psf_ratio, s.sharpness FROM sources s
        JOIN frames f ON f.frame = s.frame AND f.state = 'done'
        WHERE s.snr > ? ORDER BY s.frame, s.n
    """
    with db.read() as cursor:
        return bulk.load(cursor, query, [snr])


def best_sources(db: Database, source_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Give Kron radius (arcsec) and direction (degrees from +x) of some sources; NaN where not measured."""
    query = "SELECT source_id, r_kron_arcsec, theta_deg FROM sources WHERE source_id IN (SELECT unnest(?))"
    with db.read() as cursor:
        rows = cursor.execute(query, [list(source_ids)]).fetchall()
    return {
        source: {
            "r_kron_arcsec": math.nan if kron is None else float(kron),
            "theta_deg": math.nan if theta is None else float(theta),
        }
        for source, kron, theta in rows
    }


def compact_sources(db: Database, frame: str) -> tuple[list[float], list[float]]:
    """Give ra and dec (degrees) of a frame's bright point-like sources, saturated ones left out."""
    query = """
        SELECT ra, dec FROM sources WHERE frame = ? AND snr > 20 AND r50_psf_ratio < 1.5
            AND NOT list_contains(string_split(flags, ','), 'saturated') ORDER BY n
    """
    with db.read() as cursor:
        rows = cursor.execute(query, [frame]).fetchall()
    return [float(ra) for ra, _ in rows], [float(dec) for _, dec in rows]
