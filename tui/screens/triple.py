"""Which three bands are red, green and blue: one key each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.screens.base import Question

KEYS = "123456789abcdefghijklmnopqrstuvwxyz"
CHANNELS = ("red", "green", "blue")


class TripleScreen(Question[tuple[str, ...]]):
    """Three keys, one for each colour; escape leaves the composite as it is."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = list(labels)[: len(KEYS)]
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        """List the bands with their keys."""
        with Vertical(classes="card"):
            yield Static("", id="asked", classes="title")
            yield Static(self._listed())

    def on_mount(self) -> None:
        """Ask for the first."""
        self._ask()

    def _listed(self) -> Text:
        lines = Text()
        for key, label in zip(KEYS, self.labels, strict=False):
            lines.append(f" {key}  ", self.colours.good)
            lines.append(f"{label}\n", self.colours.plain)
        lines.append("longest wavelength red, shortest blue shows colours as they are\n", self.colours.quiet)
        lines.append("esc: back, as it was", self.colours.quiet)
        return lines

    def _ask(self) -> None:
        done = "".join(f"{CHANNELS[n]} {label}, " for n, label in enumerate(self.chosen))
        self.query_one("#asked", Static).update(f"{done}{CHANNELS[len(self.chosen)]}: which band?")

    def on_key(self, event: events.Key) -> None:
        """Take one band."""
        place = KEYS.find(event.character or "\0")
        if not 0 <= place < len(self.labels):
            return
        event.stop()
        self.chosen.append(self.labels[place])
        if len(self.chosen) == len(CHANNELS):
            self.finish(tuple(self.chosen))
        else:
            self._ask()
