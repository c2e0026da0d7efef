"""The plot of a spectrum: a range of wavelengths, labelled at a redshift that may be slid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.events import Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.cutouts import laid_over
from tui.widgets.kitty import Kitty
from tui.widgets.palette import palette
from tui.widgets.spectrum_drawing import Drawing
from tui.widgets.spectrum_pictures import Painted, Room, paint

if TYPE_CHECKING:
    from analysis.spectra.plotting import Curve
    from tui.terminal import Terminal

SERIES = 75
"""Of the pictures' names in kitty, apart from those of the cutouts."""


class SpectrumPlot(Widget):
    """One spectrum between two wavelengths. Threads paint; the event loop shows what they made."""

    DEFAULT_CSS = "SpectrumPlot { height: 1fr; width: 1fr; overflow: hidden; }"

    @dataclass
    class Noted(Message):
        """What was left out to spare the link."""

        words: str

    @dataclass
    class _Done(Message):
        drawing: Drawing
        room: Room
        painted: Painted

    def __init__(self, terminal: Terminal, budget: int) -> None:
        super().__init__(id="spectrum")
        self.terminal = terminal
        self.budget = budget
        self.curve: Curve | None = None
        self.low = self.high = 0.0
        self.z = math.nan
        self.waiting = ""
        self.painted = Painted(())
        self._strips: tuple[Strip, ...] = ()
        self._wanted: tuple[Drawing, Room] | None = None
        self._kitty: Kitty | None = None
        self._to_send = False

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

    def on_resize(self, _event: Resize) -> None:
        """Draw anew."""
        self.repaint()

    @property
    def painter(self) -> str:
        """The painter to use: sixel pictures lie over everything, so not while a modal is open."""
        wanted = self.terminal.preview
        return "half" if wanted == "sixel" and not self.screen.is_current else wanted

    def repaint(self) -> None:
        """Have a thread paint what is to be seen now; what is shown stays until it is done."""
        if not self.is_mounted:
            return
        colours = palette(dark=self.app.current_theme.dark)
        if self.curve is None:
            self._wanted = None
            self._take(Painted((Strip([Segment(self.waiting, colours.quiet)]),)))
            return
        paper = self.background_colors[1].rich_color.get_truecolor().hex
        ink = "#e2e6eb" if self.app.current_theme.dark else "#1b1f24"
        room = Room(*self.content_size, self.painter, self.terminal.cell, self.budget, ink, paper)
        drawing = Drawing(self.curve, self.low, self.high, self.z, colours)
        self._wanted = (drawing, room)
        self.run_worker(
            partial(self._paint, drawing, room), thread=True, exclusive=True, exit_on_error=False,
            group="draw", description="draw the spectrum",
        )  # fmt: skip

    def _paint(self, drawing: Drawing, room: Room) -> None:
        self.post_message(self._Done(drawing, room, paint(drawing, room)))

    def on_spectrum_plot__done(self, message: _Done) -> None:
        """Show what was painted, unless something else is wanted by now."""
        message.stop()
        if self._wanted is not None and self._wanted[0] is message.drawing:
            self._take(message.painted)

    def _take(self, painted: Painted) -> None:
        if painted.note and painted.note != self.painted.note:
            self.post_message(self.Noted(painted.note))
        self.painted = painted
        strips = list(painted.strips)
        for picture in painted.pictures:
            if not picture.png:
                continue
            if self._kitty is None:
                self._kitty = Kitty(self._write, passthrough=self.terminal.passthrough, series=SERIES)
            lines = self._kitty.show(picture.key, picture.png, picture.width, picture.height)
            for row, line in enumerate(lines, picture.row):
                strips[row] = laid_over(strips[row], picture.column, Strip(line, picture.width))
        self._strips = tuple(strips)
        self.refresh()

    def on_unmount(self) -> None:
        """Delete what the terminal holds."""
        if self._kitty is not None:
            self._kitty.close()

    def render_line(self, y: int) -> Strip:
        """Give one prepared line."""
        strip = self._strips[y] if y < len(self._strips) else Strip([])
        return strip.adjust_cell_length(self.size.width, self.rich_style).apply_style(self.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Give lines; blank cells were written over sixel pictures, so these are sent again afterwards."""
        if not self._to_send and any(picture.sixel for picture in self.painted.pictures):
            self._to_send = True
            self.call_after_refresh(self._send_sixels)
        return super().render_lines(crop)

    def _send_sixels(self) -> None:
        """Write every picture at its place inside one synchronised update."""
        self._to_send = False
        if self.painter != "sixel":
            return
        corner = self.content_region
        parts = [
            f"\x1b[{corner.y + picture.row + 1};{corner.x + picture.column + 1}H{picture.sixel}"
            for picture in self.painted.pictures
            if picture.sixel
        ]
        if parts:
            self._write("\x1b[?2026h\x1b7" + "".join(parts) + "\x1b8\x1b[?2026l")

    def _write(self, data: str) -> None:
        # The driver's own queue keeps pictures and frames in one order.
        if self.app._driver is not None:  # noqa: SLF001
            self.app._driver.write(data)  # noqa: SLF001
