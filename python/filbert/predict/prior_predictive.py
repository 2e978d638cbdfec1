"""Draws parameters from their priors, and responses from the parameters."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import DataWarning, FormulaError, PriorError, SettingError, quote_names, suggest, warn
from ..regression.groups import Groups, correlation_name, correlation_roots
from ..regression.levels import at_means
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.parameters import Role, in_row_order
from ..results import container
from ..results.draws import Draws
from ..sampling.memory import check_draws_fit
from ..sampling.settings import checked_seed, whole_number
from . import rowwise
from .posterior_predictive import row_draws
from .rowwise import FloatArray

if TYPE_CHECKING:
    from ..priors.prior import Prior
    from ..regression.regression import Regression


def prior_predictive(
    regression: Regression,
    data: Mapping[str, xr.Dataset],
    *,
    keep_mean: bool,
    draws: int,
    random_seed: Any,
    var_names: str | Sequence[str] | None = None,
) -> Any:
    """Draw from the priors of a regression, and lay the draws out as ArviZ expects them.

    Parameters
    ----------
    regression : Regression
    data : mapping of str to Dataset
        Groups that hold data, such as ``observed_data``.
    keep_mean : bool
        Whether the mean response is kept in the group ``prior``, under the name of the family's parent parameter.
    draws : int
    random_seed : int or numpy.random.Generator, optional
    var_names : str or sequence of str, optional
        Parameters, mean and response to keep; all by default.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        Groups ``prior`` (one chain), ``prior_predictive``, and `data`.

    Raises
    ------
    PriorError
        If a prior is improper.
    FormulaError
        If the mean is kept and a parameter has its name.
    """
    rows = rowwise.fitted_rows(regression)
    draws = whole_number("draws", draws, 1, 2**40)
    check_draws_fit(f"draws={draws}", draws, sum(p.rows.size for p in regression.parameters))
    seed = checked_seed(random_seed)
    parent = regression.family.parent
    if keep_mean and any(parameter.name == parent for parameter in regression.parameters):
        raise FormulaError(f"The mean response is stored as {parent!r}, which is also a parameter's name: rename that.")
    values = prior_draws(regression, draws, np.random.default_rng(seed))
    drawn = Draws.of(regression, values, (1, draws))
    with np.errstate(over="ignore"):  # told below, with the prior that it comes from
        mean, response = row_draws(rows, regression, drawn, rowwise.noise_seed(seed))
    _warn_of_overflow(regression, values, mean, response)
    common = container.common_attributes()
    prior = container.parameters_group(values[:, None, :], regression.parameters, common)
    places = {OBSERVATIONS: np.arange(rows.n_rows)}
    dims = (*SAMPLES, OBSERVATIONS)
    responses = {stored_name(regression.response): (dims, response)}
    responses_group = xr.Dataset(responses, {**container.sample_labels(prior), **places}, common)
    if keep_mean:
        prior = prior.assign({parent: (dims, mean)}).assign_coords(places)
    if var_names is not None:
        kept = _checked_names(var_names, [*prior.data_vars, *responses_group.data_vars])
        prior = prior[[name for name in prior.data_vars if name in kept]]
        responses_group = responses_group[[name for name in responses_group.data_vars if name in kept]]
    return container.container({"prior": prior, "prior_predictive": responses_group, **data})


def _warn_of_overflow(regression: Regression, values: FloatArray, mean: FloatArray, response: FloatArray) -> None:
    """Say which prior reaches furthest where what is drawn exceeds doubles."""
    is_beyond = ~(np.isfinite(mean) & np.isfinite(response)).all(axis=-1)
    if is_beyond.any():
        furthest = max(regression.parameters, key=lambda parameter: float(np.abs(values[parameter.rows]).max()))
        warn(
            f"Means or responses of {int(is_beyond.sum())} of {is_beyond.size} draws are not finite: the priors reach "
            f"beyond what doubles hold, that of {furthest.name!r}, {furthest.prior}, furthest. Give it a narrower one.",
            DataWarning,
        )


def _checked_names(var_names: str | Sequence[str], known: Sequence[str]) -> set[str]:
    names = [var_names] if isinstance(var_names, str) else list(var_names)
    for name in names:
        if stored_name(str(name)) not in known:
            raise SettingError(
                f"var_names has {name!r}, which is not drawn.{suggest(str(name), known)} What is drawn are "
                f"{quote_names(known)}."
            )
    return {stored_name(name) for name in names}


def prior_draws(regression: Regression, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw every parameter from its prior.

    Returns
    -------
    array, (rows of the draws, draws)
        The intercept, as in the posterior, is the linear predictor where every column is 0.
    """
    groups = regression.groups
    by_roles = (Role.EFFECT, Role.CORRELATION)
    parameters = in_row_order(parameter for parameter in regression.parameters if parameter.role not in by_roles)
    values = np.empty((sum(parameter.rows.size for parameter in regression.parameters), draws))
    for parameter in parameters:
        values[parameter.rows.ravel()] = _drawn(parameter.name, parameter.prior, (parameter.rows.size, draws), rng)
    if groups is not None:
        _draw_groups(groups, values, rng)
    if regression.has_intercept and regression.intercept_at_means:
        values[0] -= at_means(regression, values)
    return values


def _draw_groups(groups: Groups, values: FloatArray, rng: np.random.Generator) -> None:
    """Fill in draws of correlations, and of effects from deviations and correlations, where deviations are drawn."""
    for term, rows in zip(groups.terms, groups.correlation_rows, strict=True):
        if term.is_correlated:
            eta = float(groups.chosen[correlation_name(term.factor)].prior.params["eta"])
            size = len(term.columns)
            matrices = lkj_draws(size, eta, values.shape[1], rng)
            for row, (i, j) in zip(rows, itertools.combinations(range(size), 2), strict=True):
                values[row] = matrices[:, i, j]
    start = groups.first_effect
    for term, (deviations, correlations) in zip(groups.terms, groups.covariances(values), strict=True):
        n_groups = groups.grouping[term.factor].n_groups
        standard = rng.standard_normal((len(deviations), n_groups, values.shape[1]))
        if correlations is not None:
            standard = np.einsum("dij,jgd->igd", correlation_roots(correlations), standard)
        effects = deviations[:, None, :] * standard
        values[start : start + len(deviations) * n_groups] = effects.reshape(-1, values.shape[1])
        start += len(deviations) * n_groups


def lkj_draws(size: int, eta: float, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw matrices of correlations with density proportional to det(R)^(eta - 1), (draws, size, size).

    References
    ----------
    Lewandowski, Kurowicka and Joe (2009), Generating random correlation matrices based on vines and extended onion
    method, Journal of Multivariate Analysis 100: canonical partial correlations of order j are Beta(eta + (size - 2 -
    j)/2, the same) on (-1, 1).
    """
    factors = np.zeros((draws, size, size))
    factors[:, 0, 0] = 1
    for i in range(1, size):
        left = np.ones(draws)
        for j in range(i):
            shape = eta + (size - 2 - j) / 2
            factors[:, i, j] = (2 * rng.beta(shape, shape, draws) - 1) * np.sqrt(left)
            left -= factors[:, i, j] ** 2
        factors[:, i, i] = np.sqrt(np.maximum(left, 0))
    return factors @ factors.transpose(0, 2, 1)


def _drawn(name: str, prior: Prior, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    if not prior.is_proper:
        raise PriorError(
            f"The prior of {name!r}, {prior}, is improper: nothing can be drawn from it. Give it a proper one, such as "
            f"{'HalfNormal(10)' if prior.is_positive else 'Normal(0, 10)'}, in the units of the data."
        )
    return prior.draw(shape, rng)
