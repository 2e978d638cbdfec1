"""Tells whether an expression can do nothing but compute with columns, and not for long."""

from __future__ import annotations

import ast
import math
import re
from collections import deque
from collections.abc import Container
from typing import Any, NoReturn

from ..errors import FormulaError, suggest
from .allowed import (
    CONTRASTS,
    DATE_FIELDS,
    DTYPES,
    FUNCTIONS,
    METHODS,
    MOST,
    NUMPY,
    NUMPY_CONSTANTS,
    SUMMARIES,
    accessor,
    given,
    in_module,
    makes_contrasts,
    of_user,
    rule_of,
)
from .quoting import python_tree

_LONGEST_TEXT = 20_000
_MOST_NODES = 20_000
_DEEPEST = 150
_LONGEST_STRING = 1000
_LARGEST_EXPONENT = 1023  # of 2, as of a double

_PARTS = (
    *(ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Attribute, ast.Constant, ast.BinOp, ast.UnaryOp),
    *(ast.Compare, ast.operator, ast.unaryop, ast.cmpop, ast.Tuple, ast.List, ast.Dict, ast.Subscript, ast.Slice),
)
_REMEDIES: dict[type[ast.AST], tuple[str, str]] = {
    ast.BoolOp: ("'and' or 'or'", "Write (a > 0) & (b > 0) for and, | for or."),
    ast.Not: ("'not'", "Write ~(a > 0)."),
    ast.In: ("'in'", "Write x.isin([...])."),
    ast.NotIn: ("'not in'", "Write ~x.isin([...])."),
    ast.Is: ("'is'", "Write ==."),
    ast.IsNot: ("'is not'", "Write !=."),
    ast.IfExp: ("'if'", "Write np.where(condition, a, b)."),
    ast.MatMult: ("'@'", ""),
    ast.LShift: ("'<<'", ""),
    ast.RShift: ("'>>'", ""),
    ast.Lambda: ("a lambda", ""),
    ast.NamedExpr: ("an assignment", ""),
    ast.Starred: ("a starred argument", ""),
    ast.JoinedStr: ("an f-string", ""),
    ast.ListComp: ("a comprehension", ""),
    ast.SetComp: ("a comprehension", ""),
    ast.DictComp: ("a comprehension", ""),
    ast.GeneratorExp: ("a comprehension", ""),
}
_ELSEWHERE = "Compute it beforehand as a column, or in a function passed as extra_namespace={'name': function}."


def check_harmless(text: str, trusted: Container[str]) -> None:
    """Refuse an expression that could do anything but compute with columns, or that could take long.

    Arithmetic, comparisons, constants, functions of the namespace, NumPy's elementwise functions and a few more
    (``np.log``), contrasts (``contr.sum``), and methods of columns, all with the arguments that `allowed` lists.
    Strings are arguments only, numbers stay within those of a double.

    Parameters
    ----------
    text : str
        Of a formula, or of a file by a stranger.
    trusted : container of str
        Names that the caller gave, whose attributes are the caller's business.
    """
    check_text(text)
    try:
        tree, aliases = python_tree(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        detail = str(error) or "it is nested too deep"
        raise FormulaError(f"The expression {_short(text)} cannot be read: {detail}.") from None
    check_tree(tree, text)
    _Guard(text, trusted, aliases).check(tree)


def check_text(text: str) -> None:
    """Refuse an expression that is too long to be parsed."""
    if len(text) > _LONGEST_TEXT:
        raise FormulaError(
            f"The expression {_short(text)} has {len(text)} characters, and may have {_LONGEST_TEXT}. {_ELSEWHERE}"
        )


def check_tree(tree: ast.AST, text: str) -> None:
    """Refuse an expression that is too deep or too large to be walked, or has parts that do more than compute."""
    level, depth, nodes = [tree], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > _DEEPEST or nodes > _MOST_NODES:
            what = f"is nested more than {_DEEPEST} deep" if depth > _DEEPEST else f"has more than {_MOST_NODES} parts"
            raise FormulaError(f"The expression {_short(text)} {what}. {_ELSEWHERE}")
        for node in level:
            if not isinstance(node, _PARTS) or type(node) in _REMEDIES:
                what, remedy = _REMEDIES.get(type(node), (f"a {type(node).__name__}", ""))
                raise FormulaError(f"{_short(text)} has {what}, which a formula may not have. {remedy or _ELSEWHERE}")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:50]}...")


class _Guard:
    """Checks the parts of one expression."""

    def __init__(self, text: str, trusted: Container[str], aliases: Container[str]) -> None:
        self.text = text
        self.trusted = trusted
        self.aliases = aliases

    def check(self, tree: ast.expr) -> None:
        queue: deque[ast.AST] = deque([tree])
        while queue:
            node = queue.popleft()
            if isinstance(node, ast.Call):
                self._check_call(node)
                # The function itself was checked; what it is a method of was not.
                function = node.func
                queue.extend([*node.args, *(keyword.value for keyword in node.keywords)])
                if isinstance(function, ast.Attribute) and not self._is_of_namespace(function):
                    queue.append(function.value)
                continue
            if isinstance(node, ast.Attribute):
                self._check_attribute(node)
                if self._is_of_namespace(node):
                    continue
            elif isinstance(node, ast.Constant):
                self._check_constant(node)
            elif isinstance(node, (ast.BinOp, ast.UnaryOp)):
                self._number(node)
            elif isinstance(node, ast.Subscript) and accessor(node.value) != "str":
                self._refuse("has a subscript, which a formula may not have", _ELSEWHERE)
            queue.extend(ast.iter_child_nodes(node))

    def _is_of_namespace(self, node: ast.Attribute) -> bool:
        return in_module(node, self.trusted) is not None or of_user(node, self.trusted)

    def _check_call(self, call: ast.Call) -> None:
        function = call.func
        if any(keyword.arg is None for keyword in call.keywords):
            self._refuse("has '**', which a formula may not have", _ELSEWHERE)
        if of_user(function, self.trusted):
            self._check_names(function)
            return
        rule = rule_of(function, self.trusted)
        if rule is None:
            self._refuse_function(function)
        assert isinstance(function, (ast.Name, ast.Attribute))
        name = function.id if isinstance(function, ast.Name) else function.attr
        is_method = isinstance(function, ast.Attribute) and in_module(function, self.trusted) is None
        if is_method and isinstance(function, ast.Attribute) and _is_display(function.value):
            self._refuse(f"calls the method {name!r} of a constant, which a formula may not", _ELSEWHERE)
        first = 0 if is_method or makes_contrasts(function) else 1
        if len(call.args) > first + len(rule.parameters):
            self._refuse(f"gives {name}() {len(call.args)} arguments, which is too many", "")
        for keyword in call.keywords:
            if keyword.arg not in rule.parameters:
                allowed = (
                    f"It may have {', '.join(rule.parameters)}." if rule.parameters else "It takes no such argument."
                )
                self._refuse(f"gives {name}() the argument {keyword.arg!r}, which a formula may not", allowed)
        for parameter, value in given(call, rule, first):
            self._check_argument(name, parameter, value)

    def _check_argument(self, function: str, parameter: str, value: ast.expr) -> None:
        number = self._number(value)
        most = MOST.get(parameter)
        if most is not None and number is not None and abs(number) > most:
            self._refuse(f"asks for {function}(..., {parameter}={number:g})", f"It may be {most} at most.")
        constant = value.value if isinstance(value, ast.Constant) else None
        if function == "astype" and constant not in DTYPES:
            self._refuse("converts to a type of its own", f"astype() may have one of {', '.join(sorted(DTYPES))}.")
        if function == "transform" and constant not in SUMMARIES:
            self._refuse("transforms groups by a function", f"transform() may have {', '.join(sorted(SUMMARIES))}.")
        if parameter == "pat" and isinstance(constant, str) and not _is_quick(constant):
            self._refuse(
                f"searches for {constant!r}, which may take forever",
                "A pattern may repeat single characters three times at most, and no groups.",
            )

    def _check_attribute(self, node: ast.Attribute) -> None:
        module = in_module(node, self.trusted)
        if module is not None:
            allowed: Container[str] = CONTRASTS if module == "contr" else NUMPY_CONSTANTS
            if node.attr not in allowed:
                what = f"{module}.{node.attr}"
                call = f"Write {what}(x)." if module != "contr" and node.attr in NUMPY else _ELSEWHERE
                self._refuse(f"uses {what!r}, which a formula may not", call)
            return
        if of_user(node, self.trusted):
            self._check_names(node)
            return
        owner = accessor(node.value)
        fine = node.attr in DATE_FIELDS if owner == "dt" else node.attr == "codes" if owner == "cat" else False
        if not fine and accessor(node) is None:
            call = f"Write .{node.attr}()." if node.attr in METHODS else _ELSEWHERE
            self._refuse(f"uses the attribute {node.attr!r}, which a formula may not", call)

    def _check_names(self, node: ast.expr) -> None:
        """Refuse private attributes of what the caller gave."""
        while isinstance(node, ast.Attribute):
            if node.attr.startswith("_"):
                self._refuse(f"uses the attribute {node.attr!r}, which a formula may not", "")
            node = node.value

    def _check_constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, str):
            if len(value) > _LONGEST_STRING:
                self._refuse(f"has a text of {len(value)} characters", f"It may have {_LONGEST_STRING}.")
        elif not (value is None or isinstance(value, (bool, int, float))):
            self._refuse(f"has the constant {value!r}, which is no number and no text", "")
        else:
            self._number(node)

    def _number(self, node: ast.expr) -> float | None:
        """Return the value of a constant number; refuse numbers beyond a double, and arithmetic with texts."""
        # Children first, and each looked at once: depth was bounded before.
        if isinstance(node, ast.Constant):
            value: Any = node.value
            if isinstance(value, int) and abs(value).bit_length() > _LARGEST_EXPONENT:
                self._refuse("has a number that is too large", "")
            return value if isinstance(value, (int, float)) else None
        if isinstance(node, ast.UnaryOp):
            operand = self._number(node.operand)
            return -operand if operand is not None and isinstance(node.op, ast.USub) else operand
        if not isinstance(node, ast.BinOp):
            return None
        for side in (node.left, node.right):
            if isinstance(side, ast.Constant) and isinstance(side.value, (str, bytes)):
                self._refuse("calculates with a text", "Texts may only be compared, and given to functions.")
            if isinstance(side, (ast.List, ast.Tuple, ast.Dict)):
                self._refuse("calculates with a list", "Lists may only be given to functions.")
        return self._combined(node, self._number(node.left), self._number(node.right))

    def _combined(self, node: ast.BinOp, left: float | None, right: float | None) -> float | None:
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Pow) and left and right * math.log2(abs(left)) > _LARGEST_EXPONENT:
            self._refuse("has a number that is too large", "")
        operations: dict[type[ast.operator], Any] = {
            ast.Add: lambda: left + right,
            ast.Sub: lambda: left - right,
            ast.Mult: lambda: left * right,
            ast.Pow: lambda: left**right,
            ast.Div: lambda: left / right,
            ast.FloorDiv: lambda: left // right,
            ast.Mod: lambda: left % right,
        }
        try:
            value = operations[type(node.op)]()
        except (ArithmeticError, KeyError):
            return None
        if isinstance(value, int) and value.bit_length() > _LARGEST_EXPONENT:
            self._refuse("has a number that is too large", "")
        return value if isinstance(value, (int, float)) else None

    def _refuse_function(self, function: ast.expr) -> NoReturn:
        if isinstance(function, ast.Name):
            self._refuse(f"uses the unknown function {function.id!r}", suggest(function.id, FUNCTIONS).strip())
        if not isinstance(function, ast.Attribute):
            self._refuse("calls what is not the name of a function", _ELSEWHERE)
        module = in_module(function, self.trusted)
        if module is not None:
            self._refuse(f"uses '{module}.{function.attr}', which a formula may not", _ELSEWHERE)
        self._refuse(f"uses the method {function.attr!r}, which a formula may not", _ELSEWHERE)

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        raise FormulaError(f"{_short(self.text)} {what}. {remedy}".rstrip())


def _is_display(node: ast.expr) -> bool:
    return isinstance(node, (ast.Constant, ast.List, ast.Tuple, ast.Dict))


def _is_quick(pattern: str) -> bool:
    """Tell whether a search for a pattern cannot take exponentially long: few repetitions, none of a group."""
    plain = re.sub(r"\\.|\[[^\]]*\]", "c", pattern)
    return len(re.findall(r"[*+{]", plain)) <= 3 and not re.search(r"\)[*+{?]", plain)
