"""Checked rows of a design, fitted or new, laid out a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.blocks import Block, DesignColumns, Floats
from ..data.series import Values
from .coding import FactorRows, Product
from .levels import ByLevel

if TYPE_CHECKING:
    from .groups import GroupTerm
    from .streamed_rows import RowsPass

_BLOCK_ROWS = 32768
# A block of a wide design has fewer rows, so that it stays near 32 MB.
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of data that were checked, with their factors evaluated.

    Attributes
    ----------
    index : pandas.Index
        The frame's labels of the rows used.
    n_dropped : int
        Rows left out because of missing values.
    factors : mapping of str to FactorRows
        The factors of the formula by text.
    products : sequence of Product
        How they make the columns of the design.
    columns : mapping of str to array or Categorical
        The columns of the frame that predictors, weights and offset use.
    response_values : array, (rows,), or None
        The response after its own transform; None in new data.
    offset, weights, trials : array, (rows,), or None
    group_terms : sequence of GroupTerm
    groups : mapping of str to int64 array, (rows,)
        The group of each row, by the name of the grouping factor.
    unseen : mapping of str to list of str
        In new data, the labels of those groups that the model was not fitted with, one for each negative group.
    by_level : ByLevel or None
        The term that is kept as the level of each row.
    origin : str
        Where rows of a stream are from, as its parts say.
    lender : pandas.DataFrame or None
        The frame whose columns some of the arrays are. While it is held, pandas leaves them as they are.
    """

    index: pd.Index[Any]
    n_dropped: int
    factors: Mapping[str, FactorRows]
    products: Sequence[Product]
    columns: Mapping[str, Values]
    response_values: Floats | None = None
    offset: Floats | None = None
    weights: Floats | None = None
    trials: Floats | None = None
    group_terms: Sequence[GroupTerm] = ()
    groups: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    unseen: Mapping[str, list[str]] = field(default_factory=dict)
    by_level: ByLevel | None = None
    origin: str = ""
    lender: pd.DataFrame | None = None
    are_read_in_parts: ClassVar[bool] = False

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "lender": None}  # a copy has arrays of its own

    @property
    def n_rows(self) -> int:
        """Number of rows used."""
        return len(self.index)

    def run(self, work: RowsPass) -> None:
        """Fold all rows into `work`, as those do that come in parts."""
        work.fold(self)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order, at most 32768 at a time."""
        if self.n_rows <= _BLOCK_ROWS:
            yield self._only_block
            return
        products = [*self.products, *(product for term in self.group_terms for product in term.products)]
        width = sum(product.width for product in products)
        step = min(_BLOCK_ROWS, max(1024, _BLOCK_VALUES // max(1, width)))
        for start in range(0, self.n_rows, step):
            yield self._block(slice(start, min(start + step, self.n_rows)))

    def constant_data(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the frame as arrays that can be stored."""
        return {name: _plain(values) for name, values in self.columns.items()}

    @cached_property
    def _only_block(self) -> Block:
        block = self._block(slice(0, self.n_rows))
        return replace(block, columns=DesignColumns.of(block.X))  # its own: of few rows that costs little

    def _block(self, where: slice) -> Block:
        factors = {text: values[where] for text, values in self.factors.items()}
        n_rows = where.stop - where.start
        columns = [column for product in self.products for column in product.columns(factors)]

        def part(column: Floats | None) -> Floats | None:
            return None if column is None else column[where]

        return Block(
            DesignColumns(columns, n_rows),
            part(self.response_values),
            part(self.offset),
            part(self.weights),
            part(self.trials),
            tuple(term.matrix(factors, n_rows) for term in self.group_terms),
            tuple(codes[where] for codes in self.groups.values()),
            None if self.by_level is None else self.by_level.codes(factors),
        )


def _plain(values: Values) -> NDArray[Any]:
    """Return a column as an array without Python objects, so that it can be stored."""
    if not isinstance(values, pd.Categorical):
        array = np.asarray(values)
        return array.astype(str) if array.dtype == object else array
    categories = np.asarray(values.categories)
    if categories.dtype.kind not in "biuf":
        categories = categories.astype(str)
    return np.asarray(categories[values.codes])
