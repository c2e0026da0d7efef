"""The sixel painter: encoded by textual-image in a thread, sent through the driver after the cells."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import TYPE_CHECKING

from tui.widgets.painters import inverted

if TYPE_CHECKING:
    from tui.widgets.painters import Gray

KEPT = 48


class SixelError(Exception):
    """Why pictures cannot be encoded, in one line."""


class Sixels:
    """Encoded pictures by what they show; `encode` from threads, `get` from anywhere."""

    def __init__(self, cell: tuple[int, int]) -> None:
        self.cell = cell
        self._kept: OrderedDict[Hashable, str] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> str | None:
        """Give an encoded picture, if it is there."""
        with self._lock:
            return self._kept.get(key)

    def encode(self, key: Hashable, gray: Gray, width: int, height: int, *, invert: bool) -> None:
        """Encode a picture for `width` × `height` cells; SixelError where textual-image cannot."""
        if self.get(key) is not None:
            return
        pixels = _enlarged(inverted(gray) if invert else gray, width * self.cell[0], height * self.cell[1])
        try:
            from PIL import Image
            from textual_image._sixel import image_to_sixels  # the package asks the terminal at import

            text = image_to_sixels(Image.fromarray(pixels))
        except Exception as error:
            raise SixelError(f"textual-image cannot encode sixel: {type(error).__name__}: {error}") from error
        with self._lock:
            self._kept[key] = text
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _enlarged(gray: Gray, width: int, height: int) -> Gray:
    """Scale by a whole factor for square pixels that stay sharp; hatch what is invalid, in two greys."""
    import numpy as np

    from tui.widgets.painters import resample

    side = min(width, height)
    big = resample(gray, side, side)[::-1].copy()
    y, x = np.indices(big.shape)
    hatch = np.where((x + y) // 2 % 4 == 0, 120, 40).astype(np.uint8)
    # Sixteen greys fewer keep the encoder's palette small enough for slow links.
    levels = (big // 4 * 4).astype(np.uint8)
    return np.where(big == 0, hatch, levels).astype(np.uint8)
