"""How a run stands, for the screen: its events in, one frozen view out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.project import Project

LOG_LINES = 500
LEAST_SECONDS = 0.5
"""How long something goes on before its speed says anything."""
ENDS = {"run_done": "done", "run_failed": "failed", "run_stopped": "stopped"}
GOING = frozenset({"starting", "running"})


@dataclass(frozen=True)
class StageView:
    """One stage: waiting, running or done, and how far."""

    name: str
    state: str = "waiting"
    done: int = 0
    total: int = 0
    failed: int = 0
    text: str = ""
    unit: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True)
class FrameView:
    """One input of a stage and how far it is, in parts or, as `unit` says, in bytes."""

    name: str
    state: str = "running"
    done: int = 0
    total: int = 0
    text: str = ""
    unit: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True)
class RunView:
    """One run as its events tell it."""

    run_id: str
    state: str = "starting"
    started: str = ""
    ended: str = ""
    stages: tuple[StageView, ...] = ()
    frames: tuple[FrameView, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    log: tuple[str, ...] = ()
    exit_code: int | None = None
    text: str = ""

    @property
    def going(self) -> bool:
        """Whether it has not ended."""
        return self.state in GOING

    @property
    def stage(self) -> StageView | None:
        """The stage that is going on."""
        return next((stage for stage in self.stages if stage.state == "running"), None)

    @property
    def downloading(self) -> bool:
        """Whether files are being fetched, so that a pause keeps their parts."""
        return self.going and self.stage is not None and self.stage.name == "download"

    @property
    def paused(self) -> bool:
        """Whether it was stopped while it fetched files: another run goes on from their parts."""
        reached = [stage.name for stage in self.stages if stage.state != "waiting"]
        return self.state == "stopped" and reached == ["download"]

    def words(self) -> str:
        """Say in a few words how it stands."""
        if not self.going:
            return "paused" if self.paused else self.state
        now = self.stage
        if now is None:
            return self.state
        if now.unit == "bytes":
            return f"{now.name} {100 * now.done // max(now.total, 1)} %"
        return f"{now.name} {now.done}/{now.total}" if now.total else now.name


class Clock:
    """How long things still take, from the times in a run's events; no other clock is looked at."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}
        self._skipped: dict[str, int] = {}
        self._first: dict[str, tuple[datetime, int]] = {}
        self._now: datetime | None = None

    def take(self, event: Mapping[str, Any], stage: StageView) -> None:
        """Note when a stage began, and what it found done already: that says nothing of its speed."""
        if (at := _moment(event)) is None:
            return
        self._now = at
        self._began.setdefault(stage.name, at)
        if event.get("event") == "frame_skipped":
            self._skipped[stage.name] = self._skipped.get(stage.name, 0) + 1

    def stage(self, stage: StageView, going: float) -> StageView:
        """Give the stage with the time it still takes; `going` counts the frames in hand in parts."""
        began = self._began.get(stage.name)
        if stage.state != "running" or stage.unit or not stage.total or began is None or self._now is None:
            return stage
        worked = stage.done - self._skipped.get(stage.name, 0) + going
        elapsed = (self._now - began).total_seconds()
        if worked <= 0 or elapsed < LEAST_SECONDS:
            return stage
        return replace(stage, seconds_left=elapsed / worked * max(0.0, stage.total - stage.done - going))

    def frame(self, name: str, event: Mapping[str, Any]) -> float | None:
        """Give the time that a frame still takes, from its own progress alone."""
        at, done, total = _moment(event), int(event.get("done") or 0), int(event.get("total") or 0)
        if at is None or event.get("unit"):
            return None
        first, had = self._first.setdefault(name, (at, done))
        elapsed = (at - first).total_seconds()
        if done <= had or elapsed < LEAST_SECONDS:
            return None
        return elapsed / (done - had) * max(0, total - done)


def _moment(event: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(event.get("at", "")))
    except ValueError:
        return None


def left_words(seconds: float | None) -> str:
    """Say how long it still takes, as exactly as can be known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min left"


class RunFold:
    """Takes a run's events in order and gives the view that they add up to."""

    def __init__(self, run_id: str) -> None:
        self._view = RunView(run_id)
        self._stages: dict[str, StageView] = {}
        self._frames: dict[str, FrameView] = {}
        self._failures: dict[str, str] = {}
        self._log: list[str] = []
        self._clock = Clock()

    def take(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take some more events."""
        for event in events:
            self._take(event)
        del self._log[:-LOG_LINES]

    def view(self, *, alive: bool = True, why: str = "") -> RunView:
        """Give the view; a run that neither ended nor lives was interrupted, and `why` says by what."""
        state, text = self._view.state, self._view.text
        if state in GOING and not alive:
            state, text = "interrupted", why
        frames = tuple(self._frames.values())
        if state not in GOING:
            frames = tuple(
                replace(frame, state="not finished", text="") if frame.state == "running" else frame
                for frame in frames
            )
        going = sum(f.done / f.total for f in frames if f.state == "running" and f.total and not f.unit)
        return replace(
            self._view,
            state=state,
            text=text,
            stages=tuple(self._clock.stage(stage, going) for stage in self._stages.values()),
            frames=frames,
            failures=tuple(self._failures.items()),
            log=tuple(self._log),
        )

    def _take(self, event: Mapping[str, Any]) -> None:
        name, at = str(event.get("event", "")), str(event.get("at", ""))
        stage, frame, text = (str(event.get(key) or "") for key in ("stage", "frame", "text"))
        if name == "run_started":
            self._view = replace(self._view, state="running", started=at)
            for planned in event.get("stages", ()):
                self._stages.setdefault(str(planned), StageView(str(planned)))
        elif name in ENDS:
            code = event.get("exit_code")
            state = "done in part" if name == "run_done" and code == 3 else ENDS[name]
            self._view = replace(self._view, state=state, ended=at, exit_code=code, text=text)
        elif stage:
            self._stages[stage] = self._advance(stage, name, frame, event)
            self._clock.take(event, self._stages[stage])
        if frame:
            self._take_frame(name, frame, text, event)
        for file in event.get("files", ()):
            self._take_frame(name, str(file.get("frame")), "", {**file, "unit": event.get("unit")})
        if name != "progress":
            words = " ".join(part for part in (name.replace("_", " "), stage, frame) if part)
            self._log.append(f"{at[11:19]} {words}{': ' + text if text else ''}")

    def _advance(self, stage: str, name: str, frame: str, event: Mapping[str, Any]) -> StageView:
        now = replace(self._stages.get(stage, StageView(stage)), state="running")
        ended = name in {"frame_done", "frame_failed", "frame_skipped"} and now.unit != "bytes"
        if ended or (name == "progress" and not frame) or name == "stage_done":
            counted = now.done + ended
            now = replace(
                now,
                done=int(event.get("done") or counted),
                total=int(event.get("total") or now.total),
                text=str(event.get("text") or ""),
                unit=str(event.get("unit") or ""),
            )
        if name == "frame_failed":
            return replace(now, failed=now.failed + 1)
        if name == "stage_done":
            done = now.total or now.done
            return replace(now, state="done", done=done, text=str(event.get("text") or ""))
        return now

    def _take_frame(self, name: str, frame: str, text: str, event: Mapping[str, Any]) -> None:
        states = {"frame_done": "done", "frame_failed": "failed", "frame_skipped": "unchanged"}
        now = self._frames.get(frame, FrameView(frame))
        if name == "progress":
            now = replace(
                now,
                state="running",
                done=int(event.get("done") or 0),
                total=int(event.get("total") or 0),
                text=str(event.get("text") or ""),
                unit=str(event.get("unit") or ""),
                seconds_left=self._clock.frame(frame, event),
            )
        elif name in states:
            now = replace(now, state=states[name], text=text, unit="")
            if name == "frame_failed":
                self._failures[frame] = text
        self._frames[frame] = now


class Follower:
    """Follows one run from its event file; `poll` from a thread, as often as wanted."""

    def __init__(self, project: Project, run_id: str) -> None:
        from store.runs import events_path

        self.run_id = run_id
        self._path = events_path(project, run_id)
        self._offset = 0
        self._started: dict[str, Any] = {}
        self._last_at = ""
        self._fold = RunFold(run_id)

    def poll(self) -> RunView:
        """Read what is new and give the view."""
        from store.runs import is_alive, read_events, why_interrupted

        # Alive is asked first: a run that ends in between has its last events read below.
        alive = not self._started or is_alive(self._started, self._last_at)
        events, self._offset = read_events(self._path, self._offset)
        if events:
            self._last_at = str(events[-1].get("at", ""))
            if not self._started:
                self._started = events[0]
                alive = is_alive(self._started, self._last_at)
        self._fold.take(events)
        return self._fold.view(alive=alive, why="" if alive else why_interrupted(self._started))


def latest_run(project: Project) -> str | None:
    """Name the run to show: the newest one; run ids sort by time."""
    paths = project.runs.glob("*/events.jsonl") if project.runs.is_dir() else ()
    return max((path.parent.name for path in paths), default=None)
