"""Which candidates are exported: words of the command line in, the chosen rows out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.exports.handing import ExportError
from store.states import CHECKS, CONFLICT, OUTCOMES
from store.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

UNDECIDED: Final = "undecided"

_CONDITION: Final = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>|~)\s*(.*?)\s*", re.DOTALL)
_YES: Final = {"true": True, "yes": True, "false": False, "no": False}


Test = tuple[str, Callable[[Any], bool]]
"""A column, and the test of its values; None is unknown."""


@dataclass(frozen=True)
class Selection:
    """Words of the command line; all of them must hold, and of several labels any one."""

    labels: Sequence[str] = ()
    checks: Sequence[str] = ()
    rank: int | None = None
    where: Sequence[str] = ()

    def told(self) -> str:
        """Return the selection as one line."""
        words = [f"label {' or '.join(self.labels)}"] if self.labels else []
        words += [f"check {check}" for check in self.checks]
        words += [f"rank up to {self.rank}"] if self.rank is not None else []
        return "; ".join([*words, *self.where]) or "every candidate"


def select(
    rows: "pa.Table", columns: Sequence[Column], wanted: Selection, labels: Sequence[str]
) -> "pa.Table":
    """Return the rows that a selection asks for, in the same order.

    Parameters
    ----------
    rows : pyarrow.Table
        Candidates with the columns of `store.handoff.HANDOFF`.
    columns : sequence of Column
        Their names and types.
    wanted : Selection
        What must hold. A condition is a column, one of = != < <= > >= ~ (holds the text, whatever the case)
        and a value; of what is unknown only `grade=` is true.
    labels : sequence of str
        Labels there are.

    Raises
    ------
    ExportError
        A label, check, outcome, column or value that is not there, with those that are.
    """
    chosen: list[Test] = []
    if wanted.labels:
        any_of = {_one_label(label, labels) for label in wanted.labels}
        chosen.append(("label", lambda label: label in any_of))
    chosen += [_one_check(text) for text in wanted.checks]
    if wanted.rank is not None:
        if wanted.rank < 1:
            raise ExportError(f"--rank {wanted.rank}: must be 1 or more: how many of the first ranks")
        last = wanted.rank
        chosen.append(("rank", lambda rank: rank is not None and rank <= last))
    chosen += [_condition(text, columns) for text in wanted.where]
    import pyarrow as pa

    # One column at a time: rows of a large list are never all made into Python objects.
    for name, test in chosen:
        rows = rows.filter(pa.array([test(value) for value in rows.column(name).to_pylist()], pa.bool_()))
    return rows


def _one_label(label: str, labels: Sequence[str]) -> str | None:
    """Return what the column has for one label."""
    allowed = [*(one for one in labels if one != "none"), CONFLICT, UNDECIDED]
    if label not in allowed:
        raise ExportError(f"--label {label}: must be one of {', '.join(allowed)}")
    return None if label == UNDECIDED else label


def _one_check(text: str) -> Test:
    """Return the test for the outcome of one check."""
    check, _, outcome = text.partition("=")
    outcomes = (*OUTCOMES, CONFLICT)
    if check not in CHECKS or outcome not in outcomes:
        raise ExportError(
            f"--check {text}: must be CHECK=OUTCOME; checks: {', '.join(CHECKS)}; "
            f"outcomes: {', '.join(outcomes)}"
        )
    return check, lambda value: value == outcome


def _condition(text: str, columns: Sequence[Column]) -> Test:
    """Return the test for one condition."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ExportError(f"--where {text}: must be COLUMN, then one of = != < <= > >= ~, then a value")
    name, sign, written = found.groups()
    column = next((column for column in columns if column.name == name), None)
    if column is None:
        raise ExportError(f"--where {text}: no column {name}; there are {', '.join(c.name for c in columns)}")
    if sign == "~":
        part = written.casefold()
        return name, lambda value: value is not None and part in str(value).casefold()
    if not written and sign in {"=", "!="}:
        return name, lambda value: (value is None) == (sign == "=")
    limit = _value(text, column, written)
    compare = _SIGNS[sign]
    return name, lambda value: value is not None and compare(value, limit)


_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _value(text: str, column: Column, written: str) -> Any:
    """Return a written value as its column has it."""
    if column.type in {"text", "free text"}:
        return written
    if column.type == "yes or no":
        if written.lower() not in _YES:
            raise ExportError(f"--where {text}: {column.name} is {', '.join(_YES)}")
        return _YES[written.lower()]
    try:
        return float(written)
    except ValueError:
        raise ExportError(f"--where {text}: {column.name} is a number, {written!r} is none") from None
