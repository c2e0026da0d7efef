"""How far the vetting came: what stands in; what is open, and what a sitting came to, out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.journal import Line
    from store.verdicts import VerdictState


@dataclass(frozen=True)
class Summary:
    """How far the vetting came: candidates, those without a label, those with a check nobody stated."""

    total: int
    undecided: int
    unchecked: int
    interesting: int


def summarised(total: int, mine: Sequence[VerdictState]) -> Summary:
    """Count what is undecided and unchecked among so many, of which `mine` have a decision."""
    from store.verdicts import CHECKS

    checked = sum(1 for state in mine if all(state.checks.get(c, "not run") != "not run" for c in CHECKS))
    return Summary(
        total=total,
        undecided=total - sum(1 for state in mine if state.label),
        unchecked=total - checked,
        interesting=sum(1 for state in mine if state.label == "interesting"),
    )


def closing_of(standing: Iterable[Line], began: str, left: int | None) -> str:
    """Say what the sitting of this process came to, from the lines that stand."""
    lines = [line for line in standing if line.at >= began and line.pid == os.getpid()]
    decided = {line.candidate for line in lines if line.payload.get("label", "none") != "none"}
    single = {line.candidate for line in lines if "batch" not in line.payload} & decided
    seconds = sum(line.seconds or 0.0 for line in lines if line.candidate in single)
    return closing_line(len(decided), left, seconds / len(single) if single else None)


def closing_line(decided: int, left: int | None, each: float | None) -> str:
    """Say how many were decided, how many are left, and how long each took."""
    words = [f"{decided or 'nothing'} decided"]
    if left is not None:
        words.append(f"{left or 'none'} left")
    if each is not None:
        words.append(f"{each:.{1 if each < 9.95 else 0}f} s each")
    return ", ".join(words)
