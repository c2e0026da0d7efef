"""The evidence on one candidate: score terms as bars, checks, measured values; what is not known says so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from tui.text import clean
from tui.widgets.palette import (
    CHECK_WORDS,
    OUTCOME_SIGNS,
    Palette,
    bar,
    label_sign,
    label_style,
    label_words,
    outcome_style,
    palette,
)
from tui.widgets.table import number

if TYPE_CHECKING:
    from rich.console import RenderableType

    from store.candidates import CandidateRow, MemberRow
    from store.checks import CheckRow
    from store.oddity import Oddity
    from store.verdicts import VerdictState

TERMS = (
    ("anomaly", "anomaly", "anomaly_score"),
    ("snr", "S/N", "snr_score"),
    ("artifact", "no artefact", "artifact_score"),
    ("consistency", "in frames", "consistency_score"),
)
TWO_COLUMNS = 100
NARROW_CHECKS = 46
VIEWS_IN_FULL = 58
LEAST_FOR_BARS = 11
MOST_OTHERS = 4
MAG_PER_RELATIVE_FLUX = 2.5 / math.log(10)


@dataclass(frozen=True)
class Evidence:
    """Everything that is known of one candidate, as the panel shows it."""

    row: CandidateRow
    state: VerdictState | None = None
    others: tuple[VerdictState, ...] = ()
    members: tuple[MemberRow, ...] = ()
    computed: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, CheckRow] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    further: Mapping[str, str] = field(default_factory=dict)
    oddity: Oddity | None = None
    blind: bool = False
    """Whether scores are hidden until a sitting is done; the rank is then the place in it."""


def effective_weights(row: CandidateRow, weights: Mapping[str, float]) -> dict[str, float]:
    """Give the weights of the terms that were computed, brought to a sum of 1."""
    known = {
        name: weights.get(name, 0.0) for name, _, column in TERMS if not math.isnan(getattr(row, column))
    }
    total = sum(known.values())
    return {name: weight / total for name, weight in known.items()} if total > 0 else {}


def other_lines(evidence: Evidence, width: int, colours: Palette) -> list[Text]:
    """Say, where labels differ, what each other vetter decided, when, and why; none where they do not."""
    labels = {state.label for state in (evidence.state, *evidence.others) if state and state.label}
    if len(labels) < 2:
        return []
    lines = []
    for other in evidence.others[:MOST_OTHERS]:
        line = Text(f"{other.vetter}: ", colours.good)
        line.append(clean(label_words(other.label)), label_style(other.label, colours))
        line.append(f": {clean(other.reason.replace('_', ' '))}" if other.reason else "", colours.quiet)
        line.append(f"  grade {other.grade}" if other.grade else "", colours.strong)
        if other.checks:
            line.append(f"  {''.join(OUTCOME_SIGNS[other.checks.get(name, '')] for name in CHECK_WORDS)}")
        line.append(f"  {other.at[:16].replace('T', ' ')}", colours.quiet)
        lines.append(line)
        note = Text(f"  “{clean(' '.join(other.note.split()))}”" if other.note else "", colours.plain)
        if line.cell_len + note.cell_len <= width:
            line.append_text(note)
        else:
            lines.append(note)
    if len(evidence.others) > MOST_OTHERS:
        lines.append(Text(f"and {len(evidence.others) - MOST_OTHERS} more vetters: H", colours.quiet))
    return lines


def verdict_line(evidence: Evidence, colours: Palette, *, others: bool = True) -> Text:
    """Say what was decided, by this person and by others."""
    state = evidence.state
    label = state.label if state else ""
    line = Text()
    line.append(f"{label_sign(label)} {label_words(label)}".strip(), label_style(label, colours))
    if state and state.reason:
        line.append(f": {state.reason.replace('_', ' ')}", colours.quiet)
    if state and state.grade:
        line.append(f"  grade {state.grade}", colours.strong)
    for other in evidence.others if others else ():
        if other.label:
            line.append(
                f"  {other.vetter}: {clean(label_words(other.label))}", label_style(other.label, colours)
            )
    if state and state.note:
        line.append(f"  “{clean(' '.join(state.note.split()))}”", colours.plain)
    return line


def term_lines(evidence: Evidence, width: int, colours: Palette) -> list[Text]:
    """Draw the composite score and its terms as bars with numbers and weights."""
    row = evidence.row
    if evidence.blind:
        return [Text("scores and verdicts hidden", colours.quiet)]
    weights = effective_weights(row, evidence.weights)
    room = max(4, width - 13 - 6 - 6)
    full, empty = bar(_or_zero(row.composite_score), room)
    lines = [
        Text.assemble(
            ("score".ljust(13), colours.strong),
            (number(row.composite_score, 3) + " ", colours.strong),
            (full, colours.bar),
            (empty, colours.trough),
        )
    ]
    for name, title, column in TERMS:
        value = getattr(row, column)
        line = Text(f" {title}".ljust(13), colours.quiet)
        if math.isnan(value):
            words = "not computed" if width < NARROW_CHECKS else "not computed; its weight is shared out"
            line.append(f"  –   {words}", colours.faint)
        else:
            full, empty = bar(value, room)
            line.append(number(value, 3) + " ", colours.plain)
            line.append(full, colours.bar)
            line.append(empty, colours.trough)
            line.append(f" ×{weights.get(name, 0.0):.2f}", colours.quiet)
        lines.append(line)
        if name == "anomaly" and evidence.oddity is not None:
            lines.append(view_line(evidence.oddity, width, colours))
    return lines


def view_line(oddity: Oddity, width: int, colours: Palette) -> Text:
    """Write what each view says of the candidate, of which the largest counts; a dash is not computed."""
    narrow = width < VIEWS_IN_FULL
    line = Text(" " if narrow else "    ")
    largest = max((value for value in oddity.views.values() if not math.isnan(value)), default=math.nan)
    for place, (name, value) in enumerate(oddity.views.items()):
        if place:
            line.append(" " if narrow else " · ", colours.faint)
        line.append(f"{name[:3] if narrow else name} ", colours.quiet)
        line.append(number(value, 2), colours.strong if value == largest else colours.plain)
    return line


def rank_range(oddity: Oddity | None) -> str:
    """Write the ranks that a candidate takes when the population is drawn anew, or nothing."""
    return f"({oddity.rank_low}–{oddity.rank_high}) " if oddity else ""


def short_terms(row: CandidateRow, colours: Palette) -> Text:
    """Write the four terms in one line, by their first letters; a dash is not computed."""
    line = Text()
    for (_, _, column), sign in zip(TERMS, "ASRF", strict=True):
        line.append(f" {sign} ", colours.quiet)
        line.append(number(getattr(row, column), 2), colours.plain)
    return line


def check_lines(evidence: Evidence, width: int, colours: Palette) -> list[Text]:
    """List the five checks: what the person states, and apart from it what was computed."""
    stated = evidence.state.checks if evidence.state else {}
    narrow = width < NARROW_CHECKS
    lines = []
    for place, (name, words) in enumerate(CHECK_WORDS.items(), start=1):
        if evidence.blind and name == "methods":
            continue  # it tells of the ranking
        mine, code = stated.get(name, ""), evidence.computed.get(name, "")
        line = Text()
        line.append(f"{place} ", colours.strong)
        line.append(words.ljust(14 if narrow else 16), colours.quiet)
        row = evidence.findings.get(name)
        if row is not None:
            _computed_line(line, row, mine, evidence.state, colours, narrow=narrow)
            lines.append(line)
            continue
        shown = f"{OUTCOME_SIGNS[mine]} {mine}" if mine else "· not run"
        line.append(shown.ljust(15), outcome_style(mine, colours))
        if code and code != "not run":
            verdict = f"[{OUTCOME_SIGNS[code]}]" if narrow else f"code: {OUTCOME_SIGNS[code]} {code}"
            line.append(verdict, outcome_style(code, colours))
        elif line.cell_len + 3 <= width:
            line.append("[–]" if narrow else "not computed", colours.faint)
        else:
            line.rstrip()
        lines.append(line)
    return lines


def _computed_line(
    line: Text, row: CheckRow, mine: str, state: VerdictState | None, colours: Palette, *, narrow: bool
) -> None:
    """Write the person's outcome, the computed one in brackets, and the one number that decides."""
    if mine:
        line.append(
            OUTCOME_SIGNS[mine] + " " if narrow else f"{OUTCOME_SIGNS[mine]} {mine}  ",
            outcome_style(mine, colours),
        )
    seen = state.check_evidence.get(row.name, "") if state else ""
    if mine and seen != row.digest:
        line.append("changed " if narrow else "evidence changed since ", colours.alert)
    computed = OUTCOME_SIGNS[row.outcome] + ("" if narrow else f" {row.outcome}")
    line.append(f"[{computed}] ", outcome_style(row.outcome, colours))
    line.append(row.number, colours.plain)


def value_lines(row: CandidateRow, colours: Palette) -> list[Text]:
    """List the measured values with units and errors."""
    band = row.best_source and next(iter(row.filters.split(",")), "")
    flux = f"{_sized(row.flux)} ± {_sized(row.flux_err)} {row.flux_unit}".strip()
    first = Text.assemble(
        (magnitude(row.mag_ab, row.flux, row.flux_err) + "  ", colours.plain),
        ("flux ", colours.quiet),
        (flux, colours.plain),
    )
    second = Text.assemble(
        ("S/N ", colours.quiet),
        (number(row.snr, 1), colours.plain),
        ("  r50 ", colours.quiet),
        (_unit(row.r50_arcsec, 3, "″"), colours.plain),
        ("  ellipticity ", colours.quiet),
        (number(row.ellipticity, 2), colours.plain),
    )
    third = Text.assemble(
        ("in ", colours.quiet),
        (f"{row.frames_detected}/{row.frames_covering} frames ", colours.plain),
        (row.filters.replace(",", " ") if band or row.filters else "", colours.quiet),
    )
    fourth = Text("", colours.quiet)
    for words, value in (
        ("C", row.concentration),
        ("A", row.asymmetry),
        ("Gini", row.gini),
        ("M20", row.m20),
        ("peak", row.peak_ratio),
    ):
        fourth.append(f"{words} ", colours.quiet)
        fourth.append(f"{number(value, 2)}  ", colours.plain)
    lines = [first, second, third, fourth]
    if row.flags:
        lines.insert(
            1, Text.assemble(("flags ", colours.quiet), (row.flags.replace(",", " "), colours.alert))
        )
    return lines


def further_lines(evidence: Evidence, colours: Palette) -> list[Text]:
    """Write the further columns of a list of one's own in one line."""
    if not evidence.further:
        return []
    line = Text("list ", colours.quiet)
    for name, value in evidence.further.items():
        line.append(f"{name} ", colours.quiet)
        line.append(f"{value or '–'}  ", colours.plain)
    return [line]


def frame_lines(members: Sequence[MemberRow], colours: Palette) -> list[Text]:
    """List the detection in each frame."""
    if not members:
        return []
    lines = [Text("filter      mag AB          S/N   r50 ″  flags", colours.quiet)]
    for row in members:
        line = Text(row.filter.ljust(10)[:10], colours.strong)
        line.append(f"{magnitude(row.mag_ab, row.flux, row.flux_err, unit=False):>15} ", colours.plain)
        line.append(f"{number(row.snr, 1):>7}  {number(row.r50_arcsec, 3):>6}  ", colours.plain)
        line.append(row.flags.replace(",", " "), colours.alert)
        lines.append(line)
    return lines


def evidence_lines(evidence: Evidence, width: int, height: int, colours: Palette) -> list[Text]:
    """Compose the panel for its size: what matters most comes first, and what does not fit is left out."""
    differing = other_lines(evidence, width, colours)
    head = [verdict_line(evidence, colours, others=not differing), *differing]
    name = Text.assemble(
        (f"#{evidence.row.rank} {rank_range(evidence.oddity)}", colours.quiet),
        (evidence.row.candidate, colours.strong),
    )
    if width >= NARROW_CHECKS:
        name.append(f"  {evidence.row.ra:.6f} {evidence.row.dec:+.6f}", colours.quiet)
    checks, values = check_lines(evidence, width, colours), value_lines(evidence.row, colours)
    values = further_lines(evidence, colours) + values
    if width < TWO_COLUMNS:
        terms = term_lines(evidence, width, colours)
        if height < LEAST_FOR_BARS and not evidence.blind:
            terms = [terms[0], short_terms(evidence.row, colours)]
        if height >= 13:
            head.insert(0, name)
        rest = height - len(head) - len(terms) - len(checks)
        return [*head, *terms, *checks, *(values + frame_lines(evidence.members, colours))[: max(0, rest)]]
    half = width // 2 - 2
    left = [*term_lines(evidence, half, colours), *values]
    right = [*checks, Text(), *frame_lines(evidence.members, colours)]
    lines = [name, *head]
    for place in range(max(0, height - len(lines))):
        one = left[place] if place < len(left) else Text()
        two = right[place] if place < len(right) else Text()
        one.truncate(half, overflow="ellipsis", pad=True)
        lines.append(Text.assemble(one, "    ", two))
    return lines


class EvidencePanel(Widget):
    """Shows the evidence, or a few words while there is none."""

    def __init__(self) -> None:
        super().__init__(id="evidence")
        self.evidence: Evidence | None = None
        self.words = ""

    def show(self, evidence: Evidence | None, words: str = "") -> None:
        """Show the evidence on another candidate."""
        self.evidence, self.words = evidence, words
        self.refresh()

    def render(self) -> RenderableType:
        """Compose the lines for the size there is."""
        colours = palette(dark=self.app.current_theme.dark)
        if self.evidence is None:
            return Text(self.words, colours.quiet)
        lines = evidence_lines(self.evidence, self.size.width, self.size.height, colours)
        for line in lines:
            line.truncate(self.size.width, overflow="ellipsis")
        return Text("\n").join(lines)


def magnitude(mag: float, flux: float, error: float, *, unit: bool = True) -> str:
    """Write an AB magnitude with the error that the flux has."""
    if math.isnan(mag):
        return "no AB mag" if unit else "–"
    spread = MAG_PER_RELATIVE_FLUX * error / flux if flux > 0 and not math.isnan(error) else math.nan
    digits = 3 if spread < 0.0095 else 2
    return f"{mag:.{digits}f} ± {number(spread, digits)}{' AB' if unit else ''}"


def _sized(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"


def _unit(value: float, digits: int, unit: str) -> str:
    return number(value, digits) + ("" if math.isnan(value) else unit)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
