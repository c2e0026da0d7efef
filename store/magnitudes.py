"""What is read of many candidates at once: magnitudes, earlier ranks, features, outcomes of a check."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.database import Database

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Step:
    """A candidate's rank in one ranking: the ranking's number from 1 on, and when it was made (UTC)."""

    number: int
    made_at: str
    rank: int
    score: float


def magnitudes(db: Database, names: Sequence[str]) -> "dict[tuple[str, str], npt.NDArray[np.float64]]":
    """Give AB magnitudes by instrument and filter, in the order of the names, NaN where not measured.

    Of several frames in one filter the one of highest S/N counts.
    """
    import numpy as np

    query = """
        SELECT s.instrument, s.filter, w.place, arg_max(s.mag_ab, s.snr)
        FROM (SELECT unnest(?) AS candidate, unnest(?) AS place) w
        JOIN candidates k ON k.candidate = w.candidate
        JOIN scores c ON c.object = k.object
        JOIN sources s ON s.source_id = c.source_id
        JOIN frames f ON f.frame = s.frame AND f.state = 'done'
        WHERE s.mag_ab IS NOT NULL GROUP BY ALL
    """
    with db.read() as cursor:
        rows = cursor.execute(query, [list(names), list(range(len(names)))]).fetchall()
    found: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
    for instrument, band, place, value in rows:
        found.setdefault((instrument, band), np.full(len(names), np.nan))[place] = value
    return found


def rank_history(db: Database, candidate: str) -> list[Step]:
    """Give a candidate's ranks in the rankings that were made, oldest first."""
    query = """
        WITH made AS (
            SELECT made_at, ranking, row_number() OVER (ORDER BY made_at) AS number
            FROM (SELECT DISTINCT made_at, ranking FROM rank_history)
        )
        SELECT m.number, m.made_at, h.rank, h.composite_score FROM rank_history h
        JOIN made m ON m.made_at = h.made_at AND m.ranking = h.ranking
        WHERE h.candidate = ? ORDER BY m.number
    """
    with db.read() as cursor:
        rows = cursor.execute(query, [candidate]).fetchall()
    return [
        Step(int(number), made_at, int(rank), float("nan") if score is None else score)
        for number, made_at, rank, score in rows
    ]


def feature_table(db: Database) -> "tuple[list[str], npt.NDArray[np.float64]]":
    """Give the names of the candidates by rank and their features (n, d), NaN where not measured."""
    import numpy as np

    query = "SELECT f.candidate, f.vector FROM features f JOIN candidates k USING (candidate) ORDER BY k.rank"
    with db.read() as cursor:
        rows = cursor.execute(query).fetchall()
    vectors = np.array([row[1] for row in rows], dtype=float) if rows else np.empty((0, 0))
    return [row[0] for row in rows], vectors


def computed_outcomes(db: Database, check: str) -> dict[str, str]:
    """Give what was computed for one check, by candidate."""
    query = "SELECT candidate, outcome FROM computed_checks WHERE name = ?"
    with db.read() as cursor:
        return dict(cursor.execute(query, [check]).fetchall())
