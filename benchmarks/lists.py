"""Lists over a million candidates, and ten thousand ranked by other weights: medians of the app's own calls.

    python benchmarks/lists.py [--rows 1000000] [--candidates 10000] [--runs 7]

Candidates are made up and SIMULATED. Prints a Markdown table of medians and worst values.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

WEIGHTS = {"anomaly": 0.1, "snr": 0.5, "artifact": 0.3, "consistency": 0.1}


def measure(what: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return median and worst milliseconds of so many calls."""
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        what()
        took.append(1e3 * (time.perf_counter() - start))
    return statistics.median(took), max(took)


def main() -> None:
    """Make both projects, list and rank, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=7)
    words = parser.parse_args()
    from vet_project import make_vet_project, name_of

    from tui.desk import Desk
    from tui.listing import Query
    from tui.whatif import reweigh

    queries = {
        "sort by S/N": Query(order=1),
        "sort by brightness, backwards": Query(order=3, reverse=True),
        "band and score": Query(band="F200W", score_low=0.5),
        "text": Query(text="10.8012"),
        "cone of 5 arcsec": Query(cone=(110.9, -73.5, 5.0)),
        "undecided, by rank": Query(label="undecided"),
        "not decided by anyone, by S/N": Query(hide="anyone", order=1),
    }
    print("| what | median (ms) | worst (ms) |\n|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(*make_vet_project(Path(folder) / "many", words.rows))
        desk.open()
        desk.decide_all([name_of(k) for k in range(1000)], {"label": "ordinary"})
        first, _ = measure(lambda: desk.listed(Query()), 1)
        print(f"| names of {words.rows} rows, once | {first:.0f} | |")
        for name, query in queries.items():
            median, worst = measure(lambda query=query: desk.listed(query), words.runs)
            print(f"| {name}, {words.rows} rows | {median:.0f} | {worst:.0f} |")
        desk = Desk(*make_vet_project(Path(folder) / "few", words.candidates))
        desk.open()
        desk.queue.terms()
        median, worst = measure(lambda: reweigh(desk.queue, WEIGHTS, name_of(7)), words.runs)
        print(f"| other weights, {words.candidates} candidates ranked anew | {median:.1f} | {worst:.1f} |")


if __name__ == "__main__":
    main()
