"""How far a frame's coordinates are from Gaia's: measured first, so that matches mean what they say."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

REACH_ARCSEC: Final = 2.0
FEWEST: Final = 5
TIGHT_ARCSEC: Final = 0.3
_STEP: Final = 0.1


@dataclass(frozen=True, slots=True)
class Offset:
    """Frame minus reference, arcsec east and north, its error, and the stars behind it; NaN where too few."""

    east: float
    north: float
    error: float
    stars: int

    @property
    def measured(self) -> bool:
        """Whether five stars or more agree."""
        return self.stars >= FEWEST and math.isfinite(self.east)

    def words(self) -> str:
        """Say it for a person."""
        if not self.measured:
            return f"not measured: {self.stars} stars in common, {FEWEST} are needed"
        return f"{self.east:+.3f} {self.north:+.3f} ± {self.error:.3f}″ (east, north) from {self.stars} stars"


def offset(ra: Array, dec: Array, reference_ra: Array, reference_dec: Array) -> Offset:
    """Compare places of compact sources with those of stars at the same time.

    All pairs within 2 arcsec are counted on a grid of 0.1 arcsec, which finds a wrong guide star's offset of
    an arcsecond among chance pairs; the median of the pairs within 0.3 arcsec of the fullest cell is the
    offset, 1.4826 median absolute deviations over the root of their number its error.

    Parameters
    ----------
    ra, dec, reference_ra, reference_dec : float64, shape (n,) and (m,)
        ICRS degrees.
    """
    if not len(ra) or not len(reference_ra):
        return Offset(math.nan, math.nan, math.nan, 0)
    cosine = math.cos(math.radians(float(np.median(dec))))
    east = ((ra[:, None] - reference_ra[None, :] + 180.0) % 360.0 - 180.0) * cosine * 3600.0
    north = (dec[:, None] - reference_dec[None, :]) * 3600.0
    near = np.hypot(east, north) <= REACH_ARCSEC
    east, north = east[near], north[near]
    if not east.size:
        return Offset(math.nan, math.nan, math.nan, 0)
    edges = np.arange(-REACH_ARCSEC, REACH_ARCSEC + _STEP, _STEP)
    counts, _, _ = np.histogram2d(east, north, bins=(edges, edges))
    i, j = np.unravel_index(int(counts.argmax()), counts.shape)
    middle = edges[i] + _STEP / 2, edges[j] + _STEP / 2
    use = np.hypot(east - middle[0], north - middle[1]) <= TIGHT_ARCSEC
    stars = int(use.sum())
    if stars < FEWEST:
        return Offset(math.nan, math.nan, math.nan, stars)
    e, n = float(np.median(east[use])), float(np.median(north[use]))
    spread = 1.4826 * math.hypot(
        float(np.median(np.abs(east[use] - e))), float(np.median(np.abs(north[use] - n)))
    )
    return Offset(e, n, max(spread / math.sqrt(stars), 0.001), stars)
