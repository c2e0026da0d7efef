"""Artefacts over all bands: single band, sharpness, star light; and what must not be called one."""

import numpy as np
import pytest

from analysis.object_artifacts import in_best_band, name_artifacts, object_artifact_probability

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


def names(flux, *, starlight=0.0, sharpness=0.7, r50_psf_ratio=1.5, ellipticity=0.1, concentration=2.6):
    """Names of one object in four bands, blue to red."""
    shapes = {
        "sharpness": sharpness, "r50_psf_ratio": r50_psf_ratio, "ellipticity": ellipticity,
        "concentration": concentration,
    }  # fmt: skip
    named = name_artifacts(
        np.array([flux], dtype=float),
        ERROR,
        np.array([starlight]),
        {name: np.array([value]) for name, value in shapes.items()},
    )
    return {name for name, up in named.items() if up[0]}


def test_each_kind_is_named_by_its_shape_in_one_band():
    """A track, one pixel, a flat disc, an afterglow; nothing that several bands show."""
    kinds = {
        "track": ({"sharpness": 1.0, "ellipticity": 0.6, "r50_psf_ratio": 1.1}, {"cosmic_ray"}),
        "pixel": ({"sharpness": 2.0, "r50_psf_ratio": 0.4}, {"cosmic_ray", "hot_pixel"}),
        "disc": ({"sharpness": 0.2, "r50_psf_ratio": 4.0, "concentration": 1.55}, {"snowball"}),
        "glow": ({"sharpness": 0.4, "r50_psf_ratio": 2.2, "concentration": 2.15}, {"persistence"}),
        "star": ({"sharpness": 1.0, "r50_psf_ratio": 1.0, "ellipticity": 0.05}, set()),
    }
    for shape, expected in kinds.values():
        assert names([0, 40, 0, 0], **shape) == expected
        assert names([40, 40, 40, 40], **shape) == set()


def test_what_stands_alone_in_the_reddest_band_may_be_a_galaxy():
    """Neither an afterglow nor a blunt track is named there; what no galaxy can be is."""
    assert names([0, 0, 0, 40], sharpness=0.4, r50_psf_ratio=2.2, concentration=2.15) == set()
    assert names([0, 0, 0, 40], sharpness=1.0, ellipticity=0.6, r50_psf_ratio=1.1) == set()
    assert names([0, 0, 0, 40], sharpness=2.0, r50_psf_ratio=0.4) == {"cosmic_ray", "hot_pixel"}
    assert names([0, 0, 0, 40], sharpness=0.2, r50_psf_ratio=4.0, concentration=1.55) == {"snowball"}


def test_light_of_stars_is_named_a_spike_and_nothing_else():
    """From a share of 0.3 on, in the band of highest S/N; an unknown share or shape names nothing."""
    assert names([40, 40, 40, 40], starlight=0.3) == {"diffraction_spike"}
    assert names([0, 40, 0, 0], starlight=0.4, sharpness=2.0) == {"diffraction_spike"}
    assert names([40, 40, 40, 40], starlight=0.29) == set()
    assert names([40, 40, 40, 40], starlight=np.nan) == set()
    assert names([0, 40, 0, 0], sharpness=np.nan, r50_psf_ratio=np.nan, concentration=np.nan) == set()
    share = in_best_band(np.array([[1.0, 9.0, 4.0, np.nan]]), ERROR, np.array([[0.9, 0.2, 0.5, 0.7]]))
    assert share.tolist() == [0.2]
    assert in_best_band(np.empty((2, 0)), np.empty((2, 0)), np.empty((2, 0))).tolist() == [0, 0]
