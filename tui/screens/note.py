"""The editor of a note: any length, any characters; enter keeps it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static, TextArea

from tui.screens.base import Question


class NoteArea(TextArea):
    """A text area in which enter is left to the screen."""

    def _on_key(self, event: Key) -> None:  # type: ignore[override]  # Textual calls the base's handler next
        if event.key in {"enter", "escape"}:
            event.prevent_default()
        elif event.key in {"ctrl+j", "shift+enter", "alt+enter"}:
            event.prevent_default()
            event.stop()
            self.insert("\n")


class NoteScreen(Question[str]):
    """Edit a note; it is given back, or None where nothing shall change."""

    def __init__(self, candidate: str, text: str) -> None:
        super().__init__()
        self.candidate = candidate
        self.text = text
        self._warned = False

    def compose(self) -> ComposeResult:
        """Show the candidate and the note so far."""
        with Vertical(classes="card"):
            yield Static(f"Note on {self.candidate}", classes="title", markup=False)
            area = NoteArea(self.text, soft_wrap=True, compact=True)
            area.cursor_blink = False
            area.move_cursor(area.document.end)
            yield area
            yield Static(
                "enter: keep   alt-enter: new line   esc: leave as it was", classes="quiet", id="hint"
            )

    def on_key(self, event: Key) -> None:
        """Keep on enter."""
        if event.key == "enter":
            self.finish(self.query_one(NoteArea).text)

    def action_finish(self) -> None:
        """Leave the note as it was; ask again where something was written."""
        if self.query_one(NoteArea).text == self.text or self._warned:
            self.finish()
            return
        self._warned = True
        self.query_one("#hint", Static).update("not kept yet: enter keeps it, esc again drops it")
