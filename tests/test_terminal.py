"""What is asked of the terminal, what is made of its answer, and that no reply ever becomes a key."""

import os
import pty
import select
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.driver import ESCAPE_KEY, Escapes
from tui.multiplexing import Asked, Tmux, multiplexer, parse_tmux
from tui.terminal import KITTY_QUERY, Probe, Replies, ReplyFilter, choose, parse

KITTY = b"\x1bP>|kitty(0.32.2)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c"
XTERM = b"\x1bP>|XTerm(388)\x1b\\\x1b[6;17;8t\x1b[?64;1;2;4;6c"
PLAIN_ENVIRONMENT = {"TERM": "xterm-256color"}


def test_replies_and_typed_keys_are_told_apart():
    """Keys typed while the terminal answered are kept, in order."""
    replies = parse(b"j" + KITTY[:30] + KITTY[30:] + b"y")
    assert replies == Replies("kitty(0.32.2)", True, (10, 20), (62,), b"jy")


@pytest.mark.parametrize(
    ("data", "environment", "preview"),
    [
        (KITTY, {}, "kitty"),
        (KITTY.replace(b"kitty(0.32.2)", b"ghostty 1.1"), {}, "kitty"),
        (KITTY.replace(b"kitty(0.32.2)", b"WezTerm 2024"), {}, "sixel"),
        (KITTY.replace(b"kitty(0.32.2)", b"Konsole 24"), {}, "sixel"),
        (XTERM, {}, "sixel"),
        (b"\x1b[?64;1;2c", {}, "half"),
        (b"", {}, "half"),
        (KITTY, {"TMUX": "/tmp/tmux-0/default,1,0"}, "half"),
        (KITTY, {"TERM": "tmux-256color"}, "half"),
        (KITTY, {"TERM": "screen"}, "half"),
        (KITTY, {"NO_COLOR": "1"}, "plain"),
        (KITTY, {"TERM": "dumb"}, "plain"),
    ],
)
def test_the_brand_decides_how_to_draw(data, environment, preview):
    """Graphics only where the terminal was found to speak them, half-blocks everywhere else."""
    assert choose("auto", parse(data), PLAIN_ENVIRONMENT | environment)[0] == preview


@pytest.mark.parametrize("setting", ["half", "kitty", "sixel", "plain"])
def test_the_configuration_overrules_the_terminal(setting):
    """[ui] preview is obeyed."""
    assert choose(setting, parse(b""), PLAIN_ENVIRONMENT)[0] == setting


def test_multiplexers_are_known_also_over_ssh():
    """Only TERM crosses SSH."""
    assert multiplexer({"TERM": "tmux-256color"}) == "tmux"
    assert multiplexer({"TERM": "screen.xterm-256color"}) == "screen"
    assert multiplexer({"TERM": "xterm"}) == ""


@pytest.mark.parametrize("reply", [KITTY, XTERM])
def test_a_late_reply_never_becomes_keys_wherever_it_is_cut(reply):
    """A reply read as keys would give verdicts: `kitty` has a y in it."""
    text = reply.decode()
    for cut in range(len(text) + 1):
        late = ReplyFilter(waiting=True)
        assert late.feed(text[:cut]) + late.feed(text[cut:]) == ""
        assert late.feed("y") == "y"


@given(st.text(alphabet="yjk12\x1b[]AB;", max_size=12))
def test_keys_after_the_fence_pass_untouched(text):
    """Once DA1 came by, nothing is held back."""
    late = ReplyFilter(waiting=True)
    late.feed(XTERM.decode())
    assert late.feed(text) == text


def test_a_lone_escape_is_given_back():
    """The escape key works while a reply is still awaited."""
    late = ReplyFilter(waiting=True)
    assert late.feed("j\x1b") == "j"
    assert late.flush() == "\x1b"
    assert late.feed("\x1b[A") == "\x1b[A"


def test_nothing_is_held_when_nothing_was_asked():
    """Without a question there is no reply."""
    assert ReplyFilter(waiting=False).feed("\x1bP>|") == "\x1bP>|"


@pytest.mark.parametrize(
    ("answer", "preview"),
    [
        ("on|xterm-kitty|256,RGB|9|18\n", "kitty"),
        ("all|xterm-ghostty|RGB||", "kitty"),
        ("off|xterm-kitty|RGB|9|18", "half"),
        ("on|xterm-256color|RGB|9|18", "half"),
        ("off|foot|RGB,sixel|9|18", "sixel"),
        ("on|xterm-256color", "half"),
        ("", "half"),
    ],
)
def test_tmux_is_asked_what_it_lets_through(answer, preview):
    """Graphics in tmux only where it hands them on to a terminal that is known to draw them."""
    tmux = parse_tmux(answer)
    assert choose("auto", Replies(), {"TMUX": "x", "TERM": "tmux-256color"}, tmux)[0] == preview
    assert tmux.cell == ((9, 18) if "|9|18" in answer else None)


def test_without_tmux_here_nothing_is_known(monkeypatch):
    """Its name may have come over SSH alone."""
    monkeypatch.setenv("PATH", "")
    assert Asked().answer() == Tmux()


PROBE = """
import sys, time
from tui.terminal import Probe
with Probe(sys.argv[1]) as question:
    begun = time.monotonic()
    found = question.finish()
    print("FOUND", found.preview, found.answered, found.typed, time.monotonic() - begun, flush=True)
"""


def _in_a_terminal(answer, *words, **environment):
    """Run the probe in a pseudo-terminal that answers (or not); give what it printed."""
    leader, follower = pty.openpty()
    before = termios.tcgetattr(follower)
    process = subprocess.Popen(
        [sys.executable, "-c", PROBE, *words],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"TERM": "xterm-256color", "TMUX": "", "NO_COLOR": ""} | environment,
    )
    seen, answered = b"", False
    while b"FOUND" not in seen or not seen.rstrip(b"\r").endswith(b"\n"):
        assert select.select([leader], [], [], 20)[0], seen
        seen += os.read(leader, 4096)
        if b"\x1b[c" in seen and not answered and answer:
            answered = True
            os.write(leader, answer)
    assert process.wait(20) == 0
    after = termios.tcgetattr(follower)
    os.close(leader)
    os.close(follower)
    assert before[3] == after[3]
    return seen.decode(errors="replace")


def test_a_terminal_that_answers_is_recognised_and_typed_keys_are_kept():
    """One write, answers and a key mixed, the modes restored."""
    seen = _in_a_terminal(b"j" + KITTY, "auto")
    assert "FOUND kitty True b'j'" in seen
    assert KITTY_QUERY.decode() in seen


def test_a_mute_terminal_costs_a_fifth_of_a_second():
    """It is drawn in half-blocks, and late replies will be awaited."""
    seen = _in_a_terminal(b"", "auto")
    assert "FOUND half False b''" in seen
    assert float(seen.rpartition("b'' ")[2]) <= 0.4


def test_nothing_is_written_to_multiplexers_and_apple_gets_no_graphics_query():
    """tmux would answer for itself; Apple's terminal would print the query."""
    assert "\x1b[c" not in _in_a_terminal(b"", "auto", TERM="tmux-256color")
    seen = _in_a_terminal(XTERM, "auto", TERM_PROGRAM="Apple_Terminal")
    assert KITTY_QUERY.decode() not in seen


def test_kitty_inside_tmux_without_passthrough_falls_back_and_says_so(monkeypatch):
    """Forced graphics that tmux would swallow are not sent."""
    monkeypatch.setenv("PATH", "")
    found = Probe("kitty", {"TMUX": "x", "TERM": "tmux-256color"}).finish()
    assert found.preview == "half"
    assert "allow-passthrough" in found.why


@pytest.mark.parametrize(
    ("chunks", "seen"),
    [
        (["\x1bq"], [ESCAPE_KEY + "q"]),
        (["\x1b", "q"], ["", ESCAPE_KEY + "q"]),
        (["\x1b", ""], ["", ESCAPE_KEY]),
        (["\x1b[A\x1bOB"], ["\x1b[A\x1bOB"]),
        (["\x1b", "[A"], ["", "\x1b[A"]),
        (["\x1b\x1b[A"], ["\x1b\x1b[A"]),
        (["\x1b]11;?\x1b\\"], ["\x1b]11;?\x1b\\"]),
        (["\x1b\rj\x1b1"], [ESCAPE_KEY + "\rj" + ESCAPE_KEY + "1"]),
    ],
)
def test_escape_and_the_key_after_it_are_two_keys(chunks, seen):
    """Also when a slow link sends them in one packet; an empty chunk stands for silence."""
    escapes = Escapes()
    assert [escapes.feed(chunk) if chunk else escapes.flush() for chunk in chunks] == seen
