"""What a formula's terms have learnt from the rows, without the rows: enough to lay out any others."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.columns import ColumnKind, read_new_columns
from ..data.tables import as_frame
from ..errors import DataError, FormulaError
from .cells import check_cells
from .coding import Product
from .factors import evaluate_again
from .left_side import LeftSide
from .levels import ByLevel
from .namespace import make_namespace
from .parsed import Expression
from .predictor import Predictor
from .rows import Rows
from .terms import Term

if TYPE_CHECKING:
    from .groups import GroupingFactor, GroupTerm


@dataclass(frozen=True, eq=False)
class Design:
    """The design of a formula: what its terms learnt from the data, enough to lay out any other rows.

    Attributes
    ----------
    formula : str
    response : str
        The response as printed, such as ``"log(y)"`` or ``"p(y, n)"``.
    has_intercept : bool
    terms : tuple of Term
        Without the intercept, in the order of their columns: formulaic's, by degree.
    columns : tuple of str
        The columns of the blocks' `X`: of all terms but the one that is kept by level.
    baseline : dict of str to str
        The reference level of each treatment-coded factor.
    products : tuple of Product
        How the factors make the columns.
    expressions : dict of str to Expression
        The factors of the terms by text.
    levels : dict of str to tuple, or None
        The levels of each factor; None of a numeric one.
    state : dict
        What stateful transforms (``scale``, ``bs``) have learnt, by the text of their call.
    offsets : tuple of Expression
        The arguments of ``offset()``, and the column that was named as the offset.
    kinds : dict of str to ColumnKind
        What the columns that predictors and offsets use held; new data must have them.
    entangled : tuple of str
        Factors whose value in a row depends on other rows, such as ``lag(x)`` and ``x - x.mean()``.
    trials : Expression or None
        The number of trials of a response ``p(y, n)``.
    offset_is_array : bool
        The offset was an array beside the data, so that new data do not have it.
    dropna : bool
        Whether rows with missing values are left out.
    extra_namespace : dict
        The user's functions.
    predictors : mapping of str to Predictor
        The columns of the data that predictors, offsets and grouping factors use, summarised, in the order of the
        formula.
    grouping : mapping of str to GroupingFactor
    group_terms : tuple of GroupTerm
    left : LeftSide or None
        How response and weights are computed; None where a file does not say.
    by_level : ByLevel or None
        The term that is kept as the level of each row.
    """

    formula: str
    response: str
    has_intercept: bool
    terms: tuple[Term, ...]
    columns: tuple[str, ...]
    baseline: dict[str, str]
    products: tuple[Product, ...]
    expressions: dict[str, Expression]
    levels: dict[str, tuple[Any, ...] | None]
    state: dict[str, Any]
    offsets: tuple[Expression, ...]
    kinds: dict[str, ColumnKind]
    entangled: tuple[str, ...]
    trials: Expression | None
    offset_is_array: bool
    dropna: bool
    extra_namespace: dict[str, Any]
    predictors: Mapping[str, Predictor]
    grouping: Mapping[str, GroupingFactor] = field(default_factory=dict)
    group_terms: tuple[GroupTerm, ...] = ()
    left: LeftSide | None = None
    by_level: ByLevel | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The namespace has modules, which cannot be pickled, and follows from the rest.
        return {name: value for name, value in self.__dict__.items() if name != "namespace"}

    @property
    def terms_with_columns(self) -> tuple[Term, ...]:
        """The terms but the one that is kept by level."""
        return tuple(term for term in self.terms if self.by_level is None or term.name != self.by_level.term)

    @cached_property
    def namespace(self) -> dict[str, Any]:
        """The functions that the formula may use."""
        return make_namespace(self.extra_namespace)

    @property
    def constants(self) -> dict[str, Any]:
        """The numbers, texts and arrays of the user that columns are made with; functions are not compared."""
        if not self.extra_namespace:
            return {}
        from .quoting import python_tree  # with what only Python code needs

        parts = [*self.expressions.values(), *self.offsets, *(p for one in self.grouping.values() for p in one.parts)]
        trees = [python_tree(part.text)[0] for part in parts if not part.is_column]
        names = sorted({node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)})
        values = {name: self.extra_namespace[name] for name in names if name in self.extra_namespace}
        plain = (int, float, str, list, tuple, np.ndarray, np.generic)
        return {name: value for name, value in values.items() if isinstance(value, plain)}

    def new_rows(self, data: Any, with_trials: bool = False, with_groups: bool = True) -> Rows:
        """Check rows of new data, with transforms and levels as they were learnt.

        Parameters
        ----------
        data : table
            See `filbert.data.tables.table_of`. Has the columns of `kinds`; neither response nor weights are needed.
        with_trials : bool, default False
            Read the trials of a response ``p(y, n)`` as well, which draws of the response need.
        with_groups : bool, default True
            Whether the columns of grouping factors must be there; if False, rows have no group of a factor whose
            columns are not.

        Raises
        ------
        DataError, DataTypeError, FormulaError
            Missing columns, unseen levels, missing values, values outside the range of a transform, factors whose
            value in a row depends on other rows.
        """
        if self.offset_is_array:
            raise DataError(
                "The model was given its offset as an array, so new rows have none. Put it into a column of the data "
                "and make the model with offset='that column'."
            )
        if self.entangled:
            from .rowwise import REMEMBER

            raise FormulaError(
                f"The term {self.entangled[0]!r} of a row depends on other rows, so it has no value in new data. "
                f"{REMEMBER}"
            )
        trials = self.trials if with_trials else None
        data = as_frame(data, {*self.kinds, *(() if trials is None else trials.columns)})
        groupless = [] if with_groups else self._groupless(data)
        idle = {name for factor in groupless for part in factor.parts for name in part.columns} - set(data.columns)
        kinds = {name: kind for name, kind in self.kinds.items() if name not in idle or not kind.is_open}
        kinds |= {} if trials is None else dict.fromkeys(trials.columns, ColumnKind("float"))
        columns = read_new_columns(data, kinds, self.dropna)
        factors = {
            text: evaluate_again(expression, columns, self.namespace, self.state, self.levels[text])
            for text, expression in self.expressions.items()
        }
        for product in [*self.products, *(product for term in self.group_terms for product in term.products)]:
            check_cells(product, factors, self.levels, columns.index)
        parts = []
        for expression in self.offsets:
            value = evaluate_again(expression, columns, self.namespace, self.state, None)
            parts.append(np.array(value.columns[0], dtype=np.float64))  # type: ignore[union-attr]
        offset = sum(parts[1:], start=parts[0]) if parts else None
        counts = None
        if trials is not None and trials.columns:
            value = evaluate_again(trials, columns, self.namespace, self.state, None)
            counts = np.array(value.columns[0], dtype=np.float64)  # type: ignore[union-attr]
        elif trials is not None:
            counts = np.full(len(columns.index), float(ast.literal_eval(trials.text)))
        groups, unseen = dict[str, NDArray[np.int64]](), dict[str, list[str]]()
        for name, grouping in self.grouping.items():
            if grouping in groupless:
                from .groups import UNKNOWN

                groups[name], unseen[name] = np.full(len(columns.index), UNKNOWN), []
            else:
                groups[name], unseen[name] = grouping.codes(columns, self.namespace)
        return Rows(
            columns.index,
            columns.n_dropped,
            factors,
            self.products,
            columns.arrays,
            offset=offset,
            trials=counts,
            group_terms=self.group_terms,
            groups=groups,
            unseen=unseen,
            by_level=self.by_level,
        )

    def _groupless(self, data: pd.DataFrame) -> list[GroupingFactor]:
        """Return the grouping factors of which a frame does not have all columns."""
        return [
            factor
            for factor in self.grouping.values()
            if any(name not in data.columns for part in factor.parts for name in part.columns)
        ]
