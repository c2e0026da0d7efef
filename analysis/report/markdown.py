"""Markdown that means what it says: any text in, CommonMark out in which that text is only text."""

import math
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote

# Backslash, code, emphasis, links, raw HTML, entities, headings, table cells, strike-through, mathematics.
_SPECIAL = re.compile(r"[\\`*\[\]<>&#|~$]")
# An underscore between letters or digits is plain in CommonMark, and file names are full of them.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# What begins a list, a rule or an underlined heading; a minus before a number does not.
_BULLET = re.compile(r"^(?=[-+](\s|$)|[-\s]+$|=+$)")
_ORDINAL = re.compile(r"^(\d{1,9})(?=[.)](\s|$))")
_BREAKS = {
    "\n": " ⏎ ",
    "\r": " ⏎ ",
    "\x0b": " ⏎ ",
    "\x0c": " ⏎ ",
    "\x85": " ⏎ ",
    "\u2028": " ⏎ ",
    "\u2029": " ⏎ ",
}
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


class Markup(str):
    """Text that is Markdown already; everything else is escaped before it is written."""

    __slots__ = ()


def visible(text: str) -> str:
    """Return text in which every control or invisible character is shown instead of obeyed.

    Line breaks become ⏎, other control characters their pictures (␛), the rest of what cannot be seen
    (directions of writing, zero widths, lone surrogates) its number, as in (U+202E).
    """
    if text.isprintable():  # most text is, and a table has millions of cells
        return text
    return "".join(_shown(character) for character in text.replace("\r\n", "\n"))


def _shown(character: str) -> str:
    if character in _BREAKS:
        return _BREAKS[character]
    if character == "\t":
        return " "
    if unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"(U+{code:04X})"


def escape(text: object) -> Markup:
    """Return any text as one line of Markdown that shows it and does nothing else, wherever it stands."""
    if isinstance(text, Markup):
        return text
    line = " ".join(visible(str(text)).split())
    line = _UNDERSCORE.sub(r"\\_", _SPECIAL.sub(r"\\\g<0>", line))
    return Markup(_ORDINAL.sub(r"\1\\", _BULLET.sub(r"\\", line)))


def paragraph(text: str) -> Markup:
    """Return prose of our own, written over several lines, as one: no line of it can begin a block."""
    return Markup(" ".join(text.split()))


def number(value: float | None, spec: str) -> str:
    """Return a number in a format, or a dash where it was not measured."""
    return "–" if value is None or not math.isfinite(value) else format(value, spec)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, each cell that is not `Markup` escaped; a column named >… is set to the right."""
    heads = [name.removeprefix(">") for name in columns]
    rules = ["---:" if name.startswith(">") else "---" for name in columns]
    lines = [_row([escape(head) for head in heads]), _row(rules)]
    lines += [_row([escape(cell) for cell in row]) for row in rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def listing(items: Iterable[object]) -> str:
    """Return a list, one line per item."""
    return "\n".join(f"- {escape(item)}" for item in items)


def image(description: str, target: str) -> Markup:
    """Return an image at a relative path."""
    return Markup(f"![{escape(description)}]({quote(target, safe='/._-+~')})")


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Return lines as a code block that none of them can end."""
    body = [visible(line) for line in lines]
    longest = max((len(run) for line in body for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence + language, *body, fence])


def command(*words: str) -> str:
    """Return a command as a POSIX shell reads it; a word with control characters is written in $'…'."""
    return " ".join(_shell_word(word) for word in words)


def _shell_word(word: str) -> str:
    if all(character.isprintable() for character in word):
        return shlex.quote(word)
    # Bytes as octal: no character is left that a terminal would obey.
    coded = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "\\'" else f"\\{byte:03o}"
        for byte in word.encode(errors="surrogateescape")
    )
    return f"$'{coded}'"
