"""The app in a pseudo-terminal: first paint, first candidate shown, and the time from a key to its frame.

    python benchmarks/desk.py [--candidates 100000] [--runs 7] [--size 80x24]

Candidates are made up and SIMULATED. Prints a Markdown table of medians and worst values.
"""

import argparse
import os
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

QUIET = 0.15


class Terminal:
    """The app under a pseudo-terminal that answers no question."""

    def __init__(self, folder: str, columns: int, rows: int) -> None:
        self.seen = b""
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-P", "-m", "tui", "-C", folder])
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def reads(self, patience: float) -> Iterator[bytes]:
        """Yield what comes until nothing comes for `patience` seconds."""
        while select.select([self.fd], [], [], patience)[0]:
            try:
                yield os.read(self.fd, 1 << 16)
            except OSError:
                return

    def until(self, words: bytes, patience: float = 20.0) -> float:
        """Return seconds since the start when `words` were first drawn."""
        for part in self.reads(patience):
            self.seen += part
            if words in self.seen:
                return time.perf_counter() - self.began
        raise SystemExit(f"the app never drew {words!r}")

    def key(self, key: bytes) -> tuple[float, float]:
        """Press a key; return milliseconds to its first byte and to its last before a pause."""
        for _ in self.reads(QUIET):
            pass
        pressed = time.perf_counter()
        os.write(self.fd, key)
        first = last = 0.0
        for _ in self.reads(QUIET):
            last = 1e3 * (time.perf_counter() - pressed)
            first = first or last
        return first, last

    def memory(self) -> float:
        """Return resident memory in MB, NaN where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return float("nan")
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def leave(self) -> None:
        """Quit and wait for the process."""
        os.write(self.fd, b"q")
        for _ in self.reads(5.0):
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def main() -> None:
    """Make the project, start the app so many times, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--size", default="80x24")
    words = parser.parse_args()
    columns, rows = map(int, words.size.split("x"))
    from vet_project import make_vet_project

    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        make_vet_project(Path(folder), words.candidates)
        for _ in range(words.runs):
            terminal = Terminal(folder, columns, rows)
            figures.setdefault("first paint (s)", []).append(terminal.until(b" rank "))
            figures.setdefault("first candidate drawn (s)", []).append(terminal.until(b"110.80005"))
            for _ in range(10):
                first, last = terminal.key(b"j")
                figures.setdefault("key j to first byte (ms)", []).append(first)
                figures.setdefault("key j to last byte, cutouts included (ms)", []).append(last)
            figures.setdefault("resident memory (MB)", []).append(terminal.memory())
            terminal.leave()
    print(f"{words.candidates} SIMULATED candidates, {words.size}, {words.runs} starts\n")
    print("| what | median | worst |\n|---|---:|---:|")
    for name, values in figures.items():
        print(f"| {name} | {statistics.median(values):.3g} | {max(values):.3g} |")


if __name__ == "__main__":
    main()
