"""Pictures in the app, in a pseudo-terminal: the time from a key to its frame and to all pixels.

    python benchmarks/pictures.py [--candidates 60] [--size 120x40] [--moves 40]

Candidates are made up and SIMULATED. Each key is pressed once the one before has been answered and the next
candidates are painted, as a person does who looks at them. Prints a Markdown table: medians, 95th
percentiles, bytes, memory, and which science packages the app's process holds.
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

QUIET = 0.3
REPLIES = {
    "half": b"\x1bP>|plain\x1b\\\x1b[6;20;10t\x1b[?62;c",
    "kitty": b"\x1bP>|kitty(0.32.2)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c",
    "sixel": b"\x1bP>|XTerm(388)\x1b\\\x1b[6;20;10t\x1b[?64;1;2;4;6c",
}
HEAVY = ("sklearn", "photutils", "matplotlib", "pandas", "scipy")
KEYS = {"next candidate (j)": b"j", "stretch (s)": b"s", "overlay (a)": b"a", "composite (v)": b"v"}


class Terminal:
    """The app under a pseudo-terminal that answers as one that speaks a protocol."""

    def __init__(self, folder: str, columns: int, rows: int, reply: bytes) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for name in ("TMUX", "STY", "NO_COLOR", "SSH_CONNECTION"):
                os.environ.pop(name, None)
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execv(sys.executable, [sys.executable, "-P", "-m", "tui", "-C", folder])
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        seen = b""
        for part in self.reads(20.0):
            seen += part
            if b"\x1b[c" in seen and reply:
                os.write(self.fd, reply)
                reply = b""
            if b"110.80005" in seen:
                break

    def reads(self, patience: float) -> Iterator[bytes]:
        """Yield what comes until nothing comes for `patience` seconds."""
        while select.select([self.fd], [], [], patience)[0]:
            try:
                yield os.read(self.fd, 1 << 16)
            except OSError:
                return

    def key(self, key: bytes) -> tuple[float, float, int]:
        """Press a key; give milliseconds to the first and to the last byte of its answer, and the bytes."""
        for _ in self.reads(QUIET):
            pass
        pressed = time.perf_counter()
        os.write(self.fd, key)
        first = last = 0.0
        count = 0
        for part in self.reads(QUIET):
            last = 1e3 * (time.perf_counter() - pressed)
            first = first or last
            count += len(part)
        return first, last, count

    def cpu(self) -> float:
        """Give the milliseconds of a core that the process has used, NaN where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Give resident memory in MB, NaN where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return float("nan")
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def packages(self) -> str:
        """Name the heavy packages whose libraries the process has mapped."""
        try:
            maps = Path(f"/proc/{self.pid}/maps").read_text()
        except OSError:
            return "unknown"
        return " ".join(name for name in HEAVY if f"/{name}/" in maps) or "none"

    def leave(self) -> None:
        """Quit and wait for the process."""
        os.write(self.fd, b"q")
        for _ in self.reads(5.0):
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def make_project(folder: Path, count: int) -> None:
    """Make candidates that all have cutouts."""
    from vet_project import cutout_set, make_vet_project, name_of

    from analysis.cutouts import save_cutouts
    from store.project import slug

    project, _ = make_vet_project(folder, count)
    for number in range(count):
        save_cutouts(project.cutout_cache / f"{slug(name_of(number))}.npz", cutout_set(number))


def p95(values: list[float]) -> float:
    """Give the 95th percentile."""
    return sorted(values)[min(len(values) - 1, round(0.95 * (len(values) - 1)))]


def main() -> None:
    """Make the project, walk it with each protocol, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--moves", type=int, default=40)
    words = parser.parse_args()
    columns, rows = map(int, words.size.split("x"))
    print(f"{words.candidates} SIMULATED candidates of five frames, {words.size}; milliseconds\n")
    print("| protocol | key | first byte p50 | p95 | all pixels p50 | p95 | kB | CPU ms | MB | packages |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder), words.candidates)
        for protocol, reply in REPLIES.items():
            terminal = Terminal(folder, columns, rows, reply)
            for name, key in KEYS.items():
                times = words.moves if key == b"j" else max(4, words.moves // 4)
                began = terminal.cpu()
                found = [terminal.key(key) for _ in range(times)]
                used = (terminal.cpu() - began) / times
                first, last = [one[0] for one in found], [one[1] for one in found]
                sent = statistics.median(one[2] for one in found) / 1e3
                print(
                    f"| {protocol} | {name} | {statistics.median(first):.1f} | {p95(first):.1f} | "
                    f"{statistics.median(last):.1f} | {p95(last):.1f} | {sent:.0f} | {used:.0f} | "
                    f"{terminal.memory():.0f} | {terminal.packages()} |",
                    flush=True,
                )
            terminal.leave()


if __name__ == "__main__":
    main()
