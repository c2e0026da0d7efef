"""Part of section 3 of the report: the selection in numbers, and how many were lost at each step."""

from analysis.report.facts import Facts, Step
from analysis.report.markdown import table


def selection(facts: Facts) -> list[str]:
    """Return the blocks; none before a ranking."""
    if not facts.steps:
        return []
    rows = []
    before: Step | None = None
    for step in facts.steps:
        same = before is not None and before.of == step.of
        lost = str(before.left - step.left) if before is not None and same else "–"
        rows.append((step.what, step.of, step.left, lost))
        before = step
    return [
        "### Selection in numbers",
        table(("step", "counted", ">left", ">lost here"), rows),
        "A dash stands where a step counts other things than the one before it.",
    ]
