"""Where the sky lies in a picture on the screen: offsets in arcsec to shares of its sides, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.cutouts import Panel


@dataclass(frozen=True)
class Geometry:
    """A square picture: x to the right and y upwards, both 0 to 1; offsets are from the candidate.

    North up where `panel` is None or its orientation unknown is asked for; else `panel` turns offsets into
    pixels, of which the picture shows `count` from (`x0`, `y0`). `east`, `north` is the picture's middle.
    """

    side: float
    panel: Panel | None = None
    x0: int = 0
    y0: int = 0
    count: int = 0
    east: float = 0.0
    north: float = 0.0

    def shares(self, east: Any, north: Any) -> tuple[Any, Any]:
        """Give the place of offsets, 0 to 1 inside the picture."""
        if self.panel is None:
            return 0.5 - (east - self.east) / self.side, 0.5 + (north - self.north) / self.side
        from analysis.orienting import pixel_at

        x, y = pixel_at(self.panel, east, north)
        return (x - self.x0 + 0.5) / self.count, (y - self.y0 + 0.5) / self.count

    def offsets(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Give the offsets of a place."""
        if self.panel is None:
            return self.east + (0.5 - x) * self.side, self.north + (y - 0.5) * self.side
        from analysis.orienting import offset_at

        return offset_at(self.panel, x * self.count + self.x0 - 0.5, y * self.count + self.y0 - 0.5)
