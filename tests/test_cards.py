"""Every card of the desk at three sizes, as approved; and what a mouse can do on them."""

import pytest
from approved import SIZES
from cards import assert_card
from test_app import app_of, assert_snapshot, press, settled
from textual.widgets import Input, TextArea
from vet_project import make_vet_project

CARDS = {
    "elsewhere": ("l",),
    "artefacts": ("x",),
    "grades": ("G",),
    "bands": ("T",),
    "goto": ("slash",),
    "note": ("m",),
    "export": ("e",),
    "keys": ("question_mark",),
}


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")


@pytest.mark.parametrize("size", SIZES)
async def test_every_card_looks_as_approved(vet, size):
    """One after another over the same desk; each goes away with escape, and nothing was decided."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for name, keys in CARDS.items():
            await press(pilot, *keys)
            for field in [*app.screen.query(Input), *app.screen.query(TextArea)]:
                field.cursor_blink = False
            await pilot.pause()
            assert_card(app, f"{name}-{size[0]}x{size[1]}")
            await press(pilot, "escape")
            assert app.screen is app.vetting, name
        assert app.vetting.states == {}


@pytest.mark.parametrize("size", [(50, 16), (59, 30), (100, 17)])
async def test_below_the_least_size_nothing_else_is_drawn(vet, size):
    """Whichever side is short: only the size there is and the size needed."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.resize_terminal(*size)
        await settled(pilot)
        assert_snapshot(app, f"toosmall-{size[0]}x{size[1]}")
