"""The mouse does what the keys do: rows, keys of the footer, products, settings."""

from dataclasses import replace

import pytest
from test_app import app_of, lines_of, press, settled
from vet_project import make_vet_project, name_of

from tui.clicks import choice_in, hint_at
from tui.desk import Desk
from tui.screens.run import RunScreen
from tui.widgets.evidence import EvidencePanel
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


async def find(pilot, widget, words):
    """Find where some words stand in a widget: (x, y) in it."""
    found = pilot.app.screen.query_one(widget)
    for y in range(found.size.height):
        x = found.render_line(y).text.find(words)
        if x >= 0:
            left, top = found.gutter.left, found.gutter.top
            return x + left, y + top
    raise AssertionError(words)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_click_on_a_check_is_a_press_of_its_number(vet, size):
    """Wherever the layout puts it; other lines of the evidence are only to be read."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.click(EvidencePanel, offset=await find(pilot, EvidencePanel, "thresholds"))
        await settled(pilot)
        assert [line.payload for line in lines_of(vet)] == [{"checks": {"thresholds": "pass"}}]
        await pilot.click(EvidencePanel, offset=await find(pilot, EvidencePanel, "score"))
        await settled(pilot)
        assert len(lines_of(vet)) == 1


async def test_choices_and_hints_of_a_card_can_be_clicked(vet):
    """A line is its choice; "esc: back" is escape."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "x")
        hint = next(one for one in app.screen.query("Static.quiet"))
        await pilot.click(hint, offset=(1, 0))
        await settled(pilot)
        assert app.screen is app.vetting
        assert lines_of(vet) == []
        await press(pilot, "x")
        listed = next(one for one in app.screen.query("Static") if not one.classes)
        at = next(y for y in range(listed.size.height) if "snowball" in listed.render_line(y).text)
        await pilot.click(listed, offset=(6, at))
        await settled(pilot)
        assert lines_of(vet)[0].payload["reason"] == "snowball"


@pytest.mark.parametrize(
    ("line", "column", "key"),
    [
        ("enter: export   esc: back", 0, "enter"),
        ("enter: export   esc: back", 20, "escape"),
        ("enter: export   esc: back", 14, ""),
        ("y: yes    any other key: no", 3, "y"),
        ("y: yes    any other key: no", 22, ""),
        ("number: copy the address", 2, ""),
    ],
)
def test_a_hint_is_the_key_that_it_begins_with(line, column, key):
    """Words that are no key are no button."""
    assert hint_at(line, column) == key


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (" 3  snowball", "3"),
        ("1 other filters · not run", "1"),
        ("score 0.950", ""),
        (" A sure", "A"),
        ("", ""),
    ],
)
def test_a_line_is_the_choice_that_it_begins_with(line, key):
    """One character, then words."""
    assert choice_in(line) == key


async def test_a_decision_with_its_five_checks_takes_two_keys(vet):
    """C confirms what was computed, y decides: the desk brings up the next candidate."""
    computed = dict.fromkeys(
        ("other_filters", "catalogs", "psf_or_cosmic_ray", "thresholds", "methods"), "pass"
    )

    class Knowing(Desk):
        def detail(self, *args, **more):
            return replace(super().detail(*args, **more), computed=computed)

    app = app_of(vet, desk=Knowing(*vet))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "C", "y")
        first, second = lines_of(vet)
        assert first.payload == {"checks": computed}
        assert second.payload["label"] == "interesting"
        assert app.vetting.table.candidate == name_of(1)
