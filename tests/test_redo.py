"""A report redone elsewhere by its own printed words: configuration, hashes, commands, nothing else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OFFLINE

ROOT = Path(__file__).resolve().parents[1]
TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^,\"\n]*")


def report_of(folder):
    return (folder / "outputs" / "report" / "REPORT.md").read_text()


def timeless(text):
    """A report without section 8, and without the lines of section 9, which hold times."""
    return re.sub(r"^## 8\..*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL).partition("## 9.")[0]


@pytest.mark.long
def test_a_report_redone_by_its_own_words_in_a_clean_clone_gives_the_same_tables(finished_copy, tmp_path):
    """Another folder, another copy of the program, no cache: the same tables and report, times aside."""
    clone, folder, path = tmp_path / "clone", tmp_path / "elsewhere", tmp_path / "bin"
    for floor in ("tui", "analysis", "store"):
        shutil.copytree(ROOT / floor, clone / floor, ignore=shutil.ignore_patterns("__pycache__"))
    for place in (folder, path):
        place.mkdir()
    environment = OFFLINE | os.environ | {
        "PYTHONPATH": str(clone), "PATH": f"{path}:{os.environ['PATH']}", "HOME": str(tmp_path)
    }  # fmt: skip
    (path / "jwst-vet").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m tui "$@"\n')
    (path / "jwst-vet").chmod(0o755)
    run = lambda words, place: subprocess.run(  # noqa: E731
        words, cwd=place, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    for word in ("images", "report"):  # the copy finds that its files lie elsewhere now, and measures none
        assert run(["jwst-vet", word], finished_copy).returncode == 0
    first = report_of(finished_copy)
    section = re.search(r"^## 6\..*?(?=^## )", first, re.MULTILINE | re.DOTALL).group()
    pins, toml, hashes, commands = re.findall(r"^```+\w*\n(.*?)^```+$", section, re.MULTILINE | re.DOTALL)
    installed = dict(line.split("==") for line in pins.splitlines()[1:])
    assert {"numpy", "astropy", "sep"} <= set(installed)
    (folder / "config.toml").write_text(toml)
    for line in hashes.splitlines():
        name = line.split("  ")[1]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(finished_copy / name, folder / name)
    (folder / "sums").write_text(hashes)
    assert run(["sha256sum", "-c", "sums"], folder).returncode == 0
    for line in commands.splitlines():
        done = run(["sh", "-c", line], folder)
        assert done.returncode == 0, (line, done.stderr)
    tables = sorted(p.name for p in (finished_copy / "outputs" / "tables").glob("*.csv"))
    assert "ranked_candidates.csv" in tables
    for name in tables:
        one, other = ((place / "outputs" / "tables" / name).read_text() for place in (finished_copy, folder))
        assert TIMED.sub("T", one) == TIMED.sub("T", other), name
    assert timeless(report_of(folder)) == timeless(first)
