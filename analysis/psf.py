"""The point spread function of JWST's imagers, from the shape of its mirror: a filter in, an array out.

The pupil is 18 hexagons, the gaps between them and three struts; a matrix Fourier transform (Soummer et al.
2007) takes it to the image plane at a few wavelengths across the filter. Good to some 6 per cent in width and
a few per cent in encircled energy, with spikes at the right angles: enough for sharpness, masks, matching and
simulations, not for photometry to 1 per cent (no detector scatter).
"""

import math
import re
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from analysis.instruments import FILTERS

FLAT_TO_FLAT_M: Final = 1.32
"""Width of a primary-mirror segment across its flats, metres."""
_PITCH_M: Final = FLAT_TO_FLAT_M + 0.007  # plus the gap between segments
_STRUT_WIDTH_M: Final = 0.11
# Struts from the centre outwards, degrees counter-clockwise from +x with V3 up: +V3, and 29 from -V3.
_STRUT_ANGLES: Final = (90.0, 270.0 - 29.0, 270.0 + 29.0)
_PUPIL_SIDE_M: Final = 6.8
_SEGMENT_WFE_NM: Final = 65.0  # rms of segment piston, tip and tilt together
_JITTER_ARCSEC: Final = 0.006
_BANDWIDTH: Final = {
    "N": 0.01,
    "M": 0.09,
    "C": 0.06,
    "W": 0.24,
    "W2": 0.55,
}  # full width over pivot wavelength
_RADIAN_ARCSEC: Final = math.degrees(1) * 3600


def _segment_centres() -> NDArray[np.float64]:
    """Return the centres (x, y) of the 18 segments, metres, V3 up; shape (18, 2)."""
    axial = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if 1 <= max(abs(i), abs(j), abs(i + j)) <= 2]
    return np.array([(_PITCH_M * math.sqrt(0.75) * i, _PITCH_M * (j + i / 2)) for i, j in axial])


@lru_cache(maxsize=16)
def _pupil(
    n: int, rotation_deg: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Return transmission in 0..1 (n, n), wavefront error in nm (n, n) and the coordinates in metres (n,).

    Edges are anti-aliased by their distance, so that gaps narrower than a sample still block their share.
    """
    step = _PUPIL_SIDE_M / n
    coordinates: NDArray[np.float64] = (np.arange(n, dtype=np.float64) - (n - 1) / 2) * step
    angle = math.radians(rotation_deg)
    px, py = np.meshgrid(coordinates, coordinates)
    x = math.cos(angle) * px + math.sin(angle) * py
    y = -math.sin(angle) * px + math.cos(angle) * py
    transmission = np.zeros((n, n), dtype=np.float32)
    error = np.zeros((n, n), dtype=np.float32)
    rng = np.random.default_rng(20220712)  # one telescope: the same mirror for every call
    normals = [(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (30.0, 90.0, 150.0)]
    for cx, cy in _segment_centres():
        piston, tip, tilt = rng.normal(0.0, _SEGMENT_WFE_NM / math.sqrt(3), 3)
        dx, dy = x - cx, y - cy
        inside = np.min([FLAT_TO_FLAT_M / 2 - np.abs(a * dx + b * dy) for a, b in normals], axis=0)
        share = np.clip(0.5 + inside / step, 0.0, 1.0)
        transmission += share.astype(np.float32)
        # Over a hexagon of width w across flats, x/w has an rms of sqrt(5/72) = 1/3.8.
        error += ((piston + 3.8 * (tip * dx + tilt * dy) / _PITCH_M) * (share > 0)).astype(np.float32)
    for degrees in _STRUT_ANGLES:
        ux, uy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        across = np.abs(uy * x - ux * y)
        blocked = np.clip(0.5 + (_STRUT_WIDTH_M / 2 - across) / step, 0.0, 1.0) * ((ux * x + uy * y) > 0)
        transmission *= (1 - blocked).astype(np.float32)
    return transmission, error, coordinates


def _wavelengths(band: str | float) -> NDArray[np.float64]:
    """Return the wavelengths (micrometres) that stand for a filter, or the one given."""
    if not isinstance(band, str):
        return np.array([float(band)])
    name = band.strip().upper()
    known = next((entry for entry in FILTERS.values() if entry.name == name), None)
    kind = re.search(r"(W2|W|M|N|C)$", name)
    if known is None or kind is None:
        raise ValueError(
            f"psf: no filter {band!r}; known are {', '.join(sorted({f.name for f in FILTERS.values()}))}"
        )
    width = _BANDWIDTH[kind[1]]
    count = 1 if width < 0.05 else 5
    return known.pivot_um * (1 + width * (np.arange(count) - (count - 1) / 2) / count)


def psf(
    band: str | float,
    pixel_scale: float,
    size: int,
    *,
    oversample: int = 3,
    rotation_deg: float = 0.0,
    drizzled: bool = False,
) -> NDArray[np.float64]:
    """Return the image of a point source.

    Parameters
    ----------
    band : str or float
        A filter name, or one wavelength in micrometres.
    pixel_scale : float
        Arcsec per pixel.
    size : int
        Side of the array, pixels. The source is at ((size - 1) / 2, (size - 1) / 2): the central pixel of an
        odd side.
    oversample : int
        Samples per pixel and axis that are summed into a pixel, so that the pixel's own width is in the
        result. 1 samples at pixel centres.
    rotation_deg : float
        Direction of V3, degrees counter-clockwise from +y: PA_V3 minus the position angle of the image's
        y axis.
    drizzled : bool
        Widen by one more pixel box, as drizzling with pixfrac 1 onto pixels of the native size does.

    Returns
    -------
    ndarray of float64, shape (size, size), axes (y, x)
        Sums to 1; read-only, as it is kept for the next call.

    Raises
    ------
    ValueError
        An unknown filter, or a size, scale or oversampling that is not positive.
    """
    if size < 1 or oversample < 1 or not pixel_scale > 0:
        raise ValueError(
            f"psf: size {size}, oversample {oversample} and pixel_scale {pixel_scale} must be positive"
        )
    key = band.strip().upper() if isinstance(band, str) else float(band)
    return _psf(key, float(pixel_scale), int(size), int(oversample), float(rotation_deg) % 360.0, drizzled)


@lru_cache(maxsize=32)
def _psf(
    band: str | float, pixel_scale: float, size: int, oversample: int, rotation_deg: float, drizzled: bool
) -> NDArray[np.float64]:
    wavelengths = _wavelengths(band)
    fine_scale = pixel_scale / oversample / _RADIAN_ARCSEC
    fine = size * oversample
    # The transform of a sampled pupil repeats every wavelength/step: keep the repeat out of the image.
    samples = math.ceil(1.3 * fine * fine_scale * _PUPIL_SIDE_M / (wavelengths.min() * 1e-6))
    n = int(min(max(224, 32 * math.ceil(samples / 32)), 1024))
    transmission, error, coordinates = _pupil(n, rotation_deg)
    angles = (np.arange(fine) - (fine - 1) / 2) * fine_scale
    total = np.zeros((fine, fine))
    for wavelength in wavelengths:
        phase = (2 * math.pi / (wavelength * 1e3)) * error
        field = transmission * np.exp(1j * phase).astype(np.complex64)
        kernel = np.exp(-2j * math.pi / (wavelength * 1e-6) * np.outer(angles, coordinates)).astype(
            np.complex64
        )
        wave = kernel @ field @ kernel.T
        intensity = wave.real.astype(np.float64) ** 2 + wave.imag.astype(np.float64) ** 2
        total += intensity / intensity.sum()
    total = gaussian_filter(total, _JITTER_ARCSEC / pixel_scale * oversample, mode="constant")
    if drizzled:
        total = (
            uniform_filter(total, oversample, mode="constant")
            if oversample % 2
            else _even_box(total, oversample)
        )
    image = total.reshape(size, oversample, size, oversample).sum(axis=(1, 3))
    image /= image.sum()
    image.flags.writeable = False
    return image


def _even_box(image: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the image averaged over a centred box of an even width: the mean of its two placings."""
    box = image
    for axis in (0, 1):
        low = uniform_filter(box, [width if a == axis else 1 for a in (0, 1)], mode="constant")
        shift = [0, 0]
        shift[axis] = -1
        box = (low + np.roll(low, shift, axis=(0, 1))) / 2
    return box
