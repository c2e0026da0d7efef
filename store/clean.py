"""What can be made again and what it occupies: unpacked files, spilled pages, drafts, old copies, cutouts."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from store.database import Database
from store.drafts import left_behind
from store.frames import frame_records
from store.project import Project, StoreError


@dataclass(frozen=True)
class Heap:
    """Files of one kind: what they are, which, their bytes, and why they are kept where they are."""

    name: str
    paths: tuple[Path, ...]
    kept_because: str = ""

    @property
    def bytes(self) -> int:
        """What they occupy."""
        return sum(_size(path) for path in self.paths)


def heaps(project: Project, chosen: Mapping[str, bool]) -> Iterator[Heap]:
    """List what can be freed, kind by kind.

    Parameters
    ----------
    project : Project
        Its folders.
    chosen : mapping
        Kinds that go only when asked for ("cutouts", "set_aside") to whether they were.
    """
    cache, outputs = project.cache, project.outputs_dir
    yield Heap("unpacked copies of .fits.gz files", _inside(cache / "unpacked"))
    yield Heap("pages that the database spilled", _inside(cache / "duckdb-spill"))
    yield Heap("drafts of files that were never finished", tuple(left_behind(outputs)))
    damaged = tuple(sorted((*outputs.glob("*.damaged-*"), *project.verdicts.glob("*.damaged-*"))))
    copies = tuple(sorted(outputs.glob("*.schema*.duckdb")))
    asked = "" if chosen.get("set_aside") else "only with --set-aside"
    yield Heap("damaged files set aside, and copies from before migrations", damaged + copies, asked)
    yield Heap("cutouts and figures", *_cutouts(project, chosen.get("cutouts", False)))


def free(heap: Heap, removed: Callable[[Path], None] = lambda _path: None) -> int:
    """Delete the files of a heap that is not kept; give the bytes freed. StoreError names what resists."""
    if heap.kept_because:
        return 0
    freed = 0
    for path in heap.paths:
        size = _size(path)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: cannot be deleted: {error.strerror or error}") from error
        freed += size
        removed(path)
    return freed


def _cutouts(project: Project, asked: bool) -> tuple[tuple[Path, ...], str]:
    """Give the cutouts and why they are kept: they cannot be made again once a FITS file is gone."""
    paths = tuple(sorted((*project.cutout_cache.glob("*.npz"), *project.cutout_figures.glob("*.png"))))
    if not asked:
        return paths, "only with --cutouts; `jwst-vet rank` makes them again"
    if not project.database.exists():
        return paths, "there is no database to make them again from"
    gone = [r.path for r in frame_records(Database(project.database), "done") if not Path(r.path).is_file()]
    if gone:
        return paths, f"{len(gone)} of the FITS files they were cut from are gone, such as {gone[0]}"
    return paths, ""


def _inside(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.iterdir())) if folder.is_dir() else ()


def _size(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        return sum(
            os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118 - os.walk gives strings
            for where, _, names in os.walk(path)
            for name in names
        )
    return path.lstat().st_size if path.exists() or path.is_symlink() else 0
