"""What the quantities of a fit are called where it is stored, and the names that are therefore taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormulaError, quote_names

if TYPE_CHECKING:
    from ..formula.terms import Term
    from .parameters import Parameter

INTERCEPT = "Intercept"
SAMPLES = ("chain", "draw")
OBSERVATIONS = "__obs__"  # bambi's name of the dimension that counts rows

_RESERVED = {
    INTERCEPT: "the constant term",
    **dict.fromkeys((*SAMPLES, OBSERVATIONS), "a dimension of the draws"),
}


def stored_name(name: str) -> str:
    """Return the name under which a variable is stored: DataTree and netCDF take "/" for a path, so it becomes "÷"."""
    return name.replace("/", "÷")


def dimension_of(term: str) -> str:
    """Return the name of the dimension along the columns of a term."""
    return f"{term}_dim"


def factor_dimension(factor: str) -> str:
    """Return the name of the dimension along the groups of a grouping factor, which is bambi's."""
    return f"{factor}__factor_dim"


def expression_dimension(term: str) -> str:
    """Return the name of the dimension along the columns of what varies by group, which is bambi's."""
    return f"{term}__expr_dim"


def correlation_dimension(factor: str) -> str:
    """Return the name of the dimension along the pairs of effects that have a correlation."""
    return f"{factor}__corr_dim"


def check_result_names(
    response: str, terms: Sequence[Term], columns: Iterable[str], auxiliaries: Mapping[str, str]
) -> None:
    """Refuse names of a formula that its results could not be stored under.

    Parameters
    ----------
    response : str
    terms : sequence of Term
    columns : iterable of str
        The columns that are kept beside the draws.
    auxiliaries : mapping of str to str
        The family's auxiliary parameters, with what they are.
    """
    reserved = {**_RESERVED, **auxiliaries}
    dimensions = {dimension_of(term.name): term.name for term in terms if term.levels is not None}
    seen: dict[str, str] = {}
    for term in terms:
        if term.name in reserved:
            raise _taken("term", term.name, f"that of {reserved[term.name]}")
        if term.name in dimensions:
            raise _taken("term", term.name, f"that of the dimension along the levels of {dimensions[term.name]!r}")
        stored = stored_name(term.name)
        if stored in seen:
            raise _taken("term", term.name, f"stored as {stored!r}, and so is that of {seen[stored]!r}")
        seen[stored] = term.name
    if response in SAMPLES:
        raise _taken("response", response, f"that of {_RESERVED[response]}")
    for name in (response, *columns):
        if name == OBSERVATIONS:
            raise _taken("column", name, f"that of {_RESERVED[name]}")


def check_group_names(others: Iterable[str], parameters: Sequence[Parameter]) -> None:
    """Refuse names that group-specific terms need for themselves.

    Parameters
    ----------
    others : iterable of str
        Names of the terms of the formula.
    parameters : sequence of Parameter
        The deviations, correlations and effects of groups.
    """
    dimensions = {stored_name(dim): parameter.name for parameter in parameters for dim in parameter.dims}
    seen: dict[str, str] = {}
    for parameter in parameters:
        stored = stored_name(parameter.name)
        if stored in seen:
            raise _taken("group-specific", parameter.name, f"stored as {stored!r}, and so is another, {seen[stored]!r}")
        seen[stored] = parameter.name
    _check_labels(parameters)
    for name in [*others, *seen.values()]:
        stored = stored_name(name)
        if stored in dimensions:
            raise _taken("term", name, f"that of a dimension of {dimensions[stored]!r}")
    for name in others:
        if stored_name(name) in seen:
            raise _taken("term", name, f"that of what varies by group, {seen[stored_name(name)]!r}")


def _check_labels(parameters: Sequence[Parameter]) -> None:
    """Refuse columns of one name that stand for other levels in one bracket than in another."""
    known: dict[str, tuple[str, Any]] = {}
    for parameter in parameters:
        for dim, labels in parameter.coordinates.items():
            name, others = known.setdefault(dim, (parameter.name, labels))
            if not np.array_equal(labels, others):
                raise FormulaError(
                    f"{name!r} and {parameter.name!r} have different levels of what varies, {quote_names(others)} and "
                    f"{quote_names(labels)}, along one dimension of the results. Write the same before both bars: with "
                    "an intercept in both, or with 0 + in both."
                )


def _taken(kind: str, name: str, whose: str) -> FormulaError:
    return FormulaError(f"The name of the {kind} {name!r} is {whose}. Rename that column in the data and the formula.")
