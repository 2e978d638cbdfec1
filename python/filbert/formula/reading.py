"""Reads a formula and a data frame: into a design, which is what the terms learn from the rows, and the rows."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Term as FormulaicTerm
from numpy.typing import ArrayLike, NDArray

from ..data.columns import ColumnKind, Columns, Use, check_names, read_columns, unknown_columns
from ..data.series import Values
from ..data.tables import table_of
from ..errors import DataError, FormulaError, count, quote_rows
from .cells import without_empty_cells
from .coding import (
    FactorRows,
    Floats,
    Numbers,
    Product,
    is_categorical,
    lookup_spec,
    lookup_term,
    products,
)
from .design import Design
from .factors import evaluate, evaluate_again, factor_rows, rows, translate_errors
from .groups import INTERCEPT_TERM, GroupingFactor, GroupTerm, check_terms, tell_of_correlations
from .left_side import LeftSide
from .namespace import make_namespace
from .parsed import Expression, ParsedFormula, Response
from .parsing import parse
from .predictor import Predictors
from .rows import Rows
from .rowwise import RowCheck, entangled
from .terms import Labels, Term
from .values import is_level, numbers, which_level

# The columns of a design follow from its factors, not from how many rows are laid out.
_ROWS_TO_LEARN_FROM = 64


def read(
    formula: str,
    data: Any,
    *,
    categorical: str | Sequence[str] | None = None,
    dropna: bool = False,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    extra_namespace: Mapping[str, Any] | None = None,
    is_binary: bool = False,
    correlated: bool = True,
) -> tuple[Design, Rows]:
    """Read a formula and the data it is fitted to.

    Every value is checked before the first block: what cannot be used raises an error that names the column.

    Parameters
    ----------
    formula : str
        ``"response ~ predictors"`` in formulaic's language. Functions are formulaic's transforms, NumPy's common
        ones (``log`` and ``np.log``) and those of `extra_namespace`; the names of the calling program are not
        seen. ``offset(x)`` adds `x` with coefficient 1, ``weighted(y, w)`` on the left gives likelihood weights,
        ``C(g, "b")`` makes ``"b"`` the reference level.
    data : table
        See `filbert.data.tables.table_of`; columns that are not used are not read. Text and categorical columns are
        factors, of which categories without rows are left out with a `DataWarning`. Booleans are 0 and 1; name them in
        `categorical` to make factors of them.
    categorical : str or list of str, optional
        Columns to treat as factors whatever their type.
    dropna : bool, default False
        Leave out the rows with a missing value in a column that is used, instead of raising.
    weights, offset : str or array-like of shape (n,), optional
        A column of `data`, or one number for each of its rows, in their order.
    extra_namespace : dict, optional
        More functions and constants for the formula. What they do is up to them: a formula of somebody else, with
        functions of yours, runs your code on its terms.
    is_binary : bool, default False
        Whether the response may be true and false, or one level of a column against the others.
    correlated : bool, default True
        Whether ``(x | g)`` has correlations, as in lme4; if False none has any, as in bambi.

    Raises
    ------
    FormulaError, DataError, DataTypeError
        See the message for the column, the value and the remedy.
    """
    return _Reading(
        formula, data, categorical, bool(dropna), weights, offset, extra_namespace, is_binary, correlated
    ).design_and_rows()


@dataclass(frozen=True)
class _LaidOut:
    """Terms with the products that make their columns."""

    has_intercept: bool
    terms: tuple[Term, ...]
    products: tuple[Product, ...]
    baseline: dict[str, str]


class _Reading:
    """Turns a formula and its data into a design, one step after the other."""

    def __init__(
        self,
        formula: str,
        data: Any,
        categorical: str | Sequence[str] | None,
        dropna: bool,
        weights: str | ArrayLike | None,
        offset: str | ArrayLike | None,
        extra_namespace: Mapping[str, Any] | None,
        is_binary: bool,
        correlated: bool,
    ) -> None:
        table = table_of(data)
        self.is_binary = is_binary
        self.correlated = correlated
        self.namespace = make_namespace(extra_namespace)
        self.extra_namespace = dict(extra_namespace or {})
        self.dropna = dropna
        self.named = _named_columns(table.names, weights=weights, offset=offset)
        self.parsed = parse(formula, table.names, self.namespace, reserved=list(self.named.values()))
        if self.parsed.response.weights is not None and weights is not None:
            raise FormulaError("The weights are given twice: in weighted(y, w) of the formula, and as weights=.")
        arrays = {"weights": weights, "offset": offset}
        use = _use(self.parsed, self.named, check_names(table.names, "categorical", categorical))
        self.columns: Columns = read_columns(
            table.frame(use.names),
            use,
            {name: values for name, values in arrays.items() if values is not None and name not in self.named},
            dropna,
        )
        self.state: dict[str, Any] = {}
        self.offsets: dict[str, FactorRows] = {}

    def design_and_rows(self) -> tuple[Design, Rows]:
        parsed, columns = self.parsed, self.columns
        n_rows = len(columns.index)
        response = self._response(parsed.response)
        weights, offset, trials = self._weights(), self._offset(), self._trials()
        factors = {
            text: evaluate(expression, columns, self.namespace, self.state)
            for text, expression in parsed.expressions.items()
        }
        laid_out = {text: factor_rows(values) for text, values in factors.items()}
        fixed = self._terms(parsed.terms, factors, laid_out)
        grouping, groups = self._grouping()
        group_terms = self._group_terms(fixed, factors, laid_out)
        check_terms(group_terms, grouping, n_rows)
        offsets = (*self._named_offset(), *parsed.offsets)
        closed = dict.fromkeys(name for part in [*parsed.expressions.values(), *offsets] for name in part.columns)
        predictors = {**closed, **dict.fromkeys(name for part in parsed.grouping for name in part.columns)}
        constants = {name: columns.arrays[name] for name in _constant_names(parsed, self.named)}
        design = Design(
            formula=parsed.text,
            response=parsed.response.name,
            has_intercept=fixed.has_intercept,
            terms=fixed.terms,
            columns=tuple(column for term in fixed.terms for column in term.columns),
            baseline=fixed.baseline,
            products=fixed.products,
            expressions=parsed.expressions,
            levels={text: _levels(values) for text, values in factors.items()},
            state=self.state,
            offsets=offsets,
            kinds={name: ColumnKind.of(columns.arrays[name], is_open=name not in closed) for name in predictors},
            entangled=self._entangled(laid_out, factors),
            trials=parsed.response.trials,
            offset_is_array="offset" in columns.arguments,
            dropna=self.dropna,
            extra_namespace=self.extra_namespace,
            predictors=self._predictors(predictors, factors, grouping),
            grouping=grouping,
            group_terms=group_terms,
            left=LeftSide.learnt(parsed.response, self.named.get("weights"), columns),
        )
        return design, Rows(
            columns.index,
            columns.n_dropped,
            laid_out,
            fixed.products,
            constants,
            response,
            offset,
            weights,
            trials,
            group_terms,
            groups,
        )

    def _predictors(
        self,
        names: Iterable[str],
        factors: Mapping[str, FactorValues[Any]],
        grouping: Mapping[str, GroupingFactor],
    ) -> Predictors:
        levels: dict[str, tuple[Any, ...]] = {}
        for text, expression in self.parsed.expressions.items():
            known = _levels(factors[text])
            if known is not None and len(expression.columns) == 1 and not expression.is_column:
                levels.setdefault(expression.columns[0], known)
        for factor in grouping.values():
            for part, known in zip(factor.parts, factor.levels, strict=True):
                if part.is_column:
                    levels.setdefault(part.text, known)
        return Predictors({name: self.columns.arrays[name] for name in names}, levels)

    def _grouping(self) -> tuple[dict[str, GroupingFactor], dict[str, NDArray[np.int64]]]:
        """Learn the groups of each grouping factor, and the group of each row."""
        factors: dict[str, GroupingFactor] = {}
        codes: dict[str, NDArray[np.int64]] = {}
        for group in self.parsed.groups:
            known = factors.get(group.name)
            if known is not None and known.parts != group.factor:
                raise FormulaError(
                    f"Two grouping factors are called {group.name!r}: a column, and a combination of columns. Rename "
                    "the column."
                )
            if known is None:
                learnt = GroupingFactor.learnt(group.factor, self.columns, self.namespace)
                factors[group.name], codes[group.name] = learnt
        return factors, codes

    def _group_terms(
        self, fixed: _LaidOut, factors: Mapping[str, FactorValues[Any]], laid_out: Mapping[str, FactorRows]
    ) -> tuple[GroupTerm, ...]:
        """Lay out what varies by group, which often is what the formula has for all."""
        terms = []
        for group in self.parsed.groups:
            same = [str(term) for term in group.terms] == [str(term) for term in self.parsed.terms]
            part = fixed if same else self._terms(group.terms, factors, laid_out)
            intercept = (Term(INTERCEPT_TERM, (INTERCEPT_TERM,), None, False),) if part.has_intercept else ()
            varying = (*intercept, *part.terms)
            is_correlated = self.correlated and group.is_correlated and sum(len(term.columns) for term in varying) > 1
            terms.append(GroupTerm(group.text, group.name, varying, part.products, is_correlated))
        if any(term.is_correlated for term in terms):
            tell_of_correlations()
        return tuple(terms)

    def _terms(
        self,
        asked: Sequence[FormulaicTerm],
        factors: Mapping[str, FactorValues[Any]],
        laid_out: Mapping[str, FactorRows],
    ) -> _LaidOut:
        """Label and code terms, without the columns of combinations of levels that no row has."""
        used = {factor.expr for term in asked for factor in term.factors}
        own = {text: values for text, values in factors.items() if text in used}
        spec, names = self._learn(asked, own)
        labels = Labels(spec, own, names)
        parts = []
        for structure in spec.structure:
            if structure.term.degree > 0:
                term = labels.term(structure)
                with translate_errors(f"Cannot lay out the formula {self.parsed.text!r}"):
                    parts.append((term, products(structure, own)))
        terms, layout = without_empty_cells(parts, laid_out)
        return _LaidOut(len(parts) < len(spec.structure), terms, layout, labels.baseline)

    def _learn(
        self, asked: Sequence[FormulaicTerm], factors: Mapping[str, FactorValues[Any]]
    ) -> tuple[Any, dict[Any, str]]:
        """Let formulaic lay out a few rows, to learn which columns there are."""
        terms = {lookup_term(term): str(term) for term in asked}
        stop = min(len(self.columns.index), _ROWS_TO_LEARN_FROM)
        context = {text: rows(values, 0, stop) for text, values in factors.items()}
        frame = pd.DataFrame(index=pd.RangeIndex(stop))
        with translate_errors(f"Cannot lay out the formula {self.parsed.text!r}"), np.errstate(all="ignore"):
            return lookup_spec(list(terms)).get_model_matrix(frame, context=context).model_spec, terms

    def _entangled(
        self, laid_out: Mapping[str, FactorRows], factors: Mapping[str, FactorValues[Any]]
    ) -> tuple[str, ...]:
        """Find the terms and offsets whose value in a row depends on other rows, and warn of them."""
        levels = {text: _levels(values) for text, values in factors.items()}

        def again(expression: Expression, columns: Columns) -> FactorRows:
            return evaluate_again(expression, columns, self.namespace, self.state, levels.get(expression.text))

        check = RowCheck(self.columns, again)
        parts = [(text, expression, laid_out[text]) for text, expression in self.parsed.expressions.items()]
        parts += [(f"offset({part.text})", part, self.offsets[part.text]) for part in self.parsed.offsets]
        return entangled(parts, self.namespace, check)

    def _response(self, response: Response) -> Floats:
        """Evaluate the response: one finite number a row."""
        expression = response.observed
        title, column = f"The response {response.name!r}", expression.text if expression.is_column else None
        values = self._evaluate(expression)
        if response.success is not None:
            return is_level(values, response, self.is_binary)
        if self.is_binary and isinstance(values, (pd.Series, pd.Categorical)):
            raise which_level(response, values)
        return numbers(values, title, column, allow_boolean=self.is_binary)

    def _trials(self) -> Floats | None:
        trials = self.parsed.response.trials
        if trials is None:
            return None
        if not trials.columns:
            return np.full(len(self.columns.index), float(ast.literal_eval(trials.text)))
        return numbers(self._evaluate(trials), f"The trials {trials.text!r}", None)

    def _evaluate(self, expression: Expression) -> Any:
        """Evaluate an expression that is no predictor; text is let through, to be refused by what it was meant for."""
        if expression.is_column:
            return self.columns.arrays[expression.text]
        return evaluate(expression, self.columns, self.namespace, self.state).__wrapped__

    def _weights(self) -> Floats | None:
        column = self.named.get("weights")
        values, title = self._argument("weights", column)
        if self.parsed.response.weights is not None:
            title = f"The weight {self.parsed.response.weights.text!r}"
            values = self._evaluate(self.parsed.response.weights)
        if values is None:
            return None
        weights = numbers(values, title, column, allow_boolean=True)
        if weights.min() < 0:
            negative = weights < 0
            where = quote_rows(self.columns.index[negative])
            raise DataError(
                f"{title} has {count(int(negative.sum()), 'negative value')} ({where}). "
                "Weights say how many rows a row counts for: 0 or more."
            )
        if not weights.any():
            raise DataError(f"{title} is zero in every row. At least one row must have a positive weight.")
        return weights

    def _offset(self) -> Floats | None:
        column = self.named.get("offset")
        values, title = self._argument("offset", column)
        parts = [] if values is None else [numbers(values, title, column, allow_boolean=True)]
        for expression in self.parsed.offsets:
            values = numbers(self._evaluate(expression), f"offset({expression.text})", None, allow_boolean=True)
            self.offsets[expression.text] = Numbers((values,))
            parts.append(values)
        return sum(parts[1:], start=parts[0]) if parts else None

    def _named_offset(self) -> list[Expression]:
        column = self.named.get("offset")
        return [] if column is None else [Expression(column, True, (column,))]

    def _argument(self, name: str, column: str | None) -> tuple[Values | None, str]:
        if column is not None:
            return self.columns.arrays[column], f"Column {column!r}, the {name},"
        return self.columns.arguments.get(name), f"Argument {name}"


def _named_columns(labels: Sequence[Any], **arguments: Any) -> dict[str, str]:
    """Return the arguments that name a column, with its name."""
    named = {name: value for name, value in arguments.items() if isinstance(value, str)}
    for name, column in named.items():
        if column not in labels:
            raise unknown_columns([column], labels, f"Argument {name}")
    return named


def _use(parsed: ParsedFormula, named: Mapping[str, str], categorical: Sequence[str]) -> Use:
    """Find out what each column is used for."""
    grouping = {part.text for part in parsed.grouping}
    others = [part for part in parsed if part.text not in grouping or part.text in parsed.expressions]
    bare = {part.text for part in others if part.is_column} | set(named.values())
    outside_factors = bare | {name for part in others if not part.is_factor for name in part.columns}
    names = dict.fromkeys([name for part in parsed for name in part.columns] + list(named.values()))
    return Use(
        tuple(names),
        categorical=frozenset(categorical),
        factors=frozenset(names) - outside_factors,
        within=frozenset(names) - bare - grouping,
    )


def _constant_names(parsed: ParsedFormula, named: Mapping[str, str]) -> list[str]:
    """Return the columns used by anything but the response, in the order of the formula."""
    beside = [part for part in (parsed.response.weights, parsed.response.trials) if part is not None]
    parts = [*parsed.expressions.values(), *parsed.offsets, *parsed.grouping, *beside]
    return list(dict.fromkeys([name for part in parts for name in part.columns] + list(named.values())))


def _levels(values: FactorValues[Any]) -> tuple[Any, ...] | None:
    return tuple(values.__wrapped__.cat.categories) if is_categorical(values) else None
