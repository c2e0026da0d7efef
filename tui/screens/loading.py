"""The reading half of the vetting screen: list, rows and pictures come from threads, newest request first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.timer import Timer
from textual.worker import get_current_worker

from analysis.config import Config
from store.project import StoreError
from tui import messages
from tui.listing import Listing, Query
from tui.look import FIELDS, Look
from tui.screens.base import VetterScreen
from tui.widgets.cutouts import Cutouts
from tui.widgets.evidence import Evidence, EvidencePanel
from tui.widgets.lines import KeyBar, Status, StatusLine
from tui.widgets.table import RankTable

if TYPE_CHECKING:
    from store.candidates import CandidateRow
    from store.verdicts import VerdictState
    from tui.desk import Detail, Opening
    from tui.widgets.composing import Setting

NEIGHBOURS = (0, 1, -1, 2, -2, 3, -3)
KEPT_DETAILS = 64
RETRY_SECONDS = 1.0
PREFETCH_AFTER_SECONDS = 0.08
EMPTY = """No candidates yet

r   opens runs, and s there starts one: it measures the images in
{products}
and ranks what it finds.

Put *_i2d.fits files into that folder first, or leave the app and type
jwst-vet images FILE...   for files of your own
jwst-vet demo             for a simulated project to try things on"""


class Loading(VetterScreen):
    """Keeps what is shown in step with the cursor; nothing here waits in the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, VerdictState] = {}
        self.others: dict[str, tuple[VerdictState, ...]] = {}
        self.info: Mapping[str, Any] = {}
        self.opened = False
        self.look = Look()
        self.decided = 0
        self.message = ""
        self.alert = False
        self.writing = False
        self.shown_at = time.monotonic()
        self._details: OrderedDict[tuple[str, str], Detail] = OrderedDict()
        self._wanted: list[str] = []
        self._reading_rows = False
        self._asked_details: tuple[list[str], Mapping[str, Detail], Setting] | None = None
        self._reading_details = False
        self._outdated: set[str] = set()
        self._prefetching: Timer | None = None
        self.table = RankTable(self.states)

    @property
    def cutouts(self) -> Cutouts:
        """The panel of pictures."""
        return self.query_one(Cutouts)

    @property
    def stretch(self) -> str:
        """The stretch of the pictures."""
        return self.look.stretch

    @property
    def row(self) -> CandidateRow | None:
        """The row under the cursor, if it was read."""
        name = self.table.candidate
        return self.table.rows.get(name) if name else None

    def on_mount(self) -> None:
        """Read the project once the first frame is on the screen."""
        self.show_words("reading the project …")
        self.call_after_refresh(self._start, self._open, "open", "read the project")

    def _start(self, work: Any, group: str, description: str) -> None:
        self.run_worker(
            work, thread=True, exclusive=True, exit_on_error=False, group=group, description=description
        )

    def _open(self) -> None:
        worker = get_current_worker()
        while not (worker.is_cancelled or self.vet.leaving.is_set()):
            try:
                self.post_message(messages.Opened(self.vet.desk.open()))
            except StoreError as error:
                self.post_message(messages.OpenFailed(str(error)))
                self.vet.leaving.wait(RETRY_SECONDS)
            else:
                return

    @on(messages.OpenFailed)
    def _open_failed(self, message: messages.OpenFailed) -> None:
        self.show_words(f"waiting: {message.reason}")

    @on(messages.Opened)
    def _opened(self, message: messages.Opened) -> None:
        self.take_opening(message.opening)

    def take_opening(self, opening: Opening) -> None:
        """Show a project that was read."""
        self.states.clear()
        self.states.update(opening.states)
        self.others = dict(opening.others)
        self.info = opening.info
        self.take_listing(opening.listing, opening.rows)
        if opening.problems:
            self.say(
                f"{len(opening.problems)} journal lines could not be read: {opening.problems[0]}", alert=True
            )
        if opening.whole:
            self._ready()
        else:
            self.relist(Query(), why="")

    def _ready(self) -> None:
        """Let keys act from now on: the list is whole, and the verdicts are known."""
        self.opened = True
        self.vet.pump_keys()
        self._start(self._look_for_changes, "stale", "look what changed since the ranking")

    def _look_for_changes(self) -> None:
        from analysis.stages.staleness import stale

        try:
            lines = stale(self.vet.project, self.vet.config)
        except StoreError:
            return  # a run holds the database: it says itself what it measures again
        if lines:
            self.post_message(messages.Stale(lines))

    @on(messages.Stale)
    def _stale(self, message: messages.Stale) -> None:
        """Name what changed, beside whatever was said meanwhile."""
        further = [f"and {len(message.lines) - 3} more: `jwst-vet status`"] if len(message.lines) > 3 else []
        self.notify(
            "\n".join([*message.lines[:3], *further]), title="changed since the ranking", timeout=12.0
        )

    def take_listing(
        self, listing: Listing, rows: Mapping[str, CandidateRow], *, fresh: bool = False
    ) -> None:
        """Show another list."""
        self.mark_conflicts()
        self.set_class(listing.total == 0, "-empty")
        self.decided = len(listing.places_of(name for name, state in self.states.items() if state.label))
        self.table.show(listing, rows, fresh=fresh)
        hidden = {key.id for key in self.vet.keys if key.where == "vet" and key.id != "runs"}
        self.query_one(KeyBar).hide(frozenset(hidden) if listing.total == 0 else frozenset({"more_bands"}))
        if not len(listing):
            words = "nothing passes this filter: f changes it"
            if listing.total == 0:
                words = EMPTY.format(products=self.vet.project.products)
            self.show_words(words)
        self.refresh_status()

    def mark_conflicts(self) -> None:
        """Take note of the candidates whose labels differ."""
        self.table.conflicts = frozenset(name for name in self.others if self._differ(name))

    def mark_conflicts_of(self, names: Iterable[str]) -> None:
        """Take note of whether labels of some candidates differ, after a decision on them."""
        changed = {name for name in names if name in self.others}
        if changed:
            self.table.conflicts = (self.table.conflicts - changed) | {n for n in changed if self._differ(n)}

    def _differ(self, name: str) -> bool:
        return len({s.label for s in (*self.others.get(name, ()), *self._mine(name)) if s.label}) > 1

    def _mine(self, name: str) -> tuple[VerdictState, ...]:
        return (self.states[name],) if name in self.states else ()

    def show_words(self, words: str) -> None:
        """Show words where pictures and evidence would be."""
        self.cutouts.show(None, waiting=words)
        self.query_one(EvidencePanel).show(None)
        self.refresh_status()

    def relist(self, query: Query, why: str = "") -> None:
        """Make the list anew, in a thread."""
        self._start(partial(self._list, query, why), "list", "list candidates")

    def _list(self, query: Query, why: str | Callable[[], str]) -> None:
        worker = get_current_worker()
        while not (worker.is_cancelled or self.vet.leaving.is_set()):
            try:
                listing, rows = self.vet.desk.listed(query)
            except StoreError as error:
                self.post_message(messages.Trouble("waiting for the list", str(error)))
                self.vet.leaving.wait(RETRY_SECONDS)
            else:
                words = why if isinstance(why, str) else why()
                self.post_message(messages.Listed(listing, rows, words, self.vet.desk.others()))
                return

    @on(messages.Listed)
    def _listed(self, message: messages.Listed) -> None:
        self.others = dict(message.others)
        if self.opened:
            self._details.clear()
            self.say(message.why or f"{len(message.listing)} of {message.listing.total} candidates")
        self.take_listing(message.listing, message.first_rows, fresh=self.opened)
        self._ready()

    @on(RankTable.Wanted)
    def _rows_wanted(self, message: RankTable.Wanted) -> None:
        self._wanted = list(message.names)
        if not self._reading_rows:
            self._reading_rows = True
            self._start(self._read_rows, "rows", "read rows")

    def _read_rows(self) -> None:
        while self._wanted:
            names, self._wanted = self._wanted, []
            try:
                rows = self.vet.desk.rows(names)
            except StoreError as error:
                self.post_message(messages.Trouble("waiting for rows", str(error)))
                rows = {}
            self.post_message(messages.RowsRead(rows))

    @on(messages.RowsRead)
    def _rows_read(self, message: messages.RowsRead) -> None:
        self._reading_rows = False
        self.table.take_rows(message.rows)
        if not message.rows:
            self.set_timer(RETRY_SECONDS, self.table.forget_asked)
        if self.table.candidate in message.rows:
            self.refresh_evidence()

    @on(RankTable.Moved)
    def _moved(self) -> None:
        self.shown_at = time.monotonic()
        self.look = replace(self.look, page=0)
        self.show_candidate()

    def show_candidate(self) -> None:
        """Show pictures and evidence of the candidate under the cursor, reading what is not at hand."""
        name = self.table.candidate
        if name is None:
            return
        detail = self._details.get((name, self.stretch))
        self.cutouts.show(detail, self.look, waiting="…")
        self.refresh_evidence()
        setting = self.cutouts.setting(self.look)
        names = self._near()
        known = {
            n: self._details[n, self.stretch]
            for n in names
            if (n, self.stretch) in self._details and n not in self._outdated
        }
        missing = [n for n in names if n not in known or not self.cutouts.ready(n, setting)]
        if missing:
            self._ask_details(missing, known, setting)

    def read_again(self) -> None:
        """Read and paint what is near anew; what is shown stays until then."""
        self.cutouts.forget()
        self._outdated = {name for name, _ in self._details}
        self.show_candidate()

    def _near(self) -> list[str]:
        """Name the candidate and those next to it; a field is painted for the one looked at alone."""
        steps = (0,) if self.look.mode in FIELDS else NEIGHBOURS
        places = [self.table.cursor + step for step in steps]
        return [self.table.listing.names[n] for n in places if 0 <= n < len(self.table.listing)]

    def _ask_details(self, names: list[str], known: Mapping[str, Detail], setting: Setting) -> None:
        self._asked_details = (names, known, setting)
        if self._prefetching is not None:
            self._prefetching.stop()
            self._prefetching = None
        if names[0] == self.table.candidate:
            self._begin_details()
        else:  # the frame that the key asked for goes first: threads would share the interpreter with it
            self._prefetching = self.set_timer(PREFETCH_AFTER_SECONDS, self._begin_details)

    def _begin_details(self) -> None:
        if not self._reading_details and self._asked_details is not None:
            self._reading_details = True
            self._start(self._read_details, "detail", "read and paint cutouts")

    def _read_details(self) -> None:
        """Read and paint what was asked for last; a newer request is begun after the candidate in hand."""
        while (asked := self._asked_details) is not None:
            self._asked_details = None
            names, known, setting = asked
            for name in names:
                if self._asked_details is not None or self.vet.leaving.is_set():
                    break
                self._read_detail(name, known.get(name), setting)
        self.call_later(self._details_read)

    def _read_detail(self, name: str, detail: Detail | None, setting: Setting) -> None:
        look = setting.look
        if detail is None:
            detail = self.vet.desk.detail(name, look.stretch)
            self.post_message(messages.DetailRead(detail))
        around = self.vet.desk.around(detail, look.page) if look.mode in FIELDS else None
        self.cutouts.compose_for(detail, setting, around)

    def _details_read(self) -> None:
        self._reading_details = False
        self._begin_details()

    @on(messages.DetailRead)
    def _detail_read(self, message: messages.DetailRead) -> None:
        detail = message.detail
        self._outdated.discard(detail.candidate)
        self._details[detail.candidate, detail.stretch] = detail
        while len(self._details) > KEPT_DETAILS:
            self._details.popitem(last=False)
        self.detail_shown(detail.candidate)
        if detail.candidate == self.table.candidate and detail.stretch == self.stretch:
            self.cutouts.show(detail, self.look, waiting="…")
            self.refresh_evidence()

    def detail_shown(self, candidate: str) -> None:
        """Take note that a candidate was read."""

    def refresh_evidence(self) -> None:
        """Show the evidence as it stands now."""
        name, row = self.table.candidate, self.row
        panel = self.query_one(EvidencePanel)
        if name is None or row is None:
            panel.show(None, "reading …" if name else "")
            return
        detail = self._details.get((name, self.stretch))
        panel.show(
            Evidence(
                row=row,
                state=self.states.get(name),
                others=self.others.get(name, ()),
                members=detail.members if detail else (),
                computed=detail.computed if detail else {},
                further=detail.further if detail else {},
                findings=detail.findings if detail else {},
                oddity=detail.oddity if detail else None,
                weights=self.info.get("weights") or weights_of(self.vet.config),
                blind=self.vet.desk.blind,
            )
        )
        self.refresh_status()

    def say(self, words: str, *, alert: bool = False) -> None:
        """Put a message into the status line; it stays until the next one."""
        self.message, self.alert = words, alert
        self.refresh_status()

    @on(messages.Trouble)
    def _trouble(self, message: messages.Trouble) -> None:
        self.say(f"{message.title}: {message.reason}", alert=True)

    def refresh_status(self) -> None:
        """Bring the status line up to date."""
        listing, row = self.table.listing, self.row
        simulated = bool(self.info.get("simulated")) or (row is not None and row.simulated)
        run = self.vet.run_view
        self.query_one(StatusLine).show(
            Status(
                project=self.vet.project.root.name,
                simulated=simulated,
                packed=self.vet.project.packed,
                blind=self.vet.desk.blind,
                decided=self.decided,
                listed=len(listing),
                total=listing.total,
                filters=listing.query.words(),
                run=run.words() if run is not None and run.going else "",
                message=self.message,
                alert=self.alert,
                saving=self.writing,
            )
        )


def weights_of(config: Config) -> dict[str, float]:
    """Give the weights of the configuration, for a ranking that did not record its own."""
    weights = config.weights
    return {
        "anomaly": weights.anomaly,
        "snr": weights.snr,
        "artifact": weights.artifact,
        "consistency": weights.consistency,
    }
