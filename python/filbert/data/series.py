"""Reads one pandas series by its dtype: numbers, categories or times, with a mask of the missing ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError

_REMEDIES = {
    "datetime": "Turn it into numbers, for example the days since a date: days_since({quoted}, '2020-01-01') in the "
    "formula, or with {quoted}.dt.month; levels of a factor or groups into text: data[{name!r}].astype(str).",
    "timedelta": "Turn it into numbers: I({quoted}.dt.total_seconds() / 86400) in the formula for days.",
    "date": "Turn it into numbers: data[{name!r}] = pd.to_datetime(data[{name!r}]), then the days since a date, "
    "days_since({quoted}, '2020-01-01'), in the formula; levels of a factor or groups into text: "
    "data[{name!r}].astype(str).",
    "time": "Turn it into numbers, for example data[{name!r}] = pd.to_timedelta(data[{name!r}].astype(str)) and "
    "I({quoted}.dt.total_seconds() / 3600) in the formula.",
    "complex": "Use its real part or its absolute value.",
    "decimal": "Convert it with data[{name!r}].astype(float).",
    "bytes": "Decode it with data[{name!r}].str.decode('utf-8').",
    "interval": "Use its middle: data[{name!r}] = [interval.mid for interval in data[{name!r}]].",
    "object": "Give one number or one text a row.",
}

Values = NDArray[Any] | pd.Categorical

_SURROGATE = re.compile("[\ud800-\udfff]")


def read_values(
    series: pd.Series[Any], title: str, name: str, within: bool = False
) -> tuple[Values, NDArray[np.bool_] | None]:
    """Return a column's values by its dtype, with which are missing: None if none are, and all are finite."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values: Values = pd.Categorical(series.array)
    elif isinstance(dtype, np.dtype):
        if dtype.kind in "biuf":
            values = _known_to_pandas(series).to_numpy()
        elif dtype.kind in "mM":
            values = _datetime(series, title, name, within)
        elif dtype.kind == "O":
            return _read_objects(series, title, name)
        else:
            raise _unusable(title, name, dtype, "complex" if dtype.kind == "c" else "object")
    elif isinstance(dtype, pd.StringDtype):
        values = as_categories(series)
    else:
        return _read_extension(series, title, name, within)
    return values, missing_mask(values)


def _read_objects(series: pd.Series[Any], title: str, name: str) -> tuple[Values, NDArray[np.bool_] | None]:
    """Read a column of Python objects by what they are: text, or numbers that pandas did not recognise as such."""
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind == "string":
        values: Values = as_categories(series)
    elif kind in ("integer", "floating", "mixed-integer-float", "boolean", "empty"):
        missing = series.isna().to_numpy()
        numbers = series.where(~missing, np.nan).to_numpy(dtype=np.float64)
        values = numbers.astype(bool) if kind == "boolean" and not missing.any() else numbers
    elif kind in ("datetime", "datetime64", "date", "time", "timedelta", "timedelta64", "period", "interval"):
        reason = kind if kind in ("date", "time", "interval") else "timedelta" if "delta" in kind else "date"
        raise _unusable(title, name, f"object holding {kind} values", reason)
    elif kind in ("decimal", "complex", "bytes"):
        raise _unusable(title, name, f"object holding {kind} values", kind)
    else:
        types = dict.fromkeys(type(value).__name__ for value in series.dropna().head(1000))
        raise _unusable(title, name, f"object holding values of type {', '.join(types)}", "object")
    return values, missing_mask(values)


def _read_extension(
    series: pd.Series[Any], title: str, name: str, within: bool
) -> tuple[Values, NDArray[np.bool_] | None]:
    """Read pandas' own nullable and sparse columns, and those backed by Arrow."""
    dtype: Any = series.dtype
    described = str(dtype)
    if described.startswith("dictionary") or dtype.kind == "U":
        values: Values = as_categories(series.astype(object))
        return values, missing_mask(values)
    if described.startswith("decimal"):
        raise _unusable(title, name, dtype, "decimal")
    if dtype.kind in "biuf":
        missing = series.isna().to_numpy()
        if dtype.kind == "f":
            values = series.to_numpy(dtype=np.float64, na_value=np.nan)
            return values, missing_mask(values)
        plain = np.dtype(bool) if dtype.kind == "b" else np.dtype(f"{dtype.kind}8")
        if missing.any():
            return series.fillna(0 if dtype.kind != "b" else False).to_numpy(dtype=plain), missing
        return series.to_numpy(dtype=plain), None
    if dtype.kind in "mM" or isinstance(dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        values = _datetime(series, title, name, within)
        return values, series.isna().to_numpy() if series.hasnans else None
    raise _unusable(title, name, dtype, "object")


def _datetime(series: pd.Series[Any], title: str, name: str, within: bool) -> Any:
    """Let times through where an expression such as ``t.dt.month`` makes numbers of them."""
    if not within:
        raise _unusable(title, name, series.dtype, "timedelta" if series.dtype.kind == "m" else "datetime")
    return series.array if not isinstance(series.dtype, np.dtype) else series.to_numpy()


def _unusable(title: str, name: str, dtype: object, reason: str) -> DataTypeError:
    return DataTypeError(
        f"{title} has dtype {dtype}, which is neither numbers nor categories. "
        f"{_REMEDIES[reason].format(name=name, quoted=name if name.isidentifier() else f'`{name}`')}"
    )


def check_text(text: object, title: str) -> None:
    """Refuse text that no file can hold: with a NUL character, or with half of a character outside of Unicode."""
    if not isinstance(text, str) or ("\0" not in text and text.isprintable()):
        return
    problem = "a NUL character" if "\0" in text else "a lone surrogate" if _SURROGATE.search(text) else None
    if problem:
        raise DataError(f"{title} {text!r} has {problem}, which results cannot hold. Replace it.")


def as_categories(series: pd.Series[Any]) -> pd.Categorical:
    """Return the values as categories: in their own order if they have one, else sorted."""
    return pd.Categorical(_known_to_pandas(series).array)


def _known_to_pandas(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers that pandas can tell levels of: of this machine's byte order, neither halves nor long doubles."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iuf":
        return series
    native = dtype.newbyteorder("=") if dtype.kind != "f" or dtype.itemsize in (4, 8) else np.dtype(np.float64)
    return series if native == dtype else series.astype(native)


def is_finite(values: NDArray[Any]) -> bool:
    """Tell in one pass and without a temporary whether all values are finite; False may also mean overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum(dtype=np.float64)))


def missing_mask(values: Any) -> NDArray[np.bool_] | None:
    """Return which values are missing; None if none are, and all are finite."""
    if isinstance(values, pd.Categorical):
        return values.codes < 0 if values.codes.min(initial=0) < 0 else None
    if values.dtype.kind == "f":
        return None if is_finite(values) else np.isnan(values)
    return np.asarray(pd.isna(values)) if values.dtype.kind in "mM" else None
