"""What is drawn of a spectrum: flux with error band, S/N and residual strips, line names at a redshift.

Curves are drawn in braille dots, or in pixels where the terminal shows them; words are cells in either case.
Everything here runs in threads and touches neither widget nor terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.widgets.braille import Canvas, Line
from tui.widgets.palette import Palette
from tui.widgets.pixel_canvas import PixelCanvas

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.spectra.plotting import Curve

MARGIN = 9
"""Cells at the left for the numbers of the axes."""
RESIDUAL_LIMIT = 10.0
LEAST_HEIGHT = 12
"""Rows from which on S/N and residual have strips of their own."""


AnyCanvas = Canvas | PixelCanvas


@dataclass(frozen=True, eq=False)
class Drawn:
    """Lines, and the row and the canvas of each panel in them, which begin after `MARGIN` cells."""

    strips: tuple[Strip, ...] = ()
    panels: tuple[tuple[int, AnyCanvas], ...] = ()


@dataclass(frozen=True, eq=False)
class _Panel:
    """One panel: its canvas, the limits of its axis (top, bottom) and what it shows."""

    canvas: AnyCanvas
    limits: tuple[float, float]
    name: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """A spectrum between two wavelengths (µm), labelled at redshift z, in a theme's colours."""

    curve: Curve
    low: float
    high: float
    z: float
    colours: Palette

    def strips(self, cells_across: int, cells_down: int) -> list[Strip]:
        """Draw it in braille dots; nothing where the cells are too few."""
        return list(self.drawn(cells_across, cells_down, Canvas).strips)

    def drawn(self, cells_across: int, cells_down: int, canvas: Callable[[int, int], AnyCanvas]) -> Drawn:
        """Draw it into so many cells, on canvases of one kind; nothing where the cells are too few."""
        if cells_across <= MARGIN + 10 or cells_down <= 4:
            return Drawn()
        width, height = cells_across - MARGIN, cells_down
        part = self.curve.inside(self.low, self.high)
        limits = part.limits()
        names = self._names(part, width)
        rest = height - len(names) - 1
        low = 0 if rest < LEAST_HEIGHT else max(2, rest // 6)
        panels = [self._flux(part, canvas(width, rest - 2 * low), limits)]
        if low:
            panels.append(self._strip(part, canvas(width, low), "S/N", part.snr, None))
            panels.append(self._strip(part, canvas(width, low), "res/σ", part.residual, RESIDUAL_LIMIT))
        lines, places = [*names], []
        for panel in panels:
            places.append(len(lines))
            lines += _with_axis(panel.canvas.lines(), panel.limits, panel.name, self.colours.quiet)
        return Drawn(
            tuple(Strip(line) for line in [*lines, self._axis(width)]),
            tuple((row, panel.canvas) for row, panel in zip(places, panels, strict=True)),
        )

    def _columns(self, part: Curve, values: npt.NDArray[np.float64], number: int) -> npt.NDArray[np.float64]:
        """Give one value to each of so many columns, the farthest from the continuum; NaN in gaps."""
        import numpy as np

        rows = part.rows_for(np.linspace(self.low, self.high, number))
        return np.where(rows >= 0, values[rows], np.nan)

    def _flux(self, part: Curve, canvas: AnyCanvas, limits: tuple[float, float]) -> _Panel:
        import numpy as np

        colours, across = self.colours, canvas.dots[0]
        low, high = limits
        scaled = lambda values: (self._columns(part, values, across) - low) / (high - low)  # noqa: E731
        column = lambda at: round((at - self.low) / (self.high - self.low) * (across - 1))  # noqa: E731
        good = np.isfinite(part.noise) & np.isfinite(part.flux)
        noise = np.where(good, part.noise, np.nan)
        canvas.band(colours.faint, scaled(part.flux - noise), scaled(part.flux + noise))
        for _, at, seen in part.labels(self.z):
            canvas.vertical(colours.quiet, column(at), dotted=not seen)
        for line in part.lines:
            if not line["explained"] and line["line_snr"] > 0 and self.low < line["wavelength"] < self.high:
                canvas.vertical(colours.alert, column(line["wavelength"]), dotted=True)
        canvas.curve(colours.quiet, scaled(part.level))
        canvas.curve(colours.strong, scaled(np.where(good, part.flux, np.nan)))
        return _Panel(canvas, (high, low), part.unit)

    def _strip(
        self, part: Curve, canvas: AnyCanvas, name: str, values: npt.NDArray[np.float64], limit: float | None
    ) -> _Panel:
        import numpy as np

        colours = self.colours
        column = self._columns(part, values, canvas.dots[0])
        low, high = (
            (-limit, limit)
            if limit
            else (min(0.0, float(np.nanmin(values))), float(np.nanmax(values)) or 1.0)
        )
        canvas.horizontal(colours.faint, -low / (high - low))
        if limit:
            canvas.horizontal(colours.quiet, (5.0 - low) / (high - low))
            canvas.horizontal(colours.quiet, (-5.0 - low) / (high - low))
        canvas.curve(colours.plain, np.clip((column - low) / (high - low), 0.0, 1.0))
        return _Panel(canvas, (high, low), name)

    def _names(self, part: Curve, width: int) -> list[Line]:
        """Give two rows of line names above their places; unexplained lines are question marks."""
        colours = self.colours
        rows: list[list[tuple[int, str, Style]]] = [[], []]
        span = self.high - self.low
        wanted = [
            ("?", float(line["wavelength"]), colours.alert)
            for line in part.lines
            if not line["explained"] and line["line_snr"] > 0
        ]
        wanted += [
            (name, at, colours.strong if seen else colours.quiet) for name, at, seen in part.labels(self.z)
        ]
        for name, at, style in wanted:
            if not self.low <= at <= self.high:
                continue
            start = min(
                max(round((at - self.low) / span * (width - 1)) - len(name) // 2, 0), width - len(name)
            )
            for row in rows:
                if all(start + len(name) < other or start > other + len(text) for other, text, _ in row):
                    row.append((start, name, style))
                    break
        return [_placed(row, width) for row in rows]

    def _axis(self, width: int) -> Line:
        colours = self.colours
        digits = 2 if self.high - self.low > 0.2 else 4
        number = max(2, width // 14)
        words = [(self.low + (self.high - self.low) * k / (number - 1)) for k in range(number)]
        placed: list[tuple[int, str, Style]] = []
        for k, value in enumerate(words):
            text = f"{value:.{digits}f}" + (" µm" if k == number - 1 else "")
            start = min(max(round(k / (number - 1) * (width - 1)) - len(text) // 2, 0), width - len(text))
            placed.append((start, text, colours.quiet))
        return _placed(placed, width)


def whole(curve: Curve, colours: Palette) -> Drawing:
    """Give the drawing of all of a spectrum at its own redshift."""
    return Drawing(curve, *curve.extent(), curve.z, colours)


def _placed(words: list[tuple[int, str, Style]], width: int) -> Line:
    line: Line = [Segment(" " * MARGIN)]
    at = 0
    for start, text, style in sorted(words):
        if start < at:
            continue
        line += [Segment(" " * (start - at)), Segment(text, style)]
        at = start + len(text)
    return [*line, Segment(" " * max(width - at, 0))]


def _with_axis(lines: list[Line], limits: tuple[float, float], name: str, style: Style) -> list[Line]:
    """Put the limits and the name of the quantity before the lines."""
    last = len(lines) - 1
    words = {0: f"{limits[0]:.3g}", last: f"{limits[1]:.3g}"}
    if last >= 2:
        words[last // 2] = name
    elif last >= 1:
        words[last] = name
    return [
        [Segment(f"{words.get(y, ''):>{MARGIN - 1}}│"[-MARGIN:], style), *line]
        for y, line in enumerate(lines)
    ]
