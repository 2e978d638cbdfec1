"""The log likelihood of each row at each draw, for leave-one-out cross-validation, and the Bayesian R²."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..results import container as inference_data
from . import means as predictive
from .posterior_predictive import new_arrays, with_groups

if TYPE_CHECKING:
    from ..data.blocks import Block
    from ..model import Model
    from .means import FloatArray


def log_likelihood(model: Model, idata: Any, inplace: bool) -> Any:
    """Do what `Model.log_likelihood` says."""
    design = model.design
    rows = predictive.fitted_rows(design)
    coefficients, sigma = predictive.coefficient_draws(idata, design)
    (values,) = new_arrays(1, predictive.sample_shape(idata), rows.n_rows)
    flat = values.reshape(-1, rows.n_rows)
    log_scale = np.log(sigma) + 0.5 * math.log(2 * math.pi)
    for where, block, mean in predictive.mean_blocks(rows, coefficients, design.has_intercept):
        flat[:, where] = _row_log_likelihood(block, mean, sigma, log_scale).T
    posterior = inference_data.group(idata, "posterior")
    assert posterior is not None
    coordinates = {**inference_data.sample_labels(posterior), OBSERVATIONS: np.arange(rows.n_rows)}
    variables = {stored_name(design.response): ((*SAMPLES, OBSERVATIONS), values)}
    group = xr.Dataset(variables, coordinates, inference_data.common_attributes())
    return with_groups(idata, {"log_likelihood": group}, inplace)


def r2(model: Model, idata: Any) -> pd.Series[float]:
    """Do what `Model.r2` says."""
    design = model.design
    rows = predictive.fitted_rows(design)
    coefficients, sigma = predictive.coefficient_draws(idata, design)
    total, mean, squares = 0.0, np.zeros(len(sigma)), np.zeros(len(sigma))
    for _, block, fitted in predictive.mean_blocks(rows, coefficients, design.has_intercept):
        weights = np.ones(len(fitted)) if block.weights is None else block.weights
        weight = float(weights.sum())
        if not weight:
            continue
        # Blocks merge by their means and squares about them (Chan, Golub and LeVeque 1983).
        block_mean = weights @ fitted / weight
        shift = block_mean - mean
        squares += weights @ (fitted - block_mean) ** 2 + shift**2 * (total * weight / (total + weight))
        total += weight
        mean += shift * (weight / total)
    if not total > 1:
        raise DataError("R² needs a total weight of more than one row.")
    variance = squares / (total - 1)
    draws = variance / (variance + sigma**2)
    return pd.Series({"r2": float(draws.mean()), "r2_std": float(draws.std())})


def _row_log_likelihood(block: Block, mean: FloatArray, sigma: FloatArray, log_scale: FloatArray) -> FloatArray:
    """Return (rows, draws), with each row counted as often as its weight says; `mean` is overwritten."""
    assert block.y is not None
    mean -= block.y[:, None]
    mean /= sigma
    np.square(mean, out=mean)
    mean *= -0.5
    mean -= log_scale
    if block.weights is not None:
        mean *= block.weights[:, None]
    return mean
