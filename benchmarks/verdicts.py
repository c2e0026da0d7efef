"""From a verdict's key to the disk: idle, and while another process writes a million rows into the project.

    python benchmarks/verdicts.py [--rows 1000000] [--candidates 10000] [--keys 300] [--calls 10000]

The keys go to the real app in a pseudo-terminal, five a second; the journal's flush is stamped by the app's
own process on the clock that both share. The calls are `Desk.decide` one after another, in a process that
draws nothing. Candidates and rows are made up and SIMULATED. Prints a Markdown table of milliseconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
PACE = 0.2
KEYS = (b"y", b"n")

# The app as it is, but that each flush leaves its time (seconds of the monotonic clock) in a file.
STAMPED = """
import sys, time
from pathlib import Path
from store import journal
real = journal._write_durably
stamps = open(sys.argv[2], "a", buffering=1)
def stamped(*facts):
    real(*facts)
    stamps.write(f"{time.monotonic()}\\n")
journal._write_durably = stamped
from tui.cli import main
sys.exit(main(["-C", sys.argv[1]]))
"""

# Saves frames of so many rows, as a run does, until it is ended; a line when the first lease is taken.
WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
from store.database import Database
from store.project import Project
from vet_project import make_frame
database = Database(Project(Path(sys.argv[1])).database)
print("writing", flush=True)
while True:
    make_frame(database, int(sys.argv[2]))
    print("written", flush=True)
"""


def write_rows(root: Path, rows: int) -> "subprocess.Popen[str]":
    """Start a process that writes so many rows over and over."""
    words = [sys.executable, "-c", WRITER, str(root), str(rows), str(ROOT / "tests")]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def by_keys(root: Path, count: int) -> list[float]:
    """Type verdicts into the app; give the milliseconds from each key to its line on the disk."""
    from desk import Terminal

    stamps = root / "stamps"
    stamps.write_text("")
    app = Terminal(["-c", STAMPED, str(root), str(stamps)], 80, 24, answers=True)
    app.until(b" left")
    took, refused = [], []
    for number in range(count):
        for _ in app.reads(PACE):
            pass
        before = len(stamps.read_text().splitlines())
        while True:
            typed = time.monotonic()
            os.write(app.fd, KEYS[number % 2])
            lines = _until_longer(app, stamps, before)
            if lines:
                break
            refused.append(number)
        took.append(1e3 * (float(lines[before]) - typed))
    os.write(app.fd, b"q")
    for _ in app.reads(2.0):
        pass
    os.waitpid(app.pid, 0)
    if refused:
        print(f"refused with a word on the screen, and typed again: {len(refused)}", file=sys.stderr)
    return took


def _until_longer(app: Any, stamps: Path, before: int) -> list[str]:
    """Read what the app draws until a further flush is stamped; [] where the app refused the key."""
    end = time.monotonic() + 30
    while len(lines := stamps.read_text().splitlines()) == before:
        if any(b"NOT decided" in part for part in app.reads(0.0)):
            return []
        time.sleep(0.002)
        if time.monotonic() > end:
            raise SystemExit("a key was neither refused nor on the disk after 30 s")
    return lines


def by_calls(root: Path, count: int) -> list[float]:
    """Decide through the desk; give the milliseconds of each call."""
    from analysis.config import load
    from store.candidates import candidate_order, candidate_rows
    from store.database import Database
    from store.project import Project
    from tui.desk import Desk

    project = Project(root)
    desk = Desk(project, load(root / "config.toml"))
    desk.open()
    names = candidate_order(Database(project.database))[:1000]
    rows = candidate_rows(Database(project.database), names)
    took = []
    for number in range(count):
        row = rows[names[number % len(names)]]
        start = time.perf_counter()
        desk.decide(row, "label", {"label": ("known", "discuss")[number % 2]}, 1.0)
        took.append(1e3 * (time.perf_counter() - start))
    return took


def by_flushes(root: Path, count: int) -> list[float]:
    """Append lines of 500 bytes to a file and flush each: what the disk alone takes, in milliseconds."""
    took = []
    with (root / "plain").open("ab", buffering=0) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(bytes(500))
            os.fsync(file.fileno())
            took.append(1e3 * (time.perf_counter() - start))
    return took


def main() -> None:
    """Measure both ways, idle and beside a writer, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--calls", type=int, default=10_000)
    words = parser.parse_args()
    from vet_project import make_vet_project

    ways: dict[str, Callable[[Path], list[float]]] = {
        f"500 bytes flushed, no program ({words.calls})": lambda root: by_flushes(root, words.calls),
        f"a key in the app ({words.keys})": lambda root: by_keys(root, words.keys),
        f"a call of the desk ({words.calls})": lambda root: by_calls(root, words.calls),
    }
    print(
        "| from … to the disk (ms) | beside | median | 95 % | 99 % | worst |\n|---|---|---:|---:|---:|---:|"
    )
    for name, measure in ways.items():
        for rows in (0, words.rows):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder) / "field"
                make_vet_project(root, words.candidates)
                writer = write_rows(root, rows) if rows else None
                took = measure(root)
                if writer is not None:
                    writer.kill()
                    writer.communicate()
            beside = f"{rows:,} rows being written" if rows else "nothing"
            middle, high, top = np.percentile(took, [50, 95, 99])
            print(
                f"| {name} | {beside} | {middle:.1f} | {high:.1f} | {top:.1f} | {max(took):.1f} |", flush=True
            )


if __name__ == "__main__":
    main()
