"""Candidates under the checks that need pixels: facts of the store in, findings out."""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from analysis.config import Config
from analysis.stages.cutting import open_recorded
from store.candidates import candidate_rows, ranking_info
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.oddity import load_oddities
from store.project import Project
from store.sources import band_sources, best_sources, bright_sources

if TYPE_CHECKING:
    from analysis.checks.finding import Finding
    from analysis.checks.subject import Place, Stars

CODE_VERSION = "1"


@dataclass(frozen=True, eq=False)
class Bench:
    """Everything but pixels that the checks need; small, and fit to be sent to a worker process."""

    project: Project
    records: tuple[FrameRecord, ...]
    stars: "Stars"
    detection_threshold: float
    companions: Mapping[str, tuple[Any, ...]]


def make_bench(project: Project, config: Config, db: Database, names: Sequence[str]) -> Bench:
    """Read what all candidates share: the frames, the bright stars, the pipeline's own catalogues."""
    from analysis.catalog_files import companions_of
    from analysis.checks.subject import Stars
    from analysis.evidence import STAR_SNR, bright_stars

    records = tuple(frame_records(db, "done"))
    table = bright_sources(db, STAR_SNR)
    ra, dec = bright_stars(table)
    beside: dict[str, tuple[Any, ...]] = {}
    for name, row in candidate_rows(db, names).items():
        path = next((record.path for record in records if record.frame == row.best_frame), None)
        if path is not None and (found := companions_of(Path(path), row.ra, row.dec)):
            beside[name] = tuple(found)
    return Bench(
        project, records, Stars(ra, dec, _fluxes(table, ra, dec)), config.detection_threshold, beside
    )


def _fluxes(table: Any, ra: Any, dec: Any) -> Any:
    """Return the flux of each star: that of the table's row at its very place."""
    import numpy as np

    flux = dict(zip(zip(table["ra"], table["dec"], strict=True), table["flux"], strict=True))
    return np.array([flux[place] for place in zip(ra.tolist(), dec.tolist(), strict=True)], dtype=float)


def places_of(
    db: Database, config: Config, names: Sequence[str], *, with_views: bool = True
) -> "dict[str, Place]":
    """Read what is known of candidates; a name no longer ranked is left out.

    `with_views` computes where they stand in the views of oddness, among some thousands of each one's band.
    """
    from analysis.checks.rank_views import COLUMNS, MOST_POPULATION, places
    from analysis.checks.subject import Place

    # Spectra have no pixels on the sky; their checks are made in examining_spectra.
    rows = {name: row for name, row in candidate_rows(db, names).items() if row.kind == "image"}
    info = ranking_info(db)
    best = best_sources(db, [row.best_source for row in rows.values()])
    seen = load_oddities(db, list(rows))
    standing: dict[str, dict[str, float]] = {}
    if with_views:
        ids = [row.best_source for row in rows.values()]
        standing = places(*band_sources(db, ids, COLUMNS, config.min_snr, MOST_POPULATION))
    found = {}
    for name, row in rows.items():
        source = best.get(row.best_source, {})
        odd = seen.get(name)
        ranking = {
            "rank_low": odd.rank_low if odd else None,
            "rank_high": odd.rank_high if odd else None,
            "bootstraps": odd.draws if odd else None,
            "places": standing.get(row.best_source, {}) | (_tails(odd.views, info) if odd else {}),
        }
        found[name] = Place(
            name, row.ra, row.dec, row.best_frame, row.snr, source.get("r_kron_arcsec", math.nan),
            row.r50_arcsec, row.ellipticity, source.get("theta_deg", math.nan), row.rank, row.simulated,
            ranking,
        )  # fmt: skip
    return found


def _tails(views: Mapping[str, float], info: Mapping[str, Any]) -> dict[str, float]:
    """Return the ensemble's view of colour as a share of the population: a tail of t is 1 - 10^-t."""
    longest = info.get("ensemble", {}).get("longest_tail")
    value = views["colour"]
    return {} if math.isnan(value) or longest is None else {"colour": 1.0 - 10.0 ** (-value * longest)}


def input_key(bench: Bench, place: "Place", name: str) -> str:
    """Return the name of what a check of a candidate depends on."""
    from analysis.checks.registry import CHECKS

    facts: list[Any] = [
        CODE_VERSION, CHECKS[name].version, round(place.ra, 8), round(place.dec, 8), place.best_frame,
        [_rounded(v) for v in (place.r_kron_arcsec, place.r50_arcsec, place.ellipticity, place.theta_deg)],
        sorted((record.frame, record.stage_key) for record in bench.records),
    ]  # fmt: skip
    if name == "thresholds":
        facts += [
            bench.detection_threshold,
            place.rank,
            {k: place.ranking[k] for k in ("rank_low", "rank_high")},
        ]
    if name == "methods":
        facts += [{k: _rounded(v) for k, v in sorted(place.ranking["places"].items())}]
        facts += [[c.digest for c in bench.companions.get(place.candidate, ())]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _rounded(value: float) -> float | None:
    """Return a number with six digits, None for NaN."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


class Examiner:
    """Frames kept open, to examine one candidate after another."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.failures: dict[str, str] = {}
        self._stack = ExitStack()
        self._frames: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def examine(self, place: "Place", names: Sequence[str]) -> "list[tuple[Finding, float]]":
        """Make some checks of one candidate: each finding and its seconds."""
        from analysis.checks.registry import CHECKS
        from analysis.checks.subject import Subject, in_order
        from analysis.checks.surroundings import look

        began = time.perf_counter()
        views = []
        for record in self.bench.records:
            frame = self.frame(record)
            if frame is not None:
                views.append(look(frame, facts_of(record), place.ra, place.dec, place.r_kron_arcsec))
        subject = Subject(
            place, in_order(views), self.bench.stars, self.bench.detection_threshold,
            companions=self.bench.companions.get(place.candidate, ()),
        )  # fmt: skip
        found = []
        for name, check in CHECKS.items():
            if name in names:
                finding = check.run(subject)
                ended = time.perf_counter()
                found.append((finding, ended - began))
                began = ended
        return found

    def frame(self, record: FrameRecord) -> Any:
        """Return the open frame; None where it cannot be opened, and why in `failures`."""
        from analysis.i2d import FrameError

        if record.frame in self.failures:
            return None
        if record.frame not in self._frames:
            try:
                opened = self._stack.enter_context(open_recorded(self.bench.project, record))
            except FrameError as error:
                self.failures[record.frame] = f"{record.path}: {error.kind}: {error.reason}"
                return None
            self._frames[record.frame] = opened.frame
        return self._frames[record.frame]


def facts_of(record: FrameRecord) -> Any:
    """Return what the checks need to know of a frame."""
    from analysis.checks.surroundings import FrameFacts

    return FrameFacts(
        record.frame, record.instrument, record.filter, record.fwhm_arcsec, record.mjd_beg, record.to_njy,
        record.flux_unit, record.threshold_k,
    )  # fmt: skip


def examine_share(
    bench: Bench, work: "Sequence[tuple[Place, list[str]]]"
) -> "tuple[list[tuple[str, list[tuple[Finding, float]]]], dict[str, str]]":
    """Examine several candidates in a worker process: findings by candidate, and frames that failed."""
    from analysis.executors import report

    with Examiner(bench) as examiner:
        found = []
        for done, (place, names) in enumerate(work, start=1):
            found.append((place.candidate, examiner.examine(place, names)))
            report(work[0][0].candidate, done, len(work))
        return found, examiner.failures
