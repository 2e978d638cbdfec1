"""Makes the regression that a formula, its data and priors state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..data.blocks import Block, Floats
from ..errors import DataError, FormulaError
from ..families.family import CoefficientScales, Family
from ..families.links import Link
from ..formula.design import Design
from ..formula.rows import Rows
from ..formula.terms import Term
from ..priors.prior import Prior
from . import identifiability, levels
from .default_priors import (
    GROUP_SPECIFIC,
    checked_priors,
    default_priors,
    merged_priors,
    resolve_priors,
    unscaled_priors,
)
from .names import INTERCEPT, check_group_names, check_result_names, dimension_of
from .parameters import ChosenPrior, Parameter, Role
from .regression import Choices, Regression

if TYPE_CHECKING:
    from ..formula.streamed_rows import StreamedRows
    from .groups import Groups

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
    folded: _core.GroupedSummary | None = None,
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
    folded : GroupedSummary, optional
        The summary by level of a design that has a term by level; as `summary`.

    Raises
    ------
    FormulaError, DataError, PriorError, DataTypeError
        Names that are taken, a response that the family cannot have, columns that say nothing, priors that do not fit.
    """
    check_result_names(design.response, design.terms, () if rows is None else rows.columns, family.auxiliaries)
    if summary is None:
        assert rows is not None
        summary, folded = _summarised(design, rows, family)
    share = None
    if design.by_level is not None:
        assert folded is not None
        share = levels.shares(design, folded)
    defaults = _default_priors(design, family, link, intercept_at_means, choices.auto_scale, summary, share)
    choices = choices._replace(given=checked_priors(choices.given, family.parent))
    groups, rest = None, choices.given
    if design.group_terms or any(name == GROUP_SPECIFIC or "|" in name for name in rest):
        scales = _scales(family, link, summary) if choices.auto_scale else None
        carried = _carried(design, defaults, summary) if choices.auto_scale else np.zeros(0)
        groups, rest = _groups(design, rows, scales, carried, choices.given, spread_of)
    resolved, fixed = resolve_priors(rest, defaults, design.terms, family.auxiliaries)
    if design.by_level is not None:
        levels.check_priors(design, resolved, intercept_at_means)
    parameters = _parameters(design, family, resolved)
    if groups is not None:
        groups = groups._replace(first=sum(parameter.rows.size for parameter in parameters))
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
        folded=folded,
    )


def with_priors(regression: Regression, priors: Mapping[str, Prior | float] | None) -> Regression:
    """Return the regression of a formula with some priors replaced; rows are not read again."""
    design = regression.design
    assert design is not None
    later = checked_priors(priors, regression.family.parent)
    effects = [effect for term in design.group_terms for effect in term.effects]
    given = merged_priors(regression.choices.given, later, [term.name for term in design.terms], effects)
    rows = regression.rows
    if rows is not None and not isinstance(rows, Rows):
        from ..formula.streamed_rows import StreamedRows

        assert isinstance(rows, StreamedRows)
    changed = state(
        design,
        regression.family,
        regression.link_function,
        regression.intercept_at_means,
        regression.choices._replace(given=given),
        rows,
        regression.summary,
        regression.groups.spreads if regression.groups else {},
        regression.folded if regression.by_level else None,
    )
    return replace(changed, folded=regression.grouped_summary_at_hand)


def _summarised(
    design: Design, rows: Rows | StreamedRows, family: Family
) -> tuple[_core.SufficientStatistics, _core.GroupedSummary | None]:
    """Fold the rows into what a Gaussian likelihood sees of them, and check them on the way."""
    if not (design.terms or design.has_intercept or design.group_terms):
        raise FormulaError(f"Formula {design.formula!r} has no predictors and no intercept: write '~ 1' for a mean.")
    _check_width(design)
    if design.trials is not None and not family.has_trials:
        raise FormulaError(
            f"The response {design.response!r} has trials, which family={family.name!r} does not know. Use "
            "family='binomial'."
        )
    summary, by_level = fold(design, rows, family)
    if not summary.total_weight > 0:
        raise DataError("The weights are zero in every row. At least one row must have a positive weight.")
    if family.scales_with_response:
        identifiability.check_response(design.response, summary)
    identifiability.check_columns(design.columns, summary, design.has_intercept)
    return summary, by_level


def _check_width(design: Design) -> None:
    """Refuse designs whose summary would exhaust the memory, naming the term that makes most of the columns."""
    n_columns = len(design.columns)
    if n_columns <= MOST_COLUMNS:
        return
    widest = max(design.terms_with_columns, key=lambda term: len(term.columns))
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


def fold(
    design: Design, rows: Rows | StreamedRows, family: Family
) -> tuple[_core.SufficientStatistics, _core.GroupedSummary | None]:
    """Return the summary of rows, and that by level where there is a term by level; check responses on the way."""
    summing = _Summing(design, family)
    rows.run(summing)
    if summing.by_level is None:
        return summing.summary, None
    return _core.SufficientStatistics.from_state(summing.by_level.state()[0]), summing.by_level


class _Summing:
    """A pass that summarises rows."""

    def __init__(self, design: Design, family: Family) -> None:
        self.design = replace(design, predictors={})  # which would take the rows along
        self.family = family
        self.summary = _core.SufficientStatistics(len(design.columns))
        self.by_level = None if design.by_level is None else levels.empty_summary(design)  # holds the other, too

    def fresh(self) -> _Summing:
        return _Summing(self.design, self.family)

    def fold(self, rows: Rows) -> None:
        assert rows.response_values is not None
        self.family.check_response(self.design.response, rows.response_values, rows.trials, rows.index)
        for block in rows.blocks():
            response = self.family.summarised(block)
            try:
                if self.by_level is None:
                    self.summary.update_columns(block.columns.each, response, block.weights)
                else:
                    levels.fold_block(self.by_level, block, response)
            except ValueError as error:  # all are finite
                raise _too_large(self.design, block, response, str(error)) from None

    def merge(self, other: _Summing) -> None:
        if self.by_level is None or other.by_level is None:
            self.summary.merge(other.summary)
        else:
            self.by_level.merge(other.by_level)


def _too_large(design: Design, block: Block, response: Floats, complaint: str) -> DataError:
    """Name what has numbers that a sum cannot hold."""
    if "weights" in complaint:
        return DataError("The weights are too large: their sum overflows. Divide all of them by one number.")
    labels = [*design.columns, design.response]
    sizes = [float(np.abs(values).max()) for values in (*block.columns.each, response)]
    place = int(np.argmax(sizes))
    return DataError(
        f"Values of {labels[place]!r} are too large to be summed up: they reach {sizes[place]:.2g}. Choose a larger "
        f"unit, such as I({labels[place]} / 1e9)."
    )


def _scales(family: Family, link: Link, summary: _core.SufficientStatistics) -> CoefficientScales:
    return family.coefficient_scales(link.name, float(summary.mean[-1]), float(summary.sd[-1]))


def _groups(
    design: Design,
    rows: Rows | StreamedRows | None,
    scales: CoefficientScales | None,
    carried: Floats,
    given: Mapping[str, Prior | float],
    spread_of: Mapping[str, tuple[Floats, Floats]] | None,
) -> tuple[Groups | None, dict[str, Any]]:
    """Return the group-specific terms with their priors, if there are any, and what was given for other parameters."""
    from .group_priors import default_group_priors, resolve_group_priors, spreads  # with what only groups need
    from .groups import Groups

    terms = design.group_terms
    if spread_of is None:
        spread_of = {} if rows is None else spreads(terms, rows)
    defaults = default_group_priors(terms, spread_of, scales, carried)
    chosen, known, rest = resolve_group_priors(given, defaults, terms, [term.name for term in design.terms])
    return Groups(design.grouping, terms, chosen, 0, spread_of, known) if terms else None, rest


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
    share: Floats | None,
) -> dict[str, ChosenPrior]:
    if not auto_scale:
        auxiliaries = {name: family.unscaled_auxiliary_prior(name) for name in family.auxiliaries}
        return unscaled_priors([term.name for term in design.terms], auxiliaries, design.has_intercept)
    terms, mean, sd = list(design.terms), summary.mean[:-1], summary.sd[:-1]
    if share is not None:
        terms, mean, sd = levels.default_columns(design, summary, share)
    columns_by_term: dict[str, slice] = {}
    stop = 0
    for term in terms:
        start, stop = stop, stop + len(term.columns)
        columns_by_term[term.name] = slice(start, stop)
    return default_priors(
        columns_by_term,
        [term.name for term in design.terms if term.is_categorical],
        mean,
        sd,
        _scales(family, link, summary),
        {name: family.auxiliary_prior(name, float(summary.sd[-1])) for name in family.auxiliaries},
        design.has_intercept,
        intercept_at_means,
    )


def _of_levels(term: Term, rows: NDArray[np.intp], chosen: ChosenPrior) -> Parameter:
    dimension = dimension_of(term.name)
    coordinates = {dimension: np.asarray(term.levels)}
    return Parameter(term.name, rows, chosen, None, (dimension,), coordinates, Role.LEVEL)


def _parameters(design: Design, family: Family, chosen: Mapping[str, ChosenPrior]) -> tuple[Parameter, ...]:
    """Return the intercept, one parameter a term with a dimension for its columns, and the family's auxiliaries."""
    parameters = []
    if design.has_intercept:
        parameters.append(Parameter(INTERCEPT, np.array(0), chosen[INTERCEPT]))
    start = len(parameters)
    n_free = sum(name in chosen for name in family.auxiliaries)
    for term in design.terms:
        if design.by_level is not None and term.name == design.by_level.term:
            rows = int(design.has_intercept) + len(design.columns) + n_free + np.arange(len(term.columns))
            parameters.append(_of_levels(term, rows, chosen[term.name]))
            continue
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
