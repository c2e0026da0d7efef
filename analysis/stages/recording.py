"""Findings on their way to the store: one row for each check of a candidate, with the time it was made."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.checks import CheckRow

if TYPE_CHECKING:
    from analysis.checks.finding import Finding


def row_of(candidate: str, finding: "Finding", seconds: float, key: str) -> CheckRow:
    """Return a finding as a row of the store; `key` names what it was computed from."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return CheckRow(
        candidate, finding.check, finding.outcome, finding.number, finding.reason, finding.to_json(), key,
        finding.digest(), now, round(seconds, 4),
    )  # fmt: skip
