"""Makes the regression that a formula, its data and priors state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import _core
from ..errors import DataError, FormulaError
from ..families.family import CoefficientScales, Family
from ..families.links import Link
from ..formula.design import Design
from ..formula.rows import Rows
from ..formula.streamed_rows import StreamedRows
from ..priors.prior import Prior
from . import identifiability
from .default_priors import checked_priors, default_priors, merged_priors, resolve_priors, unscaled_priors
from .group_priors import default_group_priors, resolve_group_priors, spreads
from .groups import Floats, Groups
from .names import INTERCEPT, check_group_names, check_result_names, dimension_of
from .parameters import ChosenPrior, Parameter
from .regression import Choices, Regression

# A summary holds the square of this many numbers, and a frame some twelve times as many.
MOST_COLUMNS = 10_000


def state(
    design: Design,
    family: Family,
    link: Link,
    intercept_at_means: bool,
    choices: Choices,
    rows: Rows | StreamedRows | None,
    summary: _core.SufficientStatistics | None = None,
    spread_of: Mapping[str, tuple[Floats, Floats]] | None = None,
) -> Regression:
    """Make the regression of a formula.

    Parameters
    ----------
    design : Design
    family : Family
    link : Link
    intercept_at_means : bool
        Whether the intercept's prior is about the linear predictor at the column means.
    choices : Choices
    rows : Rows, StreamedRows or None
        The fitted rows; None of a model from a file, which needs the summary then.
    summary : SufficientStatistics, optional
        Of the rows; by default they are read, and checked against the family.
    spread_of : mapping of str to (array, array), optional
        What `group_priors.spreads` says of the rows; as `summary`.

    Raises
    ------
    FormulaError, DataError, PriorError, DataTypeError
        Names that are taken, a response that the family cannot have, columns that say nothing, priors that do not fit.
    """
    check_result_names(design.response, design.terms, () if rows is None else rows.columns, family.auxiliaries)
    if summary is None:
        assert rows is not None
        summary = _summarised(design, rows, family)
    defaults = _default_priors(design, family, link, intercept_at_means, choices.auto_scale, summary)
    choices = replace(choices, given=checked_priors(choices.given, family.parent))
    if spread_of is None:
        spread_of = {} if rows is None else spreads(design.group_terms, rows)
    scales = _scales(family, link, summary) if choices.auto_scale else None
    carried = _carried(design, defaults, summary) if choices.auto_scale and design.group_terms else np.zeros(0)
    group_defaults = default_group_priors(design.group_terms, spread_of, scales, carried)
    chosen_groups, known, rest = resolve_group_priors(
        choices.given, group_defaults, design.group_terms, [term.name for term in design.terms]
    )
    resolved, fixed = resolve_priors(rest, defaults, design.terms, family.auxiliaries)
    parameters = _parameters(design, family, resolved)
    groups = None
    if design.group_terms:
        first = sum(parameter.rows.size for parameter in parameters)
        groups = Groups(design.grouping, design.group_terms, chosen_groups, first, spread_of, known)
    of_groups = groups.parameters() if groups else []
    check_group_names([term.name for term in design.terms], of_groups)
    return Regression(
        description=design.formula,
        response=design.response,
        family=family,
        link=link.name,
        columns=design.columns,
        has_intercept=design.has_intercept,
        intercept_at_means=intercept_at_means,
        parameters=(*parameters, *of_groups),
        summary=summary,
        rows=rows,
        design=design,
        choices=choices,
        fixed=fixed,
        groups=groups,
    )


def with_priors(regression: Regression, priors: Mapping[str, Prior | float] | None) -> Regression:
    """Return the regression of a formula with some priors replaced; rows are not read again."""
    design = regression.design
    assert design is not None
    later = checked_priors(priors, regression.family.parent)
    effects = [effect for term in design.group_terms for effect in term.effects]
    given = merged_priors(regression.choices.given, later, [term.name for term in design.terms], effects)
    changed = state(
        design,
        regression.family,
        regression.link_function,
        regression.intercept_at_means,
        replace(regression.choices, given=given),
        regression.rows if isinstance(regression.rows, (Rows, StreamedRows)) else None,
        regression.summary,
        regression.groups.spreads if regression.groups else {},
    )
    return replace(changed, folded=regression.grouped_summary_at_hand)


def _summarised(design: Design, rows: Rows | StreamedRows, family: Family) -> _core.SufficientStatistics:
    """Fold the rows into what a Gaussian likelihood sees of them, and check them on the way."""
    if not (design.columns or design.has_intercept or design.group_terms):
        raise FormulaError(f"Formula {design.formula!r} has no predictors and no intercept: write '~ 1' for a mean.")
    _check_width(design)
    if design.trials is not None and not family.has_trials:
        raise FormulaError(
            f"The response {design.response!r} has trials, which family={family.name!r} does not know. Use "
            "family='binomial'."
        )
    summary = fold(design, rows, family)
    if not summary.total_weight > 0:
        raise DataError("The weights are zero in every row. At least one row must have a positive weight.")
    if family.scales_with_response:
        identifiability.check_response(design.response, summary)
    identifiability.check_columns(design.columns, summary, design.has_intercept)
    return summary


def _check_width(design: Design) -> None:
    """Refuse designs whose summary would exhaust the memory, naming the term that makes most of the columns."""
    n_columns = len(design.columns)
    if n_columns <= MOST_COLUMNS:
        return
    widest = max(design.terms, key=lambda term: len(term.columns))
    remedy = "Use fewer."
    if widest.is_categorical and len(widest.columns) > 1:
        remedy = (
            f"{len(widest.columns)} of them are those of {widest.name!r}: as a group-specific term, "
            f"(1 | {widest.name}), a factor may have any number of levels."
        )
    raise FormulaError(
        f"The formula of {design.response!r} has {n_columns} columns, and may have {MOST_COLUMNS}: a summary of "
        f"them would take {8e-9 * n_columns**2:.1f} GB, and sampling several times that. {remedy}"
    )


def fold(design: Design, rows: Rows | StreamedRows, family: Family) -> _core.SufficientStatistics:
    """Return the summary of rows, and check their responses on the way."""
    summing = _Summing(design.response, family, _core.SufficientStatistics(len(design.columns)))
    if isinstance(rows, StreamedRows):
        rows.run(summing)
    else:
        summing.fold(rows)
    return summing.summary


class _Summing:
    """A pass that summarises rows."""

    def __init__(self, response: str, family: Family, summary: _core.SufficientStatistics) -> None:
        self.response = response
        self.family = family
        self.summary = summary

    def fresh(self) -> _Summing:
        return _Summing(self.response, self.family, _core.SufficientStatistics(self.summary.columns))

    def fold(self, rows: Rows) -> None:
        assert rows.response_values is not None
        self.family.check_response(self.response, rows.response_values, rows.trials, rows.index)
        for block in rows.blocks():
            self.summary.update(block.X, self.family.summarised(block), block.weights)

    def merge(self, other: _Summing) -> None:
        self.summary.merge(other.summary)


def _scales(family: Family, link: Link, summary: _core.SufficientStatistics) -> CoefficientScales:
    return family.coefficient_scales(link.name, float(summary.mean[-1]), float(summary.sd[-1]))


def _carried(design: Design, defaults: Mapping[str, ChosenPrior], summary: _core.SufficientStatistics) -> Floats:
    """Return the scale of each coefficient's default prior times the mean of its column."""
    sigma = [np.broadcast_to(defaults[term.name].prior.params["sigma"], len(term.columns)) for term in design.terms]
    varies = summary.sd[:-1] > 0  # a constant column stands for the intercept
    return np.concatenate([*sigma, np.zeros(0)]) * np.where(varies, summary.mean[:-1], 0)


def _default_priors(
    design: Design,
    family: Family,
    link: Link,
    intercept_at_means: bool,
    auto_scale: bool,
    summary: _core.SufficientStatistics,
) -> dict[str, ChosenPrior]:
    if not auto_scale:
        auxiliaries = {name: family.unscaled_auxiliary_prior(name) for name in family.auxiliaries}
        return unscaled_priors([term.name for term in design.terms], auxiliaries, design.has_intercept)
    mean, sd = summary.mean, summary.sd
    columns_by_term: dict[str, slice] = {}
    stop = 0
    for term in design.terms:
        start, stop = stop, stop + len(term.columns)
        columns_by_term[term.name] = slice(start, stop)
    return default_priors(
        columns_by_term,
        [term.name for term in design.terms if term.is_categorical],
        mean[:-1],
        sd[:-1],
        _scales(family, link, summary),
        {name: family.auxiliary_prior(name, float(sd[-1])) for name in family.auxiliaries},
        design.has_intercept,
        intercept_at_means,
    )


def _parameters(design: Design, family: Family, chosen: Mapping[str, ChosenPrior]) -> tuple[Parameter, ...]:
    """Return the intercept, one parameter a term with a dimension for its columns, and the family's auxiliaries."""
    parameters = []
    if design.has_intercept:
        parameters.append(Parameter(INTERCEPT, np.array(0), chosen[INTERCEPT]))
    start = len(parameters)
    for term in design.terms:
        stop = start + len(term.columns)
        if term.levels is None:
            parameters.append(Parameter(term.name, np.array(start), chosen[term.name]))
        else:
            dimension = dimension_of(term.name)
            coordinates = {dimension: np.asarray(term.levels)}
            rows = np.arange(start, stop)
            parameters.append(Parameter(term.name, rows, chosen[term.name], None, (dimension,), coordinates))
        start = stop
    for place, name in enumerate(name for name in family.auxiliaries if name in chosen):
        parameters.append(Parameter(name, np.array(start + place), chosen[name], name))
    return tuple(parameters)
