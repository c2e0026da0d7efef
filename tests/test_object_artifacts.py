"""Artefacts over all bands: single band, sharpness, star light; and what must not be called one."""

import numpy as np
import pytest

from analysis.object_artifacts import object_artifact_probability

ERROR = np.ones((1, 4))


def probability(flux, *, error=ERROR, sharpness=1.0, starlight=0.0, warned=False):
    """Of one object in four bands, blue to red."""
    flux = np.array([flux], dtype=float)
    return float(
        object_artifact_probability(
            flux,
            np.broadcast_to(error, flux.shape),
            np.broadcast_to(sharpness, flux.shape),
            np.broadcast_to(starlight, flux.shape),
            np.array([warned]),
        )[0]
    )


def test_one_band_only_is_suspect_and_the_reddest_less():
    """Bright in a middle band and nowhere else is an artefact; in the reddest it may be a drop-out."""
    assert probability([0, 40, 0, 0]) == pytest.approx(0.75)
    assert probability([0, 0, 0, 40]) == pytest.approx(0.45)
    assert probability([0, 40, 38, 41]) == 0


def test_the_reddest_band_is_that_which_covers():
    """Where the reddest frame does not cover an object, the next one has its exemption."""
    assert probability([0, 0, 40, np.nan]) == pytest.approx(0.45)


def test_shallow_bands_cannot_testify():
    """Absence from bands that would not have shown it says nothing; nor does a field of one band."""
    assert probability([0, 40, 0, 0], error=np.array([[50.0, 1, 50, 50]])) == 0
    assert probability([np.nan, 40, np.nan, np.nan]) == 0


def test_sharper_than_the_psf_and_star_light_add_up():
    """A cosmic ray is single and sharp; wings of a star count by their share; NaN sharpness for nothing."""
    assert probability([0, 40, 0, 0], sharpness=np.array([[np.nan, 1.6, np.nan, np.nan]])) > 0.95
    assert probability([40, 40, 40, 40], starlight=0.5) == pytest.approx(0.8)
    assert probability([40, 40, 40, 40], starlight=0.05) == 0
    assert probability([40, 40, 40, 40], sharpness=np.nan) == 0


def test_edges_are_a_hint_only():
    """An object seen at edges only is not yet an artefact."""
    assert 0 < probability([40, 40, 40, 40], warned=True) < 0.5


def test_nothing_covering_is_unknown():
    """Without a covering band the probability is NaN, and no objects give no answers."""
    assert np.isnan(probability([np.nan] * 4))
    assert object_artifact_probability(*[np.empty((0, 4))] * 4, np.empty(0, bool)).shape == (0,)
