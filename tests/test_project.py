"""The places of a project, and what is said where they cannot be written."""

import os
from pathlib import Path

import pytest

from store.project import Project, StoreError, slug


def test_places_lie_below_the_root_unless_moved(tmp_path):
    """data and outputs are below the project folder; each can be moved to another disk."""
    project = Project(tmp_path)
    assert project.products == tmp_path / "data" / "products"
    assert project.report == tmp_path / "outputs" / "report" / "REPORT.md"
    moved = Project(tmp_path, data=Path("/scratch/in"), outputs=Path("/scratch/out"))
    assert moved.products == Path("/scratch/in/products")
    assert moved.database == Path("/scratch/out/jwst-vet.duckdb")
    assert moved.cutout_cache == Path("/scratch/out/cache/cutouts")


def test_prepare_makes_every_folder_and_may_be_repeated(tmp_path):
    """All folders exist after prepare, and a second call changes nothing."""
    project = Project(tmp_path / "new")
    project.prepare()
    project.prepare()
    for folder in (project.products, project.tables, project.verdicts, project.runs, project.cutout_figures):
        assert folder.is_dir()
    assert list(project.verdicts.iterdir()) == []


def test_a_place_that_cannot_be_made_is_refused_by_name(tmp_path):
    """The error names the folder and the remedy."""
    (tmp_path / "outputs").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"outputs.*\[paths\]"):
        Project(tmp_path).prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    """A folder that exists but refuses files is found out at once."""
    project = Project(tmp_path)
    project.prepare()
    project.verdicts.chmod(0o500)
    with pytest.raises(StoreError, match="verdicts"):
        project.prepare()


def test_a_candidate_name_becomes_a_file_name():
    """Blanks and separators are replaced; the signs of a position stay."""
    assert slug("JWST J110.83751-73.43968") == "JWST_J110.83751-73.43968"
    assert slug("../etc/passwd") == ".._etc_passwd"
