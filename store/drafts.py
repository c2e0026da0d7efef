"""Drafts: files on their way to a name, hidden beside it until whole; those of the dead are found."""

import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from store.filesystem import file_system
from store.runs import process_start

_NAME = re.compile(r"\..+\.(\d+)(?:-[0-9a-z_]{8})?\.part")
_OLD_SECONDS = 3600.0


def draft_of(path: Path) -> Path:
    """Name a draft of a file: hidden, beside it, with the process that writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def left_behind(*folders: Path) -> Iterator[Path]:
    """Find the drafts below folders whose writer is gone, or that nobody has touched for an hour.

    On a network file system, where the writer may be a process of another host, only the hour counts.
    """
    before = time.time() - _OLD_SECONDS
    for folder in folders:
        mount = file_system(folder)
        shared = mount is not None and bool(mount.warning)
        for where, _, names in os.walk(folder):
            for name in sorted(names):
                written = _NAME.fullmatch(name)
                if written is None:
                    continue
                path = Path(where) / name
                dead = not shared and not process_start(int(written[1]))
                try:
                    if dead or path.stat().st_mtime < before:
                        yield path
                except FileNotFoundError:  # it became a file, or was taken back, just now
                    continue


def sweep(*folders: Path) -> int:
    """Delete what `left_behind` finds; give the number."""
    count = 0
    for path in left_behind(*folders):
        path.unlink(missing_ok=True)
        count += 1
    return count
