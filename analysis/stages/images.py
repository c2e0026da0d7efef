"""Stage `images`: FITS files in, measured sources of each frame in the store out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import executors
from analysis.config import Config
from analysis.memory import Allotment, allot
from analysis.stages import Emit, StageResult
from analysis.stages.inputs import (
    Fingerprint,
    Task,
    find_images,
    fingerprint,
    forget_lost_failures,
    plan_work,
)
from store.database import Database
from store.frames import FrameRecord, fail_frame, frame_name, frame_records, save_frame
from store.project import Project

if TYPE_CHECKING:
    import pandas as pd

_RECORD_FIELDS = frozenset(field.name for field in fields(FrameRecord))


@dataclass(frozen=True)
class Measurement:
    """What a worker sends back for one file: a record of the frame and its sources."""

    record: FrameRecord
    sources: pd.DataFrame | None


def images(
    project: Project,
    config: Config,
    emit: Emit,
    *,
    paths: Sequence[Path] | None = None,
    zeropoint: float | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> StageResult:
    """Measure every source of every image and store them, frame by frame.

    Parameters
    ----------
    paths : sequence of Path, optional
        The images; default: those in the project's data/products.
    zeropoint : float, optional
        AB magnitude of one unit of the image, where the file does not say; it stays with its frame.
    stopping : callable
        Once true, frames not begun are left and those in hand are finished.

    Returns
    -------
    StageResult
        A failure is one line "file: class: reason" and leaves the other files untouched.
    """
    if paths is None:
        files = find_images(project.products)
    else:
        files = list(dict.fromkeys(path.absolute() for path in paths))
    room = allot(executors.worker_count(config.execution.workers), config.execution.memory_gb)
    teller = _Teller(Database(project.database), emit)
    if room.note:
        teller.note(room.note)
    forget_lost_failures(teller.database)
    prints = _fingerprints(files, room.workers, teller, stopping)
    plan = plan_work(teller.database, files, prints, config, zeropoint)
    teller.begin(plan.same, plan.work, plan.notes)
    by_name = {task.name: task for task in plan.work}
    unpack = project.cache / "unpacked"
    tasks = {task.name: (measure_file, (task, config.detection_threshold, unpack)) for task in plan.work}
    for outcome in _outcomes(tasks, room, teller.progress, stopping):
        teller.ended += 1
        if outcome.error is not None:
            teller.fail(_broken(by_name[outcome.key], outcome.error))
        elif outcome.value.sources is None:
            teller.fail(outcome.value.record)
        else:
            save_frame(teller.database, outcome.value.record, outcome.value.sources)
            teller.done(outcome.value.record)
    lines = tuple(teller.failures)
    left = teller.total - teller.ended
    return StageResult("images", teller.n_done, len(lines), len(plan.same), lines, left=left)


class _Teller:
    """What the stage says of its frames as they end, and the failures so far, which it also stores."""

    def __init__(self, database: Database, emit: Emit) -> None:
        self.database, self.emit = database, emit
        self.failures: list[str] = []
        self.n_done = self.ended = self.total = 0

    def note(self, text: str) -> None:
        """Tell something of the whole stage."""
        self.emit({"event": "note", "stage": "images", "text": text})

    def fail(self, record: FrameRecord, *, known: bool = True) -> None:
        """Store and tell a failure, one line; a file that is not there is not stored."""
        if known:
            fail_frame(self.database, record)
        line = f"{record.path}: {record.error_kind}: {record.error_reason}"
        self.failures.append(line)
        self.emit({"event": "frame_failed", "stage": "images", "frame": record.frame, "text": line})

    def begin(self, same: Sequence[str], work: Sequence[Task], notes: Sequence[str]) -> None:
        """Tell what is to be done and what is left as it is."""
        self.total, self.ended = len(same) + len(work), len(same)
        first = {"event": "progress", "stage": "images", "done": 0, "total": self.total}
        self.emit(first | {"text": "sources of each frame"})
        for name in same:
            text = "nothing changed since"
            self.emit({"event": "frame_skipped", "stage": "images", "frame": name, "text": text})
        for text in notes:
            self.note(text)

    def progress(self, name: str, part: int, parts: int) -> None:
        """Tell how far a frame is."""
        self.emit({"event": "progress", "stage": "images", "frame": name, "done": part, "total": parts})

    def done(self, record: FrameRecord) -> None:
        """Tell of a frame that is stored."""
        self.n_done += 1
        self.emit({
            "event": "frame_done", "stage": "images", "frame": record.frame, "done": self.ended,
            "total": self.total, "seconds": record.seconds, "text": _summary(record),
        })  # fmt: skip


def _fingerprints(
    files: Sequence[Path], workers: int, teller: _Teller, stopping: Callable[[], bool]
) -> dict[str, Fingerprint]:
    """Return the fingerprint of each file that can be read, by its path; the others are told as failures."""
    held = {record.frame: (record.path, record.sha256) for record in frame_records(teller.database)}
    prints: dict[str, Fingerprint] = {}
    hashing = {str(path): (fingerprint, (path,)) for path in files}
    for outcome in executors.run_tasks(hashing, workers, stopping=stopping):
        if outcome.error is None:
            prints[outcome.key] = outcome.value
        else:
            path = Path(outcome.key)
            teller.fail(_unreadable(path, held, outcome.error), known=path.exists())
    return prints


def _outcomes(
    tasks: Mapping[str, tuple[Callable[..., Measurement], tuple[Any, ...]]],
    room: Allotment,
    progress: Callable[[str, int, int], None],
    stopping: Callable[[], bool],
) -> Iterator[executors.Outcome]:
    """Measure frame beside frame; where there are fewer frames than workers, each frame by all of them.

    A frame on which a worker dies then goes the way of all others, which tries it twice.
    """
    again = dict(tasks)
    if 0 < len(tasks) < room.workers:
        with executors.crew(room.workers, room.bytes_each) as share:
            for name, (_, arguments) in tasks.items():
                if stopping():
                    return
                try:
                    yield executors.Outcome(
                        name, value=measure_together(*arguments, share=share, progress=progress)
                    )
                except executors.WorkerDied:
                    break
                except Exception as error:  # noqa: BLE001 - a bug costs its frame, and is said there
                    yield executors.Outcome(name, error=error)
                del again[name]
    yield from executors.run_tasks(
        again, room.workers, progress=progress, stopping=stopping, bytes_each=room.bytes_each
    )


def _unreadable(path: Path, known: Mapping[str, tuple[str, str]], error: BaseException) -> FrameRecord:
    """Record a file that could not even be read."""
    own = hashlib.sha256(str(path).encode()).hexdigest()
    facts = path.stat() if path.exists() else None
    found = Fingerprint("", facts.st_size if facts else 0, facts.st_mtime_ns if facts else 0)
    task = Task(frame_name(known, path, own), path, found, None, "")
    reason = " ".join(str(error).split())
    return FrameRecord(**task.facts(), state="failed", error_kind="unreadable", error_reason=reason)


def _broken(task: Task, error: BaseException) -> FrameRecord:
    """Record a file on which the worker died or our own code failed."""
    reason = " ".join(str(error).split())
    if isinstance(error, executors.WorkerDied):
        kind, reason = "worker died", f"{reason}; tried twice, the second time alone"
    elif isinstance(error, MemoryError):
        kind = "out of memory"
        reason = f"needs more than one worker has ({reason or 'no room'}): see [execution] workers, memory_gb"
    else:
        kind, reason = "bug", f"{type(error).__name__}: {reason}"
    return FrameRecord(**task.facts(), state="failed", error_kind=kind, error_reason=reason)


def measure_file(task: Task, detection_threshold: float, unpack_dir: Path) -> Measurement:
    """Open, validate and measure one image; runs in a worker and never opens the store."""
    executors.report(task.name, 0, 1)
    return _measurement(
        task, detection_threshold, unpack_dir, lambda done, total: executors.report(task.name, done, total)
    )


def measure_together(
    task: Task,
    detection_threshold: float,
    unpack_dir: Path,
    *,
    share: executors.Share,
    progress: Callable[[str, int, int], None],
    phases: dict[str, float] | None = None,
) -> Measurement:
    """Measure one image here, its blocks and tiles in all workers; `phases` is given the seconds by phase."""

    def spread(piece: Callable[..., Any], items: Sequence[Any]) -> Iterator[Any]:
        key = (task.path, task.found.sha256, task.zeropoint, unpack_dir)
        return share(measure_piece, [(*key, piece, item) for item in items])

    progress(task.name, 0, 1)
    return _measurement(
        task,
        detection_threshold,
        unpack_dir,
        lambda done, total: progress(task.name, done, total),
        spread,
        phases,
    )


_open_frames: dict[tuple[Path, str, float | None], Any] = {}
"""The one frame this worker has open, so that it is not opened and checked anew for every piece."""


def measure_piece(
    path: Path,
    sha256: str,
    zeropoint: float | None,
    unpack_dir: Path,
    piece: Callable[[Any, Any], Any],
    item: object,
) -> Any:
    """Do one piece of a frame; runs in a worker, which keeps the frame open for the next piece."""
    from analysis.i2d import open_frame

    key = path, sha256, zeropoint
    if key not in _open_frames:
        for frame in _open_frames.values():
            frame.close()
        _open_frames.clear()
        _open_frames[key] = open_frame(path, zeropoint=zeropoint, unpack_dir=unpack_dir)
    return piece(_open_frames[key], item)


def _measurement(
    task: Task,
    detection_threshold: float,
    unpack_dir: Path,
    progress: Callable[[int, int], None],
    spread: Any = None,
    phases: dict[str, float] | None = None,
) -> Measurement:
    """Open, validate and measure one image, here or spread over workers."""
    from analysis.i2d import FrameError, open_frame
    from analysis.measure import measure_frame

    began = time.monotonic()
    try:
        with open_frame(task.path, zeropoint=task.zeropoint, unpack_dir=unpack_dir) as frame:
            measured = measure_frame(
                frame, task.name, detection_threshold=detection_threshold, progress=progress, spread=spread
            )
            facts = _facts(frame)
    except FrameError as error:
        failed = FrameRecord(**task.facts(), state="failed", error_kind=error.kind, error_reason=error.reason)
        return Measurement(failed, None)
    facts |= {key: value for key, value in measured.summary.items() if key in _RECORD_FIELDS}
    if phases is not None:
        phases |= measured.summary["phases"]
    seconds = time.monotonic() - began
    return Measurement(FrameRecord(**task.facts(), **facts, state="done", seconds=seconds), measured.sources)


def _facts(frame: Any) -> dict[str, Any]:
    """Return the facts of an open frame that the store keeps."""
    ny, nx = frame.shape
    same_name = (
        "instrument", "filter", "program", "target", "date_beg", "mjd_beg", "mjd_end", "exposure_s",
        "n_exposures", "pa_v3", "flux_unit", "to_njy", "unit_source", "cal_ver", "crds_ctx", "has_err",
        "has_wht", "has_con", "footprint", "simulated",
    )  # fmt: skip
    facts = {name: getattr(frame, name) for name in same_name}
    return facts | {"nx": nx, "ny": ny, "pixel_scale_arcsec": frame.pixel_scale, "notes": tuple(frame.notes)}


def _summary(record: FrameRecord) -> str:
    """Describe a measured frame in one line."""
    return (
        f"{record.n_sources} sources in {record.area_arcmin2:.3g} arcmin², "
        f"{record.instrument} {record.filter}, false detections {100 * record.false_rate:.3g} %"
    )
