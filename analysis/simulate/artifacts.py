"""What the detector adds: cosmic rays, hot pixels, snowballs and persistence, each in one mosaic only."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.exposures import Mosaic
from analysis.simulate.pointing import Pointing

Painter = Callable[[np.random.Generator, NDArray[np.float32], tuple[float, float]], None]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artefact put into one mosaic.

    Attributes
    ----------
    kind : str
        Name in `ARTIFACTS`.
    stem : str
        The mosaic's file name without `.fits`.
    band : str
        Filter of that mosaic.
    east, north : float
        Offset from the field's centre, arcsec.
    """

    kind: str
    stem: str
    band: str
    east: float
    north: float


def _deposit(image: NDArray[np.float32], x: float, y: float, amount: float) -> None:
    """Share an amount among the four nearest pixels, as drizzling a detector pixel does."""
    x0, y0 = math.floor(x), math.floor(y)
    fx, fy = x - x0, y - y0
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            if 0 <= y0 + dy < image.shape[0] and 0 <= x0 + dx < image.shape[1]:
                image[y0 + dy, x0 + dx] += np.float32(amount * wx * wy)


def _cosmic_ray(rng: np.random.Generator, image: NDArray[np.float32], place: tuple[float, float]) -> None:
    """Paint a straight track of 1 to 12 pixels, one pixel wide, uneven."""
    length = float(rng.choice([0.0, rng.uniform(1, 4), rng.uniform(4, 12)]))
    angle, bright = rng.uniform(0, 2 * math.pi), 10 ** rng.uniform(1.0, 1.8)
    for t in np.linspace(-0.5, 0.5, max(round(length * 2), 1)) if length else [0.0]:
        x, y = place[0] + t * length * math.cos(angle), place[1] + t * length * math.sin(angle)
        _deposit(image, x, y, bright * rng.uniform(0.5, 1.0) / (2 if length else 1))


def _hot_pixel(rng: np.random.Generator, image: NDArray[np.float32], place: tuple[float, float]) -> None:
    """Paint one detector pixel, now and then with a weaker neighbour."""
    bright = 10 ** rng.uniform(1.0, 1.7)
    _deposit(image, *place, bright)
    if rng.random() < 0.3:
        _deposit(image, place[0] + 1, place[1], 0.3 * bright)


def _snowball(rng: np.random.Generator, image: NDArray[np.float32], place: tuple[float, float]) -> None:
    """Paint a round flat disc of 4 to 14 pixels radius with a sharp border and a weak halo."""
    radius, bright = rng.uniform(4, 14), 10 ** rng.uniform(0.4, 1.1)
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot(x - place[0], y - place[1])
    disc = np.clip(radius + 0.5 - distance, 0, 1)
    halo = 0.12 * np.exp(-np.maximum(distance - radius, 0) / (0.5 * radius))
    image += (bright * np.maximum(disc, halo)).astype(np.float32)


def _persistence(rng: np.random.Generator, image: NDArray[np.float32], place: tuple[float, float]) -> None:
    """Paint the smooth afterglow of a star seen before, a little wider than the PSF."""
    sigma, bright = rng.uniform(1.6, 4), 10 ** rng.uniform(0.5, 1.1)
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    squared = ((x - place[0]) ** 2 + (y - place[1]) ** 2) / sigma**2
    image += (bright * np.exp(-0.5 * squared)).astype(np.float32)


ARTIFACTS: Final[dict[str, Painter]] = {
    "cosmic_ray": _cosmic_ray,
    "hot_pixel": _hot_pixel,
    "snowball": _snowball,
    "persistence": _persistence,
}
"""How each kind is painted, in units of the mosaic's median error."""


def add_artifacts(
    rng: np.random.Generator, pointing: Pointing, mosaic: Mosaic, count: int, first: int = 0
) -> list[Artifact]:
    """Add artefacts to a mosaic, in place, on pixels with data; return what was added.

    Brightness is counted in the mosaic's median error, so that each is a believable source there. The kinds
    come in turn from the `first`-th on. Pixels without data stay without.
    """
    kinds = list(ARTIFACTS)
    error = np.float32(np.nanmedian(mosaic.err))
    added = []
    for k in range(first, first + count):
        kind = kinds[k % len(kinds)]
        place = _valid_place(rng, mosaic)
        painted = np.zeros_like(mosaic.sci)
        ARTIFACTS[kind](rng, painted, place)
        np.add(mosaic.sci, painted * error, out=mosaic.sci)
        added.append(Artifact(kind, pointing.stem, pointing.band, *pointing.sky(*place)))
    return added


def _valid_place(rng: np.random.Generator, mosaic: Mosaic) -> tuple[float, float]:
    """Return a random pixel position (x, y) with data, away from the grid's border."""
    size = mosaic.sci.shape[0]
    margin = min(12, size // 8)
    while True:
        x, y = rng.uniform(margin, size - 1 - margin, 2)
        if np.isfinite(mosaic.sci[round(y), round(x)]):
            return float(x), float(y)
