"""The one table of keys: no clash, remappable, and the only source of footer and help."""

import pytest

from tui import keys, legend
from tui.keys import PLAN, RUNS, TABLE, VET, KeymapError, resolve


def test_the_default_table_has_no_clash():
    """No key means two things on one screen."""
    assert resolve({}) == TABLE


def test_every_action_exists_on_its_screen():
    """Each action of the table is a method of the screen (or the app) that it is bound on."""
    from tui.application import VetApp
    from tui.screens.plan import PlanScreen
    from tui.screens.run import RunScreen
    from tui.screens.settings import SettingsScreen
    from tui.screens.spectrum import SpectrumScreen
    from tui.screens.vet import VetScreen

    owners = {
        VET: VetScreen,
        RUNS: RunScreen,
        PLAN: PlanScreen,
        keys.SETTINGS: SettingsScreen,
        keys.SPECTRUM: SpectrumScreen,
        keys.EVERYWHERE: VetApp,
    }
    for key in TABLE:
        name = key.action.partition("(")[0].removeprefix("app.")
        assert callable(getattr(owners[key.where], f"action_{name}", None)), key.id


def test_the_keys_that_the_design_fixes():
    """Labels, checks, moves and the rest are where everybody expects them."""
    by_id = {key.id: key.keys for key in TABLE}
    expected = {
        "interesting": "y",
        "ordinary": "n",
        "artifact": "x",
        "known": "o",
        "discuss": "u",
        "no_label": "0,backspace",
        "grade": "G",
        "undo": "z",
        "redo": "Z",
        "note": "m",
        "filter": "f",
        "go_to": "slash",
        "copy": "c",
        "export": "e",
        "runs": "r",
        "stretch": "s",
        "invert": "i",
        "help": "question_mark",
        "quit": "q",
        "confirm_checks": "C",
    } | {f"check_{n}": str(n) for n in range(1, 6)}
    assert expected.items() <= by_id.items()


def test_no_core_key_needs_control():
    """Multiplexers own the control keys, so none of ours is one."""
    assert not [key.id for key in TABLE if "ctrl" in key.keys]


def test_a_remapped_key_reaches_bindings_footer_and_help():
    """An override is one change in one table."""
    table = resolve({"interesting": "Y", "next": "f7, ?", "help": "f1"})
    assert keys.keymap(table)["interesting"] == "Y"
    assert keys.keymap(table)["next"] == "f7,question_mark"
    assert ("Y", "interesting") in legend.footer(table, VET, 200)
    shown = [key.shown() for _, listed in legend.sections(table, VET) for key in listed]
    assert "f7 ?" in shown
    assert "f1" in shown


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"interestign": "Y"}, "[keys] interestign: there is no such action; the nearest is interesting"),
        ({"interesting": "n"}, '[keys] "n" is given to both interesting and ordinary; change one'),
        ({"interesting": "q"}, '[keys] "q" is given to both interesting and quit; change one'),
        ({"interesting": "ctrl+c"}, "ctrl+c is kept by the program"),
        ({"interesting": "pagedwn"}, "there is no key called pagedwn; the nearest is pagedown"),
        ({"interesting": ""}, "give at least one key"),
    ],
)
def test_a_wrong_override_is_one_clear_line(overrides, words):
    """What is wrong, with what, and what was probably meant."""
    with pytest.raises(KeymapError) as caught:
        resolve(overrides)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_key_may_serve_two_screens():
    """The screen of runs has keys of its own."""
    table = resolve({"run_start": "y"})
    assert keys.keymap(table)["run_start"] == "y"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_footer_fits_and_always_shows_help(width):
    """The most important keys stay when room is short."""
    shown = legend.footer(TABLE, VET, width)
    assert 1 + sum(len(sign) + len(words) + 3 for sign, words in shown) <= width
    assert ("?", "help") in shown
    assert ("j/k", "move") in shown


def test_help_can_be_searched_by_section_key_and_word():
    """Every word of the query must be there."""
    assert [name for name, _ in legend.sections(TABLE, VET, "verdict")] == ["Verdict"]
    found = [key.id for _, listed in legend.sections(TABLE, VET, "undo") for key in listed]
    assert found == ["undo"] or "undo" in found
    assert legend.sections(TABLE, VET, "zebra crossing") == []
