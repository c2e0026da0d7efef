"""The configuration from the app: checked as it is typed, written back with its comments, all or nothing."""

import tomllib

import pytest
from approved import SIZES
from hypothesis import given
from hypothesis import strategies as st
from test_app import app_of, assert_snapshot, press, settled, text_of
from textual.widgets import Input
from vet_project import make_vet_project

from analysis import config as configuration
from analysis.config import Config, ConfigError, as_toml, from_mapping, load
from analysis.config_edit import as_text, edited, parse, save, settings
from store.runs import RunLog
from tui.screens.run import RunScreen
from tui.screens.settings import SettingsScreen

TEXT = """# mine
min_snr = 7.5   # as in the paper
filters_of_mine = 1

[download]
filters = [  # both
  "F200W",
  "F444W",
]
[keys]
next = "j"
"""


def test_a_change_keeps_comments_order_and_everything_else():
    """One line differs, and its comment stays."""
    made = edited(TEXT, {("", "min_snr"): 5.0})
    assert made == TEXT.replace("7.5", "5.0")


def test_keys_and_tables_that_were_not_there_are_added_where_they_belong():
    """A plain key goes before the first table."""
    made = edited(TEXT, {("", "max_obs"): 9, ("download", "source"): "s3", ("weights", "snr"): 0.1})
    values = tomllib.loads(made)
    assert values["max_obs"] == 9
    assert values["download"] == {"filters": ["F200W", "F444W"], "source": "s3"}
    assert values["weights"] == {"snr": 0.1}
    assert "# as in the paper" in made
    assert "# both" in made


@pytest.mark.parametrize(
    "head", ["", "[download]\n", "# only a comment\n", 'download = {source = "mast"}\n', "a.b = 1\n"]
)
@given(
    snr=st.floats(0, 1000, allow_nan=False),
    filters=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5), max_size=3
    ),
)
def test_whatever_is_written_is_read_back(head, snr, filters):
    """TOML of any form, any script in the values."""
    changes = {("", "min_snr"): snr, ("download", "filters"): filters}
    values = tomllib.loads(edited(head, changes))
    assert values["min_snr"] == snr
    assert values["download"]["filters"] == filters


@pytest.mark.parametrize("setting", list(settings(Config())), ids=lambda setting: setting.label)
def test_every_default_is_shown_read_back_and_taken(setting):
    """What the form shows of each key is what the key was."""
    assert setting.value == setting.fact.default
    assert setting.problem == ""


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("min_snr", "many", "min_snr = 'many': must be a number from 0 to"),
        ("max_obs", "2.5", "max_obs = 2.5: must be a whole number from 1 to"),
        ("max_obs", "", "max_obs = '': must be a whole number"),
        ("target_mode", "objekt", 'must be "object" or "coords"'),
        ("companions", "yes", "must be true or false"),
        ("product_types_image", " ", "must be a list of names"),
        ("mast_url", "ftp://x", "must be an address"),
        ("ra_deg", "nan", "must be a number from 0 to 360"),
    ],
)
def test_the_line_of_the_loader_comes_as_it_is_typed(name, typed, words):
    """The same words as at the command line, without the file."""
    from dataclasses import replace

    setting = next(one for one in settings(Config()) if one.fact.name == name)
    assert words in replace(setting, text=typed).problem


@pytest.mark.parametrize(
    ("typed", "value"), [("a, b", ["a", "b"]), ('["a", "b"]', ["a", "b"]), ("", []), ("a,,", ["a"])]
)
def test_lists_are_typed_with_commas_or_as_in_the_file(typed, value):
    """Either is what a person would try."""
    assert parse(typed, []) == value
    assert parse(as_text(value), []) == value


def test_saving_is_all_or_nothing(tmp_path):
    """A bad value leaves the file as it was, and no other file behind; the mode of the file stays."""
    path = tmp_path / "config.toml"
    path.write_text(as_toml())
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="min_snr"):
        save(path, {("", "min_snr"): -1.0})
    assert path.read_text() == as_toml()
    assert save(path, {("", "min_snr"): 6.0}).min_snr == 6.0
    assert load(path).min_snr == 6.0
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]


def test_what_somebody_else_changed_meanwhile_stays(tmp_path):
    """Only the keys that were typed are written."""
    path = tmp_path / "config.toml"
    path.write_text(as_toml(Config(max_obs=8)))
    assert save(path, {("", "min_snr"): 6.0}) == from_mapping({"max_obs": 8, "min_snr": 6.0})


@pytest.fixture
def vet(tmp_path):
    """A project of three candidates."""
    return make_vet_project(tmp_path / "field", 3)


async def opened(pilot):
    """Open the form from the screen of runs."""
    await settled(pilot)
    await press(pilot, "r", "c")
    assert isinstance(pilot.app.screen, SettingsScreen)


async def to(pilot, name):
    """Go to a key of the form."""
    screen = pilot.app.screen
    place = next(n for n, one in enumerate(screen.now) if one.fact.name == name)
    screen.action_move(place - screen.place)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_the_form_looks_as_approved(vet, size):
    """Every key, its value, what is allowed; an error in the loader's words."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        app.screen.query_one("#value", Input).cursor_blink = False
        await to(pilot, "max_obs")
        await press(pilot, "x")
        assert_snapshot(app, f"settings-{size[0]}x{size[1]}")


async def test_a_wrong_value_is_said_at_once_and_never_saved(vet):
    """f2 goes to it and says why; the file stays."""
    app = app_of(vet)
    before = (vet[0].root / "config.toml").read_text()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await to(pilot, "min_snr")
        await press(pilot, "x")
        assert "min_snr = '5.0x': must be a number" in text_of(app)
        await to(pilot, "radius_deg")
        await press(pilot, "f2")
        assert "NOT SAVED" in text_of(app)
        assert app.screen.now[app.screen.place].fact.name == "min_snr"
        await press(pilot, "backspace", "f2")
        assert "nothing was changed" in text_of(app)
    assert (vet[0].root / "config.toml").read_text() == before


async def test_saved_and_started_by_it(vet):
    """The run begins after the file is written; the app goes on with the new values."""
    seen, run_id = [], "20260101T000000Z-aaaa"

    def start():
        seen.append(load(vet[0].root / "config.toml").min_snr)
        RunLog(vet[0], run_id).emit({"event": "run_started", "stages": ["images"]})
        return run_id

    app = app_of(vet, start_run=start)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await to(pilot, "min_snr")
        await press(pilot, "backspace", "backspace", "backspace", "8", "f5")
        while not isinstance(app.screen, RunScreen):
            await pilot.pause(0.02)
        assert seen == [8]
        assert app.config.min_snr == app.desk.config.min_snr == 8
    assert "# least S/N of a candidate" in (vet[0].root / "config.toml").read_text()


async def test_unsaved_changes_are_dropped_only_when_asked_twice(vet):
    """Escape says what it would drop."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await to(pilot, "max_obs")
        await press(pilot, "1", "escape")
        assert "esc again drops 1" in text_of(app)
        await press(pilot, "f4")
        assert app.screen.now[app.screen.place].text == str(configuration.Config().max_obs)
        await press(pilot, "1", "escape", "escape")
        assert isinstance(app.screen, RunScreen)
    assert load(vet[0].root / "config.toml").max_obs == 3


async def test_the_theme_acts_at_once(vet):
    """Other keys wait for the next run or the next start."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await to(pilot, "theme")
        app.screen.query_one("#value", Input).value = "textual-light"
        await pilot.pause()
        await press(pilot, "f2")
        assert app.theme == "textual-light"


async def test_the_palette_of_the_desk_opens_the_form(vet):
    """And what is started from it is shown on the screen of runs."""
    run_id = "20260101T000000Z-bbbb"

    def start():
        RunLog(vet[0], run_id).emit({"event": "run_started", "stages": ["images"]})
        return run_id

    app = app_of(vet, start_run=start)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        commands = {command.title: command for command in app.get_system_commands(app.vetting)}
        commands["Configuration"].callback()
        await settled(pilot)
        assert isinstance(app.screen, SettingsScreen)
        await press(pilot, "f5")
        while not isinstance(app.screen, RunScreen):
            await pilot.pause(0.02)
