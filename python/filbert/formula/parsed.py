"""A formula taken apart: response, terms, offsets and group-specific terms, with the columns that each part names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from formulaic.parser.types import Term as FormulaicTerm

OFFSET, WEIGHTED = "offset", "weighted"  # calls that say what their arguments are for


class Expression(NamedTuple):
    """One indivisible part of a formula: a column, or a Python expression on columns.

    Attributes
    ----------
    text : str
        As formulaic prints it, ``"x"`` or ``"np.log(x)"``.
    is_column : bool
        The text is the name of a column, nothing is to be evaluated.
    columns : tuple of str
        The columns it uses, in the order of first use.
    is_factor : bool
        The outermost call is ``C()``, ``T()`` or ``S()``: its values are categories whatever their type.
    """

    text: str
    is_column: bool
    columns: tuple[str, ...]
    is_factor: bool = False


class Response(NamedTuple):
    """The left-hand side of a formula.

    Attributes
    ----------
    name : str
        As written: ``"log(y)"``, ``"p(y, n)"``, ``"s['yes']"``.
    observed : Expression
        What is observed.
    weights : Expression or None
        Of ``weighted(y, w)``.
    trials : Expression or None
        Of ``p(y, n)``; a number is an expression without columns.
    success : str, float, or None
        The level that counts as 1, of ``binary(s, 'yes')`` and ``s['yes']``.
    """

    name: str
    observed: Expression
    weights: Expression | None = None
    trials: Expression | None = None
    success: Any = None


class ParsedGroup(NamedTuple):
    """A group-specific term of one grouping factor; ``(1 | g/h)`` makes two of them.

    Attributes
    ----------
    text : str
        As written.
    terms : tuple
        formulaic's, of what stands before the bar, the intercept among them.
    factor : tuple of Expression
        What the groups are: one expression, or several whose combinations they are.
    is_correlated : bool
    """

    text: str
    terms: tuple[FormulaicTerm, ...]
    factor: tuple[Expression, ...]
    is_correlated: bool

    @property
    def name(self) -> str:
        """The name of the grouping factor: ``"g"``, ``"g:h"``."""
        return ":".join(part.text for part in self.factor)


@dataclass(frozen=True)
class ParsedFormula:
    """What a formula asks for, before any data are looked at.

    `terms` are formulaic's, of the right-hand side without its offsets and group-specific terms; `expressions` has each
    of their factors by text, and those of what stands before the bars of `groups`.
    """

    text: str
    response: Response
    offsets: tuple[Expression, ...]
    terms: tuple[FormulaicTerm, ...]
    expressions: dict[str, Expression]
    groups: tuple[ParsedGroup, ...] = ()

    def __iter__(self) -> Iterator[Expression]:
        """Yield every expression of the formula, the response first."""
        yield self.response.observed
        yield from self.expressions.values()
        yield from self.offsets
        yield from self.grouping
        for part in (self.response.weights, self.response.trials):
            if part is not None:
                yield part

    @property
    def grouping(self) -> list[Expression]:
        """What makes the groups."""
        return list({part.text: part for group in self.groups for part in group.factor}.values())
