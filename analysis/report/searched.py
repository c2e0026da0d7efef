"""Section 1 of the report: what was searched."""

import math

from analysis.report.facts import Facts
from analysis.report.markdown import listing, number, table
from analysis.report.products import fetched
from store.frames import FrameRecord


def searched(facts: Facts) -> list[str]:
    """Return the blocks of the section."""
    blocks = ["## 1. What was searched", _opening(facts)]
    if not facts.done:
        return blocks
    blocks += [
        "### Frames",
        _frames(facts.done),
        (
            "Area is that of valid pixels: finite value and error, weight above 0, where the file has "
            "them. The depth is the AB magnitude of a point source at S/N 5 in the smaller aperture; a "
            "dash means that it is not known."
        ),
        "### Area by band",
        _bands(facts.done),
        (
            "Areas of frames that overlap are counted in each; depths of several frames are the least and "
            "the most."
        ),
        *_footprints(facts.done),
        "### Provenance",
        _provenance(facts),
        *fetched(facts),
    ]
    remarks = [f"{frame.frame}: {note}" for frame in facts.done for note in frame.notes]
    if remarks:
        blocks += ["### Remarks on single files", listing(remarks)]
    return blocks


def _opening(facts: Facts) -> str:
    bands = dict.fromkeys(f"{frame.instrument} {frame.filter}" for frame in facts.done)
    total = sum(frame.n_sources for frame in facts.done)
    text = (
        f"{_count(len(facts.done), 'image')} in {_count(len(bands), 'band')} were measured, and "
        f"{_count(total, 'source')} found in them."
    )
    if facts.failed:
        text += f" {_count(len(facts.failed), 'file')} could not be used: section 5 says why."
    return text


def _count(number_of: int, noun: str) -> str:
    return f"{number_of} {noun}" if number_of == 1 else f"{number_of} {noun}s"


def _frames(frames: tuple[FrameRecord, ...]) -> str:
    columns = (
        "frame", "instrument", "filter", "program", "target", "observed", ">exposure (s)", ">size (px)",
        ">scale (″/px)", ">area (arcmin²)", ">5σ in circle (mag)", ">sources", "data",
    )  # fmt: skip
    return table(
        columns,
        (
            (
                frame.frame,
                frame.instrument,
                frame.filter,
                frame.program or "–",
                frame.target or "–",
                frame.date_beg[:10] or "–",
                number(frame.exposure_s, ".0f"),
                f"{frame.nx} × {frame.ny}",
                number(frame.pixel_scale_arcsec, ".4f"),
                number(frame.area_arcmin2, ".4f"),
                number(frame.depth_5sigma_mag, ".2f"),
                frame.n_sources,
                "SIMULATED" if frame.simulated else "observed",
            )
            for frame in frames
        ),
    )


def _bands(frames: tuple[FrameRecord, ...]) -> str:
    areas: dict[tuple[str, str], list[FrameRecord]] = {}
    for frame in frames:
        areas.setdefault((frame.instrument, frame.filter), []).append(frame)
    return table(
        ("instrument", "filter", ">frames", ">area (arcmin²)", ">5σ depth (mag)", ">sources"),
        (
            (
                *band,
                len(members),
                number(sum(frame.area_arcmin2 for frame in members), ".4f"),
                _depths(members),
                sum(frame.n_sources for frame in members),
            )
            for band, members in areas.items()
        ),
    )


def _depths(frames: list[FrameRecord]) -> str:
    """Return the depth of a band, or the shallowest and the deepest of its frames."""
    known = [frame.depth_5sigma_mag for frame in frames if math.isfinite(frame.depth_5sigma_mag)]
    if not known:
        return "–"
    low, high = f"{min(known):.2f}", f"{max(known):.2f}"
    return low if low == high else f"{low} to {high}"


def _footprints(frames: tuple[FrameRecord, ...]) -> list[str]:
    """Return the corners of every frame; frames with the same corners share a line."""
    corners: dict[str, list[str]] = {}
    for frame in frames:
        if frame.footprint:
            corners.setdefault(" ".join(frame.footprint.split()), []).append(frame.frame)
    if not corners:
        return []
    return [
        "### Footprint on the sky",
        table(("corners (RA Dec, ICRS degrees)", "frames"), ((k, ", ".join(v)) for k, v in corners.items())),
        "`jwst-vet export moc` writes their union as a MOC.",
    ]


def _provenance(facts: Facts) -> str:
    return table(
        ("frame", "file", "sha256", "CAL_VER", "CRDS_CTX", "planes", "flux unit", "where the unit is from"),
        (
            (
                frame.frame,
                facts.locations[frame.frame],
                frame.sha256,
                frame.cal_ver or "not recorded",
                frame.crds_ctx or "not recorded",
                "SCI" + " ERR" * frame.has_err + " WHT" * frame.has_wht + " CON" * frame.has_con,
                frame.flux_unit,
                frame.unit_source,
            )
            for frame in facts.done
        ),
    )
