"""Leases of the project's DuckDB file: open, one statement or transaction, close.

No process keeps the file open, so that a run, the app, `status` and `report` share one project.
All leases of a process on one file share one connection and get a cursor each.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from store import leases
from store.project import StoreError

if TYPE_CHECKING:
    import duckdb

__all__ = ["Database", "StoreError"]


class Database:
    """The way to the project's DuckDB file; cheap to make, holds nothing between leases."""

    def __init__(self, path: Path, patience: float = 10.0) -> None:
        self.path = Path(path)
        self.patience = patience

    @contextmanager
    def read(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Lend a cursor for reading; fetch every result before the lease ends."""
        import duckdb

        try:
            with leases.manager(self.path).lease("read", self.patience) as cursor:
                yield cursor
        except duckdb.Error as error:
            raise StoreError(leases.trouble(self.path, error)) from error

    @contextmanager
    def write(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Lend a cursor inside one transaction: committed and verified at the end, or undone."""
        import duckdb

        manager = leases.manager(self.path)
        try:
            with manager.lease("write", self.patience) as cursor:
                try:
                    cursor.execute("BEGIN")
                    yield cursor
                    # COMMIT of an aborted transaction keeps nothing and raises nothing; this raises.
                    cursor.execute("SELECT 1").fetchone()
                    cursor.execute("COMMIT")
                except BaseException:
                    _roll_back(cursor)
                    raise
                manager.verify_in_place()
        except duckdb.Error as error:
            raise StoreError(leases.trouble(self.path, error)) from error


def _roll_back(cursor: "duckdb.DuckDBPyConnection") -> None:
    import duckdb

    # The transaction may be gone already, with the connection or by a failed COMMIT.
    with suppress(duckdb.Error):
        cursor.execute("ROLLBACK")
