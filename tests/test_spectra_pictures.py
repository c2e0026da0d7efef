"""Spectra in real pixels: what kitty and sixel terminals are sent, read back as a terminal would."""

import base64
import io
import re

import numpy as np
import pytest
from graphics import decode_kitty, decode_sixel, placed_sixels
from PIL import Image
from test_pictures_pty import SIXEL, until
from test_pty import KITTY, Terminal

from analysis.simulate.x1d import simulate_spectra
from analysis.spectra.plotting import Curve
from tui.widgets.palette import DARK
from tui.widgets.pixel_canvas import PixelCanvas
from tui.widgets.spectrum_drawing import MARGIN, Drawing
from tui.widgets.spectrum_pictures import TOO_LARGE, Room, paint

CELL = (10, 20)
Z = 7.0
HALPHA, HBETA, O3 = 0.656461, 0.486269, 0.500824
RGB = {name: np.array(list(bytes.fromhex(getattr(DARK, name).color.name[1:]))) for name in
       ("strong", "plain", "quiet", "faint", "alert")}  # fmt: skip


def curve(n=1200):
    """A flat spectrum with [OIII] 5008 at z = 7, a strange line at 4.7 µm, and a gap."""
    wave = np.linspace(3.0, 5.0, n)
    flux = 1.0 + np.random.default_rng(4).normal(0, 0.05, n)
    for at, height in ((O3 * (1 + Z), 3.0), (4.7, 2.0)):
        flux += height * np.exp(-0.5 * ((wave - at) / 0.002) ** 2)
    noise = np.where((wave > 3.4) & (wave < 3.5), np.inf, 0.05)
    lines = [
        {"wavelength": O3 * (1 + Z), "fwhm": 0.005, "line_snr": 60.0, "explained": True},
        {"wavelength": 4.7, "fwhm": 0.005, "line_snr": 40.0, "explained": False},
    ]
    facts = {"flux_unit": "uJy", "redshift": Z, "redshift_grade": "secure", "redshift_second": None}
    return Curve(wave, np.where(np.isfinite(noise), flux, np.nan), noise, np.ones(n), facts, lines)


def pixels(painter, drawing=None, *, width=100, height=36, **more):
    """Paint, and read back every panel: colours (y, x, 3), top row first."""
    drawing = drawing or Drawing(curve(), 3.0, 5.0, Z, DARK)
    painted = paint(drawing, Room(width, height, painter, CELL, paper="#101010", **more))
    if painter == "sixel":
        return painted, [decode_sixel(one.sixel) for one in painted.pictures]
    return painted, [
        np.asarray(Image.open(io.BytesIO(one.png)).convert("RGB")).astype(float) for one in painted.pictures
    ]


def where(picture, colour):
    """Give the pixels of a colour; sixel keeps percentages."""
    return np.abs(picture - RGB[colour]).max(axis=2) <= 3.0


@pytest.mark.parametrize("painter", ["kitty", "sixel"])
def test_flux_band_strips_and_labels_are_in_the_pixels(painter):
    """Three panels of the size of their cells; curve, band, gap, strips and labels are where they belong."""
    painted, (flux, snr, residual) = pixels(painter)
    assert not painted.note
    for one, picture in zip(painted.pictures, (flux, snr, residual), strict=True):
        assert one.column == MARGIN
        assert picture.shape[1] == one.width * CELL[0] == (100 - MARGIN) * CELL[0]
        assert picture.shape[0] >= one.height * CELL[1]
    across = flux.shape[1]
    column = lambda at: round((at - 3.0) / 2.0 * (across - 1))  # noqa: E731
    curve_at = where(flux, "strong")
    line = column(O3 * (1 + Z))
    assert np.argmax(curve_at[:, line - 2 : line + 3].any(axis=1)) < 0.15 * flux.shape[0]
    quiet = curve_at[:, column(3.6) : column(3.7)]
    assert 0.6 * flux.shape[0] < np.argwhere(quiet)[:, 0].mean()
    assert where(flux, "faint")[:, column(3.6) : column(3.7)].sum() > 200
    gap = slice(column(3.41), column(3.49))
    assert not curve_at[:, gap].any()
    assert not where(flux, "faint")[:, gap].any()
    assert where(flux, "alert")[:, column(4.7)].mean() > 0.2
    assert where(snr, "plain")[: snr.shape[0] // 3, line - 2 : line + 3].any()
    assert where(residual, "plain")[: residual.shape[0] // 4, line - 2 : line + 3].any()
    flat = where(residual, "plain")[:, column(3.6) : column(3.7)]
    assert abs(np.argwhere(flat)[:, 0].mean() / residual.shape[0] - 0.5) < 0.1
    words = ["".join(segment.text for segment in strip) for strip in painted.strips]
    assert "[OIII]" in words[0] + words[1]
    assert "µm" in words[-1]


@pytest.mark.parametrize("painter", ["kitty", "sixel"])
def test_labels_slide_with_the_redshift(painter):
    """Hβ's mark stands at its wavelength times 1 + z, at each redshift."""
    for z in (7.0, 7.3):
        _, (flux, *_) = pixels(painter, Drawing(curve(), 3.0, 5.0, z, DARK))
        marked = where(flux, "quiet")[: flux.shape[0] // 3].mean(axis=0)
        at = round((HBETA * (1 + z) - 3.0) / 2.0 * (flux.shape[1] - 1))
        assert marked[at] > 0.2
        assert marked[at - 40 : at - 5].max() < 0.1


def test_zoomed_in_every_sample_is_a_step():
    """Where samples are wider than pixels, each one is as many pixels wide as it is long."""
    one = curve()
    _, (flux, *_) = pixels("kitty", Drawing(one, 3.6, 3.62, np.nan, DARK))
    inside = (one.wavelength >= 3.6) & (one.wavelength <= 3.62)
    tops = np.argmax(where(flux, "strong"), axis=0)
    assert abs(len(np.flatnonzero(np.diff(tops))) - inside.sum()) <= 2


def test_the_byte_budget_is_kept():
    """Kitty's picture is made coarser, then words and braille take its place; nothing is sent beyond it."""
    full, _ = pixels("kitty")
    size = sum(len(one.png) for one in full.pictures) * 4 // 3
    coarse, panels = pixels("kitty", budget=size - 1)
    assert panels[0].shape[1] == (100 - MARGIN) * CELL[0] // 2
    for painter in ("kitty", "sixel"):
        painted, panels = pixels(painter, budget=500)
        assert (painted.note, panels) == (TOO_LARGE, [])
        assert any(0x2800 < ord(c) < 0x2900 for strip in painted.strips for s in strip for c in s.text)
    assert len(base64.b64encode(b"".join(one.png for one in coarse.pictures))) <= size


def test_no_room_is_no_picture():
    """A window too small for a plot draws nothing, in pixels or dots."""
    for painter in ("kitty", "sixel", "half"):
        assert pixels(painter, width=15, height=3)[0].pictures == ()


def test_colours_without_a_name_have_the_ink():
    """The theme without colours draws in ink, and what is dim in half of it."""
    from rich.style import Style

    canvas = PixelCanvas(4, 2, cell=CELL, ink="#ffffff", paper="#000000")
    canvas.curve(Style(bold=True), np.full(40, 0.5))
    canvas.vertical(Style(dim=True), 3, dotted=False)
    shown = canvas.raster()
    assert shown.palette.tolist() == [[0, 0, 0], [255] * 3, [127] * 3]
    assert (shown.pixels[:, 3] == 2).all()


@pytest.fixture(scope="module")
def spectra_project(tmp_path_factory, new_project, jwst_vet):
    """A project of nine SIMULATED spectra at eight places and no image."""
    root = new_project(tmp_path_factory.mktemp("pixels") / "p", target_name="SIMULATED field")
    simulate_spectra(root / "data" / "products", number=9, seed=2)
    assert jwst_vet("spectra", cwd=root).returncode == 0
    return root


@pytest.mark.parametrize("reply", [KITTY, SIXEL], ids=["kitty", "sixel"])
def test_the_view_in_a_terminal_of_pixels(spectra_project, reply):
    """S shows three panels in pixels, sliding changes the first one alone, and the end leaves none behind."""
    app = Terminal(spectra_project, reply=reply)
    app.until("8 left")

    def panels(text):
        if reply == KITTY:
            return [picture for picture, columns, _ in decode_kitty(text).values() if columns > 50]
        return list(placed_sixels(text).values())

    app.type("S", "µm")
    until(app, lambda text: len(panels(text)) >= 3, "the panels were never sent")
    raw = app.raw.decode("utf-8", "replace")
    first = panels(raw)[0]
    assert all(picture.shape[1] % 10 == 0 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 1
               for picture in panels(raw))  # fmt: skip
    assert not re.search("[\u2801-\u28ff]", app.text)
    app.child.send(".")
    until(
        app,
        lambda text: any(
            picture.shape == first.shape and (picture != first).any() for picture in panels(text)
        ),
        "the labels did not slide",
    )
    app.type("?", "type to search")
    app.child.send("\x1b")
    app.until("µm")
    app.child.send("\x1b")
    app.until("8 left")
    app.child.send("q")
    assert app.ends() == (0, None)
    assert decode_kitty(app.raw.decode("utf-8", "replace")) == {}
