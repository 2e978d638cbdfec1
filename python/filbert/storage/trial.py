"""Tries a design that was read from a file on rows made up of its summaries, to find what does not fit its calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..data.columns import Columns, read_new_columns
from ..errors import FilbertError, ModelFileError
from ..formula.coding import FactorRows, Numbers
from ..formula.design import Design
from ..formula.factors import evaluate_again
from ..formula.parsed import Expression

_PLACES = (2, 1, 3, 4, 0)  # of the quantiles, from the middle outwards
_A_DAY = pd.Timestamp("2000-01-01")
# What a transform raises whose state is not its own; values outside of its range are another kind of error.
_MISFITS = (KeyError, IndexError, TypeError, AttributeError)


def check_works(design: Design, extra_names: Iterable[str]) -> None:
    """Refuse a design whose expressions have other columns than the design takes, or fail for a state not their own.

    Parameters
    ----------
    design : Design
        Without rows, with summaries of its predictors.
    extra_names : iterable of str
        Functions of the user, which are not called here.
    """
    if design.entangled or design.offset_is_array:
        return  # it takes no new rows
    names = list(extra_names)
    trials = list(_trials(design))
    if not trials:
        return
    tried = [(expression, design.levels[text]) for text, expression in design.expressions.items()]
    for expression, levels in [*tried, *((offset, None) for offset in design.offsets)]:
        if expression.is_column or mentions(expression.text, names):
            continue
        rows = _first_result(expression, design, trials, levels)
        if isinstance(rows, Numbers) and len(rows.columns) < _columns_taken(expression, design):
            raise ModelFileError(f"{expression.text!r} has {len(rows.columns)} columns, which its terms do not fit.")
    parts = [part for factor in design.grouping.values() for part in factor.parts]
    if not any(mentions(e.text, names) for e in (*design.expressions.values(), *design.offsets, *parts)):
        _check_finite(design, trials)


def _first_result(expression: Expression, design: Design, trials: list[pd.DataFrame], levels: Any) -> FactorRows | None:
    """Evaluate an expression on the first rows where it has a value; None if it has none on any of them."""
    misfit: FilbertError | None = None
    for frame in trials:
        try:
            few = _evaluated(expression, design, frame, levels)
        except FilbertError as error:
            cause = error.__cause__
            if isinstance(cause, _MISFITS) or "broadcast" in str(cause) or "learnt" in str(error):
                misfit = error
            continue
        try:
            # What has learnt one number a row, and not one for all, has values for one number of rows only.
            _evaluated(expression, design, pd.concat([frame, frame.iloc[:1]], ignore_index=True), levels)
        except FilbertError as error:
            raise ModelFileError(f"what {expression.text!r} has learnt does not fit it: {error}") from None
        return few
    if misfit is not None:
        raise ModelFileError(f"what {expression.text!r} has learnt does not fit it: {misfit}")
    return None


def _evaluated(expression: Expression, design: Design, frame: pd.DataFrame, levels: Any) -> FactorRows:
    columns: Columns = read_new_columns(frame, design.kinds, False)
    return evaluate_again(expression, columns, design.namespace, design.state, levels)


def _columns_taken(expression: Expression, design: Design) -> int:
    """Return how many columns of a numeric expression the design counts on; an offset has one."""
    chosen = [
        coding.chosen
        for product in [*design.products, *(product for term in design.group_terms for product in term.products)]
        for coding in product.codings
        if coding.factor == expression.text and coding.chosen is not None
    ]
    return max((max(places) + 1 for places in chosen), default=1)


def _check_finite(design: Design, trials: Iterable[pd.DataFrame]) -> None:
    for frame in trials:
        try:
            blocks = list(design.new_rows(frame).blocks())
        except FilbertError:
            continue  # outside of what a transform is defined for
        with np.errstate(all="ignore"):
            is_finite = all(
                np.isfinite(part).all() for b in blocks for part in (b.X, b.offset, *b.Z) if part is not None
            )
        if not is_finite:
            raise ModelFileError("its terms give numbers that are not finite.")


def _trials(design: Design) -> Iterator[pd.DataFrame]:
    """Yield pairs of rows with values that the data had, or nearly: quantiles of numbers, one level after the other."""
    for turn, place in enumerate(_PLACES):
        row: dict[str, Any] = {}
        for name, kind in design.kinds.items():
            predictor = design.predictors[name]
            if predictor.levels is not None:
                row[name] = [predictor.levels[turn % len(predictor.levels)]] * 2
            elif kind.kind == "datetime":
                row[name] = [_A_DAY] * 2
            else:
                value = predictor.quantiles[place]
                row[name] = [bool(value) if kind.kind == "bool" else value] * 2
        if row:
            yield pd.DataFrame(row)


def mentions(text: str, names: Iterable[str]) -> bool:
    """Whether a text has one of the names as a word."""
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)
