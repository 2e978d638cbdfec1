"""Shows where in its text a formula cannot be read."""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import FormulaError

_LONGEST_SHOWN = 400  # characters of a formula that an error repeats


def mark(formula: str, start: int | None, length: int = 1) -> str:
    """Show the formula on a line of its own with carets under the place."""
    if start is None or start < 0:
        return f"\n  {formula if len(formula) <= _LONGEST_SHOWN else formula[:_LONGEST_SHOWN] + '...'}"
    shown, length = re.sub(r"\s", " ", formula), max(length, 1)
    if len(shown) > _LONGEST_SHOWN:
        first = max(start - _LONGEST_SHOWN // 4, 0)
        shown, start = f"...{shown[first : first + _LONGEST_SHOWN]}...", start - first + 3
        length = min(length, len(shown) - start)
    return f"\n  {shown}\n  {' ' * start}{'^' * length}"


def refuse_unreadable(formula: str, error: Exception) -> NoReturn:
    """Raise formulaic's parsing error as ours, with its mark turned into carets."""
    if isinstance(error, (RecursionError, MemoryError)):  # which of them depends on the version of Python
        detail, place = "it is nested too deep", mark(formula[:80], None)
    elif isinstance(error, SyntaxError):
        detail, place = f"{error.msg} in a Python expression", _python_place(formula)
    else:
        text = re.sub("\x1b\\[[0-9;]*m", "", str(error))
        detail, _, context = text.partition("\n\n")
        detail = detail if len(detail) <= _LONGEST_SHOWN else detail[:_LONGEST_SHOWN] + "..."
        marked = re.search("⧛(.*?)⧚", context, re.DOTALL)
        place = mark(formula, marked.start(), len(marked[1])) if marked else mark(formula, None)
    raise FormulaError(f"Cannot read the formula: {detail.rstrip('.').replace('insuffient', 'insufficient')}.{place}")


def _python_place(formula: str) -> str:
    """Mark the first bracketed Python expression that does not compile."""
    from .quoting import python_tree

    for match in re.finditer(r"[\w.]+\s*\(|\{", formula):
        depth, end = 1, match.end()
        while end < len(formula) and depth:
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(formula[end], 0)
            end += 1
        try:
            python_tree(formula[match.start() : end].strip("{}"))
        except SyntaxError:
            return mark(formula, match.start(), end - match.start())
    return mark(formula, None)
