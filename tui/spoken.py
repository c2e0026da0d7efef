"""The screen for a screen reader: line drawing, bars and signs taken out of every line, words left."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Of one cell each, so that nothing moves. Words stand beside every sign that is blanked here.
_SPOKEN = {
    **{chr(code): " " for code in range(0x2500, 0x25A0)},  # box drawing and blocks
    **dict.fromkeys("◆◇●○∅★·✓✗⊂▲▼◀", " "),
    "▶": ">",
    "×": "x",
    "…": ".",
    "–": "-",
    "“": '"',
    "”": '"',
    "″": '"',
    "′": "'",
}
TABLE = str.maketrans(_SPOKEN)


@lru_cache(maxsize=4096)
def spoken(text: str) -> str:
    """Give a text without line drawing and signs, as long as it was."""
    return text.translate(TABLE)


class WordsOnly(LineFilter):
    """A filter of every line that is drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Take the signs out of the texts."""
        return [Segment(spoken(text), style, control) for text, style, control in segments]


WORDS_ONLY = WordsOnly()
