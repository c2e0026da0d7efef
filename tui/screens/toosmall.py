"""Says that the terminal is too small, how large it is and how large it must be."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static


class TooSmall(ModalScreen[None]):
    """Covers everything until the terminal is large enough; nothing is lost below it."""

    BINDINGS = [Binding("q", "app.leave", "quit", show=False)]  # noqa: RUF012

    def __init__(self, least: tuple[int, int]) -> None:
        super().__init__(id="too-small")
        self.least = least

    def compose(self) -> ComposeResult:
        """Show the words in the middle."""
        yield Static(id="words")

    def on_mount(self) -> None:
        """Say the size."""
        self.say()

    def on_resize(self) -> None:
        """Say the new size."""
        self.say()

    def say(self) -> None:
        """Write current and needed size."""
        width, height = self.app.size
        self.query_one("#words", Static).update(
            Text(
                f"Terminal too small\nnow {width} × {height}\nneeded {self.least[0]} × {self.least[1]}",
                justify="center",
            )
        )
