"""Part of section 4 of the report: each vetter in numbers."""

from statistics import median

from analysis.report.facts import Facts
from analysis.report.markdown import number, table
from store.verdicts import VerdictState


def numbers_of_vetters(facts: Facts) -> list[str]:
    """Return the blocks: decided, left, time, statements, computed outcomes overruled."""
    if not facts.states:
        return []
    names = sorted({state.vetter for state in facts.states})
    columns = (
        "vetter", ">labels", ">left", ">s each (median)", ">min in all", ">grades", ">notes",
        ">checks stated", ">overruled", "labels given",
    )  # fmt: skip
    return [
        "### Vetters",
        table(columns, (_vetter(facts, name) for name in names)),
        (
            "Left: ranked candidates without a label of that vetter. Overruled: checks in which a person's "
            "outcome differs from the computed one. Seconds are those on screen until each decision."
        ),
    ]


def _vetter(facts: Facts, name: str) -> tuple[object, ...]:
    """Return one vetter's cells."""
    states = [state for state in facts.states if state.vetter == name]
    labelled = [state for state in states if state.label]
    ranked = {row.candidate for row in facts.candidates}
    left = facts.n_candidates - sum(state.candidate in ranked for state in labelled)
    seconds = [state.seconds for state in labelled if state.seconds > 0]
    counts = {label: sum(s.label == label for s in labelled) for label in sorted({s.label for s in labelled})}
    stated = [(state, check) for state in states for check in facts.checks if _said(state, check)]
    return (
        name,
        len(labelled),
        left,
        number(median(seconds), ".0f") if seconds else "–",
        number(sum(state.seconds for state in states) / 60, ".1f"),
        sum(bool(state.grade) for state in states),
        sum(bool(state.note) for state in states),
        len(stated),
        sum(_overruled(facts, state, check) for state, check in stated),
        ", ".join(f"{label} {count}" for label, count in counts.items()) or "–",
    )


def _said(state: VerdictState, check: str) -> bool:
    return state.checks.get(check, "not run") != "not run"


def _overruled(facts: Facts, state: VerdictState, check: str) -> bool:
    """Tell whether a statement differs from what was computed; nothing computed cannot be overruled."""
    computed = facts.computed_outcome(state.candidate, check)
    return computed != "not run" and computed != state.checks[check]
