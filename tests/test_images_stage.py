"""Stage `images`: what identifies an input, what makes it run again, and what becomes of files that go."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from analysis.config import Config
from analysis.stages.images import images
from analysis.stages.inputs import find_images, fingerprint, stage_key
from analysis.stages.rank import rank
from analysis.stages.report import report
from store.database import Database
from store.frames import frame_records
from store.project import Project

CONFIG = replace(Config(), execution=replace(Config().execution, workers=1))


def survey_mosaic(folder, small_field):
    """Write a survey mosaic, image and weight in files of their own and no flux unit."""
    folder.mkdir(parents=True, exist_ok=True)
    with fits.open(min(small_field.glob("*f444w*_i2d.fits"))) as hdus:
        header = hdus["SCI"].header.copy()
        for key in ("BUNIT", "EXTNAME", "PHOTMJSR", "PHOTUJA2"):
            header.remove(key, ignore_missing=True)
        header["INSTRUME"], header["FILTER"] = "NIRCAM", "F444W"
        fits.PrimaryHDU(np.nan_to_num(hdus["SCI"].data), header).writeto(folder / "mos_sci.fits")
        fits.PrimaryHDU(hdus["WHT"].data).writeto(folder / "mos_wht.fits")
    return folder / "mos_sci.fits"


def run_images(project, paths, **more):
    """Run the stage and give its result and its events."""
    events = []
    return images(project, CONFIG, events.append, paths=paths, **more), events


def test_a_changed_or_removed_companion_is_measured_again(tmp_path, small_field):
    """The weight file beside an image is input too: another one, or none, is measured again."""
    project = Project(tmp_path / "p")
    project.prepare()
    image = survey_mosaic(tmp_path / "disk", small_field)
    assert run_images(project, [image])[0].done == 1
    assert run_images(project, [image])[0].skipped == 1
    weight = image.with_name("mos_wht.fits")
    with fits.open(weight, mode="update") as hdus:
        hdus[0].data[:60] = 0
    assert run_images(project, [image])[0].done == 1
    weight.unlink()
    assert run_images(project, [image])[0].done == 1
    (record,) = frame_records(Database(project.database))
    assert record.companions == ()


def test_a_zero_point_stays_with_its_frame_and_stands_in_the_report(tmp_path, small_field):
    """Given once, it is used again without being given, and the report's commands have it."""
    project = Project(tmp_path / "p")
    project.prepare()
    image = survey_mosaic(tmp_path / "disk", small_field)
    assert run_images(project, [image], zeropoint=28.9)[0].done == 1
    assert run_images(project, [image])[0].skipped == 1
    (record,) = frame_records(Database(project.database))
    assert (record.flux_unit, record.zeropoint) == ("nJy", 28.9)
    rank(project, CONFIG, lambda _event: None)
    report(project, CONFIG, lambda _event: None)
    text = project.report.read_text()
    assert "jwst-vet images --zeropoint 28.9 " in text
    assert fingerprint(image).companions[0] in text


def test_key_depends_on_bytes_companions_and_parameters(tmp_path):
    """Every part of the input changes the key; the time of the file does not."""
    path = tmp_path / "a_sci.fits"
    path.write_bytes(b"pixels")
    found = fingerprint(path)
    keys = {
        stage_key(found, CONFIG, None),
        stage_key(replace(found, sha256="0"), CONFIG, None),
        stage_key(replace(found, companions=("1  b",)), CONFIG, None),
        stage_key(found, replace(CONFIG, detection_threshold=4.0), None),
        stage_key(found, CONFIG, 28.9),
    }
    assert len(keys) == 5
    assert stage_key(replace(found, mtime_ns=1), CONFIG, None) in keys


def test_images_are_found_behind_links_and_in_capitals(tmp_path):
    """Linked folders are followed once, capitals are no hindrance, companions and spectra are left out."""
    disk = tmp_path / "disk"
    disk.mkdir()
    for name in ("A_I2D.FITS", "b_i2d.fits.gz", "b_wht.fits", "c_x1d.fits", "notes.txt"):
        (disk / name).touch()
    products = tmp_path / "products"
    products.mkdir()
    (products / "scratch").symlink_to(disk)
    (disk / "loop").symlink_to(products)
    assert [path.name for path in find_images(products)] == ["A_I2D.FITS", "b_i2d.fits.gz"]


def test_refusals_of_files_that_are_gone_are_forgotten(tmp_path, small_field):
    """A bad file is in the record while it is there; a name that never existed is one line and no record."""
    project = Project(tmp_path / "p")
    project.prepare()
    bad = tmp_path / "bad_i2d.fits"
    bad.write_text("<html>")
    result, _ = run_images(project, [bad, tmp_path / "typo_i2d.fits"])
    assert result.failed == 2
    assert [r.path for r in frame_records(Database(project.database))] == [str(bad)]
    bad.unlink()
    run_images(project, [min(small_field.glob("*f444w*_i2d.fits"))])
    assert [r.state for r in frame_records(Database(project.database))] == ["done"]


def test_frame_that_cannot_be_read_is_not_called_outside(tmp_path, small_field):
    """A measured frame whose file is gone: rank says so on a line, the report says 'not known'."""
    project = Project(tmp_path / "p")
    project.prepare()
    files = [
        Path(shutil.copy(path, project.products)) for path in sorted(small_field.glob("*o001*_i2d.fits"))
    ]
    run_images(project, None)
    files[-1].unlink()
    events = []
    result = rank(project, replace(CONFIG, min_snr=4.0), events.append)
    assert result.failed == 1
    lines = [event["text"] for event in events if event["event"] == "frame_failed"]
    assert len(lines) == 1
    assert "f444w" in lines[0]
    report(project, CONFIG, lambda _event: None)
    rows = [line for line in project.report.read_text().splitlines() if "not known: file not read" in line]
    assert len(rows) == 1


def test_same_size_edit_is_noticed_by_rank(tmp_path, small_field):
    """Pixels overwritten in place are not taken for those that were measured."""
    project = Project(tmp_path / "p")
    project.prepare()
    path = project.products / "a_i2d.fits"
    shutil.copy(min(small_field.glob("*f444w*_i2d.fits")), path)
    run_images(project, None)
    with path.open("r+b") as file:
        file.seek(40_000)
        file.write(b"\0" * 1000)
    result = rank(project, CONFIG, lambda _event: None)
    assert result.failed == 1
    assert "not the file that was measured" in result.failures[0]


WORKER_RUN = """
import sys, time
from analysis.executors import report, run_tasks
if __name__ == "__main__":
    for _ in run_tasks({"a": (time.sleep, (600,))}, 1):
        pass
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are read from /proc")
def test_workers_leave_when_their_run_is_killed(tmp_path):
    """kill -9 on a run leaves no worker behind."""
    script = tmp_path / "run.py"
    script.write_text(WORKER_RUN)
    with subprocess.Popen([sys.executable, str(script)], start_new_session=True) as run:
        workers = _wait(lambda: _children(run.pid))
        run.send_signal(signal.SIGKILL)
        run.wait()
    _wait(lambda: not [pid for pid in workers if _alive(pid)])
    assert not [pid for pid in workers if _alive(pid)]


def _wait(question, seconds=60.0):
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end
        os.sched_yield()
    return answer


def _children(pid):
    """Worker processes of a run: spawned children that run Python, the resource tracker among them."""
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(word) for word in tasks.read_text().split()] if tasks.exists() else []
    return found if len(found) >= 2 else []


def _alive(pid):
    """Whether a process is there and not a mere remainder."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
