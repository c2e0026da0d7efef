"""Total fluxes: what an aperture misses of points and discs, the frame's own PSF, and what is not known."""

import math

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage
from scipy.signal import fftconvolve

from analysis.i2d import open_frame
from analysis.instruments import encircled_energy
from analysis.measure import measure_frame
from analysis.psf import psf
from analysis.totals import (
    GROWTH,
    MOST,
    PointGrowth,
    choose_stars,
    correction_error,
    corrections,
    point_growth,
)

SCALE, UNIT = 0.031, 0.4
NONE, FEW = np.zeros(0, bool), np.ones(8, bool)


def disc_share(radius, half):
    """Share of an exponential disc inside a radius."""
    u = 1.67835 * radius / half
    return 1 - (1 + u) * math.exp(-u)


def disc_radius(part, half):
    """Radius inside which that share lies."""
    grid = np.linspace(0, 10 * half, 20_000)
    return float(np.interp(part, [disc_share(r, half) for r in grid], grid))


def sharp_point():
    """A PSF far smaller than anything else."""
    return PointGrowth(np.array([0.0, 0.004, 0.008, 3.5]), np.array([0.0, 0.9, 1.0, 1.0]), 9, math.nan)


@pytest.mark.parametrize("half", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("radius", [2.0, 3.0, 4.0])
def test_a_disc_is_given_back_what_lies_outside_its_aperture(half, radius):
    """The analytic share of an exponential disc beyond 2, 3 and 4 half-light radii, within 1 %."""
    reach = radius * half
    inside = disc_share(reach, half)
    r50, r80 = disc_radius(0.5 * inside, half), disc_radius(0.8 * inside, half)
    factor = corrections(sharp_point(), UNIT, *map(np.atleast_1d, (reach, r50, r80, 500.0, True)))
    assert factor[0] == pytest.approx(1 / inside, rel=0.01)


def test_a_gaussian_is_not_taken_for_a_disc_where_the_light_shows_it():
    """A Gaussian all inside its aperture is corrected by under 2 % at high S/N."""
    sigma = 0.1
    values = (3.2 * sigma, 1.17741 * sigma, 1.79412 * sigma, 1000.0, True)
    factor = corrections(sharp_point(), UNIT, *map(np.atleast_1d, values))
    assert 1.0 <= factor[0] < 1.02


def test_a_point_is_given_the_light_of_the_psfs_wings():
    """Without stars the table of encircled energy is taken: F200W, 0.2 arcsec."""
    point = point_growth("F200W", np.empty((0, 8)), UNIT, NONE, NONE, 0.064)
    assert point is not None
    assert point.n_stars == 0
    half = float(np.interp(0.5 * encircled_energy("F200W", 0.2), point.share, point.radii))
    factor = corrections(point, UNIT, *map(np.atleast_1d, (0.2, 0.9 * half, 2.4 * half, 30.0, True)))
    assert factor[0] == pytest.approx(1 / encircled_energy("F200W", 0.2), rel=0.01)


def test_stars_without_wings_overrule_the_table():
    """Growth curves of a Gaussian PSF leave next to no light to add."""
    curve = 1 - np.exp(-((np.array(GROWTH) * UNIT) ** 2) / 2 / (0.064 / 2.3548) ** 2)
    point = point_growth("F200W", np.outer(np.full(8, 100.0), curve), UNIT, FEW, FEW, 0.064)
    assert point is not None
    assert point.n_stars == 8
    assert point.wings == pytest.approx(0.0, abs=0.02)
    assert np.interp(0.2, point.radii, point.share) > 0.995


def test_nothing_is_known_without_stars_and_without_a_table():
    """A filter without a table and no star: no correction at all."""
    assert point_growth("F2550W", np.empty((0, 8)), UNIT, NONE, NONE, 0.803) is None


def test_corrections_are_bounded_and_one_where_nothing_is_measured():
    """NaN radii give 1; a source larger than its aperture no more than 1.6; a blended one a point's share."""
    unknown = np.array([np.nan, 0.19])
    reach, r80, snr = np.array([0.3, 0.3]), np.array([0.1, 0.26]), np.array([9.0, 9.0])
    factor = corrections(sharp_point(), UNIT, reach, unknown, r80, snr, np.ones(2, bool))
    blended = corrections(sharp_point(), UNIT, reach, unknown, r80, snr, np.zeros(2, bool))
    assert blended[1] == 1.0
    assert factor[0] == 1.0
    assert 1.0 < factor[1] <= MOST
    assert correction_error(np.array([1.0]))[0] == 1.0
    assert correction_error(np.array([1.2]))[0] > 1.1


def test_only_bright_whole_small_sources_are_stars():
    """Faint, large, blended, cut or holed sources are not taken."""
    n = 6
    raw = {
        "flux": np.array([100.0, 5.0, 100, 100, 100, 100]),
        "flux_err": np.ones(n),
        "r50": np.array([1.0, 1.0, 3.0, 1.0, 1.0, 1.0]),
        "blended": np.array([0, 0, 0, 1, 0, 0], bool),
        "truncated": np.array([0, 0, 0, 0, 1, 0], bool),
        "invalid": np.zeros(n),
        "hole": np.array([0, 0, 0, 0, 0, 4.0]),
    }
    stars, smallest = choose_stars(raw, 1.0)
    assert stars.tolist() == [True, False, False, False, False, False]
    assert smallest.tolist() == [True, False, True, False, False, False]


@pytest.fixture(scope="module")
def injected(tmp_path_factory):
    """A frame of isolated points and discs in correlated noise, seen through the filter's PSF, with truth."""
    rng = np.random.default_rng(4)
    size, pitch, half = 1100, 78, 37
    full = psf("F200W", SCALE, 201, oversample=2, drizzled=True)
    point = full[100 - half : 101 + half, 100 - half : 101 + half]
    model, truth = np.zeros((size, size)), []
    for row in range(pitch // 2, size - half, pitch):
        for column in range(pitch // 2, size - half, pitch):
            dy, dx = rng.uniform(-0.5, 0.5, 2)
            r50 = float(rng.choice([0.0, 0.0, 0.1, 0.2]))
            stamp = ndimage.shift(point, (dy, dx), order=5)
            if r50:
                axis = (np.arange((2 * half + 1) * 5) + 0.5) / 5 - 0.5 - half
                fine = np.exp(-np.hypot(axis[:, None] - dy, axis - dx) * 1.67835 * SCALE / r50)
                disc = fine.reshape(2 * half + 1, 5, 2 * half + 1, 5).sum((1, 3))
                stamp = fftconvolve(disc / disc.sum(), point, mode="same")
            stamp *= point.sum() / stamp.sum()
            flux = 10 ** rng.uniform(2.4, 3.4) * (1 + 3 * r50 / 0.2)
            model[row - half : row + half + 1, column - half : column + half + 1] += flux * stamp
            truth.append((row + dy, column + dx, flux, r50))
    noise = ndimage.convolve(rng.normal(size=(size, size)), np.outer([1, 4, 1], [1, 4, 1]) / 36)
    sci = (model + 0.667 * noise / noise.std() + 0.3).astype("f4")
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=110.8, CRVAL2=-73.4, CRPIX1=550, CRPIX2=550,
        CD1_1=-SCALE / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=SCALE / 3600, BUNIT="nJy",
    )  # fmt: skip
    primary = fits.PrimaryHDU()
    primary.header.update(INSTRUME="NIRCAM", FILTER="F200W", PUPIL="CLEAR")
    planes = {"SCI": sci, "ERR": np.ones_like(sci), "WHT": np.ones_like(sci)}
    path = tmp_path_factory.mktemp("injected") / "injected_i2d.fits"
    fits.HDUList([
        primary, *(fits.ImageHDU(a, header if n == "SCI" else None, name=n) for n, a in planes.items())
    ]).writeto(path)  # fmt: skip
    with open_frame(path) as frame:
        sources = measure_frame(frame, "a", detection_threshold=3.0).sources
    truth = np.array(truth)
    apart = np.hypot(sources["y"].to_numpy() - truth[:, :1], sources["x"].to_numpy() - truth[:, 1:2])
    best = np.where(apart < 4, sources["flux"].to_numpy(), -1).argmax(axis=1)
    found = apart[np.arange(len(truth)), best] < 4
    return sources.iloc[best[found]], truth[found]


@pytest.mark.parametrize("kind", ["points", "discs"])
def test_injected_isolated_sources_are_unbiased_with_right_errors(injected, kind):
    """Points and discs at S/N over 12: median flux within 2 %, pulls about 1 wide."""
    sources, truth = injected
    chosen = (sources["snr"].to_numpy() > 12) & ((truth[:, 3] == 0) == (kind == "points"))
    assert chosen.sum() > 50
    flux, error = sources["flux"].to_numpy()[chosen], sources["flux_err"].to_numpy()[chosen]
    assert np.median(flux / truth[chosen, 2]) == pytest.approx(1.0, abs=0.02)
    faint = sources["snr"].to_numpy()[chosen] < 60
    pull = ((flux - truth[chosen, 2]) / error)[faint]
    width = 1.4826 * np.median(np.abs(pull - np.median(pull)))
    assert width == pytest.approx(1.0, abs=0.25)
