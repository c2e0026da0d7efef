"""What changed since the ranking is said: by `status`, and by the app once it opens."""

import json
import os
import shutil

import pytest
from test_pty import Terminal

from analysis.config import load
from analysis.stages.staleness import stale
from store.database import Database
from store.project import Project


@pytest.fixture
def own(finished_copy):
    """A finished project whose records name its own FITS files."""
    with Database(Project(finished_copy).database).write() as cursor:
        cursor.execute(
            "UPDATE frames SET path = ? || parse_filename(path)", [f"{finished_copy}/data/products/"]
        )
    return Project(finished_copy)


def said(project):
    """What is stale now."""
    return stale(project, load(project.root / "config.toml"))


def first_image(project):
    return min(project.products.glob("*_i2d.fits"))


def edit_in_place(path):
    raw = bytearray(path.read_bytes())
    raw[-5000] ^= 1
    path.write_bytes(raw)


def test_nothing_is_stale_where_only_times_changed_or_files_went(own):
    """A copy with other times, and a file that is gone, make no result wrong."""
    for path in own.products.glob("*_i2d.fits"):
        os.utime(path, (1.0, 1.0))
    assert said(own) == []
    first_image(own).unlink()
    assert said(own) == []


def test_r29_an_input_edited_grown_or_added_is_named(own):
    """By bytes where the size is the same, by size where not; a new file too, and no copy of an old one."""
    path = first_image(own)
    shutil.copy(path, own.products / "copy_i2d.fits")
    assert said(own) == []
    edit_in_place(path)
    assert said(own) == [f"{path.name}: changed since it was measured; `jwst-vet run` measures it again"]
    with path.open("ab") as file:
        file.write(bytes(2880))
    assert said(own) == [f"{path.name}: changed since it was measured; `jwst-vet run` measures it again"]
    (own.products / "new_i2d.fits").write_bytes(b"SIMPLE")
    assert "new_i2d.fits: not measured yet" in said(own)[1]


def test_parameters_and_frames_that_the_ranking_lacks_are_named(own):
    """With the value it was made with; a frame measured since it; one that is no longer there."""
    config = own.root / "config.toml"
    config.write_text(config.read_text().replace("min_snr = 5.0", "min_snr = 7.0"))
    with Database(own.database).write() as cursor:
        names = [row[0] for row in cursor.execute("SELECT frame FROM frames ORDER BY 1").fetchall()]
        cursor.execute("UPDATE frames SET stage_key = 'other' WHERE frame = ?", [names[0]])
        cursor.execute("DELETE FROM frames WHERE frame = ?", [names[1]])
    (own.products / f"{names[1]}.fits").unlink()
    parameters, newer, gone = said(own)
    assert "min_snr = 7.0 (ranked with 5.0)" in parameters
    assert newer == f"{names[0]}: measured since the ranking; `jwst-vet rank` takes it in"
    assert gone == f"{names[1]}: in the ranking and no longer measured; `jwst-vet rank` drops it"


def test_stale_is_said_by_status_and_on_the_screen_of_the_app(own, jwst_vet):
    """The name of the file that changed, where a person looks."""
    path = first_image(own)
    edit_in_place(path)
    facts = json.loads(jwst_vet("status", "--json", cwd=own.root).stdout)
    assert len(facts["stale"]) == 1
    assert f"changed     {path.name}" in jwst_vet("status", cwd=own.root).stdout
    app = Terminal(own.root, (120, 40))
    app.until("changed since the ranking")
    app.until(path.name[:20])
    app.child.send("q")
    assert app.ends() == (0, None)
