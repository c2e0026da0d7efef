"""The mouse on words: which key stands where a line was clicked; a click there is a press of that key."""

from __future__ import annotations

import re

from tui.keys import NAMED, Key

SPOKEN = {shown: name for name, shown in Key.SHOWN.items()} | {"alt-enter": "alt+enter"}
_PARTS = re.compile(r"\S+(?: \S+)*")
_HINT = re.compile(r"(\S+): \S")
_CHOICE = re.compile(r"\s*(\S) {1,2}\S")


def hint_at(line: str, column: int) -> str:
    """Name the key of a hint such as "esc: back" at a column; empty where there is none."""
    for part in _PARTS.finditer(line):
        if part.start() <= column < part.end() and (hint := _HINT.match(part[0])):
            return _known(hint[1])
    return ""


def choice_in(line: str) -> str:
    """Name the key that a line begins with, as lists of choices and checks do; empty where none does."""
    found = _CHOICE.match(line)
    return _known(found[1]) if found and found[1].isalnum() else ""


def _known(word: str) -> str:
    """Give Textual's name of a key that a person would read so; empty for other words."""
    name = SPOKEN.get(word, word)
    return name if len(name) == 1 or name in NAMED or name == "alt+enter" else ""
