"""Work done beside the app by a process of its own: heard to its end, what it complains of told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from store.project import Project
from tui.cli import BUG
from tui.text import clean

POLL_SECONDS = 0.2
LOG_NAME = "jwst-vet.log"


class Beside:
    """A process that may end before the app does, or be ended with it."""

    def __init__(self, project: Project, what: str, command: Sequence[str]) -> None:
        self.what = what
        self._command = list(command)
        self._log = project.log / LOG_NAME
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def trouble(self, gives_up: Callable[[], bool]) -> str:
        """Wait, from a thread, for its end; give one line on what went wrong, empty where nothing did."""
        while True:
            try:
                _, complaint = self._process.communicate(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if gives_up():
                    return ""
            else:
                return self._told(self._process.returncode, complaint)

    def end(self) -> None:
        """End it: what it has not kept is computed when asked for again."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _told(self, code: int, complaint: str) -> str:
        lines = [clean(line).removeprefix("jwst-vet: ") for line in complaint.splitlines() if line.strip()]
        if code and not lines:
            lines = [f"ended by signal {-code}" if code < 0 else f"ended with code {code} without a word"]
        if not lines:
            return ""
        _write(self._log, self.what, lines)
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        return f"{lines[-1 if code == BUG else 0]}{more}; {self._log.name} in {self._log.parent} has it"


def _write(log: Path, what: str, lines: Sequence[str]) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with log.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{at} {what}: {line}\n" for line in lines)


def own_command(project: Project, *words: str) -> list[str]:
    """Give the command line that does something on a project in a process of its own."""
    return [sys.executable, "-P", "-m", "tui", "-C", str(project.root), *words]
