"""Says where default priors answer in place of the data in models that are not Gaussian, and of separated data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..errors import DataWarning, quote_names, warn
from .identifiability import MAX_PRIOR_SHIFT, MIN_PART, MIN_PRIOR_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .regression import Regression

    Floats = NDArray[np.float64]

# Looking for the top of the likelihood costs about as much as the frame; beyond this many values it is left out.
MAX_VALUES_SEARCHED = 200_000
# Directions in which the likelihood has a smaller part of the precision are those that it says nothing about.
MIN_DATA_SHARE = 1e-6
# Relative step of the difference that gives the curvature of a prior.
STEP = 1e-4


def warn_prior_conflicts(regression: Regression, density: _core.FramedGlm) -> None:
    """Warn of separated data if default priors are all that bounds the answer, else of default priors that overrule."""
    if not any(parameter.chosen.is_default for parameter in regression.parameters):
        return
    if not _warn_separated(regression):
        _warn_overruled(regression, density)


def _warn_separated(regression: Regression) -> bool:
    """Warn if successes and failures can be told apart without an error, along columns whose priors are default."""
    family, rows = regression.family, regression.rows
    if not (family.is_binary or family.has_trials) or rows is None or regression.least_squares.dependent:
        return False
    if regression.n_rows * regression.n_coefficients > MAX_VALUES_SEARCHED:
        return False
    try:
        family.maximum_likelihood(regression)
    except _core.NoModeError as error:
        _, reason, direction = error.args
        if reason != "separated":
            return False
    else:
        return False
    is_involved = np.zeros(regression.n_coefficients, dtype=bool)
    is_involved[: len(direction)] = np.abs(direction[: regression.n_coefficients]) >= MIN_PART
    labels = [label for parameter in regression.coefficients for label in parameter.labels]
    is_default = [p.chosen.is_default for p in regression.coefficients for _ in range(p.rows.size)]
    named = [label for label, involved in zip(labels, is_involved, strict=True) if involved]
    names = [name for name, involved in zip(regression.coefficient_names, is_involved, strict=True) if involved]
    if not any(default for default, involved in zip(is_default, is_involved, strict=True) if involved):
        return False
    example = names[-1]
    warn(
        f"The data are separated along {quote_names(named)}: some combination of these columns tells the responses "
        "apart without an error, so the likelihood has no maximum, and how large the coefficients are is the default "
        f"priors' choice. Check whether a column gives the response away, or give priors that you mean, such as "
        f"priors={{'{example}': Normal(0, ...)}}.",
        DataWarning,
    )
    return True


def _warn_overruled(regression: Regression, density: _core.FramedGlm) -> None:
    """Warn where default priors have moved the mode away from the top of the likelihood, along any direction."""
    pulls = _pulls(regression, density)
    if pulls is None:
        return
    overruled = np.abs(pulls.shifts) > MAX_PRIOR_SHIFT
    if not overruled.any():
        return
    parts = np.abs(pulls.parts[:, overruled])
    involved = (parts >= MIN_PRIOR_SHARE * parts.max(axis=0)).any(axis=1)
    names = list(dict.fromkeys(name for name, inside in zip(pulls.names, involved, strict=True) if inside))
    example = pulls.names[int(parts.max(axis=1).argmax())]
    prior = "HalfNormal(...)" if example in regression.auxiliaries else "Normal(0, ...)"
    unscaled = "" if regression.choices.auto_scale else ", or leave out auto_scale=False"
    warn(
        f"The default priors overrule the data: they move the answer by about {np.abs(pulls.shifts).max():.1f} "
        f"standard errors of maximum likelihood in a direction that involves {quote_names(names)}. Their scale "
        f"does not suit the data. Give explicit priors, such as priors={{'{example}': {prior}}}{unscaled}; "
        "model.maximum_likelihood() shows what the data alone say.",
        DataWarning,
    )


@dataclass(frozen=True)
class _Pulls:
    """How default priors pull along directions that are independent in prior and likelihood.

    Attributes
    ----------
    shifts : array, (directions,)
        By how many standard errors of maximum likelihood they move the mode.
    parts : array, (parameters, directions)
        The part that the prior of each has in that.
    names : list of str
        One a parameter.
    """

    shifts: Floats
    parts: Floats
    names: list[str]


def _pulls(regression: Regression, density: _core.FramedGlm) -> _Pulls | None:
    """Return the pulls to second order at the mode; None where that cannot be told."""
    mode = density.mode()
    n = regression.n_coefficients
    estimate = np.array(mode["estimate"], dtype=np.float64)
    covariance = np.array(mode["covariance"], dtype=np.float64)  # of auxiliary parameters in their logarithms
    free = list(regression.auxiliaries.values())  # those that are fixed are no parameters
    specs: list[Any] = [*regression.coefficient_priors, *(parameter.specs[0] for parameter in free)]
    defaults = np.array(
        [p.chosen.is_default for p in regression.coefficients for _ in range(p.rows.size)]
        + [parameter.chosen.is_default for parameter in free]
    )
    # What a prior is about, as rows of numbers that multiply the parameters.
    about = np.eye(len(estimate))
    if regression.has_intercept and regression.intercept_at_means:
        about[0, 1:n] = regression.summary.mean[:-1]
    arguments = np.concatenate([about[:n, :n] @ estimate[:n], np.log(estimate[n:])])
    slopes, curvatures = np.transpose(
        [_slope_and_curvature(spec, at, j >= n) for j, (spec, at) in enumerate(zip(specs, arguments, strict=True))]
    )
    if not all(np.isfinite(values).all() for values in (covariance, slopes, curvatures)):
        return None
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    towards = about @ root
    shares, vectors = np.linalg.eigh(towards.T @ (curvatures[:, None] * towards))
    towards = towards @ vectors
    data_shares = 1 - shares
    # Where the likelihood does not curve downwards a prior made the mode: its pull is in deviations of the posterior.
    precisions = np.where(data_shares > MIN_DATA_SHARE, data_shares, 1.0)
    parts = np.where(defaults[:, None], slopes[:, None] * towards, 0.0) / np.sqrt(precisions)
    names = [*regression.coefficient_names, *(parameter.name for parameter in free)]
    return _Pulls(parts.sum(axis=0), parts, names)


def _slope_and_curvature(spec: Any, at: float, is_logarithm: bool) -> tuple[float, float]:
    """Return the slope of a log prior density, and the negative of its curvature; of auxiliaries in their logarithm."""
    name, parameters = spec

    def slope(x: float) -> float:
        if not is_logarithm:
            return _core.prior_log_density(name, parameters, x)[1]
        value = float(np.exp(x))
        return _core.prior_log_density(name, parameters, value)[1] * value + 1.0

    step = STEP * max(1.0, abs(at))
    return slope(at), (slope(at - step) - slope(at + step)) / (2 * step)
