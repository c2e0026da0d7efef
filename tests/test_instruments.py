"""Filters and what is known of them: band rules, widths, scales, encircled energy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.instruments import (
    FILTERS,
    PA_SPIKES,
    PA_SPIKES_STRONG,
    band,
    encircled_energy,
    fwhm_arcsec,
    order_key,
    pixel_scale_native,
    wavelength_um,
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"INSTRUME": "NIRCAM", "FILTER": "F200W", "PUPIL": "CLEAR"}, ("NIRCAM", "F200W")),
        ({"INSTRUME": "NIRCAM", "FILTER": "F444W", "PUPIL": "F470N"}, ("NIRCAM", "F470N")),
        ({"INSTRUME": "NIRCAM", "FILTER": "F150W2", "PUPIL": "F162M"}, ("NIRCAM", "F162M")),
        ({"INSTRUME": "NIRCAM", "FILTER": "F322W2", "PUPIL": "F323N"}, ("NIRCAM", "F323N")),
        ({"INSTRUME": "NIRISS", "FILTER": "CLEAR", "PUPIL": "F115W"}, ("NIRISS", "F115W")),
        ({"INSTRUME": "NIRISS", "FILTER": "F277W", "PUPIL": "CLEARP"}, ("NIRISS", "F277W")),
        ({"INSTRUME": "MIRI", "FILTER": "F1130W"}, ("MIRI", "F1130W")),
        ({"INSTRUME": "nircam ", "FILTER": "CLEARP-F444W"}, ("NIRCAM", "F444W")),
        ({"INSTRUME": "NIRCAM", "FILTER": "MULTIPLE", "PUPIL": "CLEAR"}, ("NIRCAM", "unknown")),
        ({"INSTRUME": "NIRCAM", "PUPIL": "CLEAR"}, ("NIRCAM", "unknown")),
        ({"INSTRUME": "MIRI", "FILTER": "FND"}, ("MIRI", "FND")),
        ({}, ("unknown", "unknown")),
    ],
)
def test_the_narrower_wheel_is_the_band(header, expected):
    """A narrow filter before a wide one is the band, whichever wheel it sits in."""
    assert band(header) == expected


def test_known_widths_are_those_of_the_documentation():
    """The four filters of the often copied mis-ordered list have their own widths."""
    assert fwhm_arcsec("NIRCAM", "F150W") == 0.049
    assert fwhm_arcsec("NIRCAM", "F150W2") == 0.045
    assert fwhm_arcsec("NIRCAM", "F162M") == 0.053
    assert fwhm_arcsec("NIRCAM", "F164N") == 0.054
    assert fwhm_arcsec("MIRI", "F560W") == 0.207
    assert math.isnan(fwhm_arcsec("NIRCAM", "F999W"))
    assert math.isnan(fwhm_arcsec("unknown", "unknown"))


def test_widths_of_long_nircam_bands_follow_diffraction():
    """Beyond 1.9 um the width is about 0.0322 arcsec per micrometre; the double-wide filters are narrower."""
    for entry in FILTERS.values():
        if entry.instrument == "NIRCAM" and entry.pivot_um >= 1.9 and not entry.name.endswith("W2"):
            assert entry.fwhm_arcsec == pytest.approx(0.0322 * entry.pivot_um, rel=0.03)


def test_pixel_scales_are_those_of_the_channels():
    """NIRCam's channels differ; an imager not known has no scale."""
    assert pixel_scale_native("NIRCAM", "F212N") == 0.0311
    assert pixel_scale_native("NIRCAM", "F277W") == 0.0630
    assert pixel_scale_native("NIRISS", "F090W") == 0.0656
    assert pixel_scale_native("MIRI", "F2550W") == 0.11
    assert math.isnan(pixel_scale_native("NIRCAM", "unknown"))
    assert math.isnan(pixel_scale_native("NIRSPEC", "F110W"))


def test_bands_sort_by_wavelength_across_instruments():
    """Blue comes first, an unknown filter last."""
    bands = [
        ("MIRI", "F770W"),
        ("unknown", "unknown"),
        ("NIRCAM", "F444W"),
        ("NIRISS", "F090W"),
        ("MIRI", "F1065C"),
    ]
    ordered = sorted(bands, key=lambda item: order_key(*item))
    assert [name for _, name in ordered] == ["F090W", "F444W", "F770W", "F1065C", "unknown"]


def test_an_unlisted_filter_has_the_wavelength_of_its_name():
    """F1065C is not in the table, but its name says 10.65 um."""
    assert wavelength_um("MIRI", "F1065C") == 10.65
    assert math.isnan(wavelength_um("MIRI", "FND"))


def test_encircled_energy_returns_the_tabulated_values():
    """Half the light of F200W falls inside 0.042 arcsec, 70.1 per cent inside 0.10."""
    assert encircled_energy("F200W", 0.042) == pytest.approx(0.5)
    assert encircled_energy("F200W", 0.10) == pytest.approx(0.701)
    assert encircled_energy("f444w", 1.0) == pytest.approx(0.920)
    assert encircled_energy("F444W", 0.0) == 0.0
    assert math.isnan(encircled_energy("F444W", 1.01))
    assert math.isnan(encircled_energy("F444W", -0.1))
    assert math.isnan(encircled_energy("F770W", 0.1))


@given(
    st.sampled_from(["F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W"]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_larger_circle_never_holds_less_light(name, first, second):
    """Encircled energy grows with the radius."""
    small, large = sorted((first, second))
    assert encircled_energy(name, small) <= encircled_energy(name, large) + 1e-12


def test_spikes_are_six_strong_and_a_weak_pair():
    """Six spikes every 60 degrees from V3 and the strut's pair across it."""
    assert tuple(60.0 * k for k in range(6)) == PA_SPIKES_STRONG
    assert set(PA_SPIKES) - set(PA_SPIKES_STRONG) == {90.0, 270.0}
