"""Worker processes behind the `concurrent.futures` interface; one that dies costs only the file it held."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty
from typing import Any

NICE = 10
"""Workers give way to whatever a person is doing on the machine."""
POLL_SECONDS = 0.1
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

    Yields
    ------
    Outcome
        A task whose process died is tried once more alone; if it dies again its error is `WorkerDied`.
    """
    alone: list[str] = []
    for outcome in _pool(tasks, workers, progress, stopping):
        if isinstance(outcome.error, BrokenProcessPool):
            alone.append(outcome.key)
        else:
            yield outcome
    for key in alone:
        if stopping():
            return
        for outcome in _pool({key: tasks[key]}, 1, progress, stopping):
            if isinstance(outcome.error, BrokenProcessPool):
                yield Outcome(key, error=WorkerDied("the worker process died on it, twice"))
            else:
                yield outcome


def _pool(
    tasks: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]],
    workers: int,
    progress: Callable[[str, int, int], None],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """One pool over the tasks; those that a broken pool held come back with BrokenProcessPool."""
    with _started(min(workers, len(tasks))) as (pool, reports):
        waiting = list(tasks)
        running: dict[Future[Any], str] = {}
        while waiting or running:
            while waiting and len(running) < 2 * workers and not stopping():
                key = waiting.pop(0)
                function, arguments = tasks[key]
                try:
                    running[pool.submit(function, *arguments)] = key
                except BrokenProcessPool as error:
                    yield Outcome(key, error=error)
            if stopping():
                waiting.clear()
                for future in [f for f in running if f.cancel()]:
                    del running[future]
            finished, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            _drain(reports, progress)
            for future in finished:
                key = running.pop(future)
                trouble = future.exception()
                yield Outcome(key, error=trouble) if trouble else Outcome(key, value=future.result())


Share = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]
"""Runs a function once for each tuple of arguments and yields the results in their order."""


@contextmanager
def crew(workers: int) -> Iterator[Share]:
    """Keep processes for parts of one piece of work that depend on each other in between.

    Parameters
    ----------
    workers : int
        Processes.

    Yields
    ------
    Share
        What a part raises is raised where its result is asked for; a process that dies is `WorkerDied`.
    """
    with _started(workers) as (pool, _):

        def share(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
            try:
                futures = [pool.submit(function, *arguments) for arguments in calls]
                for future in futures:
                    yield future.result()
            except BrokenProcessPool as error:
                raise WorkerDied("a worker process died on a part of it") from error

        yield share


@contextmanager
def _started(workers: int) -> Iterator[tuple[ProcessPoolExecutor, Any]]:
    """Start worker processes, one thread each: the pool is the parallelism."""
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with ProcessPoolExecutor(
            max_workers=max(1, workers), mp_context=context, initializer=_begin, initargs=(reports,)
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


def _begin(reports: Any) -> None:
    """Prepare a worker: polite, deaf to Ctrl+C (the run decides), able to report."""
    import signal

    global _reports  # noqa: PLW0603 - one per process, set once
    _reports = reports
    threading.Thread(target=_leave_with_parent, name="leave-with-parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)


def _leave_with_parent() -> None:
    """End this worker when the run that owns it has died, however it died."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
