"""Light: unbiased fluxes, honest errors, sizes, from sources of known light."""

import numpy as np
import pytest

from analysis.detection import detect, smoothing_kernel
from analysis.noise import ApertureNoise
from analysis.photometry import aperture_radii, magnitudes, measure_light
from analysis.stamps import cut_stamps, half_sides
from analysis.window import Window, fill_holes

WIDTH = 1.5
KERNEL = smoothing_kernel(2.355 * WIDTH)


def make_window(data, *, outside=None, hole=None, sigma=1.0):
    empty = np.zeros(data.shape, bool)
    return Window(
        0, 0, data.astype("f4"), np.full(data.shape, sigma, "f4"),
        empty if outside is None else outside, empty if hole is None else hole, None,
    )  # fmt: skip


def gaussian(shape, y0, x0, flux, width=WIDTH):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return flux / (2 * np.pi * width**2) * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / 2 / width**2)


def measure(window, threshold=1.0, noise=None, radii=(4.0, 8.0)):
    """Light of every source of a window, in the window's pixels, ordered by x."""
    found = detect(window.data, window.sigma, window.outside, KERNEL, threshold)
    wanted = np.arange(len(found))
    noise = noise or ApertureNoise(1.0, 1.0, 1)
    parts = []
    for stamps in cut_stamps(window, found, half_sides(6 * found.a + 12, 256), wanted):
        i = stamps.index
        light = measure_light(stamps, (found.a[i], found.b[i], found.theta[i]), noise, radii, 3.5)
        columns = dict(vars(light))
        columns["x"] = light.x + np.floor(found.x[i] + 0.5) - stamps.half
        columns["y"] = light.y + np.floor(found.y[i] + 0.5) - stamps.half
        parts.append(columns)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    order = np.argsort(joined["x"])
    return {key: value[order] for key, value in joined.items()}


def test_a_lone_source_gives_back_its_light_place_and_size():
    """Kron flux within 2 %, centre to 0.01 px, half-light radius of a Gaussian 1.177 widths."""
    light = measure(make_window(gaussian((90, 90), 44.3, 40.7, 5000.0)))
    assert light["flux"][0] == pytest.approx(5000, rel=0.02)
    assert light["x"][0] == pytest.approx(40.7, abs=0.01)
    assert light["y"][0] == pytest.approx(44.3, abs=0.01)
    assert light["r50"][0] == pytest.approx(1.1774 * WIDTH, rel=0.04)
    assert light["ap2"][0] == pytest.approx(5000, rel=0.01)
    inside = 1 - np.exp(-(4.0**2) / 2 / WIDTH**2)
    assert light["ap1"][0] == pytest.approx(5000 * inside, rel=0.01)
    assert light["r20"][0] < light["r50"][0] < light["r80"][0] < light["kron_a"][0]


def test_fluxes_scatter_as_their_errors_say():
    """Sources of S/N about 10 in white noise: pulls of mean near 0 and width near 1."""
    rng = np.random.default_rng(2)
    image = rng.normal(size=(700, 700))
    positions = [
        (y + rng.uniform(), x + rng.uniform()) for y in range(25, 690, 35) for x in range(25, 690, 35)
    ]
    for y, x in positions:
        box = np.s_[int(y) - 12 : int(y) + 13, int(x) - 12 : int(x) + 13]
        image[box] += gaussian((25, 25), y - int(y) + 12, x - int(x) + 12, 120.0)
    light = measure(make_window(image), threshold=1.6)
    here = light["flux"] / light["flux_err"] > 5
    assert here.sum() > 0.9 * len(positions)
    pull = (light["flux"][here] - 120) / light["flux_err"][here]
    assert abs(np.median(pull)) < 0.35
    assert 0.75 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.25


def test_errors_follow_the_noise_of_the_place_and_of_the_area():
    """Twice the pixel noise is twice the error; alpha and beta enter as sigma_N says."""
    image = gaussian((90, 90), 45, 45, 5000.0)
    quiet = measure(make_window(image), threshold=2.0)
    loud = measure(make_window(image, sigma=2.0), threshold=1.0)
    assert loud["flux_err"][0] == pytest.approx(2 * quiet["flux_err"][0], rel=1e-5)
    correlated = measure(make_window(image), threshold=2.0, noise=ApertureNoise(0.9, 1.4, 1))
    assert correlated["ap1_err"][0] == pytest.approx(0.9 * (np.pi * 16) ** 0.7, rel=0.01)


def test_a_neighbour_adds_little_light():
    """Of two equal sources five widths apart each keeps its light within 4 %."""
    image = gaussian((90, 90), 45, 40, 5000.0) + gaussian((90, 90), 45, 40 + 5 * WIDTH, 5000.0)
    light = measure(make_window(image))
    assert len(light["flux"]) == 2
    np.testing.assert_allclose(light["flux"], 5000, rtol=0.04)


def test_a_gap_through_a_wing_is_filled_from_the_other_side():
    """A dead column beside the core costs under 3 % of the light, and is counted."""
    image = gaussian((90, 90), 45, 45, 5000.0)
    outside = np.zeros(image.shape, bool)
    outside[:, 48] = True
    image[outside] = 0
    light = measure(make_window(image, outside=outside))
    brightest = light["flux"].argmax()
    assert light["flux"][brightest] == pytest.approx(5000, rel=0.03)
    assert light["invalid"][brightest] > 3


def test_a_saturated_core_stays_one_source():
    """A star whose middle is missing is found once, at its place."""
    image = gaussian((90, 90), 45, 45, 1e6, width=4)
    valid = image < 0.4 * image.max()
    hole, filled = fill_holes(np.where(valid, image, 0).astype("f4"), valid)
    assert (hole == ~valid).all()
    light = measure(make_window(filled, hole=hole))
    assert len(light["flux"]) == 1
    assert np.hypot(light["x"][0] - 45, light["y"][0] - 45) < 0.1
    assert light["hole"][0] == pytest.approx(hole.sum(), rel=0.02)


def test_gaps_are_not_filled_like_holes():
    """Invalid pixels at the border or by the thousand stay empty."""
    valid = np.ones((80, 80), bool)
    valid[:3] = False
    valid[20:60, 20:60] = False
    hole, filled = fill_holes(np.ones((80, 80), "f4") * valid, valid)
    assert not hole.any()
    assert (filled[~valid] == 0).all()


def test_magnitudes_are_ab_and_missing_without_light():
    """3631 Jy is 0 mag; a negative flux has none."""
    mag, error = magnitudes(np.array([3.6308e12, 100.0, -5.0]), np.array([1.0, 10.0, 1.0]))
    assert mag[0] == pytest.approx(0, abs=1e-3)
    assert mag[1] == pytest.approx(26.4)
    assert error[1] == pytest.approx(0.10857, rel=1e-3)
    assert np.isnan(mag[2])
    assert np.isnan(error[2])


def test_apertures_follow_the_psf_with_a_floor():
    """max(0.16, 0.7 FWHM) and max(0.25, 1.1 FWHM) arcsec."""
    assert aperture_radii(0.064) == (0.16, 0.25)
    assert aperture_radii(np.nan) == (0.16, 0.25)
    assert aperture_radii(0.488) == pytest.approx((0.3416, 0.5368))


def test_stamps_replace_neighbours_by_the_opposite_pixel():
    """Where both sides are foreign there is 0; the source's own pixels are untouched."""
    image = gaussian((61, 61), 30, 30, 5000.0) + gaussian((61, 61), 30, 38, 2000.0)
    window = make_window(image)
    found = detect(window.data, window.sigma, window.outside, KERNEL, 1.0)
    (stamps,) = cut_stamps(window, found, np.full(len(found), 16), np.array([found.x.argmin()]))
    own = stamps.own[0]
    np.testing.assert_array_equal(stamps.image[0][own], image.astype("f4")[14:47, 14:47][own])
    assert stamps.foreign[0, 16, 24]
    assert stamps.image[0, 16, 24] == stamps.image[0, 16, 8]
