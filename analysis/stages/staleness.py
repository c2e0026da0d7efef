"""What changed since results were made: files by size and bytes, parameters, frames the ranking lacks."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.config import Config
from analysis.stages.inputs import find_images, sha256_of
from store.candidates import ranking_info
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.project import Project

_HASHED_BYTES = 1 << 28
_NAMED = 3


def stale(project: Project, config: Config) -> list[str]:
    """Say in a line each what is no longer as it was when it was measured or ranked; nothing where all is.

    Files are read only where their time changed and their size did not, and then up to 256 MB of each. That
    a file is gone makes nothing stale: `verify` tells of it.
    """
    if not project.database.exists():
        return []
    database = Database(project.database)
    records = frame_records(database)
    done = [record for record in records if record.state == "done"]
    if not done:
        return []
    info = ranking_info(database)
    lines = [*_changed(done), *_new(project, records)]
    if info:
        lines += [*_parameters(config, info), *_lag(done, info)]
    return lines


def _changed(done: list[FrameRecord]) -> Iterator[str]:
    for record in done:
        path = Path(record.path)
        try:
            facts = path.stat()
        except OSError:
            continue  # gone or out of reach: what was measured of it stands
        if facts.st_size == record.bytes and facts.st_mtime_ns == record.mtime_ns:
            continue
        if facts.st_size != record.bytes:
            yield f"{path.name}: changed since it was measured; `jwst-vet run` measures it again"
        elif facts.st_size > _HASHED_BYTES:
            yield f"{path.name}: touched since it was measured; `jwst-vet run` looks at its bytes"
        elif path.is_file() and sha256_of(path) != record.sha256:
            yield f"{path.name}: changed since it was measured; `jwst-vet run` measures it again"


def _new(project: Project, records: list[FrameRecord]) -> Iterator[str]:
    known = {record.path for record in records}
    # A file of the size of a measured one may be a copy of it, which is counted once.
    sizes = {record.bytes for record in records}
    files = [path for path in find_images(project.products) if str(path) not in known]
    fresh = [path.name for path in files if path.is_file() and path.stat().st_size not in sizes]
    if fresh:
        yield f"{_listed(fresh)}: not measured yet; `jwst-vet run` measures what is new"


def _parameters(config: Config, info: dict[str, Any]) -> Iterator[str]:
    now: dict[str, Any] = {
        "detection_threshold": config.detection_threshold,
        "min_snr": config.min_snr,
        "top_anomalies_per_image": config.top_anomalies_per_image,
        "cutout_size": config.cutout_size,
        "method": config.ranking.method,
    }
    now |= {f"weights.{name}": value for name, value in asdict(config.weights).items()}
    then = info | {f"weights.{name}": value for name, value in info.get("weights", {}).items()}
    changed = [
        f"{name} = {value} (ranked with {then[name]})"
        for name, value in now.items()
        if name in then and then[name] != value
    ]
    if changed:
        yield f"config.toml: {', '.join(changed)}; `jwst-vet run` makes the ranking with it"


def _lag(done: list[FrameRecord], info: dict[str, Any]) -> Iterator[str]:
    if "frames" not in info:
        return
    ranked: dict[str, str] = info["frames"]
    newer = [record.frame for record in done if ranked.get(record.frame) != record.stage_key]
    gone = sorted(set(ranked) - {record.frame for record in done})
    if newer:
        yield f"{_listed(newer)}: measured since the ranking; `jwst-vet rank` takes it in"
    if gone:
        yield f"{_listed(gone)}: in the ranking and no longer measured; `jwst-vet rank` drops it"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
