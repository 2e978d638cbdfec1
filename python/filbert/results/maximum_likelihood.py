"""The maximum of the likelihood as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .. import _core
from ..errors import DataError
from ..regression import identifiability
from ..regression.regression import Regression


def maximum_likelihood_table(regression: Regression) -> pd.DataFrame:
    """Do what `Model.maximum_likelihood` says."""
    if regression.rows is None:
        raise DataError(
            "The model was loaded from a file, which has no rows, and the likelihood needs them. Make the model again "
            "from its formula and data."
        )
    try:
        top = regression.family.maximum_likelihood(regression)
    except _core.NoModeError as error:
        raise identifiability.no_mode(regression, *error.args) from None
    n = regression.n_coefficients
    observed = np.sqrt(np.diag(top.covariance))
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
