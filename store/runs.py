"""Runs: each writes its events to a file of its own, from which anybody can tell how it stands."""

import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from store import __version__
from store.project import Project, StoreError

Event = dict[str, Any]
RunStateName = Literal["running", "done", "partial", "failed", "stopped", "interrupted"]

# The exit code of a run that left some inputs behind.
PARTIAL = 3
# How old the last event of a run on another host may be.
FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class StageProgress:
    """How far one stage of a run came."""

    stage: str
    done: int = 0
    total: int = 0
    failed: int = 0
    skipped: int = 0
    finished: bool = False
    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class RunState:
    """How a run stands, as its events tell."""

    id: str
    state: RunStateName
    started: str = ""
    ended: str = ""
    pid: int = 0
    host: str = ""
    argv: tuple[str, ...] = ()
    version: str = ""
    exit_code: int | None = None
    stages: tuple[StageProgress, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    text: str = ""


@dataclass
class _Tally:
    stages: dict[str, StageProgress] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def new_run_id(now: datetime | None = None) -> str:
    """Make the id of a run: its time (UTC) and four random digits, so that ids sort by time."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    return f"{moment}-{secrets.token_hex(2)}"


class RunLog:
    """The events of one run, appended as they happen; one process writes, anybody reads."""

    def __init__(self, project: Project, run_id: str) -> None:
        self.run_id = run_id
        self.path = events_path(project, run_id)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def emit(self, event: Event) -> None:
        """Append one event with its time; `run_started` also tells which process this is."""
        body: Event = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **event}
        if event["event"] == "run_started":
            body = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "boot_id": boot_id(),
                "start_ticks": process_start(os.getpid()),
                "argv": sys.argv,
                "version": __version__,
                **body,
            }
        # One write of one line in append mode: threads of the run cannot mix theirs.
        try:
            self._append(json.dumps(body, separators=(",", ":"), default=str).encode("ascii") + b"\n")
        except OSError as error:
            raise StoreError(
                f"{self.path}: the run's events cannot be written: {error.strerror or error}; "
                "free some space, then `jwst-vet run` goes on"
            ) from error

    def _append(self, row: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(row)


def events_path(project: Project, run_id: str) -> Path:
    """Name the file of a run's events."""
    return project.runs / run_id / "events.jsonl"


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Read the whole lines after `offset`; give the events and the offset to go on from."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    return [_event(row) for row in whole.split(b"\n") if row.strip()], offset + len(whole)


def list_runs(project: Project) -> list[RunState]:
    """Tell how every run of a project stands, the newest first."""
    paths = sorted(project.runs.glob("*/events.jsonl"), key=lambda path: path.parent.name, reverse=True)
    return [run_state(path.parent.name, read_events(path)[0]) for path in paths]


def run_state(run_id: str, events: list[Event]) -> RunState:
    """Tell how a run stands from its events, and from its process where it did not say that it ended."""
    state = RunState(id=run_id, state="interrupted")
    tally = _Tally()
    started: Event = {}
    for event in events:
        name = event.get("event")
        if name == "run_started":
            started = event
            state = replace(
                state,
                started=str(event.get("at", "")),
                pid=int(event.get("pid", 0)),
                host=str(event.get("host", "")),
                argv=tuple(map(str, event.get("argv", ()))),
                version=str(event.get("version", "")),
            )
        elif name in _ENDS:
            code = event.get("exit_code")
            end: RunStateName = "partial" if name == "run_done" and code == PARTIAL else _ENDS[name]
            ended, text = str(event.get("at", "")), str(event.get("text", ""))
            state = replace(state, state=end, exit_code=code, ended=ended, text=text)
        else:
            _count(tally, event)
    if not state.ended and is_alive(started, str(events[-1].get("at", "")) if events else ""):
        state = replace(state, state="running")
    elif not state.ended:
        state = replace(state, text=why_interrupted(started))
    return replace(state, stages=tuple(tally.stages.values()), failures=tuple(tally.failures.items()))


_ENDS: dict[str, RunStateName] = {"run_done": "done", "run_failed": "failed", "run_stopped": "stopped"}


def _count(tally: _Tally, event: Event) -> None:
    name, stage = event.get("event"), str(event.get("stage", ""))
    if not stage:
        return
    if name == "progress" and (event.get("frame") or event.get("unit") == "bytes"):
        return  # how far one frame or transfer is; the stage counts frames
    now = tally.stages.get(stage, StageProgress(stage))
    now = replace(now, total=int(event.get("total") or now.total), text=str(event.get("text") or now.text))
    if name == "progress":
        now = replace(now, done=int(event.get("done") or now.done))
    elif name == "frame_done":
        now = replace(now, done=int(event.get("done") or now.done + 1))
    elif name == "frame_failed":
        now = replace(now, failed=now.failed + 1, done=int(event.get("done") or now.done + 1))
        tally.failures[str(event.get("frame", ""))] = str(event.get("text", ""))
    elif name == "frame_skipped":
        now = replace(now, skipped=now.skipped + 1, done=int(event.get("done") or now.done + 1))
    elif name == "stage_done":
        now = replace(now, finished=True, seconds=float(event.get("seconds") or 0.0))
    tally.stages[stage] = now


def is_alive(started: Event, last_at: str = "", now: datetime | None = None) -> bool:
    """Tell whether the process of a `run_started` event still runs, and is not another of the same number.

    A run on another host cannot be asked: it counts as running while its last event is fresh.
    """
    pid = int(started.get("pid", 0))
    if pid <= 0:
        return False
    if started.get("host") != socket.gethostname():
        return bool(last_at) and (now or datetime.now(UTC)) - datetime.fromisoformat(last_at) < FRESH
    start = process_start(pid)
    return bool(start) and start == started.get("start_ticks") and started.get("boot_id") == boot_id()


def why_interrupted(started: Event) -> str:
    """Say why a run that neither lives nor said its end is over."""
    if not started:
        return "it ended before it began"
    if started.get("host") == socket.gethostname() and started.get("boot_id") not in (None, boot_id()):
        return "the machine was started again while it ran"
    return "its process was killed"


@cache
def boot_id() -> str:
    """Name this boot of the machine."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text(encoding="ascii").strip()
    return _ask("sysctl", "-n", "kern.boottime")


def process_start(pid: int) -> str:
    """Tell when a process started, in words of the system; "" where there is none, or only its remains."""
    if not Path("/proc/self/stat").exists():
        return _ask("ps", "-o", "lstart=", "-p", str(pid))
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no such process, or it ended while being read
        return ""
    # The name, in parentheses, may hold blanks and parentheses itself: count from the last one.
    facts = stat.rpartition(")")[2].split()
    return "" if facts[0] in "ZX" else facts[19]


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _event(row: bytes) -> Event:
    try:
        event = json.loads(row)
    except ValueError:
        event = None
    if isinstance(event, dict):
        return event
    return {"event": "note", "at": "", "text": "an event that could not be read"}
