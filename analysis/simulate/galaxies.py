"""Ordinary galaxies in pieces: bulges, bars, patchy discs with arms and dust, irregulars, satellites."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.simulate.population import scaled
from analysis.simulate.shapes import Ring, Sersic
from analysis.simulate.sources import Piece, Source
from analysis.simulate.spectra import Spectrum

Place = tuple[float, float]

RESOLVED: Final = 25.3
"""Fainter galaxies show neither arms nor bars nor dust lanes at the depth of a deep field."""
CLUMPED: Final = 26.7
COMPACT: Final = 0.05
"""Share of star-forming galaxies that are a fifth as large as others."""
ACTIVE: Final = 0.04
"""Share of galaxies with a point of light in the middle, a nucleus seen bare."""


@dataclass(frozen=True, slots=True)
class _Light:
    """What the pieces of one galaxy share: total, bands, the old and the young spectrum."""

    magnitude: float
    bands: Sequence[str]
    old: Spectrum
    young: Spectrum

    def part(self, share: float, spectrum: Spectrum) -> dict[str, float]:
        """Return nJy per band of a share of the light in the reference band."""
        return scaled(spectrum, self.magnitude - 2.5 * math.log10(share), self.bands)


def half_light_radius(rng: np.random.Generator, magnitude: float) -> float:
    """Return a half-light radius, arcsec: median 0.3 at magnitude 24, less beyond, 0.25 dex scatter."""
    radius = 10 ** (-0.09 * (magnitude - 24) - 0.52 + rng.normal(0, 0.25))
    return float(np.clip(radius, 0.015, 1.5))


def galaxy_spectra(rng: np.random.Generator, magnitude: float) -> tuple[Spectrum, Spectrum]:
    """Return the spectra of a galaxy's bulge and disc, the same where it forms no stars."""
    median = float(np.clip(0.8 + 0.22 * (magnitude - 22), 0.35, 2.4))
    z = float(np.clip(median * rng.gamma(2.2, 1 / 1.9), 0.05, 7.5))
    quiescent = rng.random() < (0.22 if magnitude < 25 else 0.05)
    infrared = float(rng.normal(1.1, 0.25))
    old = Spectrum(z, 1.0, rng.uniform(2.4, 4), rng.uniform(0.8, 1.3), dust=0.1, lines=2.0, infrared=infrared)
    if quiescent:
        return old, old
    lines = float(np.clip(rng.lognormal(math.log(60 * (1 + z)), 0.65), 0, 900))
    dust = float(rng.gamma(1.3, 0.45)) * (1.4 if magnitude < 25 else 0.7)
    young = Spectrum(
        z,
        beta=float(rng.normal(-2.0, 0.3)),
        balmer=rng.uniform(1.0, 1.9),
        optical=rng.normal(0.35, 0.25),
        dust=min(dust, 3.5),
        lines=lines,
        infrared=infrared - rng.uniform(0, 0.5),
    )
    return old, young


def draw_galaxy(rng: np.random.Generator, magnitude: float, bands: Sequence[str], centre: Place) -> Source:
    """Return one ordinary galaxy, as detailed as its brightness lets one see.

    A quarter of the bright ones are old and smooth; the others discs with bulge, bar, arms, patches, a ring
    of resonance or a dust lane, or, one in six and more towards the faint end, irregular (Kartaltepe et al.
    2023); most bright discs have star-forming clumps (Guo et al. 2015). Some have company, some an active
    nucleus.
    """
    radius = half_light_radius(rng, magnitude)
    light = _Light(magnitude, bands, *galaxy_spectra(rng, magnitude))
    angle = float(rng.uniform(0, 180))
    if light.old is light.young:
        pieces = _spheroid(rng, light, centre, radius, angle)
    elif rng.random() < COMPACT:
        radius *= 0.2
        shape = Sersic(radius, float(rng.uniform(0.8, 2.5)), float(rng.uniform(0.5, 1)), angle)
        pieces = [Piece(shape, *centre, light.part(1.0, light.young))]
    elif magnitude < CLUMPED and rng.random() < (0.15 if magnitude < 24 else 0.25):
        pieces = _irregular(rng, light, centre, radius)
    else:
        pieces = _disc_galaxy(rng, light, centre, radius, angle)
    if magnitude < 26 and rng.random() < ACTIVE:
        nucleus = Spectrum(light.young.z, float(rng.normal(-1.6, 0.4)), 1.0, 0.6, float(rng.gamma(1, 0.5)))
        pieces.append(Piece(None, *centre, light.part(float(rng.uniform(0.05, 0.5)), nucleus)))
    if magnitude < 25.8:
        pieces += [satellite(rng, light, centre, radius) for _ in range(int(rng.choice(4, p=_SATELLITES)))]
    return Source("galaxy", *centre, tuple(pieces), radius, light.young.z)


_SATELLITES: Final = (0.6, 0.25, 0.1, 0.05)


def _spheroid(
    rng: np.random.Generator, light: _Light, centre: Place, radius: float, angle: float
) -> list[Piece]:
    """Return an old galaxy: small, round, concentrated; a third have a disc, an eighth a lane."""
    lane = float(rng.uniform(0.3, 0.8)) if rng.random() < 0.12 and light.magnitude < RESOLVED else 0.0
    shape = Sersic(
        radius * float(rng.uniform(0.35, 0.9)),
        float(rng.uniform(2.0, 5.5)),
        float(rng.uniform(0.4, 1)),
        angle,
        lane=lane,
    )
    if rng.random() < 0.33:
        disc = Sersic(radius * 1.2, 1.0, float(rng.uniform(0.15, 0.8)), angle)
        share = float(rng.uniform(0.2, 0.5))
        return [
            Piece(shape, *centre, light.part(1 - share, light.old)),
            Piece(disc, *centre, light.part(share, light.old)),
        ]
    return [Piece(shape, *centre, light.part(1.0, light.old))]


def _irregular(rng: np.random.Generator, light: _Light, centre: Place, radius: float) -> list[Piece]:
    """Return a galaxy without a centre: two to four patchy pieces of unequal light that overlap."""
    count = int(rng.integers(2, 5))
    knots = float(rng.beta(1.5, 5))
    shares = (1 - knots) * rng.dirichlet(np.full(count, 2.0))
    pieces = []
    for share in shares:
        east, north = rng.normal(0, 0.55 * radius, 2)
        shape = Sersic(
            radius * float(rng.uniform(0.35, 0.9)),
            float(rng.uniform(0.5, 1.2)),
            float(rng.uniform(0.3, 1)),
            float(rng.uniform(0, 180)),
            patchy=float(rng.uniform(0.2, 0.7)),
            grain=int(rng.integers(2**31)),
        )
        pieces.append(
            Piece(shape, centre[0] + east, centre[1] + north, light.part(max(share, 0.02), light.young))
        )
    return pieces + clumps(rng, light, Sersic(radius, 1.0, 0.8, 0.0), centre, knots)


def _disc_galaxy(
    rng: np.random.Generator, light: _Light, centre: Place, radius: float, angle: float
) -> list[Piece]:
    """Return a disc with what belongs on it."""
    magnitude, axis_ratio = light.magnitude, float(np.clip(rng.beta(3, 2.2), 0.12, 1))
    detailed = magnitude < RESOLVED
    bulge = float(np.clip(rng.beta(1.1, 4), 0, 0.8)) if magnitude < 26 else 0.0
    knots = float(rng.beta(1.4, 4.0)) if magnitude < CLUMPED and radius > 0.1 else 0.0
    arms = int(rng.choice([0, 1, 2, 2, 2, 3, 4])) if detailed and axis_ratio > 0.3 else 0
    disc = Sersic(
        radius,
        float(rng.uniform(0.6, 1.5)),
        axis_ratio,
        angle,
        arms,
        float(rng.uniform(12, 30)),
        float(rng.uniform(0.25, 0.9)),
        patchy=float(rng.uniform(0.15, 0.75)) if magnitude < CLUMPED else 0.0,
        grain=int(rng.integers(2**31)),
        lane=float(rng.uniform(0.2, 0.8)) if detailed and axis_ratio < 0.45 else 0.0,
    )
    pieces = []
    if bulge > 0.02:
        core = Sersic(
            radius * float(rng.uniform(0.12, 0.35)), float(rng.uniform(1.5, 4)), max(axis_ratio, 0.6), angle
        )
        off_east, off_north = rng.normal(0, 0.12 * radius, 2)  # discs are lopsided (Rix & Zaritsky 1995)
        pieces.append(Piece(core, centre[0] + off_east, centre[1] + off_north, light.part(bulge, light.old)))
    left = 1 - bulge - knots
    if detailed and axis_ratio > 0.3 and rng.random() < 0.4:
        bar = Sersic(radius * float(rng.uniform(0.3, 0.7)), 0.5, 0.25, angle + float(rng.uniform(-60, 60)))
        share = float(rng.uniform(0.08, 0.25))
        left -= share
        pieces.append(Piece(bar, *centre, light.part(share, light.old)))
    if detailed and axis_ratio > 0.3 and rng.random() < 0.15:
        size = radius * float(rng.uniform(0.7, 1.5))
        ring = Ring(
            size, 0.2 * size, axis_ratio, angle, float(rng.uniform(0, 0.3)), float(rng.uniform(0, 360))
        )
        share = float(rng.uniform(0.08, 0.3))
        left -= share
        pieces.append(Piece(ring, *centre, light.part(share, light.young)))
    pieces.insert(0, Piece(disc, *centre, light.part(max(left, 0.05), light.young)))
    return pieces + clumps(rng, light, disc, centre, knots)


def satellite(rng: np.random.Generator, light: _Light, centre: Place, radius: float) -> Piece:
    """Return a small companion at the same redshift, 1.2 to 4 magnitudes fainter: no merger, only company."""
    turn, distance = rng.uniform(0, 2 * math.pi), max(radius * rng.uniform(1.2, 4.0), 0.2)
    shape = Sersic(
        float(rng.uniform(0.04, 0.14)), 1.0, float(rng.uniform(0.4, 1)), float(rng.uniform(0, 180))
    )
    flux = light.part(10 ** (-0.4 * float(rng.uniform(1.2, 4))), light.young)
    return Piece(shape, centre[0] + distance * math.sin(turn), centre[1] + distance * math.cos(turn), flux)


def clumps(rng: np.random.Generator, light: _Light, disc: Sersic, centre: Place, share: float) -> list[Piece]:
    """Return young clumps scattered over a disc that share a part of its light; none below two per cent."""
    if share < 0.02:
        return []
    young = light.young
    blue = Spectrum(young.z, young.beta - 0.2, 1.0, 0.1, young.dust * 0.6, young.lines * 1.5)
    flux = light.part(share, blue)
    count = int(rng.integers(3, 13))
    parts = rng.dirichlet(np.full(count, 0.9))
    along = disc.radius * np.sqrt(rng.random(count)) * 1.9
    turn = rng.uniform(0, 2 * math.pi, count)
    s, c = math.sin(math.radians(disc.angle_deg)), math.cos(math.radians(disc.angle_deg))
    pieces = []
    for part, distance, phi in zip(parts, along, turn, strict=True):
        a, b = distance * math.cos(phi), distance * disc.axis_ratio * math.sin(phi)
        shape = Sersic(float(rng.uniform(0.02, 0.07)), 0.8, 1.0, 0.0)
        place = (centre[0] + a * s - b * c, centre[1] + a * c + b * s)
        pieces.append(Piece(shape, *place, {name: float(part) * value for name, value in flux.items()}))
    return pieces
