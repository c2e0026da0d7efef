"""Part of section 2 of the report: what the images could have shown, where that was measured."""

import math

from analysis.recalled import TOP, interval, recall, told
from analysis.recovered import Row, half_recovered, rows_of
from analysis.report.facts import Facts
from analysis.report.markdown import escape, image, number, table


def completeness(facts: Facts) -> list[str]:
    """Return the blocks: limits of each frame and the figure, or that it was not measured."""
    heading = "### What could be found"
    rows = facts.completeness
    if not rows:
        said = "Completeness: not measured. `jwst-vet completeness` puts sources into these images."
        return [heading, said]
    sizes = sorted({row.r50_arcsec for row in rows})
    names = list(dict.fromkeys(row.frame for row in rows))
    said = (
        "Points and exponential discs of known light were put into the images themselves, on sky without a "
        "source, and looked for as everything else was. Magnitudes are those of all the light. False "
        "detections are those in the same pixels turned over, where nothing is real. Two depths are told: "
        "all the light of a point source at 5σ under the filter that detection uses (weighted by the PSF's "
        "width, against the noise of the smoothed empty sky), and 5σ of empty circles of the smaller fixed "
        "aperture (the light inside it). Detection cuts at the σ given, of the smoothed sky; a "
        "point of the magnitude beside it has its fifth pixel just there."
    )
    blocks = [heading, said]
    if any(row.simulated for row in rows):
        blocks.append("*These limits are those of SIMULATED images.*")
    columns = (
        "frame", "filter", ">5σ point, matched filter (AB)", ">5σ in the circle (AB)", ">cut (σ)",
        ">point at the cut (AB)",
        *(f">half found, {_size(size)}" for size in sizes), ">points against matched", ">against the cut",
        ">false",
    )  # fmt: skip
    blocks.append(table(columns, (_line(rows_of(rows, name), sizes) for name in names)))
    missing = [frame.frame for frame in facts.done if frame.frame not in names]
    if missing:
        blocks.append(f"Not measured: {escape(', '.join(missing))}.")
    if facts.completeness_figure:
        blocks.append(
            image("share of the sources recovered, by magnitude and size", facts.completeness_figure)
        )
    return [*blocks, *_recall(facts)]


def _recall(facts: Facts) -> list[str]:
    """Return what became of the anomalies put in, or that none were."""
    rows = facts.recall
    if not rows:
        return ["Recall of anomalies: not measured for these frames and settings."]
    low, high = interval(*recall(rows))
    said = (
        f"**Recall of anomalies.** {told(rows)}. They are SIMULATED, drawn as `jwst-vet demo` draws them, "
        f"put into a piece of these images in {rows[0].n_bands} band(s), and measured and ranked with "
        "everything else there, without a cap per image. Real anomalies of other kinds may fare otherwise."
    )
    kinds = sorted({row.kind for row in rows})
    lines = []
    for kind in kinds:
        of_kind = [row for row in rows if row.kind == kind]
        hits, n = recall(of_kind)
        found = sum(row.rank > 0 for row in of_kind)
        best = [str(row.rank) for row in sorted(of_kind, key=lambda row: row.rank) if row.rank]
        lines.append((kind.replace("_", " "), n, found, hits, ", ".join(best) or "–"))
    blocks = [said, table(("kind", ">put in", ">ranked", f">in the first {TOP}", "ranks"), lines)]
    if facts.recall_figure:
        text = f"anomalies met by rank ({low:.2f} to {high:.2f} in the first {TOP}), and false detections"
        blocks.append(image(text, facts.recall_figure))
    return blocks


def _size(r50_arcsec: float) -> str:
    return "points" if r50_arcsec == 0 else f"discs r50 {r50_arcsec:g}″"


def _line(rows: list[Row], sizes: list[float]) -> tuple[object, ...]:
    """Return one frame's cells."""
    first = rows[0]
    limits = [half_recovered(rows, size) for size in sizes]
    shown = [
        number(first.depth_mag + limit, ".2f") if math.isfinite(first.depth_mag) else f"depth {limit:+.2f}"
        for limit in limits
    ]
    points = half_recovered(rows, 0.0)
    return (
        first.frame,
        first.filter,
        number(first.depth_mag, ".2f"),
        number(first.aperture_depth_mag, ".2f"),
        number(first.threshold_sigma, ".1f"),
        number(first.cut_mag, ".2f"),
        *shown,
        number(points, "+.2f"),
        number(first.depth_mag + points - first.cut_mag, "+.2f"),
        f"{first.false_detections}/{first.detections}",
    )
