"""The real app in a real pseudo-terminal at 80×24: what a person types, and what is on disk afterwards."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

import pexpect
import pyte
import pytest
from vet_project import make_vet_project, name_of

from store.journal import read_journal

COMMAND = ["-P", "-m", "tui"]
QUIET = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
KITTY = "\x1bP>|kitty(0.32.2)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c"
PATIENCE = 20.0
# What the surroundings say of another terminal; COLUMNS and LINES would overrule the size of this one.
NOT_OURS = {"TMUX", "STY", "NO_COLOR", "COLUMNS", "LINES"}


class Terminal:
    """A pseudo-terminal of 80×24 with the app in it, and the screen that it shows."""

    def __init__(self, root, size=(80, 24), *, reply="", reply_after=0.0, options=(), **environment):
        self.environment = {k: v for k, v in os.environ.items() if k not in NOT_OURS}
        self.screen = pyte.Screen(*size)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.reply, self.reply_after, self.asked_at = reply, reply_after, None
        self.child = pexpect.spawn(
            sys.executable,
            [*COMMAND, "-C", str(root), *options],
            dimensions=(size[1], size[0]),
            env=self.environment | QUIET | environment,
            timeout=PATIENCE,
        )

    @property
    def text(self):
        """What is on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def read(self, seconds=0.02):
        """Take in what the app wrote; False at its end."""
        try:
            data = self.child.read_nonblocking(65_536, seconds)
        except pexpect.TIMEOUT:
            data = b""
        except pexpect.EOF:
            return False
        self.raw += data
        # pyte knows no private CSI with '>' or '<' and prints their ends; kitty's keyboard uses them.
        self.stream.feed(re.sub(rb"\x1b\[[<>=][0-9;]*[a-z]|\x1bP.*?\x1b\\|\x1b_.*?\x1b\\", b"", data))
        if self.asked_at is None and b"\x1b[c" in self.raw:
            self.asked_at = time.monotonic()
        if self.reply and self.asked_at and time.monotonic() >= self.asked_at + self.reply_after:
            self.child.send(self.reply)
            self.reply = ""
        return True

    def until(self, words, seconds=PATIENCE):
        """Read until some words are on the screen."""
        end = time.monotonic() + seconds
        while words not in self.text:
            assert self.read(), f"ended before it showed {words!r}:\n{self.text}"
            assert time.monotonic() < end, f"never showed {words!r}:\n{self.text}"

    def type(self, keys, words):
        """Type, and read until the words are there."""
        self.child.send(keys)
        self.until(words)

    def ends(self, seconds=PATIENCE):
        """Read to the end; give exit code and signal."""
        end = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < end, f"does not end:\n{self.text}"
        self.child.close()
        return self.child.exitstatus, self.child.signalstatus


@pytest.fixture
def project(tmp_path):
    """A project of twelve candidates: (project, config)."""
    return make_vet_project(tmp_path / "field")[0]


def labels(project):
    """What stands in vera's journal, line by line."""
    path = project.verdicts / "vera.jsonl"
    return (
        [(line.action, line.candidate, dict(line.payload)) for line in read_journal(path)[0]]
        if path.exists()
        else []
    )


def test_walk_tick_verdict_undo_quit_restart(project):
    """The verdicts are there again, the terminal is as it was, and the exit code is 0."""
    app = Terminal(project.root)
    app.until("12 left")
    app.until("▀")
    assert "SIMULATED" in app.text
    app.type("j", "#2 JWST")
    app.type("\x1b[B", "#3 JWST")
    app.type("k", "#2 JWST")
    app.type("1", "saved: other filters pass")
    app.type("y", "saved: interesting")
    app.until("#3 JWST")
    app.type("x", "Artefact: which kind?")
    app.type("a", "saved: artefact: crosstalk")
    app.type("n", "saved: ordinary")
    app.type("z", "undo: ordinary")
    app.until("2 decided 10 left")
    app.child.send("q")
    assert app.ends() == (0, None)
    assert b"\x1b[?1049h" in app.raw
    assert app.raw.rindex(b"\x1b[?1049l") > app.raw.rindex(b"\x1b[?1049h")
    assert not re.search(rb"Traceback|Error", app.raw)
    again = Terminal(project.root)
    again.until("2 decided 10 left")
    again.until("★int")
    again.until("×art")
    again.type("Z", "redo: ordinary")
    again.until("3 decided 9 left")
    again.child.send("q")
    assert again.ends() == (0, None)
    assert [action for action, _, _ in labels(project)] == [
        "check",
        "label",
        "label",
        "label",
        "undo",
        "redo",
    ]


def test_a_kill_after_the_acknowledgement_loses_nothing(project):
    """What was shown as saved is on disk, whatever happens next."""
    app = Terminal(project.root)
    app.until("12 left")
    app.type("y", "saved: interesting")
    app.child.kill(signal.SIGKILL)
    app.ends()
    assert labels(project) == [("label", name_of(0), {"label": "interesting"})]


def test_a_hangup_ends_the_app_at_once(project):
    """The connection went: nothing stays behind."""
    app = Terminal(project.root)
    app.until("12 left")
    begun = time.monotonic()
    app.child.kill(signal.SIGHUP)
    status, _ = app.ends(5)
    assert status == 128 + signal.SIGHUP
    assert time.monotonic() - begun < 2


def test_a_terminal_that_vanishes_ends_the_app(project):
    """Without a hangup signal, too, and without turning in circles."""
    app = Terminal(project.root, PYTHONUNBUFFERED="1")
    app.until("12 left")
    pid = app.child.pid
    os.close(app.child.child_fd)
    app.child.closed = True
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.02)  # waitpid has no timeout
    assert ended == pid


@pytest.mark.parametrize("after", [0.0, 0.3, 3.0])
def test_replies_of_the_terminal_never_act_as_keys(project, after):
    """Early or late, over a slow line: `kitty` contains a y, and gives no verdict."""
    app = Terminal(project.root, reply=KITTY, reply_after=after)
    app.until("12 left")
    end = time.monotonic() + after + 0.3
    while time.monotonic() < end:
        app.read()
    app.type("j", "#2 JWST")
    while after == 0.0 and b"\x1b_Ga=T,U=1" not in app.raw:  # pictures are painted in a thread
        assert app.read()
    app.child.send("q")
    assert app.ends() == (0, None)
    assert labels(project) == []
    # Found in time, the terminal gets real pictures; how late 0.3 s is depends on the machine.
    if after != 0.3:
        assert (b"\x1b_Ga=T,U=1" in app.raw) == (after == 0.0)


def test_keys_typed_before_the_start_act_afterwards(project):
    """Nothing typed is lost, and none of it reaches the shell."""
    app = Terminal(project.root, reply=KITTY.replace("kitty", "xterm"), reply_after=0.1)
    while app.asked_at is None:
        assert app.read()
    app.child.send("jjy")
    app.until("saved: interesting")
    app.child.send("q")
    assert app.ends() == (0, None)
    assert labels(project) == [("label", name_of(2), {"label": "interesting"})]


def test_keys_typed_in_one_burst_act_in_order(project):
    """A slow line delivers many keys at once."""
    app = Terminal(project.root)
    app.until("12 left")
    app.child.send("ynx3jomhello, world\r1q")
    assert app.ends() == (0, None)
    assert [(action, name, payload.get("label")) for action, name, payload in labels(project)] == [
        ("label", name_of(0), "interesting"),
        ("label", name_of(1), "ordinary"),
        ("label", name_of(2), "artifact"),
        ("label", name_of(4), "known"),
        ("note", name_of(5), None),
        ("check", name_of(5), None),
    ]


def test_without_colour_everything_is_still_told_by_words(project):
    """NO_COLOR: characters for pictures, signs and words for the rest."""
    app = Terminal(project.root, NO_COLOR="1")
    app.until("12 left")
    app.until("////")
    assert "▀" not in app.text
    app.type("y", "★int")
    app.child.send("q")
    assert app.ends() == (0, None)


@pytest.mark.parametrize("size", [(60, 18), (120, 40), (200, 60)])
def test_other_sizes_work_too(project, size):
    """From the smallest to a whole wall."""
    app = Terminal(project.root, size)
    app.until("12 left")
    app.type("y", "saved: interesting")
    app.child.send("q")
    assert app.ends() == (0, None)


def test_a_resize_below_the_least_size_covers_and_uncovers(project):
    """The app says how large it must be, and comes back."""
    app = Terminal(project.root)
    app.until("12 left")
    app.screen.resize(16, 50)
    app.child.setwinsize(16, 50)
    app.until("Terminal too small")
    app.screen.resize(24, 80)
    app.child.setwinsize(24, 80)
    app.until("12 left")
    app.child.send("q")
    assert app.ends() == (0, None)


def test_an_empty_project_tells_what_to_do(tmp_path):
    """The first screen of a new user."""
    project, _ = make_vet_project(tmp_path / "field", 0)
    app = Terminal(project.root)
    app.until("No candidates yet")
    app.type("?", "type to search")
    app.child.send("\x1bq")  # one packet, as over a slow link
    assert app.ends() == (0, None)


def test_a_wrong_key_table_is_one_line_and_exit_code_2(project):
    """Before anything is drawn."""
    path = project.root / "config.toml"
    path.write_text(path.read_text() + '\nbogus = "w"\n')
    app = Terminal(project.root)
    assert app.ends() == (2, None)
    assert "bogus: there is no such action" in app.text
    assert b"1049h" not in app.raw
    assert b"Traceback" not in app.raw


@pytest.mark.parametrize("stdout_too", [False, True])
def test_without_a_terminal_there_is_one_line_and_exit_code_2(project, stdout_too):
    """Standard input from nowhere, the output on a terminal or not: never a traceback."""
    leader, follower = pty.openpty()
    out = subprocess.PIPE if stdout_too else follower
    done = subprocess.run(
        [sys.executable, *COMMAND, "-C", str(project.root)],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    os.close(leader)
    os.close(follower)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "terminal" in done.stderr


def test_first_rows_of_a_hundred_thousand_candidates_come_at_once(tmp_path, record_property):
    """The first page is painted before the whole list is read; the time goes into the test's report."""
    project, _ = make_vet_project(tmp_path / "field", 100_000)
    best = float("inf")
    for _ in range(3):
        begun = time.monotonic()
        app = Terminal(project.root)
        while b"110.80000-73.40000" not in app.raw:
            assert app.read()
        best = min(best, time.monotonic() - begun)
        app.until("100000 left")
        app.child.send("\x1b[F")
        app.until(" 100000 ")
        app.child.send("q")
        assert app.ends() == (0, None)
    record_property("first_paint_seconds", round(best, 3))
    # The design's 0.6 s is measured on a quiet machine; tests share theirs.
    assert best < 2.5


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_it_works_inside_tmux(project, tmp_path):
    """Half-blocks, keys and verdicts, through a real multiplexer."""
    socket = str(tmp_path / "tmux")
    tmux = ["tmux", "-S", socket, "-f", "/dev/null"]
    command = " ".join([sys.executable, *COMMAND, "-C", str(project.root)])
    environment = {k: v for k, v in os.environ.items() if k not in {"TMUX", "NO_COLOR"}}
    subprocess.run([*tmux, "new-session", "-d", "-x", "80", "-y", "24", command], check=True, env=environment)

    def shown():
        done = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=False)
        return done.stdout

    def until(words):
        end = time.monotonic() + PATIENCE
        while words not in (text := shown()):
            assert time.monotonic() < end, text
            time.sleep(0.05)  # tmux tells nobody that a pane changed

    try:
        until("12 left")
        until("▀")
        subprocess.run([*tmux, "send-keys", "y"], check=True)
        until("saved: interesting")
        subprocess.run([*tmux, "send-keys", "q"], check=True)
        end = time.monotonic() + PATIENCE
        while shown() and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
    assert labels(project) == [("label", name_of(0), {"label": "interesting"})]
