"""What every test shares: the command line, a finished simulated project, real files where present."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says what else the machine does; a test that hangs is ended by whoever runs it.
# The suite asks the same questions each time, so that a change is judged by what it changed; new questions,
# which find faults, are asked with JWST_VET_EXPLORE=1000 (examples where a test does not say how many).
settings.register_profile("suite", deadline=None, derandomize=True)
if "JWST_VET_EXPLORE" in os.environ:
    settings.register_profile("explore", deadline=None, max_examples=int(os.environ["JWST_VET_EXPLORE"]))
settings.load_profile("explore" if "JWST_VET_EXPLORE" in os.environ else "suite")

# A port where nothing listens: no test that runs the program reaches the real archive.
NOBODY = "http://127.0.0.1:9"
OFFLINE = {
    "JWST_VET_MAST_URL": NOBODY,
    "JWST_VET_TAP_URLS": ",".join(f"{name}={NOBODY}" for name in ("simbad", "gaia", "ned", "vizier", "sso")),
}
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
SMALL_FIELD = {"size": 320, "seed": 7}


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of small real JWST files beside the project, or a skip where it is absent."""
    if not REAL.is_dir():
        pytest.skip("real JWST files are not beside the project (../shared/data/real)")
    return REAL


def run_cli(*words, cwd, timeout=300, **environment):
    """Run the command line as a user would, in a process of its own without a terminal."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "tui", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        env=OFFLINE | os.environ | environment,
        check=False,
    )


@pytest.fixture(scope="session")
def jwst_vet():
    """Run the command line: jwst_vet(*words, cwd=folder)."""
    return run_cli


def make_project(root: Path, **keys) -> Path:
    """Make a project folder with the default configuration and the given keys."""
    from analysis.config import Config, as_toml

    root.mkdir(parents=True, exist_ok=True)
    (root / "config.toml").write_text(as_toml(Config(**keys)))
    (root / "data" / "products").mkdir(parents=True, exist_ok=True)
    return root


@pytest.fixture(scope="session")
def new_project():
    """Make a project folder: new_project(root, **configuration)."""
    return make_project


@pytest.fixture
def project_folder(tmp_path):
    """An empty project."""
    return make_project(tmp_path / "project")


def _shared(factory: pytest.TempPathFactory, name: str, make) -> Path:
    """Make a folder once for all worker processes of this test run."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "whole").touch()
    return folder


@pytest.fixture(scope="session")
def small_field(tmp_path_factory) -> Path:
    """A folder with a small simulated field of five frames; read only."""

    def make(folder):
        from analysis.simulate import simulate_field

        simulate_field(folder, **SMALL_FIELD)

    return _shared(tmp_path_factory, "small-field", make)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small_field) -> Path:
    """A project on the small field, run to the end; read only."""

    def make(folder):
        make_project(folder, target_name="SIMULATED field")
        for path in small_field.glob("*.fits"):
            shutil.copy(path, folder / "data" / "products")
        done = run_cli("run", cwd=folder)
        assert done.returncode == 0, done.stderr

    return _shared(tmp_path_factory, "finished", make)


@pytest.fixture
def mast_server(monkeypatch):
    """A replica of the archive on loopback; nothing in the environment points elsewhere."""
    for name in ("JWST_VET_MAST_URL", "JWST_VET_TAP_URLS", "MAST_API_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    from fake_mast import FakeMast

    with FakeMast() as server:
        yield server


@pytest.fixture
def finished_copy(finished, tmp_path) -> Path:
    """A copy of the finished project that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "finished"))
