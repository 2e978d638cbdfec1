"""The classical fit as a table."""

from __future__ import annotations

import pandas as pd

from ..regression import identifiability
from ..regression.names import INTERCEPT
from ..regression.regression import Regression


def least_squares_table(regression: Regression) -> pd.DataFrame:
    """Do what `Model.least_squares` says."""
    fit = regression.least_squares
    if fit.dependent:
        raise identifiability.no_unique_fit(regression)
    names = [INTERCEPT] * regression.has_intercept + list(regression.columns)
    table = pd.DataFrame({"estimate": fit.estimate, "standard_error": fit.standard_error}, index=names)
    table.attrs = {
        name: getattr(fit, name)
        for name in ("sigma", "residual_sum_of_squares", "degrees_of_freedom", "rank", "condition_number")
    }
    return table
