"""What to list and in which order."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Select, Static

from tui.listing import ORDERS, UNDECIDED, Query
from tui.screens.base import Question
from tui.widgets.palette import label_words

LABELS = ("", UNDECIDED, "interesting", "ordinary", "artifact", "known", "discuss")


class FilterScreen(Question[Query]):
    """Edit a query; enter lists, escape changes nothing."""

    BINDINGS = [Binding("f2", "clear", "everything", show=False)]  # noqa: RUF012

    def __init__(self, query: Query) -> None:
        super().__init__()
        self.asked = query

    def compose(self) -> ComposeResult:
        """Show a field for each part of a query."""
        query = self.asked
        labels = [("all" if not label else label_words(label), label) for label in LABELS]
        orders = [(words, place) for place, (words, _, _) in enumerate(ORDERS)]
        with Vertical(classes="card"):
            yield Static("List which candidates?", classes="title")
            yield from _row(
                "text", Input(query.text, id="text", compact=True, placeholder="name, frame, flag")
            )
            yield from _row("band", Input(query.band, id="band", compact=True, placeholder="F200W"))
            yield from _row(
                "flag", Input(query.flag, id="flag", compact=True, placeholder="edge, blended, …")
            )
            yield from _row(
                "label", Select(labels, value=query.label, allow_blank=False, id="label", compact=True)
            )
            yield from _row(
                "order", Select(orders, value=query.order, allow_blank=False, id="order", compact=True)
            )
            yield Static(
                "enter: list   tab: next field   f2: everything, by rank   esc: back", classes="quiet"
            )

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.finish(self._query())

    @on(Select.Changed)
    def _changed(self) -> None:
        # A choice made in a list is an answer of its own, but the first Changed comes from the start value.
        if self._query() != self.asked and isinstance(self.focused, Select):
            self.finish(self._query())

    def _query(self) -> Query:
        label = self.query_one("#label", Select).value
        order = self.query_one("#order", Select).value
        return Query(
            text=self.query_one("#text", Input).value.strip(),
            band=self.query_one("#band", Input).value.strip(),
            flag=self.query_one("#flag", Input).value.strip(),
            label=str(label),
            order=order if isinstance(order, int) else 0,
        )

    def action_clear(self) -> None:
        """List everything by rank."""
        self.finish(Query())


def _row(words: str, field: Input | Select[str] | Select[int]) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Label(words)
        yield field
