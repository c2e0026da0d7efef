"""The desk's pictures through Textual's Pilot: every mode, overlay and read-out, at three sizes."""

import math
import threading

import numpy as np
import pytest
from approved import SIZES
from test_app import app_of, assert_snapshot, press, settled, text_of
from vet_project import cutout_set, make_vet_project, name_of

from analysis.stretches import clipped_rms
from tui import look as looks
from tui.desk import Desk
from tui.look import Look
from tui.overlays import OVERLAYS, shapes_of
from tui.pictures import plan
from tui.terminal import Terminal, budget_of
from tui.widgets.composing import Setting, compose


@pytest.fixture
def vet(tmp_path):
    """A project of twelve candidates: (project, config)."""
    return make_vet_project(tmp_path / "field")


@pytest.fixture
def desk(vet):
    """Its desk."""
    return Desk(*vet)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "keys", "preview"),
    [
        ("colour-overlays", ("v", "a", "N", "d"), "half"),
        ("field", ("F", "enter"), "half"),
        ("near-field", ("F", "F", "enter"), "half"),
        ("plain", ("y",), "plain"),
        ("reading", ("P", "shift+up", "alt+right"), "plain"),
        ("words", ("N",), "words"),
        ("evidence", ("enter", "enter"), "half"),
        ("list", ("enter", "enter", "enter"), "half"),
    ],
)
async def test_modes_look_as_approved(vet, size, name, keys, preview):
    """Composite with overlays, field, characters, read-out, words, evidence and list enlarged."""
    app = app_of(vet, terminal=Terminal(preview=preview))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, *keys)
        assert_snapshot(app, f"{name}-{size[0]}x{size[1]}")


async def test_the_bands_of_a_composite_are_chosen_by_three_keys(vet):
    """Red, green and blue; escape leaves them as they are."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "T")
        await press(pilot, "4", "2", "1")
        assert app.vetting.look.triple == ("F277W", "F200W·1", "F115W")
        assert app.vetting.cutouts.scene.placed[0].picture.name == "RGB F277W F200W·1 F115W"
        await press(pilot, "T", "5", "escape")
        assert app.vetting.look.triple == ("F277W", "F200W·1", "F115W")
        await press(pilot, "v")
        assert app.vetting.cutouts.scene.placed[0].picture.name == "F115W"


async def test_bands_then_epochs_blink_at_most_three_times_a_second(vet):
    """The clock of the app turns the scenes; the third press stands still."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "space")
        cutouts = app.vetting.cutouts
        names = [scene.placed[0].picture.name for scene in cutouts.composed.scenes]
        assert names == ["F115W", "F200W·1", "F200W·2", "F277W", "F444W"]
        assert 1 / cutouts._timer._interval == pytest.approx(2.0)
        before = cutouts.scene
        cutouts._next_scene()
        assert cutouts.scene is not before
        await press(pilot, "space")
        names = [scene.placed[0].picture.name for scene in cutouts.composed.scenes]
        assert names == ["F200W·1 2022-05-02", "F200W·2 2022-05-03"]
        await press(pilot, "space")
        assert len(cutouts.composed.scenes) == 1
        assert cutouts._timer is None


async def test_the_clock_itself_turns_what_blinks(vet):
    """No key is needed: another band comes up by itself."""
    app = app_of(vet)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.vetting.cutouts.blink = 3.0
        await press(pilot, "space")
        turned = threading.Event()
        first = app.vetting.cutouts.scene
        for _ in range(200):
            await pilot.pause(0.02)
            if app.vetting.cutouts.scene is not first:
                turned.set()
                break
        assert turned.is_set()


async def test_the_cursor_reads_the_pixel_under_it(vet):
    """Value and sigma are those of the cutout's own pixel; a click moves it; escape ends it."""
    app = app_of(vet)
    async with app.run_test(size=(200, 60)) as pilot:
        await settled(pilot)
        await press(pilot, "P")
        cutouts = cutout_set(0)
        image = cutouts.images[0]
        value = float(image[70, 70])
        sigma = (value - float(np.median(image[np.isfinite(image)]))) / clipped_rms(image)
        text = text_of(app)
        assert "110.800000 -73.400000  0.00″E 0.00″N" in text
        assert f"F115W {value:.3g} " in text
        shown = float(text.partition(f"F115W {value:.3g} ")[2].partition("σ")[0])
        assert shown == pytest.approx(sigma, abs=0.3)
        assert "F444W masked" in text
        await press(pilot, "shift+up", "shift+left")
        assert "0.03″E 0.03″N" in text_of(app)
        panel = app.vetting.cutouts
        placed = panel.scene.placed[3]
        await pilot.click("#cutouts", offset=(1 + placed.x + placed.width - 1, placed.y))
        await settled(pilot)
        east, north = panel.cursor
        assert east < -1.3
        assert north > 1.3
        await press(pilot, "escape")
        assert panel.cursor is None
        assert not app.vetting.look.reading


async def test_the_field_marks_every_candidate_and_a_click_goes_there(vet):
    """What was decided is its sign; the list follows the click."""
    app = app_of(vet)
    async with app.run_test(size=(200, 60)) as pilot:
        await settled(pilot)
        await press(pilot, "space", "F", "F")
        placed = app.vetting.cutouts.scene.placed[0]
        assert placed.picture.words == "12 of 12 candidates"
        assert [name for name, _, _ in placed.picture.targets] == [name_of(k) for k in range(12)]
        east, north = placed.picture.targets[11][1:]
        assert (east, north) == pytest.approx(
            (11e-5 * 3600 * math.cos(math.radians(73.4)), -11e-5 * 3600), 1e-3
        )
        app.vetting.cutouts._pick(placed, (east, north))
        await settled(pilot)
        assert app.vetting.table.candidate == name_of(11)
        await press(pilot, "y", "home")
        assert "★" in {shape.sign for shape in app.vetting.cutouts.scene.placed[0].picture.shapes}
        await press(pilot, "escape")
        assert app.vetting.look.mode == looks.BANDS


async def test_a_project_without_views_says_how_to_get_them(vet):
    """Ranked by an earlier version: the field is not empty sky."""
    for path in vet[0].field_cache.glob("*.npz"):
        path.unlink()
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "F")
        words = " ".join(text_of(app).replace("│", " ").split())
        assert "jwst-vet rank" in words


async def test_moving_on_shows_pictures_that_are_ready(vet):
    """The next candidates are painted before they are asked for: the key finds them done."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        screen = app.vetting
        for _ in range(3):
            name = screen.table.listing.names[screen.table.cursor + 1]
            assert screen.cutouts.ready(name, screen.cutouts.setting(screen.look))
            screen.table.move_to(screen.table.cursor + 1)
            screen._moved()
            assert screen.cutouts.composed is not None
            assert screen.cutouts.detail.candidate == name
            await settled(pilot)


@pytest.mark.parametrize("mode", [looks.BANDS, *looks.BLINKING, *looks.FIELDS])
@pytest.mark.parametrize("painter", ["half", "plain", "kitty", "sixel", "words"])
def test_every_mode_can_be_painted_by_every_painter(desk, mode, painter):
    """With overlays, composite, colour map and inversion all at once."""
    look = Look("zscale", "cividis", True, True, mode, True, (), frozenset(OVERLAYS), 0, True)
    detail = desk.detail(name_of(0), look.stretch)
    desk.open()
    around = desk.around(detail, 0) if mode in looks.FIELDS else None
    done = compose(detail, Setting(look, 90, 30, painter), around)
    assert done.scenes
    assert not done.problem
    for scene in done.scenes:
        assert all(strip.cell_length <= 90 for strip in scene.strips)
        assert len(scene.strips) <= 28
        for placed in scene.placed:
            assert (len(placed.png) > 0) == (painter == "kitty")
            assert (len(placed.sixel) > 0) == (painter == "sixel")


def test_epochs_of_one_band_are_shown_on_one_scale(desk):
    """Half as bright in the second epoch is half as bright on the screen, not stretched to look the same."""
    detail = desk.detail(name_of(0), "linear")
    first, second = (scene[0] for scene in plan(detail, Look("linear", mode=looks.BLINK_EPOCHS)).scenes)
    a, b = first.view.image, second.view.image
    assert first.pixels.max() == 255
    low, high = np.nanmin(a), np.nanmax(a)
    expected = 1 + 254 * np.clip((np.nanmax(b) - low) / (high - low), 0, 1)
    assert second.pixels.max() == pytest.approx(expected, abs=1)


def test_predicted_spikes_are_six_strong_and_two_weak_for_each_roll(desk):
    """Their directions on the sky are V3 plus the angles of the mirror, for star and candidate."""
    detail = desk.detail(name_of(0), "asinh")
    panel = detail.views[2].panel
    shapes = shapes_of(frozenset({"spikes"}), detail.cutouts, panel, 3.1)
    assert len(shapes) == 2 * 2 * 8  # two stars (one the candidate), two rolls
    own = shapes[16:24]
    angles = [math.degrees(math.atan2(s.east[-1], s.north[-1])) % 360 for s in own]
    assert angles == pytest.approx([(12.0 + a) % 360 for a in (0, 60, 120, 180, 240, 300, 90, 270)], abs=1e-6)
    lengths = [math.hypot(s.east[-1], s.north[-1]) for s in own]
    assert max(lengths[6:]) < 0.5 * min(lengths[:6])


def test_the_byte_budget_follows_the_link(vet):
    """Less over SSH than on this machine, unless the configuration says how much."""
    ui = vet[1].ui
    assert budget_of(ui, {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}) == 131_072
    assert budget_of(ui, {}) == 2_097_152


@pytest.mark.parametrize("painter", ["half", "kitty", "sixel"])
def test_a_panel_keeps_its_budget(desk, painter):
    """What is sent for five pictures stays below it, and the note says what was left out."""
    detail = desk.detail(name_of(0), "asinh")
    rich = compose(detail, Setting(Look(), 120, 36, painter))
    poor = compose(detail, Setting(Look(), 120, 36, painter, budget=24_000))
    assert rich.note == ""
    assert "byte_budget" in poor.note
    sent = sum(len(one.png) * 4 // 3 + len(one.sixel) for one in poor.scenes[0].placed)
    assert sent <= 24_000
