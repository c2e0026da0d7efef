"""The ranked table: a virtual list of any length, painted from rows asked for when needed."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.listing import Listing
from tui.widgets.palette import Palette, label_sign, label_style, label_words, palette

if TYPE_CHECKING:
    from store.candidates import CandidateRow
    from store.verdicts import VerdictState

KEPT_ROWS = 4096
AROUND = 64


@dataclass(frozen=True)
class Column:
    """One column: its words, width, side, and the text of a row; lower `need` is kept longer."""

    title: str
    width: int
    need: int
    text: Callable[[CandidateRow], str]
    right: bool = True


def number(value: float, digits: int) -> str:
    """Write a number, or a dash where it is not known."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def short_name(candidate: str) -> str:
    """Leave out what all names share."""
    return candidate.removeprefix("JWST ").removeprefix("J")


def _snr(row: CandidateRow) -> str:
    return number(row.snr, 1 if row.snr < 1000 else 0) if not row.snr >= 1e5 else f"{row.snr:.0e}"


COLUMNS: tuple[Column, ...] = (
    Column("rank", 4, 0, lambda row: str(row.rank)),
    Column("candidate", 18, 1, lambda row: short_name(row.candidate), right=False),
    Column("score", 5, 2, lambda row: number(row.composite_score, 3)),
    Column("S/N", 5, 3, _snr),
    Column("d/c", 5, 5, lambda row: f"{row.frames_detected}/{row.frames_covering}"),
    Column("filters", 24, 6, lambda row: row.filters.replace(",", " "), right=False),
)
CHOICES = ((6, 13), (5, 13), (3, 13), (3, 4), (3, 1), (2, 1), (1, 1))
"""Which columns (by need) go with how much room for the label: sign and word, sign and letters, sign."""


def columns_for(width: int, total: int = 0) -> tuple[tuple[Column, ...], int]:
    """Choose the columns that fit and the room for the label; ranks get the digits they need."""
    digits = max(4, len(str(total)))
    for needed, label in CHOICES:
        columns = tuple(
            replace(column, width=digits) if column.need == 0 else column
            for column in COLUMNS
            if column.need <= needed
        )
        if 1 + sum(column.width + 1 for column in columns) + label <= width:
            return columns, label
    return COLUMNS[1:2], 1


class RankTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Candidates in order; it moves a cursor and asks for rows, and decides nothing."""

    DEFAULT_CSS = """
    RankTable { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """

    cursor = reactive(0, repaint=False)

    @dataclass
    class Moved(Message):
        """The cursor is on another candidate."""

        candidate: str

    @dataclass
    class Wanted(Message):
        """Rows that are to be read."""

        names: Sequence[str]

    def __init__(self, states: Mapping[str, VerdictState]) -> None:
        super().__init__(id="table")
        self.listing = Listing()
        self.states = states
        self.conflicts: frozenset[str] = frozenset()
        self.rows: OrderedDict[str, CandidateRow] = OrderedDict()
        self._asked: frozenset[str] = frozenset()

    @property
    def candidate(self) -> str | None:
        """The candidate under the cursor."""
        return self.listing.names[self.cursor] if self.cursor < len(self.listing) else None

    def show(self, listing: Listing, rows: Mapping[str, CandidateRow], *, fresh: bool = False) -> None:
        """Show another list, staying on the same candidate where it is in both; `fresh` drops known rows."""
        candidate = self.candidate
        if fresh:
            self.rows.clear()
        self._asked = frozenset()
        self.listing = listing
        self.take_rows(rows)
        self.virtual_size = Size(0, len(listing) + 1)
        self.set_reactive(RankTable.cursor, listing.places.get(candidate or "", 0))
        self._keep_visible()
        self.refresh()
        if self.candidate is not None:
            self.post_message(self.Moved(self.candidate))

    def take_rows(self, rows: Mapping[str, CandidateRow]) -> None:
        """Keep rows that were read; the longest unused ones go."""
        self.rows.update(rows)
        while len(self.rows) > KEPT_ROWS:
            self.rows.popitem(last=False)
        self._asked -= rows.keys()
        self.refresh()

    def move_to(self, place: int) -> None:
        """Put the cursor on a place of the list."""
        self.cursor = max(0, min(place, len(self.listing) - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Repaint the two lines concerned, and say where the cursor is."""
        self._keep_visible()
        self.refresh_line(before + 1)
        self.refresh_line(after + 1)
        if self.candidate is not None:
            self.post_message(self.Moved(self.candidate))

    @property
    def page(self) -> int:
        """Rows on one page."""
        return max(1, self.size.height - 1)

    def _keep_visible(self) -> None:
        top = round(self.scroll_target_y)
        if self.cursor < top:
            top = self.cursor
        elif self.cursor >= top + self.page:
            top = self.cursor - self.page + 1
        self.scroll_to(y=top, animate=False, force=True)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._keep_visible()

    def on_click(self, event: Click) -> None:
        """Go to the candidate that was clicked."""
        place = event.y + round(self.scroll_y) - 1
        if event.y > 0 and 0 <= place < len(self.listing):
            self.move_to(place)

    def render_line(self, y: int) -> Strip:
        """Paint one line: the header, or the row at this place."""
        width = self.size.width
        colours = palette(dark=self.app.current_theme.dark)
        columns, label = columns_for(width, self.listing.total)
        if y == 0:
            return self._header(columns, label, width, colours)
        place = y - 1 + round(self.scroll_y)
        if place >= len(self.listing):
            return Strip.blank(width, self.rich_style)
        name = self.listing.names[place]
        row = self.rows.get(name)
        if row is None or place == self.cursor:
            self._ask(place)
        return self._line(place, name, row, columns, label, width, colours)

    def _header(self, columns: Sequence[Column], label: int, width: int, colours: Palette) -> Strip:
        words = "".join(_cell(column.title, column.width, right=column.right) + " " for column in columns)
        text = " " + words + ("label" if label > 4 else "")
        return Strip([Segment(set_cell_size(text, width), colours.header)])

    def _line(
        self,
        place: int,
        name: str,
        row: CandidateRow | None,
        columns: Sequence[Column],
        label: int,
        width: int,
        colours: Palette,
    ) -> Strip:
        here = place == self.cursor
        state = self.states.get(name)
        given = state.label if state else ""
        style = colours.plain if not given else colours.quiet
        texts = [
            column.text(row) if row else (short_name(name) if column.need == 1 else "…") for column in columns
        ]
        words = "".join(
            _cell(text, column.width, right=column.right) + " "
            for text, column in zip(texts, columns, strict=True)
        )
        sign = "!" if name in self.conflicts else label_sign(given)
        word = label_words(given) if given else ""
        shown = f"{sign} {word}" if label > 4 else f"{sign}{word[:3]}" if label > 1 else sign
        segments = [
            Segment("▶" if here else " ", colours.alert),
            Segment(words, style),
            Segment(shown, label_style(given, colours)),
        ]
        base = self.rich_style + colours.cursor if here else self.rich_style
        return Strip(segments).adjust_cell_length(width, Style()).apply_style(base)

    def _ask(self, place: int) -> None:
        """Ask for the rows around a place that are neither here nor asked for, half a page before its end.

        A decision needs its row: whoever goes through the list at speed is not to wait for it.
        """
        names = self.listing.names[max(0, place - AROUND) : place + AROUND]
        missing = [name for name in names if name not in self.rows and name not in self._asked]
        soon = min(place + AROUND // 2, len(self.listing) - 1)
        if self.listing.names[place] in missing or self.listing.names[soon] in missing:
            self._asked |= frozenset(missing)
            # Painting happens in the screen's name; a message bubbles only when sent in the table's own.
            self.call_later(lambda: self.post_message(self.Wanted(missing)))

    def forget_asked(self) -> None:
        """Ask again for rows that could not be read."""
        self._asked = frozenset()
        self.refresh()


def _cell(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    return text.rjust(width) if right else text.ljust(width)
