"""Overlays on a grid: lines on the sky in, signs in cells or coloured pixels out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.geometry import Geometry
    from tui.overlays import Shape
    from tui.widgets.painters import Gray, Marks

STROKES = "┄⋰┊⋱"
"""Broken strokes: the hatch of invalid pixels is a whole one."""
LINE_SHARE = 180
"""A line is so small a share of the side thick, and a pixel at least: terminals shrink what they draw."""
PLAIN_CURSOR, CURSOR = "+", "┼"


def in_cells(
    shapes: Sequence[Shape], geometry: Geometry, width: int, height: int, *, plain: bool = False
) -> Marks:
    """Give the signs of shapes in a picture of `width` × `height` cells; the later hides the earlier."""
    marks: dict[tuple[int, int], tuple[str, str]] = {}
    for shape in shapes:
        x, y = geometry.shares(shape.east, shape.north)
        if shape.point:
            x, y = x.mean(keepdims=True), y.mean(keepdims=True)
        columns, rows = _floor(x * width), _floor((1.0 - y) * height)
        sign = shape.plain if plain else shape.sign or _stroke(x * width, y * height * 2)
        for row, column in set(zip(rows.tolist(), columns.tolist(), strict=True)):
            if 0 <= row < height and 0 <= column < width:
                marks[row, column] = (sign, shape.colour)
    return marks


def _floor(values: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    import numpy as np

    return np.floor(values).astype(np.intp)


def _stroke(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> str:
    """Choose the stroke that goes the way of a straight line, whose cells are twice as high as wide."""
    import math

    if len(x) < 2:
        return "·"
    angle = math.degrees(math.atan2(y[-1] - y[0], x[-1] - x[0])) % 180.0
    return STROKES[round(angle / 45.0) % 4]


def in_pixels(shapes: Sequence[Shape], geometry: Geometry, side: int) -> tuple[Gray, list[str]]:
    """Give a square of `side` pixels, row 0 at the bottom: 0, or 1 + the number of a colour to draw."""
    import numpy as np

    layer = np.zeros((side, side), dtype=np.uint8)
    brush = range(1 + side // LINE_SHARE)
    colours: list[str] = []
    for shape in shapes:
        if shape.colour not in colours:
            colours.append(shape.colour)
        x, y = geometry.shares(shape.east, shape.north)
        for right in brush:
            for up in brush:
                columns, rows = _floor(x * side) + right, _floor(y * side) + up
                inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
                layer[rows[inside], columns[inside]] = colours.index(shape.colour) + 1
    return layer, colours
