"""Acceptance test 3: the spike test leaves ordinary galaxies alone, and still finds what stars scatter."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from analysis.association import FrameFacts, associate, unit_vectors
from analysis.evidence import Seen, bright_stars, eligible_objects, gather
from analysis.forced import aperture_radius, force, reference_fwhm
from analysis.i2d import open_frame
from analysis.instruments import fwhm_arcsec
from analysis.measure import measure_frame
from analysis.simulate import simulate_field
from analysis.starlight import starlight_in

STAR_SHARE = 0.3
"""Share of star light in the small circle above which it speaks for an artefact at even odds."""
_ARCSEC = np.radians(1 / 3600)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Objects of a SIMULATED field of two bands: evidence, and what each one is in truth."""
    folder = tmp_path_factory.mktemp("stars")
    paths = simulate_field(
        folder, size=1100, seed=77, bands=("F200W", "F444W"), second_epoch=None, n_anomalies=0, n_artifacts=0,
    )  # fmt: skip
    tables, facts = [], []
    for path in paths:
        with open_frame(path) as frame:
            tables.append(measure_frame(frame, path.stem, detection_threshold=3.0).sources)
            facts.append(
                FrameFacts(
                    path.stem, frame.instrument, frame.filter, fwhm_arcsec(frame.instrument, frame.filter)
                )
            )
    sources = pd.concat(tables, ignore_index=True)
    objects = associate(sources, facts)
    rows = eligible_objects(sources, objects, 5.0)
    stars, reference = bright_stars(sources), reference_fwhm([f.fwhm_arcsec for f in facts])
    ra, dec = objects.ra[rows], objects.dec[rows]
    seen = []
    for path, fact in zip(paths, facts, strict=True):
        with open_frame(path) as frame:
            radius = aperture_radius(fact.fwhm_arcsec, reference)
            light = starlight_in(frame, stars, ra, dec, radius)
            seen.append(
                Seen(fact.frame, fact.instrument, fact.filter, force(frame, ra, dec, reference), light)
            )
    found = gather(sources, objects, rows, seen)
    truth = pd.read_csv(folder / "simulated_truth.csv")
    chord, nearest = cKDTree(unit_vectors(truth["ra"], truth["dec"])).query(unit_vectors(ra, dec))
    kind = np.where(chord < 0.2 * _ARCSEC, truth["kind"].to_numpy()[nearest], "nothing")
    stars_at = truth[truth["kind"] == "star"]
    away = cKDTree(unit_vectors(stars_at["ra"], stars_at["dec"])).query(unit_vectors(ra, dec))[0] / _ARCSEC
    return kind, found.facts["starlight"].to_numpy(dtype=float), away, found.facts


def test_3_at_most_two_in_a_hundred_ordinary_galaxies_are_flagged_as_a_spike(judged):
    """Galaxies of the truth, wherever they lie; by all that speaks for an artefact, 2 % within its error."""
    kind, share, _, facts = judged
    galaxy = kind == "galaxy"
    assert galaxy.sum() > 100
    assert np.mean(share[galaxy] > STAR_SHARE) <= 0.02
    assert np.mean(facts["artifact_probability"].to_numpy()[galaxy] >= 0.5) <= 0.02 + 2 * np.sqrt(
        0.02 / galaxy.sum()
    )


def test_what_stars_scatter_is_flagged(judged):
    """Of detections within 3 arcsec of a star that are nothing in truth, some are flagged."""
    kind, share, away, _ = judged
    scattered = (kind == "nothing") & (away < 3.0)
    assert scattered.sum() >= 8
    assert np.mean(share[scattered] > STAR_SHARE) >= 0.1
    assert np.mean(share[scattered] > STAR_SHARE) > 5 * np.mean(share[kind == "galaxy"] > STAR_SHARE)
