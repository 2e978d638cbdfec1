"""The language of formulas: formulaic's, with names in backticks wherever a name may stand."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, MutableMapping, Sequence
from typing import Any

from formulaic.parser import DefaultFormulaParser
from formulaic.parser.algos.tokenize import tokenize
from formulaic.parser.types import ASTNode, Token
from formulaic.parser.utils import insert_tokens_after, merge_operator_tokens, replace_tokens
from formulaic.transforms import TRANSFORMS

from ..errors import FormulaError

_MOST_PRODUCTS = 100_000
_LONGEST_FORMULA = 200_000


class FormulaLanguage(DefaultFormulaParser):  # type: ignore[misc]  # mypy does not follow formulaic
    """Formulaic's parser, of which only the reading of tokens differs.

    formulaic replaces quoted names in Python code by searching its text, so that ``center(`e`)`` falls apart; here the
    syntax tree is printed again.
    """

    def get_tokens_from_formula(self, formula: str, *, context: MutableMapping[str, Any]) -> list[Token]:
        """Return the tokens of a formula, with the intercept that it implies."""
        one, plus, minus = (
            Token(text, kind=kind) for text, kind in (("1", "value"), ("+", "operator"), ("-", "operator"))
        )
        if "\0" in formula:
            raise FormulaError(f"The formula {formula!r} has a NUL character. Take it out.")
        if len(formula) > _LONGEST_FORMULA:
            raise FormulaError(
                f"The formula has {len(formula)} characters, and may have {_LONGEST_FORMULA}. 'y ~ .' has all columns."
            )
        columns = frozenset(context["__formulaic_variables_available__"])
        tokens = [_normalised(token, columns) for token in _joined(tokenize(formula))]
        _check_zeros(tokens)
        tokens = list(replace_tokens(tokens, "0", [minus, one], kind=Token.Kind.VALUE))
        tilde = next(
            (i for i, token in enumerate(tokens) if token.kind is Token.Kind.OPERATOR and "~" in token.token), -1
        )
        context["__formulaic_variables_used_lhs__"] = list(_names(tokens[: tilde + 1]))
        tokens = list(
            insert_tokens_after(
                tokens,
                "~",
                [one],
                kind=Token.Kind.OPERATOR,
                join_operator="+",
                no_join_for_operators={"+", "-"},
            )
        )
        if tilde < 0:
            tokens = [one, plus, *tokens] if tokens else [one]
        # An operator that was there and one that was put in would be two in a row.
        return list(merge_operator_tokens(tokens, symbols={"+", "-"}))

    def get_terms_from_ast(self, ast: Any, *, context: MutableMapping[str, Any]) -> Any:
        """Multiply out the terms, unless there are too many."""
        _check_expansion(ast, len(context["__formulaic_variables_available__"]))
        return super().get_terms_from_ast(_balanced(ast), context=context)


def _balanced(tree: Any) -> Any:
    """Return the tree with sums of many terms as sums of halves.

    formulaic copies what is left of each ``+``, so that ``((a + b) + c) + ...`` would take time by the square of the
    number of terms. Sums keep order, and the first of two equal terms, however they are bracketed.
    """
    stack = [tree]
    while stack:
        node = stack.pop()
        if not isinstance(node, ASTNode):
            continue
        if _is_sum(node):
            left, right = node.args
            terms = [right]
            while _is_sum(left):
                left, right = left.args
                terms.append(right)
            terms = [left, *reversed(terms)]
            while len(terms) > 2:
                pairs = zip(terms[::2], terms[1::2], strict=False)
                terms = [*(ASTNode(node.operator, pair) for pair in pairs), *(terms[-1:] if len(terms) % 2 else [])]
            node.args = tuple(terms)
            stack.extend(_summands(node))
        else:
            stack.extend(node.args)
    return tree


def _is_sum(node: Any) -> bool:
    return isinstance(node, ASTNode) and node.operator.symbol == "+" and len(node.args) == 2


def _summands(tree: Any) -> list[Any]:
    """Return what stands between the ``+`` of a balanced sum."""
    found, stack = [], [tree]
    while stack:
        node = stack.pop()
        if _is_sum(node):
            stack.extend(node.args)
        else:
            found.append(node)
    return found


def _check_expansion(tree: Any, n_columns: int) -> None:
    """Refuse products of so many terms that multiplying them out would not end."""
    counts: dict[int, int] = {}
    stack = [tree]
    while stack:
        node = stack[-1]
        if not isinstance(node, ASTNode):
            counts[id(node)] = 1
        elif pending := [part for part in node.args if id(part) not in counts]:
            stack.extend(pending)
            continue
        else:
            counts[id(node)] = _expanded(node, [counts[id(part)] for part in node.args], n_columns)
        stack.pop()


def _expanded(node: ASTNode[Any], counts: list[int], n_columns: int) -> int:
    """Return an upper bound on the terms that an operator makes of those of its operands."""
    symbol = node.operator.symbol
    if symbol == ".":
        return n_columns
    if symbol in ("**", "^"):
        number = str(node.args[1])
        # formulaic says what is wrong with an exponent that is no number.
        exponent = (
            int(number)
            if number.isdecimal() and len(number) <= 4
            else 1
            if not number.isdecimal()
            else _MOST_PRODUCTS + 1
        )
        count = 1 if exponent == 0 else max(exponent, counts[0] ** exponent)
    elif len(counts) == 2 and symbol in ("*", ":"):
        count = counts[0] * counts[1]
    else:
        return sum(counts)
    if count > _MOST_PRODUCTS:
        raise FormulaError(
            f"'{symbol}' in the formula multiplies out to more than {_MOST_PRODUCTS} products of terms. Write the "
            "interactions that you mean, for example (a + b + c)**2 for those of two."
        )
    return count + (sum(counts) if symbol == "*" else 0)


def _joined(tokens: Iterable[Token]) -> Iterable[Token]:
    """Put together what formulaic takes apart: ``x.str.strip().str.len()`` and a quoted name with a method."""
    before: Token | None = None
    for token in tokens:
        if before is not None and _continues(before, token):
            text = f"`{before.token}`" if before.kind is Token.Kind.NAME else before.token
            before = before.copy_with_attrs(
                token=text + token.token, kind=Token.Kind.PYTHON, source_end=token.source_end
            )
            continue
        if before is not None:
            yield before
        before = token
    if before is not None:
        yield before


def _continues(before: Token, token: Token) -> bool:
    if not token.token.startswith(".") or token.kind not in (Token.Kind.NAME, Token.Kind.PYTHON):
        return False
    if before.source_end is None or token.source_start is None:
        return False
    # A closing backtick is no part of the token before it.
    distance = 2 if before.kind is Token.Kind.NAME and _is_quoted(before) else 1
    return before.kind in (Token.Kind.NAME, Token.Kind.PYTHON) and before.source_end + distance == token.source_start


def _check_zeros(tokens: Sequence[Token]) -> None:
    """Refuse ``0:x``, which formulaic reads as ``- 1:x``."""
    for i, token in enumerate(tokens):
        around = [*tokens[max(i - 1, 0) : i], *tokens[i + 1 : i + 2]]
        is_times = any(near.kind is Token.Kind.OPERATOR and near.token in (":", "*", "/") for near in around)
        if token.kind is Token.Kind.VALUE and token.token == "0" and is_times:
            raise FormulaError(f"A term times 0 in the formula {token.source!r} is nothing. Take it out.")


def _normalised(token: Token, columns: Container[str]) -> Token:
    """Print Python code in one way, and take a field of a column, as in ``t.dt.year``, for Python code."""
    if token.kind is Token.Kind.NAME and _is_quoted(token) and is_number(token.token):
        # formulaic compares factors by their text, and would take the column `1` for the intercept.
        token.kind, token.token = Token.Kind.PYTHON, f"`{token.token}`"
    if token.token == "." and not _is_quoted(token):
        token.kind = Token.Kind.OPERATOR
    if token.kind is Token.Kind.NAME and not _is_quoted(token) and token.token not in columns:
        column, *fields = token.token.split(".")
        if column in columns and len(fields) == 2 and fields[0] in ("dt", "cat"):
            token.kind = Token.Kind.PYTHON
    if token.kind is Token.Kind.PYTHON:
        from .guard import check_text, check_tree  # with what only Python code needs
        from .quoting import print_tree, python_tree

        check_text(token.token)
        tree, aliases = python_tree(token.token)
        check_tree(tree, token.token)
        token.token = print_tree(tree, aliases)
    return token


def is_number(name: str) -> bool:
    """Tell whether a name reads as a number."""
    try:
        float(name)
    except ValueError:
        return False
    return not name[:1].isalpha()  # nan and inf are names


def _is_quoted(token: Token) -> bool:
    return token.source is not None and token.source_start is not None and token.source[token.source_start] == "`"


def _names(tokens: Iterable[Token]) -> Iterable[str]:
    """Yield the columns that the tokens use; `.` leaves them out."""
    for token in tokens:
        if token.kind is Token.Kind.NAME:
            yield token.token
        elif token.kind is Token.Kind.PYTHON:
            from .quoting import python_tree, quoted_by_call

            tree, aliases = python_tree(token.token)
            names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
            yield from (aliases.get(name, name) for name in names if name not in TRANSFORMS)
            yield from (name for call in ast.walk(tree) if (name := quoted_by_call(call)) is not None)


# One for all formulas: each has a table of operators of its own, which takes time to make. `|` is left out on purpose:
# formulaic reads it as a multi-part formula, users of bambi as a group-specific term.
LANGUAGE = FormulaLanguage(feature_flags=FormulaLanguage.FeatureFlags.TWOSIDED)
