"""A list of one's own: a CSV file with ra, dec and any further columns in, checked rows out."""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

RA_NAMES = ("ra", "ra_deg", "raj2000", "alpha_j2000", "right_ascension")
DEC_NAMES = ("dec", "dec_deg", "dej2000", "decj2000", "delta_j2000", "declination")
MOST_ROWS = 100_000
_HMS = re.compile(r"(\d{1,2})[h:\s]+(\d{1,2})[m:\s]+(\d{1,2}(?:\.\d*)?)s?")
_DMS = re.compile(r"([+-]?)(\d{1,2})[d°:\s]+(\d{1,2})['m:\s]+(\d{1,2}(?:\.\d*)?)[\"s]?")


class OwnListError(Exception):
    """A list that cannot be used: one line with the file, the row, the value and what is allowed."""


@dataclass(frozen=True)
class OwnRow:
    """One row: its line in the file, ICRS degrees, and the further columns as they stand."""

    line: int
    ra: float
    dec: float
    columns: dict[str, str]


def read_own_list(path: Path) -> list[OwnRow]:
    """Read a list.

    Columns are separated by comma, semicolon or tab and named in the first row; lines that begin with # are
    left out. Positions are ICRS, in degrees or as 7:23:21.0 and -73:26:22.

    Raises
    ------
    OwnListError
        The file cannot be read, lacks a column, or a position is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise OwnListError(
            f"{path}: cannot be read: {reason}; give a CSV file with columns ra and dec"
        ) from error
    numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not numbered:
        raise OwnListError(f"{path}: is empty; its first row names the columns, ra and dec among them")
    comma = max(",;\t", key=numbered[0][1].count)
    header = [name.strip() for name in next(csv.reader([numbered[0][1]], delimiter=comma))]
    ra_at, dec_at = _column(path, header, RA_NAMES), _column(path, header, DEC_NAMES)
    if len(numbered) - 1 > MOST_ROWS:
        raise OwnListError(f"{path}: {len(numbered) - 1} rows; at most {MOST_ROWS}: cut the list in parts")
    rows = []
    for number, line in numbered[1:]:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=comma))]
        if len(cells) != len(header):
            raise OwnListError(f"{path}: line {number} has {len(cells)} columns, the first row {len(header)}")
        ra = _angle(path, number, header[ra_at], cells[ra_at], _HMS, 0.0, 360.0)
        dec = _angle(path, number, header[dec_at], cells[dec_at], _DMS, -90.0, 90.0)
        further = {
            n: c for at, (n, c) in enumerate(zip(header, cells, strict=True)) if at not in (ra_at, dec_at)
        }
        rows.append(OwnRow(number, ra % 360.0, dec, further))
    if not rows:
        raise OwnListError(f"{path}: has no rows below its column names")
    return rows


def _column(path: Path, header: list[str], names: tuple[str, ...]) -> int:
    for at, name in enumerate(header):
        if name.lower() in names:
            return at
    found = ", ".join(header[:8])
    raise OwnListError(
        f"{path}: has no column {names[0]} (its columns: {found}); name one {' or '.join(names[:3])}"
    )


def _angle(
    path: Path, line: int, name: str, text: str, pattern: re.Pattern[str], low: float, high: float
) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
        if match := pattern.fullmatch(text):
            *sign, whole, minutes, seconds = match.groups()
            value = float(whole) + float(minutes) / 60 + float(seconds) / 3600
            value *= -1.0 if sign == ["-"] else 1.0 if sign else 15.0
    if not low <= value <= high:
        allowed = f"degrees from {low:g} to {high:g}, or sexagesimal"
        raise OwnListError(f"{path}: line {line}: {name} = {text!r}: must be {allowed}")
    return value
