"""The checks on simulated skies: how fast, how many artefacts they fail, how many galaxies, how many pass.

    python benchmarks/checks.py [--size 2048] [--seed 501 ...] [--artifacts 160] [--speed-only | --rates-only]

Speed: the stage as a user types it, on a measured and ranked field of four bands and a second epoch, without
network, then one candidate after another in the warm process. Rates: check 3 on detections at injected
artefacts and on galaxies, check 4 on galaxies above S/N 10. A detection stands for an artefact where that
gave half of the light within its half-light radius or more, which the same field made without artefacts
tells; detections to which artefacts add less are counted apart: there the candidate is what they lie on.
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
from astropy.io import fits

from analysis.checks.subject import Place
from analysis.checks.surroundings import look
from analysis.config import Config, as_toml
from analysis.simulate import simulate_field
from analysis.stages.examining import Examiner, facts_of, make_bench
from store.database import Database
from store.project import Project
from store.sources import load_sources

REACH = {"cosmic_ray": 0.35, "hot_pixel": 0.15, "snowball": 0.6}
MOSTLY, GALAXIES = 0.5, 300
NOBODY = ",".join(f"{name}=http://127.0.0.1:9" for name in ("simbad", "gaia", "ned", "vizier", "sso"))


def run(root: Path, *words: str) -> float:
    """Run a command of the program; seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", "tui", "-C", str(root), *words]
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"JWST_VET_TAP_URLS": NOBODY}
    )
    return time.perf_counter() - began


def measured(root: Path, size: int, seed: int, artifacts: int | None) -> None:
    """Simulate and measure a field."""
    (root / "config.toml").write_text(as_toml(Config(target_name="SIMULATED field")))
    simulate_field(root / "data" / "products", size=size, seed=seed, n_artifacts=artifacts)
    run(root, "images")


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


def rates(root: Path, seed: int) -> None:
    """Count the outcomes of checks 3 and 4 on what was put in."""
    truth = pd.read_csv(root / "data" / "products" / "simulated_truth.csv")
    db = Database(Project(root).database)
    sources = load_sources(db)
    sources = sources[sources["snr"] >= 5].reset_index(drop=True)
    galaxies = truth[truth["kind"] == "galaxy"]
    added = artifact_light(root, seed)
    with Examiner(make_bench(Project(root), Config(), db, [])) as examiner:

        def outcome(row: pd.Series, name: str) -> str:
            return examiner.examine(place_of(row), [name])[0][0].outcome

        total: Counter[str] = Counter()
        minor: Counter[str] = Counter()
        for kind, reach in REACH.items():
            counts: Counter[str] = Counter()
            unseen = 0
            for _, one in truth[truth["kind"] == kind].iterrows():
                row = nearest(sources[sources["frame"] == one["frame"]], one, reach)
                if row is None:
                    unseen += 1
                    continue
                mostly = part(examiner, added[row["frame"]], row) >= MOSTLY
                (counts if mostly else minor)[outcome(row, "psf_or_cosmic_ray")] += 1
            total += counts
            share(f"check 3 fails {kind.replace('_', ' ')}s", counts, "fail")
            print(f"| {kind.replace('_', ' ')}s without a detection at S/N 5 | {unseen} |")
        share("check 3 fails all three", total, "fail")
        share("check 3 fails detections to which one adds less than half", minor, "fail")
        rng = np.random.default_rng(1)
        counts, fourth = Counter(), Counter()
        for i in rng.permutation(len(sources)):
            row = sources.loc[i]
            if not is_a(galaxies, row):
                continue
            if counts.total() < GALAXIES:
                counts[outcome(row, "psf_or_cosmic_ray")] += 1
            if row.snr > 10 and fourth.total() < GALAXIES:
                fourth[outcome(row, "thresholds")] += 1
        share("check 3 fails galaxies", counts, "fail")
        share("check 4 passes galaxies above S/N 10", fourth, "pass")


def artifact_light(root: Path, seed: int) -> dict[str, np.ndarray]:
    """What artefacts added to each frame: the frame, less the same frame made without them."""
    folder, bare = root / "data" / "products", root / "bare"
    if not bare.exists():
        size = max(fits.getheader(path, "SCI")["NAXIS1"] for path in folder.glob("*_i2d.fits"))
        simulate_field(bare, size=size, seed=seed, n_artifacts=0)
    return {
        path.stem: fits.getdata(folder / path.name, "SCI") - fits.getdata(path, "SCI")
        for path in bare.glob("*_i2d.fits")
    }


def part(examiner: Examiner, added: np.ndarray, row: pd.Series) -> float:
    """The part of a detection's light within its half-light radius that artefacts added."""
    record = next(r for r in examiner.bench.records if r.frame == row["frame"])
    view = look(examiner.frame(record), facts_of(record), row.ra, row.dec, row.r_kron_arcsec)
    window = view.window
    ny, nx = window.data.shape
    rows, columns = np.ogrid[:ny, :nx]
    radius = max(row.r50_arcsec, 0.1) / view.scale
    inside = (np.hypot(rows - view.row, columns - view.column) <= radius) & ~window.outside
    whole = float(window.data[inside].sum())
    extra = added[window.y0 : window.y0 + ny, window.x0 : window.x0 + nx][inside]
    return float(np.nansum(extra)) / whole if whole > 0 else 0.0


def place_of(row: pd.Series) -> Place:
    """A detection as a candidate."""
    return Place(
        "c", row.ra, row.dec, row.frame, row.snr, row.r_kron_arcsec, row.r50_arcsec, row.ellipticity,
        row.theta_deg, ranking={"rank_low": None, "rank_high": None, "places": {}},
    )  # fmt: skip


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
    """Print one row, with the 68 per cent interval of Wilson (1927)."""
    n = counts.total()
    if not n:
        print(f"| {words} | none |", flush=True)
        return
    p = counts[wanted] / n
    middle, half = (p + 0.5 / n) / (1 + 1 / n), math.sqrt(p * (1 - p) / n + 0.25 / n**2) / (1 + 1 / n)
    low, high = 100 * (middle - half), 100 * (middle + half)
    value = f"{counts[wanted]} of {n}, {100 * p:.1f} % ({low:.1f} to {high:.1f})"
    print(f"| {words} | {value} ({dict(counts)}) |", flush=True)


def main() -> None:
    """Do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--seed", type=int, nargs="+", default=[501])
    parser.add_argument("--artifacts", type=int, default=160)
    parser.add_argument("--keep", type=Path, help="folder for the fields of the rates, made once and kept")
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--rates-only", action="store_true")
    words = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"SIMULATED, short-wave side {words.size} px; {platform.platform()}, load {load}")
    if not words.rates_only:
        print(f"\n| speed, seed {words.seed[0]} | value |\n|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            measured(Path(folder), words.size, words.seed[0], None)
            run(Path(folder), "rank")
            speed(Path(folder))
    for seed in [] if words.speed_only else words.seed:
        print(f"\n| rates, seed {seed} | value |\n|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            root = words.keep / f"f{seed}" if words.keep else Path(folder)
            root.mkdir(parents=True, exist_ok=True)
            if not (root / "outputs").exists():
                measured(root, words.size, seed, words.artifacts)
            rates(root, seed)


if __name__ == "__main__":
    main()
