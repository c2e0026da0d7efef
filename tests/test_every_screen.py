"""Every screen of the program has an approved picture at three sizes; those of no other room are here."""

import math
from pathlib import Path

import numpy as np
import pytest
from approved import SHOWS, SIZES, SNAPSHOTS, UNSHOWN, screen_classes
from cards import assert_card
from test_app import app_of, assert_snapshot, events, press, settled, text_of
from test_evidence_screen import row_of
from vet_project import make_vet_project, name_of

from analysis.spectra.plotting import Curve
from store.checks import save_checks
from store.database import Database
from tui.screens.base import Question
from tui.screens.choices import ConfirmScreen
from tui.screens.gallery import AlikeScreen
from tui.spectra import Spectra
from tui.widgets.palette import CHECK_WORDS

OWN_SIZES = {"toosmall": {"50x16", "59x30", "100x17"}, "hint": {"60x18", "80x24"}}
"""Screens that there are at certain sizes alone."""


def test_every_screen_is_in_the_register():
    """A new class of a screen needs a picture, or a word that it is never shown by itself."""
    assert set(SHOWS.values()) | UNSHOWN == screen_classes()
    assert not set(SHOWS.values()) & UNSHOWN


def test_every_picture_is_there_at_its_sizes_and_none_lies_unused():
    """Three sizes of each name; a file without a name has been forgotten."""
    usual = {f"{width}x{height}" for width, height in SIZES}
    expected = {f"{name}-{size}.txt" for name in SHOWS for size in OWN_SIZES.get(name, usual)}
    expected |= {"vetting-60x18.txt"}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected


async def test_escape_leaves_every_question_and_decides_nothing(vet):
    """Whatever was opened by mistake goes away by the same key, and the desk is as it was."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        opened = set()
        for key in (*"xGmHefVBpwglTE", "slash", "question_mark"):
            await press(pilot, key)
            opened.add(type(app.screen))
            await press(pilot, "escape")
            assert app.screen is app.vetting, key
        asked = {kind for kind in SHOWS.values() if issubclass(kind, Question)}
        assert opened == asked - {ConfirmScreen, AlikeScreen}  # a yes or no; and no features are kept here
        assert app.vetting.states == {}


@pytest.fixture
def vet(tmp_path):
    """A project of three candidates; the first has all five checks computed."""
    project, config = make_vet_project(tmp_path / "field", 3)
    outcomes = ("pass", "inconclusive", "pass", "fail", "pass")
    figure = {
        "kind": "grid",
        "columns": ["0.8×", "1×", "1.25×"],
        "rows": [["PSF", 0.001], ["1.5 PSF", 0.005]],
        "found": [[True, True, False], [True, True, True]],
    }
    rows = [
        row_of(0, name, outcome, f"number of {name}", **(figure if name == "thresholds" else {}))
        for name, outcome in zip(CHECK_WORDS, outcomes, strict=True)
    ]
    save_checks(Database(project.database), rows)
    return project, config


@pytest.mark.parametrize("size", SIZES)
async def test_the_evidence_of_a_check_looks_as_approved(vet, size):
    """Outcome, reason, figure, values with thresholds, what was asked; then the field for a reason."""
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "4", "E")
        assert "because of number of thresholds" in text_of(app)
        assert_card(app, f"check-{size[0]}x{size[1]}")
        await press(pilot, "p")
        app.focused.cursor_blink = False
        await press(pilot, *"seen")
        assert_card(app, f"overruling-{size[0]}x{size[1]}")


def made_curve(number):
    """Make a spectrum of a galaxy at z = 2 and one line that nothing explains."""
    wave = np.linspace(0.9, 5.2, 800)
    level = 1.0 + 0.3 * np.exp(-((wave - 2.2) ** 2))
    flux = level + np.random.default_rng(number).normal(0, 0.05, len(wave))
    lines = []
    for rest, height, explained in ((0.65646, 1.5, True), (0.50082, 2.0, True), (1.41, 0.8, False)):
        at = rest * 3.0
        flux += height * np.exp(-0.5 * ((wave - at) / 0.012) ** 2)
        lines.append({"wavelength": at, "fwhm": 0.03, "line_snr": 20.0, "explained": explained})
    noise = np.full(len(wave), 0.05)
    flux[300:320], noise[300:320] = math.nan, math.inf
    facts = {
        "simulated": True, "instrument": "NIRSPEC", "disperser": "CLEAR-PRISM", "snr": 21.5,
        "flux_unit": "uJy", "n_emission": 3, "n_unexplained": 1, "flags": "",
        "spectrum": f"jw99001-o011_s{number:05d}_nirspec_clear-prism_x1d", "redshift": 2.0 + number,
        "redshift_grade": "secure", "redshift_second": 0.713,
    }  # fmt: skip
    return Curve(wave, flux, noise, level, facts, lines)


@pytest.mark.parametrize("size", SIZES)
async def test_the_spectra_of_a_candidate_look_as_approved(vet, size, monkeypatch):
    """Flux with its error band, S/N, residual, names of lines; beside a candidate that has no picture too."""
    monkeypatch.setattr(
        "tui.screens.spectrum.read_spectra",
        lambda _project, _database, name: Spectra(name, (made_curve(0), made_curve(1))),
    )
    monkeypatch.setattr("tui.desk.Desk._curve", lambda _desk, _name: made_curve(0))
    for path in vet[0].cutout_cache.iterdir():
        path.unlink()
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "j")
        assert_snapshot(app, f"only-spectrum-{size[0]}x{size[1]}")
        await press(pilot, "S")
        assert "1 of 2" in text_of(app)
        assert_snapshot(app, f"spectrum-{size[0]}x{size[1]}")
        await press(pilot, "tab", "up", "escape")
        assert app.screen is app.vetting


@pytest.mark.parametrize("size", SIZES)
async def test_a_question_that_y_answers_looks_as_approved(vet, size):
    """What stopping means, and which key is yes."""
    events(vet[0], "20260101T000000Z-abcd", {"event": "run_started", "stages": ["images"]})
    app = app_of(vet)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        while app.run_view is None or not app.run_view.going:
            await pilot.pause(0.02)
        await press(pilot, "r", "x")
        assert_card(app, f"stopping-{size[0]}x{size[1]}")
        await press(pilot, "n")


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_project_looks_as_approved(tmp_path, monkeypatch, size):
    """What to do next, and nothing that looks like a candidate."""
    monkeypatch.chdir(tmp_path)
    app = app_of(make_vet_project(Path("empty"), 0))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert_snapshot(app, f"empty-{size[0]}x{size[1]}")
        assert name_of(0) not in text_of(app)
