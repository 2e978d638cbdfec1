"""What a formula asks of a table, before any of its rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike

from ..data.column_names import check_names, unknown_columns
from ..data.columns import Use
from ..errors import FormulaError
from .namespace import make_namespace
from .parsed import ParsedFormula
from .parsing import parse


@dataclass(frozen=True, eq=False)
class Question:
    """A formula taken apart, with the columns that it and its arguments name.

    Attributes
    ----------
    parsed : ParsedFormula
    named : mapping of str to str
        The columns that weights and offset were named by, by argument.
    arrays : mapping of str to array-like
        Those of these arguments that were arrays.
    use : Use
        What each column is used for.
    extra_namespace : dict
        The user's functions.
    dropna : bool
        Whether rows with missing values are left out.
    is_binary : bool
        Whether the response may be true and false, or one level of a column against the others.
    correlated : bool
        Whether ``(x | g)`` has correlations.
    needs_columns : mapping of str to str
        Why a factor has a column a level, such as the family, by its text without white space, and of all others by
        ``""``; empty where one of many levels need not.
    """

    parsed: ParsedFormula
    named: Mapping[str, str]
    arrays: Mapping[str, ArrayLike]
    use: Use
    extra_namespace: dict[str, Any]
    dropna: bool
    is_binary: bool
    correlated: bool
    needs_columns: Mapping[str, str]

    @classmethod
    def asked(
        cls,
        formula: str,
        labels: Sequence[Any],
        *,
        categorical: str | Sequence[str] | None,
        dropna: bool,
        weights: str | ArrayLike | None,
        offset: str | ArrayLike | None,
        extra_namespace: Mapping[str, Any] | None,
        is_binary: bool,
        correlated: bool,
        needs_columns: Mapping[str, str],
    ) -> Question:
        """Take a formula apart, whose names are those of a table's columns; see `filbert.formula.reading`."""
        namespace = make_namespace(extra_namespace)
        named = _named_columns(labels, weights=weights, offset=offset)
        parsed = parse(formula, labels, namespace, reserved=list(named.values()))
        if parsed.response.weights is not None and weights is not None:
            raise FormulaError("The weights are given twice: in weighted(y, w) of the formula, and as weights=.")
        given = {"weights": weights, "offset": offset}
        return cls(
            parsed=parsed,
            named=named,
            arrays={name: v for name, v in given.items() if v is not None and not isinstance(v, str)},
            use=_use(parsed, named, check_names(labels, "categorical", categorical)),
            extra_namespace=dict(extra_namespace or {}),
            dropna=dropna,
            is_binary=is_binary,
            correlated=correlated,
            needs_columns=needs_columns,
        )

    def __getstate__(self) -> dict[str, Any]:
        # The namespace has modules, which cannot be pickled, and follows from the rest.
        return {name: value for name, value in self.__dict__.items() if name != "namespace"}

    @cached_property
    def namespace(self) -> dict[str, Any]:
        """The functions that the formula may use."""
        return make_namespace(self.extra_namespace)

    @property
    def beside_response(self) -> list[str]:
        """The columns used by anything but the response, in the order of the formula."""
        response, named = self.parsed.response, self.named
        beside = [part for part in (response.weights, response.trials) if part is not None]
        parts = [*self.parsed.expressions.values(), *self.parsed.offsets, *self.parsed.grouping, *beside]
        return list(dict.fromkeys([name for part in parts for name in part.columns] + list(named.values())))


def _named_columns(labels: Sequence[Any], **arguments: Any) -> dict[str, str]:
    """Return the arguments that name a column, with its name."""
    named = {name: value for name, value in arguments.items() if isinstance(value, str)}
    for name, column in named.items():
        if column not in labels:
            raise unknown_columns([column], labels, f"Argument {name}")
    return named


def _use(parsed: ParsedFormula, named: Mapping[str, str], categorical: Sequence[str]) -> Use:
    """Find out what each column is used for."""
    grouping = {part.text for part in parsed.grouping}
    others = [part for part in parsed if part.text not in grouping or part.text in parsed.expressions]
    bare = {part.text for part in others if part.is_column} | set(named.values())
    outside_factors = bare | {name for part in others if not part.is_factor for name in part.columns}
    names = dict.fromkeys([name for part in parsed for name in part.columns] + list(named.values()))
    return Use(
        tuple(names),
        categorical=frozenset(categorical),
        factors=frozenset(names) - outside_factors,
        within=frozenset(names) - bare - grouping,
    )
