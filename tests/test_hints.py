"""Hints for the first sitting: they go away when their key was used, and stay away."""

import pytest
from test_app import app_of, assert_snapshot, press, settled, text_of
from test_pty import Terminal
from vet_project import make_vet_project

from tui import keys
from tui.hints import HINTS, Hints, state_folder
from tui.keys import TABLE, resolve


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")


def test_every_hint_names_actions_that_are_in_the_table():
    """A hint on a key that is not there would mislead."""
    ids = {key.id for key in TABLE}
    for hint in HINTS:
        assert set(hint.actions) <= ids


def test_a_hint_fits_into_eighty_columns_with_any_key(tmp_path):
    """Its end names the key that ends them all."""
    hints = Hints(tmp_path / "hints.json")
    for hint in HINTS:
        words = hints.words(TABLE)
        assert hint.name == hints.due.name
        assert len(words) <= 120
        hints.used(hint.actions[0])
    assert hints.words(TABLE) == ""


async def test_a_hint_goes_when_its_key_was_used_and_is_remembered(vet, tmp_path):
    """The next one comes; another sitting begins where this one was."""
    path = tmp_path / "state" / "hints.json"
    app = app_of(vet, hints=Hints(path))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "hint j and k move" in text_of(app)
        await press(pilot, "n")
        assert "hint j and k move" in text_of(app)
        await press(pilot, "j")
        assert "hint 1 to 5 state a check" in text_of(app)
    assert Hints(path).seen == {"move", "label"}
    app = app_of(vet, hints=Hints(path))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "hint 1 to 5" in text_of(app)
        await press(pilot, "f3")
        assert "hint" not in text_of(app)
        await press(pilot, "f3")
        assert "hint j and k" in text_of(app)


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_a_hint_takes_no_line_from_what_is_decided_by(vet, tmp_path, size):
    """Name, label and all five checks stay; its line comes from the pictures."""
    app = app_of(vet, hints=Hints(tmp_path / "hints.json"))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "hint j and k" in text
        for words in ("undecided", "score", "other filters", "methods"):
            assert words in text
        assert_snapshot(app, f"hint-{size[0]}x{size[1]}")


async def test_hints_name_the_keys_as_they_are_mapped(vet):
    """Remapped in [keys], remapped here."""
    app = app_of(vet, table=resolve({"next": "f9"}), hints=Hints(vet[0].root / "hints.json"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "hint f9 and k move" in text_of(app)
        await press(pilot, "f9")
        assert "f9 and k" not in text_of(app)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seen": 3}', "\x00"])
def test_a_memory_that_is_broken_shows_them_again(tmp_path, text):
    """Nothing fails for it."""
    path = tmp_path / "hints.json"
    path.write_text(text)
    assert Hints(path).due is HINTS[0]


def test_a_home_that_cannot_be_written_costs_the_memory_alone(tmp_path):
    """The folder's name is taken by a file."""
    (tmp_path / "state").write_text("")
    hints = Hints(tmp_path / "state" / "hints.json")
    hints.used("next")
    hints.keep()
    assert hints.due is HINTS[1]


def test_the_state_folder_follows_xdg():
    """The person's, not the project's: a colleague who opens it is new here."""
    assert str(state_folder({"XDG_STATE_HOME": "/s"})) == "/s/jwst-vet"
    assert str(state_folder({"HOME": "/h"})) == "/h/.local/state/jwst-vet"


def test_the_real_app_shows_and_remembers_them(vet, tmp_path):
    """From the first start to the second."""
    state = str(tmp_path / "state")
    app = Terminal(vet[0].root, XDG_STATE_HOME=state)
    app.until("hint j and k move")
    app.type("j", "hint y interesting")
    app.child.send("q")
    assert app.ends() == (0, None)
    again = Terminal(vet[0].root, XDG_STATE_HOME=state)
    again.until("hint y interesting")
    again.child.send("q")
    assert again.ends() == (0, None)


def test_the_keys_of_hints_and_themes_work_on_every_screen():
    """They take no letter."""
    everywhere = {key.id: key.keys for key in TABLE if key.where == keys.EVERYWHERE}
    assert everywhere["hints"] == "f3"
    assert everywhere["theme"] == "f6"
