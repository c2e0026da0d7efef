"""Hostile text on its way to the journal and to the terminal."""

import pytest

from store.journal import Journal, read_journal
from tui.text import clean

HOSTILE = {
    "escape codes": "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "pipes and newlines": "a | b\n| c |\r\n# heading",
    "separators of paths": "../../etc/passwd",
    "right to left": "\u202egnp.exe\u2066\u200f",
    "formula": '=HYPERLINK("http://x","y")',
    "another formula": "@SUM(A1)",
    "nothing to see": "\x00\x08\x7f\x9b31m\u2028\u2029",
    "half a character": "\ud800",
}


def test_a_note_of_ten_megabytes_is_one_line_among_others(tmp_path):
    """Order of time holds after it too, though the clock goes back."""
    clock = iter([100.0, 50.0])
    pen = Journal(tmp_path, "ann", clock=lambda: next(clock))
    first = pen.append(action="note", candidate="C", payload={"text": "x" * 10_000_000})
    second = pen.append(action="note", candidate="C", payload={"text": "after"})
    assert read_journal(pen.path) == ([first, second], [])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_text_for_a_terminal_is_one_line_without_commands(text):
    """What is cleaned prints as it stands, and can be written in any encoding that a terminal speaks."""
    shown = clean(text)
    assert shown.isprintable() or shown == text
    assert "\n" not in shown
    shown.encode("utf-8")
