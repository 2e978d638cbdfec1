"""Reads and prints Python expressions in which backticks quote the names of columns."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Mapping

_QUOTED = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|`([^`]*)`""", re.DOTALL)
_STAND_IN = "_quoted_"


def python_tree(text: str) -> tuple[ast.expr, dict[str, str]]:
    """Parse Python code in which backticks quote names; returns the names by the identifiers that stand in for them."""
    aliases: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        name = match[2]
        if name is None:
            return match[0]  # a string, in which backticks are characters
        alias = _STAND_IN + name.encode("utf-8", "surrogatepass").hex()
        while alias in text:
            alias = f"_{alias}"
        aliases[alias] = name
        return f" {alias} "

    return ast.parse(_QUOTED.sub(stand_in, text).strip(), mode="eval").body, aliases


def print_tree(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """Return the code of a tree as formulaic prints it, with backticks about the names that need them."""
    text = ast.unparse(node).replace("\n", " ")
    for alias, name in aliases.items():
        text = text.replace(alias, quote_name(name))
    return text


def called(text: str) -> str | None:
    """Return the name of the function whose call is the whole of the text, None if it is no call."""
    try:
        tree, _ = python_tree(text)
    except SyntaxError:
        return None
    return tree.func.id if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) else None


def quote_name(name: str) -> str:
    """Return a column's name as it must be written within an expression."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    return name if plain else f"`{name}`"


def quoted_by_call(node: ast.AST) -> str | None:
    """Return the name that ``Q("my column")``, patsy's way to quote, stands for; None of any other node."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Q"):
        return None
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Constant):
        return None
    name = node.args[0].value
    return name if isinstance(name, str) else None
