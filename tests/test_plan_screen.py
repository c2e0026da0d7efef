"""The plan in the app: products with sizes, ticked off and on, kept; and a download followed and paused."""

import json
import subprocess
import sys

import pytest
from approved import SIZES
from test_app import app_of, assert_snapshot, press, settled, text_of
from test_download_stage import field
from test_download_stage import project as archive_project
from textual.widgets import OptionList
from vet_project import make_vet_project

from analysis.choices import tick, totals
from analysis.config import Config
from analysis.pipeline import claimed
from store.database import Database
from store.products import TICKED_OFF, ProductRecord, product_records, save_plan, ticks
from store.project import Project, StoreError
from store.runs import RunLog
from store.verdicts import VerdictBook
from tui.planning import asker, keep_choice, read_plan
from tui.screens.plan import PlanScreen
from tui.screens.run import RunScreen

LINES = ("max_total_gb of 1.62 would bring level-3 NIRCAM F444W (0.86 GB)",)
FULL = "over max_total_gb = 1"


def product(number, band, size, **facts):
    """Make a product of SMACS 0723."""
    name = f"jw02736-o00{number}_t001_nircam_clear-{band.lower()}_i2d.fits"
    known = {
        "instrument": "NIRCAM/IMAGE",
        "filter": band,
        "observation": f"o{number // 3}",
        "target": "SMACS-0723",
    }
    known |= {"size": round(size * 1e9), "program": "2736", "plan_key": "key", "place": number}
    return ProductRecord(f"mast:JWST/product/{name}", name, **known | facts)


@pytest.fixture
def vet(tmp_path):
    """A project with a plan of two products, one on disk, one left."""
    project, config = make_vet_project(tmp_path / "field", 3)
    plan = [
        product(1, "F200W", 0.35, state="done", sha256="a" * 64),
        product(2, "F277W", 0.25),
        product(3, "F356W", 0.2, level=2),
        product(4, "F444W", 0.86, state="skipped", reason=FULL),
    ]
    save_plan(Database(project.database), plan, LINES)
    return project, config


def answering(key="key", asked=None):
    """Answer as `jwst-vet download --plan --json` does."""

    def ask(words, _gives_up):
        if asked is not None:
            asked.append(words)
        event = {"event": "plan", "key": key, "lines": list(LINES)}
        return 0, json.dumps({"event": "note", "text": "x"}) + "\n" + json.dumps(event) + "\n", ""

    return ask


async def planned(pilot):
    """Open the plan from the screen of runs."""
    await settled(pilot)
    await press(pilot, "r", "d")
    assert isinstance(pilot.app.screen, PlanScreen)


def kept(vet):
    """States and reasons in the store, by filter."""
    return {r.filter: (r.state, r.reason) for r in product_records(Database(vet[0].database))}


@pytest.mark.parametrize("size", SIZES)
async def test_the_plan_looks_as_approved(vet, size):
    """Band, level, size and state of every product, totals against the limits, the plan's own lines."""
    app = app_of(vet, ask_plan=answering())
    async with app.run_test(size=size) as pilot:
        await planned(pilot)
        text = text_of(app)
        assert "3 of 60 files" in text
        assert "0.800 of 1 GB" in text
        assert LINES[0] in text
        assert_snapshot(app, f"plan-{size[0]}x{size[1]}")


async def test_space_ticks_off_and_on_and_the_store_keeps_it(vet):
    """The total changes at once, and the next program that asks finds the choice."""
    app = app_of(vet, ask_plan=answering())
    async with app.run_test(size=(120, 40)) as pilot:
        await planned(pilot)
        await press(pilot, "j", "space")
        assert "0.550 of 1 GB" in text_of(app)
        assert "ticked off: 0.550 of 1 GB" in text_of(app)
        assert kept(vet)["F277W"] == ("skipped", TICKED_OFF)
        await press(pilot, "space")
        assert "0.800 of 1 GB" in text_of(app)
        assert kept(vet)["F277W"][0] == "planned"


async def test_many_quick_ticks_end_where_the_last_one_left_it(vet):
    """Writes never overtake each other."""
    app = app_of(vet, ask_plan=answering())
    async with app.run_test(size=(80, 24)) as pilot:
        await planned(pilot)
        await pilot.press("j", *["space"] * 7, "j", "space", "space")
        await settled(pilot)
        assert kept(vet)["F277W"] == ("skipped", TICKED_OFF)
        assert kept(vet)["F356W"][0] == "planned"
        assert totals(app.screen.records).files == 2


@pytest.mark.parametrize(("place", "words"), [(0, "on disk already"), (3, "would go over max_total_gb = 1")])
async def test_what_cannot_be_ticked_says_why_and_stays(vet, place, words):
    """A file on disk, and a product too large for the limit."""
    app = app_of(vet, ask_plan=answering())
    async with app.run_test(size=(120, 40)) as pilot:
        await planned(pilot)
        before = kept(vet)
        await press(pilot, *["j"] * place, "space")
        assert words in text_of(app)
        assert kept(vet) == before


async def test_the_plan_is_asked_for_anew_and_from_the_command_palette(vet):
    """R asks the archive; the palette of the vetting screen knows the plan."""
    asked = []
    app = app_of(vet, ask_plan=answering(asked=asked))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        commands = {command.title: command for command in app.get_system_commands(app.vetting)}
        commands["Plan of the download"].callback()
        await settled(pilot)
        await press(pilot, "end", "R")
        assert asked == [("--plan",), ("--plan", "--replan")]
        assert app.screen.query_one("#products", OptionList).highlighted == 3
        await press(pilot, "escape")
        assert app.screen is app.vetting


async def test_an_archive_that_gives_no_plan_is_one_line(vet):
    """The complaint of the command, and what to do."""
    app = app_of(vet, ask_plan=lambda _words, _gives_up: (2, "", "SMACS 0723: archive: does not answer\n"))
    async with app.run_test(size=(80, 24)) as pilot:
        await planned(pilot)
        assert "does not answer" in text_of(app)
        assert "There is no plan" in text_of(app)


async def test_s_starts_a_run_with_what_is_ticked_and_shows_it(vet):
    """The choice is on disk before the run begins."""
    seen, run_id = [], "20260101T000000Z-aaaa"

    def start():
        seen.append(kept(vet)["F277W"])
        RunLog(vet[0], run_id).emit({"event": "run_started", "stages": ["download"]})
        return run_id

    app = app_of(vet, ask_plan=answering(), start_run=start)
    async with app.run_test(size=(80, 24)) as pilot:
        await planned(pilot)
        await pilot.press("j", "space", "s")
        while not isinstance(app.screen, RunScreen):
            await pilot.pause(0.02)
        assert seen == [("skipped", TICKED_OFF)]


def downloading(project, run_id):
    """Write the events of a download in its middle."""
    log = RunLog(project, run_id)
    log.emit({"event": "run_started", "stages": ["download", "images"]})
    log.emit({"event": "stage_started", "stage": "download"})
    log.emit({"event": "frame_skipped", "stage": "download", "frame": "a_i2d.fits", "text": "already there"})
    files = [{"frame": "b_i2d.fits", "done": 5, "total": 20, "text": "5.0 of 20.0 MB, 1.5 MB/s"}]
    words = "5.0 of 40.0 MB, 2.5 MB/s, 0:00:14 left"
    log.emit({"event": "progress", "stage": "download", "unit": "bytes", "done": 5, "total": 40,
              "text": words, "files": files})  # fmt: skip
    return log


async def test_a_download_is_shown_in_bytes_paused_and_gone_on_with(vet):
    """Speed and time left per file and in total; p stops the run keeping its parts, p again starts one."""
    run_id, stopped, started = "20260101T000000Z-bbbb", [], []
    log = downloading(vet[0], run_id)
    app = app_of(vet, stop_run=stopped.append, start_run=lambda: started.append(1) or run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        while app.run_view is None:
            await pilot.pause(0.02)
        await press(pilot, "r")
        text = text_of(app)
        assert "5.0 of 40.0 MB, 2.5 MB/s, 0:00:14 left" in text
        assert "5.0 of 20.0 MB, 1.5 MB/s" in text
        assert "pause" in text.splitlines()[-1]
        await press(pilot, "p")
        assert stopped == [run_id]
        log.emit({"event": "stage_done", "stage": "download", "done": 0, "total": 1, "text": "1 left"})
        log.emit({"event": "run_stopped", "text": "stopped after download", "exit_code": 3})
        while app.run_view.going:
            await pilot.pause(0.02)
        await settled(pilot)
        assert "paused; p goes on" in text_of(app)
        assert "not finished" in text_of(app)
        await press(pilot, "p")
        assert started == [1]


async def test_other_stages_are_not_paused(vet):
    """p says so and stops nothing."""
    stopped = []
    log = RunLog(vet[0], "20260101T000000Z-cccc")
    log.emit({"event": "run_started", "stages": ["images"]})
    log.emit({"event": "stage_started", "stage": "images"})
    app = app_of(vet, stop_run=stopped.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        while app.run_view is None:
            await pilot.pause(0.02)
        await press(pilot, "r", "p")
        assert stopped == []
        assert "only a download can be paused" in text_of(app)


async def test_while_a_run_goes_on_the_plan_is_shown_and_not_changed(vet):
    """The dry run is asked, which keeps nothing; ticks are refused."""
    asked = []
    downloading(vet[0], "20260101T000000Z-dddd")
    app = app_of(vet, ask_plan=answering(asked=asked))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        while app.run_view is None:
            await pilot.pause(0.02)
        await planned(pilot)
        await press(pilot, "j", "space", "R", "s")
        assert asked == [("--dry-run",)]
        assert kept(vet)["F277W"][0] == "planned"
        assert "a run is going on" in text_of(app)


def test_the_command_behind_the_screen_gives_up_when_asked(tmp_path):
    """Leaving the app ends the process that asks the archive."""
    project, _config = make_vet_project(tmp_path / "field", 0)
    code, _output, _complaints = asker(project)(("--plan",), lambda: True)
    assert code != 0


def test_the_plan_that_the_command_makes_is_the_one_that_is_shown(mast_server, tmp_path, monkeypatch):
    """Against the replica: records with their sizes; a tick is kept; asked again, no request is sent."""
    names = field(mast_server, 2)
    monkeypatch.setenv("JWST_VET_MAST_URL", mast_server.url)
    root = Project(archive_project(tmp_path, mast_server, max_obs=5))
    database = Database(root.database)
    records, _lines = read_plan(database, asker(root)(("--plan",), lambda: False))
    assert [record.state for record in records] == ["planned"] * 2
    assert sum(record.size for record in records) == sum(len(mast_server.files[name]) for name in names)
    keep_choice(root, database, VerdictBook(root, "vera"), tick(records, records[0].uri, Config(max_obs=5)))
    mast_server.forget()
    again, _lines = read_plan(database, asker(root)(("--dry-run",), lambda: False))
    assert [record.reason for record in again] == [TICKED_OFF, ""]
    assert mast_server.seen == []


def test_a_choice_is_not_kept_while_a_run_works_on_the_plan(vet):
    """The run holds the project; the refusal names it."""
    database = Database(vet[0].database)
    record = product_records(database)[1]
    with claimed(vet[0]), pytest.raises(StoreError, match="a run is going on"):
        keep_choice(vet[0], database, VerdictBook(vet[0], "vera"), record)
    assert ticks(vet[0].verdicts) == {}


def test_the_plan_brings_nothing_slow_into_the_apps_process():
    """The archive's client stays in the process that is asked."""
    code = """
import sys
import tui.application, tui.screens.plan, tui.screens.run, tui.planning, analysis.pipeline
slow = "astropy pandas astroquery requests urllib3 scipy pyvo".split()
print([name for name in slow if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
