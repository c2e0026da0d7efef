"""The part of stage `checks` for spectra: candidates in, their computed outcomes into the store."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.stages.recording import row_of
from store.candidates import candidate_rows
from store.checks import check_keys, save_checks
from store.database import Database
from store.project import Project
from store.spectra import lines_of, spectra_of, spectrum_files

if TYPE_CHECKING:
    from analysis.checks.subject import Place


def spectrum_places(db: Database, names: Sequence[str]) -> "dict[str, Place]":
    """Return those of the named candidates that are spectra, as catalogues are asked for them."""
    from analysis.checks.subject import Place

    times = {record.file: record.mjd_beg for record in spectrum_files(db, "done")}
    found = {}
    for name, row in candidate_rows(db, names).items():
        if row.kind == "spectrum":
            best = next(iter(spectra_of(db, name)), None)
            mjd = times.get(best["file"]) if best is not None else None
            found[name] = Place(
                name, _or_nan(row.ra), _or_nan(row.dec), snr=row.snr, rank=row.rank,
                simulated=row.simulated, mjd=_or_nan(mjd),
            )  # fmt: skip
    return found


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def check_spectra(
    project: Project, db: Database, names: Sequence[str], stopping: Callable[[], bool]
) -> tuple[int, int]:
    """Examine those of the named candidates that are spectra; return how many, and how many were unchanged.

    What catalogues know of their places is asked with the others', in `asking`.
    """
    from analysis.checks.spectral import VERSION, examine
    from analysis.spectra.plotting import Curve

    known = check_keys(db)
    done = same = 0
    for name, candidate in candidate_rows(db, names).items():
        if candidate.kind != "spectrum" or stopping():
            continue
        rows = spectra_of(db, name)
        key = hashlib.sha256(repr([VERSION, *((r["sha256"], r["n"]) for r in rows)]).encode()).hexdigest()
        if known.get((name, "methods")) == key:
            same += 1
            continue
        lines = lines_of(db, [row["spectrum"] for row in rows])
        paths = [project.spectrum_cache / row["sha256"][:16] / f"{row['n']}.npz" for row in rows]
        curves = [
            Curve.load(path, row, [line for line in lines if line["spectrum"] == row["spectrum"]])
            for row, path in zip(rows, paths, strict=True)
            if path.exists()
        ]
        if not curves:
            continue  # the stage `spectra` reads them again; until then nothing is said
        began = time.monotonic()
        findings = examine(curves)
        each = (time.monotonic() - began) / len(findings)
        save_checks(db, [row_of(name, finding, each, key) for finding in findings])
        done += 1
    return done, same
