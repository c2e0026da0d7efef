"""Seconds and peak memory of each stage on a simulated field of five frames.

    python benchmarks/stages.py [--size 1024] [--seed 1]

Prints a Markdown table: wall seconds of the simulation and of each command as a user would type it (worker
processes and imports included), and the largest resident memory of any one process.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis.config import Config, as_toml
from analysis.simulate import simulate_field


def main() -> None:
    """Simulate, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="side of the short-wave mosaics in pixels")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    print(f"five SIMULATED frames, short-wave side {words.size} px, seed {words.seed}\n")
    print("| step | seconds | peak memory so far (MB) |\n|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "config.toml").write_text(as_toml(Config(target_name="SIMULATED field")))
        began = time.perf_counter()
        simulate_field(root / "data" / "products", size=words.size, seed=words.seed)
        _row("simulate", began, resource.RUSAGE_SELF)
        for command in ("images", "rank", "report", "run"):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-P", "-m", "tui", "-C", folder, command],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            _row(f"{command}, nothing new" if command == "run" else command, began, resource.RUSAGE_CHILDREN)


def _row(name: str, began: float, who: int) -> None:
    """Print one row."""
    peak = resource.getrusage(who).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"| {name} | {time.perf_counter() - began:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
