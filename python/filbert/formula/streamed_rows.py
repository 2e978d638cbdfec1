"""The rows of a formula that come in parts, laid out one part after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from ..data.blocks import Block
from ..data.streams import Stream, named_origin
from ..errors import DataError
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
    """

    def __init__(self, design: Design, stream: Stream, is_binary: bool) -> None:
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

    def parts(self) -> Iterator[Rows]:
        """Yield the rows a part at a time, checked; errors name where a part is from."""
        left, n_rows = self.design.left, 0
        assert left is not None
        if self._n_rows is not None:
            self.stream.check_repeatable("fitting the model, or a change of its rows' order,")
        for part in self.stream.parts(self.columns):
            with named_origin(part.origin):
                frame = without_missing(self.design, part.frame)
                if not len(frame):
                    continue
                rows = rows_with_response(self.design, left, frame, self.is_binary)
            rows = replace(rows, n_dropped=len(part.frame) - len(frame), origin=part.origin)
            n_rows += rows.n_rows
            yield rows
        if not n_rows:
            raise no_rows(self.design.dropna)
        self._n_rows = n_rows

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order."""
        for rows in self.parts():
            yield from rows.blocks()


def no_rows(dropna: bool) -> DataError:
    """Say that a stream has no rows."""
    if dropna:
        return DataError("dropna=True leaves no rows. Fill missing values, or use fewer columns.")
    return DataError("The data have no rows.")
