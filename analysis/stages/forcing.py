"""The middle of stage `rank`: every object measured in every frame, systems joined, ensemble scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analysis.stages.covering import Fluxes
from analysis.stages.cutting import open_recorded
from store.frames import FrameRecord
from store.project import Project

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from analysis.alignment import Offset
    from analysis.association import Objects
    from analysis.ensemble import Views
    from analysis.evidence import Evidence

BOOTSTRAPS = 8
"""Times that the population is drawn anew to see how far ranks hang on it, each with a seed of its own."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the ensemble says: objects with their fragments joined, the evidence, the views and their spread.

    `anomaly`, `probability` and `band_snr` are of every object, NaN where it was not measured everywhere;
    `spread` holds an array like `anomaly` for each bootstrap; `fluxes` are the forced measurements of each
    frame.
    """

    objects: "Objects"
    evidence: "Evidence"
    views: "Views"
    anomaly: "npt.NDArray[np.float64]"
    probability: "npt.NDArray[np.float64]"
    band_snr: "npt.NDArray[np.float64]"
    spread: "tuple[npt.NDArray[np.float64], ...]"
    fluxes: Mapping[str, Fluxes]


def ensemble(
    project: Project,
    records: Sequence[FrameRecord],
    sources: "pd.DataFrame",
    objects: "Objects",
    min_snr: float,
    offsets: "Mapping[str, Offset]",
) -> "tuple[Outcome | None, list[tuple[FrameRecord, str]]]":
    """Measure, join and score the objects; None where no frame could be read, and the frames left out."""
    import numpy as np

    from analysis.ensemble import combine
    from analysis.evidence import eligible_objects, gather, joined

    rows = eligible_objects(sources, objects, min_snr)
    seen, failures = _everywhere(project, records, sources, objects, rows, offsets)
    if not seen or not rows.size:
        return None, failures
    evidence = gather(sources, objects, rows, seen)
    views = combine(evidence.facts, evidence.colours)
    clean = 1.0 - np.nan_to_num(evidence.facts["artifact_probability"].to_numpy(dtype=float))

    def of_all(values: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        spread = np.full(len(objects.ra), np.nan)
        spread[rows] = values
        return spread

    repeats = (
        combine(evidence.facts, evidence.colours, seed=seed, resample=True) for seed in range(BOOTSTRAPS)
    )
    return Outcome(
        joined(objects, evidence, [one.frame for one in seen]),
        evidence,
        views,
        # What an artefact looks like is no anomaly of the sky, however odd.
        of_all(views.anomaly * clean),
        of_all(evidence.facts["artifact_probability"].to_numpy(dtype=float)),
        of_all(evidence.facts["band_snr"].to_numpy(dtype=float)),
        tuple(of_all(again.anomaly * clean) for again in repeats),
        {
            one.frame: Fluxes(
                of_all(one.forced.flux),
                of_all(one.forced.flux_err),
                of_all(one.forced.core),
                of_all(one.forced.core_err),
            )
            for one in seen
        },
    ), failures


def _everywhere(
    project: Project,
    records: Sequence[FrameRecord],
    sources: "pd.DataFrame",
    objects: "Objects",
    rows: "npt.NDArray[np.int64]",
    offsets: "Mapping[str, Offset]",
) -> "tuple[list[Any], list[tuple[FrameRecord, str]]]":
    """Return the forced measurements of each frame that can be read, and the others with the reason."""
    from analysis.alignment import shifted
    from analysis.evidence import Seen, bright_stars
    from analysis.forced import STAMP_SIDE, aperture_radius, force, reference_fwhm
    from analysis.i2d import FrameError
    from analysis.stamp_file import StampFile
    from analysis.starlight import starlight_in

    stars, reference = bright_stars(sources), reference_fwhm([r.fwhm_arcsec for r in records])
    project.cache.mkdir(parents=True, exist_ok=True)
    seen, failures = list[Any](), []
    for record in records:
        ra, dec, offset = objects.ra[rows], objects.dec[rows], offsets[record.frame]
        if offset.applied:
            ra, dec = shifted(ra, dec, offset.east, offset.north)
        try:
            with open_recorded(project, record) as opened:
                frame = replace(
                    opened.frame, instrument=record.instrument, filter=record.filter, to_njy=record.to_njy
                )
                forced = force(
                    frame, ra, dec, reference, stamps=StampFile(len(rows), STAMP_SIDE, project.cache)
                )
                radius = aperture_radius(record.fwhm_arcsec, reference)
                light = starlight_in(frame, stars, ra, dec, radius)
        except FrameError as error:
            failures.append((record, f"{error.kind}: {error.reason}; no forced photometry in it"))
            continue
        seen.append(Seen(record.frame, record.instrument, record.filter, forced, light))
    return seen, failures


def score_by_object(sources: "pd.DataFrame", outcome: Outcome) -> "pd.DataFrame":
    """Return the sources with the anomaly score, artefact probability and artefact names of their objects.

    Sources of objects that were not measured everywhere keep their own probability and have no anomaly score.
    """
    import numpy as np

    from analysis.artifacts import with_object_flags

    of_source = outcome.objects.of_source
    place = np.maximum(of_source, 0)
    score = np.where(of_source >= 0, outcome.anomaly[place], np.nan)
    probability = np.where(of_source >= 0, outcome.probability[place], np.nan)
    own = sources["artifact_probability"].to_numpy(dtype=float)
    return sources.assign(
        anomaly_score=score,
        artifact_probability=np.where(np.isfinite(probability), probability, own),
        flags=with_object_flags(
            sources["flags"].astype(str).tolist(),
            {name: (of_source >= 0) & up[place] for name, up in artifact_names(outcome).items()},
        ),
    )


def artifact_names(outcome: Outcome) -> "dict[str, npt.NDArray[np.bool_]]":
    """Return by name of an artefact which of all objects look like it, bool (n_objects,)."""
    import numpy as np

    from analysis.object_artifacts import name_artifacts

    evidence = outcome.evidence
    wanted = ("ellipticity", "concentration", "sharpness", "r50_psf_ratio", "starlight")
    shapes = {name: evidence.facts[name].to_numpy(dtype=float) for name in wanted}
    shapes |= {name: 10 ** shapes[name] for name in ("sharpness", "r50_psf_ratio")}  # kept as logarithms
    named = {}
    for name, up in name_artifacts(evidence.flux, evidence.error, shapes["starlight"], shapes).items():
        named[name] = np.zeros(len(outcome.objects.ra), dtype=bool)
        named[name][evidence.objects] = up
    return named


def ensemble_facts(outcome: Outcome) -> dict[str, Any]:
    """Return what a record should keep: views, those that are missing, the population."""
    from analysis.ensemble import LEAST_POPULATION, LONGEST_TAIL, VIEWS, WHY_NOT

    return {
        "views": dict(VIEWS),
        "missing_views": {name: WHY_NOT[name] for name in outcome.views.missing},
        "few": outcome.views.population < LEAST_POPULATION,
        "population": outcome.views.population,
        "longest_tail": LONGEST_TAIL,
        "bootstraps": len(outcome.spread),
        "n_fragments_joined": int((outcome.evidence.objects != outcome.evidence.head).sum()),
    }
