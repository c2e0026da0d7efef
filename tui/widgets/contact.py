"""Small pictures of many candidates side by side: painted in a thread, one of them chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.segment import Segment
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.painters import Line, half_blocks, plain_characters
from tui.widgets.palette import palette

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GAP = 1
CAPTIONS = 2


@dataclass(frozen=True)
class Cell:
    """How large one picture is in cells, and how many stand side by side and below each other."""

    width: int
    height: int
    columns: int
    rows: int

    @property
    def shown(self) -> int:
        """Pictures on one page."""
        return self.columns * self.rows


def fit_cells(width: int, height: int, *, least: int, rows: int = 0) -> Cell:
    """Choose pictures of at least `least` columns, square on the screen, that fill the room."""
    columns = max(1, (width + GAP) // (least + GAP))
    wide = (width + GAP) // columns - GAP
    wide -= wide % 2
    high = max(1, wide // 2)
    if rows == 1:
        high = max(1, min(high, height - CAPTIONS))
        wide = 2 * high
        columns = max(1, (width + GAP) // (wide + GAP))
    below = rows or max(1, height // (high + CAPTIONS))
    return Cell(wide, high, columns, below)


def paint(gray: npt.NDArray[np.uint8] | None, cell: Cell, *, plain: bool) -> list[Line]:
    """Paint one picture, or a blank where there is none."""
    if gray is None:
        return [[Segment(" " * cell.width)] for _ in range(cell.height - 1)] + [
            [Segment("no picture".center(cell.width)[: cell.width])]
        ]
    side = min(cell.width, 2 * cell.height)
    painter = plain_characters if plain else half_blocks
    return painter(gray, side, max(1, side // 2))


class ContactSheet(Widget):
    """A page of pictures with two lines of words under each; a click chooses one."""

    @dataclass
    class Chosen(Message):
        """A picture was clicked: its place on the page."""

        place: int

    def __init__(self) -> None:
        super().__init__(id="sheet")
        self.cell = Cell(1, 1, 1, 1)
        self.names: Sequence[str] = ()
        self.pictures: Mapping[str, list[Line]] = {}
        self.captions: Mapping[str, tuple[str, str]] = {}
        self.chosen = 0

    def show(
        self,
        cell: Cell,
        names: Sequence[str],
        pictures: Mapping[str, list[Line]],
        captions: Mapping[str, tuple[str, str]],
        chosen: int,
    ) -> None:
        """Show a page."""
        self.cell, self.names, self.chosen = cell, names, chosen
        self.pictures, self.captions = pictures, captions
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Tell which picture was clicked."""
        column, row = event.x // (self.cell.width + GAP), event.y // (self.cell.height + CAPTIONS)
        place = row * self.cell.columns + column
        if column < self.cell.columns and place < len(self.names):
            self.post_message(self.Chosen(place))

    def render_line(self, y: int) -> Strip:
        """Paint one line across all pictures of a row."""
        row, line = divmod(y, self.cell.height + CAPTIONS)
        names = self.names[row * self.cell.columns : (row + 1) * self.cell.columns]
        segments: list[Segment] = []
        for place, name in enumerate(names, start=row * self.cell.columns):
            segments += self._part(name, line, place == self.chosen)
            segments.append(Segment(" " * GAP))
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _part(self, name: str, line: int, chosen: bool) -> list[Segment]:
        colours = palette(dark=self.app.current_theme.dark)
        width = self.cell.width
        if line < self.cell.height:
            lines = self.pictures.get(name)
            if lines is None:
                return [Segment(("…" if line == 0 else "").ljust(width), colours.faint)]
            part = lines[line] if line < len(lines) else []
            return list(Strip(part).adjust_cell_length(width))
        words = self.captions.get(name, ("", ""))[line - self.cell.height]
        sign = "▶" if chosen and line == self.cell.height else " "
        style = colours.strong + colours.cursor if chosen else colours.quiet
        return [Segment(sign, colours.alert), Segment(set_cell_size(words, width - 1), style)]
