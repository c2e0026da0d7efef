"""Section 4 of the report: what people decided, and the verification checklist."""

from analysis.report.facts import TABLE_ROWS, Facts
from analysis.report.markdown import number, table
from store.verdicts import CONFLICT, OUTCOMES

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
            f"{', '.join(OUTCOMES[:-1])} or {OUTCOMES[-1]}, and is a person's. The numbers count "
            "candidates."
        ),
        table(
            ("check", "question", *(f">{outcome}" for outcome in outcomes)),
            (
                (check, QUESTIONS[check], *(facts.outcomes(check)[outcome] for outcome in outcomes))
                for check in facts.checks
            ),
        ),
    ]
    rows = list(facts.candidates[:TABLE_ROWS])
    if rows:
        blocks.append(
            table(
                (">rank", "candidate", *facts.checks),
                (
                    (
                        row.rank,
                        row.candidate,
                        *(facts.outcome(row.candidate, check) for check in facts.checks),
                    )
                    for row in rows
                ),
            )
        )
    return blocks
