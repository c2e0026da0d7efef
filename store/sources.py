"""Sources: every detection of the frames that are done, with what the last ranking says of it."""

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
