"""What threads tell the app: one small frozen record each, posted and never awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from rich.segment import Segment

    from analysis.config import Config
    from store.candidates import CandidateRow
    from store.journal import Line
    from store.products import ProductRecord
    from store.verdicts import VerdictState
    from tui.desk import Detail, Opening
    from tui.following import RunView
    from tui.listing import Listing
    from tui.tally import Summary
    from tui.whatif import Reweighed as Reweighing
    from tui.widgets.contact import Cell
    from tui.widgets.plot import Drawn


@dataclass
class Opened(Message):
    """The project was read: list, first rows, verdicts."""

    opening: Opening


@dataclass
class OpenFailed(Message):
    """The project could not be read yet, with the reason; another try follows."""

    reason: str


@dataclass
class Stale(Message):
    """What changed since the ranking was made, a line each."""

    lines: Sequence[str]


@dataclass
class Listed(Message):
    """A list made anew, by a filter, an order or a new ranking."""

    listing: Listing
    first_rows: Mapping[str, CandidateRow]
    why: str
    others: Mapping[str, tuple[VerdictState, ...]] = field(default_factory=dict)


@dataclass
class Arrived(Message):
    """The list as it is after a run ended, and how that ended."""

    listing: Listing
    rows: Mapping[str, CandidateRow]
    words: str


@dataclass
class RowsRead(Message):
    """Rows of the list."""

    rows: Mapping[str, CandidateRow]


@dataclass
class DetailRead(Message):
    """Cutouts and measurements of one candidate."""

    detail: Detail


@dataclass
class Examined(Message):
    """What the evidence process says of a candidate: checks computed, services asked, or a problem."""

    candidate: str
    problem: str = ""


@dataclass
class Decided(Message):
    """A journal line is on disk, or there was nothing to take back; `states` is what stands after it."""

    line: Line | None
    what: str
    states: Mapping[str, VerdictState]


@dataclass
class DecisionFailed(Message):
    """A journal line could not be written: nothing was decided."""

    what: str
    reason: str


@dataclass
class Trouble(Message):
    """Something else failed in a thread; one line for the person."""

    title: str
    reason: str


@dataclass
class Said(Message):
    """Something was done in a thread; words for the person."""

    words: str


@dataclass
class Found(Message):
    """Where a search led: a candidate of the list, or why none."""

    candidate: str | None
    words: str


@dataclass
class HistoryRead(Message):
    """Every line about a candidate, of all vetters, and what stands of each."""

    candidate: str
    lines: Sequence[Line]
    states: Sequence[VerdictState] = ()


@dataclass
class Reweighed(Message):
    """The ranking under other weights."""

    found: Reweighing


@dataclass
class PlotDrawn(Message):
    """A plot of one kind, or why there is none."""

    kind: str
    drawn: Drawn | None
    problem: str


@dataclass
class ThumbRead(Message):
    """A small picture, painted for cells of one size, with the two lines below it."""

    name: str
    cell: Cell
    lines: Sequence[list[Segment]]
    caption: tuple[str, str]


@dataclass
class AlikeFound(Message):
    """The nearest neighbours of a candidate and their distances, or why there are none."""

    candidate: str
    names: Sequence[str]
    distances: Sequence[float]
    problem: str = ""


@dataclass
class KeptSaid(Message):
    """A view or a ranking was kept or given up."""

    words: str


@dataclass
class BulkCounted(Message):
    """What a verdict on a whole list would be about."""

    names: Sequence[str]
    undecided: Sequence[str]
    first: Sequence[CandidateRow]


@dataclass
class Summarised(Message):
    """What is undecided and unchecked, before an export."""

    summary: Summary


@dataclass
class Exported(Message):
    """An export ended: its exit code and what it said."""

    code: int
    output: str


@dataclass
class Planned(Message):
    """The plan of the download: its products, what it says of itself, or why there is none."""

    records: Sequence[ProductRecord]
    lines: Sequence[str]
    problem: str = ""


@dataclass
class ConfigSaved(Message):
    """The configuration was written (None: it was not), and perhaps a run started by it."""

    config: Config | None
    words: str
    started: bool = False


@dataclass
class RunSeen(Message):
    """State of the run that is followed; the newest replaces those not yet handled."""

    view: RunView | None

    def can_replace(self, message: Message) -> bool:
        """Say that only the newest state matters."""
        return isinstance(message, RunSeen)
