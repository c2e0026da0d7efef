"""A real Einstein ring in four bands: ring, arcs and lens are one system, seen in all of them."""

import numpy as np
import pandas as pd

from analysis.association import FrameFacts, associate
from analysis.ensemble import combine
from analysis.evidence import Seen, bright_stars, eligible_objects, gather, joined
from analysis.forced import aperture_radius, force, reference_fwhm
from analysis.i2d import open_frame
from analysis.instruments import fwhm_arcsec
from analysis.measure import measure_frame
from analysis.starlight import starlight_in


def test_real_ring_is_one_system_in_four_bands(real_data):
    """A dozen fragments join into the brightest object, which no band lacks and nothing calls an artefact.

    With few to compare it with, the ring itself puts it first, and what could not be computed is said.
    """
    paths = sorted((real_data / "ring").glob("*.fits"))
    tables, facts = [], []
    for path in paths:
        with open_frame(path) as frame:
            tables.append(measure_frame(frame, path.stem, detection_threshold=3.0).sources)
            width = fwhm_arcsec(frame.instrument, frame.filter)
            facts.append(FrameFacts(path.stem, frame.instrument, frame.filter, width))
    sources = pd.concat(tables, ignore_index=True)
    objects = associate(sources, facts)
    rows = eligible_objects(sources, objects, 5.0)
    stars, reference = bright_stars(sources), reference_fwhm([fact.fwhm_arcsec for fact in facts])
    ra, dec = objects.ra[rows], objects.dec[rows]
    seen = []
    for path, fact in zip(paths, facts, strict=True):
        with open_frame(path) as frame:
            forced = force(frame, ra, dec, reference)
            radius = aperture_radius(fact.fwhm_arcsec, reference)
            light = starlight_in(frame, stars, ra, dec, radius)
        seen.append(Seen(fact.frame, fact.instrument, fact.filter, forced, light))
    found = gather(sources, objects, rows, seen)
    brightest = int(np.argmax(found.facts["snr"].to_numpy()))
    assert (found.head == found.objects[brightest]).sum() >= 8
    assert joined(objects, found, [one.frame for one in seen]).detected[found.objects[brightest]].all()
    assert found.facts["artifact_probability"][brightest] < 0.1
    assert (found.flux[brightest] / found.error[brightest] > 10).all()
    assert found.facts["misfit"].isna().all()  # the files do not say their unit
    assert (found.flux[brightest][1:] > found.flux[brightest][:-1] * 0.5).all()
    assert found.flux[brightest][-1] > 2 * found.flux[brightest][0]  # an old lens: red from end to end
    views = combine(found.facts, found.colours)
    assert views.anomaly.argmax() == brightest
    assert views.views["arc"][brightest] == 1  # a whole circle stands out, whoever else is there
    assert set(views.missing) == {"spectrum", "colour"}
    assert views.population < 50
