"""The list as a contact sheet, and the nearest neighbours as a strip: choose one, and go to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static
from textual.worker import get_current_worker

from store.project import StoreError
from tui import messages
from tui.screens.base import Question
from tui.widgets.contact import CAPTIONS, Cell, ContactSheet, fit_cells, paint
from tui.widgets.painters import Line
from tui.widgets.palette import label_sign, label_words
from tui.widgets.table import number, short_name


class GalleryScreen(Question[str]):
    """Pictures of a list in its order, a page at a time; the answer is the candidate to go to."""

    AUTO_FOCUS = ""
    LEAST = 14
    ROWS = 0
    HINT = "arrows, h j k l: move   pgup pgdn: page   enter, click: go to it   esc: back"

    def __init__(
        self, title: str, names: Sequence[str], start: int = 0, notes: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.title_words = title
        self.names = names
        self.place = start
        self.notes = notes or {}
        self.pictures: dict[str, list[Line]] = {}
        self.captions: dict[str, tuple[str, str]] = {}
        self.cell = Cell(1, 1, 1, 1)

    def compose(self) -> ComposeResult:
        """Show a title, the sheet, and what the keys do."""
        with Vertical(classes="card"):
            yield Static("", classes="title", id="which", markup=False)
            yield ContactSheet()
            yield Static(self.HINT, classes="quiet", id="hint")

    @property
    def sheet(self) -> ContactSheet:
        """The pictures."""
        return self.query_one(ContactSheet)

    def on_mount(self) -> None:
        """Lay out once the size is known."""
        self.call_after_refresh(self._lay_out)

    def on_resize(self) -> None:
        """Lay out for the new size."""
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        size = self.sheet.size
        if size.width < 4 or size.height <= CAPTIONS:
            return
        cell = fit_cells(size.width, size.height, least=self.LEAST, rows=self.ROWS)
        if cell != self.cell:
            self.cell = cell
            self.pictures.clear()
        self._show()

    @property
    def page(self) -> tuple[int, list[str]]:
        """First place and names of the page that the chosen one is on."""
        first = self.place // self.cell.shown * self.cell.shown
        return first, list(self.names[first : first + self.cell.shown])

    def _show(self) -> None:
        first, names = self.page
        count = len(self.names)
        self.query_one("#which", Static).update(f"{self.title_words}   {self.place + 1} of {count}")
        self.sheet.show(self.cell, names, self.pictures, self.captions, self.place - first)
        if missing := [name for name in names if name not in self.pictures]:
            self.run_worker(
                partial(self._read, missing, self.cell),
                thread=True,
                exclusive=True,
                exit_on_error=False,
                group="gallery",
                description="read small pictures",
            )

    def _read(self, names: list[str], cell: Cell) -> None:
        worker = get_current_worker()
        desk = self.vet.desk
        plain = self.vet.terminal.preview == "plain"
        try:
            rows = desk.rows(names)
        except StoreError:
            rows = {}  # the pictures come from files all the same; the captions lack rank and score
        for name in names:
            if worker.is_cancelled:
                return
            state, row = desk.book.state(name), rows.get(name)
            told = self.notes.get(name) or (number(row.composite_score, 3) if row else "")
            head = f"{row.rank} {told}" if row else short_name(name)
            label = f"{label_sign(state.label)} {label_words(state.label)}" if state.label else ""
            caption = (head, label or short_name(name))
            self.post_message(
                messages.ThumbRead(name, cell, paint(desk.thumb(name), cell, plain=plain), caption)
            )

    @on(messages.ThumbRead)
    def _thumb_read(self, message: messages.ThumbRead) -> None:
        if message.cell == self.cell:
            self.pictures[message.name] = list(message.lines)
            self.captions[message.name] = message.caption
            self.sheet.refresh()

    def on_key(self, event: Key) -> None:
        """Move, or go."""
        if event.key == "escape":
            return
        event.stop()
        across, shown = self.cell.columns, self.cell.shown
        steps = {"left": -1, "h": -1, "right": 1, "l": 1, "up": -across, "k": -across}
        steps |= {"down": across, "j": across, "pageup": -shown, "pagedown": shown}
        steps |= {"home": -len(self.names), "end": len(self.names)}
        if event.key == "enter":
            self.finish(self.names[self.place])
        elif event.key in steps:
            self.place = max(0, min(self.place + steps[event.key], len(self.names) - 1))
            self._show()

    @on(ContactSheet.Chosen)
    def _clicked(self, message: ContactSheet.Chosen) -> None:
        self.finish(self.page[1][message.place])


class AlikeScreen(GalleryScreen):
    """One strip below the candidate: itself, then its neighbours, nearest first."""

    LEAST = 12
    ROWS = 1
    HINT = "← →: move   enter or click: go to it   esc: back"
