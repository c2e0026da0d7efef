"""Runs killed at random points: resumed, they end in the same tables, report and database, times aside."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

import store
from store.project import Project
from store.runs import list_runs, read_events

ROOT = Path(store.__file__).parents[1]
# Ten are two minutes; JWST_VET_KILLS=50 takes ten.
KILLS = int(os.environ.get("JWST_VET_KILLS", "10"))
STAGES = ("images", "rank", "report")

# A process that has everything imported and forks a run whenever it is told to: only the work is repeated.
NURSERY = """
import os, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import duckdb, pandas, sklearn.ensemble
import analysis.stages.images, analysis.stages.rank, analysis.stages.report, analysis.i2d, analysis.measure
import analysis.montage, analysis.association, analysis.anomaly
from analysis.config import load
from analysis.pipeline import execute
from store.project import Project
if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            root = Path(line.strip())
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            result = execute(Project(root), load(root / "config.toml"), ("images", "rank", "report"))
            os._exit(result.exit_code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture
def nursery(tmp_path):
    script = tmp_path / "nursery.py"
    script.write_text(NURSERY)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.stdin.close()
    process.stdout.close()
    process.wait(60)


def start(nursery, root):
    nursery.stdin.write(f"{root}\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


def events_of(project):
    """All events of all runs, run by run."""
    paths = sorted(project.runs.glob("*/events.jsonl"), key=lambda path: path.stat().st_ctime_ns)
    return [read_events(path)[0] for path in paths]


def kill_after(nursery, project, count, delay):
    """Kill a run once it has logged so many events, and a little later; True where it ended first."""
    before = set(project.runs.glob("*/events.jsonl"))
    child = start(nursery, project.root)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        fresh = set(project.runs.glob("*/events.jsonl")) - before
        seen = sum(path.read_bytes().count(b"\n") for path in fresh)
        last = any(b'"run_done"' in path.read_bytes() for path in fresh)
        if seen >= count or last:
            break
        time.sleep(0.002)  # a file tells nobody that it grew
    time.sleep(delay)  # a point between two events
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return int(nursery.stdout.readline()) != -signal.SIGKILL


def content(project):
    """Tables by name, the report and the database, without what is a time or a place."""
    tables = {path.name: path.read_bytes() for path in sorted(project.tables.glob("[a-z]*.csv"))}
    report = [
        line.replace(str(project.root), "")
        for line in project.report.read_text().splitlines()
        if not re.search(r"\d{4}-\d\d-\d\dT|\d{4}-\d\d-\d\d \d\d:|seconds", line)
    ]
    rows = {}
    with duckdb.connect(str(project.database), read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            if table == "schema_version":
                continue
            cursor = connection.execute(f"SELECT * FROM {table}")
            kept = [k for k, c in enumerate(cursor.description) if c[0] not in TIMES]
            found = [[str(row[k]).replace(str(project.root), "") for k in kept] for row in cursor.fetchall()]
            rows[table] = sorted(found)
    figures = {path.name for path in project.cutout_figures.glob("*.png")}
    return tables, report, rows, figures


TIMES = {"made_at", "measured_at", "seconds", "mtime_ns", "planned_at", "finished_at"}


@pytest.fixture
def template(new_project, tmp_path):
    """A project of three frames of 256 squared, nothing done yet."""
    from analysis.config import Execution
    from analysis.simulate import simulate_field

    root = new_project(tmp_path / "template", target_name="SIMULATED field", execution=Execution(workers=1))
    simulate_field(tmp_path / "field", size=256, seed=3)
    for path in sorted((tmp_path / "field").glob("*_i2d.fits"))[2:]:
        shutil.copy2(path, root / "data" / "products")
    assert len(list((root / "data" / "products").iterdir())) == 3
    return root


@pytest.mark.long
def test_r25_killed_at_random_points_a_run_resumes_to_the_same_result(
    nursery, template, tmp_path, record_property
):
    """Tables, report, database equal those of the run nobody touched; no finished frame is done again."""
    undisturbed = Project(Path(shutil.copytree(template, tmp_path / "undisturbed")))
    start(nursery, undisturbed.root)
    assert nursery.stdout.readline() == "0\n"
    expected = content(undisturbed)
    assert len(expected[0]) >= 5
    total = len(events_of(undisturbed)[0])
    chance = random.Random(9)
    kills = projects = 0
    while kills < KILLS:
        projects += 1
        project = Project(Path(shutil.copytree(template, tmp_path / f"killed{projects}")))
        for _ in range(6):
            if kill_after(nursery, project, chance.randrange(1, total), chance.choice([0, 0.01, 0.05, 0.2])):
                break
            kills += 1
            assert list_runs(project)[0].state == "interrupted"
        start(nursery, project.root)
        assert nursery.stdout.readline() == "0\n"
        assert content(project) == expected
        assert list(project.outputs_dir.rglob(".*.part")) == []
        measured = [
            event["frame"] for run in events_of(project) for event in run if event["event"] == "frame_done"
        ]
        assert len(measured) == len(set(measured)) == 3
        shutil.rmtree(project.root)
    record_property("kills_and_projects", [kills, projects])
