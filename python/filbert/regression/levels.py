"""The coefficients of a factor that is kept by level: priors, what the rows of each level say, and least squares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..data.blocks import Block
from ..errors import DataError, PriorError, quote_names
from ..families.family import Family
from ..families.gaussian import Gaussian
from ..formula.design import Design
from ..formula.levels import MOST_LEVELS, ByLevel
from ..formula.terms import Term
from ..priors.prior import Prior
from .default_priors import COMMON, squeezed
from .names import INTERCEPT
from .parameters import ChosenPrior

if TYPE_CHECKING:
    from .regression import Regression

Floats = NDArray[np.float64]

NORMAL = "Normal"
NORMAL_OR_FLAT = (NORMAL, "Flat")
# What is left of a column beside its means by level is rounding below this part of it.
_ROUNDING = 1e-12


def needs_columns(
    family: Family, link: str, priors: Mapping[str, Prior | float], auto_scale: bool, intercept_at_means: bool
) -> dict[str, str]:
    """Say why factors must have a column a level; empty where one of many levels need not.

    Parameters
    ----------
    family : Family
    link : str
    priors : mapping of str to Prior or number
        Those that were given.
    auto_scale, intercept_at_means : bool
        As in `filbert.Model`.

    Returns
    -------
    dict
        By the name that a prior was given for, without white space, and of all others by ``""``.
    """
    if why := sees_rows(family, link):
        return {"": why}
    given = {squeezed(name): prior for name, prior in priors.items() if isinstance(prior, Prior)}
    intercept = given.pop(INTERCEPT, None)
    if intercept is not None and intercept_at_means and intercept.name not in NORMAL_OR_FLAT:
        return {"": f"the prior of 'Intercept' is {intercept}"}
    others = given.pop(COMMON, None)
    reasons = {name: "" if prior.name == NORMAL else f"its prior is {prior}" for name, prior in given.items()}
    if others is not None:
        reasons[""] = "" if others.name == NORMAL else f"the prior of {COMMON!r} is {others}"
    else:
        reasons[""] = "" if auto_scale else "priors are flat with auto_scale=False"
    return reasons


def sees_rows(family: Family, link: str) -> str:
    """Say that a likelihood needs more of rows than sums; empty where it does not."""
    if type(family) is Gaussian and link == "identity":
        return ""
    return f"the model has family={family.name!r} with link={link!r}, and not 'gaussian' with the identity"


def empty_summary(design: Design) -> _core.GroupedSummary:
    """Return a summary by level of no rows yet."""
    assert design.by_level is not None
    return _core.GroupedSummary(len(design.columns), [design.by_level.n_levels], [(0, 1)])


def fold_block(summary: _core.GroupedSummary, block: Block, response: Floats) -> None:
    """Fold rows into a summary by level."""
    assert block.levels is not None
    summary.update(block.X, response, [None], [block.levels], block.weights)


class LevelSums(NamedTuple):
    """What the rows of each level say.

    Attributes
    ----------
    weight : array, (levels,)
        Number of rows, each counted as its weight says.
    means : array, (levels, columns + 1)
        Means of columns and response, in the summary's units and from its origin; 0 without rows.
    """

    weight: Floats
    means: Floats

    @classmethod
    def of(cls, summary: _core.GroupedSummary) -> LevelSums:
        """Read them from a summary by level."""
        state = summary.state()
        n_rows, table = np.asarray(state[4]), np.asarray(state[7]).reshape(-1, summary.columns + 3)
        weight, means = np.zeros(len(n_rows)), np.zeros((len(n_rows), summary.columns + 1))
        weight[n_rows > 0] = table[:, 0] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            means[n_rows > 0] = np.where(table[:, :1] != 0, table[:, 2:] / table[:, :1], 0)
        return cls(weight, means)


def shares(design: Design, summary: _core.GroupedSummary) -> Floats:
    """Return the mean of the column that each level with a coefficient would have.

    Raises
    ------
    DataError
        If all rows of a level have weight zero, so that they say nothing.
    """
    by_level = design.by_level
    assert by_level is not None
    weight = LevelSums.of(summary).weight
    if not weight.all():
        levels = design.levels[by_level.factor] or ()
        idle = [levels[place] for place in np.flatnonzero(weight == 0)]
        raise DataError(
            f"The weights of all rows of {by_level.factor!r} = {quote_names(idle)} are 0, so that nothing is known of "
            "these levels. Leave these rows out."
        )
    share: Floats = np.delete(weight, by_level.reference) if by_level.reference >= 0 else weight
    return share / summary.total_weight


def check_priors(design: Design, chosen: Mapping[str, ChosenPrior], intercept_at_means: bool) -> None:
    """Refuse priors that need a column a level.

    Raises
    ------
    PriorError
        For levels with another prior than a normal one, and for an intercept at the means without.
    """
    by_level = design.by_level
    assert by_level is not None
    name, prior = by_level.term, chosen[by_level.term].prior
    if prior.name != NORMAL:
        raise PriorError(
            f"The prior of {name!r}, a factor of {by_level.n_levels} levels, must be Normal, and is {prior}: its "
            f"levels are summed up one by one, which takes normal priors. Give priors={{{name!r}: Normal(0, 10)}} in "
            f"the units of the data, make the model with that prior in priors= (for at most {MOST_LEVELS} levels), or "
            f"write (1 | {by_level.factor})."
        )
    if INTERCEPT not in chosen or not intercept_at_means:
        return
    own = chosen[INTERCEPT].prior
    if own.name not in NORMAL_OR_FLAT:
        raise PriorError(
            f"The prior of 'Intercept' is about the mean response at the predictor means, of which the levels of "
            f"{name!r} are part, and so must be Normal or Flat, and is {own}. Give such a one, or make the model with "
            "it, or with center_predictors=False, where the prior is about the response at the reference level."
        )


def specs(regression: Regression) -> tuple[Floats, Floats, int]:
    """Return means and deviations of the levels' priors and the place of the reference, as the C++ core takes them."""
    by_level, parameter = regression.by_level, regression.of_levels
    assert by_level is not None
    assert parameter is not None
    params = parameter.prior.params
    mu, sigma = (np.broadcast_to(params[key], parameter.rows.size).astype(np.float64) for key in ("mu", "sigma"))
    return mu, sigma, by_level.reference


def coefficients(block: Block, regression: Regression, levels: Floats) -> Floats:
    """Return the coefficient of each row's level in each draw, (rows, draws); that of the reference is 0."""
    by_level = regression.by_level
    assert by_level is not None
    assert block.levels is not None
    if by_level.reference < 0:
        whole: Floats = levels[block.levels]
        return whole
    places = block.levels - (block.levels > by_level.reference)
    found: Floats = levels[np.minimum(places, len(levels) - 1)]
    found[block.levels == by_level.reference] = 0
    return found


class LevelSquares:
    """The classical fit of columns and levels, from the summary by level: columns within levels, then the levels.

    Attributes are those of `_core.LeastSquares`; estimates and standard errors are of the coefficients with columns,
    the intercept first, and then of levels. The condition number is that of the columns within levels.
    """

    def __init__(self, regression: Regression) -> None:
        by_level, summary = regression.by_level, regression.grouped_summary
        assert by_level is not None
        self._has_intercept, self._reference = regression.has_intercept, by_level.reference
        origin, unit, rest = (np.asarray(part, dtype=np.float64) for part in summary.state()[1:4])
        sums = LevelSums.of(summary)
        self._weight, means = sums.weight, origin + sums.means * unit
        self._X, self._y = means[:, :-1], means[:, -1]
        rows = rest[:, 1:] * unit  # what is left of rows beside the means of their levels
        n_levels = by_level.n_levels
        if self._is_at_zero:  # nothing is taken off the rows of the reference level
            rows = np.vstack([rows, np.sqrt(self._weight[self._reference]) * means[self._reference]])
            n_levels -= 1
        size = np.sqrt(summary.total_weight) * np.hypot(summary.mean, summary.sd)
        rows[:, np.sqrt((rows**2).sum(axis=0)) <= _ROUNDING * size] = 0
        within = _core.SufficientStatistics(summary.columns)
        within.update(np.asfortranarray(rows[:, :-1]), rows[:, -1])
        self._rows, self._within = rows, within.least_squares(intercept=False)
        self.dependent = self._within.dependent
        self.condition_number = self._within.condition_number
        self.residual_sum_of_squares = self._within.residual_sum_of_squares
        self.rank = self._within.rank + n_levels
        self.degrees_of_freedom = summary.total_weight - self.rank
        variance = self.residual_sum_of_squares / self.degrees_of_freedom if self.degrees_of_freedom > 0 else np.nan
        self.sigma = float(np.sqrt(variance))

    @property
    def _is_at_zero(self) -> bool:
        """Whether the reference level has neither a coefficient nor the intercept."""
        return self._reference >= 0 and not self._has_intercept

    @cached_property
    def _fit(self) -> tuple[Floats, Floats]:
        beta = np.asarray(self._within.estimate)
        root = np.zeros((len(beta), 0))
        if self.dependent:
            root = np.full((len(beta), 1), np.nan)
        elif len(beta):
            root = np.linalg.inv(np.linalg.qr(self._rows[:, :-1], mode="r"))
        X, y, unknown = self._X, self._y, 1 / self._weight

        def spread(of_levels: Floats | float, off: Floats) -> Floats:
            return np.asarray(self.sigma * np.sqrt(of_levels + ((off @ root) ** 2).sum(axis=-1)))

        errors = self.sigma * np.sqrt((root**2).sum(axis=1))
        if self._has_intercept:
            r = self._reference
            intercept, its_error = y[r] - X[r] @ beta, spread(unknown[r], X[r])
            levels, level_errors = y - y[r] - (X - X[r]) @ beta, spread(unknown + unknown[r], X - X[r])
            beta, errors = np.append(intercept, beta), np.append(its_error, errors)
        else:
            levels, level_errors = y - X @ beta, spread(unknown, X)
        if self._reference >= 0:
            levels, level_errors = np.delete(levels, self._reference), np.delete(level_errors, self._reference)
        return np.concatenate([beta, levels]), np.concatenate([errors, level_errors])

    @property
    def estimate(self) -> Floats:
        """Of each coefficient with a column, the intercept first, and then of each level."""
        return self._fit[0]

    @property
    def standard_error(self) -> Floats:
        """Of the same."""
        return self._fit[1]


def default_columns(
    design: Design, summary: _core.SufficientStatistics, share: Floats
) -> tuple[list[Term], Floats, Floats]:
    """Return the terms in the order of their columns, that by level last, and means and deviations of these columns."""
    by_level = design.by_level
    assert by_level is not None
    last = [term for term in design.terms if term.name == by_level.term]
    mean = np.concatenate([summary.mean[:-1], share])
    sd = np.concatenate([summary.sd[:-1], np.sqrt(share * (1 - share))])
    return [*design.terms_with_columns, *last], mean, sd


def refused(what: str, by_level: ByLevel, remedy: str) -> str:
    """Say what a model with a factor by level cannot do."""
    return (
        f"{what} needs a column for each level, and {by_level.factor!r} has {by_level.n_levels} levels, which are "
        f"summed up one by one. {remedy}"
    )


def at_means(regression: Regression, values: Floats) -> Floats | float:
    """Return what columns and levels add to the linear predictor at the predictor means, in draws of parameters."""
    added: Floats | float = 0.0
    if regression.columns:
        added = regression.summary.mean[:-1] @ values[1 : regression.n_coefficients]
    if regression.of_levels is not None and regression.design is not None:
        added = added + shares(regression.design, regression.grouped_summary) @ values[regression.of_levels.rows]
    return added


def level_columns(regression: Regression) -> list[str]:
    """Return what the columns of a factor by level would be called, if there is one."""
    if regression.by_level is None or regression.design is None:
        return []
    return [name for term in regression.design.terms if term.name == regression.by_level.term for name in term.columns]
