"""Rows as a regression sees them: consecutive ones side by side in a block, and sources that yield blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class DesignColumns:
    """The columns of a design on some rows, without the intercept: one by one, or as a matrix once that is asked for.

    Parameters
    ----------
    each : sequence of array, (rows,)
        Those that a table has as they are, are its own.
    n_rows : int
    """

    def __init__(self, each: Sequence[Floats], n_rows: int) -> None:
        self.each = each
        self.n_rows = n_rows

    @classmethod
    def of(cls, X: Floats) -> DesignColumns:
        """Take those of a matrix, column-major."""
        columns = cls(tuple(X.T), len(X))
        columns.matrix = X
        return columns

    @cached_property
    def matrix(self) -> Floats:
        """All of them, (rows, columns), column-major, as Eigen stores matrices."""
        X = np.empty((self.n_rows, len(self.each)), order="F")
        for place, column in enumerate(self.each):
            X[:, place] = column
        return X


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive rows of a design.

    Attributes
    ----------
    columns : DesignColumns
    y : array, (rows,), or None
        The response; None in new data.
    offset, weights : array, (rows,), or None
    trials : array, (rows,), or None
        Of which `y` are successes.
    Z : tuple of array, (rows, columns of the term), or None
        One a group-specific term; None for a column of ones alone.
    groups : tuple of int64 array, (rows,)
        One a grouping factor: the group of each row; negative ones are other groups than those of the model's data.
    levels : int64 array, (rows,), or None
        The level of each row, of a factor that has no columns.
    """

    columns: DesignColumns
    y: Floats | None
    offset: Floats | None
    weights: Floats | None
    trials: Floats | None = None
    Z: tuple[Floats | None, ...] = ()
    groups: tuple[NDArray[np.int64], ...] = ()
    levels: NDArray[np.int64] | None = None

    def __getitem__(self, where: slice) -> Block:
        def part(column: Floats | None) -> Floats | None:
            return None if column is None else column[where]

        return Block(
            DesignColumns.of(self.X[where]),
            part(self.y),
            part(self.offset),
            part(self.weights),
            part(self.trials),
            tuple(part(z) for z in self.Z),
            tuple(group[where] for group in self.groups),
            None if self.levels is None else self.levels[where],
        )

    @property
    def X(self) -> Floats:  # noqa: N802 (the name of a design matrix)
        """The columns as a matrix, (rows, columns), column-major."""
        return self.columns.matrix

    def __len__(self) -> int:
        return self.columns.n_rows

    @property
    def target(self) -> Floats:
        """The response less the offset, which is what the columns explain."""
        assert self.y is not None
        return self.y if self.offset is None else self.y - self.offset


class Source(Protocol):
    """Rows that come in blocks, such as `filbert.formula.rows.Rows`."""

    @property
    def are_read_in_parts(self) -> bool:
        """Whether each look at the rows reads them anew."""
        ...

    @property
    def index(self) -> pd.Index[Any]:
        """Labels of the rows."""
        ...

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order."""
        ...
