"""Computes the value of an expression from its syntax tree, with what the transforms in it have learnt."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from formulaic import ModelSpec

from ..errors import FormulaError
from .allowed import MOST, Rule, in_module, makes_contrasts, of_user, rule_of
from .namespace import names_of_user
from .quoting import print_tree, python_tree, quoted_by_call

_SPEC = ModelSpec(formula=[], output="numpy", na_action="ignore")
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_LOGIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Interpreter:
    """Computes one expression, which `guard` has let pass.

    Booleans are numbers, 1 and 0, for arithmetic and for numeric functions, and true and false for ``& | ^ ~``,
    comparisons, and what asks for a condition (``np.where``); integers become floats for arithmetic, so that powers and
    sums cannot wrap around. Functions of the user get what is there.

    Parameters
    ----------
    text : str
    columns : mapping of str to pandas.Series
    namespace : mapping
    state : dict
        What transforms have learnt, by the text of their call.
    learning : bool
        Whether transforms may learn; otherwise they must have.
    keep_integers : bool
        Whether integers stay integers, which become levels of a factor.
    """

    def __init__(
        self,
        text: str,
        columns: Mapping[str, Any],
        namespace: Mapping[str, Any],
        state: dict[str, Any],
        learning: bool,
        keep_integers: bool,
    ) -> None:
        self.tree, self.aliases = python_tree(text)
        self.columns = columns
        self.namespace = namespace
        self.trusted = names_of_user(namespace)
        self.state = state
        self.learning = learning
        self.number_type = np.int64 if keep_integers else np.float64

    def value(self, part: ast.expr | None = None) -> Any:
        """Compute the whole expression, or a part of it."""
        return self._value(self.tree if part is None else part)

    def transform_calls(self) -> list[tuple[str, ast.Call]]:
        """Return the calls of transforms that remember with their texts, each after those within it."""
        found = {}
        for node in reversed(list(ast.walk(self.tree))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and quoted_by_call(node) is None:
                function = self.namespace.get(node.func.id)
                if getattr(function, "__is_stateful_transform__", False):
                    found[print_tree(node, self.aliases)] = node
        return list(found.items())

    def _value(self, node: ast.expr | None) -> Any:
        compute = self._KINDS.get(type(node))
        if compute is None:
            raise FormulaError(f"{ast.unparse(node) if node else 'nothing'!r} cannot be computed.")
        return compute(self, node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        name = self.aliases.get(node.id, node.id)
        return self.columns[name] if name in self.columns else self.namespace[name]

    def _sequence(self, node: ast.Tuple | ast.List) -> Any:
        values = [self._value(item) for item in node.elts]
        return tuple(values) if isinstance(node, ast.Tuple) else values

    def _dict(self, node: ast.Dict) -> Any:
        return {self._value(key): self._value(value) for key, value in zip(node.keys, node.values, strict=True)}

    def _binary(self, node: ast.BinOp) -> Any:
        left, right = self._value(node.left), self._value(node.right)
        if type(node.op) in _LOGIC:
            return _LOGIC[type(node.op)](left, right)
        return _ARITHMETIC[type(node.op)](self._number(left), self._number(right))

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self._value(node.operand)
        if isinstance(node.op, ast.Invert):
            return ~value
        return -self._number(value) if isinstance(node.op, ast.USub) else +self._number(value)

    def _compare(self, node: ast.Compare) -> Any:
        result, left = None, self._value(node.left)
        for comparison, comparator in zip(node.ops, node.comparators, strict=True):
            right = self._value(comparator)
            holds = _COMPARISONS[type(comparison)](left, right)
            result = holds if result is None else result & holds  # 0 < x < 1 in each row
            left = right
        return result

    def _attribute(self, node: ast.Attribute) -> Any:
        if in_module(node, self.trusted) is not None or of_user(node, self.trusted):
            # Of the namespace even where a column has that name: a column's attributes are not all harmless.
            if isinstance(node.value, ast.Name):
                return getattr(self.namespace[node.value.id], node.attr)
            assert isinstance(node.value, ast.Attribute)
            return getattr(self._attribute(node.value), node.attr)
        return getattr(self._value(node.value), node.attr)

    def _subscript(self, node: ast.Subscript) -> Any:
        index = node.slice
        if isinstance(index, ast.Slice):
            parts = [None if part is None else self._value(part) for part in (index.lower, index.upper, index.step)]
            return self._value(node.value)[slice(*parts)]
        return self._value(node.value)[self._value(index)]

    def _call(self, node: ast.Call) -> Any:
        quoted = quoted_by_call(node)
        if quoted is not None:
            return self.columns[quoted]
        rule = None if of_user(node.func, self.trusted) else rule_of(node.func, self.trusted)
        function, is_method = self._function(node.func, rule)
        positional = [self._value(argument) for argument in node.args]
        named = {keyword.arg or "": self._value(keyword.value) for keyword in node.keywords}
        if rule is not None:
            self._check_sizes(node, rule, is_method or makes_contrasts(node.func), positional, named)
            if not (rule.logical or rule.constants) and _is_numeric(node.func):
                positional = [self._number(value) for value in positional]
        if not getattr(function, "__is_stateful_transform__", False):
            return function(*positional, **named)
        key = print_tree(node, self.aliases)
        if self.learning:
            state = self.state.setdefault(key, {})
        elif key in self.state:
            state = self.state[key]
        else:
            raise FormulaError(f"The model does not hold what {key!r} has learnt.")
        try:
            return function(*positional, **named, _state=state, _spec=_SPEC)
        except ValueError as error:
            raise _beyond_range(key, positional[0], state, error) from error

    def _function(self, node: ast.expr, rule: Rule | None) -> tuple[Callable[..., Any], bool]:
        """Return a function, and whether it is a method of a column."""
        if isinstance(node, ast.Name):
            return self.namespace[node.id], False
        assert isinstance(node, ast.Attribute)
        if rule is None or in_module(node, self.trusted) is not None:
            return self._attribute(node), False
        owner = self._value(node.value)
        return getattr(owner if rule.logical else self._number(owner), node.attr), True

    def _check_sizes(
        self, node: ast.Call, rule: Rule, without_column: bool, positional: list[Any], named: Mapping[str, Any]
    ) -> None:
        """Refuse a size that only shows now, from a constant of the user."""
        values = dict(zip(rule.parameters, positional[0 if without_column else 1 :], strict=False)) | dict(named)
        for parameter, most in MOST.items():
            size = values.get(parameter)
            if isinstance(size, (int, float, np.number)) and size > most:
                raise FormulaError(f"{ast.unparse(node.func)}(..., {parameter}={size:g}) may be {most} at most.")

    def _number(self, value: Any) -> Any:
        """Return booleans and integers of rows as numbers that cannot wrap around."""
        dtype = getattr(value, "dtype", None)
        if isinstance(dtype, np.dtype) and dtype.kind in "biu":
            return value.astype(self.number_type)
        return value

    _KINDS: Mapping[type[Any], Callable[[Any, Any], Any]] = {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.Tuple: _sequence,
        ast.List: _sequence,
        ast.Dict: _dict,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.Compare: _compare,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Call: _call,
    }


def _is_numeric(function: ast.expr) -> bool:
    """Tell whether a function calculates; ``I``, ``C`` and the like only mark."""
    return not (isinstance(function, ast.Name) and function.id in ("I", "C", "T", "S", "hashed"))


def _beyond_range(key: str, values: Any, state: Mapping[str, Any], error: ValueError) -> Exception:
    """Say which range a spline has, where rows are outside of it."""
    if "beyond upper and/or lower bounds" not in str(error) or not {"lower_bound", "upper_bound"} <= set(state):
        return error
    numbers = np.asarray(values, dtype=np.float64)
    low, high = float(state["lower_bound"]), float(state["upper_bound"])
    outside = numbers[(numbers < low) | (numbers > high)]
    return FormulaError(
        f"{key!r} is defined from {low:.6g} to {high:.6g}, and {len(outside)} of {len(numbers)} rows lie outside "
        f"({outside.min():.6g} to {outside.max():.6g}). Leave them out, or fit with lower_bound= and upper_bound= that "
        "include them, or with extrapolation='extend' or 'clip'."
    )
