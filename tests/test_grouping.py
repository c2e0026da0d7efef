"""Fragments of one system are joined, neighbours with a gap between are not."""

import numpy as np

from analysis.forced import STAMP_HALF, STAMP_STEP_ARCSEC
from analysis.grouping import foreign_samples, group_objects, offsets_arcsec
from analysis.structure import STRUCTURE, detection_images, measure_structure

SIDE = 2 * STAMP_HALF + 1


def stamps_of(blobs, centres):
    """Images around each centre of Gaussian blobs (east, north, sigma, peak), arcsec."""
    along = (np.arange(SIDE) - STAMP_HALF) * STAMP_STEP_ARCSEC
    images = []
    for east, north in centres:
        image = np.zeros((SIDE, SIDE))
        for e, n, sigma, peak in blobs:
            image += peak * np.exp(
                -((along[None, :] + east - e) ** 2 + (along[:, None] + north - n) ** 2) / (2 * sigma**2)
            )
        images.append(image)
    return np.array(images, dtype=np.float32)


def degrees(centres):
    """Positions on the sky of offsets in arcsec, at declination -30."""
    east, north = np.array(centres).T
    return 10 + east / 3600 / np.cos(np.radians(-30 + north / 3600)), -30 + north / 3600


def test_fragments_in_common_light_are_one_system():
    """Two knots on one disc join; the brighter one is the head."""
    centres = [(0, 0), (0.4, 0)]
    image = stamps_of([(0, 0, 0.1, 60), (0.4, 0, 0.1, 20), (0.2, 0, 0.4, 25)], centres)
    ra, dec = degrees(centres)
    assert group_objects(ra, dec, np.array([60.0, 20.0]), image).tolist() == [0, 0]


def test_a_gap_keeps_neighbours_apart():
    """Two points half an arcsec apart with dark sky between stay two."""
    centres = [(0, 0), (0.5, 0)]
    image = stamps_of([(0, 0, 0.07, 60), (0.5, 0, 0.07, 20)], centres)
    assert group_objects(*degrees(centres), np.array([60.0, 20.0]), image).tolist() == [0, 1]


def test_order_of_objects_does_not_matter():
    """Turned round, the same systems come out."""
    centres = [(0, 0), (0.4, 0), (0.8, 0.1), (0, 1.1)]
    blobs = [(e, n, 0.12, p) for (e, n), p in zip(centres, (60, 40, 20, 30), strict=True)]
    blobs.append((0.4, 0, 0.5, 20))
    image, light = stamps_of(blobs, centres), np.array([60.0, 40, 20, 30])
    ra, dec = degrees(centres)
    one = group_objects(ra, dec, light, image)
    turned = group_objects(ra[::-1], dec[::-1], light[::-1], image[::-1])
    assert one.tolist() == (len(one) - 1 - turned[::-1]).tolist()


def test_neighbours_samples_are_foreign_and_members_are_not():
    """Half the way to a neighbour as large begins what is foreign; a member's light is one's own."""
    ra, dec = degrees([(0, 0), (0.6, 0)])
    size = np.array([0.3, 0.3])
    apart = foreign_samples(ra, dec, np.array([0, 1]), size)
    assert not apart[0, STAMP_HALF, STAMP_HALF]
    assert apart[0, STAMP_HALF, STAMP_HALF + 8]
    assert not foreign_samples(ra, dec, np.array([0, 0]), size).any()


def test_offsets_survive_the_zero_meridian():
    """Positions on both sides of right ascension 0 are an arcsec apart, not 360 degrees."""
    east, _ = offsets_arcsec(np.array([359.9998611, 0.0001389]), np.zeros(2))
    assert abs(east[1] - east[0] - 1.0) < 0.01


def test_structure_tells_a_pair_from_a_disc():
    """A pair in common light has more peaks and turns less into itself than a disc; empty sky is NaN."""
    disc = stamps_of([(0, 0, 0.2, 50)], [(0, 0)])
    pair = stamps_of([(0, 0, 0.12, 50), (0.5, 0.1, 0.12, 35), (0.2, 0, 0.4, 12)], [(0, 0)])
    stamps = np.concatenate([disc, pair, np.zeros_like(disc)])[:, None]
    noise = np.ones((3, 1))
    image = detection_images(stamps, noise)
    found = measure_structure(image, stamps, noise, np.zeros(image.shape, dtype=bool))
    assert set(found) == set(STRUCTURE)
    assert found["peaks"][1] > found["peaks"][0] == 0
    assert found["turn"][1] > found["turn"][0] + 0.2
    assert found["extent"][1] > found["extent"][0]
    assert all(np.isnan(values[2]) for values in found.values())
