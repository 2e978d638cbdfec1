"""Writes group-specific terms and grouping factors as a model file has them, and reads them back, trusting nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.columns import ColumnKind
from ..errors import DataError, ModelFileError
from ..formula.design import Design
from ..formula.groups import INTERCEPT_TERM, GroupingFactor, GroupTerm
from ..formula.parsed import Expression
from ..formula.predictor import Predictor
from ..formula.terms import Term
from ..regression.group_priors import check_varies
from ..regression.groups import Floats, Groups, n_correlations
from .terms import (
    Levels,
    check_layout,
    read_expressions,
    read_product,
    read_term,
    write_expressions,
    write_product,
    write_term,
)
from .values import (
    read_array,
    read_dict,
    read_flag,
    read_levels,
    read_list,
    read_text,
    write_array,
    write_levels,
)

# Far beyond what can be fitted; labels, names and rows of the draws are made of them when a file is read.
_MOST_FACTORS = 100
_MOST_PARTS = 32  # as many dimensions as NumPy's arrays may have
_MOST_GROUPS = 2_000_000
_MOST_EFFECTS = 20_000_000
_MOST_CORRELATIONS = 200_000
_LARGEST_CODE = 1 << 62
_LARGEST_SPREAD = 1e300

Spreads = dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True)
class StoredGroups:
    """What a file says of groups.

    Attributes
    ----------
    parts : list of tuple of Expression
        Of each grouping factor.
    content : mapping
        What was read from JSON.
    """

    parts: list[tuple[Expression, ...]]
    content: Mapping[str, Any]

    @property
    def columns(self) -> set[str]:
        """The columns that make groups."""
        return {name for parts in self.parts for part in parts for name in part.columns}


def write_groups(design: Design, groups: Groups) -> dict[str, Any]:
    """Write the grouping factors and group-specific terms of a model."""
    _check_sizes(design.grouping, design.group_terms, "The model cannot be stored: it has")
    return {
        "factors": [_written_factor(factor, design) for factor in design.grouping.values()],
        "terms": [_written_term(term, groups.spreads) for term in design.group_terms],
    }


def read_parts(content: Any, kinds: Mapping[str, ColumnKind], namespace: Mapping[str, Any]) -> StoredGroups:
    """Read the expressions that make groups; the rest can be read when the columns and terms of the model are known."""
    if content is None:
        return StoredGroups([], {"factors": [], "terms": []})
    entries = read_list(read_dict(content)["factors"])
    if not 0 < len(entries) <= _MOST_FACTORS:
        raise ModelFileError(f"it has {len(entries)} grouping factors, and may have 1 to {_MOST_FACTORS}.")
    parts = []
    for entry in entries:
        if not 0 < len(read_list(entry["parts"])) <= _MOST_PARTS:
            raise ModelFileError(f"a grouping factor has {len(entry['parts'])} parts, and may have 1 to {_MOST_PARTS}.")
        parts.append(read_expressions(entry["parts"], kinds, namespace))
        if not all(part.columns for part in parts[-1]):
            raise ModelFileError("a grouping factor has no column.")
    return StoredGroups(parts, content)


def read_groups(
    stored: StoredGroups, kinds: Mapping[str, ColumnKind], predictors: Mapping[str, Predictor], levels: Levels
) -> tuple[dict[str, GroupingFactor], tuple[GroupTerm, ...], Spreads]:
    """Read what `write_groups` wrote.

    Parameters
    ----------
    stored : StoredGroups
    kinds, predictors : mapping
        The columns of the model, by name.
    levels : mapping of str to tuple, or None
        The levels of the factors of terms, by their text.

    Returns
    -------
    grouping : dict of str to GroupingFactor
    terms : tuple of GroupTerm
    spreads : dict of str to (array, array)
        See `regression.groups.Groups`.
    """
    factors = [
        _factor(parts, entry, kinds, predictors)
        for parts, entry in zip(stored.parts, stored.content["factors"], strict=True)
    ]
    grouping = {factor.name: factor for factor in factors}
    terms = tuple(_term(entry, levels) for entry in read_list(stored.content["terms"]))
    if len(grouping) < len(factors) or {term.factor for term in terms} != set(grouping):
        raise ModelFileError("its grouping factors are not those of its group-specific terms.")
    effects = [effect for term in terms for effect in term.effects]
    if len(set(effects)) < len(effects):
        raise ModelFileError("two effects of groups have the same name.")
    _check_sizes(grouping, terms, "it has")
    spreads: Spreads = {}
    for term, entry in zip(terms, stored.content["terms"], strict=True):
        spreads |= _spreads(term, read_array(entry["mean"]), read_array(entry["sd"]))
    for factor in factors:
        labels = factor.labels
        if len(set(labels)) < len(labels):
            raise ModelFileError(f"two groups of {factor.name!r} have the same label.")
    return grouping, terms, spreads


def _written_factor(factor: GroupingFactor, design: Design) -> dict[str, Any]:
    levels = [
        None if _levels_of_column(part, design.kinds, design.predictors) == own else write_levels(own, part.text)
        for part, own in zip(factor.parts, factor.levels, strict=True)
    ]
    return {
        "parts": write_expressions(factor.parts),
        "levels": levels,
        "cells": None if len(factor.parts) == 1 else write_array(factor.cells),
    }


def _written_term(term: GroupTerm, spreads: Mapping[str, tuple[Floats, Floats]]) -> dict[str, Any]:
    own = [spreads[effect] for effect in term.effects[term.has_intercept :]]
    return {
        "text": term.text,
        "factor": term.factor,
        "has_intercept": term.has_intercept,
        "terms": [write_term(part) for part in term.terms[term.has_intercept :]],
        "products": [write_product(product) for product in term.products],
        "is_correlated": term.is_correlated,
        "mean": write_array(np.concatenate([np.zeros(0), *(mean for mean, _ in own)])),
        "sd": write_array(np.concatenate([np.zeros(0), *(sd for _, sd in own)])),
    }


def _levels_of_column(
    part: Expression, kinds: Mapping[str, ColumnKind], predictors: Mapping[str, Predictor]
) -> tuple[Any, ...] | None:
    """Return the levels that the file has of a column anyway, so that they need not be there twice."""
    return kinds[part.text].levels or predictors[part.text].levels if part.is_column else None


def _factor(
    parts: tuple[Expression, ...],
    entry: Any,
    kinds: Mapping[str, ColumnKind],
    predictors: Mapping[str, Predictor],
) -> GroupingFactor:
    name = ":".join(part.text for part in parts)
    found = []
    for part, own in zip(parts, read_list(entry["levels"]), strict=True):
        levels = read_levels(own) or _levels_of_column(part, kinds, predictors)
        if levels is None or (part.is_column and kinds[part.text].levels not in (None, levels)):
            raise ModelFileError(f"the levels of the grouping factor {part.text!r} are not there.")
        found.append(levels)
    sizes = [len(levels) for levels in found]
    if len(parts) == 1:
        if entry["cells"] is not None:
            raise ModelFileError(f"the groups of {name!r} are its levels, and not combinations.")
        cells = np.arange(sizes[0])[:, None]
    else:
        cells = _cells(read_array(entry["cells"]), sizes, name)
    if len(cells) < 2:
        raise ModelFileError(f"the grouping factor {name!r} has fewer than two groups.")
    return GroupingFactor(name, parts, tuple(found), cells)


def _cells(stored: Floats, sizes: Sequence[int], name: str) -> NDArray[np.intp]:
    """Read the combinations of levels that are groups: in their order, each once, and each level among them."""
    if stored.ndim != 2 or stored.shape[1] != len(sizes):
        raise ModelFileError(f"the groups of {name!r} have the shape {stored.shape} for {len(sizes)} factors.")
    if len(stored) > _MOST_GROUPS or math.prod(sizes) > _LARGEST_CODE:
        raise ModelFileError(f"the grouping factor {name!r} has too many groups.")
    if not ((stored >= 0) & (stored < np.array(sizes)) & (stored == np.floor(stored))).all():
        raise ModelFileError(f"the groups of {name!r} are not combinations of its levels.")
    cells = stored.astype(np.intp)
    if not (np.diff(np.ravel_multi_index(tuple(cells.T), sizes)) > 0).all():
        raise ModelFileError(f"the groups of {name!r} are not in their order, each once.")
    if any(len(np.unique(places)) < size for places, size in zip(cells.T, sizes, strict=True)):
        raise ModelFileError(f"a level of {name!r} is in no group.")
    return cells


def _term(entry: Any, levels: Levels) -> GroupTerm:
    text, factor = read_text(entry["text"]), read_text(entry["factor"])
    varying = tuple(read_term(part) for part in read_list(entry["terms"]))
    products = tuple(read_product(product, levels) for product in read_list(entry["products"]))
    check_layout(varying, products)
    if any(part.name == INTERCEPT_TERM for part in varying):
        raise ModelFileError(f"{text!r} has a term with the name of the intercept.")
    if read_flag(entry["has_intercept"]):
        varying = (Term(INTERCEPT_TERM, (INTERCEPT_TERM,), None, False), *varying)
    if not varying:
        raise ModelFileError(f"{text!r} has nothing that varies by group.")
    is_correlated = read_flag(entry["is_correlated"])
    if is_correlated and sum(len(part.columns) for part in varying) < 2:
        raise ModelFileError(f"{text!r} has one effect a group, and so no correlations.")
    return GroupTerm(text, factor, varying, products, is_correlated)


def _spreads(term: GroupTerm, mean: Floats, sd: Floats) -> Spreads:
    """Read the means and standard deviations of a term's columns, which must be those of columns that vary."""
    size = len(term.columns) - term.has_intercept
    if mean.shape != (size,) or sd.shape != (size,):
        raise ModelFileError(f"{term.text!r} has {size} columns, and not as many means and standard deviations.")
    if not ((np.abs(mean) <= _LARGEST_SPREAD) & (sd >= 0) & (sd <= _LARGEST_SPREAD)).all():
        raise ModelFileError(f"the means and standard deviations of {term.text!r} are not those of numbers.")
    found: Spreads = {}
    stop = 0
    for part, effect in list(zip(term.terms, term.effects, strict=True))[term.has_intercept :]:
        start, stop = stop, stop + len(part.columns)
        found[effect] = mean[start:stop], sd[start:stop]
        try:
            check_varies(term, effect, *found[effect])
        except DataError as error:
            raise ModelFileError(str(error)) from None
    return found


def _check_sizes(grouping: Mapping[str, GroupingFactor], terms: Sequence[GroupTerm], start: str) -> None:
    """Refuse groups beyond what a reader would want to make names and labels for."""
    n_effects = sum(len(term.columns) * grouping[term.factor].n_groups for term in terms)
    numbers = {
        "grouping factors": (len(grouping), _MOST_FACTORS),
        "factors in a combination": (max((len(factor.parts) for factor in grouping.values()), default=0), _MOST_PARTS),
        "groups": (max((factor.n_groups for factor in grouping.values()), default=0), _MOST_GROUPS),
        "effects of groups": (n_effects, _MOST_EFFECTS),
        "correlations": (sum(n_correlations(term) for term in terms), _MOST_CORRELATIONS),
    }
    for what, (number, most) in numbers.items():
        if number > most:
            raise ModelFileError(f"{start} {number} {what}, and a model file may have {most}.")
