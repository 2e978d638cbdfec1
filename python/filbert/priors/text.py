"""Reads a prior that was written as text, such as "mom_iq=Normal(0, 2)"; nothing of the text is executed."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

from ..errors import PriorError, count, quote_names
from . import named as named_priors
from .prior import Prior, parameter_names
from .table import no_such_prior

__all__ = ["read_prior"]

MOST_CHARACTERS = 100_000  # a value for each of some thousand levels


def read_prior(text: str) -> tuple[str, Prior]:
    """Read "TERM=PRIOR", where PRIOR is a named prior called with literal numbers, lists of numbers, or a prior.

    Parameters
    ----------
    text : str
        For example ``"mom_iq=Normal(0, 2)"``, ``"bs(x, df=4)=StudentT(nu=4, sigma=[1, 1, 2, 2])"`` or, for effects of
        groups, ``"1|g=Normal(0, sigma=HalfNormal(2))"``.

    Returns
    -------
    tuple of str and Prior
        The term's name and its prior.

    Raises
    ------
    PriorError
        It names the part of the text that is wrong.
    """
    if len(text) > MOST_CHARACTERS:
        raise PriorError(f"The text of a prior has {len(text)} characters, and {MOST_CHARACTERS} are the most.")
    term, written = _split_at_equals(text)
    if not term or not written:
        raise PriorError(f"{_shown(text)} is not of the form TERM=PRIOR, such as 'x=Normal(0, 2)'.")
    try:
        call = ast.parse(written, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two for deep nesting
        where = getattr(error, "offset", None)
        near = f" (near {written[where - 1 : where + 9]!r})" if where and where <= len(written) else ""
        raise PriorError(f"{_shown(written)} cannot be read as a prior, such as Normal(0, 2){near}.") from None
    return term, _prior(call, written)


def _prior(call: ast.expr, written: str, is_inner: bool = False) -> Prior:
    """Return the prior that a call stands for; an inner one has numbers alone."""
    part = (is_inner and ast.get_source_segment(written, call)) or written
    if isinstance(call, ast.Name) and call.id in named_priors.__all__:
        raise PriorError(f"{_shown(part)} lacks its parentheses: write {call.id}({', '.join(_parameters(call.id))}).")
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise PriorError(f"{_shown(part)} is not a prior, such as Normal(0, 2). The priors are {_known_priors()}.")
    name = call.func.id
    if name not in named_priors.__all__:
        raise no_such_prior(name)
    return Prior(name, **_arguments(name, call, written, is_inner))


def _split_at_equals(text: str) -> tuple[str, str]:
    """Split at the first equals sign outside of all brackets: a term such as bs(x, df=4) has its own inside."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "=" and depth == 0:
            return text[:place].strip(), text[place + 1 :].strip()
    return "", ""


def _arguments(name: str, call: ast.Call, written: str, is_inner: bool) -> dict[str, Any]:
    """Return the call's arguments by name."""
    parameters = _parameters(name)
    if len(call.args) > len(parameters):
        accepted = f"takes {', '.join(parameters)}" if parameters else "takes no parameters"
        raise PriorError(f"{name} {accepted}, and {_shown(written)} gives {count(len(call.args), 'value')}.")
    read = _number if is_inner else _number_or_prior
    arguments: dict[str, Any] = {key: read(node, written) for key, node in zip(parameters, call.args, strict=False)}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise PriorError(f"{_shown(written)} has '**', which only Python can read: write each parameter.")
        if keyword.arg in arguments:
            raise PriorError(f"{_shown(written)} gives {keyword.arg!r} twice.")
        arguments[keyword.arg] = read(keyword.value, written)
    return arguments


def _number_or_prior(node: ast.expr, written: str) -> float | list[float] | Prior:
    """Return a literal number, a list of them, or a prior: that of the deviation between groups."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    if is_call or (isinstance(node, ast.Name) and node.id in named_priors.__all__):
        return _prior(node, written, is_inner=True)
    return _number(node, written)


def _number(node: ast.expr, written: str) -> float | list[float]:
    """Return a literal number, or a list of them."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_scalar(item, written) for item in node.elts]
    return _scalar(node, written)


def _scalar(node: ast.expr, written: str) -> float:
    sign, literal = 1, node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign, literal = (-1 if isinstance(node.op, ast.USub) else 1), node.operand
    value = literal.value if isinstance(literal, ast.Constant) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(sign * value)
    part = ast.get_source_segment(written, node) or type(node).__name__
    raise PriorError(f"{_shown(part)} in {_shown(written)} is not a finite number.")


def _parameters(name: str) -> tuple[str, ...]:
    return parameter_names(name)


def _shown(text: str) -> str:
    """Quote a text, of a long one only the beginning."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _known_priors() -> str:
    return quote_names(named_priors.__all__)
