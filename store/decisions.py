"""The database's index of the journals: every line and what stands; no decision waits for it."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from store.database import Database
from store.journal import Line
from store.states import Key, VerdictState

if TYPE_CHECKING:
    import duckdb

Snapshot = Callable[[], tuple[list[Line], dict[Key, VerdictState]]]


class Index:
    """What of one book the database was told already."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._lines = 0
        self._states: dict[Key, VerdictState] | None = None

    def update(self, db: Database, snapshot: Snapshot) -> int:
        """Write what the database lacks in one transaction; give the number of new lines."""
        with self._busy:
            lines, states = snapshot()
            if self._states == states and self._lines == len(lines) and self._holds(db, len(lines)):
                return 0
            with db.write() as cursor:
                # Taken again under the database's lock, so that no process overwrites newer states by older.
                lines, states = snapshot()
                known = {row[0] for row in cursor.execute("SELECT id FROM decisions").fetchall()}
                new = [line for line in lines if line.id not in known]
                _insert(cursor, "decisions", [_decision(line) for line in new])
                self._write_states(cursor, states, complete=len(known) >= self._lines)
            self._lines, self._states = len(lines), states
            return len(new)

    @staticmethod
    def _holds(db: Database, count: int) -> bool:
        with db.read() as cursor:
            row = cursor.execute("SELECT count(*) FROM decisions").fetchone()
        return row is not None and int(row[0]) >= count

    def _write_states(
        self, cursor: "duckdb.DuckDBPyConnection", states: Mapping[Key, VerdictState], *, complete: bool
    ) -> None:
        before = self._states
        if before is None or not complete:
            cursor.execute("DELETE FROM standing")
            changed = set(states)
        else:
            changed = {key for key in before.keys() | states.keys() if before.get(key) != states.get(key)}
            cursor.execute(
                "DELETE FROM standing WHERE (vetter, candidate) IN (SELECT (unnest(?), unnest(?)))",
                [[key[0] for key in changed], [key[1] for key in changed]],
            )
        _insert(cursor, "standing", [_state(states[key]) for key in sorted(changed) if key in states])


def _insert(cursor: "duckdb.DuckDBPyConnection", table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    names = list(rows[0])
    marks = ", ".join(["unnest(?)"] * len(names))
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {marks}",
        [[row[name] for row in rows] for name in names],
    )


def _decision(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "decided_at": line.at,
        "vetter": line.vetter,
        "host": line.host,
        "pid": line.pid,
        "action": line.action,
        "candidate": line.candidate,
        "ra": line.ra,
        "dec": line.dec,
        "payload": json.dumps(dict(line.payload), sort_keys=True),
        "rank": line.rank,
        "score": line.score,
        "seconds": line.seconds,
        "undoes": line.undoes,
        "version": line.version,
    }


def _state(state: VerdictState) -> dict[str, Any]:
    return {
        "vetter": state.vetter,
        "candidate": state.candidate,
        "ra": state.ra,
        "dec": state.dec,
        "label": state.label,
        "reason": state.reason,
        "grade": state.grade,
        "checks": json.dumps(dict(state.checks), sort_keys=True),
        "checked_at": json.dumps(dict(state.checked_at), sort_keys=True),
        "note": state.note,
        "decided_at": state.at,
        "rank": state.rank,
        "score": state.score,
        "seconds": state.seconds,
        "decisions": state.decisions,
        "check_reasons": json.dumps(dict(state.check_reasons), sort_keys=True),
        "check_evidence": json.dumps(dict(state.check_evidence), sort_keys=True),
    }
