"""The part of section 4 of the report that tells how vetters agree, and of each conflict who said what."""

from collections.abc import Sequence

from analysis.agreement import agreement as coefficient
from analysis.agreement import object_agreement, pairs, tabulate, votes
from analysis.report.facts import TABLE_ROWS, Facts
from analysis.report.markdown import escape, number, table
from store.verdicts import CONFLICT, VerdictState


def agreement(facts: Facts) -> list[str]:
    """Return the blocks; none where fewer than two vetters gave a label."""
    given = tabulate([(state.candidate, state.vetter, state.label) for state in facts.states])
    if len(given.vetters) < 2:
        return []
    blocks = [
        "### Agreement between vetters",
        (
            f"{escape(coefficient(given.codes).words())}. Labels are compared as words without an order; 1 "
            "is full agreement, 0 what chance gives; the interval is a bootstrap over candidates. Cohen's "
            "kappa is for two vetters, Fleiss' for several who labelled the same candidates, Krippendorff's "
            "alpha where labels are missing."
        ),
    ]
    if len(given.vetters) > 2:
        blocks.append(
            table(
                ("vetter", "vetter", ">both", ">Cohen's kappa", ">95 % from", ">to", "undefined because"),
                (
                    (
                        given.vetters[i], given.vetters[j], one.objects, number(one.value, ".2f"),
                        number(one.low, ".2f"), number(one.high, ".2f"), one.undefined or "–",
                    )
                    for (i, j), one in pairs(given.codes).items()
                ),
            )
        )  # fmt: skip
    ranks = {row.candidate: row.rank for row in facts.candidates}
    share, (most, count, total) = object_agreement(given.codes), votes(given.codes)
    several = [place for place in range(len(given.objects)) if total[place] > 1]
    several.sort(key=lambda n: (share[n], ranks.get(given.objects[n], len(ranks) + 1), given.objects[n]))
    if several:
        blocks.append(
            table(
                (">rank", "candidate", "label", "given most", ">votes", ">of", ">agreement"),
                (
                    (
                        ranks.get(given.objects[n], "not ranked"), given.objects[n],
                        facts.label(given.objects[n]), given.labels[most[n]], int(count[n]), int(total[n]),
                        number(float(share[n]), ".2f"),
                    )
                    for n in several[:TABLE_ROWS]
                ),
            )
        )  # fmt: skip
    if len(several) > TABLE_ROWS:
        blocks.append(f"{len(several) - TABLE_ROWS} more were labelled by several; verdicts.csv has all.")
    return blocks + _conflicts(facts, [given.objects[n] for n in several])


def _conflicts(facts: Facts, names: Sequence[str]) -> list[str]:
    """Return what each vetter says of each candidate on which they differ."""
    names = [name for name in names if facts.label(name) == CONFLICT]
    if not names:
        return ["No candidate has labels that differ."]
    blocks = [
        "### Conflicts",
        f"{len(names)} candidates have labels that differ. Each vetter's words stand as they were written.",
    ]
    for name in names[:TABLE_ROWS]:
        blocks += [
            f"#### {escape(name)}",
            table(
                ("vetter", "label", "reason", "grade", "checks", "when (UTC)", "note"),
                (
                    (
                        state.vetter, state.label or "–", state.reason or "–", state.grade or "–",
                        checks_given(state), state.at, state.note or "–",
                    )
                    for state in facts.by_candidate[name]
                ),
            ),
        ]  # fmt: skip
    if len(names) > TABLE_ROWS:
        blocks.append(f"{len(names) - TABLE_ROWS} more conflicts are in verdicts.csv.")
    return blocks


def checks_given(state: VerdictState) -> str:
    """Return the outcomes that one vetter stated, in one line."""
    return "; ".join(f"{name}: {outcome}" for name, outcome in state.checks.items()) or "–"
