"""Comparisons of the response at two values of a predictor, as a table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataTypeError, FormulaError, SettingError, quote_names, suggest
from ..predict import rowwise
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

__all__ = ["comparisons"]

Comparison = Callable[[FloatArray, FloatArray], FloatArray]

COMPARISONS: dict[str, Comparison] = {
    "diff": lambda reference, contrast: contrast - reference,
    "ratio": lambda reference, contrast: contrast / reference,
    "lift": lambda reference, contrast: (contrast - reference) / reference,
}


def comparisons(
    model: Any,
    idata: Any,
    contrast: str | Mapping[str, Any],
    conditional: Conditional = None,
    average_by: AverageBy = None,
    target: str = "mean",
    comparison: str | Comparison = "diff",
    use_hdi: bool = True,
    prob: Probabilities = 0.94,
    transforms: Transforms = None,
    sample_new_groups: bool | None = None,
    *,
    new_groups: str = "error",
    comparison_type: str | Comparison | None = None,
    scale: str = "response",
    data: Any = None,
    random_seed: int | np.random.Generator | None = None,
) -> EffectTable:
    """Compare the mean response at two values of a predictor, all else equal.

    Parameters
    ----------
    model, idata, use_hdi, prob, transforms, sample_new_groups, new_groups, data, random_seed
        As in `predictions`.
    contrast : str or dict
        The predictor, or a dict with its values: each pair of them is compared, in their order. By default all pairs of
        levels; for numbers the mean less and plus one half (at fitted and new rows: the row's own value).
    conditional : str, list of str, or dict, optional
        As in `predictions`; the default compares at each fitted row. It may have the predictor of `contrast` where
        that is compared half a unit below and above each value.
    average_by : True, "all", str or list of str, optional
        As in `predictions`. The predictor of `contrast` stands for the rows' own values.
    target : str, default "mean"
        ``"mean"``: the mean response. The name of the response: two responses, each with its own noise.
    comparison : str or function, default "diff"
        ``"diff"``: the second less the first. ``"ratio"``: the second over the first. ``"lift"``: the difference over
        the first. Or a function of the draws at both, two arrays of the same shape.
    comparison_type : str, optional
        The former name of `comparison`.
    scale : str, default "response"
        ``"link"``: the linear predictor in place of the mean.

    Returns
    -------
    pandas.DataFrame
        ``term``, ``estimate_type``, ``value`` (the pair), the other covariates, ``mean``, ``sd`` and the interval. Its
        attribute ``summary`` is the same with bambi's column names.
    """
    chosen_groups = checked_new_groups(new_groups, sample_new_groups)
    if comparison_type is not None:
        if comparison != "diff":
            raise SettingError("comparison and comparison_type, its former name, were both given. Keep one.")
        comparison = comparison_type
    kind, compared = _checked_comparison(comparison)
    intervals = Intervals.of(prob, use_hdi)
    name, given = named("contrast", contrast)
    predictor = predictor_of(stated_by_formula(model)[1], name, "contrast")
    values = _values(predictor, given)
    around = values is None
    if not around and conditional is not None and name in _names(conditional):
        raise SettingError(
            f"conditional and contrast both have {name!r}, whose values contrast gives. Leave it out of conditional."
        )
    wanted = Target.of(stated_by_formula(model)[0], target)
    seed = rowwise.noise_seed(random_seed)
    view = View.of(model, idata, conditional, data, scale, name, wanted, chosen_groups, seed)
    wanted.refuse_constant("comparisons")
    change = target_transform(view.design, wanted, transforms)
    if kind in ("ratio", "lift") and change is None:
        wanted.refuse_relative(view.regression, kind)
    if name in (transforms or {}):
        raise SettingError(
            f"transforms and contrast both have {name!r}, and what is compared are values of the data. Leave it out of "
            "transforms, and change the column 'value' of the result."
        )

    def draws(low: Rows, high: Rows) -> Blocks:
        for where, parts in view.versions(wanted, low, high, seed=seed):
            first, second = parts if change is None else map(change, parts)
            yield where, applied("comparison", compared, first, second)

    tables = []
    for pair in itertools.combinations([-0.5, 0.5] if values is None else values, 2):
        labels = {"term": name, "estimate_type": kind, "value": _pair(view, name, pair, around)}
        tables.append(view.labelled(draws(*_rows(view, name, pair, around)), labels, average_by, intervals))
    table = pd.concat(tables, ignore_index=len(tables) > 1 or average_by is not None)
    return with_covariates_transformed(table, view.design, transforms)  # type: ignore[no-any-return]


def _checked_comparison(comparison: Any) -> tuple[str, Comparison]:
    """Return the name and the function of a kind of comparison."""
    if isinstance(comparison, str):
        if comparison not in COMPARISONS:
            raise SettingError(
                f"comparison must be one of {quote_names(COMPARISONS)} or a function of the draws at both values, not "
                f"{comparison!r}.{suggest(comparison, COMPARISONS)}"
            )
        return comparison, COMPARISONS[comparison]
    if not callable(comparison):
        raise DataTypeError(f"comparison must be a name such as 'diff', or a function, not {comparison!r}.")
    return getattr(comparison, "__name__", type(comparison).__name__), comparison


def _names(conditional: Conditional) -> Sequence[str]:
    return [conditional] if isinstance(conditional, str) else list(conditional or ())


def _values(predictor: Predictor, given: Any) -> list[Any] | None:
    """Return the values to compare, or None for half a unit below and above those that rows have."""
    if given is not None:
        values = checked_values(predictor, given, "contrast")
        if len(values) < 2:
            raise SettingError(f"contrast needs two values of {predictor.name!r} or more, not {values}.")
        return values
    if predictor.levels is not None:
        return list(predictor.levels)
    return [False, True] if predictor.dtype == "bool" else None


def _rows(view: View, name: str, pair: tuple[Any, Any], around: bool) -> list[Rows]:
    """Return the rows at both values."""
    try:
        return [view.at(name, view.frame[name] + value if around else value) for value in pair]
    except FormulaError as error:
        if not around:
            raise
        raise FormulaError(
            f"{error} Compared are half a unit of {name!r} below and above each row; give two values within the "
            f"range of the data instead: contrast={{{name!r}: [low, high]}}."
        ) from None


def _pair(view: View, name: str, pair: tuple[Any, Any], around: bool) -> pd.Series[Any]:
    """Return the two values that each row compares."""
    if not around:
        return pd.Series([pair] * len(view.frame), view.frame.index)
    x = view.frame[name].to_numpy(dtype=np.float64)
    return pd.Series([(value + pair[0], value + pair[1]) for value in x.tolist()], view.frame.index, dtype=object)
