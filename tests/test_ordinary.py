"""Distance from ordinary spectra: power laws and stars fit, emission lines and drop-outs do not."""

import numpy as np

from analysis.ordinary import calzetti, distance_from_ordinary

BANDS = ("F115W", "F200W", "F277W", "F444W")
ERROR = np.full((1, 4), 1.0)


def distance(*flux, error=ERROR, bands=BANDS):
    """Of one object."""
    return float(distance_from_ordinary(np.array([flux], dtype=float), error, bands)[0])


def test_flat_and_red_galaxies_and_stars_are_ordinary():
    """A flat f_nu, a smooth reddening and a black body of 4000 K are fitted within a sigma per band."""
    assert distance(100, 100, 100, 100) < 0.7
    assert distance(30, 80, 120, 170) < 0.7
    kelvin = np.array([1 / np.expm1(14387.77 / (w * 4000)) / w**3 for w in (1.154, 1.99, 2.786, 4.421)])
    assert distance(*(1000 * kelvin / kelvin.max())) < 1.0


def test_line_emitters_and_dropouts_are_not():
    """One band three times its neighbours, or nothing bluewards of a break beyond redshift 8, fit nothing."""
    assert distance(60, 60, 200, 60) > 2
    assert distance(0, 100, 95, 90) > 2


def test_fainter_is_less_sure():
    """The same spectrum at a tenth of the S/N is nearer to ordinary."""
    assert distance(6, 6, 20, 6) < distance(60, 60, 200, 60)


def test_two_bands_say_nothing_and_unknown_filters_are_left_out():
    """With fewer than three usable bands the answer is NaN."""
    assert np.isnan(distance(1, 2, error=np.ones((1, 2)), bands=("F115W", "F200W")))
    assert np.isnan(distance(1, 2, np.nan, np.nan))
    assert np.isnan(distance(100, 100, 100, 100, bands=("F115W", "F200W", "X", "Y")))


def test_scale_of_flux_does_not_matter():
    """Flux and error times a thousand is the same object."""
    flux = np.array([[60.0, 60.0, 200.0, 60.0]])
    first = distance_from_ordinary(flux, ERROR, BANDS)
    assert np.allclose(first, distance_from_ordinary(1000 * flux, 1000 * ERROR, BANDS))


def test_calzetti_at_its_anchor():
    """k(V) is 4.05 (Calzetti et al. 2000)."""
    assert abs(float(calzetti(np.array([0.55]))[0]) - 4.05) < 0.1
