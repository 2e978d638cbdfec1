"""Reads a formula into a response, terms and offsets, and finds the columns and functions each part names."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from formulaic.parser.types import Factor, Token
from formulaic.parser.types import Term as FormulaicTerm

from ..data.column_names import rename_hint, unknown_columns
from ..errors import DataError, DataTypeError, DataWarning, FilbertError, FormulaError, quote_names, warn
from .faults import mark, refuse_unreadable
from .language import LANGUAGE, is_number
from .parsed import OFFSET, WEIGHTED, Expression, ParsedFormula, ParsedGroup, Response

if TYPE_CHECKING:
    from .brackets import Bracket
    from .expressions import ExpressionReader

_TRIALS = ("p", "prop", "proportion")  # bambi's names of successes among trials
_BINARY = "binary"
# A response such as s['yes'], which is written binary(s, 'yes') for the language's sake.
_SUCCESS = r"""^\s*(`[^`]+`|\w+)\s*\[\s*('[^']*'|"[^"]*"|[^\]'"]+?)\s*\]\s*~"""
# What expressions of other programs name, where a column could stand.
_NO_COLUMNS = {
    **{name: f"Write the type as a text: x.astype('{name}')." for name in ("float", "int", "str", "bool")},
    "pd": "pandas is not seen in formulas: compute it beforehand as a column, data.assign(name=pd.cut(...)).",
}
_EXAMPLE = "Write 'response ~ predictors', for example 'y ~ x + z'."


def parse(
    formula: str, labels: Sequence[Hashable], namespace: Mapping[str, Any], reserved: Sequence[str] = ()
) -> ParsedFormula:
    """Parse a formula whose names are columns of a frame or functions of a namespace.

    Parameters
    ----------
    formula : str
        For example ``"y ~ x + C(g)"``.
    labels : sequence
        Column labels of the frame.
    namespace : mapping
        Functions and constants that the formula may use.
    reserved : sequence of str
        Columns that ``.`` leaves out, such as the weights.

    Raises
    ------
    DataTypeError
        The formula is not a string.
    FormulaError
        It cannot be read, or uses what is not supported.
    DataError
        It names columns that do not exist.
    """
    if not isinstance(formula, str):
        raise DataTypeError(f"formula must be a string such as 'y ~ x', not {type(formula).__name__}.")
    if not formula.strip():
        raise FormulaError(f"The formula is empty. {_EXAMPLE}")
    fixed, brackets = _split_brackets(formula)
    reader = _Reader(formula, labels, namespace)
    groups = [group for bracket in brackets for group in reader.groups(bracket)]
    beside = [name for group in groups for part in group.factor for name in part.columns]
    left, right = _split(_with_success_as_call(fixed), labels, [*reserved, *beside])
    response = reader.response(left)
    offsets, terms, expressions = [], [], {}
    for term in right:
        factors = _factors([term])
        if any(_called(factor.expr) == OFFSET for factor in factors):
            offsets.append(reader.offset(term, factors))
            continue
        terms.append(term)
    for factor in _factors([*terms, *(term for group in groups for term in group.terms)]):
        if factor.expr not in expressions:
            expressions[factor.expr] = reader.expression(factor)
    parsed = ParsedFormula(formula, response, tuple(offsets), tuple(terms), expressions, tuple(groups))
    reader.check_columns(parsed)
    _check_response_unused(parsed)
    return parsed


def _split_brackets(formula: str) -> tuple[str, list[Bracket]]:
    """Return a formula without its group-specific terms, and these."""
    if "|" not in formula:
        return formula, []
    from .brackets import split_brackets  # with what only groups need

    return split_brackets(formula)


def _with_success_as_call(formula: str) -> str:
    """Return the formula with a response such as ``s['yes']`` or ``s[yes]`` as ``binary(s, 'yes')``."""
    found = re.match(_SUCCESS, formula) if "[" in formula else None
    if found is None:
        return formula
    level = found[2]
    try:
        ast.literal_eval(level)
    except (ValueError, SyntaxError):
        level = repr(level)
    return f"binary({found[1]}, {level}) ~{formula[found.end() :]}"


def _split(
    formula: str, labels: Sequence[Hashable], reserved: Sequence[str]
) -> tuple[list[FormulaicTerm], list[FormulaicTerm]]:
    """Let formulaic parse both sides into terms."""
    sides = _terms(formula, labels, reserved)
    if not hasattr(sides, "lhs"):
        raise FormulaError(f"The formula {formula!r} has no response. {_EXAMPLE}")
    if formula.rstrip().endswith("~"):
        raise FormulaError(f"The formula {formula!r} has nothing after '~'. Write '1' there for an intercept alone.")
    return list(sides.lhs), list(sides.rhs)


def _terms(text: str, labels: Sequence[Hashable], reserved: Sequence[str] = (), within: Bracket | None = None) -> Any:
    """Let formulaic parse a formula, or what stands on one side of the bar within a bracket, into terms."""
    available = tuple(label for label in labels if isinstance(label, str) and label not in reserved)
    try:
        tokens, _ = _tokens(text, available)
        _check_tokens(text, tokens, labels)
        if within is not None and any(token.token == "." and token.kind is Token.Kind.OPERATOR for token in tokens):
            raise FormulaError(f"'.' stands for all other columns, and not in {within.text}: name those that you mean.")
        return _multiplied_out(text, available)
    except FilbertError:
        raise
    except Exception as error:  # formulaic lets errors of Python's own parser through
        refuse_unreadable(text, error)


@functools.lru_cache(maxsize=16)
def _tokens(text: str, available: tuple[str, ...]) -> tuple[tuple[Token, ...], dict[str, Any]]:
    """Return the tokens of a formula and what formulaic notes of them; kept, since models are often stated again."""
    context: dict[str, Any] = {"__formulaic_variables_available__": available}
    return tuple(LANGUAGE.get_tokens_from_formula(text, context=context)), context


@functools.lru_cache(maxsize=16)
def _multiplied_out(text: str, available: tuple[str, ...]) -> Any:
    """Return the terms of a formula, which nothing changes."""
    tokens, noted = _tokens(text, available)
    context = dict(noted)
    return LANGUAGE.get_terms_from_ast(LANGUAGE.get_ast_from_tokens(tokens, context=context), context=context)


def _factors(terms: Iterable[FormulaicTerm]) -> list[Factor]:
    """Return the factors of terms that are no numbers."""
    literal = Factor.EvalMethod.LITERAL
    return [factor for term in terms for factor in term.factors if factor.eval_method is not literal]


def _check_tokens(formula: str, tokens: Sequence[Token], labels: Sequence[Hashable]) -> None:
    """Refuse bars without brackets and a useless power while their place in the text is still known."""
    operators = [token if token.kind is Token.Kind.OPERATOR else None for token in tokens]
    _check_left(formula, operators, tokens)
    for i, token in enumerate(operators):
        if token is None:
            continue
        if "|" in token.token:
            raise FormulaError(
                "A group-specific term stands in brackets of its own and is added: y ~ x + (1 | g)."
                f"{mark(formula, token.source_start)}"
            )
        before, after = tokens[i - 1] if i else None, tokens[i + 1] if i + 1 < len(tokens) else None
        if token.token in ("**", "^") and before is not None and before.kind in (Token.Kind.NAME, Token.Kind.PYTHON):
            name, power = before.token, after.token if after is not None else ""
            warn(
                f"In a formula, {name} {token.token} {power} means {name} itself. Write I({name} ** {power}) for the "
                "power.",
                DataWarning,
            )
        if token.token == "/" and before is not None and before.kind is Token.Kind.VALUE and before.token == "1":
            raise FormulaError(
                "In a formula, 1 / x is the intercept and x itself. Write I(1 / x) for the quotient."
                f"{mark(formula, token.source_start)}"
            )
        if token.token in ("-", "+-") and _starts(before) and after is not None:
            _check_leading_minus(formula, token, after, tokens[i + 2] if i + 2 < len(tokens) else None)
        if token.token == "." and not all(isinstance(label, str) for label in labels):
            raise DataError(f"'.' needs string column names. {rename_hint(labels)}")
        if token.token == "." and (numbers := [name for name in map(str, labels) if is_number(name)]):
            raise DataError(
                f"'.' would take the names {quote_names(numbers)} for numbers. Rename these columns, or write them in "
                f"backticks: `{numbers[0]}`."
            )


def _check_left(formula: str, operators: Sequence[Token | None], tokens: Sequence[Token]) -> None:
    """Refuse ``y - 300 ~ x``, which formulaic takes for ``y ~ x``: the response would be another one than was meant."""
    tilde = next((i for i, token in enumerate(operators) if token is not None and token.token == "~"), 0)
    for before, token in zip(tokens, operators[1:tilde], strict=False):
        left = formula[: tokens[tilde].source_start].strip()
        # formulaic reads + 0 as - 1, and that is no difference.
        if token is not None and "-" in token.token and "-" in left and not _starts(before):
            raise FormulaError(
                f"In a formula, '-' takes a term out, so that {left!r} would be no difference. Write I({left}) ~ ... "
                f"for one.{mark(formula, token.source_start)}"
            )


def _starts(before: Token | None) -> bool:
    """Tell whether what follows begins a side or a bracket: nothing is before it, or the 1 that formulaic puts in."""
    return before is None or before.token == "(" or (before.kind is Token.Kind.VALUE and before.source_start is None)


def _check_leading_minus(formula: str, minus: Token, after: Token, then: Token | None) -> None:
    """Refuse ``-x`` at the beginning, which would take out a term that is not there, and so do nothing."""
    if after.token in ("0", "1") and (then is None or then.token != ":"):
        return
    name = after.token if after.kind in (Token.Kind.NAME, Token.Kind.PYTHON) else "..."
    raise FormulaError(
        f"'-{name}' takes a term out, and there is none before it. Write I(-{name}) for what has the other sign."
        f"{mark(formula, minus.source_start)}"
    )


def _check_response_unused(parsed: ParsedFormula) -> None:
    """Refuse a response that is its own predictor; ``I(after - before) ~ before`` is a model, ``log(y) ~ y`` is not."""
    response = parsed.response.observed
    for expression in [*parsed.expressions.values(), *parsed.offsets, *parsed.grouping]:
        same = expression.text == response.text
        if same or (len(response.columns) == 1 and response.columns[0] in expression.columns):
            raise FormulaError(
                f"The response {response.text!r} is also on the right-hand side, in {expression.text!r}. "
                "Take it out: it would explain itself."
            )


class _Reader:
    """Turns formulaic's factors into expressions, with the columns and functions they name."""

    def __init__(self, formula: str, labels: Sequence[Hashable], namespace: Mapping[str, Any]) -> None:
        self.formula = formula
        self.labels = labels
        self.namespace = namespace
        self._known = {label for label in labels if isinstance(label, str)}

    @functools.cached_property
    def _code(self) -> ExpressionReader:
        """What reads Python code, which formulas of bare columns do without."""
        from .expressions import ExpressionReader

        return ExpressionReader(self.formula, self._known, self.namespace)

    def response(self, terms: list[FormulaicTerm]) -> Response:
        if len(terms) != 1 or len(terms[0].factors) != 1 or terms[0].factors[0].eval_method.value == "literal":
            raise FormulaError(
                f"The formula {self.formula!r} must have one response on the left of '~', "
                f"and has {quote_names(terms) if terms else 'none'}. For a sum or another function of columns "
                "write I(...), for example 'I(y + z) ~ x'."
            )
        factor = terms[0].factors[0]
        called = _called(factor.expr)
        if called == WEIGHTED:
            values, weights = self._code.arguments(factor.expr, 2, "weighted(y, w)")
            return Response(values.text, values, weights)
        if called in _TRIALS:
            values, trials = self._code.arguments(factor.expr, 2, f"{called}(successes, trials)")
            return Response(factor.expr, values, trials=trials)
        if called == _BINARY:
            return self._code.success(factor.expr)
        values = self.expression(factor)
        return Response(values.text, values)

    def offset(self, term: FormulaicTerm, factors: list[Factor]) -> Expression:
        if len(term.factors) > 1:
            raise FormulaError(f"offset() must stand alone, not within the interaction {str(term)!r}.")
        return self._code.arguments(factors[0].expr, 1, "offset(x)")[0]

    def groups(self, bracket: Bracket) -> list[ParsedGroup]:
        """Read a group-specific term, for each of its grouping factors."""
        terms = self._side(bracket, bracket.expression)
        if not terms:
            raise FormulaError(f"{bracket.text} has nothing before its bar: write (1 | g), or (0 + x | g).")
        if any(_called(factor.expr) == OFFSET for factor in _factors(terms)):
            raise FormulaError(f"offset() cannot vary by group, as in {bracket.text}. Add it to the formula itself.")
        groups = []
        for term in self._side(bracket, bracket.factor):
            if not term.factors or str(term) == "1":  # the intercept that formulaic puts in
                continue
            parts = tuple(self.expression(factor) for factor in term.factors if factor in _factors([term]))
            if len(parts) < len(term.factors) or not all(part.columns for part in parts):
                raise FormulaError(f"{str(term)!r} is no grouping factor, in {bracket.text}: name a column.")
            groups.append(ParsedGroup(bracket.text, tuple(terms), parts, bracket.is_correlated))
        if not groups:
            raise FormulaError(f"{bracket.text} has no grouping factor after its bar: write (1 | g).")
        return groups

    def _side(self, bracket: Bracket, text: str) -> list[FormulaicTerm]:
        """Read what stands before or after a bar."""
        terms = _terms(text, self.labels, within=bracket)
        if hasattr(terms, "lhs"):
            raise FormulaError(f"A group-specific term has no '~' of its own, as in {bracket.text}: write (x | g).")
        return list(terms)

    def expression(self, factor: Factor) -> Expression:
        if factor.eval_method is Factor.EvalMethod.LOOKUP:
            return Expression(factor.expr, True, (factor.expr,))
        return self._code.expression(factor.expr)

    def check_columns(self, parsed: ParsedFormula) -> None:
        """Raise for columns that the frame lacks, all in one message."""
        unknown = dict.fromkeys(name for part in parsed for name in part.columns if name not in self._known)
        for name in unknown:
            if name in _NO_COLUMNS:
                raise FormulaError(f"{name!r} in the formula {self.formula!r} is no column. {_NO_COLUMNS[name]}")
        if unknown:
            within = {name for part in parsed if not part.is_column for name in part.columns}
            raise unknown_columns(list(unknown), self.labels, "The formula", self.namespace, within)


def read_expression(text: str, labels: Sequence[Hashable], namespace: Mapping[str, Any]) -> Expression:
    """Read one expression of a formula; its names must be columns, or functions of the namespace."""
    expression = _Reader(text, labels, namespace).expression(Factor(text, eval_method="python"))
    unknown = [name for name in expression.columns if name not in labels]
    if unknown:
        raise unknown_columns(unknown, labels, f"The expression {text!r}")
    return expression


def _called(text: str) -> str | None:
    """Return the name of the function whose call is the whole of the text, None if it is no call."""
    if not text.endswith(")"):
        return None
    from .quoting import called

    return called(text)
