"""The store under damage: logs, databases, journals cut, flipped, replaced or gone; no decision is lost."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from vet_project import make_vet_project, name_of

import store
from store import damage, journal
from store.candidates import candidate_order
from store.database import Database, StoreError
from store.journal import JournalError, read_journal
from store.project import Project
from store.repair import repair
from store.tables import write_table
from store.verdicts import VerdictBook
from store.verify import verify

ROOT = Path(store.__file__).parents[1]
VERDICTS = 25

# Commits decisions and their index, many transactions into one log, and dies before any checkpoint.
DIES = """
import os, sys
from pathlib import Path
from store.database import Database
from store.project import Project
from store.verdicts import VerdictBook
project = Project(Path(sys.argv[1]))
db = Database(project.database)
book = VerdictBook(project, "vera", database=db)
for number in range(int(sys.argv[2])):
    book.decide("label", f"C{number}", 1.0, 2.0, {"label": "known"})
with db.write() as cursor:
    for number in range(int(sys.argv[2])):
        cursor.execute("INSERT INTO names VALUES (?, '', 1.0, 2.0)", [f"C{number}"])
        cursor.execute("COMMIT")
        cursor.execute("BEGIN")
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A project of twelve candidates whose last process died with a log full of commits."""
    project, _ = make_vet_project(tmp_path_factory.mktemp("killed") / "field")
    subprocess.run([sys.executable, "-c", DIES, project.root, str(VERDICTS)], cwd=ROOT, check=False)
    assert damage.wal_path(project.database).stat().st_size > 1000
    return project


@pytest.fixture
def ram(tmp_path):
    """A folder where nothing waits for a disk, where there is such a place."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def copy(killed, tmp_path):
    """A copy of the killed project, to be damaged."""
    shutil.copytree(killed.root, tmp_path / "field")
    return Project(tmp_path / "field")


@pytest.fixture(autouse=True)
def nothing_told():
    """Start and end without notices of other tests."""
    damage.take_fresh()
    yield
    damage.take_fresh()


def opened(project):
    """Open as the app does, index, and give what the index holds: (labels in the index, candidates)."""
    db = Database(project.database)
    book = VerdictBook(project, "vera", database=db)
    book.index()
    with db.read() as cursor:
        (labels,) = cursor.execute("SELECT count(*) FROM standing").fetchone()
    assert labels == len(book.states())
    return labels, len(candidate_order(db))


def wal_damages():
    """Yield ways to spoil a log: (name, function of its bytes)."""
    chance = random.Random(4)
    yield "empty", lambda _raw: b""
    yield "gone", lambda _raw: None
    yield "rubbish", lambda raw: bytes(chance.randrange(256) for _ in raw)
    for size in (8, 40, 400, 4000):
        yield f"last {size} zero", lambda raw, n=size: raw[:-n] + bytes(n)
        yield f"last {size} missing", lambda raw, n=size: raw[:-n]
    for number in range(300):

        def flip(raw):
            spoilt = bytearray(raw)
            spoilt[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            return bytes(spoilt)

        yield f"flip {number}", flip


def spoil(path, how):
    spoilt = how(path.read_bytes())
    if spoilt is None:
        path.unlink()
    else:
        path.write_bytes(spoilt)


@pytest.mark.long
def test_r04_a_damaged_log_costs_no_verdict(killed, ram, record_property):
    """Emptied, cut, zeros or one bit flipped: it opens, all verdicts are there, one line tells of it."""
    set_aside = 0
    for number, (name, how) in enumerate(wal_damages()):
        project = Project(ram / str(number))
        project.outputs_dir.mkdir(parents=True)
        for path in (killed.database, damage.wal_path(killed.database)):
            shutil.copy(path, project.outputs_dir)
        shutil.copytree(killed.verdicts, project.verdicts)
        before = damage.wal_path(project.database).read_bytes()
        spoil(damage.wal_path(project.database), how)
        labels, candidates = opened(project)
        assert (labels, candidates) == (VERDICTS, 12), name
        told = damage.take_fresh()
        aside = list(project.outputs_dir.glob("*.damaged-*"))
        assert len(told) == len(damage.notices(project.outputs_dir)) == bool(aside), name
        for line in told:
            assert "\n" not in line
            assert f"{VERDICTS} journal lines" in line
        assert all(len(path.read_bytes()) <= len(before) for path in aside)
        set_aside += bool(aside)
        shutil.rmtree(project.root)
    record_property("logs_set_aside", set_aside)
    assert set_aside > 200


def db_damages():
    """Yield ways to spoil a database file."""
    chance = random.Random(5)
    yield "html", lambda _raw: b"<html>504 Gateway Time-out</html>"
    yield "empty", lambda _raw: b""
    for size in (10, 5000, 20_000):
        yield f"cut at {size}", lambda raw, n=size: raw[:n]
    for number in range(25):

        def flip(raw):
            spoilt = bytearray(raw)
            for _ in range(40):
                spoilt[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            return bytes(spoilt)

        yield f"40 flips {number}", flip


def test_r05_a_damaged_database_costs_no_verdict(killed, ram):
    """Replaced by a web page, cut, or with flipped bits: after `repair` it reads, with all verdicts."""
    for number, (name, how) in enumerate(db_damages()):
        project = Project(ram / str(number))
        project.outputs_dir.mkdir(parents=True)
        shutil.copy(killed.database, project.outputs_dir)
        shutil.copytree(killed.verdicts, project.verdicts)
        spoil(project.database, how)
        lines = list(repair(project, "vera"))
        assert f"{VERDICTS} journal lines of 1 vetters are in the index" in lines, name
        labels, candidates = opened(project)
        assert (labels, candidates in (0, 12)) == (VERDICTS, True), name
        if candidates == 0:
            assert damage.notices(project.outputs_dir), name
            assert list(project.outputs_dir.glob("*.damaged-*")), name
        assert [finding.text for finding in verify(project) if not finding.fit] == [
            f"f200w.fits: {os.strerror(2)}"
        ] * bool(candidates), name
        shutil.rmtree(project.root)


def test_r05_a_database_that_is_gone_is_never_replaced_in_silence(copy):
    """Results and journals without a database: it is made anew, and one line says so."""
    for path in copy.outputs_dir.glob("jwst-vet.duckdb*"):
        path.unlink()
    (finding,) = [finding for finding in verify(copy) if not finding.fit]
    assert "gone, though there are results" in finding.text
    assert opened(copy) == (VERDICTS, 0)
    (line,) = damage.take_fresh()
    assert "was gone and is made anew" in line
    assert f"{VERDICTS} journal lines" in line


def test_a_new_project_has_no_notice(tmp_path):
    """Nothing was there before: nothing is said."""
    project = Project(tmp_path)
    project.prepare()
    assert opened(project) == (0, 0)
    assert damage.take_fresh() == []
    assert not damage.notices_path(project.outputs_dir).exists()


@pytest.mark.parametrize("replacement", [None, b"<html>"])
def test_r06_a_database_taken_away_while_in_use_is_said_and_the_verdict_kept(copy, replacement):
    """Unlinked or replaced between two verdicts: the next one is durable, and the index comes back."""
    db = Database(copy.database, patience=1.0)
    book = VerdictBook(copy, "vera", database=db)
    book.index()
    with pytest.raises(StoreError, match="deleted or replaced"), db.write() as cursor:  # noqa: PT012
        cursor.execute("INSERT INTO names VALUES ('A', '', 1, 2)")
        copy.database.unlink()
        if replacement:
            copy.database.write_bytes(replacement)
    line = book.decide("label", name_of(0), 1.0, 2.0, {"label": "known"})
    assert line in read_journal(copy.verdicts / "vera.jsonl")[0]
    assert opened(copy)[0] == VERDICTS + 1


def session(project):
    """Decide, undo, redo, index, write a table; give the acknowledged lines and the troubles."""
    acknowledged, troubles = [], []
    book = VerdictBook(project, "vera", database=Database(project.database))
    steps = [
        lambda: book.decide("label", name_of(0), 1.0, 2.0, {"label": "interesting"}),
        lambda: book.decide("check", name_of(0), 1.0, 2.0, {"checks": {"methods": "pass"}}),
        book.undo,
        book.redo,
        lambda: book.decide("note", name_of(1), 1.0, 2.0, {"text": "x" * 3000}),
        book.index,
        lambda: write_table(project, Database(project.database), "verdicts"),
    ]
    for step in steps:
        try:
            line = step()
        except StoreError as error:
            troubles.append(str(error))
        else:
            if isinstance(line, journal.Line):
                acknowledged.append(line.id)
    return acknowledged, troubles


def test_r07_disk_full_at_every_write_of_the_journal(copy, monkeypatch):
    """The n-th write or flush fails, for every n: no acknowledgement without its line; the next one works."""
    path = copy.verdicts / "vera.jsonl"
    real = {"write": os.write, "fsync": os.fsync}
    calls = failed = 0
    limit = 0

    def failing(name):
        def call(*arguments):
            nonlocal calls, failed
            calls += 1
            if calls == limit:
                failed += 1
                if name == "write":
                    real["write"](arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise OSError(28, "No space left on device")
            return real[name](*arguments)

        return call

    for name in real:
        monkeypatch.setattr(journal.os, name, failing(name))
    for limit in range(1, 12):
        calls = 0
        before = {line.id for line in read_journal(path)[0]}
        acknowledged, troubles = session(copy)
        lines, problems = read_journal(path)
        assert {line.id for line in lines} - before == set(acknowledged)
        assert problems == []
        assert len(troubles) == (calls >= limit)
        assert all("No space left" in line and "free some space" in line for line in troubles)
    assert failed >= 10


FULL = """
import json, resource, signal, sys
sys.path[:0] = [sys.argv[2]]
from pathlib import Path
import duckdb, pandas, pyarrow
from store.project import Project
import test_damage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
project = Project(Path(sys.argv[1]))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), hard))
acknowledged, troubles = test_damage.session(project)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
again, rest = test_damage.session(project)
print(json.dumps([acknowledged + again, troubles, rest]))
"""


@pytest.mark.long
def test_r07_files_that_cannot_grow_any_further(killed, tmp_path):
    """No file may pass a size, from below the journal's to the database's: nothing acknowledged is lost.

    Once there is room the same process goes on, and the database reads to its last block.
    """
    troubled = 0
    sizes = [(killed.verdicts / "vera.jsonl").stat().st_size + 200 * n for n in range(8)]
    sizes += [killed.database.stat().st_size + 4096 * n for n in (-40, -4, 0, 1, 16, 64, 70)]
    for number, size in enumerate(sizes):
        project = Project(Path(shutil.copytree(killed.root, tmp_path / str(number))))
        opened(project)
        done = subprocess.run(
            [sys.executable, "-c", FULL, project.root, Path(__file__).parent, str(size)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        acknowledged, troubles, rest = json.loads(done.stdout)
        assert rest == []
        troubled += bool(troubles)
        assert set(acknowledged) <= {line.id for line in read_journal(project.verdicts / "vera.jsonl")[0]}
        assert opened(project)[1] == 12
        assert [f.text for f in verify(project) if not f.fit and "f200w" not in f.text] == []
        assert damage.notices(project.outputs_dir) == []
    assert troubled >= 8


def test_r08_bad_lines_are_told_by_number_and_repair_keeps_all_others(copy):
    """Torn, garbled, swapped, repeated lines: the others count; repair writes them out and keeps the old."""
    path = copy.verdicts / "vera.jsonl"
    rows = path.read_bytes().splitlines(keepends=True)
    rows[3] = rows[3].replace(b'"known"', b'"knowm"')
    rows[5], rows[6] = rows[6], rows[5]
    rows.insert(9, rows[8])
    rows[-1] = rows[-1][:50]
    path.write_bytes(b"".join(rows))
    lines, problems = read_journal(path)
    assert [problem.line_number for problem in problems] == [4, 7, 10, 26]
    assert len(lines) == VERDICTS - 2
    told = [finding.text for finding in verify(copy) if not finding.fit]
    assert [text for text in told if "vera.jsonl: line 4" in text]
    spoilt = path.read_bytes()
    pen = VerdictBook(copy, "vera")
    list(repair(copy, "vera"))
    assert read_journal(path) == (lines, [])
    (aside,) = copy.verdicts.glob("vera.jsonl.damaged-*")
    assert aside.read_bytes() == spoilt
    pen.decide("label", "C99", 1.0, 2.0, {"label": "known"})
    assert len(read_journal(path)[0]) == VERDICTS - 1


def test_r33_a_folder_that_cannot_be_written_is_one_line(copy, monkeypatch):
    """A journal that may not be written: refused, nothing acknowledged, where and what to do."""
    book = VerdictBook(copy, "vera")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(journal.os, "write", refuse)
    with pytest.raises(
        JournalError, match=r"vera\.jsonl: .*Permission denied.*make the folder writable"
    ) as caught:
        book.decide("label", "C1", 1.0, 2.0, {"label": "known"})
    assert "\n" not in str(caught.value)


def test_verify_changes_nothing(copy):
    """A damaged log is told of and left where it is."""
    wal = damage.wal_path(copy.database)
    wal.write_bytes(wal.read_bytes()[:-40] + bytes(40))
    before = {path: path.read_bytes() for path in copy.outputs_dir.rglob("*") if path.is_file()}
    found = [finding for finding in verify(copy) if not finding.fit]
    assert len(found) == 1
    assert "repair" in found[0].text
    assert {path: path.read_bytes() for path in copy.outputs_dir.rglob("*") if path.is_file()} == before


def test_a_damaged_block_in_a_database_that_opens_is_found(copy):
    """The catalogue reads, a block of pixels of a table does not: verify says so, repair sets it aside."""
    opened(copy)
    raw = bytearray(copy.database.read_bytes())
    chance = random.Random(3)
    for _ in range(200):
        spoilt = bytearray(raw)
        place = chance.randrange(12_288, len(raw))
        spoilt[place] ^= 0xFF
        copy.database.write_bytes(bytes(spoilt))
        found = [f for f in verify(copy, inputs=False) if not f.fit and "f200w" not in f.text]
        if found and "repair" in found[0].remedy:
            break
    else:
        pytest.fail("no flipped byte was found by reading everything")
    lines = list(repair(copy, "vera"))
    assert any("was damaged" in line for line in lines)
    assert [f.text for f in verify(copy) if not f.fit] == []
    assert opened(copy) == (VERDICTS, 0)
