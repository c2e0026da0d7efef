"""R10: a verdict's way to the disk never goes through the database, whoever writes into it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from vet_project import make_vet_project

import store
from store.candidates import candidate_order, candidate_rows
from store.database import Database, StoreError
from store.journal import read_journal
from tui.desk import Desk

ROOT = Path(store.__file__).parents[1]

# Takes the database for writing and keeps it until standard input ends.
HOLDER = """
import sys
from pathlib import Path
from store.database import Database
with Database(Path(sys.argv[1])).write() as cursor:
    cursor.execute("INSERT INTO names VALUES ('held', '', 1, 2)")
    print("held", flush=True)
    sys.stdin.read()
"""
# Saves a frame of so many rows, as a run does.
WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
from store.database import Database
from vet_project import make_frame
print("begun", flush=True)
make_frame(Database(Path(sys.argv[1])), int(sys.argv[2]))
"""


@pytest.fixture
def desk(tmp_path):
    """The app's desk on a project of a thousand candidates, opened, with rows: (project, desk, rows)."""
    project, config = make_vet_project(tmp_path / "field", 1000)
    desk = Desk(project, config)
    desk.open()
    database = Database(project.database)
    return project, desk, list(candidate_rows(database, candidate_order(database)[:100]).values())


def decide(desk, rows, number):
    """Press the number-th key; give the seconds until it was durable."""
    start = time.perf_counter()
    label = {"label": ("known", "discuss")[number % 2]}
    line, _ = desk.decide(rows[number % len(rows)], "label", label, 1.0)
    assert line is not None
    return time.perf_counter() - start


def test_r10_verdicts_are_durable_while_another_process_holds_the_database(desk):
    """Nobody can open the database, and each of 300 verdicts is on the disk and acknowledged all the same."""
    project, keys, rows = desk
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(project.database)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    for number in range(300):
        decide(keys, rows, number)
    with (
        pytest.raises(StoreError, match="in use by process"),
        Database(project.database, patience=0.1).read(),
    ):
        pass
    assert holder.poll() is None
    holder.communicate()
    lines, problems = read_journal(project.verdicts / "vera.jsonl")
    assert (len(lines), problems) == (300, [])


@pytest.mark.long
def test_r10_verdicts_while_rows_are_written_by_another_process(desk, record_property):
    """A hundred thousand rows go in meanwhile: every verdict is kept, and the middle one is not slow.

    The bound says only that nobody waits for a lease of the writer, on any machine; the figures that the
    promise is about are those of benchmarks/verdicts.py.
    """
    project, keys, rows = desk
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(project.database), "100000", str(Path(__file__).parent)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout.readline() == "begun\n"
    took = []
    while writer.poll() is None:
        took.append(decide(keys, rows, len(took)))
        time.sleep(0.005)  # the pace of a person in a hurry; a loop would starve the writer of one core
    writer.communicate()
    assert writer.returncode == 0
    took.sort()
    middle, top = took[len(took) // 2], took[len(took) * 99 // 100]
    record_property("verdicts_median_p99_seconds", [len(took), round(middle, 4), round(top, 4)])
    assert len(took) >= 20
    assert middle < 0.25
    assert len(read_journal(project.verdicts / "vera.jsonl")[0]) == len(took)
    with Database(project.database).read() as cursor:
        assert cursor.execute("SELECT count(*) FROM sources").fetchone() == (100_000,)
