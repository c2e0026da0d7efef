"""The command line, run as a user runs it: words in, lines and exit codes out."""

import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = (
    "demo",
    "export",
    "init",
    "check",
    "download",
    "images",
    "spectra",
    "rank",
    "report",
    "run",
    "stop",
    "status",
    "checks",
    "serve",
    "vet",
    "completeness",
    "verify",
    "repair",
    "clean",
    "merge",
    "pack",
    "unpack",
)
HEAVY = (
    "numpy",
    "pandas",
    "astropy",
    "scipy",
    "sklearn",
    "textual",
    "duckdb",
    "matplotlib",
    "pyarrow",
    "sep",
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command, tmp_path):
    """--help of any command answers without importing a science or interface package."""
    words = [command, "--help"] if command else ["--help"]
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-m", "tui", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Exit codes" in done.stdout
    imported = set(re.findall(r"\|\s+(\w+)$", done.stderr, flags=re.MULTILINE))
    assert not imported & set(HEAVY)


def test_help_is_quick(jwst_vet, tmp_path):
    """--help takes under 0.3 s of a core: what it waits for on a busy machine is not its doing."""
    times = []
    for _ in range(5):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        jwst_vet("--help", cwd=tmp_path)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)
    assert min(times) < 0.3


def test_readme_names_every_command(jwst_vet, tmp_path):
    """A command that README does not explain fails here."""
    readme = (ROOT / "README.md").read_text()
    text = jwst_vet("--help", cwd=tmp_path).stdout
    listed = re.findall(r"^    (\w+)  ", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    for command in listed:
        assert f"`jwst-vet {command}" in readme


@pytest.mark.parametrize("words", [(), ("images",), ("rank",), ("report",), ("run",), ("status",), ("stop",)])
def test_folder_without_configuration_is_one_line(words, jwst_vet, tmp_path):
    """No config.toml: one line naming init, demo and -C, exit 2, and nothing is made."""
    done = jwst_vet(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    line = done.stderr.rstrip("\n")
    assert "\n" not in line
    for word in ("init", "demo", "-C"):
        assert word in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (("imges",), "imges"),
        (("run", "--folow"), "--folow"),
        (("images", "--zeropoint", "bright"), "bright"),
        (("images", "--zeropoint", "nan"), "--zeropoint"),
        (("images", "nowhere.fits"), "nowhere.fits"),
    ],
)
def test_bad_words_are_one_line_and_exit_2(words, needle, jwst_vet, project_folder):
    """Bad usage names what was wrong on stderr and ends with 2, without a traceback."""
    done = jwst_vet(*words, cwd=project_folder)
    assert done.returncode == 2
    assert needle in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_configuration_is_one_line_and_exit_2(jwst_vet, project_folder):
    """An unknown key is named with its nearest neighbour before anything starts."""
    (project_folder / "config.toml").write_text("detection_treshold = 3\n")
    done = jwst_vet("run", cwd=project_folder)
    assert done.returncode == 2
    assert "detection_threshold" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (project_folder / "outputs").exists()


def test_init_writes_once(jwst_vet, tmp_path):
    """Init makes a usable configuration and leaves an existing one as it is."""
    assert jwst_vet("init", cwd=tmp_path).returncode == 0
    before = (tmp_path / "config.toml").read_text()
    again = jwst_vet("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "already" in again.stderr
    assert (tmp_path / "config.toml").read_text() == before
    assert jwst_vet("status", cwd=tmp_path).returncode == 0


def test_app_without_terminal_says_so(jwst_vet, project_folder):
    """The app in a pipe is one line and exit 2, not a traceback."""
    done = jwst_vet(cwd=project_folder)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


def test_run_on_an_empty_project_says_where_to_put_files(jwst_vet, project_folder):
    """Nothing to do is exit 2 with the folder and the next step."""
    done = jwst_vet("run", cwd=project_folder)
    assert done.returncode == 2
    assert "data/products" in done.stderr
    assert "jwst-vet images" in done.stderr


@pytest.mark.parametrize("command", ["rank", "report"])
def test_stage_without_frames_names_the_stage_before(command, jwst_vet, project_folder):
    """Rank and report on an empty store say what has to be done first."""
    done = jwst_vet(command, cwd=project_folder)
    assert done.returncode == 2
    assert "jwst-vet " in done.stderr
    assert "Traceback" not in done.stderr


def test_one_bad_file_costs_one_line_and_exit_3(jwst_vet, project_folder, small_field):
    """A file that cannot be used is one line; the good one is measured; the exit code is 3."""
    good = min(small_field.glob("*_i2d.fits"))
    bad = project_folder / "torn_i2d.fits"
    bad.write_bytes(good.read_bytes()[:20_000])
    done = jwst_vet("images", good, bad, cwd=project_folder)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{bad}: ")
    facts = json.loads(jwst_vet("status", "--json", cwd=project_folder).stdout)
    assert facts["frames"] == {"done": 1, "failed": 1}
    assert facts["failed_files"][0].startswith(f"{bad}: ")


def test_only_bad_files_is_exit_2(jwst_vet, project_folder):
    """Nothing usable among the files given is exit 2."""
    bad = project_folder / "page_i2d.fits"
    bad.write_text("<html>503</html>")
    done = jwst_vet("images", bad, cwd=project_folder)
    assert done.returncode == 2
    assert f"{bad}: " in done.stderr


def test_bad_file_does_not_push_out_a_good_frame_of_the_same_name(jwst_vet, project_folder, small_field):
    """A torn copy elsewhere leaves the measured frame of the same stem in place."""
    good = min(small_field.glob("*_i2d.fits"))
    assert jwst_vet("images", good, cwd=project_folder).returncode == 0
    torn = project_folder / good.name
    torn.write_bytes(good.read_bytes()[:20_000])
    assert jwst_vet("images", good, torn, cwd=project_folder).returncode == 3
    facts = json.loads(jwst_vet("status", "--json", cwd=project_folder).stdout)
    assert facts["frames"] == {"done": 1, "failed": 1}


def test_same_bytes_under_two_names_count_once(jwst_vet, project_folder, small_field):
    """A copy of a file does not make a second frame."""
    good = min(small_field.glob("*_i2d.fits"))
    copy = project_folder / "copy_i2d.fits"
    shutil.copy(good, copy)
    done = jwst_vet("images", good, copy, cwd=project_folder)
    assert done.returncode == 0
    assert "counted once" in done.stdout
    assert json.loads(jwst_vet("status", "--json", cwd=project_folder).stdout)["frames"]["done"] == 1


def test_second_run_does_nothing_again(jwst_vet, finished_copy):
    """Frames whose bytes, parameters and code are the same are skipped, also in a folder that was moved."""
    lines = [json.loads(line) for line in jwst_vet("images", "--json", cwd=finished_copy).stdout.splitlines()]
    assert sum(line["event"] == "frame_skipped" for line in lines) == 5
    assert sum(line["event"] == "frame_done" for line in lines) == 0


def test_changed_threshold_measures_again(jwst_vet, finished_copy):
    """A parameter that a stage reads makes it run again."""
    path = finished_copy / "config.toml"
    path.write_text(path.read_text().replace("detection_threshold = 3.0", "detection_threshold = 4.0"))
    lines = [json.loads(line) for line in jwst_vet("images", "--json", cwd=finished_copy).stdout.splitlines()]
    assert sum(line["event"] == "frame_done" for line in lines) == 5


def test_status_tells_what_is_there(jwst_vet, finished):
    """Status counts frames, sources, candidates, and says SIMULATED."""
    facts = json.loads(jwst_vet("status", "--json", cwd=finished).stdout)
    assert facts["frames"] == {"done": 5, "failed": 0}
    assert facts["candidates"] > 0
    assert facts["simulated"] is True
    assert facts["run"]["state"] == "done"
    assert "SIMULATED" in jwst_vet("status", cwd=finished).stdout


def test_detached_run_is_followed_to_its_end(jwst_vet, finished_copy):
    """A detached run goes on by itself; follow shows it and returns its exit code."""
    shutil.rmtree(finished_copy / "outputs")
    started = jwst_vet("run", "--detach", cwd=finished_copy)
    assert started.returncode == 0, started.stderr
    followed = jwst_vet("run", "--follow", "--json", cwd=finished_copy)
    assert followed.returncode == 0, followed.stderr
    events = [json.loads(line)["event"] for line in followed.stdout.splitlines()]
    assert events[0] == "run_started"
    assert events[-1] == "run_done"
    assert (finished_copy / "outputs" / "report" / "REPORT.md").exists()


def test_second_run_at_once_is_refused_and_stop_ends_the_first(jwst_vet, finished_copy):
    """One run a project; stop ends it after the frames in hand, and the next run goes on from there."""
    shutil.rmtree(finished_copy / "outputs")
    path = finished_copy / "config.toml"
    path.write_text(path.read_text().replace("workers = 0", "workers = 1"))
    assert jwst_vet("run", "--detach", cwd=finished_copy).returncode == 0
    refused = jwst_vet("run", cwd=finished_copy)
    assert refused.returncode == 2
    assert "--follow" in refused.stderr
    assert "asked to stop" in jwst_vet("stop", cwd=finished_copy).stdout
    jwst_vet("run", "--follow", cwd=finished_copy)
    facts = json.loads(jwst_vet("status", "--json", cwd=finished_copy).stdout)
    assert facts["run"]["state"] == "stopped"
    assert jwst_vet("run", cwd=finished_copy).returncode == 0
    assert jwst_vet("stop", cwd=finished_copy).stdout == "no run is going on\n"


def test_check_names_versions_and_folders(jwst_vet, project_folder):
    """Check lists packages against those tested, and the writable folders."""
    done = jwst_vet("check", "--json", cwd=project_folder)
    assert done.returncode == 0
    facts = {fact["name"]: fact for fact in json.loads(done.stdout)}
    assert facts["duckdb"]["value"].startswith("2.0")
    assert facts["outputs"]["fit"]
    assert "ok" in jwst_vet("check", cwd=project_folder).stdout


def test_demo_from_nothing_to_report(jwst_vet, tmp_path):
    """The demo without the app prints the top ten and the report's path, and refuses a folder in use."""
    done = jwst_vet("demo", "--no-app", cwd=tmp_path, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    assert str(tmp_path / "jwst-vet-demo" / "outputs" / "report" / "REPORT.md") in done.stdout
    assert len(re.findall(r"^ +\d+  JWST [JS]", done.stdout, flags=re.MULTILINE)) == 10
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").touch()
    refused = jwst_vet("-C", other, "demo", "--no-app", cwd=tmp_path)
    assert refused.returncode == 2
    assert "not empty" in refused.stderr
