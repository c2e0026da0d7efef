"""The journal: one line of JSON per decision, checksummed, appended and fsynced before it is acknowledged."""

import fcntl
import json
import math
import os
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from store.project import StoreError
from store.ulid import next_ulid

FORMAT = 1
VETTER = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEPT = ("view", "ranking", "product")
"""What a person keeps under a name (a product's is its address: ticked off or on in the plan of a download).
None is a decision on a candidate, so undo passes them by."""
CARRIER, MARK = "product", "blind"
"""How lines of blind sittings are kept (store/blind.py): under an action that all readers pass by, marked."""
ACTIONS = ("label", "grade", "check", "note", "undo", "redo", *KEPT)

_TAIL_BYTES = 65_536


class JournalError(StoreError):
    """A line that is not what was written, or a journal that cannot be written."""


@dataclass(frozen=True)
class Line:
    """One decision of one vetter on one candidate; `undoes`: the line that an undo or redo is about."""

    id: str
    at: str
    vetter: str
    action: str
    candidate: str
    ra: float | None = None
    dec: float | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    rank: int | None = None
    score: float | None = None
    seconds: float | None = None
    undoes: str = ""
    host: str = ""
    pid: int = 0
    version: str = ""
    v: int = FORMAT


@dataclass(frozen=True)
class Draft:
    """A line as it is asked for: everything but what the journal itself adds."""

    action: str
    candidate: str
    ra: float | None = None
    dec: float | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    rank: int | None = None
    score: float | None = None
    seconds: float | None = None
    undoes: str = ""


@dataclass(frozen=True)
class Problem:
    """A line of a journal that says nothing, or says it out of turn: its number and the reason."""

    line_number: int
    reason: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.path}: line {self.line_number}: {self.reason}"


def encode(line: Line) -> bytes:
    """Write a line as one row of JSON with its checksum, newline included."""
    body = asdict(line)
    return _canonical({**body, "crc32": zlib.crc32(_canonical(body))}) + b"\n"


def decode(raw: bytes) -> Line:
    """Read one row back, or raise JournalError saying what is wrong with it."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise JournalError("not a whole line of JSON") from error
    if not isinstance(body, dict) or "crc32" not in body:
        raise JournalError("not a journal line")
    checksum = body.pop("crc32")
    try:
        intact = zlib.crc32(_canonical(body)) == checksum
    except ValueError as error:
        raise JournalError("numbers that are not finite") from error
    if not intact:
        raise JournalError("its checksum does not fit")
    if body.get("v") != FORMAT:
        raise JournalError(f"written in format {body.get('v')!r}, this program reads {FORMAT}")
    try:
        return Line(**body)
    except TypeError as error:
        raise JournalError("fields of another program") from error


def read_journal(path: Path) -> tuple[list[Line], list[Problem]]:
    """Read a journal: its lines in order of time, each once, and which lines are not right."""
    raw = path.read_bytes() if path.exists() else b""
    return parse(raw, str(path))


def parse(
    raw: bytes, path: str = "", first_number: int = 1, last: str = ""
) -> tuple[list[Line], list[Problem]]:
    """Read the bytes of a journal, or of its end: from a line number on, after the id `last`."""
    lines: dict[str, Line] = {}
    problems: list[Problem] = []
    for number, row in enumerate(raw.split(b"\n"), first_number):
        if not row.strip():
            continue
        try:
            line = decode(row)
        except JournalError as error:
            problems.append(Problem(number, str(error), path))
            continue
        if line.id in lines:
            problems.append(Problem(number, "a repeated line; counted once", path))
            continue
        if line.id < last:
            problems.append(Problem(number, "out of order; put back in order of time", path))
        last = max(last, line.id)
        lines[line.id] = line
    return sorted(lines.values(), key=lambda line: line.id), problems


def standing(lines: Iterable[Line]) -> list[Line]:
    """Give the decisions of one vetter that stand after undo and redo, oldest first."""
    record = Record()
    for line in lines:
        record.apply(line)
    return record.standing


class Record:
    """One vetter's decisions in order, and what undo and redo would do next."""

    def __init__(self) -> None:
        self.standing: list[Line] = []
        # Decisions taken back since the last new one, each with the undo line that took it back.
        self.undone: list[tuple[Line, Line]] = []
        # The same since the last new one of that machine, by undo line: where journals of two machines are
        # merged, a decision of one stands between undo and redo of the other.
        self._undone_there: dict[str, tuple[Line, str]] = {}

    def apply(self, line: Line) -> Line | None:
        """Take in the next line; give the decision that it adds, takes back or restores, if any."""
        if line.action == "undo":
            return self._undo(line)
        if line.action == "redo":
            return self._redo(line)
        if line.action in KEPT:
            return None
        self.standing.append(line)
        self.undone.clear()
        if self._undone_there:
            kept = {undo: pair for undo, pair in self._undone_there.items() if pair[1] != line.host}
            self._undone_there = kept
        return line

    def _undo(self, line: Line) -> Line | None:
        # Searched from the end, since the line meant may not be the last one where lines between were lost.
        for place in range(len(self.standing) - 1, -1, -1):
            if self.standing[place].id == line.undoes:
                decision = self.standing.pop(place)
                self.undone.append((decision, line))
                self._undone_there[line.id] = (decision, line.host)
                return decision
        return None

    def _redo(self, line: Line) -> Line | None:
        found = self._undone_there.pop(line.undoes, None)
        if found is None:
            return None
        self.undone = [pair for pair in self.undone if pair[1].id != line.undoes]
        self.standing.append(found[0])
        return found[0]


class Journal:
    """The journal of one vetter, open for appending from any thread and any process."""

    def __init__(
        self,
        folder: Path,
        vetter: str,
        version: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not VETTER.fullmatch(vetter):
            raise JournalError(f"vetter {vetter!r}: 1 to 64 letters, digits, dots, hyphens or underscores")
        self.path = folder / f"{vetter}.jsonl"
        self.vetter = vetter
        self.version = version
        self._clock = clock
        self._host = socket.gethostname()
        self._thread = threading.Lock()

    def append(self, **fields: Any) -> Line:
        """Add a line, given by the fields of a `Draft`; see `append_all`."""
        return self.append_all([Draft(**fields)])[0]

    def append_all(self, drafts: Sequence[Draft]) -> list[Line]:
        """Add lines that are all on the disk when this returns; JournalError where none is."""
        if not drafts:
            return []
        try:
            with self._thread, locked(self.path) as file:
                size = os.fstat(file.fileno()).st_size
                tail = _end_of(file.fileno(), size)
                lines = self._dated(drafts, _last_id(tail))
                # A line torn by a crash is ended first, so that it spoils nothing but itself.
                start = b"\n" if tail and not tail.endswith(b"\n") else b""
                _write_durably(file.fileno(), start + b"".join(map(encode, lines)), size)
        except OSError as error:
            what = "the decision was" if len(drafts) == 1 else f"the {len(drafts)} decisions were"
            raise JournalError(
                f"{self.path}: {what} not kept: {error.strerror or error}; "
                "free some space or make the folder writable, then decide again"
            ) from error
        return lines

    def _dated(self, drafts: Sequence[Draft], last: str) -> list[Line]:
        """Give drafts their identifiers, each after the one before, and who writes them where."""
        lines = []
        now = self._clock()
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        for draft in drafts:
            last = next_ulid(now, last)
            lines.append(
                Line(
                    id=last,
                    at=at,
                    vetter=self.vetter,
                    action=draft.action,
                    candidate=draft.candidate,
                    ra=_finite(draft.ra),
                    dec=_finite(draft.dec),
                    payload=dict(draft.payload),
                    rank=None if draft.rank is None else int(draft.rank),
                    score=_finite(draft.score),
                    seconds=_finite(draft.seconds),
                    undoes=draft.undoes,
                    host=self._host,
                    pid=os.getpid(),
                    version=self.version,
                )
            )
        return lines


def _end_of(descriptor: int, size: int) -> bytes:
    """Read the end of a journal: as much as holds a whole line, however long that one is."""
    length = _TAIL_BYTES
    while True:
        tail = os.pread(descriptor, length, max(0, size - length))
        if length >= size or _last_id(tail):
            return tail
        length *= 8


def _last_id(tail: bytes) -> str:
    """Give the latest id among the whole lines of a journal's end."""
    latest = ""
    for row in reversed(tail.split(b"\n")):
        try:
            latest = decode(row).id
        except JournalError:
            continue
        break
    return latest


def _canonical(body: Mapping[str, Any]) -> bytes:
    # ASCII, so that neither a lone surrogate nor an exotic line separator in a note can break a line.
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


@contextmanager
def locked(path: Path) -> Iterator[FileIO]:
    """Open for appending and lock; a file that was replaced while waiting for it is left alone."""
    while True:
        with _open_durably(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def _open_durably(path: Path) -> FileIO:
    """Open for appending; a new file's name is made durable too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    file = path.open("a+b", buffering=0)
    if new:
        for folder in (path.parent, path.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    return file


def _write_durably(descriptor: int, data: bytes, size: int) -> None:
    """Write all of it and wait for the disk; where that fails, leave the file as long as it was."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone leaves the line in the drive's cache
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, size)
        raise
