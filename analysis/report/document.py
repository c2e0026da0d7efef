"""The whole report: facts in, one Markdown document out."""

from analysis.report.agreement import agreement
from analysis.report.blind import blind
from analysis.report.changes import changes
from analysis.report.completeness import completeness
from analysis.report.decisions import decisions
from analysis.report.facts import Facts
from analysis.report.findings import findings
from analysis.report.markdown import escape, listing
from analysis.report.methods import methods
from analysis.report.naming import field_name
from analysis.report.products import times
from analysis.report.redo import redo
from analysis.report.searched import searched
from analysis.report.spectra import spectra
from analysis.report.unchecked import unchecked


def render(facts: Facts) -> str:
    """Return the report.

    Section 9 and the times of decisions are the only lines that hold a clock's reading: all others are the
    same for the same facts.
    """
    blocks = [f"# Anomaly candidates: {escape(field_name(facts.config, facts.frames))}"]
    if facts.simulated:
        blocks.append(_simulated(facts))
    blocks += [
        _summary(facts),
        *searched(facts),
        *methods(facts),
        *completeness(facts),
        *findings(facts),
        *spectra(facts),
        *decisions(facts),
        *agreement(facts),
        *blind(facts),
        *unchecked(facts),
        *redo(facts),
        *changes(facts),
        *_times(facts),
    ]
    return "\n\n".join(blocks) + "\n"


def _simulated(facts: Facts) -> str:
    if facts.all_simulated:
        return (
            "> **SIMULATED.** Every image and spectrum here was made by a program. Nothing in this report "
            "is an observation of the sky."
        )
    return (
        "> **SIMULATED images are among those searched.** They are marked in each table; what comes "
        "from them is no observation of the sky."
    )


def _summary(facts: Facts) -> str:
    bands = (
        ", ".join(dict.fromkeys(f"{frame.instrument} {frame.filter}" for frame in facts.done)) or "no band"
    )
    decided = sum(1 for row in facts.candidates if facts.label(row.candidate))
    unusable = f", {len(facts.failed)} unusable" if facts.failed else ""
    return (
        f"{len(facts.done)} images ({escape(bands)}){unusable}{_spectra(facts)}; "
        f"{facts.n_candidates} candidates; "
        f"{decided} of them with a person's label. A candidate is a source that deserves a look, not a "
        "discovery."
    )


def _spectra(facts: Facts) -> str:
    total = sum(file.n_spectra for file in facts.spectrum_files if file.state == "done")
    return f"; {total} spectra" if facts.spectrum_files else ""


def _times(facts: Facts) -> list[str]:
    lines = [f"Time: this report was written at {facts.written_at}."]
    if facts.before_at:
        lines.append(f"Time: the report that section 8 compares with was written at {facts.before_at}.")
    lines += times(facts)
    computed = sorted(one.computed_at for found in facts.computed.values() for one in found.values())
    if computed:
        lines.append(f"Time: checks were computed from {computed[0]} to {computed[-1]}.")
    lines += [f"Time: {frame.frame} was measured at {frame.measured_at}." for frame in facts.done]
    return ["## 9. Times", "These lines change when the same work is done again.", listing(lines)]
