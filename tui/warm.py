"""The warm evidence process as the app sees it: started when needed, asked by name, heard in a thread."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from store.own_lists import ListProject
from store.project import Project

Listener = Callable[[Mapping[str, Any]], None]
"""Takes what the process says of a candidate; called from a thread."""


class WarmProcess:
    """Science stays out of the app's process: this one holds the libraries and the open frames."""

    def __init__(self, project: Project, listener: Listener) -> None:
        self._project = project
        self._listener = listener
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._pending: list[str] = []

    def request(self, candidate: str) -> None:
        """Ask for a candidate's checks; to be called from a thread, for the first call starts the process."""
        with self._lock:
            if candidate in self._pending:
                return
            self._pending.append(candidate)
            process = self._process
            if process is None or process.poll() is not None:
                process = self._process = self._start()
            assert process.stdin is not None
            try:
                process.stdin.write(candidate + "\n")
                process.stdin.flush()
            except OSError as error:
                self._pending.remove(candidate)
                self._listener({"candidate": candidate, "problem": f"the evidence process ended: {error}"})

    def close(self) -> None:
        """Let the process end: its input is closed, and it holds nothing that could be lost."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            process.terminate()
            process.wait()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "analysis.stages.warm", str(self._project.root)]
        command += [self._project.name] if isinstance(self._project, ListProject) else []
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._hear, args=(process,), name="evidence", daemon=True).start()
        return process

    def _hear(self, process: subprocess.Popen[str]) -> None:
        """Hand on every line; say for whom nothing will come when the process ends."""
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                words = json.loads(line)
                with self._lock:
                    if "seconds" in words or "problem" in words:
                        self._pending = [name for name in self._pending if name != words.get("candidate")]
                if "candidate" in words:
                    self._listener(words)
        complaint = _last_line(process.stderr)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()
        with self._lock:
            left, self._pending = self._pending, []
        for name in left:
            self._listener({"candidate": name, "problem": complaint})


def _last_line(stream: IO[str] | None) -> str:
    """Return the last line of a complaint."""
    lines = stream.read().strip().splitlines() if stream is not None else []
    return lines[-1] if lines else "the evidence process ended without a word"
