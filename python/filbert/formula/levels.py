"""Factors of many levels: which may be kept as the level of each row in place of a column a level, and their term."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Term as FormulaicTerm
from numpy.typing import NDArray

from ..errors import DataError
from .coding import Codes, FactorRows, is_categorical
from .parsed import Expression, ParsedFormula
from .terms import Term, coordinate

# A factor of more levels is kept by level where it may be; of fewer, columns are quick, and nothing is out of reach.
MOST_WITH_COLUMNS = 1000
# Beside more other columns each draw takes longer than the matrix of all columns does once.
MOST_BESIDE = 200
# Every level is a column of the matrix and a row of its triangular factor: beyond this only sums by level will do.
MOST_LEVELS = 5000

_PLAIN = re.compile(r"C\((?P<column>[^(),=]+|`[^`]+`)\)")  # no contrasts, no levels of its own


class ByLevel(NamedTuple):
    """A term that is kept as the level of each row: a main effect of one factor, in treatment contrasts.

    Attributes
    ----------
    term : str
        Its name.
    factor : str
        The text of the factor.
    n_levels : int
    reference : int
        The place of the level that has no coefficient, -1 where each level has one.
    """

    term: str
    factor: str
    n_levels: int
    reference: int

    def codes(self, factors: Mapping[str, FactorRows]) -> NDArray[np.int64]:
        """Return the place of each row's level."""
        rows = factors[self.factor]
        assert isinstance(rows, Codes)
        return rows.codes.astype(np.int64)


def reasons_for_columns(parsed: ParsedFormula, needs_columns: Mapping[str, str]) -> dict[str, str]:
    """Return of each factor of a formula why its levels need columns; empty where they do not.

    Parameters
    ----------
    parsed : ParsedFormula
    needs_columns : mapping of str to str
        What else is known of that, by the factor's text without white space, and of all others by ``""``.
    """
    return {
        text: needs_columns.get("".join(text.split()), needs_columns[""]) or _reason(expression, parsed)
        for text, expression in parsed.expressions.items()
    }


def _reason(expression: Expression, parsed: ParsedFormula) -> str:
    if parsed.groups:
        return f"the formula has group-specific terms such as {parsed.groups[0].text}"
    if not (expression.is_column or _PLAIN.fullmatch(expression.text)):
        return f"{expression.text!r} may have contrasts of its own"
    for term in parsed.terms:
        if len(term.factors) > 1 and any(factor.expr == expression.text for factor in term.factors):
            return f"it is part of {str(term)!r}"
    return ""


def chosen(factors: Mapping[str, FactorValues[Any]], reasons: Mapping[str, str], n_rows: int) -> str | None:
    """Return the factor that is kept by level: the one of most levels, if it has many and does not identify rows.

    Raises
    ------
    DataError
        If a factor has too many levels for columns and cannot be kept by level.
    """
    sizes = {text: len(values.__wrapped__.cat.categories) for text, values in factors.items() if is_categorical(values)}
    able = {text: size for text, size in sizes.items() if MOST_WITH_COLUMNS < size < n_rows and not reasons[text]}
    largest = max(able, key=lambda text: able[text], default=None)
    for text, size in sizes.items():
        if size > MOST_LEVELS and text != largest:
            reason = reasons[text] or f"only the largest factor is, which here is {largest!r}"
            raise _too_many_levels(text, size, "each has one row" if size >= n_rows else reason)
    return largest


def has_better_columns(by_level: ByLevel | None, n_beside: int) -> bool:
    """Tell whether a factor that is kept by level could have columns, and there are many others already."""
    return by_level is not None and by_level.n_levels <= MOST_LEVELS and n_beside > MOST_BESIDE


def _too_many_levels(text: str, n_levels: int, reason: str) -> DataError:
    return DataError(
        f"The factor {text!r} has {n_levels} levels; in columns it may have at most {MOST_LEVELS}, and it is not "
        f"summed up level by level because {reason}. As a group-specific term, (1 | {text}), it may have any number. "
        "Leave it out if it identifies rows, or combine its levels."
    )


def stand_in(values: FactorValues[Any]) -> FactorValues[Any]:
    """Return a factor of two levels in the place of one of many, to learn how it is coded."""
    codes = np.zeros(len(values.__wrapped__), dtype=np.int64)
    two = pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(["a", "b"])))
    return FactorValues(two, metadata=values.__formulaic_metadata__)


def is_main_effect(term: FormulaicTerm, factor: str) -> bool:
    """Tell whether a term of formulaic is one factor alone."""
    return [one.expr for one in term.factors] == [factor]


def term_by_level(name: str, factor: str, levels: Iterable[Any], is_reduced: bool) -> tuple[Term, ByLevel]:
    """Return the term as columns would have it, and what is kept."""
    labels = [coordinate(level) for level in levels]
    kept = labels[1:] if is_reduced else labels
    prefix = "T." if is_reduced else ""
    columns = tuple(f"{factor}[{prefix}{label}]" for label in kept)
    return Term(name, columns, tuple(kept), True), ByLevel(name, factor, len(labels), 0 if is_reduced else -1)
