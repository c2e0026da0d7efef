"""The model of the telescope's point spread function: width, spikes, normalisation."""

import numpy as np
import pytest

from analysis.instruments import PA_SPIKES_STRONG, encircled_energy, fwhm_arcsec
from analysis.psf import psf


def _width(band, scale):
    """Width of the disc of the same area as the part above half of the peak, arcsec."""
    image = psf(band, scale / 8, 121, oversample=1)
    return 2 * np.sqrt((image > image.max() / 2).sum() / np.pi) * scale / 8


def _spike_profile(image, inner, outer):
    """Mean brightness per direction (5 degree bins, counter-clockwise from +y) in an annulus, pixels."""
    middle = (image.shape[0] - 1) / 2
    y, x = np.indices(image.shape) - middle
    radius = np.hypot(x, y)
    turn = np.degrees(np.arctan2(-x, y)) % 360
    bins = (np.round(turn / 5) % 72).astype(int)
    ring = (radius > inner) & (radius < outer)
    return np.bincount(bins[ring], image[ring], 72) / np.bincount(bins[ring], minlength=72)


@pytest.mark.parametrize(
    ("band", "scale"), [("F115W", 0.031), ("F200W", 0.031), ("F277W", 0.063), ("F444W", 0.063)]
)
def test_widths_agree_with_the_documentation(band, scale):
    """Within 10 per cent of the documented optical widths, which flight exceeds by 3 to 5."""
    assert _width(band, scale) == pytest.approx(fwhm_arcsec("NIRCAM", band), rel=0.10)


def test_light_sums_to_one_and_is_never_negative():
    """A point source of one unit leaves one unit."""
    image = psf("F200W", 0.031, 101)
    assert image.shape == (101, 101)
    assert image.dtype == np.float64
    assert image.sum() == pytest.approx(1.0, abs=1e-12)
    assert image.min() >= 0


@pytest.mark.parametrize("size", [50, 51])
def test_the_source_sits_in_the_middle_of_the_array(size):
    """The brightest place is (size - 1) / 2 on both axes: between the central pixels of an even side."""
    image = psf("F277W", 0.063, size)
    y, x = np.indices(image.shape)
    core = np.where(image > image.max() / 4, image, 0)
    assert (core * x).sum() / core.sum() == pytest.approx((size - 1) / 2, abs=0.1)
    assert (core * y).sum() / core.sum() == pytest.approx((size - 1) / 2, abs=0.1)


def test_encircled_energy_agrees_with_the_table():
    """At 0.10 and 0.35 arcsec within 0.05 of the table of F200W and F444W."""
    for band, scale in (("F200W", 0.031), ("F444W", 0.063)):
        image = psf(band, scale / 3, 601, oversample=1)
        y, x = (np.indices(image.shape) - 300) * scale / 3
        for radius in (0.10, 0.35):
            inside = image[np.hypot(x, y) <= radius].sum()
            assert inside == pytest.approx(encircled_energy(band, radius), abs=0.05)


@pytest.mark.parametrize("rotation", [0.0, 20.0, -40.0])
def test_six_spikes_stand_at_their_angles_and_turn_with_the_telescope(rotation):
    """Every 60 degrees from V3, counter-clockwise by the roll."""
    profile = _spike_profile(psf("F200W", 0.031, 301, rotation_deg=rotation), 110, 150)
    on = [profile[round((angle + rotation) / 5) % 72] for angle in PA_SPIKES_STRONG]
    between = [profile[round((angle + 15 + rotation) / 5) % 72] for angle in range(0, 360, 60)]
    assert min(on) > 3 * max(between)


def test_drizzling_widens_the_core():
    """One more pixel box lowers the peak and keeps the light, for even and odd oversampling."""
    for oversample in (2, 3):
        sharp = psf("F115W", 0.031, 61, oversample=oversample)
        drizzled = psf("F115W", 0.031, 61, oversample=oversample, drizzled=True)
        assert drizzled.max() < 0.9 * sharp.max()
        x = np.arange(61) - 30
        assert (drizzled * x)[20:41, 20:41].sum() == pytest.approx((sharp * x)[20:41, 20:41].sum(), abs=0.01)
        assert drizzled.sum() == pytest.approx(1.0, abs=1e-12)


def test_a_wavelength_does_for_a_filter():
    """Twice the wavelength is about twice as wide."""
    assert _width(4.0, 0.063) == pytest.approx(2 * _width(2.0, 0.0315), rel=0.06)


def test_the_second_call_returns_the_kept_array_and_nobody_can_change_it():
    """Cached and read-only."""
    first = psf("F200W", 0.031, 41)
    assert psf(" f200w", 0.031, 41) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1.0


@pytest.mark.parametrize(
    ("band", "scale", "size", "words"),
    [("F999W", 0.03, 11, "no filter"), ("F200W", 0.0, 11, "positive"), ("F200W", 0.03, 0, "positive")],
)
def test_the_impossible_is_refused_with_the_value(band, scale, size, words):
    """Unknown filters and sizes of nothing."""
    with pytest.raises(ValueError, match=words):
        psf(band, scale, size)
