"""The choice of products: never above a limit, the same for the same facts, overlapping fields first."""

import math
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.footprints import overlap, parse_region, separation_deg
from analysis.plan import Limits, choose
from analysis.products import Product, allowed, family, filter_of, instrument_of, level_of, suffix_of

PLACE = (110.8375, -73.4397)


def square(ra, dec, half):
    wide = half / math.cos(math.radians(dec))
    corners = ((-wide, -half), (wide, -half), (wide, half), (-wide, half))
    return parse_region("POLYGON ICRS " + " ".join(f"{ra + x} {dec + y}" for x, y in corners))


HERE, THERE = square(*PLACE, 0.02), square(112.0, -73.0, 0.02)


def mosaic(band, gigabytes, *, number=1, region=HERE, **more):
    """A level-3 NIRCam image of one band: an observation of its own, as the archive has it."""
    name = f"jw02736-o{number:03d}_t001_nircam_clear-{band.lower()}_i2d.fits"
    facts = {"observation": name[:-9], "suffix": "i2d", "instrument": "NIRCAM", "filter": band, "level": 3}
    size = None if gigabytes is None else int(gigabytes * 1e9)
    return Product(f"mast:JWST/product/{name}", name, size=size, region=region, **(facts | more))


def single(band, detector, *, exposure=1, activity="02101", gigabytes=0.119, region=None):
    """A level-2 image of one exposure, found in the list of its band's mosaic."""
    name = f"jw02736001001_{activity}_{exposure:05d}_{detector}_i2d.fits"
    return Product(
        f"mast:JWST/product/{name}", name, observation=f"jw02736-o001_t001_nircam_clear-{band.lower()}",
        suffix="i2d", instrument="NIRCAM", filter=band, level=2, size=int(gigabytes * 1e9), region=region,
    )  # fmt: skip


def spectrum(number, megabytes=0.3):
    name = f"jw02736-o007_s{number:05d}_nirspec_f290lp-g395m_x1d.fits"
    return Product(
        f"mast:JWST/product/{name}", name, observation=name[:-9], suffix="x1d", instrument="NIRSPEC",
        filter="G395M", level=3, size=int(megabytes * 1e6), region=HERE,
    )  # fmt: skip


def names(plan):
    return [product.name for product in plan.products]


def bands(plan):
    return [product.filter for product in plan.products if product.suffix == "i2d"]


def pick(images, spectra=(), companions=None, *, obs=10, files=60, gigabytes=1.0, **more):
    return choose(images, list(spectra), companions or {}, Limits(obs, files, gigabytes * 1e9), PLACE, **more)


SMACS = [
    mosaic(band, size)
    for band, size in (
        ("F090W", 7.7), ("F150W", 6.1), ("F200W", 5.4), ("F277W", 0.89), ("F356W", 0.84), ("F444W", 0.86),
    )
]  # fmt: skip
EXPOSURES = [
    *(single("F277W", f"nrc{m}long", exposure=e) for m in "ab" for e in (1, 2)),
    *(single("F090W", f"nrc{m}{i}", exposure=e) for m in "ab" for e in (1, 2) for i in (1, 2, 3, 4)),
]


def test_overlapping_mosaics_are_preferred():
    """Two bands here go before a smaller one elsewhere, which follows if it fits."""
    images = [mosaic("F277W", 0.3), mosaic("F444W", 0.3), mosaic("F115W", 0.1, number=2, region=THERE)]
    plan = pick(images, gigabytes=0.65)
    assert sorted(bands(plan)) == ["F277W", "F444W"]
    assert "F115W" in bands(pick(images, gigabytes=1.0))


def test_new_band_goes_before_a_new_epoch_and_epochs_before_nothing():
    """Room for three: two bands and a second epoch; the third band wins over the epoch."""
    epochs = [mosaic("F200W", 0.2, epoch=59737.0), mosaic("F200W", 0.2, number=2, epoch=60100.0)]
    two = [*epochs, mosaic("F277W", 0.2, epoch=59737.0)]
    assert sorted(bands(pick(two, obs=3))) == ["F200W", "F200W", "F277W"]
    assert sorted(bands(pick([*two, mosaic("F444W", 0.3)], obs=3))) == ["F200W", "F277W", "F444W"]


def test_default_limits_on_real_sizes_give_single_exposures_of_one_pointing():
    """Mosaics of 0.8 to 8 GB under 1 GB: exposures of one pointing in two bands, and what more brings."""
    plan = pick([*SMACS, *EXPOSURES], [spectrum(1)], obs=3)
    images = [product for product in plan.products if product.suffix == "i2d"]
    assert {product.level for product in images} == {2}
    assert len({product.name.split("_")[2] for product in images}) == 1
    assert {product.filter for product in images} == {"F090W", "F277W"}
    assert len(images) == 5
    assert plan.total_bytes <= 1e9
    assert any("single exposures are taken" in line for line in plan.lines)
    assert any("max_total_gb of 1.70" in line and "F356W" in line and "F444W" in line for line in plan.lines)


def test_more_gigabytes_bring_mosaics():
    """At 2 GB two mosaics fit; the next step up is named."""
    plan = pick([*SMACS, *EXPOSURES], obs=3, gigabytes=2.0)
    assert sorted(bands(plan)) == ["F356W", "F444W"]
    assert any("2.59" in line and "F277W" in line for line in plan.lines)


def test_both_product_types_are_taken():
    """Three observations: two for images that overlap, one for a spectrum."""
    plan = pick([mosaic(b, 0.2) for b in ("F200W", "F277W", "F444W")], [spectrum(n) for n in range(4)], obs=3)
    assert sum(name.endswith("_x1d.fits") for name in names(plan)) == 1
    assert len(bands(plan)) == 2
    only = pick([], [spectrum(n) for n in range(4)], obs=3)
    assert len(only.products) == 3


def test_spectra_that_do_not_fit_are_mentioned():
    """One observation: the image takes it, and a line says so of the spectra."""
    plan = pick([mosaic("F200W", 0.2)], [spectrum(1)], obs=1)
    assert names(plan) == [mosaic("F200W", 0.2).name]
    assert any("none of the 1 spectra" in line for line in plan.lines)


def test_companions_count_in_the_limits():
    """Catalogue and segmentation map come with their image or not at all; they count as files and bytes."""
    image = mosaic("F277W", 0.5)
    extra = tuple(
        Product(
            f"mast:JWST/product/{image.stem}_{end}",
            f"{image.stem}_{end}",
            image.observation,
            end[:3],
            size=10**8,
        )
        for end in ("cat.ecsv", "segm.fits")
    )
    plan = pick([image], companions={image.stem: extra})
    assert len(plan.products) == 3
    assert plan.total_bytes == 700_000_000
    assert not pick([image], companions={image.stem: extra}, files=2).products
    assert not pick([image], companions={image.stem: extra}, gigabytes=0.6).products


@pytest.mark.parametrize(("size", "counted"), [(None, False), (0, False), (-999, False), (5, True)])
def test_unknown_sizes_are_never_counted_as_a_number(size, counted):
    """R20: a product of unknown size is left with the reason."""
    plan = pick([mosaic("F277W", 0.1), mosaic("F444W", None, observation="x").sized(size)])
    assert len(plan.products) == 1 + counted
    assert [left.reason for left in plan.left] == (
        [] if counted else ["the archive does not say how large it is"]
    )


def test_duplicates_count_once():
    """R20: the same product in two observations' lists is one file."""
    twice = [mosaic("F277W", 0.4), mosaic("F277W", 0.4, observation="another"), mosaic("F444W", 0.4)]
    plan = pick(twice)
    assert sorted(bands(plan)) == ["F277W", "F444W"]
    assert plan.total_bytes == 800_000_000


def test_exclusive_products_are_left_with_their_day():
    """What is not public yet is left with the date; with access it is taken."""
    image = mosaic("F277W", 0.2, exclusive=True, public_from=61041.0)
    plan = pick([image, mosaic("F444W", 0.2)])
    assert bands(plan) == ["F444W"]
    assert plan.left[0].reason == "exclusive access, public from 2026-01-01"
    assert len(pick([image, mosaic("F444W", 0.2)], exclusive_too=True).products) == 2


def test_target_outside_the_footprint_comes_second():
    """Of two pairs alike the one that holds the target is taken."""
    away = square(PLACE[0] + 0.3, PLACE[1], 0.02)
    pairs = [mosaic(b, 0.3, number=2, region=away) for b in ("F200W", "F277W")]
    pairs += [mosaic(b, 0.31, number=3) for b in ("F200W", "F277W")]
    assert {product.name[8:12] for product in pick(pairs, gigabytes=0.7).products} == {"o003"}


def test_reasons_name_the_limit():
    """What was left says which limit it would break."""
    reasons = {left.product.filter: left.reason for left in pick(SMACS, obs=2, gigabytes=6.0).left}
    assert "alone larger than max_total_gb = 6" in reasons["F090W"]
    assert "max_obs = 2" in reasons["F277W"]


product_strategy = st.builds(
    lambda band, number, size, far, level, night, exposure: (
        mosaic(band, size, number=number, region=THERE if far else HERE, epoch=59000.0 + night)
        if level == 3
        else single(band, "nrcblong", exposure=exposure, activity=f"{number:02d}101", gigabytes=size or 0.1)
    ),
    st.sampled_from(["F090W", "F200W", "F277W", "F444W"]), st.integers(1, 4),
    st.one_of(st.none(), st.floats(0.01, 1.5)), st.booleans(), st.sampled_from([2, 3]), st.integers(0, 2),
    st.integers(1, 3),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.lists(product_strategy, max_size=14), st.integers(0, 5), st.integers(1, 5), st.integers(1, 12),
    st.floats(0.05, 4.0), st.randoms(use_true_random=False),
)  # fmt: skip
def test_no_plan_exceeds_a_limit_and_order_does_not_matter(images, spectra, obs, files, gigabytes, shuffler):
    """R20: whatever there is, every limit holds, nothing comes twice, and order changes nothing."""
    slits = [spectrum(n) for n in range(spectra)]
    plan = pick(images, slits, obs=obs, files=files, gigabytes=gigabytes)
    assert len({p.observation for p in plan.products}) <= obs
    assert len(plan.products) <= files
    assert sum(p.size for p in plan.products) <= gigabytes * 1e9
    assert len({p.name for p in plan.products}) == len(plan.products)
    mixed = images[:]
    shuffler.shuffle(mixed)
    again = pick(mixed, slits[::-1], obs=obs, files=files, gigabytes=gigabytes)
    assert names(again) == names(plan)
    assert again.lines == plan.lines


def test_choice_among_hundreds_is_quick():
    """400 exposures with footprints are chosen from in a few seconds at most."""
    rng = random.Random(1)
    images = [
        single(
            band, "nrcblong", exposure=exposure, activity=f"{activity:02d}101",
            region=square(PLACE[0] + rng.uniform(-0.1, 0.1), PLACE[1], 0.018),
        )
        for band in ("F277W", "F444W") for exposure in range(1, 11) for activity in range(1, 21)
    ]  # fmt: skip
    began = time.perf_counter()
    assert len(pick(images).products) == 8
    assert time.perf_counter() - began < 6


@pytest.mark.parametrize(
    ("text", "rings"),
    [
        ("POLYGON ICRS  10 0 10.1 0 10.1 .1 10 .1", 1),
        ("POLYGON 10 0 10.1 0 10.1 .1 10 .1 POLYGON 11 0 11.1 0 11.1 .1", 2),
        ("Polygon J2000 10 0 10.1 0 10.1 1e-1 10 1e-1", 1),
        ("CIRCLE ICRS 10 0 0.05", 1),
        ("POLYGON 10 0 11 0", 0),
        ("POLYGON 400 0 10.1 0 10.1 .1", 0),
        ("", 0),
        ("UNION", 0),
    ],
)
def test_regions_are_read(text, rings):
    """Polygons and circles, one or several, with or without a frame; what cannot be read is none."""
    found = parse_region(text)
    assert (len(found.rings) if found else 0) == rings


def test_overlap_is_a_fraction_of_the_smaller():
    """Half, whole, none; across RA 0 and near the pole too."""
    a = parse_region("POLYGON 10 0 10.1 0 10.1 .1 10 .1")
    assert overlap(a, parse_region("POLYGON 10.05 0 10.15 0 10.15 .1 10.05 .1")) == pytest.approx(
        0.5, abs=0.04
    )
    assert overlap(a, parse_region("CIRCLE 10.05 .05 .01")) == 1
    assert overlap(a, parse_region("CIRCLE 12 .05 .01")) == 0
    seam = parse_region("POLYGON 359.99 1 0.01 1 0.01 1.02 359.99 1.02")
    assert overlap(seam, seam) == 1
    assert seam.holds(0.0, 1.01)
    assert not seam.holds(0.5, 1.01)
    pole = square(40.0, 89.9, 0.05)
    assert pole.holds(40.0, 89.9)
    assert separation_deg(0, 90, 123, 90) == pytest.approx(0)


@pytest.mark.parametrize(
    ("name", "level", "suffix", "instrument", "band"),
    [
        ("jw02736-o001_t001_nircam_clear-f200w_i2d.fits", 3, "i2d", "NIRCAM", "F200W"),
        ("jw02733-o001_t001_nircam_f405n-f444w_i2d.fits", 3, "i2d", "NIRCAM", "F405N"),
        ("jw01208-c1001_t004_niriss_f150w-gr150r_x1d.fits", 3, "x1d", "NIRISS", "F150W"),
        ("jw02736-o007_s06355_nirspec_f290lp-g395m_x1d.fits", 3, "x1d", "NIRSPEC", "G395M"),
        ("jw01288015001_04101_00001_mirimage_i2d.fits", 2, "i2d", "MIRI", "F1130W"),
        ("jw02736001001_02101_00001_nrcb1_i2d.fits", 2, "i2d", "NIRCAM", "F1130W"),
        ("hst_9999_i2d.fits", 0, "i2d", "MIRI", "F1130W"),
    ],
)
def test_names_say_what_a_product_is(name, level, suffix, instrument, band):
    """Level, kind and instrument come from the name; the filter of an exposure from the archive's table."""
    assert (level_of(name), suffix_of(name)) == (level, suffix)
    assert instrument_of(name, "MIRI/IMAGE") == instrument
    assert filter_of(name, "", "F1130W;CLEAR") == band


def test_instruments_match_by_family():
    """ "MIRI" takes "MIRI/IMAGE" and "MIRI"; a full name takes itself; an empty list takes all."""
    assert family("MIRI/IMAGE") == family("miri ") == "MIRI"
    assert allowed("MIRI", "MIRI/IMAGE", "F770W", ["miri"], [])
    assert allowed("MIRI", "MIRI", "F770W", ["MIRI"], ["f770w"])
    assert allowed("MIRI", "MIRI/IMAGE", "F770W", ["MIRI/IMAGE"], [])
    assert not allowed("NIRCAM", "NIRCAM/IMAGE", "F200W", ["MIRI"], [])
    assert not allowed("MIRI", "MIRI/IMAGE", "F770W", [], ["F200W"])
    assert allowed("MIRI", "MIRI/IMAGE", "F770W", [], [])
