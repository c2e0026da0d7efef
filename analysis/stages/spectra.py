"""Stage `spectra`: files of extracted spectra in; each one, its lines and its redshift in the store out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import executors
from analysis.config import Config
from analysis.stages import Emit, StageResult
from analysis.stages.inputs import sha256_of
from store.database import Database
from store.drafts import draft_of
from store.frames import frame_name
from store.project import Project
from store.spectra import (
    SpectrumFileRecord,
    fail_spectra,
    forget_spectra,
    move_spectra,
    save_spectra,
    spectrum_files,
)

if TYPE_CHECKING:
    import pandas as pd

_NAMES = re.compile(r".*(_x1d|_x1dints|_c1d|_c1dints|\.spec)\.fits?(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True)
class Measurement:
    """What a worker sends back for one file: a record, its spectra and their lines; None where it failed."""

    record: SpectrumFileRecord
    spectra: pd.DataFrame | None = None
    lines: pd.DataFrame | None = None


def find_spectra(folder: Path) -> list[Path]:
    """List the files of spectra below a folder by their names, sorted; links are followed once."""
    found: list[Path] = []
    seen: set[str] = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [Path(name) / file for file in files if _NAMES.fullmatch(file)]
    return sorted(found)


def spectra(
    project: Project,
    config: Config,
    emit: Emit,
    *,
    paths: Sequence[Path] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> StageResult:
    """Measure every spectrum of every file and store them, file by file.

    A file with the same bytes as before, read by the same code, is left as it is. A failure is one line
    "file: class: reason" and leaves the other files untouched.

    Parameters
    ----------
    paths : sequence of Path, optional
        The files; default: those in the project's data/products.
    stopping : callable
        Once true, files not begun are left and those in hand are finished.
    """
    named = paths is not None
    files = list(
        dict.fromkeys(
            path.absolute() for path in (paths if paths is not None else find_spectra(project.products))
        )
    )
    if not files and not named:
        return StageResult("spectra")
    db = Database(project.database)
    _forget_lost(db)
    work, same, failures = _plan(db, project, files, emit)
    total = len(work) + len(same) + len(failures)
    emit({"event": "progress", "stage": "spectra", "done": 0, "total": total, "text": "spectra of each file"})
    for record in same:
        emit(
            {
                "event": "frame_skipped",
                "stage": "spectra",
                "frame": record.file,
                "text": "nothing changed since",
            }
        )
    done = 0
    tasks = {
        record.file: (measure_file, (record, project.spectrum_cache, project.cache / "unpacked"))
        for record in work
    }
    known = {record.file: record for record in work}
    workers = executors.worker_count(config.execution.workers)
    for outcome in executors.run_tasks(tasks, min(workers, max(len(tasks), 1)), stopping=stopping):
        result = (
            outcome.value
            if outcome.error is None
            else Measurement(_broken(known[outcome.key], outcome.error))
        )
        record = result.record
        if result.spectra is None or result.lines is None:
            fail_spectra(db, record)
            failures.append(_say(record, emit))
            continue
        save_spectra(db, record, result.spectra, result.lines)
        done += 1
        for note in record.notes:
            emit({"event": "note", "stage": "spectra", "text": f"{record.path}: {note}"})
        emit({
            "event": "frame_done", "stage": "spectra", "frame": record.file, "total": total,
            "done": done + len(same) + len(failures), "seconds": record.seconds,
            "text": _summary(record, result.spectra, result.lines),
        })  # fmt: skip
    left = total - done - len(same) - len(failures)
    return StageResult("spectra", done, len(failures), len(same), tuple(failures), left=left)


def _plan(
    db: Database, project: Project, files: Sequence[Path], emit: Emit
) -> tuple[list[SpectrumFileRecord], list[SpectrumFileRecord], list[str]]:
    """Return the files that need work, those done already, and a line for each that cannot even be read."""
    held = {record.file: record for record in spectrum_files(db)}
    names = {record.file: (record.path, record.sha256) for record in held.values()}
    work: list[SpectrumFileRecord] = []
    same: list[SpectrumFileRecord] = []
    failures: list[str] = []
    seen: dict[str, Path] = {}
    for path in files:
        try:
            digest = sha256_of(path)
            facts = path.stat()
        except OSError as error:
            reason = error.strerror or str(error)
            failures.append(
                _say(SpectrumFileRecord(path.name, str(path), "", 0, 0, "failed", "unreadable", reason), emit)
            )
            continue
        if digest in seen:
            emit(
                {
                    "event": "note",
                    "stage": "spectra",
                    "text": f"{path}: the same bytes as {seen[digest]}: counted once",
                }
            )
            continue
        seen[digest] = path
        name = frame_name(names, path, digest)
        names[name] = (str(path), digest)
        record = SpectrumFileRecord(
            name, str(path), digest, facts.st_size, facts.st_mtime_ns, "done", stage_key=stage_key(digest)
        )
        old = held.get(name)
        if (
            old is None
            or (old.state, old.stage_key) != ("done", record.stage_key)
            or not _cached(project, old)
        ):
            work.append(record)
            continue
        same.append(old)
        if old.path != str(path):
            move_spectra(db, name, str(path))
    return work, same, failures


def stage_key(sha256: str) -> str:
    """Name what the result depends on: the bytes and the code's version."""
    from analysis.spectra.measure import CODE_VERSION

    return hashlib.sha256(json.dumps([sha256, CODE_VERSION]).encode()).hexdigest()


def cache_path(project: Project, sha256: str, number: int) -> Path:
    """Return where the arrays of one spectrum are kept for the app: they can be made again."""
    return project.spectrum_cache / sha256[:16] / f"{number}.npz"


def _cached(project: Project, record: SpectrumFileRecord) -> bool:
    folder = project.spectrum_cache / record.sha256[:16]
    return folder.is_dir() and sum(1 for _ in folder.glob("*.npz")) >= record.n_spectra


def measure_file(record: SpectrumFileRecord, cache: Path, unpack_dir: Path) -> Measurement:
    """Read and measure one file; runs in a worker and never opens the store."""
    import pandas as pd

    from analysis.fitsfile import FrameError
    from analysis.spectra.measure import measure
    from analysis.spectra.oddity import flags_of
    from analysis.spectra.x1d import read_spectra

    began = time.monotonic()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        held = read_spectra(Path(record.path), unpack_dir)
    except FrameError as error:
        return Measurement(
            replace(record, state="failed", error_kind=error.kind, error_reason=error.reason, measured_at=now)
        )
    rows, lines = [], []
    for place, spectrum in enumerate(held.spectra):
        measured = measure(spectrum, held.instrument, held.disperser)
        name = f"{record.file}-{spectrum.row}"
        facts = {
            "spectrum": name, "file": record.file, "n": spectrum.row, "instrument": held.instrument,
            "disperser": held.disperser, "source": spectrum.source, "ra": spectrum.ra, "dec": spectrum.dec,
            "position": spectrum.position, "source_type": spectrum.source_type,
            "integrations": spectrum.integrations, "flux_unit": spectrum.flux_unit,
            "simulated": held.simulated,
        }  # fmt: skip
        rows.append(facts | measured.row | {"flags": flags_of(measured.row)})
        lines += [{"spectrum": name, "line": number} | line for number, line in enumerate(measured.lines)]
        _keep(cache / record.sha256[:16] / f"{spectrum.row}.npz", spectrum, measured)
        executors.report(record.file, place + 1, len(held.spectra))
    told = ("instrument", "disperser", "program", "target", "date_beg", "mjd_beg", "exposure_s", "exp_type",
            "cal_ver", "crds_ctx", "layout", "simulated", "notes")  # fmt: skip
    full = replace(
        record, **{name: getattr(held, name) for name in told}, n_spectra=len(rows), measured_at=now,
        seconds=time.monotonic() - began,
    )  # fmt: skip
    return Measurement(full, pd.DataFrame(rows), pd.DataFrame(lines, columns=_LINE_COLUMNS))


_LINE_COLUMNS = [
    "spectrum", "line", "name", "wavelength", "wavelength_err", "rest_wavelength", "line_snr", "line_flux",
    "line_flux_err", "line_flux_unit", "equivalent_width", "fwhm", "fwhm_err", "lsf_fwhm", "velocity_fwhm",
    "broad_sigmas", "explained",
]  # fmt: skip


def _keep(path: Path, spectrum: Any, measured: Any) -> None:
    """Write the arrays of one spectrum for the app, whole or not at all."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    with draft.open("wb") as file:
        np.savez(
            file,
            wavelength=spectrum.wavelength,
            flux=spectrum.flux.astype(np.float32),
            noise=measured.noise.astype(np.float32),
            level=measured.level.astype(np.float32),
        )
    draft.replace(path)


def _broken(record: SpectrumFileRecord, error: BaseException) -> SpectrumFileRecord:
    died = isinstance(error, executors.WorkerDied)
    reason = " ".join(str(error).split())
    kind, words = ("worker died", reason) if died else ("bug", f"{type(error).__name__}: {reason}")
    return replace(record, state="failed", error_kind=kind, error_reason=words)


def _say(record: SpectrumFileRecord, emit: Emit) -> str:
    line = f"{record.path}: {record.error_kind}: {record.error_reason}"
    emit({"event": "frame_failed", "stage": "spectra", "frame": record.file, "text": line})
    return line


def _forget_lost(db: Database) -> None:
    """Drop the records of files that could not be used and are no longer there."""
    for record in spectrum_files(db, "failed"):
        if not Path(record.path).exists():
            forget_spectra(db, record.file)


def _summary(record: SpectrumFileRecord, spectra: pd.DataFrame, lines: pd.DataFrame) -> str:
    secure = int((spectra["redshift_grade"] == "secure").sum())
    what = "1 spectrum" if len(spectra) == 1 else f"{len(spectra)} spectra"
    return f"{what}, {record.instrument} {record.disperser}, {len(lines)} lines, {secure} secure redshifts"
