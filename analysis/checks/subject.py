"""One candidate as the checks see it: its views in every frame, bright stars, what the ranking says of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.checks.light import Light, measure
from analysis.checks.surroundings import View
from analysis.forced import reference_fwhm
from analysis.instruments import order_key

Array = npt.NDArray[np.float64]
NAN: Final = math.nan


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a candidate before its pixels are read; angles degrees, sizes arcsec, NaN unknown.

    `theta_deg` is the direction of its longer axis from +x towards +y in `best_frame`.
    """

    candidate: str
    ra: float
    dec: float
    best_frame: str = ""
    snr: float = NAN
    r_kron_arcsec: float = NAN
    r50_arcsec: float = NAN
    ellipticity: float = NAN
    theta_deg: float = NAN
    rank: int = 0
    simulated: bool = False
    ranking: Mapping[str, Any] = field(default_factory=dict)
    """Facts of the ranking: rank_low, rank_high, bootstraps, views (name to tail 0..1), places (name to
    share of the population that is less odd)."""
    mjd: float = NAN
    """When it was seen, where no frame says so: the start of a spectrum's exposure."""


@dataclass(frozen=True, slots=True)
class Stars:
    """Bright stars: ICRS degrees and flux; arrays of shape (n,)."""

    ra: Array
    dec: Array
    flux: Array


@dataclass(frozen=True, eq=False)
class Subject:
    """A candidate and its views, short waves first, then in time.

    `detection_threshold` is the user's number; `catalogs` are what services answered, `companions` what the
    pipeline's own catalogues say.
    """

    place: Place
    views: tuple[View, ...]
    stars: Stars
    detection_threshold: float = 3.0
    catalogs: Sequence[Any] = ()
    companions: Sequence[Any] = ()

    @cached_property
    def reference(self) -> float:
        """PSF width to which frames are matched, arcsec."""
        return reference_fwhm([view.facts.fwhm for view in self.views])

    @cached_property
    def lights(self) -> tuple[Light, ...]:
        """The light in each view."""
        return tuple(measure(view, self.reference) for view in self.views)

    @cached_property
    def covering(self) -> tuple[int, ...]:
        """Numbers of the views that can be measured."""
        return tuple(i for i, light in enumerate(self.lights) if light.covered)

    @cached_property
    def best(self) -> int | None:
        """Number of the view of highest forced S/N; None where none covers the place."""
        known = [i for i in self.covering if math.isfinite(self.lights[i].snr)]
        return max(known, key=lambda i: self.lights[i].snr) if known else None

    @cached_property
    def main(self) -> int | None:
        """Number of the view in which the ranking saw it best, else of the best one."""
        named = [i for i in self.covering if self.views[i].facts.frame == self.place.best_frame]
        return named[0] if named else self.best

    @property
    def one_unit(self) -> bool:
        """Whether fluxes of different frames can be compared."""
        return len({self.views[i].facts.flux_unit for i in self.covering}) == 1


def in_order(views: Sequence[View]) -> tuple[View, ...]:
    """Return views by wavelength, then time, then name."""
    return tuple(
        sorted(
            views,
            key=lambda v: (order_key(v.facts.instrument, v.facts.filter), v.facts.mjd, v.facts.frame),
        )
    )


def band(view: View) -> str:
    """Return instrument and filter."""
    return f"{view.facts.instrument} {view.facts.filter}"
