"""Lists of one's own: a project whose candidates are a list; index, tables and cutouts in a folder apart."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.database import Database
from store.project import Project, StoreError, slug


@dataclass(frozen=True)
class ListProject(Project):
    """The project seen through a list: its frames, runs and journals, but candidates of the list alone."""

    name: str = ""

    @property
    def folder(self) -> Path:
        """Everything that is made of this list."""
        return self.outputs_dir / "lists" / self.name

    @property
    def database(self) -> Path:
        """The index of the list: a copy of the project's, with other candidates."""
        return self.folder / "list.duckdb"

    @property
    def tables(self) -> Path:
        """CSV tables of the list."""
        return self.folder / "tables"

    @property
    def cutout_figures(self) -> Path:
        """PNG cutouts of the list."""
        return self.folder / "figures"

    @property
    def cutout_cache(self) -> Path:
        """Cut pixels of the list."""
        return self.folder / "cutouts"

    @property
    def columns(self) -> Path:
        """The list's further columns by candidate."""
        return self.folder / "columns.json"


def list_project(project: Project, path: Path) -> ListProject:
    """Give the project of a list; its name holds the file's name and eight digits of its path's hash."""
    mark = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]
    return ListProject(project.root, project.data, project.outputs, name=f"{slug(path.stem)}-{mark}")


def copy_index(project: Project, own: ListProject) -> Database:
    """Copy the project's index for the list while nobody writes in it; StoreError where that fails."""
    own.folder.mkdir(parents=True, exist_ok=True)
    draft = own.database.with_suffix(".part")
    with Database(project.database).read():
        # By another process: closing any descriptor of the file in this one would drop DuckDB's lock.
        command = ["cp", "--", str(project.database), str(draft)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreError(f"{own.database}: the project's index could not be copied: {done.stderr.strip()}")
    draft.replace(own.database)
    return Database(own.database)


def write_columns(own: ListProject, columns: dict[str, dict[str, str]]) -> None:
    """Keep the further columns of the list, whole or not at all."""
    draft = own.columns.with_suffix(".part")
    draft.write_text(json.dumps(columns, ensure_ascii=False), encoding="utf-8")
    draft.replace(own.columns)


def read_columns(project: Project) -> dict[str, dict[str, str]]:
    """Give the further columns by candidate; none where the project is no list."""
    if not isinstance(project, ListProject) or not project.columns.exists():
        return {}
    found: dict[str, Any] = json.loads(project.columns.read_text(encoding="utf-8"))
    return found
