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
    terms = _Terms.at_mode(regression, density)
    if not terms.is_finite or terms.surely_small():
        return
    parts = terms.parts()
    if parts is None:
        return
    shifts = np.abs(parts.sum(axis=0))
    overruled = shifts > MAX_PRIOR_SHIFT
    if not overruled.any():
        return
    parts = np.abs(parts[:, overruled])
    involved = (parts >= MIN_PRIOR_SHARE * parts.max(axis=0)).any(axis=1)
    names = list(dict.fromkeys(name for name, inside in zip(terms.names, involved, strict=True) if inside))
    example = terms.names[int(parts.max(axis=1).argmax())]
    prior = "HalfNormal(...)" if example in regression.auxiliaries else "Normal(0, ...)"
    unscaled = "" if regression.choices.auto_scale else ", or leave out auto_scale=False"
    warn(
        f"The default priors overrule the data: they move the answer by about {shifts.max():.1f} "
        f"standard errors of maximum likelihood in a direction that involves {quote_names(names)}. Their scale "
        f"does not suit the data. Give explicit priors, such as priors={{'{example}': {prior}}}{unscaled}; "
        "model.maximum_likelihood() shows what the data alone say.",
        DataWarning,
    )


@dataclass(frozen=True)
class _Terms:
    """What is known at the mode, about coefficients and the logarithms of auxiliary parameters.

    Attributes
    ----------
    covariance : array, (parameters, parameters)
    about : array, (parameters, parameters)
        What each prior is about, as numbers that multiply the parameters.
    slopes, curvatures : array, (parameters,)
        Of the log density of each prior, curvatures with the opposite sign.
    defaults : bool array, (parameters,)
        Which priors are default ones.
    names : list of str
        One a parameter.
    """

    covariance: Floats
    about: Floats
    slopes: Floats
    curvatures: Floats
    defaults: NDArray[np.bool_]
    names: list[str]

    @classmethod
    def at_mode(cls, regression: Regression, density: _core.FramedGlm) -> _Terms:
        """Take them from the mode that the frame was made at."""
        mode, n = density.mode(), regression.n_coefficients
        estimate = np.array(mode["estimate"], dtype=np.float64)
        auxiliaries = list(regression.auxiliaries.values())  # those that are fixed are no parameters
        parameters = [p for p in regression.coefficients for _ in range(p.rows.size)] + auxiliaries
        specs: list[Any] = [*regression.coefficient_priors, *(parameter.specs[0] for parameter in auxiliaries)]
        about = np.eye(len(estimate))
        if regression.has_intercept and regression.intercept_at_means:
            about[0, 1:n] = regression.summary.mean[:-1]
        arguments = np.concatenate([about[:n, :n] @ estimate[:n], np.log(estimate[n:])])
        pairs = [
            _slope_and_curvature(spec, at, j >= n) for j, (spec, at) in enumerate(zip(specs, arguments, strict=True))
        ]
        slopes, curvatures = np.transpose(pairs)
        defaults = np.array([parameter.chosen.is_default for parameter in parameters])
        return cls(
            mode["covariance"], about, slopes, curvatures, defaults, [parameter.name for parameter in parameters]
        )

    @property
    def is_finite(self) -> bool:
        return all(bool(np.isfinite(values).all()) for values in (self.covariance, self.slopes, self.curvatures))

    def surely_small(self) -> bool:
        """Tell by a bound, without factoring a matrix, that no direction is pulled far: so it is for most data."""
        pull = self.about.T @ np.where(self.defaults, self.slopes, 0.0)
        variances = np.diag(self.covariance).copy()
        variances[0] = self.about[0] @ self.covariance @ self.about[0]
        share = float(self.curvatures @ variances)  # all directions together
        squared = float(pull @ self.covariance @ pull)
        return bool((self.curvatures >= 0).all()) and share < 1 and squared <= MAX_PRIOR_SHIFT**2 * (1 - share)

    def parts(self) -> Floats | None:
        """Return what each default prior adds to the shift along directions independent in prior and likelihood.

        Returns
        -------
        array, (parameters, directions), or None
            In standard errors of maximum likelihood, to second order. None where that cannot be told.
        """
        try:
            root = np.linalg.cholesky(self.covariance)
        except np.linalg.LinAlgError:
            return None
        towards = self.about @ root
        shares, vectors = np.linalg.eigh(towards.T @ (self.curvatures[:, None] * towards))
        data_shares = 1 - shares
        # Where the likelihood does not curve downwards the pull is in deviations of the posterior, whose prior made it.
        precisions = np.where(data_shares > MIN_DATA_SHARE, data_shares, 1.0)
        pulls = np.where(self.defaults[:, None], self.slopes[:, None] * (towards @ vectors), 0.0)
        return np.asarray(pulls / np.sqrt(precisions))


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
