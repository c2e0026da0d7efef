"""The ordinary sky in numbers: magnitudes by counts, fluxes per band of a spectrum, and stars."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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


def draw_star(
    rng: np.random.Generator, magnitude: float, bands: Sequence[str], centre: tuple[float, float]
) -> Source:
    """Return one star, a black body of 2600 to 6500 K."""
    wanted, reference = _with_reference(bands)
    shape = star_magnitudes(float(rng.uniform(2600, 6500)), wanted)
    flux = fluxes(shape, reference, magnitude, wanted)
    return Source("star", *centre, (Piece(None, *centre, flux),), 0.0, 0.0)
