"""Damage to the database: told from other trouble, set aside under a dated name, and recorded."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from store.project import StoreError

# What DuckDB says of files that are whole: who holds them, who may write, which program they are of.
_NOT_DAMAGE = (
    "Could not set lock",
    "Permission denied",
    "Read-only",
    "No space left",
    "Disk quota",
    "Too many open files",
    "Input/output error",
    "Out of Memory",
    "Cannot allocate",
    "with version number",
    "different configuration",
)


@dataclass(frozen=True)
class Notice:
    """One damage that was met: when, what was done about it in one line, and where the remains are."""

    at: str
    text: str
    aside: tuple[str, ...] = ()


_fresh: list[str] = []


def is_damage(message: str) -> bool:
    """Tell whether DuckDB could not open a file because of what is in it."""
    return not any(words in message for words in _NOT_DAMAGE)


def wal_path(database: Path) -> Path:
    """Name the write-ahead log of a database."""
    return database.with_name(database.name + ".wal")


def set_aside(database: Path, reason: str, opens: Callable[[], bool]) -> None:
    """Move the log of a damaged database away, or where it does not open without it, the database too.

    Nothing is deleted, and processes that find the same damage at once move it once.

    Parameters
    ----------
    database : Path
        The DuckDB file.
    reason : str
        What DuckDB said, for the notice.
    opens : callable
        Tries to open the database; asked again before anything is moved.
    """
    with _alone(database.parent):
        if opens():
            return  # another process has done it meanwhile
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        moved = _move(wal_path(database), stamp)
        if moved and opens():
            record(
                database,
                f"{wal_path(database).name} was damaged ({reason}) and set aside as {moved[0].name}; "
                f"`jwst-vet run` measures again what was measured last; {journal_words(database)}",
                moved,
            )
            return
        moved += _move(database, stamp)
        record(
            database,
            f"{database.name} was damaged ({reason}) and set aside as {moved[-1].name}; "
            f"{journal_words(database)}; `jwst-vet run` measures and ranks again",
            moved,
        )


def record(database: Path, text: str, aside: list[Path]) -> None:
    """Keep a notice for `status`, the report and whoever has to be told now."""
    _fresh.append(text)
    notice = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "text": text,
        "aside": [path.name for path in aside],
    }
    with notices_path(database.parent).open("ab", buffering=0) as file:
        file.write(json.dumps(notice).encode("ascii") + b"\n")
        os.fsync(file.fileno())


def notices_path(outputs: Path) -> Path:
    """Name the file that keeps what was damaged and set aside."""
    return outputs / "damage.jsonl"


def notices(outputs: Path) -> list[Notice]:
    """List what was damaged here so far, the oldest first."""
    path = notices_path(outputs)
    found = []
    for row in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            body = json.loads(row)
            found.append(Notice(str(body["at"]), str(body["text"]), tuple(map(str, body["aside"]))))
        except (ValueError, KeyError, TypeError):
            continue  # a torn line of a list that only tells a person
    return found


def take_fresh() -> list[str]:
    """Give what this process met and has not told yet."""
    told = list(_fresh)
    _fresh.clear()
    return told


def note_lost(database: Path) -> None:
    """Record that a database is made anew where one has been: its results outlived it."""
    outputs = database.parent
    kept = any((outputs / "tables").glob("*.csv")) or any((outputs / "cache" / "cutouts").glob("*.npz"))
    if kept or journal_lines(database):
        record(
            database,
            f"{database.name} was gone and is made anew; {journal_words(database)}; "
            "`jwst-vet run` measures and ranks again",
            [],
        )


def journal_lines(database: Path) -> int:
    """Count the lines of all journals beside a database."""
    return sum(path.read_bytes().count(b"\n") for path in (database.parent / "verdicts").glob("*.jsonl"))


def journal_words(database: Path) -> str:
    """Say how many journal lines are replayed."""
    count = journal_lines(database)
    return f"{count} journal line{'' if count == 1 else 's'} of verdicts kept and replayed"


def _move(path: Path, stamp: str) -> list[Path]:
    if not path.exists():
        return []
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        path.rename(aside)
    except OSError as error:
        raise StoreError(
            f"{path}: damaged, and cannot be set aside: {error.strerror or error}; "
            f"make {path.parent} writable"
        ) from error
    return [aside]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time look after damage in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
