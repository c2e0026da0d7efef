"""The simulated camera: what each NIRCam band's pixels see, count and lose."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Band:
    """One NIRCam band as simulated.

    Attributes
    ----------
    name : str
        Filter name.
    edges_um : tuple of float
        Wavelengths of half transmission, micrometres (jwst-docs, NIRCam filters).
    scale : float
        Pixel of the mosaic, arcsec: the pipeline's native scales.
    photmjsr : float
        MJy/sr per DN/s (as in the pipeline's headers, rounded).
    gain : float
        Electrons per DN.
    sky : float
        Zodiacal and stray light, MJy/sr; subtracted, but its photons leave their noise.
    saturation : float
        Surface brightness beyond which the pipeline has no usable sample, MJy/sr.
    """

    name: str
    edges_um: tuple[float, float]
    scale: float
    photmjsr: float
    gain: float
    sky: float
    saturation: float

    @property
    def pixel_sr(self) -> float:
        """Area of a pixel, steradians."""
        return self.scale**2 * 2.350443053909e-11

    @property
    def njy_per_unit(self) -> float:
        """Flux density in nJy of one pixel of 1 MJy/sr."""
        return self.pixel_sr * 1e15

    @property
    def short(self) -> bool:
        """Whether the short-wave channel, with its gaps between detectors, sees this band."""
        return self.edges_um[1] < 2.4


BANDS: Final = {
    band.name: band
    for band in (
        Band("F090W", (0.795, 1.005), 0.031, 3.7, 2.05, 0.26, 700.0),
        Band("F115W", (1.013, 1.282), 0.031, 3.1, 2.05, 0.24, 600.0),
        Band("F150W", (1.331, 1.668), 0.031, 2.1, 2.05, 0.20, 450.0),
        Band("F200W", (1.755, 2.227), 0.031, 1.9, 2.05, 0.18, 400.0),
        Band("F277W", (2.423, 3.132), 0.063, 0.42, 1.82, 0.12, 110.0),
        Band("F356W", (3.135, 3.981), 0.063, 0.38, 1.82, 0.13, 110.0),
        Band("F410M", (3.866, 4.302), 0.063, 0.77, 1.82, 0.26, 200.0),
        Band("F444W", (3.881, 4.982), 0.063, 0.40, 1.82, 0.35, 110.0),
    )
}
"""The bands that can be simulated, by filter name."""
