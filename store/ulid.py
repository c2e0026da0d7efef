"""Identifiers that sort by time: 48 bits of milliseconds and 80 random bits, in Crockford's base 32."""

import secrets

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def next_ulid(now: float, last: str = "") -> str:
    """Give a ULID of the time `now` (seconds), later than `last` even where the clock went back."""
    value = int(now * 1000) << 80 | secrets.randbits(80)
    if last:
        value = max(value, _number(last) + 1)
    return "".join(_DIGITS[value >> shift & 31] for shift in range(125, -1, -5))


def _number(ulid: str) -> int:
    value = 0
    for character in ulid:
        value = value << 5 | _DIGITS.index(character)
    return value
