"""Spectra for the app: a candidate's name in, what is drawn of each of its spectra out; from threads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.spectra.plotting import Curve
    from store.project import Project


@dataclass(frozen=True)
class Spectra:
    """The spectra of a candidate, best first; `problem` says why there are none."""

    candidate: str
    curves: tuple[Curve, ...] = ()
    problem: str = ""


def read_spectra(project: Project, database: Any, candidate: str) -> Spectra:
    """Read a candidate's spectra with their lines; StoreError where the database is held too long."""
    from analysis.spectra.plotting import Curve
    from store.spectra import lines_of, spectra_of

    rows = spectra_of(database, candidate)
    if not rows:
        return Spectra(candidate, problem="no spectrum belongs to this candidate")
    lines = lines_of(database, [row["spectrum"] for row in rows])
    curves, problem = [], ""
    for row in rows:
        mine = [line for line in lines if line["spectrum"] == row["spectrum"]]
        path = project.spectrum_cache / row["sha256"][:16] / f"{row['n']}.npz"
        try:
            curves.append(Curve.load(path, row, mine))
        except (OSError, ValueError, KeyError):
            problem = "its samples are no longer kept: `jwst-vet spectra` reads them again"
    return Spectra(candidate, tuple(curves), "" if curves else problem)
