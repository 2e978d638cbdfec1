"""The effects of groups as tables: what is each group's own, and its coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import SettingError
from ..formula.groups import INTERCEPT_TERM
from ..formula.terms import Term
from ..regression.groups import Groups, column_labels
from ..regression.names import INTERCEPT
from ..regression.parameters import Parameter
from ..regression.regression import Regression
from ..results.draws import Draws
from .table import EffectTable
from .view import Intervals, Probabilities

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["effect_draws", "group_coefficients", "group_effects", "stated_groups"]


def group_effects(regression: Regression, idata: Any, prob: Probabilities, use_hdi: bool) -> EffectTable:
    """Do what `Model.group_effects` says."""
    intervals, groups = Intervals.of(prob, use_hdi), stated_groups(regression, "group_effects")
    draws = Draws.read(idata, regression)
    return _table("effect", groups, intervals, effect_draws(groups, draws))


def group_coefficients(regression: Regression, idata: Any, prob: Probabilities, use_hdi: bool) -> EffectTable:
    """Do what `Model.group_coefficients` says."""
    intervals, groups = Intervals.of(prob, use_hdi), stated_groups(regression, "group_coefficients")
    draws = Draws.read(idata, regression)
    return _table("coefficient", groups, intervals, _coefficient_draws(regression, groups, draws))


def stated_groups(regression: Regression, function: str) -> Groups:
    """Return the groups of a model, or refuse one without."""
    if regression.groups is None:
        raise SettingError(
            f"{function} is for models with group-specific terms, and {regression.description!r} has none. Add a term "
            "such as (1 | g) to the formula."
        )
    return regression.groups


def effect_draws(groups: Groups, draws: Draws) -> Iterator[tuple[str, str, npt.NDArray[np.float64]]]:
    """Yield grouping factor, label and draws (groups, draws) of each effect, in the order of the formula."""
    for term, effects in zip(groups.terms, draws.effects, strict=True):
        for label, own in zip(column_labels(term), effects, strict=True):
            yield term.factor, label, own


def _coefficient_draws(
    regression: Regression, groups: Groups, draws: Draws
) -> Iterator[tuple[str, str, npt.NDArray[np.float64]]]:
    """Yield the same of coefficients by group: the effect plus the coefficient of the same column, if there is one."""
    coefficients = {parameter.name: parameter for parameter in regression.coefficients}
    for term, effects in zip(groups.terms, draws.effects, strict=True):
        names, column = column_labels(term), 0
        for part in term.terms:
            common = coefficients.get(INTERCEPT if part.name == INTERCEPT_TERM else part.name)
            same = common if common is not None and _has_columns_of(common, part) else None
            for place in range(len(part.columns)):
                if same is None:
                    yield term.factor, names[column], effects[column]
                else:
                    row = draws.coefficients[same.rows.ravel()[place]]
                    yield term.factor, same.labels[place], effects[column] + row
                column += 1


def _has_columns_of(common: Parameter, part: Term) -> bool:
    """Tell whether a coefficient has the columns of an effect: factors may be coded in another way."""
    if part.levels is None or not common.dims:
        return part.levels is None and not common.dims
    levels = common.coordinates.get(common.dims[0], np.arange(common.rows.size))
    return [str(level) for level in levels] == [str(level) for level in part.levels]


def _table(
    kind: str,
    groups: Groups,
    intervals: Intervals,
    effects: Iterator[tuple[str, str, npt.NDArray[np.float64]]],
) -> EffectTable:
    """Summarise effects, one row a group and effect: factor by factor, effect by effect."""
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in groups.grouping}
    for factor, label, own in effects:
        summarised = dict(zip(intervals.columns, intervals.summarise(np.ascontiguousarray(own)), strict=True))
        head = {"factor": factor, "group": groups.grouping[factor].labels, kind: label}
        parts[factor].append(pd.DataFrame({**head, **summarised}))
    return EffectTable(pd.concat([part for own in parts.values() for part in own], ignore_index=True))
