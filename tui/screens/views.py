"""Saved views: queries under names, one's own and others'; list one, keep the present one, give one up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input, Static

from tui.listing import CONFLICT, MINE, UNDECIDED, Query
from tui.screens.base import Question

SHOWN = 12
BUILT_IN = (
    ("everything", Query()),
    ("undecided", Query(label=UNDECIDED)),
    ("needs discussion", Query(label="discuss")),
    ("conflicts", Query(label=CONFLICT)),
    ("without what I decided", Query(hide=MINE)),
)


@dataclass(frozen=True)
class View:
    """A query with a name; `mine` says that it can be given up here, `by` who keeps it."""

    name: str
    query: Query
    by: str = ""
    mine: bool = False


@dataclass(frozen=True)
class ViewAnswer:
    """What was chosen: list a query, or keep it under a name, or give the name up."""

    query: Query
    keep: str = ""
    drop: str = ""


class ViewsScreen(Question[ViewAnswer]):
    """Move and enter list a view; s keeps the present one, d gives one's own up."""

    AUTO_FOCUS = ""

    def __init__(self, views: Sequence[View], present: Query) -> None:
        super().__init__()
        self.views = [*(View(name, query) for name, query in BUILT_IN), *views]
        self.present = present
        self.place = 0

    def compose(self) -> ComposeResult:
        """List the views."""
        with Vertical(classes="card"):
            yield Static("Views", classes="title")
            yield Static(self._lines(), id="list")
            yield Input(placeholder="a name for this view", id="name", compact=True, classes="-hidden")
            yield Static(
                "enter: list it   s: keep the present list   d: give up your own   esc: back",
                classes="quiet",
                id="hint",
            )

    def on_mount(self) -> None:
        """Show the field for a name only when asked."""
        self.query_one("#name", Input).display = False

    def _lines(self) -> Text:
        colours = self.colours
        first = max(0, min(self.place - SHOWN // 2, len(self.views) - SHOWN))
        lines = []
        for place, view in list(enumerate(self.views))[first : first + SHOWN]:
            line = Text("▶ " if place == self.place else "  ", colours.alert)
            line.append(view.name, colours.strong)
            line.append(f"  {view.query.words() or 'all by rank'}", colours.quiet)
            line.append(f"  by {view.by}" if view.by and not view.mine else "", colours.good)
            line.truncate(66, overflow="ellipsis")
            lines.append(line)
        lines.append(Text(f"  now: {self.present.words() or 'all by rank'}", colours.good))
        return Text("\n").join(lines)

    def on_key(self, event: Key) -> None:
        """Move, list, keep or give up."""
        if self.query_one("#name", Input).display:
            return
        view = self.views[self.place]
        step = {"j": 1, "down": 1, "k": -1, "up": -1}.get(event.key, 0)
        if step:
            self.place = (self.place + step) % len(self.views)
            self.query_one("#list", Static).update(self._lines())
        elif event.key == "enter":
            self.finish(ViewAnswer(view.query))
        elif event.key == "s":
            field = self.query_one("#name", Input)
            field.display = True
            field.focus()
            self.query_one("#hint", Static).update("enter: keep it   esc: back")
        elif event.key == "d" and view.mine:
            self.finish(ViewAnswer(self.present, drop=view.name))
        elif event.key == "d":
            self.query_one("#hint", Static).update("only views of your own can be given up   esc: back")
        else:
            return
        event.stop()

    @on(Input.Submitted)
    def _named(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if name and name not in {built_in for built_in, _ in BUILT_IN}:
            self.finish(ViewAnswer(self.present, keep=name))
        else:
            self.query_one("#hint", Static).update("a name of its own, please")
