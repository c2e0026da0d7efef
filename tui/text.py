"""Text on its way to a terminal: nothing in it may command the terminal or break the line."""

import unicodedata

_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def clean(text: str) -> str:
    """Spell control characters, line breaks and direction marks out instead of sending them."""
    return "".join(
        char
        if ord(char) not in _BIDI and unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs")
        else char.encode("unicode_escape").decode()
        for char in text
    )
