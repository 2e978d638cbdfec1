"""Takes group-specific terms, such as ``(x | g)``, out of the text of a formula, which is formulaic's without them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import FormulaError
from .faults import mark

_QUOTED = re.compile(r"""`[^`]*`|'[^']*'|"[^"]*\"""")
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Bracket:
    """A group-specific term as written.

    Attributes
    ----------
    text : str
        ``"(x | g)"``.
    expression, factor : str
        What stands before and after the bar.
    is_correlated : bool
        Whether there is one bar; two say that the effects of a group are independent of each other.
    """

    text: str
    expression: str
    factor: str
    is_correlated: bool


@dataclass
class _Frame:
    """A bracket that is open: where, whether a function is called, and the bars within, but not deeper."""

    start: int
    is_call: bool
    bars: list[int] = field(default_factory=list)


def split_brackets(formula: str) -> tuple[str, list[Bracket]]:
    """Return a formula with spaces in the place of its group-specific terms, and these.

    Raises
    ------
    FormulaError
        A term that is not added to others as a whole, or is not written ``(expression | factor)``.
    """
    plain = _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), formula)
    tilde = plain.find("~")
    if tilde < 0 or "|" not in plain:
        return formula, []
    if "|" in plain[:tilde]:
        raise FormulaError(
            "Beside the response brms writes '| trials(n)' and '| weights(w)'; here they are p(y, n) ~ ... and "
            f"weighted(y, w) ~ ....{mark(formula, plain.index('|'))}"
        )
    rest, brackets = list(formula), []
    for start, stop, bar in _bracket_places(formula, plain, tilde):
        brackets.append(_bracket(formula, start, stop, bar))
        first, last = _with_operator(formula, start, stop, tilde)
        rest[first:last] = " " * (last - first)
    without = "".join(rest)
    if brackets and not without[tilde + 1 :].strip():
        without = f"{without[: tilde + 1]} 1"
    return without, brackets


def _bracket_places(formula: str, plain: str, tilde: int) -> list[tuple[int, int, int]]:
    """Find the brackets with a bar: where each starts and ends, and its bar."""
    found, stack = [], list[_Frame]()
    for place in range(tilde + 1, len(plain)):
        character = plain[place]
        if character in _OPENING:
            before = plain[tilde + 1 : place].rstrip()[-1:]
            stack.append(_Frame(place, character != "(" or before.isalnum() or before in tuple("_.)]")))
        elif character == "|" and stack:
            stack[-1].bars += [] if place - 1 in stack[-1].bars else [place]
        elif character in _CLOSING and stack:
            frame = stack.pop()
            if frame.is_call or not frame.bars or any(outer.is_call for outer in stack):
                continue
            if stack:
                raise FormulaError(
                    "A group-specific term stands by itself, added to the others, not within another bracket: "
                    f"y ~ x + (x | g).{mark(formula, frame.start, place + 1 - frame.start)}"
                )
            if len(frame.bars) > 1:
                raise FormulaError(
                    "A group-specific term has one bar, or two side by side (x || g) for independent effects."
                    + mark(formula, frame.start, place + 1 - frame.start)
                )
            found.append((frame.start, place + 1, frame.bars[0]))
    return found


def _bracket(formula: str, start: int, stop: int, bar: int) -> Bracket:
    after = bar + (2 if formula[bar + 1] == "|" else 1)
    expression, factor = formula[start + 1 : bar].strip(), formula[after : stop - 1].strip()
    if not expression or not factor:
        lacking = "Nothing stands before" if not expression else "No grouping factor stands after"
        raise FormulaError(
            f"{lacking} the bar of the group-specific term: write (1 | g), or (x | g)."
            + mark(formula, start, stop - start)
        )
    return Bracket(formula[start:stop], expression, factor, after == bar + 1)


def _with_operator(formula: str, start: int, stop: int, tilde: int) -> tuple[int, int]:
    """Return the span of a term with the plus that adds it."""
    before, after = formula[tilde + 1 : start].rstrip(), formula[stop:].lstrip()
    if (before and not before.endswith("+")) or (after and after[0] not in "+-"):
        raise FormulaError(
            "A group-specific term can only be added: y ~ x + (1 | g)." + mark(formula, start, stop - start)
        )
    if before:
        return tilde + len(before), stop
    return start, formula.index("+", stop) + 1 if after.startswith("+") else stop
