"""A column of the data that predictors use, summarised: what grids of typical values are made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..data.columns import ColumnKind
from ..data.series import Values

_NO_QUANTILES = (math.nan,) * 5


class Predictor(NamedTuple):
    """A column that the right-hand side of a formula uses.

    Attributes
    ----------
    name : str
    dtype : str
        ``"float"``, ``"int"``, ``"bool"``, ``"datetime"`` or ``"categorical"``.
    levels : tuple or None
        Of a categorical column, its categories in their order; of numbers that the formula takes for levels, as
        ``C(k)`` does, these.
    mean, sd : float
        Of a column of numbers (divisor n), else NaN.
    quantiles : tuple of float
        Minimum, quartiles and maximum of a column of numbers, else NaN.
    mode : object
        The most frequent level, the first of them; None without levels.
    """

    name: str
    dtype: str
    levels: tuple[Any, ...] | None
    mean: float = math.nan
    sd: float = math.nan
    quantiles: tuple[float, ...] = _NO_QUANTILES
    mode: Any = None

    @classmethod
    def of(cls, name: str, values: Values, levels: tuple[Any, ...] | None = None) -> Predictor:
        """Summarise a column; `levels` are those that the formula sees in numbers."""
        kind = ColumnKind.of(values)
        if isinstance(values, pd.Categorical):
            counts = np.bincount(values.codes, minlength=len(values.categories))
            return cls(name, kind.kind, kind.levels, mode=values.categories[int(np.argmax(counts))])
        if kind.kind == "datetime":
            return cls(name, kind.kind, None)
        numbers = np.asarray(values, dtype=np.float64)
        quantiles = tuple(float(q) for q in np.quantile(numbers, (0, 0.25, 0.5, 0.75, 1)))
        mode = None
        if levels is not None:  # a count for each, because groups can be as many as rows
            rows_of = dict(zip(*(part.tolist() for part in np.unique(numbers, return_counts=True)), strict=True))
            mode = max(levels, key=lambda level: rows_of.get(level, 0))
        return cls(name, kind.kind, levels, float(numbers.mean()), float(numbers.std()), quantiles, mode)

    def joined(self, other: Predictor, n_rows: int, n_further: int) -> Predictor:
        """Return the summary over two sets of rows: quartiles and mode are those of the larger set."""
        larger = self if n_rows >= n_further else other
        share = n_further / (n_rows + n_further)
        distance = other.mean - self.mean
        variance = (1 - share) * self.sd**2 + share * other.sd**2 + share * (1 - share) * distance**2
        least, most = min(self.quantiles[0], other.quantiles[0]), max(self.quantiles[4], other.quantiles[4])
        quantiles = (least, *larger.quantiles[1:4], most)
        return Predictor(
            self.name,
            self.dtype,
            self.levels,
            self.mean + share * distance,
            math.sqrt(variance),
            quantiles,
            larger.mode,
        )


class Predictors(Mapping[str, Predictor]):
    """The predictors of a formula by name, each summarised when it is first asked for, which takes time of many rows.

    Parameters
    ----------
    columns : mapping of str to array or Categorical
    levels : mapping of str to tuple
        The levels that factors such as ``C(k)`` make of a single column.
    """

    def __init__(self, columns: Mapping[str, Values], levels: Mapping[str, tuple[Any, ...]]) -> None:
        self._columns = dict(columns)
        self._levels = dict(levels)
        self._known: dict[str, Predictor] = {}

    def __getitem__(self, name: str) -> Predictor:
        if name not in self._known:
            values = self._columns[name]
            self._known[name] = Predictor.of(name, values, self._levels_in(name, values))
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def of_rows(self, columns: Mapping[str, Values]) -> Predictors:
        """Return those of other rows."""
        return Predictors({name: columns[name] for name in self._columns}, self._levels)

    def __len__(self) -> int:
        return len(self._columns)

    def _levels_in(self, name: str, values: Values) -> tuple[Any, ...] | None:
        """Return the levels of a column of numbers whose values are those of a factor."""
        levels = self._levels.get(name)
        if levels is None or ColumnKind.of(values).kind not in ("float", "int"):
            return None
        numbers = {level for level in levels if isinstance(level, (int, float))}
        return levels if numbers == set(np.unique(np.asarray(values)).tolist()) else None
