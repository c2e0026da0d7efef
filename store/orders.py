"""Orders of candidates, however many: which pass a filter and in what order, as an array of their ranks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from store.candidates import COLUMNS, CandidateRow, Filter, conditions, plain_row
from store.database import Database
from store.project import StoreError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ranks = npt.NDArray[np.int32]

CHUNK = 65_536


class NamePool:
    """The names of one ranking by rank, kept as bytes once, whatever list is made of them.

    Ranks go from 1 without a gap; an array of `ranks` is what a list is.
    """

    def __init__(self, names: "npt.NDArray[np.bytes_]", by_name: "Ranks", mark: tuple[int, int, int]) -> None:
        self._names = names
        self._by_name = by_name
        self.mark = mark

    def __len__(self) -> int:
        return len(self._names)

    def name(self, rank: int) -> str:
        """Give the name of a rank."""
        return bytes(self._names[rank - 1]).decode()

    def names(self, ranks: "Ranks") -> list[str]:
        """Give the names of many ranks."""
        found: list[str] = self._names[ranks - 1].astype("U").tolist()
        return found

    def ranks(self, names: Sequence[str]) -> "Ranks":
        """Give the rank of each name, 0 where a name is not ranked."""
        import numpy as np

        if not len(self._names) or not len(names):
            return np.zeros(len(names), dtype=np.int32)
        wanted = np.array([name.encode() for name in names])
        order = self._by_name - 1
        place = np.minimum(np.searchsorted(self._names, wanted, sorter=order), len(order) - 1)
        found = self._by_name[place]
        return np.where(self._names[found - 1] == wanted, found, 0).astype(np.int32)


class RankedNames(Sequence[str]):
    """The names of a list in its order, made of ranks when asked for."""

    def __init__(self, pool: NamePool, ranks: "Ranks") -> None:
        self.pool = pool
        self.ranks = ranks

    def __len__(self) -> int:
        return len(self.ranks)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Give one name, or a page of them."""
        if isinstance(place, slice):
            return self.pool.names(self.ranks[place])
        return self.pool.name(int(self.ranks[place]))

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self.ranks), CHUNK):
            yield from self.pool.names(self.ranks[start : start + CHUNK])


class Places(Mapping[str, int]):
    """The place of each name in a list."""

    def __init__(self, names: RankedNames) -> None:
        import numpy as np

        self._names = names
        self._place = np.full(len(names.pool) + 1, -1, dtype=np.int32)
        self._place[names.ranks] = np.arange(len(names), dtype=np.int32)
        self._place[0] = -1

    def many(self, names: Sequence[str]) -> list[int]:
        """Give the places of those of many names that are in the list."""
        found: list[int] = self._place[self._names.pool.ranks(names)].tolist()
        return [place for place in found if place >= 0]

    def __getitem__(self, name: str) -> int:
        """Give the place of a name; KeyError where it is not in the list."""
        place = int(self._place[self._names.pool.ranks([name])[0]])
        if place < 0:
            raise KeyError(name)
        return place

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def name_pool(db: Database, known: NamePool | None = None) -> NamePool:
    """Read the names of the ranking there is; the pool known stays where it is still that ranking."""
    import numpy as np

    # The facts of a ranking name its inputs; hashing a million names at every filter would cost more.
    query = """
        SELECT count(*), coalesce(max(rank), 0),
            coalesce((SELECT bit_xor(hash(info)) FROM ranking_info), 0),
            coalesce((SELECT bit_xor(hash(rank, candidate)) FROM candidates WHERE rank <= 1000), 0)
        FROM candidates
    """
    with db.read() as cursor:
        count, last, info, first = (int(value) for value in cursor.execute(query).fetchall()[0])
        mark = (count, info, first)
        if known is not None and known.mark == mark:
            return known
        if count != last:
            raise StoreError(f"{db.path}: ranks of candidates have gaps; run `jwst-vet rank` again")
        names = cursor.execute("SELECT candidate FROM candidates ORDER BY rank").fetchnumpy()["candidate"]
        order = cursor.execute("SELECT rank FROM candidates ORDER BY candidate").fetchnumpy()["rank"]
    return NamePool(np.array(names, dtype="S"), np.asarray(order, dtype=np.int32), mark)


def candidate_ranks(
    db: Database, where: Filter | None = None, *, sort: str = "rank", descending: bool = False
) -> "Ranks":
    """Give the ranks of the candidates that pass, by any column; not measured comes last, ties by rank."""
    import numpy as np

    if sort not in COLUMNS:
        raise StoreError(f"candidates have no column {sort!r}; there are {', '.join(COLUMNS)}")
    tests, values = conditions(where or Filter())
    order = "rank" if sort == "rank" else f"{sort} {'DESC' if descending else 'ASC'} NULLS LAST, rank"
    if sort == "rank" and descending:
        order = "rank DESC"
    query = f"SELECT rank FROM candidates WHERE {' AND '.join(tests)} ORDER BY {order}"  # noqa: S608
    with db.read() as cursor:
        ranks = cursor.execute(query, values).fetchnumpy()["rank"]
    return np.asarray(ranks, dtype=np.int32)


def rows_at(db: Database, ranks: Sequence[int]) -> dict[str, CandidateRow]:
    """Give the rows of some ranks, by name; the table lies in order of rank, so few blocks are touched."""
    if not len(ranks):
        return {}
    wanted = ", ".join(str(int(rank)) for rank in ranks)
    query = f"SELECT {', '.join(COLUMNS)} FROM candidates WHERE rank IN ({wanted})"  # noqa: S608
    with db.read() as cursor:
        rows: list[tuple[Any, ...]] = cursor.execute(query).fetchall()
    return {row[1]: plain_row(row) for row in rows}


def columns_by_rank(db: Database, names: Sequence[str]) -> "dict[str, npt.NDArray[np.float64]]":
    """Give whole columns of numbers in order of rank, NaN where not measured."""
    import numpy as np

    query = f"SELECT {', '.join(names)} FROM candidates ORDER BY rank"  # noqa: S608
    with db.read() as cursor:
        found: dict[str, Any] = cursor.execute(query).fetchnumpy()
    return {name: np.ma.filled(found[name].astype(float), np.nan) for name in names}
