"""The inputs of stage `images`: which files, what identifies them, and which of them need work."""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.config import Config
from store.database import Database
from store.frames import forget_frame, frame_name, frame_records, move_frame

_SUFFIXES = (".fits", ".fits.gz", ".fit", ".fit.gz")
_NOT_SCIENCE = (
    "_wht", "_err", "_rms", "_con", "_ctx", "_exp", "_bkg", "_segm",
    "_x1d", "_c1d", "_x1dints", "_c1dints", ".spec", "_s2d", "_s3d",
)  # fmt: skip
_HASH_BLOCK = 1 << 22


@dataclass(frozen=True)
class Fingerprint:
    """What identifies the input of a frame: its bytes, and those of the companion files beside it.

    `companions` are lines "sha256  path".
    """

    sha256: str
    bytes: int
    mtime_ns: int
    companions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One file to measure: its frame's name, where it is, its bytes, its zero point and its stage key."""

    name: str
    path: Path
    found: Fingerprint
    zeropoint: float | None
    stage_key: str

    def facts(self) -> dict[str, Any]:
        """Return what a record of this file starts with."""
        return {
            "frame": self.name,
            "path": str(self.path),
            "sha256": self.found.sha256,
            "bytes": self.found.bytes,
            "mtime_ns": self.found.mtime_ns,
            "companions": self.found.companions,
            "zeropoint": math.nan if self.zeropoint is None else self.zeropoint,
            "stage_key": self.stage_key,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }


@dataclass(frozen=True)
class Plan:
    """Which files need work, which frames are done already, and which files are copies of another."""

    work: list[Task] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_images(folder: Path) -> list[Path]:
    """List the images below a folder, sorted: FITS files that are no companions, spectra or segmentations.

    Links to folders are followed, each folder once.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [Path(name) / file for file in files if _is_image(file)]
    return sorted(found)


def _is_image(name: str) -> bool:
    stem = re.sub(r"\.gz$", "", name.casefold()).rpartition(".")[0]
    return name.casefold().endswith(_SUFFIXES) and not stem.endswith(_NOT_SCIENCE)


def fingerprint(path: Path) -> Fingerprint:
    """Hash an image and its companions; runs in a worker."""
    from analysis.frame_planes import companion_files

    digest = sha256_of(path)
    facts = path.stat()
    companions = tuple(f"{sha256_of(file)}  {file}" for file in companion_files(path))
    return Fingerprint(digest, facts.st_size, facts.st_mtime_ns, companions)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a regular file, read in blocks."""
    if not path.is_file():
        raise OSError("no such file" if not path.exists() else "not a regular file")
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def stage_key(found: Fingerprint, config: Config, zeropoint: float | None) -> str:
    """Name what the result depends on: the bytes, the parameters read and the code's version."""
    from analysis.measure import CODE_VERSION

    companions = [line.split()[0] for line in found.companions]
    text = json.dumps([found.sha256, companions, config.detection_threshold, zeropoint, CODE_VERSION])
    return hashlib.sha256(text.encode()).hexdigest()


def plan_work(
    database: Database,
    files: Sequence[Path],
    prints: Mapping[str, Fingerprint],
    config: Config,
    zeropoint: float | None,
) -> Plan:
    """Name every file and compare its stage key with what the store holds.

    A zero point given before stays with its frame until another is given.
    """
    records = {record.frame: record for record in frame_records(database)}
    known = {record.frame: (record.path, record.sha256) for record in records.values()}
    plan = Plan()
    seen: dict[str, Path] = {}
    for path in files:
        found = prints.get(str(path))
        if found is None:
            continue
        if found.sha256 in seen:
            plan.notes.append(f"{path}: the same bytes as {seen[found.sha256]}: counted once")
            continue
        seen[found.sha256] = path
        name = frame_name(known, path, found.sha256)
        held = records.get(name)
        magnitude = zeropoint
        if magnitude is None and held is not None and not math.isnan(held.zeropoint):
            magnitude = held.zeropoint
        task = Task(name, path, found, magnitude, stage_key(found, config, magnitude))
        known[name] = (str(path), found.sha256)
        if held is None or (held.state, held.stage_key) != ("done", task.stage_key):
            plan.work.append(task)
            continue
        plan.same.append(name)
        if held.path != str(path):
            move_frame(database, name, path)
    return plan


def forget_lost_failures(database: Database) -> None:
    """Drop the records of files that could not be used and are no longer there."""
    for record in frame_records(database, "failed"):
        if not Path(record.path).exists():
            forget_frame(database, record.frame)
