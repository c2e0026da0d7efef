"""The second half of stage `rank`: candidates in; a cutout file and a figure of each out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.cutouts import (
    CutoutError,
    Panel,
    Target,
    common_side_arcsec,
    cut_panel,
    cutout_set,
    load_cutouts,
    save_cutouts,
)
from analysis.instruments import order_key
from analysis.stages import Emit
from analysis.stages.inputs import sha256_of
from store.frames import FrameRecord
from store.project import Project, slug

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

FIGURES = 500
"""Candidates that get a cutout file and a figure: a list without a cap can be longer than anybody looks."""
BATCH = 50
"""Candidates cut at a time, so that memory does not grow with their number."""


@dataclass(frozen=True)
class Recorded:
    """An open frame under the instrument, scale and unit that the store recorded when it was measured."""

    instrument: str
    filter: str
    shape: tuple[int, int]
    wcs: Any
    pixel_scale: float
    flux_unit: str
    to_njy: float
    mjd_beg: float
    rolls: tuple[float, ...]
    frame: Any

    def read(self, y0: int, y1: int, x0: int, x1: int) -> Any:
        """Return the planes of a window."""
        return self.frame.read(y0, y1, x0, x1)

    def valid_at(self, ra: Any, dec: Any) -> "npt.NDArray[np.bool_]":
        """Return which positions (degrees) fall on a valid pixel."""
        valid: npt.NDArray[np.bool_] = self.frame.valid_at(ra, dec)
        return valid


@contextmanager
def open_recorded(project: Project, record: FrameRecord) -> Iterator[Recorded]:
    """Open the file of a measured frame.

    Raises
    ------
    FrameError
        It cannot be opened, or is not the file that was measured.
    """
    from analysis.i2d import FrameError, open_frame

    path = Path(record.path)
    if path.is_file() and not _same_file(path, record):
        raise FrameError(path, "changed", "not the file that was measured; run `jwst-vet images` again")
    zeropoint = None if math.isnan(record.zeropoint) else record.zeropoint
    with open_frame(path, zeropoint=zeropoint, unpack_dir=project.cache / "unpacked") as frame:
        yield Recorded(
            record.instrument,
            record.filter,
            frame.shape,
            frame.wcs,
            record.pixel_scale_arcsec,
            record.flux_unit,
            record.to_njy,
            record.mjd_beg,
            frame.rolls or ((frame.pa_v3,) if math.isfinite(frame.pa_v3) else ()),
            frame,
        )


def _same_file(path: Path, record: FrameRecord) -> bool:
    """Return whether a file is the one that was measured; its bytes are read only if its time differs."""
    facts = path.stat()
    if facts.st_size != record.bytes:
        return False
    return facts.st_mtime_ns == record.mtime_ns or sha256_of(path) == record.sha256


def figure_paths(project: Project, candidate: str) -> tuple[Path, Path]:
    """Return the cutout file and the figure of a candidate."""
    name = slug(candidate)
    return project.cutout_cache / f"{name}.npz", project.cutout_figures / f"{name}.png"


def missing_figures(project: Project, candidates: Sequence[str]) -> list[str]:
    """Return those of the first candidates whose cutout file or figure is not there."""
    return [c for c in candidates[:FIGURES] if not all(p.exists() for p in figure_paths(project, c))]


def targets_of(candidates: "pd.DataFrame", sources: "pd.DataFrame") -> list[Target]:
    """Return the places to cut out, in order of rank.

    The Kron radius is that of the candidate's best source; a frame detected it where a source of that frame
    belongs to its object. Beside it are named the other objects and the bright stars near it.
    """
    from analysis.evidence import bright_stars
    from analysis.surroundings import near_stars, neighbours

    kron = dict(zip(sources["source_id"], sources["r_kron_arcsec"].tolist(), strict=True))
    shown: dict[str, set[str]] = {name: set() for name in candidates["object"]}
    for name, frame in zip(sources["object"], sources["frame"], strict=True):
        if name in shown:
            shown[name].add(frame)
    columns = ("candidate", "ra", "dec", "best_source", "object", "simulated")
    rows = list(zip(*(candidates[column].tolist() for column in columns), strict=True))
    near = neighbours(candidates, sources)
    stars = near_stars(candidates, bright_stars(sources))
    return [
        Target(
            candidate, ra, dec, kron.get(best, math.nan), frozenset(shown[name]), simulated, others, bright
        )
        for (candidate, ra, dec, best, name, simulated), others, bright in zip(rows, near, stars, strict=True)
    ]


def cut_candidates(
    project: Project, cutout_size: int, records: Sequence[FrameRecord], targets: Sequence[Target], emit: Emit,
    ranks: Mapping[str, int] | None = None,
) -> None:  # fmt: skip
    """Write cutout file and figure of the first candidates, and remove those of candidates no longer ranked.

    None is removed while the file of a frame is gone: it could not be made again should its candidate return.
    Panels stand in order of wavelength, then of time. A frame that cannot be opened has none.
    """
    from analysis.montage import save_montage

    ordered = sorted(records, key=lambda r: (order_key(r.instrument, r.filter), r.mjd_beg, r.frame))
    wanted = targets[:FIGURES]
    if all(Path(record.path).exists() for record in records):
        _remove_others(project, [target.candidate for target in wanted])
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        panels = cut_batch(project, cutout_size, ordered, batch)
        for place, (target, cut) in enumerate(zip(batch, panels, strict=True), start + 1):
            cutouts = cutout_set(target, cut)
            cache, figure = figure_paths(project, target.candidate)
            save_cutouts(cache, cutouts)
            save_montage(figure, cutouts, title=f"rank {(ranks or {}).get(target.candidate, place)}")
            emit(
                {"event": "progress", "stage": "rank", "done": place, "total": len(wanted), "text": "cutouts"}
            )


def cut_batch(
    project: Project, cutout_size: int, records: Sequence[FrameRecord], targets: Sequence[Target]
) -> "list[list[tuple[Panel, npt.NDArray[np.float32]]]]":
    """Return the panels of each target, every frame opened once."""
    from analysis.i2d import FrameError

    scales = {record.frame: record.pixel_scale_arcsec for record in records}
    sides = [
        common_side_arcsec(
            cutout_size, (scales[frame] for frame in target.detected_in or scales), target.r_kron_arcsec
        )
        for target in targets
    ]
    panels: list[list[tuple[Panel, npt.NDArray[np.float32]]]] = [[] for _ in targets]
    for record in records:
        if not Path(record.path).exists():
            for target, found in zip(targets, panels, strict=True):
                found.extend(_kept(project, target.candidate, record.frame))
            continue
        try:
            with open_recorded(project, record) as frame:
                for target, side, found in zip(targets, sides, panels, strict=True):
                    panel = cut_panel(target, record.frame, frame, side)
                    if panel is not None:
                        found.append(panel)
        except FrameError:
            continue  # said once already, where the stage reads the coverage
    return panels


def _kept(project: Project, candidate: str, frame: str) -> "list[tuple[Panel, npt.NDArray[np.float32]]]":
    """Return the panel cut from a frame whose file is gone since, as from a scratch disk that was purged."""
    try:
        before = load_cutouts(figure_paths(project, candidate)[0])
    except CutoutError:
        return []  # none was cut while the file was there
    return [
        (panel, image)
        for panel, image in zip(before.panels, before.images, strict=True)
        if panel.frame == frame
    ]


def _remove_others(project: Project, candidates: Sequence[str]) -> None:
    """Remove cutouts and figures of what is no longer ranked."""
    kept = {path for candidate in candidates for path in figure_paths(project, candidate)}
    for folder, pattern in ((project.cutout_cache, "*.npz"), (project.cutout_figures, "*.png")):
        for path in folder.glob(pattern):
            if path not in kept:
                path.unlink()
