"""Rows that do not fit into memory, a bounded part at a time: from files, and from functions that yield frames."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import pandas as pd

from ..errors import DataError, DataTypeError, FilbertError, FormulaError, SettingError, quote_names
from .files import column_names, file_names, is_larger_than, read_in_parts
from .tables import Table, are_paths, as_frame, table_of

PART_BYTES = 1 << 25
_LARGEST_PART = 1 << 20  # rows: beyond that, parts cost memory and save nothing
_SMALLEST_PART = 1 << 10
IN_MEMORY = 1 << 28  # bytes of numbers; files that hold more are read in parts
_NUMBER_BYTES = 8


class Part(NamedTuple):
    """Some rows of a stream.

    Attributes
    ----------
    origin : str
        Where they are from, for messages: ``"sales-3.parquet, row group 2"``.
    frame : DataFrame
        Its index are the rows' numbers within the file, or what a frame of the user has.
    """

    origin: str
    frame: pd.DataFrame


class Pass(Protocol):
    """What one reading of all rows computes: a state that parts are folded into, and that merges with others."""

    def fresh(self) -> Self:
        """Return the same pass without any rows."""
        ...

    def fold(self, part: Part) -> None:
        """Take in some rows."""
        ...

    def merge(self, other: Any) -> None:
        """Take in what the same pass computed of other rows."""
        ...


class Stream(Table, ABC):
    """Rows under column names, which are read in parts whose size is bounded.

    Attributes
    ----------
    names : list
        The labels of all columns.
    part_rows : int or None
        Rows of a part where the user chose, else as many as fill 32 MB.
    is_repeatable : bool
        Whether the rows can be read more than once.
    reads_ahead : bool
        Whether the next part is read, on a thread, while the one before is worked on. Code of the user runs on the
        thread that called it.
    runs_elsewhere : bool
        Whether passes run on workers, several at a time.
    """

    names: list[Any]
    part_rows: int | None = None
    is_repeatable: bool = True
    reads_ahead: ClassVar[bool] = False
    runs_elsewhere: ClassVar[bool] = False

    @abstractmethod
    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:
        """Yield the columns that are asked for."""

    def parts(self, names: Collection[str]) -> Iterator[Part]:
        """Yield the rows with the columns of the names, of which those that are not there are left out."""
        wanted = [name for name in self.names if name in names]
        size = PART_BYTES // (_NUMBER_BYTES * max(1, len(wanted)))
        parts = self._read(wanted, self.part_rows or min(_LARGEST_PART, max(_SMALLEST_PART, size)))
        return _ahead(parts) if self.reads_ahead else parts

    def beginnings(self, names: Collection[str], rows: int) -> Iterator[Part]:  # noqa: ARG002 (engines send no more)
        """Yield parts of which the first rows are wanted, and of most of which nothing."""
        return self.parts(names)

    def run(self, work: Pass, names: Collection[str]) -> None:
        """Fold all rows into `work`, which has none yet; engines do so where the rows are, and merge the results."""
        for part in self.parts(names):
            with named_origin(part.origin):
                work.fold(part)

    def check_repeatable(self, needs: str) -> None:
        """Refuse another pass over rows that can be read once, by what it is needed for."""
        if not self.is_repeatable:
            raise FormulaError(
                f"The rows can be read once, and {needs} takes another pass. Pass a function that yields them anew "
                "each time it is called, files, or a data frame."
            )

    def frame(self, names: Collection[str]) -> pd.DataFrame:
        """Return all rows at once."""
        frames = [part.frame for part in self.parts(names)]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=pd.Index(list(names)))


@dataclass(frozen=True)
class FileStream(Stream):
    """The rows of files, one after the other."""

    paths: tuple[str, ...]
    names: list[Any]
    part_rows: int | None = None
    reads_ahead: ClassVar[bool] = True

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


def table_or_stream(data: Any) -> Table:
    """Return how to read data of any kind: in parts where they are a stream, or files that are large."""
    if isinstance(data, Stream) or is_of_engine(data):
        return stream(data)
    if callable(data) and not hasattr(data, "columns"):
        return stream(data)
    if are_paths(data) and is_larger_than(file_names(data), IN_MEMORY):
        return stream(data)
    return table_of(data)


def is_of_engine(data: Any) -> bool:
    """Tell whether data are a frame of Dask or Spark, without importing either."""
    kind = type(data)
    package = kind.__module__.partition(".")[0]
    return (package in ("dask", "dask_expr") and hasattr(data, "to_delayed") and hasattr(data, "columns")) or (
        package == "pyspark" and kind.__name__ == "DataFrame"
    )


def frames_of(data: Any, names: Collection[str]) -> Iterator[Part]:
    """Yield a table of any kind as it is read: streams in their parts, others as one."""
    table = table_or_stream(data)
    if isinstance(table, Stream):
        yield from table.parts(names)
    else:
        yield Part("", table.frame(names))


@contextlib.contextmanager
def named_origin(origin: str) -> Iterator[None]:
    """Say in errors where the rows are from."""
    try:
        yield
    except FilbertError as error:
        if not origin:
            raise
        raise type(error)(f"{origin}: {error}") from error


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


def _ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """Read a part in the background while the one before is used."""
    from concurrent.futures import ThreadPoolExecutor

    end = Part("", pd.DataFrame())
    reader = ThreadPoolExecutor(1, thread_name_prefix="filbert-read")
    try:
        coming = reader.submit(next, parts, end)
        while (part := coming.result()) is not end:
            coming = reader.submit(next, parts, end)
            yield part
    finally:
        # Not waited for: what is not read to its end may be thrown away on any thread, the reading one among them.
        reader.shutdown(wait=False, cancel_futures=True)
