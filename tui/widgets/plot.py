"""A scatter plot in characters: drawn by plotext in a thread, its points found again under the mouse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from tui.widgets.palette import palette

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rich.console import RenderableType

    from tui.plotting import Points

CURRENT, CHOSEN = "◆", "◉"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Drawn:
    """A plot as lines of characters, and the cell (column, row) of each point."""

    points: Points
    size: tuple[int, int]
    lines: tuple[str, ...]
    columns: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


def draw(points: Points, width: int, height: int) -> Drawn:
    """Draw points for a size in cells; takes tens of milliseconds."""
    import numpy as np
    from textual_plotext.plot import Plot

    x_low, x_high = _limits(points.x)
    y_low, y_high = _limits(points.y)
    sign = -1.0 if points.y_down else 1.0
    plot = Plot()
    plot.theme("clear")
    plot._set_size(width, height)  # noqa: SLF001 - plotsize() would cut it down to the real terminal
    plot.xlabel(points.x_label)
    plot.ylabel(points.y_label)
    plot.xlim(x_low, x_high)
    plot.ylim(*sorted((sign * y_low, sign * y_high)))
    if points.y_down:
        ticks = np.unique(np.linspace(y_low, y_high, 5).round().astype(int)).tolist()
        plot.yticks([-tick for tick in ticks], [str(tick) for tick in ticks])
    plot.scatter(points.x.tolist(), (sign * points.y).tolist(), marker="braille")
    lines = tuple(_ESCAPES.sub("", plot.build()).split("\n"))
    left, right, top, bottom = _canvas(lines)
    columns = left + np.rint((points.x - x_low) / (x_high - x_low) * (right - left)).astype(np.int64)
    part = (points.y - y_low) / (y_high - y_low)
    rows = np.rint(top + (part if points.y_down else 1 - part) * (bottom - top)).astype(np.int64)
    return Drawn(points, (width, height), lines, columns, rows)


def _limits(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Give limits around all values, never of no width."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = (high - low) * 0.02 or max(abs(low) * 0.05, 0.5)
    return low - margin, high + margin


def _canvas(lines: tuple[str, ...]) -> tuple[int, int, int, int]:
    """Find the area that points are drawn in: its first and last column and row, from the frame around it."""
    top = next((n for n, line in enumerate(lines) if "┌" in line), 0)
    bottom = next((n for n, line in enumerate(lines) if "└" in line), len(lines) - 1)
    frame = lines[top] if lines else ""
    return frame.find("┌") + 1, max(frame.find("┌") + 1, frame.find("┐") - 1), top + 1, bottom - 1


class ScatterPlot(Widget):
    """Shows a drawn plot, the candidate and the chosen point marked; a click chooses the nearest point."""

    @dataclass
    class Clicked(Message):
        """A point was clicked: its number among the points."""

        number: int

    def __init__(self) -> None:
        super().__init__(id="plot")
        self.drawn: Drawn | None = None
        self.current = ""
        self.chosen = -1
        self.words = "drawing …"

    def show(self, drawn: Drawn | None, current: str, chosen: int, words: str = "") -> None:
        """Show another plot, or other marks in it."""
        self.drawn, self.current, self.chosen, self.words = drawn, current, chosen, words
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Tell which point is nearest to the cell clicked; a cell is twice as high as wide."""
        if self.drawn is None or not len(self.drawn.columns):
            return
        away = (self.drawn.columns - event.x) ** 2 + 4 * (self.drawn.rows - event.y) ** 2
        self.post_message(self.Clicked(int(away.argmin())))

    def render(self) -> RenderableType:
        """Paint the lines, and the marks over them."""
        colours = palette(dark=self.app.current_theme.dark)
        if self.drawn is None:
            return Text(self.words, colours.quiet)
        grid = [list(line.ljust(self.drawn.size[0])) for line in self.drawn.lines]
        names = list(self.drawn.points.names)
        marks = [(CURRENT, number) for number, name in enumerate(names) if name == self.current]
        marks += [(CHOSEN, self.chosen)] if 0 <= self.chosen < len(names) else []
        painted: dict[tuple[int, int], str] = {}
        for sign, number in marks:
            column, row = int(self.drawn.columns[number]), int(self.drawn.rows[number])
            if 0 <= row < len(grid) and 0 <= column < len(grid[row]):
                grid[row][column] = sign
                painted[row, column] = sign
        text = Text("\n").join(Text("".join(line), colours.plain) for line in grid)
        width = self.drawn.size[0] + 1
        for (row, column), sign in painted.items():
            start = row * width + column
            text.stylize(colours.alert if sign == CURRENT else colours.badge, start, start + 1)
        return text
