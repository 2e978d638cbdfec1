"""How the factors of a formula become columns: levels to contrasts, and products of factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from formulaic import ModelSpec, SimpleFormula
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Factor
from formulaic.parser.types import Term as FormulaicTerm
from numpy.typing import NDArray

from ..errors import FormulaError, count

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """A numeric factor on some rows: its columns, of which ``poly(x, 2)`` has two."""

    columns: tuple[NDArray[Any], ...]

    def __getitem__(self, where: slice) -> Numbers:
        return Numbers(tuple(column[where] for column in self.columns))


@dataclass(frozen=True, eq=False)
class Codes:
    """A categorical factor on some rows: the place of each row's level among the levels."""

    codes: NDArray[np.integer[Any]]

    def __getitem__(self, where: slice) -> Codes:
        return Codes(self.codes[where])


FactorRows = Numbers | Codes


class Coding(NamedTuple):
    """What a factor contributes to a product.

    Attributes
    ----------
    factor : str
        The factor's text.
    chosen : tuple of int, or None
        Of a numeric factor: which of its columns.
    contrasts : array (levels, columns), or None
        Of a categorical factor: the columns' values at each level.
    """

    factor: str
    chosen: tuple[int, ...] | None
    contrasts: Floats | None

    def matrix(self, rows: FactorRows) -> Floats:
        """Return the columns on some rows."""
        if isinstance(rows, Codes):
            assert self.contrasts is not None
            return np.asarray(self.contrasts[rows.codes])
        return np.stack([np.asarray(column, dtype=np.float64) for column in self.numbers(rows)], axis=1)

    def numbers(self, rows: Numbers) -> list[NDArray[Any]]:
        """Return the columns of a numeric factor one by one."""
        assert self.chosen is not None
        if max(self.chosen) >= len(rows.columns):  # a function of the user that changed since
            raise FormulaError(
                f"{self.factor!r} gives {count(len(rows.columns), 'column')}, and the model needs "
                f"{max(self.chosen) + 1}. Use the function that the model was made with."
            )
        return [rows.columns[j] for j in self.chosen]


class Product(NamedTuple):
    """A number times a product of factors; each combination of their columns is a column, the first varies fastest.

    `kept` has the places of the columns that are used, None if all are: combinations of levels without rows have none.
    """

    scale: float
    codings: tuple[Coding, ...]
    kept: tuple[int, ...] | None = None

    @property
    def width(self) -> int:
        """Number of columns."""
        if self.kept is not None:
            return len(self.kept)
        return int(np.prod([_width(coding) for coding in self.codings], dtype=int))

    def columns(self, factors: Mapping[str, FactorRows]) -> list[Floats]:
        """Return its columns on some rows, each (rows,); numbers that stand alone are not copied."""
        first = factors[self.codings[0].factor]
        if len(self.codings) == 1 and self.kept is None and isinstance(first, Numbers):
            numbers = [_side_by_side(column) for column in self.codings[0].numbers(first)]
            return numbers if self.scale == 1 else [self.scale * column for column in numbers]
        columns = self.codings[0].matrix(first)
        for coding in self.codings[1:]:
            more = coding.matrix(factors[coding.factor])
            columns = (more[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
        return list(np.multiply((columns if self.kept is None else columns[:, self.kept]).T, self.scale, order="C"))


def products(structure: Any, factors: Mapping[str, FactorValues[Any]]) -> list[Product]:
    """Read the products of one term from formulaic's structure of it.

    Parameters
    ----------
    structure : formulaic's EncodedTermStructure
    factors : mapping of str to FactorValues
        The evaluated factors by text.
    """
    return [
        Product(
            float(scoped.scale),
            tuple(
                _coding(scoped_factor.factor.expr, scoped_factor.reduced, factors) for scoped_factor in scoped.factors
            ),
        )
        for scoped in structure.scoped_terms
    ]


def lookup_term(term: FormulaicTerm) -> FormulaicTerm:
    """Make every factor a mere name: they are evaluated beforehand, and only looked up by formulaic."""
    literal = Factor.EvalMethod.LITERAL
    return FormulaicTerm(
        [
            factor if factor.eval_method is literal else Factor(factor.expr, eval_method="lookup")
            for factor in term.factors
        ]
    )


def lookup_spec(terms: Sequence[FormulaicTerm]) -> ModelSpec:
    """Return a specification whose factors are looked up in the context it is given."""
    return ModelSpec(formula=SimpleFormula(list(terms)), materializer="pandas", output="numpy", na_action="ignore")


def flat_columns(values: Any) -> list[Any]:
    """Return the columns of what a transform returned, in order; it may be nested."""
    if not isinstance(values, dict):
        return [values]
    return [
        column
        for key, value in values.items()
        if not (isinstance(key, str) and key.startswith("__"))
        for column in flat_columns(value)
    ]


def is_categorical(values: FactorValues[Any]) -> bool:
    """Tell whether an evaluated factor holds categories."""
    return bool(values.__formulaic_metadata__.kind is Factor.Kind.CATEGORICAL)


def _side_by_side(column: NDArray[Any]) -> Floats:
    """Return floats at unit stride, of which C++ sees that of a single value, too."""
    values = np.asarray(column, dtype=np.float64)
    return values if values.strides == (values.itemsize,) else values.copy()


def _width(coding: Coding) -> int:
    return coding.contrasts.shape[1] if coding.contrasts is not None else len(coding.chosen or ())


def _coding(text: str, reduced: bool, factors: Mapping[str, FactorValues[Any]]) -> Coding:
    values = factors[text]
    if is_categorical(values):
        return Coding(text, None, _contrasts(text, reduced, values))
    columns = range(len(flat_columns(values.__wrapped__)))
    dropped = values.__formulaic_metadata__.drop_field if reduced else None
    if dropped is None:
        return Coding(text, tuple(columns), None)
    keys = [key for key in values.__wrapped__ if not (isinstance(key, str) and key.startswith("__"))]
    return Coding(text, tuple(j for j in columns if keys[j] != dropped), None)


def _contrasts(text: str, reduced: bool, values: FactorValues[Any]) -> Floats:
    """Return what formulaic makes of one row for each level, beside an intercept where the factor has lost a column."""
    levels = values.__wrapped__.cat.categories
    if values.__formulaic_metadata__.encoder is None:  # treatment coding, formulaic's default
        return np.eye(len(levels))[:, int(reduced) :]
    series = pd.Series(pd.Categorical(levels, categories=levels))
    term = FormulaicTerm([Factor(text, eval_method="lookup")])
    intercept = FormulaicTerm([Factor("1", eval_method="literal")])
    frame = pd.DataFrame(index=pd.RangeIndex(len(levels)))
    context = {text: FactorValues(series, metadata=values.__formulaic_metadata__)}
    matrix = lookup_spec([intercept, term] if reduced else [term]).get_model_matrix(frame, context=context)
    return np.asarray(matrix, dtype=np.float64)[:, int(reduced) :]
