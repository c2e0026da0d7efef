"""Runs as processes of their own: started so that they outlive the terminal, followed, and asked to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from store.database import StoreError
from store.project import Project
from store.runs import Event, RunState, events_path, list_runs, new_run_id, read_events, run_state
from tui.lingering import at_logout

POLL_SECONDS = 0.1
NICE = 5
START_SECONDS = 30.0


def start_run(project: Project) -> str:
    """Start `run` in a session of its own and return its id once it has said that it began.

    Raises StoreError with the last line of its log if it ended before that.
    """
    project.prepare()
    run_id = new_run_id()
    log = project.log / f"run-{run_id}.log"
    command = [sys.executable, "-P", "-m", "tui", "-C", str(project.root), "run", "--run-id", run_id]
    command[:0] = at_logout().launcher
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd=project.root,
        )
    end = time.monotonic() + START_SECONDS
    events = events_path(project, run_id)
    while not events.exists():
        if process.poll() is not None or time.monotonic() > end:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise StoreError(
                lines[-1].removeprefix("jwst-vet: ") if lines else f"the run did not start; see {log}"
            )
        time.sleep(POLL_SECONDS)
    return run_id


def settle() -> None:
    """Make this process the run that was started for later: polite, and deaf to a terminal that goes."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.nice(max(0, NICE - os.nice(0)))


def warnings_of(project: Project) -> list[str]:
    """Say before a run starts what may end it or confuse it here: the logout, a network file system."""
    from store.filesystem import file_system

    places = {project.outputs_dir, project.data_dir}
    found = [where.warning for place in places if (where := file_system(place)) is not None]
    return list(dict.fromkeys(text for text in (at_logout().warning, *found) if text))


def stop_run(project: Project, run_id: str | None = None) -> RunState | None:
    """Ask the running run (or the one named) to stop after the frame in hand; None where nothing runs."""
    for state in list_runs(project):
        if state.state == "running" and run_id in (None, state.id):
            if state.host != socket.gethostname():
                raise StoreError(f"run {state.id} is on the host {state.host}: `jwst-vet stop` there ends it")
            os.kill(state.pid, signal.SIGTERM)
            return state
    return None


def running(project: Project) -> RunState | None:
    """Return the run that is going on, if any."""
    return next((state for state in list_runs(project) if state.state == "running"), None)


def follow(project: Project, run_id: str, listener: Callable[[Mapping[str, Any]], None]) -> int:
    """Hand on a run's events until it ends; return its exit code (1 where it died without one)."""
    path = events_path(project, run_id)
    seen: list[Event] = []
    offset = 0
    while True:
        events, offset = read_events(path, offset)
        seen += events
        for event in events:
            listener(event)
        state = run_state(run_id, seen)
        if state.exit_code is not None:
            return state.exit_code
        if state.state != "running" and not events:
            return 1
        time.sleep(POLL_SECONDS)
