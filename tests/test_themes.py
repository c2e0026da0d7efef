"""Themes: readable by their contrast, told apart with any colour vision, and by attributes alone."""

import itertools
import math

import pytest
from test_app import app_of, press, settled, text_of
from vet_project import make_vet_project

from tui.themes import NAMES, themes
from tui.widgets import palette as colours

# Machado, Oliveira & Fernandes 2009, severity 1: what each colour-vision deficiency makes of linear RGB.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
PALETTES = {"dark": colours.DARK, "light": colours.LIGHT, "high-contrast": colours.CONTRAST}


@pytest.fixture(autouse=True)
def _usual_palette():
    """Leave no theme behind for other tests of this process."""
    yield
    colours.use("")


def linear(colour):
    """Linear RGB in 0…1 of "#rrggbb"."""
    parts = [int(colour.lstrip("#")[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(rgb):
    """Relative luminance (WCAG 2)."""
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def contrast(one, other):
    """Contrast ratio (WCAG 2), 1 to 21."""
    high, low = sorted((luminance(linear(one)), luminance(linear(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def seen(colour, vision):
    """Oklab (Ottosson 2020) of a colour as somebody sees it."""
    rgb = [
        min(1, max(0, sum(m * c for m, c in zip(row, linear(colour), strict=True)))) for row in VISION[vision]
    ]
    red, green, blue = rgb
    cones = (
        0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue,
        0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue,
        0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue,
    )
    one, two, three = (value ** (1 / 3) for value in cones)
    return (
        0.2104542553 * one + 0.7936177850 * two - 0.0040720468 * three,
        1.9779984951 * one - 2.4285922050 * two + 0.4505937099 * three,
        0.0259040371 * one + 0.7827717662 * two - 0.8086757660 * three,
    )


@pytest.mark.parametrize(("name", "least"), [("dark", 4.5), ("light", 4.5), ("high-contrast", 7.0)])
def test_words_are_readable_on_every_ground(name, least):
    """WCAG AA, and AAA for high contrast, on the background, on bars, and under the cursor."""
    theme = next(theme for theme in themes() if theme.name == name)
    shown = PALETTES[name]
    for style in (shown.plain, shown.good, shown.alert, shown.quiet):
        for ground in (theme.background, theme.panel):
            assert contrast(style.color.name, ground) >= least, (style, ground)
    assert contrast(shown.plain.color.name, shown.cursor.bgcolor.name) >= least
    assert contrast(shown.badge.color.name, shown.badge.bgcolor.name) >= least


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", PALETTES)
def test_good_alert_and_plain_differ_for_every_colour_vision(name, vision):
    """Blue, orange and grey stay apart in Oklab by 0.08 and more: several just noticeable differences."""
    shown = PALETTES[name]
    told = [seen(style.color.name, vision) for style in (shown.good, shown.alert, shown.quiet)]
    for one, other in itertools.combinations(told, 2):
        assert math.dist(one, other) > 0.08


def test_without_colour_no_style_has_one():
    """Attributes alone, and what must stand out has one."""
    shown = colours.NO_COLOUR
    for name in vars(shown):
        style = getattr(shown, name)
        assert style.color is None
        assert style.bgcolor is None
    assert shown.cursor.reverse
    assert shown.alert.underline
    assert shown.badge.reverse


@pytest.fixture
def vet(tmp_path):
    """A project of three candidates."""
    return make_vet_project(tmp_path / "field", 3)


async def test_a_key_goes_round_the_themes_and_says_how_to_keep_one(vet):
    """At once, on every screen."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        for name in (*NAMES, NAMES[0]):
            await press(pilot, "f6")
            assert app.theme == name
            assert f'[ui] theme = "{name}" keeps it' in text_of(app)


async def test_no_colour_draws_in_greys(vet):
    """Whatever is on the screen: the same red, green and blue."""
    app = app_of(vet)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.theme = "no-colour"
        await settled(pilot)
        await press(pilot, "y", "1")
        app.vetting.cutouts.display = False
        await settled(pilot)
        found = {
            colour.get_truecolor()
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style
            for colour in (segment.style.color, segment.style.bgcolor)
            if colour is not None and not colour.is_default
        }
        assert found
        assert all(max(colour) - min(colour) <= 2 for colour in found), found


async def test_a_theme_of_the_configuration_is_taken(tmp_path):
    """By the names that the palette lists."""
    from dataclasses import replace

    project, config = make_vet_project(tmp_path / "field", 3)
    app = app_of((project, replace(config, ui=replace(config.ui, theme="high-contrast"))))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert app.theme == "high-contrast"
        assert colours.palette(dark=True) is colours.CONTRAST
