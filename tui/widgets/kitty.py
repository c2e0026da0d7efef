"""The kitty painter: each picture sent once as a small PNG, then placed by Unicode placeholders.

Protocol: https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders. The placeholders are text,
so that whatever lies over them, a modal or another pane, covers the picture as it covers words.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style

from tui.widgets.painters import Line

PLACEHOLDER = "\U0010eeee"
CHUNK = 4096
KEPT = 64
# Row and column marks: the first of kitty's rowcolumn-diacritics.txt, combining marks of class 230.
_MARKS = (
    "0305 030D 030E 0310 0312 033D 033E 033F 0346 034A 034B 034C 0350 0351 0352 0357 035B 0363 0364 0365 "
    "0366 0367 0368 0369 036A 036B 036C 036D 036E 036F 0483 0484 0485 0486 0487 0592 0593 0594 0595 0597 "
    "0598 0599 059C 059D 059E 059F 05A0 05A1 05A8 05A9 05AB 05AC 05AF 05C4 0610 0611 0612 0613 0614 0615 "
    "0616 0617 0657 0658 0659 065A 065B 065D 065E 06D6 06D7 06D8 06D9 06DA 06DB 06DC 06DF 06E0 06E1 06E2 "
    "06E4 06E7 06E8 06EB 06EC 0730 0732 0733 0735 0736 073A 073D 073F 0740 0741 0743 0745 0747 0749 074A"
)
MARKS = tuple(chr(int(code, 16)) for code in _MARKS.split())


def through_tmux(sequence: str) -> str:
    """Wrap a sequence so that tmux hands it on."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


@lru_cache(maxsize=512)
def _placeholders(width: int, row: int) -> str:
    return "".join(PLACEHOLDER + MARKS[row] + MARKS[x] for x in range(width))


class Kitty:
    """Sends pictures through the driver and remembers which the terminal holds; the oldest are deleted.

    Each sender on one terminal has a `series` of its own, 0 to 255, so that none replaces another's pictures.
    """

    def __init__(self, write: Callable[[str], None], *, passthrough: bool = False, series: int = 74) -> None:
        self._write = write
        self._wrap = through_tmux if passthrough else str
        self._series = series
        self._held: OrderedDict[Hashable, int] = OrderedDict()
        self._next = 0

    def show(self, key: Hashable, data: bytes, width: int, height: int) -> list[Line]:
        """Give the placeholder lines of a PNG in `width` × `height` cells, sending it if it is new."""
        whole = (key, width, height)
        if whole not in self._held:
            self._next = self._next % 200 + 1
            self._send(self._next, data, width, height)
            self._forget(self._next)
            self._held[whole] = self._next
        self._held.move_to_end(whole)
        while len(self._held) > KEPT:
            _, old = self._held.popitem(last=False)
            self._delete(old)
        style = Style(color=f"rgb({self._held[whole]},{self._series},77)")
        return [[Segment(_placeholders(width, y), style)] for y in range(height)]

    def close(self) -> None:
        """Delete every picture sent."""
        for number in self._held.values():
            self._delete(number)
        self._held.clear()

    def _forget(self, number: int) -> None:
        for key, held in list(self._held.items()):
            if held == number:
                del self._held[key]

    def _id(self, number: int) -> int:
        # The colour of the placeholder carries the id; two fixed bytes keep clear of others' pictures.
        return number << 16 | self._series << 8 | 77

    def _send(self, number: int, data: bytes, width: int, height: int) -> None:
        text = base64.b64encode(data).decode("ascii")
        parts = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
        for place, part in enumerate(parts):
            more = int(place < len(parts) - 1)
            head = f"a=T,U=1,f=100,q=2,i={self._id(number)},c={width},r={height}," if place == 0 else "q=2,"
            self._write(self._wrap(f"\x1b_G{head}m={more};{part}\x1b\\"))

    def _delete(self, number: int) -> None:
        self._write(self._wrap(f"\x1b_Ga=d,d=I,q=2,i={self._id(number)}\x1b\\"))
