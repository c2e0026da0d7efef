"""How well a vetter agrees with her own earlier labels: a blind sitting in, a coefficient out."""

from collections.abc import Sequence

from analysis.agreement import Agreement, agreement, tabulate
from store.blind import Sitting, label_of


def self_agreement(sitting: Sitting) -> Agreement:
    """Return Cohen's kappa of the labels before and in a sitting, over the candidates that have both."""
    second = sitting.second
    given = [(name, "first", sitting.first[name]) for name in sitting.candidates if name in second]
    given += [(name, "second", label_of(second[name])) for name in sitting.candidates if name in second]
    return agreement(tabulate(given).codes)


def words(sitting: Sitting) -> str:
    """Return in one line how a sitting came out; of one that is not done, only how far it is."""
    total, left = len(sitting.candidates), len(sitting.left)
    if left:
        return f"blind sitting of {sitting.vetter}: {total - left} of {total} decided again; not done yet"
    found = self_agreement(sitting)
    head = f"self-agreement of {sitting.vetter}: {found.observed:.0%} of {total} decided alike again; "
    if total < 2:
        return f"{head}one candidate alone defines no kappa"
    if found.undefined:
        return f"{head}{found.statistic} is not defined: {found.undefined}"
    spread = (
        f"95 % {found.low:.2f} to {found.high:.2f}"
        if found.low == found.low
        else "no interval: too few candidates differ"
    )
    return f"{head}{found.statistic} {found.value:.2f} ({spread})"


def finished(sittings: Sequence[Sitting]) -> list[Sitting]:
    """Return the sittings that are done: of others nothing is told, or the next label would not be blind."""
    return [sitting for sitting in sittings if sitting.done]
