"""Where to go: a rank, a name or a position."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui.screens.base import Question


class GoToScreen(Question[str]):
    """Ask for a place; give back what was typed."""

    def compose(self) -> ComposeResult:
        """Ask, with examples."""
        with Vertical(classes="card"):
            yield Static("Go to", classes="title")
            yield Input(placeholder="12    110.83751-73    110.8375 -73.4397    07:23:21 -73:26:22")
            yield Static(
                "a rank, a name or part of it, or 'ra dec' (ICRS degrees, or h:m:s d:m:s); esc: back",
                classes="quiet",
            )

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        self.finish(event.value)
