"""Checks: what the program computed for each candidate, apart from what people say of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

from store.database import Database


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One computed outcome.

    `number` is the one number that decides, in words; `evidence` the whole finding as JSON; `input_key` names
    what it was computed from, `digest` what was found; times are UTC.
    """

    candidate: str
    name: str
    outcome: str
    number: str
    reason: str
    evidence: str
    input_key: str
    digest: str
    computed_at: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One answer of a catalogue service that is kept as a file under outputs/catalogs."""

    service: str
    block: str
    path: str
    rows: int
    release: str
    asked_at: str
    sha256: str


COLUMNS = tuple(field.name for field in fields(CheckRow))
ANSWER_COLUMNS = tuple(field.name for field in fields(AnswerRow))


def save_checks(db: Database, rows: Iterable[CheckRow]) -> None:
    """Keep computed outcomes, each in place of the one there was for the same candidate and check."""
    rows = list(rows)
    if not rows:
        return
    marks = ", ".join("?" * len(COLUMNS))
    with db.write() as cursor:
        cursor.executemany(
            "DELETE FROM computed_checks WHERE candidate = ? AND name = ?",
            [(r.candidate, r.name) for r in rows],
        )
        cursor.executemany(
            f"INSERT INTO computed_checks ({', '.join(COLUMNS)}) VALUES ({marks})",  # noqa: S608
            [list(astuple(row)) for row in rows],
        )


def load_checks(db: Database, candidates: Sequence[str] | None = None) -> dict[str, dict[str, CheckRow]]:
    """Give the computed outcomes by candidate and check, of all candidates or of those named."""
    query = f"SELECT {', '.join(COLUMNS)} FROM computed_checks"  # noqa: S608
    values: list[object] = []
    if candidates is not None:
        query += " WHERE candidate IN (SELECT unnest(?))"
        values.append(list(candidates))
    with db.read() as cursor:
        rows = cursor.execute(query, values).fetchall()
    found: dict[str, dict[str, CheckRow]] = {}
    for row in rows:
        one = CheckRow(*row)
        found.setdefault(one.candidate, {})[one.name] = one
    return found


def check_keys(db: Database) -> dict[tuple[str, str], str]:
    """Give the input key of each computed outcome, by candidate and check."""
    with db.read() as cursor:
        rows = cursor.execute("SELECT candidate, name, input_key FROM computed_checks").fetchall()
    return {(candidate, name): key for candidate, name, key in rows}


def save_answer(db: Database, row: AnswerRow) -> None:
    """Index one kept answer, in place of an older one to the same question."""
    marks = ", ".join("?" * len(ANSWER_COLUMNS))
    with db.write() as cursor:
        cursor.execute(
            "DELETE FROM catalog_answers WHERE service = ? AND block = ?", [row.service, row.block]
        )
        cursor.execute(
            f"INSERT INTO catalog_answers ({', '.join(ANSWER_COLUMNS)}) VALUES ({marks})",  # noqa: S608
            list(astuple(row)),
        )


def answers(db: Database) -> Mapping[tuple[str, str], AnswerRow]:
    """Give the kept answers by service and block."""
    query = f"SELECT {', '.join(ANSWER_COLUMNS)} FROM catalog_answers"  # noqa: S608
    with db.read() as cursor:
        rows = cursor.execute(query).fetchall()
    return {(row[0], row[1]): AnswerRow(*row) for row in rows}
