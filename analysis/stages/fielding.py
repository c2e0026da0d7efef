"""The last part of stage `rank`: measured frames in; a small picture of each whole frame out."""

from collections.abc import Sequence
from pathlib import Path

from analysis.stages import Emit
from analysis.stages.cutting import open_recorded
from store.frames import FrameRecord
from store.project import Project, slug


def field_path(project: Project, frame: str) -> Path:
    """Return the file of a frame's picture."""
    return project.field_cache / f"{slug(frame)}.npz"


def missing_fields(project: Project, records: Sequence[FrameRecord]) -> list[str]:
    """Return the frames that have no picture."""
    return [record.frame for record in records if not field_path(project, record.frame).exists()]


def make_fields(project: Project, records: Sequence[FrameRecord], emit: Emit) -> None:
    """Make the picture of every frame that has none, or has one of another measurement; remove all others.

    A frame that cannot be opened has none: that was said already, where the stage reads the coverage.
    """
    from analysis.fields import FieldError, load_field, save_field, view_field
    from analysis.i2d import FrameError

    wanted = {field_path(project, record.frame): record for record in records}
    for path in project.field_cache.glob("*.npz"):
        if path not in wanted:
            path.unlink()
    for done, (path, record) in enumerate(wanted.items(), 1):
        try:
            if load_field(path).stage_key == record.stage_key:
                continue
        except FieldError:
            pass  # absent or damaged: made now
        try:
            with open_recorded(project, record) as frame:
                view = view_field(
                    frame,
                    name=record.frame,
                    instrument=record.instrument,
                    filter_name=record.filter,
                    stage_key=record.stage_key,
                )
        except FrameError:
            continue
        save_field(path, view)
        emit(
            {"event": "progress", "stage": "rank", "done": done, "total": len(wanted), "text": "field views"}
        )
