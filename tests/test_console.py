"""What the command line prints: plain lines in a pipe, a bar on a terminal, JSON for programs."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from tui.console import Console
from tui.text import clean

DONE = {"event": "frame_done", "stage": "images", "frame": "a", "done": 1, "total": 2, "text": "7 sources"}
PROGRESS = {"event": "progress", "stage": "images", "frame": "b", "done": 3, "total": 4}
FAILED = {
    "event": "frame_failed",
    "stage": "images",
    "frame": "c",
    "text": "c.fits: truncated: 3 bytes\x1b[2J",
}


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say yes."""
        return True


def test_pipe_gets_plain_lines_only():
    """In a pipe results are lines on stdout, refusals lines on stderr, and no bar is drawn."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out=out, err=err)
    for event in (PROGRESS, DONE, FAILED):
        console(event)
    assert out.getvalue() == "[1/2] a: 7 sources\n"
    assert err.getvalue() == "c.fits: truncated: 3 bytes\\x1b[2J\n"


def test_terminal_gets_a_bar_that_is_wiped_before_each_line():
    """On a terminal the bar shows parts done and disappears before a line is printed."""
    out, err = Screen(), Screen()
    console = Console(out=out, err=err)
    console(PROGRESS)
    assert "3/4 b" in err.getvalue()
    console(DONE)
    assert err.getvalue().endswith("\r\x1b[2K")
    assert out.getvalue() == "[1/2] a: 7 sources\n"


def test_json_is_one_event_a_line():
    """With --json each event is one line of JSON, whole."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(as_json=True, out=out, err=err)
    for event in (PROGRESS, DONE):
        console(event)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [PROGRESS, DONE]
    assert err.getvalue() == ""


@given(st.text())
def test_cleaned_text_cannot_command_a_terminal(text):
    """No control character, line break or direction mark is left, and printable text is unchanged."""
    done = clean(text)
    assert all(ord(char) >= 32 and not 0x7F <= ord(char) < 0xA0 for char in done)
    assert "\u2028" not in done
    assert "\u202e" not in done
    if text.isprintable():
        assert done == text
