"""The mouse does what the keys do: rows, keys of the footer, products, settings."""

import pytest
from test_app import app_of, lines_of, press, settled
from vet_project import make_vet_project, name_of

from tui.screens.run import RunScreen
from tui.widgets.lines import KeyBar


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")


async def test_a_click_on_a_row_goes_there_and_decides_nothing(vet):
    """The header is no row."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.click("#table", offset=(5, 4))
        await settled(pilot)
        assert app.vetting.table.candidate == name_of(3)
        await pilot.click("#table", offset=(5, 0))
        await settled(pilot)
        assert app.vetting.table.candidate == name_of(3)
        assert lines_of(vet) == []


async def test_every_word_of_the_footer_is_a_button(vet):
    """A click on key or word presses it; between them nothing happens."""
    app = app_of(vet)
    async with app.run_test(size=(200, 60)) as pilot:
        await settled(pilot)
        bar = app.screen.query_one(KeyBar)
        shown = [bar.key_at(x) for x in range(200)]
        assert {"y", "n", "x", "e", "r", "question_mark", "q"} <= set(shown)
        assert shown[0] == ""
        await pilot.click(KeyBar, offset=(shown.index("y") + 3, 0))
        await settled(pilot)
        assert lines_of(vet)[0].payload["label"] == "interesting"
        await pilot.click(KeyBar, offset=(shown.index("r"), 0))
        await settled(pilot)
        assert isinstance(app.screen, RunScreen)


async def test_both_halves_of_a_pair_are_buttons(vet):
    """j on the left of j/k, k on its right."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        bar = app.screen.query_one(KeyBar)
        left = [bar.key_at(x) for x in range(120)].index("j")
        await press(pilot, "end")
        await pilot.click(KeyBar, offset=(left + 2, 0))
        await settled(pilot)
        assert app.vetting.table.cursor == 10
        await pilot.click(KeyBar, offset=(left, 0))
        await settled(pilot)
        assert app.vetting.table.cursor == 11
