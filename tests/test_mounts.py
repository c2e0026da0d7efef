"""Real file systems that are full or read-only, mounted in a name space of their own where allowed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from vet_project import make_vet_project

import store

ROOT = Path(store.__file__).parents[1]
APART = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]
MAY_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(
        [*APART, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    ).returncode
    == 0
)
pytestmark = pytest.mark.skipif(not MAY_MOUNT, reason="this machine lets nobody mount anything")

# On a disk with n free blocks: decide, undo, index, write a table; then with room again, in the same process.
FULL = """
import json, shutil, subprocess, sys
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
import duckdb, pandas
import test_damage
from store.journal import read_journal
from store.project import Project
from store.verify import verify
template, disk = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], check=True)
told = []
for blocks in map(int, sys.argv[4:]):
    project = Project(Path(shutil.copytree(template, disk / str(blocks))))
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, (file.tell() // 4096 - blocks) * 4096))
    acknowledged, troubles = test_damage.session(project)
    lines, problems = read_journal(project.verdicts / "vera.jsonl")
    missing = set(acknowledged) - {line.id for line in lines}
    filler.unlink()
    again, rest = test_damage.session(project)
    lines, after = read_journal(project.verdicts / "vera.jsonl")
    missing |= set(acknowledged + again) - {line.id for line in lines}
    wrong = [f.text for f in verify(project) if not f.fit and "f200w" not in f.text]
    told.append([blocks, len(acknowledged), troubles, len(missing), len(problems + after), rest, wrong])
    shutil.rmtree(project.root)
print(json.dumps(told))
"""


def test_r07_a_disk_that_is_really_full(tmp_path):
    """So many blocks free: what is acknowledged is there, the rest is one line, and with room it goes on."""
    project, _ = make_vet_project(tmp_path / "field")
    disk = tmp_path / "disk"
    disk.mkdir()
    blocks = [0, 1, 2, 3, 4, 5, 6, 8, 11, 40, 200]
    words = [sys.executable, "-c", FULL, project.root, disk, Path(__file__).parent, *blocks]
    done = subprocess.run(
        [*APART, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    for free, _, troubles, missing, problems, rest, wrong in told:
        assert (missing, problems, rest, wrong) == (0, 0, [], []), free
        assert all("\n" not in trouble and "{" not in trouble for trouble in troubles), troubles
        assert all("No space left" in trouble for trouble in troubles), troubles
    assert told[0][1] == 0
    assert len(told[0][2]) >= 4
    assert told[-1][2] == []
    assert any(0 < len(troubles) < 4 for _, _, troubles, *_ in told)


def test_r33_a_mount_that_is_read_only(tmp_path):
    """What writes ends with one line that names the place and the remedy; what only reads works."""
    project, _ = make_vet_project(tmp_path / "field")
    results = {}
    for words in (("images",), ("report",), ("repair",), ("status",), ("verify",)):
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        command = [sys.executable, "-P", "-m", "tui", "-C", str(project.root), *words]
        results[words[0]] = subprocess.run(
            [*APART, "sh", "-c", script, "sh", str(project.root), *command],
            cwd="/", capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    for name in ("images", "report", "repair"):
        done = results[name]
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        assert str(project.root) in done.stderr
        assert "Read-only file system; make it writable, or name other folders" in done.stderr
    assert results["status"].returncode == 0, results["status"].stderr
    assert "12, 0 decided" in results["status"].stdout
    assert "rows read" in results["verify"].stdout
    assert "Traceback" not in "".join(done.stderr for done in results.values())
