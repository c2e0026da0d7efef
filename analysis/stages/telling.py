"""What the stage `download` tells while it works: lines, files, and bytes with their speed and time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import timedelta

from analysis.stages import Emit

NAME = "download"
"""The stage."""
_EVENT_EVERY_S = 0.5
_SPEED_WINDOW_S = 10.0


class Voice:
    """Events of this stage, one at a time whichever thread they come from."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._lock = threading.Lock()

    def tell(self, event: Mapping[str, object]) -> None:
        """Send one event."""
        with self._lock:
            self._emit(event)

    def note(self, text: str) -> None:
        """Say a line."""
        self.tell({"event": "note", "stage": NAME, "text": text})

    def done(self, name: str, text: str) -> None:
        """Say that a file is there."""
        self.tell({"event": "frame_done", "stage": NAME, "frame": name, "text": text})

    def skipped(self, name: str, text: str) -> None:
        """Say that a file needs nothing."""
        self.tell({"event": "frame_skipped", "stage": NAME, "frame": name, "text": text})

    def failed(self, name: str, text: str) -> None:
        """Say that a file could not be fetched."""
        self.tell({"event": "frame_failed", "stage": NAME, "frame": name, "text": text})


class _Pace:
    """Bytes of one transfer, or of all, and how fast they came of late."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.bytes = 0
        self._marks: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def count(self, more: int, *, held: bool = False) -> None:
        """Count bytes; those held on disk from before took no time."""
        self.bytes += more
        if held:
            self._marks = deque((at, before + more) for at, before in self._marks)

    def words(self, now: float) -> str:
        """Bytes, speed and time left, for a person."""
        self._marks.append((now, self.bytes))
        while len(self._marks) > 2 and now - self._marks[0][0] > _SPEED_WINDOW_S:
            self._marks.popleft()
        began, first = self._marks[0]
        speed = max(0, self.bytes - first) / max(now - began, 1e-3)
        text = f"{self.bytes / 1e6:.1f} of {self.total / 1e6:.1f} MB, {speed / 1e6:.1f} MB/s"
        left = (self.total - self.bytes) / speed if speed > 0 else 0.0
        return text + (f", {timedelta(seconds=round(left))} left" if left >= 1 else "")


class Meter:
    """Bytes of each transfer and of all together, told twice a second with speed and time left.

    `held` is what lies on disk of each file from before: it counts as fetched, and not as speed.
    """

    def __init__(self, sizes: Mapping[str, int], voice: Voice, held: Mapping[str, int]) -> None:
        self._voice = voice
        self._lock = threading.Lock()
        self._told = 0.0
        self._held = {name: size for name, size in held.items() if size}
        self._all = _Pace(sum(sizes.values()))
        self._sizes = dict(sizes)
        self._files: dict[str, _Pace] = {}
        self._moved: set[str] = set()

    def count(self, name: str, more: int) -> None:
        """Count bytes of one transfer; a part thrown away counts back."""
        with self._lock:
            file = self._files.setdefault(name, _Pace(self._sizes[name]))
            held = self._held.pop(name, 0) == more
            for pace in (file, self._all):
                pace.count(more, held=held)
            self._moved.add(name)
            now = time.monotonic()
            if now - self._told < _EVENT_EVERY_S and self._all.bytes < self._all.total:
                return
            self._told = now
            event = self._event(now)
        self._voice.tell(event)

    def _event(self, now: float) -> dict[str, object]:
        """One event for all: `files` are those that moved since the last one."""
        files = [
            {"frame": name, "done": pace.bytes, "total": pace.total, "text": pace.words(now)}
            for name, pace in self._files.items()
            if name in self._moved
        ]
        self._moved.clear()
        return {
            "event": "progress",
            "stage": NAME,
            "unit": "bytes",
            "done": self._all.bytes,
            "total": self._all.total,
            "text": self._all.words(now),
            "files": files,
        }
