"""The real app in a pseudo-terminal, on a SIMULATED project of 1,000,000 sources and 10,000 candidates.

    python benchmarks/desk.py [--candidates 10000] [--sources 1000000] [--starts 7] [--keys 60] [--size 80x24]

Prints a Markdown table: median, 95th percentile, the aim, and whether it was met. Times of a shared machine
are noisy: the start of an app with one line of text, measured in turn with ours, tells how fast it was.
"""

import argparse
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

import numpy as np
from desk_project import make_project

from analysis.config import load
from tui.desk import Desk
from tui.hints import Hints, state_folder
from tui.listing import ORDERS, Query

QUIET = 0.12
ONE_LINE = """
from textual.app import App
from textual.widgets import Static
class One(App):
    def compose(self):
        yield Static("one line")
One().run()
"""
FIELD = """
import sys
from pathlib import Path
from analysis.simulate import simulate_field
simulate_field(Path(sys.argv[1]), size=2048)
"""
REPLY = b"\x1b[?62;c"
FORBIDDEN = ("sklearn", "photutils")


class Terminal:
    """A program under a pseudo-terminal, which answers the question of what it is or stays mute."""

    def __init__(self, words: list[str], columns: int, rows: int, *, answers: bool = False) -> None:
        self.seen = b""
        self.answers = answers
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for name in ("TMUX", "STY", "NO_COLOR", "COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE"):
                os.environ.pop(name, None)
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-P", *words])
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def reads(self, patience: float) -> Iterator[bytes]:
        """Yield what comes until nothing comes for `patience` seconds."""
        while select.select([self.fd], [], [], patience)[0]:
            try:
                part = os.read(self.fd, 1 << 16)
            except OSError:
                return
            if self.answers and b"\x1b[c" in part:
                os.write(self.fd, REPLY)
            yield part

    def until(self, words: bytes, patience: float = 60.0) -> float:
        """Return seconds since the start when `words` were first drawn."""
        if words in self.seen:
            return time.perf_counter() - self.began
        for part in self.reads(patience):
            self.seen += part
            if words in self.seen:
                return time.perf_counter() - self.began
        raise SystemExit(f"never drawn: {words!r}")

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

    def cpu(self) -> float:
        """Return seconds of processor time so far."""
        facts = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")

    def loaded(self) -> list[str]:
        """Name the forbidden packages that have a library in the process."""
        maps = Path(f"/proc/{self.pid}/maps").read_text()
        return [name for name in FORBIDDEN if f"/{name}/" in maps]

    def leave(self, key: bytes = b"q") -> None:
        """Quit and wait for the process."""
        os.write(self.fd, key)
        for _ in self.reads(5.0):
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@dataclass
class Figures:
    """Values by what was measured, and the aim for each: which percentile, at most how much."""

    values: dict[str, list[float]] = field(default_factory=dict)
    aims: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, name: str, value: float, percentile: int = 50, aim: float = float("inf")) -> None:
        """Note one value."""
        self.values.setdefault(name, []).append(value)
        self.aims[name] = (percentile, aim)

    def table(self) -> str:
        """Write the table."""
        lines = ["| what | median | p95 | aim | met |", "|---|---:|---:|---:|---|"]
        for name, values in self.values.items():
            percentile, aim = self.aims[name]
            middle, high = (float(np.percentile(values, p)) for p in (50, 95))
            met = (
                ""
                if aim == float("inf")
                else "yes"
                if (high if percentile == 95 else middle) <= aim
                else "NO"
            )
            wanted = "" if aim == float("inf") else f"{'p95 ' if percentile == 95 else ''}≤ {aim:g}"
            lines.append(f"| {name} | {middle:.3g} | {high:.3g} | {wanted} | {met} |")
        return "\n".join(lines)


def starts(figures: Figures, app: list[str], size: tuple[int, int], total: int, count: int) -> None:
    """Measure starts: ours with a terminal that answers, ours with a mute one, and one line of text."""
    waits: dict[bool, list[float]] = {True: [], False: []}
    # Not counted: it leaves the bytecode that an installation has.
    terminal = Terminal(app, *size, answers=True)
    terminal.until(f"{total} left".encode())
    terminal.leave()
    for _ in range(count):
        terminal = Terminal(["-c", ONE_LINE], *size)
        figures.add("an app with one line of text: first paint (s)", terminal.until(b"one line"))
        terminal.leave(b"\x11")
        for answers in (True, False):
            terminal = Terminal(app, *size, answers=answers)
            painted = terminal.until(b" rank ")
            waits[answers].append(painted)
            if answers:
                figures.add("first paint (s)", painted, aim=0.6)
                terminal.until(b"\xe2\x96\x80")
                figures.add("usable: pictures, whole list, keys act (s)", _usable(terminal, total), aim=1.2)
            terminal.leave()
    # The difference of medians, because single starts differ by more than it is.
    mute = float(np.median(waits[False]) - np.median(waits[True]))
    figures.add("a mute terminal costs more (s)", mute, aim=0.2)


def _usable(terminal: Terminal, total: int) -> float:
    """Type ahead, and return seconds since the start when the second candidate is on screen."""
    terminal.until(f"{total} left".encode())
    os.write(terminal.fd, b"j")
    return terminal.until(b"J110.80001-73.40001")


def keys(figures: Figures, terminal: Terminal, name: str, count: int, aim: float) -> None:
    """Measure keys: to the first byte of the frame, and to the last one with the pictures in it."""
    for _ in range(count):
        first, last = terminal.key(b"j")
        figures.add(f"key to frame, {name} (ms)", first, 95, aim)
        figures.add(f"next candidate with its pixels, {name} (ms)", last, 95, 100)


def analysing(folder: Path) -> subprocess.Popen[bytes]:
    """Start a run that measures images on both cores, for as long as we measure."""
    made = subprocess.run([sys.executable, "-c", FIELD, str(folder)], check=False)
    if made.returncode:
        raise SystemExit("the field to analyse could not be made")
    program = f"{sys.executable} -P -m tui"
    again = f"cd {folder} && while true; do rm -rf p && mkdir -p p && cd p && {program} init >/dev/null"
    again += f" && {program} images {folder}/*_i2d.fits >/dev/null 2>&1; cd ..; done"
    return subprocess.Popen(["sh", "-c", again], start_new_session=True)


def lists(figures: Figures, rows: int) -> None:
    """Measure filters and orders over a ranking of so many rows, as the app asks for them."""
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder), rows, 10, 0)
        desk = Desk(project, load(project.root / "config.toml"))
        desk.open()
        queries = [Query(order=order) for order in range(len(ORDERS))]
        queries += [Query(text="110.9"), Query(band="F200W"), Query(label="undecided")]
        for query in queries * 3:
            begun = time.perf_counter()
            desk.listed(query)
            words = query.words() or "by rank"
            figures.add(f"{rows} rows: {words} (ms)", 1e3 * (time.perf_counter() - begun), aim=200)


def measure(folder: Path, words: argparse.Namespace) -> Figures:
    """Make the project and measure everything."""
    figures = Figures()
    size = tuple(map(int, words.size.split("x")))
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    # As in a second sitting: the hints of the first one were seen.
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    hints = Hints(state_folder() / "hints.json")
    hints.toggle()
    hints.keep()
    make_project(folder / "desk", words.candidates, words.sources, 3 * words.keys + 20)
    app = ["-m", "tui", "-C", str(folder / "desk")]
    starts(figures, app, size, words.candidates, words.starts)
    terminal = Terminal(app, *size, answers=True)
    terminal.until(f"{words.candidates} left".encode())
    keys(figures, terminal, "idle", words.keys, 30)
    if Path("/proc").is_dir():
        for _ in terminal.reads(2.0):
            pass
        before, begun = terminal.cpu(), time.perf_counter()
        for _ in terminal.reads(10.0):
            pass
        figures.add(
            "processor when idle (%)", 100 * (terminal.cpu() - before) / (time.perf_counter() - begun), aim=1
        )
    if not words.no_run:
        run = analysing(folder / "run")
        try:
            time.sleep(5)  # until it is past its imports
            keys(figures, terminal, "while a run analyses", words.keys, 60)
        finally:
            os.killpg(run.pid, 15)
            run.wait()
    figures.add("the app's memory (MB)", terminal.memory(), aim=250)
    if Path("/proc").is_dir():
        figures.add(f"of {' and '.join(FORBIDDEN)} in the process", len(terminal.loaded()), aim=0)
    terminal.leave()
    lists(figures, words.sources)
    return figures


def main() -> None:
    """Read the words, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--sources", type=int, default=1_000_000)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--no-run", action="store_true", help="leave out the keys while a run analyses")
    words = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        figures = measure(folder, words)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    made = f"{words.candidates} candidates, {words.sources} sources, SIMULATED"
    print(f"{made}; {words.size}, {words.starts} starts\n")
    print(figures.table())


if __name__ == "__main__":
    main()
