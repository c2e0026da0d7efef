"""The whole evidence of one check: values with thresholds, what was asked, its figure; and the overruling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.widgets import Input, Static

from tui.screens.base import Question
from tui.widgets.figures import figure_lines
from tui.widgets.palette import CHECK_WORDS, OUTCOME_SIGNS, outcome_style

if TYPE_CHECKING:
    from analysis.checks.finding import Finding
    from store.verdicts import VerdictState
    from tui.desk import Detail

OVERRULE = {"p": "pass", "f": "fail", "i": "inconclusive", "n": "not run"}
HINT = (
    "1-5: check   j k: scroll   r: compute   esc: back\n"
    "p f i n: state pass, fail, inconclusive, not run, with a reason"
)
_LOW = 40
"""Rows below which a screen is low."""


class EvidenceScreen(Question[dict[str, str]]):
    """Shows one check at a time; a key and a reason overrule it, and are handed back as the answer."""

    def __init__(self, candidate: str, name: str) -> None:
        super().__init__()
        self.candidate = candidate
        self.name_shown = name
        self.detail: Detail | None = None
        self.state: VerdictState | None = None
        self.problem = ""
        self.outcome = ""

    def compose(self) -> ComposeResult:
        """Show a title, the evidence and a place for the reason."""
        with Vertical(classes="card"):
            yield Static("", classes="title", id="title")
            with VerticalScroll(can_focus=False):
                yield Static("", id="evidence-text")
            yield Input(placeholder="why?", id="why", disabled=True)
            yield Static(HINT, classes="quiet", id="evidence-hint")

    def on_mount(self) -> None:
        """Show what is there, and have computed what is not."""
        self.query_one("#why", Input).display = False
        self.refresh_text()

    def take(self, detail: Detail | None, state: VerdictState | None, problem: str = "") -> None:
        """Show a newer reading of the same candidate."""
        self.detail, self.state, self.problem = detail, state, problem
        if self.is_mounted:
            self.refresh_text()

    def refresh_text(self) -> None:
        """Compose the evidence for the width there is."""
        width = max(40, self.size.width - 8)
        place = list(CHECK_WORDS).index(self.name_shown) + 1
        self.query_one("#title", Static).update(
            Text(f"{place} {CHECK_WORDS[self.name_shown]} · {self.candidate}", self.colours.strong)
        )
        self.query_one("#evidence-text", Static).update(Text("\n").join(self._lines(width)))

    def _lines(self, width: int) -> list[Text]:
        row = self.detail.findings.get(self.name_shown) if self.detail else None
        lines = self._stated(row.digest if row else "")
        if row is None:
            words = self.problem or "not computed yet: computing …"
            return [*lines, Text(words, self.colours.alert if self.problem else self.colours.quiet)]
        from analysis.checks.finding import from_json

        finding = from_json(row.evidence)
        style = outcome_style(row.outcome, self.colours)
        lines.append(Text.assemble(
            ("computed  ", self.colours.quiet), (f"{OUTCOME_SIGNS[row.outcome]} {row.outcome}", style),
            (f"  {row.number}", self.colours.strong),
        ))  # fmt: skip
        lines += [
            Text(row.reason, self.colours.plain),
            Text(f"at {row.computed_at}", self.colours.faint),
            Text(),
        ]
        views = self.detail.views if self.detail else ()
        figure = figure_lines(finding.figure, views, self.colours, width)
        facts = [*self._values(finding), *self._asked(finding), *self._table(finding)]
        # On a low screen a figure would push every number out of sight.
        first, then = (figure, facts) if self.size.height >= _LOW or not figure else (facts, figure)
        return [*lines, *first, Text(), *then]

    def _stated(self, digest: str) -> list[Text]:
        """Say what the person stated, and whether the evidence changed since."""
        given = self.state.checks.get(self.name_shown, "") if self.state else ""
        if not given or self.state is None:
            return []
        line = Text("stated    ", self.colours.quiet)
        line.append(f"{OUTCOME_SIGNS[given]} {given}", outcome_style(given, self.colours))
        why = self.state.check_reasons.get(self.name_shown, "")
        line.append(f"  “{why}”" if why else "", self.colours.plain)
        if self.state.check_evidence.get(self.name_shown, "") != digest:
            line.append("  evidence changed since", self.colours.alert)
        return [line]

    def _values(self, finding: Finding) -> list[Text]:
        lines = []
        for value in finding.values:
            line = Text(f"{value.name}: ", self.colours.quiet)
            line.append(value.words(), self.colours.strong)
            if value.threshold:
                line.append(f"   ({value.threshold})", self.colours.quiet)
            if value.source:
                line.append(f"   {value.source}", self.colours.faint)
            lines.append(line)
        return lines

    def _asked(self, finding: Finding) -> list[Text]:
        return [Text(), *(Text(line, self.colours.quiet) for line in finding.asked)]

    def _table(self, finding: Finding) -> list[Text]:
        if len(finding.rows) < 2:
            return []
        columns = max(len(row) for row in finding.rows)
        widths = [max((len(r[i]) for r in finding.rows if i < len(r) > 1), default=0) for i in range(columns)]
        lines = [Text()]
        for number, row in enumerate(finding.rows):
            cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            text = cells if len(row) > 1 else row[0]
            style = self.colours.quiet if number == 0 else self.colours.plain
            lines.append(Text(text.rstrip(), style, no_wrap=True, overflow="ellipsis"))
        return lines

    def on_key(self, event: Key) -> None:
        """Turn to another check, scroll, compute, or begin to overrule."""
        if self.outcome:
            return
        scroll = self.query_one(VerticalScroll)
        names = list(CHECK_WORDS)
        if event.key in "12345":
            self.name_shown = names[int(event.key) - 1]
            scroll.scroll_home(animate=False)
            self.refresh_text()
        elif event.key in {"j", "down"}:
            scroll.scroll_relative(y=1, animate=False)
        elif event.key in {"k", "up"}:
            scroll.scroll_relative(y=-1, animate=False)
        elif event.key == "r":
            self.vet.examine(self.candidate)
        elif event.key in OVERRULE:
            self._ask_why(OVERRULE[event.key])
        else:
            return
        event.stop()

    def _ask_why(self, outcome: str) -> None:
        self.outcome = outcome
        box = self.query_one("#why", Input)
        box.display, box.disabled = True, False
        self.query_one("#evidence-hint", Static).update(
            f"{CHECK_WORDS[self.name_shown]}: {outcome}, because of …   enter: keep it   esc: take it back"
        )
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the outcome and its reason over."""
        event.stop()
        reason = " ".join(event.value.split())
        self.finish({"check": self.name_shown, "outcome": self.outcome, "reason": reason})

    def action_finish(self) -> None:
        """Take a half-typed reason back, or leave."""
        if not self.outcome:
            self.finish()
            return
        self.outcome = ""
        box = self.query_one("#why", Input)
        box.value, box.display, box.disabled = "", False, True
        self.query_one("#evidence-hint", Static).update(HINT)
        self.set_focus(None)


def payload_of(answer: dict[str, str], digest: str) -> dict[str, Any]:
    """Give the journal's words for an overruling."""
    name = answer["check"]
    payload: dict[str, Any] = {"checks": {name: answer["outcome"]}, "evidence": {name: digest}}
    if answer["reason"]:
        payload["reasons"] = {name: answer["reason"]}
    return payload
