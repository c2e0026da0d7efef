"""The sixel painter: rasters encoded by textual-image, in threads; the app sends them after the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.widgets.raster import Raster

LEVELS = 64
"""Greys of a picture: more would enlarge it and no eye would see them."""


class SixelError(Exception):
    """Why pictures cannot be encoded, in one line."""


def encode_sixel(raster: Raster) -> str:
    """Encode a raster; SixelError where textual-image cannot."""
    try:
        from PIL import Image
        from textual_image._sixel import image_to_sixels  # the package asks the terminal at import

        rows, columns = raster.pixels.shape[:2]
        kind = "RGB" if raster.palette is None else "P"
        picture = Image.frombytes(kind, (columns, rows), raster.pixels.tobytes())
        if raster.palette is not None:
            picture.putpalette(raster.palette.tobytes())
        return image_to_sixels(picture)
    except Exception as error:
        raise SixelError(f"textual-image cannot encode sixel: {type(error).__name__}: {error}") from error
