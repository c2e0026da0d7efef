"""`vet --blind`: candidates decided earlier, once more, with former verdicts, scores and ranks hidden."""

from __future__ import annotations

import math
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.config import Config, ConfigError
from store.project import Project, StoreError
from tui.desk import FIRST_ROWS, Desk, Detail, Opening
from tui.keys import EVERYWHERE, MOVE, Key
from tui.listing import Listing, Query, make_listing

if TYPE_CHECKING:
    from store.blind import Sitting
    from store.candidates import CandidateRow
    from store.journal import Line
    from store.verdicts import VerdictBook, VerdictState
    from tui.tally import Summary

SCORES = (
    "composite_score",
    "anomaly_score",
    "isolation_forest_score",
    "snr_score",
    "artifact_score",
    "consistency_score",
)
KEYS = frozenset(
    {
        *("interesting", "ordinary", "artifact", "known", "discuss", "no_label", "undo", "redo"),
        *("stretch", "invert", "colours", "composite", "choose_bands", "blink", "aperture", "spikes"),
        *("north_up", "pixel", "pixel_left", "pixel_right", "pixel_up", "pixel_down", "more_bands"),
        *("cell_left", "cell_right", "cell_up", "cell_down", "zoom", "unzoom", "copy"),
    }
)
"""What works in a sitting besides moving: labels, and looks at the pixels. The rest would tell too much."""

Start = Callable[[Callable[[], Desk]], int]


def vet_blind(project: Project, config: Config, most: int, start: Start) -> int:
    """Begin a sitting, or go on with the one that is not done, and open the app on it; give the exit code."""
    from store.blind import LONGEST

    if not 1 <= most <= LONGEST:
        raise ConfigError(f"--blind {most}: must be a whole number from 1 to {LONGEST}")
    desk = Desk(project, config)
    desk.open()
    first = first_labels(desk)
    if not first and unfinished(desk.book) is None:
        raise ConfigError(
            f"--blind: {desk.vetter} gave no label to a ranked candidate by looking at it alone; "
            "decide some first: jwst-vet"
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "the app needs a terminal; `jwst-vet status` and `report` tell how blind sittings came out"
        )
    sitting = sitting_for(desk, most, secrets.randbits(32))
    done = len(sitting.candidates) - len(sitting.left)
    print(f"blind sitting {sitting.id}: {done} of {len(sitting.candidates)} decided, seed {sitting.seed}")
    return start(partial(BlindDesk, project, config, sitting.id))


def first_labels(desk: Desk) -> dict[str, str]:
    """Give this vetter's labels of ranked candidates; those of a verdict on many at once are no looks."""
    states = desk.book.states()
    at_once = {
        desk.book.state(line.candidate).candidate: line.payload.get("batch", "")
        for line in desk.book.standing()
        if line.action == "label"
    }
    names = [name for name, state in states.items() if state.label and not at_once.get(name)]
    if not names or not desk.project.database.exists():
        return {}
    return {name: states[name].label for name in desk.queue.ranked(names)}


def unfinished(book: VerdictBook) -> Sitting | None:
    """Give this vetter's sitting that is not done; None where there is none."""
    return next((one for one in book.sittings() if one.vetter == book.vetter and not one.done), None)


def sitting_for(desk: Desk, most: int, seed: int) -> Sitting:
    """Go on with the sitting that is not done, without candidates that are ranked no more, or begin one."""
    from store.blind import beginning, chosen, dropping
    from store.ulid import next_ulid

    book = desk.book
    old = unfinished(book)
    if old is not None:
        ranked = set(desk.queue.ranked(list(old.left)))
        gone = [name for name in old.left if name not in ranked]
        if gone:
            book.keep_blind(dropping(old.id, gone))
        if again := unfinished(book):
            return again
    first = first_labels(desk)
    if not first:
        raise ConfigError("--blind: no ranked candidate has a label of yours any more; decide some first")
    made = next_ulid(time.time())
    book.keep_blind(beginning(made, seed, chosen(first, most, seed), first))
    found = unfinished(book)
    if found is None:
        raise StoreError(f"{desk.project.verdicts}: the sitting is not there after writing; try again")
    return found


class BlindDesk(Desk):
    """The desk of one sitting: its candidates alone, with nothing of what was decided or scored before."""

    blind = True

    def __init__(self, project: Project, config: Config, sitting: str) -> None:
        super().__init__(project, config)
        self._sitting = sitting
        self._writing = threading.Lock()
        self._places: dict[str, int] = {}
        self.all_decided = ""

    @property
    def sitting(self) -> Sitting:
        """The sitting as the journal has it."""
        return next(
            one for one in self.book.sittings() if (one.id, one.vetter) == (self._sitting, self.vetter)
        )

    @property
    def places(self) -> Mapping[str, int]:
        """The order of the sitting, from 1; it never changes while it is open."""
        if not self._places:
            self._places = {name: place for place, name in enumerate(self.sitting.candidates, 1)}
        return self._places

    def allowed(self, table: Iterable[Key]) -> tuple[Key, ...]:
        """Leave out keys that would show what is hidden, or decide something else than a label."""
        return tuple(
            key
            for key in table
            if key.where == EVERYWHERE
            or key.id in KEYS
            or key.id.startswith("label_")
            or (key.section == MOVE and key.id != "new")
        )

    def open(self) -> Opening:
        """Read the sitting's list; what stands are the labels given in it."""
        opening = super().open()
        listing, rows = self.listed(Query())
        states = self._states(self.sitting)
        info = {"simulated": opening.info.get("simulated", False)}
        return Opening(listing, rows, states, {}, info, opening.problems)

    def others(self) -> dict[str, tuple[VerdictState, ...]]:
        """Hide everybody else."""
        return {}

    def listed(self, _query: Query) -> tuple[Listing, Mapping[str, CandidateRow]]:
        """List the sitting in its own order, whatever is asked for."""
        self.book.refresh()
        names = list(self.places)
        return make_listing(names, len(names), Query()), self.rows(names[:FIRST_ROWS])

    def rows(self, names: Sequence[str]) -> Mapping[str, CandidateRow]:
        """Read rows without scores; the rank is the place in the sitting."""
        hidden: dict[str, Any] = dict.fromkeys(SCORES, math.nan)
        return {
            name: replace(row, rank=self.places.get(name, 0), terms="", **hidden)
            for name, row in super().rows(names).items()
        }

    def detail(self, candidate: str, stretch: str, *, with_members: bool = True) -> Detail:
        """Read pictures and measurements, without what a ranking says of them."""
        found = super().detail(candidate, stretch, with_members=with_members)
        return replace(found, oddity=None, further={})

    def _states(self, sitting: Sitting) -> dict[str, VerdictState]:
        from store.blind import label_of
        from store.verdicts import VerdictState

        return {
            name: VerdictState(
                name,
                self.vetter,
                label=label_of(line),
                reason=str(line.payload["value"]["reason"]),
                at=line.at,
            )
            for name, line in sitting.second.items()
        }

    def _state(self, candidate: str) -> VerdictState:
        from store.verdicts import VerdictState

        return self._states(self.sitting).get(candidate) or VerdictState(candidate, self.vetter)

    def decide(
        self, row: CandidateRow, action: str, payload: Mapping[str, Any], seconds: float
    ) -> tuple[Line | None, Mapping[str, VerdictState]]:
        """Write a label of the sitting durably; it replaces no verdict."""
        from store.blind import verdict
        from store.states import check_payload

        if action != "label":
            raise ValueError(f"{action}: a blind sitting takes labels alone")
        check_payload(action, payload, self.book.labels, self.book.reasons)
        label, reason = str(payload["label"]), str(payload.get("reason") or "")
        with self._writing:
            draft = verdict(self._sitting, row.candidate, label, reason, round(seconds, 2))
            line = self.book.keep_blind(draft)
        self._look_whether_done()
        shown = replace(line, action=action, candidate=row.candidate, payload=dict(payload))
        return shown, {row.candidate: self._state(row.candidate)}

    def decide_all(
        self, _names: Sequence[str], _payload: Mapping[str, Any]
    ) -> tuple[Line | None, Mapping[str, VerdictState]]:
        """Refuse: a verdict on many at once is no look at each."""
        raise ValueError("a blind sitting takes one label at a time")

    def take_back(self, action: str) -> tuple[Line | None, Mapping[str, VerdictState]]:
        """Undo or redo a label of this sitting, also after a restart; verdicts from before it stay."""
        from store.blind import taking_back

        with self._writing:
            self.book.refresh()
            record = self.sitting.record
            pairs = (
                [(line, line.id) for line in record.standing]
                if action == "undo"
                else [(line, undo.id) for line, undo in record.undone]
            )
            if not pairs:
                return None, {}
            decision, undoes = pairs[-1]
            line = self.book.keep_blind(taking_back(self._sitting, action, decision, undoes))
        self._look_whether_done()
        value = decision.payload["value"]
        said = {"action": "label", "label": value["label"], "reason": value["reason"]}
        shown = replace(line, action=action, candidate=value["candidate"], payload=said)
        return shown, {shown.candidate: self._state(shown.candidate)}

    def _look_whether_done(self) -> None:
        sitting = self.sitting
        self.all_decided = ""
        if sitting.done:
            from analysis.reagreement import words

            self.all_decided = words(sitting)

    def closing(self) -> str:
        """Say how the sitting came out, or how far it is."""
        if self._book is None:
            return ""
        from analysis.reagreement import words

        sitting = self.sitting
        return words(sitting) + ("" if sitting.done else ": `jwst-vet vet --blind` goes on")

    def summary(self) -> Summary:
        """Count within the sitting."""
        from tui.tally import summarised

        sitting = self.sitting
        return summarised(len(sitting.candidates), list(self._states(sitting).values()))
