"""One picture drawn by half-blocks, characters, kitty's PNG or sixel, within its share of bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.segment import Segment

from tui.widgets import painters
from tui.widgets.marks import in_cells, in_pixels
from tui.widgets.painters import Line
from tui.widgets.raster import encode_png, rasterise
from tui.widgets.sixel import LEVELS, SixelError, encode_sixel

if TYPE_CHECKING:
    from tui.pictures import Picture
    from tui.widgets.composing import Setting
    from tui.widgets.painters import Gray

DRAWN_SIDE = 320
"""Pixels a side at least where overlays are drawn: on fewer a circle is no circle."""
COARSEST = 8

Drawn = tuple[list[Line], bytes, str, str]
"""Lines, PNG, sixel and a note; of PNG and sixel at most one is there."""


def _half(picture: Picture, width: int, height: int, share: int, _setting: Setting) -> Drawn:
    marks = in_cells(picture.shapes, picture.geometry, width, height)
    whole = painters.half_blocks(
        picture.pixels, width, height, budget=1 << 30, colours=picture.colours, marks=marks
    )
    if painters.cost(whole) <= share:
        return whole, b"", "", ""
    lines = painters.half_blocks(
        picture.pixels, width, height, budget=share, colours=picture.colours, marks=marks
    )
    return lines, b"", "", "pixels merged in pairs to spare the link ([ui] byte_budget)"


def _plain(picture: Picture, width: int, height: int, _share: int, _setting: Setting) -> Drawn:
    marks = in_cells(picture.shapes, picture.geometry, width, height, plain=True)
    return painters.plain_characters(picture.pixels, width, height, marks=marks), b"", "", ""


def _kitty(picture: Picture, width: int, height: int, share: int, setting: Setting) -> Drawn:
    # More pixels than the cells have would be sent for nothing.
    finest = max(1, round(picture.pixels.shape[0] / max(1, width * setting.cell[0])))
    png, factor = b"", finest
    for factor in (finest, 2 * finest, 4 * finest, COARSEST * finest):
        pixels = _coarser(picture.pixels, factor)
        side = pixels.shape[0]
        if picture.shapes:
            side *= max(1, -(-DRAWN_SIDE // side))
        layer, layer_colours = in_pixels(picture.shapes, picture.geometry, side)
        png = encode_png(
            rasterise(
                pixels,
                side,
                colours=picture.colours,
                layer=layer if picture.shapes else None,
                layer_colours=layer_colours,
            )
        )
        if len(png) * 4 // 3 <= share:
            break
    return _blank(width, height), png, "", _merged(factor // finest)


def _sixel(picture: Picture, width: int, height: int, share: int, setting: Setting) -> Drawn:
    side = min(width * setting.cell[0], height * setting.cell[1])
    layer, layer_colours = in_pixels(picture.shapes, picture.geometry, side)
    for factor in (1, 2, 4):
        data = encode_sixel(
            rasterise(
                _coarser(picture.pixels, factor),
                side,
                colours=picture.colours,
                levels=LEVELS,
                layer=layer if picture.shapes else None,
                layer_colours=layer_colours,
            )
        )
        if len(data) <= share:
            return _blank(width, height), b"", data, _merged(factor)
    raise SixelError("sixel pictures are too large for this link ([ui] byte_budget): half-blocks instead")


def _merged(factor: int) -> str:
    if factor == 1:
        return ""
    return f"pixels merged {factor}×{factor} to spare the link ([ui] byte_budget)"


def _coarser(pixels: Gray, factor: int) -> Gray:
    side = max(1, pixels.shape[0] // factor)
    return pixels if factor == 1 else painters.resample(pixels, side, side)


def _blank(width: int, height: int) -> list[Line]:
    return [[Segment(" " * width)] for _ in range(height)]


PAINTERS: dict[str, Callable[[Picture, int, int, int, Setting], Drawn]] = {
    "half": _half,
    "plain": _plain,
    "kitty": _kitty,
    "sixel": _sixel,
}
"""Every painter by name: from a picture, its width and height in cells, its bytes at most and the setting."""
