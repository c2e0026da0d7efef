"""Shapes: known answers for known shapes, and a reason where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.morphology import measure_shapes
from analysis.stamps import Stamps

HALF = 20


def stamp(image, own=None, sigma=1e-6):
    """One stamp of 41 by 41 pixels, its segment where the image is above 1 % of its peak."""
    image = np.asarray(image, "f4")[None]
    nothing = np.zeros(image.shape, bool)
    own = image > 0.01 * image.max() if own is None else own[None]
    centre = np.array([float(HALF)])
    return Stamps(
        np.array([0]),
        HALF,
        centre,
        centre,
        image,
        np.full(image.shape, sigma, "f4"),
        own,
        nothing,
        nothing,
        nothing,
    )


def shape_of(stamps, x=HALF, y=HALF, radius=15.0, r20=1.0, r80=4.0):
    one = [np.array([float(value)]) for value in (x, y, radius, r20, r80)]
    return measure_shapes(stamps, *one)


def blob(x=HALF, y=HALF, width=3.0, flux=1.0):
    yy, xx = np.mgrid[: 2 * HALF + 1, : 2 * HALF + 1]
    return flux * np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / 2 / width**2)


def test_concentration_is_five_logs_of_the_ratio():
    """r80 four times r20 is 3.01."""
    assert shape_of(stamp(blob())).concentration[0] == pytest.approx(5 * np.log10(4))


@settings(max_examples=30, deadline=None)
@given(dx=st.floats(-0.5, 0.5), dy=st.floats(-0.5, 0.5))
def test_a_symmetric_source_is_symmetric_wherever_its_centre_lies(dx, dy):
    """Within a few per cent for every place inside a pixel."""
    shape = shape_of(stamp(blob(HALF + dx, HALF + dy)), HALF + dx, HALF + dy)
    assert abs(shape.asymmetry[0]) < 0.06


def test_a_lopsided_source_is_not():
    """A companion of half the light on one side gives a large asymmetry."""
    assert shape_of(stamp(blob() + blob(x=HALF + 9, width=2.0))).asymmetry[0] > 0.5


def test_noise_alone_is_taken_off_the_asymmetry():
    """A faint round source in noise has asymmetry near 0, not near 1."""
    rng = np.random.default_rng(4)
    values = [
        shape_of(stamp(blob(flux=3.0) + rng.normal(size=(41, 41)), sigma=1.0)).asymmetry[0] for _ in range(60)
    ]
    assert abs(np.mean(values)) < 0.12


def test_gini_of_equal_pixels_is_0_and_of_one_bright_pixel_is_1():
    """Both ends of the scale, and the formula in between."""
    own = np.zeros((41, 41), bool)
    own[15:25, 15:25] = True
    assert shape_of(stamp(own.astype(float), own)).gini[0] == pytest.approx(0, abs=1e-6)
    one = np.zeros((41, 41))
    one[20, 20] = 5
    assert shape_of(stamp(one, own)).gini[0] == pytest.approx(1)
    values = np.random.default_rng(0).random(100)
    image = np.zeros((41, 41))
    image[own] = values
    ranked, n = np.sort(values), 100
    expected = np.sum((2 * np.arange(1, n + 1) - n - 1) * ranked) / (values.mean() * n * (n - 1))
    assert shape_of(stamp(image, own)).gini[0] == pytest.approx(expected, rel=1e-5)


def test_m20_is_lower_for_one_core_than_for_two_clumps():
    """A Gaussian cut at 1 % has log10(0.0217 / 0.944); two knots far apart are above -1."""
    core = shape_of(stamp(blob())).m20[0]
    clumps = shape_of(stamp(blob(x=10, width=2.0) + blob(x=30, width=2.0))).m20[0]
    assert core == pytest.approx(-1.64, abs=0.06)
    assert clumps > -1.0


def test_brightness_changes_no_shape():
    """A million times brighter, the same numbers."""
    faint, bright = shape_of(stamp(blob(x=21))), shape_of(stamp(blob(x=21) * 1e6))
    for name in ("concentration", "asymmetry", "gini", "m20"):
        assert getattr(bright, name)[0] == pytest.approx(getattr(faint, name)[0], rel=1e-3, abs=1e-4)


def test_what_cannot_be_measured_is_nan_with_its_reason():
    """A few pixels and no growth curve: three reasons, in words."""
    own = np.zeros((41, 41), bool)
    own[20, 18:23] = True
    shape = shape_of(stamp(blob(), own), r20=np.nan, r80=np.nan)
    assert np.isnan([shape.concentration[0], shape.gini[0], shape.m20[0]]).all()
    assert shape.reasons == ("concentration: no growth curve; gini: too few pixels; m20: too few pixels",)
    assert shape_of(stamp(blob())).reasons == ("",)
