"""What is put on the simulated sky: a source and the pieces of light it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.simulate.shapes import Shape


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of light, of one shape and one colour.

    Attributes
    ----------
    shape : Shape or None
        None is a point.
    east, north : float
        Offset from the field's centre in its tangent plane, arcsec.
    flux : Mapping[str, float]
        Flux density per band, nJy.
    """

    shape: Shape | None
    east: float
    north: float
    flux: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Source:
    """One thing on the simulated sky.

    Attributes
    ----------
    kind : str
        galaxy, star, or the name of an anomaly.
    east, north : float
        Offset from the field's centre, arcsec.
    pieces : tuple of Piece
        Its light.
    radius : float
        Half-light radius, arcsec; 0 for points.
    z : float
        Redshift; 0 for stars.
    anomaly : bool
        Whether the search should find it.
    """

    kind: str
    east: float
    north: float
    pieces: tuple[Piece, ...]
    radius: float
    z: float
    anomaly: bool = False

    def flux(self, band: str) -> float:
        """Return the total flux density in a band, nJy."""
        return sum(piece.flux[band] for piece in self.pieces)
