"""Journals of others taken in: lines that were checked in, the vetter's file whole or as it was out."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from store.drafts import draft_of
from store.journal import JournalError, Line, decode, encode, locked
from store.journals import JournalFolder
from store.project import StoreError

ASIDE = "conflicting"
"""The folder below the journals where a journal lies that contradicts one that is there."""


@dataclass(frozen=True)
class Merged:
    """What came of one vetter's lines: how many were taken, how many were there already, why none was."""

    vetter: str
    taken: tuple[Line, ...] = ()
    known: int = 0
    refused: str = ""


def by_vetter(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Sort lines by who wrote them, by name."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.vetter, []).append(line)
    return {vetter: found[vetter] for vetter in sorted(found)}


def merge_lines(folder: Path, vetter: str, lines: Sequence[Line]) -> Merged:
    """Take one vetter's lines into the journals of a folder.

    Lines there already, whichever file holds them, are left; new ones are put in order of time between the
    rows of the vetter's journal, which stay as they are to the last byte. The file is replaced by a whole new
    one, or not at all. Lines of which one says something else than a line with the same id are refused
    together: they are kept beside, below `conflicting`, and nothing is taken.

    Raises
    ------
    StoreError
        The folder cannot be written; nothing has changed.
    """
    path = folder / f"{vetter}.jsonl"
    try:
        there = _known(folder)
        conflict = _conflict(lines, there)
        if conflict is not None:
            aside = _set_aside(folder, vetter, lines)
            return Merged(
                vetter,
                refused=f"line {conflict.id} says something else here; nothing of it was taken: it lies in "
                f"{aside}; ask {vetter} which of the two is right",
            )
        if all(line.id in there for line in lines):
            return Merged(vetter, known=len({line.id for line in lines}))
        with locked(path) as file:
            there = _known(folder)
            new = {line.id: line for line in lines if line.id not in there}
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            _replace(path, _interleaved(file.read(), _in_order(new)))
    except OSError as error:
        raise StoreError(
            f"{path}: nothing was merged: {error.strerror or error}; free some space or make the folder "
            "writable, then merge again"
        ) from error
    return Merged(vetter, tuple(_in_order(new)), len({line.id for line in lines}) - len(new))


def _known(folder: Path) -> dict[str, Line]:
    journals = JournalFolder(folder)
    journals.read_new()
    return {line.id: line for line in journals.lines()}


def _conflict(lines: Sequence[Line], there: dict[str, Line]) -> Line | None:
    """Give the first line that contradicts one that is there, or another one of its own journal."""
    seen = dict(there)
    for line in lines:
        if seen.setdefault(line.id, line) != line:
            return line
    return None


def _in_order(lines: dict[str, Line]) -> list[Line]:
    return [line for _, line in sorted(lines.items())]


def _interleaved(raw: bytes, new: Sequence[Line]) -> bytes:
    """Put new lines, in order of time, between the rows of a journal; a torn last row is ended first."""
    rows, waiting = list[bytes](), list(reversed(new))
    for row in raw.split(b"\n"):
        if not row:
            continue
        try:
            here = decode(row).id
        except JournalError:
            here = ""  # it stays where it is
        while waiting and waiting[-1].id < here:
            rows.append(encode(waiting.pop()))
        rows.append(row + b"\n")
    rows += [encode(line) for line in reversed(waiting)]
    return b"".join(rows)


def _set_aside(folder: Path, vetter: str, lines: Sequence[Line]) -> Path:
    """Keep lines that were refused under a name made of what they say: the same lines give one file."""
    data = b"".join(encode(line) for line in lines)
    path = folder / ASIDE / f"{vetter}-{hashlib.sha256(data).hexdigest()[:8]}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    return path


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole and make it durable under its name, or leave what is there."""
    draft = draft_of(path)
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
