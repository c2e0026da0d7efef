"""Painters in characters: grey levels (y, x), row 0 at the bottom and 0 where invalid, to lines of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

Line = list[Segment]

RAMP = " .:-=+*#%@"
MASK_SIGN = "╱"
PLAIN_MASK_SIGN = "/"
LEVELS = 64
CELL_BYTES = 40
"""Most bytes a half-block cell costs: two 24-bit colours and a character."""

MASK_FOREGROUND, MASK_BACKGROUND = "#5a7db5", "#1b2a45"


@dataclass(frozen=True)
class Grid:
    """How pictures are laid out: `columns` × `rows`, each of `cells` (width, height), `shown` in all."""

    columns: int
    rows: int
    cells: tuple[int, int]
    shown: int


def arrange(
    count: int, width: int, height: int, label_rows: int = 1, *, gap: int = 1, least: int = 8
) -> Grid:
    """Find the layout with the largest square pictures; fewer are shown where they would be too small."""
    for shown in range(count, 0, -1):
        best: tuple[int, int, Grid] | None = None
        for columns in range(1, shown + 1):
            rows = -(-shown // columns)
            wide = (width - (columns - 1) * gap) // columns
            high = height // rows - label_rows
            side = min(wide, 2 * high) // 2 * 2
            made = (side, -rows, Grid(columns, rows, (side, side // 2), shown))
            best = made if best is None or made[:2] > best[:2] else best
        if best is not None and (best[0] >= least or shown == 1):
            return best[2]
    return Grid(0, 0, (0, 0), 0)


def resample(gray: Gray, width: int, height: int) -> Gray:
    """Bring grey levels to a size: means where it shrinks, the nearest pixel where it grows.

    A pixel that is mostly invalid stays 0; a valid one never becomes 0.
    """
    import numpy as np

    rows, columns = gray.shape
    if height >= rows and width >= columns:
        y = np.arange(height) * rows // height
        x = np.arange(width) * columns // width
        return gray[np.ix_(y, x)]
    y_edges, x_edges = _edges(rows, height), _edges(columns, width)
    values = _block_sums(gray.astype(np.float64), y_edges, x_edges)
    valid = _block_sums((gray > 0).astype(np.float64), y_edges, x_edges)
    area = np.outer(y_edges[1] - y_edges[0], x_edges[1] - x_edges[0])
    mean = np.clip(np.rint(values / np.maximum(valid, 1)), 1, 255)
    return np.where(2 * valid >= area, mean, 0).astype(np.uint8)


def _edges(size: int, parts: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    import numpy as np

    begin = np.arange(parts) * size // parts
    end = np.maximum(begin + 1, (np.arange(parts) + 1) * size // parts)
    return begin, end


def _block_sums(
    values: npt.NDArray[np.float64],
    y: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    x: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
) -> npt.NDArray[np.float64]:
    import numpy as np

    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    total[1:, 1:] = values.cumsum(0).cumsum(1)
    tall = total[y[1]] - total[y[0]]
    sums: npt.NDArray[np.float64] = tall[:, x[1]] - tall[:, x[0]]
    return sums


def inverted(gray: Gray) -> Gray:
    """Exchange dark and bright; invalid pixels stay invalid."""
    import numpy as np

    return np.where(gray > 0, 256 - gray.astype(np.int16), 0).astype(np.uint8)


def half_blocks(gray: Gray, width: int, height: int, *, budget: int = 65_536) -> list[Line]:
    """Paint two pixels in each cell of `width` × `height`; above `budget` bytes pixels merge in pairs."""
    small = resample(gray, width, 2 * height)[::-1]
    levels = (small // (256 // LEVELS)).astype(int)
    levels[small == 0] = -1
    lines = [_half_line(levels[2 * y].tolist(), levels[2 * y + 1].tolist()) for y in range(height)]
    if sum(map(len, lines)) * CELL_BYTES > budget and width > 2:
        merged = resample(gray, (width + 1) // 2, 2 * height).repeat(2, axis=1)[:, :width]
        return half_blocks(merged, width, height, budget=1 << 30)
    return lines


def _half_line(upper: list[int], lower: list[int]) -> Line:
    line = []
    for (top, bottom), cells in groupby(zip(upper, lower, strict=True)):
        sign, style = _half_cell(top, bottom)
        line.append(Segment(sign * len(list(cells)), style))
    return line


@lru_cache(maxsize=LEVELS * LEVELS + 2 * LEVELS + 1)
def _half_cell(top: int, bottom: int) -> tuple[str, Style]:
    if top < 0 and bottom < 0:
        return MASK_SIGN, Style(color=MASK_FOREGROUND, bgcolor=MASK_BACKGROUND)
    if top == bottom:
        return " ", Style(bgcolor=_colour(top))
    return "▀", Style(color=_colour(top), bgcolor=_colour(bottom))


def _colour(level: int) -> str:
    if level < 0:
        return MASK_BACKGROUND
    grey = round(level * 255 / (LEVELS - 1))
    return f"#{grey:02x}{grey:02x}{grey:02x}"


def plain_characters(gray: Gray, width: int, height: int) -> list[Line]:
    """Paint one pixel in each cell with characters from blank (dark) to @ (bright), / where invalid."""
    small = resample(gray, width, height)[::-1]
    return [
        [
            Segment(
                "".join(
                    PLAIN_MASK_SIGN if level == 0 else RAMP[(level - 1) * len(RAMP) // 255] for level in row
                )
            )
        ]
        for row in small.tolist()
    ]


def scale_bar(arcsec_per_cell: float, width: int) -> str:
    """Draw a bar of a round number of arcsec within `width` cells; empty where none fits."""
    for length in (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1):
        cells = round(length / arcsec_per_cell)
        words = f"{length:g}″"
        if cells >= 3 and cells + len(words) <= width:
            return "├" + "─" * (cells - 2) + "┤" + words
    return ""
