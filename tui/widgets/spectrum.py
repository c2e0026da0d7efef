"""The plot of a spectrum: flux with its error band, S/N strip, residual, and line names at a redshift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.braille import Canvas, Line
from tui.widgets.palette import Palette, palette

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.spectra.plotting import Curve

MARGIN = 9
"""Cells at the left for the numbers of the axes."""
RESIDUAL_LIMIT = 10.0
LEAST_HEIGHT = 12
"""Rows from which on S/N and residual have strips of their own."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A spectrum between two wavelengths (µm), labelled at redshift z, in a theme's colours."""

    curve: Curve
    low: float
    high: float
    z: float
    colours: Palette

    def strips(self, cells_across: int, cells_down: int) -> list[Strip]:
        """Paint it into so many cells; nothing where they are too few."""
        if cells_across <= MARGIN + 10 or cells_down <= 4:
            return []
        width, height = cells_across - MARGIN, cells_down
        part = self.curve.inside(self.low, self.high)
        limits, part = part.limits(), part.thinned(2 * width)
        names = self._names(part, width)
        rest = height - len(names) - 1
        strips = 0 if rest < LEAST_HEIGHT else max(2, rest // 6)
        lines = [*names, *self._flux(part, width, rest - 2 * strips, limits)]
        if strips:
            lines += self._strip(part, width, strips, "S/N", part.snr, None)
            lines += self._strip(part, width, strips, "res/σ", part.residual, RESIDUAL_LIMIT)
        return [Strip(line) for line in [*lines, self._axis(width)]]

    def _columns(self, part: Curve, values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
        """Give one value a dot column, NaN in gaps."""
        import numpy as np

        at = np.linspace(self.low, self.high, 2 * width)
        rows = np.clip(np.searchsorted(part.wavelength, at), 1, len(part.wavelength) - 1)
        nearer = at - part.wavelength[rows - 1] < part.wavelength[rows] - at
        rows = np.where(nearer, rows - 1, rows)
        away = np.abs(part.wavelength[rows] - at)
        step = float(np.median(np.diff(part.wavelength)))
        return np.where(away <= 2.0 * max(step, at[1] - at[0]), values[rows], np.nan)

    def _flux(self, part: Curve, width: int, height: int, limits: tuple[float, float]) -> list[Line]:
        import numpy as np

        colours = self.colours
        bins = part
        low, high = limits
        scaled = lambda values: (self._columns(bins, values, width) - low) / (high - low)  # noqa: E731
        canvas = Canvas(width, height)
        good = np.isfinite(bins.noise) & np.isfinite(bins.flux)
        noise = np.where(good, bins.noise, np.nan)
        canvas.band(colours.faint, scaled(bins.flux - noise), scaled(bins.flux + noise))
        for _, at, seen in part.labels(self.z):
            canvas.vertical(
                colours.quiet,
                round((at - self.low) / (self.high - self.low) * (2 * width - 1)),
                dotted=not seen,
            )
        for line in part.lines:
            if not line["explained"] and line["line_snr"] > 0 and self.low < line["wavelength"] < self.high:
                place = (line["wavelength"] - self.low) / (self.high - self.low)
                canvas.vertical(colours.alert, round(place * (2 * width - 1)), dotted=True)
        canvas.curve(colours.quiet, scaled(bins.level))
        canvas.curve(colours.strong, scaled(np.where(good, bins.flux, np.nan)))
        return _with_axis(canvas.lines(), (high, low), part.unit, colours.quiet)

    def _strip(
        self,
        part: Curve,
        width: int,
        height: int,
        name: str,
        values: npt.NDArray[np.float64],
        limit: float | None,
    ) -> list[Line]:
        import numpy as np

        colours = self.colours
        column = self._columns(part, values, width)
        low, high = (
            (-limit, limit)
            if limit
            else (min(0.0, float(np.nanmin(values))), float(np.nanmax(values)) or 1.0)
        )
        canvas = Canvas(width, height)
        canvas.horizontal(colours.faint, -low / (high - low))
        if limit:
            canvas.horizontal(colours.quiet, (5.0 - low) / (high - low))
            canvas.horizontal(colours.quiet, (-5.0 - low) / (high - low))
        canvas.curve(colours.plain, np.clip((column - low) / (high - low), 0.0, 1.0))
        return _with_axis(canvas.lines(), (high, low), name, colours.quiet)

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


class SpectrumPlot(Widget):
    """One spectrum between two wavelengths, labelled at a redshift that may be slid."""

    DEFAULT_CSS = "SpectrumPlot { height: 1fr; width: 1fr; overflow: hidden; }"

    def __init__(self) -> None:
        super().__init__(id="spectrum")
        self.curve: Curve | None = None
        self.low = self.high = 0.0
        self.z = math.nan
        self.waiting = ""
        self._strips: list[Strip] = []

    def show(self, curve: Curve | None, *, waiting: str = "") -> None:
        """Show a spectrum over all its wavelengths at its own redshift, or words."""
        self.curve, self.waiting = curve, waiting
        if curve is not None:
            self.low, self.high = curve.extent()
            self.z = curve.z
        self.repaint()

    def zoom(self, factor: float) -> None:
        """Show a narrower or wider range about its middle."""
        self._range(0.5 * (self.low + self.high), (self.high - self.low) * factor)

    def pan(self, share: float) -> None:
        """Move the range by a share of its width."""
        width = self.high - self.low
        self._range(0.5 * (self.low + self.high) + share * width, width)

    def label_at(self, z: float) -> None:
        """Label at a redshift."""
        self.z = z
        self.repaint()

    def slide(self, share: float) -> None:
        """Move the redshift by a share of 1 + z; from 0 where there was none."""
        z = self.z if math.isfinite(self.z) else 0.0
        self.z = max(-0.01, (1.0 + z) * (1.0 + share) - 1.0)
        self.repaint()

    def _range(self, middle: float, width: float) -> None:
        if self.curve is None:
            return
        first, last = self.curve.extent()
        width = min(max(width, 0.01 * (last - first)), last - first)
        middle = min(max(middle, first + width / 2), last - width / 2)
        self.low, self.high = middle - width / 2, middle + width / 2
        self.repaint()

    def on_resize(self) -> None:
        """Draw anew."""
        self.repaint()

    def repaint(self) -> None:
        """Prepare all lines, and show them."""
        self._strips = self._painted()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Give one prepared line."""
        if y < len(self._strips):
            return (
                self._strips[y]
                .adjust_cell_length(self.size.width, self.rich_style)
                .apply_style(self.rich_style)
            )
        return Strip.blank(self.size.width, self.rich_style)

    def _painted(self) -> list[Strip]:
        colours = palette(dark=self.app.current_theme.dark)
        if self.curve is None:
            return [Strip([Segment(self.waiting, colours.quiet)])]
        return Drawing(self.curve, self.low, self.high, self.z, colours).strips(*self.size)


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
