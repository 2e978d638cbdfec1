"""Writes all of a model but its rows as what JSON can hold."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..formula.left_side import LeftSide
from ..formula.predictor import Predictor
from ..priors.prior import Prior
from ..regression.regression import Regression
from .grouped_summary import write_grouped_summary
from .groups import write_groups
from .summaries import write_summary
from .terms import write_expressions, write_product, write_term
from .trial import mentions
from .values import write_levels, write_number, write_value


def content_of(regression: Regression) -> dict[str, Any]:
    """Return all of a model but its rows as what JSON can hold."""
    design = regression.design
    assert design is not None
    trials = () if design.trials is None else (design.trials,)
    parts = [part for factor in design.grouping.values() for part in factor.parts]
    texts = [expression.text for expression in (*design.expressions.values(), *design.offsets, *trials, *parts)]
    content = {
        "filbert": _core.__version__,
        "formula": design.formula,
        "family": regression.family.name,
        "link": regression.link,
        "response": design.response,
        "has_intercept": design.has_intercept,
        "terms": [write_term(term) for term in design.terms_with_columns],
        "baseline": design.baseline,
        "products": [write_product(product) for product in design.products],
        "expressions": write_expressions(design.expressions.values()),
        "levels": {text: write_levels(levels, text) for text, levels in design.levels.items()},
        "state": write_value(design.state, "the transforms"),
        "offsets": write_expressions(design.offsets),
        "columns": {
            name: {"kind": kind.kind, "levels": write_levels(kind.levels, name)} for name, kind in design.kinds.items()
        },
        "predictors": {name: _predictor(name, predictor) for name, predictor in design.predictors.items()},
        "entangled": list(design.entangled),
        "trials": None if design.trials is None else [design.trials.text, list(design.trials.columns)],
        "observed": _left_side(design.left),
        "offset_is_array": design.offset_is_array,
        "dropna": design.dropna,
        "n_rows": regression.n_rows,
        "extra_namespace": [name for name in design.extra_namespace if any(mentions(text, [name]) for text in texts)],
        "center_predictors": regression.intercept_at_means,
        "auto_scale": regression.choices.auto_scale,
        "priors": {key: _prior(key, prior) for key, prior in regression.choices.given.items()},
        "summary": write_summary(regression.summary),
    }
    if regression.groups is not None:
        content["groups"] = write_groups(design, regression.groups)
        content["groups"]["summary"] = write_grouped_summary(regression)
    if design.by_level is not None:
        content["by_level"] = {
            "place": [term.name for term in design.terms].index(design.by_level.term),
            "term": design.by_level.term,
            "factor": design.by_level.factor,
            "is_reduced": design.by_level.reference >= 0,
            "summary": write_grouped_summary(regression),
        }
    return content


def _left_side(left: LeftSide | None) -> dict[str, Any] | None:
    """Write how response and weights are computed, for models that can be updated without their rows."""
    if left is None or left.response.trials is not None or left.response.success is not None:
        return None
    return {
        "expressions": write_expressions([left.response.observed, *([] if left.weights is None else [left.weights])]),
        "columns": dict(left.kinds),
        "weights_is_array": left.weights_is_array,
    }


def _prior(key: str, prior: Prior | float) -> Any:
    """Write a prior as its name and parameters, and a fixed parameter as its number."""
    if not isinstance(prior, Prior):
        return float(prior)
    params = {
        name: {"prior": _prior(key, value)} if isinstance(value, Prior) else write_value(value, key)
        for name, value in prior.params.items()
    }
    return [prior.name, params]


def _predictor(name: str, predictor: Predictor) -> list[Any]:
    return [
        write_number(predictor.mean),
        write_number(predictor.sd),
        [write_number(q) for q in predictor.quantiles],
        write_levels(None if predictor.mode is None else (predictor.mode,), name),
        write_levels(None if predictor.dtype == "categorical" else predictor.levels, name),
    ]
