"""The functions and constants that formulas may use: formulaic's transforms, NumPy's common ones, and the user's."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from formulaic.transforms import TRANSFORMS
from formulaic.transforms.contrasts import SumContrasts, TreatmentContrasts

from ..errors import DataTypeError


def treatment(data: Any, contrasts: Any = None, **options: Any) -> Any:
    """Mark data as a factor, as formulaic's ``C()``; a plain value for the contrasts is the reference level."""
    if isinstance(contrasts, (str, int, float, np.generic)):
        contrasts = TreatmentContrasts(base=contrasts)
    return TRANSFORMS["C"](data, contrasts, **options)


def sum_to_zero(data: Any) -> Any:
    """Mark data as a factor coded by its levels' distances from their mean."""
    return TRANSFORMS["C"](data, SumContrasts())


def days_since(times: Any, date: Any) -> Any:
    """Return the days from a date to each of the times, fractions included: numbers that depend on no other row."""
    if not hasattr(times, "dt"):
        raise DataTypeError("days_since(t, '2020-01-01') takes a column of times.")
    if isinstance(times.dtype, pd.PeriodDtype):
        times = times.dt.to_timestamp()
    if times.dtype.kind == "m":
        raise DataTypeError("days_since(t, date) takes times, not durations; write t.dt.total_seconds() / 86400.")
    return (times - pd.Timestamp(date, tz=times.dt.tz)) / pd.Timedelta(days=1)


def _exp10(x: Any) -> Any:
    return np.power(10.0, x)


def _beside_intercept(spline: Callable[..., Any]) -> Callable[..., Any]:
    """Say of a cubic spline what formulaic does not: without constraints its columns add up to the intercept."""

    @functools.wraps(spline)
    def wrapper(data: Any, *arguments: Any, _state: dict[str, Any], **options: Any) -> Any:
        values = spline(data, *arguments, _state=_state, **options)
        if not isinstance(values, FactorValues) or _state.get("constraints") is not None:
            return values
        return FactorValues(
            values.__wrapped__, metadata=values.__formulaic_metadata__, spans_intercept=True, drop_field=1
        )

    return wrapper


_ELEMENTWISE = (
    *(np.sign, np.sqrt, np.cbrt, np.square, np.power, np.hypot, np.log1p, np.expm1, np.logaddexp),
    *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh),
    *(np.floor, np.ceil, np.trunc, np.rint, np.maximum, np.minimum, np.clip, np.where),
)
BASE: dict[str, Any] = {
    **TRANSFORMS,
    **{function.__name__: function for function in _ELEMENTWISE},
    **{name: _beside_intercept(TRANSFORMS[name]) for name in ("cr", "cs", "cc")},
    "abs": np.abs,
    "mod": np.mod,
    "C": treatment,
    "T": treatment,
    "S": sum_to_zero,
    "days_since": days_since,
    # formulaic 1.2 has x ** 10 under this name.
    "exp10": _exp10,
    "pi": math.pi,
}


def make_namespace(extra: object) -> dict[str, Any]:
    """Return the functions and constants a formula may use: formulaic's transforms, NumPy's, and the user's own."""
    if extra is None:
        return dict(BASE)
    if not isinstance(extra, Mapping) or not all(isinstance(name, str) for name in extra):
        raise DataTypeError(
            "extra_namespace must be a dict of names and functions, for example {'logit': logit}, "
            f"not {type(extra).__name__}."
        )
    return {**BASE, **extra}


def names_of_user(namespace: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of a namespace that are not filbert's: what they do is the user's business."""
    return frozenset(name for name, value in namespace.items() if name not in BASE or BASE[name] is not value)
