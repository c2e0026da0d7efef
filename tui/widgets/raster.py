"""Pictures as pixels for terminals that draw them: levels or colours in, palette image and PNG out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.widgets.painters import Gray

HATCH = ((27, 42, 69), (90, 125, 181))
"""The two blues of invalid pixels."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Pixels from the top row down: numbers (y, x) in a `palette` (n, 3), or colours (y, x, 3)."""

    pixels: Gray
    palette: Gray | None = None


def rasterise(
    pixels: Gray,
    side: int = 0,
    *,
    colours: Gray | None = None,
    levels: int = 0,
    layer: Gray | None = None,
    layer_colours: Sequence[str] = (),
) -> Raster:
    """Give levels or colours, row 0 at the bottom and 0 where invalid, as a square of `side` pixels.

    Nearest pixels, so that they stay sharp; invalid ones hatched; `layer` (0 or 1 + a number in
    `layer_colours`, of that side) laid over. `levels` limits the number of greys; 0 keeps all.
    """
    import numpy as np

    if side:
        at = np.arange(side) * pixels.shape[0] // side, np.arange(side) * pixels.shape[1] // side
        pixels = pixels[np.ix_(*at)]
    hatched = _hatch(pixels.shape[:2])
    if pixels.ndim == 3:
        made = np.where((pixels.max(axis=2) == 0)[..., None], np.array(HATCH, np.uint8)[hatched], pixels)
        for number, colour in enumerate(layer_colours, start=1):
            made[layer == number] = list(bytes.fromhex(colour[1:]))
        return Raster(made[::-1].astype(np.uint8))
    room = min(256 - len(HATCH) - len(layer_colours), levels or 254)
    numbers = (np.maximum(pixels, 1).astype(np.int32) - 1) * (room - 1) // 254
    numbers = np.where(pixels == 0, room + hatched, numbers)
    if layer is not None:
        numbers = np.where(layer > 0, room + len(HATCH) + layer - 1, numbers)
    shades = 1 + np.rint(np.arange(room) * 254 / (room - 1)).astype(int)
    table = _greys() if colours is None else colours
    rest = [*HATCH, *(tuple(bytes.fromhex(colour[1:])) for colour in layer_colours)]
    palette = np.concatenate([table[shades], np.array(rest, dtype=np.uint8)])
    return Raster(numbers[::-1].astype(np.uint8), palette)


def _greys() -> Gray:
    from analysis.colormaps import colour_table

    return colour_table("grey")


def _hatch(shape: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Give 1 on the strokes of the hatch and 0 between, as far apart in any size of picture."""
    import numpy as np

    y, x = np.indices(shape)
    step = max(1, shape[0] // 80)
    return ((x + y) // step % 4 == 0).astype(np.intp)


def encode_png(raster: Raster) -> bytes:
    """Encode a raster as a PNG."""
    pixels = raster.pixels
    rows, columns = pixels.shape[:2]
    kind = 2 if raster.palette is None else 3
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0))]
    if raster.palette is not None:
        parts.append(_chunk(b"PLTE", raster.palette.tobytes()))
    parts += [_chunk(b"IDAT", zlib.compress(raw, 6)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
