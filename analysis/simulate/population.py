"""The ordinary sky: galaxies by number counts, with sizes, shapes and colours of deep fields, and stars."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.shapes import Sersic
from analysis.simulate.sources import Piece, Source
from analysis.simulate.spectra import Spectrum, star_magnitudes

REFERENCE = "F200W"
_BRIGHT, _KNEE, _FAINT = 18.5, 24.0, 30.0
_STEEP, _SHALLOW = 0.36, 0.24  # slopes d log N / dm of near-infrared counts before and after the knee


def flux_njy(magnitude: float) -> float:
    """Return the flux density in nJy of an AB magnitude (zero point 31.4); 0 beyond 60."""
    return float(10 ** ((31.4 - magnitude) / 2.5)) if magnitude < 60 else 0.0


def draw_magnitudes(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return reference-band magnitudes drawn from the counts, shape (count,)."""
    grid = np.linspace(_BRIGHT, _FAINT, 2000)
    slope = np.where(grid < _KNEE, _STEEP, _SHALLOW)
    density = 10 ** np.cumsum(slope * (grid[1] - grid[0]))
    cumulative = np.cumsum(density) / density.sum()
    return np.interp(rng.random(count), cumulative, grid)


def fluxes(
    shape: NDArray[np.float64], reference: int, magnitude: float, bands: Sequence[str]
) -> dict[str, float]:
    """Return nJy per band of a spectrum scaled to a magnitude in the reference band."""
    return {name: flux_njy(m - shape[reference] + magnitude) for name, m in zip(bands, shape, strict=True)}


def _with_reference(bands: Sequence[str]) -> tuple[list[str], int]:
    """Return the bands, the reference band among them, and its place."""
    wanted = [*bands] if REFERENCE in bands else [*bands, REFERENCE]
    return wanted, wanted.index(REFERENCE)


def scaled(spectrum: Spectrum, magnitude: float, bands: Sequence[str]) -> dict[str, float]:
    """Return nJy per band of a galaxy of a magnitude in the reference band."""
    wanted, reference = _with_reference(bands)
    return fluxes(spectrum.magnitudes(wanted), reference, magnitude, wanted)


def half_light_radius(rng: np.random.Generator, magnitude: float) -> float:
    """Return a half-light radius, arcsec: median 0.3 at magnitude 24, less beyond, 0.2 dex scatter."""
    radius = 10 ** (-0.09 * (magnitude - 24) - 0.52 + rng.normal(0, 0.2))
    return float(np.clip(radius, 0.02, 1.3))


def galaxy_spectra(rng: np.random.Generator, magnitude: float) -> tuple[Spectrum, Spectrum]:
    """Return the spectra of a galaxy's bulge and disc."""
    median = float(np.clip(0.8 + 0.22 * (magnitude - 22), 0.35, 2.4))
    z = float(np.clip(median * rng.gamma(2.2, 1 / 1.9), 0.05, 7.5))
    quiescent = rng.random() < (0.22 if magnitude < 25 else 0.05)
    infrared = float(rng.normal(1.1, 0.25))
    old = Spectrum(z, 1.0, rng.uniform(2.4, 4), rng.uniform(0.8, 1.3), dust=0.1, lines=2.0, infrared=infrared)
    if quiescent:
        return old, old
    lines = float(np.clip(rng.lognormal(math.log(60 * (1 + z)), 0.6), 0, 900))
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


def draw_galaxy(
    rng: np.random.Generator, magnitude: float, bands: Sequence[str], centre: tuple[float, float]
) -> Source:
    """Return one ordinary galaxy: bulge, disc with arms, and clumps, as bright enough to show them."""
    east, north = centre
    radius = half_light_radius(rng, magnitude)
    old, young = galaxy_spectra(rng, magnitude)
    angle = rng.uniform(0, 180)
    if old is young:
        shape = Sersic(radius * 0.7, rng.uniform(2.2, 5), rng.uniform(0.45, 1), angle)
        return Source(
            "galaxy", east, north, (Piece(shape, east, north, scaled(old, magnitude, bands)),), radius, old.z
        )
    axis_ratio = float(np.clip(rng.beta(3, 2.2), 0.12, 1))
    bulge = float(np.clip(rng.beta(1.1, 4), 0, 0.8)) if magnitude < 26 else 0.0
    clumpy = float(rng.beta(1.3, 4.5)) if magnitude < 26.5 and radius > 0.12 else 0.0
    arms = int(rng.choice([0, 1, 2, 2, 3])) if magnitude < 24.8 and axis_ratio > 0.35 else 0
    disc = Sersic(
        radius, rng.uniform(0.6, 1.5), axis_ratio, angle, arms, rng.uniform(12, 28), rng.uniform(0.25, 0.75)
    )
    total = 10 ** (-0.4 * magnitude)

    def part(share: float, spectrum: Spectrum) -> dict[str, float]:
        return scaled(spectrum, -2.5 * math.log10(share * total), bands)

    pieces = [Piece(disc, east, north, part(max(1 - bulge - clumpy, 0.05), young))]
    if bulge > 0.02:
        core = Sersic(radius * rng.uniform(0.15, 0.35), rng.uniform(1.5, 4), max(axis_ratio, 0.6), angle)
        off_east, off_north = rng.normal(0, 0.12 * radius, 2)  # discs are lopsided (Rix & Zaritsky 1995)
        pieces.append(Piece(core, east + off_east, north + off_north, part(bulge, old)))
    if clumpy > 0.02:
        blue = Spectrum(young.z, young.beta - 0.2, 1.0, 0.1, young.dust * 0.6, young.lines * 1.5)
        pieces += clumps(rng, disc, (east, north), part(clumpy, blue))
    if magnitude < 25.5 and rng.random() < 0.2:
        pieces.append(satellite(rng, magnitude, (east, north), radius, young, bands))
    return Source("galaxy", east, north, tuple(pieces), radius, young.z)


def satellite(
    rng: np.random.Generator,
    magnitude: float,
    centre: tuple[float, float],
    radius: float,
    spectrum: Spectrum,
    bands: Sequence[str],
) -> Piece:
    """Return a small companion at the same redshift, 1.2 to 4 magnitudes fainter: no merger, only company."""
    turn, distance = rng.uniform(0, 2 * math.pi), max(radius * rng.uniform(1.2, 3.5), 0.2)
    shape = Sersic(
        float(rng.uniform(0.04, 0.12)), 1.0, float(rng.uniform(0.4, 1)), float(rng.uniform(0, 180))
    )
    flux = scaled(spectrum, magnitude + rng.uniform(1.2, 4), bands)
    return Piece(shape, centre[0] + distance * math.sin(turn), centre[1] + distance * math.cos(turn), flux)


def clumps(
    rng: np.random.Generator, disc: Sersic, centre: tuple[float, float], flux: dict[str, float]
) -> list[Piece]:
    """Return star-forming clumps scattered over a disc that share a flux."""
    count = int(rng.integers(3, 9))
    shares = rng.dirichlet(np.full(count, 1.2))
    along = disc.radius * np.sqrt(rng.random(count)) * 1.8
    turn = rng.uniform(0, 2 * math.pi, count)
    s, c = math.sin(math.radians(disc.angle_deg)), math.cos(math.radians(disc.angle_deg))
    pieces = []
    for share, distance, phi in zip(shares, along, turn, strict=True):
        a, b = distance * math.cos(phi), distance * disc.axis_ratio * math.sin(phi)
        shape = Sersic(float(rng.uniform(0.02, 0.06)), 0.8, 1.0, 0.0)
        place = (centre[0] + a * s - b * c, centre[1] + a * c + b * s)
        pieces.append(Piece(shape, *place, {name: float(share) * value for name, value in flux.items()}))
    return pieces


def draw_star(
    rng: np.random.Generator, magnitude: float, bands: Sequence[str], centre: tuple[float, float]
) -> Source:
    """Return one star, a black body of 2600 to 6500 K."""
    wanted, reference = _with_reference(bands)
    shape = star_magnitudes(float(rng.uniform(2600, 6500)), wanted)
    flux = fluxes(shape, reference, magnitude, wanted)
    return Source("star", *centre, (Piece(None, *centre, flux),), 0.0, 0.0)
