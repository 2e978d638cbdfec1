"""The terms of a formula: their names, their columns and the labels of these."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from formulaic import ModelSpec
from formulaic.parser.types import Factor
from formulaic.parser.types import Term as FormulaicTerm
from formulaic.transforms.contrasts import TreatmentContrasts

from ..errors import FormulaError
from .coding import flat_columns


class Term(NamedTuple):
    """A term of the formula, which owns one or more columns of the design matrix.

    Attributes
    ----------
    name : str
        As formulaic prints it: ``"x"``, ``"C(g)"``, ``"x:g"``, ``"I(x ** 2)"``.
    columns : tuple of str
        Names of its columns.
    levels : tuple or None
        One label a column: the levels of a factor, ``"b, d"`` for an interaction of factors, ``0 .. k - 1`` for a
        transform with several columns. None for a single numeric column.
    is_categorical : bool
        Whether a factor is part of it.
    """

    name: str
    columns: tuple[str, ...]
    levels: tuple[Any, ...] | None
    is_categorical: bool

    def only(self, chosen: Iterable[bool]) -> Term:
        """Return the term with some of its columns."""
        columns = tuple(itertools.compress(self.columns, chosen))
        levels = None if self.levels is None else tuple(itertools.compress(self.levels, chosen))
        return Term(self.name, columns, levels, self.is_categorical)


class Labels:
    """Reads the labels of a design's columns from the spec that formulaic has learnt."""

    def __init__(self, spec: ModelSpec, factors: Mapping[str, Any], names: Mapping[FormulaicTerm, str]) -> None:
        self._spec = spec
        self._factors = factors
        self._names = names
        self.baseline: dict[str, str] = {}

    def term(self, structure: Any) -> Term:
        """Return the term of which formulaic's structure is given."""
        # A column of 2:x is twice x, so that its name must not be x.
        numbers = "".join(
            f"{factor.expr}:" for factor in structure.term.factors if factor.eval_method is Factor.EvalMethod.LITERAL
        )
        name, columns = self._names[structure.term], tuple(numbers + column for column in structure.columns)
        if not columns:
            raise FormulaError(f"The term {name!r} adds nothing to the terms before it. Take it out of the formula.")
        kinds = [self._spec.encoder_state[f.expr][0] for f in structure.term.factors if f.expr in self._factors]
        is_categorical = Factor.Kind.CATEGORICAL in kinds
        levels: list[Any] = []
        for scoped in structure.scoped_terms:
            levels.extend(self._coordinates([(factor.factor.expr, factor.reduced) for factor in scoped.factors]))
        if len(columns) == 1 and not is_categorical:
            return Term(name, columns, None, False)
        if len(levels) != len(columns):
            levels = list(columns)
        return Term(name, columns, tuple(levels), is_categorical)

    def _coordinates(self, factors: Sequence[tuple[str, bool]]) -> list[Any]:
        """Return one label for each column of a product of factors, of which the first varies fastest."""
        parts = [labels for expr, reduced in factors if (labels := self._factor_labels(expr, reduced)) is not None]
        if len(parts) == 1:
            return list(parts[0])
        return [", ".join(str(label) for label in reversed(product)) for product in itertools.product(*parts[::-1])]

    def _factor_labels(self, expr: str, reduced: bool) -> Sequence[Any] | None:
        """Return the labels of one factor's columns; None for a single numeric column, which adds nothing."""
        kind, state = self._spec.encoder_state[expr]
        if kind is not Factor.Kind.CATEGORICAL:
            values = self._factors[expr]
            drops_one = reduced and values.__formulaic_metadata__.drop_field is not None
            size = len(flat_columns(values.__wrapped__)) - drops_one
            return None if size == 1 else range(size)
        if "contrasts" not in state:
            return None  # hashed(): its columns have numbers, and no levels
        contrasts, levels = state["contrasts"].contrasts, list(state["categories"])
        if reduced and isinstance(contrasts, TreatmentContrasts):
            self.baseline[expr] = str(contrasts.get_drop_field(levels, reduced_rank=False))
        return [coordinate(label) for label in contrasts.get_coding_column_names(levels, reduced_rank=reduced)]


def coordinate(label: Any) -> Any:
    """Return a label that an xarray coordinate can hold: text or a number."""
    if isinstance(label, np.generic):
        label = label.item()
    return label if isinstance(label, (int, float)) and not isinstance(label, bool) else str(label)
