"""Takes group-specific terms, such as ``(x | g)``, out of the text of a formula, which is formulaic's without them."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import FormulaError
from .faults import mark

_QUOTED = re.compile(r"""`[^`]*`|'[^']*'|"[^"]*\"""")
_OPENING, _CLOSING = "([{", ")]}"
# Each term is read by itself. Formulas of more and longer ones are not written by hand.
_MOST_TERMS = 1000
_LONGEST_TERM = 10_000


class Bracket(NamedTuple):
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


class _Frame(NamedTuple):
    """A bracket that is open: where, whether a function is called, and the bars within, but not deeper.

    `in_call` says that this bracket or one around it is a call's, whose bars are Python's.
    """

    start: int
    is_call: bool
    in_call: bool
    bars: list[int]


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
    found, stack, before = [], list[_Frame](), ""
    for place, character in enumerate(plain[tilde + 1 :], tilde + 1):
        if character in _OPENING:
            is_call = character != "(" or before.isalnum() or before in tuple("_.)]")
            stack.append(_Frame(place, is_call, is_call or bool(stack and stack[-1].in_call), []))
        elif character == "|" and stack:
            bars = stack[-1].bars
            if bars[-1:] != [place - 1]:
                bars.append(place)
        elif character in _CLOSING and stack:
            frame = stack.pop()
            if frame.bars and not frame.in_call:
                _check_frame(formula, frame, place + 1, bool(stack))
                found.append((frame.start, place + 1, frame.bars[0]))
        before = before if character.isspace() else character
    if len(found) > _MOST_TERMS:
        raise FormulaError(f"The formula has {len(found)} group-specific terms, and may have {_MOST_TERMS}.")
    return found


def _check_frame(formula: str, frame: _Frame, stop: int, is_within: bool) -> None:
    """Refuse a bracket with bars that is no group-specific term."""
    if is_within:
        raise FormulaError(
            "A group-specific term stands by itself, added to the others, not within another bracket: y ~ x + (x | g)."
            + mark(formula, frame.start, stop - frame.start)
        )
    if len(frame.bars) > 1:
        raise FormulaError(
            "A group-specific term has one bar, or two side by side (x || g) for independent effects."
            + mark(formula, frame.start, stop - frame.start)
        )


def _bracket(formula: str, start: int, stop: int, bar: int) -> Bracket:
    after = bar + (2 if formula[bar + 1] == "|" else 1)
    expression, factor = formula[start + 1 : bar].strip(), formula[after : stop - 1].strip()
    if not expression or not factor:
        lacking = "Nothing stands before" if not expression else "No grouping factor stands after"
        raise FormulaError(
            f"{lacking} the bar of the group-specific term: write (1 | g), or (x | g)."
            + mark(formula, start, stop - start)
        )
    if stop - start > _LONGEST_TERM:
        raise FormulaError(
            f"A group-specific term has {stop - start} characters, and may have {_LONGEST_TERM}."
            + mark(formula, start, stop - start)
        )
    return Bracket(formula[start:stop], expression, factor, after == bar + 1)


def _with_operator(formula: str, start: int, stop: int, tilde: int) -> tuple[int, int]:
    """Return the span of a term with the plus that adds it."""
    before, after = start - 1, stop
    while formula[before].isspace():
        before -= 1
    while after < len(formula) and formula[after].isspace():
        after += 1
    is_first = before == tilde
    if not (is_first or formula[before] == "+") or (after < len(formula) and formula[after] not in "+-"):
        raise FormulaError(
            "A group-specific term can only be added: y ~ x + (1 | g)." + mark(formula, start, stop - start)
        )
    if not is_first:
        return before, stop
    is_followed = formula[after : after + 1] == "+" and not formula[after + 1 :].isspace() and after + 1 < len(formula)
    return start, after + 1 if is_followed else stop
