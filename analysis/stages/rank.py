"""Stage `rank`: measured sources in; objects, scores, candidates, their tables and cutouts out."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from analysis.config import Config
from analysis.stages import Emit, StageResult
from analysis.stages.covering import candidate_tables, cover_candidates
from analysis.stages.cutting import FIGURES, cut_candidates, missing_figures, targets_of
from analysis.stages.fielding import make_fields, missing_fields
from analysis.stages.forcing import Outcome, ensemble, ensemble_facts, score_by_object
from analysis.stages.intervals import candidate_views
from analysis.stages.ranking_spectra import TABLES as SPECTRA_TABLES
from analysis.stages.ranking_spectra import draw_spectra, no_images, with_spectra
from store.candidates import Ranking, known_names, load_candidates, note_ranking, ranking_info, save_ranking
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.matching import indexed_book
from store.project import Project
from store.sources import load_sources
from store.spectra import save_scores, spectrum_files
from store.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

    from analysis.alignment import Offset
    from analysis.association import Objects
    from analysis.ranking import Ranked

CODE_VERSION = "6"
TABLES = (
    "all_sources",
    "anomaly_candidates_images",
    "ranked_candidates",
    "candidate_frames",
    *SPECTRA_TABLES,
)
PACKAGES = ("astropy", "duckdb", "numpy", "pandas", "photutils", "scikit-learn", "scipy", "sep")
"""Packages whose version can change a number; the record of a ranking names them."""


@dataclass(frozen=True, eq=False)
class Made:
    """A ranking of images, what the ensemble said, numbers of objects by name, lines on unread frames."""

    ranking: Ranking
    outcome: Outcome | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()


def rank(project: Project, config: Config, emit: Emit) -> StageResult:
    """Rank what was measured; with the same frames, parameters and code as before there is nothing to do.

    A frame that can no longer be opened is one line: whether it covers a candidate is then unknown, and it
    counts only where it detected one.
    """
    db = Database(project.database)
    records, spectra = frame_records(db, "done"), spectrum_files(db, "done")
    if not records and not spectra:
        return StageResult("rank")
    # Names that people decided on are kept, even where the database was made anew from the journals.
    indexed_book(project, config.vetting.name(), db)
    key = ranking_key(records, config, [(file.file, file.stage_key) for file in spectra])
    if _nothing_to_do(project, db, key):
        emit({"event": "note", "stage": "rank", "text": "nothing changed since the last ranking"})
        return StageResult("rank", skipped=len(records) + len(spectra), lines=_lines(ranking_info(db)))
    sources = load_sources(db)
    if records:
        made = make_ranking(project, config, records, sources, known_names(db), emit)
    else:
        made = Made(no_images(_info(config, [], [], 0, 0, sources, [])))
    ranking, told = with_spectra(db, config, made.ranking, spectra, known_names(db))
    if made.outcome is not None:
        views = candidate_views(made.outcome, ranking.candidates, made.numbers, asdict(config.weights))
        ranking = replace(ranking, views=views)
    ranking.info.update(key=key, whole=False)
    save_ranking(db, ranking)
    save_scores(db, told)
    for name in TABLES:
        write_table(project, db, name)
    images = ranking.candidates[ranking.candidates["kind"] == "image"]
    ranks = dict(zip(images["candidate"], images["rank"].tolist(), strict=True))
    cut_candidates(project, config.cutout_size, records, targets_of(images, sources), emit, ranks)
    draw_spectra(project, db, emit)
    make_fields(project, records, emit)
    # Last of all, so that a run killed on the way ranks again: its tables or pictures may be older ones.
    note_ranking(db, whole=True)
    unread = len(made.failures)
    for line in made.failures:
        emit({"event": "frame_failed", "stage": "rank", "frame": line.partition(": ")[0], "text": line})
    # The ranking stands even where no file could be read again, as on a scratch disk that was purged.
    done = len(records) + len(spectra) - unread or unread
    return StageResult("rank", done, unread, 0, made.failures, _lines(ranking.info))


def ranking_key(
    records: Sequence[FrameRecord], config: Config, spectra: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the name of what a ranking depends on: frames and spectra as measured, parameters, code."""
    facts = [
        CODE_VERSION,
        sorted((record.frame, record.stage_key) for record in records),
        sorted(spectra),
        config.min_snr,
        config.top_anomalies_per_image,
        config.cutout_size,
        asdict(config.weights),
        asdict(config.ranking),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def make_ranking(
    project: Project,
    config: Config,
    records: Sequence[FrameRecord],
    sources: "pd.DataFrame",
    known: list[tuple[str, float, float]],
    emit: Emit,
) -> Made:
    """Rank all sources.

    The columns object, anomaly_score and isolation_forest_score of `sources` are filled in place.
    """
    from analysis.association import carry_names
    from analysis.ranking import listed_objects, rank_candidates

    min_snr, top = config.min_snr, config.top_anomalies_per_image
    emit(_progress(0, "shapes among the sources of each band"))
    groups = _score_shapes(config, sources)
    emit(_progress(1, "objects across frames"))
    objects, offsets = _objects(records, sources)
    members, judged = objects.of_source, sources
    outcome: Outcome | None = None
    unforced: list[tuple[FrameRecord, str]] = []
    if config.ranking.method == "ensemble":
        emit(_progress(1, "every object in every frame"))
        outcome, unforced = ensemble(project, records, sources, objects, min_snr, offsets)
    if outcome is not None:
        objects, judged = outcome.objects, score_by_object(sources, outcome)
        sources["anomaly_score"] = judged["anomaly_score"]
    names = carry_names(objects.ra, objects.dec, known)
    sources["object"] = [names[i] if i >= 0 else "" for i in objects.of_source.tolist()]
    listed = listed_objects(judged, objects, min_snr=min_snr, top=top)
    emit(_progress(2, "which frames cover the candidates"))
    covering = cover_candidates(project, records, objects, listed, offsets)
    ranked = rank_candidates(
        judged, objects, names, covering.of_all(len(objects.ra)), weights=asdict(config.weights),
        min_snr=min_snr, top=top, band_snr=None if outcome is None else outcome.band_snr,
    )  # fmt: skip
    n_objects = int(objects.detected.any(axis=1).sum())
    info = _info(config, records, groups, len(sources), n_objects, ranked.candidates, covering.failures)
    info["offsets"] = _offset_facts(offsets)
    if outcome is not None:
        info["ensemble"] = ensemble_facts(outcome)
    tables = candidate_tables(
        records, sources, members, objects, names, covering, offsets, outcome.fluxes if outcome else {}
    )
    return Made(
        _as_stored(sources, ranked, tables, info),
        outcome,
        {name: number for number, name in enumerate(names)},
        _told([*covering.failures, *unforced]),
    )


def _score_shapes(config: Config, sources: "pd.DataFrame") -> list[dict[str, Any]]:
    """Fill in anomaly_score and isolation_forest_score from shapes; return the groups compared."""
    from analysis.anomaly import score_sources

    method = "robust_distance" if config.ranking.method == "robust_distance" else "isolation_forest"
    scores = score_sources(sources, min_snr=config.min_snr, method=method)
    sources["anomaly_score"] = scores.anomaly_score
    sources["isolation_forest_score"] = scores.isolation_forest_score
    return scores.facts()


def _objects(records: Sequence[FrameRecord], sources: "pd.DataFrame") -> "tuple[Objects, dict[str, Offset]]":
    """Return the objects over all frames, and the offsets of the frames that were taken out for it."""
    from analysis.alignment import aligned, measure_offsets
    from analysis.association import FrameFacts, associate

    facts = [FrameFacts(r.frame, r.instrument, r.filter, r.fwhm_arcsec) for r in records]
    offsets = measure_offsets(sources, [record.frame for record in records])
    return associate(aligned(sources, offsets), facts), offsets


def _as_stored(
    sources: "pd.DataFrame",
    ranked: "Ranked",
    tables: "tuple[pd.DataFrame, pd.DataFrame]",
    info: dict[str, Any],
) -> Ranking:
    """Return a ranking as the store takes it; `tables` are those of frames and of epochs."""
    import pandas as pd

    from analysis.association import name_of
    from analysis.likeness import feature_vectors

    candidates = ranked.candidates
    aliases = [name_of(ra, dec) for ra, dec in zip(candidates["ra"], candidates["dec"], strict=True)]
    return Ranking(
        scores=sources[["source_id", "object", "anomaly_score", "isolation_forest_score"]],
        candidates=candidates,
        image_candidates=ranked.image_candidates,
        names=pd.DataFrame({
            "candidate": candidates["candidate"], "alias": aliases, "ra": candidates["ra"],
            "dec": candidates["dec"],
        }),
        features=feature_vectors(candidates, sources),
        info=info,
        frames=tables[0],
        epochs=tables[1],
    )  # fmt: skip


def _told(failures: "Sequence[tuple[FrameRecord, str]]") -> tuple[str, ...]:
    """Return a line for each frame that could not be read, with the first reason."""
    lines: dict[str, str] = {}
    for record, reason in failures:
        lines.setdefault(record.frame, f"{record.path}: {reason}")
    return tuple(lines.values())


def _offset_facts(offsets: "dict[str, Offset]") -> dict[str, dict[str, Any]]:
    """Return the measured offsets of frames for the record, arcsec; None where not measured."""
    facts = {}
    for frame, offset in sorted(offsets.items()):
        values = {name: getattr(offset, name) for name in ("east", "north", "error", "scatter")}
        told = {name: round(value, 4) if value == value else None for name, value in values.items()}  # noqa: PLR0124 - NaN differs from itself
        facts[frame] = told | {"n": offset.n, "reference": offset.reference, "applied": offset.applied}
    return facts


def _info(
    config: Config,
    records: Sequence[FrameRecord],
    groups: list[dict[str, Any]],
    n_sources: int,
    n_objects: int,
    candidates: "pd.DataFrame",
    failures: "list[tuple[FrameRecord, str]]",
) -> dict[str, Any]:
    """Return the facts of a ranking, as the report tells them; no times, so that a repetition is the same."""
    from analysis.anomaly import FEATURES, LEAST_FOR_DISTANCE, LEAST_FOR_FOREST, SEEDS, SUBSAMPLE, TREES

    return {
        "code_version": CODE_VERSION,
        "method": config.ranking.method,
        "seeds": list(SEEDS),
        "trees": TREES,
        "subsample": SUBSAMPLE,
        "least_for_forest": LEAST_FOR_FOREST,
        "least_for_distance": LEAST_FOR_DISTANCE,
        "features": {feature.column: feature.meaning for feature in FEATURES},
        "groups": groups,
        "weights": asdict(config.weights),
        "detection_threshold": config.detection_threshold,
        "min_snr": config.min_snr,
        "top_anomalies_per_image": config.top_anomalies_per_image,
        "cutout_size": config.cutout_size,
        "frames": {record.frame: record.stage_key for record in records},
        "coverage_unknown": {record.frame: reason for record, reason in failures},
        "n_sources": n_sources,
        "n_objects": n_objects,
        "n_candidates": len(candidates),
        "simulated": any(record.simulated for record in records),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def _nothing_to_do(project: Project, db: Database, key: str) -> bool:
    """Tell whether the last ranking is this one, whole, with its tables and figures."""
    info = ranking_info(db)
    if info.get("key") != key or not info.get("whole", True) or info["coverage_unknown"]:
        return False
    held = load_candidates(db)
    names = held[held["kind"] == "image"]["candidate"].tolist()
    tables = all((project.tables / f"{name}.csv").exists() for name in TABLES)
    return (
        tables
        and not missing_figures(project, names)
        and not missing_fields(project, frame_records(db, "done"))
    )


def _lines(info: dict[str, Any]) -> tuple[str, ...]:
    """Return what a person is told of a ranking."""
    counts = "{n_candidates} candidates of {n_objects} objects, {n_sources} sources".format_map(info)
    lines = [f"{counts} in {len(info['frames'])} frames"]
    if info.get("spectra"):
        facts = info["spectra"]
        beside = f"{facts['n_joined']} belong to a candidate of the images"
        lines.append(f"{facts['n_spectra']} spectra: {facts['n_candidates']} candidates, {beside}")
    few = [
        band for group in info["groups"] if group["method"] != "isolation_forest" for band in group["bands"]
    ]
    missing = info.get("ensemble", {}).get("missing_views", {})
    lines += [f"view not computed: {name} ({reason})" for name, reason in missing.items()]
    if info["method"] == "ensemble" and info["frames"] and "ensemble" not in info:
        lines.append("no object could be measured over bands: ranked by the shapes of each band alone")
    if few and "ensemble" not in info and info["method"] != "robust_distance":
        lines.append(
            f"fewer than {info['least_for_forest']} sources in {', '.join(few)}: ranked by robust distance"
        )
    if info["n_candidates"] > FIGURES:
        lines.append(f"figures are made of the first {FIGURES} candidates")
    return tuple(lines)


def _progress(done: int, text: str) -> dict[str, object]:
    return {"event": "progress", "stage": "rank", "done": done, "total": 4, "text": text}
