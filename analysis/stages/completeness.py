"""Stage `completeness`: measured frames in; tables and figures of what could be found in them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import executors
from analysis.config import Config
from analysis.recalled import Injected, told
from analysis.recalled import as_csv as recall_csv
from analysis.recovered import Row, as_csv, rows_of, summary
from analysis.stages import Emit, StageResult
from analysis.stages.recalling import measure_recall
from analysis.stages.report import figure_path, recall_figure_path, recall_path, table_path, write_whole
from store.database import Database
from store.frames import FrameRecord, frame_records
from store.project import Project, StoreError

if TYPE_CHECKING:
    from analysis.completeness import Completeness


def completeness(
    project: Project, config: Config, emit: Emit, *, stopping: Callable[[], bool] = lambda: False
) -> StageResult:
    """Put sources into every measured frame, look for them, and write tables and figures.

    Anomalies are put into a piece of sky of all frames and ranked with the rest.

    Frames whose file is gone or cannot be read are failures; the others are written all the same.
    """
    records = {r.frame: r for r in frame_records(Database(project.database), "done")}
    if not records:
        return StageResult("completeness")
    tasks = {
        name: (search_file, (Path(record.path), config.detection_threshold, project.cache / "unpacked"))
        for name, record in records.items()
    }
    rows: list[Row] = []
    failures: list[str] = []
    total = len(tasks)
    for ended, outcome in enumerate(
        executors.run_tasks(tasks, executors.worker_count(config.execution.workers), stopping=stopping), 1
    ):
        record = records[outcome.key]
        if outcome.error is not None:
            failures.append(" ".join(str(outcome.error).split()))
            emit({"event": "note", "stage": "completeness", "text": failures[-1]})
            continue
        rows += _rows(record, outcome.value)
        emit(
            {
                "event": "frame_done",
                "stage": "completeness",
                "frame": record.frame,
                "done": ended,
                "total": total,
                "text": summary(rows_of(rows, record.frame)),
            }
        )
    if rows:
        rows.sort(key=lambda row: (row.frame, row.r50_arcsec, row.step_mag))
        write_whole(table_path(project), as_csv(rows))
        _draw(rows, figure_path(project))
        if not stopping():
            _recall(project, config, list(records.values()), rows, emit, stopping)
    return StageResult("completeness", total - len(failures), len(failures), 0, tuple(failures))


def _recall(
    project: Project,
    config: Config,
    records: list[FrameRecord],
    rows: Sequence[Row],
    emit: Emit,
    stopping: Callable[[], bool],
) -> None:
    """Measure how many invented anomalies the ranking puts near its top; a note says why where it cannot."""
    emit({"event": "note", "stage": "completeness", "text": "anomalies put in and ranked with the rest"})
    found, reason = measure_recall(project, config, records, stopping)
    text = told(found) if found else f"no recall of anomalies: {reason}"
    emit({"event": "note", "stage": "completeness", "text": text})
    if found:
        write_whole(recall_path(project), recall_csv(found))
        _draw_recall(found, rows, recall_figure_path(project))
    else:
        recall_path(project).unlink(missing_ok=True)


def search_file(path: Path, detection_threshold: float, unpack_dir: Path) -> Completeness:
    """Calibrate one image and measure its completeness; runs in a worker and never opens the store."""
    from analysis.completeness import measure_completeness
    from analysis.frame_calibration import calibrate_frame
    from analysis.i2d import open_frame

    with open_frame(path, unpack_dir=unpack_dir) as frame:
        return measure_completeness(frame, calibrate_frame(frame, detection_threshold))


def _rows(record: FrameRecord, result: Completeness) -> list[Row]:
    """Return the rows of one frame."""
    return [
        Row(
            record.frame, record.stage_key, record.instrument, record.filter, each.r50_arcsec, each.step_mag,
            round(result.depth_mag + each.step_mag, 3), each.injected, each.recovered,
            round(result.depth_mag, 3), result.detections, result.false_detections,
            round(result.taken_share, 4), record.simulated, round(result.aperture_depth_mag, 3),
            round(result.cut_mag, 3), round(result.threshold_sigma, 3),
        )
        for each in result.bins
    ]  # fmt: skip


def _draw(rows: Sequence[Row], path: Path) -> None:
    """Draw recovered share against magnitude relative to the depth, a panel per size, a line per frame."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sizes = sorted({row.r50_arcsec for row in rows})
    figure = Figure(figsize=(4.0 * len(sizes), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (panel, size) in enumerate(
        zip(figure.subplots(1, len(sizes), squeeze=False)[0], sizes, strict=True)
    ):
        for name in dict.fromkeys(row.frame for row in rows):
            curve = [r for r in rows if r.frame == name and r.r50_arcsec == size and r.injected]
            panel.plot(
                [r.step_mag for r in curve], [r.recovered / r.injected for r in curve],
                marker=".", label=f"{curve[0].filter}" if curve else None,
            )  # fmt: skip
        panel.axvline(0.0, color="0.6", linewidth=0.8)
        panel.axhline(0.5, color="0.6", linewidth=0.8)
        panel.set_ylim(-0.02, 1.05)
        panel.set_title("points" if size == 0 else f"discs, half-light radius {size:g} arcsec", fontsize=9)
        panel.set_xlabel("magnitudes fainter than a point at 5 sigma (matched)", fontsize=8)
        if place == 0:
            panel.set_ylabel("share recovered", fontsize=8)
            panel.legend(fontsize=7)
    if any(row.simulated for row in rows):
        figure.suptitle("SIMULATED images", fontsize=9, color="tab:red")
    _save(figure, path)


def _draw_recall(found: Sequence[Injected], rows: Sequence[Row], path: Path) -> None:
    """Draw how many anomalies are met down to each rank, and the false detections of each frame."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    ranks = sorted(each.rank for each in found if each.rank)
    last = found[0].n_candidates
    left.step([0, *ranks, last], [*(k / len(found) for k in range(len(ranks) + 1)), len(ranks) / len(found)],
              where="post", label="anomalies put in")  # fmt: skip
    left.plot([0, last], [0, 1], color="0.6", linewidth=0.8, label="by chance")
    left.set_ylim(-0.02, 1.05)
    left.set_xlabel("candidates looked at, best first", fontsize=8)
    left.set_ylabel("share of the anomalies met", fontsize=8)
    left.legend(fontsize=7)
    frames = list(dict.fromkeys(row.frame for row in rows))
    first = {row.frame: row for row in rows}
    share = [100.0 * first[f].false_detections / max(first[f].detections, 1) for f in frames]
    right.barh(range(len(frames)), share, color="tab:orange")
    right.axvline(1.0, color="0.6", linewidth=0.8)
    right.set_yticks(range(len(frames)), [first[f].filter for f in frames], fontsize=7)
    right.set_xlim(0.0, max(1.2, *share))
    right.set_xlabel("false detections, % (from the image turned over)", fontsize=8)
    simulated = "SIMULATED images, " if found[0].simulated else ""
    figure.suptitle(f"{simulated}SIMULATED anomalies put in", fontsize=9, color="tab:red")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    """Write a figure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, metadata={"Software": None})
    except OSError as error:
        raise StoreError(f"{path}: not written: {error.strerror or error}") from error
