"""The maximum of the likelihood as a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from .. import _core
from ..errors import ConvergenceWarning, DataTypeError, SettingError, quote_names, warn
from ..families.gaussian import Gaussian
from ..formula.groups import GroupTerm
from ..regression import identifiability
from ..regression.groups import correlation_name, deviation_name, pair_labels
from ..regression.parameters import Role
from ..regression.regression import Regression
from .least_squares import least_squares_table

# Standard errors of the logarithm of an auxiliary from which it has no estimate: of the best fits it is about 1.
NO_LIMIT = 1e3


def maximum_likelihood_table(regression: Regression, restricted: Any = None) -> pd.DataFrame:
    """Do what `Model.maximum_likelihood` says."""
    if restricted not in (None, True, False):
        raise DataTypeError(f"restricted must be True or False, not {restricted!r}.")
    if regression.groups is not None:
        return _mixed_model_table(regression, restricted is None or bool(restricted))
    if restricted:
        raise SettingError(
            f"restricted=True is for group-specific terms such as (1 | g), and {regression.description!r} has none. "
            "Leave it out."
        )
    if regression.by_level is not None:
        return _table_by_level(regression)
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


def _table_by_level(regression: Regression) -> pd.DataFrame:
    """Return the classical fit of a model with a factor by level: least squares, with the likelihood's sigma."""
    squares = least_squares_table(regression)
    n, rss = float(regression.summary.total_weight), float(squares.attrs["residual_sum_of_squares"])
    known = regression.fixed.get("sigma")
    sigma = math.sqrt(rss / n) if known is None else known
    table = squares.assign(standard_error=squares["standard_error"] * (sigma / squares.attrs["sigma"]))
    of_columns = [one for one in regression.parameters if one.role in (Role.COEFFICIENT, Role.LEVEL)]
    table.index = pd.Index([label for parameter in of_columns for label in parameter.labels])
    if known is None:
        table.loc["sigma"] = [sigma, sigma / math.sqrt(2 * n)]
    log_likelihood = -0.5 * (n * math.log(2 * math.pi * sigma**2) + rss / sigma**2)
    table.attrs = {"log_likelihood": log_likelihood, "aic": 2 * len(table) - 2 * log_likelihood, "iterations": 0}
    return table


def _mixed_model_table(regression: Regression, restricted: bool) -> pd.DataFrame:
    """Return the classical fit of a Gaussian model with group-specific terms."""
    groups = regression.groups
    assert groups is not None
    if type(regression.family) is not Gaussian or regression.link != "identity":
        raise SettingError(
            "maximum_likelihood() of a model with group-specific terms is for family='gaussian' with the identity "
            f"link, and this one has family={regression.family.name!r}, link={regression.link!r}. Leave "
            f"{quote_names(term.text for term in groups.terms)} out, or use fit()."
        )
    if known := [*regression.fixed, *groups.fixed]:
        raise SettingError(
            f"maximum_likelihood() estimates every deviation, and the model knows {quote_names(known)}. Give "
            "priors in place of numbers."
        )
    try:
        fit = _core.mixed_model_fit(
            regression.grouped_summary,
            intercept=regression.has_intercept,
            correlated=[term.is_correlated for term in groups.terms],
            restricted=restricted,
        )
    except _core.ImproperPosteriorError:
        raise identifiability.no_unique_fit(regression) from None
    except _core.GroupsTooLargeError as error:
        raise identifiability.groups_too_large(regression, str(error)) from None
    estimates = {"sigma": float(fit["sigma"])}
    for term, deviations in zip(groups.terms, fit["deviations"], strict=True):
        estimates.update(zip(_deviation_labels(term), map(float, deviations), strict=True))
    for term, correlations in zip(groups.terms, fit["correlations"], strict=True):
        pairs = [f"{correlation_name(term.factor)}[{pair}]" for pair in pair_labels(term)]
        estimates.update(zip(pairs, map(float, correlations), strict=True))
    labels = [label for parameter in regression.coefficients for label in parameter.labels]
    table = pd.DataFrame(
        {
            "estimate": [*fit["coefficients"], *estimates.values()],
            "standard_error": [*fit["standard_errors"], *[np.nan] * len(estimates)],
        },
        index=[*labels, *estimates],
    )
    table.attrs = {
        "log_likelihood": float(fit["log_likelihood"]),
        "aic": 2 * len(table) - 2 * float(fit["log_likelihood"]),
        "restricted": restricted,
        "converged": bool(fit["converged"]),
    }
    if not fit["converged"]:
        warn(
            "The maximum of the likelihood was not found to full accuracy: take its estimates with a grain of salt, "
            "or leave out effects that the data say little about.",
            ConvergenceWarning,
        )
    return table


def _deviation_labels(term: GroupTerm) -> list[str]:
    """Return what deviations are called among the draws: ``1|g_sigma``, ``f|g_sigma[b]``."""
    return [
        deviation_name(effect) if part.levels is None else f"{deviation_name(effect)}[{level}]"
        for part, effect in zip(term.terms, term.effects, strict=True)
        for level in (part.levels or ("",))
    ]
