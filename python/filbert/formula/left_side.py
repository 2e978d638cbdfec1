"""What the left side of a formula needs of further rows: its response and weights, as expressions of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..data.columns import ColumnKind, Columns
from .parsed import Expression, Response

_ANY_LEVEL = ("",)  # of a column whose levels only the response looks at


class LeftSide(NamedTuple):
    """Response and weights, without their values.

    Attributes
    ----------
    response : Response
    weights : Expression or None
        Of ``weighted(y, w)``, or the column that was named as the weights.
    kinds : mapping of str to str
        What the columns of both held.
    weights_is_array : bool
        The weights were an array beside the data, so that further rows have none.
    """

    response: Response
    weights: Expression | None
    kinds: Mapping[str, str]
    weights_is_array: bool = False

    @classmethod
    def learnt(cls, response: Response, column: str | None, columns: Columns) -> LeftSide:
        """Take it from a formula, the column that was named as the weights, and what the columns hold."""
        weights = response.weights if column is None else Expression(column, True, (column,))
        parts = [response.observed, *([] if weights is None else [weights])]
        names = dict.fromkeys(name for part in parts for name in part.columns)
        kinds = {name: ColumnKind.of(columns.arrays[name]).kind for name in names}
        return cls(response, weights, kinds, "weights" in columns.arguments)

    @property
    def column_kinds(self) -> dict[str, ColumnKind]:
        """What the columns must hold again, at whatever levels."""
        return {
            name: ColumnKind(kind, _ANY_LEVEL if kind == "categorical" else None, is_open=True)
            for name, kind in self.kinds.items()
        }
