"""The panel of cutouts: every frame of a candidate side by side, as the terminal can draw them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import painters
from tui.widgets.kitty import Kitty
from tui.widgets.painters import Grid, Line
from tui.widgets.palette import palette
from tui.widgets.sixel import SixelError, Sixels

if TYPE_CHECKING:
    from tui.desk import Detail, View
    from tui.terminal import Terminal

GAP = 1
LARGEST_SIDE = 100
_ARROWS = "↑↖←↙↓↘→↗"
SEEN = ("detected", "not detected", "no valid pixel")
SEEN_SHORT = ("seen", "not seen", "no data")
SEEN_WIDTH = 14


@dataclass(frozen=True)
class _Placed:
    """A picture and the cells it has in the panel."""

    view: View
    x: int
    y: int


class Cutouts(Widget):
    """Pictures of one candidate; `show` a detail, and it is painted with the best painter there is."""

    DEFAULT_CSS = "Cutouts { overflow: hidden; }"

    def __init__(self, terminal: Terminal, budget: int) -> None:
        super().__init__(id="cutouts")
        self.terminal = terminal
        self.budget = budget
        self.detail: Detail | None = None
        self.waiting = ""
        self.invert = False
        self.first = 0
        self._strips: list[Strip] = []
        self._placed: list[_Placed] = []
        self._grid = Grid(0, 0, (0, 0), 0)
        self._kitty: Kitty | None = None
        self._sixels = Sixels(terminal.cell)
        self._sixel_works = True
        self._to_send = False

    def show(self, detail: Detail | None, *, invert: bool = False, waiting: str = "") -> None:
        """Paint a candidate's pictures, or words while there are none."""
        if detail is None or self.detail is None or detail.candidate != self.detail.candidate:
            self.first = 0
        self.detail, self.invert, self.waiting = detail, invert, waiting
        self.repaint()

    def turn(self) -> bool:
        """Show the next frames where not all fit; say whether there were more."""
        count = len(self.detail.views) if self.detail else 0
        if count <= self._grid.shown:
            return False
        self.first = self.first + self._grid.shown if self.first + self._grid.shown < count else 0
        self.repaint()
        return True

    def on_resize(self) -> None:
        """Lay the pictures out anew."""
        self.repaint()

    def on_unmount(self) -> None:
        """Delete what the terminal holds."""
        if self._kitty is not None:
            self._kitty.close()

    def repaint(self) -> None:
        """Prepare all lines, and show them."""
        self._strips = self._painted() if self.size.width and self.size.height else []
        self.refresh()

    @property
    def painter(self) -> str:
        """The painter used now: a graphics protocol only while nothing lies over the panel."""
        wanted = self.terminal.preview
        if wanted == "plain" or (wanted == "sixel" and not self._sixel_works):
            return "plain" if wanted == "plain" else "half"
        return wanted if self.screen.is_current or wanted == "half" else "half"

    def render_line(self, y: int) -> Strip:
        """Give one prepared line."""
        if y < len(self._strips):
            return (
                self._strips[y]
                .adjust_cell_length(self.size.width, self.rich_style)
                .apply_style(self.rich_style)
            )
        return Strip.blank(self.size.width, self.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Give lines; blank cells were written over sixel pictures, so these are sent again afterwards."""
        if self._placed and self.painter == "sixel" and not self._to_send:
            self._to_send = True
            self.call_after_refresh(self._send_sixels)
        return super().render_lines(crop)

    def _painted(self) -> list[Strip]:
        self._placed = []
        colours = palette(dark=self.app.current_theme.dark)
        detail = self.detail
        if detail is None or not detail.views:
            words = self.waiting or (detail.problem if detail else "")
            return _centred(words, self.size, colours.quiet)
        views = detail.views[self.first :]
        label_rows = 1
        self._grid = painters.arrange(len(views), self.size.width, self.size.height, 1, gap=GAP)
        roomy = painters.arrange(len(views), self.size.width, self.size.height, 2, gap=GAP)
        if roomy.cells == self._grid.cells or self.size.height >= 30:
            self._grid, label_rows = roomy, 2
        side = min(self._grid.cells[0], LARGEST_SIDE)
        views = views[: self._grid.shown]
        hidden = len(detail.views) - len(views)
        lines: list[Line] = []
        columns = self._grid.columns
        for row in range(self._grid.rows):
            beside = views[row * columns : (row + 1) * columns]
            blocks = [
                self._block(view, (side, side // 2), label_rows, (place * (side + GAP), len(lines)))
                for place, view in enumerate(beside)
            ]
            lines += [_joined(parts) for parts in zip(*blocks, strict=True)]
        if hidden and lines:
            lines[-1].append(Segment(f"  {hidden} more: b", colours.alert))
        return [Strip(line) for line in lines]

    def _block(
        self, view: View, cells: tuple[int, int], label_rows: int, place: tuple[int, int]
    ) -> list[Line]:
        """Paint one picture with its words below."""
        width, height = cells
        self._placed.append(_Placed(view, *place))
        return [*self._picture(view, width, height), *self._labels(view, width, label_rows)]

    def _picture(self, view: View, width: int, height: int) -> list[Line]:
        painter = self.painter
        if painter == "kitty":
            if self._kitty is None:
                self._kitty = Kitty(self._write, passthrough=self.terminal.passthrough)
            key = (self._candidate, view.panel.frame, self._stretch)
            return self._kitty.paint(key, view.gray, width, height, invert=self.invert)
        if painter == "sixel":
            if self._sixels.get(self._key(view)) is not None:
                return [[Segment(" " * width)] for _ in range(height)]
            self._encode()
        gray = painters.inverted(view.gray) if self.invert else view.gray
        if painter == "plain":
            return painters.plain_characters(gray, width, height)
        return painters.half_blocks(gray, width, height, budget=self.budget // max(1, self._grid.shown))

    def _labels(self, view: View, width: int, rows: int) -> list[Line]:
        colours = palette(dark=self.app.current_theme.dark)
        panel = view.panel
        sign = "●" if panel.detected else "○" if panel.covered else "∅"
        style = colours.strong if panel.detected else colours.quiet
        name = f"{sign}{view.label}"[:width]
        scale = painters.scale_bar(_side_arcsec(view) / width, width - cell_len(name) - 1)
        blank = " " * (width - cell_len(name) - cell_len(scale))
        lines: list[Line] = [[Segment(name, style), Segment(blank), Segment(scale, colours.quiet)]]
        if rows > 1:
            words = SEEN if width >= SEEN_WIDTH else SEEN_SHORT
            found = words[0] if panel.detected else words[1] if panel.covered else words[2]
            lines.append(
                [Segment(_spread(found, compass(panel.north_deg, panel.parity), width), colours.quiet)]
            )
        return lines

    @property
    def _candidate(self) -> str:
        return self.detail.candidate if self.detail else ""

    @property
    def _stretch(self) -> str:
        return self.detail.stretch if self.detail else ""

    def _key(self, view: View) -> tuple[object, ...]:
        return (self._candidate, view.panel.frame, self._stretch, self._grid.cells, self.invert)

    def _write(self, data: str) -> None:
        # The driver's own queue keeps pictures and frames in one order.
        if self.app._driver is not None:  # noqa: SLF001
            self.app._driver.write(data)  # noqa: SLF001

    def _encode(self) -> None:
        if self.detail is not None:
            self.run_worker(
                self._encode_all,
                thread=True,
                exclusive=True,
                exit_on_error=False,
                group="sixel",
                description="encode pictures",
            )

    def _encode_all(self) -> None:
        width, height = min(self._grid.cells[0], LARGEST_SIDE), min(self._grid.cells[1], LARGEST_SIDE // 2)
        try:
            for placed in list(self._placed):
                view = placed.view
                self._sixels.encode(self._key(view), view.gray, width, height, invert=self.invert)
        except SixelError as error:
            self._sixel_works = False
            self.log(str(error))
        self.call_later(self.repaint)

    def _send_sixels(self) -> None:
        """Write every picture at its place, inside one synchronised update."""
        self._to_send = False
        if self.painter != "sixel":
            return
        corner = self.content_region
        parts = []
        for placed in self._placed:
            data = self._sixels.get(self._key(placed.view))
            if data is not None:
                parts.append(f"\x1b[{corner.y + placed.y + 1};{corner.x + placed.x + 1}H{data}")
        if parts:
            self._write("\x1b[?2026h\x1b7" + "".join(parts) + "\x1b8\x1b[?2026l")


def compass(north_deg: float, parity: int) -> str:
    """Say where north and east are, by arrows; empty where that is not known."""
    if not math.isfinite(north_deg) or not parity:
        return ""
    north = _ARROWS[round(north_deg / 45) % 8]
    east = _ARROWS[round((north_deg + 90 * parity) / 45) % 8]
    return f"N{north} E{east}"


def _side_arcsec(view: View) -> float:
    return float(view.gray.shape[1] * view.panel.pixel_scale)


def _spread(left: str, right: str, width: int) -> str:
    if cell_len(left) + cell_len(right) + 1 > width:
        right = ""
    return (left + " " * (width - cell_len(left) - cell_len(right)) + right)[:width]


def _joined(parts: tuple[Line, ...]) -> Line:
    line: Line = []
    for part in parts:
        line += [*part, Segment(" " * GAP)]
    return line


def _centred(words: str, size: Size, style: Style) -> list[Strip]:
    import textwrap

    lines = [
        piece for line in words.splitlines() for piece in textwrap.wrap(line, max(10, size.width - 4)) or [""]
    ]
    above = max(0, (size.height - len(lines)) // 2)
    before = " " * max(0, (size.width - max(map(len, lines), default=0)) // 2)
    return [Strip([])] * above + [Strip([Segment(before + line, style)]) for line in lines]
