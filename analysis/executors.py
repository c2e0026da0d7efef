"""Worker processes behind the `concurrent.futures` interface; one that dies costs only the file it held."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty
from typing import Any

NICE = 10
"""Workers give way to whatever a person is doing on the machine."""
POLL_SECONDS = 0.1
_LAST_SECONDS = 2.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_reports: Any = None


@dataclass(frozen=True)
class Outcome:
    """What became of one task: its value, or why there is none."""

    key: str
    value: Any = None
    error: BaseException | None = None


class WorkerDied(Exception):  # noqa: N818 - the field's word for it
    """The process that held a task was killed, twice: with others and alone."""


def worker_count(workers: int) -> int:
    """Return the processes to use: `workers`, or one per core this process may use where it is 0."""
    if workers > 0:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def report(key: str, done: int, total: int) -> None:
    """Say from inside a worker how far the task `key` is."""
    if _reports is not None:
        _reports.put((key, done, total))


def run_tasks(
    tasks: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]],
    workers: int,
    *,
    progress: Callable[[str, int, int], None] = lambda _key, _done, _total: None,
    stopping: Callable[[], bool] = lambda: False,
    bytes_each: int = 0,
) -> Iterator[Outcome]:
    """Run tasks in processes and yield each outcome as it comes.

    Parameters
    ----------
    tasks : mapping
        Key to (function, arguments); both must be picklable.
    workers : int
        Most processes at once.
    progress : callable
        Called with (key, done, total) whenever a worker calls `report`.
    stopping : callable
        Asked often; once true, tasks not begun are dropped and those in hand are finished.
    bytes_each : int
        Bound of each worker's memory; 0 is none.

    Yields
    ------
    Outcome
        A task whose process died is tried once more alone; if it dies again its error is `WorkerDied`.
    """
    waiting = dict(tasks)
    alone: list[str] = []
    while waiting and not stopping():
        # A pool that lost a process is at its end: what it held is tried alone, the rest gets another pool.
        for outcome in _pool(waiting, workers, progress, stopping, bytes_each):
            if isinstance(outcome.error, WorkerDied):
                alone.append(outcome.key)
            else:
                yield outcome
    for key in alone:
        if stopping():
            return
        yield from _pool({key: tasks[key]}, 1, progress, stopping, bytes_each)


def _pool(
    waiting: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]],
    workers: int,
    progress: Callable[[str, int, int], None],
    stopping: Callable[[], bool],
    bytes_each: int,
) -> Iterator[Outcome]:
    """Work on what waits, taking it out, until all is done or a process dies; what it held is `WorkerDied`.

    No more is handed out than is worked on, so that a stop ends with the tasks in hand.
    """
    with _started(min(workers, len(waiting)), bytes_each) as (pool, reports):
        processes: dict[int, Any] = {}
        running: dict[Future[Any], str] = {}
        broken = False
        while running or (waiting and not broken and not stopping()):
            while waiting and not broken and len(running) < workers and not stopping():
                key = next(iter(waiting))
                function, arguments = waiting[key]
                try:
                    running[pool.submit(function, *arguments)] = key
                except BrokenProcessPool:
                    broken = True
                    break
                del waiting[key]
                processes |= dict(getattr(pool, "_processes", None) or {})
            finished, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            _drain(reports, progress)
            for future in finished:
                key = running.pop(future)
                trouble = future.exception()
                if isinstance(trouble, BrokenProcessPool):
                    broken = True
                    yield Outcome(key, error=WorkerDied(_how_it_ended(processes.values())))
                else:
                    yield Outcome(key, error=trouble) if trouble else Outcome(key, value=future.result())


_ENDINGS = {
    "SIGKILL": "killed, most often by the system for want of memory: see [execution] workers and memory_gb",
    "SIGBUS": "bus error: its file was cut while it was read, or the disk failed",
    "SIGSEGV": "segmentation fault in a library",
}


def _how_it_ended(processes: Iterable[Any]) -> str:
    """Say what ended the process that died; the others of its pool were then asked to end."""
    codes = []
    for process in processes:
        process.join(_LAST_SECONDS)
        codes.append(process.exitcode)
    telling = [code for code in codes if code not in (None, 0, -signal.SIGTERM)]
    if not telling:
        return "the worker process ended while it worked on it"
    if telling[0] > 0:
        return f"the worker process ended with exit code {telling[0]} while it worked on it"
    name = signal.Signals(-telling[0]).name
    return f"the worker process was ended by {name} ({_ENDINGS.get(name, 'a signal')})"


Share = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]
"""Runs a function once for each tuple of arguments and yields the results in their order."""


@contextmanager
def crew(workers: int, bytes_each: int = 0) -> Iterator[Share]:
    """Keep processes for parts of one piece of work that depend on each other in between.

    Parameters
    ----------
    workers : int
        Processes.
    bytes_each : int
        Bound of each one's memory; 0 is none.

    Yields
    ------
    Share
        What a part raises is raised where its result is asked for; a process that dies is `WorkerDied`.
    """
    with _started(workers, bytes_each) as (pool, _):

        def share(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
            try:
                futures = [pool.submit(function, *arguments) for arguments in calls]
                for future in futures:
                    yield future.result()
            except BrokenProcessPool as error:
                raise WorkerDied("a worker process died on a part of it") from error

        yield share


@contextmanager
def _started(workers: int, bytes_each: int = 0) -> Iterator[tuple[ProcessPoolExecutor, Any]]:
    """Start worker processes, one thread each: the pool is the parallelism."""
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with ProcessPoolExecutor(
            max_workers=max(1, workers),
            mp_context=context,
            initializer=_begin,
            initargs=(reports, bytes_each),
        ) as pool:
            yield pool, reports
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        reports.close()


def _drain(reports: Any, progress: Callable[[str, int, int], None]) -> None:
    """Hand on what the workers said since the last time."""
    while True:
        try:
            progress(*reports.get_nowait())
        except Empty:
            return


def _begin(reports: Any, bytes_each: int) -> None:
    """Prepare a worker: polite, bounded, deaf to Ctrl+C (the run decides), able to report."""
    from analysis.memory import bound

    global _reports  # noqa: PLW0603 - one per process, set once
    _reports = reports
    threading.Thread(target=_leave_with_parent, name="leave-with-parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(max(0, NICE - os.nice(0)))
    bound(bytes_each)


def _leave_with_parent() -> None:
    """End this worker when the run that owns it has died, however it died."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
