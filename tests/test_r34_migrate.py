"""Projects of every former schema: migrated, a copy kept, killed at every step; newer ones left alone."""

import hashlib
import math
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import store
from store import migrations
from store.candidates import candidate_order
from store.database import Database, StoreError
from store.frames import frame_records
from store.oddity import load_oddities
from store.project import Project
from store.sources import load_sources
from store.verdicts import VerdictBook

ROOT = Path(store.__file__).parents[1]
FORMER = Path(__file__).parent / "former"
NAME = "JWST J010.00000-20.00000"


def left_by(version, root):
    """A project as that version left it, with a decision in its journal."""
    project = Project(root)
    project.prepare()
    with duckdb.connect(str(project.database)) as connection:
        connection.execute((FORMER / f"schema{version}.sql").read_text())
    VerdictBook(project, "ann").decide("label", NAME, 10.0, -20.0, {"label": "known"})
    return project


def holds_everything(project):
    """Read the project with this program: frame, sources, candidate and decision."""
    db = Database(project.database)
    book = VerdictBook(project, "ann", database=db)
    book.index()
    with db.read() as cursor:
        version = cursor.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    return (
        version == migrations.SCHEMA_VERSION
        and [record.frame for record in frame_records(db)] == ["f"]
        and load_sources(db)["flux"].tolist() == [5.5, 6.5]
        and candidate_order(db) == [NAME]
        and book.state(NAME).label == "known"
    )


def test_r34_every_former_schema_left_a_project():
    """Whoever changes the schema leaves one of the schema before: tests/former/schemaN.sql."""
    there = sorted(int(path.stem.removeprefix("schema")) for path in FORMER.glob("schema*.sql"))
    assert set(range(1, migrations.SCHEMA_VERSION)) <= set(there)


@pytest.mark.parametrize("version", range(1, migrations.SCHEMA_VERSION))
def test_r34_a_project_of_a_former_schema_opens_and_a_copy_is_kept(version, tmp_path):
    """Nothing of it is lost, and the file of before lies beside, whole."""
    project = left_by(version, tmp_path)
    assert holds_everything(project)
    copy = project.database.with_name(f"jwst-vet.schema{version}.duckdb")
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (version,)
        assert connection.execute("SELECT count(*) FROM sources").fetchone() == (2,)


def test_what_schema_7_said_of_a_rank_is_kept_in_its_own_table(tmp_path):
    """The interval and the views of the last ranking move from its facts into the table."""
    found = load_oddities(Database(left_by(7, tmp_path).database), [NAME, "another"])
    assert list(found) == [NAME]
    assert (found[NAME].rank_low, found[NAME].rank_high, found[NAME].draws) == (1, 3, 8)
    assert math.isnan(found[NAME].views.pop("spectrum"))
    assert found[NAME].views == {"arc": 1.0, "colour": 0.25, "structure": 0.5}


KILLED = """
import os, sys
from pathlib import Path
from store import leases, migrations
from store.database import Database
left = int(sys.argv[2])
class Deadly:
    def __init__(self, connection): self.connection = connection
    def execute(self, *arguments):
        global left
        left -= 1
        if left == 0: os.kill(os.getpid(), 9)
        return self.connection.execute(*arguments)
real = migrations.bring_up_to_date
leases.migrations.bring_up_to_date = lambda connection, path: real(Deadly(connection), path)
with Database(Path(sys.argv[1])).read() as cursor:
    pass
print("whole")
"""


@pytest.mark.long
def test_r34_killed_at_any_step_of_a_migration_nothing_is_lost(tmp_path):
    """From schema 1, killed before each of its statements: the next start migrates on, the copy is whole."""
    killed = 0
    for step in range(1, 60):
        template = tmp_path / str(step)
        project = left_by(1, template)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, project.database, str(step)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout == "whole\n":
            break
        assert done.returncode == -9, done.stderr
        killed += 1
        assert holds_everything(project), step
        for copy in project.outputs_dir.glob("*.schema*.duckdb"):
            with duckdb.connect(str(copy), read_only=True) as connection:
                assert connection.execute("SELECT count(*) FROM sources").fetchone() == (2,), step
        shutil.rmtree(template)
    assert killed >= 20


def test_r34_a_newer_schema_is_refused_untouched_by_every_command(jwst_vet, project_folder):
    """Not one byte changes, exit 2, one line that says what to do."""
    project = Project(project_folder)
    project.prepare()
    with duckdb.connect(str(project.database)) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER, applied VARCHAR, program VARCHAR)")
        connection.execute("INSERT INTO schema_version VALUES (99, '', '9.0')")
    before = hashlib.sha256(project.database.read_bytes()).hexdigest()
    for command in ("status", "rank", "repair"):
        done = jwst_vet(command, cwd=project_folder)
        assert done.returncode == 2, command
        assert done.stderr.count("\n") == 1
        assert "newer jwst-vet" in done.stderr
    assert hashlib.sha256(project.database.read_bytes()).hexdigest() == before
    with pytest.raises(StoreError, match="update jwst-vet"), Database(project.database).write():
        pass
