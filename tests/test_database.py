"""Leases: transactions that hold or say so, threads and processes at once, versions of the schema."""

import hashlib
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from store import damage, database, migrations
from store.candidates import CandidateRow
from store.database import Database, StoreError
from store.frames import FrameRecord

ROOT = Path(database.__file__).parents[1]


@pytest.fixture
def db(tmp_path):
    return Database(tmp_path / "p.duckdb", patience=10.0)


def add(db, name):
    with db.write() as cursor:
        cursor.execute("INSERT INTO names VALUES (?, ?, 1.0, 2.0)", [name, name])


def names(db):
    with db.read() as cursor:
        return [row[0] for row in cursor.execute("SELECT candidate FROM names ORDER BY 1").fetchall()]


def child(script, *arguments):
    """Start another process that has only the store."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_first_lease_makes_the_schema(db):
    """A new file has the current version, and the columns that the records have."""
    with db.read() as cursor:
        versions = cursor.execute("SELECT version FROM schema_version").fetchall()
        assert versions == [(migrations.SCHEMA_VERSION,)]
        for table, record in (("frames", FrameRecord), ("candidates", CandidateRow)):
            found = [row[0] for row in cursor.execute(f"DESCRIBE {table}").fetchall()]
            assert found == list(record.__dataclass_fields__)


def test_a_write_is_there_for_the_next_reader(db):
    """What was committed is read by the next lease, from the file."""
    add(db, "A")
    assert names(db) == ["A"]


def test_a_write_that_fails_leaves_nothing(db):
    """Any exception undoes the whole transaction and goes on to the caller."""
    add(db, "A")
    with pytest.raises(ZeroDivisionError), db.write() as cursor:  # noqa: PT012
        cursor.execute("DELETE FROM names")
        raise ZeroDivisionError
    assert names(db) == ["A"]


def test_an_error_swallowed_in_a_transaction_is_not_a_commit(db):
    """COMMIT of an aborted transaction is silent in DuckDB; here it is an error."""
    with pytest.raises(StoreError, match="aborted"), db.write() as cursor:  # noqa: PT012
        cursor.execute("INSERT INTO names VALUES ('A', 'A', 1, 2)")
        with pytest.raises(duckdb.Error):
            cursor.execute("SELECT * FROM misspelt")
    assert names(db) == []


def test_errors_of_duckdb_name_the_file_in_one_line(db):
    """Callers that may not import duckdb catch one class."""
    with pytest.raises(StoreError, match=r"p\.duckdb: .*misspelt") as caught, db.read() as cursor:
        cursor.execute("SELECT * FROM misspelt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("replacement", [None, b"<html>"])
def test_a_database_taken_away_while_open_is_not_a_commit(db, replacement):
    """DuckDB reports success on a deleted file; the lease finds out, and the next one starts afresh."""
    add(db, "A")
    with pytest.raises(StoreError, match="deleted or replaced"), db.write() as cursor:  # noqa: PT012
        cursor.execute("INSERT INTO names VALUES ('B', 'B', 1, 2)")
        db.path.unlink()
        if replacement:
            db.path.write_bytes(replacement)
    if replacement:
        db.path.unlink()
    add(db, "C")
    assert names(db) == ["C"]


@pytest.mark.parametrize("content", [b"", b"<html>404</html>"])
def test_a_file_that_is_no_database_is_set_aside(db, content):
    """An empty file or a web page under the database's name: kept under a dated name, and said."""
    damage.take_fresh()
    db.path.write_bytes(content)
    add(db, "A")
    assert names(db) == ["A"]
    (aside,) = db.path.parent.glob("p.duckdb.damaged-*")
    assert aside.read_bytes() == content
    (line,) = damage.take_fresh()
    assert "not a valid DuckDB" in line
    assert "\n" not in line


def test_a_missing_folder_is_named(tmp_path):
    """No folder for the database: which one, and what to do."""
    with (
        pytest.raises(StoreError, match=r"gone does not exist; make it"),
        Database(tmp_path / "gone" / "p").read(),
    ):
        pass


def test_another_programs_database_is_left_alone(db):
    """A DuckDB file with foreign tables is not taken over."""
    duckdb.connect(str(db.path)).execute("CREATE TABLE birds (name VARCHAR)").close()
    with pytest.raises(StoreError, match="another program"), db.write():
        pass


def test_a_thread_may_read_inside_its_lease_but_not_write(db):
    """Helpers may be composed for reading; a write inside a lease would wait for itself."""
    with db.read():
        assert names(db) == []
        with pytest.raises(StoreError, match="lease of its own"), db.write():
            pass


def test_eight_threads_read_and_write_without_a_wrong_row(db):
    """Each thread sees its own rows complete, whatever the others do."""
    wrong = []

    def work(number):
        for step in range(6):
            add(db, f"{number}-{step}")
            mine = [name for name in names(db) if name.startswith(f"{number}-")]
            if mine != [f"{number}-{k}" for k in range(step + 1)]:
                wrong.append((number, step, mine))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(names(db)) == 48


WRITER = """
import sys
from pathlib import Path
from store.database import Database
db = Database(Path(sys.argv[1]), patience=60.0)
for step in range(int(sys.argv[3])):
    with db.write() as cursor:
        cursor.execute("INSERT INTO names VALUES (?, '', 1.0, 2.0)", [f"{sys.argv[2]}-{step}"])
    with db.read() as cursor:
        cursor.execute("SELECT count(*) FROM names").fetchone()
"""


def test_processes_share_one_new_project(tmp_path):
    """Four processes create, write and read one database at once: nobody is refused, nothing is lost."""
    path = tmp_path / "p.duckdb"
    writers = [child(WRITER, path, number, 12) for number in range(3)]
    db = Database(path, patience=60.0)
    for step in range(12):
        add(db, f"3-{step}")
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert names(db) == sorted(f"{number}-{step}" for number in range(4) for step in range(12))


HOLDER = """
import sys
from pathlib import Path
from store.database import Database
with Database(Path(sys.argv[1])).write() as cursor:
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_held_lock_names_its_holder_and_is_waited_for(db):
    """Out of patience the holder's process id is told; with patience the lease comes once it is free."""
    add(db, "A")
    holder = child(HOLDER, db.path)
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(StoreError, match=rf"in use by process {holder.pid} .* for more than 0.1 s"),
        Database(db.path, patience=0.1).write(),
    ):
        pass
    timer = threading.Timer(0.05, lambda: holder.communicate("\n"))
    timer.start()
    assert names(db) == ["A"]
    timer.join()
    assert holder.returncode == 0


NOW, NEXT = migrations.SCHEMA_VERSION, migrations.SCHEMA_VERSION + 1


def migrate_to_next(connection):
    connection.execute("ALTER TABLE names ADD COLUMN survey VARCHAR DEFAULT 'none'")


@pytest.fixture
def next_version(monkeypatch):
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(migrations, "MIGRATIONS", {NEXT: migrate_to_next})


@pytest.fixture
def old(db, tmp_path):
    """A file of this version with one row, not yet opened by this process."""
    add(db, "A")
    return Database(shutil.copy(db.path, tmp_path / "old.duckdb"))


def test_an_older_schema_is_migrated_and_a_copy_kept(old, next_version):
    """The rows stay, the version is recorded, and the file of before lies beside."""
    with old.read() as cursor:
        assert cursor.execute("SELECT candidate, survey FROM names").fetchall() == [("A", "none")]
        assert cursor.execute("SELECT version FROM schema_version ORDER BY 1").fetchall() == [(NOW,), (NEXT,)]
    with duckdb.connect(str(old.path.with_name(f"old.schema{NOW}.duckdb")), read_only=True) as copy:
        assert copy.execute("SELECT max(version) FROM schema_version").fetchall() == [(NOW,)]
        assert copy.execute("SELECT candidate FROM names").fetchall() == [("A",)]


def test_a_migration_that_fails_changes_nothing(old, next_version, monkeypatch):
    """Half a migration is undone; the next program that can do it finds the old version whole."""

    def fails(connection):
        migrate_to_next(connection)
        connection.execute("SELECT * FROM misspelt")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", {NEXT: fails})
        with pytest.raises(StoreError, match="misspelt"), old.read():
            pass
    with old.read() as cursor:
        assert cursor.execute("SELECT candidate, survey FROM names").fetchall() == [("A", "none")]


def test_every_version_has_its_migration():
    """The chain from version 1 to the current one has no gap."""
    assert sorted(migrations.MIGRATIONS) == list(range(2, migrations.SCHEMA_VERSION + 1))


@pytest.mark.parametrize("lease", ["read", "write"])
def test_a_newer_schema_is_refused_untouched(old, lease):
    """A file of a later program: which version, what to do, and not one byte changed."""
    with duckdb.connect(str(old.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9, '', '9.0')")
    before = sha256(old.path)
    with pytest.raises(StoreError, match=r"newer jwst-vet .schema 9"), getattr(old, lease)():
        pass
    assert sha256(old.path) == before


def test_the_store_starts_without_heavy_libraries():
    """Importing every room of the store loads neither duckdb nor any table or array library."""
    rooms = " ".join(f"import store.{path.stem};" for path in (ROOT / "store").glob("[a-z]*.py"))
    script = f"import sys; {rooms} print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    heavy = ("duckdb", "pandas", "pyarrow", "numpy", "scipy", "astropy")
    found, _ = child(script, *heavy).communicate(timeout=60)
    assert found == "[]\n"


KILLED = """
import os, sys
from pathlib import Path
from store.database import Database
with Database(Path(sys.argv[1])).write() as cursor:
    cursor.execute("INSERT INTO names VALUES ('A', 'A', 1.0, 2.0)")
    cursor.execute("COMMIT")
    os.kill(os.getpid(), 9)
"""


def test_a_log_that_is_whole_is_replayed_and_a_damaged_one_set_aside(db, tmp_path):
    """A write-ahead log whose end is zeros after power loss does not keep the database from opening."""
    damage.take_fresh()
    child(KILLED, db.path).communicate(timeout=60)
    whole = damage.wal_path(db.path).read_bytes()
    other = Database(shutil.copy(db.path, tmp_path / "q.duckdb"))
    damage.wal_path(other.path).write_bytes(whole[:-40] + bytes(40))
    assert names(other) == []
    (line,) = damage.take_fresh()
    assert "q.duckdb.wal was damaged" in line
    assert names(db) == ["A"]


def test_a_database_that_another_process_is_making_is_waited_for(tmp_path):
    """An empty file that becomes a database within a second is not set aside as damaged."""
    path, whole = tmp_path / "p.duckdb", tmp_path / "whole.duckdb"
    add(Database(whole), "A")
    path.touch()
    timer = threading.Timer(0.2, lambda: whole.replace(path))
    timer.start()
    assert names(Database(path)) == ["A"]
    timer.join()
    assert [one.name for one in tmp_path.iterdir()] == ["p.duckdb"]
