"""Verdicts: what each vetter decided, read from the journals and kept in memory."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from store import __version__, decisions
from store.blind import Sitting, sittings
from store.database import Database
from store.journal import CARRIER, KEPT, MARK, Draft, Journal, JournalError, Line, Problem, Record
from store.journals import JournalFolder
from store.project import Project
from store.states import (
    CHECKS,
    CONFLICT,
    GRADES,
    LABELS,
    OUTCOMES,
    REASONS,
    Key,
    VerdictState,
    check_payload,
)
from store.ulid import next_ulid

__all__ = ["CHECKS", "CONFLICT", "GRADES", "LABELS", "OUTCOMES", "REASONS", "VerdictBook", "VerdictState"]


@dataclass(frozen=True)
class Kept:
    """A saved view or a named ranking: who keeps it since when, and what it is."""

    name: str
    vetter: str
    at: str
    value: Mapping[str, Any]


class VerdictBook:
    """All vetters' decisions on a project, and the pen of one of them; safe to use from any thread."""

    def __init__(
        self,
        project: Project,
        vetter: str,
        *,
        database: Database | None = None,
        version: str = __version__,
        resolve: Mapping[str, str] | None = None,
        labels: Sequence[str] = LABELS,
        reasons: Sequence[str] = REASONS,
    ) -> None:
        self.vetter = vetter
        self.labels = (*(label for label in labels if label != "none"), "none")
        self.reasons = tuple(reasons)
        self._database = database
        self._resolve = dict(resolve or {})
        self._journal = Journal(project.verdicts, vetter, version)
        self._folder = JournalFolder(project.verdicts)
        self._memory = threading.RLock()
        self._lines: list[Line] = []
        self._records: dict[str, Record] = {}
        self._standing: dict[Key, list[Line]] = {}
        self._states: dict[Key, VerdictState] = {}
        self._kept: dict[tuple[str, str, str], Kept] = {}
        self._blind: list[Line] = []
        self._index = decisions.Index()
        self.refresh()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The journal lines that could not be used as they are."""
        with self._memory:
            return self._folder.problems

    @property
    def vetters(self) -> tuple[str, ...]:
        """Everybody who ever decided something here, by name."""
        with self._memory:
            return tuple(sorted(self._records))

    def refresh(self) -> None:
        """Take in what other processes wrote, or files copied into the folder."""
        with self._memory:
            fresh, replaced = self._folder.read_new()
            if replaced or (fresh and self._lines and fresh[0].id < self._lines[-1].id):
                self._lines = self._folder.lines()
                self._replay()
                return
            for line in fresh:
                self._lines.append(line)
                self._apply(line)

    def set_aliases(self, resolve: Mapping[str, str]) -> None:
        """Read later names of candidates as the first ones from now on."""
        with self._memory:
            if dict(resolve) != self._resolve:
                self._resolve = dict(resolve)
                self._replay()

    def decide(
        self,
        action: str,
        candidate: str,
        ra: float | None,
        dec: float | None,
        payload: Mapping[str, Any],
        rank: int | None = None,
        score: float | None = None,
        seconds: float | None = None,
    ) -> Line:
        """Keep a decision of this vetter: durable when this returns, JournalError where it is not kept."""
        check_payload(action, payload, self.labels, self.reasons)
        return self._write([Draft(action, candidate, ra, dec, payload, rank, score, seconds)])[0]

    def decide_all(self, drafts: Sequence[Draft]) -> list[Line]:
        """Keep many decisions at once, all or none, a line for each; undo takes the batch back whole."""
        batch = next_ulid(time.time())
        for draft in drafts:
            check_payload(draft.action, draft.payload, self.labels, self.reasons)
        return self._write([replace(draft, payload={**draft.payload, "batch": batch}) for draft in drafts])

    def undo(self) -> Line | None:
        """Take back this vetter's last standing decision; None where there is none."""
        return next(iter(self.take_back("undo")), None)

    def redo(self) -> Line | None:
        """Restore what undo took back last; None where nothing was, or a new decision came after it."""
        return next(iter(self.take_back("redo")), None)

    def take_back(self, action: str) -> list[Line]:
        """Undo or redo; give the lines written: as many as the batch has, none where nothing is."""
        with self._memory:
            self.refresh()
            record = self._records.get(self.vetter)
            if record is None:
                return []
            if action == "undo":
                pairs = [(line, line.id) for line in record.standing]
            else:
                pairs = [(decision, undo.id) for decision, undo in record.undone]
            return self._write([_taken_back(*pair, action) for pair in _last_batch(pairs)])

    def keep(self, action: str, name: str, value: Mapping[str, Any] | None) -> Line:
        """Keep a view or a ranking under a name, or with None give the name up; durable when this returns."""
        if action not in KEPT:
            raise ValueError(f"action {action!r}: one of {', '.join(KEPT)}")
        if not name.strip():
            raise ValueError(f"{action}: it needs a name")
        payload = {"name": name, "value": None if value is None else dict(value)}
        return self._write([Draft(action, "", payload=payload)])[0]

    def kept(self, action: str) -> list[Kept]:
        """Give what is kept of one kind: this vetter's own by name, then the others'."""
        with self._memory:
            found = [one for (kind, _, _), one in self._kept.items() if kind == action]
        return sorted(found, key=lambda one: (one.vetter != self.vetter, one.vetter, one.name))

    def sittings(self) -> list[Sitting]:
        """Give everybody's blind sittings, oldest first; their labels are no verdicts."""
        with self._memory:
            return sittings(self._blind)

    def keep_blind(self, draft: Draft) -> Line:
        """Keep a line of a blind sitting, made in store/blind.py; durable when this returns."""
        if MARK not in draft.payload or draft.action != CARRIER:
            raise ValueError(f"action {draft.action!r}: not a line of a blind sitting")
        return self._write([draft])[0]

    def state(self, candidate: str, vetter: str | None = None) -> VerdictState:
        """Give what stands on a candidate by one vetter, this one by default."""
        key = (vetter or self.vetter, self._resolve.get(candidate, candidate))
        with self._memory:
            return self._states.get(key) or VerdictState(candidate=key[1], vetter=key[0])

    def states(self, vetter: str | None = None) -> dict[str, VerdictState]:
        """Give what stands by one vetter, this one by default, for every candidate that has something."""
        who = vetter or self.vetter
        with self._memory:
            return {candidate: state for (by, candidate), state in self._states.items() if by == who}

    def all_states(self) -> list[VerdictState]:
        """Give what stands by everybody, by candidate and vetter."""
        with self._memory:
            return [self._states[key] for key in sorted(self._states, key=lambda key: (key[1], key[0]))]

    def consensus(self, candidate: str) -> str:
        """Give the label all vetters who gave one agree on, "conflict" where they differ, "" without any."""
        candidate = self._resolve.get(candidate, candidate)
        with self._memory:
            labels = {s.label for (_, name), s in self._states.items() if name == candidate and s.label}
        return CONFLICT if len(labels) > 1 else next(iter(labels), "")

    def conflicts(self) -> list[str]:
        """Name the candidates whose labels differ."""
        labels: dict[str, set[str]] = {}
        with self._memory:
            for (_, name), state in self._states.items():
                if state.label:
                    labels.setdefault(name, set()).add(state.label)
        return sorted(name for name, given in labels.items() if len(given) > 1)

    @property
    def from_others(self) -> int:
        """How many lines others wrote."""
        with self._memory:
            return sum(line.vetter != self.vetter for line in self._lines)

    def standing(self) -> list[Line]:
        """Give this vetter's decisions that stand, oldest first."""
        with self._memory:
            record = self._records.get(self.vetter)
            return list(record.standing) if record else []

    def history(self, candidate: str) -> list[Line]:
        """Give every line about a candidate, of all vetters, undone or not, oldest first."""
        candidate = self._resolve.get(candidate, candidate)
        with self._memory:
            return [line for line in self._lines if self._name(line) == candidate]

    def places(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Give each vetter's names of candidates as the journals have them, with position (degrees)."""
        found: dict[str, dict[str, tuple[float, float]]] = {}
        with self._memory:
            for line in self._lines:
                if line.candidate and line.ra is not None and line.dec is not None:
                    found.setdefault(line.vetter, {})[line.candidate] = (line.ra, line.dec)
        return found

    def index(self) -> int:
        """Tell the database of lines and states that it does not hold yet; give the number of new lines."""
        if self._database is None:
            return 0
        return self._index.update(self._database, self._snapshot)

    def _snapshot(self) -> tuple[list[Line], dict[Key, VerdictState]]:
        with self._memory:
            self.refresh()
            return list(self._lines), dict(self._states)

    def _write(self, drafts: Sequence[Draft]) -> list[Line]:
        with self._memory:
            lines = self._journal.append_all(drafts)
            # Read back from the file: memory holds what the file holds.
            self.refresh()
            if not all(self._folder.holds(line) for line in lines):
                raise JournalError(
                    f"{self._journal.path}: the decision is not there after writing; another program changes "
                    "the file: end it, then decide again"
                )
            return lines

    def _name(self, line: Line) -> str:
        return self._resolve.get(line.candidate, line.candidate)

    def _replay(self) -> None:
        self._records.clear()
        self._standing.clear()
        self._states.clear()
        self._kept.clear()
        self._blind.clear()
        for line in self._lines:
            self._apply(line)

    def _apply(self, line: Line) -> None:
        if line.action in KEPT:
            if line.action == CARRIER and MARK in line.payload:
                self._blind.append(line)
            else:
                self._take_kept(line)
            return
        decision = self._records.setdefault(line.vetter, Record()).apply(line)
        if decision is None:
            return
        key = (line.vetter, self._name(decision))
        blank = VerdictState(candidate=key[1], vetter=key[0])
        lines = self._standing.setdefault(key, [])
        if line.action != "undo":
            lines.append(decision)
            self._states[key] = self._states.get(key, blank).after(decision)
            return
        lines.remove(decision)
        state = blank
        for earlier in lines:
            state = state.after(earlier)
        if lines:
            self._states[key] = state
        else:
            del self._states[key]

    def _take_kept(self, line: Line) -> None:
        name, value = str(line.payload.get("name", "")), line.payload.get("value")
        key = (line.action, line.vetter, name)
        if isinstance(value, Mapping):
            self._kept[key] = Kept(name, line.vetter, line.at, value)
        else:
            self._kept.pop(key, None)


def _last_batch(pairs: Sequence[tuple[Line, str]]) -> list[tuple[Line, str]]:
    """Give the last decision, or all of its batch, the last one first."""
    if not pairs:
        return []
    batch = pairs[-1][0].payload.get("batch")
    return (
        [pair for pair in reversed(pairs) if pair[0].payload.get("batch") == batch] if batch else [pairs[-1]]
    )


def _taken_back(decision: Line, undoes: str, action: str) -> Draft:
    return Draft(
        action,
        decision.candidate,
        decision.ra,
        decision.dec,
        {"action": decision.action, **decision.payload},
        decision.rank,
        decision.score,
        undoes=undoes,
    )
