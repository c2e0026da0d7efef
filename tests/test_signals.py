"""Signals to the real app: it ends or stops, is never an orphan, holds nothing, and every verdict stands."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from test_pty import PATIENCE, Terminal, labels
from vet_project import make_vet_project, name_of

from store.database import Database

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="states are read from /proc")


@pytest.fixture
def project(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")[0]


def state_of(pid):
    """The state of a process: R, S, T (stopped), Z, or "" where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def until_state(app, wanted):
    """Read what the app writes, as a terminal does, until its process has one of these states."""
    end = time.monotonic() + PATIENCE
    while (state := state_of(app.child.pid)) not in wanted:
        assert time.monotonic() < end, f"it is in state {state!r}"
        app.read()


def hang_up(app):
    """Close our end of the terminal and wait for the process."""
    os.close(app.child.child_fd)
    app.child.closed = True
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(app.child.pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.02)  # waitpid has no timeout
    pytest.fail(f"{app.child.pid} lives on without a terminal")


def can_write(project):
    """Write into the database at once: nobody else holds it."""
    with Database(project.database, patience=5.0).write() as cursor:
        cursor.execute("INSERT INTO names VALUES ('other', '', 1, 2)")
        cursor.execute("DELETE FROM names WHERE candidate = 'other'")


def test_r03_sigterm_ends_the_app(project):
    """Asked to end by the system: gone, the terminal as it was or not, the verdict kept, nothing held."""
    app = Terminal(project.root)
    app.until("12 left")
    app.type("y", "saved: interesting")
    app.child.kill(signal.SIGTERM)
    app.ends()
    can_write(project)
    assert labels(project) == [("label", name_of(0), {"label": "interesting"})]


def test_r03_an_app_started_by_nohup_is_no_orphan(project):
    """SIGHUP is ignored from the start; when the terminal goes the app goes too, whatever it was told."""
    signal_before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        app = Terminal(project.root)  # inherits that
    finally:
        signal.signal(signal.SIGHUP, signal_before)
    app.until("12 left")
    app.type("y", "saved: interesting")
    hang_up(app)
    can_write(project)
    assert labels(project) == [("label", name_of(0), {"label": "interesting"})]


@LINUX
def test_r03_a_stopped_app_holds_nothing_and_goes_on_or_goes(project):
    """Stopped as by a shell: others write; continued it vets on; hung up while stopped it is gone."""
    app = Terminal(project.root)
    app.until("12 left")
    app.type("y", "saved: interesting")
    app.until("▀")
    app.child.kill(signal.SIGTSTP)
    until_state(app, "T")
    can_write(project)
    app.child.kill(signal.SIGCONT)
    until_state(app, "RS")
    app.type("n", "saved: ordinary")
    app.child.kill(signal.SIGTSTP)
    until_state(app, "T")
    app.child.kill(signal.SIGHUP)
    app.child.kill(signal.SIGCONT)  # as the kernel sends both when a session's leader is gone
    hang_up(app)
    can_write(project)
    assert [(action, name) for action, name, _ in labels(project)] == [
        ("label", name_of(0)),
        ("label", name_of(1)),
    ]


@LINUX
def test_r03_an_idle_app_takes_no_processor(project):
    """Nothing is asked of it: over two seconds it takes less than half of them, on any machine."""
    app = Terminal(project.root)
    app.until("12 left")
    app.until("▀")

    def ticks():
        facts = Path(f"/proc/{app.child.pid}/stat").read_text().rpartition(")")[2].split()
        return int(facts[11]) + int(facts[12])

    def drain(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            app.read(0.2)

    drain(2.0)  # figures of the first candidates are made ahead
    before = ticks()
    drain(2.0)
    assert (ticks() - before) / os.sysconf("SC_CLK_TCK") < 1.0
    app.child.send("q")
    assert app.ends() == (0, None)
