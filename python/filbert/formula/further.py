"""Reads further rows with response and weights, for designs that all rows together would leave as they are."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..data.columns import Columns, read_new_columns
from ..errors import DataError, FormulaError, count, quote_names, quote_rows
from .coding import Codes, FactorRows, Floats, Numbers
from .design import Design
from .factors import evaluate
from .left_side import LeftSide
from .namespace import names_of_user
from .parsed import Expression
from .quoting import python_tree
from .rows import Rows
from .rowwise import Reach, RowCheck, reach
from .values import numbers

_SPLINES = ("bs", "cr", "cs", "cc")
_FIXED = {"knots", "lower_bound", "upper_bound"}
_AGAIN = "make the model again from all rows together"


def further_rows(design: Design, data: pd.DataFrame, is_binary: bool) -> Rows:
    """Read further rows as those of the model's data were read.

    Parameters
    ----------
    design : Design
    data : DataFrame
        Has the columns of predictors, response, weights and offset.
    is_binary : bool
        Whether the response may be true and false, or one level of a column against the others.

    Raises
    ------
    FormulaError
        Terms whose columns would be others if all rows were read together: those that learn from a column, and those
        whose value in a row depends on other rows.
    DataError, DataTypeError
        Columns, levels, groups and combinations of levels that the model does not know, missing and infinite values,
        weights and offsets that were arrays.
    """
    left = _checked_left(design)
    n_given = len(data)
    data = without_missing(design, data)
    if n_given and not len(data):
        raise DataError(f"dropna=True leaves none of {count(n_given, 'row')}, so there is nothing to update with.")
    rows = rows_with_response(design, left, data, is_binary)
    return replace(rows, n_dropped=n_given - rows.n_rows)


def used_columns(design: Design) -> list[str]:
    """Return the columns of predictors, response, weights and offset."""
    left = design.left
    return list(dict.fromkeys([*design.kinds, *(() if left is None else _columns_of_left(design, left))]))


def without_missing(design: Design, data: pd.DataFrame) -> pd.DataFrame:
    """Leave out rows with missing values, where the model does."""
    if not design.dropna:
        return data
    used = [name for name in used_columns(design) if name in data.columns]
    return data.loc[~data[used].isna().any(axis=1).to_numpy()]


def rows_with_response(design: Design, left: LeftSide, data: pd.DataFrame, is_binary: bool) -> Rows:
    """Lay out rows with response and weights, by what the design has learnt; groups must be known.

    Raises
    ------
    FormulaError, DataError, DataTypeError
        As `further_rows`.
    """
    rows = design.new_rows(data, with_trials=True)
    if unseen := {name: labels for name, labels in rows.unseen.items() if labels}:
        name, labels = next(iter(unseen.items()))
        raise DataError(
            f"The grouping factor {name!r} has groups that the model was not fitted with: {quote_names(labels)}. Leave "
            f"those rows out, or {_AGAIN}."
        )
    columns = read_new_columns(data, left.column_kinds, False)
    observed = _response(design, left, columns, is_binary)
    weights = None if left.weights is None else _weights(left.weights, columns, design.namespace)
    return replace(rows, columns={**columns.arrays, **rows.columns}, response_values=observed, weights=weights)


def joined(rows: Rows, further: Rows) -> Rows:
    """Return the rows of a model followed by further ones."""

    def both(one: Floats | None, other: Floats | None) -> Floats | None:
        return None if one is None or other is None else np.concatenate([one, other])

    return Rows(
        rows.index.append(further.index),
        rows.n_dropped + further.n_dropped,
        {text: _joined_factor(values, further.factors[text]) for text, values in rows.factors.items()},
        rows.products,
        {name: _joined_values(values, further.columns[name]) for name, values in rows.columns.items()},
        both(rows.response_values, further.response_values),
        both(rows.offset, further.offset),
        both(rows.weights, further.weights),
        both(rows.trials, further.trials),
        rows.group_terms,
        {name: np.concatenate([codes, further.groups[name]]) for name, codes in rows.groups.items()},
        by_level=rows.by_level,
    )


def _checked_left(design: Design) -> LeftSide:
    """Return the left side of a design that further rows leave as it is."""
    left = design.left
    if left is None:
        raise DataError(
            "The model does not hold how its response is computed from columns: it was loaded from a file of an "
            "earlier version, or without extra_namespace= functions that the response uses. Pass these to load(), or "
            f"{_AGAIN}."
        )
    if left.weights_is_array:
        raise DataError(
            "The model was given its weights as an array, so further rows have none. Put them into a column of the "
            "data and make the model with weights='that column'."
        )
    for call, learnt in design.state.items():
        if learnt and not is_fixed(call, design.namespace):
            raise FormulaError(
                f"{call!r} has learnt from all rows at once what further rows would change, so that updating is not "
                "fitting all rows again. Write down the numbers that it learns, as in I((x - 3) / 2) and bs(x, "
                f"knots=[...], lower_bound=..., upper_bound=...), or {_AGAIN}."
            )
    for part in (left.response.observed, left.weights):
        if part is not None and reach(part, design.namespace) is Reach.ROWS:
            raise _entangled(part)
    return left


def is_fixed(call: str, namespace: Mapping[str, Any]) -> bool:
    """Tell whether a call says itself all that its transform knows: a spline with knots and bounds."""
    node = python_tree(call)[0]
    node = node.body if isinstance(node, ast.Expression) else node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) != 1:
        return False
    if node.func.id not in _SPLINES or node.func.id in names_of_user(namespace):
        return False
    given = {
        keyword.arg
        for keyword in node.keywords
        if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
    }
    return given >= _FIXED and not given & {"df", "constraints", None}


def _entangled(part: Expression) -> FormulaError:
    return FormulaError(
        f"{part.text!r} of a row depends on other rows, so that updating is not fitting all rows again. Compute it "
        f"beforehand as a column, or {_AGAIN}."
    )


def _columns_of_left(design: Design, left: LeftSide) -> list[str]:
    return [*left.kinds, *(() if design.trials is None else design.trials.columns)]


def _evaluated(part: Expression, columns: Columns, namespace: Mapping[str, Any]) -> Any:
    """Evaluate an expression that is no predictor, and refuse one that looks at other rows."""
    if part.is_column:
        return columns.arrays[part.text]
    values = evaluate(part, columns, namespace, {}).__wrapped__
    if reach(part, namespace) is Reach.UNKNOWN and isinstance(values, np.ndarray):

        def again(expression: Expression, some: Columns) -> FactorRows:
            return Numbers((np.asarray(evaluate(expression, some, namespace, {}).__wrapped__),))

        if not RowCheck(columns, again).agrees(part, Numbers((values,))):
            raise _entangled(part)
    return values


def _response(design: Design, left: LeftSide, columns: Columns, is_binary: bool) -> Floats:
    response = left.response
    values = _evaluated(response.observed, columns, design.namespace)
    if response.success is not None:
        return np.array([str(value) == str(response.success) for value in np.asarray(values)], dtype=np.float64)
    column = response.observed.text if response.observed.is_column else None
    return numbers(values, f"The response {response.name!r}", column, allow_boolean=is_binary)


def _weights(part: Expression, columns: Columns, namespace: Mapping[str, Any]) -> Floats:
    title = f"The weight {part.text!r}"
    weights = numbers(_evaluated(part, columns, namespace), title, None, allow_boolean=True)
    if (weights < 0).any():
        where = quote_rows(columns.index[weights < 0])
        raise DataError(
            f"{title} has {count(int((weights < 0).sum()), 'negative value')} ({where}). Weights say how many rows a "
            "row counts for: 0 or more."
        )
    return weights


def _joined_factor(rows: FactorRows, further: FactorRows) -> FactorRows:
    if isinstance(rows, Codes):
        assert isinstance(further, Codes)
        return Codes(np.concatenate([rows.codes, further.codes]))
    assert isinstance(further, Numbers)
    pairs = zip(rows.columns, further.columns, strict=True)
    return Numbers(tuple(np.concatenate([np.asarray(one), np.asarray(other)]) for one, other in pairs))


def _joined_values(values: Any, further: Any) -> Any:
    if isinstance(values, pd.Categorical):
        codes = values.categories.get_indexer(pd.Index(np.asarray(further)))
        return pd.Categorical.from_codes(np.concatenate([values.codes, codes]), dtype=values.dtype)
    if isinstance(values, np.ndarray):
        return np.concatenate([values, np.asarray(further)])
    return pd.concat([pd.Series(values), pd.Series(further)], ignore_index=True).array
