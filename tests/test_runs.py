"""Runs: events followed while they are written, and how a run stands that says nothing more."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from store.project import Project
from store.runs import RunLog, boot_id, is_alive, list_runs, new_run_id, process_start, read_events


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def log(project):
    return RunLog(project, new_run_id())


def only(project):
    (state,) = list_runs(project)
    return state


def test_events_are_followed_from_an_offset(log):
    """A follower reads each event once, and waits for the end of a line that is half written."""
    log.emit({"event": "run_started"})
    events, offset = read_events(log.path)
    assert [event["event"] for event in events] == ["run_started"]
    log.emit({"event": "note", "text": "ein Stück | weit\n"})
    with log.path.open("ab") as file:
        file.write(b'{"event":"no')
    events, offset = read_events(log.path, offset)
    assert [event["text"] for event in events] == ["ein Stück | weit\n"]
    with log.path.open("ab") as file:
        file.write(b'te"}\nrubbish\n')
    events, offset = read_events(log.path, offset)
    assert [event["event"] for event in events] == ["note", "note"]
    assert events[1]["text"] == "an event that could not be read"
    assert read_events(log.path, offset) == ([], log.path.stat().st_size)


def test_a_run_tells_which_process_it_is(log):
    """The first event carries process, boot, host, arguments and version; every event its time."""
    log.emit({"event": "run_started", "argv": ["run"]})
    ((event,), _) = read_events(log.path)
    assert event["pid"] == os.getpid()
    assert event["start_ticks"] == process_start(os.getpid())
    assert event["boot_id"] == boot_id()
    assert (event["argv"], event["version"]) == (["run"], "0.1.0")
    assert datetime.fromisoformat(event["at"]).tzinfo is not None


def test_progress_is_told_by_stage(project, log):
    """done counts what was finished in any way; failures keep frame and reason."""
    log.emit({"event": "run_started"})
    log.emit({"event": "stage_started", "stage": "images", "total": 3})
    log.emit({"event": "frame_done", "stage": "images", "frame": "a"})
    log.emit({"event": "frame_failed", "stage": "images", "frame": "b", "text": "no WCS"})
    log.emit({"event": "frame_skipped", "stage": "images", "frame": "c"})
    log.emit({"event": "stage_done", "stage": "images", "seconds": 1.5})
    log.emit({"event": "progress", "stage": "rank", "done": 2, "total": 5})
    state = only(project)
    images, rank = state.stages
    assert (images.done, images.total, images.failed, images.skipped) == (3, 3, 1, 1)
    assert (images.finished, images.seconds) == (True, 1.5)
    assert (rank.done, rank.total, rank.finished) == (2, 5, False)
    assert state.failures == (("b", "no WCS"),)
    assert state.state == "running"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "run_done", "exit_code": 0}, "done"),
        ({"event": "run_done", "exit_code": 3}, "partial"),
        ({"event": "run_failed", "exit_code": 1, "text": "a bug"}, "failed"),
        ({"event": "run_stopped"}, "stopped"),
    ],
)
def test_a_run_that_ended_says_how(project, log, event, expected):
    """The last event tells the state, whether or not its process still lives."""
    log.emit({"event": "run_started"})
    log.emit(event)
    state = only(project)
    assert (state.state, state.exit_code, state.text) == (
        expected,
        event.get("exit_code"),
        event.get("text", ""),
    )
    assert state.ended >= state.started


def test_a_run_that_was_killed_is_interrupted(project, log):
    """kill -9 leaves no last event: the run is known to be over by its process, even before it is reaped."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    log.emit({"event": "run_started", "pid": child.pid, "start_ticks": process_start(child.pid)})
    assert only(project).state == "running"
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert only(project).state == "interrupted"
    child.communicate()
    assert only(project).state == "interrupted"


@pytest.mark.parametrize(
    "other", [{"start_ticks": "1"}, {"boot_id": "another"}, {"pid": 0}, {"pid": 2**22 + 1}]
)
def test_another_process_of_the_same_number_is_not_the_run(project, log, other):
    """A number used again, or a machine started again, does not keep a run alive."""
    log.emit({"event": "run_started", **other})
    assert only(project).state == "interrupted"


def test_a_run_on_another_host_counts_while_it_is_fresh():
    """Its process cannot be asked; its last event can."""
    started = {"pid": 1, "host": "elsewhere"}
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert is_alive(started, (now - timedelta(minutes=1)).isoformat(), now)
    assert not is_alive(started, (now - timedelta(hours=1)).isoformat(), now)
    assert not is_alive(started, "", now)


def test_runs_are_listed_newest_first(project):
    """Ids sort by time."""
    ids = [new_run_id(datetime(2026, 11, day, tzinfo=UTC)) for day in (3, 1, 2)]
    for run_id in ids:
        RunLog(project, run_id).emit({"event": "run_started"})
    assert [state.id[:8] for state in list_runs(project)] == ["20261103", "20261102", "20261101"]


def test_no_runs_yet(project):
    """A new project has none."""
    assert list_runs(project) == []
    assert read_events(project.runs / "none" / "events.jsonl") == ([], 0)
