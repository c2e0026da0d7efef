"""The sky: its level and noise, with sources on it, with gaps, and without noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.background import measure_sky, mesh_step, source_mask
from analysis.mesh import Mesh, clipped_statistics, fill_cells
from analysis.noise import empty_apertures


class Sheet:
    """A frame in memory: SCI alone or with ERR."""

    def __init__(self, sci, err=None, scale=0.03):
        self.sci, self.err = sci.astype("f4"), err
        self.shape, self.pixel_scale = sci.shape, scale
        self.has_err, self.has_wht = err is not None, False

    def read(self, y0, y1, x0, x1):
        from analysis.i2d import Planes

        box = np.s_[y0:y1, x0:x1]
        err = None if self.err is None else self.err[box]
        return Planes(self.sci[box].copy(), err, None, np.isfinite(self.sci[box]))


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_a_slope_is_followed():
    """A plane plus noise is given back to a small part of the noise."""
    y, x = np.mgrid[:500, :600]
    truth = 3 + 0.002 * y + 0.001 * x
    sky = measure_sky(Sheet(truth + 0.1 * noise(truth.shape)), 0.064)
    error = sky.level.window(0, 500, 0, 600) - truth
    assert np.abs(error[100:-100, 100:-100]).max() < 0.03
    assert np.abs(error).max() < 0.2
    assert abs(error.mean()) < 0.005
    assert np.median(sky.scale.cells) == pytest.approx(0.1, rel=0.03)


def test_sources_do_not_lift_the_level():
    """Many sources of known light leave less than 5 % of the noise behind them."""
    rng = np.random.default_rng(1)
    image = noise((512, 512))
    yy, xx = np.mgrid[-12:13, -12:13]
    stamp = 60 * np.exp(-(xx**2 + yy**2) / 2 / 2.0**2)
    for y, x in rng.integers(13, 499, (150, 2)):
        image[y - 12 : y + 13, x - 12 : x + 13] += stamp
    sky = measure_sky(Sheet(image), 0.064)
    assert abs(np.median(sky.level.cells)) < 0.05
    assert np.median(sky.scale.cells) == pytest.approx(1.0, rel=0.04)


def test_with_errors_the_scale_is_true_over_stated_noise():
    """ERR twice too large, and varying, gives a scale of one half everywhere."""
    shape = (300, 300)
    sigma = 1 + np.linspace(0, 3, 300)[None, :] * np.ones(shape)
    sky = measure_sky(Sheet(noise(shape) * sigma, (2 * sigma).astype("f4")), 0.064)
    np.testing.assert_allclose(sky.scale.cells, 0.5, rtol=0.06)


def test_gaps_are_bridged_and_everything_is_finite():
    """A frame half without pixels still has a sky everywhere."""
    image = 5 + noise((300, 400))
    image[:, 150:330] = np.nan
    sky = measure_sky(Sheet(image), 0.064)
    assert np.isfinite(sky.level.cells).all()
    assert sky.n_valid == 300 * 220
    np.testing.assert_allclose(sky.level.cells, 5, atol=0.3)


def test_no_noise_is_no_trouble():
    """A constant image has its level, and noise 0."""
    sky = measure_sky(Sheet(np.full((100, 90), 7.0)), np.nan)
    np.testing.assert_allclose(sky.level.window(0, 100, 0, 90), 7.0, rtol=1e-6)
    assert (sky.scale.cells == 0).all()


@given(
    y0=st.integers(0, 150), x0=st.integers(0, 150), size=st.integers(1, 60), step=st.integers(5, 40),
    seed=st.integers(0, 5),
)  # fmt: skip
def test_a_mesh_is_the_same_in_every_window(y0, x0, size, step, seed):
    """A window of a mesh equals that part of the whole."""
    mesh = Mesh(step, noise((-(-220 // step), -(-220 // step)), seed))
    whole = mesh.window(0, 220, 0, 220)
    part = mesh.window(y0, y0 + size, x0, x0 + size)
    np.testing.assert_allclose(part, whole[y0 : y0 + size, x0 : x0 + size], atol=1e-6)


def test_a_mesh_passes_through_its_cells():
    """At a cell's centre the spline has the cell's value."""
    cells = noise((5, 7))
    mesh = Mesh(11, cells)
    np.testing.assert_allclose(mesh.window(0, 55, 0, 77)[5::11, 5::11], cells, atol=1e-6)


def test_clipping_ignores_a_tail():
    """A tenth of the samples far away moves neither level nor noise much."""
    values = noise((4, 3000))
    values[:, ::10] += 50
    values[3] = np.nan
    level, spread, count = clipped_statistics(values)
    assert np.abs(level[:3]).max() < 0.12
    np.testing.assert_allclose(spread[:3], 1.0, rtol=0.05)
    assert count.tolist() == [3000, 3000, 3000, 0]
    assert np.isnan(level[3])


def test_cells_without_sky_take_their_neighbours():
    """Filling keeps what is known and ends even when nothing is."""
    cells = np.full((4, 4), np.nan)
    assert (fill_cells(cells) == 0).all()
    cells[0, 0] = 2.0
    assert (fill_cells(cells) == 2.0).all()


def test_the_mask_takes_sources_and_leaves_noise():
    """A source is covered; of pure noise under a twentieth is."""
    image = noise((256, 256)).astype("f4")
    assert source_mask(image, np.ones(image.shape, bool), 2.1).mean() < 0.05
    image[100:104, 100:104] += 30
    assert source_mask(image, np.ones(image.shape, bool), 2.1)[98:106, 98:106].all()


@pytest.mark.parametrize(
    ("scale", "fwhm", "step"), [(0.03, 0.064, 67), (0.11, 0.375, 27), (0.11, np.nan, 18)]
)
def test_cells_are_two_arcsec_or_eight_widths(scale, fwhm, step):
    """In pixels of the frame."""
    assert mesh_step(scale, fwhm) == step


def test_empty_apertures_give_back_white_and_correlated_noise():
    """Independent pixels have beta 1 and alpha 1; a smoothed image has a larger beta."""
    from scipy import ndimage

    white = noise((600, 600)).astype("f4")
    nothing = np.zeros(white.shape, bool)
    model = empty_apertures([(white, nothing)])
    assert model.beta == pytest.approx(1.0, abs=0.06)
    assert model.sigma(50.0) == pytest.approx(50**0.5, rel=0.08)
    smoothed = ndimage.gaussian_filter(white, 1.2)
    smoothed /= smoothed.std()
    assert empty_apertures([(smoothed, nothing)]).beta > 1.2
    assert empty_apertures([(white, ~nothing)]).n_apertures == 0
