"""Curves in pixels: a canvas like that of braille dots, made into a palette raster for kitty or sixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from tui.widgets.braille import Line
from tui.widgets.raster import Raster

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DASH = 7
"""Every so many pixels a dotted line has a stroke half as long."""


class PixelCanvas:
    """A field of pixels, `width` × `height` cells of `cell` pixels; row 0 at the top, later over earlier.

    `ink` and `paper` are the colours of what has none of its own and of the ground, #rrggbb.
    """

    def __init__(
        self, width: int, height: int, *, cell: tuple[int, int], ink: str = "#e2e6eb", paper: str = "#000000"
    ) -> None:
        import numpy as np

        self.width, self.height = width, height
        self.ink = ink
        self.palette = [paper]
        self.pixels = np.zeros((height * cell[1], width * cell[0]), dtype=np.uint8)
        self.thick = max(1, round(cell[0] / 6))

    @property
    def dots(self) -> tuple[int, int]:
        """Pixels across and down."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def _number(self, style: Style) -> int:
        """Give the number of a style's colour in the palette."""
        colour = self.ink
        if style.color is not None:
            colour = style.color.get_truecolor().hex
        elif style.dim:
            colour = _between(self.ink, self.palette[0])
        if colour not in self.palette:
            self.palette.append(colour)
        return self.palette.index(colour)

    def curve(self, style: Style, heights: npt.NDArray[np.float64]) -> None:
        """Draw a curve: one height a column, 0 at the bottom to 1 at the top; NaN leaves a gap."""
        import numpy as np

        y, known = self._rows(heights)
        before = np.r_[y[:1], y[:-1]]
        linked = known & np.r_[False, known[:-1]]
        top = np.where(linked, np.minimum(y, before), y)
        self._fill(style, top, np.where(linked, np.maximum(y, before), y) + self.thick - 1, known)

    def band(self, style: Style, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> None:
        """Fill between two curves."""
        bottom, known = self._rows(low)
        top, also = self._rows(high)
        self._fill(style, top, bottom, known & also)

    def vertical(self, style: Style, column: int, *, dotted: bool) -> None:
        """Draw a vertical line through a column."""
        import numpy as np

        down = np.arange(self.pixels.shape[0])
        rows = down[down % DASH < DASH // 2] if dotted else down
        if 0 <= column < self.pixels.shape[1]:
            self.pixels[rows, column] = self._number(style)

    def horizontal(self, style: Style, height: float) -> None:
        """Draw a dotted horizontal line at a height of 0 to 1."""
        import numpy as np

        if 0.0 <= height <= 1.0:
            across = np.arange(self.pixels.shape[1])
            row = round((1.0 - height) * (self.pixels.shape[0] - 1))
            self.pixels[row, across[across % DASH < DASH // 2]] = self._number(style)

    def _rows(self, heights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.bool_]]:
        import numpy as np

        last = self.pixels.shape[0] - 1
        known = np.isfinite(heights)
        y = np.clip(np.round((1.0 - np.where(known, heights, 0.0)) * last), 0, last)
        return y.astype(int), known

    def _fill(
        self,
        style: Style,
        top: npt.NDArray[np.int_],
        bottom: npt.NDArray[np.int_],
        use: npt.NDArray[np.bool_],
    ) -> None:
        import numpy as np

        rows = np.arange(self.pixels.shape[0])[:, None]
        self.pixels[(rows >= top) & (rows <= bottom) & use] = self._number(style)

    def lines(self) -> list[Line]:
        """Give the blank cells that the picture lies over."""
        return [[Segment(" " * self.width)] for _ in range(self.height)]

    def raster(self) -> Raster:
        """Give the pixels as a palette picture."""
        import numpy as np

        table = np.array([list(bytes.fromhex(colour[1:])) for colour in self.palette], dtype=np.uint8)
        return Raster(self.pixels, table)


def _between(one: str, other: str) -> str:
    """Give the colour in the middle of two."""
    pairs = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{(a + b) // 2:02x}" for a, b in pairs)
