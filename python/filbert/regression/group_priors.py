"""Which prior the deviations and correlations of group-specific terms get: the user's, or a default one."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..data.blocks import Source
from ..errors import DataError, DataTypeError, PriorError, count, quote_names, suggest
from ..families.family import CoefficientScales
from ..formula.groups import GroupTerm
from ..formula.terms import Term
from ..priors.prior import Prior
from ..priors.table import CORRELATIONS, TABLE
from .default_priors import GROUP_SPECIFIC, representable, squeezed
from .groups import correlation_name, deviation_name
from .parameters import ChosenPrior

Floats = NDArray[np.float64]

DEFAULT_ETA = 2.0  # 95 % of two effects' correlations within 0.81 of zero, and few near 1


def spreads(terms: Sequence[GroupTerm], rows: Source) -> dict[str, tuple[Floats, Floats]]:
    """Return the means and standard deviations of the columns of each effect but intercepts, by the effect's name.

    Raises
    ------
    DataError
        If a column is zero, or constant beside an intercept.
    """
    found = column_spreads(terms, rows)
    for term in terms:
        for effect in term.effects:
            if effect in found:
                check_varies(term, effect, *found[effect])
    return found


def column_spreads(terms: Sequence[GroupTerm], rows: Source) -> dict[str, tuple[Floats, Floats]]:
    """Return the same of any rows, such as a few that are all alike."""
    varying = [(place, term) for place, term in enumerate(terms) if len(term.columns) > term.has_intercept]
    summaries = {place: _core.SufficientStatistics(len(term.columns) - term.has_intercept) for place, term in varying}
    for block in rows.blocks() if varying else ():
        for place, term in varying:
            Z = block.Z[place]
            assert Z is not None
            summaries[place].update(Z[:, int(term.has_intercept) :], np.zeros(len(Z)), block.weights)
    found = {}
    for place, term in varying:
        mean, sd, stop = summaries[place].mean, summaries[place].sd, 0
        for part, effect in list(zip(term.terms, term.effects, strict=True))[term.has_intercept :]:
            start, stop = stop, stop + len(part.columns)
            found[effect] = mean[start:stop], sd[start:stop]
    return found


def default_group_priors(
    terms: Sequence[GroupTerm],
    spread_of: Mapping[str, tuple[Floats, Floats]],
    scales: CoefficientScales | None,
    carried: Floats,
) -> dict[str, ChosenPrior]:
    """Return bambi's default priors of deviations, HalfNormal, and LKJCorr(2) of correlations.

    The scale of a slope's deviation is s/sd(x), where s is 2.5 standard deviations of a Gaussian response and 2.5 for
    other families, and that of the intercept's deviation sqrt(s^2 + sum((s_j mean(x_j))^2)), where s_j are the scales
    of the slopes' own default priors.

    Parameters
    ----------
    terms : sequence of GroupTerm
    spread_of : mapping of str to (array, array)
        What `spreads` returned.
    scales : CoefficientScales or None
        What the family says; None where default priors are not scaled by the data.
    carried : array, (columns,)
        Of each column of the design, the scale of its coefficient's default prior times its mean.
    """
    chosen: dict[str, ChosenPrior] = {}
    for term in terms:
        for effect in term.effects:
            name = deviation_name(effect)
            scale, rule = _default_scale(spread_of.get(effect), scales, carried)
            own = float(scale[0]) if len(scale) == 1 else scale
            chosen[name] = ChosenPrior(Prior("HalfNormal", sigma=representable(name, own)), True, rule)
    for term in terms:
        if term.is_correlated:
            prior = Prior("LKJCorr", eta=DEFAULT_ETA)
            chosen[correlation_name(term.factor)] = ChosenPrior(prior, True, repr(prior))
    return chosen


def resolve_group_priors(
    given: Mapping[str, Any],
    defaults: Mapping[str, ChosenPrior],
    terms: Sequence[GroupTerm],
    others: Collection[str] = (),
) -> tuple[dict[str, ChosenPrior], dict[str, Floats], dict[str, Any]]:
    """Put the user's priors of group-specific terms in the place of the default ones.

    Parameters
    ----------
    given : mapping of str to Prior or number
        All that were given. ``"x|g"`` has a Normal whose `sigma` is the prior of the deviation, or a number that it is
        known to be; ``"x|g_sigma"`` these themselves; ``"group_specific"`` is for all effects without a prior of their
        own; ``"g_corr"`` has an LKJCorr.

    others : collection of str
        The formula's other terms, whose names may have a bar: of a column that has one.

    Returns
    -------
    chosen : dict
        As `defaults`, without what is known.
    fixed : dict of str to array
        Deviations that are known.
    rest : dict
        What was given for other parameters.

    Raises
    ------
    PriorError, DataTypeError
        For what is no prior of such a parameter.
    """
    parts = {effect: part for term in terms for part, effect in zip(term.terms, term.effects, strict=True)}
    chosen, fixed, rest, own = dict(defaults), dict[str, Floats](), dict[str, Any](), dict[str, str]()
    everywhere = given.get(GROUP_SPECIFIC)
    effect_of = {squeezed(alias): effect for effect in parts for alias in (effect, deviation_name(effect))}
    names = {squeezed(name): name for name in defaults if name.endswith("_corr")}
    for key, prior in given.items():
        if key == GROUP_SPECIFIC:
            continue
        if (name := names.get(squeezed(key))) is not None:
            chosen[name] = _correlations(key, prior)
        elif (effect := effect_of.get(squeezed(key))) is not None:
            # model.priors has an effect and its deviation, and may be given to another model.
            if effect in own and not np.array_equal(_deviation_of(prior), _deviation_of(given[own[effect]])):
                raise PriorError(f"priors has two entries for {effect!r}: {own[effect]!r} and {key!r}. Keep one.")
            if effect not in own:
                own[effect] = key
                _choose(key, prior, effect, parts[effect], chosen, fixed)
        elif "|" in key and squeezed(key) not in {squeezed(name) for name in others}:
            raise PriorError(
                f"priors has {key!r}, and the model has no such effect.{suggest(key, parts)} "
                f"Its group-specific effects: {quote_names(parts) or 'none'}."
            )
        else:
            rest[key] = prior
    if everywhere is not None:
        if not terms:
            raise PriorError(
                f"priors has {GROUP_SPECIFIC!r}, but the formula has no group-specific terms. Leave it out."
            )
        for effect, part in parts.items():
            if effect not in own:
                _choose(GROUP_SPECIFIC, everywhere, effect, part, chosen, fixed)
    return chosen, fixed, rest


def _deviation_of(given: Any) -> Any:
    """Return what a prior of an effect says of its deviation: a prior, or a number."""
    return given.params["sigma"] if isinstance(given, Prior) and given.name == "Normal" else given


def _choose(
    key: str, given: Any, effect: str, part: Term, chosen: dict[str, ChosenPrior], fixed: dict[str, Floats]
) -> None:
    """Take what was given for an effect: the prior of its deviation, or a number."""
    deviation = given
    if isinstance(given, Prior) and not (given.is_positive or given.name in CORRELATIONS):
        if given.name != "Normal" or np.any(np.not_equal(given.params["mu"], 0)):
            raise PriorError(
                f"The prior for {key!r} must be Normal about 0, and is {given}: effects of groups are deviations from "
                "the coefficients of the formula. Write Normal(0, sigma=HalfNormal(1))."
            )
        deviation = given.params["sigma"]
    name = deviation_name(effect)
    if isinstance(deviation, Prior):
        _check_deviation(key, deviation, part)
        chosen[name] = ChosenPrior(deviation, False, repr(deviation))
        return
    values = np.asarray(deviation, dtype=np.float64)
    if not (np.isfinite(values).all() and (values > 0).all()) or values.size not in (1, len(part.columns)):
        raise PriorError(f"The deviation of {effect!r} is fixed at {deviation}, and must be a positive number.")
    fixed[name] = np.broadcast_to(values.ravel(), len(part.columns)).copy()
    del chosen[name]


def _check_deviation(key: str, prior: Prior, part: Term) -> None:
    if not prior.is_positive:
        half = TABLE[prior.name].half if prior.name in TABLE else None
        raise PriorError(
            f"The prior for the deviation of {key!r} must allow positive values only, and {prior} does not"
            f"{f'; {half} is its positive half' if half else ''}."
        )
    if prior.length is not None and prior.length != len(part.columns):
        raise PriorError(
            f"The prior for {key!r} has {count(prior.length, 'value')}, and {part.name!r} has "
            f"{count(len(part.columns), 'column')}: give one number, or one value per column."
        )


def _correlations(key: str, prior: Any) -> ChosenPrior:
    if not isinstance(prior, Prior) or prior.name not in CORRELATIONS or np.ndim(prior.params["eta"]):
        raise DataTypeError(
            f"The prior for {key!r}, a matrix of correlations, must be LKJCorr(eta=2), and not {prior!r}."
        )
    return ChosenPrior(prior, False, repr(prior))


def _default_scale(
    spread: tuple[Floats, Floats] | None, scales: CoefficientScales | None, carried: Floats
) -> tuple[Floats, str]:
    """Return the scale of each column of an effect, and the rule that it follows from; no spread is an intercept's."""
    if scales is None:
        return np.ones(1), "HalfNormal(sigma: 1.0)"
    base, rule = scales.slope, scales.scale_rule
    if scales.deviation is not None:
        base, rule = scales.deviation, f"{scales.deviation:g}"
    if spread is None:
        whole = f"sqrt(({rule})^2 + sum((s mean(x))^2))" if carried.any() else rule
        return np.array([math.hypot(base, *carried)]), f"HalfNormal(sigma: {whole})"
    mean, sd = spread
    with np.errstate(divide="ignore"):
        own = np.where(sd > 0, base / sd, base / np.abs(mean))
    return own, f"HalfNormal(sigma: {rule}/sd(x))"


def check_varies(term: GroupTerm, effect: str, mean: Floats, sd: Floats) -> None:
    """Refuse columns whose effects the data say nothing about, by their means and standard deviations."""
    constant = ~(sd > 0)
    if (constant & (mean == 0)).any():
        raise DataError(f"A column of {effect!r} is 0 in all rows, so its effects say nothing. Leave it out.")
    if term.has_intercept and constant.any():
        raise DataError(
            f"A column of {effect!r} is constant in all rows, so its effects cannot be told from the intercepts of the "
            "groups. Leave it out."
        )
