"""The read-out at one place of the sky: its position, and value and sigma in every frame, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.desk import Detail


def place_words(detail: Detail, east: float, north: float) -> str:
    """Give ra and dec (ICRS degrees) and the offsets from the candidate."""
    from analysis.orienting import position_at

    if detail.cutouts is None:
        return ""
    ra, dec = position_at(detail.cutouts.ra, detail.cutouts.dec, east, north)
    return f"{ra:.6f} {dec:+.6f}  {abs(east):.2f}″{_side(east, 'EW')} {abs(north):.2f}″{_side(north, 'NS')}"


def _side(offset: float, names: str) -> str:
    return names[0] if offset >= 0 else names[1]


def value_words(
    detail: Detail, east: float, north: float, skies: Sequence[tuple[float, float]] = ()
) -> list[str]:
    """Give for every frame the value of the pixel there and how many sigma it is above the sky.

    A unit that all share comes first, on its own; `skies` are level and noise of the frames' skies.
    """
    from analysis.orienting import pixel_at

    words = []
    units = {view.panel.unit for view in detail.views}
    for number, view in enumerate(detail.views):
        if view.image is None:
            continue
        x, y = pixel_at(view.panel, east, north)
        column, row = round(float(x)), round(float(y))
        rows, columns = view.image.shape
        if not (0 <= row < rows and 0 <= column < columns):
            words.append(f"{view.label} outside")
            continue
        value = float(view.image[row, column])
        if not math.isfinite(value):
            words.append(f"{view.label} masked")
            continue
        sigma = ""
        if number < len(skies) and skies[number][1] > 0:
            sigma = f" {(value - skies[number][0]) / skies[number][1]:+.1f}σ"
        unit = f" {view.panel.unit}" if len(units) > 1 else ""
        words.append(f"{view.label} {value:.3g}{unit}{sigma}")
    return [*units, *words] if len(units) == 1 else words
