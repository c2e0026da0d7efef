"""Star light: wings and spikes of a bright star are told from other light, whatever the roll angle."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from analysis.i2d import open_frame
from analysis.psf import psf
from analysis.starlight import starlight_in

SCALE, SIDE = 0.06, 241
MIDDLE = (SIDE - 1) / 2
NJY = 1e15 * (SCALE / 206264.806) ** 2
STAR = 3e6


def write(path, *, angle=40.0):
    """One star of known flux with a saturated core, V3 at `angle` from the image's y axis."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [80.0, -20.0], [MIDDLE + 1, MIDDLE + 1]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    header = wcs.to_header()
    header["BUNIT"], header["PIXAR_SR"], header["PA_V3"] = "MJy/sr", (SCALE / 206264.806) ** 2, angle
    rng = np.random.default_rng(1)
    image = STAR / NJY * psf("F200W", SCALE, SIDE, oversample=1, rotation_deg=angle)
    image = image + rng.normal(0, 0.05 / NJY, image.shape)
    weight = np.ones(image.shape)
    y, x = np.mgrid[:SIDE, :SIDE]
    weight[np.hypot(y - MIDDLE, x - MIDDLE) < 3] = 0
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "FILTER": "F200W", "PUPIL": "CLEAR"})
    planes = (("SCI", image), ("ERR", np.full(image.shape, 0.05 / NJY)), ("WHT", weight))
    images = [fits.ImageHDU(data.astype(np.float32), header=header, name=name) for name, data in planes]
    fits.HDUList([primary, *images]).writeto(path)
    return wcs


@pytest.mark.parametrize("angle", [0.0, 40.0])
def test_light_on_a_spike_is_the_stars(tmp_path, angle):
    """Two arcsec out on a spike the model holds what is there, within the tolerance of a pixel."""
    wcs = write(tmp_path / "a_i2d.fits", angle=angle)
    turn = np.radians(angle + 90.0 + np.array([0.0, 60, 120]))
    x, y = MIDDLE + 33 * np.cos(turn), MIDDLE + 33 * np.sin(turn)
    ra, dec = wcs.pixel_to_world_values(x, y)
    star = wcs.pixel_to_world_values([MIDDLE], [MIDDLE])
    image = psf("F200W", SCALE, SIDE, oversample=1, rotation_deg=angle)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    radius = 0.16 / SCALE
    true = [STAR * image[np.hypot(rows - b, columns - a) < radius].sum() for a, b in zip(x, y, strict=True)]
    with open_frame(tmp_path / "a_i2d.fits") as frame:
        found = starlight_in(frame, star, ra, dec, 0.16)
    assert (found > 0.7 * np.array(true)).all()
    assert (found < 6 * np.array(true)).all()


def test_no_star_no_light_and_none_at_the_star_itself(tmp_path):
    """Without stars the answer is 0 everywhere; a star is not charged with its own light."""
    wcs = write(tmp_path / "a_i2d.fits")
    ra, dec = wcs.pixel_to_world_values([MIDDLE, 30.0], [MIDDLE, 30.0])
    with open_frame(tmp_path / "a_i2d.fits") as frame:
        assert not starlight_in(frame, (np.empty(0), np.empty(0)), ra, dec, 0.16).any()
        assert starlight_in(frame, (ra[:1], dec[:1]), ra, dec, 0.16)[0] == 0
