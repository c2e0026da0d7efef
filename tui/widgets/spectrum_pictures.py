"""A spectrum's drawing as a terminal takes it: braille lines, kitty's PNGs or sixels. For threads only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tui.widgets.braille import Canvas
from tui.widgets.pixel_canvas import PixelCanvas
from tui.widgets.raster import encode_png
from tui.widgets.sixel import SixelError, encode_sixel
from tui.widgets.spectrum_drawing import MARGIN, Drawing

if TYPE_CHECKING:
    from textual.strip import Strip

TOO_LARGE = "drawn in characters: pixels are too many bytes for this link ([ui] byte_budget)"


@dataclass(frozen=True)
class Room:
    """The room and the means: cells, painter, pixels of a cell, bytes at most, colours (#rrggbb)."""

    width: int
    height: int
    painter: str
    cell: tuple[int, int] = (10, 20)
    budget: int = 1 << 20
    ink: str = "#e2e6eb"
    paper: str = "#000000"


@dataclass(frozen=True)
class Picture:
    """One panel in pixels: its cells within the plot, and its bytes; of PNG and sixel one is there."""

    column: int
    row: int
    width: int
    height: int
    png: bytes = b""
    sixel: str = ""

    @property
    def key(self) -> bytes:
        """A name by which a terminal may keep it."""
        return hashlib.blake2b(self.png, digest_size=16).digest()


@dataclass(frozen=True, eq=False)
class Painted:
    """Lines of the plot, the pictures that lie over them, and what was left out to spare the link."""

    strips: tuple[Strip, ...]
    pictures: tuple[Picture, ...] = ()
    note: str = ""


def paint(drawing: Drawing, room: Room) -> Painted:
    """Paint in pixels where the painter is kitty or sixel and they fit in the bytes, else in braille."""
    note = ""
    try:
        if room.painter == "kitty":
            for factor in (1, 2):  # the terminal enlarges a PNG to its cells
                painted = _in_pixels(drawing, room, factor)
                if sum(len(picture.png) for picture in painted.pictures) * 4 // 3 <= room.budget:
                    return painted
            note = TOO_LARGE
        elif room.painter == "sixel":
            painted = _in_pixels(drawing, room, 1)
            if sum(len(picture.sixel) for picture in painted.pictures) <= room.budget:
                return painted
            note = TOO_LARGE
    except SixelError as error:
        note = str(error)
    return Painted(drawing.drawn(room.width, room.height, Canvas).strips, note=note)


def _in_pixels(drawing: Drawing, room: Room, factor: int) -> Painted:
    cell = (max(1, room.cell[0] // factor), max(1, room.cell[1] // factor))
    drawn = drawing.drawn(
        room.width, room.height, partial(PixelCanvas, cell=cell, ink=room.ink, paper=room.paper)
    )
    pictures = []
    for row, canvas in drawn.panels:
        assert isinstance(canvas, PixelCanvas)
        raster = canvas.raster()
        png, sixel = (encode_png(raster), "") if room.painter == "kitty" else (b"", encode_sixel(raster))
        pictures.append(Picture(MARGIN, row, canvas.width, canvas.height, png, sixel))
    return Painted(drawn.strips, tuple(pictures))
