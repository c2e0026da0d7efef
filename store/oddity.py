"""Why a candidate is where it is: what each view of oddity says of it, and how far its rank is chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from store.database import Database

VIEWS = ("spectrum", "arc", "colour", "structure")
"""Views of an image candidate, in the order in which they are told; column view_<name> of the table."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """What is known of one candidate; `views` are 0 to 1 by the names of `VIEWS`, NaN not computed.

    The ranks are the lowest and highest, its own included, when the population is drawn anew `draws` times.
    """

    rank_low: int
    rank_high: int
    draws: int
    views: dict[str, float]


def load_oddities(db: Database, names: Sequence[str]) -> dict[str, Oddity]:
    """Give the oddity of the named candidates; one that was not ranked by the ensemble is left out."""
    columns = ", ".join(f"view_{name}" for name in VIEWS)
    query = f"""
        SELECT candidate, rank_low, rank_high, draws, {columns} FROM candidate_views
        WHERE candidate IN (SELECT unnest(?))
    """  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(query, [list(names)]).fetchall()
    return {
        name: Oddity(low, high, draws, dict(zip(VIEWS, (_known(value) for value in values), strict=True)))
        for name, low, high, draws, *values in rows
    }


def _known(value: float | None) -> float:
    return math.nan if value is None else value
