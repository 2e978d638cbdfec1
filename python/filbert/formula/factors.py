"""Evaluates the factors of a formula on checked columns, in a namespace of its own, and checks what comes out."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulaic.errors import DataMismatchWarning
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Factor
from formulaic.utils.cast import as_columns

from ..data.columns import Columns, drop_unused, level_codes
from ..data.series import is_finite
from ..errors import DataError, DataTypeError, FilbertError, FormulaError, count, quote_names, quote_rows
from .coding import Codes, FactorRows, Numbers, flat_columns, is_categorical
from .parsed import Expression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .interpreter import Interpreter


def evaluate(
    expression: Expression, columns: Columns, namespace: Mapping[str, Any], state: dict[str, Any]
) -> FactorValues[Any]:
    """Evaluate one factor on all rows.

    Parameters
    ----------
    expression : Expression
        The factor; its columns are the only ones it sees.
    columns : Columns
        The checked columns.
    namespace : mapping
        The functions it may use.
    state : dict
        What stateful transforms (``scale``, ``bs``) learn here is added to it.

    Returns
    -------
    FactorValues
        Of kind numerical: an array of floats, integers or booleans, or a dict of them. Of kind categorical: a
        Series of categories, all of which have rows.

    Raises
    ------
    FormulaError
        The expression fails, or does not give one value a row.
    DataError
        It gives values that are not finite, or a factor of one level.
    """
    if expression.is_column:
        values = columns.arrays[expression.text]
        if isinstance(values, pd.Categorical):
            _check_levels(expression, values)
            return FactorValues(pd.Series(values, copy=False), kind=Factor.Kind.CATEGORICAL, spans_intercept=True)
        return FactorValues(values, kind=Factor.Kind.NUMERICAL)
    value = _value(expression, columns, namespace, state, learning=True)
    if _is_categorical(value):
        return _check_categories(expression, value, len(columns.index))
    numbers = _map_columns(value, lambda column: _check_numbers(expression, column, len(columns.index)))
    _check_finite(expression, numbers, columns.index)
    return FactorValues(numbers, metadata=value.__formulaic_metadata__, kind=Factor.Kind.NUMERICAL)


def evaluate_again(
    expression: Expression,
    columns: Columns,
    namespace: Mapping[str, Any],
    state: Mapping[str, Any],
    levels: Sequence[Any] | None,
) -> FactorRows:
    """Evaluate one factor on new rows: transforms keep what they learnt, categories are the model's.

    Parameters
    ----------
    expression, columns, namespace
        As in `evaluate`; the columns' categories are the model's.
    state : mapping
        What `evaluate` added to its `state`.
    levels : sequence or None
        The factor's levels; None if it is numeric.

    Raises
    ------
    FormulaError, DataError
        As `evaluate`, and for levels that the model does not know.
    """
    if expression.is_column:
        values = columns.arrays[expression.text]
        return Codes(values.codes) if isinstance(values, pd.Categorical) else Numbers((values,))
    known = copy.deepcopy(dict(state))
    value = _value(expression, columns, namespace, known, learning=False)
    if _keys(known) != _keys(state):  # of a damaged file: it has just learnt from these rows
        raise FormulaError(f"The model does not hold all that {expression.text!r} has learnt.")
    if levels is not None:
        _check_length(expression, value.__wrapped__, len(columns.index))
        title = f"The factor {expression.text!r}"
        categories = pd.Categorical(_array(value.__wrapped__))
        if (categories.codes < 0).any():
            missing = quote_rows(columns.index[categories.codes < 0])
            raise DataError(f"{title} has no category for {missing}. Leave them out.")
        return Codes(level_codes(categories, levels, title, columns.index))
    numbers = _map_columns(value, lambda column: _check_numbers(expression, column, len(columns.index)))
    _check_finite(expression, numbers, columns.index)
    return Numbers(tuple(flat_columns(numbers)))


def levels_in(
    expression: Expression, columns: Columns, namespace: Mapping[str, Any], state: Mapping[str, Any]
) -> pd.Categorical | None:
    """Return a factor's levels on some of the rows, with what transforms have learnt, or None if it is numeric."""
    if expression.is_column:
        values = columns.arrays[expression.text]
        return values if isinstance(values, pd.Categorical) else None
    value = _value(expression, columns, namespace, dict(state), learning=True)
    if not _is_categorical(value):
        return None
    _check_length(expression, value.__wrapped__, len(columns.index))
    return pd.Categorical(_array(value.__wrapped__))


def interpreter_of(
    expression: Expression, columns: Columns, namespace: Mapping[str, Any], state: dict[str, Any]
) -> Interpreter:
    """Return what computes an expression on some rows, with what transforms have learnt already."""
    from .interpreter import Interpreter  # with what only Python code needs

    layer = {name: columns.series(name, expression.is_factor) for name in expression.columns}
    return Interpreter(expression.text, layer, namespace, state, False, expression.is_factor)


def plain_values(expression: Expression, columns: Columns, namespace: Mapping[str, Any]) -> Any:
    """Evaluate an expression whose values are names of groups, such as ``C(k)``: one value a row, of any kind."""
    value = _array(_value(expression, columns, namespace, {}, learning=True).__wrapped__)
    _check_length(expression, value, len(columns.index))
    if np.ndim(value) != 1 or isinstance(value, dict):
        raise FormulaError(f"{expression.text!r} has several columns, and so is no grouping factor.")
    return value


def _keys(state: Any) -> Any:
    """Return the keys of what transforms have learnt, and of what is within."""
    return {key: _keys(value) for key, value in state.items()} if isinstance(state, Mapping) else None


def factor_rows(values: FactorValues[Any]) -> FactorRows:
    """Return an evaluated factor as the design lays it out."""
    if is_categorical(values):
        return Codes(values.__wrapped__.cat.codes.to_numpy())
    return Numbers(tuple(flat_columns(values.__wrapped__)))


def rows(values: FactorValues[Any], start: int, stop: int) -> FactorValues[Any]:
    """Return a factor's values on a range of rows, numbers as float64."""

    def take(column: Any) -> Any:
        if isinstance(column, pd.Series):
            return column.iloc[start:stop]
        return np.asarray(column[start:stop], dtype=np.float64)

    return FactorValues(_map_columns(values, take), metadata=values.__formulaic_metadata__)


def _value(
    expression: Expression, columns: Columns, namespace: Mapping[str, Any], state: dict[str, Any], learning: bool
) -> FactorValues[Any]:
    """Evaluate a Python expression on the columns it names."""
    from .interpreter import Interpreter

    layer = {name: columns.series(name, expression.is_factor) for name in expression.columns}
    interpreter = Interpreter(expression.text, layer, namespace, state, learning, expression.is_factor)
    with translate_errors(f"Cannot evaluate {expression.text!r}", _hint(layer)), np.errstate(all="ignore"):
        value = interpreter.value()
    if not (hasattr(value, "__array__") or isinstance(value, (str, float, int, list, tuple, dict, type(None)))):
        raise FormulaError(f"The term {expression.text!r} gives a {type(value).__name__}, which is no number a row.")
    return FactorValues(value)


def _array(values: Any) -> Any:
    """Return the values of a factor; 0.0 and -0.0 are one level, which is called 0.0."""
    array: Any = values.array if isinstance(values, pd.Series) else values
    return array + 0.0 if getattr(getattr(array, "dtype", None), "kind", "") == "f" else array


@contextlib.contextmanager
def translate_errors(what: str, hint: str = "") -> Iterator[None]:
    """Turn exceptions of formulaic, and of functions in a formula, into ours; keep their warnings to ourselves."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # formulaic makes levels outside of C(..., levels=) the reference level, with only this warning.
            warnings.simplefilter("error", DataMismatchWarning)
            yield
    except FilbertError:
        raise
    except DataMismatchWarning as error:
        raise DataError(f"{what}: {error} Add them to the levels, or leave those rows out.") from None
    except Exception as error:
        raise FormulaError(f"{what}: {type(error).__name__}: {error}.{hint}".replace("..", ".")) from error


def _hint(layer: Mapping[str, pd.Series[Any]]) -> str:
    texts = [name for name, series in layer.items() if isinstance(series.dtype, pd.CategoricalDtype)]
    return f" {quote_names(texts)} holds categories, not numbers." if texts else ""


def _is_categorical(value: FactorValues[Any]) -> bool:
    if value.__formulaic_metadata__.kind is not Factor.Kind.UNKNOWN:
        return bool(value.__formulaic_metadata__.kind is Factor.Kind.CATEGORICAL)
    dtype = getattr(value.__wrapped__, "dtype", None)
    return isinstance(dtype, (pd.CategoricalDtype, pd.StringDtype)) or getattr(dtype, "kind", "") in ("O", "U")


def _check_categories(expression: Expression, value: FactorValues[Any], n_rows: int) -> FactorValues[Any]:
    """Fix the levels of a factor from all its rows, so that every block of rows has the same columns."""
    wrapped = value.__wrapped__
    _check_length(expression, wrapped, n_rows)
    categories = pd.Categorical(_array(wrapped))
    if (categories.codes < 0).any():
        missing = count(int((categories.codes < 0).sum()), "row")
        raise DataError(f"The factor {expression.text!r} has no category for {missing}. Widen it, or leave them out.")
    categories = drop_unused(categories, f"The factor {expression.text!r}")
    _check_levels(expression, categories)
    spans_intercept = value.__formulaic_metadata__.spans_intercept or value.__formulaic_metadata__.encoder is None
    return FactorValues(
        pd.Series(categories, copy=False),
        metadata=value.__formulaic_metadata__,
        kind=Factor.Kind.CATEGORICAL,
        spans_intercept=spans_intercept,
    )


def _check_levels(expression: Expression, values: pd.Categorical) -> None:
    title = f"Column {expression.text!r}" if expression.is_column else f"The factor {expression.text!r}"
    levels = values.categories
    if len(levels) == 1:
        raise DataError(
            f"{title} has only one level, {str(levels[0])!r}, in the rows used, so it says nothing about the "
            "response. Leave it out of the formula, or add rows with other levels."
        )


def _map_columns(value: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to each column of what a transform returned, keeping the names of columns and the metadata."""
    columns = as_columns(value)
    if isinstance(columns, FactorValues):
        columns = columns.__wrapped__
    if not isinstance(columns, dict):
        return function(columns)
    return {key: _map_columns(column, function) for key, column in columns.items()}


def _check_length(expression: Expression, values: Any, n_rows: int) -> None:
    if np.ndim(values) == 0:
        raise FormulaError(f"The term {expression.text!r} gives a single value, {values!r}, instead of one a row.")
    if len(values) != n_rows:
        raise FormulaError(f"The term {expression.text!r} gives {count(len(values), 'value')} for {n_rows} rows.")


def _check_numbers(expression: Expression, column: Any, n_rows: int) -> NDArray[Any]:
    _check_length(expression, column, n_rows)
    values = np.asarray(column)
    if values.dtype.kind not in "biuf":
        raise DataTypeError(
            f"The term {expression.text!r} gives values of dtype {values.dtype}, which are not numbers. Convert them "
            "within the formula or beforehand."
        )
    return values


def _check_finite(expression: Expression, values: Any, index: pd.Index[Any]) -> None:
    columns = [values]
    mask = np.zeros(len(index), dtype=bool)
    while columns:
        column = columns.pop()
        if isinstance(column, dict):
            columns.extend(column.values())
        elif column.dtype.kind == "f" and not is_finite(column):
            mask |= ~np.isfinite(column)
    if mask.any():
        raise DataError(
            f"The term {expression.text!r} is not finite for {count(int(mask.sum()), 'row')} "
            f"({quote_rows(index[mask])}). Leave those rows out, or use a transform that is defined there."
        )
