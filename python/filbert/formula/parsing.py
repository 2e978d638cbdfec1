"""Reads a formula into a response, terms and offsets, and finds the columns and functions each part names."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NoReturn

from formulaic.parser.types import Factor, Token
from formulaic.parser.types import Term as FormulaicTerm

from ..data.column_names import rename_hint, unknown_columns
from ..errors import DataError, DataTypeError, DataWarning, FilbertError, FormulaError, quote_names, suggest, warn
from .allowed import CONTRAST_NAMES
from .brackets import Bracket, split_brackets
from .faults import mark, refuse_unreadable
from .guard import check_harmless, check_text, check_tree
from .language import LANGUAGE, is_number
from .names import Names
from .namespace import names_of_user
from .parsed import Expression, ParsedFormula, ParsedGroup, Response
from .quoting import print_tree, python_tree

_FACTOR_FUNCTIONS = frozenset({"C", "T", "S"})
_OFFSET, _WEIGHTED = "offset", "weighted"
_TRIALS = ("p", "prop", "proportion")  # bambi's names of successes among trials
_BINARY = "binary"
# A response such as s['yes'], which is written binary(s, 'yes') for the language's sake.
_SUCCESS = re.compile(r"""^\s*(`[^`]+`|\w+)\s*\[\s*('[^']*'|"[^"]*"|[^\]'"]+?)\s*\]\s*~""")
# What other programs and languages call it.
_USUAL_NAMES = {
    "ln": "log(x)",
    "factor": "C(x)",
    "as.factor": "C(x)",
    "ns": "cr(x, df=4)",
    "s": "bs(x, df=5) or cr(x, df=5)",
    "pow": "x ** 2 within I(...)",
    "max": "np.maximum(x, z) for the larger of two, np.max(x) for the largest of all rows",
    "min": "np.minimum(x, z) for the smaller of two, np.min(x) for the smallest of all rows",
    "mean": "np.mean(x)",
    "sum": "np.sum(x) for the sum over all rows, I(x + z) for that of two columns",
    "round": "np.round(x)",
    "float": "x.astype('float')",
    "int": "x.astype('int')",
    "str": "x.astype('str')",
    "len": "x.str.len()",
}
_NOT_THERE = ("hsgp", "censored", "truncated", "constrained", "mo", "gp")
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
    fixed, brackets = split_brackets(formula)
    reader = _Reader(formula, labels, namespace)
    groups = [group for bracket in brackets for group in reader.groups(bracket)]
    beside = [name for group in groups for part in group.factor for name in part.columns]
    left, right = _split(_with_success_as_call(fixed), labels, [*reserved, *beside])
    response = reader.response(left)
    offsets, terms, expressions = [], [], {}
    for term in right:
        factors = _factors([term])
        if any(_called(factor.expr) == _OFFSET for factor in factors):
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


def _with_success_as_call(formula: str) -> str:
    """Return the formula with a response such as ``s['yes']`` or ``s[yes]`` as ``binary(s, 'yes')``."""
    found = _SUCCESS.match(formula)
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
    available = [label for label in labels if isinstance(label, str) and label not in reserved]
    context: dict[str, Any] = {"__formulaic_variables_available__": available}
    try:
        tokens = LANGUAGE.get_tokens_from_formula(text, context=context)
        _check_tokens(text, tokens, labels)
        if within is not None and any(token.token == "." and token.kind is Token.Kind.OPERATOR for token in tokens):
            raise FormulaError(f"'.' stands for all other columns, and not in {within.text}: name those that you mean.")
        tree = LANGUAGE.get_ast_from_tokens(tokens, context=context)
        return LANGUAGE.get_terms_from_ast(tree, context=context)
    except FilbertError:
        raise
    except Exception as error:  # formulaic lets errors of Python's own parser through
        refuse_unreadable(text, error)


def _factors(terms: Iterable[FormulaicTerm]) -> list[Factor]:
    """Return the factors of terms that are no numbers."""
    literal = Factor.EvalMethod.LITERAL
    return [factor for term in terms for factor in term.factors if factor.eval_method is not literal]


def _check_tokens(formula: str, tokens: Sequence[Token], labels: Sequence[Hashable]) -> None:
    """Refuse bars without brackets and a useless power while their place in the text is still known."""
    operators = [token if token.kind is Token.Kind.OPERATOR else None for token in tokens]
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

    def response(self, terms: list[FormulaicTerm]) -> Response:
        if len(terms) != 1 or len(terms[0].factors) != 1 or terms[0].factors[0].eval_method.value == "literal":
            raise FormulaError(
                f"The formula {self.formula!r} must have one response on the left of '~', "
                f"and has {quote_names(terms) if terms else 'none'}. For a sum or another function of columns "
                "write I(...), for example 'I(y + z) ~ x'."
            )
        factor = terms[0].factors[0]
        called = _called(factor.expr)
        if called == _WEIGHTED:
            values, weights = self._arguments(factor.expr, 2, "weighted(y, w)")
            return Response(values.text, values, weights)
        if called in _TRIALS:
            values, trials = self._arguments(factor.expr, 2, f"{called}(successes, trials)")
            return Response(factor.expr, values, trials=trials)
        if called == _BINARY:
            return self._binary(factor.expr)
        values = self.expression(factor)
        return Response(values.text, values)

    def _binary(self, call: str) -> Response:
        tree, aliases = python_tree(call)
        usage = "binary(column, 'level')"
        if not isinstance(tree, ast.Call) or len(tree.args) != 2 or not isinstance(tree.args[1], ast.Constant):
            raise FormulaError(f"{call!r} in the formula {self.formula!r} must be written {usage}.")
        values, success = self._python(print_tree(tree.args[0], aliases)), tree.args[1].value
        if not values.is_column:
            raise FormulaError(f"{call!r} must name a column: write {usage}.")
        return Response(f"{values.text}[{success!r}]", values, success=success)

    def offset(self, term: FormulaicTerm, factors: list[Factor]) -> Expression:
        if len(term.factors) > 1:
            raise FormulaError(f"offset() must stand alone, not within the interaction {str(term)!r}.")
        return self._arguments(factors[0].expr, 1, "offset(x)")[0]

    def groups(self, bracket: Bracket) -> list[ParsedGroup]:
        """Read a group-specific term, for each of its grouping factors."""
        terms = self._side(bracket, bracket.expression)
        if not terms:
            raise FormulaError(f"{bracket.text} has nothing before its bar: write (1 | g), or (0 + x | g).")
        if any(_called(factor.expr) == _OFFSET for factor in _factors(terms)):
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
        return self._python(factor.expr)

    def check_columns(self, parsed: ParsedFormula) -> None:
        """Raise for columns that the frame lacks, all in one message."""
        unknown = dict.fromkeys(name for part in parsed for name in part.columns if name not in self._known)
        for name in unknown:
            if name in _NO_COLUMNS:
                raise FormulaError(f"{name!r} in the formula {self.formula!r} is no column. {_NO_COLUMNS[name]}")
        if unknown:
            within = {name for part in parsed if not part.is_column for name in part.columns}
            raise unknown_columns(list(unknown), self.labels, "The formula", self.namespace, within)

    def _arguments(self, call: str, number: int, usage: str) -> list[Expression]:
        tree, aliases = python_tree(call)
        assert isinstance(tree, ast.Call)
        if len(tree.args) != number or tree.keywords:
            raise FormulaError(f"{call!r} in the formula {self.formula!r} must be written {usage}.")
        return [self._python(print_tree(argument, aliases)) for argument in tree.args]

    def _python(self, text: str) -> Expression:
        check_text(text)
        tree, aliases = python_tree(text)
        check_tree(tree, text)
        if isinstance(tree, ast.Name):
            name = aliases.get(tree.id, tree.id)
            return Expression(name, True, (name,))
        names = Names(self.namespace, aliases)
        names.visit(tree)
        for function in names.functions:
            if function not in self.namespace:
                self._unknown_function(function, text)
        # A constant or contrast of the namespace may stand where a column could.
        columns = [name for name in names.values if name in self._known or name not in self.namespace]
        both = [name for name in columns if name in names.functions]
        if both:
            raise FormulaError(
                f"{both[0]!r} is both a column and a function in the term {text!r}. Rename the column, for example "
                f"data.rename(columns={{{both[0]!r}: {both[0] + '_'!r}}})."
            )
        if self._known.issuperset(columns):  # otherwise check_columns says so
            check_harmless(text, names_of_user(self.namespace))
            self._check_values(text, names.values)
        return Expression(text, False, tuple(columns), _called(text) in _FACTOR_FUNCTIONS)

    def _check_values(self, text: str, names: Iterable[str]) -> None:
        """Refuse a function of filbert's where a column or a constant has to stand."""
        trusted = names_of_user(self.namespace)
        for name in names:
            value = self.namespace.get(name)
            is_function = callable(value) or isinstance(value, ModuleType)
            if is_function and name not in self._known and name not in trusted and name not in CONTRAST_NAMES:
                raise FormulaError(f"{name!r} in the term {text!r} is a function, not a column. Write {name}(x).")

    def _unknown_function(self, function: str, text: str) -> NoReturn:
        if function in (_OFFSET, _WEIGHTED):
            where = "a term of its own on the right" if function == _OFFSET else "the whole of the left-hand side"
            raise FormulaError(f"{function}() in {text!r} must be {where} of the formula {self.formula!r}.")
        if function in self._known:
            raise FormulaError(
                f"{function!r} is a column, not a function, in {text!r}. Is an operator missing before the bracket?"
                + mark(self.formula, self.formula.find(function + "("), len(function))
            )
        functions = [name for name, value in self.namespace.items() if callable(value)]
        usual = _USUAL_NAMES.get(function)
        hint = f" Write {usual}." if usual else suggest(function, functions)
        if function in _NOT_THERE:
            hint = " Other programs have it; filbert does not."
        raise FormulaError(
            f"The formula uses the unknown function {function!r}.{hint} Names of the calling "
            "program are not seen: pass your own functions as extra_namespace={'name': function}."
            + mark(self.formula, self.formula.find(function), len(function))
        )


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
    try:
        tree, _ = python_tree(text)
    except SyntaxError:
        return None
    return tree.func.id if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) else None
