"""Runs on screen: time left, what failed and why, what goes on from there; and new candidates that wait."""

from datetime import UTC, datetime, timedelta

import pytest
from approved import SIZES
from test_app import app_of, assert_snapshot, press, settled, text_of
from vet_project import candidate_table, make_vet_project, name_of, save_table

from store.database import Database
from store.runs import RunLog
from tui.following import RunFold, left_words

RUN = "20260101T000000Z-aaaa"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def folded(*events):
    """Fold events, each with its second."""
    fold = RunFold(RUN)
    fold.take(
        {"at": (BEGAN + timedelta(seconds=second)).isoformat(), "stage": "images", **event}
        for second, event in events
    )
    return fold.view()


START = [(0, {"event": "run_started", "stages": ["images"], "stage": ""}), (0, {"event": "stage_started"})]


def test_time_left_of_a_stage_counts_only_what_was_worked_on():
    """Two of ten were there already; two took 20 s; six are left."""
    view = folded(
        *START,
        (0, {"event": "frame_skipped", "frame": "a", "done": 1, "total": 10}),
        (0, {"event": "frame_skipped", "frame": "b", "done": 2, "total": 10}),
        (10, {"event": "frame_done", "frame": "c", "done": 3, "total": 10}),
        (20, {"event": "frame_failed", "frame": "d", "done": 4, "total": 10, "text": "no WCS"}),
    )
    assert view.stages[0].seconds_left == pytest.approx(60)
    assert view.failures == (("d", "no WCS"),)


def test_half_a_frame_counts_as_half():
    """One and a half of three in 15 s."""
    view = folded(
        *START,
        (10, {"event": "frame_done", "frame": "a", "done": 1, "total": 3}),
        (11, {"event": "progress", "frame": "b", "done": 0, "total": 8}),
        (15, {"event": "progress", "frame": "b", "done": 4, "total": 8}),
    )
    assert view.stages[0].seconds_left == pytest.approx(15)
    assert view.frames[1].seconds_left == pytest.approx(4)


def test_nothing_is_said_before_anything_was_done():
    """A guess would be worse than none; bytes tell their own time."""
    assert folded(*START).stages[0].seconds_left is None
    view = folded(
        *START, (5, {"event": "progress", "unit": "bytes", "done": 5, "total": 10, "text": "5 of 10"})
    )
    assert view.stages[0].seconds_left is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "1 s left"), (89, "89 s left"), (90, "2 min left"), (5400, "1 h 30 min left")],
)
def test_time_left_in_words(seconds, words):
    """No more exact than it is known."""
    assert left_words(seconds) == words


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")


def write_run(vet, *events):
    """Write events with fixed times."""
    log = RunLog(vet[0], RUN)
    for second, event in events:
        at = (BEGAN + timedelta(seconds=second)).isoformat(timespec="milliseconds")
        log.emit({"at": at, "stage": "images", **event})
    return log


async def followed(pilot):
    """Wait until the app has seen the run."""
    await settled(pilot)
    while pilot.app.run_view is None:
        await pilot.pause(0.02)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_the_screen_of_runs_looks_as_approved(vet, size):
    """Stages and frames with bars and time left, failures with reasons, the log."""
    write_run(
        vet,
        (0, {"event": "run_started", "stages": ["download", "images", "rank", "report"], "stage": ""}),
        (0, {"event": "stage_done", "stage": "download", "done": 3, "total": 3}),
        (1, {"event": "stage_started"}),
        (61, {"event": "frame_done", "frame": "good_i2d", "done": 1, "total": 3, "text": "120 sources"}),
        (
            62,
            {
                "event": "frame_failed",
                "frame": "bad_i2d",
                "done": 2,
                "total": 3,
                "text": "bad.fits: wcs: no WCS",
            },
        ),
        (62, {"event": "progress", "frame": "slow_i2d", "done": 1, "total": 4}),
        (72, {"event": "progress", "frame": "slow_i2d", "done": 2, "total": 4}),
    )
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await followed(pilot)
        await press(pilot, "r")
        assert "20 s left" in text_of(app)
        assert_snapshot(app, f"run-{size[0]}x{size[1]}")


async def test_what_failed_and_why_is_told_whole_and_how_to_go_on(vet):
    """w shows reasons that no line holds; the headline says what s does then."""
    reason = "bad.fits: truncated: " + "the file ends before its header says " * 4
    write_run(
        vet,
        (0, {"event": "run_started", "stages": ["images"], "stage": ""}),
        (1, {"event": "stage_started"}),
        (2, {"event": "frame_failed", "frame": "bad_i2d", "done": 1, "total": 2, "text": reason}),
        (3, {"event": "frame_done", "frame": "good_i2d", "done": 2, "total": 2}),
        (4, {"event": "run_done", "exit_code": 3, "stage": ""}),
    )
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await followed(pilot)
        await press(pilot, "r")
        assert "1 failed: w says why; s tries those again" in text_of(app)
        await press(pilot, "w")
        shown = " ".join(text_of(app).split())
        assert " ".join(reason.split()) in shown
        assert f"outputs/log/run-{RUN}.log" in shown
        await press(pilot, "w")
        assert "run done" in text_of(app)


async def test_an_interrupted_run_says_that_s_goes_on(vet):
    """Its process is gone and said nothing."""
    write_run(vet, (0, {"event": "run_started", "stages": ["images"], "stage": "", "pid": 0}))
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await followed(pilot)
        await press(pilot, "r")
        assert "interrupted" in text_of(app)
        assert "s goes on with what is left" in text_of(app)


def rank_again(vet, order):
    """Save another ranking: numbers of candidates, best first."""
    everything = candidate_table(20).set_index("candidate", drop=False)
    table = everything.loc[[name_of(n) for n in order]].reset_index(drop=True)
    table["rank"] = range(1, len(order) + 1)
    save_table(Database(vet[0].database), table)


async def ended_with(pilot, vet, order):
    """Let a run end that made another ranking."""
    log = write_run(vet, (0, {"event": "run_started", "stages": ["rank"], "stage": ""}))
    await followed(pilot)
    rank_again(vet, order)
    log.emit({"event": "run_done", "exit_code": 0})
    while pilot.app.run_view.going:
        await pilot.pause(0.02)
    await settled(pilot)
    await settled(pilot)


async def test_new_candidates_announce_themselves_and_move_nothing(vet):
    """The same candidate on the same line, its pictures never gone; A goes to the new ones in turn."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "j", "j", "j", "j")
        table = app.vetting.table
        line = table.cursor - round(table.scroll_y)
        assert table.candidate == name_of(4)
        blanks = []
        show = app.vetting.cutouts.show

        def watched(detail, *look, **words):
            blanks.append(detail is None)
            show(detail, *look, **words)

        app.vetting.cutouts.show = watched
        await ended_with(pilot, vet, [15, 16, *range(10), 17, 18, 19, 12, 13, 14])
        assert table.candidate == name_of(4)
        assert (table.cursor, table.cursor - round(table.scroll_y)) == (6, line)
        assert not any(blanks)
        assert "8 new: A goes to them in turn, 2 ranked no more" in app.vetting.message
        for number in (15, 16, 17, 18, 19, 12, 13, 14):
            await press(pilot, "A")
            assert table.candidate == name_of(number)
        await press(pilot, "A")
        assert "nothing new" in app.vetting.message


async def test_a_candidate_that_is_ranked_no_more_stays_on_screen_until_asked(vet):
    """The old list stands until A; deciding goes on meanwhile."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await ended_with(pilot, vet, [1, 2, 3, 15])
        table = app.vetting.table
        assert table.candidate == name_of(0)
        assert len(table.listing) == 12
        assert "A takes the new list" in app.vetting.message
        await press(pilot, "y", "A")
        assert list(table.listing.names) == [name_of(n) for n in (1, 2, 3, 15)]
        assert app.vetting.news == (name_of(15),)
