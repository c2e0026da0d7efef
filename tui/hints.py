"""Hints for the first sitting: one at a time, gone once its key was used, remembered for the person."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tui.keys import Key


@dataclass(frozen=True)
class Hint:
    """One hint: its words, with names of actions for their keys, and the actions that retire it."""

    name: str
    words: str
    actions: tuple[str, ...]


HINTS: tuple[Hint, ...] = (
    Hint("move", "{next} and {previous} move; moving never decides", ("next", "previous")),
    Hint(
        "label",
        "{interesting} interesting, {ordinary} ordinary, {artifact} artefact: saved, and on to the next",
        ("interesting", "ordinary", "artifact", "known", "discuss"),
    ),
    Hint(
        "checks",
        "{check_1} to {check_5} state a check, {confirm_checks} confirms all that the program found",
        ("check_1", "check_2", "check_3", "check_4", "check_5", "confirm_checks"),
    ),
    Hint("undo", "{undo} takes your last decision back, also tomorrow; {redo} restores it", ("undo",)),
    Hint("help", "{help} lists every key and what the signs mean; ctrl+p finds anything by name", ("help",)),
)


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Give the person's folder for what a program remembers (XDG)."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_STATE_HOME") or str(
        Path(environ.get("HOME") or "~").expanduser() / ".local/state"
    )
    return Path(base) / "jwst-vet"


class Hints:
    """Which hints are still due; what cannot be read or kept is simply shown again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = self._read()

    def _read(self) -> set[str]:
        try:
            return {str(name) for name in json.loads(self.path.read_text(encoding="utf-8"))["seen"]}
        except (OSError, ValueError, KeyError, TypeError):
            return set()

    @property
    def due(self) -> Hint | None:
        """The next hint."""
        return next((hint for hint in HINTS if hint.name not in self.seen), None)

    def words(self, table: Iterable[Key]) -> str:
        """Write the hint that is due, with the keys as they are mapped; empty where none is."""
        shown = {key.id: key.shown(all_keys=False) for key in table}
        hint = self.due
        if hint is None or not set(hint.actions) & shown.keys():
            return ""
        known = {name: shown.get(name, "–") for one in HINTS for name in (*one.actions, "redo")}
        return f"{hint.words.format(**known)}   ({shown.get('hints', '–')}: no hints)"

    def used(self, action: str) -> bool:
        """Note that an action was used; say whether that changed anything."""
        before = len(self.seen)
        self.seen |= {hint.name for hint in HINTS if action in hint.actions}
        return len(self.seen) > before

    def toggle(self) -> None:
        """Want no more of them, or all again."""
        self.seen = {hint.name for hint in HINTS} if self.due is not None else set()

    def keep(self) -> None:
        """Remember; a home that cannot be written costs only the memory."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"seen": sorted(self.seen)}) + "\n", encoding="utf-8")
        except OSError:
            return
