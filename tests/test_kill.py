"""kill -9 right after an acknowledged verdict, 100 times: every acknowledged verdict is kept."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import store
from store.database import Database
from store.journal import decode, read_journal
from store.project import Project
from store.verdicts import VerdictBook

ROOT = Path(store.__file__).parents[1]
ROUNDS = 100

# Decides for ever; prints the id of each verdict once it is acknowledged. With "index", indexes meanwhile.
VETTER = """
import sys, threading
from pathlib import Path
from store.database import Database
from store.project import Project
from store.verdicts import VerdictBook
project = Project(Path(sys.argv[1]))
round_number, indexing = sys.argv[2], sys.argv[3] == "index"
book = VerdictBook(project, "ann", database=Database(project.database) if indexing else None)
def index():
    while True:
        book.index()
if indexing:
    threading.Thread(target=index, daemon=True).start()
print(len(book.states()), flush=True)
for number in range(1_000_000):
    line = book.decide("label", f"C{round_number}-{number}", 1.0, 2.0, {"label": "known"})
    print(line.id, flush=True)
"""


def kill_after(project, round_number, acknowledgements, mode):
    """Kill a vetter right after so many acknowledgements; give them and what it saw at its start."""
    child = subprocess.Popen(
        [sys.executable, "-c", VETTER, project.root, str(round_number), mode],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen = int(child.stdout.readline())
    ids = [child.stdout.readline().strip() for _ in range(acknowledgements)]
    child.send_signal(signal.SIGKILL)
    # Verdicts acknowledged between our last reading and the kill count too; a torn last id does not.
    rest = child.communicate()[0].split("\n")[:-1]
    assert child.returncode == -signal.SIGKILL
    return ids + rest, seen


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.prepare()
    return project


@pytest.mark.long
def test_r01_100_kills_right_after_a_verdict_lose_none_of_10_000(project, record_property):
    """Each round starts where the last one died: all verdicts there, none lost, none garbled."""
    chance = random.Random(1)
    kept: list[str] = []
    for round_number in range(ROUNDS):
        ids, seen = kill_after(project, round_number, chance.randint(100, 110), "only")
        assert seen >= len(kept)
        kept += ids
    lines, problems = read_journal(project.verdicts / "ann.jsonl")
    record_property("acknowledged", len(kept))
    assert len(kept) >= 10_000
    assert set(kept) <= {line.id for line in lines}
    assert [problem for problem in problems if "JSON" not in problem.reason] == []
    assert len(VerdictBook(project, "ann").states()) == len(lines)


def test_kills_while_the_index_is_written_lose_nothing(project):
    """Killed in the middle of database commits too, the database opens and is told what it lacks."""
    chance = random.Random(2)
    kept: list[str] = []
    for round_number in range(12):
        kept += kill_after(project, round_number, chance.randint(20, 200), "index")[0]
    db = Database(project.database)
    book = VerdictBook(project, "ann", database=db)
    book.index()
    with db.read() as cursor:
        indexed = [row[0] for row in cursor.execute("SELECT id FROM decisions").fetchall()]
        (labels,) = cursor.execute("SELECT count(*) FROM standing WHERE label = 'known'").fetchone()
    assert len(indexed) == len(set(indexed))
    assert set(kept) <= set(indexed)
    assert labels == len(book.states()) == len(indexed)


def test_a_journal_cut_at_any_byte_keeps_every_whole_line(project):
    """Power lost at any byte of the last line: the lines before it stand, and deciding goes on."""
    book = VerdictBook(project, "ann")
    for number in range(3):
        book.decide("label", f"C{number}", 1.0, 2.0, {"label": "known"})
    path = project.verdicts / "ann.jsonl"
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    complete = decode(whole[last:-1])
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        again = VerdictBook(project, "ann")
        again.decide("label", "C9", 1.0, 2.0, {"label": "known"})
        expected = {"C0", "C1", "C9"} | ({complete.candidate} if cut >= len(whole) - 1 else set())
        assert set(VerdictBook(project, "ann").states()) == expected
