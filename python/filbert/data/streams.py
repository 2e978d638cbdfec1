"""Rows that do not fit into memory, a bounded part at a time: what a stream is, and which data are one."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import pandas as pd

from ..errors import FilbertError, FormulaError
from .tables import Table, are_paths, is_of_engine, table_of

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

    def chosen(self, names: Collection[str]) -> list[Any]:
        """Return the columns of the names in their order, of which those that are not there are left out."""
        return [name for name in self.names if name in names]

    def parts(self, names: Collection[str]) -> Iterator[Part]:
        """Yield the rows with the columns of the names, of which those that are not there are left out."""
        wanted = self.chosen(names)
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


def table_or_stream(data: Any) -> Table:
    """Return how to read data of any kind: in parts where they are a stream, or files that are large."""
    if isinstance(data, Stream):
        return data
    if _comes_in_parts(data):
        from .readers import stream  # with what only streams need

        return stream(data)
    return table_of(data)


def _comes_in_parts(data: Any) -> bool:
    if is_of_engine(data) or (callable(data) and not hasattr(data, "columns")):
        return True
    if not are_paths(data):
        return False
    from .files import file_names, is_larger_than  # with what only files need

    return is_larger_than(file_names(data), IN_MEMORY)


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
