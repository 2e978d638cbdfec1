"""Rows at which a model is looked at: grids over some predictors, with the others at typical values."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataError, DataTypeError, SettingError, quote_names, suggest

if TYPE_CHECKING:
    from ..formula.design import Design
    from ..formula.predictor import Predictor

MAIN_POINTS = 50
MOST_VARIABLES = 3

_OF_NEW_GROUPS = " Rows of new groups go into data=, with new_groups='sample', 'observed' or 'zero'."

Conditional = str | Sequence[str] | Mapping[str, Any] | None


def conditional_values(design: Design, conditional: Conditional) -> dict[str, list[Any]]:
    """Return the values of each variable that a grid is over.

    Parameters
    ----------
    design : Design
    conditional : str, sequence of str, or mapping
        Up to three columns of the data: the first has all its levels or 50 values over its range, the others their
        levels or minimum, quartiles and maximum. A mapping gives the values; one without values (None) has those above.
    """
    if isinstance(conditional, str):
        conditional = [conditional]
    if isinstance(conditional, Mapping):
        given = dict(conditional)
    elif isinstance(conditional, Iterable) and all(isinstance(name, str) for name in conditional):
        given = dict.fromkeys(conditional)
    else:
        raise DataTypeError(
            f"conditional must be a column name, a list of them, or a dict of values, not {conditional!r}."
        )
    if not 1 <= len(given) <= MOST_VARIABLES:
        raise SettingError(f"conditional must have one to three variables, not {len(given)}.")
    return {
        name: _default_values(predictor_of(design, name, "conditional"), first=place == 0)
        if values is None
        else checked_values(
            predictor_of(design, name, "conditional"),
            values,
            "conditional",
            _OF_NEW_GROUPS if design.kinds[name].is_open else "",
        )
        for place, (name, values) in enumerate(given.items())
    }


def grid(design: Design, values: Mapping[str, Sequence[Any]], also: str | None = None) -> pd.DataFrame:
    """Return all combinations of some predictors' values, the others at the mean, or at the most frequent level.

    Columns that do nothing but make groups are left out, unless they are among `values` or `also`.
    """
    names = list(values)
    combinations = list(itertools.product(*values.values()))
    columns: dict[str, Any] = {
        name: column_of(design.predictors[name], [combination[place] for combination in combinations])
        for place, name in enumerate(names)
    }
    for name, predictor in design.predictors.items():
        if name not in columns and (name == also or not design.kinds[name].is_open):
            columns[name] = column_of(predictor, [_typical(predictor)] * len(combinations))
    return pd.DataFrame(columns)


def predictor_of(design: Design, name: Any, argument: str) -> Predictor:
    """Return the predictor that an argument names."""
    if not isinstance(name, str):
        raise DataTypeError(f"{argument} must name a column of the data, not {name!r} ({type(name).__name__}).")
    if name not in design.predictors:
        if any(term.name == name for term in design.terms):
            raise SettingError(
                f"{argument} has {name!r}, a term. Name the column of the data: {quote_names(design.predictors)}."
            )
        known = (
            f"Its predictors are {quote_names(design.predictors)}." if design.predictors else "It has no predictors."
        )
        raise SettingError(
            f"{argument} has {name!r}, which the model does not use.{suggest(name, design.predictors)} {known}"
        )
    return design.predictors[name]


def checked_values(predictor: Predictor, values: Any, argument: str, remedy: str = "") -> list[Any]:
    """Return values of a predictor as a list, and refuse unknown levels, with a remedy, and what is no number."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        values = [values]
    listed = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not listed:
        raise SettingError(f"{argument} has no values for {predictor.name!r}.")
    for value in listed:
        if predictor.levels is not None:
            if value not in predictor.levels:
                raise DataError(
                    f"{argument}: {value!r} is not a level of {predictor.name!r}. Its levels are "
                    f"{quote_names(predictor.levels)}.{remedy}"
                )
        elif predictor.dtype != "datetime" and not (isinstance(value, (int, float)) and np.isfinite(value)):
            raise DataTypeError(f"{argument}: {predictor.name!r} needs finite numbers, not {value!r}.")
    return listed


def column_of(predictor: Predictor, values: Sequence[Any]) -> Any:
    """Return values of a predictor as a column of new data."""
    if predictor.dtype == "categorical":
        return pd.Categorical(values, categories=list(predictor.levels or ()))
    return np.asarray(values)


def _default_values(predictor: Predictor, *, first: bool) -> list[Any]:
    if predictor.levels is not None:
        return list(predictor.levels)
    if predictor.dtype == "bool":
        return [False, True]
    if predictor.dtype == "datetime":
        raise SettingError(f"{predictor.name!r} holds times: give values, conditional={{{predictor.name!r}: [...]}}.")
    low, high = predictor.quantiles[0], predictor.quantiles[-1]
    if first:
        points: list[float] = np.linspace(low, high, MAIN_POINTS).tolist()
        return points
    return sorted(set(predictor.quantiles))


def _typical(predictor: Predictor) -> Any:
    if predictor.levels is not None:
        return predictor.mode
    if predictor.dtype == "bool":
        return predictor.mean >= 0.5
    if predictor.dtype == "datetime":
        raise SettingError(
            f"{predictor.name!r} holds times, which have no typical value: put it into conditional with values, or use "
            "data=."
        )
    return predictor.mean
