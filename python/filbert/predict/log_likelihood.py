"""The log likelihood of each row at each draw, for leave-one-out cross-validation, and the Bayesian R²."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..data.blocks import Source
from ..errors import DataError, DataTypeError
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.regression import Regression
from ..results import container
from ..results.draws import Draws
from . import rowwise
from .group_effects import without_groups
from .posterior_predictive import new_arrays, with_groups


def log_likelihood(regression: Regression, idata: Any, inplace: bool) -> Any:
    """Do what `Model.log_likelihood` says."""
    rows = rowwise.fitted_rows(regression)
    draws = Draws.read(idata, regression)
    (values,) = new_arrays(1, draws.shape, rows.n_rows)
    flat = values.reshape(-1, rows.n_rows)
    for where, terms in likelihood_blocks(rows, regression, draws):
        flat[:, where] = terms.T
    coordinates = {**container.sample_labels(container.posterior_group(idata)), OBSERVATIONS: np.arange(rows.n_rows)}
    variables = {stored_name(regression.response): ((*SAMPLES, OBSERVATIONS), values)}
    group = xr.Dataset(variables, coordinates, container.common_attributes())
    return with_groups(idata, {"log_likelihood": group}, inplace)


def likelihood_blocks(rows: Source, regression: Regression, draws: Draws) -> Iterator[tuple[slice, rowwise.FloatArray]]:
    """Yield where consecutive rows are, and their log likelihoods (rows, draws); a row of weight w counts w times."""
    for where, block, predictor in rowwise.predictor_blocks(rows, regression, draws):
        terms = regression.family.log_likelihood(regression.link, block, predictor, draws.auxiliaries)
        if block.weights is not None:
            terms *= block.weights[:, None]
        yield where, terms


def r2(regression: Regression, idata: Any, summary: bool = True, group_effects: bool = True) -> Any:
    """Do what `Model.r2` says."""
    if not isinstance(group_effects, (bool, np.bool_)):
        raise DataTypeError(f"group_effects must be True or False, not {group_effects!r}.")
    rows = rowwise.fitted_rows(regression, in_parts=True)
    draws = Draws.read(idata, regression)
    common = None if group_effects or regression.groups is None else without_groups(draws)
    n_draws = draws.coefficients.shape[1]
    explained, of_groups, noise = _Spread(n_draws), _Spread(n_draws), np.zeros(n_draws)
    blocks = rowwise.mean_blocks(rows, regression, draws)
    without = itertools.repeat(None) if common is None else rowwise.mean_blocks(rows, regression, common)
    for (_, block, mean_response), other in zip(blocks, without, strict=False):
        variance = regression.family.variance(block, mean_response, draws.auxiliaries)
        fitted = regression.family.expectation(block, mean_response, draws.auxiliaries)
        weights = np.ones(len(fitted)) if block.weights is None else block.weights
        if other is not None:
            explained_by_common = regression.family.expectation(block, other[2], draws.auxiliaries)
            of_groups.add(fitted - explained_by_common, weights)
            fitted = explained_by_common
        explained.add(fitted, weights)
        # A sum, because the variance may be infinite: a t with few degrees of freedom has none.
        noise += weights @ variance if variance.ndim == 2 else weights.sum() * variance
    if not explained.total > 1:
        raise DataError("R² needs a total weight of more than one row.")
    between = of_groups.variance if common is not None else 0.0
    values = explained.variance / (explained.variance + between + noise / explained.total)
    if not summary:
        return values
    return pd.Series({"r2": float(values.mean()), "r2_std": float(values.std())})


class _Spread:
    """Means and variances over rows of draws (rows, draws), which come in blocks."""

    def __init__(self, n_draws: int) -> None:
        self.total = 0.0
        self.mean, self._squares = np.zeros(n_draws), np.zeros(n_draws)

    def add(self, values: rowwise.FloatArray, weights: rowwise.FloatArray) -> None:
        """Merge a block by its means and squares about them (Chan, Golub and LeVeque 1983)."""
        weight = float(weights.sum())
        if not weight:
            return
        mean = weights @ values / weight
        shift = mean - self.mean
        share = weight / (self.total + weight)
        self._squares += weights @ (values - mean) ** 2 + shift**2 * (self.total * share)
        self.mean += shift * share
        self.total += weight

    @property
    def variance(self) -> rowwise.FloatArray:
        """With the divisor n - 1."""
        return self._squares / (self.total - 1)
