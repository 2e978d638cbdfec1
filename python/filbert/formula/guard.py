"""Tells whether an expression of a stored formula can do nothing but compute with columns."""

from __future__ import annotations

import ast
from collections.abc import Container

import numpy as np

from ..errors import FormulaError
from .parsing import python_tree

_HARMLESS = (
    *(ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Attribute, ast.Constant),
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.operator, ast.unaryop, ast.cmpop, ast.boolop),
    *(ast.Tuple, ast.List, ast.Dict),
)
_DATE_FIELDS = frozenset(
    ("year", "month", "day", "hour", "minute", "second", "dayofweek", "weekday", "dayofyear", "quarter", "days")
)


def check_harmless(text: str, trusted: Container[str]) -> None:
    """Refuse an expression of a stranger that could do anything but compute with columns.

    Arithmetic, comparisons, constants, and calls of functions by name; of attributes only NumPy's elementwise functions
    (``np.log``), contrasts (``contr.sum``) and the fields of dates (``t.dt.month``).

    Parameters
    ----------
    text : str
    trusted : container of str
        Names that the caller gave, whose attributes are the caller's business.
    """
    tree, aliases = python_tree(text)
    for node in ast.walk(tree):
        if not isinstance(node, _HARMLESS):
            raise FormulaError(f"{text!r} has a {type(node).__name__}, which a stored formula may not have.")
        if isinstance(node, ast.Name) and node.id not in aliases and "__" in node.id:
            raise FormulaError(f"{text!r} uses the name {node.id!r}, which a stored formula may not.")
        if isinstance(node, ast.Attribute) and not _is_harmless_attribute(node, trusted):
            raise FormulaError(f"{text!r} uses the attribute {node.attr!r}, which a stored formula may not.")


def _is_harmless_attribute(node: ast.Attribute, trusted: Container[str]) -> bool:
    if node.attr.startswith("_"):
        return False
    if isinstance(node.value, ast.Attribute):
        return node.value.attr == "dt" and node.attr in _DATE_FIELDS
    if not isinstance(node.value, ast.Name):
        return False
    owner = node.value.id
    if owner in ("np", "numpy") and owner not in trusted:
        return isinstance(getattr(np, node.attr, None), np.ufunc) or node.attr in ("where", "clip", "round", "pi", "e")
    return owner in trusted or owner == "contr" or node.attr == "dt"
