"""Rows as a regression sees them: consecutive ones side by side in a block, and sources that yield blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a design.

    Attributes
    ----------
    X : array, (rows, columns)
        Column-major, without the intercept.
    y : array, (rows,), or None
        The response; None in new data.
    offset, weights : array, (rows,), or None
    """

    X: Floats
    y: Floats | None
    offset: Floats | None
    weights: Floats | None

    def __getitem__(self, where: slice) -> Block:
        parts = [None if part is None else part[where] for part in (self.y, self.offset, self.weights)]
        return Block(self.X[where], *parts)

    @property
    def target(self) -> Floats:
        """The response less the offset, which is what the columns explain."""
        assert self.y is not None
        return self.y if self.offset is None else self.y - self.offset


class Source(Protocol):
    """Rows that come in blocks, such as `filbert.formula.rows.Rows`."""

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
