"""Many processes on one project at once: nobody refused, nothing wrong, nothing lost."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from test_pty import Terminal

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


class App(threading.Thread):
    """The real app in a pseudo-terminal, in which somebody decides until the end of the time."""

    def __init__(self, project, end):
        super().__init__()
        self.project, self.end, self.typed, self.trouble = project, end, 0, ""

    def lines(self):
        """Lines of the journal; the time of the last key's is the time of its acknowledgement."""
        path = self.project.verdicts / "ann.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def run(self):
        try:
            self.vet()
        except BaseException as error:  # told by the test that joins this thread
            self.trouble = repr(error)
            raise

    def vet(self):
        app = Terminal(self.project.root, (120, 40))
        app.until(" left", 60)
        while time.monotonic() < self.end:
            app.child.send("yn"[self.typed % 2] + ("" if self.typed % 7 else "k"))
            self.typed += 1
            patience = time.monotonic() + 60
            while self.lines() < self.typed:
                assert app.read(), app.text
                assert time.monotonic() < patience, f"verdict {self.typed} is not on the disk:\n{app.text}"
            app.read(0.1)
        app.child.send("q")
        assert app.ends(60) == (0, None)
        assert "Traceback" not in app.text


@pytest.mark.long
def test_r12_a_run_two_apps_status_report_and_export_at_once(jwst_vet, finished_copy, record_property):
    """For a minute, from separate processes: every command works, every verdict is there.

    One app is the real one in a pseudo-terminal, the other is its desk alone, which decides faster.
    """
    project = Project(finished_copy)
    config = finished_copy / "config.toml"
    config.write_text(config.read_text().replace('vetter = ""', 'vetter = "ann"'))
    end = time.monotonic() + SECONDS
    app = App(project, end)
    app.start()
    bob = subprocess.Popen(
        [sys.executable, "-c", VETTER, finished_copy, "bob", str(SECONDS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    background = [sys.executable, "-P", "-m", "tui", "-C", str(finished_copy)]
    before = config.read_text()
    done = {"images": 0, "status": 0, "report": 0, "verify": 0}
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
        for words in (("status", "--json"), ("report",), ("verify", "--quick")):
            told = jwst_vet(*words, cwd=finished_copy)
            # A frame that is being saved is told by `verify`, and nothing else is.
            saving = words[0] == "verify" and told.returncode == 3
            assert saving or told.returncode == 0, told.stderr
            wrong = [line for line in told.stdout.splitlines() if line.startswith("look ")]
            assert all("only saved in part" in line or "sources where" in line for line in wrong)
            done[words[0]] += 1
    assert run.wait(300) == 0
    done["images"] += 1
    app.join(300)
    assert (app.trouble, app.is_alive()) == ("", False)
    made, wrong, slowest, decided = json.loads(bob.communicate(timeout=120)[0])
    assert (bob.returncode, wrong) == (0, 0)
    record_property("bob", [made, round(slowest, 2), round(decided, 4)])
    record_property("ann", app.typed)
    for name, count in (("ann", app.typed), ("bob", made)):
        lines, problems = read_journal(project.verdicts / f"{name}.jsonl")
        assert (len(lines), problems) == (count, [])
    record_property("commands", done)
    assert min(done.values()) >= 1
    assert jwst_vet("report", cwd=finished_copy).returncode == 0
    with Database(project.database).read() as cursor:
        (indexed,) = cursor.execute("SELECT count(*) FROM decisions").fetchone()
    assert indexed == sum(len(read_journal(path)[0]) for path in project.verdicts.glob("*.jsonl"))
    assert [finding.text for finding in verify(project) if not finding.fit] == []
