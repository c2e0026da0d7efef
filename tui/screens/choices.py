"""Choices of one key: which kind of artefact, which grade; and a plain yes or no."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static

from tui.screens.base import Question


class ChoiceScreen(Question[str]):
    """A short list with a key for each line; escape takes nothing."""

    TITLE_WORDS: ClassVar[str] = ""
    HINT: ClassVar[str] = "esc: none of these, nothing is decided"

    def choices(self) -> list[tuple[str, str, str]]:
        """Give key, words and value of each line."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """List the choices."""
        with Vertical(classes="card"):
            yield Static(self.TITLE_WORDS, classes="title")
            yield Static(self._lines())
            yield Static(self.HINT, classes="quiet")

    def _lines(self) -> Text:
        lines = [Text.assemble((f" {key}  ", self.colours.good), words) for key, words, _ in self.choices()]
        return Text("\n").join(lines)

    def on_key(self, event: Key) -> None:
        """Take the choice that belongs to the key, in either case."""
        for key, _, value in self.choices():
            if key in (event.key.lower(), event.character):
                event.stop()
                self.finish(value)
                return


class ReasonScreen(ChoiceScreen):
    """Which kind of artefact, by the names that JWST's instrument teams use."""

    TITLE_WORDS = "Artefact: which kind?"
    HINT = "esc: back, nothing is decided"

    def choices(self) -> list[tuple[str, str, str]]:
        """Give the reasons of the configuration with their keys."""
        reasons = self.vet.config.vetting.reason_keys()
        return [(sign, reason.replace("_", " "), reason) for reason, sign in reasons]


class GradeScreen(ChoiceScreen):
    """A grade as lens searches give it."""

    TITLE_WORDS = "Grade"

    def choices(self) -> list[tuple[str, str, str]]:
        """Give the grades; upper or lower case."""
        words = (("a", "A  sure"), ("b", "B  probable"), ("c", "C  possible"), ("x", "X  no"))
        return [(key, text, key.upper()) for key, text in words] + [("0", "no grade", "")]


class ConfirmScreen(Question[bool]):
    """A question that y answers; anything else is no."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """Ask."""
        with Vertical(classes="card"):
            yield Static(self.question, classes="title", markup=False)
            yield Static("y: yes    any other key: no", classes="quiet")

    def on_key(self, event: Key) -> None:
        """Take the answer."""
        event.stop()
        self.finish(event.key == "y")
