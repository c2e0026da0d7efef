"""Artefacts of known kind in a SIMULATED field: how often the flag has the right name, and on what else."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from analysis.association import FrameFacts, associate, unit_vectors
from analysis.evidence import Seen, eligible_objects, gather
from analysis.forced import force, reference_fwhm
from analysis.i2d import open_frame
from analysis.instruments import fwhm_arcsec
from analysis.measure import measure_frame
from analysis.object_artifacts import name_artifacts, seen_in_one_band
from analysis.simulate import simulate_field

_ARCSEC = np.radians(1 / 3600)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Objects of a field of three bands without bright stars: positions, names, and the table of truth."""
    folder = tmp_path_factory.mktemp("artefacts")
    paths = simulate_field(
        folder, size=640, seed=407, bands=("F115W", "F200W", "F444W"), second_epoch=None, n_stars=2,
        n_artifacts=60,
    )  # fmt: skip
    tables, facts = [], []
    for path in paths:
        with open_frame(path) as frame:
            tables.append(measure_frame(frame, path.stem, detection_threshold=3.0).sources)
            width = fwhm_arcsec(frame.instrument, frame.filter)
            facts.append(FrameFacts(path.stem, frame.instrument, frame.filter, width))
    sources = pd.concat(tables, ignore_index=True)
    objects = associate(sources, facts)
    rows = eligible_objects(sources, objects, 5.0)
    ra, dec = objects.ra[rows], objects.dec[rows]
    reference, seen = reference_fwhm([f.fwhm_arcsec for f in facts]), []
    for path, fact in zip(paths, facts, strict=True):
        with open_frame(path) as frame:
            forced = force(frame, ra, dec, reference)
            seen.append(Seen(fact.frame, fact.instrument, fact.filter, forced, np.zeros(len(rows))))
    found = gather(sources, objects, rows, seen)
    shapes = {name: found.facts[name].to_numpy() for name in ("ellipticity", "concentration")}
    shapes |= {name: 10 ** found.facts[name].to_numpy() for name in ("sharpness", "r50_psf_ratio")}
    names = name_artifacts(found.flux, found.error, np.zeros(len(rows)), shapes)
    names["alone"] = seen_in_one_band(found.flux, found.error)[0]
    return unit_vectors(ra, dec), names, pd.read_csv(folder / "simulated_truth.csv")


def alone_at(named, kinds, reach):
    """The objects at each artefact of some kinds that one band alone shows, at S/N over 5."""
    places, names, truth = named
    added = truth[truth["kind"].isin(kinds)]
    near = cKDTree(places).query_ball_point(unit_vectors(added["ra"], added["dec"]), reach * _ARCSEC)
    return [rows for rows in near if names["alone"][rows].any()]


@pytest.mark.parametrize(
    ("kinds", "name", "reach", "least"),
    [
        (["snowball"], "snowball", 0.45, 0.7),
        (["persistence"], "persistence", 0.2, 0.4),
        (["cosmic_ray", "hot_pixel"], "cosmic_ray", 0.2, 0.4),  # one pixel may be either
    ],
)
def test_what_the_detector_adds_gets_its_name(named, kinds, name, reach, least):
    """Of those that stand alone: on a galaxy nothing can be told, nor of a glow in the reddest band."""
    found = alone_at(named, kinds, reach)
    assert len(found) >= 4
    assert np.mean([named[1][name][rows].any() for rows in found]) >= least


def test_nothing_on_the_sky_gets_the_name_of_an_artefact(named):
    """Galaxies, stars and anomalies away from what was put in."""
    places, names, truth = named
    added = truth["is_artifact"].to_numpy(dtype=bool)
    vectors = unit_vectors(truth["ra"], truth["dec"])
    away = cKDTree(vectors[added]).query(places)[0] > 0.6 * _ARCSEC
    real = away & (cKDTree(vectors[~added]).query(places)[0] < 0.2 * _ARCSEC)
    assert real.sum() > 40
    assert np.mean(np.any([up[real] for name, up in names.items() if name != "alone"], axis=0)) <= 0.02
