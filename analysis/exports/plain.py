"""Tables that any program reads: CSV and Parquet. Typed rows in, one file out."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from analysis.exports.handing import HandOff, unit_of

_FORMULA: Final = re.compile(r"[=+@\t\r-]")
_QUOTED: Final = re.compile(r'[",\r\n]')


def write_csv(hand: HandOff, path: Path) -> None:
    """Write CSV (RFC 4180, UTF-8); unknown is empty, and there is no place for units."""
    names = [column.name for column in hand.columns]
    write_rows(path, names, zip(*(hand.values(name) for name in names), strict=True))


def write_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV; text that a spreadsheet would take for a formula gets an apostrophe before it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(",".join(map(_cell, row)) + "\n" for row in (names, *rows))


def _cell(value: Any) -> str:
    """Return a value as CSV has it; a lone carriage return is quoted too, as the csv module does not."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value).lower()
    text = f"'{value}" if _FORMULA.match(value) else value
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def write_parquet(hand: HandOff, path: Path) -> None:
    """Write Parquet: each field has its unit and description, the file a VOTable header as TOPCAT reads it.

    The header follows VOParquet 1.0 (IVOA note): a VOTable without data under a key of the file's metadata.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from analysis.exports.astro import votable_header

    fields = [
        pa.field(column.name, hand.rows.schema.field(column.name).type, metadata=_told(column, hand))
        for column in hand.columns
    ]
    about = {key: value.encode() for key, value in hand.about.items()}
    # astropy asks for the length of text, in characters, before it reads any.
    about |= {f"table::len::{name}": str(_longest(hand.values(name))).encode() for name in _texts(hand)}
    about |= {
        "IVOA.VOTable-Parquet.version": b"1.0",
        "IVOA.VOTable-Parquet.content": votable_header(hand).encode(),
    }
    chosen = hand.rows.select([column.name for column in hand.columns])
    pq.write_table(chosen.cast(pa.schema(fields, metadata=about)), path, compression="zstd")


def _texts(hand: HandOff) -> list[str]:
    return [column.name for column in hand.columns if column.type in {"text", "free text"}]


def _longest(values: Sequence[str | None]) -> int:
    return max((len(value) for value in values if value), default=1)


def _told(column: Any, hand: HandOff) -> dict[str, str]:
    unit = unit_of(column, hand.rows)
    return {"description": column.meaning} | ({"unit": unit} if unit else {})
