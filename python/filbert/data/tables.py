"""Makes a pandas frame of tables of any kind: frames of other libraries, Arrow streams, relations, files."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, DataTypeError, quote_names


class Table:
    """Rows under column names, of which some columns are read when it is known which.

    Parameters
    ----------
    names : list
        The labels of all columns.
    read : callable
        Returns the columns of the names it is given, as a pandas frame; those that are not there are left out. What
        can be read once must not be asked twice.
    files : sequence of str
        The paths of those that hold the rows, of which the first has given the names; none for what is no file.
    """

    _files: Sequence[str] = ()

    def __init__(
        self, names: list[Any], read: Callable[[Collection[str]], pd.DataFrame], files: Sequence[str] = ()
    ) -> None:
        self.names = names
        self._read_columns = read
        self._files = files

    @property
    def files(self) -> Sequence[str]:
        """Where the rows are, if in files; the names are those of the first."""
        return self._files

    def frame(self, names: Collection[str]) -> pd.DataFrame:
        """Return the columns of the names, of which those that are not there are left out."""
        return self._read_columns(names)


def table_of(data: Any) -> Table:
    """Return what can be read from data of any kind that holds a table.

    Parameters
    ----------
    data : DataFrame, Table, relation, path, or list of paths
        A pandas frame is taken as it is, with its index. From everything else only the columns that are asked for are
        read: frames that narwhals knows (polars, eager and lazy, PyArrow, Modin, DuckDB relations, Ibis, ...), whatever
        has the Arrow stream protocol ``__arrow_c_stream__``, and files (see `filbert.data.files.file_names`).

    Raises
    ------
    DataTypeError
        If it is no table, or reading it needs a library that is not there.
    DataError
        If a file cannot be read.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, pd.DataFrame):
        return Table(data.columns.to_list(), lambda names: data)  # noqa: ARG005 (columns that nobody asks for cost nothing)
    if are_paths(data):
        from .files import column_names, file_names, read_files  # with what only files need

        paths = file_names(data)
        return Table(column_names(paths), lambda names: read_files(paths, names), paths)
    if is_of_engine(data):
        from .engines import engine_stream  # with what only engines need

        return engine_stream(data)
    if isinstance(data, (Mapping, np.ndarray)):
        raise _unknown(data, " Convert it with pd.DataFrame(data)." if _has_names(data) else "")
    return _known_to_narwhals(data) or _arrow_stream(data)


def as_frame(data: Any, names: Collection[str] | None = None) -> pd.DataFrame:
    """Return the columns of a table that `names` has, or all of them, as a pandas frame; see `table_of`."""
    if isinstance(data, pd.DataFrame):
        return data
    table = table_of(data)
    return table.frame(table.names if names is None else names)


def is_of_engine(data: Any) -> bool:
    """Tell whether data are a frame of Dask or Spark, without importing either."""
    kind = type(data)
    package = kind.__module__.partition(".")[0]
    return (package in ("dask", "dask_expr") and hasattr(data, "to_delayed") and hasattr(data, "columns")) or (
        package == "pyspark" and kind.__name__ == "DataFrame"
    )


def are_paths(data: Any) -> bool:
    """Tell whether data are a path, or a list of paths."""
    parts = data if isinstance(data, (list, tuple)) else [data]
    return bool(parts) and all(isinstance(part, (str, os.PathLike)) for part in parts)


def _has_names(data: Any) -> bool:
    return isinstance(data, Mapping) or bool(data.dtype.names)


def _known_to_narwhals(data: Any) -> Table | None:
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except (TypeError, nw.exceptions.DuplicateError):  # two columns of one name matter where they are used
        return None
    _need_pyarrow(data)
    schema = frame.collect_schema()
    ranked = {name for name, dtype in schema.items() if isinstance(dtype, nw.Enum)}

    def read(names: Collection[str]) -> pd.DataFrame:
        chosen = frame.select(_present(schema.names(), names))
        is_lazy = isinstance(chosen, nw.LazyFrame)
        return from_arrow(chosen.collect("pyarrow").to_native() if is_lazy else chosen.to_arrow(), ranked)

    return Table(schema.names(), read)


def _arrow_stream(data: Any) -> Table:
    if not hasattr(data, "__arrow_c_stream__"):
        hint = " Convert it with data.to_pandas()." if hasattr(data, "to_pandas") else ""
        raise _unknown(data, hint)
    _need_pyarrow(data)
    import pyarrow as pa

    reader = pa.RecordBatchReader.from_stream(data)
    labels = list(reader.schema.names)

    def read(names: Collection[str]) -> pd.DataFrame:
        chosen = _present(labels, names)
        schema = pa.schema([reader.schema.field(labels.index(name)) for name in chosen], reader.schema.metadata)
        return from_arrow(pa.Table.from_batches([batch.select(chosen) for batch in reader], schema))

    return Table(labels, read)


def _present(labels: Sequence[Any], names: Collection[str]) -> list[Any]:
    wanted = [label for label in labels if label in names]
    if twice := sorted({label for label in wanted if wanted.count(label) > 1}):
        raise DataError(f"The data have more than one column named {quote_names(twice)}. Rename or drop the others.")
    return wanted


def from_arrow(table: Any, ranked: Iterable[str] = ()) -> pd.DataFrame:
    """Return an Arrow table as a pandas frame; see `settled`."""
    import pyarrow as pa

    fields = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in table.schema]
    schema = pa.schema(fields, table.schema.metadata)
    return settled(table.cast(schema).replace_schema_metadata().to_pandas(date_as_object=True), schema, ranked)


def settled(frame: pd.DataFrame, schema: Any, ranked: Iterable[str] = ()) -> pd.DataFrame:
    """Return a frame that came of Arrow with decimals as floats, and levels sorted that have no order of their own.

    The order of a dictionary is that in which values came: another for each way in which rows are stored. One that
    pandas wrote is the user's.

    Parameters
    ----------
    frame : DataFrame
    schema : pyarrow.Schema
    ranked : iterable of str
        Columns whose levels have an order that the schema does not show.
    """
    import pyarrow as pa

    try:
        written = (schema.pandas_metadata or {}).get("columns", ())
    except ValueError:  # others wrote under this name, too
        written = ()
    in_order = {*ranked, *(column.get("name") for column in written if column.get("pandas_type") == "categorical")}
    for field in schema:
        if field.name not in frame.columns:
            continue
        column = frame[field.name]
        if pa.types.is_decimal(field.type):
            frame[field.name] = column.astype(float)
        elif isinstance(column.dtype, pd.CategoricalDtype) and not column.dtype.ordered and field.name not in in_order:
            frame[field.name] = column.cat.reorder_categories(column.cat.categories.sort_values())
    return frame


def _need_pyarrow(data: Any) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise DataTypeError(f"Reading a {_kind(data)} needs pyarrow: pip install 'filbert[arrow]'.")


def _kind(data: Any) -> str:
    return f"{type(data).__module__}.{type(data).__name__}"


def _unknown(data: Any, hint: str) -> DataTypeError:
    return DataTypeError(f"data must be a data frame, an Arrow table or a file's path, not {_kind(data)}.{hint}")
