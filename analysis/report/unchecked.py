"""Section 5 of the report: what was not checked, and what went wrong."""

from collections.abc import Mapping

from analysis.report.facts import PICTURES, Facts
from analysis.report.markdown import listing, table
from analysis.report.products import not_fetched
from store.checks import CheckRow

ACCEPTED_RATE = 0.01


def unchecked(facts: Facts) -> list[str]:
    """Return the blocks of the section."""
    blocks = ["## 5. What was not checked", listing(_general(facts))]
    if facts.failed:
        blocks += [
            "### Files that could not be used",
            table(
                ("file", "class", "reason"),
                ((facts.locations[f.frame], f.error_kind, f.error_reason) for f in facts.failed),
            ),
        ]
    blocks += not_fetched(facts)
    blocks += _coverage(facts)
    if facts.problems:
        blocks += [
            "### Lines of the verdict journals that could not be read",
            listing(map(str, facts.problems)),
        ]
    return blocks


def _general(facts: Facts) -> list[str]:
    total = facts.n_candidates
    undecided = total - sum(1 for row in facts.candidates if facts.label(row.candidate))
    items = [f"{undecided} of {total} candidates have no label from anybody."]
    items += [
        f"Of {total} candidates the check {check} was computed for "
        f"{total - facts.computed_outcomes(check)['not run']} and stated by people for "
        f"{total - facts.outcomes(check)['not run']}."
        for check in facts.checks
    ]
    items += [
        _catalogs(facts),
        _missed(facts),
        *_no_colours(facts),
    ]
    info = facts.info
    if info:
        items.append(
            f"Sources with S/N below {info['min_snr']:g}, and those that no image put forward, are in "
            "all_sources.csv but are no candidates."
        )
        items += _ranking_lag(facts)
    rates = [f"{f.frame} ({100.0 * f.false_rate:.0f} %)" for f in facts.done if f.false_rate > ACCEPTED_RATE]
    if rates:
        items.append(
            "Of the sources of these frames more than 1 % are measured to be false, by as many "
            f"detections on the inverted image: {', '.join(rates)}. Bright extended emission does that "
            "as well as a low threshold; their candidates may be pieces of it."
        )
    for keyword, values in (
        ("CAL_VER", {frame.cal_ver for frame in facts.done}),
        ("CRDS_CTX", {frame.crds_ctx for frame in facts.done}),
    ):
        if len(values) > 1:
            listed = ", ".join(sorted(value or "not recorded" for value in values))
            items.append(f"The ranking mixes calibrations: {keyword} is {listed}.")
    for plane, lacking in (
        ("ERR", [frame.frame for frame in facts.done if not frame.has_err]),
        ("WHT", [frame.frame for frame in facts.done if not frame.has_wht]),
    ):
        if lacking:
            items.append(f"No {plane} plane, so that pixels were not judged by it: {', '.join(lacking)}.")
    return items


def _catalogs(facts: Facts) -> str:
    """Say what became of the catalogues; silence is never told as an absence of matches."""
    answered = [name for name, checks in facts.computed.items() if _asked(checks)]
    if not answered:
        return (
            "No catalogue was queried by the program: no candidate was compared with SIMBAD, Gaia, NED "
            "or VizieR unless a vetter says so above. Not queried is not the same as no match."
        )
    return (
        f"Catalogues were asked about {len(answered)} of {facts.n_candidates} candidates; the others "
        "were not queried, which is not the same as no match."
    )


def _asked(checks: Mapping[str, CheckRow]) -> bool:
    """Tell whether a candidate was compared with at least one catalogue that was asked."""
    return "catalogs" in checks and checks["catalogs"].outcome != "not run"


def _missed(facts: Facts) -> str:
    """Say what is known of objects that were missed."""
    if facts.completeness:
        return (
            "Completeness was measured for points and smooth discs alone: how many objects of other shapes "
            "were missed is not known."
        )
    return (
        "The completeness of the search was not measured: how many objects like these were missed "
        "is not known."
    )


def _ranking_lag(facts: Facts) -> list[str]:
    """Return what changed since the ranking, and frames whose coverage it could not read."""
    ranked: dict[str, str] = facts.info["frames"]
    measured = {frame.frame: frame.stage_key for frame in facts.done}
    items = []
    newer = sorted(frame for frame, key in measured.items() if ranked.get(frame) != key)
    gone = sorted(set(ranked) - set(measured))
    if newer:
        items.append(
            f"Measured since the ranking and not in it: {', '.join(newer)}; `jwst-vet rank` takes them in."
        )
    if gone:
        items.append(f"In the ranking but no longer measured: {', '.join(gone)}; `jwst-vet rank` drops them.")
    for frame, reason in sorted(facts.info["coverage_unknown"].items()):
        items.append(f"Whether {frame} covers a candidate is not known: {reason}.")
    return items


def _coverage(facts: Facts) -> list[str]:
    """Return which frames do not show the first candidates, in the words for why."""
    rows = []
    for row in facts.candidates[:PICTURES]:
        if row.candidate not in facts.views:
            continue
        views = facts.views[row.candidate]
        unread = sorted(frame for frame in facts.info["coverage_unknown"] if frame not in views)
        absent = [f.frame for f in facts.done if f.frame not in views and f.frame not in unread]
        missed = [frame for frame, view in views.items() if view == "not detected"]
        gaps = [frame for frame, view in views.items() if view == "not covered"]
        rows.append(
            (
                row.rank,
                row.candidate,
                *(", ".join(sorted(x)) or "none" for x in (missed, gaps, absent, unread)),
            )
        )
    if not rows:
        return []
    return [
        "### Frames that do not show the first candidates",
        "Covered, not detected: a valid pixel is there, and no source was found on it.",
        table(
            (
                ">rank",
                "candidate",
                "covered, not detected",
                "gap or edge",
                "outside the frame",
                "not known: file not read",
            ),
            rows,
        ),
    ]


def _no_colours(facts: Facts) -> list[str]:
    """Say that colours took no part, where that is so."""
    if "ensemble" in facts.info:
        return []
    return [
        "Colours took no part in the ranking: it judges shape, S/N, artefact flags and agreement of frames."
    ]
