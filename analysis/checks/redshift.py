"""A spectrum's redshift beside those that catalogues give: numbers in, agreement or disagreement out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis.checks.finding import Finding, Value

if TYPE_CHECKING:
    from analysis.checks.catalogs import Match

VERSION: Final = "1"
AGREES: Final = 0.01
"""Largest |Δz| / (1 + z) of two redshifts of one object from lines: what the PRISM tells at its worst."""
SIGMAS: Final = 3.0


@dataclass(frozen=True, slots=True)
class SpectralRedshift:
    """The redshift of a candidate's best spectrum; `second` is the runner-up, NaN where there is none."""

    spectrum: str
    z: float
    error: float
    grade: str
    second: float = math.nan

    @property
    def words(self) -> str:
        """The redshift with its error and grade."""
        return f"{self.z:.4f} ± {self.error:.4f} {self.grade}"


def away(measured: float, error: float, cataloged: float) -> tuple[float, float]:
    """Return Δz / (1 + z) of a measured redshift from a catalogue's, and the most that still agrees."""
    scale = 1.0 + cataloged
    known = error if math.isfinite(error) else 0.0
    return (measured - cataloged) / scale, max(AGREES, SIGMAS * known / scale)


def compared(
    finding: Finding, matches: "Sequence[Match]", measured: SpectralRedshift, likely: float
) -> Finding:
    """Return the finding with the redshifts compared; the likeliest match that has one decides.

    Where the catalogue's redshift agrees, the outcome stands: the object is known. Where a likely match
    disagrees, a known object is inconclusive: it may be another one, or one of the two redshifts is wrong.
    Without any redshift to compare with, the words say so and nothing changes.
    """
    with_z = [match for match in matches if math.isfinite(match.entry.redshift)]
    mine = Value("redshift of its spectrum", measured.z, error=measured.error, source=measured.grade)
    if not with_z:
        note = f"redshift of its spectrum {measured.words}: no match gives one to compare with"
        return replace(finding, values=(*finding.values, mine), asked=(*finding.asked, note))
    first = with_z[0]
    z = first.entry.redshift
    off, most = away(measured.z, measured.error, z)
    agrees = abs(off) <= most
    words = (
        f"redshift {measured.z:.4f} of its spectrum ({measured.grade}) "
        f"{'agrees' if agrees else 'disagrees'} with {z:.4f} of {first.entry.name} ({first.service}): "
        f"Δz/(1+z) = {off:+.4f}, at most {most:.4f}"
    )
    if not agrees and math.isfinite(measured.second):
        other, room = away(measured.second, measured.error, z)
        if abs(other) <= room:
            words += f"; the runner-up {measured.second:.4f} agrees"
    values = (
        *finding.values,
        mine,
        Value("redshift in the catalogue", z, source=f"{first.service}: {first.entry.name}"),
        Value("difference over 1 + z", off, threshold=f"at most {most:.4f} agrees", source="3 sigma or 0.01"),
    )
    changed = replace(finding, values=values, asked=(*finding.asked, words))
    if not (first.identifies and first.chance < likely):
        return changed  # an unlikely match decides nothing
    if agrees or finding.outcome != "fail":
        return replace(changed, reason=f"{finding.reason}; {words}")
    return replace(changed, outcome="inconclusive", number=f"Δz/(1+z) {off:+.3f}",
                   reason=f"{finding.reason}; but {words}")  # fmt: skip
