"""Shapes of light on the sky: offsets east and north in arcsec in, surface brightness out."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_WAVES = 8


class Shape(Protocol):
    """Something extended: brightness at offsets, and how far out it matters."""

    def reach(self, flux: float, floor: float) -> float:
        """Return the half side of the stamp that holds the light, arcsec.

        `flux` is the total in nJy; surface brightness below `floor`, nJy per square arcsec, may be left out.
        """

    def brightness(self, east: Array, north: Array, pixel: float) -> Array:
        """Return the brightness (arbitrary unit) at offsets in arcsec; `pixel` is their spacing, arcsec."""


def _turn(east: Array, north: Array, angle_deg: float) -> tuple[Array, Array]:
    """Return coordinates along and across a position angle (degrees east of north)."""
    s, c = math.sin(math.radians(angle_deg)), math.cos(math.radians(angle_deg))
    return east * s + north * c, north * s - east * c


@dataclass(frozen=True, slots=True)
class Sersic:
    """A Sersic (1963) profile, with spiral arms where `arms` is above 0.

    Attributes
    ----------
    radius : float
        Half-light radius along the major axis, arcsec.
    index : float
        Sersic index: 1 a disc, 4 an elliptical.
    axis_ratio, angle_deg : float
        Minor over major axis; position angle, degrees east of north.
    arms, pitch_deg, contrast : float
        Number of arms, their pitch angle, their contrast in 0..1.
    patchy, grain : float, int
        Contrast of the patches that star formation and dust make of a disc, as the natural logarithm's
        standard deviation, and the number that says which patches these are.
    lane : float
        Depth in 0..1 of a dust lane along the major axis, on one side of the centre.
    """

    radius: float
    index: float
    axis_ratio: float
    angle_deg: float
    arms: int = 0
    pitch_deg: float = 20.0
    contrast: float = 0.0
    patchy: float = 0.0
    grain: int = 0
    lane: float = 0.0

    @property
    def _b(self) -> float:
        """The constant that puts half the light inside the radius (Prugniel & Simien 1997)."""
        return 2 * self.index - 1 / 3 + 0.009876 / self.index

    def reach(self, flux: float, floor: float) -> float:
        """Return where the profile falls below the floor, arcsec, at least 3 radii."""
        n, b = self.index, self._b
        area = 2 * math.pi * n * self.axis_ratio * self.radius**2
        at_radius = flux * b ** (2 * n) / (area * math.exp(b) * math.gamma(2 * n))
        falls = 1 + math.log(max(at_radius / floor, 1e-9)) / b
        return self.radius * max(max(falls, 0.0) ** n, 3.0)

    def brightness(self, east: Array, north: Array, pixel: float) -> Array:
        """Return the profile; the cusp is softened by a third of a pixel."""
        along, across = _turn(east, north, self.angle_deg)
        squared = along * along + (across / self.axis_ratio) ** 2 + (0.33 * pixel) ** 2
        light = np.exp(-self._b * (squared / self.radius**2) ** (0.5 / self.index))
        if self.arms:
            turn = np.arctan2(across / self.axis_ratio, along)
            turn -= 0.5 * np.log(squared / self.radius**2) / math.tan(math.radians(self.pitch_deg))
            light *= 1 + self.contrast * np.cos(self.arms * turn)
        if self.patchy:
            light *= self._patches(along / self.radius, across / (self.axis_ratio * self.radius))
        if self.lane:
            thick = 0.45 * self.axis_ratio * self.radius + 0.02
            light *= 1 - self.lane * np.exp(-0.5 * ((across - 0.35 * thick) / (0.5 * thick)) ** 2)
        return np.asarray(light, dtype=np.float32)

    def _patches(self, along: Array, across: Array) -> Array:
        """Return a lognormal field of median 1, plane waves of 0.3 to 1.3 radii in the plane of the disc."""
        rng = np.random.default_rng(self.grain)
        field = np.zeros(np.broadcast_shapes(along.shape, across.shape), dtype=np.float32)
        for _ in range(_WAVES):
            number, turn = 2 * math.pi / rng.uniform(0.3, 1.3), rng.uniform(0, 2 * math.pi)
            kx, ky = np.float32(number * math.cos(turn)), np.float32(number * math.sin(turn))
            field += np.cos(kx * along + ky * across + np.float32(rng.uniform(0, 2 * math.pi)))
        return np.asarray(np.exp(self.patchy * math.sqrt(2 / _WAVES) * field), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Ring:
    """An elliptical ring, brighter on one side, thinned into beads: a collisional ring."""

    radius: float
    width: float
    axis_ratio: float
    angle_deg: float
    lopsided: float
    bright_deg: float
    beads: int = 0

    def reach(self, flux: float, floor: float) -> float:  # noqa: ARG002 - it ends where it ends
        """Return the half side of the stamp, arcsec."""
        return self.radius + 4 * self.width

    def brightness(self, east: Array, north: Array, pixel: float) -> Array:
        """Return the ring's brightness."""
        along, across = _turn(east, north, self.angle_deg)
        across = across / self.axis_ratio
        width = max(self.width, 0.5 * pixel)
        light = np.exp(-0.5 * ((np.hypot(along, across) - self.radius) / width) ** 2)
        turn = np.arctan2(across, along) - math.radians(self.bright_deg)
        light *= 1 + self.lopsided * np.cos(turn)
        if self.beads:
            light *= 1 + 0.6 * np.cos(self.beads * turn) * np.cos((self.beads // 2 + 1) * turn + 1)
        return np.asarray(light, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LensedGalaxy:
    """A background galaxy seen through a galaxy, by ray tracing.

    A singular isothermal sphere with external shear (Schneider, Ehlers & Falco 1992): a ray at offset t meets
    the source plane at t - einstein t/|t| - shear. Surface brightness is conserved, so arcs, counter-images
    and rings come by themselves.

    Attributes
    ----------
    einstein : float
        Einstein radius, arcsec.
    shear, shear_deg : float
        External shear and its direction.
    source_east, source_north, source_radius : float
        Where the source is behind the lens, and its half-light radius, arcsec.
    """

    einstein: float
    shear: float
    shear_deg: float
    source_east: float
    source_north: float
    source_radius: float

    def reach(self, flux: float, floor: float) -> float:  # noqa: ARG002 - it ends where it ends
        """Return the half side of the stamp, arcsec."""
        return 2 * self.einstein + 5 * self.source_radius

    def brightness(self, east: Array, north: Array, pixel: float) -> Array:
        """Return the lensed image of an exponential source."""
        distance = np.hypot(east, north) + 1e-6
        c = self.shear * math.cos(math.radians(2 * self.shear_deg))
        s = self.shear * math.sin(math.radians(2 * self.shear_deg))
        behind_east = east * (1 - self.einstein / distance) - c * east - s * north - self.source_east
        behind_north = north * (1 - self.einstein / distance) - s * east + c * north - self.source_north
        radius = np.hypot(behind_east, behind_north)
        return np.asarray(np.exp(-1.678 * radius / max(self.source_radius, 0.7 * pixel)), dtype=np.float32)
