"""Independent methods of detection on real cutouts: each finds what is there and nothing where nothing is."""

import importlib.util
import shutil

import numpy as np
import pytest
from scipy import ndimage

from analysis.checks import methods
from analysis.checks.methods import Cutout

needs_extractor = pytest.mark.skipif(
    not any(map(shutil.which, ("source-extractor", "sex"))), reason="source-extractor is not installed"
)
needs_statmorph = pytest.mark.skipif(
    importlib.util.find_spec("statmorph") is None,
    reason="statmorph is not installed (pip install 'jwst-vet[morphology]')",
)


def cutout_of(*galaxies, side=129, seed=3):
    """White noise of one with round exponential galaxies: (x, y, total over noise, scale in px)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].astype(float)
    image = rng.normal(0.0, 1.0, (side, side))
    for gx, gy, total, scale in galaxies:
        profile = np.exp(-np.hypot(x - gx, y - gy) / scale)
        image += total * ndimage.gaussian_filter(profile / profile.sum(), 1.0)
    middle = (side - 1) / 2
    return Cutout(
        image.astype(np.float32), np.ones((side, side), np.float32), np.zeros((side, side), bool), middle,
        middle, 0.03, 4.0, 2.35, 0.4,
    )  # fmt: skip


@needs_extractor
def test_source_extractor_finds_what_is_there():
    """A galaxy at the place is found there; one 40 px away is not it; an empty cutout has none."""
    found = methods.by_source_extractor(cutout_of((64.3, 63.8, 2000.0, 3.0)))
    assert found.state == "found"
    assert found.offset_arcsec == pytest.approx(np.hypot(0.3, 0.2) * 0.03, abs=0.008)
    assert methods.by_source_extractor(cutout_of((104.0, 64.0, 2000.0, 3.0))).state == "not found"
    assert methods.by_source_extractor(cutout_of()).state == "not found"


def test_source_extractor_that_fails_was_not_asked(tmp_path, monkeypatch):
    """A program of that name that ends in an error gave no answer, and that is said."""
    broken = tmp_path / "source-extractor"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = methods.by_source_extractor(cutout_of((64.0, 64.0, 2000.0, 3.0)))
    assert not found.asked
    assert "CalledProcessError" in found.state


@needs_statmorph
def test_statmorph_measures_the_part_at_the_place():
    """Of two galaxies that touch, the one at the place is measured: its centroid, its concentration."""
    pair = cutout_of((64.2, 63.9, 6000.0, 3.0), (84.0, 64.0, 9000.0, 4.0))
    found = methods.by_statmorph(pair)
    assert found.state == "found"
    assert found.offset_arcsec < 0.06
    concentration = float(found.detail.split("C ")[1].split(",")[0])
    assert 2.0 < concentration < 3.6  # an exponential disc has 2.7 before the PSF
    assert methods.by_statmorph(cutout_of()).state == "not found"


def test_without_statmorph_it_was_not_asked(monkeypatch):
    """Where the extra is absent the method says how to get it."""
    monkeypatch.setitem(__import__("sys").modules, "statmorph", None)
    found = methods.by_statmorph(cutout_of((64.0, 64.0, 2000.0, 3.0)))
    assert not found.asked
    assert "jwst-vet[morphology]" in found.state
