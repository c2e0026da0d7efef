"""The writing half of the vetting screen: one decision at a time, shown only once it is on disk."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from textual import on

from store.project import StoreError
from tui import messages
from tui.listing import next_outcome, next_undecided
from tui.screens.loading import Loading
from tui.widgets.palette import CHECK_WORDS, label_words

INDEX_RETRY_SECONDS = 5.0


def describe(action: str, payload: Mapping[str, Any]) -> str:
    """Say a decision in words."""
    if action == "label":
        label = str(payload.get("label", ""))
        reason = str(payload.get("reason") or "").replace("_", " ")
        return ("no label" if label in {"", "none"} else label_words(label)) + (
            f": {reason}" if reason else ""
        )
    if action == "grade":
        return f"grade {payload['grade']}" if payload.get("grade") else "no grade"
    if action == "check":
        outcomes = {CHECK_WORDS[name]: outcome for name, outcome in payload.get("checks", {}).items()}
        if len(outcomes) > 2:  # the panel shows each; here they would not fit beside the counts
            return f"{len(outcomes)} checks"
        return ", ".join(f"{name} {outcome}" for name, outcome in outcomes.items())
    return "note" if payload.get("text") else "note taken away"


class Deciding(Loading):
    """Decisions, undo and redo. While a line is being written, further keys are held by the app, in order."""

    _index_again = False
    _indexing = False

    def decide(self, action: str, payload: Mapping[str, Any], further: str = "") -> None:
        """Write a decision on the candidate under the cursor, in a thread; `further` is said with it."""
        row = self.row
        if self.writing or row is None:
            what = (
                "the decision before is still being saved" if self.writing else "this row is still being read"
            )
            self.say(f"{what}: {describe(action, payload)} was NOT decided", alert=True)
            return
        seconds = time.monotonic() - self.shown_at
        what = describe(action, payload) + further
        self._write(partial(self.vet.desk.decide, row, action, payload, seconds), what)

    def take_back(self, action: str) -> None:
        """Undo or redo, in a thread."""
        if not self.writing:
            self._write(partial(self.vet.desk.take_back, action), action)

    def _write(self, work: Any, what: str) -> None:
        self.writing = True
        self.message = ""
        self.refresh_status()
        self.vet.run_worker(
            partial(self._write_in_thread, work, what),
            thread=True,
            exit_on_error=False,
            group="verdicts",
            description=f"write: {what}",
        )

    def _write_in_thread(self, work: Any, what: str) -> None:
        try:
            line, states = work()
        except (StoreError, OSError, ValueError) as error:
            self.post_message(messages.DecisionFailed(what, str(error)))
            return
        self.post_message(messages.Decided(line, what, states))

    @on(messages.DecisionFailed)
    def _failed(self, message: messages.DecisionFailed) -> None:
        self.writing = False
        dropped = self.vet.drop_keys()
        more = f"; {dropped} further keys were dropped" if dropped else ""
        self.say(f"NOT SAVED: {message.what}: {message.reason}", alert=True)
        self.notify(
            f"{message.reason}{more}", title=f"NOT SAVED: {message.what}", severity="error", timeout=30
        )
        self.refresh_evidence()

    @on(messages.Decided)
    def _decided(self, message: messages.Decided) -> None:
        self.writing = False
        line = message.line
        if line is None:
            self.say(f"nothing to {message.what}")
        else:
            for name, state in message.states.items():
                before = self.states.get(name)
                self.states[name] = state
                if name in self.table.listing.places:
                    self.decided += bool(state.label) - bool(before and before.label)
            self.mark_conflicts_of(message.states)
            self.table.refresh()
            self._acknowledge(message)
            self._start_index()
        self.vet.pump_keys()

    def _acknowledge(self, message: messages.Decided) -> None:
        line = message.line
        assert line is not None
        place = self.table.listing.places.get(line.candidate)
        if line.action in {"undo", "redo"}:
            words = describe(str(line.payload.get("action", "")), line.payload)
            many = len(message.states)
            self.say(f"{line.action}: {words} · {line.candidate if many == 1 else f'{many} candidates'}")
            if place is not None:
                self.table.move_to(place)
            self.refresh_evidence()
            return
        self.say(f"saved: {message.what}")
        self.refresh_evidence()
        if len(message.states) > 1:
            return
        given = line.action == "label" and line.payload.get("label") != "none"
        if given and self.table.candidate == line.candidate and place is not None:
            self.go_to_undecided(1, finished=self.vet.desk.all_decided)
            if self.vet.desk.blind and self.vet.desk.all_decided:
                self.notify(self.vet.desk.all_decided, title="the blind sitting is done", timeout=60)

    def go_to_undecided(self, step: int, *, finished: str = "every candidate here has a label") -> None:
        """Move to the nearest candidate without a label."""
        place = next_undecided(self.table.listing, self.states, self.table.cursor, step)
        if place is None:
            self.say(finished)
        elif place != self.table.cursor:
            self.table.move_to(place)

    def _start_index(self) -> None:
        """Bring the database's index up to the journals, sometime; nothing waits for it."""
        if self._indexing:
            self._index_again = True
            return
        self._indexing = True
        self.vet.run_worker(
            self._index, thread=True, exit_on_error=False, group="index", description="index decisions"
        )

    def _index(self) -> None:
        self._index_again = False
        try:
            self.vet.desk.index()
        except StoreError as error:
            # The journals hold everything; the index catches up later, at the latest at the next start.
            self.log(f"index: {error}")
            self._index_again = True
        self.vet.call_later(self._indexed)

    def _indexed(self) -> None:
        self._indexing = False
        if self._index_again:
            self.set_timer(INDEX_RETRY_SECONDS, self._start_index)

    def state_check(self, number: int) -> None:
        """State an outcome of a check: first what was computed, then round the four."""
        name = list(CHECK_WORDS)[number - 1]
        row = self.row
        if row is None:
            return
        state = self.states.get(row.candidate)
        given = state.checks.get(name, "") if state else ""
        computed = self._computed().get(name, "")
        self.decide("check", self._check_payload({name: next_outcome(given, computed)}))

    def confirm_checks(self) -> None:
        """Confirm every computed outcome; what was never computed stays open, and that is said."""
        computed = {n: o for n, o in self._computed().items() if o != "not run" and n in CHECK_WORDS}
        if not computed:
            self.say("nothing computed: 1-5 state checks", alert=True)
            return
        left = len(CHECK_WORDS) - len(computed)
        self.decide("check", self._check_payload(computed), f"; {left} left open" if left else "")

    def _check_payload(self, checks: Mapping[str, str]) -> dict[str, Any]:
        """Give the journal's words for outcomes, with the digest of the computed evidence that was seen."""
        detail = self._details.get((self.table.candidate or "", self.stretch))
        found = detail.findings if detail else {}
        seen = {name: found[name].digest for name in checks if name in found}
        return {"checks": dict(checks)} | ({"evidence": seen} if seen else {})

    def _computed(self) -> Mapping[str, str]:
        evidence = self._details.get((self.table.candidate or "", self.stretch))
        return evidence.computed if evidence else {}
