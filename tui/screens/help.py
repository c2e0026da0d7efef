"""Help: every key by section, from the one table, and what the signs mean; type to search."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from tui import legend
from tui.keys import Key
from tui.screens.base import Question
from tui.widgets.palette import LABEL_SIGNS, OUTCOME_SIGNS, Palette, label_words

HELP_WIDTH = 44

SIGNS: tuple[tuple[str, str], ...] = (
    ("●  ○  ∅", "detected, not detected, no valid pixel in that frame"),
    ("╱╱╱", "pixels without data (dark sky is plain black)"),
    ("!", "vetters differ on this candidate"),
    ("[✓] [–]", "a check's outcome as the program computed it; not computed"),
    ("d/c", "frames that show it / frames that cover it"),
    ("C A", "concentration, asymmetry; Gini, M20 and peak as in REPORT.md"),
    ("A S R F", "the score terms in short: anomaly, S/N, no artefact (real), in frames"),
    ("×0.40", "weight of a score term; terms not computed share theirs out"),
)


class HelpScreen(Question[None]):
    """All keys of the screen below."""

    BINDINGS = [  # noqa: RUF012
        Binding("down", "scroll(1)", "down", show=False),
        Binding("up", "scroll(-1)", "up", show=False),
        Binding("pagedown", "scroll(10)", "down", show=False),
        Binding("pageup", "scroll(-10)", "up", show=False),
    ]

    def __init__(self, table: Sequence[Key], where: str, drawing: str) -> None:
        super().__init__()
        self.table = table
        self.where = where
        self.drawing = drawing

    def compose(self) -> ComposeResult:
        """Show a field to search in, and the list."""
        with Vertical(classes="card"):
            yield Static("Keys", classes="title")
            yield Input(placeholder="type to search, for example: undo", compact=True)
            with VerticalScroll(can_focus=False):
                yield Static(id="found")
            hint = "↑ ↓: scroll   esc: back   right: names for [keys] in config.toml"
            yield Static(hint, classes="quiet", markup=False)

    def on_mount(self) -> None:
        """List everything first."""
        self._list("")

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        self._list(event.value)

    def action_scroll(self, lines: int) -> None:
        """Scroll the list."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _list(self, query: str) -> None:
        text = help_text(self.table, self.where, query, self.drawing, self.colours)
        self.query_one("#found", Static).update(text)


def help_text(table: Sequence[Key], where: str, query: str, drawing: str, colours: Palette) -> Text:
    """Write the help that contains every word of the query."""
    lines: list[Text] = []
    for section, listed in legend.sections(table, where, query):
        lines += [Text(), Text(section, colours.strong)] if lines else [Text(section, colours.strong)]
        for key in listed:
            line = Text(f"  {key.shown():<9} ", colours.good)
            line.append(f"{key.help:<{HELP_WIDTH}}", colours.plain)
            line.append(key.id, colours.faint)
            lines.append(line)
    if not query:
        lines += [Text(), Text("Signs", colours.strong)]
        labels = "  ".join(f"{sign} {label_words(label)}" for label, sign in LABEL_SIGNS.items() if label)
        outcomes = "  ".join(f"{sign} {outcome}" for outcome, sign in OUTCOME_SIGNS.items() if outcome)
        lines += [Text(f"  {labels}", colours.plain), Text(f"  {outcomes}", colours.plain)]
        for sign, words in SIGNS:
            lines.append(Text.assemble((f"  {sign:<10}", colours.good), (words, colours.plain)))
        lines += [Text(), Text(f"Pictures: {drawing}", colours.quiet)]
    return Text("\n").join(lines) if lines else Text("no key does that", colours.quiet)
