"""Curves in braille dots: two by four of them a cell, layers by colour, the uppermost layer names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Line = list[Segment]
BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """A field of dots, `width` × `height` cells; row 0 at the top. Later layers lie over earlier ones."""

    def __init__(self, width: int, height: int) -> None:

        self.width, self.height = width, height
        self.layers: list[tuple[Style, npt.NDArray[np.bool_]]] = []

    @property
    def dots(self) -> tuple[int, int]:
        """Dots across and down."""
        return 2 * self.width, 4 * self.height

    def layer(self, style: Style) -> npt.NDArray[np.bool_]:
        """Begin a layer; give its dots (down, across), all off."""
        import numpy as np

        across, down = self.dots
        field = np.zeros((down, across), dtype=bool)
        self.layers.append((style, field))
        return field

    def curve(self, style: Style, heights: npt.NDArray[np.float64]) -> None:
        """Draw a curve: one height a dot column, 0 at the bottom to 1 at the top; NaN leaves a gap."""
        import numpy as np

        down = self.dots[1]
        known = np.isfinite(heights)
        y = np.clip(np.round((1.0 - np.where(known, heights, 0.0)) * (down - 1)), 0, down - 1).astype(int)
        before = np.r_[y[:1], y[:-1]]
        linked = known & np.r_[False, known[:-1]]
        middle = (y + before) // 2
        self._fill(
            style,
            np.where(linked, np.minimum(y, middle), y),
            np.where(linked, np.maximum(y, middle), y),
            known,
        )
        self._fill(style, np.minimum(before, middle), np.maximum(before, middle), linked, shift=-1)

    def band(self, style: Style, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> None:
        """Fill between two curves, every other dot."""
        import numpy as np

        down = self.dots[1]
        known = np.isfinite(low) & np.isfinite(high)
        top = np.clip((1.0 - np.where(known, high, 0.0)) * (down - 1), 0, down - 1).astype(int)
        bottom = np.clip((1.0 - np.where(known, low, 0.0)) * (down - 1), 0, down - 1).astype(int)
        self._fill(style, top, bottom, known)
        field = self.layers[-1][1]
        field[(np.add.outer(np.arange(field.shape[0]), np.arange(field.shape[1])) % 2) == 1] = False

    def vertical(self, style: Style, column: int, *, dotted: bool) -> None:
        """Draw a vertical line through a dot column."""
        field = self.layer(style)
        if 0 <= column < field.shape[1]:
            field[:: 3 if dotted else 1, column] = True

    def horizontal(self, style: Style, height: float) -> None:
        """Draw a dotted horizontal line at a height of 0 to 1."""
        field = self.layer(style)
        if 0.0 <= height <= 1.0:
            field[round((1.0 - height) * (field.shape[0] - 1)), ::3] = True

    def _fill(
        self,
        style: Style,
        top: npt.NDArray[np.int_],
        bottom: npt.NDArray[np.int_],
        use: npt.NDArray[np.bool_],
        shift: int = 0,
    ) -> None:
        import numpy as np

        if shift:
            top, bottom, use = (np.r_[part[1:], part[-1:]] for part in (top, bottom, use))
            use[-1] = False
        field = self.layer(style) if not shift else self.layers[-1][1]
        rows = np.arange(field.shape[0])[:, None]
        field |= (rows >= top) & (rows <= bottom) & use

    def lines(self) -> list[Line]:
        """Give the cells, runs of one style joined."""
        import numpy as np

        codes = np.zeros((self.height, self.width), dtype=int)
        owner = np.full((self.height, self.width), -1)
        for number, (_, field) in enumerate(self.layers):
            cells = field.reshape(self.height, 4, self.width, 2)
            code = sum(cells[:, r, :, c] * BITS[r][c] for r in range(4) for c in range(2))
            owner[code > 0] = number
            codes |= code
        return [
            _runs(codes[y].tolist(), owner[y].tolist(), [style for style, _ in self.layers])
            for y in range(self.height)
        ]


def _runs(codes: Sequence[int], owners: Sequence[int], styles: Sequence[Style]) -> Line:
    line: Line = []
    start = 0
    for x in range(1, len(codes) + 1):
        if x == len(codes) or owners[x] != owners[start]:
            text = "".join(chr(0x2800 + code) if code else " " for code in codes[start:x])
            line.append(Segment(text, styles[owners[start]] if owners[start] >= 0 else None))
            start = x
    return line
