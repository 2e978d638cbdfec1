"""Reads the Python code in a formula: which columns and functions an expression names, and what a call is given."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from types import ModuleType
from typing import Any, NoReturn

from ..errors import FormulaError, suggest
from .allowed import CONTRAST_NAMES
from .faults import mark
from .guard import check_harmless, check_text, check_tree
from .names import Names
from .namespace import names_of_user
from .parsed import OFFSET, WEIGHTED, Expression, Response
from .quoting import called, print_tree, python_tree

_FACTOR_FUNCTIONS = frozenset({"C", "T", "S"})
# What other programs and languages call it.
_USUAL_NAMES = {
    "ln": "log(x)",
    "factor": "C(x)",
    "as.factor": "C(x)",
    "ns": "cr(x, df=4)",
    "s": "bs(x, df=5) or cr(x, df=5)",
    "pow": "x ** 2 within I(...)",
    "max": "np.maximum(x, z) for the larger of two, np.max(x) for the largest of all rows",
    "min": "np.minimum(x, z) for the smaller of two, np.min(x) for the smallest of all rows",
    "mean": "np.mean(x)",
    "sum": "np.sum(x) for the sum over all rows, I(x + z) for that of two columns",
    "round": "np.round(x)",
    "float": "x.astype('float')",
    "int": "x.astype('int')",
    "str": "x.astype('str')",
    "len": "x.str.len()",
}
_NOT_THERE = ("hsgp", "censored", "truncated", "constrained", "mo", "gp")


class ExpressionReader:
    """Turns Python code in a formula into expressions.

    Parameters
    ----------
    formula : str
    columns : collection of str
        The names of all columns.
    namespace : mapping
        The functions and constants that the formula may use.
    """

    def __init__(self, formula: str, columns: Collection[str], namespace: Mapping[str, Any]) -> None:
        self.formula = formula
        self.columns = frozenset(columns)
        self.namespace = namespace

    def success(self, call: str) -> Response:
        """Return the response that is one level of a column against the others."""
        tree, aliases = python_tree(call)
        usage = "binary(column, 'level')"
        if not isinstance(tree, ast.Call) or len(tree.args) != 2 or not isinstance(tree.args[1], ast.Constant):
            raise FormulaError(f"{call!r} in the formula {self.formula!r} must be written {usage}.")
        values, success = self.expression(print_tree(tree.args[0], aliases)), tree.args[1].value
        if not values.is_column:
            raise FormulaError(f"{call!r} must name a column: write {usage}.")
        return Response(f"{values.text}[{success!r}]", values, success=success)

    def arguments(self, call: str, number: int, usage: str) -> list[Expression]:
        """Return the arguments of a call that has so many."""
        tree, aliases = python_tree(call)
        assert isinstance(tree, ast.Call)
        if len(tree.args) != number or tree.keywords:
            raise FormulaError(f"{call!r} in the formula {self.formula!r} must be written {usage}.")
        return [self.expression(print_tree(argument, aliases)) for argument in tree.args]

    def expression(self, text: str) -> Expression:
        """Return an expression with the columns that it names, which may be used as it uses them."""
        check_text(text)
        tree, aliases = python_tree(text)
        check_tree(tree, text)
        if isinstance(tree, ast.Name):
            name = aliases.get(tree.id, tree.id)
            return Expression(name, True, (name,))
        names = Names(self.namespace, aliases)
        names.visit(tree)
        for function in names.functions:
            if function not in self.namespace:
                self._unknown_function(function, text)
        # A constant or contrast of the namespace may stand where a column could.
        columns = [name for name in names.values if name in self.columns or name not in self.namespace]
        both = [name for name in columns if name in names.functions]
        if both:
            raise FormulaError(
                f"{both[0]!r} is both a column and a function in the term {text!r}. Rename the column, for example "
                f"data.rename(columns={{{both[0]!r}: {both[0] + '_'!r}}})."
            )
        if self.columns.issuperset(columns):  # otherwise check_columns says so
            check_harmless(text, names_of_user(self.namespace))
            self._check_values(text, names.values)
        return Expression(text, False, tuple(columns), called(text) in _FACTOR_FUNCTIONS)

    def _check_values(self, text: str, names: Iterable[str]) -> None:
        """Refuse a function of filbert's where a column or a constant has to stand."""
        trusted = names_of_user(self.namespace)
        for name in names:
            value = self.namespace.get(name)
            is_function = callable(value) or isinstance(value, ModuleType)
            if is_function and name not in self.columns and name not in trusted and name not in CONTRAST_NAMES:
                raise FormulaError(f"{name!r} in the term {text!r} is a function, not a column. Write {name}(x).")

    def _unknown_function(self, function: str, text: str) -> NoReturn:
        if function in (OFFSET, WEIGHTED):
            where = "a term of its own on the right" if function == OFFSET else "the whole of the left-hand side"
            raise FormulaError(f"{function}() in {text!r} must be {where} of the formula {self.formula!r}.")
        if function in self.columns:
            raise FormulaError(
                f"{function!r} is a column, not a function, in {text!r}. Is an operator missing before the bracket?"
                + mark(self.formula, self.formula.find(function + "("), len(function))
            )
        functions = [name for name, value in self.namespace.items() if callable(value)]
        usual = _USUAL_NAMES.get(function)
        hint = f" Write {usual}." if usual else suggest(function, functions)
        if function in _NOT_THERE:
            hint = " Other programs have it; filbert does not."
        raise FormulaError(
            f"The formula uses the unknown function {function!r}.{hint} Names of the calling "
            "program are not seen: pass your own functions as extra_namespace={'name': function}."
            + mark(self.formula, self.formula.find(function), len(function))
        )
