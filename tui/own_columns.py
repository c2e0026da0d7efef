"""Further columns of a list of one's own: typed conditions on them, and an order by one of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.project import StoreError

SIGNS = ("<=", ">=", "!=", "<", ">", "=", "~")
JOINT = re.compile(r"\s+and(?:\s+|$)", re.IGNORECASE)
EXAMPLE = "z > 0.5 and class = lens; ~ is contains"


class ColumnError(StoreError):
    """A condition that means nothing for this list, in one line."""


@dataclass(frozen=True)
class Condition:
    """A column, a sign and what it is compared with, as typed."""

    column: str
    sign: str
    value: str

    def passes(self, cells: Mapping[str, str]) -> bool:
        """Say whether a row passes: as numbers where both are, else as text in either case.

        An empty cell is not known: it passes `=` with nothing after it, and no other condition.
        """
        cell = cells.get(self.column, "")
        if not cell or not self.value:
            return (self.sign == "=") is (cell == self.value) and self.sign in {"=", "!="} and not self.value
        if self.sign == "~":
            return self.value.casefold() in cell.casefold()
        one, other = number_of(cell), number_of(self.value)
        if one is not None and other is not None:
            return _compare(one, self.sign, other)
        if (one is None) is not (other is None) and self.sign not in {"=", "!="}:
            return False  # a word is neither more nor less than a number
        return _compare(cell.casefold(), self.sign, self.value.casefold())


def number_of(text: str) -> float | None:
    """Read a number; None where it is none, or not finite."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _compare(one: float | str, sign: str, other: float | str) -> bool:
    if sign in {"=", "!="}:
        return (one == other) is (sign == "=")
    less, same = one < other, one == other  # type: ignore[operator]
    return {"<": less, "<=": less or same, ">": not less and not same, ">=": not less}[sign]


def parse_conditions(text: str, names: Sequence[str]) -> list[Condition]:
    """Read conditions joined by "and"; ColumnError names the columns there are.

    A column is found in either case by the longest name that the condition begins with.
    """
    return [_parse(part.strip(), names) for part in JOINT.split(text)] if text.strip() else []


def _parse(text: str, names: Sequence[str]) -> Condition:
    for name in sorted(names, key=len, reverse=True):
        if text.casefold().startswith(name.casefold()):
            rest = text[len(name) :].strip()
            for sign in SIGNS:
                if rest.startswith(sign):
                    return Condition(name, sign, rest[len(sign) :].strip())
            raise ColumnError(f'columns "{text}": after {name} comes one of {" ".join(SIGNS)}')
    known = ", ".join(names[:8]) or "none: this is no list of your own"
    raise ColumnError(f'columns "{text}": no such column; there are {known}')


def in_order(cells: Sequence[str], *, backwards: bool) -> list[int]:
    """Give the places of cells in order: numbers by value, then words; empty ones last either way."""
    keys = [_key(cell) for cell in cells]
    filled = [place for place, cell in enumerate(cells) if cell]
    filled.sort(key=keys.__getitem__, reverse=backwards)
    return filled + [place for place, cell in enumerate(cells) if not cell]


def _key(cell: str) -> tuple[int, float, str]:
    value = number_of(cell)
    return (1, 0.0, cell.casefold()) if value is None else (0, value, "")
