"""A list of one's own made ready for the desk: rows in; an index, cutouts and features of them out."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.config import Config
from analysis.own_list import OwnRow, read_own_list
from analysis.stages import Emit
from analysis.stages.cutting import BATCH, cut_batch, figure_paths, open_recorded, targets_of
from store.candidates import Ranking, known_names, load_candidates, ranking_info, save_ranking
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.own_lists import ListProject, copy_index, write_columns
from store.project import Project, StoreError
from store.sources import load_sources

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MATCH_ARCSEC = 0.3
"""A row is the object of the nearest measured source within this distance."""
OUTSIDE = "outside_footprints"


@dataclass(frozen=True)
class Prepared:
    """What became of a list: its rows, the lines of those outside of every frame, the measured ones."""

    rows: int
    outside: tuple[int, ...]
    measured: int
    problems: tuple[str, ...] = ()


def prepare_list(project: Project, own: ListProject, config: Config, path: Path, emit: Emit) -> Prepared:
    """Make the index of a list, and cut its positions out of the project's frames.

    With the same list, frames and ranking as before nothing is done again.
    """
    rows = read_own_list(path)
    main = Database(project.database)
    records = frame_records(main, "done") if project.database.exists() else []
    if not records:
        raise StoreError(f"{project.root}: no measured frames yet; `jwst-vet images` or `run` measures them")
    key = _key(path, records, ranking_info(main), config)
    known = ranking_info(Database(own.database)).get("list") if own.database.exists() else None
    if known is not None and known["key"] == key:
        return Prepared(known["rows"], tuple(known["outside"]), known["measured"], tuple(known["problems"]))
    sources = load_sources(main)
    covered, problems = _coverage(project, records, rows)
    candidates = list_candidates(rows, sources, load_candidates(main), known_names(main), covered)
    names = candidates["candidate"].tolist()
    seen = covered.sum(axis=1).tolist()
    outside = [row.line for row, count in zip(rows, seen, strict=True) if not count]
    measured = int((candidates["best_source"] != "").sum())
    own.prepare()
    _cut(own, config, records, targets_of(candidates, sources), emit)
    write_columns(
        own, {name: {"line": str(row.line)} | row.columns for name, row in zip(names, rows, strict=True)}
    )
    facts = {"key": key, "rows": len(rows), "outside": outside, "measured": measured, "problems": problems}
    _index(project, own, candidates, sources, facts)
    return Prepared(len(rows), tuple(outside), measured, tuple(problems))


def list_candidates(
    rows: Sequence[OwnRow],
    sources: "pd.DataFrame",
    ranked: "pd.DataFrame",
    known: list[tuple[str, float, float]],
    covered: "npt.NDArray[np.bool_]",
) -> "pd.DataFrame":
    """Return the rows of a list as candidates, in the list's order.

    A row within 0.3 arcsec of a measured source takes that object's values: those of the ranking where it is
    a candidate, else those of its best source; scores that were never computed are NaN. A row without one has
    its position alone. `covered` (n, frames) says which frames have a valid pixel there.
    """
    import numpy as np
    import pandas as pd

    from analysis.association import carry_names
    from analysis.ranking import CANDIDATE_COLUMNS, MEASURED, snr_score

    ra, dec = np.array([row.ra for row in rows]), np.array([row.dec for row in rows])
    names = carry_names(ra, dec, known)
    best = _best_sources(ra, dec, sources)
    by_object = {name: place for place, name in enumerate(ranked["object"].tolist())}
    frames_of = sources.groupby("object")["frame"].nunique().to_dict()
    table = []
    for number, name in enumerate(names):
        made: dict[str, Any] = dict.fromkeys(CANDIDATE_COLUMNS, math.nan)
        made |= dict.fromkeys(
            ("terms", "filters", "object", "best_source", "best_frame", "flux_unit", "flags"), ""
        )
        if best[number] >= 0:
            source = sources.iloc[best[number]]
            made |= {column: source[column] for column in MEASURED}
            made |= {
                "object": source["object"],
                "best_source": source["source_id"],
                "best_frame": source["frame"],
            }
            made |= {"filters": source["filter"], "flags": source["flags"], "terms": "snr"}
            made["snr_score"] = float(snr_score(np.array([source["snr"]]))[0])
            if source["object"] in by_object:
                found = ranked.iloc[by_object[source["object"]]]
                made |= {column: found[column] for column in CANDIDATE_COLUMNS}
        elif not covered[number].any():
            made["flags"] = OUTSIDE
        shown = int(frames_of.get(made["object"], 0)) if made["object"] else 0
        made |= {"rank": number + 1, "candidate": name, "kind": "image", "ra": ra[number], "dec": dec[number]}
        made |= {"frames_detected": shown, "frames_covering": max(shown, int(covered[number].sum()))}
        made["object"] = made["object"] or f"list row {number + 1}"
        made["simulated"] = bool(sources["simulated"].any())
        table.append(made)
    return pd.DataFrame(table, columns=list(CANDIDATE_COLUMNS))


def _best_sources(ra: Any, dec: Any, sources: "pd.DataFrame") -> list[int]:
    """Return the row of the best source of the object nearest to each position, -1 where none is near."""
    import numpy as np
    from scipy.spatial import cKDTree

    able = np.flatnonzero(~sources["forced"].to_numpy(dtype=bool))
    if not able.size:
        return [-1] * len(ra)
    tree = cKDTree(
        _unit(sources["ra"].to_numpy(dtype=float)[able], sources["dec"].to_numpy(dtype=float)[able])
    )
    chord = 2 * math.sin(math.radians(MATCH_ARCSEC / 3600) / 2)
    _, near = tree.query(_unit(ra, dec), distance_upper_bound=chord)
    snr = sources["snr"].to_numpy(dtype=float)
    objects = sources["object"].to_numpy(dtype=str)
    order = np.argsort(np.nan_to_num(snr, nan=-1.0), kind="stable")
    best = dict(zip(objects[order].tolist(), order.tolist(), strict=True))
    found = []
    for place in near.tolist():
        row = int(able[place]) if place < able.size else -1
        found.append(best[objects[row]] if row >= 0 and objects[row] else row)
    return found


def _unit(ra: Any, dec: Any) -> "npt.NDArray[np.float64]":
    import numpy as np

    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def _coverage(
    project: Project, records: Sequence[FrameRecord], rows: Sequence[OwnRow]
) -> "tuple[npt.NDArray[np.bool_], list[str]]":
    import numpy as np

    from analysis.i2d import FrameError

    ra, dec = np.array([row.ra for row in rows]), np.array([row.dec for row in rows])
    covered = np.zeros((len(rows), len(records)), dtype=bool)
    problems = []
    for column, record in enumerate(records):
        try:
            with open_recorded(project, record) as frame:
                covered[:, column] = frame.valid_at(ra, dec)
        except FrameError as error:
            problems.append(f"{record.path}: {error.kind}: {error.reason}; nothing is cut out of it")
    return covered, problems


def _cut(
    own: ListProject, config: Config, records: Sequence[FrameRecord], targets: Sequence[Any], emit: Emit
) -> None:
    """Write the cutout file of every row."""
    from analysis.cutouts import cutout_set, save_cutouts
    from analysis.instruments import order_key

    ordered = sorted(records, key=lambda r: (order_key(r.instrument, r.filter), r.mjd_beg, r.frame))
    for start in range(0, len(targets), BATCH):
        batch = targets[start : start + BATCH]
        for target, cut in zip(batch, cut_batch(own, config.cutout_size, ordered, batch), strict=True):
            save_cutouts(figure_paths(own, target.candidate)[0], cutout_set(target, cut))
        done = min(start + BATCH, len(targets))
        emit({"event": "progress", "stage": "list", "done": done, "total": len(targets), "text": "cutouts"})


def _index(
    project: Project,
    own: ListProject,
    candidates: "pd.DataFrame",
    sources: "pd.DataFrame",
    facts: dict[str, Any],
) -> None:
    """Write the index: the project's own, with the list for its candidates."""
    import pandas as pd

    from analysis.likeness import feature_vectors

    names = candidates[["candidate", "ra", "dec"]].assign(alias=candidates["candidate"])
    database = copy_index(project, own)
    info = ranking_info(database) | {"n_candidates": len(candidates), "list": facts}
    images = pd.DataFrame({"frame": [], "rank_in_image": [], "source_id": [], "candidate": []})
    scores = sources[["source_id", "object", "anomaly_score", "isolation_forest_score"]]
    features = feature_vectors(candidates, sources)
    save_ranking(database, Ranking(scores, candidates, images, names, info, features=features))


def _key(path: Path, records: Sequence[FrameRecord], info: dict[str, Any], config: Config) -> str:
    facts = [
        hashlib.sha256(path.read_bytes()).hexdigest(),
        sorted((record.frame, record.stage_key) for record in records),
        info.get("key", ""),
        config.cutout_size,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
