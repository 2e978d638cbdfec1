"""Slopes of the mean response along a predictor, as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataTypeError, SettingError, quote_names, suggest
from ..predict.group_effects import checked_new_groups
from ..regression.regression import stated_by_formula
from .grids import Conditional, checked_values, predictor_of
from .view import (
    AverageBy,
    Blocks,
    FloatArray,
    Intervals,
    Probabilities,
    Target,
    Transforms,
    View,
    applied,
    named,
    target_transform,
    with_covariates_transformed,
)

if TYPE_CHECKING:
    from ..formula.predictor import Predictor
    from ..formula.rows import Rows
    from .table import EffectTable

__all__ = ["slopes"]

Slope = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]

SLOPES: dict[str, Slope] = {
    "dydx": lambda derivative, x, y: derivative,  # noqa: ARG005 (one signature for all)
    "dyex": lambda derivative, x, y: derivative * x,  # noqa: ARG005
    "eyex": lambda derivative, x, y: derivative * x / y,
    "eydx": lambda derivative, x, y: derivative / y,  # noqa: ARG005
}

# A step below this part of the value would leave few digits of the difference of two means.
_LEAST_RELATIVE_STEP = 2.0**-36


def slopes(
    model: Any,
    idata: Any,
    wrt: str | Mapping[str, Any],
    conditional: Conditional = None,
    average_by: AverageBy = None,
    eps: float = 1e-4,
    slope: str | Slope = "dydx",
    target: str = "mean",
    use_hdi: bool = True,
    prob: Probabilities = 0.94,
    transforms: Transforms = None,
    sample_new_groups: bool | None = None,
    *,
    new_groups: str = "error",
    scale: str = "response",
    data: Any = None,
) -> EffectTable:
    """Return the slope of the mean response along a numeric predictor, all else equal.

    Parameters
    ----------
    model, idata, conditional, use_hdi, prob, sample_new_groups, new_groups, data
        As in `predictions`; the default, without `conditional`, is the slope at each fitted row.
    wrt : str or dict
        The predictor, or a dict with the value or values at which the slope is taken. By default the rows' own values,
        or its mean.
    average_by : True, "all", str or list of str, optional
        As in `predictions`. The predictor of `wrt` stands for the rows' own values.
    eps : float, default 1e-4
        Half the step of the central difference, in standard deviations of the predictor. Where the step would leave the
        range of the data (splines end there), it is one-sided.
    slope : str or function, default "dydx"
        ``"dydx"``: change of the response for a unit of x. ``"eyex"``: per cent of y for a per cent of x. ``"eydx"``:
        in parts of y for a unit of x. ``"dyex"``: for a relative change of x. Or a function of three arrays of the same
        shape: the derivative, x, and the mean response.
    target : str, default "mean"
        Only the mean response: that with its noise has no slope.
    transforms : mapping of str to function, optional
        Functions of the response, by its name: applied to each draw before the difference is taken; or of a covariate,
        applied to its column.
    scale : str, default "response"
        ``"link"``: the linear predictor in place of the mean.

    Returns
    -------
    pandas.DataFrame
        ``term``, ``estimate_type``, ``value`` (where the slope is taken), the other covariates, ``mean``, ``sd`` and
        the interval. Its attribute ``summary`` is the same with bambi's column names.
    """
    chosen_groups = checked_new_groups(new_groups, sample_new_groups)
    kind, scaled = _checked_slope(slope)
    if not 0 < eps <= 1:
        raise SettingError(f"eps must be a number of standard deviations between 0 and 1, not {eps!r}.")
    intervals = Intervals.of(prob, use_hdi)
    name, given = named("wrt", wrt)
    predictor = predictor_of(stated_by_formula(model)[1], name, "wrt")
    if predictor.levels is not None or predictor.dtype not in ("float", "int"):
        held = "categories" if predictor.levels is not None else f"{predictor.dtype} values"
        raise SettingError(
            f"wrt={name!r} holds {held}, which have no slope. Use comparisons(model, idata, contrast={name!r})."
        )
    view = View.of(model, idata, conditional, data, scale, name, new_groups=chosen_groups)
    wanted = Target.of(view.regression, target)
    if wanted.is_response:
        raise SettingError(f"target={target!r} has noise, and noise has no slope. Leave it out for that of the mean.")
    wanted.refuse_constant("slopes")
    change = target_transform(view.design, wanted, transforms)
    if kind in ("eyex", "eydx") and change is None:
        wanted.refuse_relative(view.regression, kind)
    values = [None] if given is None else checked_values(predictor, given, "wrt")

    def draws(rows: tuple[Rows, ...], x: FloatArray, width: FloatArray) -> Blocks:
        for where, parts in view.versions(wanted, *rows):
            low, high, mean = parts if change is None else map(change, parts)
            at = np.broadcast_to(x[where, None], mean.shape)
            yield where, applied("slope", scaled, (high - low) / width[where, None], at, mean)

    tables = []
    for value in values:
        x = np.full(len(view.frame), value) if value is not None else view.frame[name].to_numpy(dtype=np.float64)
        below, above = _neighbours(predictor, x.astype(np.float64), eps)
        rows = (view.at(name, below), view.at(name, above), view.at(name, x))
        labels = {"term": name, "estimate_type": kind, "value": pd.Series(x, view.frame.index)}
        tables.append(view.labelled(draws(rows, x, above - below), labels, average_by, intervals))
    table = pd.concat(tables, ignore_index=len(tables) > 1 or average_by is not None)
    return with_covariates_transformed(table, view.design, transforms)  # type: ignore[no-any-return]


def _checked_slope(slope: Any) -> tuple[str, Slope]:
    """Return the name and the function of a kind of slope."""
    if isinstance(slope, str):
        if slope not in SLOPES:
            raise SettingError(f"slope must be one of {quote_names(SLOPES)}, not {slope!r}.{suggest(slope, SLOPES)}")
        return slope, SLOPES[slope]
    if not callable(slope):
        raise DataTypeError(f"slope must be a name such as 'dydx', or a function, not {slope!r}.")
    return getattr(slope, "__name__", type(slope).__name__), slope


def _neighbours(predictor: Predictor, x: FloatArray, eps: float) -> tuple[FloatArray, FloatArray]:
    """Return the two points that the slope at each x is taken between, inside the range of the data where x is."""
    step = np.maximum(eps * (predictor.sd if predictor.sd > 0 else 1.0), np.abs(x) * _LEAST_RELATIVE_STEP)
    lowest, highest = predictor.quantiles[0], predictor.quantiles[-1]
    inside = (x >= lowest) & (x <= highest) & (lowest < highest)  # a constant predictor has no range to keep to
    below = np.where(inside, np.maximum(x - step, lowest), x - step)
    above = np.where(inside, np.minimum(x + step, highest), x + step)
    return below, above
