"""The app through Textual's Pilot: every key, what it writes, and how the screens look at three sizes."""

import contextlib
import difflib
import os
import sys
import threading

import pytest
from approved import SIZES, SNAPSHOTS, check_screen
from textual.widgets import Input, Static
from textual.worker import WorkerCancelled
from vet_project import make_vet_project, name_of

from store.journal import read_journal
from store.project import StoreError
from store.runs import RunLog
from store.verdicts import REASONS
from tui.application import VetApp
from tui.desk import Desk
from tui.keys import resolve
from tui.screens.run import RunScreen
from tui.terminal import Terminal

APPROVE = "VET_SNAPSHOT_UPDATE"


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates: (project, config)."""
    return make_vet_project(tmp_path / "field")


def app_of(vet, **more):
    """Make the app as run_app does, with stand-ins for what starts processes."""
    project, config = vet
    settings = {
        "table": resolve(config.keys),
        "terminal": Terminal(preview="half", why="as the test wants it"),
        "start_run": lambda: "none",
        "stop_run": lambda run_id: None,
        "export": lambda gives_up: (0, "report: REPORT.md"),
    }
    return VetApp(project, config, **(settings | more))


async def settled(pilot):
    """Wait until threads have said what they had to say; the one that follows runs never ends."""
    for _ in range(4):
        await pilot.pause()
        for worker in [worker for worker in pilot.app.workers if worker.group != "follow"]:
            with contextlib.suppress(WorkerCancelled):  # a newer request took its place
                await worker.wait()
    await pilot.pause()


async def press(pilot, *keys):
    """Press keys one after another and let each take effect."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def text_of(app):
    """The screen as plain text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def lines_of(vet):
    """The journal of the vetter."""
    path = vet[0].verdicts / "vera.jsonl"
    return read_journal(path)[0] if path.exists() else []


def assert_snapshot(app, name):
    """Compare the screen with what was approved; VET_SNAPSHOT_UPDATE=1 approves it."""
    check_screen(app, name)
    path = SNAPSHOTS / f"{name}.txt"
    text = text_of(app) + "\n"
    if os.environ.get(APPROVE):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    approved = path.read_text(encoding="utf-8") if path.exists() else ""
    changes = "\n".join(difflib.unified_diff(approved.splitlines(), text.splitlines(), lineterm=""))
    assert text == approved, f"{name} looks different; {APPROVE}=1 approves it\n{changes}"


@pytest.mark.parametrize("size", SIZES)
async def test_the_vetting_screen_looks_as_approved(vet, size):
    """Table, pictures of five frames, evidence; narrow, wide and huge."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "y", "1", "2", "2", "G", "b")
        assert_snapshot(app, f"vetting-{size[0]}x{size[1]}")


async def test_an_empty_project_says_what_to_do_next(tmp_path):
    """Where to put files, and which key starts a run."""
    vet = make_vet_project(tmp_path / "field", 0)
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "No candidates yet" in text
        assert "jwst-vet demo" in text
        assert not vet[0].database.exists()
        await press(pilot, "y", "j", "1", "z")
        assert lines_of(vet) == []
        await press(pilot, "r")
        assert isinstance(app.screen, RunScreen)


async def test_moving_never_decides(vet):
    """Arrows, j and k, pages and ends only move."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        table = app.vetting.table
        for key, place in [("j", 1), ("down", 2), ("k", 1), ("up", 0), ("end", 11), ("home", 0)]:
            await press(pilot, key)
            assert table.cursor == place, key
        await press(pilot, "pagedown", "pageup", "left", "right", "enter", "enter", "space")
        assert lines_of(vet) == []


@pytest.mark.parametrize(
    ("key", "label"), [("y", "interesting"), ("n", "ordinary"), ("o", "known"), ("u", "discuss")]
)
async def test_a_label_is_on_disk_when_it_is_shown_and_the_next_undecided_comes_up(vet, key, label):
    """One key, one line with what was seen, and on."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, key)
        (line,) = lines_of(vet)
        assert (line.action, line.candidate, line.payload["label"]) == ("label", name_of(0), label)
        assert (line.rank, line.vetter) == (1, "vera")
        assert line.score == pytest.approx(0.95)
        assert line.seconds >= 0
        assert app.vetting.table.candidate == name_of(1)
        assert label in text_of(app)
        assert "1 decided" in text_of(app)


async def test_the_next_undecided_skips_what_has_a_label_and_goes_round(vet):
    """Decided ones are not shown again by themselves."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "j", "y", "home", "n")
        assert app.vetting.table.cursor == 2
        await press(pilot, "end", "y")
        assert app.vetting.table.cursor == 2
        await press(pilot, "shift+tab")
        assert app.vetting.table.cursor == 10
        await press(pilot, "tab")
        assert app.vetting.table.cursor == 2


@pytest.mark.parametrize("number", [1, 5, 10, 14])
async def test_an_artefact_gets_its_reason_in_the_same_line(vet, number):
    """x, then one key out of 1 to 9 and a to e."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "x", "123456789abcde"[number - 1])
        (line,) = lines_of(vet)
        assert line.payload == {"label": "artifact", "reason": REASONS[number - 1]}
        assert app.screen is app.vetting


async def test_escape_in_the_reasons_decides_nothing(vet):
    """No reason, no verdict."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "x", "escape")
        assert lines_of(vet) == []
        assert app.vetting.table.cursor == 0


@pytest.mark.parametrize("key", ["0", "backspace"])
async def test_a_label_can_be_taken_away(vet, key):
    """None is a decision too, and stays in place."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "k", key)
        assert [line.payload["label"] for line in lines_of(vet)] == ["interesting", "none"]
        assert app.vetting.table.cursor == 0
        assert app.vetting.decided == 0


async def test_undo_and_redo_survive_a_restart(vet):
    """What one sitting decided, the next one can take back."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "n")
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert app.vetting.decided == 2
        await press(pilot, "z")
        assert app.vetting.table.candidate == name_of(1)
        assert app.vetting.decided == 1
        await press(pilot, "z", "z")
        assert app.vetting.decided == 0
        assert "nothing to undo" in text_of(app)
        await press(pilot, "Z")
        assert app.vetting.states[name_of(0)].label == "interesting"
        assert [line.action for line in lines_of(vet)] == ["label", "label", "undo", "undo", "redo"]


async def test_check_keys_state_pass_where_nothing_was_computed_and_then_cycle(vet):
    """Each press is a line; the screen shows the person's outcome apart from the program's."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "3", "3", "3", "3", "3", "5")
        outcomes = [line.payload["checks"] for line in lines_of(vet)]
        assert [next(iter(o.values())) for o in outcomes[:5]] == [
            "pass",
            "fail",
            "inconclusive",
            "not run",
            "pass",
        ]
        assert {next(iter(o)) for o in outcomes[:5]} == {"psf_or_cosmic_ray"}
        assert outcomes[5] == {"methods": "pass"}
        assert app.vetting.table.cursor == 0
        assert "✓ pass" in text_of(app)
        assert "not computed" in text_of(app)


class KnowingDesk(Desk):
    """A desk on which some checks were computed."""

    def detail(self, candidate, stretch, **more):
        from dataclasses import replace

        computed = {"other_filters": "fail", "thresholds": "inconclusive", "methods": "not run"}
        return replace(super().detail(candidate, stretch, **more), computed=computed)


async def test_computed_outcomes_are_confirmed_first_and_never_passed_in_silence(vet):
    """1 confirms the computed fail; C confirms what was computed and leaves the rest open, saying so."""
    app = app_of(vet, desk=KnowingDesk(*vet))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "code: ✗ fail" in text_of(app)
        await press(pilot, "1", "C")
        first, second = lines_of(vet)
        assert first.payload["checks"] == {"other_filters": "fail"}
        assert second.payload["checks"] == {"other_filters": "fail", "thresholds": "inconclusive"}
        assert "3 left open" in text_of(app).splitlines()[0]
        assert not app._notifications  # nothing lies over the checks that are still open


async def test_confirming_nothing_computed_writes_nothing(vet):
    """There is nothing to confirm, and that is said."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "C")
        assert lines_of(vet) == []
        assert "nothing computed" in text_of(app)


@pytest.mark.parametrize(("key", "grade"), [("a", "A"), ("B", "B"), ("c", "C"), ("x", "X"), ("0", "")])
async def test_grades_are_separate_from_labels(vet, key, grade):
    """G and one key; the cursor stays."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "G", key)
        (line,) = lines_of(vet)
        assert (line.action, line.payload) == ("grade", {"grade": grade})
        assert app.vetting.table.cursor == 0


async def test_a_note_keeps_commas_quotes_and_lines(vet):
    """Enter keeps it; escape asks once before it drops what was written."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "m")
        app.screen.query_one("NoteArea").insert('a, "b" – ünï\n=SUM(1)')
        await press(pilot, "enter")
        (line,) = lines_of(vet)
        assert line.payload == {"text": 'a, "b" – ünï\n=SUM(1)'}
        assert "“a," in text_of(app)
        await press(pilot, "m")
        app.screen.query_one("NoteArea").insert("more")
        await press(pilot, "escape")
        assert app.screen is not app.vetting
        await press(pilot, "escape")
        assert app.screen is app.vetting
        assert len(lines_of(vet)) == 1


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("5", 4),
        ("110.80007-73.40007", 7),
        ("JWST J110.80002", 2),
        ("110.80003 -73.40003", 3),
        ("99", 0),
        ("zz", 0),
    ],
)
async def test_go_to_understands_ranks_names_and_positions(vet, typed, place):
    """What is not found is said, and nothing moves."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "slash")
        app.screen.query_one(Input).value = typed
        await press(pilot, "enter")
        assert app.vetting.table.cursor == place
        if place == 0:
            assert "no candidate" in text_of(app) or "no rank" in text_of(app)


async def test_a_filter_hides_what_is_decided_and_says_how_many_are_left(vet):
    """The list is filtered in the store over all rows, the label by the journals."""
    from tui.listing import Query

    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "n", "f")
        app.screen.finish(Query(label="undecided"))
        await settled(pilot)
        assert len(app.vetting.table.listing) == 10
        assert "in 10 of 12" in text_of(app)
        await press(pilot, "f")
        app.screen.query_one("#text", Input).value = "blended"
        app.screen.query_one("#label").value = ""
        await press(pilot, "enter")
        assert list(app.vetting.table.listing.names) == [name_of(1)]
        await press(pilot, "f", "f2")
        assert len(app.vetting.table.listing) == 12


async def test_copy_gives_name_and_position_through_the_terminal(vet):
    """By OSC 52, so that it works over SSH."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "c")
        assert app.clipboard == f"{name_of(0)} 110.8000000 -73.4000000"


async def test_stretch_and_inversion_change_the_picture_only(vet):
    """The next stretch is named; nothing is written."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        before = app.vetting.cutouts.detail
        await press(pilot, "s")
        assert "stretch percentile" in text_of(app)
        assert app.vetting.cutouts.detail.stretch == "percentile"
        assert (app.vetting.cutouts.detail.views[0].gray != before.views[0].gray).any()
        await press(pilot, "i")
        assert app.vetting.cutouts.look.inverted
        assert lines_of(vet) == []


async def test_enter_enlarges_pictures_then_evidence_then_the_list(vet):
    """One key for all three; escape gives each its own place again."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        screen = app.vetting
        small = screen.cutouts.scene.placed[0].width
        await press(pilot, "enter")
        assert screen.cutouts.scene.placed[0].width > small
        assert not screen.table.display
        await press(pilot, "enter")
        assert screen.query_one("#evidence").size.width == 79
        assert not screen.cutouts.display
        await press(pilot, "enter")
        assert screen.table.size.width == 80
        await press(pilot, "enter")
        assert screen.cutouts.scene.placed[0].width == small
        await press(pilot, "enter", "escape")
        assert screen.cutouts.scene.placed[0].width == small


async def test_export_says_first_what_is_open_and_exports_all_the_same(vet):
    """Counts, then enter, then what the report command said."""
    called = threading.Event()

    def export(_gives_up):
        called.set()
        return 0, "report: outputs/report/REPORT.md"

    app = app_of(vet, export=export)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "e")
        await settled(pilot)
        assert "11 are undecided" in text_of(app)
        assert "12 have checks that nobody stated" in text_of(app)
        assert not called.is_set()
        await press(pilot, "enter")
        await settled(pilot)
        assert called.is_set()
        assert "REPORT.md" in text_of(app)
        assert "export done" in text_of(app)
        await press(pilot, "escape")
        assert app.screen is app.vetting


async def test_help_is_made_from_the_table_and_searchable(tmp_path):
    """A remapped key is shown as remapped; words narrow the list."""
    project, config = make_vet_project(tmp_path / "field", 3)
    config.keys["interesting"] = "Y"
    app = app_of((project, config))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "question_mark", *"worth a")
        found = str(app.screen.query_one("#found", Static).content)
        assert "Y " in found
        assert "interesting" in found
        assert "Runs" not in found
        await press(pilot, "escape", "Y")
        assert app.vetting.states[name_of(0)].label == "interesting"


async def test_every_action_is_in_the_command_palette(vet):
    """What a key does can be found by its name."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        offered = [command.help for command in app.get_system_commands(app.vetting)]
        assert {key.help for key in app.keys if key.where in {"vet", "everywhere"}} <= set(offered)
        commands = {command.help: command for command in app.get_system_commands(app.vetting)}
        await commands["worth a second look"].callback()
        await settled(pilot)
        assert lines_of(vet)[0].payload["label"] == "interesting"


class BrokenDesk(Desk):
    """A desk whose journal cannot be written."""

    def decide(self, *_args):
        raise StoreError("vera.jsonl: no space left on device; free some and decide again")


async def test_a_verdict_that_is_not_on_disk_is_not_shown_as_given(vet):
    """The failure is loud, the label is not set, the cursor stays, later keys are dropped."""
    app = app_of(vet, desk=BrokenDesk(*vet))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "y")
        assert "NOT SAVED" in text_of(app)
        assert "no space left" in text_of(app)
        assert app.vetting.states == {}
        assert app.vetting.table.cursor == 0
        assert "0 decided" in text_of(app)


class SlowDesk(Desk):
    """A desk that waits for a sign before it writes."""

    def __init__(self, *args):
        super().__init__(*args)
        self.sign = threading.Event()

    def decide(self, *args):
        self.sign.wait(10)
        return super().decide(*args)


async def test_keys_typed_while_a_verdict_is_being_written_act_in_order_afterwards(vet):
    """On a slow disk nothing is shown before its time, and nothing typed ahead is lost or misdirected."""
    desk = SlowDesk(*vet)
    app = app_of(vet, desk=desk)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        for key in ("y", "n", "x", "3", "j", "u"):
            await pilot.press(key)
        assert app.vetting.states == {}
        assert app.vetting.table.cursor == 0
        assert "saving" in text_of(app)
        desk.sign.set()
        for _ in range(4):
            await settled(pilot)
        found = {name: (state.label, state.reason) for name, state in app.vetting.states.items()}
        assert found == {
            name_of(0): ("interesting", ""),
            name_of(1): ("ordinary", ""),
            name_of(2): ("artifact", "snowball"),
            name_of(4): ("discuss", ""),
        }


class LockedDesk(Desk):
    """A desk whose database is held by somebody else from now on."""

    def index(self):
        raise StoreError("in use by process 4711")

    def rows(self, names):
        if not names:
            return {}
        raise StoreError("in use by process 4711")


async def test_a_locked_database_blocks_no_verdict(vet):
    """The journal is the truth; the index is told later."""
    app = app_of(vet, desk=LockedDesk(*vet))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "n")
        assert [line.payload["label"] for line in lines_of(vet)] == ["interesting", "ordinary"]
        assert app.vetting.decided == 2


async def test_a_terminal_that_is_too_small_says_how_large_it_must_be(vet):
    """Nothing is garbled, and it goes away by itself."""
    app = app_of(vet)
    async with app.run_test(size=(59, 17)) as pilot:
        await pilot.pause()
        text = text_of(app)
        assert "Terminal too small" in text
        assert "now 59 × 17" in text
        assert "needed 60 × 18" in text
        await pilot.press("y")
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert app.screen is app.vetting
        assert lines_of(vet) == []


async def test_simulated_data_says_so_on_every_screen_of_candidates(vet):
    """The badge is there while anything simulated is listed."""
    app = app_of(vet)
    async with app.run_test(size=(60, 18)) as pilot:
        await settled(pilot)
        assert "SIMULATED" in text_of(app).splitlines()[0]


async def test_terms_that_were_not_computed_say_so(vet):
    """A NaN term is no zero; its weight is shared out."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "×0.40" in text_of(app)
        await press(pilot, "j")
        assert "not computed; its weight" in text_of(app)
        assert "×0.44" in text_of(app)
        assert "blended edge" in text_of(app)


async def test_another_vetters_label_is_shown_and_a_conflict_marked(tmp_path):
    """Both are kept, neither is hidden."""
    from store.verdicts import VerdictBook

    vet = make_vet_project(tmp_path / "field", 3)
    VerdictBook(vet[0], "anna").decide("label", name_of(0), 110.8, -73.4, {"label": "known"})
    VerdictBook(vet[0], "vera").decide("label", name_of(0), 110.8, -73.4, {"label": "interesting"})
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "anna: known" in text_of(app)
        assert "! interesting" in text_of(app)


def events(project, run_id, *names):
    """Write the events of a run of this process."""
    log = RunLog(project, run_id)
    for name in names:
        log.emit({"stage": "images", **name} if name["event"] != "run_started" else name)


async def test_a_run_that_goes_on_is_found_at_the_start_and_followed(vet):
    """Stages, frames, failures with reasons, the log, and the state on the vetting screen."""
    run_id = "20260101T000000Z-abcd"
    events(
        vet[0],
        run_id,
        {"event": "run_started", "stages": ["images", "rank", "report"]},
        {"event": "stage_started"},
        {"event": "frame_done", "frame": "good_i2d", "done": 1, "total": 3, "text": "120 sources"},
        {"event": "frame_failed", "frame": "bad_i2d", "done": 2, "total": 3, "text": "bad.fits: wcs: no WCS"},
        {"event": "progress", "frame": "slow_i2d", "done": 1, "total": 4},
    )
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        while app.run_view is None:
            await pilot.pause(0.02)
        await pilot.pause()
        assert "run images 2/3" in text_of(app)
        await press(pilot, "r")
        text = text_of(app)
        assert "2/3" in text
        assert "1 failed" in text
        assert "no WCS" in text
        assert "1/4" in text
        assert_run_screen(text)
        log = RunLog(vet[0], run_id)
        log.emit({"event": "run_stopped", "exit_code": 3, "text": "stopped after images"})
        while app.run_view.going:
            await pilot.pause(0.02)
        await settled(pilot)
        assert "stopped" in text_of(app)
        await press(pilot, "escape")
        assert "the list was read again" in text_of(app)


def assert_run_screen(text):
    """The stages stand in their order, the ones not reached as waiting."""
    assert text.index("images") < text.index("rank") < text.index("report")
    assert "waiting" in text


async def test_runs_are_started_and_stopped_from_the_app(vet):
    """s starts, x asks and stops; a second start is refused while one goes on."""
    stopped, run_id = [], "20260101T000000Z-abce"

    def start():
        events(vet[0], run_id, {"event": "run_started", "stages": ["images"]})
        return run_id

    app = app_of(vet, start_run=start, stop_run=stopped.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "r", "s")
        while app.run_view is None or not app.run_view.going:
            await pilot.pause(0.02)
        await press(pilot, "s")
        assert "going on already" in text_of(app)
        await press(pilot, "x", "n")
        assert stopped == []
        await press(pilot, "x", "y")
        await settled(pilot)
        assert stopped == [run_id]


async def test_a_run_that_cannot_start_says_why(vet):
    """One line, no traceback."""

    def start():
        raise StoreError("a run is going on here already")

    app = app_of(vet, start_run=start)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "r", "s")
        assert "did not start" in text_of(app)


async def test_a_worker_that_fails_is_shown_and_ends_nothing(vet):
    """No thread fails in silence."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)

        def broken():
            raise RuntimeError("boom")

        worker = app.run_worker(broken, thread=True, exit_on_error=False, description="a test")
        while not worker.is_finished:
            await pilot.pause(0.01)
        await pilot.pause()
        assert any("boom" in note.message for note in app._notifications)
        assert app.is_running


async def test_missing_cutouts_are_words_and_not_an_error(tmp_path):
    """The candidate can still be read about and decided on."""
    vet = make_vet_project(tmp_path / "field", 30)
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "end")
        for _ in range(100):  # pictures are looked for a moment after the cursor rests
            if "no cutouts here yet" in text_of(app):
                break
            await pilot.pause(0.02)
        assert "no cutouts here yet" in text_of(app)
        await press(pilot, "y")
        assert len(lines_of(vet)) == 1


def test_the_apps_process_imports_no_science_package(vet, tmp_path):
    """After pictures were painted, none of the slow packages was loaded."""
    import subprocess

    code = f"""
import asyncio, sys
from pathlib import Path
from analysis.config import load
from store.project import Project
from tui.application import VetApp
from tui.keys import resolve
from tui.terminal import Terminal
root = Path({str(vet[0].root)!r})
config = load(root / "config.toml")
app = VetApp(Project(root), config, table=resolve({{}}), terminal=Terminal(), start_run=str, stop_run=print,
             export=print)
async def main():
    async with app.run_test(size=(80, 24)) as pilot:
        while not app.vetting.cutouts.detail:
            await pilot.pause(0.02)
        await pilot.press("y")
        await pilot.pause(0.2)
        assert app.vetting.cutouts.detail.views, app.vetting.cutouts.detail
asyncio.run(main())
slow = "astropy pandas sklearn photutils matplotlib scipy sep pyarrow textual_image astroquery".split()
print([name for name in slow if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


async def test_the_smallest_size_shows_what_a_verdict_needs(vet):
    """At 60×18: pictures, name, label, score terms and all five checks."""
    app = app_of(vet)
    async with app.run_test(size=(60, 18)) as pilot:
        await settled(pilot)
        await press(pilot, "y", "k")
        text = text_of(app)
        assert "★" in text
        for words in (
            "▀",
            "interesting",
            "score",
            "other filters",
            "catalogues",
            "PSF",
            "thresholds",
            "methods",
        ):
            assert words in text, words
        assert_snapshot(app, "vetting-60x18")
