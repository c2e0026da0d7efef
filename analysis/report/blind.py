"""The part of section 4 of the report that tells how vetters agree with themselves, by blind sittings."""

from analysis.reagreement import finished, self_agreement
from analysis.report.facts import TABLE_ROWS, Facts
from analysis.report.markdown import number, table
from store.blind import Sitting, label_of


def blind(facts: Facts) -> list[str]:
    """Return the blocks; none where nobody ended a blind sitting."""
    done = finished(facts.sittings)
    if not done:
        return []
    blocks = [
        "### Agreement of vetters with themselves",
        (
            "In a blind sitting a vetter decides candidates once more, in another order, while former "
            "verdicts, scores and ranks are hidden. The labels given there count here alone: no verdict, "
            "table or export holds them. Cohen's kappa is of the labels before and in the sitting (1 is "
            "full agreement, 0 what chance gives); the interval is a bootstrap over candidates."
        ),
        table(
            (
                "vetter", "begun (UTC)", ">seed", ">candidates", ">alike", ">Cohen's kappa", ">95 % from",
                ">to", "undefined because",
            ),
            (_row(sitting) for sitting in done),
        ),
    ]  # fmt: skip
    ranks = {row.candidate: row.rank for row in facts.candidates}
    changed = [(one, name) for one in done for name in one.candidates if _differs(one, name)]
    changed.sort(key=lambda pair: (pair[0].id, ranks.get(pair[1], len(ranks) + 1), pair[1]))
    if not changed:
        return [*blocks, "No candidate got another label the second time."]
    blocks.append(
        table(
            (">rank", "candidate", "vetter", "begun (UTC)", "label before", "label in the sitting"),
            (
                (
                    ranks.get(name, "not ranked"), name, one.vetter, one.at, one.first[name],
                    label_of(one.second[name]),
                )
                for one, name in changed[:TABLE_ROWS]
            ),
        )
    )  # fmt: skip
    if len(changed) > TABLE_ROWS:
        blocks.append(f"{len(changed) - TABLE_ROWS} more got another label the second time.")
    return blocks


def _differs(sitting: Sitting, name: str) -> bool:
    return label_of(sitting.second[name]) != sitting.first[name]


def _row(sitting: Sitting) -> tuple[object, ...]:
    found = self_agreement(sitting)
    why = "one candidate alone" if len(sitting.candidates) < 2 else found.undefined
    return (
        sitting.vetter, sitting.at, sitting.seed, len(sitting.candidates), f"{found.observed:.0%}",
        number(found.value, ".2f"), number(found.low, ".2f"), number(found.high, ".2f"), why or "–",
    )  # fmt: skip
