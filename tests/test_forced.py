"""Forced photometry: point sources of known flux come back in every band, and what is not covered says so."""

import math

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from analysis.forced import STAMP_HALF, aperture_radius, force, reference_fwhm
from analysis.i2d import open_frame
from analysis.psf import psf

SCALE, SIDE = 0.06, 200
FLUX = 500.0
PLACES = [(50.3, 60.0), (120.0, 90.4), (160.2, 150.7)]
GAP = (30.0, 170.0)


def frame_file(path, band, flux=FLUX, rotation=0.0):
    """An i2d file with point sources of `flux` nJy, white noise and a gap without weight."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [53.1, -27.8], [SIDE / 2, SIDE / 2]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    c, s = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    wcs.wcs.pc = [[c, -s], [s, c]]
    header = wcs.to_header()
    header["BUNIT"], header["PIXAR_SR"] = "MJy/sr", (SCALE / 206264.806) ** 2
    njy = header["PIXAR_SR"] * 1e15
    noise = 0.5 / njy
    image = np.random.default_rng(3).normal(0, noise, (SIDE, SIDE))
    point = psf(band, SCALE, 61, drizzled=True)
    for x, y in PLACES:
        ix, iy = round(x), round(y)
        from scipy.ndimage import shift

        moved = shift(point, (y - iy, x - ix), order=3)
        image[iy - 30 : iy + 31, ix - 30 : ix + 31] += flux / njy * moved
    weight = np.ones((SIDE, SIDE))
    weight[150:190, 10:50] = 0
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "FILTER": band, "PUPIL": "CLEAR"})
    planes = (("SCI", image), ("ERR", np.full((SIDE, SIDE), noise)), ("WHT", weight))
    images = [fits.ImageHDU(data.astype(np.float32), header=header, name=name) for name, data in planes]
    fits.HDUList([primary, *images]).writeto(path)
    return wcs


def measured(tmp_path, band, **kinds):
    """Forced measurements at the sources, an empty place and the gap."""
    path = tmp_path / f"{band}_i2d.fits"
    wcs = frame_file(path, band, **kinds)
    x, y = np.array([*PLACES, (90.0, 40.0), GAP]).T
    ra, dec = wcs.pixel_to_world_values(x, y)
    with open_frame(path) as frame:
        return force(frame, ra, dec, reference_fwhm([0.066, 0.145]))


@pytest.mark.parametrize("band", ["F200W", "F444W"])
def test_point_sources_keep_their_flux_in_every_band(tmp_path, band):
    """Blurred to one PSF and corrected for the circle, a point source has its flux within 4 per cent."""
    found = measured(tmp_path, band)
    assert found.flux[:3] == pytest.approx(FLUX, rel=0.04)
    assert abs(found.flux[3]) < 4 * found.flux_err[3]
    assert found.sharpness[:3] == pytest.approx(1.0, abs=0.15)


def test_uncovered_places_are_nan_not_zero(tmp_path):
    """A place without weight is not covered and has no numbers."""
    found = measured(tmp_path, "F200W")
    assert found.covered.tolist() == [True, True, True, True, False]
    assert np.isnan([found.flux[4], found.flux_err[4], found.core[4], found.stamp_noise[4]]).all()


def test_stamps_are_north_up_however_the_frame_is_turned(tmp_path):
    """The peak of a stamp is at its middle, and a neighbour to the north lies in higher rows."""
    found = measured(tmp_path, "F444W", rotation=130.0)
    peak = np.unravel_index(np.nanargmax(found.stamps[0]), found.stamps[0].shape)
    assert np.abs(np.array(peak) - STAMP_HALF).max() <= 1


def test_reference_is_the_widest_that_is_not_too_wide():
    """MIRI beside NIRCam does not blur NIRCam; alone it is its own reference; unknown widths give NaN."""
    assert reference_fwhm([0.04, 0.145, 0.6]) == 0.145
    assert reference_fwhm([0.3, 0.6]) == 0.3
    assert math.isnan(reference_fwhm([math.nan]))
    assert aperture_radius(math.nan, math.nan) == 0.16
