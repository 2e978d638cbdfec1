"""Folds further rows into a regression, whose posterior becomes that of all rows; earlier ones are not read again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .. import _core
from ..data.streams import frames_of, named_origin
from ..errors import DataError, SettingError
from ..formula.further import further_rows, joined, used_columns
from ..formula.predictor import Predictor, Predictors
from ..formula.rows import Rows
from .group_priors import column_spreads
from .groups import Floats
from .levels import refused
from .regression import Regression, fold_groups, rows_of
from .statement import fold, state

Spreads = Mapping[str, tuple[Floats, Floats]]


def updated(regression: Regression, data: Any) -> Regression:
    """Return the regression of all rows, as `Model.update` says."""
    assert regression.design is not None
    for part in frames_of(data, used_columns(regression.design)):
        with named_origin(part.origin):
            regression = _updated(regression, part.frame)
    return regression


def _updated(regression: Regression, data: pd.DataFrame) -> Regression:
    design, family, fitted = regression.design, regression.family, rows_of(regression)
    assert design is not None
    if fitted is None and not needs_no_rows(regression):
        raise DataError(
            f"The model has no rows, and the likelihood of family={family.name!r}"
            f"{'' if regression.link == family.links[0] else f' with link={regression.link!r}'}"
            f"{' with a known sigma' if regression.fixed else ''} needs them all: there is no summary of them to "
            "update. Make the model again from all rows."
        )
    rows = further_rows(design, data, family.is_binary)
    further, further_levels = fold(design, rows, family)
    spread_of: Spreads = {}
    if regression.groups is not None:
        spread_of = _joined_spreads(
            regression.groups.spreads, regression.summary, column_spreads(design.group_terms, rows), further
        )
    all_rows = None if fitted is None else joined(fitted, rows)
    changed = state(
        replace(design, predictors=_joined_predictors(regression, rows, all_rows)),
        family,
        regression.link_function,
        regression.intercept_at_means,
        regression.choices,
        all_rows,
        copy.copy(regression.summary).merge(further),
        dict(spread_of),
        None if further_levels is None else copy.copy(regression.grouped_summary).merge(further_levels),
    )
    if regression.by_level is not None:
        return changed
    kept = regression.grouped_summary_at_hand
    if kept is None:
        return changed
    return replace(changed, folded=copy.copy(kept).merge(fold_groups(changed, rows)))


def summarised(regression: Regression, data: Any) -> _core.SufficientStatistics:
    """Return the summary of other rows, as `Model.summarise` says."""
    assert regression.design is not None
    if regression.groups is not None:
        raise SettingError(
            f"The model has group-specific terms such as {regression.groups.terms[0].text}, and a summary knows "
            "nothing of groups. Use model.update(rows), and model.save(path)."
        )
    if regression.by_level is not None:
        raise SettingError(
            refused("A summary", regression.by_level, "Use model.update(rows), which keeps sums by level.")
        )
    summary = _core.SufficientStatistics(len(regression.columns))
    for part in frames_of(data, used_columns(regression.design)):
        with named_origin(part.origin):
            rows = further_rows(regression.design, part.frame, regression.family.is_binary)
            summary.merge(fold(regression.design, rows, regression.family)[0])
    return summary


def needs_no_rows(regression: Regression) -> bool:
    """Tell whether a model can be fitted, and updated, from summaries alone."""
    if regression.groups is not None or regression.by_level is not None:
        return regression.grouped_summary_at_hand is not None
    return regression.family.sees_summary(regression)


def _joined_spreads(
    spreads: Spreads, summary: _core.SufficientStatistics, further: Spreads, rows: _core.SufficientStatistics
) -> dict[str, tuple[Floats, Floats]]:
    """Return the means and standard deviations of columns over two sets of rows, from those over each."""
    total = summary.total_weight + rows.total_weight
    share = rows.total_weight / total
    found = {}
    for effect, (mean, sd) in spreads.items():
        other_mean, other_sd = further[effect]
        distance = other_mean - mean
        between = np.sqrt(share * (1 - share)) * np.abs(distance)
        within = np.hypot(np.sqrt(1 - share) * sd, np.sqrt(share) * other_sd)
        found[effect] = mean + share * distance, np.hypot(within, between)
    return found


def _joined_predictors(regression: Regression, rows: Rows, all_rows: Rows | None) -> Mapping[str, Predictor]:
    """Return the summaries of single columns over all rows; without the earlier ones quartiles are approximate."""
    assert regression.design is not None
    earlier = regression.design.predictors
    if all_rows is not None and isinstance(earlier, Predictors):
        return earlier.of_rows(all_rows.columns)
    return {
        name: known.joined(Predictor.of(name, rows.columns[name], known.levels), regression.n_rows, rows.n_rows)
        for name, known in earlier.items()
    }
