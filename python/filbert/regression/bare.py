"""Makes a regression of a summary alone, whose columns become predictors, or which takes the place of a model's."""

from __future__ import annotations

import copy
import keyword
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _core
from ..data.columns import ColumnKind
from ..errors import DataError, SettingError, count, quote_names
from ..families.family import Family
from ..families.links import Link
from ..formula.coding import Coding, Product
from ..formula.design import Design
from ..formula.left_side import LeftSide
from ..formula.parsed import Expression, Response
from ..formula.predictor import Predictor
from ..formula.terms import Term
from . import identifiability
from .labels import Labels, checked_names, labels_of
from .levels import refused
from .regression import Choices, Regression
from .statement import state

_QUARTILE = 0.6744897501960817  # of a normal distribution, in standard deviations
_REACH = 2.0  # standard deviations from the mean to where grids of a column end


def from_summary(
    summary: _core.SufficientStatistics,
    labels: Labels,
    family: Family,
    link: Link,
    intercept_at_means: bool,
    choices: Choices,
) -> Regression:
    """Return the regression of a summary's response on its columns.

    Parameters
    ----------
    summary : SufficientStatistics
    labels : Labels
        Its names, with those of the response and the intercept.
    family, link
        Must see the rows through their summary.
    intercept_at_means : bool
    choices : Choices
    """
    own = copy.copy(summary)
    _check_rows(own)
    design = _design(own, labels, _response(labels, family))
    identifiability.check_response(design.response, own)
    identifiability.check_columns(design.columns, own, design.has_intercept)
    return _checked(state(design, family, link, intercept_at_means, choices, None, own))


def like(summary: _core.SufficientStatistics, labels: Labels | None, model: Regression, priors: Any) -> Regression:
    """Return a model with a summary in the place of its own, of the same columns.

    Parameters
    ----------
    summary : SufficientStatistics
    labels : Labels or None
    model : Regression
        Without groups.
    priors : mapping or None
        In the place of those of the model.
    """
    design, own = model.design, copy.copy(summary)
    assert design is not None
    if model.groups is not None:
        raise SettingError(
            f"like= has group-specific terms such as {model.groups.terms[0].text}, of which a summary knows nothing. "
            "Use a model without them."
        )
    if model.by_level is not None:
        raise SettingError(refused("like=", model.by_level, "Use model.update(rows), or a model without that factor."))
    _check_rows(own)
    if labels is not None:
        labels_of(design, model.family).check_same(labels)
    elif own.columns != len(design.columns):
        raise DataError(f"The summary has {count(own.columns, 'column')}, and the model {len(design.columns)}.")
    identifiability.check_response(design.response, own)
    identifiability.check_columns(design.columns, own, design.has_intercept)
    choices = model.choices if priors is None else Choices(priors, model.choices.auto_scale)
    return _checked(state(design, model.family, model.link_function, model.intercept_at_means, choices, None, own))


def checked_labels(
    labels: Labels | None, size: int, columns: Any, response: str | None, has_intercept: bool | None
) -> Labels:
    """Return the labels of a summary with what was said of it; what both say must agree."""
    said = None if columns is None else checked_names(columns, size)
    if labels is None and said is None:
        raise DataError(
            f"The summary does not name its {count(size, 'column')}. Pass columns=[...], or name them when it is made: "
            "SufficientStatistics(['x', 'z'], response='y')."
        )
    if labels is None:
        labels = Labels(said or ())
    elif said is not None and said != labels.names:
        raise DataError(
            f"columns= are {quote_names(said)}, and the summary is of {quote_names(labels.names)}. Leave columns= out."
        )
    for title, known, given in (
        ("response", labels.response, response),
        ("has_intercept", labels.has_intercept, has_intercept),
    ):
        if None not in (known, given) and known != given:
            raise DataError(f"{title}={given!r}, and the summary's is {known!r}. Leave {title}= out.")
    return Labels(
        labels.names,
        labels.response or response or "y",
        next((known for known in (labels.has_intercept, has_intercept) if known is not None), True),
        labels.coding,
    )


def _checked(regression: Regression) -> Regression:
    family = regression.family
    if not family.sees_summary(regression):
        raise SettingError(
            f"family={family.name!r}{_how(regression)} needs rows, and there is only a summary of them. A summary is "
            "enough for family='gaussian' with the identity link and for family='lognormal'."
        )
    return regression


def _how(regression: Regression) -> str:
    if regression.fixed:
        return f" with a known {next(iter(regression.fixed))}"
    return f" with link={regression.link!r}" if regression.family.name == "gaussian" else ""


def _check_rows(summary: _core.SufficientStatistics) -> None:
    if not summary.total_weight > 0:
        raise DataError("The summary has no rows.")


def _response(labels: Labels, family: Family) -> str:
    """Return the name of the response of which the summary has what the family sees."""
    name = labels.response or "y"
    if family.summarised_name(name) == name:
        return name
    before, after = family.summarised_name("\0").split("\0")
    if name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after):
        return name[len(before) : len(name) - len(after)]
    raise DataError(
        f"family={family.name!r} sees {family.summarised_name('y')}, and the summary is of {name!r}. Summarise "
        f"{family.summarised_name(name)}, and say so with response={family.summarised_name(name)!r}; or use "
        "family='gaussian'."
    )


def _design(summary: _core.SufficientStatistics, labels: Labels, response: str) -> Design:
    """Return a design whose terms are the columns, as numbers that new rows have by these names."""
    if not (labels.names or labels.has_intercept):
        raise DataError("The summary has no columns, and there is no intercept: there is nothing to estimate.")
    sides = [_quoted(name) for name in labels.names]
    formula = f"{response} ~ {' + '.join([str(int(bool(labels.has_intercept))), *sides])}"
    kinds = dict.fromkeys(labels.names, ColumnKind("float"))
    return Design(
        formula=formula,
        response=response,
        has_intercept=bool(labels.has_intercept),
        terms=tuple(Term(name, (name,), None, False) for name in labels.names),
        columns=labels.names,
        baseline={},
        products=tuple(Product(1.0, (Coding(name, (0,), None),)) for name in labels.names),
        expressions={name: Expression(name, True, (name,)) for name in labels.names},
        levels=dict.fromkeys(labels.names),
        state={},
        offsets=(),
        kinds=kinds,
        entangled=(),
        trials=None,
        offset_is_array=False,
        dropna=False,
        extra_namespace={},
        predictors=_predictors(labels.names, summary),
        left=LeftSide(Response(response, Expression(response, True, (response,))), None, {response: "float"}),
    )


def _predictors(names: Sequence[str], summary: _core.SufficientStatistics) -> Mapping[str, Predictor]:
    """Return what grids are made from: a summary has no extremes, so that they are those of a normal distribution."""
    found = {}
    for name, mean, sd in zip(names, summary.mean.tolist(), summary.sd.tolist(), strict=False):
        is_indicator = 0 < mean < 1 and math.isclose(sd * sd, mean * (1 - mean), rel_tol=1e-9)
        steps = (-_REACH, -_QUARTILE, 0.0, _QUARTILE, _REACH)
        quantiles = [0.0, float(mean > 0.75), float(mean > 0.5), float(mean > 0.25), 1.0]
        if not is_indicator:
            quantiles = [mean + step * sd for step in steps]
        found[name] = Predictor(name, "float", None, mean, sd, tuple(quantiles))
    return found


def _quoted(name: str) -> str:
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"
