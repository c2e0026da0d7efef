"""One verdict for a whole list: which label, a preview of what it is about, and one undo for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static

from tui.screens.base import Question
from tui.screens.deciding import describe
from tui.widgets.palette import Palette
from tui.widgets.table import number

if TYPE_CHECKING:
    from tui import messages

FIRST = 6


@dataclass(frozen=True)
class BulkAnswer:
    """What is to be written: the same payload for each of the names."""

    names: Sequence[str]
    payload: Mapping[str, Any]


class BulkScreen(Question[BulkAnswer]):
    """First a label, then its preview; enter writes, escape changes nothing."""

    def __init__(self, counted: messages.BulkCounted, words: str, labels: Mapping[str, str]) -> None:
        super().__init__()
        self.counted = counted
        self.words = words or "all candidates; no filter is set"
        self.labels = labels
        self.payload: dict[str, Any] = {}
        self.everyone = False

    @property
    def names(self) -> Sequence[str]:
        """Whom it is about now."""
        return self.counted.names if self.everyone else self.counted.undecided

    def compose(self) -> ComposeResult:
        """Show the list, then what is chosen."""
        with Vertical(classes="card"):
            yield Static("One verdict for the whole list", classes="title")
            yield Static(self._text(), id="preview")
            yield Static("", classes="quiet", id="hint")

    def on_mount(self) -> None:
        """Say what the keys do."""
        self._show()

    def _show(self) -> None:
        self.query_one("#preview", Static).update(self._text())
        hint = "enter: write it   a: who is meant   esc: nothing is decided"
        if not self.payload:
            hint = "the label's key chooses it   esc: nothing is decided"
        elif self._asks_reason():
            hint = "which kind?   esc: nothing is decided"
        self.query_one("#hint", Static).update(hint)

    def _asks_reason(self) -> bool:
        return self.payload.get("label") == "artifact" and "reason" not in self.payload

    def _text(self) -> Text:
        colours = self.colours
        text = Text(f"{self.words}\n", colours.good)
        if not self.payload:
            lines = [f" {sign}  {describe('label', {'label': label})}" for sign, label in self.labels.items()]
            return text.append("\n".join(lines), colours.plain)
        if self._asks_reason():
            reasons = self.vet.config.vetting.reason_keys()
            return text.append("\n".join(f" {sign}  {name.replace('_', ' ')}" for name, sign in reasons))
        return text.append_text(preview(self.counted, self.names, self.payload, self.everyone, colours))

    def on_key(self, event: Key) -> None:
        """Take label, reason, and the last word."""
        pressed = event.character or event.key
        if event.key == "escape":
            return
        event.stop()
        if not self.payload and pressed in self.labels:
            self.payload = {"label": self.labels[pressed]}
        elif self.payload and self._asks_reason():
            reasons = {sign: name for name, sign in self.vet.config.vetting.reason_keys()}
            if pressed in reasons:
                self.payload["reason"] = reasons[pressed]
        elif self.payload and pressed == "a":
            self.everyone = not self.everyone
        elif self.payload and event.key == "enter":
            self.finish(BulkAnswer(self.names, self.payload) if self.names else None)
            return
        self._show()


def preview(
    counted: messages.BulkCounted,
    names: Sequence[str],
    payload: Mapping[str, Any],
    everyone: bool,
    colours: Palette,
) -> Text:
    """Say what would be written on how many, and show the first of them."""
    decided = len(counted.names) - len(counted.undecided)
    text = Text(f"{describe('label', payload)} ", colours.strong)
    text.append(f"on {len(names)} of {len(counted.names)} listed candidates\n", colours.alert)
    if everyone and decided:
        text.append(f"{decided} of them have a label of yours, which this replaces\n", colours.alert)
    elif decided:
        text.append(f"{decided} that you decided stay as they are (a: them too)\n", colours.quiet)
    meant = set(names)
    for row in [row for row in counted.first if row.candidate in meant][:FIRST]:
        text.append(f"  #{row.rank} {row.candidate}  score {number(row.composite_score, 3)}\n", colours.quiet)
    text.append("A line for each is written; one undo takes all of them back.", colours.quiet)
    return text
