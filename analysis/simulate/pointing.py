"""Where a simulated mosaic lies on the sky: its pixel grid, position angle, exposures and file name."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.bands import BANDS, Band

V3_DEG = 0.1
"""Direction of V3 from the grid's y axis, which lies along the aperture: degrees counter-clockwise."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """One mosaic: a band, an epoch and a grid on the tangent plane of the field.

    Attributes
    ----------
    band : str
        Filter name.
    epoch : int
        1 or 2: the observation number.
    size : int
        Side of the square grid, pixels.
    pa_deg : float
        Position angle of the image's y axis, degrees east of north.
    offset : tuple of float
        Offset of the grid's centre from the field's, arcsec east and north.
    dithers : tuple of (float, float)
        Offset of each exposure along the grid's x and y, arcsec.
    mjd : float
        Start of the first exposure.
    exposure_s : float
        Length of each exposure, seconds.
    """

    band: str
    epoch: int
    size: int
    pa_deg: float
    offset: tuple[float, float]
    dithers: tuple[tuple[float, float], ...]
    mjd: float
    exposure_s: float

    @property
    def camera(self) -> Band:
        """The band's pixels and counts."""
        return BANDS[self.band]

    @property
    def half(self) -> float:
        """Half the side of the grid, arcsec."""
        return self.size * self.camera.scale / 2

    @property
    def stem(self) -> str:
        """Name of the file without `.fits`, as the archive would give it."""
        return f"jw99001-o{self.epoch:03d}_t001_nircam_clear-{self.band.lower()}_i2d"

    @property
    def to_sky(self) -> NDArray[np.float64]:
        """Matrix from offsets along (x, y) to offsets (east, north); its own inverse."""
        s, c = math.sin(math.radians(self.pa_deg)), math.cos(math.radians(self.pa_deg))
        return np.array([[-c, s], [s, c]])

    def pixel(self, east: float, north: float) -> tuple[float, float]:
        """Return the 0-based pixel (x, y) of an offset from the field's centre, arcsec."""
        x, y = self.to_sky @ (np.array([east, north]) - np.array(self.offset))
        middle = (self.size - 1) / 2
        return float(x) / self.camera.scale + middle, float(y) / self.camera.scale + middle

    def sky(self, x: float, y: float) -> tuple[float, float]:
        """Return the offset (east, north), arcsec, of a 0-based pixel."""
        middle = (self.size - 1) / 2
        east, north = self.to_sky @ np.array([x - middle, y - middle]) * self.camera.scale + np.array(
            self.offset
        )
        return float(east), float(north)


def offset_to_radec(centre: tuple[float, float], east: float, north: float) -> tuple[float, float]:
    """Return ra, dec (degrees) of a tangent-plane offset in arcsec (gnomonic; Calabretta & Greisen 2002)."""
    ra0, dec0 = map(math.radians, centre)
    xi, eta = math.radians(east / 3600), math.radians(north / 3600)
    down = math.cos(dec0) - eta * math.sin(dec0)
    ra = ra0 + math.atan2(xi, down)
    dec = math.atan2(math.sin(dec0) + eta * math.cos(dec0), math.hypot(xi, down))
    return math.degrees(ra) % 360, math.degrees(dec)


def plan(size: int, bands: tuple[str, ...], second_epoch: str | None) -> list[Pointing]:
    """Return the mosaics of a field: one per band, and one band again 118 days later at another roll.

    Parameters
    ----------
    size : int
        Side of the short-wave grid, pixels.
    bands : tuple of str
        Filter names.
    second_epoch : str or None
        The band that is seen twice.
    """
    short = min(band.scale for band in BANDS.values())
    half = size * short / 2
    pattern = ((-0.085, -0.02), (-0.05, 0.025), (-0.02, -0.01), (0.018, 0.015), (0.052, -0.025), (0.08, 0.01))
    pointings = []
    for epoch, pa, names in ((1, 141.3, bands), (2, 152.8, (second_epoch,) if second_epoch else ())):
        for k, name in enumerate(names):
            scale = BANDS[name].scale
            pointings.append(
                Pointing(
                    band=name,
                    epoch=epoch,
                    size=round(size * short / scale),
                    pa_deg=pa,
                    offset=(0.0, 0.0) if epoch == 1 else (0.02 * half, -0.015 * half),
                    dithers=tuple((half * dx, half * dy) for dx, dy in pattern[: 6 if epoch == 1 else 4]),
                    mjd=60310.25 + 0.09 * k + 118.4 * (epoch - 1),
                    exposure_s=1030.73,
                )
            )
    return pointings
