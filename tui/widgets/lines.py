"""The two lines that frame every screen: how things stand above, which keys work below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from tui import keys
from tui.keys import Key
from tui.widgets.palette import palette

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Status:
    """What the line above says."""

    project: str = ""
    simulated: bool = False
    decided: int = 0
    listed: int = 0
    total: int = 0
    filters: str = ""
    run: str = ""
    message: str = ""
    alert: bool = False
    saving: bool = False


class StatusLine(Widget):
    """One line: project, SIMULATED, the last message, decided and left, the run."""

    DEFAULT_CSS = "StatusLine { dock: top; height: 1; }"

    def __init__(self) -> None:
        super().__init__(id="status")
        self.status = Status()

    def show(self, status: Status) -> None:
        """Show another state; nothing is painted where nothing changed."""
        if status != self.status:
            self.status = status
            self.refresh()

    def render(self) -> RenderableType:
        """Put the sides together; the message gets the room between."""
        colours = palette(dark=self.app.current_theme.dark)
        status, width = self.status, self.size.width
        left = Text(" ")
        if status.simulated:
            left.append(" SIMULATED ", colours.badge)
            left.append(" ")
        left.append(status.project, colours.strong)
        if status.filters:
            left.append(f"  ⊂ {status.filters}", colours.good)
        right = Text()
        if status.run:
            right.append(f"run {status.run}  ", colours.good)
        if status.listed or status.total:
            left_over = status.listed - status.decided
            of = f" of {status.total}" if status.listed != status.total else ""
            right.append(f"{status.decided} decided ", colours.quiet)
            right.append(f"{left_over} left", colours.strong)
            wide = width >= 100 or of
            right.append(f" in {status.listed}{of} " if wide else " ", colours.quiet)
        words = "saving…" if status.saving and not status.message else status.message
        room = width - left.cell_len - right.cell_len - 4
        if room < 12:
            left.truncate(max(12, width - right.cell_len - 16), overflow="ellipsis")
            room = width - left.cell_len - right.cell_len - 4
        middle = Text(words, colours.alert if status.alert else colours.good)
        middle.truncate(max(0, room), overflow="ellipsis")
        gap = width - left.cell_len - middle.cell_len - right.cell_len - 2
        line = Text.assemble(left, "  ", middle, " " * max(0, gap), right)
        line.truncate(width)
        return line


class KeyBar(Widget):
    """One line of keys that work here, the most useful first."""

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; }"

    def __init__(self, table: Sequence[Key], where: str) -> None:
        super().__init__(id="keys")
        self.table = table
        self.where = where
        self.hidden: frozenset[str] = frozenset()

    def hide(self, hidden: frozenset[str]) -> None:
        """Leave out keys that mean nothing now."""
        if hidden != self.hidden:
            self.hidden = hidden
            self.refresh()

    def render(self) -> RenderableType:
        """Write key and word in turn."""
        colours = palette(dark=self.app.current_theme.dark)
        line = Text(" ")
        for sign, words in keys.footer(self.table, self.where, self.size.width, hidden=self.hidden):
            line.append(sign, colours.good)
            line.append(f" {words}  ", colours.quiet)
        line.truncate(self.size.width)
        return line
