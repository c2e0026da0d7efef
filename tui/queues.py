"""Queues: which candidates a query lists, in which order; rows, terms and bulk drafts. For threads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from store.project import StoreError
from tui.listing import ANYONE, CONFLICT, ORDERS, Listing, Query, make_listing, passing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from store.candidates import CandidateRow
    from store.database import Database
    from store.journal import Draft
    from store.orders import NamePool
    from store.verdicts import VerdictBook, VerdictState

FEW = 100_000
"""Up to this many names a list keeps them as text; above, it makes them when asked."""


@dataclass(frozen=True)
class Terms:
    """The four terms of every candidate by rank, its position, and the score that it was ranked by."""

    values: npt.NDArray[np.float64]
    ra: npt.NDArray[np.float64]
    dec: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]

    def order(self, weights: Mapping[str, float]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Give ranks in the order of other weights, and every candidate's score under them."""
        from analysis.weighting import best_first, weighted

        score, _ = weighted(self.values, weights)
        return best_first(score, self.ra, self.dec) + 1, score


Columns = Mapping[str, Mapping[str, str]]
"""Further columns of a list of one's own, by candidate."""


class Queue:
    """All lists of one ranking; names and terms are read once for it."""

    def __init__(self, database: Database, columns: Callable[[], Columns] = dict) -> None:
        self.database = database
        self._columns = columns
        self._pool: NamePool | None = None
        self._terms: tuple[Any, Terms] | None = None
        self._features: tuple[Any, list[str], npt.NDArray[np.float64]] | None = None

    def pool(self) -> NamePool:
        """Give the names of the ranking there is now."""
        from store.orders import name_pool

        self._pool = name_pool(self.database, self._pool)
        return self._pool

    def terms(self) -> Terms:
        """Give the four terms of every candidate."""
        pool = self.pool()
        if self._terms is None or self._terms[0] != pool.mark:
            from store.orders import columns_by_rank

            names = ("anomaly_score", "snr_score", "artifact_score", "consistency_score")
            found = columns_by_rank(self.database, (*names, "ra", "dec", "composite_score"))
            import numpy as np

            values = np.stack([found[name] for name in names], axis=1)
            self._terms = (pool.mark, Terms(values, found["ra"], found["dec"], found["composite_score"]))
        return self._terms[1]

    def listed(self, query: Query, book: VerdictBook) -> Listing:
        """List what a query asks for."""
        pool = self.pool()
        ranks = self._ranks(query, book)
        if query.label or query.hide or query.check:
            anyones: Sequence[str] = ()
            if query.hide == ANYONE:
                anyones = [state.candidate for state in book.all_states() if state.label]
            conflicts = book.conflicts() if query.label == CONFLICT else ()
            computed = self._computed(query)
            ranks = self._sifted(ranks, pool, *passing(query, book.states(), anyones, computed, conflicts))
        if query.where:
            ranks = self._sifted(ranks, pool, self._meeting(query.where), True)
        if query.column:
            ranks = self._by_column(ranks, pool, query)
        return listing_of(pool, ranks, query)

    def _meeting(self, where: str) -> set[str]:
        """Give the names whose further columns meet the conditions."""
        from tui.own_columns import parse_conditions

        columns = self._columns()
        conditions = parse_conditions(where, names_of(columns))
        return {name for name, cells in columns.items() if all(one.passes(cells) for one in conditions)}

    def _by_column(self, ranks: Any, pool: NamePool, query: Query) -> Any:
        from tui.own_columns import in_order

        columns = self._columns()
        cells = [columns.get(name, {}).get(query.column, "") for name in pool.names(ranks)]
        return ranks[in_order(cells, backwards=query.reverse)]

    def _ranks(self, query: Query, book: VerdictBook) -> Any:
        import numpy as np

        from store.candidates import Filter
        from store.orders import candidate_ranks

        _words, column, descending = ORDERS[query.order]
        where = Filter(
            text=query.text,
            band=query.band,
            flag=query.flag,
            score_low=query.score_low,
            score_high=query.score_high,
            cone=query.cone,
        )
        if not query.ranking:
            return candidate_ranks(
                self.database, where, sort=column, descending=descending is not query.reverse
            )
        order, _score = self.terms().order(weights_called(query.ranking, book))
        if where != Filter():
            passes = np.zeros(len(order) + 1, dtype=bool)
            passes[candidate_ranks(self.database, where)] = True
            order = order[passes[order]]
        return order[::-1] if query.reverse else order

    def _computed(self, query: Query) -> Mapping[str, str]:
        """Give the computed outcomes of the check that a query is about, by candidate."""
        if not query.check:
            return {}
        from store.magnitudes import computed_outcomes

        return computed_outcomes(self.database, query.check.partition("=")[0])

    @staticmethod
    def _sifted(ranks: Any, pool: NamePool, names: set[str], alone: bool) -> Any:
        import numpy as np

        named = np.zeros(len(pool) + 1, dtype=bool)
        named[pool.ranks(sorted(names))] = True
        named[0] = False
        return ranks[named[ranks] == alone]

    def ranked(self, names: Sequence[str]) -> list[str]:
        """Give those of some names that are in the ranking."""
        ranks = self.pool().ranks(names)
        return [name for name, rank in zip(names, ranks.tolist(), strict=True) if rank]

    def alike(self, name: str, count: int) -> tuple[list[str], list[float]]:
        """Give the nearest neighbours of a candidate in feature space, and their distances."""
        from analysis.nearest import nearest
        from store.magnitudes import feature_table

        pool = self.pool()
        if self._features is None or self._features[0] != pool.mark:
            self._features = (pool.mark, *feature_table(self.database))
        _, names, vectors = self._features
        if name not in names:
            row = self.rows([name]).get(name)
            if row is not None and row.kind == "spectrum":
                raise StoreError("a spectrum has no shape or colour to compare with others")
            raise StoreError("the ranking kept no features of it; `jwst-vet rank` does")
        rows, distances = nearest(vectors, names.index(name), count)
        return [names[row] for row in rows.tolist()], distances.tolist()

    def rows(self, names: Sequence[str]) -> Mapping[str, CandidateRow]:
        """Read some rows; those of a ranking newer than the list by name."""
        from store.candidates import candidate_rows
        from store.orders import rows_at

        if not names:
            return {}
        pool = self._pool or self.pool()
        ranks = [int(rank) for rank in pool.ranks(list(names)) if rank > 0]
        wanted = set(names)
        found = {name: row for name, row in rows_at(self.database, ranks).items() if name in wanted}
        missing = [name for name in names if name not in found]
        found |= candidate_rows(self.database, missing) if missing else {}
        return {name: found[name] for name in names if name in found}

    def drafts(self, names: Sequence[str], action: str, payload: Mapping[str, Any]) -> list[Draft]:
        """Make one decision on many candidates, with the rank and score that each has."""
        from store.journal import Draft

        return [
            Draft(action, row.candidate, row.ra, row.dec, payload, row.rank, row.composite_score)
            for start in range(0, len(names), 1000)
            for row in self.rows(names[start : start + 1000]).values()
        ]


def names_of(columns: Columns) -> list[str]:
    """Name the further columns; every row has all of them."""
    return list(next(iter(columns.values()), {}))


def listing_of(pool: NamePool, ranks: Any, query: Query) -> Listing:
    """Make a list of ranks."""
    from store.orders import Places, RankedNames

    if len(pool) <= FEW:
        return make_listing(pool.names(ranks), len(pool), query)
    names = RankedNames(pool, ranks)
    return Listing(names, len(pool), query, Places(names))


def weights_called(name: str, book: VerdictBook) -> Mapping[str, float]:
    """Give the weights of a named ranking, this vetter's own before the others'."""
    for kept in book.kept("ranking"):
        if kept.name == name:
            return {term: float(kept.value.get(term, 0.0)) for term in TERM_NAMES}
    raise StoreError(f"there is no ranking called {name} any more: f lists by another order")


TERM_NAMES = ("anomaly", "snr", "artifact", "consistency")


def undecided_of(names: Sequence[str], states: Mapping[str, VerdictState]) -> list[str]:
    """Give those names that have no label yet."""
    return [name for name in names if name not in states or not states[name].label]
