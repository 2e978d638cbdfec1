"""What is read in parts: files one after the other, the tables of a function or an iterator, frames of engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from ..errors import DataError, DataTypeError, SettingError, quote_names
from .files import column_names, file_names, read_in_parts
from .streams import Part, Stream
from .tables import are_paths, as_frame, is_of_engine, table_of


@dataclass(frozen=True)
class FileStream(Stream):
    """The rows of files, one after the other."""

    paths: tuple[str, ...]
    names: list[Any]
    part_rows: int | None = None
    reads_ahead: ClassVar[bool] = True

    @property
    def files(self) -> tuple[str, ...]:
        """The files, in their order."""
        return self.paths

    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:
        first = set(self.names)
        for path in self.paths:
            own = set(column_names([path]))
            if own != first and (differing := [name for name in names if name not in own]):
                raise DataError(f"{path} lacks {quote_names(differing)}, which {self.paths[0]} has.")
            for origin, frame in read_in_parts(path, names, part_rows):
                yield Part(origin, frame)


@dataclass(frozen=True)
class FunctionStream(Stream):
    """The frames that a function yields each time it is called, or those of an iterator, which come once."""

    function: Callable[[], Iterable[Any]]
    names: list[Any]
    part_rows: int | None = None
    is_repeatable: bool = True
    begun: Any = None  # the tables of the first call, of which one was looked at

    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:
        tables = self.function()
        if self.begun is not None and tables is self.begun:
            raise DataError(
                "The function returned the iterator that it returned before, of which tables were read already. Return "
                "a new one each time, or pass the iterator itself."
            )
        yield from parts_of(tables, names, part_rows)

    def __reduce__(self) -> tuple[type[FunctionStream], tuple[Any, ...]]:
        return FunctionStream, (self.function, self.names, self.part_rows, self.is_repeatable)


@dataclass
class ResumedStream(Stream):
    """The parts of a stream that can be read once, of which some were looked at."""

    coming: Iterator[Part]
    names: list[Any]
    is_repeatable: bool = False

    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:  # noqa: ARG002 (they were chosen before)
        return self.coming


def stream(source: Any, part_rows: Any = None) -> Stream:
    """Let a model read a table in parts, so that its rows need not fit into memory.

    The model has the posterior of a model of all rows in memory. A formula of numbers takes one pass over the rows;
    factors, groups and transforms that learn from a column (``scale``, ``center``, ``poly``, ``bs``) take further ones.
    Files that hold more than 256 MB of numbers are read so without being asked.

    Parameters
    ----------
    source : path, list of paths, function, iterator, Dask or Spark frame
        Files (CSV, Parquet, Feather; a pattern stands for all that it matches); a function without arguments that
        returns an iterable of tables each time it is called; an Arrow reader, or an iterator of tables, which can be
        read once, and so are refused by formulas that need more; a Dask or Spark frame, whose partitions are folded
        where they are, so that only summaries travel. Frames of Dask and Spark are taken by `Model` as they are.
    part_rows : int, optional
        Rows of a part; by default as many as fill 32 MB. The answer does not depend on it but for rounding.

    Returns
    -------
    Stream
        To be passed to `Model` as data.

    Raises
    ------
    DataError
        If files cannot be read, or there are no tables.
    DataTypeError
        If `source` is something else.

    Examples
    --------
    >>> model = fb.Model("y ~ x + C(g)", fb.stream("sales-*.parquet"))
    >>> idata = model.fit()
    """
    if part_rows is not None and (not isinstance(part_rows, int) or isinstance(part_rows, bool) or part_rows < 1):
        raise SettingError(f"part_rows must be a whole number of rows, 1 or more, not {part_rows!r}.")
    if isinstance(source, Stream):
        return source
    if is_of_engine(source):
        from .engines import engine_stream  # on demand, as the engines themselves

        return engine_stream(source, part_rows)
    if are_paths(source):
        paths = tuple(file_names(source))
        return FileStream(paths, column_names(paths), part_rows)
    if callable(source):
        tables = source()
        names = _first(tables)[0]
        return FunctionStream(source, names, part_rows, begun=tables if isinstance(tables, Iterator) else None)
    if not isinstance(source, Iterator) and hasattr(source, "__arrow_c_stream__"):
        source = _batches(source)
    if isinstance(source, Iterator):
        names, frames = _first(source)
        return FunctionStream(lambda: frames, names, part_rows, is_repeatable=False)
    raise DataTypeError(
        "stream() takes paths, a function that returns an iterable of tables, an iterator of them or an Arrow reader, "
        f"not {type(source).__name__}. Pass a table that is in memory to Model as it is."
    )


def _first(tables: Iterable[Any]) -> tuple[list[Any], Iterator[Any]]:
    """Return the column names of the first table, and all tables."""
    if not hasattr(tables, "__iter__") or hasattr(tables, "columns") or isinstance(tables, str):
        raise DataTypeError(
            f"The function must return an iterable of tables, such as a generator, not a {type(tables).__name__}."
        )
    iterator = iter(tables)
    first = next(iterator, None)
    if first is None:
        raise DataError("The stream has no tables.")

    def chained() -> Iterator[Any]:
        yield first
        yield from iterator

    return table_of(first).names, chained()


def _batches(source: Any) -> Iterator[Any]:
    import pyarrow as pa

    for batch in pa.RecordBatchReader.from_stream(source):
        yield pa.Table.from_batches([batch])


def parts_of(tables: Iterable[Any], names: list[Any], part_rows: int) -> Iterator[Part]:
    """Yield tables as parts, which are named by their numbers."""
    for number, table in enumerate(tables):
        frame = as_frame(table, names)
        if lacking := [name for name in names if name not in frame.columns]:
            raise DataError(f"Table {number} of the stream lacks {quote_names(lacking)}, which the first has.")
        for start in range(0, len(frame), part_rows):
            piece = frame.iloc[start : start + part_rows]
            yield Part(f"table {number} of the stream", piece.set_axis(pd.RangeIndex(start, start + len(piece))))
