"""The two lines that frame every screen: how things stand above, which keys work below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click
from textual.widget import Widget

from tui import keys, legend
from tui.keys import Key
from tui.widgets.palette import palette

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Status:
    """What the line above says."""

    project: str = ""
    simulated: bool = False
    packed: bool = False
    blind: bool = False
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
        if status.packed:
            left.append(" PACK, no FITS ", colours.badge)
            left.append(" ")
        if status.blind:
            left.append(" BLIND ", colours.badge)
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
        for sign, words in legend.footer(self.table, self.where, self.size.width, hidden=self.hidden):
            line.append(sign, colours.good)
            line.append(f" {words}  ", colours.quiet)
        line.truncate(self.size.width)
        return line

    def key_at(self, x: int) -> str:
        """Name the key whose sign or word stands at a column; empty between them."""
        names = {key.id: key.names()[0] for key in keys.valid_in(self.table, self.where)}
        width, start = self.size.width, 1
        shown = legend.footer(self.table, self.where, width, hidden=self.hidden)
        for key, (sign, words) in zip(
            legend.footer_keys(self.table, self.where, width, hidden=self.hidden), shown, strict=True
        ):
            end = start + cell_len(f"{sign} {words}")
            if start <= x < end:
                second = key.partner and x > start + len(sign) // 2 and x < start + len(sign)
                return names[key.partner] if second else names[key.id]
            start = end + 2
        return ""

    def on_click(self, event: Click) -> None:
        """Take a click on a key or its word as a press of the key."""
        if name := self.key_at(event.x):
            event.stop()
            self.app.simulate_key(name)


class HintLine(Widget):
    """One line for who is here for the first time; gone once its key was used."""

    DEFAULT_CSS = "HintLine { height: 1; } HintLine.-none { display: none; }"

    def __init__(self) -> None:
        super().__init__(id="hint", classes="-none")
        self.words = ""

    def show(self, words: str) -> None:
        """Show a hint, or nothing."""
        self.words = words
        self.set_class(not words, "-none")
        self.refresh()

    def render(self) -> RenderableType:
        """Write the hint."""
        colours = palette(dark=self.app.current_theme.dark)
        line = Text.assemble(" ", ("hint ", colours.alert), (self.words, colours.plain))
        line.truncate(self.size.width, overflow="ellipsis")
        return line
