"""The desk between store and screen: every slow thing the app asks for, to be called from threads only.

Comes in: names, queries, decisions. Goes out: frozen records, ready to be drawn.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analysis.config import Config
from store.project import Project, StoreError, slug
from tui.fields import Around, Fields
from tui.listing import Listing, Query, make_listing
from tui.places import by_name, nearest, parse_position
from tui.queues import Queue, names_of
from tui.tally import Summary, closing_of, summarised

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.cutouts import CutoutSet, Panel
    from analysis.spectra.plotting import Curve
    from store.candidates import CandidateRow, MemberRow
    from store.checks import CheckRow
    from store.journal import Line
    from store.oddity import Oddity
    from store.verdicts import VerdictBook, VerdictState
    from tui.keys import Key

FIRST_ROWS = 64
KEPT_CUTOUTS = 48
PATIENCE = 0.5


@dataclass(frozen=True)
class View:
    """One frame's picture of a candidate: grey levels (y, x), row 0 at the bottom, 0 where invalid.

    `image` are the pixels that the levels are of, NaN where invalid.
    """

    panel: Panel
    label: str
    gray: npt.NDArray[np.uint8]
    image: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Detail:
    """What is shown of one candidate beside its row; `problem` says why there are no pictures."""

    candidate: str
    stretch: str
    views: tuple[View, ...] = ()
    members: tuple[MemberRow, ...] = ()
    problem: str = ""
    computed: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, str] = field(default_factory=dict)
    cutouts: CutoutSet | None = None
    curve: Curve | None = None
    findings: Mapping[str, CheckRow] = field(default_factory=dict)
    oddity: Oddity | None = None


@dataclass(frozen=True)
class Opening:
    """A project as it was found; `whole` says whether the list is all of it or only its first page."""

    listing: Listing
    rows: Mapping[str, CandidateRow]
    states: Mapping[str, VerdictState]
    others: Mapping[str, tuple[VerdictState, ...]]
    info: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    whole: bool = True


class Desk:
    """All access of the app to one project; each method may take long."""

    blind = False
    all_decided = "every candidate in this list has a label: e exports"

    def __init__(self, project: Project, config: Config) -> None:
        self.project = project
        self.config = config
        self.vetter = config.vetting.name()
        self._book: VerdictBook | None = None
        self._cutouts: OrderedDict[str, CutoutSet] = OrderedDict()
        self._lock = threading.Lock()
        self._began = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.fields = Fields(project)
        self._database: Any = None
        self._queue: Queue | None = None
        self._matched: tuple[int, ...] | None = None
        self._columns: dict[str, dict[str, str]] | None = None

    @property
    def database(self) -> Any:
        """The project's database; a short patience, because the app asks again by itself."""
        if self._database is None:
            from store.database import Database

            self._database = Database(self.project.database, PATIENCE)
        return self._database

    @property
    def book(self) -> VerdictBook:
        """The book of verdicts, open once `open` has returned."""
        if self._book is None:
            raise StoreError(f"{self.project.verdicts}: the journals are not read yet")
        return self._book

    def open(self) -> Opening:
        """Read the first page and everybody's verdicts; StoreError where that cannot be done now."""
        listing = Listing()
        rows: dict[str, CandidateRow] = {}
        info: dict[str, Any] = {}
        aliases: dict[str, str] = {}
        if self.project.database.exists():
            from store.candidates import aliases as read_aliases
            from store.candidates import first_rows, ranking_info

            rows, total = first_rows(self.database, FIRST_ROWS)
            info, aliases = ranking_info(self.database), read_aliases(self.database)
            listing = make_listing(list(rows), total, Query())
        from store.verdicts import VerdictBook

        if self._book is None:
            vetting = self.config.vetting
            self._book = VerdictBook(
                self.project,
                self.vetter,
                database=self.database,
                resolve=aliases,
                labels=[name for name, _ in vetting.label_keys()],
                reasons=[name for name, _ in vetting.reason_keys()],
            )
        self._further_columns()
        from store.damage import take_fresh

        problems = (*take_fresh(), *(str(problem) for problem in self._book.problems))
        whole = len(listing) == listing.total
        return Opening(listing, rows, self._book.states(), self.others(), info, problems, whole)

    def allowed(self, table: Iterable[Key]) -> tuple[Key, ...]:
        """Give the keys that work on this desk."""
        return tuple(table)

    def others(self) -> dict[str, tuple[VerdictState, ...]]:
        """Give what stands by everybody else, by candidate."""
        others: dict[str, tuple[VerdictState, ...]] = {}
        if set(self.book.vetters) <= {self.vetter}:
            return others
        for state in self.book.all_states():
            if state.vetter != self.vetter:
                others[state.candidate] = (*others.get(state.candidate, ()), state)
        return others

    @property
    def queue(self) -> Queue:
        """The lists of the ranking there is."""
        if self._queue is None:
            self._queue = Queue(self.database, self._further_columns)
        return self._queue

    def listed(self, query: Query) -> tuple[Listing, Mapping[str, CandidateRow]]:
        """List the candidates that a query asks for, with the first rows."""
        if not self.project.database.exists():
            return Listing(query=query), {}
        self.book.refresh()
        with self.database.read():  # one lease for all that follows: the file is opened once
            mark = (*self.queue.pool().mark, self.book.from_others)
            if mark == self._matched:
                listing = self.queue.listed(query, self.book)
                return listing, self.rows(listing.names[:FIRST_ROWS])
        # A new ranking, or lines of others: names only journals know are looked for among candidates.
        from store.matching import match_journals

        match_journals(self.database, self.book)
        self._matched = mark
        with self.database.read():
            listing = self.queue.listed(query, self.book)
            return listing, self.rows(listing.names[:FIRST_ROWS])

    def agreement(self) -> str:
        """Say on how many candidates vetters differ, and how well they agree."""
        states = self.book.all_states()
        if len({state.vetter for state in states if state.label}) < 2:
            return "nobody else gave a label here; `jwst-vet merge` takes colleagues' verdicts in"
        from analysis.agreement import agreement, tabulate

        found = agreement(tabulate([(s.candidate, s.vetter, s.label) for s in states]).codes)
        number = len(self.book.conflicts())
        return f"{number or 'no'} conflict{'s' * (number != 1)}; {found.words()}"

    def rows(self, names: Sequence[str]) -> Mapping[str, CandidateRow]:
        """Read some rows."""
        return self.queue.rows(names)

    def find(self, text: str, listing: Listing) -> tuple[str | None, str]:
        """Find the candidate that a rank, a name or a position means; words where there is none."""
        text = text.strip()
        if text.isdigit():
            return self._ranked(int(text), listing)
        position = parse_position(text)
        if position is None:
            name = by_name(text, listing.names)
            return name, "" if name else f"no candidate in this list is called {text}"
        from store.candidates import known_names

        found = nearest(position, (row for row in known_names(self.database) if row[0] in listing.places))
        if found is None:
            return None, "the list is empty"
        return found[0], f"{found[1]:.2f}″ from {position[0]:.5f} {position[1]:+.5f}"

    def _ranked(self, rank: int, listing: Listing) -> tuple[str | None, str]:
        pool = self.queue.pool()
        if not 1 <= rank <= len(pool):
            return None, f"there is no rank {rank}; ranks go from 1 to {len(pool)}"
        name = pool.name(rank)
        return (name, "") if name in listing.places else (None, f"rank {rank} is hidden by the filter")

    def detail(self, candidate: str, stretch: str, *, with_members: bool = True) -> Detail:
        """Read a candidate's pictures and its measurement in each frame."""
        members: tuple[MemberRow, ...] = ()
        if with_members:
            from store.candidates import members as read_members

            try:
                members = tuple(sorted(read_members(self.database, candidate), key=_by_wavelength))
            except StoreError:
                members = ()  # a run holds the database: the pictures come from files all the same
        from analysis.cutouts import CutoutError, to_gray
        from tui.pictures import view_labels

        found, odd = self.findings(candidate), self.oddity(candidate)
        computed = {name: row.outcome for name, row in found.items()}
        try:
            cutouts = self._load(candidate)
        except CutoutError as error:
            return Detail(
                candidate,
                stretch,
                (),
                members,
                str(error),
                computed,
                further=self.further(candidate),
                curve=self._curve(candidate),
                findings=found,
                oddity=odd,
            )
        labels = view_labels(cutouts.panels)
        views = tuple(
            View(panel, label, to_gray(image, stretch), image)
            for panel, label, image in zip(cutouts.panels, labels, cutouts.images, strict=True)
        )
        problem = "" if views else "outside of every frame: no valid pixels here"
        further = self.further(candidate)
        return Detail(
            candidate,
            stretch,
            views,
            members,
            problem,
            computed,
            further=further,
            cutouts=cutouts,
            findings=found,
            oddity=odd,
        )

    def further(self, candidate: str) -> Mapping[str, str]:
        """Give the further columns of a list of one's own."""
        return self._further_columns().get(candidate, {})

    def _further_columns(self) -> Mapping[str, Mapping[str, str]]:
        if self._columns is None:
            from store.own_lists import read_columns

            self._columns = read_columns(self.project)
        return self._columns

    @property
    def column_names(self) -> list[str]:
        """The further columns, once `open` has returned; asks no file."""
        return names_of(self._columns or {})

    def _curve(self, candidate: str) -> Curve | None:
        """Read the best spectrum of a candidate that has no cutouts; None where there is none."""
        from tui.spectra import read_spectra

        try:
            curves = read_spectra(self.project, self.database, candidate).curves
        except StoreError:
            return None  # a run holds the database: said where the pictures would be
        return curves[0] if curves else None

    def findings(self, candidate: str) -> Mapping[str, CheckRow]:
        """Read what was computed of a candidate's checks; nothing while a run holds the database."""
        from store.checks import load_checks

        if not self.project.database.exists():
            return {}
        try:
            return load_checks(self.database, [candidate]).get(candidate, {})
        except StoreError:
            return {}

    def oddity(self, candidate: str) -> Oddity | None:
        """Read what each view says of a candidate; None while a run holds the database."""
        from store.oddity import load_oddities

        if not self.project.database.exists():
            return None
        try:
            return load_oddities(self.database, [candidate]).get(candidate)
        except StoreError:
            return None

    def thumb(self, candidate: str) -> npt.NDArray[np.uint8] | None:
        """Give one small picture: the frame that shows most of it; None where there is no picture."""
        import numpy as np

        from analysis.cutouts import CutoutError, to_gray

        try:
            cutouts = self._load(candidate)
        except CutoutError:
            return None
        pairs = list(zip(cutouts.panels, cutouts.images, strict=True))
        if not pairs:
            return None
        _, image = max(pairs, key=lambda pair: (pair[0].detected, float(np.isfinite(pair[1]).mean())))
        return to_gray(image, "asinh")

    def around(self, detail: Detail, page: int) -> Around:
        """Read the field around a candidate, as the `page`-th of its frames shows it."""
        from tui.widgets.palette import label_sign

        if detail.cutouts is None or not detail.views:
            return Around(detail.candidate, 0.0, 0.0, problem=detail.problem)
        frame = detail.views[page % len(detail.views)].panel.frame
        states = self.book.states() if self._book is not None else {}
        signs = {name: label_sign(state.label) for name, state in states.items() if state.label}
        cutouts = detail.cutouts
        return self.fields.around(self.database, detail.candidate, cutouts.ra, cutouts.dec, frame, signs)

    def _load(self, candidate: str) -> CutoutSet:
        from analysis.cutouts import load_cutouts

        with self._lock:
            if candidate in self._cutouts:
                self._cutouts.move_to_end(candidate)
                return self._cutouts[candidate]
        cutouts = load_cutouts(self.project.cutout_cache / f"{slug(candidate)}.npz")
        with self._lock:
            self._cutouts[candidate] = cutouts
            while len(self._cutouts) > KEPT_CUTOUTS:
                self._cutouts.popitem(last=False)
        return cutouts

    def forget_cutouts(self) -> None:
        """Drop pictures kept in memory: a new ranking may have cut them anew."""
        with self._lock:
            self._cutouts.clear()
        self.fields.forget()

    def decide(
        self, row: CandidateRow, action: str, payload: Mapping[str, Any], seconds: float
    ) -> tuple[Line | None, Mapping[str, VerdictState]]:
        """Write one decision durably; give its line and what stands after it."""
        line = self.book.decide(
            action, row.candidate, row.ra, row.dec, payload, row.rank, row.composite_score, round(seconds, 2)
        )
        return line, {row.candidate: self.book.state(row.candidate)}

    def decide_all(
        self, names: Sequence[str], payload: Mapping[str, Any]
    ) -> tuple[Line | None, Mapping[str, VerdictState]]:
        """Give one label to many candidates, all or none; give the first line and all states changed."""
        lines = self.book.decide_all(self.queue.drafts(names, "label", payload))
        states = {line.candidate: self.book.state(line.candidate) for line in lines}
        return (lines[0] if lines else None), states

    def take_back(self, action: str) -> tuple[Line | None, Mapping[str, VerdictState]]:
        """Undo or redo; give the first line written, None where there was nothing, and all states changed."""
        lines = self.book.take_back(action)
        states = {line.candidate: self.book.state(line.candidate) for line in lines}
        return (lines[0] if lines else None), states

    def closing(self) -> str:
        """Say what this sitting came to, once the app has gone."""
        if self._book is None:
            return ""
        try:
            left = self.summary().undecided
        except StoreError:
            left = None  # a run holds the database, and nobody waits for it when leaving
        return closing_of(self._book.standing(), self._began, left)

    def summary(self) -> Summary:
        """Count what is undecided and unchecked in the whole ranking."""
        pool = self.queue.pool() if self.project.database.exists() else ()
        states = self.book.states()
        return summarised(
            len(pool), [states[name] for name in self.queue.ranked(list(states))] if pool else []
        )

    def index(self) -> None:
        """Bring the database's index up to the journals."""
        if self.project.database.exists():
            self.book.index()


def _by_wavelength(row: MemberRow) -> tuple[object, ...]:
    from analysis.instruments import order_key

    return (order_key(row.instrument, row.filter), row.mjd_beg if row.mjd_beg == row.mjd_beg else 0.0)
