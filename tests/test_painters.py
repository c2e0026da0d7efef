"""Painters: what is bright is bright, what is invalid is not sky, and nothing costs too many bytes."""

import base64
import io
import re
import zlib

import numpy as np
import pytest
from graphics import decode_kitty, decode_sixel
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tui.widgets import painters
from tui.widgets.cutouts import compass
from tui.widgets.kitty import MARKS, PLACEHOLDER, Kitty, through_tmux
from tui.widgets.raster import encode_png, rasterise
from tui.widgets.sixel import encode_sixel


def gradient(side=20):
    """Brighter to the right, a corner without data at the bottom left."""
    gray = np.tile(np.linspace(1, 255, side).astype(np.uint8), (side, 1))
    gray[: side // 4, : side // 4] = 0
    return gray


def words(lines):
    return ["".join(segment.text for segment in line) for line in lines]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_resampling_has_the_size_asked_for_and_keeps_a_flat_image_flat(rows, columns, width, height):
    """No size makes a flat image uneven or invalid."""
    small = painters.resample(np.full((rows, columns), 77, dtype=np.uint8), width, height)
    assert small.shape == (height, width)
    assert (small == 77).all()


def test_shrinking_takes_means_and_invalid_majorities():
    """Two valid pixels of four count as valid, one does not."""
    gray = np.array([[10, 20, 0, 0], [30, 40, 0, 9]], dtype=np.uint8)
    assert painters.resample(gray, 2, 1).tolist() == [[25, 0]]


def test_half_blocks_show_two_pixels_a_cell_with_north_up():
    """Row 0 of the array is at the bottom of the screen."""
    gray = np.full((4, 2), 1, dtype=np.uint8)
    gray[3] = 255
    lines = painters.half_blocks(gray, 2, 2)
    assert words(lines) == ["▀▀", "  "]
    assert lines[0][0].style.color.name == "#ffffff"
    assert lines[0][0].style.bgcolor.name == "#000000"


def test_invalid_pixels_are_hatched_and_dark_sky_is_not():
    """An absence of data does not look like an absence of light, with colour or without."""
    gray = gradient()
    assert words(painters.half_blocks(gray, 20, 10))[-1].startswith("╱╱╱")
    assert "╱" not in "".join(words(painters.half_blocks(np.ones((20, 20), np.uint8), 20, 10)))
    assert words(painters.plain_characters(gray, 20, 10))[-1].startswith("////")
    assert words(painters.plain_characters(gray, 20, 10))[0][-1] == "@"


def test_inversion_is_its_own_inverse_and_keeps_what_is_invalid():
    """Bright and dark change places."""
    gray = gradient()
    assert (painters.inverted(painters.inverted(gray)) == gray).all()
    assert ((painters.inverted(gray) == 0) == (gray == 0)).all()


def test_a_byte_budget_merges_pixels():
    """A noisy picture costs half as many segments under a small budget."""
    noisy = np.random.default_rng(1).integers(1, 256, (80, 80)).astype(np.uint8)
    rich = painters.half_blocks(noisy, 40, 20)
    poor = painters.half_blocks(noisy, 40, 20, budget=4096)
    assert sum(map(len, poor)) <= sum(map(len, rich)) / 2 + 20
    assert [len(text) for text in words(poor)] == [40] * 20


@given(st.integers(1, 30), st.integers(10, 200), st.integers(4, 60))
def test_layouts_fit_in_their_panel(count, width, height):
    """No picture reaches over the edge, and all are shown unless they would be too small."""
    grid = painters.arrange(count, width, height)
    assert 0 <= grid.shown <= count
    if grid.shown:
        assert grid.columns * (grid.cells[0] + 1) - 1 <= width
        assert grid.rows * (grid.cells[1] + 1) <= height or grid.shown == 1
        assert grid.shown == count or grid.cells[0] >= 8 or grid.shown == 1


def test_five_bands_stand_in_one_row_of_a_narrow_panel_and_two_rows_of_a_square_one():
    """The layout follows the room."""
    assert painters.arrange(5, 80, 9).rows == 1
    assert painters.arrange(5, 60, 24).rows == 2


def test_scale_bars_are_round_numbers_of_arcsec():
    """A bar of 1 arcsec is as many cells long as an arcsec is."""
    bar = painters.scale_bar(0.2, 12)
    assert bar == "├──────┤2″"[: len(bar)] or bar.endswith("″")
    assert painters.scale_bar(0.2, 8) == "├───┤1″"
    assert painters.scale_bar(5.0, 4) == ""


@pytest.mark.parametrize(
    ("angle", "parity", "shown"), [(0, 1, "N↑ E←"), (90, 1, "N← E↓"), (0, -1, "N↑ E→"), (np.nan, 1, "")]
)
def test_the_compass_points_north_and_east(angle, parity, shown):
    """North is counter-clockwise from up; east is to its left on the sky."""
    assert compass(angle, parity) == shown


def png(pixels, **more):
    return encode_png(rasterise(pixels, **more))


def test_the_png_holds_the_pixels_flipped_and_the_hatch():
    """Any decoder sees the grey levels with row 0 at the bottom; what is invalid is blue."""
    gray = gradient()
    image = np.asarray(Image.open(io.BytesIO(png(gray))).convert("RGB")).astype(int)
    assert image.shape == (20, 20, 3)
    valid = gray[::-1] > 0
    expected = (gray[::-1].astype(float) - 1) * 255 / 254
    assert np.abs(image[valid] - expected[valid][:, None]).max() <= 1.5
    assert (image[~valid][:, 2] > image[~valid][:, 0]).all()


def test_a_picture_in_colours_survives_the_png():
    """A composite is sent as it is; only what is invalid is hatched."""
    colours = np.random.default_rng(1).integers(1, 256, (16, 16, 3)).astype(np.uint8)
    colours[:4, :4] = 0
    image = np.asarray(Image.open(io.BytesIO(png(colours))))
    assert (image[:12] == colours[::-1][:12]).all()
    assert (image[12:, :4, 2] > image[12:, :4, 0]).all()


def test_a_colour_map_and_an_overlay_are_in_the_palette():
    """Levels take the colours of the map, drawn pixels their own."""
    from analysis.colormaps import colour_table

    gray = gradient()
    layer = np.zeros((20, 20), np.uint8)
    layer[19, :] = 1
    image = np.asarray(
        Image.open(
            io.BytesIO(png(gray, colours=colour_table("viridis"), layer=layer, layer_colours=["#ff8000"]))
        ).convert("RGB")
    ).astype(int)
    assert (image[0] == [255, 128, 0]).all()
    expected = colour_table("viridis")[gray[10]].astype(int)
    assert np.abs(image[9] - expected).max() <= 4


def test_kitty_sends_each_picture_once_and_places_it_by_characters():
    """Moving back to a candidate costs no picture; leaving deletes them."""
    sent = []
    kitty = Kitty(sent.append)
    lines = kitty.show("a", png(gradient()), 10, 5)
    assert len(lines) == 5
    assert lines[2][0].text.startswith(PLACEHOLDER + MARKS[2] + MARKS[0])
    assert lines[0][0].text.count(PLACEHOLDER) == 10
    once = len(sent)
    kitty.show("a", png(gradient()), 10, 5)
    assert len(sent) == once
    kitty.show("b", png(gradient()), 10, 5)
    assert len(sent) > once
    payload = "".join(re.findall(r";([A-Za-z0-9+/=]*)\x1b\\", "".join(sent[:once])))
    assert base64.b64decode(payload).startswith(b"\x89PNG")
    head = sent[0]
    assert head.startswith("\x1b_Ga=T,U=1,f=100,q=2,i=")
    number = int(re.search(r"i=(\d+)", head)[1])
    colour = lines[0][0].style.color.triplet
    assert number == colour.red << 16 | colour.green << 8 | colour.blue
    assert set(decode_kitty("".join(sent))) >= {number}
    kitty.close()
    assert sent[-1].startswith("\x1b_Ga=d,d=I")
    assert decode_kitty("".join(sent)) == {}


def test_kitty_ids_are_reused_without_two_pictures_sharing_one():
    """After many pictures each still has its own id."""
    sent = []
    kitty = Kitty(sent.append)
    one = png(np.full((4, 4), 9, np.uint8))
    for number in range(450):
        kitty.show(number, one, 2, 1)
    held = list(kitty._held.values())
    assert len(held) == len(set(held)) <= 64
    assert len(decode_kitty("".join(sent))) == len(held)


def test_tmux_gets_its_escapes_doubled():
    """The wrapper that tmux takes off again."""
    assert through_tmux("\x1b_Gx\x1b\\") == "\x1bPtmux;\x1b\x1b_Gx\x1b\x1b\\\x1b\\"


@pytest.mark.parametrize("side", [60, 120, 203])
def test_sixel_pictures_hold_the_grey_levels(side):
    """Read back: as large as the cells left for it, each pixel of its level, invalid ones blue."""
    gray = gradient()
    image = decode_sixel(encode_sixel(rasterise(gray, side, levels=64)))
    assert image.shape == (side, side, 3)
    at = np.arange(side) * 20 // side
    shown = gray[np.ix_(at, at)][::-1].astype(float)
    valid = shown > 0
    # 64 greys, and sixel gives colours in hundredths.
    assert np.abs(image[valid] - ((shown[valid] - 1) * 255 / 254)[:, None]).max() <= 4 + 1.3
    assert (image[~valid][:, 2] > image[~valid][:, 0]).all()


def test_sixel_holds_a_composite_nearly():
    """Colours are brought to 256; the red half stays red."""
    colours = np.ones((20, 20, 3), np.uint8)
    colours[:, :10, 0] = 220
    colours[:, 10:, 2] = 220
    image = decode_sixel(encode_sixel(rasterise(colours, 100)))
    assert image[:, :50, 0].min() > 180
    assert image[:, 50:, 0].max() < 40


def test_a_native_png_is_small():
    """A cutout of 101 pixels costs the link about ten kilobytes, not hundreds."""
    noisy = np.random.default_rng(1).integers(1, 256, (101, 101)).astype(np.uint8)
    assert len(png(noisy)) < 12_000
    assert zlib.crc32(png(noisy)) == zlib.crc32(png(noisy))
