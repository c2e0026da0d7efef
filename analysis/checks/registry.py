"""The checks in the order in which they are made, cheapest first; each has its version and its function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.checks import methods, other_filters, psf_or_cosmic_ray, thresholds
from analysis.checks.finding import Finding
from analysis.checks.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """One check that is made of pixels and the ranking: its version, what it asks, how it is answered.

    A new version makes what was computed by an older one out of date.
    """

    name: str
    version: str
    question: str
    run: Callable[[Subject], Finding]


CHECKS: Final[Mapping[str, Check]] = {
    check.name: check
    for check in (
        Check(
            other_filters.NAME, other_filters.VERSION,
            "Is it there in other filters and at other times that cover it, at the same place?",
            other_filters.check,
        ),
        Check(
            psf_or_cosmic_ray.NAME, psf_or_cosmic_ray.VERSION,
            "Is it neither a diffraction spike nor a cosmic ray nor another artefact?",
            psf_or_cosmic_ray.check,
        ),
        Check(
            thresholds.NAME, thresholds.VERSION, "Is it found with other detection thresholds too?",
            thresholds.check,
        ),
        Check(
            methods.NAME, methods.VERSION, "Do independent methods of detection and ranking find it?",
            methods.check,
        ),
    )
}  # fmt: skip


def run_all(subject: Subject, names: list[str]) -> list[Finding]:
    """Make the named checks of one candidate, cheapest first."""
    return [check.run(subject) for name, check in CHECKS.items() if name in names]
