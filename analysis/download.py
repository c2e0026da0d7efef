"""Fetch files so that only whole ones bear their names: resumed where they were cut, checked, then renamed.

Only the standard library and requests. A file grows as `<name>.part`; `<name>.part.json` beside it remembers
which version of the file it is a part of, so that nothing is ever continued with bytes of another.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.partial import Partial, Validator
from analysis.patience import Patience, Stopped, Trouble, new_session, request_trouble, status_trouble, wait
from analysis.wholeness import NotWhole, check_beginning, check_whole

if TYPE_CHECKING:
    import requests

MOST_PARALLEL = 4
"""Files fetched at once; the archive publishes no limit, and this many are welcome everywhere."""
SPARE_BYTES = 100_000_000
"""Room that must be left on the disk after everything was fetched."""
_CHUNK = 1 << 16
_LEAST_BYTES_PER_S = 256
_MOST_BAD_FILES = 2
_FIRST_RETRIES = 2  # at a source after which there is another
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Source:
    """One address of a file: whose it is, and headers it needs (never logged: one may hold a token)."""

    label: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Job:
    """One file to fetch: its name, its size in bytes as the archive lists it, its addresses in order."""

    name: str
    size: int
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Fetched:
    """What became of a job: the file with its sha256, or why there is none; bytes received in total."""

    job: Job
    path: Path | None = None
    sha256: str = ""
    source: str = ""
    reason: str = ""
    stopped: bool = False
    received: int = 0


class DiskFull(Exception):  # noqa: N818 - the field's word for it
    """No room on the disk; the parts fetched so far are kept."""


class Control:
    """Pause, go on and stop for all transfers of one stage; safe from any thread."""

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        self._asked = stopping
        self._stop = threading.Event()
        self._running = threading.Event()
        self._running.set()

    def pause(self) -> None:
        """Let go of the connections; parts are kept."""
        self._running.clear()

    def go_on(self) -> None:
        """Fetch on from where the parts end."""
        self._running.set()

    def stop(self) -> None:
        """End all transfers; parts are kept for the next run."""
        self._stop.set()

    @property
    def paused(self) -> bool:
        """Tell whether transfers rest."""
        return not self._running.is_set()

    def stopping(self) -> bool:
        """Tell whether transfers are to end."""
        return self._stop.is_set() or self._asked()

    def rest(self) -> None:
        """Wait while paused; Stopped where that is asked for."""
        while self.paused:
            wait(0.02, self.stopping)


def check_space(folder: Path, jobs: Sequence[Job], free: int) -> None:
    """Refuse before the first byte what the disk cannot hold.

    Parameters
    ----------
    folder : Path
        Where the files go; what lies there of the jobs as parts counts as fetched.
    free : int
        Bytes free on its disk.

    Raises
    ------
    DiskFull
        With the bytes needed and free.
    """
    needed = sum(job.size - Partial(folder, job.name).length() for job in jobs) + SPARE_BYTES
    if needed > free:
        raise DiskFull(
            f"{folder}: {needed / 1e9:.2f} GB are needed there and {free / 1e9:.2f} GB are free; make room, "
            "lower max_total_gb, or name another disk: [paths] data"
        )


def fetch_all(
    folder: Path,
    jobs: Sequence[Job],
    patience: Patience,
    control: Control,
    on_bytes: Callable[[str, int], None] = lambda _name, _more: None,
) -> Iterator[Fetched]:
    """Fetch files, at most four at a time, and yield what became of each as it ends.

    Parameters
    ----------
    folder : Path
        Where files and parts are written; a file of the same name is replaced by rename alone, so that
        whoever has it mapped goes on with the old one.
    on_bytes : callable
        Called from the transfer threads with a name and how many bytes its part has grown by (less than
        none where a part was thrown away).

    Yields
    ------
    Fetched
        One for each job; a full disk ends all of them.
    """
    with ThreadPoolExecutor(MOST_PARALLEL, thread_name_prefix="fetch") as pool:
        pending = [pool.submit(fetch, folder, job, patience, control, on_bytes) for job in jobs]
        try:
            for future in as_completed(pending):
                yield future.result()
        finally:
            if not all(future.done() for future in pending):
                control.stop()


def fetch(
    folder: Path,
    job: Job,
    patience: Patience,
    control: Control,
    on_bytes: Callable[[str, int], None] = lambda _name, _more: None,
) -> Fetched:
    """Fetch one file from the first of its sources that gives it whole.

    Every failure becomes a reason in the result; nothing but a whole file ever bears the name.
    """
    transfer = _Transfer(folder, job, patience, control, on_bytes)
    reasons: list[str] = []
    try:
        for source in job.sources:
            last = source is job.sources[-1]
            try:
                sha256 = transfer.run(
                    source, patience.retries if last else min(_FIRST_RETRIES, patience.retries)
                )
            except Trouble as trouble:
                reasons.append(f"{source.label}: {trouble.reason}")
            else:
                path = folder / job.name
                return Fetched(
                    job, path, sha256, source.label, "; ".join(reasons), received=transfer.received
                )
    except Stopped:
        return Fetched(job, reason="stopped; the part is kept", stopped=True, received=transfer.received)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            reasons.append(f"{folder}: cannot be written: {error.strerror or error}")
        else:
            control.stop()
            reasons.append(f"{folder}: the disk is full; the part is kept: make room and run again")
    finally:
        transfer.close()
    return Fetched(job, reason="; ".join(reasons), received=transfer.received)


class _Transfer:
    """One file on its way."""

    def __init__(
        self,
        folder: Path,
        job: Job,
        patience: Patience,
        control: Control,
        on_bytes: Callable[[str, int], None],
    ) -> None:
        self.folder = folder
        self.job = job
        self.patience = patience
        self.control = control
        self.on_bytes = on_bytes
        self.part = Partial(folder, job.name)
        self.session: requests.Session | None = None
        self.received = 0
        self._least_progress = min(_CHUNK, job.size // 200 + 1)

    def close(self) -> None:
        """Let go of file and connections."""
        self.part.close()
        if self.session is not None:
            self.session.close()

    def run(self, source: Source, retries: int) -> str:
        """Fetch from one source, with patience; return the file's sha256 once it bears its name."""
        failures = bad = furthest = 0
        while True:
            try:
                self.control.rest()
                self._attempt(source)
                return self._finish()
            except NotWhole as error:
                bad += 1
                trouble = Trouble(str(error), again=bad < _MOST_BAD_FILES)
                self._drop()
            except Trouble as error:
                trouble = error
            if self.control.paused:
                continue
            failures = 1 if self.part.offset >= furthest + self._least_progress else failures + 1
            furthest = max(furthest, self.part.offset)
            if not trouble.again:
                raise trouble
            if failures > retries:
                raise Trouble(f"{trouble.reason}; given up after {failures} tries", again=False)
            wait(self.patience.before_next(failures, trouble), self.control.stopping)

    def _attempt(self, source: Source) -> None:
        """Send one request and write what comes; return only when the part has the file's full length."""
        import requests
        import urllib3

        grown = self.part.open(source.url, self.job.size)
        if grown:
            self.on_bytes(self.job.name, grown)
        if self.part.offset == self.job.size:
            return
        if self.session is None:
            self.session = new_session()
        headers = dict(source.headers) | self.part.range_headers()
        try:
            with self.session.get(
                source.url, headers=headers, stream=True, timeout=self.patience.timeout
            ) as response:
                self._accept(response, source)
                self._write(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise request_trouble(error, self.patience) from error

    def _accept(self, response: requests.Response, source: Source) -> None:
        """Check what an answer says of itself before its body is read."""
        if response.status_code == 416:
            self._drop()
        trouble = status_trouble(response)
        if trouble is not None:
            if response.status_code == 416:
                raise Trouble("the server does not know that part of the file")
            raise trouble
        kind = response.headers.get("Content-Type", "")
        if "html" in kind.lower():
            raise Trouble("a web page came instead of the file")
        if response.headers.get("Content-Encoding", "identity") not in ("", "identity"):
            raise Trouble("the server packed the file on its way", again=False)
        validator = Validator.of(response.headers)
        if response.status_code == 206:
            start, total = _content_range(response.headers.get("Content-Range", ""))
            if (
                start != self.part.offset
                or total != self.job.size
                or not self.part.validator.allows(validator)
            ):
                self._drop()
                raise Trouble("the file changed on the server; begun again")
            return
        self._drop()
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and int(length) != self.job.size:
            raise NotWhole(f"the archive lists {self.job.size} bytes, the server sends {length}")
        self.part.begin(source.url, self.job.size, validator)

    def _write(self, response: requests.Response) -> None:
        """Write the body as it comes, until the file has its length."""
        window_began, window_bytes = time.monotonic(), 0
        while True:
            if self.control.stopping():
                raise Stopped
            if self.control.paused:
                raise Trouble("paused")
            chunk = response.raw.read1(_CHUNK, decode_content=False)
            if not chunk:
                break
            self.received += len(chunk)
            if self.part.offset == 0:
                self._check_first(chunk)
            if self.part.offset + len(chunk) > self.job.size:
                self._drop()
                raise Trouble(f"more came than the {self.job.size} bytes that the archive lists")
            self.part.write(chunk)
            self.on_bytes(self.job.name, len(chunk))
            window_bytes += len(chunk)
            if time.monotonic() - window_began > self.patience.read_s:
                if window_bytes < _LEAST_BYTES_PER_S * self.patience.read_s:
                    raise Trouble(f"less than {_LEAST_BYTES_PER_S} bytes a second came")
                window_began, window_bytes = time.monotonic(), 0
        if self.part.offset < self.job.size:
            raise Trouble(f"cut after {self.part.offset} of {self.job.size} bytes")

    def _check_first(self, chunk: bytes) -> None:
        """Refuse at its first bytes what is no such file: it may be well in a minute."""
        try:
            check_beginning(self.job.name, chunk)
        except NotWhole as error:
            raise Trouble(str(error)) from error

    def _finish(self) -> str:
        """Check the whole file, bring it safely to disk and give it its name."""
        sha256 = self.part.sha256()
        self.part.sync()
        if self.job.size == 0:
            raise NotWhole("the archive lists 0 bytes")
        check_whole(self.part.path, self.job.name)
        self.part.rename()
        return sha256

    def _drop(self) -> None:
        """Throw the part away, and take its bytes back from the count."""
        if self.part.offset:
            self.on_bytes(self.job.name, -self.part.offset)
        self.part.drop()


def _content_range(value: str) -> tuple[int, int]:
    """Read "bytes START-END/TOTAL"; (-1, -1) where it is not that."""
    with contextlib.suppress(ValueError):
        unit, _, rest = value.partition(" ")
        span, _, total = rest.partition("/")
        if unit == "bytes":
            return int(span.split("-")[0]), int(total)
    return -1, -1


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the disk of a folder."""
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
