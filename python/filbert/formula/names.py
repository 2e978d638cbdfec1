"""Collects the names of an expression by what they stand for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from .quoting import quoted_by_call


class Names(ast.NodeVisitor):
    """Collects the names of an expression by what they stand for: functions (and modules), or values."""

    def __init__(self, namespace: Mapping[str, Any], aliases: Mapping[str, str]) -> None:
        self.namespace = namespace
        self.aliases = aliases
        self.functions: dict[str, None] = {}
        self.values: dict[str, None] = {}

    def visit_Call(self, node: ast.Call) -> None:
        """Take the name of a function for one, and look at the arguments."""
        if isinstance(node.func, ast.Name):
            self.functions[node.func.id] = None
        else:
            self.visit(node.func)
        if (quoted := quoted_by_call(node)) is not None:
            self.values[quoted] = None
            return
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self.visit(argument)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Tell a module's function from a column's method."""
        owner = self.namespace.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if (
            isinstance(node.value, ast.Name)
            and owner is not None
            and (isinstance(owner, ModuleType) or hasattr(owner, node.attr))
        ):
            self.functions[node.value.id] = None  # np.log, contr.sum
        else:
            self.visit(node.value)  # x.fillna(0), also where the column x shares its name with a function

    def visit_Name(self, node: ast.Name) -> None:
        """Take a bare name for a value."""
        self.values[self.aliases.get(node.id, node.id)] = None
