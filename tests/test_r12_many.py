"""Many processes on one project at once: nobody refused, nothing wrong, nothing lost."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import store
from store.database import Database
from store.journal import read_journal
from store.project import Project
from store.verify import verify

ROOT = Path(store.__file__).parents[1]
SECONDS = float(os.environ.get("JWST_VET_MANY_SECONDS", "60"))

# Decides, reads a page and indexes, as the app does; tells how many decisions it made and how long they took.
VETTER = """
import json, sys, time
from pathlib import Path
from store.candidates import candidate_order, candidate_rows
from store.database import Database
from store.project import Project
from store.verdicts import VerdictBook
project, vetter, end = Project(Path(sys.argv[1])), sys.argv[2], time.time() + float(sys.argv[3])
db = Database(project.database)
book = VerdictBook(project, vetter, database=db)
names = candidate_order(db)
made, slowest, wrong, times = 0, 0.0, 0, []
while time.time() < end:
    name = names[made % len(names)]
    begun = time.perf_counter()
    book.decide("label", name, 1.0, 2.0, {"label": ("known", "discuss")[made % 2]})
    times.append(time.perf_counter() - begun)
    made += 1
    wrong += book.state(name).label != ("known", "discuss")[(made - 1) % 2]
    if made % 5 == 0:
        begun = time.perf_counter()
        book.index()
        slowest = max(slowest, time.perf_counter() - begun)
        rows = candidate_rows(db, names[:20])
        wrong += len(rows) != min(20, len(names))
    time.sleep(0.02)
times.sort()
print(json.dumps([made, wrong, slowest, times[len(times) * 99 // 100]]))
"""


@pytest.mark.long
def test_r12_a_run_two_apps_status_report_and_export_at_once(jwst_vet, finished_copy, record_property):
    """For a minute, from separate processes: every command works, every verdict is there."""
    end = time.monotonic() + SECONDS
    vetters = {
        name: subprocess.Popen(
            [sys.executable, "-c", VETTER, finished_copy, name, str(SECONDS)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("ann", "bob")
    }
    background = [sys.executable, "-P", "-m", "tui", "-C", str(finished_copy)]
    config = finished_copy / "config.toml"
    before = config.read_text()
    done = {"images": 0, "status": 0, "report": 0}
    run = None
    while time.monotonic() < end:
        if run is None or run.poll() is not None:
            if run is not None:
                assert run.returncode == 0
                done["images"] += 1
            # Another threshold, so that every frame is measured and saved again.
            value = 3.0 + 0.1 * (done["images"] % 2 + 1)
            config.write_text(before.replace("detection_threshold = 3.0", f"detection_threshold = {value}"))
            run = subprocess.Popen(
                [*background, "images"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        for words in (("status", "--json"), ("report",)):
            told = jwst_vet(*words, cwd=finished_copy)
            assert told.returncode == 0, told.stderr
            done[words[0]] += 1
    assert run.wait(300) == 0
    project = Project(finished_copy)
    for name, process in vetters.items():
        made, wrong, slowest, decided = json.loads(process.communicate(timeout=120)[0])
        assert process.returncode == 0
        assert wrong == 0
        lines, problems = read_journal(project.verdicts / f"{name}.jsonl")
        assert (len(lines), problems) == (made, [])
        record_property(name, [made, round(slowest, 2), round(decided, 4)])
    record_property("commands", done)
    assert min(done.values()) >= 1
    assert jwst_vet("report", cwd=finished_copy).returncode == 0
    with Database(project.database).read() as cursor:
        (indexed,) = cursor.execute("SELECT count(*) FROM decisions").fetchone()
    assert indexed == sum(len(read_journal(path)[0]) for path in project.verdicts.glob("*.jsonl"))
    assert [finding.text for finding in verify(project) if not finding.fit] == []
