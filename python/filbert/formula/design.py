"""Reads a formula and a data frame into a design: what the formula's terms learnt from the rows, and the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from numpy.typing import ArrayLike

from ..data.columns import ColumnKind, Columns, Use, check_names, read_columns, read_new_columns, unknown_columns
from ..data.series import Values
from ..errors import DataError, DataTypeError, FormulaError, count, quote_rows
from .cells import check_cells, without_empty_cells
from .coding import (
    FactorRows,
    Floats,
    Numbers,
    Product,
    flat_columns,
    is_categorical,
    lookup_spec,
    lookup_term,
    products,
)
from .factors import evaluate, evaluate_again, factor_rows, rows, translate_errors
from .namespace import make_namespace
from .parsing import Expression, ParsedFormula, parse
from .predictor import Predictor
from .rows import Rows
from .rowwise import REMEMBER, RowCheck, entangled
from .terms import Labels, Term

# The columns of a design follow from its factors, not from how many rows are laid out.
_ROWS_TO_LEARN_FROM = 64


@dataclass(frozen=True)
class Design:
    """The design of a formula: what its terms learnt from the data, enough to lay out any other rows.

    Attributes
    ----------
    formula : str
    response : str
        The response as printed, such as ``"log(y)"``.
    has_intercept : bool
    terms : tuple of Term
        Without the intercept, in the order of their columns: formulaic's, by degree.
    columns : tuple of str
        The columns of the blocks' `X`.
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
    offset_is_array : bool
        The offset was an array beside the data, so that new data do not have it.
    dropna : bool
        Whether rows with missing values are left out.
    n_rows : int
        Number of fitted rows.
    extra_namespace : dict
        The user's functions.
    rows : Rows or None
        The fitted rows; None in a model that was loaded from a file.
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
    offset_is_array: bool
    dropna: bool
    n_rows: int
    extra_namespace: dict[str, Any]
    rows: Rows | None

    @classmethod
    def read(
        cls,
        formula: str,
        data: pd.DataFrame,
        *,
        categorical: str | Sequence[str] | None = None,
        dropna: bool = False,
        weights: str | ArrayLike | None = None,
        offset: str | ArrayLike | None = None,
        extra_namespace: Mapping[str, Any] | None = None,
    ) -> Design:
        """Read a formula and the data it is fitted to.

        Every value is checked before the first block: what cannot be used raises an error that names the column.

        Parameters
        ----------
        formula : str
            ``"response ~ predictors"`` in formulaic's language. Functions are formulaic's transforms, NumPy's common
            ones (``log`` and ``np.log``) and those of `extra_namespace`; the names of the calling program are not
            seen. ``offset(x)`` adds `x` with coefficient 1, ``weighted(y, w)`` on the left gives likelihood weights,
            ``C(g, "b")`` makes ``"b"`` the reference level.
        data : pandas.DataFrame
            Text and categorical columns are factors, of which categories without rows are left out with a
            `DataWarning`. Booleans are 0 and 1; name them in `categorical` to make factors of them.
        categorical : str or list of str, optional
            Columns to treat as factors whatever their type.
        dropna : bool, default False
            Leave out the rows with a missing value in a column that is used, instead of raising.
        weights, offset : str or array-like of shape (n,), optional
            A column of `data`, or one number for each of its rows, in their order.
        extra_namespace : dict, optional
            More functions and constants for the formula. What they do is up to them: a formula of somebody else, with
            functions of yours, runs your code on its terms.

        Raises
        ------
        FormulaError, DataError, DataTypeError
            See the message for the column, the value and the remedy.
        """
        return _Reading(formula, data, categorical, bool(dropna), weights, offset, extra_namespace).design()

    def __getstate__(self) -> dict[str, Any]:
        # The namespace has modules, which cannot be pickled, and follows from the rest.
        return {name: value for name, value in self.__dict__.items() if name != "namespace"}

    @cached_property
    def namespace(self) -> dict[str, Any]:
        """The functions that the formula may use."""
        return make_namespace(self.extra_namespace)

    @cached_property
    def predictors(self) -> dict[str, Predictor]:
        """The columns of the data that predictors and offsets use, summarised, in the order of the formula."""
        assert self.rows is not None  # a loaded design has them from its file
        columns = self.rows.columns
        return {name: Predictor.of(name, columns[name], self._levels_in(name, columns[name])) for name in self.kinds}

    def _levels_in(self, name: str, values: Values) -> tuple[Any, ...] | None:
        """Return the levels of a column of numbers whose values are those of a factor, as in ``C(k)``."""
        if self.kinds[name].kind not in ("float", "int"):
            return None
        for text, levels in self.levels.items():
            if levels is not None and self.expressions[text].columns == (name,):
                known = {level for level in levels if isinstance(level, (int, float))}
                if known == set(np.unique(values).tolist()):
                    return levels
        return None

    def new_rows(self, data: pd.DataFrame) -> Rows:
        """Check rows of new data, with transforms and levels as they were learnt.

        Parameters
        ----------
        data : pandas.DataFrame
            Has the columns of `kinds`; neither response nor weights are needed.

        Raises
        ------
        DataError, DataTypeError, FormulaError
            Missing columns, unseen levels, missing values, values outside the range of a transform, factors whose
            value in a row depends on other rows.
        """
        _check_frame(data)
        if self.offset_is_array:
            raise DataError(
                "The model was given its offset as an array, so new rows have none. Put it into a column of the data "
                "and make the model with offset='that column'."
            )
        if self.entangled:
            raise FormulaError(
                f"The term {self.entangled[0]!r} of a row depends on other rows, so it has no value in new data. "
                f"{REMEMBER}"
            )
        columns = read_new_columns(data, self.kinds, self.dropna)
        factors = {
            text: evaluate_again(expression, columns, self.namespace, self.state, self.levels[text])
            for text, expression in self.expressions.items()
        }
        for product in self.products:
            check_cells(product, factors, self.levels, columns.index)
        parts = []
        for expression in self.offsets:
            value = evaluate_again(expression, columns, self.namespace, self.state, None)
            parts.append(np.array(value.columns[0], dtype=np.float64))  # type: ignore[union-attr]
        offset = sum(parts[1:], start=parts[0]) if parts else None
        return Rows(columns.index, columns.n_dropped, factors, self.products, columns.arrays, offset=offset)


class _Reading:
    """Turns a formula and its data into a design, one step after the other."""

    def __init__(
        self,
        formula: str,
        data: pd.DataFrame,
        categorical: str | Sequence[str] | None,
        dropna: bool,
        weights: str | ArrayLike | None,
        offset: str | ArrayLike | None,
        extra_namespace: Mapping[str, Any] | None,
    ) -> None:
        _check_frame(data)
        self.namespace = make_namespace(extra_namespace)
        self.extra_namespace = dict(extra_namespace or {})
        self.dropna = dropna
        self.named = _named_columns(data, weights=weights, offset=offset)
        labels = data.columns.to_list()
        self.parsed = parse(formula, labels, self.namespace, reserved=list(self.named.values()))
        if self.parsed.weights is not None and weights is not None:
            raise FormulaError("The weights are given twice: in weighted(y, w) of the formula, and as weights=.")
        arrays = {"weights": weights, "offset": offset}
        self.columns: Columns = read_columns(
            data,
            _use(self.parsed, self.named, check_names(data, "categorical", categorical)),
            {name: values for name, values in arrays.items() if values is not None and name not in self.named},
            dropna,
        )
        self.state: dict[str, Any] = {}
        self.offsets: dict[str, FactorRows] = {}

    def design(self) -> Design:
        parsed, columns = self.parsed, self.columns
        n_rows = len(columns.index)
        response = self._response(parsed.response)
        weights, offset = self._weights(), self._offset()
        factors = {
            text: evaluate(expression, columns, self.namespace, self.state)
            for text, expression in parsed.expressions.items()
        }
        spec, names = self._learn(factors, n_rows)
        labels = Labels(spec, factors, names)
        structures = [structure for structure in spec.structure if structure.term.degree > 0]
        laid_out = {text: factor_rows(values) for text, values in factors.items()}
        terms, layout = self._terms(structures, labels, factors, laid_out)
        offsets = (*self._named_offset(), *parsed.offsets)
        predictors = dict.fromkeys(name for part in [*parsed.expressions.values(), *offsets] for name in part.columns)
        constants = {name: columns.arrays[name] for name in _constant_names(parsed, self.named)}
        return Design(
            formula=parsed.text,
            response=parsed.response.text,
            has_intercept=len(structures) < len(spec.structure),
            terms=terms,
            columns=tuple(column for term in terms for column in term.columns),
            baseline=labels.baseline,
            products=layout,
            expressions=parsed.expressions,
            levels={text: _levels(values) for text, values in factors.items()},
            state=self.state,
            offsets=offsets,
            kinds={name: ColumnKind.of(columns.arrays[name]) for name in predictors},
            entangled=self._entangled(laid_out, factors),
            offset_is_array="offset" in columns.arguments,
            dropna=self.dropna,
            n_rows=n_rows,
            extra_namespace=self.extra_namespace,
            rows=Rows(columns.index, columns.n_dropped, laid_out, layout, constants, response, offset, weights),
        )

    def _learn(self, factors: Mapping[str, FactorValues[Any]], n_rows: int) -> tuple[Any, dict[Any, str]]:
        """Let formulaic lay out a few rows, to learn which columns there are."""
        terms = {lookup_term(term): str(term) for term in self.parsed.terms}
        stop = min(n_rows, _ROWS_TO_LEARN_FROM)
        context = {text: rows(values, 0, stop) for text, values in factors.items()}
        frame = pd.DataFrame(index=pd.RangeIndex(stop))
        with translate_errors(f"Cannot lay out the formula {self.parsed.text!r}"), np.errstate(all="ignore"):
            return lookup_spec(list(terms)).get_model_matrix(frame, context=context).model_spec, terms

    def _terms(
        self,
        structures: Sequence[Any],
        labels: Labels,
        factors: Mapping[str, FactorValues[Any]],
        laid_out: Mapping[str, FactorRows],
    ) -> tuple[tuple[Term, ...], tuple[Product, ...]]:
        """Label and code the terms, without the columns of combinations of levels that no row has."""
        parts = []
        for structure in structures:
            term = labels.term(structure)
            with translate_errors(f"Cannot lay out the formula {self.parsed.text!r}"):
                parts.append((term, products(structure, factors)))
        return without_empty_cells(parts, laid_out)

    def _entangled(
        self, laid_out: Mapping[str, FactorRows], factors: Mapping[str, FactorValues[Any]]
    ) -> tuple[str, ...]:
        """Find the terms and offsets whose value in a row depends on other rows, and warn of them."""
        levels = {text: _levels(values) for text, values in factors.items()}

        def again(expression: Expression, columns: Columns) -> FactorRows:
            return evaluate_again(expression, columns, self.namespace, self.state, levels.get(expression.text))

        check = RowCheck(self.columns, again)
        parts = [(text, expression, laid_out[text]) for text, expression in self.parsed.expressions.items()]
        parts += [(f"offset({part.text})", part, self.offsets[part.text]) for part in self.parsed.offsets]
        return entangled(parts, self.namespace, check)

    def _response(self, expression: Expression) -> Floats:
        """Evaluate the response: one finite number a row."""
        title = f"The response {expression.text!r}"
        return _numbers(self._evaluate(expression), title, expression.text if expression.is_column else None)

    def _evaluate(self, expression: Expression) -> Any:
        """Evaluate an expression that is no predictor; text is let through, to be refused by what it was meant for."""
        if expression.is_column:
            return self.columns.arrays[expression.text]
        return evaluate(expression, self.columns, self.namespace, self.state).__wrapped__

    def _weights(self) -> Floats | None:
        column = self.named.get("weights")
        values, title = self._argument("weights", column)
        if self.parsed.weights is not None:
            title = f"The weight {self.parsed.weights.text!r}"
            values = self._evaluate(self.parsed.weights)
        if values is None:
            return None
        weights = _numbers(values, title, column, allow_boolean=True)
        if weights.min() < 0:
            negative = weights < 0
            where = quote_rows(self.columns.index[negative])
            raise DataError(
                f"{title} has {count(int(negative.sum()), 'negative value')} ({where}). "
                "Weights say how many rows a row counts for: 0 or more."
            )
        if not weights.any():
            raise DataError(f"{title} is zero in every row. At least one row must have a positive weight.")
        return weights

    def _offset(self) -> Floats | None:
        column = self.named.get("offset")
        values, title = self._argument("offset", column)
        parts = [] if values is None else [_numbers(values, title, column, allow_boolean=True)]
        for expression in self.parsed.offsets:
            numbers = _numbers(self._evaluate(expression), f"offset({expression.text})", None, allow_boolean=True)
            self.offsets[expression.text] = Numbers((numbers,))
            parts.append(numbers)
        return sum(parts[1:], start=parts[0]) if parts else None

    def _named_offset(self) -> list[Expression]:
        column = self.named.get("offset")
        return [] if column is None else [Expression(column, True, (column,))]

    def _argument(self, name: str, column: str | None) -> tuple[Values | None, str]:
        if column is not None:
            return self.columns.arrays[column], f"Column {column!r}, the {name},"
        return self.columns.arguments.get(name), f"Argument {name}"


def _check_frame(data: object) -> None:
    if isinstance(data, pd.DataFrame):
        return
    hint = ""
    if isinstance(data, Mapping) or (isinstance(data, np.ndarray) and data.dtype.names):
        hint = " Convert it with pd.DataFrame(data)."
    elif hasattr(data, "to_pandas"):
        hint = " Convert it with data.to_pandas()."
    raise DataTypeError(f"data must be a pandas DataFrame, not {type(data).__module__}.{type(data).__name__}.{hint}")


def _named_columns(data: pd.DataFrame, **arguments: Any) -> dict[str, str]:
    """Return the arguments that name a column, with its name."""
    named = {name: value for name, value in arguments.items() if isinstance(value, str)}
    for name, column in named.items():
        if column not in data.columns:
            raise unknown_columns([column], list(data.columns), f"Argument {name}")
    return named


def _use(parsed: ParsedFormula, named: Mapping[str, str], categorical: Sequence[str]) -> Use:
    """Find out what each column is used for."""
    bare = {part.text for part in parsed if part.is_column} | set(named.values())
    outside_factors = bare | {name for part in parsed if not part.is_factor for name in part.columns}
    names = dict.fromkeys([name for part in parsed for name in part.columns] + list(named.values()))
    return Use(
        tuple(names),
        categorical=frozenset(categorical),
        factors=frozenset(names) - outside_factors,
        within=frozenset(names) - bare,
    )


def _constant_names(parsed: ParsedFormula, named: Mapping[str, str]) -> list[str]:
    """Return the columns used by anything but the response, in the order of the formula."""
    parts = [*parsed.expressions.values(), *parsed.offsets, *([parsed.weights] if parsed.weights else [])]
    return list(dict.fromkeys([name for part in parts for name in part.columns] + list(named.values())))


def _levels(values: FactorValues[Any]) -> tuple[Any, ...] | None:
    return tuple(values.__wrapped__.cat.categories) if is_categorical(values) else None


def _numbers(values: Any, title: str, column: str | None, allow_boolean: bool = False) -> Floats:
    """Return one float a row, and refuse what was not meant as a number."""
    if isinstance(values, (pd.Series, pd.Categorical)):
        remedy = f" If its values are numbers, convert it with pd.to_numeric(data[{column!r}])." if column else ""
        raise DataTypeError(f"{title} holds categories or text, and must hold numbers.{remedy}")
    if isinstance(values, dict):
        raise FormulaError(f"{title} has {len(flat_columns(values))} columns, and must have one.")
    if values.dtype.kind == "b" and not allow_boolean:
        remedy = f", for example with data[{column!r}].astype(float)," if column else ""
        raise DataTypeError(
            f"{title} is boolean, and must be a number. Convert it{remedy} if 0 and 1 are what you mean."
        )
    # A copy, so that the frame may change between the check of its values and their use.
    return np.array(values, dtype=np.float64)
