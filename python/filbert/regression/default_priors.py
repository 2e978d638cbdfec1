"""Which prior each parameter gets: the user's, or a default one scaled by the data, by the family's scales."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DataTypeError, PriorError, count, quote_names, suggest
from ..families import FAMILIES
from ..families.family import CoefficientScales, DefaultPrior
from ..priors.prior import Prior
from ..priors.table import CORRELATIONS, TABLE
from .names import INTERCEPT
from .parameters import ChosenPrior

__all__ = [
    "GROUP_SPECIFIC",
    "checked_priors",
    "default_priors",
    "merged_priors",
    "representable",
    "resolve_priors",
    "squeezed",
    "unscaled_priors",
]

SCALE_LIMITS = (1e-300, 1e300)  # beyond these a variance or a precision is no longer a double

COMMON = "common"  # stands for all terms
GROUP_SPECIFIC = "group_specific"  # stands for all effects of groups

FloatArray = npt.NDArray[np.float64]


class TermLike(Protocol):
    """The part of a design's term that priors need."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...


def default_priors(
    columns_by_term: Mapping[str, slice],
    factors: Collection[str],
    x_mean: FloatArray,
    x_sd: FloatArray,
    scales: CoefficientScales,
    auxiliaries: Mapping[str, DefaultPrior],
    has_intercept: bool,
    center_predictors: bool,
) -> dict[str, ChosenPrior]:
    """Return the default prior of every parameter, scaled by the data's means and standard deviations.

    A slope gets Normal(0, s/sd(x)) and the intercept of the centred design, which is the linear predictor at the
    predictor means, Normal(m, s_0), where the family says what m, s and s_0 are: for Gaussian responses mean(y) and
    2.5 sd(y). Without centring the intercept is the predictor where every column is 0, so its prior is widened by what
    the slopes' default scales s_j carry over that distance: Normal(m, sqrt(s_0^2 + sum_j (s_j mean(x_j))^2)). A
    constant column (there can be one only without an intercept) stands for the intercept and gets the intercept's prior
    divided by its value. Where the family has a scale for the indicators of factors, columns of zeros and ones have it
    if their term is one of factors.

    Parameters
    ----------
    columns_by_term : mapping of str to slice
        The columns of each term, in formula order, without the intercept.
    factors : collection of str
        The terms that factors are part of.
    x_mean, x_sd : (p,) arrays
        Mean and standard deviation (ddof=0) of each column.
    scales : CoefficientScales
        What the family says.
    auxiliaries : mapping of str to DefaultPrior
        The family's default priors of its auxiliary parameters.
    has_intercept, center_predictors : bool

    Returns
    -------
    dict
        Keys "Intercept" (if there is one), the terms' names, the auxiliary parameters, in this order.

    Raises
    ------
    PriorError
        If a scale leaves the range of doubles.

    References
    ----------
    Gabry and Goodrich, Prior distributions for rstanarm models (vignette of rstanarm 2.21).
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        is_constant = ~(x_sd > 0)
        location = np.where(is_constant, scales.location / x_mean, 0.0)
        scale = np.where(is_constant, scales.intercept / np.abs(x_mean), scales.slope / x_sd)
    priors: dict[str, ChosenPrior] = {}
    if has_intercept:
        intercept_scale = scales.intercept
        rule = scales.intercept_rule or scales.scale_rule
        if not center_predictors:
            # hypot and not a square root of squares: the squares leave the range of doubles first.
            intercept_scale = math.hypot(intercept_scale, *(scale * x_mean))
            rule = f"sqrt(({rule})^2 + sum(({scales.scale_rule}/sd(x) mean(x))^2))"
        prior = Prior("Normal", mu=scales.location, sigma=representable(INTERCEPT, intercept_scale))
        priors[INTERCEPT] = ChosenPrior(prior, True, f"Normal(mu: {scales.location_rule}, sigma: {rule})")
    for name, where in columns_by_term.items():
        mu, own, rule = location[where], scale[where], f"Normal(mu: 0, sigma: {scales.scale_rule}/sd(x))"
        if np.all(is_constant[where]):
            rule = f"Normal(mu: {scales.location_rule}/x, sigma: {scales.intercept_rule or scales.scale_rule}/|x|)"
        elif scales.factor is not None and name in factors:
            is_indicator = _are_indicators(x_mean[where], x_sd[where])
            own = np.where(is_indicator, scales.factor, own)
            rule = f"Normal(mu: 0, sigma: {scales.factor:g})" if is_indicator.all() else rule
        sigma = representable(name, own)
        prior = Prior("Normal", mu=_scalar_if_single(mu), sigma=_scalar_if_single(sigma))
        priors[name] = ChosenPrior(prior, True, rule)
    for name, default in auxiliaries.items():
        representable(name, list(default.prior.params.values()))
        priors[name] = ChosenPrior(default.prior, True, default.rule)
    return priors


def resolve_priors(
    user: Mapping[str, Prior | float] | None,
    defaults: Mapping[str, ChosenPrior],
    terms: Iterable[TermLike],
    auxiliaries: Collection[str],
) -> tuple[dict[str, ChosenPrior], dict[str, float]]:
    """Put the user's priors in the place of the default ones.

    Parameters
    ----------
    user : mapping of str to Prior or number, or None
        A number fixes an auxiliary parameter. Keys are the terms' names as the formula prints them (white space does
        not matter), "Intercept", "sigma", and "common", which stands for every term without a prior of its own, as in
        bambi.
    defaults : mapping
        What `default_priors` returned.
    terms : iterable
        The design's terms, without the intercept.
    auxiliaries : collection of str
        The family's auxiliary parameters, which are positive.

    Returns
    -------
    priors : dict
        As `defaults`, with its keys and their order, without what is fixed.
    fixed : dict
        The auxiliary parameters that are fixed, with their values.

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
    given = checked_priors(user)
    common = None if COMMON in widths else given.pop(COMMON, None)
    if common is not None and not isinstance(common, Prior):
        raise DataTypeError(f"The prior for {COMMON!r} must be a prior such as Normal(0, 1), and not {common!r}.")
    own: dict[str, str] = {}
    fixed: dict[str, float] = {}
    for key, prior in given.items():
        name = _parameter_named(key, resolved, widths, auxiliaries)
        if name in own:
            raise PriorError(f"priors has two entries for {name!r}: {own[name]!r} and {key!r}. Keep one.")
        own[name] = key
        if not isinstance(prior, Prior):
            fixed[name] = _checked_value(name, prior, auxiliaries)
            del resolved[name]
            continue
        _check_fits(name, prior, widths.get(name, 1), name in auxiliaries)
        resolved[name] = ChosenPrior(prior, False, repr(prior))
    if common is not None:
        for name, width in widths.items():
            if name not in own:
                _check_fits(name, common, width, False, key=COMMON)
                resolved[name] = ChosenPrior(common, False, repr(common))
    return resolved, fixed


def merged_priors(
    earlier: Mapping[str, Prior | float],
    later: Mapping[str, Prior | float],
    terms: Collection[str],
    effects: Collection[str] = (),
) -> dict[str, Prior | float]:
    """Return the priors that hold after some were given later, as in bambi.

    A later prior takes the place of an earlier one for the same term, however its name is spaced, a later ``"common"``
    that of every term, and a later ``"group_specific"`` that of every effect of groups; of one mapping, the prior of a
    term or an effect wins over these. An effect has two names, its own and that of its deviation.
    """
    replaced = {squeezed(key) for key in later}
    if COMMON in later and COMMON not in terms:
        replaced |= {squeezed(name) for name in terms}
    for effect in effects:
        names = {squeezed(effect), squeezed(f"{effect}_sigma")}
        if GROUP_SPECIFIC in later or names & replaced:
            replaced |= names
    return {**{key: prior for key, prior in earlier.items() if squeezed(key) not in replaced}, **later}


def unscaled_priors(
    names: Iterable[str], auxiliaries: Mapping[str, DefaultPrior], has_intercept: bool
) -> dict[str, ChosenPrior]:
    """Return the default priors of auto_scale=False, which are bambi's: flat, and the family's for auxiliaries."""
    coefficient = Prior("Flat")
    coefficients = [INTERCEPT, *names] if has_intercept else list(names)
    priors = {name: ChosenPrior(coefficient, True, repr(coefficient)) for name in coefficients}
    return {**priors, **{name: ChosenPrior(own.prior, True, own.rule) for name, own in auxiliaries.items()}}


def _are_indicators(mean: FloatArray, sd: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which columns have the moments of zeros and ones."""
    with np.errstate(over="ignore", invalid="ignore"):
        close: npt.NDArray[np.bool_] = np.isclose(sd**2, mean * (1 - mean), rtol=1e-9, atol=0)
    return close & (sd > 0)


def representable(name: str, scale: Any) -> Any:
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


def checked_priors(user: object, parent: str | None = None) -> dict[str, Prior | float]:
    """Return priors by name, and refuse anything but a mapping from names to priors.

    The priors of terms may stand in a mapping under the name of the family's parent parameter, as bambi allows.
    """
    if user is None:
        return {}
    if not isinstance(user, Mapping):
        raise DataTypeError(f"priors must be a dict such as {{'x': Normal(0, 1)}}, and not a {type(user).__name__}.")
    if parent is not None and isinstance(user.get(parent), Mapping):
        user = {**{key: prior for key, prior in user.items() if key != parent}, **user[parent]}
    for key, prior in user.items():
        if not isinstance(key, str):
            raise DataTypeError(f"The keys of priors must be names of terms, and {key!r} is a {type(key).__name__}.")
        if isinstance(prior, Mapping):
            raise DataTypeError(
                f"The prior for {key!r} is a dict, which bambi has for parameters with a formula of their own. Here "
                f"{key!r} is one number: give one prior, such as HalfNormal(1)."
            )
        is_number = isinstance(prior, (int, float, np.number)) and not isinstance(prior, (bool, np.bool_))
        if not isinstance(prior, Prior) and not is_number:
            kind = type(prior).__name__
            raise DataTypeError(
                f"The prior for {key!r} must be a prior such as Normal(0, 1), and not {prior!r} ({kind})."
            )
    return dict(user)


def _checked_value(name: str, value: float, auxiliaries: Collection[str]) -> float:
    """Return the number that fixes an auxiliary parameter; refuse one for a coefficient."""
    if name not in auxiliaries:
        raise DataTypeError(
            f"The prior for {name!r} is the number {value}. A number fixes auxiliary parameters only"
            f"{' (' + quote_names(auxiliaries) + ')' if auxiliaries else ''}: to fix a coefficient, take its term out "
            "of the formula and put coefficient * predictor into offset=."
        )
    if not (math.isfinite(value) and value > 0):
        raise PriorError(f"{name!r} is fixed at {value}, and must be a positive number.")
    return float(value)


def _parameter_named(key: str, known: Iterable[str], terms: Iterable[str], auxiliaries: Iterable[str]) -> str:
    """Return the parameter that a key of priors means, spaces aside."""
    known = list(known)
    if key in known:
        return key
    for name in known:
        if squeezed(name) == squeezed(key):
            return name
    if key.lower() == INTERCEPT.lower() and INTERCEPT not in known:
        raise PriorError("priors has 'Intercept', but the formula has no intercept. Leave that prior out.")
    elsewhere = [family.name for family in FAMILIES.values() if key in family.auxiliaries]
    if elsewhere:
        own = quote_names(auxiliaries)
        raise PriorError(
            f"priors has {key!r}, and the model's family has no such parameter (it has {own or 'none'} beside the "
            f"coefficients): leave it out, or use a family that has one: {quote_names(elsewhere)}."
        )
    others = quote_names(name for name in (INTERCEPT, *auxiliaries) if name in known)
    raise PriorError(
        f"priors has {key!r}, and the model has no such term.{suggest(key, [*known, COMMON])} "
        f"Its terms: {quote_names(terms) or 'none'}; also allowed: {others} and {COMMON!r} (all terms)."
    )


def squeezed(name: str) -> str:
    """Return the name of a term without white space, in which it may differ from what the formula prints."""
    return "".join(name.split())


def _check_fits(name: str, prior: Prior, width: int, is_auxiliary: bool, key: str | None = None) -> None:
    """Refuse an array of the wrong length, a prior of groups, and negative values of an auxiliary parameter."""
    if prior.hyperprior is not None or prior.name in CORRELATIONS:
        raise PriorError(f"The prior for {key or name!r} is {prior}, which is for group-specific terms: give numbers.")
    length = prior.length
    if (is_auxiliary or name == INTERCEPT) and length is not None:
        raise PriorError(f"The prior for {name!r} must have one number for each parameter, and not an array: {prior}.")
    if length is not None and length != width:
        raise PriorError(
            f"The prior for {key or name!r} has {count(length, 'value')}, and the term {name!r} has "
            f"{count(width, 'column')}: give one number, or one value per column."
        )
    if is_auxiliary and not prior.is_positive:
        half = TABLE[prior.name].half
        instead = f"; {half} is its positive half" if half else ""
        raise PriorError(f"The prior for {name!r} must allow positive values only, and {prior} does not{instead}.")
