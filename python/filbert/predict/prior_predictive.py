"""Draws parameters from their priors, and responses from the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import FormulaError, PriorError
from ..regression.names import MEAN, OBSERVATIONS, SAMPLES, stored_name
from ..results import container as inference_data
from ..results.container import Variable
from ..sampling.settings import checked_seed, whole_number
from . import means as predictive
from .posterior_predictive import row_draws

if TYPE_CHECKING:
    from ..data.blocks import Source
    from ..model import Model
    from ..priors.prior import Prior
    from ..regression.regression import Regression
    from .means import FloatArray

_Draw = Callable[..., Any]
# Each prior from a generator, a shape and its parameters; positive halves are absolute values.
_DRAW: dict[str, _Draw] = {
    "Normal": lambda rng, shape, mu, sigma: rng.normal(mu, sigma, shape),
    "StudentT": lambda rng, shape, nu, mu, sigma: mu + sigma * rng.standard_t(nu, shape),
    "Cauchy": lambda rng, shape, alpha, beta: alpha + beta * rng.standard_cauchy(shape),
    "Laplace": lambda rng, shape, mu, b: rng.laplace(mu, b, shape),
    "Uniform": lambda rng, shape, lower, upper: rng.uniform(lower, upper, shape),
    "HalfNormal": lambda rng, shape, sigma: np.abs(rng.normal(0.0, sigma, shape)),
    "HalfCauchy": lambda rng, shape, beta: np.abs(beta * rng.standard_cauchy(shape)),
    "HalfStudentT": lambda rng, shape, nu, sigma: np.abs(sigma * rng.standard_t(nu, shape)),
    "Exponential": lambda rng, shape, lam: rng.exponential(1 / lam, shape),
    "Gamma": lambda rng, shape, alpha, beta: rng.gamma(alpha, 1 / beta, shape),
    "InverseGamma": lambda rng, shape, alpha, beta: beta / rng.gamma(alpha, 1.0, shape),
}


def prior_predictive(model: Model, draws: int, random_seed: Any) -> Any:
    """Do what `Model.prior_predictive` says."""
    design = model.design
    rows = predictive.fitted_rows(design)
    return prior_container(
        model.regression,
        inference_data.design_variables(design),
        rows,
        inference_data.design_data(design, rows),
        keep_mean=True,
        draws=draws,
        random_seed=random_seed,
    )


def prior_container(
    regression: Regression,
    variables: Sequence[Variable],
    rows: Source,
    data: Mapping[str, xr.Dataset],
    *,
    keep_mean: bool,
    draws: int,
    random_seed: Any,
) -> Any:
    """Draw from the priors of a regression, and lay the draws out as ArviZ expects them.

    Parameters
    ----------
    regression : Regression
    variables : sequence of Variable
        What the rows of the draws are called.
    rows : Source
        The fitted rows.
    data : mapping of str to Dataset
        Groups that hold data, such as ``observed_data``.
    keep_mean : bool
        Whether the mean response is kept, as ``mu`` of the group ``prior``.
    draws : int
    random_seed : int or numpy.random.Generator, optional

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        Groups ``prior`` (one chain), ``prior_predictive``, and `data`.

    Raises
    ------
    PriorError
        If a prior is improper.
    FormulaError
        If the mean is kept and a parameter is called "mu".
    """
    draws = whole_number("draws", draws, 1, 2**40)
    seed = checked_seed(random_seed)
    if keep_mean and any(variable.name == MEAN for variable in variables):
        raise FormulaError(f"The mean response is stored as {MEAN!r}, which is also a parameter's name: rename that.")
    values = prior_draws(regression, draws, np.random.default_rng(seed))
    noise = predictive.noise_seed(seed)
    mean, response = row_draws(rows, values[:-1], regression.has_intercept, (1, draws), values[-1], noise)
    common = inference_data.common_attributes()
    prior = inference_data.parameters_group(values[:, None, :], variables, common)
    places = {OBSERVATIONS: np.arange(rows.n_rows)}
    dims = (*SAMPLES, OBSERVATIONS)
    responses = {stored_name(regression.response): (dims, response)}
    responses_group = xr.Dataset(responses, {**inference_data.sample_labels(prior), **places}, common)
    if keep_mean:
        prior = prior.assign({MEAN: (dims, mean)}).assign_coords(places)
    return inference_data.container({"prior": prior, "prior_predictive": responses_group, **data})


def prior_draws(regression: Regression, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw every parameter from its prior.

    Returns
    -------
    array, (coefficients + 1, draws)
        The intercept, as in the posterior, is the mean response where every column is 0; sigma is the last.
    """
    widths = {**regression.widths, regression.sigma_name: 1}
    values = np.concatenate(
        [_drawn(name, regression.priors[name].prior, (k, draws), rng) for name, k in widths.items()]
    )
    if regression.has_intercept and regression.intercept_at_means and len(values) > 2:
        values[0] -= regression.summary.mean[:-1] @ values[1:-1]
    return values


def draws_of_prior(prior: Prior, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Draw from a proper prior, (coefficients, draws); array parameters have a value for each coefficient."""
    parameters = [np.reshape(value, (-1, 1)) for value in prior.params.values()]
    return np.asarray(_DRAW[prior.name](rng, shape, *parameters), dtype=np.float64)


def _drawn(name: str, prior: Prior, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    if not prior.is_proper:
        raise PriorError(
            f"The prior of {name!r}, {prior}, is improper: nothing can be drawn from it. Give it a proper one, such as "
            f"{'HalfNormal(10)' if prior.is_positive else 'Normal(0, 10)'}, in the units of the data."
        )
    return draws_of_prior(prior, shape, rng)
