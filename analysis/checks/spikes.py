"""Diffraction spikes that are predicted: from bright stars and roll angles to lines near a place."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.checks.subject import Subject
from analysis.checks.surroundings import View
from analysis.instruments import PA_SPIKES_STRONG, PA_SPIKES_WEAK

SPIKE_REACH_ARCSEC: Final = 12.0
ALIGNED_DEG: Final = 20.0
ELONGATED: Final = 0.5
_FULL_REACH_NJY: Final = 5.0e4


@dataclass(frozen=True, slots=True)
class Spike:
    """A predicted line: distance of the place from it, arcsec, from which star, in which direction.

    `pa` is degrees east of north as seen from the star; `east`, `north` the star's offset from the place.
    """

    distance: float
    pa: float
    east: float
    north: float
    along: float
    strong: bool
    frame: str


def nearest_spikes(subject: Subject, view: View) -> list[Spike]:
    """Return the predicted spikes of bright stars near the place, the nearest line first.

    Six strong spikes of the hexagonal mirror and two weak ones of the vertical strut stand at fixed angles to
    PA_V3 (`analysis.instruments`), for every roll of the frame. A line reaches 12 arcsec for stars of 50 uJy
    and more, less in proportion to the root of the flux; the weak ones 0.4 of that (jwst-docs).
    """
    stars, place = subject.stars, subject.place
    if not len(stars.ra) or not view.rolls:
        return []
    cosine = math.cos(math.radians(place.dec))
    east = (stars.ra - place.ra) * cosine * 3600.0
    north = (stars.dec - place.dec) * 3600.0
    distance = np.hypot(east, north)
    found = []
    for k in np.flatnonzero((distance < SPIKE_REACH_ARCSEC) & (distance > 0.3)):
        flux = float(stars.flux[k])
        reach = SPIKE_REACH_ARCSEC * math.sqrt(min(max(flux, 0.0) / _FULL_REACH_NJY, 1.0))
        towards = math.degrees(math.atan2(-east[k], -north[k]))
        for roll in view.rolls:
            for angle in (*PA_SPIKES_STRONG, *PA_SPIKES_WEAK):
                strong = angle in PA_SPIKES_STRONG
                turn = (towards - roll - angle + 180.0) % 360.0 - 180.0
                along = distance[k] * math.cos(math.radians(turn))
                if along <= 0 or along > reach * (1.0 if strong else 0.4):
                    continue
                across = float(abs(distance[k] * math.sin(math.radians(turn))))
                pa = (roll + angle) % 360.0
                found.append(
                    Spike(across, pa, float(east[k]), float(north[k]), float(along), strong, view.facts.frame)
                )
    return sorted(found, key=lambda spike: (spike.distance, spike.pa))


def aligned(subject: Subject, spike: Spike) -> bool:
    """Tell whether the source is long and lies along a spike."""
    place = subject.place
    main = subject.main
    if main is None or not place.ellipticity >= ELONGATED or not math.isfinite(place.theta_deg):
        return False
    view = subject.views[main]
    angle = math.radians(place.theta_deg)
    ra, dec = view.frame.sky(
        np.array([view.x, view.x + 10 * math.cos(angle)]), np.array([view.y, view.y + 10 * math.sin(angle)])
    )
    pa = math.degrees(math.atan2((ra[1] - ra[0]) * math.cos(math.radians(dec[0])), dec[1] - dec[0]))
    return abs((pa - spike.pa + 90.0) % 180.0 - 90.0) <= ALIGNED_DEG
