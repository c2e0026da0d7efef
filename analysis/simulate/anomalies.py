"""What the search should find: mergers, lenses, rings, little red dots, emission-line galaxies, dropouts."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from analysis.simulate.bands import BANDS
from analysis.simulate.galaxies import draw_galaxy
from analysis.simulate.population import flux_njy, scaled
from analysis.simulate.shapes import LensedGalaxy, Ring, Sersic
from analysis.simulate.sources import Piece, Source
from analysis.simulate.spectra import Spectrum

Place = tuple[float, float]
Drawer = Callable[[np.random.Generator, Sequence[str], Place], Source]


def _tail(
    rng: np.random.Generator, start: Place, heading: float, length: float, flux: dict[str, float]
) -> list[Piece]:
    """Return a tidal tail: knots along a bending line, thinning and fading outwards."""
    count = 25
    bend = rng.choice([-1, 1]) * rng.uniform(0.8, 2.2)
    steps = np.linspace(0, 1, count)
    angles = heading + bend * steps
    east = start[0] + np.cumsum(np.sin(angles)) * length / count
    north = start[1] + np.cumsum(np.cos(angles)) * length / count
    weights = np.exp(-1.2 * steps) * rng.lognormal(0, 0.25, count)
    weights /= weights.sum()
    return [
        Piece(
            Sersic(0.05 + 0.08 * t, 0.8, 1.0, 0.0),
            float(e),
            float(n),
            {k: float(w) * v for k, v in flux.items()},
        )
        for e, n, w, t in zip(east, north, weights, steps, strict=True)
    ]


def _merger(rng: np.random.Generator, bands: Sequence[str], place: Place) -> Source:
    """Return two interacting discs at one redshift, with one or two tails."""
    magnitude = float(rng.uniform(22.3, 25.2))
    first = draw_galaxy(rng, magnitude, bands, place)
    heading, separation = rng.uniform(0, 2 * math.pi), rng.uniform(0.35, 0.85)
    other = (place[0] + separation * math.sin(heading), place[1] + separation * math.cos(heading))
    second = draw_galaxy(rng, magnitude + rng.uniform(0.2, 1.5), bands, other)
    pieces = [*first.pieces, *second.pieces]
    spectrum = Spectrum(first.z, -1.9, 1.5, 0.4, 0.3, 80.0)
    for start, sense in ((place, heading + math.pi), (other, heading))[: int(rng.integers(1, 3))]:
        flux = scaled(spectrum, magnitude + rng.uniform(1.3, 2.5), bands)
        pieces += _tail(rng, start, sense + rng.normal(0, 0.5), rng.uniform(0.8, 1.7), flux)
    return Source("merger", *place, tuple(pieces), separation, first.z, anomaly=True)


def _lens(rng: np.random.Generator, bands: Sequence[str], place: Place) -> Source:
    """Return an elliptical with a blue galaxy behind it, drawn out into arcs or a ring."""
    z = float(rng.uniform(0.4, 1.1))
    magnitude = float(rng.uniform(21.2, 23.8))
    old = Spectrum(z, 1.0, 3.2, 1.1, 0.1, 2.0)
    young = Spectrum(float(rng.uniform(1.6, 4)), -2.1, 1.2, 0.2, 0.15, 150.0)
    lens = Sersic(
        float(rng.uniform(0.22, 0.45)), 4.0, float(rng.uniform(0.6, 0.95)), float(rng.uniform(0, 180))
    )
    einstein = float(rng.uniform(0.5, 0.95))
    off, turn = einstein * rng.uniform(0.02, 0.45), rng.uniform(0, 2 * math.pi)
    image = LensedGalaxy(
        einstein,
        float(rng.uniform(0.02, 0.12)),
        float(rng.uniform(0, 180)),
        float(off * math.sin(turn)),
        float(off * math.cos(turn)),
        float(rng.uniform(0.05, 0.12)),
    )
    pieces = (
        Piece(lens, *place, scaled(old, magnitude, bands)),
        Piece(image, *place, scaled(young, magnitude + rng.uniform(0.5, 1.7), bands)),
    )
    return Source("lens", *place, pieces, lens.radius, z, anomaly=True)


def _ring(rng: np.random.Generator, bands: Sequence[str], place: Place) -> Source:
    """Return a collisional ring: blue beads around a displaced red nucleus."""
    z = float(rng.uniform(0.5, 2.2))
    magnitude = float(rng.uniform(22.8, 25.4))
    radius = float(rng.uniform(0.32, 0.75))
    axis_ratio, angle = float(rng.uniform(0.55, 0.98)), float(rng.uniform(0, 180))
    ring = Ring(
        radius,
        radius * float(rng.uniform(0.12, 0.2)),
        axis_ratio,
        angle,
        float(rng.uniform(0.2, 0.7)),
        float(rng.uniform(0, 360)),
        int(rng.integers(5, 11)),
    )
    off, turn = radius * rng.uniform(0.1, 0.45), rng.uniform(0, 2 * math.pi)
    nucleus = (place[0] + off * math.sin(turn), place[1] + off * math.cos(turn))
    young = Spectrum(z, -2.0, 1.1, 0.2, 0.3, 200.0)
    old = Spectrum(z, 0.5, 2.4, 0.9, 0.3, 10.0)
    pieces = (
        Piece(ring, *place, scaled(young, magnitude + 0.4, bands)),
        Piece(Sersic(radius * 0.22, 2.0, 0.9, angle), *nucleus, scaled(old, magnitude + 1.6, bands)),
        Piece(Sersic(radius * 0.7, 0.7, axis_ratio, angle), *place, scaled(old, magnitude + 2.2, bands)),
    )
    return Source("ring", *place, pieces, radius, z, anomaly=True)


def _little_red_dot(rng: np.random.Generator, bands: Sequence[str], place: Place) -> Source:
    """Return a point with a V-shaped spectrum: flat to 2.2 um, then steeply red (Matthee et al. 2024)."""
    bright = float(rng.uniform(23.6, 26.2))
    red = float(rng.uniform(1.0, 2.4))
    turn = float(rng.uniform(1.9, 2.4))
    flux = {}
    for name in bands:
        wavelength = sum(BANDS[name].edges_um) / 2
        steep = red * math.log(4.43 / max(wavelength, turn)) / math.log(4.43 / 2.78)
        flux[name] = flux_njy(bright + steep + 0.15 * math.log(turn / min(wavelength, turn)))
    host = {name: 0.12 * value for name, value in flux.items()}
    pieces = (Piece(None, *place, flux), Piece(Sersic(0.09, 1.0, 0.8, 30.0), *place, host))
    return Source("little_red_dot", *place, pieces, 0.0, float(rng.uniform(4.5, 7)), anomaly=True)


def _emission_line(rng: np.random.Generator, bands: Sequence[str], place: Place) -> Source:
    """Return a compact galaxy whose [OIII] and H-beta outshine its light in F277W by 1 to 1.6 magnitudes."""
    z = float(rng.uniform(4.05, 5.0))
    spectrum = Spectrum(z, float(rng.normal(-2.2, 0.15)), 0.95, 0.0, 0.05, float(rng.uniform(1900, 3600)))
    shape = Sersic(
        float(rng.uniform(0.05, 0.13)), 1.0, float(rng.uniform(0.5, 1)), float(rng.uniform(0, 180))
    )
    piece = Piece(shape, *place, scaled(spectrum, float(rng.uniform(25.2, 27.1)), bands))
    return Source("emission_line", *place, (piece,), shape.radius, z, anomaly=True)


def _dropout(rng: np.random.Generator, bands: Sequence[str], place: Place) -> Source:
    """Return a small galaxy beyond redshift 9.6, absent blueward of Lyman alpha: nothing in F115W."""
    z = float(rng.uniform(9.6, 12.2))
    spectrum = Spectrum(z, float(rng.normal(-2.3, 0.2)), 1.0, 0.2, 0.03, 300.0)
    shape = Sersic(
        float(rng.uniform(0.04, 0.11)), 1.0, float(rng.uniform(0.5, 1)), float(rng.uniform(0, 180))
    )
    piece = Piece(shape, *place, scaled(spectrum, float(rng.uniform(25.2, 27.1)), bands))
    return Source("dropout", *place, (piece,), shape.radius, z, anomaly=True)


ANOMALIES: Final[dict[str, Drawer]] = {
    "merger": _merger,
    "lens": _lens,
    "ring": _ring,
    "little_red_dot": _little_red_dot,
    "emission_line": _emission_line,
    "dropout": _dropout,
}
"""How each kind of anomaly is drawn."""


def draw_anomalies(rng: np.random.Generator, places: Sequence[Place], bands: Sequence[str]) -> list[Source]:
    """Return one anomaly at each place, the kinds in turn from a random first one."""
    kinds = [str(kind) for kind in rng.permutation(list(ANOMALIES))]
    return [ANOMALIES[kinds[k % len(kinds)]](rng, bands, place) for k, place in enumerate(places)]
