"""How well rankings find what a simulated sky hides: fields of fixed or fresh seeds, a table of methods.

    python benchmarks/ranking.py [--tune | --report | --fresh N] [--cache FOLDER] [--size 2048]

--tune takes the seeds on which constants were chosen, --report others, --fresh draws new ones and prints
them. Fields are simulated and measured once and kept in the cache folder, so that another ranking of the same
fields takes seconds. Truth is matched by position: objects within an anomaly's extent count for it, the best
of them once, and are no negatives. Nothing is capped per image.
"""

import argparse
import csv
import math
import pickle
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from analysis.anomaly import score_sources
from analysis.association import FrameFacts, Objects, associate
from analysis.ensemble import combine
from analysis.evidence import Evidence, Seen, bright_stars, eligible_objects, gather, joined
from analysis.forced import aperture_radius, force, reference_fwhm
from analysis.grouping import offsets_arcsec
from analysis.i2d import open_frame
from analysis.instruments import fwhm_arcsec
from analysis.measure import measure_frame
from analysis.ranking import artifact_score, composite, consistency_score, rank_candidates, snr_score
from analysis.simulate import simulate_field
from analysis.starlight import starlight_in

Array = npt.NDArray[np.float64]
TUNED = tuple(range(301, 309))
REPORTED = tuple(range(401, 409))
GALAXIES = 2600
MIN_SNR = 5.0
WEIGHTS = {"anomaly": 0.4, "snr": 0.3, "artifact": 0.2, "consistency": 0.1}
REACH = {"merger": 1.4, "lens": 1.15, "little_red_dot": 0.3, "emission_line": 0.35, "dropout": 0.35}
"""How far from an anomaly's place its pieces may lie, arcsec; a ring's is 1.3 radii and 0.15."""
SPOT = {"cosmic_ray": 0.35, "hot_pixel": 0.15, "snowball": 0.6, "persistence": 0.25}
KINDS = ("merger", "lens", "ring", "little_red_dot", "emission_line", "dropout")


@dataclass(frozen=True)
class Field:
    """One simulated field, measured."""

    seed: int
    sources: pd.DataFrame
    objects: Objects
    facts: list[FrameFacts]
    evidence: Evidence
    covered: npt.NDArray[np.bool_]
    truth: pd.DataFrame


def measured_field(seed: int, size: int, cache: Path) -> Field:
    """Return a field whose pixels were measured now or before, its evidence gathered anew."""
    kept = cache / f"pixels-{size}-{seed}.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(_measured(seed, size, cache)))
    sources, objects, facts, rows, seen, covered, truth = pickle.loads(kept.read_bytes())
    return Field(seed, sources, objects, facts, gather(sources, objects, rows, seen), covered, truth)


def _measured(seed: int, size: int, cache: Path) -> tuple[Any, ...]:
    """Simulate a field and measure it: sources, objects, frames, objects forced, what each frame says of
    them, which frames cover which objects, the truth."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        galaxies = round(GALAXIES * (size / 2048) ** 2)
        paths = simulate_field(Path(folder), size=size, seed=seed, second_epoch=None, n_galaxies=galaxies)
        truth = pd.DataFrame(list(csv.DictReader((Path(folder) / "simulated_truth.csv").open())))
        tables, facts = [], []
        for path in paths:
            with open_frame(path) as frame:
                tables.append(measure_frame(frame, path.stem, detection_threshold=3.0).sources)
                width = fwhm_arcsec(frame.instrument, frame.filter)
                facts.append(FrameFacts(path.stem, frame.instrument, frame.filter, width))
        sources = pd.concat(tables, ignore_index=True)
        objects = associate(sources, facts)
        rows = eligible_objects(sources, objects, MIN_SNR)
        stars, reference = bright_stars(sources), reference_fwhm([f.fwhm_arcsec for f in facts])
        seen, covered = [], np.zeros((len(objects.ra), len(paths)), dtype=bool)
        for column, (path, fact) in enumerate(zip(paths, facts, strict=True)):
            with open_frame(path) as frame:
                forced = force(frame, objects.ra[rows], objects.dec[rows], reference)
                radius = aperture_radius(fact.fwhm_arcsec, reference)
                light = starlight_in(frame, stars, objects.ra[rows], objects.dec[rows], radius)
                covered[:, column] = frame.valid_at(objects.ra, objects.dec)
            seen.append(Seen(fact.frame, fact.instrument, fact.filter, forced, light))
    return sources, objects, facts, rows, seen, covered, truth


def ranked(field: Field, method: str) -> pd.DataFrame:
    """Return object numbers, best first, with a score: columns object, score."""
    if method in {"spec composite", "Isolation Forest"}:
        scores = score_sources(field.sources, min_snr=MIN_SNR)
        table = field.sources.assign(
            anomaly_score=scores.anomaly_score, isolation_forest_score=scores.isolation_forest_score
        )
        names = [str(number) for number in range(len(field.objects.ra))]
        found = rank_candidates(
            table, field.objects, names, field.covered, weights=WEIGHTS, min_snr=MIN_SNR, top=0
        ).candidates
        column = "composite_score" if method == "spec composite" else "anomaly_score"
        out = pd.DataFrame({"object": found["candidate"].astype(int), "score": found[column]})
    else:
        out = _by_objects(field, method)
    return out.sort_values("score", ascending=False, kind="stable").reset_index(drop=True)


def _by_objects(field: Field, method: str) -> pd.DataFrame:
    """Return the scores of methods that work on objects and systems."""
    evidence, facts = field.evidence, field.evidence.facts
    head = evidence.objects == evidence.head
    if method in {"LOF", "colour kNN"}:
        score = _single(evidence, method)
    else:
        views = combine(facts, evidence.colours)
        score = views.anomaly
        clean = artifact_score(np.nan_to_num(facts["artifact_probability"].to_numpy(dtype=float)))
        if method != "ensemble, no composite":
            whole = joined(field.objects, evidence, [fact.frame for fact in field.facts])
            rows = evidence.objects
            covering = (field.covered | whole.detected)[rows].sum(axis=1)
            terms = {
                "anomaly": score * clean,
                "snr": snr_score(facts["band_snr"].fillna(facts["snr"]).to_numpy(dtype=float)),
                "artifact": clean,
                "consistency": consistency_score(whole.detected[rows].sum(axis=1), covering),
            }
            score, _ = composite(terms, WEIGHTS)
        else:
            score = score * clean
    return pd.DataFrame({"object": evidence.objects[head], "score": score[head]})


def _single(evidence: Evidence, method: str) -> Array:
    """Return the score of one textbook detector on objects."""
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

    from analysis.ensemble import SHAPES, local_z

    facts = evidence.facts
    magnitude = facts["magnitude"].to_numpy(dtype=float)
    population = facts["eligible"].to_numpy(dtype=bool) & np.isfinite(magnitude)
    columns = [local_z(c, magnitude, population) for c in evidence.colours.T]
    if method == "LOF":
        columns += [local_z(facts[name], magnitude, population) for name in SHAPES]
        points = np.stack(columns, axis=1)
        finder = LocalOutlierFactor(30, novelty=True).fit(points[population])
        return np.asarray(-finder.score_samples(points), dtype=float)
    points = np.stack(columns, axis=1)
    found = NearestNeighbors(n_neighbors=9).fit(points[population]).kneighbors(points)[0]
    return np.asarray(found[:, 1:].mean(axis=1), dtype=float)


def judged(field: Field, order: pd.DataFrame) -> dict[str, float]:
    """Return the measures of one ranking of one field."""
    numbers = order["object"].to_numpy(dtype=int)
    parent, kind, spoilt, _ = matched(field, numbers)
    hits, artifacts, met = [], [], set[int]()
    for who, bad in zip(parent, spoilt, strict=True):
        if who >= 0 and who in met:
            continue
        if who >= 0:
            met.add(int(who))
        hits.append(kind[who] if who >= 0 else "")
        artifacts.append(bool(bad) and who < 0)
    true = np.array([bool(hit) for hit in hits])
    wanted = len(kind)
    precision = np.cumsum(true) / np.arange(1, len(true) + 1)
    after = (~true).sum() - np.cumsum(~true)
    measures = {
        "candidates": float(len(true)),
        "AUC": float((after[true] / max((~true).sum(), 1)).sum() / max(true.sum(), 1)),
        "AP": float((precision * true).sum() / wanted),
        "P@30": float(true[:30].mean()),
        "R@100": float(true[:100].sum() / wanted),
        "artefacts@30": float(np.mean(artifacts[:30])),
    }
    for name in KINDS:
        there = sum(value == name for value in kind.values())
        measures[name] = hits[:100].count(name) / max(there, 1)
    return measures


def matched(
    field: Field, numbers: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], dict[int, str], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return for objects: the anomaly each belongs to (-1 none), kinds of anomalies, whether it is an
    artefact put in, and whether it is an ordinary galaxy (within 0.15 arcsec of one)."""
    truth = field.truth
    ra, dec = truth["ra"].astype(float).to_numpy(), truth["dec"].astype(float).to_numpy()
    both = offsets_arcsec(
        np.concatenate([field.objects.ra[numbers], ra]), np.concatenate([field.objects.dec[numbers], dec])
    )
    here = np.column_stack(both)[: len(numbers)]
    there = np.column_stack(both)[len(numbers) :]
    tree = cKDTree(here)
    parent, nearest = np.full(len(numbers), -1), np.full(len(numbers), math.inf)
    spoilt, galaxy = np.zeros(len(numbers), dtype=bool), np.zeros(len(numbers), dtype=bool)
    kinds: dict[int, str] = {}
    for i, row in enumerate(truth.to_dict("records")):
        if row["is_anomaly"] == "True":
            kinds[i] = row["kind"]
            reach = REACH.get(row["kind"]) or 1.3 * float(row["radius_arcsec"]) + 0.15
            for k in tree.query_ball_point(there[i], reach):
                distance = math.dist(here[k], there[i])
                if distance < nearest[k]:
                    parent[k], nearest[k] = i, distance
        elif row["is_artifact"] == "True":
            spoilt[tree.query_ball_point(there[i], SPOT[row["kind"]])] = True
        elif row["kind"] == "galaxy":
            galaxy[tree.query_ball_point(there[i], 0.15)] = True
    place = {int(number): k for k, number in enumerate(field.evidence.objects)}
    snr = field.evidence.flux / field.evidence.error
    for k in np.flatnonzero(spoilt):
        row_of = place.get(int(numbers[k]))
        # An artefact that fell on a real source is that source.
        spoilt[k] = row_of is not None and int((np.nan_to_num(snr[row_of]) >= 4).sum()) <= 1
    return parent, kinds, spoilt, galaxy & ~spoilt


def flagged(field: Field) -> dict[str, float]:
    """Return the share of objects flagged as artefacts (probability at least 0.5), by what they are."""
    evidence = field.evidence
    head = np.flatnonzero(evidence.objects == evidence.head)
    parent, kinds, spoilt, galaxy = matched(field, evidence.objects[head])
    bad = evidence.facts["artifact_probability"].to_numpy(dtype=float)[head] >= 0.5
    best = {int(p): k for k, p in reversed(list(enumerate(parent))) if p >= 0}
    snr = evidence.facts["snr"].to_numpy(dtype=float)[head]
    for k, p in enumerate(parent):
        if p >= 0 and snr[k] > snr[best[int(p)]]:
            best[int(p)] = k
    return {
        "normal galaxies": float(bad[galaxy & (parent < 0)].mean()),
        "anomalies": float(np.mean([bad[k] for k in best.values()])),
        "artefacts": float(bad[spoilt].mean()) if spoilt.any() else math.nan,
        "anomalies lost": float(1 - len(best) / len(kinds)),
    }


METHODS: dict[str, Callable[[Field], pd.DataFrame]] = {
    name: (lambda field, name=name: ranked(field, name))  # type: ignore[misc]
    for name in (
        "Isolation Forest", "spec composite", "LOF", "colour kNN", "ensemble, no composite", "ensemble",
    )
}  # fmt: skip


def main() -> None:
    """Make or load the fields, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tune", action="store_true", help=f"seeds {TUNED[0]} to {TUNED[-1]}")
    which.add_argument(
        "--report", action="store_true", help=f"seeds {REPORTED[0]} to {REPORTED[-1]} (default)"
    )
    which.add_argument("--fresh", type=int, default=0, metavar="N", help="N seeds never used before")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "jwst-vet-benchmark")
    parser.add_argument("--size", type=int, default=2048)
    words = parser.parse_args()
    words.cache.mkdir(parents=True, exist_ok=True)
    seeds = [secrets.randbelow(2**31) for _ in range(words.fresh)] or list(TUNED if words.tune else REPORTED)
    fields = [measured_field(seed, words.size, words.cache) for seed in seeds]
    print(
        f"{len(seeds)} SIMULATED fields of {words.size} px, four bands; seeds {', '.join(map(str, seeds))}\n"
    )
    names = ["candidates", "AUC", "AP", "P@30", "R@100", "artefacts@30", *KINDS]
    print(f"| method | {' | '.join(names)} |\n|---|{'---:|' * len(names)}")
    for method, order in METHODS.items():
        print(
            f"| {method} | {' | '.join(_cells([judged(f, order(f)) for f in fields], names))} |", flush=True
        )
    shares = [flagged(field) for field in fields]
    print("\n| flagged as artefact (p >= 0.5) | share |\n|---|---:|")
    for name, cell in zip(shares[0], _cells(shares, list(shares[0])), strict=True):
        print(f"| {name} | {cell} |")


def _cells(rows: list[dict[str, float]], names: list[str]) -> list[str]:
    """Return mean and standard error of each measure over the fields."""
    cells = []
    for name in names:
        values = np.array([row[name] for row in rows])
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        cells.append(f"{values.mean():.0f}" if name == "candidates" else f"{values.mean():.3f} ± {error:.3f}")
    return cells


if __name__ == "__main__":
    main()
