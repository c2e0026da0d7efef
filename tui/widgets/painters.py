"""Painters in characters: grey levels (y, x), row 0 at the bottom and 0 where invalid, to lines of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
Marks = Mapping[tuple[int, int], tuple[str, str]]
"""Signs over cells: (row, column) from the top left to (sign, colour)."""

RAMP = " .:-=+*#%@"
MASK_SIGN = "╱"
PLAIN_MASK_SIGN = "/"
LEVELS = 64
CHANNEL_STEP = 16
"""Colours of composites are rounded to so many steps of a channel: styles are kept, and bytes saved."""
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
    """Bring grey levels, or colours (y, x, 3), to a size: means where it shrinks, else the nearest pixel.

    A pixel that is mostly invalid stays 0; a valid one never becomes 0.
    """
    import numpy as np

    if gray.ndim == 3:
        return np.stack([resample(gray[:, :, channel], width, height) for channel in range(3)], axis=2)
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


def half_blocks(
    pixels: Gray,
    width: int,
    height: int,
    *,
    budget: int = 65_536,
    colours: Gray | None = None,
    marks: Marks | None = None,
) -> list[Line]:
    """Paint two pixels in each cell of `width` × `height`; above `budget` bytes pixels merge in pairs.

    `pixels` are levels (y, x) or colours (y, x, 3); `colours` (256, 3) is the colour map of levels, grey
    where it is None; `marks` are signs laid over cells, by (row, column) from the top left.
    """
    codes = colour_codes(resample(pixels, width, 2 * height)[::-1], colours)
    lines = _half_lines(codes, marks or {})
    if cost(lines) > budget and width > 2:
        merged = resample(pixels, (width + 1) // 2, 2 * height).repeat(2, axis=1)[::-1, :width]
        lines = _half_lines(colour_codes(merged, colours), marks or {})
    return lines


def cost(lines: Sequence[Line]) -> int:
    """Give the most bytes that lines of half-blocks can take."""
    return sum(map(len, lines)) * CELL_BYTES


def colour_codes(pixels: Gray, colours: Gray | None = None) -> npt.NDArray[np.int32]:
    """Give each pixel's colour as red·65536 + green·256 + blue, few enough to be kept; -1 where invalid."""
    import numpy as np

    if pixels.ndim == 3:
        few = np.minimum(pixels.astype(np.int32) // CHANNEL_STEP * CHANNEL_STEP + CHANNEL_STEP // 2, 255)
        return np.where(pixels.max(axis=2) > 0, few @ np.array([65536, 256, 1]), -1).astype(np.int32)
    levels = np.arange(256) // (256 // LEVELS)
    if colours is None:
        table = np.rint(levels * 255 / (LEVELS - 1)).astype(np.int32) * 0x010101
    else:
        near = colours[np.minimum(levels * 4 + 2, 255)].astype(np.int32)
        table = (near @ np.array([65536, 256, 1])).astype(np.int32)
    table[0] = -1
    return table[pixels]


def _half_lines(codes: npt.NDArray[np.int32], marks: Marks) -> list[Line]:
    return [
        _half_line(
            codes[2 * y].tolist(),
            codes[2 * y + 1].tolist(),
            {x: m for (row, x), m in marks.items() if row == y},
        )
        for y in range(codes.shape[0] // 2)
    ]


def _half_line(upper: list[int], lower: list[int], marks: Mapping[int, tuple[str, str]]) -> Line:
    line = []
    signs = [marks.get(x) for x in range(len(upper))] if marks else [None] * len(upper)
    for (top, bottom, mark), cells in groupby(zip(upper, lower, signs, strict=True)):
        sign, style = _half_cell(top, bottom, mark)
        line.append(Segment(sign * len(list(cells)), style))
    return line


@lru_cache(maxsize=16_384)
def _half_cell(top: int, bottom: int, mark: tuple[str, str] | None = None) -> tuple[str, Style]:
    if mark is not None:
        return mark[0], Style(color=mark[1], bgcolor=_between(top, bottom), bold=True)
    if top < 0 and bottom < 0:
        return MASK_SIGN, Style(color=MASK_FOREGROUND, bgcolor=MASK_BACKGROUND)
    if top == bottom:
        return " ", Style(bgcolor=_colour(top))
    return "▀", Style(color=_colour(top), bgcolor=_colour(bottom))


def _colour(code: int) -> str:
    return MASK_BACKGROUND if code < 0 else f"#{code:06x}"


def _between(top: int, bottom: int) -> str:
    """Give the darker of two pixels: a sign is read on it."""
    known = [code for code in (top, bottom) if code >= 0]
    return _colour(min(known, key=lambda code: sum(code.to_bytes(3, "big")))) if known else MASK_BACKGROUND


def luminance(pixels: Gray) -> Gray:
    """Give colours (y, x, 3) as levels, 0 where invalid; levels stay as they are."""
    import numpy as np

    if pixels.ndim == 2:
        return pixels
    bright = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))
    return np.where(pixels.max(axis=2) > 0, np.maximum(bright, 1), 0).astype(np.uint8)


def plain_characters(pixels: Gray, width: int, height: int, *, marks: Marks | None = None) -> list[Line]:
    """Paint one pixel in each cell with characters from blank (dark) to @ (bright), / where invalid."""
    small = resample(luminance(pixels), width, height)[::-1]
    lines = []
    for y, row in enumerate(small.tolist()):
        signs = [PLAIN_MASK_SIGN if level == 0 else RAMP[(level - 1) * len(RAMP) // 255] for level in row]
        for (at, x), (sign, _colour_of) in (marks or {}).items():
            if at == y:
                signs[x] = sign
        lines.append([Segment("".join(signs))])
    return lines


def scale_bar(arcsec_per_cell: float, width: int, *, plain: bool = False) -> str:
    """Draw a bar of a round number of arcsec within `width` cells; empty where none fits."""
    left, middle, right = "|-|" if plain else "├─┤"
    for length in (60.0, 30.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1):
        cells = round(length / arcsec_per_cell)
        words = f"{length:g}″"
        if cells >= 3 and cells + len(words) <= width:
            return left + middle * (cells - 2) + right + words
    return ""
