"""Detection: the threshold from the image turned over, blends shared out, limits of SEP survived."""

import numpy as np
import pytest
from scipy import ndimage

from analysis import detection
from analysis.blends import find_peaks, share_pixels
from analysis.detection import calibrate, detect, smooth, smoothing_kernel


def drizzled(shape, seed=0):
    """Noise correlated as drizzling leaves it, 1 per pixel."""
    image = ndimage.convolve(
        np.random.default_rng(seed).normal(size=shape), np.outer([1, 2, 1], [1, 2, 1]) / 16.0
    )
    return (image / 0.375).astype("f4")


def with_sources(image, positions, flux, width=1.5):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for cy, cx in positions:
        peak = flux / (2 * np.pi * width**2)
        image += (peak * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2 / width**2)).astype("f4")
    return image


def grid(size, step):
    return [(y, x) for y in range(step, size - step // 2, step) for x in range(step, size - step // 2, step)]


KERNEL = smoothing_kernel(2.1)


def find(image, threshold, **options):
    return detect(image, np.ones_like(image), np.zeros(image.shape, bool), KERNEL, threshold, **options)


def test_calibrated_threshold_finds_sources_and_hardly_any_noise():
    """At 3.0 at most 1 % false; an independent noise field of the same area has as few."""
    image = with_sources(drizzled((512, 512)), grid(512, 40), 90)
    threshold = calibrate([(image, np.ones_like(image))], KERNEL, 3.0)
    assert threshold.clean
    assert threshold.value == threshold.k
    assert threshold.false_rate <= 0.01
    assert len(find(image, threshold.value)) >= 140
    assert len(find(drizzled((512, 512), 9), threshold.value)) <= 4


def test_the_users_threshold_scales_and_its_own_false_rate_is_told():
    """1.5 is half as high as 3.0 and lets noise in."""
    image = with_sources(drizzled((512, 512)), grid(512, 40), 90)
    windows = [(image, np.ones_like(image))]
    usual, low = calibrate(windows, KERNEL, 3.0), calibrate(windows, KERNEL, 1.5)
    assert low.k == usual.k
    assert low.value == pytest.approx(usual.k / 2)
    assert low.false_rate > 0.05


def test_without_sources_or_noise_the_calibration_still_answers():
    """An empty image has a threshold and a false rate of 0."""
    empty = np.zeros((50, 60), "f4")
    threshold = calibrate([(empty, np.ones_like(empty))], KERNEL, 3.0)
    assert threshold.false_rate == 0
    assert np.isfinite(threshold.value)


def test_a_sources_place_and_shape_are_measured():
    """Barycentre, axes and angle of an elongated Gaussian."""
    y, x = np.mgrid[:80, :80]
    angle = np.radians(30)
    u, v = x - 41.3, y - 37.8
    along, across = u * np.cos(angle) + v * np.sin(angle), -u * np.sin(angle) + v * np.cos(angle)
    image = (300 * np.exp(-(along**2) / 2 / 4**2 - across**2 / 2 / 2**2)).astype("f4")
    found = find(image, 1.5)
    assert len(found) == 1
    assert found.x[0] == pytest.approx(41.3, abs=0.02)
    assert found.y[0] == pytest.approx(37.8, abs=0.02)
    assert np.degrees(found.theta[0]) == pytest.approx(30, abs=1)
    assert 1.6 < found.a[0] / found.b[0] < 2.05
    assert found.n_peaks[0] == 1
    assert not found.blended[0]


def test_two_close_sources_are_two_and_share_their_pixels_at_the_saddle():
    """Each keeps its peak; nothing of the island is lost."""
    image = with_sources(np.zeros((60, 60), "f4"), [(30, 22), (30, 34)], 800, width=3.0)
    found = find(image, 1.0)
    assert len(found) == 2
    assert found.blended.all()
    left, right = np.argsort(found.x)
    assert found.segments[30, 22] == left + 1
    assert found.segments[30, 34] == right + 1
    assert found.segments[30, 27] == left + 1
    assert found.segments[30, 29] == right + 1
    assert (found.segments > 0).sum() == found.n_pixels.sum()


def test_blends_do_not_depend_on_where_the_window_begins():
    """The same sources, to rounding, from a window with other neighbours in it."""
    rng = np.random.default_rng(3)
    image = with_sources(drizzled((300, 300)), rng.uniform(20, 280, (90, 2)), 250, width=2.5)
    whole, part = find(image, 1.5), find(image[61:, 37:].copy(), 1.5)
    inner = (whole.x > 120) & (whole.x < 270) & (whole.y > 130) & (whole.y < 270)
    assert whole.blended[inner].sum() > 5
    for i in np.flatnonzero(inner):
        distance = np.hypot(part.x + 37 - whole.x[i], part.y + 61 - whole.y[i])
        j = distance.argmin()
        assert distance[j] < 1e-9
        assert part.a[j] == pytest.approx(whole.a[i], rel=1e-9)
        assert part.n_pixels[j] == whole.n_pixels[i]


def test_a_peak_lent_by_lot_to_a_faint_neighbour_is_not_its_peak():
    """A stray pixel on the bright source's flank does not move the faint one's peak."""
    y, x = np.mgrid[:20, :30]
    image = 100 * np.exp(-((x - 8) ** 2 + (y - 10) ** 2) / 18) + 20 * np.exp(
        -((x - 22) ** 2 + (y - 10) ** 2) / 8
    )
    segments = np.where(x < 16, 1, 2).astype("i4")
    segments[10, 11] = 2
    peaks = find_peaks(image.astype("f4"), segments, 2)
    assert [divmod(int(p), 30) for p in peaks] == [(10, 8), (10, 22)]
    shared, blended, stays = share_pixels(image.astype("f4"), segments, peaks, np.zeros(2, "f4"))
    assert shared[10, 11] == 1
    assert blended.all()
    assert stays.all()


def test_noise_does_not_break_a_faint_disc_and_a_real_dip_still_parts_two():
    """A disc of 10 sigma in its middle stays one source; two points 8 px apart stay two."""
    y, x = np.mgrid[:200, :200]
    usual = with_sources(drizzled((512, 512)), grid(512, 40), 90)
    k = calibrate([(usual, np.ones_like(usual))], KERNEL, 3.0).k
    for seed in range(5):
        image = drizzled((200, 200), seed)
        image += (10.0 * np.exp(-np.hypot(x - 100, y - 100) / 8.0)).astype("f4")
        near = find(image, k)
        assert np.sum(np.hypot(near.x - 100, near.y - 100) < 10) == 1
        pair = with_sources(drizzled((200, 200), seed), [(100, 96), (100, 104)], 300)
        near = find(pair, k)
        assert np.sum(np.hypot(near.x - 100, near.y - 100) < 8) == 2


def test_a_peak_over_a_shallow_saddle_is_its_neighbours():
    """Peaks of 10 and 6 over a saddle of 5: two with a least dip of 0.5, one with 2; nothing is lost."""
    profile = np.array([0, 4, 10, 7, 5, 6, 3, 0], "f4")
    image = np.outer(np.array([0, 1, 0.0]), profile).astype("f4")
    segments = np.where(image > 0, np.where(np.arange(8) < 4, 1, 2), 0).astype("i4")
    peaks = find_peaks(image, segments, 2)
    for dip, n in ((0.5, 2), (2.0, 1)):
        shared, blended, stays = share_pixels(image, segments, peaks, np.full(2, dip, "f4"))
        assert stays.sum() == n
        assert blended.sum() == (2 if n == 2 else 0)
        assert np.count_nonzero(shared) == np.count_nonzero(image)
        assert len(np.unique(shared[shared > 0])) == n


def test_invalid_pixels_are_never_part_of_a_source():
    """Masked pixels stay sky, however bright."""
    image = with_sources(np.zeros((60, 60), "f4"), [(30, 30)], 500)
    bad = np.zeros(image.shape, bool)
    bad[:, 31:] = True
    image[bad] = 0
    found = detect(image, np.ones_like(image), bad, KERNEL, 1.0)
    assert len(found) == 1
    assert not (found.segments[bad] > 0).any()


def test_seps_limits_are_raised_until_they_hold(monkeypatch):
    """A pixel buffer that is far too small is enlarged, and the answer is the same."""
    image = with_sources(drizzled((300, 300)), grid(300, 30), 400, width=3)
    usual = find(image, 1.2)
    monkeypatch.setattr(detection, "_PIXSTACK", (300, 1_000_000))
    monkeypatch.setattr(detection.np, "count_nonzero", lambda *_, **__: 0)
    assert len(find(image, 1.2)) == len(usual)


def test_seps_deblending_overflow_is_survived_too(monkeypatch):
    """One island of many knots with room for two sub-objects: limits rise and they are all found."""
    image = with_sources(np.zeros((90, 90), "f4"), grid(90, 9), 600, width=2.5)
    usual, limits = find(image, 1.0), []
    monkeypatch.setattr(detection, "_SUB_OBJECTS", (2, 65_536))
    whole = detection.sep.set_sub_object_limit
    monkeypatch.setattr(detection.sep, "set_sub_object_limit", lambda n: (limits.append(n), whole(n)))
    assert len(find(image, 1.0)) == len(usual) > 50
    assert limits[:2] == [2, 8]


def test_where_no_limit_suffices_the_window_is_cut_and_its_seams_do_not_show(monkeypatch):
    """With room for next to nothing the quarters are extracted: the same discs, also those on the seam."""
    image = with_sources(drizzled((256, 256)), [(128, 128), (60, 70), (128, 40), (190, 128)], 6000, width=6)
    image = with_sources(image, [(60, 84)], 3000, width=4)
    usual = find(image, 2.5)
    whole, runs = detection.sep.extract, []

    def narrow(smoothed, *words, **options):
        runs.append(smoothed.shape)
        if smoothed.size > 130 * 130:
            raise Exception("object deblending overflow: limit of sub-objects reached")  # noqa: TRY002 - SEP
        return whole(smoothed, *words, **options)

    monkeypatch.setattr(detection.sep, "extract", narrow)
    found = find(image, 2.5)
    assert runs.count((128, 128)) == 4

    def bright(found):
        large = found.n_pixels > 100
        return sorted(zip(found.x[large].round(1), found.y[large].round(1), strict=True))

    assert bright(found) == bright(usual)
    assert len(bright(found)) == 5


def test_what_sep_cannot_do_at_any_limit_is_one_clear_error(monkeypatch):
    """Eight tries, then an error that names the next step; any other error of SEP's is told at once."""

    def fail(text):
        def extract(*_, **__):
            raise Exception(text)  # noqa: TRY002 - as SEP does

        monkeypatch.setattr(detection.sep, "extract", extract)

    fail("object deblending overflow: limit of sub-objects reached")
    with pytest.raises(detection.DetectionError, match="raise detection_threshold"):
        find(drizzled((50, 50)), 1.5)
    fail("something  else")
    with pytest.raises(detection.DetectionError, match="something else"):
        find(drizzled((50, 50)), 1.5)


def test_the_smoothing_kernel_follows_the_psf_within_limits():
    """Sum 1, symmetric, never narrower than 2 px nor wider than 3.5 px."""
    for fwhm in (0.5, 2.6, 9.0, np.nan):
        kernel = smoothing_kernel(fwhm)
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        np.testing.assert_array_equal(kernel, kernel[::-1])
    assert len(smoothing_kernel(0.5)) == len(smoothing_kernel(2.0))
    flat = smooth(np.ones((30, 30), "f4"), smoothing_kernel(3.5))
    assert flat[15, 15] == pytest.approx(1, abs=1e-6)


def test_windows_of_a_few_pixels_have_no_sources():
    """Down to a single one."""
    for shape in ((1, 1), (2, 9), (5, 5)):
        assert len(find(np.zeros(shape, "f4"), 1.5)) == 0
