"""The classical fit as a table."""

from __future__ import annotations

import pandas as pd

from ..errors import SettingError
from ..families.gaussian import Gaussian
from ..regression import identifiability
from ..regression.levels import level_columns
from ..regression.names import INTERCEPT
from ..regression.regression import Regression


def least_squares_table(regression: Regression) -> pd.DataFrame:
    """Do what `Model.least_squares` says."""
    if not isinstance(regression.family, Gaussian) or regression.link != "identity":
        raise SettingError(
            f"Least squares are for Gaussian responses with the identity link, and this model has family="
            f"{regression.family.name!r}, link={regression.link!r}. Use "
            "model.maximum_likelihood(), its classical counterpart."
        )
    if regression.groups is not None:
        raise SettingError(
            f"Least squares have no group-specific terms such as {regression.groups.terms[0].text}. Use "
            "model.maximum_likelihood(), the classical fit of mixed models."
        )
    fit = regression.least_squares
    if fit.dependent:
        raise identifiability.no_unique_fit(regression)
    names = [INTERCEPT] * regression.has_intercept + list(regression.columns) + level_columns(regression)
    table = pd.DataFrame({"estimate": fit.estimate, "standard_error": fit.standard_error}, index=names)
    if regression.by_level is not None and regression.design is not None:  # in the order of the formula
        columns = [column for term in regression.design.terms for column in term.columns]
        table = table.loc[[*names[: regression.has_intercept], *columns]]
    table.attrs = {
        name: getattr(fit, name)
        for name in ("sigma", "residual_sum_of_squares", "degrees_of_freedom", "rank", "condition_number")
    }
    return table
