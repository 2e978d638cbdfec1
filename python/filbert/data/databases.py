"""Tables that a query of DuckDB gives: in memory if they are small, else in parts, for which the query runs again."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..errors import DataError
from .readers import parts_of
from .streams import IN_MEMORY, Part, Stream
from .tables import Table, table_of

_BATCH_ROWS = 1 << 16


def query(sql: str, database: str | None) -> Table:
    """Return the rows that a query gives.

    Parameters
    ----------
    sql : str
        A query, which may read files, as DuckDB's do: ``"select * from 'sales-*.parquet' where year > 2000"``.
    database : str or None
        A file of DuckDB, which is opened for reading.

    Raises
    ------
    DataError
        If DuckDB is not installed, there is no such file, or the query fails.
    """
    if importlib.util.find_spec("duckdb") is None or importlib.util.find_spec("pyarrow") is None:
        raise DataError("A query needs DuckDB and pyarrow: pip install 'filbert[duckdb]'.")
    if database is not None and not Path(database).is_file():
        raise DataError(f"There is no database {database}.")
    import pyarrow as pa

    batches, size = [], 0
    for batch in _batches(sql, database, _BATCH_ROWS):
        batches.append(batch)
        size += batch.nbytes
        if size > IN_MEMORY:
            return QueryStream(sql, database, batch.schema.names)
    if not batches:
        raise DataError(f"The query gives no rows: {sql}")
    return table_of(pa.Table.from_batches(batches))


@dataclass
class QueryStream(Stream):
    """The rows of a query that runs each time they are asked for."""

    sql: str
    database: str | None
    names: list[Any]
    reads_ahead: ClassVar[bool] = True

    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:
        import pyarrow as pa

        tables = (pa.Table.from_batches([batch]) for batch in _batches(self.sql, self.database, part_rows))
        yield from parts_of(tables, names, part_rows)


def _batches(sql: str, database: str | None, rows: int) -> Iterator[Any]:
    duckdb = importlib.import_module("duckdb")
    try:
        with duckdb.connect(database or ":memory:", read_only=database is not None) as connection:
            result = connection.sql(sql)
            if result is None:
                raise DataError(f"This is no query that gives rows: {sql}")
            read = getattr(result, "to_arrow_reader", None) or result.fetch_record_batch  # its earlier name
            yield from read(rows)
    except duckdb.Error as error:
        raise DataError(f"The query cannot be answered: {str(error).splitlines()[0]}") from error
