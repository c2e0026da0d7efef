"""The part of section 3 of the report that tells of spectra: how they were judged, and the first of them."""

from collections.abc import Mapping
from typing import Any, Final

from analysis.report.facts import Facts
from analysis.report.markdown import escape, image, listing, number, table
from store.candidates import CandidateRow

ROWS: Final = 25
"""Spectra in the table of the report; all are in all_spectra.csv."""


def spectra(facts: Facts) -> list[str]:
    """Return the blocks; none where no file of spectra was ever read."""
    if not facts.spectrum_files:
        return []
    done = [file for file in facts.spectrum_files if file.state == "done"]
    blocks = ["### Spectra"]
    if any(file.simulated for file in done):
        blocks.append("*SIMULATED spectra are among these.*")
    if done:
        blocks += [_opening(facts, len(done)), _method(facts), _first(facts)]
        blocks.append(
            "A redshift is secure where at least two lines agree, most of the light in lines is explained, "
            "and the vote leads clearly over the next one, which stands beside it. Views say what is odd: "
            "unexplained lines, broad lines, an unusual step, an outlier of the set; the largest counts."
        )
    broken = (file for file in facts.spectrum_files if file.state == "failed")
    failed = [f"{file.file}: {file.error_kind}: {file.error_reason}" for file in broken]
    notes = [f"{file.file}: {note}" for file in done for note in file.notes]
    if failed:
        blocks += ["Files of spectra that could not be used:", listing(failed)]
    if notes:
        blocks += ["Remarks on files of spectra:", listing(notes)]
    return blocks


def _opening(facts: Facts, files: int) -> str:
    held: Mapping[str, Any] = facts.info.get("spectra") or {}
    total = sum(file.n_spectra for file in facts.spectrum_files if file.state == "done")
    text = f"{total} spectra in {files} files were measured."
    if held:
        grades = ", ".join(f"{count} {grade}" for grade, count in sorted(held["grades"].items()))
        text += (
            f" {held['n_candidates']} stand as candidates of their own, {held['n_joined']} lie within "
            f"{held['join_radius_arcsec']:g}″ of a candidate of the images and belong to it. "
            f"Redshifts: {grades}."
        )
    return text


def _method(facts: Facts) -> str:
    held: Mapping[str, Any] = facts.info.get("spectra") or {}
    how = {
        "isolation_forest": "by Isolation Forests over the set",
        "robust_distance": "by robust distance, since fewer than 30 cannot fill a forest",
        "none": "not at all, since fewer than 5 have no spread",
    }.get(str(held.get("method")), "not yet")
    return (
        "Lines are found by matched filters of the line-spread function's width and wider at S/N 5, single "
        f"bright samples refused as cosmic rays. Spectra are compared with each other {how}. "
        "The score has the same four terms as that of images; a term that cannot be computed drops out."
    )


def _first(facts: Facts) -> str:
    columns = (
        ">rank", "candidate", "disperser", "redshift", ">next z", ">S/N", ">lines", ">unexplained",
        ">anomaly", ">composite", "flags",
    )  # fmt: skip
    places = {row.candidate: row.rank for row in facts.candidates}
    return table(
        columns,
        (
            (
                places.get(row["candidate"], "–") if row["candidate"] else "–",
                row["candidate"] or row["spectrum"],
                row["disperser"],
                redshift(row),
                number(row["redshift_second"], ".3f"),
                number(row["snr"], ".1f"),
                row["n_emission"],
                row["n_unexplained"],
                number(row["anomaly_score"], ".3f"),
                number(row["composite_score"], ".3f"),
                (row["flags"] or "–").replace(",", ", "),
            )
            for row in facts.spectra[:ROWS]
        ),
    )


def redshift(row: Mapping[str, Any]) -> str:
    """Return a redshift with its error and grade."""
    if row["redshift"] is None or row["redshift_grade"] == "none":
        return "none"
    return f"{row['redshift']:.4f} ± {number(row['redshift_err'], '.4f')} {row['redshift_grade']}"


def figures_of(facts: Facts, row: CandidateRow) -> list[str]:
    """Return the figure and the measured values of each drawn spectrum of a candidate."""
    blocks: list[str] = []
    for spectrum in facts.spectra:
        if spectrum["candidate"] != row.candidate:
            continue
        figure = facts.spectrum_figures.get(spectrum["spectrum"])
        simulated = "SIMULATED, " if spectrum["simulated"] else ""
        if figure:
            blocks.append(image(f"{simulated}spectrum {spectrum['spectrum']} of {row.candidate}", figure))
        lines = [line for line in facts.spectral_lines if line["spectrum"] == spectrum["spectrum"]]
        told = "; ".join(
            f"{line['wavelength']:.4f} µm {line['name'] or 'unexplained'} (S/N {line['line_snr']:.1f})"
            for line in lines
        )
        blocks.append(
            f"Spectrum {escape(spectrum['spectrum'])}: {escape(str(spectrum['instrument']))} "
            f"{escape(str(spectrum['disperser']))}, redshift {redshift(spectrum)}, "
            f"S/N {number(spectrum['snr'], '.1f')}. Lines: {escape(told or 'none')}."
        )
    return blocks
