"""Which candidates are listed and in what order: names in, an order that stays until asked for anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.verdicts import VerdictState

UNDECIDED = "undecided"
ORDERS: tuple[tuple[str, str, bool], ...] = (
    ("rank", "rank", False),
    ("S/N, highest first", "snr", True),
    ("anomaly score, highest first", "anomaly_score", True),
    ("brightest first", "mag_ab", False),
    ("most frames first", "frames_detected", True),
    ("right ascension", "ra", False),
    ("declination", "dec", False),
)
"""Words, column and direction of each order a person can choose."""


@dataclass(frozen=True)
class Query:
    """What a person asked to see; empty fields let all pass. `label` may also be "undecided"."""

    text: str = ""
    band: str = ""
    flag: str = ""
    label: str = ""
    order: int = 0

    @property
    def filters(self) -> bool:
        """Say whether anything is left out."""
        return bool(self.text or self.band or self.flag or self.label)

    def words(self) -> str:
        """Describe the query in a few words; empty when everything is listed by rank."""
        parts = [f'"{self.text}"' if self.text else "", self.band, self.flag, self.label]
        if self.order:
            parts.append(f"by {ORDERS[self.order][0]}")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Listing:
    """Candidates in order, the place of each, and how many there are without the filter."""

    names: Sequence[str] = ()
    total: int = 0
    query: Query = field(default_factory=Query)
    places: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)


def make_listing(
    names: Sequence[str], total: int, query: Query, states: Mapping[str, VerdictState]
) -> Listing:
    """Apply the label of the query, which only the journals know for certain, and number what is left."""
    if query.label:
        names = [name for name in names if _passes(query.label, states.get(name))]
    return Listing(names, total, query, {name: place for place, name in enumerate(names)})


def _passes(label: str, state: VerdictState | None) -> bool:
    given = state.label if state is not None else ""
    return given == "" if label == UNDECIDED else given == label


def next_undecided(
    listing: Listing, states: Mapping[str, VerdictState], start: int, step: int = 1
) -> int | None:
    """Find the nearest candidate without a label after `start`, going round once; None where all have one."""
    size = len(listing)
    for distance in range(1, size + 1):
        place = (start + step * distance) % size
        state = states.get(listing.names[place])
        if state is None or not state.label:
            return place
    return None


def next_outcome(given: str, computed: str) -> str:
    """Give the outcome that a press of a check's key states: first what was computed, then round the four."""
    cycle = ("pass", "fail", "inconclusive", "not run")
    if not given:
        return computed if computed in cycle[:3] else "pass"
    return cycle[(cycle.index(given) + 1) % 4]
