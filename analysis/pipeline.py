"""A run: stages in their order, one at a time in a project, with events for whoever follows."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from analysis.config import Config
from analysis.stages import StageResult
from store.database import StoreError
from store.drafts import sweep
from store.project import Project
from store.runs import RunLog, new_run_id

DONE, BUG, UNUSABLE, PARTLY = 0, 1, 2, 3
"""Exit codes: done; a bug; nothing usable or bad input; done in part."""

STAGES = ("download", "images", "spectra", "rank", "checks", "report")
"""The stages of a run, in order."""

Listener = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class RunResult:
    """What a run came to: its exit code and what each stage did."""

    run_id: str
    exit_code: int
    stages: tuple[StageResult, ...]


def execute(
    project: Project,
    config: Config,
    stages: Sequence[str] = STAGES,
    *,
    listener: Listener = lambda _event: None,
    run_id: str | None = None,
    paths: Sequence[Path] | None = None,
    zeropoint: float | None = None,
    replan: bool = False,
    argv: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> RunResult:
    """Run stages in this process, writing the event log that others follow.

    One run at a time holds a project. The report alone is no run: it changes nothing that a run reads, so it
    may be written while one is going on, and leaves no log.

    Parameters
    ----------
    stages : sequence of str
        Names out of `STAGES`, in order.
    listener : callable
        Also gets every event.
    paths, zeropoint, replan
        Handed to the stages `images` and `spectra`, and to `download`.
    argv, notes : sequence of str
        The command as it was given, for the log; what a person is told at the start.

    Raises
    ------
    StoreError
        If the project cannot be written or another run holds it.
    """
    project.prepare()
    stop = threading.Event()
    alone = tuple(stages) == ("report",)
    run_id = run_id or new_run_id()
    given = _Given(paths, zeropoint, replan, alone=len(stages) == 1)
    with nullcontext() if alone else claimed(project), _signals(stop):
        emit = listener if alone else _telling(RunLog(project, run_id), listener)
        emit({"event": "run_started", "text": " ".join(argv), "stages": list(stages)})
        for text in (*notes, *(() if alone else _swept(project))):
            emit({"event": "note", "text": text})
        code, results = _to_its_end(project, config, stages, given, emit, stop.is_set)
        return RunResult(run_id, code, tuple(results))


@dataclass(frozen=True)
class _Given:
    """What was asked of single stages: see `execute`; `alone` where only one stage is done."""

    paths: Sequence[Path] | None
    zeropoint: float | None
    replan: bool
    alone: bool


def _telling(log: RunLog, listener: Listener) -> Listener:
    """Give what writes an event to the log and hands it on."""

    def emit(event: Mapping[str, Any]) -> None:
        log.emit(dict(event))
        listener(event)

    return emit


def _swept(project: Project) -> tuple[str, ...]:
    """Delete what a killed run left half-written, while nobody else runs here; give the line that says so."""
    count = sweep(project.outputs_dir)
    return (f"half-written files of a killed process deleted: {count}",) if count else ()


def _to_its_end(
    project: Project,
    config: Config,
    stages: Sequence[str],
    given: _Given,
    emit: Listener,
    stopping: Callable[[], bool],
) -> tuple[int, list[StageResult]]:
    """Do stages and say how they ended, whichever way; give the exit code and what each came to."""
    results: list[StageResult] = []
    try:
        stopped = _do_stages(project, config, stages, given, emit, stopping, results)
    except BaseException as error:
        text = " ".join(str(error).split())
        emit({"event": "run_failed", "text": f"{type(error).__name__}: {text}", "exit_code": BUG})
        raise
    if stopped:
        emit({"event": "run_stopped", "text": f"stopped after {results[-1].stage}", "exit_code": PARTLY})
        return PARTLY, results
    code = exit_code(results)
    emit({"event": "run_done", "exit_code": code, "text": f"exit code {code}"})
    return code, results


def _do_stages(
    project: Project,
    config: Config,
    stages: Sequence[str],
    given: _Given,
    emit: Listener,
    stopping: Callable[[], bool],
    results: list[StageResult],
) -> bool:
    """Do stages in order, appending what each came to; tell whether the run was stopped before its end."""
    for name in stages:
        emit({"event": "stage_started", "stage": name})
        result = _stage(name, project, config, given, emit, stopping)
        results.append(result)
        emit(
            {
                "event": "stage_done",
                "stage": name,
                "done": result.done,
                "total": result.done + result.failed + result.skipped + result.left,
                "failed": result.failed,
                "left": result.left,
                "text": "; ".join(result.lines),
            }
        )
        if stopping() and (result.left or name != stages[-1]):
            return True
        if name == "download" and _nothing_came(project, result):
            break
    return False


def exit_code(results: Sequence[StageResult]) -> int:
    """Exit code of stages that ended: unusable if the last did nothing, in part if any input failed."""
    if results and results[-1].done + results[-1].skipped == 0:
        return UNUSABLE
    return PARTLY if any(result.failed for result in results) else DONE


def _nothing_came(project: Project, result: StageResult) -> bool:
    """Tell whether a download failed wholly and there is nothing else to work on."""
    from analysis.stages.inputs import find_images
    from analysis.stages.spectra import find_spectra

    if not result.failed or result.done + result.skipped:
        return False
    return not find_images(project.products) and not find_spectra(project.products)


def _stage(
    name: str,
    project: Project,
    config: Config,
    given: _Given,
    emit: Listener,
    stopping: Callable[[], bool],
) -> StageResult:
    """Do one stage; its module is imported only now."""
    if name == "download":
        from analysis.stages.download import download

        # Within a whole run it leaves files alone that were put there by hand.
        return download(
            project, config, emit, replan=given.replan, politely=not given.alone, stopping=stopping
        )
    if name == "images":
        from analysis.stages.images import images

        return images(project, config, emit, paths=given.paths, zeropoint=given.zeropoint, stopping=stopping)
    if name == "spectra":
        from analysis.stages.spectra import spectra

        return spectra(project, config, emit, paths=given.paths, stopping=stopping)
    if name == "rank":
        from analysis.stages.rank import rank

        return rank(project, config, emit)
    if name == "checks":
        from analysis.stages.checks import checks

        return checks(project, config, emit, stopping=stopping)
    if name == "completeness":
        from analysis.stages.completeness import completeness

        return completeness(project, config, emit, stopping=stopping)
    from analysis.stages.report import report

    return report(project, config, emit)


@contextmanager
def claimed(project: Project) -> Iterator[None]:
    """Hold the project for one run; the kernel lets go of it when the process ends, however it ends."""
    import fcntl

    path = project.runs / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                f"{project.root}: a run is going on here already; "
                "`jwst-vet run --follow` shows it, `jwst-vet stop` ends it"
            ) from None
        yield


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the run after the frame in hand, as long as this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
