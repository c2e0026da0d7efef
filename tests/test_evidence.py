"""Evidence of objects over frames: bands averaged, change between epochs, stars, systems joined."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from analysis.association import Objects
from analysis.ensemble import PARTS, SHAPES, combine
from analysis.evidence import Seen, bright_stars, eligible_objects, gather, joined
from analysis.forced import STAMP_HALF, STAMP_SIDE, STAMP_STEP_ARCSEC, Forced
from analysis.stamp_file import BATCH, StampFile, batches

ODD = [name for part in PARTS for name in part]
FRAMES = (("a", "F115W"), ("b", "F200W"), ("c", "F200W"), ("d", "F444W"))
EAST = np.array([0.0, 0.4, 5.0, 10.0])
RA, DEC = 50.0 + EAST / 3600, np.zeros(4)


def forced(flux, light=0.0):
    """Points with their flux, object 1 on the disc of object 0; errors of 1."""
    n = len(flux)
    along = (np.arange(STAMP_SIDE) - STAMP_HALF) * STAMP_STEP_ARCSEC
    stamps = np.zeros((n, STAMP_SIDE, STAMP_SIDE), np.float32)
    for i in range(n):
        for j in range(n):
            east, north = along[None, :] + EAST[i] - EAST[j], along[:, None]
            width = 0.35 if j == 0 else 0.1
            stamps[i] += flux[j] * np.exp(-(east**2 + north**2) / (2 * width**2)).astype(np.float32)
    flux = np.array(flux, dtype=float)
    ones = np.ones(n)
    known = np.isfinite(flux)
    return Forced(
        known, flux, np.where(known, 1.0, np.nan), flux, ones, ones.copy(), np.zeros(n, bool),
        np.nan_to_num(stamps), np.where(known, 1.0, np.nan),
    )  # fmt: skip


@pytest.fixture
def world():
    """Four objects in four frames of three bands: a disc, a knot on it, a variable point, one not in d."""
    fluxes = ([90, 20, 40, 30], [90, 20, 40, 30], [90, 20, 90, 30], [90, 20, 40, np.nan])
    seen = [
        Seen(frame, "NIRCAM", band, forced(flux), np.zeros(4))
        for (frame, band), flux in zip(FRAMES, fluxes, strict=True)
    ]
    shapes = {name: np.full(4, 1.0) for name in SHAPES}
    sources = pd.DataFrame(
        {
            "source_id": [f"a-{i}" for i in range(4)], "frame": "a", "ra": RA, "dec": DEC,
            "snr": [90.0, 20, 40, 4], "flux": [90.0, 20, 40, 30], "r_kron_arcsec": 0.4,
            "flags": ["", "edge", "", ""], "flux_unit": "nJy",
        } | shapes
    )  # fmt: skip
    detected = np.zeros((4, 4), dtype=bool)
    detected[:, 0] = True
    objects = Objects(np.arange(4), RA, DEC, tuple(name for name, _ in FRAMES), detected)
    return sources, objects, seen


def test_bands_are_averaged_and_what_is_not_covered_is_nan(world):
    """Two epochs of a band make one flux of smaller error; a band that does not cover an object is NaN."""
    found = gather(*world[:2], np.arange(4), world[2])
    assert found.bands == ("F115W", "F200W", "F444W")
    assert found.flux[2].tolist() == pytest.approx([40, 65, 40])
    assert found.error[0].tolist() == pytest.approx([1, np.sqrt(0.5), 1])
    assert np.isnan(found.flux[3, 2])
    assert np.isnan(found.colours[3, 1])


def test_snr_over_bands_counts_those_that_cover(world):
    """The root mean square over covering bands, and that of all together; light below zero is none."""
    sources, objects, seen = world
    seen[0].forced.flux[1] = -30.0
    facts = gather(sources, objects, np.arange(4), seen).facts
    snr = np.array([[90, 90 * 2**0.5, 90], [0, 20 * 2**0.5, 20]])
    assert facts["stacked_snr"][:2].tolist() == pytest.approx(np.sqrt((snr**2).sum(axis=1)).tolist())
    assert facts["band_snr"][:2].tolist() == pytest.approx(np.sqrt((snr**2).mean(axis=1)).tolist())
    assert facts["band_snr"][3] == pytest.approx(np.sqrt((30**2 + 2 * 30**2) / 2))  # of two bands


def peak_bytes(n, folder):
    """Most memory that joining and measuring n objects takes above what holds before it."""
    rng = np.random.default_rng(3)
    ra, dec = 50 + 2 * np.arange(n) / 3600, np.zeros(n)
    ones, names = np.ones(n), [name for name, _ in FRAMES[::3]]
    seen = []
    for name, band in FRAMES[::3]:
        stamps = StampFile(n, STAMP_SIDE, folder)
        for part in batches(n):
            stamps[part] = rng.normal(0, 1, (len(part), STAMP_SIDE, STAMP_SIDE)).astype(np.float32)
        flat = Forced(
            ones > 0, 50 * ones, ones, 50 * ones, ones, ones, np.zeros(n, bool), stamps, ones.copy()
        )  # fmt: skip
        seen.append(Seen(name, "NIRCAM", band, flat, np.zeros(n)))
    sources = pd.DataFrame(
        {"source_id": [f"a-{i}" for i in range(n)], "frame": "a", "ra": ra, "dec": dec, "snr": 50.0,
         "flux": 50.0, "r_kron_arcsec": 0.4, "flags": "", "flux_unit": "nJy"}
        | dict.fromkeys(SHAPES, 1.0)
    )  # fmt: skip
    objects = Objects(np.arange(n), ra, dec, tuple(names), np.ones((n, 2), dtype=bool))
    tracemalloc.start()
    gather(sources, objects, np.arange(n), seen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_is_set_by_the_batch_not_by_the_number_of_objects(tmp_path):
    """Twice as many objects take hardly more: their table of a few hundred bytes each, and no stamps."""
    few, many = (peak_bytes(n, tmp_path) for n in (BATCH, 2 * BATCH))
    stamps = 2 * STAMP_SIDE**2 * 4 * BATCH  # of the second batch, were it kept: 6.9 MB
    assert few > stamps  # a batch is in memory, so the tracer sees stamps
    assert many - few < 0.25 * stamps


def test_change_between_epochs_is_counted_in_sigmas(world):
    """An object that brightens by 50 sigma stands out, one that does not change is at 0."""
    variability = gather(*world[:2], np.arange(4), world[2]).facts["variability"]
    assert variability[2] > 10
    assert variability[0] == 0


def test_fragments_are_joined_and_seen_where_their_head_is(world):
    """The knot's source goes to the disc; the system is detected in every frame that shows the disc."""
    sources, objects, seen = world
    found = gather(sources, objects, np.arange(4), seen)
    assert found.head.tolist() == [0, 0, 2, 3]
    whole = joined(objects, found, [one.frame for one in seen])
    assert whole.of_source.tolist() == [0, 0, 2, 3]
    assert whole.detected[0].all()
    assert not whole.detected[1].any()
    assert whole.detected[3].tolist() == [True, True, True, False]


def test_facts_hold_what_the_ensemble_reads(world):
    """Every column that `combine` asks for is there; of four objects only the absolute views speak."""
    found = gather(*world[:2], np.arange(4), world[2])
    wanted = {*ODD, *SHAPES, "magnitude", "stacked_snr", "band_snr", "misfit", "star", "eligible"}
    assert wanted <= set(found.facts.columns)
    assert set(combine(found.facts, found.colours).missing) == {"colour", "structure"}


def test_spectra_are_not_judged_in_unknown_units(world):
    """Where a frame's unit is unknown no object has a misfit; in nJy all have."""
    sources, objects, seen = world
    assert gather(sources, objects, np.arange(4), seen).facts["misfit"][:3].notna().all()
    unknown = sources.assign(flux_unit="image unit")
    assert gather(unknown, objects, np.arange(4), seen).facts["misfit"].isna().all()


def test_only_objects_with_enough_snr_are_measured_everywhere(world):
    """An object whose best detection is below the limit is left out."""
    assert eligible_objects(*world[:2], min_snr=5.0).tolist() == [0, 1, 2]


def test_bright_stars_are_found_once():
    """Saturated sources and bright points are stars; pieces of a saturated one are not stars of their own."""
    sources = pd.DataFrame(
        {
            "ra": 50 + np.array([0, 1.0, 5, 9]) / 3600, "dec": 0.0, "snr": [5000.0, 900, 800, 900],
            "flux": [9e5, 1e4, 1e4, 1e4], "flags": ["saturated", "nan,saturated", "", ""],
            "r50_psf_ratio": [3.0, 2, 1.0, 2.5], "sharpness": [0.5, 0.5, 1.0, 0.6],
        }
    )  # fmt: skip
    ra, _ = bright_stars(sources)
    assert np.round((ra - 50) * 3600).tolist() == [0, 5]
