"""The score in parts, and other weights tried on the whole ranking: live, kept under a name, listed by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from store.project import StoreError
from tui import messages
from tui.screens.base import Question
from tui.whatif import Reweighed, reweigh
from tui.widgets.evidence import TERMS
from tui.widgets.palette import Palette
from tui.widgets.table import number, short_name

STEP = 0.05
BAR = 30


@dataclass(frozen=True)
class NamedWeights:
    """A kept ranking: its name, its weights, and whether it is this person's."""

    name: str
    weights: Mapping[str, float]
    mine: bool


@dataclass(frozen=True)
class WeightsAnswer:
    """What was chosen: list by a kept ranking, keep these weights under a name, or give a name up."""

    list_by: str = ""
    keep: str = ""
    drop: str = ""
    weights: Mapping[str, float] | None = None


class WeightsScreen(Question[WeightsAnswer]):
    """Keys change the four weights; everything is ranked anew at each."""

    AUTO_FOCUS = ""

    def __init__(self, candidate: str, weights: Mapping[str, float], kept: Sequence[NamedWeights]) -> None:
        super().__init__()
        self.candidate = candidate
        self.first = {name: float(weights.get(name, 0.0)) for name, _, _ in TERMS}
        self.weights = dict(self.first)
        self.kept = kept
        self.chosen = -1
        self.place = 0
        self.shown: Reweighed | None = None

    def compose(self) -> ComposeResult:
        """Show the parts of the score, then the new order."""
        with Vertical(classes="card"):
            yield Static("Score in parts, and other weights", classes="title")
            yield Static("ranking …", id="parts")
            yield Input(placeholder="a name for this ranking", id="name", compact=True)
            yield Static("", classes="quiet", id="hint")

    def on_mount(self) -> None:
        """Rank with the weights there are."""
        self.query_one("#name", Input).display = False
        self._hint()
        self._reweigh()

    def _hint(self, words: str = "") -> None:
        more = "   n: kept ones   enter: list by it   d: give it up" if self.kept else ""
        text = words or f"j k: term   h l: less, more   r: as they were   s: keep{more}   esc: back"
        self.query_one("#hint", Static).update(text)

    def _reweigh(self) -> None:
        self.run_worker(
            partial(self._work, dict(self.weights)),
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group="reweigh",
            description="rank by other weights",
        )

    def _work(self, weights: dict[str, float]) -> None:
        worker = get_current_worker()
        try:
            found = reweigh(self.vet.desk.queue, weights, self.candidate)
        except StoreError as error:
            self.post_message(messages.Trouble("not ranked by other weights", str(error)))
            return
        if not worker.is_cancelled:
            self.post_message(messages.Reweighed(found))

    @on(messages.Reweighed)
    def _reweighed(self, message: messages.Reweighed) -> None:
        if message.found.weights == self.weights:
            self.shown = message.found
            self._show()

    @on(messages.Trouble)
    def _trouble(self, message: messages.Trouble) -> None:
        message.stop()
        self._hint(f"{message.title}: {message.reason}")

    def _show(self) -> None:
        if self.shown is not None:
            lines = parts(self.shown, self.weights, self.place, self.colours)
            lines += moves(self.shown, max(3, min(12, self.size.height - 16)), self.colours)
            names = [one.name for one in self.kept]
            if names:
                text = Text("kept: ", self.colours.quiet)
                for place, name in enumerate(names):
                    text.append(
                        name + "  ", self.colours.strong if place == self.chosen else self.colours.good
                    )
                lines.append(text)
            self.query_one("#parts", Static).update(Text("\n").join(lines))

    def on_key(self, event: Key) -> None:
        """Change weights, keep them, take kept ones."""
        if self.query_one("#name", Input).display or event.key == "escape":
            return
        event.stop()
        names = [name for name, _, _ in TERMS]
        turn = {"j": 1, "down": 1, "k": -1, "up": -1}.get(event.key, 0)
        step = {"l": STEP, "right": STEP, "h": -STEP, "left": -STEP}.get(event.key, 0.0)
        if turn:
            self.place = (self.place + turn) % len(names)
            self._show()
        elif step:
            name = names[self.place]
            changed = self.weights | {name: round(max(0.0, min(10.0, self.weights[name] + step)), 4)}
            if sum(changed.values()) > 0:
                self._take(changed, -1)
        elif event.key == "r":
            self._take(dict(self.first), -1)
        elif event.key == "n" and self.kept:
            place = (self.chosen + 1) % len(self.kept)
            self._take({name: self.kept[place].weights.get(name, 0.0) for name in names}, place)
        else:
            self._conclude(event.key)

    def _conclude(self, key: str) -> None:
        kept = self.kept[self.chosen] if self.chosen >= 0 else None
        if key == "s":
            field = self.query_one("#name", Input)
            field.display = True
            field.focus()
            self._hint("enter: keep these weights under this name   esc: back")
        elif key == "enter" and kept is not None:
            self.finish(WeightsAnswer(list_by=kept.name))
        elif key == "enter":
            self._hint("s keeps these weights under a name; then n and enter list by it")
        elif key == "d" and kept is not None and kept.mine:
            self.finish(WeightsAnswer(drop=kept.name))

    def _take(self, weights: dict[str, float], chosen: int) -> None:
        self.weights, self.chosen = weights, chosen
        self._hint()
        self._reweigh()

    @on(Input.Submitted)
    def _named(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.finish(WeightsAnswer(keep=event.value.strip(), weights=self.weights))


def parts(found: Reweighed, weights: Mapping[str, float], place: int, colours: Palette) -> list[Text]:
    """Draw the score as a waterfall: each term's part begins where the one before ended."""
    total = sum(
        weights[name]
        for (name, _, _), value in zip(TERMS, found.values, strict=True)
        if not math.isnan(value)
    )
    lines = [Text.assemble(("term          value  weight     part", colours.quiet))]
    begin = 0.0
    for row, ((name, title, _), value) in enumerate(zip(TERMS, found.values, strict=True)):
        known = not math.isnan(value) and total > 0
        part = weights[name] / total * value if known else 0.0
        low, high = round(begin * BAR), round((begin + part) * BAR)
        begin += part
        line = Text("▶ " if row == place else "  ", colours.alert)
        line.append(title.ljust(12), colours.strong if row == place else colours.quiet)
        line.append(f"{number(value, 3):>5}  ", colours.plain)
        line.append(f"×{weights[name]:5.2f}", colours.strong if row == place else colours.plain)
        line.append(f"  {part:7.3f}  " if known else "        –  ", colours.plain)
        line.append("─" * low, colours.trough)
        line.append("━" * (high - low), colours.bar)
        line.append("─" * (BAR - high), colours.trough)
        lines.append(line)
    filled = round((0.0 if math.isnan(found.score) else found.score) * BAR)
    line = Text("  score".ljust(27) + f"{number(found.score, 3):>9}  ", colours.strong)
    line.append("━" * filled, colours.alert)
    line.append("─" * (BAR - filled), colours.trough)
    return [*lines, line]


def moves(found: Reweighed, count: int, colours: Palette) -> list[Text]:
    """Say where the candidate would be, and which would come first."""
    text = Text(f"{short_name(found.candidate)} ", colours.strong)
    text.append(f"rank {found.rank_before} → {found.rank}", colours.alert)
    text.append(f" of {found.total}, score {number(found.score_before, 3)} → {number(found.score, 3)}; ")
    text.append(f"{found.stay} of the first {found.first} stay", colours.quiet)
    lines = [text]
    for place, one in enumerate(found.top[:count], start=1):
        change = one.before - place
        sign = f"↑{change}" if change > 0 else f"↓{-change}" if change < 0 else "="
        line = Text(f"  {place:>3}  {short_name(one.candidate):<20} {number(one.score, 3)}  ", colours.plain)
        line.append(f"was {one.before} {sign}", colours.good if change else colours.quiet)
        lines.append(line)
    return lines
