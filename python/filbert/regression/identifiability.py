"""Says which coefficients the data cannot tell apart, and where default priors have answered in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import _core
from ..errors import DataError, DataWarning, PriorError, count, quote_names, warn
from .names import INTERCEPT

if TYPE_CHECKING:
    from .regression import Regression

# Default priors overrule the data where they move the answer by more standard errors than chance alone would.
MAX_PRIOR_SHIFT = 3.0
# A prior has a say in a direction where it makes up this part of the prior precision along it.
MIN_PRIOR_SHARE = 0.1
# Columns with a larger condition number nearly determine each other (Belsley, Kuh and Welsch 1980).
NEARLY_COLLINEAR = 30.0
# A column is part of a direction where its part is at least this, of the largest.
MIN_PART = 1e-3
# Beyond so many standard deviations from 0 the slopes of groups are hardly told from their intercepts.
FAR_FROM_ZERO = 4.0
# A residual deviation below this part of the response's is rounding.
EXACT_FIT = 1e-12


def check_response(response: str, summary: _core.SufficientStatistics) -> None:
    """Refuse a single row, and a constant response."""
    if summary.n_rows == 1:
        raise DataError("The data has 1 row. A regression needs at least two different values of the response.")
    if summary.is_constant(summary.columns):
        raise DataError(
            f"Response '{response}' is constant ({summary.mean[-1]:g} in all {count(summary.n_rows, 'row')}), so there "
            "is nothing to explain and no scale for sigma. Check that it is the right column."
        )


def check_columns(columns: Sequence[str], summary: _core.SufficientStatistics, intercept: bool) -> None:
    """Refuse columns that are constant beside an intercept, or zero."""
    rows = count(summary.n_rows, "row")
    constant = [j for j in range(summary.columns) if summary.is_constant(j)]
    if intercept:
        if constant:
            raise DataError(
                f"Column {quote_names(columns[j] for j in constant)} is constant in all {rows}, so it cannot be "
                "told from the intercept. Leave it out, or drop the intercept with '0 +'."
            )
    elif zero := [columns[j] for j in constant if summary.mean[j] == 0]:
        raise DataError(
            f"Column {quote_names(zero)} is 0 in all {rows}, so its coefficient has no effect. Leave it out."
        )


def check_residual(regression: Regression) -> None:
    """Refuse a response that the columns reproduce: sigma would be 0."""
    fit = regression.least_squares
    if fit.degrees_of_freedom > 0 and fit.sigma <= EXACT_FIT * regression.summary.sd[-1]:
        raise DataError(
            f"Response '{regression.response}' is fitted exactly (residual standard deviation {fit.sigma:.2g}), so the "
            "posterior of sigma piles up at 0 and does not exist. Leave out the column that reproduces the response."
        )


def warn_collinear(regression: Regression) -> None:
    """Warn about coefficients that the data cannot tell apart, so that only priors decide."""
    fit = regression.least_squares
    sets = _collinear_columns(regression)
    if not sets:
        return
    if fit.rank >= regression.n_rows:
        n_coefficients = len(fit.estimate)
        message = (
            f"{regression.n_rows} rows cannot determine {n_coefficients} coefficients: in {n_coefficients - fit.rank} "
            "directions the answer is the priors'."
        )
    else:
        alone = [columns[0] for columns in sets if len(columns) == 1]
        together = [columns for columns in sets if len(columns) > 1]
        parts = []
        if alone and regression.by_level is not None:
            parts.append(
                f"{quote_names(alone)} does not vary within levels of {regression.by_level.factor!r}, so only the "
                "priors decide how the effect is divided between them; leave it out, or write "
                f"(1 | {regression.by_level.factor})."
            )
        elif alone:
            parts.append(f"The data say nothing about {quote_names(alone)}: the draws are the prior's.")
        if together:
            parts.append(
                f"{_collinearity(together)}. Only the priors decide how the effect is divided among them; leave one "
                "out to let the data speak."
            )
        message = " ".join(parts)
    warn(message, DataWarning)


def no_unique_fit(regression: Regression) -> DataError:
    """Say why least squares has no unique answer."""
    fit = regression.least_squares
    if fit.rank >= regression.n_rows:
        return DataError(
            f"{regression.n_rows} rows do not determine {len(fit.estimate)} coefficients. Least squares needs fewer."
        )
    return DataError(
        f"{_collinearity(_collinear_columns(regression), _by_level(regression))}, so least squares has no unique "
        "answer. Leave one out."
    )


def improper_posterior(regression: Regression, reason: str) -> DataError:
    """Say why there is no posterior, naming the columns that the data cannot tell apart."""
    fit = regression.least_squares
    remedy = "Give them proper priors, such as Normal, in place of flat ones"
    if fit.rank >= regression.n_rows or fit.degrees_of_freedom <= 0:
        return DataError(
            f"{regression.n_rows} rows cannot determine {len(fit.estimate)} coefficients and sigma with flat priors: "
            f"the posterior is improper. {remedy}, or use fewer columns."
        )
    sets = _collinear_columns(regression)
    if sets:
        return DataError(
            f"{_collinearity(sets, _by_level(regression))}, and with flat priors the posterior is improper. Leave one "
            f"of them out. {remedy}."
        )
    return DataError(f"The model cannot be sampled: {reason}. {centring_advice(regression)}".rstrip())


def uncomputable_posterior(regression: Regression, coefficient: int | None) -> DataError | PriorError:
    """Say whose prior doubles cannot bring together with the data; None for that of sigma, or for effects of groups."""
    fit = regression.least_squares
    if coefficient is None and (advice := centring_advice(regression)):
        return DataError(f"The posterior cannot be computed. {advice}")
    if coefficient is None and (regression.groups is not None or not regression.family.sees_summary(regression)):
        first = "the deviations between groups" if regression.groups is not None else "the auxiliary parameters"
        remedy = f"Check the units of the predictors and of the priors, those of {first} above all."
        if _has_edge(regression):
            remedy = (
                f"link={regression.link!r} ends where the {regression.family.parent!r} of a row would leave its range; "
                f"link={_link_without_edge(regression)!r} has no edge."
            )
        return DataError(f"The posterior cannot be computed: it is highest where it ends, or too narrow. {remedy}")
    if coefficient is None:
        (auxiliary,) = regression.auxiliaries.values()
        name, estimate, error = auxiliary.name, fit.sigma, ""
    else:
        name, estimate = regression.coefficient_names[coefficient], fit.estimate[coefficient]
        error = f" with a standard error of {fit.standard_error[coefficient]:.2g}"
    said = f": by least squares it is {estimate:.3g}{error}" if np.isfinite(estimate) else ""
    return PriorError(
        f"The prior of {name!r}, {regression.priors[name]}, is so narrow, or so far from what the data say, that "
        f"the posterior cannot be computed{said}. Check the units of the prior."
    )


def warn_overruled(regression: Regression, density: _core.FramedLinearGaussian) -> None:
    """Warn where default priors have moved the answer away from least squares, along any direction of the frame."""
    fit = regression.least_squares
    if fit.dependent or not fit.degrees_of_freedom > 0:
        return
    # Standard errors by which the priors move the mean along each direction, and the part that each prior has in that.
    shifts = density.prior_shifts(fit.sigma)
    shares = density.prior_shares()
    names = regression.coefficient_names
    is_default = np.array(
        [p.chosen.is_default for p in regression.coefficients for _ in range(p.rows.size)], dtype=bool
    )
    by_default = shares[is_default].sum(axis=0) >= 0.5
    overruled = np.flatnonzero((shifts > MAX_PRIOR_SHIFT) & by_default)
    if not len(overruled):
        return
    involved = is_default & (shares[:, overruled] >= MIN_PRIOR_SHARE).any(axis=1)
    terms = list(dict.fromkeys(name for name, is_involved in zip(names, involved, strict=True) if is_involved))
    example = next((name for name in terms if name != INTERCEPT), terms[0])
    if fit.condition_number > NEARLY_COLLINEAR:
        reason = (
            "Default scales look at one column at a time, and here columns nearly determine each other (condition "
            f"number {fit.condition_number:.2g}). Center the predictor before you take powers or products of it (or "
            "use poly()), or give explicit priors"
        )
    else:
        reason = "Their scale does not suit the data. Give explicit priors in the units of the data"
    warn(
        f"The default priors overrule the data: they move the posterior mean by {shifts[overruled].max():.1f} "
        f"standard errors of least squares in a direction that involves {quote_names(terms)}. {reason}, such as "
        f"priors={{'{example}': Normal(0, ...)}}; model.least_squares() shows what the data alone say.",
        DataWarning,
    )


def warn_auxiliary_overruled(regression: Regression) -> None:
    """Warn where the default prior of the residual deviation, of auto_scale=False, is far from what the rows say."""
    fit = regression.least_squares
    if (
        not regression.family.sees_summary(regression)
        or len(regression.auxiliaries) != 1
        or not fit.degrees_of_freedom > 0
    ):
        return
    (parameter,) = regression.auxiliaries.values()
    if not parameter.chosen.is_default:
        return
    # To first order the prior moves log sigma by the slope of its log density times the variance, which is 1/(2 df).
    ((name, parameters),) = parameter.specs
    slope = _core.prior_log_density(name, parameters, fit.sigma)[1] * fit.sigma
    shift = abs(slope) / np.sqrt(2 * fit.degrees_of_freedom)
    if shift > MAX_PRIOR_SHIFT:
        unscaled = "" if regression.choices.auto_scale else ", or leave out auto_scale=False"
        warn(
            f"The default prior of {parameter.name!r}, {parameter.prior}, overrules the data, which say "
            f"{fit.sigma:.3g} by least squares: it pulls by {shift:.1f} standard errors. Give a prior in the units of "
            f"the response, such as priors={{'{parameter.name}': HalfNormal({2 * fit.sigma:.2g})}}{unscaled}.",
            DataWarning,
        )


def centring_advice(regression: Regression) -> str:
    """Return what to do where intercepts and slopes of groups make up for each other, far from the predictor's zero."""
    if regression.groups is None:
        return ""
    for term in regression.groups.terms:
        for part, effect in zip(term.terms[1:], term.effects[1:], strict=True) if term.has_intercept else ():
            mean, sd = regression.groups.spreads[effect]
            if (np.abs(mean) > FAR_FROM_ZERO * sd).any():
                return (
                    f"What varies in {effect!r} is far from 0 (mean {mean[0]:.3g}, standard deviation {sd[0]:.3g}), so "
                    "that intercepts and slopes of the groups make up for each other: center it, as in "
                    f"(center({part.name if list(part.columns) == [part.name] else 'x'}) | {term.factor})."
                )
    return ""


def edge_advice(regression: Regression) -> str:
    """Return what divergences mean where a link has edges: there the density ends, and so does every trajectory."""
    family = regression.family
    if not _has_edge(regression):
        return ""
    if family.links[0] == "identity":
        return (
            f"link={regression.link!r} has a pole where the linear predictor of a row is 0, and chains do not cross "
            "it: where they disagree, the posterior has parts on several sides. "
            f"link={_link_without_edge(regression)!r} has no pole."
        )
    return (
        f"link={regression.link!r} ends where the {family.parent!r} of a row would leave its range, and trajectories "
        "that meet this edge count as divergences: they cost effective draws but bias none, so judge by R-hat and "
        f"the effective sample sizes. link={_link_without_edge(regression)!r} has no edge."
    )


def _has_edge(regression: Regression) -> bool:
    links = regression.family.links
    ends = regression.link in ("inverse", "sqrt") or (regression.link == "identity" and links[0] != "identity")
    return ends and any(link in links for link in ("log", "logit"))


def _link_without_edge(regression: Regression) -> str:
    return next(link for link in regression.family.links if link in ("log", "logit"))


def groups_too_large(regression: Regression, reason: str) -> DataError:
    """Say that groups are too many to be integrated out."""
    assert regression.groups is not None
    sizes = ", ".join(f"{name!r} {factor.n_groups}" for name, factor in regression.groups.grouping.items())
    return DataError(
        f"The grouping factors have too many groups that belong together (of {sizes}): {reason.rstrip('.')}. Leave the "
        "smaller of two crossed factors out, or make it a factor of the formula."
    )


def no_mode(regression: Regression, message: str, reason: str, direction: np.ndarray) -> DataError:
    """Say why a posterior, or a likelihood, has no top, naming the columns along which it rises or stays level.

    Parameters
    ----------
    regression : Regression
    message : str
        What the core says.
    reason : str
        ``"separated"``, ``"not identified"``, ``"no start"``, ``"at an edge"`` or ``"not converged"``.
    direction : array, (coefficients,)
        In standard deviations of the columns, the largest being 1; may be empty.
    """
    labels = [label for parameter in regression.coefficients for label in parameter.labels]
    involved = [label for label, part in zip(labels, direction, strict=False) if abs(part) >= MIN_PART]
    named = quote_names(involved) or "the coefficients"
    remedy = "Give them proper priors, such as Normal(0, 2.5), or leave a column out"
    if reason == "separated":
        return DataError(
            f"The data are separated along {named}: some combination of these columns tells the responses apart "
            f"without an error, so the likelihood rises for ever, and nothing else bounds it. {remedy}."
        )
    if reason == "not identified":
        return DataError(
            f"The data say nothing about a combination of {named}: the likelihood does not change along it, and "
            f"nothing else bounds it. {remedy}."
        )
    if reason == "at an edge":
        return DataError(
            f"The likelihood is highest at the edge of what link={regression.link!r} allows: the "
            f"{regression.family.parent!r} of some rows goes to the end of its range, where a maximum has no standard "
            f"errors. Take link={_link_without_edge(regression)!r}, or fit(): a posterior needs no maximum inside."
        )
    if exact := _exact_fit(regression):
        return DataError(exact)
    if large := [name for name, sd in zip(regression.columns, regression.summary.sd, strict=False) if sd > MAX_SD]:
        return DataError(
            f"The numbers of {quote_names(large)} are so large that squares of them are no doubles: change their unit."
        )
    limit = ""
    if regression.family.limit and regression.family.limit[0] in regression.auxiliaries:
        name, simpler = regression.family.limit
        limit = (
            f" {name!r} may have none: it rises for ever where the data scatter no more than those of "
            f"family={simpler!r}; try that, or fix {name!r} by priors={{{name!r}: a number}}."
        )
    return DataError(
        f"The model has no mode to start from: {message.rstrip('.')}. Check the response, offset and priors.{limit}"
    )


# Beyond, squares of numbers and of their priors' scales leave the range of doubles.
MAX_SD = 1e150

# Auxiliaries that have no mode where responses are fitted exactly: what they do then, and a prior that ends it.
WHERE_FITS_ARE_EXACT = {
    ("gamma", "alpha"): ("grows", "Gamma(2, 0.1)"),
    ("beta", "kappa"): ("grows", "Gamma(2, 0.1)"),
    ("t", "sigma"): ("shrinks", "InverseGamma(3, 2)"),
    ("gaussian", "sigma"): ("shrinks", "InverseGamma(3, 2)"),
}


def _exact_fit(regression: Regression) -> str:
    """Say that coefficients fit every response, if they do, so that the noise can be as small as it likes."""
    count, rows = regression.n_coefficients, regression.n_rows
    constant = regression.summary.sd[-1] == 0 and regression.has_intercept
    if count < rows and not constant:
        return ""
    for name, parameter in regression.auxiliaries.items():
        way, prior = WHERE_FITS_ARE_EXACT.get((regression.family.name, name), ("", ""))
        if way:
            reason = f"{count} coefficients can fit {rows} rows" if count >= rows else "one value fits all"
            return (
                f"The responses can be fitted exactly ({reason}), and then the density rises for ever as {name!r} "
                f"{way}: its prior, {parameter.prior}, does not stop that. Give it one that does, such as "
                f"priors={{{name!r}: {prior}}} in the units of the data, fix it at a number, or leave columns out."
            )
    return ""


def _collinear_columns(regression: Regression) -> list[list[str]]:
    """Return each set of columns of which one is a linear combination of the others."""
    return [[regression.columns[j] for j in columns] for columns in regression.least_squares.dependent]


def _by_level(regression: Regression) -> str:
    """Return the factor that is kept by level, if there is one."""
    return "" if regression.by_level is None else regression.by_level.factor


def _collinearity(sets: Iterable[Sequence[str]], factor: str = "") -> str:
    sets = list(sets)
    parts = [f"Columns {quote_names(columns)} are exactly collinear" for columns in sets if len(columns) > 1]
    zero = [columns[0] for columns in sets if len(columns) == 1]
    if zero and factor:
        parts.append(f"{quote_names(zero)} does not vary within levels of {factor!r}")
    elif zero:
        which = f"Column {quote_names(zero)} is" if len(zero) == 1 else f"Columns {quote_names(zero)} are"
        parts.append(f"{which} 0 in every row")
    return "; ".join(parts)
