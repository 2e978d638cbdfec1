"""The log likelihood of each row at each draw, for leave-one-out cross-validation, and the Bayesian R²."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.regression import Regression
from ..results import container
from ..results.draws import Draws
from . import rowwise
from .posterior_predictive import new_arrays, with_groups


def log_likelihood(regression: Regression, idata: Any, inplace: bool) -> Any:
    """Do what `Model.log_likelihood` says."""
    rows = rowwise.fitted_rows(regression)
    draws = Draws.read(idata, regression)
    (values,) = new_arrays(1, draws.shape, rows.n_rows)
    flat = values.reshape(-1, rows.n_rows)
    for where, block, predictor in rowwise.predictor_blocks(rows, regression, draws):
        terms = regression.family.log_likelihood(regression.link, block, predictor, draws.auxiliaries)
        if block.weights is not None:
            terms *= block.weights[:, None]
        flat[:, where] = terms.T
    posterior = container.group(idata, "posterior")
    assert posterior is not None
    coordinates = {**container.sample_labels(posterior), OBSERVATIONS: np.arange(rows.n_rows)}
    variables = {stored_name(regression.response): ((*SAMPLES, OBSERVATIONS), values)}
    group = xr.Dataset(variables, coordinates, container.common_attributes())
    return with_groups(idata, {"log_likelihood": group}, inplace)


def r2(regression: Regression, idata: Any, summary: bool = True) -> Any:
    """Do what `Model.r2` says."""
    rows = rowwise.fitted_rows(regression)
    draws = Draws.read(idata, regression)
    n_draws = draws.coefficients.shape[1]
    total, mean, squares, noise = 0.0, np.zeros(n_draws), np.zeros(n_draws), np.zeros(n_draws)
    for _, block, mean_response in rowwise.mean_blocks(rows, regression, draws):
        variance = regression.family.variance(block, mean_response, draws.auxiliaries)
        fitted = regression.family.expectation(block, mean_response, draws.auxiliaries)
        weights = np.ones(len(fitted)) if block.weights is None else block.weights
        weight = float(weights.sum())
        if not weight:
            continue
        # Blocks merge by their means and squares about them (Chan, Golub and LeVeque 1983).
        block_mean = weights @ fitted / weight
        shift = block_mean - mean
        squares += weights @ (fitted - block_mean) ** 2 + shift**2 * (total * weight / (total + weight))
        block_noise = weights @ variance / weight if variance.ndim == 2 else variance
        noise += (block_noise - noise) * (weight / (total + weight))
        total += weight
        mean += shift * (weight / total)
    if not total > 1:
        raise DataError("R² needs a total weight of more than one row.")
    explained = squares / (total - 1)
    values = explained / (explained + noise)
    if not summary:
        return values
    return pd.Series({"r2": float(values.mean()), "r2_std": float(values.std())})
