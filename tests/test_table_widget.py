"""The virtual table: it asks for what it shows and no more, and keeps its place."""

import pytest
from textual.app import App
from vet_project import candidate_table, name_of

from store.candidates import CandidateRow
from store.verdicts import VerdictState
from tui.listing import Listing, Query, make_listing, next_outcome, next_undecided, passing
from tui.widgets.table import KEPT_ROWS, RankTable, columns_for, short_name


def rows_of(names):
    """Give rows for names, as the store would."""
    frame = candidate_table(12)
    record = frame.iloc[0].to_dict()
    return {name: CandidateRow(**(record | {"candidate": name, "rank": n})) for n, name in enumerate(names)}


class TableApp(App):
    """A table and what it asked for."""

    def __init__(self, count):
        super().__init__()
        names = [name_of(n) for n in range(count)]
        self.listing = make_listing(names, count, Query())
        self.table = RankTable({})
        self.asked = []
        self.moves = []

    def compose(self):
        yield self.table

    def on_mount(self):
        self.table.show(self.listing, {})

    def on_rank_table_wanted(self, message):
        self.asked.append(list(message.names))
        self.table.take_rows(rows_of(message.names))

    def on_rank_table_moved(self, message):
        self.moves.append(message.candidate)


def lines(app):
    return [strip.text.rstrip() for strip in app.table.render_lines(app.table.size.region)]


async def test_only_the_rows_in_sight_are_asked_for_among_a_hundred_thousand():
    """Length costs nothing: one page around the cursor is read."""
    app = TableApp(100_000)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert sum(map(len, app.asked)) <= 200
        app.table.move_to(99_999)
        await pilot.pause()
        await pilot.pause()
        assert app.asked[-1][-1] == name_of(99_999)
        assert sum(map(len, app.asked)) <= 400
        assert short_name(name_of(99_999)) in lines(app)[-1]
        assert app.moves[-1] == name_of(99_999)


async def test_rows_kept_are_bounded():
    """Walking a long list does not fill the memory."""
    app = TableApp(20_000)
    async with app.run_test(size=(80, 24)) as pilot:
        for place in range(0, 20_000, 100):
            app.table.move_to(place)
            await pilot.pause(0)
        assert len(app.table.rows) <= KEPT_ROWS


async def test_the_cursor_stays_on_its_candidate_when_the_list_changes():
    """A new order does not put another candidate under the cursor."""
    app = TableApp(50)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.move_to(30)
        names = list(reversed(app.listing.names))
        app.table.show(make_listing(names, 50, Query(order=1)), {})
        await pilot.pause()
        assert app.table.candidate == name_of(30)
        assert app.table.cursor == 19


async def test_moving_stops_at_both_ends():
    """There is nothing above the first and below the last."""
    app = TableApp(3)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.move_to(-5)
        assert app.table.cursor == 0
        app.table.move_to(99)
        await pilot.pause()
        assert app.table.candidate == name_of(2)


async def test_an_empty_list_has_no_candidate():
    """Nothing to show is no error."""
    app = TableApp(0)
    async with app.run_test(size=(80, 24)):
        assert app.table.candidate is None
        app.table.move_to(1)


async def test_a_click_goes_to_its_row():
    """The mouse is welcome and not needed."""
    app = TableApp(30)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(RankTable, offset=(5, 4))
        assert app.table.cursor == 3


@pytest.mark.parametrize("width", range(20, 140, 3))
def test_columns_fit_and_more_come_with_more_room(width):
    """The name is never left out."""
    columns, label = columns_for(width, 100_000)
    assert "candidate" in [column.title for column in columns]
    assert 1 + sum(column.width + 1 for column in columns) + label <= width or width < 27


def test_the_next_undecided_goes_round_once():
    """After the last comes the first; where all are decided there is none."""
    names = [name_of(n) for n in range(4)]
    listing = make_listing(names, 4, Query())
    decided = {name: VerdictState(name, "vera", label="known") for name in names[1:3]}
    assert next_undecided(listing, decided, 0) == 3
    assert next_undecided(listing, decided, 3) == 0
    assert next_undecided(listing, decided, 0, -1) == 3
    decided |= {name: VerdictState(name, "vera", label="known") for name in names}
    assert next_undecided(listing, decided, 0) is None
    assert next_undecided(Listing(), {}, 0) is None


@pytest.mark.parametrize(
    ("given", "computed", "expected"),
    [
        ("", "fail", "fail"),
        ("", "inconclusive", "inconclusive"),
        ("", "", "pass"),
        ("", "not run", "pass"),
        ("pass", "fail", "fail"),
        ("fail", "fail", "inconclusive"),
        ("inconclusive", "", "not run"),
        ("not run", "", "pass"),
    ],
)
def test_a_check_key_confirms_first_and_then_cycles(given, computed, expected):
    """Pass, fail, inconclusive, not run, and round again."""
    assert next_outcome(given, computed) == expected


def test_a_label_filter_asks_the_journals():
    """What this vetter has not labelled is undecided: all but those named; a label: those named alone."""
    labelled = name_of(1)
    states = {labelled: VerdictState(labelled, "vera", label="artifact")}
    assert passing(Query(label="undecided"), states, ()) == ({labelled}, False)
    assert passing(Query(label="artifact"), states, ()) == ({labelled}, True)


async def test_rows_are_asked_for_before_the_cursor_reaches_them():
    """Half a page before the last row that is known, so that a decision finds its row."""
    app = TableApp(1000)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        known = len(app.table.rows)
        app.table.move_to(known - 40)
        await pilot.pause()
        assert len(app.table.rows) == known
        app.table.move_to(known - 20)
        await pilot.pause()
        await pilot.pause()
        assert len(app.table.rows) > known
