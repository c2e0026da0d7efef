"""Pictures in a real pseudo-terminal, read back from the bytes: what is drawn is what the cutouts hold."""

import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pexpect
import pytest
from graphics import decode_kitty, placed_sixels
from test_pty import COMMAND, KITTY, NOT_OURS, PATIENCE, QUIET, Terminal
from vet_project import cutout_set, make_vet_project

from analysis.orienting import middle, sampling, turned
from analysis.stretches import to_gray
from tui.widgets.painters import RAMP, colour_codes, resample

SIXEL = "\x1bP>|XTerm(388)\x1b\\\x1b[6;20;10t\x1b[?64;1;2;4;6c"
SHADES = 255 / 254


@pytest.fixture
def project(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")[0]


def levels(number, *, north_up=True, stretch="asinh"):
    """The grey levels of each frame's picture, row 0 at the bottom."""
    made = []
    cutouts = cutout_set(number)
    for panel, image in zip(cutouts.panels, cutouts.images, strict=True):
        gray = to_gray(image, stretch)
        if north_up:
            made.append(turned(gray, panel, panel.side_arcsec, sampling(panel)))
        else:
            made.append(middle(gray, panel, panel.side_arcsec)[0])
    return made


def matches(picture, gray, tolerance):
    """Say whether a picture read back (top row first) shows these levels, invalid pixels blue."""
    if picture.shape[:2] != gray.shape:
        return False
    shown, gray = picture.astype(float), gray[::-1].astype(float)
    valid = gray > 0
    grey = np.abs(shown[valid] - ((gray[valid] - 1) * SHADES)[:, None]).max() <= tolerance
    blue = shown[~valid]
    return bool(grey and (blue[:, 2] > blue[:, 0] + 10).all())


def until(app, true, what):
    """Read until something holds of what the app wrote."""
    end = time.monotonic() + PATIENCE
    while not true(app.raw.decode("utf-8", "replace")):
        assert app.read(), what
        assert time.monotonic() < end, what


def test_kitty_holds_the_grey_levels_of_every_band_and_nothing_at_the_end(project):
    """Each PNG, decoded, is the cutout: north up, after a move, as on the mosaic; then deleted."""
    app = Terminal(project.root, reply=KITTY)
    app.until("12 left")

    def holds(wanted):
        def true(text):
            held = [picture for picture, _, _ in decode_kitty(text).values()]
            return all(any(matches(one, gray, 1.5) for one in held) for gray in wanted)

        return true

    until(app, holds(levels(0)), "the first candidate was never sent")
    app.type("j", "▶   2")
    until(app, holds(levels(1)), "the second candidate was never sent")
    app.child.send("O")
    until(app, holds(levels(1, north_up=False)), "the mosaic's own pixels were never sent")
    assert "\U0010eeee" in app.text
    app.child.send("q")
    assert app.ends() == (0, None)
    assert decode_kitty(app.raw.decode("utf-8", "replace")) == {}


def test_sixel_holds_the_grey_levels_at_the_places_left_for_it(project):
    """Every picture, decoded, is the cutout enlarged; a modal over it is not drawn over."""
    app = Terminal(project.root, reply=SIXEL)
    app.until("12 left")

    def holds(number):
        def true(text):
            placed = placed_sixels(text)
            return len(placed) == 5 and all(
                any(matches(picture, enlarged(gray, picture.shape[0]), 5.3) for picture in placed.values())
                for gray in levels(number)
            )

        return true

    until(app, holds(0), "the first candidate was never drawn")
    assert {row for _, row in placed_sixels(app.raw.decode("utf-8", "replace"))} == {1}
    app.type("j", "▶   2")
    until(app, holds(1), "the second candidate was never drawn")
    app.type("x", "Artefact: which kind?")
    before = len(app.raw)
    app.child.send("\x1b")
    until(app, lambda text: "\x1bP" in text[before:], "the pictures did not come back")
    app.child.send("q")
    assert app.ends() == (0, None)


def enlarged(gray, side):
    """Each pixel as often as the side asks for."""
    at = np.arange(side) * gray.shape[0] // side
    return gray[np.ix_(at, at)]


def test_half_blocks_have_the_colours_of_the_cutout(project):
    """Foreground and background of each cell are two pixels, one above the other."""
    app = Terminal(project.root)
    app.until("12 left")
    app.until("▀")
    app.until("no valid pixel")
    side = 15 // 2 * 2
    codes = colour_codes(resample(levels(0)[0], side, side)[::-1])
    for row in range(side // 2):
        for column in range(side):
            cell = app.screen.buffer[1 + row][column]
            top, bottom = (f"{code:06x}" for code in codes[2 * row : 2 * row + 2, column].tolist())
            assert (cell.fg if cell.data == "▀" else cell.bg, cell.bg) == (top, bottom), (row, column)
    app.child.send("q")
    assert app.ends() == (0, None)


def test_plain_characters_follow_the_levels(project):
    """The environment chooses; each character is one step of the ramp."""
    app = Terminal(project.root, JWST_VET_PREVIEW="plain")
    app.until("12 left")
    app.until("@")
    side = 14
    small = resample(levels(0)[0], side, side // 2)[::-1]
    expected = ["".join(RAMP[(level - 1) * len(RAMP) // 255] for level in row) for row in small.tolist()]
    rows = slice(1, 1 + side // 2)
    until(app, lambda _: [line[:side] for line in app.screen.display[rows]] == expected, str(expected))
    app.child.send("q")
    assert app.ends() == (0, None)


def test_plain_for_a_screen_reader_has_words_and_no_line_drawing(project, monkeypatch):
    """Every cutout is a sentence; no box, block or bar is left on any screen."""
    monkeypatch.setitem(QUIET, "TERM", "xterm-256color")
    app = Terminal(project.root, options=("--plain",))
    app.until("12 left")
    app.until("F200W 1: detected, S/N 33.3")
    for keys, words in (("b", "no valid pixel at the candidate"), ("?", "type to search"), ("\x1b", "rank")):
        app.type(keys, words)
        assert not [c for c in app.text if 0x2500 <= ord(c) < 0x25A0], app.text
    app.type("y", "saved: interesting")
    app.child.send("q")
    assert app.ends() == (0, None)


def test_a_wrong_preview_is_one_line(project):
    """The variable, its value, what is allowed; exit code 2."""
    app = Terminal(project.root, (120, 24), JWST_VET_PREVIEW="ascii")
    assert app.ends() == (2, None)
    assert 'JWST_VET_PREVIEW="ascii": must be one of auto, half' in app.text


@pytest.mark.parametrize("reply", [KITTY, SIXEL])
def test_a_small_byte_budget_is_kept_and_said(project, reply):
    """Over a slow link pictures get coarser, or characters, and the screen says so."""
    path = project.root / "config.toml"
    path.write_text(path.read_text().replace("byte_budget = 0", "byte_budget = 8000"))
    app = Terminal(project.root, (140, 40), reply=reply)
    app.until("12 left")
    app.until("byte_budget")
    sent = sum(
        len(part) for part in re.findall(rb"\x1b_G.*?\x1b\\|\x1bP[\d;]*q.*?\x1b\\", app.raw, re.DOTALL)
    )
    assert sent <= 2 * 8000  # the first candidate, and at most one of another size before it
    app.child.send("q")
    assert app.ends() == (0, None)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize("passthrough", ["on", "off"])
def test_kitty_through_a_real_tmux(project, tmp_path, passthrough):
    """With passthrough the terminal outside gets the pictures whole; without it half-blocks."""
    conf = tmp_path / "tmux.conf"
    conf.write_text(f"set -g allow-passthrough {passthrough}\nset -g status off\n")
    tmux = ["tmux", "-u", "-S", str(tmp_path / "socket"), "-f", str(conf)]
    clean = {k: v for k, v in os.environ.items() if k not in NOT_OURS}
    words = " ".join([sys.executable, *COMMAND, "-C", str(project.root)])
    child = pexpect.spawn(
        tmux[0],
        [*tmux[1:], "new-session", words],
        dimensions=(40, 120),
        env=clean | QUIET | {"JWST_VET_PREVIEW": "kitty", "LC_ALL": "C.UTF-8"},
        timeout=PATIENCE,
    )
    try:
        raw = b""
        end = time.monotonic() + PATIENCE

        def found():
            if passthrough == "off":
                return "▀".encode() in raw
            held = [picture for picture, _, _ in decode_kitty(raw.decode("utf-8", "replace")).values()]
            return all(any(matches(one, gray, 1.5) for one in held) for gray in levels(0))

        while not found():
            assert time.monotonic() < end, raw[-2000:]
            raw += child.read_nonblocking(65_536, PATIENCE)
        if passthrough == "off":
            assert b"\x1b_Ga=T" not in raw
        child.send("q")
        child.expect(pexpect.EOF)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
        child.close()
