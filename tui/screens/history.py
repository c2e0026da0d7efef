"""The history of one candidate: every line of everybody's journal, what was taken back included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.widgets import Static

from tui.screens.base import Question
from tui.screens.deciding import describe
from tui.text import clean
from tui.widgets.palette import CHECK_WORDS, Palette, label_sign, label_style, label_words

if TYPE_CHECKING:
    from store.journal import Line
    from store.verdicts import VerdictState

SCROLL = {"j": 1, "down": 1, "k": -1, "up": -1, "pagedown": 10, "pageup": -10}


class HistoryScreen(Question[None]):
    """Oldest first; any key but those that scroll goes back."""

    def __init__(self, candidate: str, lines: Sequence[Line], states: Sequence[VerdictState] = ()) -> None:
        super().__init__()
        self.states = states
        self.candidate = candidate
        self.lines = lines

    def compose(self) -> ComposeResult:
        """List the lines."""
        with Vertical(classes="card"):
            yield Static(f"History of {self.candidate}", classes="title", markup=False)
            with VerticalScroll(can_focus=False):
                if len(self.states) > 1:
                    yield Static(standing_text(self.states, self.colours))
                yield Static(history_text(self.lines, self.colours))
            yield Static("j k: scroll   esc: back", classes="quiet")

    def on_key(self, event: Key) -> None:
        """Scroll, or go back."""
        event.stop()
        if event.key in SCROLL:
            self.query_one(VerticalScroll).scroll_relative(y=SCROLL[event.key], animate=False)
        else:
            self.finish()


def standing_text(states: Sequence[VerdictState], colours: Palette) -> Text:
    """Write what stands of each vetter: label, grade, checks and the whole note, and when that was."""
    differ = len({state.label for state in states if state.label}) > 1
    text = Text("what stands, vetter by vetter: ", colours.quiet)
    text.append(
        "labels differ\n" if differ else "no labels differ\n", colours.alert if differ else colours.good
    )
    for state in states:
        text.append(f"  {state.vetter}", colours.good)
        label = f"  {label_sign(state.label)} {clean(label_words(state.label))}"
        text.append(label.rstrip(), label_style(state.label, colours))
        text.append(f": {clean(state.reason.replace('_', ' '))}" if state.reason else "", colours.quiet)
        text.append(f"  grade {state.grade}" if state.grade else "", colours.strong)
        text.append(f"  {state.at[:19].replace('T', ' ')} UTC\n", colours.quiet)
        given = [
            f"{words} {state.checks[name]}" for name, words in CHECK_WORDS.items() if name in state.checks
        ]
        text.append(f"    checks: {', '.join(given)}\n" if given else "", colours.plain)
        for row in state.note.split("\n") if state.note else ():
            text.append(f"    │ {clean(row)}\n", colours.plain)
    return text


def undone_lines(lines: Sequence[Line]) -> set[str]:
    """Give the ids of the decisions that undo took back and redo did not restore."""
    redone = {line.undoes for line in lines if line.action == "redo"}
    return {line.undoes for line in lines if line.action == "undo" and line.id not in redone}


def history_text(lines: Sequence[Line], colours: Palette) -> Text:
    """Write each line: when, who, what, and below it what was seen and how long it took."""
    if not lines:
        return Text("Nobody decided anything on it yet.", colours.quiet)
    undone = undone_lines(lines)
    text = Text()
    for line in lines:
        gone = line.id in undone
        taken_back = line.action in {"undo", "redo"}
        what = describe(str(line.payload.get("action", "")) if taken_back else line.action, line.payload)
        if taken_back:
            what = f"{line.action}: {what}"
        text.append(f"{line.at[:19].replace('T', ' ')} UTC  ", colours.quiet)
        text.append(line.vetter, colours.good)
        text.append(f"  {clean(what)}", colours.faint if gone or taken_back else colours.strong)
        text.append("  (taken back)" if gone else "", colours.alert)
        text.append("  (one of many at once)" if "batch" in line.payload else "", colours.quiet)
        text.append(f"\n    {seen(line)}\n", colours.quiet)
        if line.action == "note" and line.payload.get("text"):
            for row in str(line.payload["text"]).split("\n"):
                text.append(f"    │ {clean(row)}\n", colours.faint if gone else colours.plain)
    return text


def seen(line: Line) -> str:
    """Say what was on screen when a line was written, and where it was written."""
    rank = "–" if line.rank is None else str(line.rank)
    score = "–" if line.score is None else f"{line.score:.3f}"
    took = "" if line.seconds is None else f"  after {line.seconds:.1f} s"
    return f"rank {rank}  score {score}{took}  version {line.version}"
