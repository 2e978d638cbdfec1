"""What the response, weights and offset of a formula may hold: numbers, or one level of a column against the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, DataTypeError, FormulaError, quote_names
from .coding import Floats, flat_columns
from .parsed import Response


def is_level(values: Any, response: Response, is_binary: bool) -> Floats:
    """Return 1 where a column has the level that counts as success, and 0 elsewhere."""
    if not is_binary:
        raise FormulaError(
            f"The response {response.name!r} is one level against the others, which only family='bernoulli' models."
        )
    levels = list(pd.unique(np.asarray(values)))
    success = next((level for level in levels if str(level) == str(response.success)), None)
    if success is None:
        raise DataError(
            f"Column {response.observed.text!r} has no value {response.success!r}. It has {quote_names(levels)}."
        )
    return np.asarray(np.asarray(values) == success, dtype=np.float64)


def which_level(response: Response, values: Any) -> DataTypeError:
    """Refuse text for a binary response: two packages take the first level for a success, others the last."""
    levels = [str(level) for level in pd.Categorical(values).categories]
    name = response.name
    ways = " or ".join(f"{name}[{level!r}] ~ ..." for level in levels[:2])
    several = f" It has {len(levels)} levels; the others count as failures." if len(levels) > 2 else ""
    return DataTypeError(
        f"The response {name!r} holds text or categories, and which of them is a success is for you to say: write "
        f"{ways}, or binary({name}, {levels[-1]!r}).{several}"
    )


def numbers(values: Any, title: str, column: str | None, allow_boolean: bool = False) -> Floats:
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
