"""The part of stage `rank` for spectra: scored, joined to the image candidates, ranked with them, drawn."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.config import Config
from analysis.stages import Emit
from store.candidates import Ranking
from store.database import Database
from store.project import Project, slug
from store.spectra import SpectrumFileRecord, best_spectra, lines_of, load_lines, load_spectra

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("all_spectra", "spectral_lines", "anomaly_candidates_spectra")
FIGURES = 200
"""Spectra that get a figure, the most interesting first."""
SCORE_COLUMNS = (
    "spectrum", "candidate", "separation_arcsec", "spectrum_rank", "composite_score", "anomaly_score",
    "isolation_forest_score", "snr_score", "artifact_score", "consistency_score", "terms",
    "artifact_probability", "view_unexplained", "view_broad", "view_step", "view_set",
)  # fmt: skip


def no_images(info: dict[str, Any]) -> Ranking:
    """Return the ranking of a project that has no measured image."""
    import pandas as pd

    from analysis.ranking import CANDIDATE_COLUMNS

    def empty(*names: str) -> "pd.DataFrame":
        return pd.DataFrame({name: pd.Series(dtype=object) for name in names})

    return Ranking(
        scores=empty("source_id", "object", "anomaly_score", "isolation_forest_score"),
        candidates=empty(*CANDIDATE_COLUMNS),
        image_candidates=empty("frame", "rank_in_image", "source_id", "candidate"),
        names=empty("candidate", "alias", "ra", "dec"),
        info=info,
    )


def with_spectra(
    db: Database,
    config: Config,
    ranking: Ranking,
    files: Sequence[SpectrumFileRecord],
    known: list[tuple[str, float, float]],
) -> "tuple[Ranking, pd.DataFrame]":
    """Return the ranking with the spectra in it, and the scores of every spectrum for the store."""
    import numpy as np
    import pandas as pd

    from analysis.spectra import joining
    from analysis.spectra.oddity import ranked, score_spectra, shown_elsewhere

    table = load_spectra(db)
    if not len(table):
        return ranking, pd.DataFrame({name: pd.Series(dtype=object) for name in SCORE_COLUMNS})
    weights = asdict(config.weights)
    group = joining.groups_of(table)
    shown = shown_elsewhere(table, load_lines(db), group)
    oddities = score_spectra(table)
    table = ranked(table, oddities, shown, weights)
    owners, away = joining.owners_of(table, ranking.candidates)
    mine = joining.put_forward(table, min_snr=config.min_snr, top=config.top_anomalies_per_image)
    mine &= np.array([not owner for owner in owners])
    names = joining.name_groups(
        table,
        group,
        {file.file: file.sha256 for file in files},
        [*known, *ranking.names[["candidate", "ra", "dec"]].itertuples(index=False, name=None)],
    )
    alone = joining.spectrum_candidates(table, group, names, mine, shown)
    candidates = joining.one_list(ranking.candidates, alone, table, owners, weights)
    listed = set(alone["candidate"])
    own = [names[number] if names[number] in listed else "" for number in group.tolist()]
    candidate = [owner or name for owner, name in zip(owners, own, strict=True)]
    info = ranking.info | {
        "spectra": _facts(files, table, alone, owners, oddities.method),
        "n_candidates": len(candidates),
        "simulated": bool(ranking.info["simulated"]) or any(file.simulated for file in files),
    }
    parts = [part for part in (ranking.names, _aliases(alone)) if len(part)]
    every = pd.concat(parts, ignore_index=True) if parts else ranking.names
    return replace(ranking, candidates=candidates, names=every, info=info), _scores(table, candidate, away)


def _scores(table: "pd.DataFrame", candidate: list[str], away: Any) -> "pd.DataFrame":
    """Return the scores of every spectrum with its rank among them; ties break by name."""
    import numpy as np

    order = np.lexsort(
        (table["spectrum"].to_numpy(dtype=str), -table["composite_score"].to_numpy(dtype=float))
    )
    place = np.empty(len(table), dtype=np.int64)
    place[order] = np.arange(1, len(table) + 1)
    scored = table.assign(candidate=candidate, separation_arcsec=away, spectrum_rank=place)
    return scored[list(SCORE_COLUMNS)]


def _aliases(alone: "pd.DataFrame") -> "pd.DataFrame":
    """Return the names by which candidates of spectra alone are found again at their positions."""
    import numpy as np
    import pandas as pd

    from analysis.association import name_of

    placed = alone[np.isfinite(alone["ra"].to_numpy(dtype=float))]
    return pd.DataFrame({
        "candidate": placed["candidate"],
        "alias": [name_of(ra, dec) for ra, dec in zip(placed["ra"], placed["dec"], strict=True)],
        "ra": placed["ra"],
        "dec": placed["dec"],
    })  # fmt: skip


def _facts(
    files: Sequence[SpectrumFileRecord], table: "pd.DataFrame", alone: "pd.DataFrame",
    owners: Sequence[str], method: str,
) -> dict[str, Any]:  # fmt: skip
    """Return what the ranking says of its spectra."""
    from analysis.spectra import joining
    from analysis.spectra.oddity import VIEWS

    return {
        "n_files": len(files),
        "n_spectra": len(table),
        "n_candidates": len(alone),
        "n_joined": sum(1 for owner in owners if owner),
        "join_radius_arcsec": joining.RADIUS_ARCSEC,
        "method": method,
        "views": VIEWS,
        "grades": {str(k): int(v) for k, v in table["redshift_grade"].value_counts().items()},
        "files": {file.file: file.stage_key for file in files},
    }


def figure_path(project: Project, spectrum: str) -> Path:
    """Return where the figure of a spectrum is."""
    return project.spectrum_figures / f"{slug(spectrum)}.png"


def draw_spectra(project: Project, db: Database, emit: Emit) -> None:
    """Draw the first spectra, and remove the figures of those that are no longer among them."""
    from analysis.spectra.figure import save_figure
    from analysis.spectra.plotting import Curve

    rows = best_spectra(db, FIGURES)
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in lines_of(db, [row["spectrum"] for row in rows]):
        lines.setdefault(line["spectrum"], []).append(line)
    kept = {figure_path(project, row["spectrum"]) for row in rows}
    for path in project.spectrum_figures.glob("*.png"):
        if path not in kept:
            path.unlink()
    for place, row in enumerate(rows, 1):
        cache = project.spectrum_cache / row["sha256"][:16] / f"{row['n']}.npz"
        if cache.exists():
            curve = Curve.load(cache, row, lines.get(row["spectrum"], []))
            save_figure(figure_path(project, row["spectrum"]), curve)
        emit({"event": "progress", "stage": "rank", "done": place, "total": len(rows), "text": "spectra"})


def redshift_of(row: dict[str, Any]) -> float:
    """Return a row's redshift, NaN where there is none."""
    return math.nan if row["redshift"] is None else float(row["redshift"])
