"""Section 4 of the report: what people decided, and the verification checklist."""

from analysis.checks.finding import from_json
from analysis.report.facts import TABLE_ROWS, Facts
from analysis.report.markdown import listing, number, table
from analysis.report.vetting import numbers_of_vetters
from store.candidates import CandidateRow
from store.verdicts import CONFLICT, OUTCOMES, VerdictState

QUESTIONS = {
    "other_filters": "Is it there in other filters and at other times that cover it, at the same place?",
    "catalogs": "Is it a known object: SIMBAD, Gaia, NED, VizieR, minor planets?",
    "psf_or_cosmic_ray": "Is it neither a diffraction spike nor a cosmic ray nor another artefact?",
    "thresholds": "Is it found with other detection thresholds too?",
    "methods": "Do independent methods of detection and ranking find it?",
}


def decisions(facts: Facts) -> list[str]:
    """Return the blocks of the section."""
    blocks = ["## 4. What people decided"]
    if facts.states:
        vetters = sorted({state.vetter for state in facts.states})
        decided = sum(1 for row in facts.candidates if facts.label(row.candidate))
        blocks += [
            (
                f"{len(vetters)} vetter{'s' * (len(vetters) != 1)} gave a label to {decided} of "
                f"{facts.n_candidates} candidates. Where vetters differ, the label is *conflict*."
            ),
            *numbers_of_vetters(facts),
            "### Verdicts",
            _verdicts(facts),
        ]
    else:
        blocks.append("Nobody has decided anything yet.")
    return [*blocks, *_checklist(facts)]


def _verdicts(facts: Facts) -> str:
    ranks = {row.candidate: row.rank for row in facts.candidates}
    columns = (
        ">rank now", "candidate", "vetter", "label", "reason", "grade", *facts.checks, "when (UTC)",
        ">rank seen", ">score seen", "note",
    )  # fmt: skip
    states = sorted(
        facts.states, key=lambda s: (ranks.get(s.candidate, len(ranks) + 1), s.candidate, s.vetter)
    )
    return table(
        columns,
        (
            (
                ranks.get(state.candidate, "not ranked"),
                state.candidate,
                state.vetter,
                state.label or "–",
                state.reason or "–",
                state.grade or "–",
                *(state.checks.get(check, "not run") for check in facts.checks),
                state.at,
                "–" if state.rank is None else state.rank,
                number(state.score, ".3f"),
                state.note or "–",
            )
            for state in states
        ),
    )


def _checklist(facts: Facts) -> list[str]:
    """Return the five checks, how often each came out how, and where each candidate stands."""
    outcomes = ("pass", "fail", "inconclusive", CONFLICT, "not run")
    blocks = [
        "### Verification checklist",
        (
            "Five checks stand between a candidate and a claim. Each outcome is "
            f"{', '.join(OUTCOMES[:-1])} or {OUTCOMES[-1]}. What people state and what the program computed "
            "are kept apart, and both are told. The numbers count candidates."
        ),
        table(
            ("check", "question", "by", *(f">{outcome}" for outcome in outcomes)),
            (
                (check, QUESTIONS[check], who, *(counts[outcome] for outcome in outcomes))
                for check in facts.checks
                for who, counts in (
                    ("people", facts.outcomes(check)),
                    ("computed", facts.computed_outcomes(check)),
                )
            ),
        ),
    ]
    rows = list(facts.candidates[:TABLE_ROWS])
    if rows:
        blocks.append(
            table(
                (">rank", "candidate", *facts.checks),
                (
                    (row.rank, row.candidate, *(_both(facts, row.candidate, check) for check in facts.checks))
                    for row in rows
                ),
            )
        )
    blocks.append(
        "What decides each check of the first candidates is in section 3; every value with unit, threshold "
        "and source is in checks.csv, the rules are in docs/checks.md."
    )
    return blocks


def _both(facts: Facts, candidate: str, check: str) -> str:
    """Return a person's outcome with the computed one beside it, and whether the evidence changed since."""
    stated, computed = facts.outcome(candidate, check), facts.computed_outcome(candidate, check)
    if stated == "not run":
        return f"computed: {computed}" if computed != "not run" else "not run"
    changed = "; evidence changed since" if facts.changed_since(candidate, check) else ""
    return f"{stated} (computed: {computed}{changed})"


def evidence(facts: Facts, row: CandidateRow) -> list[str]:
    """Return the block of one candidate: its checks with the number that decides, verdicts and notes."""
    found = facts.computed.get(row.candidate, {})
    lines = [
        (
            check,
            facts.computed_outcome(row.candidate, check),
            one.number if one else "–",
            one.reason if one else "not computed",
            "" if one is None or one.outcome == "not run" else "; ".join(from_json(one.evidence).asked),
            _stated(facts, row.candidate, check),
        )
        for check in facts.checks
        for one in (found.get(check),)
    ]
    blocks = [table(("check", "computed", "decided by", "because", "asked", "people"), lines)]
    states = facts.by_candidate.get(row.candidate, [])
    if states:
        return [*blocks, "Verdicts:", listing(_verdict(state) for state in states)]
    return [*blocks, "Nobody has decided on it."]


def _verdict(state: VerdictState) -> str:
    """Return what one vetter decided, in one line."""
    words = [state.label or "no label"]
    words += [f"({state.reason})"] if state.reason else []
    words += [f"grade {state.grade}"] if state.grade else []
    note = f": {state.note}" if state.note else ""
    return f"{state.vetter}, {state.at or 'time unknown'}, {' '.join(words)}{note}"


def _stated(facts: Facts, candidate: str, check: str) -> str:
    """Return who stated which outcome of a check, and why."""
    lines = [
        f"{state.vetter}: {state.checks[check]}"
        + (f" ({why})" if (why := state.check_reasons.get(check, "")) else "")
        for state in facts.by_candidate.get(candidate, [])
        if state.checks.get(check)
    ]
    return "; ".join(lines) or "–"
