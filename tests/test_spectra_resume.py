"""The stage `spectra` killed in the middle: run again, it ends in the same tables as one that was not."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from analysis.simulate.x1d import simulate_spectra

FILES = 9
TABLES = ("all_spectra.csv", "spectral_lines.csv", "anomaly_candidates_spectra.csv", "ranked_candidates.csv")


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Nine SIMULATED files of two spectra each."""
    folder = tmp_path_factory.mktemp("many")
    paths = [path for seed in range(31, 34) for path in simulate_spectra(folder, number=6, seed=seed)]
    assert len(paths) == FILES
    return folder


def tables_of(root):
    """The tables byte by byte, without the folder of the project."""
    folder = root / "outputs" / "tables"
    return {name: (folder / name).read_text(encoding="utf-8").replace(str(root), "") for name in TABLES}


def lines_of(process):
    """The events of a run as they come."""
    return (json.loads(line) for line in process.stdout if line.startswith("{"))


def killed_after(root, number):
    """Kill the stage with all its workers once it has said so many files done; how many it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "spectra", "--json"],
        cwd=root, env=os.environ, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    said = 0
    for event in lines_of(process):
        said += event.get("event") == "frame_done"
        if said == number:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait(60) == -signal.SIGKILL
    return said


def test_killed_runs_end_in_the_same_tables(tmp_path, products, new_project, jwst_vet):
    """Killed after 2 files and again after 3 more, the third run measures only the rest."""
    roots = [new_project(tmp_path / name, target_name="SIMULATED field") for name in ("whole", "killed")]
    for root in roots:
        shutil.copytree(products, root / "data" / "products", dirs_exist_ok=True)
    whole, killed = roots
    assert jwst_vet("spectra", cwd=whole).returncode == 0
    assert killed_after(killed, 2) == 2
    assert not (killed / "outputs" / "tables" / "all_spectra.csv").exists()
    assert killed_after(killed, 3) == 3
    last = jwst_vet("spectra", "--json", cwd=killed)
    assert last.returncode == 0, last.stderr
    events = [json.loads(line) for line in last.stdout.splitlines() if line.startswith("{")]
    kept = sum(event.get("event") == "frame_skipped" for event in events)
    done = sum(event.get("event") == "frame_done" for event in events)
    assert kept + done == FILES
    assert 5 <= kept < FILES  # what was said to be done is kept
    expected, found = tables_of(whole), tables_of(killed)
    for name in TABLES:
        assert found[name] == expected[name], name
    assert len(re.findall("SIMULATED|true", found["all_spectra.csv"])) >= 2 * FILES
