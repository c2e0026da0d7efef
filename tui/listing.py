"""Which candidates are listed and in what order: names in, an order that stays until asked for anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.verdicts import VerdictState

UNDECIDED, CONFLICT = "undecided", "conflict"
MINE, ANYONE = "mine", "anyone"
ORDERS: tuple[tuple[str, str, bool], ...] = (
    ("rank", "rank", False),
    ("S/N, highest first", "snr", True),
    ("anomaly score, highest first", "anomaly_score", True),
    ("brightest first", "mag_ab", False),
    ("most frames first", "frames_detected", True),
    ("right ascension", "ra", False),
    ("declination", "dec", False),
    ("score", "composite_score", True),
    ("artefact score, cleanest first", "artifact_score", True),
    ("share of frames, highest first", "consistency_score", True),
    ("half-light radius, largest first", "r50_arcsec", True),
    ("ellipticity, highest first", "ellipticity", True),
    ("concentration, highest first", "concentration", True),
    ("asymmetry, highest first", "asymmetry", True),
    ("Gini, highest first", "gini", True),
    ("M20, highest first", "m20", True),
    ("filters", "filters", False),
    ("name", "candidate", False),
)
"""Words, column and direction of each order a person can choose."""


@dataclass(frozen=True)
class Query:
    """What a person asked to see; empty fields let all pass. `label` may also be "undecided" or "conflict".

    `check` is "name=outcome" of what this person states, else of what was computed; `cone` is a position in
    ICRS degrees and a radius in arcsec; `hide` leaves out what this person ("mine") or anyone decided;
    `ranking` is a named ranking, whose order goes before `order`; `where` are conditions on further columns
    of a list of one's own and `column` is the one that it is ordered by, before all others.
    """

    text: str = ""
    band: str = ""
    flag: str = ""
    label: str = ""
    order: int = 0
    check: str = ""
    score_low: float | None = None
    score_high: float | None = None
    cone: tuple[float, float, float] | None = None
    hide: str = ""
    reverse: bool = False
    ranking: str = ""
    where: str = ""
    column: str = ""

    @property
    def filters(self) -> bool:
        """Say whether anything is left out."""
        same = Query(order=self.order, reverse=self.reverse, ranking=self.ranking, column=self.column)
        return self != same

    def words(self) -> str:
        """Describe the query in a few words; empty when everything is listed by rank."""
        parts = [f'"{self.text}"' if self.text else "", self.band, self.flag, self.label]
        parts.append(self.check.replace("_", " ").replace("=", ": "))
        if self.score_low is not None or self.score_high is not None:
            low = "" if self.score_low is None else f"{self.score_low:g}"
            parts.append(f"score {low}…{'' if self.score_high is None else f'{self.score_high:g}'}")
        if self.cone:
            parts.append(f"{self.cone[2]:g}″ around {self.cone[0]:.5f} {self.cone[1]:+.5f}")
        parts.append(self.where)
        parts.append({MINE: "without mine", ANYONE: "without decided"}.get(self.hide, ""))
        if self.column:
            parts.append(f"by {self.column}")
        elif self.ranking:
            parts.append(f"ranking {self.ranking}")
        elif self.order:
            parts.append(f"by {ORDERS[self.order][0]}")
        parts.append("backwards" if self.reverse else "")
        return ", ".join(part for part in parts if part)

    def as_value(self) -> dict[str, Any]:
        """Give what a saved view keeps: all that differs from everything by rank, the order by its column."""
        blank = dataclasses.asdict(Query())
        kept = {name: value for name, value in dataclasses.asdict(self).items() if value != blank[name]}
        if "order" in kept:
            kept["order"] = ORDERS[self.order][1]
        return kept


def query_of(value: Mapping[str, Any]) -> Query:
    """Read what a saved view keeps; what this version does not know is left out."""
    known = {item.name for item in dataclasses.fields(Query)}
    given = {name: one for name, one in value.items() if name in known}
    columns = [column for _, column, _ in ORDERS]
    order = given.get("order")
    given["order"] = columns.index(order) if order in columns else 0
    if isinstance(given.get("cone"), (list, tuple)):
        ra, dec, radius = given["cone"]
        given["cone"] = (float(ra), float(dec), float(radius))
    return Query(**given)


@dataclass(frozen=True)
class Listing:
    """Candidates in order, the place of each, and how many there are without the filter."""

    names: Sequence[str] = ()
    total: int = 0
    query: Query = field(default_factory=Query)
    places: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def places_of(self, names: Iterable[str]) -> list[int]:
        """Give the places of those of many names that are listed."""
        from store.orders import Places

        if isinstance(self.places, Places):
            return self.places.many(list(names))
        return [self.places[name] for name in names if name in self.places]


def make_listing(names: Sequence[str], total: int, query: Query) -> Listing:
    """Make a list of names, each with its place."""
    return Listing(names, total, query, {name: place for place, name in enumerate(names)})


def passing(
    query: Query,
    states: Mapping[str, VerdictState],
    anyones: Iterable[str],
    computed: Mapping[str, str] | None = None,
    conflicts: Iterable[str] = (),
) -> tuple[set[str], bool]:
    """Give the names that verdicts are about, and whether those alone pass or all but those.

    `anyones` are the names that anybody gave a label; `computed` the outcomes of the query's check where this
    person stated none; `conflicts` the names whose labels differ. Only the journals know verdicts for
    certain, so the database is not asked for them.
    """
    decided = {name for name, state in states.items() if state.label}
    hidden = decided if query.hide == MINE else set(anyones) | decided if query.hide == ANYONE else set()
    chosen: set[str] | None = None
    if query.label == UNDECIDED:
        hidden = hidden | decided
    elif query.label == CONFLICT:
        chosen = set(conflicts)
    elif query.label:
        chosen = {name for name, state in states.items() if state.label == query.label}
    if query.check:
        name, _, outcome = query.check.partition("=")
        stated = {one: state.checks[name] for one, state in states.items() if name in state.checks}
        outcomes = {**(computed or {}), **stated}
        if outcome == "not run":
            hidden = hidden | {one for one, given in outcomes.items() if given != "not run"}
        else:
            having = {one for one, given in outcomes.items() if given == outcome}
            chosen = having if chosen is None else chosen & having
    return (hidden, False) if chosen is None else (chosen - hidden, True)


def next_undecided(
    listing: Listing, states: Mapping[str, VerdictState], start: int, step: int = 1
) -> int | None:
    """Find the nearest candidate without a label after `start`, going round once; None where all have one."""
    size = len(listing)
    decided = set(listing.places_of(name for name, state in states.items() if state.label))
    if len(decided) >= size:
        return None
    place = (start + step) % size
    while place in decided:
        place = (place + step) % size
    return place


def next_outcome(given: str, computed: str) -> str:
    """Give the outcome that a press of a check's key states: first what was computed, then round the four."""
    cycle = ("pass", "fail", "inconclusive", "not run")
    if not given:
        return computed if computed in cycle[:3] else "pass"
    return cycle[(cycle.index(given) + 1) % 4]
