"""The one connection of this process to a DuckDB file, and the threads that share it."""

import atexit
import json
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from store import damage, migrations
from store.project import StoreError

if TYPE_CHECKING:
    import duckdb

Mode = Literal["read", "write"]

MEMORY_LIMIT = "1GB"
# A page asked for just after another finds the file still open, and no other process waits longer for it.
LINGER_SECONDS = 0.2
RETRY_SECONDS = (0.005, 0.04)
# DuckDB's three headers: a shorter file may be one that another process is making at this moment.
HEADERS_BYTES = 3 * 4096
MAKING_SECONDS = 1.0


class Manager:
    """The one connection of this process to one file, and the threads that share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changed = threading.Condition()
        self.connection: duckdb.DuckDBPyConnection | None = None
        self.mode: Mode = "read"
        self.leases: dict[int, int] = {}
        self.writing = False
        self.writers_waiting = 0
        self.opened_at = 0.0
        self.lingering = False
        self.inode: int | None = None
        self.checked_inode: int | None = None

    @contextmanager
    def lease(self, mode: Mode, patience: float) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Lend a cursor; StoreError where none can be had within `patience` seconds."""
        cursor = self._acquire(mode, patience)
        try:
            yield cursor
        finally:
            self._release(mode, cursor)

    def verify_in_place(self) -> None:
        """Raise where the file was deleted or replaced while open: DuckDB itself reports success then."""
        if _inode(self.path) != self.inode:
            raise StoreError(
                f"{self.path}: the database was deleted or replaced while in use; what was just written "
                "is not kept (decisions are safe in the journal): run the last command again"
            )

    def _acquire(self, mode: Mode, patience: float) -> "duckdb.DuckDBPyConnection":
        thread = threading.get_ident()
        deadline = time.monotonic() + patience
        with self.changed:
            if mode == "write" and thread in self.leases:
                raise StoreError(f"{self.path}: a thread asked to write inside a lease of its own")
            self.writers_waiting += mode == "write"
            try:
                while True:
                    obstacle = self._enter(mode, nested=thread in self.leases)
                    if obstacle is None:
                        break
                    remaining = deadline - time.monotonic()
                    if remaining <= 0:
                        raise StoreError(f"{self.path}: {obstacle} for more than {patience:g} s")
                    self.changed.wait(min(remaining, random.uniform(*RETRY_SECONDS)))  # noqa: S311
            finally:
                self.writers_waiting -= mode == "write"
            cursor = self._cursor()
            self.leases[thread] = self.leases.get(thread, 0) + 1
            self.writing = self.writing or mode == "write"
            return cursor

    def _cursor(self) -> "duckdb.DuckDBPyConnection":
        assert self.connection is not None
        try:
            return self.connection.cursor()
        except Exception:
            # A full disk can end the database object: the next lease opens the file anew.
            if not self.leases:
                self._close()
            raise

    def _enter(self, mode: Mode, *, nested: bool) -> str | None:
        """Join or open the connection; the obstacle in words where neither can be done now."""
        if self.leases:
            if mode == "write":
                if self.writing or self.mode == "read":
                    return "in use by another thread of this program"
            elif self.writers_waiting and not nested and not self.writing:
                return "waiting behind a writer of this program"
            return None
        if self.connection is not None and (self.mode != mode or self._stale()):
            self._close()
        if self.connection is None:
            try:
                self._open(mode)
            except _LockedError as locked:
                return str(locked)
        return None

    def _stale(self) -> bool:
        return _inode(self.path) != self.inode

    def _open(self, mode: Mode) -> None:
        inode = _inode(self.path)
        if inode is None or inode != self.checked_inode:
            try:
                self._check_schema()
            except _DamagedError as found:
                self._set_aside(found)
                self._check_schema(told=True)
        try:
            self.connection = _connect(self.path, read_only=mode == "read")
        except _DamagedError as found:
            self._set_aside(found)
            self._check_schema(told=True)
            self.connection = _connect(self.path, read_only=mode == "read")
        self.mode = mode
        self.opened_at = time.monotonic()
        self.lingering = False
        self.inode = _inode(self.path)

    def _set_aside(self, found: "_DamagedError") -> None:
        """Move what cannot be opened out of the way; the journals hold what people decided."""
        deadline = time.monotonic() + MAKING_SECONDS
        while _size(self.path) < HEADERS_BYTES and time.monotonic() < deadline:
            if self._opens():
                return
            time.sleep(RETRY_SECONDS[1])
        damage.set_aside(self.path, found.reason, self._opens)

    def _opens(self) -> bool:
        try:
            _connect(self.path, read_only=True).close()
        except _DamagedError:
            return False
        return True

    def _check_schema(self, *, told: bool = False) -> None:
        """Create the schema, bring an older one up to date, refuse a newer one untouched."""
        if _inode(self.path) is not None:
            connection = _connect(self.path, read_only=True)
            try:
                current = migrations.is_current(connection, self.path)
            finally:
                connection.close()
        else:
            current = False
            if not told and self.path.parent.is_dir():
                damage.note_lost(self.path)
        if not current:
            connection = _connect(self.path, read_only=False)
            try:
                migrations.bring_up_to_date(connection, self.path)
            finally:
                connection.close()
        self.checked_inode = _inode(self.path)

    def _release(self, mode: Mode, cursor: "duckdb.DuckDBPyConnection") -> None:
        thread = threading.get_ident()
        with self.changed:
            cursor.close()
            self.leases[thread] -= 1
            if not self.leases[thread]:
                del self.leases[thread]
            if mode == "write":
                self.writing = False
            if not self.leases:
                rest = self.opened_at + LINGER_SECONDS - time.monotonic()
                if self.mode == "write" or rest <= 0:
                    self._close()
                elif not self.lingering:
                    self._close_later(rest)
            self.changed.notify_all()

    def _close_later(self, seconds: float) -> None:
        self.lingering = True
        opened_at = self.opened_at

        def close() -> None:
            with self.changed:
                if self.opened_at == opened_at and not self.leases:
                    self._close()

        timer = threading.Timer(seconds, close)
        timer.daemon = True
        timer.start()

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def set_aside(self, reason: str) -> None:
        """Move the database away though it opens: reading all of it found damage."""
        with self.changed:
            if self.leases:
                raise StoreError(f"{self.path}: in use by another thread of this program")
            self._close()
            damage.set_aside(self.path, reason, lambda: False)
            self._check_schema(told=True)

    def close_idle(self) -> None:
        """Close the connection at the end of the program, unless a thread still uses it."""
        with self.changed:
            if not self.leases:
                self._close()


class _LockedError(Exception):
    """Another process holds the file."""


class _DamagedError(StoreError):
    """What is in the file, or in its log, cannot be read."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


@contextmanager
def untouched(path: Path, patience: float = 10.0) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open a database for reading as it is: nothing is made, migrated or set aside."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection = _connect(path, read_only=True)
            break
        except _LockedError as locked:
            if time.monotonic() > deadline:
                raise StoreError(f"{path}: {locked} for more than {patience:g} s") from None
            time.sleep(random.uniform(*RETRY_SECONDS))  # noqa: S311
    try:
        yield connection
    finally:
        connection.close()


_managers: dict[tuple[int, Path], Manager] = {}
_managers_lock = threading.Lock()


def manager(path: Path) -> Manager:
    """Give the manager of a file in this process."""
    # A forked child must not use its parent's connection: the process is part of the key.
    key = (os.getpid(), path.absolute())
    with _managers_lock:
        if key not in _managers:
            _managers[key] = Manager(path)
        return _managers[key]


@atexit.register
def _close_all() -> None:
    for (pid, _), each in list(_managers.items()):
        if pid == os.getpid():
            each.close_idle()


@contextmanager
def at_rest(patience: float = 2.0) -> Iterator[None]:
    """Close every database of this process and let no thread open one meanwhile: for a process that stops.

    A lease that lasts longer than `patience` seconds is left alone.
    """
    with ExitStack() as held:
        for (pid, _), each in list(_managers.items()):
            if pid == os.getpid():
                held.enter_context(each.changed)
                deadline = time.monotonic() + patience
                while each.leases and (left := deadline - time.monotonic()) > 0:
                    each.changed.wait(left)
                each.close_idle()
        yield


def _connect(path: Path, *, read_only: bool) -> "duckdb.DuckDBPyConnection":
    import duckdb

    spill = str(path.parent / "cache" / "duckdb-spill")
    try:
        return duckdb.connect(
            str(path),
            read_only=read_only,
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": spill},
        )
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise _LockedError(_holder(str(error))) from error
        if path.parent.is_dir() and damage.is_damage(str(error)):
            raise _DamagedError(_cannot_open(path, error), _reason(path, error)) from error
        raise StoreError(_cannot_open(path, error)) from error


def _holder(message: str) -> str:
    match = re.search(r"held in (.*?) \(PID (\d+)\)", message)
    if match is None:
        return "in use by another process"
    return f"in use by process {match[2]} ({match[1]}); end it, or wait"


def _cannot_open(path: Path, error: Exception) -> str:
    if not path.parent.is_dir():
        return f"{path}: the folder {path.parent} does not exist; make it or correct [paths] in config.toml"
    if "Permission denied" in str(error) or "Read-only" in str(error):
        return (
            f"{one_line(path, error)}; make it writable, or name other folders under [paths] in config.toml"
        )
    if "with version number" in str(error):
        return f"{one_line(path, error)}; nothing was changed: update jwst-vet and its packages"
    return (
        f"{one_line(path, error)}; `jwst-vet repair` sets it aside: decisions are kept in the journals, "
        "measurements are made again from the FITS files"
    )


def _reason(path: Path, error: Exception) -> str:
    """Say shortly what is wrong inside a file, without its path."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines else type(error).__name__
    text = text.replace(str(path), path.name).replace(str(path.parent), "")
    return " ".join(text.split())[:120]


def trouble(path: Path, error: Exception) -> str:
    """Say in one line what went wrong in a lease, and what to do where the file is at fault."""
    text = one_line(path, error)
    if "Corrupt database file" in text or "Failed to load" in text:
        return f"{text}; `jwst-vet repair` sets it aside and rebuilds it"
    if "No space left" in text:
        return f"{text}; free some space, then go on: nothing that was acknowledged is lost"
    return text


def one_line(path: Path, error: Exception) -> str:
    """Say what DuckDB said about a file, without its further lines."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # What failed in a thread of DuckDB's own comes wrapped in JSON.
    if wrapped := re.search(r'"exception_message":("(?:[^"\\]|\\.)*")', first):
        first = str(json.loads(wrapped[1]))
    return f"{path}: {first}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return HEADERS_BYTES


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
