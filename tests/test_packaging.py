"""The distribution: what a built wheel holds, and that nothing names the machine it was made on."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that pip would install."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it is in the test extra")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_has_the_three_floors_and_their_data(wheel):
    """Three packages, the schema, the styles, the constraints; no tests."""
    names = set(wheel.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"tui", "analysis", "store"}
    assert "store/schema.sql" in names
    assert "tui/constraints.txt" in names
    assert any(name.startswith("tui/styles/") and name.endswith(".tcss") for name in names)


def test_wheel_offers_the_command(wheel):
    """The console script is jwst-vet."""
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "jwst-vet = tui.cli:main" in wheel.read(entry).decode()


def test_every_dependency_says_why():
    """Each dependency line carries its reason."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    inside = False
    for line in lines:
        if line.startswith(("dependencies = [", "test = [")):
            inside = True
        elif line == "]":
            inside = False
        elif inside:
            assert "#" in line, line


def test_constraints_satisfy_the_ranges():
    """What was tested lies within what is allowed."""
    from packaging.markers import default_environment
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate(default_environment()):
                pinned[pin.name.lower().replace("_", "-")] = str(pin.specifier).removeprefix("==")
    for requirement in wanted:
        assert requirement.specifier.contains(pinned[requirement.name]), requirement
