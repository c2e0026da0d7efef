"""Section 8 of the report: what changed since the last one; a snapshot of each report is kept for that."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from analysis.report.facts import TABLE_ROWS, Entry, Facts, Snapshot
from analysis.report.markdown import listing, table

MOVED: Final = 5
"""Places by which a rank must move to be told."""
MOST: Final = 40


def snapshot(facts: Facts) -> dict[str, Entry]:
    """Return what is remembered of this report: the candidates that it tells of, by name."""
    return {
        row.candidate: Entry(
            row.rank,
            round(row.composite_score, 6),
            facts.label(row.candidate),
            {check: facts.computed_outcome(row.candidate, check) for check in facts.checks},
        )
        for row in facts.candidates
    }


@dataclass(frozen=True)
class Kept:
    """What is kept beside a report: its own snapshot, the one it was compared with, and the times of both."""

    now: Snapshot
    now_at: str
    before: Snapshot | None = None
    before_at: str = ""

    def then(self, now: Snapshot, at: str) -> "Kept":
        """Return what is kept once another report is made: the same where it says the same."""
        return self if now == self.now else Kept(now, at, self.now, self.now_at)


def as_json(kept: Kept) -> str:
    """Return both snapshots as text."""
    return json.dumps(asdict(kept) | {"version": 1}, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def from_json(text: str) -> Kept:
    """Read them back.

    Raises
    ------
    ValueError
        It is not what `as_json` writes.
    """
    try:
        found = json.loads(text)
        before = None if found["before"] is None else _entries(found["before"])
        return Kept(_entries(found["now"]), str(found["now_at"]), before, str(found["before_at"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _entries(plain: Mapping[str, Any]) -> Snapshot:
    return {
        name: Entry(int(one["rank"]), float(one["score"]), str(one["label"]), dict(one["checks"]))
        for name, one in plain.items()
    }


def changes(facts: Facts) -> list[str]:
    """Return the blocks of the section."""
    heading = "## 8. What changed since the last report"
    before, now = facts.before, snapshot(facts)
    if before is None:
        return [heading, "There is no earlier report here that says anything else."]
    entered = [name for name in now if name not in before]
    left = [name for name in before if name not in now]
    changed = [(name, told) for name in now if name in before and (told := _told(before[name], now[name]))]
    if not (entered or left or changed):
        return [heading, "Nothing: ranks (but for small moves), labels and computed checks are the same."]
    blocks = [
        heading,
        (
            f"Among the first {TABLE_ROWS} ranks and those that somebody decided on {len(entered)} entered, "
            f"{len(left)} left and {len(changed)} changed."
        ),
    ]
    for title, names, where in (("Entered", entered, now), ("Left", left, before)):
        if names:
            lines = [f"{name}, rank {where[name].rank}, {where[name].label or 'undecided'}" for name in names]
            blocks += [f"### {title}", listing([*lines[:MOST], *_more(len(lines))])]
    if changed:
        blocks += ["### Changed", table(("candidate", "what"), changed[:MOST])]
        blocks += [f"And {len(changed) - MOST} more."] if len(changed) > MOST else []
    return blocks


def _more(count: int) -> list[str]:
    return [f"and {count - MOST} more"] if count > MOST else []


def _told(then: Entry, now: Entry) -> str:
    """Return what differs, in words; "" where nothing does."""
    parts = []
    if abs(then.rank - now.rank) >= MOVED:
        parts.append(f"rank {then.rank} to {now.rank}")
    if then.label != now.label:
        parts.append(f"label {then.label or 'undecided'} to {now.label or 'undecided'}")
    for check, outcome in now.checks.items():
        if then.checks.get(check, "not run") != outcome:
            parts.append(f"{check} {then.checks.get(check, 'not run')} to {outcome}")
    return "; ".join(parts)
