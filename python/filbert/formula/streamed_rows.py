"""The rows of a formula that come in parts, laid out one part after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Protocol, Self

import pandas as pd

from ..data.blocks import Block
from ..data.streams import Part, Stream, named_origin
from ..errors import DataError
from ..sampling.reading import one_pass, rows_read
from .design import Design
from .further import rows_with_response, used_columns, without_missing
from .rows import Rows


class StreamedRows:
    """The rows of a formula, laid out a part at a time each time they are asked for.

    Parameters
    ----------
    design : Design
    stream : Stream
    is_binary : bool
    is_brought : bool
        Whether who needs them at hand is to take all of them, however many they are.
    """

    are_read_in_parts: ClassVar[bool] = True

    def __init__(self, design: Design, stream: Stream, is_binary: bool, is_brought: bool = False) -> None:
        self.is_brought = is_brought
        self.design = design
        self.stream = stream
        self.is_binary = is_binary
        self.columns = dict.fromkeys(used_columns(design))
        self._n_rows: int | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows used, which is known when they were read once."""
        if self._n_rows is None:
            for _ in self.parts():
                pass
        assert self._n_rows is not None
        return self._n_rows

    @property
    def index(self) -> pd.Index[Any]:
        """Numbers of the rows used, in the order in which they come."""
        return pd.RangeIndex(self.n_rows)

    def brought(self) -> StreamedRows:
        """Return the same rows for who takes all of them."""
        rows = StreamedRows(self.design, self.stream, self.is_binary, is_brought=True)
        rows._n_rows = self._n_rows
        return rows

    def run(self, work: RowsPass) -> None:
        """Fold all rows into `work`, where they are."""
        self._check_again()
        laid_out = _LaidOut(self.design, self.is_binary, work)
        with one_pass(self._n_rows):
            self.stream.run(laid_out, self.columns)
        self._end(laid_out.n_rows)

    def parts(self) -> Iterator[Rows]:
        """Yield the rows a part at a time, checked; errors name where a part is from."""
        self._check_again()
        n_rows = 0
        with one_pass(self._n_rows):
            for part in self.stream.parts(self.columns):
                with named_origin(part.origin):
                    rows = laid_out(self.design, part, self.is_binary)
                if rows is not None:
                    n_rows += rows.n_rows
                    yield rows
                    rows_read(rows.n_rows)
        self._end(n_rows)

    def _check_again(self) -> None:
        if self._n_rows is not None:
            self.stream.check_repeatable("what asks for the rows again")

    def _end(self, n_rows: int) -> None:
        if not n_rows:
            raise no_rows(self.design.dropna)
        if self._n_rows not in (None, n_rows):
            raise DataError(
                f"The rows changed while they were read: {self._n_rows} in one pass, and {n_rows} in another. Each "
                "must have the same rows; copy what grows meanwhile."
            )
        self._n_rows = n_rows

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order."""
        for rows in self.parts():
            yield from rows.blocks()


class RowsPass(Protocol):
    """A pass over rows that are laid out; see `filbert.data.streams.Pass`."""

    def fresh(self) -> Self:
        """Return the same pass without any rows."""
        ...

    def fold(self, rows: Rows) -> None:
        """Take in some rows."""
        ...

    def merge(self, other: Any) -> None:
        """Take in what was computed of other rows."""
        ...


class _LaidOut:
    """A pass over parts that lays them out for another."""

    def __init__(self, design: Design, is_binary: bool, work: RowsPass) -> None:
        self.design = replace(design, predictors={})  # which would take the stream along
        self.is_binary = is_binary
        self.work = work
        self.n_rows = 0

    def fresh(self) -> _LaidOut:
        return _LaidOut(self.design, self.is_binary, self.work.fresh())

    def fold(self, part: Part) -> None:
        rows = laid_out(self.design, part, self.is_binary)
        if rows is not None:
            self.work.fold(rows)
            self.n_rows += rows.n_rows
            rows_read(rows.n_rows)

    def merge(self, other: _LaidOut) -> None:
        self.work.merge(other.work)
        self.n_rows += other.n_rows


def laid_out(design: Design, part: Part, is_binary: bool) -> Rows | None:
    """Lay out a part; None if all of its rows are left out."""
    assert design.left is not None
    frame = without_missing(design, part.frame)
    if not len(frame):
        return None
    rows = rows_with_response(design, design.left, frame, is_binary)
    return replace(rows, n_dropped=len(part.frame) - len(frame), origin=part.origin)


def no_rows(dropna: bool) -> DataError:
    """Say that a stream has no rows."""
    if dropna:
        return DataError("dropna=True leaves no rows. Fill missing values, or use fewer columns.")
    return DataError("The data have no rows.")
