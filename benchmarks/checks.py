"""The checks on simulated skies: how fast, how many artefacts they fail, how many galaxies, how many pass.

    python benchmarks/checks.py [--size 2048] [--seed 501] [--artifacts 160] [--speed-only | --rates-only]

Speed: the stage as a user types it, on a measured and ranked field of four bands and a second epoch, without
network, then one candidate after another in the warm process. Rates: check 3 on detections at injected
artefacts and on galaxies, check 4 on detections above S/N 10; a detection belongs to what it lies on. A
detection at an artefact's place that has a galaxy's position and magnitude is that galaxy's and is left out.
"""

import argparse
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.config import Config, as_toml
from analysis.simulate import simulate_field
from analysis.stages.examining import Examiner, make_bench
from store.database import Database
from store.project import Project
from store.sources import load_sources

REACH = {"cosmic_ray": 0.35, "hot_pixel": 0.15, "snowball": 0.6}
NOBODY = ",".join(f"{name}=http://127.0.0.1:9" for name in ("simbad", "gaia", "ned", "vizier", "sso"))


def run(root: Path, *words: str) -> float:
    """Run a command of the program; seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", "tui", "-C", str(root), *words]
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"JWST_VET_TAP_URLS": NOBODY}
    )
    return time.perf_counter() - began


def project(root: Path, size: int, seed: int, artifacts: int | None) -> Project:
    """Simulate, measure and rank a field."""
    (root / "config.toml").write_text(as_toml(Config(target_name="SIMULATED field")))
    simulate_field(root / "data" / "products", size=size, seed=seed, n_artifacts=artifacts)
    run(root, "images")
    run(root, "rank")
    return Project(root)


def speed(root: Path) -> None:
    """Time the stage and the warm process."""
    print(f"| checks of the first 30 candidates (s) | {run(root, 'checks'):.1f} |")
    print(f"| again, nothing changed (s) | {run(root, 'checks'):.1f} |")
    names = pd.read_csv(root / "outputs" / "tables" / "ranked_candidates.csv")["candidate"].tolist()
    database = Database(Project(root).database)
    with database.write() as cursor:
        cursor.execute("DELETE FROM computed_checks")
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "analysis.stages.warm", str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"JWST_VET_TAP_URLS": NOBODY},
    )  # fmt: skip
    process.stdout.readline()
    took = []
    for name in names[:12]:
        began = time.perf_counter()
        process.stdin.write(name + "\n")
        process.stdin.flush()
        process.stdout.readline()
        took.append(time.perf_counter() - began)
        process.stdout.readline()
    process.stdin.close()
    process.wait()
    print(f"| one candidate in the warm process, the first one (s) | {took[0]:.2f} |")
    print(f"| one candidate in the warm process, median of the others (s) | {np.median(took[1:]):.2f} |")


def rates(root: Path) -> None:
    """Count the outcomes of checks 3 and 4 on what was put in."""
    from analysis.checks.subject import Place

    truth = pd.read_csv(root / "data" / "products" / "simulated_truth.csv")
    db = Database(Project(root).database)
    sources = load_sources(db)
    sources = sources[sources["snr"] >= 5].reset_index(drop=True)
    galaxies = truth[truth["kind"] == "galaxy"]
    with Examiner(make_bench(Project(root), Config(), db, [])) as examiner:

        def outcome(row: pd.Series, name: str) -> str:
            place = Place(
                "c", row.ra, row.dec, row.frame, row.snr, row.r_kron_arcsec, row.r50_arcsec, row.ellipticity,
                row.theta_deg, ranking={"rank_low": None, "rank_high": None, "places": {}},
            )  # fmt: skip
            return examiner.examine(place, [name])[0][0].outcome

        total: Counter[str] = Counter()
        for kind, reach in REACH.items():
            counts: Counter[str] = Counter()
            for _, one in truth[truth["kind"] == kind].iterrows():
                row = nearest(sources[sources["frame"] == one["frame"]], one, reach)
                if row is not None and not is_a(galaxies, row):
                    counts[outcome(row, "psf_or_cosmic_ray")] += 1
            total += counts
            share(f"check 3 fails {kind.replace('_', ' ')}s", counts, "fail")
        share("check 3 fails all three", total, "fail")
        rng = np.random.default_rng(1)
        counts, fourth = Counter(), Counter()
        for i in rng.permutation(len(sources)):
            row = sources.loc[i]
            if not is_a(galaxies, row):
                continue
            if counts.total() < 400:
                counts[outcome(row, "psf_or_cosmic_ray")] += 1
            if row.snr > 10 and fourth.total() < 300:
                fourth[outcome(row, "thresholds")] += 1
        share("check 3 fails galaxies", counts, "fail")
        share("check 4 passes galaxies above S/N 10", fourth, "pass")


def nearest(rows: pd.DataFrame, one: pd.Series, reach: float) -> pd.Series | None:
    """The detection of highest S/N within reach of a place."""
    distance = apart(rows, one)
    near = rows[distance < reach]
    return None if near.empty else near.loc[near["snr"].idxmax()]


def apart(rows: pd.DataFrame, one: pd.Series) -> pd.Series:
    """Distances, arcsec."""
    return np.hypot((rows["ra"] - one.ra) * math.cos(math.radians(one.dec)), rows["dec"] - one.dec) * 3600


def is_a(galaxies: pd.DataFrame, row: pd.Series) -> bool:
    """Whether a detection has place and magnitude of a galaxy that was put in."""
    magnitude = galaxies[f"mag_{row['filter'].lower()}"]
    return bool(((apart(galaxies, row) < 0.12) & ((magnitude - row.mag_ab).abs() < 0.7)).any())


def share(words: str, counts: Counter[str], wanted: str) -> None:
    """Print one row."""
    n = counts.total()
    value = f"{100 * counts[wanted] / n:.1f} % of {n}" if n else "none"
    print(f"| {words} | {value} ({dict(counts)}) |", flush=True)


def main() -> None:
    """Do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=501)
    parser.add_argument("--artifacts", type=int, default=160)
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--rates-only", action="store_true")
    words = parser.parse_args()
    print(f"SIMULATED, short-wave side {words.size} px, seed {words.seed}; {platform.platform()}\n")
    print("| what | value |\n|---|---|")
    if not words.rates_only:
        with tempfile.TemporaryDirectory() as folder:
            project(Path(folder), words.size, words.seed, None)
            speed(Path(folder))
    if not words.speed_only:
        with tempfile.TemporaryDirectory() as folder:
            project(Path(folder), words.size, words.seed + 1, words.artifacts)
            rates(Path(folder))


if __name__ == "__main__":
    main()
