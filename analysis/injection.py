"""Anomalies put into the user's own pixels: invented sources, in all bands alike, added to a window."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree

from analysis.alignment import shifted
from analysis.i2d import Frame
from analysis.psf import psf
from analysis.simulate.anomalies import ANOMALIES
from analysis.simulate.bands import BANDS
from analysis.simulate.sources import Piece, Source

Array = npt.NDArray[np.float64]
CLEAR_ARCSEC: Final = 1.2
"""No source of the frames lies nearer to the middle of what is put in."""
APART_ARCSEC: Final = 5.0
EDGE_ARCSEC: Final = 2.0
_PSF_ARCSEC: Final = 2.4
_FLOOR_NJY: Final = 2.0
"""Surface brightness, nJy per square arcsec, below which stamps end: far under any mosaic's noise."""
_FINE: Final = 3
_WIDEST_ARCSEC: Final = 5.0
_POINT_PX: Final = 0.25
"""Width of a point on that grid: far narrower than the pixel's own box."""


def usable_band(filter_name: str) -> bool:
    """Tell whether the invented spectra reach a filter."""
    return filter_name in BANDS


def draw_places(
    rng: np.random.Generator,
    half_arcsec: float,
    taken: Array,
    covered: "npt.NDArray[np.bool_]",
    grid: Array,
    most: int,
) -> list[tuple[float, float]]:
    """Draw places for anomalies in a square patch.

    Parameters
    ----------
    rng : Generator
        Decides.
    half_arcsec : float
        Half the side of the patch.
    taken : float64, shape (m, 2)
        East and north of the sources there are, arcsec from the patch's middle.
    covered : bool, shape (k,)
        Which points of `grid` all frames cover.
    grid : float64, shape (k, 2)
        Points, arcsec east and north.
    most : int
        How many at most.

    Returns
    -------
    list of (east, north)
        On covered sky, 1.2 arcsec from any source, 5 arcsec from each other, 2 arcsec from the patch's rim.
    """
    inside = np.abs(grid).max(axis=1) <= half_arcsec - EDGE_ARCSEC
    free = covered & inside
    if len(taken):
        free &= cKDTree(taken).query(grid)[0] > CLEAR_ARCSEC
    places: list[tuple[float, float]] = []
    for east, north in rng.permutation(grid[free]).tolist():
        if all(math.hypot(east - e, north - n) > APART_ARCSEC for e, n in places):
            places.append((east, north))
            if len(places) == most:
                break
    return places


def draw_anomalies(
    rng: np.random.Generator, places: Sequence[tuple[float, float]], bands: Sequence[str]
) -> list[Source]:
    """Return one anomaly at each place, every kind in turn that the bands can show."""
    kinds = sorted(ANOMALIES)
    first = int(rng.integers(len(kinds)))
    return [
        ANOMALIES[kinds[(first + k) % len(kinds)]](rng, tuple(bands), place) for k, place in enumerate(places)
    ]


def add_sources(
    frame: Frame, box: tuple[int, int, int, int], middle: tuple[float, float], sources: Sequence[Source]
) -> npt.NDArray[np.float32]:
    """Return the light of sources on a window of a frame, seen through its PSF, in nJy per pixel.

    Their own photon noise is not added: it is small against the sky's where detection is in question.

    Parameters
    ----------
    frame : Frame
        Open, of a band for which `usable_band` is true.
    box : tuple of int
        y0, y1, x0, x1 of the window.
    middle : tuple of float
        ICRS degrees of the point that east and north count from.
    sources : sequence of Source
        Offsets in arcsec.

    Returns
    -------
    float32, shape (y1 - y0, x1 - x0)
    """
    y0, y1, x0, x1 = box
    light = np.zeros((y1 - y0, x1 - x0), np.float32)
    side = 2 * math.ceil(_PSF_ARCSEC / frame.pixel_scale) + 1
    point = psf(frame.filter, round(frame.pixel_scale, 5), side, drizzled=True)
    for source in sources:
        stamp, row, column = _stamp(frame, middle, source, point)
        top, left = row - y0, column - x0
        height, width = stamp.shape
        inner = np.s_[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
        target = light[inner]
        if target.size:
            down, across = max(-top, 0), max(-left, 0)
            target += stamp[down : down + target.shape[0], across : across + target.shape[1]]
    return light


def _stamp(
    frame: Frame, middle: tuple[float, float], source: Source, point: Array
) -> tuple[npt.NDArray[np.float32], int, int]:
    """Return a source's light on a stamp, nJy per pixel, and the row and column of its first pixel."""
    lit = [(piece, piece.flux[frame.filter]) for piece in source.pieces if piece.flux[frame.filter] > 0]
    reaches = [_reach(piece, flux) for piece, flux in lit]
    away = [math.hypot(p.east - source.east, p.north - source.north) for p, _ in lit]
    reach = max([0.2, *(a + r for a, r in zip(away, reaches, strict=True))])
    half = math.ceil(reach / frame.pixel_scale) + point.shape[0] // 2 + 1
    side = 2 * half + 1
    ra, dec = shifted(np.array([middle[0]]), np.array([middle[1]]), source.east, source.north)
    x, y = (float(v[0]) for v in frame.pixel(ra, dec))
    row, column = round(y) - half, round(x) - half
    to_sky = _pixel_to_sky(frame, float(ra[0]), float(dec[0]))
    fine = np.zeros((side * _FINE, side * _FINE))
    for (piece, flux), far in zip(lit, reaches, strict=True):
        off = np.linalg.solve(to_sky, [piece.east - source.east, piece.north - source.north])
        place = (x - column + float(off[0]), y - row + float(off[1]))
        _add_piece(fine, piece, flux, place, far / frame.pixel_scale, to_sky)
    binned = fine.reshape(side, _FINE, side, _FINE).sum(axis=(1, 3))
    return fftconvolve(binned, point, mode="same").astype(np.float32), row, column


def _reach(piece: Piece, flux: float) -> float:
    """Return how far a piece's light is followed, arcsec."""
    return 0.1 if piece.shape is None else min(piece.shape.reach(flux, _FLOOR_NJY), _WIDEST_ARCSEC)


def _add_piece(
    fine: Array, piece: Piece, flux: float, place: tuple[float, float], reach_px: float, to_sky: Array
) -> None:
    """Add a piece to a grid of `_FINE` samples a pixel; `place` is its x, y in pixels of the stamp."""
    last = len(fine)
    spans = []
    for at in place:
        low = max(0, math.floor((at - reach_px + 0.5) * _FINE))
        high = min(last, math.ceil((at + reach_px + 0.5) * _FINE) + 1)
        spans.append((low, high, (np.arange(low, high) + 0.5) / _FINE - 0.5 - at))
    (x0, x1, dx), (y0, y1, dy) = spans
    across, up = dx[None, :], dy[:, None]
    if piece.shape is None:
        shape = np.exp(-0.5 * (across**2 + up**2) / _POINT_PX**2)
    else:
        east, north = (to_sky[k, 0] * across + to_sky[k, 1] * up for k in (0, 1))
        step = math.sqrt(abs(float(np.linalg.det(to_sky)))) / _FINE
        shape = piece.shape.brightness(east.astype(np.float32), north.astype(np.float32), step)
    total = float(shape.sum(dtype=np.float64))
    if total > 0:
        fine[y0:y1, x0:x1] += flux * shape / total


def _pixel_to_sky(frame: Frame, ra: float, dec: float) -> Array:
    """Return d(east, north) / d(x, y), arcsec per pixel, shape (2, 2), at a place."""
    x, y = frame.pixel(np.array([ra]), np.array([dec]))
    alpha, delta = frame.sky(x[0] + np.array([0.5, -0.5, 0.0, 0.0]), y[0] + np.array([0.0, 0.0, 0.5, -0.5]))
    east = (np.mod(alpha - ra + 180.0, 360.0) - 180.0) * math.cos(math.radians(dec)) * 3600.0
    north = (delta - dec) * 3600.0
    return np.array([[east[0] - east[1], east[2] - east[3]], [north[0] - north[1], north[2] - north[3]]])
