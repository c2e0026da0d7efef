"""Many rows at once between pandas and DuckDB: NaN in memory is NULL in the database, and back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.project import StoreError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


def columns(cursor: "duckdb.DuckDBPyConnection", table: str) -> list[str]:
    """Name the columns of a table in their order."""
    return [row[0] for row in cursor.execute(f"DESCRIBE {table}").fetchall()]


def insert(cursor: "duckdb.DuckDBPyConnection", table: str, rows: "pd.DataFrame") -> None:
    """Append the rows to a table by column name; StoreError where a column is missing."""
    import pyarrow as pa

    names = columns(cursor, table)
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise StoreError(f"table {table}: the rows lack the column(s) {', '.join(missing)}")
    if rows.empty:
        return
    incoming = pa.Table.from_pandas(rows[names], preserve_index=False)
    cursor.register("incoming", incoming)
    try:
        cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")  # noqa: S608
    finally:
        cursor.unregister("incoming")


def load(cursor: "duckdb.DuckDBPyConnection", query: str, values: Sequence[object] = ()) -> "pd.DataFrame":
    """Give the answer to a query as a table of pandas, text missing as the empty string."""
    import pandas as pd

    frame: pd.DataFrame = cursor.execute(query, list(values)).df()
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            frame[name] = frame[name].astype("str").fillna("")
    return frame
