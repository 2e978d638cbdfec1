"""Finds the terms whose value in a row depends on other rows: they have no value in new data."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.columns import Columns
from ..errors import DataError, DataTypeError, DataWarning, FormulaError, quote_names, warn
from .allowed import Rule, accessor, in_module, makes_contrasts, of_user, rule_of
from .coding import Codes, FactorRows
from .namespace import names_of_user
from .parsed import Expression
from .quoting import python_tree, quoted_by_call

REMEMBER = "Use scale(), center() or another transform that remembers, or compute it beforehand as a column."

_RANDOM_ROWS = 48
_SINGLE_ROWS = 6


class Reach(IntEnum):
    """What the value of an expression in a row follows from; of two parts, the greater counts."""

    CONSTANT = 0
    ROW = 1
    UNKNOWN = 2  # a function of the user
    ROWS = 3


def reach(expression: Expression, namespace: Mapping[str, Any]) -> Reach:
    """Read off an expression's text what its value in a row follows from."""
    if expression.is_column:
        return Reach.ROW
    tree, aliases = python_tree(expression.text)
    columns = set(expression.columns)
    return _Reader(columns, aliases, namespace).read(tree)


def reads_codes(expression: Expression) -> bool:
    """Tell whether an expression reads ``.cat`` of a column: places among the categories that these rows have."""
    nodes = ast.walk(python_tree(expression.text)[0])
    return any(isinstance(node, ast.expr) and accessor(node) == "cat" for node in nodes)


class _Reader:
    """Walks the syntax tree of an expression that `guard` has let pass."""

    def __init__(self, columns: set[str], aliases: Mapping[str, str], namespace: Mapping[str, Any]) -> None:
        self.columns = columns
        self.aliases = aliases
        self.namespace = namespace
        self.trusted = names_of_user(namespace)

    def read(self, node: ast.AST) -> Reach:
        if isinstance(node, ast.Name):
            return self._name(self.aliases.get(node.id, node.id))
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        # Operators and comparisons work on each row, and lists hold what they hold.
        return max((self.read(child) for child in ast.iter_child_nodes(node)), default=Reach.CONSTANT)

    def _name(self, name: str) -> Reach:
        if name in self.columns:
            return Reach.ROW
        is_constant = name not in self.trusted or isinstance(self.namespace[name], (int, float, str, np.generic))
        return Reach.CONSTANT if is_constant else Reach.UNKNOWN

    def _attribute(self, node: ast.Attribute) -> Reach:
        if in_module(node, self.trusted) is not None:
            return Reach.CONSTANT
        if of_user(node, self.trusted):
            return Reach.UNKNOWN
        if accessor(node.value) == "cat":
            # Codes are places among the levels that the model knows, if the column is the model's.
            assert isinstance(node.value, ast.Attribute)
            return Reach.ROW if isinstance(node.value.value, ast.Name) else Reach.ROWS
        return self.read(node.value)

    def _call(self, node: ast.Call) -> Reach:
        if quoted_by_call(node) is not None:
            return Reach.ROW
        parts = [self.read(argument) for argument in [*node.args, *(keyword.value for keyword in node.keywords)]]
        if of_user(node.func, self.trusted):
            return max([*parts, Reach.UNKNOWN])
        rule = rule_of(node.func, self.trusted)
        if rule is None:
            return Reach.ROWS
        if isinstance(node.func, ast.Attribute) and in_module(node.func, self.trusted) is None:
            parts.insert(0, self.read(node.func.value))
        if makes_contrasts(node.func) or not parts:
            return max(parts, default=Reach.CONSTANT)
        return self._of_parts(rule, parts)

    def _of_parts(self, rule: Rule, parts: Sequence[Reach]) -> Reach:
        together = max(parts)
        if not rule.rowwise and together > Reach.CONSTANT:
            return Reach.ROWS
        if rule.constants:
            further = max(parts[1:], default=Reach.CONSTANT)
            # A constant of the user may be an array, such as the knots of a spline: that is for evaluation to find out.
            return Reach.ROWS if further in (Reach.ROW, Reach.ROWS) else together
        return together


class RowCheck:
    """Evaluates terms with functions of the user on some of the rows, which must give what all rows gave there.

    The rows are taken out of order, one by one, and without those that hold an extreme of a column.

    Parameters
    ----------
    columns : Columns
        All fitted rows.
    again : callable
        Evaluates an expression on other columns, as on new data.
    """

    def __init__(self, columns: Columns, again: Callable[[Expression, Columns], FactorRows]) -> None:
        self.columns = columns
        self.again = again

    def agrees(self, expression: Expression, whole: FactorRows) -> bool:
        """Tell whether the term has the same values where only some of the rows are there."""
        for rows in self._selections(expression):
            arrays = {name: self.columns.arrays[name][rows] for name in expression.columns}
            try:
                values = self.again(expression, Columns(arrays, self.columns.index[rows], 0))
            except (DataError, DataTypeError, FormulaError):
                return False
            if not _same(whole, rows, values):
                return False
        return True

    def _selections(self, expression: Expression) -> list[NDArray[np.intp]]:
        rng = np.random.default_rng(0)
        n_rows = len(self.columns.index)
        some = rng.permutation(n_rows)[:_RANDOM_ROWS] if n_rows <= 4096 else rng.integers(n_rows, size=_RANDOM_ROWS)
        some = np.unique(some)
        numbers = [_order(self.columns.arrays[name]) for name in expression.columns]
        extremes = [np.array([np.argmin(column), np.argmax(column)]) for column in numbers]
        within = [
            some[(column[some] > column[low]) & (column[some] < column[high])]
            for column, (low, high) in zip(numbers, extremes, strict=True)
        ]
        selections = [rng.permutation(np.union1d(some, np.concatenate([*extremes, some[:0]])))]
        selections += [rng.permutation(rows) for rows in within if len(rows)]
        singles = np.unique(np.concatenate([*extremes, some[:_SINGLE_ROWS], [n_rows - 1]]).astype(np.intp))
        return selections + [np.array([row]) for row in singles]


def _order(values: Any) -> NDArray[Any]:
    """Return numbers in the order of a column's values."""
    numbers = getattr(values, "codes", values)
    return numbers if isinstance(numbers, np.ndarray) else np.asarray(numbers.asi8)  # times with a zone


def entangled(
    parts: Sequence[tuple[str, Expression, FactorRows]], namespace: Mapping[str, Any], check: RowCheck
) -> tuple[str, ...]:
    """Return the titles of the terms whose value in a row depends on other rows.

    Parameters
    ----------
    parts : sequence
        Title, expression and values of each term.
    namespace : mapping
    check : RowCheck
        Asked where the text does not tell.
    """
    found = []
    for title, expression, values in parts:
        depends_on = reach(expression, namespace)
        if depends_on is Reach.ROWS or (depends_on is Reach.UNKNOWN and not check.agrees(expression, values)):
            found.append(title)
    return tuple(found)


def warn_entangled(found: Sequence[str]) -> None:
    """Warn of terms whose value in a row depends on other rows."""
    several = len(found) > 1
    warn(
        f"The term{'s' if several else ''} {quote_names(found)} of a row depend{'' if several else 's'} on other "
        f"rows: the model can be fitted, and cannot predict new data. {REMEMBER}",
        DataWarning,
    )


def needs_other_rows(text: str) -> FormulaError:
    """Refuse such a term where the other rows are not at hand."""
    return FormulaError(f"{text!r} of a row depends on other rows, and the rows are read in parts. {REMEMBER}")


def _same(whole: FactorRows, rows: NDArray[np.intp], values: FactorRows) -> bool:
    """Tell whether an evaluation of some rows gave what the evaluation of all gave there, rounding aside."""
    if isinstance(whole, Codes) and isinstance(values, Codes):
        return np.array_equal(whole.codes[rows], values.codes)
    if isinstance(whole, Codes) or isinstance(values, Codes) or len(whole.columns) != len(values.columns):
        return False
    return all(
        np.allclose(np.asarray(one)[rows], other, rtol=1e-9, atol=1e-12 * float(np.max(np.abs(one), initial=0.0)))
        for one, other in zip(whole.columns, values.columns, strict=True)
    )
