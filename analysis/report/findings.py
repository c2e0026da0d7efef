"""Section 3 of the report: what was found."""

import math

from analysis.report.decisions import evidence
from analysis.report.facts import PICTURES, TABLE_ROWS, Facts
from analysis.report.markdown import escape, image, number, table
from analysis.report.selecting import selection
from analysis.report.spectra import figures_of
from store.candidates import CandidateRow

PICTURES_READ = (
    "Each picture shows every frame that reaches the candidate, on the same piece of sky. The bar is in "
    "arcsec, the arrows point north and east, the circle is the larger of the Kron radius and 0.25″, hatched "
    "pixels are invalid. Grey levels are an asinh of the panel's own pixels: brightness does not compare "
    "between panels. A spectrum has its flux with error, its S/N, and what continuum and lines leave."
)
NOTICE = "*These candidates come from SIMULATED images.*"


def findings(facts: Facts) -> list[str]:
    """Return the blocks of the section."""
    blocks = ["## 3. What was found"]
    if not facts.info:
        return [*blocks, "Nothing is ranked yet: `jwst-vet rank` does it."]
    info = facts.info
    blocks.append(
        f"{info['n_sources']} sources belong to {info['n_objects']} objects, of which "
        f"{facts.n_candidates} are candidates."
    )
    if not facts.n_candidates:
        return [*blocks, f"No source reached S/N {info['min_snr']:g}: there is no candidate."]
    first = facts.candidates[:TABLE_ROWS]
    shown = f"the first {len(first)} of {facts.n_candidates}" if len(first) < facts.n_candidates else "all"
    blocks += [
        "### Ranked candidates",
        f"The table shows {shown}; ranked_candidates.csv has every one and more.",
    ]
    if facts.simulated:
        blocks.append(NOTICE)
    blocks += [
        _ranked(facts, list(first)),
        "Frames: those that show it / those that cover it. A dash means not computed or not given.",
        *selection(facts),
        f"### The first {min(PICTURES, len(facts.candidates))} candidates, and those labelled interesting",
        PICTURES_READ,
    ]
    if facts.simulated:
        blocks.append(NOTICE)
    for row in facts.told:
        blocks += _candidate(facts, row)
    return blocks


def _ranked(facts: Facts, rows: list[CandidateRow]) -> str:
    columns = (
        ">rank", "candidate", ">RA (°)", ">Dec (°)", ">composite", ">anomaly", ">snr", ">artifact",
        ">consistency", ">S/N", ">frames", "filters", "flags", "label",
    )  # fmt: skip
    return table(
        columns,
        (
            (
                row.rank,
                row.candidate,
                number(row.ra, ".7f"),
                number(row.dec, ".7f"),
                number(row.composite_score, ".3f"),
                number(row.anomaly_score, ".3f"),
                number(row.snr_score, ".3f"),
                number(row.artifact_score, ".3f"),
                number(row.consistency_score, ".3f"),
                number(row.snr, ".1f"),
                f"{row.frames_detected}/{row.frames_covering}",
                row.filters.replace(",", ", "),
                row.flags.replace(",", ", ") or "–",
                facts.label(row.candidate) or "undecided",
            )
            for row in rows
        ),
    )


def _candidate(facts: Facts, row: CandidateRow) -> list[str]:
    """Return heading, picture, score and measured values of one candidate."""
    blocks = [f"#### {row.rank}. {escape(row.candidate)}"]
    simulated = "SIMULATED, " if row.simulated else ""
    if row.kind == "spectrum":
        return [*blocks, _waterfall(facts, row), *figures_of(facts, row), *evidence(facts, row)]
    figure = facts.figures.get(row.candidate)
    if figure:
        blocks.append(image(f"{simulated}cutouts of {row.candidate} in every frame, rank {row.rank}", figure))
    else:
        blocks.append("There is no figure of it.")
    blocks += [_waterfall(facts, row), *_why(facts, row), _measured(row)]
    blocks.append(_in_each_frame(facts, row))
    return [*blocks, *figures_of(facts, row), *evidence(facts, row)]


def _in_each_frame(facts: Facts, row: CandidateRow) -> str:
    """Return what each frame near the candidate shows of it, one line per detection."""
    views = facts.views.get(row.candidate, {})
    lines: list[tuple[object, ...]] = []
    for frame in facts.done:
        band = f"{frame.instrument} {frame.filter}"
        detections = [m for m in facts.members.get(row.candidate, ()) if m.frame == frame.frame]
        lines += [
            (
                frame.frame,
                band,
                "detected",
                number(m.snr, ".1f"),
                f"{number(m.flux, '.4g')} ± {number(m.flux_err, '.2g')} {m.flux_unit}",
                number(m.mag_ab, ".2f"),
                number(m.r50_arcsec, ".3f"),
                number(m.anomaly_score, ".3f"),
                number(m.artifact_probability, ".2f"),
                m.flags.replace(",", ", ") or "–",
            )
            for m in detections
        ]
        if not detections and frame.frame in views:
            lines.append((frame.frame, band, views[frame.frame], *["–"] * 7))
    columns = (
        "frame", "band", "here", ">S/N", ">flux", ">AB mag", ">r50 (″)", ">anomaly", ">artifact probability",
        "flags",
    )  # fmt: skip
    return table(columns, lines)


def _waterfall(facts: Facts, row: CandidateRow) -> str:
    """Return the sum that makes the composite score, term by term."""
    weights = facts.info["weights"]
    used = [term for term in row.terms.split(",") if term]
    total = sum(weights[term] for term in used)
    if not used:
        return "No term of the score could be computed."
    parts = [f"{weights[term] / total:.3g} × {getattr(row, f'{term}_score'):.3f} ({term})" for term in used]
    text = f"composite {row.composite_score:.3f} = {' + '.join(parts)}"
    missing = [term for term in weights if weights[term] > 0 and term not in used]
    if missing:
        text += f"; not computed: {', '.join(missing)}"
    return str(escape(text)) + "."


def _why(facts: Facts, row: CandidateRow) -> list[str]:
    """Return what each view of the ensemble says, and how far the rank hangs on the population."""
    odd = facts.oddities.get(row.candidate)
    if odd is None:
        return []
    views = ", ".join(
        f"{name} {'not computed' if math.isnan(value) else f'{value:.2f}'}"
        for name, value in odd.views.items()
    )
    text = f"Why unusual: {views}. Rank {odd.rank_low} to {odd.rank_high} when the population is drawn anew "
    text += f"{odd.draws} times."
    return [str(escape(text))]


def _measured(row: CandidateRow) -> str:
    """Return the measured values of the best frame."""
    flux = f"{number(row.flux, '.4g')} ± {number(row.flux_err, '.2g')} {row.flux_unit}"
    values = (
        ("S/N", number(row.snr, ".1f")),
        ("flux", flux),
        ("AB magnitude", number(row.mag_ab, ".2f")),
        ("half-light radius", f"{number(row.r50_arcsec, '.3f')}″"),
        ("ellipticity", number(row.ellipticity, ".2f")),
        ("concentration", number(row.concentration, ".2f")),
        ("asymmetry", number(row.asymmetry, ".2f")),
        ("Gini", number(row.gini, ".2f")),
        ("M20", number(row.m20, ".2f")),
        ("flags in any frame", row.flags.replace(",", ", ") or "none"),
    )
    listed = "; ".join(f"{name} {value}" for name, value in values)
    return f"In its best frame, {escape(row.best_frame)}: {escape(listed)}."
