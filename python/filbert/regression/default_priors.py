"""Which prior each parameter gets: the user's, or a default one scaled by the data (all default scales are here)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DataTypeError, PriorError, count, quote_names, suggest
from ..priors.prior import Prior
from .names import INTERCEPT, SIGMA

__all__ = ["ResolvedPrior", "default_priors", "resolve_priors"]

DEFAULT_SCALE = 2.5  # response standard deviations per predictor standard deviation, as in rstanarm and bambi
DEFAULT_SIGMA_NU = 4.0  # degrees of freedom of the half Student-t prior for sigma, as in bambi
SCALE_LIMITS = (1e-300, 1e300)  # beyond these a variance or a precision is no longer a double

COMMON = "common"  # stands for all terms

# What to write instead of a prior for sigma that allows negative values.
_HALF = {"Normal": "HalfNormal", "StudentT": "HalfStudentT", "Cauchy": "HalfCauchy", "Flat": "HalfFlat"}

FloatArray = npt.NDArray[np.float64]


class TermLike(Protocol):
    """The part of a design's term that priors need."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class ResolvedPrior:
    """The prior of one parameter, and where it comes from.

    Attributes
    ----------
    prior : Prior
        The prior as it is used, on the scale of the data.
    is_default : bool
        True if the user gave no prior for this parameter.
    rule : str
        The prior as asked for: a default prior's rule ("Normal(mu: 0, sigma: 2.5 sd(y)/sd(x))"), or the user's own.
    """

    prior: Prior
    is_default: bool
    rule: str


def default_priors(
    columns_by_term: Mapping[str, slice],
    x_mean: FloatArray,
    x_sd: FloatArray,
    y_mean: float,
    y_sd: float,
    has_intercept: bool,
    center_predictors: bool,
    auto_scale: bool,
) -> dict[str, ResolvedPrior]:
    """Return the default prior of every parameter, scaled by the data's means and standard deviations.

    With ``auto_scale`` a slope gets Normal(0, 2.5 sd(y)/sd(x)), sigma gets HalfStudentT(4, sd(y)), and the intercept of
    the centred design, which is the mean response at the predictor means, gets Normal(mean(y), 2.5 sd(y)). Without
    centring the intercept is the response where every predictor is 0, so its prior is widened by what the slopes'
    default scales s_j carry over that distance: Normal(mean(y), sqrt((2.5 sd(y))^2 + sum_j (s_j mean(x_j))^2)). A
    constant column (there can be one only without an intercept) stands for the intercept and gets the intercept's
    prior divided by its value.

    Parameters
    ----------
    columns_by_term : mapping of str to slice
        The columns of each term, in formula order, without the intercept.
    x_mean, x_sd : (p,) arrays
        Mean and standard deviation (ddof=0) of each column.
    y_mean, y_sd : float
        Mean and standard deviation (ddof=0) of the response after its offset was subtracted.
    has_intercept, center_predictors : bool
    auto_scale : bool
        False: Normal(0, 1) for every coefficient and HalfNormal(1) for sigma, whatever the data.

    Returns
    -------
    dict
        Keys "Intercept" (if there is one), the terms' names, "sigma", in this order.

    Raises
    ------
    PriorError
        If the response is constant, or a scale leaves the range of doubles.

    References
    ----------
    Gabry and Goodrich, Prior distributions for rstanarm models (vignette of rstanarm 2.21).
    """
    if not auto_scale:
        return _unscaled_priors(columns_by_term, has_intercept)
    if not y_sd > 0:
        raise PriorError("The response is constant (standard deviation 0), so default priors have no scale.")
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        is_constant = ~(x_sd > 0)
        location = np.where(is_constant, y_mean / x_mean, 0.0)
        scale = DEFAULT_SCALE * y_sd / np.where(is_constant, np.abs(x_mean), x_sd)
    priors: dict[str, ResolvedPrior] = {}
    if has_intercept:
        intercept_scale = DEFAULT_SCALE * y_sd
        rule = f"{DEFAULT_SCALE:g} sd(y)"
        if not center_predictors:
            # hypot and not a square root of squares: the squares leave the range of doubles first.
            intercept_scale = math.hypot(intercept_scale, *(scale * x_mean))
            rule = f"sqrt(({rule})^2 + sum(({rule}/sd(x) mean(x))^2))"
        prior = Prior("Normal", mu=y_mean, sigma=_representable(INTERCEPT, intercept_scale))
        priors[INTERCEPT] = ResolvedPrior(prior, True, f"Normal(mu: mean(y), sigma: {rule})")
    for name, where in columns_by_term.items():
        sigma = _representable(name, scale[where])
        mu, rule = location[where], f"Normal(mu: 0, sigma: {DEFAULT_SCALE:g} sd(y)/sd(x))"
        if np.all(is_constant[where]):
            rule = f"Normal(mu: mean(y)/x, sigma: {DEFAULT_SCALE:g} sd(y)/|x|)"
        prior = Prior("Normal", mu=_scalar_if_single(mu), sigma=_scalar_if_single(sigma))
        priors[name] = ResolvedPrior(prior, True, rule)
    prior = Prior("HalfStudentT", nu=DEFAULT_SIGMA_NU, sigma=_representable(SIGMA, y_sd))
    priors[SIGMA] = ResolvedPrior(prior, True, f"HalfStudentT(nu: {DEFAULT_SIGMA_NU:g}, sigma: sd(y))")
    return priors


def resolve_priors(
    user: Mapping[str, Prior] | None, defaults: Mapping[str, ResolvedPrior], terms: Iterable[TermLike]
) -> dict[str, ResolvedPrior]:
    """Put the user's priors in the place of the default ones.

    Parameters
    ----------
    user : mapping of str to Prior, or None
        Keys are the terms' names as the formula prints them (white space does not matter), "Intercept", "sigma", and
        "common", which stands for every term without a prior of its own, as in bambi.
    defaults : mapping
        What `default_priors` returned.
    terms : iterable
        The design's terms, without the intercept.

    Returns
    -------
    dict
        As `defaults`, with its keys and their order.

    Raises
    ------
    PriorError
        For a key that names no parameter, an array with the wrong number of values, or a prior for sigma that allows
        negative values.
    DataTypeError
        If `user` is not a mapping from names to priors.
    """
    widths = {term.name: len(term.columns) for term in terms}
    resolved = dict(defaults)
    given = _checked_user_priors(user)
    common = None if COMMON in widths else given.pop(COMMON, None)
    own: dict[str, str] = {}
    for key, prior in given.items():
        name = _parameter_named(key, resolved, terms=widths)
        if name in own:
            raise PriorError(f"priors has two entries for {name!r}: {own[name]!r} and {key!r}. Keep one.")
        own[name] = key
        _check_fits(name, prior, widths.get(name, 1))
        resolved[name] = ResolvedPrior(prior, False, repr(prior))
    if common is not None:
        for name, width in widths.items():
            if name not in own:
                _check_fits(name, common, width, key=COMMON)
                resolved[name] = ResolvedPrior(common, False, repr(common))
    return resolved


def _unscaled_priors(names: Iterable[str], has_intercept: bool) -> dict[str, ResolvedPrior]:
    """Return the default priors of auto_scale=False."""
    coefficient, sigma = Prior("Normal", mu=0, sigma=1), Prior("HalfNormal", sigma=1)
    coefficients = [INTERCEPT, *names] if has_intercept else list(names)
    priors = {name: ResolvedPrior(coefficient, True, repr(coefficient)) for name in coefficients}
    return {**priors, SIGMA: ResolvedPrior(sigma, True, repr(sigma))}


def _representable(name: str, scale: Any) -> Any:
    """Refuse a default scale that overflowed or underflowed."""
    if np.all((np.asarray(scale) > SCALE_LIMITS[0]) & (np.asarray(scale) < SCALE_LIMITS[1])):
        return scale
    raise PriorError(
        f"The default prior of {name!r} would have the scale {np.max(scale):.3g}, which is out of range: rescale the "
        "response or the predictor (change its unit), or give a prior for it."
    )


def _scalar_if_single(values: FloatArray) -> float | FloatArray:
    """Return the value of a one-column term as a number."""
    return float(values[0]) if len(values) == 1 else values


def _checked_user_priors(user: object) -> dict[str, Prior]:
    """Refuse anything but a mapping from names to priors."""
    if user is None:
        return {}
    if not isinstance(user, Mapping):
        raise DataTypeError(f"priors must be a dict such as {{'x': Normal(0, 1)}}, and not a {type(user).__name__}.")
    for key, prior in user.items():
        if not isinstance(key, str):
            raise DataTypeError(f"The keys of priors must be names of terms, and {key!r} is a {type(key).__name__}.")
        if key == "group_specific":
            raise PriorError("priors has 'group_specific', but the model has no group-specific terms. Leave it out.")
        if isinstance(prior, (int, float, np.number)) and not isinstance(prior, bool):
            raise DataTypeError(
                f"The prior for {key!r} is the number {prior}. filbert cannot hold a parameter constant: to fix a "
                "coefficient, take its term out of the formula and put coefficient * predictor into offset=."
            )
        if not isinstance(prior, Prior):
            kind = type(prior).__name__
            raise DataTypeError(
                f"The prior for {key!r} must be a prior such as Normal(0, 1), and not {prior!r} ({kind})."
            )
    return dict(user)


def _parameter_named(key: str, known: Iterable[str], terms: Iterable[str]) -> str:
    """Return the parameter that a key of priors means, spaces aside."""
    known = list(known)
    if key in known:
        return key
    squeezed = "".join(key.split())
    for name in known:
        if "".join(name.split()) == squeezed:
            return name
    if key == INTERCEPT:
        raise PriorError("priors has 'Intercept', but the formula has no intercept. Leave that prior out.")
    others = quote_names(name for name in (INTERCEPT, SIGMA) if name in known)
    raise PriorError(
        f"priors has {key!r}, and the model has no such term.{suggest(key, known)} "
        f"Its terms: {quote_names(terms) or 'none'}; also allowed: {others} and {COMMON!r} (all terms)."
    )


def _check_fits(name: str, prior: Prior, width: int, key: str | None = None) -> None:
    """Refuse an array of the wrong length, and a prior for sigma that allows negative values."""
    length = prior.length
    if name in (INTERCEPT, SIGMA) and length is not None:
        raise PriorError(f"The prior for {name!r} must have one number for each parameter, and not an array: {prior}.")
    if length is not None and length != width:
        raise PriorError(
            f"The prior for {key or name!r} has {count(length, 'value')}, and the term {name!r} has "
            f"{count(width, 'column')}: give one number, or one value per column."
        )
    if name == SIGMA and not prior.is_positive:
        instead = f"; {_HALF[prior.name]} is its positive half" if prior.name in _HALF else ""
        raise PriorError(f"The prior for 'sigma' must allow positive values only, and {prior} does not{instead}.")
