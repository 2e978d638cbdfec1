"""Writes terms, and the products of factors that make their columns, as a model file has them, and reads them back.

What is read is not trusted: what does not fit together is refused.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..data.columns import ColumnKind
from ..errors import ModelFileError, quote_names
from ..formula.coding import Coding, Product
from ..formula.parsed import Expression
from ..formula.parsing import read_expression
from ..formula.terms import Term
from .values import (
    read_array,
    read_finite,
    read_flag,
    read_levels,
    read_list,
    read_text,
    read_texts,
    read_whole,
    write_array,
    write_levels,
)

_LONGEST_EXPRESSION = 10_000
_MOST_EXPRESSIONS = 10_000
# Beyond what any coding gives, so that products of columns stay finite.
_LARGEST_FACTOR = 1e100
_WIDEST_PRODUCT = 1_000_000
NUMERIC = ("float", "int", "bool")
Levels = Mapping[str, "tuple[Any, ...] | None"]


def write_term(term: Term) -> dict[str, Any]:
    """Write a term."""
    return {
        "name": term.name,
        "columns": list(term.columns),
        "levels": write_levels(term.levels, term.name),
        "is_categorical": term.is_categorical,
    }


def write_product(product: Product) -> dict[str, Any]:
    """Write a product of factors."""
    return {
        "scale": product.scale,
        "kept": None if product.kept is None else list(product.kept),
        "codings": [_written_coding(coding) for coding in product.codings],
    }


def write_expressions(expressions: Iterable[Expression]) -> list[Any]:
    """Write expressions as their texts, and whether these are names of columns."""
    return [[expression.text, expression.is_column] for expression in expressions]


def _written_coding(coding: Coding) -> dict[str, Any]:
    return {
        "factor": coding.factor,
        "chosen": coding.chosen and list(coding.chosen),
        "contrasts": None if coding.contrasts is None else write_array(coding.contrasts),
    }


def read_expressions(
    entries: Any, kinds: Mapping[str, ColumnKind], namespace: Mapping[str, Any]
) -> tuple[Expression, ...]:
    """Read expressions again from their texts, as a formula's, which refuses those that could do more than compute."""
    expressions = []
    if len(read_list(entries)) > _MOST_EXPRESSIONS:
        raise ModelFileError(f"it has {len(entries)} expressions, and may have {_MOST_EXPRESSIONS}.")
    for text, bare in entries:
        if len(read_text(text)) > _LONGEST_EXPRESSION:
            raise ModelFileError(f"an expression has {len(text)} characters, and may have {_LONGEST_EXPRESSION}.")
        if read_flag(bare):
            if text not in kinds:
                raise ModelFileError(f"the column {text!r} is not among those of the file.")
            expressions.append(Expression(text, True, (text,)))
            continue
        expressions.append(read_expression(text, list(kinds), namespace))
    return tuple(expressions)


def key_of(expression: Expression, levels: Container[str]) -> str:
    """Return what products call an expression: its text, or a column such as `1` in the backticks of the formula."""
    quoted = f"`{expression.text}`"
    return quoted if expression.is_column and expression.text not in levels and quoted in levels else expression.text


def read_levels_of(
    entries: dict[str, Any], expressions: Sequence[Expression], kinds: Mapping[str, ColumnKind]
) -> Levels:
    """Read the levels of each expression; those of a bare column are the column's."""
    levels = {text: read_levels(entry) for text, entry in entries.items()}
    if sorted(levels) != sorted(key_of(expression, levels) for expression in expressions):
        raise ModelFileError("its levels are not those of its expressions.")
    for expression in expressions:
        if not expression.is_column:
            continue
        kind = kinds[expression.text]
        if levels[key_of(expression, levels)] != kind.levels or kind.kind == "datetime":
            raise ModelFileError(f"the column {expression.text!r} and its levels do not fit.")
    return levels


def read_term(entry: Any) -> Term:
    """Read a term: its name, and a label for each column."""
    name, columns = read_text(entry["name"]), tuple(read_texts(entry["columns"]))
    levels = read_levels(entry["levels"], unique=False)
    if not columns or len(columns) != (1 if levels is None else len(levels)):
        raise ModelFileError(f"the term {name!r} has {len(columns)} columns, which do not fit its levels.")
    return Term(name, columns, levels, read_flag(entry["is_categorical"]))


def read_product(entry: Any, levels: Levels) -> Product:
    """Read a product of factors, with as many columns as there may be."""
    codings = tuple(_coding(coding, levels) for coding in read_list(entry["codings"]))
    scale = read_finite(entry["scale"])
    if not codings or abs(scale) > _LARGEST_FACTOR:
        raise ModelFileError("a product has no factors, or too large a number.")
    # With Python's integers, which do not wrap around; a combination of levels without rows is laid out and left out.
    width = math.prod(len(c.chosen or ()) if c.contrasts is None else c.contrasts.shape[1] for c in codings)
    if width > _WIDEST_PRODUCT:
        raise ModelFileError(f"a product has {width} columns, and may have {_WIDEST_PRODUCT}.")
    if entry.get("kept") is None:
        return Product(scale, codings)
    kept = tuple(read_whole(place) for place in read_list(entry["kept"]))
    if not kept or kept[0] < 0 or kept[-1] >= width or any(one >= other for one, other in pairwise(kept)):
        raise ModelFileError(f"the columns kept of {quote_names(c.factor for c in codings)} are not columns of it.")
    return Product(scale, codings, kept)


def _coding(entry: Any, levels: Levels) -> Coding:
    """Read what a factor contributes: rows of contrasts for its levels, or some of its columns of numbers."""
    factor = read_text(entry["factor"])
    known = levels[factor]
    if known is None:
        if entry["contrasts"] is not None:
            raise ModelFileError(f"the factor {factor!r} has contrasts, and no levels.")
        chosen = tuple(read_whole(place) for place in read_list(entry["chosen"]))
        if not chosen or chosen[0] < 0 or any(one >= other for one, other in pairwise(chosen)):
            raise ModelFileError(f"{chosen} are not numbers of columns of the factor {factor!r}.")
        return Coding(factor, chosen, None)
    if entry["chosen"] is not None or entry["contrasts"] is None:
        raise ModelFileError(f"the factor {factor!r} has levels, and no contrasts.")
    contrasts = read_array(entry["contrasts"])
    if contrasts.ndim != 2 or contrasts.shape[0] != len(known) or not contrasts.shape[1]:
        raise ModelFileError(f"the contrasts of {factor!r} have the shape {contrasts.shape} for {len(known)} levels.")
    if not (np.abs(contrasts) <= _LARGEST_FACTOR).all():
        raise ModelFileError(f"the contrasts of {factor!r} are not finite, or too large.")
    return Coding(factor, None, contrasts)


def check_layout(terms: Sequence[Term], products: Sequence[Product]) -> None:
    """Refuse products that do not make the columns of the terms, each term's by products of its own."""
    ends, stop = set(), 0
    for product in products:
        stop += product.width
        ends.add(stop)
    size = 0
    for term in terms:
        size += len(term.columns)
        if size not in ends:
            raise ModelFileError(f"the columns of the term {term.name!r} are not those of its products.")
    if size != stop:
        raise ModelFileError("its products have other columns than its terms.")
