"""What every export is made of: typed rows, what is said of all, pixels and places behind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from store.project import StoreError
from store.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from analysis.cutouts import CutoutSet


class ExportError(StoreError):
    """What cannot be exported, in one line: the value, what is allowed, the next step."""


@dataclass(frozen=True)
class Searched:
    """One measured frame: its file, its corners as s_region text (ICRS degrees), its 5σ depth."""

    frame: str
    path: str
    instrument: str
    filter: str
    footprint: str
    depth_mag: float


@dataclass(frozen=True)
class Vote:
    """The label that one vetter gave a candidate, and when (UTC)."""

    candidate: str
    vetter: str
    label: str
    at: str


@dataclass(frozen=True)
class Cut:
    """The pixels of one candidate, and by frame the exact WCS of its cutout where the file is at hand.

    `headers` hold FITS cards; a frame without one has an orthogonal grid made of what its panel says.
    """

    cutouts: "CutoutSet"
    headers: Mapping[str, Any]


@dataclass(frozen=True)
class HandOff:
    """What a writer gets.

    Attributes
    ----------
    rows : pyarrow.Table
        The chosen candidates, one column for each of `columns`; null is unknown.
    columns : sequence of Column
        Name, type, unit and meaning.
    about : mapping
        What is said of all rows: program, version, field, selection; no time, so that bytes repeat.
    simulated : bool
        Whether any row comes from SIMULATED data.
    searched : sequence of Searched
        Every measured frame.
    votes : sequence of Vote
        Labels that stand, of the chosen candidates, by candidate and vetter.
    features : mapping
        By candidate: features on one scale; empty where nothing was ranked by them.
    cut : callable
        From the name of a candidate to its pixels; None where it has none.
    """

    rows: "pa.Table"
    columns: Sequence[Column]
    about: Mapping[str, str]
    simulated: bool
    searched: Sequence[Searched] = ()
    votes: Sequence[Vote] = ()
    features: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    cut: Callable[[str], Cut | None] = lambda _name: None

    def values(self, name: str) -> list[Any]:
        """Return one column as Python values, None where unknown."""
        found: list[Any] = self.rows.column(name).to_pylist()
        return found


def unit_of(column: Column, rows: "pa.Table") -> str:
    """Return the unit of a column as the IVOA and astropy write it; "" where it has none.

    A flux has the unit that its own column names, where all rows agree on it; else it has none here, and the
    rows say it one by one.
    """
    unit = {"px": "pix", "bytes": "byte"}.get(column.unit, column.unit)
    if unit in {"", "UTC", "0 to 1"}:
        return ""
    if unit not in rows.column_names:
        return unit
    known = rows.filter(rows.column(column.name).is_valid()).column(unit).unique().to_pylist()
    return str(known[0]) if len(known) == 1 and known[0] is not None else ""
