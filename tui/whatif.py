"""What other weights would do: terms and weights in, ranks then and now out. For threads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.queues import Queue

FIRST = 100
TOP = 12


@dataclass(frozen=True)
class Moved:
    """One candidate near the top of the new order: its name, score, and the rank that it has now."""

    candidate: str
    score: float
    before: int


@dataclass(frozen=True)
class Reweighed:
    """The ranking under other weights, as a screen shows it; `stay` of the first `first` stay there."""

    weights: Mapping[str, float]
    candidate: str
    values: tuple[float, float, float, float]
    score: float
    score_before: float
    rank: int
    rank_before: int
    total: int
    top: Sequence[Moved]
    stay: int
    first: int


def reweigh(queue: Queue, weights: Mapping[str, float], candidate: str) -> Reweighed:
    """Rank everything anew; the candidate must be one that is ranked."""
    import numpy as np

    pool, terms = queue.pool(), queue.terms()
    order, score = terms.order(weights)
    now = int(pool.ranks([candidate])[0])
    first = min(FIRST, len(order))
    names = pool.names(order[:TOP].astype(np.int32))
    one, two, three, four = (float(value) for value in terms.values[now - 1])
    return Reweighed(
        weights=dict(weights),
        candidate=candidate,
        values=(one, two, three, four),
        score=float(score[now - 1]),
        score_before=float(terms.score[now - 1]),
        rank=int(np.flatnonzero(order == now)[0]) + 1,
        rank_before=now,
        total=len(order),
        top=[
            Moved(name, float(score[rank - 1]), int(rank))
            for name, rank in zip(names, order[:TOP], strict=True)
        ],
        stay=int((order[:first] <= first).sum()),
        first=first,
    )
