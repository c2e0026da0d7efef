"""One picture of a candidate: its panels side by side, labelled, with scale, compass and aperture."""

import datetime as dt
import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analysis.cutouts import CutoutSet, Panel
from analysis.orienting import middle, side_of
from analysis.stretches import to_gray

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

TILE = 240
GAP = 10
HEADER = 34
CAPTION = 40
COLUMNS = 5
LEAST_APERTURE_ARCSEC = 0.25
BAR_LENGTHS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)

PAPER = (20, 22, 28)
INK = (236, 238, 242)
FAINT = (158, 164, 176)
APERTURE = (86, 214, 255)
WARNING = (255, 176, 64)
INVALID = np.array([(52, 44, 66), (72, 62, 90)], dtype=np.uint8)


def draw_montage(cutouts: CutoutSet, *, title: str = "", stretch: str = "asinh") -> "Image.Image":
    """Return a picture of all panels of a candidate, five to a row, each tile 240 pixels wide.

    Pixels keep their place (nearest neighbour, row 0 at the bottom); invalid ones are hatched. A circle marks
    the larger of the Kron radius and 0.25″. Simulated data are named so in the header and on every tile.

    Parameters
    ----------
    cutouts : CutoutSet
        What to draw; with no panel the picture says so.
    title : str
        A few words after the candidate's name, for example its rank.
    stretch : str
        A name in `analysis.stretches.STRETCHES`.
    """
    from PIL import Image, ImageDraw

    columns = max(1, min(COLUMNS, len(cutouts.panels)))
    rows = max(1, math.ceil(len(cutouts.panels) / COLUMNS))
    width = max(columns * (TILE + GAP) + GAP, 2 * (TILE + GAP) + GAP)
    height = HEADER + rows * (TILE + CAPTION + GAP)
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    _header(draw, cutouts, title, width)
    if not cutouts.panels:
        draw.text((GAP, HEADER), "no frame has valid pixels here", fill=FAINT, font=_font(14))
    for i, (panel, image) in enumerate(zip(cutouts.panels, cutouts.images, strict=True)):
        left = GAP + (i % COLUMNS) * (TILE + GAP)
        top = HEADER + (i // COLUMNS) * (TILE + CAPTION + GAP)
        picture.paste(_tile(panel, image, stretch, simulated=cutouts.simulated), (left, top))
        _caption(draw, panel, left, top + TILE + 4)
    return picture


def save_montage(path: Path, cutouts: CutoutSet, *, title: str = "", stretch: str = "asinh") -> None:
    """Write `draw_montage` as PNG, whole or not at all; its text chunks carry the name and SIMULATED."""
    import os

    from PIL import PngImagePlugin

    notes = PngImagePlugin.PngInfo()
    notes.add_text("Title", cutouts.candidate)
    if cutouts.simulated:
        notes.add_text("Comment", "SIMULATED data: not an observation")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draw_montage(cutouts, title=title, stretch=stretch).save(
            partial, format="PNG", pnginfo=notes, compress_level=2
        )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    """Return the typeface that Pillow brings along, so that pictures do not hang on a machine's fonts."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _header(draw: "ImageDraw.ImageDraw", cutouts: CutoutSet, title: str, width: int) -> None:
    """Write the name, the title and, for simulated data, what they are."""
    name, words = _font(17), _font(13)
    draw.text((GAP, 7), cutouts.candidate, fill=INK, font=name)
    if title:
        after = GAP + draw.textlength(cutouts.candidate, font=name) + 14
        draw.text((after, 10), title, fill=FAINT, font=words)
    if cutouts.simulated:
        stamp = "SIMULATED"
        left = width - GAP - int(draw.textlength(stamp, font=words)) - 12
        draw.rectangle((left, 6, width - GAP, 27), fill=WARNING)
        draw.text((left + 6, 8), stamp, fill=PAPER, font=words)


def _caption(draw: "ImageDraw.ImageDraw", panel: Panel, left: int, top: int) -> None:
    """Write band and date, and whether the source is detected or the position covered."""
    draw.text((left, top), f"{panel.instrument} {panel.filter}", fill=INK, font=_font(14))
    date = _date(panel.mjd)
    if not panel.covered:
        state, colour = "position not covered", WARNING
    elif panel.detected:
        state, colour = "detected", FAINT
    else:
        state, colour = "not detected", WARNING
    draw.text((left, top + 17), f"{date}  {state}" if date else state, fill=colour, font=_font(12))


def _date(mjd: float) -> str:
    """Return the UTC date of a modified Julian date, or nothing where it is unknown."""
    if not math.isfinite(mjd) or not 0.0 < mjd < 1e6:
        return ""
    return (dt.date(1858, 11, 17) + dt.timedelta(days=math.floor(mjd))).isoformat()


def _tile(panel: Panel, image: npt.NDArray[np.float32], stretch: str, *, simulated: bool) -> "Image.Image":
    """Return one square tile: pixels, aperture, scale bar and compass."""
    from PIL import Image, ImageDraw

    # The cutout holds more than the tile shows, so that it can be turned.
    gray, x0, y0 = middle(to_gray(image, stretch), panel, side_of(panel, image))
    panel = replace(panel, x=panel.x - x0, y=panel.y - y0)
    colour = np.repeat(gray[:, :, None], 3, axis=2)
    rows, columns = np.nonzero(gray == 0)
    colour[rows, columns] = INVALID[(rows // 2 + columns // 2) % 2]
    # Whole-number enlargement first: pixel edges stay where they are when the tile is brought to its size.
    whole = max(1, math.ceil(2 * TILE / gray.shape[1]))
    tile = Image.fromarray(np.ascontiguousarray(colour[::-1]), "RGB")
    tile = tile.resize((tile.width * whole, tile.height * whole), Image.Resampling.NEAREST)
    tile = tile.resize((TILE, TILE), Image.Resampling.BOX)
    scale = TILE / gray.shape[1]
    draw = ImageDraw.Draw(tile)
    _aperture(draw, panel, scale, gray.shape[0])
    _scale_bar(draw, panel, scale)
    _compass(draw, panel)
    if simulated:
        draw.text((6, 4), "SIMULATED", fill=WARNING, font=_font(11), stroke_width=2, stroke_fill=PAPER)
    return tile


def _aperture(draw: "ImageDraw.ImageDraw", panel: Panel, scale: float, height: int) -> None:
    """Draw the circle of the aperture about the candidate."""
    # max() keeps its first argument against NaN
    radius = max(LEAST_APERTURE_ARCSEC, panel.r_kron_arcsec) / panel.pixel_scale * scale
    x, y = (panel.x + 0.5) * scale, (height - 0.5 - panel.y) * scale
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=APERTURE, width=1)


def _scale_bar(draw: "ImageDraw.ImageDraw", panel: Panel, scale: float) -> None:
    """Draw the longest round length that fits a third of the tile."""
    per_arcsec = scale / panel.pixel_scale
    fitting = [length for length in BAR_LENGTHS if length * per_arcsec <= TILE / 3]
    length = fitting[-1] if fitting else BAR_LENGTHS[0]
    right, y = 10 + round(length * per_arcsec), TILE - 12
    draw.line((10, y, right, y), fill=PAPER, width=5)
    draw.line((10, y, right, y), fill=INK, width=2)
    draw.text((10, y - 18), f'{length:g}"', fill=INK, font=_font(12), stroke_width=2, stroke_fill=PAPER)


def _compass(draw: "ImageDraw.ImageDraw", panel: Panel) -> None:
    """Draw arrows to north and east where the orientation is known."""
    if panel.parity == 0 or not math.isfinite(panel.north_deg):
        return
    x0, y0, length = TILE - 34, TILE - 34, 19
    for letter, angle in (("N", panel.north_deg), ("E", panel.north_deg + 90.0 * panel.parity)):
        dx, dy = -math.sin(math.radians(angle)), -math.cos(math.radians(angle))
        tip = (x0 + length * dx, y0 + length * dy)
        for width, colour in ((4, PAPER), (1, INK)):
            draw.line((x0, y0, *tip), fill=colour, width=width)
        at = (x0 + (length + 8) * dx, y0 + (length + 8) * dy)
        draw.text(at, letter, fill=INK, font=_font(12), anchor="mm", stroke_width=2, stroke_fill=PAPER)
