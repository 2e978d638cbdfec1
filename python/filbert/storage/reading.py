"""Makes a regression of the content of a model file, of which nothing is trusted: what does not fit is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _core
from ..data.columns import ColumnKind
from ..errors import FormulaError, ModelFileError, quote_names
from ..families import FAMILIES, family_of
from ..families.family import Family
from ..formula.design import Design
from ..formula.left_side import LeftSide
from ..formula.levels import ByLevel, term_by_level
from ..formula.parsed import Expression, Response
from ..formula.parsing import read_expression
from ..formula.predictor import Predictor
from ..formula.rowwise import Reach, reach
from ..formula.terms import Term
from ..priors.prior import Prior
from ..regression import identifiability
from ..regression.regression import Choices, Regression
from ..regression.statement import state
from .grouped_summary import read_grouped_summary, read_summary_by_level
from .groups import Spreads, read_groups, read_parts
from .summaries import read_summary
from .terms import NUMERIC, Levels, check_layout, key_of, read_expressions, read_levels_of, read_product, read_term
from .trial import check_works
from .values import (
    read_dict,
    read_finite,
    read_flag,
    read_levels,
    read_list,
    read_number,
    read_text,
    read_texts,
    read_value,
    read_whole,
)


def restored(content: Any, namespace: Mapping[str, Any], extra: dict[str, Any], family: Any) -> Regression:
    """Make the regression that `writing.content_of` has described.

    Parameters
    ----------
    content : object
        What was read from JSON.
    namespace : mapping
        The functions that the formula may use, with those of `extra`.
    extra : dict
        The user's functions.
    family : Family or str, optional
        That of the model where it is not one of filbert's own.

    Raises
    ------
    ModelFileError, or whatever reading a wrong value raises
    """
    missing = [name for name in read_texts(content["extra_namespace"]) if name not in extra]
    if missing:
        raise ModelFileError(
            f"the formula {content['formula']!r} uses {quote_names(missing)}, which the file does not hold. Pass "
            f"extra_namespace={{{missing[0]!r}: ...}} to load()."
        )
    chosen = _family(read_text(content["family"]), family)
    link = chosen.chosen_link(read_text(content["link"]))
    design, spreads = _design(content, namespace, extra)
    summary = _summary(content["summary"], design, chosen, read_whole(content["n_rows"]))
    check_works(design, extra)
    priors = {read_text(key): _prior(entry) for key, entry in read_dict(content["priors"]).items()}
    choices = Choices(priors, read_flag(content["auto_scale"]))
    folded = None
    if design.by_level is not None:
        folded = read_summary_by_level(content["by_level"]["summary"], summary, design, chosen, link.name)
    at_means = read_flag(content["center_predictors"])
    regression = state(design, chosen, link, at_means, choices, None, summary, spreads, folded)
    if regression.groups is None:
        return regression
    return replace(regression, folded=read_grouped_summary(content["groups"].get("summary"), regression))


def _prior(entry: Any) -> Prior | float:
    """Read a prior, or the number at which a parameter is fixed."""
    if isinstance(entry, float):
        return read_finite(entry)
    name, params = entry
    return Prior(read_text(name), **{read_text(k): _prior_parameter(v) for k, v in read_dict(params).items()})


def _prior_parameter(entry: Any) -> Any:
    """Read a number, an array, or the prior of a deviation."""
    if not (isinstance(entry, dict) and list(entry) == ["prior"]):
        return read_value(entry)
    prior = _prior(entry["prior"])
    if not isinstance(prior, Prior):
        raise ModelFileError("a number stands where a prior should.")
    return prior


def _family(name: str, given: Any) -> Family:
    """Return the family of the model: one of filbert's own by its name, else the one that was given, of that name."""
    if given is None:
        if name not in FAMILIES:
            raise ModelFileError(
                f"the model has the family {name!r}, which is not one of filbert's own. Pass its object as family= to "
                "load()."
            )
        return FAMILIES[name]
    family = family_of(given)
    if family.name != name:
        raise ModelFileError(f"the model has the family {name!r}, and family= is {family.name!r}.")
    return family


def _design(content: Any, namespace: Mapping[str, Any], extra: dict[str, Any]) -> tuple[Design, Spreads]:
    """Read the design, and the spreads of what varies by group."""
    kinds = {name: _kind(name, entry) for name, entry in read_dict(content["columns"]).items()}
    expressions = read_expressions(content["expressions"], kinds, namespace)
    offsets = read_expressions(content["offsets"], kinds, namespace)
    stored = read_parts(content.get("groups"), kinds, namespace)
    levels = read_levels_of(read_dict(content["levels"]), expressions, kinds)
    for offset in offsets:
        if offset.is_column and kinds[offset.text].kind not in NUMERIC:
            raise ModelFileError(f"the offset {offset.text!r} does not hold numbers.")
    closed = {name for expression in (*expressions, *offsets) for name in expression.columns}
    if closed | stored.columns != set(kinds):
        raise ModelFileError("its columns are not those that the terms, offsets and groups use.")
    kinds = {name: kind._replace(is_open=name not in closed) for name, kind in kinds.items()}
    predictors = _predictors(content["predictors"], kinds)
    grouping, group_terms, spreads = read_groups(stored, kinds, predictors, levels)
    terms = tuple(read_term(entry) for entry in read_list(content["terms"]))
    if len({term.name for term in terms}) != len(terms):
        raise ModelFileError("two terms have the same name.")
    products = tuple(read_product(entry, levels) for entry in read_list(content["products"]))
    check_layout(terms, products)
    columns = tuple(column for term in terms for column in term.columns)
    by_level = None
    if "by_level" in content:
        terms, by_level = _with_term_by_level(terms, read_dict(content["by_level"]), levels)
        if group_terms:
            raise ModelFileError("it has a factor by level and group-specific terms.")
    has_intercept = read_flag(content["has_intercept"])
    if not terms and not has_intercept and not group_terms:
        raise ModelFileError("the model has neither terms nor an intercept.")
    design = Design(
        formula=read_text(content["formula"]),
        response=read_text(content["response"]),
        has_intercept=has_intercept,
        terms=terms,
        columns=columns,
        baseline={read_text(key): read_text(value) for key, value in read_dict(content["baseline"]).items()},
        products=products,
        expressions={key_of(expression, levels): expression for expression in expressions},
        levels=dict(levels),
        state=_state(content["state"]),
        offsets=offsets,
        kinds=kinds,
        entangled=_entangled(content["entangled"], expressions, offsets, namespace),
        trials=_trials(content.get("trials"), namespace),
        left=_left_side(content.get("observed"), read_text(content["response"]), namespace),
        offset_is_array=read_flag(content["offset_is_array"]),
        dropna=read_flag(content["dropna"]),
        extra_namespace=extra,
        predictors=predictors,
        grouping=grouping,
        group_terms=group_terms,
        by_level=by_level,
    )
    return design, spreads


def _with_term_by_level(
    terms: tuple[Term, ...], entry: Mapping[str, Any], levels: Levels
) -> tuple[tuple[Term, ...], ByLevel]:
    """Return the terms with the one that is kept by level in its place."""
    factor, place = read_text(entry["factor"]), read_whole(entry["place"])
    known = levels[factor]
    if known is None or len(known) < 2 or not 0 <= place <= len(terms):
        raise ModelFileError(f"{factor!r} is not a factor by level.")
    term, by_level = term_by_level(read_text(entry["term"]), factor, known, read_flag(entry["is_reduced"]))
    if any(other.name == term.name for other in terms):
        raise ModelFileError("two terms have the same name.")
    return (*terms[:place], term, *terms[place:]), by_level


def _entangled(
    entries: Any, expressions: Sequence[Expression], offsets: Sequence[Expression], namespace: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the terms whose value in a row depends on other rows: those of the file, and those that say so."""
    parts = {expression.text: expression for expression in expressions}
    parts |= {f"offset({offset.text})": offset for offset in offsets}
    stored = read_texts(entries)
    if not set(stored) <= set(parts):
        raise ModelFileError("those of its terms that depend on other rows are not terms.")
    # A version that saw fewer of them may have written the file, or somebody who wants wrong predictions.
    found = [title for title, expression in parts.items() if reach(expression, namespace) is Reach.ROWS]
    return tuple(dict.fromkeys([*stored, *found]))


def _state(entry: Any) -> dict[str, Any]:
    learnt = read_value(entry)
    if not isinstance(learnt, dict) or not all(isinstance(one, dict) for one in learnt.values()):
        raise ModelFileError("what its transforms have learnt is not a table.")
    return learnt


def _kind(name: str, entry: Any) -> ColumnKind:
    kind, levels = read_text(entry["kind"]), read_levels(entry["levels"])
    if kind not in (*NUMERIC, "datetime", "categorical") or (kind == "categorical") != (levels is not None):
        raise ModelFileError(f"{kind!r} is not the kind of the column {name!r}.")
    return ColumnKind(kind, levels)


def _trials(entry: Any, namespace: Mapping[str, Any]) -> Expression | None:
    """Read the trials of a response, which have columns of their own; version 1 had none."""
    if entry is None:
        return None
    text, columns = read_text(entry[0]), read_texts(entry[1])
    if columns == [text]:
        return Expression(text, True, (text,))
    return read_expression(text, columns, namespace)


def _left_side(entry: Any, response: str, namespace: Mapping[str, Any]) -> LeftSide | None:
    """Read how response and weights are computed; None where the user's functions for that are not at hand."""
    if entry is None:
        return None
    kinds = {read_text(name): read_text(kind) for name, kind in read_dict(entry["columns"]).items()}
    known = {name: ColumnKind(kind) for name, kind in kinds.items()}
    if not set(kinds.values()) <= {*NUMERIC, "datetime", "categorical"} or not 0 < len(entry["expressions"]) <= 2:
        raise ModelFileError("how its response is computed does not fit.")
    try:
        parts = read_expressions(entry["expressions"], known, namespace)
    except FormulaError:
        return None
    weights = parts[1] if len(parts) == 2 else None
    return LeftSide(Response(response, parts[0]), weights, kinds, read_flag(entry["weights_is_array"]))


def _summary(entry: Any, design: Design, family: Family, rows_of_model: int) -> _core.SufficientStatistics:
    """Read the summary of the data, which must be one that a model could be made of."""
    summary, n_rows = read_summary(entry), read_whole(entry["n_rows"])
    if summary.columns != len(design.columns) or n_rows != rows_of_model:
        raise ModelFileError("the terms, their columns and the summary of the data have different sizes.")
    if not (n_rows > 0 and summary.total_weight > 0):
        raise ModelFileError("the summary of the data has no rows.")
    if not (np.isfinite(summary.sd).all() and (summary.sd >= 0).all()):
        raise ModelFileError("the summary of the data has standard deviations that are not finite.")
    if family.scales_with_response:
        identifiability.check_response(design.response, summary)
    identifiability.check_columns(design.columns, summary, design.has_intercept)
    return summary


def _predictors(entries: Any, kinds: Mapping[str, ColumnKind]) -> dict[str, Predictor]:
    if list(read_dict(entries)) != list(kinds):
        raise ModelFileError("the summaries of the predictors are not those of the columns.")
    return {name: _predictor(name, kinds[name], entry) for name, entry in entries.items()}


def _predictor(name: str, kind: ColumnKind, entry: Any) -> Predictor:
    mean, sd, quantiles, mode, numbers = read_list(entry)
    mean, sd, quantiles = read_number(mean), read_number(sd), tuple(read_number(q) for q in read_list(quantiles))
    finite = [q for q in quantiles if math.isfinite(q)]
    is_numeric = kind.kind in NUMERIC
    # Means and quartiles of numbers near the largest double may be beyond it; the extremes are numbers of the data.
    has_extremes = len(quantiles) == 5 and math.isfinite(quantiles[0]) and math.isfinite(quantiles[4])
    if len(quantiles) != 5 or is_numeric != has_extremes or (finite and not is_numeric) or finite != sorted(finite):
        raise ModelFileError(f"the quantiles of {name!r} are not those of its values.")
    if sd < 0 or (not is_numeric and not (math.isnan(mean) and math.isnan(sd))):
        raise ModelFileError(f"the mean and standard deviation of {name!r} are not those of its values.")
    levels, modes = kind.levels or read_levels(numbers), read_levels(mode)
    if (levels is None) != (modes is None) or (levels and modes and (len(modes) > 1 or modes[0] not in levels)):
        raise ModelFileError(f"the mode of {name!r} is not one of its levels.")
    if kind.levels is None and levels and not (kind.kind in ("float", "int") and _are_numbers(levels)):
        raise ModelFileError(f"the levels of {name!r} are not numbers.")
    return Predictor(name, kind.kind, levels, mean, sd, quantiles, modes and modes[0])


def _are_numbers(levels: Sequence[Any]) -> bool:
    return all(isinstance(level, (int, float)) and not isinstance(level, bool) for level in levels)
