"""What to list and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from tui.listing import ANYONE, CONFLICT, MINE, ORDERS, UNDECIDED, Query
from tui.own_columns import EXAMPLE, ColumnError, parse_conditions
from tui.places import parse_position
from tui.screens.base import Question
from tui.widgets.palette import CHECK_WORDS, OUTCOME_SIGNS, label_words

HINT = "enter: list   tab: next   f2: everything, by rank   esc: back"
RANKING, COLUMN = "ranking:", "column:"


class FilterError(ValueError):
    """A field that means nothing, in a few words."""


class FilterScreen(Question[Query]):
    """Edit a query; enter lists, escape changes nothing."""

    BINDINGS = [Binding("f2", "clear", "everything", show=False)]  # noqa: RUF012

    def __init__(self, query: Query, rankings: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
        super().__init__()
        self.asked = query
        self.rankings = rankings
        self.columns = columns

    def compose(self) -> ComposeResult:
        """Show a field for each part of a query."""
        query = self.asked
        with Vertical(classes="card"):
            yield Static("List which candidates?", classes="title")
            yield from _row("text", _input("text", query.text, "name, frame, flag"))
            yield from _row(
                "band, flag",
                _input("band", query.band, "F200W"),
                _input("flag", query.flag, "edge, blended …"),
            )
            yield from _row("label", _select("label", self._labels(), query.label))
            yield from _row("hide", _select("hide", _HIDDEN, query.hide))
            yield from _row("check", _select("check", _checks(), query.check))
            yield from _row(
                "score from",
                _input("low", _plain(query.score_low), "0.5"),
                _input("high", _plain(query.score_high), "1"),
            )
            yield from _row(
                "position", _input("cone", cone_text(query.cone), "ra dec arcsec: 110.83 -73.45 20")
            )
            if self.columns or query.where:
                yield from _row("columns", _input("where", query.where, EXAMPLE))
            yield from _row("order", _select("order", self._orders(), _order_of(query)))
            yield from _row(
                "direction", _select("reverse", _DIRECTIONS, "backwards" if query.reverse else "")
            )
            yield Static(HINT, classes="quiet", id="hint")

    def _labels(self) -> list[tuple[str, str]]:
        names = ["", UNDECIDED, CONFLICT, *(name for name, _ in self.vet.config.vetting.label_keys())]
        if self.asked.label not in names:
            names.append(self.asked.label)
        return [("all" if not name else label_words(name), name) for name in names]

    def _orders(self) -> list[tuple[str, str]]:
        orders = [(words, str(place)) for place, (words, _, _) in enumerate(ORDERS)]
        names = dict.fromkeys([*self.rankings, *([self.asked.ranking] if self.asked.ranking else [])])
        orders += [(f"ranking {name}", RANKING + name) for name in names]
        columns = dict.fromkeys([*self.columns, *([self.asked.column] if self.asked.column else [])])
        return orders + [(f"column {name}", COLUMN + name) for name in columns]

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._list()

    @on(Select.Changed)
    def _changed(self) -> None:
        # A choice made in a list is an answer of its own, but the first Changed comes from the start value.
        if isinstance(self.focused, Select):
            self._list(only_changed=True)

    def _list(self, *, only_changed: bool = False) -> None:
        try:
            query = self._query()
        except FilterError as error:
            self.query_one("#hint", Static).update(str(error))
            return
        if not (only_changed and query == self.asked):
            self.finish(query)

    def _query(self) -> Query:
        order = self._chosen("order")
        return Query(
            text=self._typed("text"),
            band=self._typed("band"),
            flag=self._typed("flag"),
            label=self._chosen("label"),
            hide=self._chosen("hide"),
            check=self._chosen("check"),
            score_low=_number(self._typed("low"), "score from"),
            score_high=_number(self._typed("high"), "score to"),
            cone=parse_cone(self._typed("cone")),
            order=int(order) if order.isdigit() else 0,
            ranking=_after(RANKING, order),
            where=self._where(),
            column=_after(COLUMN, order),
            reverse=self._chosen("reverse") == "backwards",
        )

    def _where(self) -> str:
        if not self.query("#where"):
            return ""
        text = self._typed("where")
        try:
            parse_conditions(text, self.columns)
        except ColumnError as error:
            raise FilterError(str(error)) from error
        return text

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _chosen(self, name: str) -> str:
        return str(self.query_one(f"#{name}", Select).value)

    def action_clear(self) -> None:
        """List everything by rank."""
        self.finish(Query())


_HIDDEN = [("nothing", ""), ("what I decided", MINE), ("what anyone decided", ANYONE)]
_DIRECTIONS = [("as it says", ""), ("backwards", "backwards")]


def _order_of(query: Query) -> str:
    if query.column:
        return COLUMN + query.column
    return RANKING + query.ranking if query.ranking else str(query.order)


def _after(prefix: str, order: str) -> str:
    return order.removeprefix(prefix) if order.startswith(prefix) else ""


def _checks() -> list[tuple[str, str]]:
    made = [
        (f"{words}: {outcome}", f"{name}={outcome}")
        for name, words in CHECK_WORDS.items()
        for outcome in OUTCOME_SIGNS
        if outcome
    ]
    return [("any", ""), *made]


def parse_cone(text: str) -> tuple[float, float, float] | None:
    """Read a position and a radius in arcsec; None where empty, FilterError where it is neither."""
    if not text:
        return None
    place, _, radius = text.rpartition(" ")
    position = parse_position(place)
    try:
        size = float(radius.rstrip('"″'))
    except ValueError:
        size = 0.0
    if position is None or not 0 < size <= 36_000:
        raise FilterError(f'position "{text}": ra, dec and a radius in arcsec, as in 110.83 -73.45 20')
    return (*position, size)


def cone_text(cone: tuple[float, float, float] | None) -> str:
    """Write a cone as it can be typed."""
    return "" if cone is None else f"{cone[0]:.6f} {cone[1]:+.6f} {cone[2]:g}"


def _number(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise FilterError(f'{what} "{text}": a number from 0 to 1')
    return value


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _input(name: str, value: str, example: str) -> Input:
    return Input(value, id=name, compact=True, placeholder=example)


def _select(name: str, choices: list[tuple[str, str]], value: str) -> Select[str]:
    return Select(choices, value=value, allow_blank=False, id=name, compact=True)


def _row(words: str, *fields: Widget) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Label(words)
        yield from fields
