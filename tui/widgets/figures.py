"""Small figures of the checks, in characters: spikes over real pixels, recipes, fluxes, offsets, methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tui.widgets.palette import Palette, bar

if TYPE_CHECKING:
    from tui.desk import View

SIDE = 40
"""Columns of a picture; half as many rows."""


def figure_lines(
    figure: Mapping[str, Any], views: Sequence[View], colours: Palette, width: int
) -> list[Text]:
    """Draw the figure of a finding; nothing where it has none."""
    draw = FIGURES.get(str(figure.get("kind", "")))
    return draw(figure, views, colours, width) if draw else []


def _spectrum(figure: Mapping[str, Any], _views: Sequence[View], colours: Palette, width: int) -> list[Text]:
    """Fluxes over wavelength as bars, with S/N."""
    points = [p for p in figure.get("points", []) if p[1] is not None and p[2]]
    most = max((abs(p[1]) for p in points), default=0.0)
    lines = []
    for wavelength, flux, error, state in points:
        room = max(8, min(40, width - 40))
        full, empty = bar(max(flux, 0.0) / most if most > 0 else 0.0, room)
        line = Text(f"{wavelength or 0:5.2f} µm ", colours.quiet)
        line.append(full, colours.bar if state == "matched" else colours.faint)
        line.append(empty, colours.trough)
        line.append(f" {flux:9.4g} ± {error:.2g} {figure.get('unit', '')}", colours.plain)
        lines.append(line)
    return lines


def _grid(figure: Mapping[str, Any], _views: Sequence[View], colours: Palette, _width: int) -> list[Text]:
    """Recipes that find it: thresholds across, kernels and contrasts down."""
    head = Text("kernel   contrast ", colours.quiet)
    head.append("".join(f"{name:>6}" for name in figure.get("columns", [])), colours.quiet)
    lines = [head]
    for (kernel, contrast), found in zip(figure.get("rows", []), figure.get("found", []), strict=True):
        line = Text(f"{kernel:8} {contrast:<8g} ", colours.quiet)
        for mark in found:
            line.append(f"{'✓' if mark else '·':>6}", colours.good if mark else colours.alert)
        lines.append(line)
    return lines


def _strip(figure: Mapping[str, Any], _views: Sequence[View], colours: Palette, _width: int) -> list[Text]:
    """Methods and what they say, then the views of the ranking as bars to the top 5 per cent."""
    signs = {"found": ("✓", colours.good), "not found": ("✗", colours.alert)}
    lines = []
    for name, state in figure.get("methods", []):
        sign, style = signs.get(state, ("·", colours.faint))
        lines.append(
            Text.assemble((f"{sign} ", style), (f"{name:24}", colours.plain), (state, colours.quiet))
        )
    for name, value in figure.get("views", []):
        full, empty = bar(value, 30)
        line = Text(f"  {name:17}", colours.quiet)
        line.append(full, colours.bar)
        line.append(empty, colours.trough)
        line.append(f" odder than {value:.1%}", colours.good if value >= 0.95 else colours.quiet)
        lines.append(line)
    return lines


def _offsets(figure: Mapping[str, Any], _views: Sequence[View], colours: Palette, _width: int) -> list[Text]:
    """Draw the matches around the candidate: north up, east left, two arcseconds to each side."""
    points = figure.get("points", [])
    if not points:
        return []
    cells = {(5, 20): ("+", colours.strong)}
    for number, (east, north, _name) in enumerate(points, start=1):
        row, column = round(5 - north / 2.0 * 5), round(20 - east / 2.0 * 20)
        if 0 <= row <= 10 and 0 <= column <= 40:
            cells[row, column] = (str(number)[-1], colours.alert)
    lines = []
    for row in range(11):
        line = Text()
        for column in range(41):
            sign, style = cells.get((row, column), ("·" if row == 5 or column == 20 else " ", colours.faint))
            line.append(sign, style)
        lines.append(line)
    lines += [Text(f"{n}  {p[2]}", colours.quiet) for n, p in enumerate(points, start=1)]
    return [*lines, Text("N up, E left, 4″ × 4″", colours.quiet)]


def _spikes(figure: Mapping[str, Any], views: Sequence[View], colours: Palette, width: int) -> list[Text]:
    """Predicted spikes drawn over the pixels of the first frame that shows the candidate."""
    from tui.widgets.painters import half_blocks

    shown = [view for view in views if view.panel.detected] or list(views)
    if not shown:
        return [Text("no pictures here yet", colours.quiet)]
    view = shown[0]
    columns = max(16, min(SIDE, width)) // 2 * 2
    marks = _spike_marks(figure.get("lines", []), view, columns)
    lines = []
    for segments in half_blocks(view.gray, columns, columns // 2, marks=marks):
        line = Text()
        for segment in segments:
            line.append(segment.text, segment.style or "")
        lines.append(line)
    words = f"{view.label}; ◆ predicted spikes" if marks else f"{view.label}; no predicted spike reaches it"
    return [*lines, Text(words, colours.quiet)]


def _spike_marks(
    lines: Sequence[Sequence[Any]], view: View, columns: int
) -> dict[tuple[int, int], tuple[str, str]]:
    """Give the cells that predicted lines cross: position angles on the sky to places in the picture."""
    panel = view.panel
    side = max(view.gray.shape)
    reach = side / 2 * panel.pixel_scale
    marks: dict[tuple[int, int], tuple[str, str]] = {}
    if not math.isfinite(panel.north_deg) or panel.parity == 0:
        return marks
    turn = math.radians(panel.north_deg)
    for east, north, pa, _along, strong in lines:
        angle = math.radians(pa)
        for step in range(400):
            along = step * 12.0 / 400
            e, n = east + along * math.sin(angle), north + along * math.cos(angle)
            if max(abs(e), abs(n)) > reach * 1.5:
                continue
            # North is `turn` counter-clockwise from +y; east lies at its left where the parity is +1.
            left = panel.parity * e
            x = -left * math.cos(turn) - n * math.sin(turn)
            y = -left * math.sin(turn) + n * math.cos(turn)
            column = int((x / panel.pixel_scale + panel.x + 0.5) / side * columns)
            row = int((side - 1 - (y / panel.pixel_scale + panel.y) + 0.5) / side * (columns // 2))
            if 0 <= column < columns and 0 <= row < columns // 2:
                marks[row, column] = ("◆" if strong else "◇", "#ffa657")
    return marks


FIGURES: dict[str, Callable[[Mapping[str, Any], Sequence[Any], Palette, int], list[Text]]] = {
    "spectrum": _spectrum,
    "grid": _grid,
    "strip": _strip,
    "offsets": _offsets,
    "spikes": _spikes,
}
