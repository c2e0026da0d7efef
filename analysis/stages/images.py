"""Stage `images`: FITS files in, measured sources of each frame in the store out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import executors
from analysis.config import Config
from analysis.stages import Emit, StageResult
from store.database import Database
from store.frames import FrameRecord, fail_frame, frame_name, frame_records, move_frame, save_frame
from store.project import Project

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = (".fits", ".fits.gz", ".fit", ".fit.gz")
_NOT_SCIENCE = (
    "_wht", "_err", "_rms", "_con", "_ctx", "_exp", "_bkg", "_segm",
    "_x1d", "_c1d", "_x1dints", "_s2d", "_s3d",
)  # fmt: skip
_HASH_BLOCK = 1 << 22
_RECORD_FIELDS = frozenset(field.name for field in fields(FrameRecord))


@dataclass(frozen=True)
class Measurement:
    """What a worker sends back for one file: a record of the frame and its sources."""

    record: FrameRecord
    sources: pd.DataFrame | None


def find_images(folder: Path) -> list[Path]:
    """Images below a folder, sorted: FITS files that are not companions, spectra or segmentation maps."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name.endswith(_SUFFIXES) and not _stem(path).endswith(_NOT_SCIENCE)
    )


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
        AB magnitude of one unit of the image, where the file does not say.
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
    database = Database(project.database)
    workers = executors.worker_count(config.execution.workers)
    failures: list[str] = []

    def fail(record: FrameRecord) -> None:
        fail_frame(database, record)
        line = f"{record.path}: {record.error_kind}: {record.error_reason}"
        failures.append(line)
        emit({"event": "frame_failed", "stage": "images", "frame": record.frame, "text": line})

    hashes: dict[str, str] = {}
    known = {record.frame: (record.path, record.sha256) for record in frame_records(database)}
    for outcome in executors.run_tasks(
        {str(p): (sha256_of, (p,)) for p in files}, workers, stopping=stopping
    ):
        if outcome.error is None:
            hashes[outcome.key] = outcome.value
        else:
            fail(_unreadable(Path(outcome.key), known, outcome.error))
    plan = _plan(database, files, hashes, config, zeropoint)
    total = len(plan.same) + len(plan.work)
    emit({"event": "progress", "stage": "images", "done": 0, "total": total, "text": "sources of each frame"})
    for name in plan.same:
        emit({"event": "frame_skipped", "stage": "images", "frame": name, "text": "nothing changed since"})
    for text in plan.notes:
        emit({"event": "note", "stage": "images", "text": text})
    tasks = {
        task.name: (measure_file, (task, config.detection_threshold, zeropoint, project.cache / "unpacked"))
        for task in plan.work
    }

    def progress(name: str, part: int, parts: int) -> None:
        emit({"event": "progress", "stage": "images", "frame": name, "done": part, "total": parts})

    done, ended = 0, len(plan.same)
    by_name = {task.name: task for task in plan.work}
    for outcome in executors.run_tasks(tasks, workers, progress=progress, stopping=stopping):
        ended += 1
        task = by_name[outcome.key]
        if outcome.error is not None:
            fail(_broken(task, outcome.error))
        elif outcome.value.sources is None:
            fail(outcome.value.record)
        else:
            record = outcome.value.record
            save_frame(database, record, outcome.value.sources)
            done += 1
            emit(
                {
                    "event": "frame_done",
                    "stage": "images",
                    "frame": task.name,
                    "done": ended,
                    "total": total,
                    "seconds": record.seconds,
                    "text": _summary(record),
                }
            )
    return StageResult("images", done, len(failures), len(plan.same), tuple(failures))


@dataclass(frozen=True)
class Task:
    """One file to measure: its frame's name, where it is, its sha256 and its stage key."""

    name: str
    path: Path
    sha256: str
    stage_key: str

    def facts(self) -> dict[str, Any]:
        """Return what a record of this file starts with."""
        return {
            "frame": self.name,
            "path": str(self.path),
            "sha256": self.sha256,
            "bytes": self.path.stat().st_size if self.path.exists() else 0,
            "stage_key": self.stage_key,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }


@dataclass(frozen=True)
class _Plan:
    """Which files need work, which frames are done already, and which files are copies of another."""

    work: list[Task]
    same: list[str]
    notes: list[str]


def _plan(
    database: Database, files: Sequence[Path], hashes: dict[str, str], config: Config, zeropoint: float | None
) -> _Plan:
    """Name every file and compare its stage key with what the store holds."""
    records = {record.frame: record for record in frame_records(database)}
    known = {record.frame: (record.path, record.sha256) for record in records.values()}
    plan = _Plan([], [], [])
    seen: dict[str, Path] = {}
    for path in files:
        sha = hashes.get(str(path))
        if sha is None:
            continue
        if sha in seen:
            plan.notes.append(f"{path}: the same bytes as {seen[sha]}: counted once")
            continue
        seen[sha] = path
        task = Task(frame_name(known, path, sha), path, sha, stage_key(sha, config, zeropoint))
        known[task.name] = (str(path), sha)
        held = records.get(task.name)
        if held is None or (held.state, held.stage_key) != ("done", task.stage_key):
            plan.work.append(task)
            continue
        plan.same.append(task.name)
        if held.path != str(path):
            move_frame(database, task.name, path)
    return plan


def _unreadable(path: Path, known: Mapping[str, tuple[str, str]], error: BaseException) -> FrameRecord:
    """Record a file that could not even be read."""
    own = hashlib.sha256(str(path).encode()).hexdigest()
    task = Task(frame_name(known, path, own), path, "", "")
    return FrameRecord(
        **task.facts(), state="failed", error_kind="unreadable", error_reason=" ".join(str(error).split())
    )


def _broken(task: Task, error: BaseException) -> FrameRecord:
    """Record a file on which the worker died or our own code failed."""
    died = isinstance(error, executors.WorkerDied)
    reason = " ".join(str(error).split())
    return FrameRecord(
        **task.facts(),
        state="failed",
        error_kind="worker died" if died else "bug",
        error_reason=reason if died else f"{type(error).__name__}: {reason}",
    )


def stage_key(sha256: str, config: Config, zeropoint: float | None) -> str:
    """Name what the result depends on: the bytes, the parameters read and the code's version."""
    from analysis.measure import CODE_VERSION

    text = json.dumps([sha256, config.detection_threshold, zeropoint, CODE_VERSION])
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file, read in blocks."""
    if not path.is_file():
        raise OSError("no such file" if not path.exists() else "not a regular file")
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def measure_file(
    task: Task, detection_threshold: float, zeropoint: float | None, unpack_dir: Path
) -> Measurement:
    """Open, validate and measure one image; runs in a worker and never opens the store."""
    from analysis.i2d import FrameError, open_frame
    from analysis.measure import measure_frame

    began = time.monotonic()
    try:
        with open_frame(task.path, zeropoint=zeropoint, unpack_dir=unpack_dir) as frame:
            measured = measure_frame(
                frame,
                task.name,
                detection_threshold=detection_threshold,
                progress=lambda done, total: executors.report(task.name, done, total),
            )
            facts = _facts(frame)
    except FrameError as error:
        failed = FrameRecord(**task.facts(), state="failed", error_kind=error.kind, error_reason=error.reason)
        return Measurement(failed, None)
    facts |= {key: value for key, value in measured.summary.items() if key in _RECORD_FIELDS}
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


def _stem(path: Path) -> str:
    """Return a file name without the endings of FITS."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]
