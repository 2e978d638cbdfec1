"""The maximum of the likelihood as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .. import _core
from ..regression import identifiability
from ..regression.regression import Regression

# Standard errors of the logarithm of an auxiliary from which it has no estimate: of the best fits it is about 1.
NO_LIMIT = 1e3


def maximum_likelihood_table(regression: Regression) -> pd.DataFrame:
    """Do what `Model.maximum_likelihood` says."""
    try:
        top = regression.family.maximum_likelihood(regression)
    except _core.NoModeError as error:
        raise identifiability.no_mode(regression, *error.args) from None
    n = regression.n_coefficients
    observed = np.sqrt(np.diag(top.covariance))
    if regression.family.limit and regression.family.limit[0] in regression.auxiliaries:
        relative = observed[n + list(regression.auxiliaries).index(regression.family.limit[0])]
        if not relative < NO_LIMIT:
            raise identifiability.no_mode(regression, "the likelihood rises for ever", "not converged", np.empty(0))
    # Of an auxiliary parameter itself, by the delta method.
    errors = [*np.sqrt(np.diag(top.expected_covariance)), *(observed[n:] * top.estimate[n:])]
    labels = [label for parameter in regression.coefficients for label in parameter.labels]
    table = pd.DataFrame(
        {"estimate": top.estimate, "standard_error": errors},
        index=[*labels, *(parameter.name for parameter in regression.auxiliaries.values())],
    )
    table.attrs = {
        "log_likelihood": top.log_likelihood,
        "aic": 2 * len(table) - 2 * top.log_likelihood,
        "covariance": top.covariance,
        "iterations": top.iterations,
    }
    return table
