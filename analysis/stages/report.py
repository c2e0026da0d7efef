"""Stage `report`: what the store and the journals hold in; the tables and REPORT.md out."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis import recalled
from analysis.config import Config
from analysis.cutouts import CutoutError, load_cutouts
from analysis.recalled import Injected
from analysis.recovered import Row, from_csv
from analysis.report.changes import Kept, as_json, from_json, snapshot
from analysis.report.document import render
from analysis.report.facts import TABLE_ROWS, Facts, Step
from analysis.stages import Emit, StageResult
from analysis.stages.cutting import figure_paths
from analysis.stages.ranking_spectra import FIGURES
from analysis.stages.ranking_spectra import figure_path as spectrum_figure
from analysis.stages.recalling import recall_key
from store import __version__
from store.candidates import CandidateRow, candidate_order, candidate_rows, members, ranking_info
from store.checks import load_checks
from store.database import Database
from store.drafts import draft_of
from store.frames import FrameRecord, frame_records
from store.handoff import selection_counts
from store.matching import indexed_book
from store.oddity import load_oddities
from store.products import product_records
from store.project import Project, StoreError
from store.spectra import best_spectra, lines_of, spectrum_files
from store.tables import TABLES, write_table
from store.verdicts import VerdictBook


def report(project: Project, config: Config, emit: Emit) -> StageResult:
    """Write every table and REPORT.md of what there is now.

    Nothing is written where no frame and no spectrum was measured yet.
    """
    db = Database(project.database)
    records = frame_records(db)
    if "done" not in {record.state for record in records} and not spectrum_files(db, "done"):
        return StageResult("report")
    book, _ = indexed_book(project, config.vetting.name(), db)
    paths = []
    # Not every source is in the index of a pack.
    names = [name for name in TABLES if not (project.packed and name == "all_sources")]
    for place, name in enumerate(names):
        emit({"event": "progress", "stage": "report", "done": place, "total": len(TABLES) + 1, "text": name})
        paths.append(write_table(project, db, name))
    facts = gather(project, config, db, book, records, paths)
    last = _last(project)
    now = snapshot(facts)
    kept = Kept(now, facts.written_at) if last is None else last.then(now, facts.written_at)
    write_whole(project.report, render(replace(facts, before=kept.before, before_at=kept.before_at)))
    write_whole(last_path(project), as_json(kept))
    total = len(TABLES) + 1
    emit({"event": "progress", "stage": "report", "done": total, "total": total, "text": "REPORT.md"})
    return StageResult("report", done=1, lines=(f"REPORT.md and {len(paths)} tables",))


def gather(
    project: Project,
    config: Config,
    db: Database,
    book: VerdictBook,
    records: Sequence[FrameRecord],
    tables: Sequence[Path],
) -> Facts:
    """Collect what the report tells."""
    names = candidate_order(db)
    states = book.all_states()
    decided = {state.candidate for state in states}
    told = [name for place, name in enumerate(names) if place < TABLE_ROWS or name in decided]
    rows = candidate_rows(db, told)
    candidates = [rows[name] for name in told if name in rows]
    base = project.report_dir
    rows_found, figure = _completeness(project, records), figure_path(project)
    anomalies, ranks = _recall(project, config, records), recall_figure_path(project)
    facts = Facts(
        config=config,
        version=__version__,
        frames=records,
        info=ranking_info(db),
        n_candidates=len(names),
        candidates=candidates,
        views={},
        members={},
        figures={},
        states=states,
        problems=book.problems,
        locations={record.frame: _location(Path(record.path), project.root) for record in records},
        tables=[_relative(path, base) for path in tables],
        completeness=rows_found,
        completeness_figure=_relative(figure, base) if rows_found and figure.exists() else "",
        recall=anomalies,
        recall_figure=_relative(ranks, base) if anomalies and ranks.exists() else "",
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        products=product_records(db),
        computed=load_checks(db),
        steps=_steps(db),
        sittings=book.sittings(),
        oddities=load_oddities(db, [row.candidate for row in candidates]),
        **_spectra(project, db),
    )
    figures = {row.candidate: figure_paths(project, row.candidate)[1] for row in facts.told}
    return replace(
        facts,
        views=_views(project, facts.told),
        members={row.candidate: members(db, row.candidate) for row in facts.told},
        figures={name: _relative(path, base) for name, path in figures.items() if path.exists()},
    )


def _spectra(project: Project, db: Database) -> dict[str, Any]:
    """Return what the report tells of spectra."""
    rows = best_spectra(db, FIGURES)
    paths = {row["spectrum"]: spectrum_figure(project, row["spectrum"]) for row in rows}
    return {
        "spectrum_files": spectrum_files(db),
        "spectrum_locations": {
            file.file: _location(Path(file.path), project.root) for file in spectrum_files(db)
        },
        "spectra": rows,
        "spectral_lines": lines_of(db, [row["spectrum"] for row in rows]),
        "spectrum_figures": {n: _relative(p, project.report_dir) for n, p in paths.items() if p.exists()},
    }


def last_path(project: Project) -> Path:
    """Return where the report keeps what it told, for the next one to compare with."""
    return project.report_dir / "last.json"


def _last(project: Project) -> Kept | None:
    """Read what the last report told; None where there is none.

    Raises
    ------
    StoreError
        It is there and cannot be read.
    """
    path = last_path(project)
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: not what a report keeps ({error}); delete it: the next report then compares with none"
        ) from error


def _steps(db: Database) -> list[Step]:
    """Return the selection in numbers; none before a ranking."""
    info = ranking_info(db)
    if not info:
        return []
    count, top = selection_counts(db, info["min_snr"]), info["top_anomalies_per_image"]
    put = f"among the {top} most anomalous of an image" if top else "put forward by an image"
    steps = []
    if count["sources"]:
        steps = [
            Step("detected and measured in the images", count["sources"], "sources"),
            Step("joined across frames", count["objects"], "objects"),
            Step(f"with S/N of {info['min_snr']:g} or more in a frame", count["objects_snr"], "objects"),
            Step(put, count["images"], "objects"),
        ]
    if count["spectra"]:
        steps += [
            Step("measured", count["spectra"], "spectra"),
            Step("put forward, or of a candidate of the images", count["spectra_listed"], "spectra"),
            Step("candidates by their spectrum alone", count["spectra_alone"], "sources of spectra"),
        ]
    return [*steps, Step("ranked", count["images"] + count["spectra_alone"], "candidates")]


def table_path(project: Project) -> Path:
    """Return where the table of completeness is."""
    return project.tables / "completeness.csv"


def figure_path(project: Project) -> Path:
    """Return where the figure of completeness is."""
    return project.cutout_figures.parent / "completeness.png"


def recall_path(project: Project) -> Path:
    """Return where the table of the anomalies put in is."""
    return project.tables / "completeness_anomalies.csv"


def recall_figure_path(project: Project) -> Path:
    """Return where the figure of their ranks is."""
    return project.cutout_figures.parent / "completeness_anomalies.png"


def _recall(project: Project, config: Config, records: Sequence[FrameRecord]) -> list[Injected]:
    """Read the table of anomalies back, where it is of these frames and parameters.

    Raises
    ------
    StoreError
        The table is there and cannot be read.
    """
    path = recall_path(project)
    key = recall_key([record for record in records if record.state == "done"], config)
    try:
        return [row for row in recalled.from_csv(path.read_text(encoding="utf-8")) if row.key == key]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(
            f"{path}: not a table of this program ({error}); `jwst-vet completeness` writes it anew"
        ) from error


def _completeness(project: Project, records: Sequence[FrameRecord]) -> list[Row]:
    """Read the table back: rows of frames that are as they were when completeness was measured.

    Raises
    ------
    StoreError
        The table is there and cannot be read.
    """
    path = table_path(project)
    keys = {record.frame: record.stage_key for record in records if record.state == "done"}
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    try:
        rows = from_csv(text)
    except ValueError as error:
        raise StoreError(
            f"{path}: not a table of this program ({error}); `jwst-vet completeness` writes it anew"
        ) from error
    return [row for row in rows if keys.get(row.frame) == row.stage_key]


def _views(project: Project, rows: Sequence[CandidateRow]) -> dict[str, dict[str, str]]:
    """Return what each frame near a candidate shows of it; a candidate without cutouts is left out."""
    views = {}
    for row in rows:
        try:
            panels = load_cutouts(figure_paths(project, row.candidate)[0]).panels
        except CutoutError:
            continue  # no cutouts yet: the report then has no figure either and says so
        views[row.candidate] = {
            panel.frame: "detected"
            if panel.detected
            else ("not detected" if panel.covered else "not covered")
            for panel in panels
        }
    return views


def _location(path: Path, root: Path) -> str:
    """Return a file's path from the project folder where it lies inside, else the whole path."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises
    ------
    StoreError
        It cannot be written; the file that was there is untouched.
    """
    draft = draft_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: not written: {error.strerror or error}; free some space or name other folders "
            "under [paths]"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
