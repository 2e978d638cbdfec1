"""Writes all of a model but its rows as what JSON can hold."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..formula.coding import Coding
from ..formula.predictor import Predictor
from ..formula.terms import Term
from ..priors.prior import Prior
from ..regression.regression import Regression
from .trial import mentions
from .values import write_array, write_levels, write_number, write_value


def content_of(regression: Regression) -> dict[str, Any]:
    """Return all of a model but its rows as what JSON can hold."""
    design = regression.design
    assert design is not None
    trials = () if design.trials is None else (design.trials,)
    texts = [expression.text for expression in (*design.expressions.values(), *design.offsets, *trials)]
    return {
        "filbert": _core.__version__,
        "formula": design.formula,
        "family": regression.family.name,
        "link": regression.link,
        "response": design.response,
        "has_intercept": design.has_intercept,
        "terms": [_term(term) for term in design.terms],
        "baseline": design.baseline,
        "products": [
            {
                "scale": product.scale,
                "kept": None if product.kept is None else list(product.kept),
                "codings": [_coding(coding) for coding in product.codings],
            }
            for product in design.products
        ],
        "expressions": [[expression.text, expression.is_column] for expression in design.expressions.values()],
        "levels": {text: write_levels(levels, text) for text, levels in design.levels.items()},
        "state": write_value(design.state, "the transforms"),
        "offsets": [[expression.text, expression.is_column] for expression in design.offsets],
        "columns": {
            name: {"kind": kind.kind, "levels": write_levels(kind.levels, name)} for name, kind in design.kinds.items()
        },
        "predictors": {name: _predictor(name, predictor) for name, predictor in design.predictors.items()},
        "entangled": list(design.entangled),
        "trials": None if design.trials is None else [design.trials.text, list(design.trials.columns)],
        "offset_is_array": design.offset_is_array,
        "dropna": design.dropna,
        "n_rows": regression.n_rows,
        "extra_namespace": [name for name in design.extra_namespace if any(mentions(text, [name]) for text in texts)],
        "center_predictors": regression.intercept_at_means,
        "auto_scale": regression.choices.auto_scale,
        "priors": {key: _prior(key, prior) for key, prior in regression.choices.given.items()},
        "summary": _summary(regression.summary),
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "name": term.name,
        "columns": list(term.columns),
        "levels": write_levels(term.levels, term.name),
        "is_categorical": term.is_categorical,
    }


def _prior(key: str, prior: Prior | float) -> Any:
    """Write a prior as its name and parameters, and a fixed parameter as its number."""
    if not isinstance(prior, Prior):
        return float(prior)
    return [prior.name, {name: write_value(value, key) for name, value in prior.params.items()}]


def _coding(coding: Coding) -> dict[str, Any]:
    return {
        "factor": coding.factor,
        "chosen": coding.chosen and list(coding.chosen),
        "contrasts": None if coding.contrasts is None else write_array(coding.contrasts),
    }


def _predictor(name: str, predictor: Predictor) -> list[Any]:
    return [
        write_number(predictor.mean),
        write_number(predictor.sd),
        [write_number(q) for q in predictor.quantiles],
        write_levels(None if predictor.mode is None else (predictor.mode,), name),
        write_levels(None if predictor.dtype == "categorical" else predictor.levels, name),
    ]


def _summary(summary: _core.SufficientStatistics) -> dict[str, Any]:
    factor, mean, exponents, total_weight, n_rows = summary.state()
    return {
        "factor": write_array(factor),
        "mean": write_array(mean),
        "exponents": exponents.tolist(),
        "total_weight": total_weight,
        "n_rows": n_rows,
    }
