"""Products of the archive: what the plan chose or left, what became of each, and every file ever fetched."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from store.database import Database
from store.journal import CARRIER, MARK
from store.journals import JournalFolder

State = Literal["planned", "done", "already there", "failed", "skipped"]

PRESENT: tuple[State, ...] = ("done", "already there")
"""States of a product whose file is on disk and was verified."""
TICKED_OFF, TICKED_ON = "ticked off", "ticked on"
"""Reasons of a state that a person chose; a new plan keeps the choice."""


@dataclass(frozen=True)
class ProductRecord:
    """One product; size -1 means unknown, "" unknown or none; `place` is its turn in the plan."""

    uri: str
    name: str
    kind: str = ""
    level: int = 3
    instrument: str = ""
    filter: str = ""
    program: str = ""
    target: str = ""
    observation: str = ""
    state: State = "planned"
    reason: str = ""
    size: int = -1
    sha256: str = ""
    source: str = ""
    public_from: str = ""
    exclusive: bool = False
    planned_at: str = ""
    finished_at: str = ""
    mtime_ns: int = 0
    plan_key: str = ""
    place: int = 0


COLUMNS = tuple(field.name for field in dataclasses.fields(ProductRecord))
_INSERT = f"INSERT INTO products ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608


def product_records(db: Database) -> list[ProductRecord]:
    """List all products in the order of the plan, those of former plans last."""
    query = f"SELECT {', '.join(COLUMNS)} FROM products ORDER BY plan_key = '', place, name"  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(query).fetchall()
    return [ProductRecord(**dict(zip(COLUMNS, row, strict=True))) for row in rows]


def plan_lines(db: Database) -> tuple[str, ...]:
    """Give what the last plan said of itself."""
    with db.read() as cursor:
        rows = cursor.execute("SELECT line FROM plan_lines ORDER BY place").fetchall()
    return tuple(line for (line,) in rows)


def save_plan(db: Database, records: Iterable[ProductRecord], lines: Iterable[str] = ()) -> None:
    """Replace the plan; files fetched under a former one are kept in the list, without its key."""
    records = list(records)
    with db.write() as cursor:
        cursor.execute("DELETE FROM products WHERE NOT list_contains(?, state)", [list(PRESENT)])
        cursor.execute("UPDATE products SET plan_key = '', place = 1000000")
        for record in records:
            cursor.execute("DELETE FROM products WHERE uri = ?", [record.uri])
            cursor.execute(_INSERT, list(dataclasses.astuple(record)))
        cursor.execute("DELETE FROM plan_lines")
        for place, line in enumerate(lines):
            cursor.execute("INSERT INTO plan_lines VALUES (?, ?)", [place, line])


def save_product(db: Database, record: ProductRecord) -> None:
    """Keep what became of one product."""
    with db.write() as cursor:
        cursor.execute("DELETE FROM products WHERE uri = ?", [record.uri])
        cursor.execute(_INSERT, list(dataclasses.astuple(record)))


def ticks(journals: Path) -> dict[str, str]:
    """Give what people last ticked off or on, by the product's address; the journals are the truth of it."""
    folder = JournalFolder(journals)
    lines, _ = folder.read_new()
    chosen: dict[str, str] = {}
    for line in lines:
        if line.action == CARRIER and MARK not in line.payload:
            value = line.payload.get("value")
            chosen[str(line.payload.get("name", ""))] = (
                str(value.get("choice", "")) if isinstance(value, dict) else ""
            )
    return chosen
