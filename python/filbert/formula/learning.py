"""Learns a design from columns: levels, what transforms remember, the terms' columns; and lays out their rows."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Term as FormulaicTerm
from numpy.typing import NDArray

from ..data.columns import ColumnKind, Columns
from ..data.series import Values
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
from .left_side import LeftSide
from .levels import ByLevel, chosen, has_better_columns, is_main_effect, reasons_for_columns, stand_in, term_by_level
from .parsed import Expression, Response
from .predictor import Predictors
from .question import Question
from .rows import Rows
from .terms import Labels, Term
from .values import is_level, numbers, which_level

if TYPE_CHECKING:
    from .groups import GroupingFactor, GroupTerm

# The columns of a design follow from its factors, not from how many rows are laid out.
_ROWS_TO_LEARN_FROM = 64


class _LaidOut(NamedTuple):
    """Terms with the products that make their columns."""

    has_intercept: bool
    terms: tuple[Term, ...]
    products: tuple[Product, ...]
    baseline: dict[str, str]
    by_level: ByLevel | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: of all terms but the one that is kept by level."""
        kept = None if self.by_level is None else self.by_level.term
        return tuple(column for term in self.terms if term.name != kept for column in term.columns)


class Learning:
    """Turns columns into what a formula makes of them, one step after the other.

    Parameters
    ----------
    question : Question
    columns : Columns
        Of all rows, or of some that have every level and combination of levels.
    state : dict, optional
        What stateful transforms have learnt beforehand; what they learn here is added.
    n_rows : int, optional
        How many rows there are where `columns` has some of them.
    """

    def __init__(
        self, question: Question, columns: Columns, state: dict[str, Any] | None = None, n_rows: int | None = None
    ) -> None:
        self.parsed = question.parsed
        self.named = question.named
        self.namespace = question.namespace
        self.question = question
        self.columns = columns
        self.has_all_rows = n_rows is None
        self.n_rows = len(columns.index) if n_rows is None else n_rows
        self.state: dict[str, Any] = {} if state is None else state
        self.offsets: dict[str, FactorRows] = {}

    def design_and_rows(self) -> tuple[Design, Rows]:
        """Return the design, and the rows of the columns."""
        parsed, columns = self.parsed, self.columns
        response = self._response(parsed.response)
        weights, offset, trials = self._weights(), self._offset(), self._trials()
        factors = {
            text: evaluate(expression, columns, self.namespace, self.state)
            for text, expression in parsed.expressions.items()
        }
        laid_out = {text: factor_rows(values) for text, values in factors.items()}
        by_level = chosen(factors, reasons_for_columns(parsed, self.question.needs_columns), self.n_rows)
        fixed = self._terms(parsed.terms, factors, laid_out, by_level)
        if has_better_columns(fixed.by_level, len(fixed.columns)):
            fixed = self._terms(parsed.terms, factors, laid_out)
        grouping, groups = self._grouping()
        group_terms = self._group_terms(fixed, factors, laid_out, grouping)
        offsets = (*self._named_offset(), *parsed.offsets)
        closed = dict.fromkeys(name for part in [*parsed.expressions.values(), *offsets] for name in part.columns)
        predictors = {**closed, **dict.fromkeys(name for part in parsed.grouping for name in part.columns)}
        constants = {name: columns.arrays[name] for name in self.question.beside_response}
        design = Design(
            formula=parsed.text,
            response=parsed.response.name,
            has_intercept=fixed.has_intercept,
            terms=fixed.terms,
            columns=fixed.columns,
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
            dropna=self.question.dropna,
            extra_namespace=self.question.extra_namespace,
            predictors=self._predictors(predictors, factors, grouping),
            grouping=grouping,
            group_terms=group_terms,
            left=LeftSide.learnt(parsed.response, self.named.get("weights"), columns),
            by_level=fixed.by_level,
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
            by_level=fixed.by_level,
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
        if not self.parsed.groups:
            return {}, {}
        from .groups import GroupingFactor  # with what only groups need

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
        self,
        fixed: _LaidOut,
        factors: Mapping[str, FactorValues[Any]],
        laid_out: Mapping[str, FactorRows],
        grouping: Mapping[str, GroupingFactor],
    ) -> tuple[GroupTerm, ...]:
        """Lay out what varies by group, which often is what the formula has for all."""
        if not self.parsed.groups:
            return ()
        from .groups import INTERCEPT_TERM, GroupTerm, check_terms, tell_of_correlations

        terms = []
        for group in self.parsed.groups:
            same = [str(term) for term in group.terms] == [str(term) for term in self.parsed.terms]
            part = fixed if same else self._terms(group.terms, factors, laid_out)
            intercept = (Term(INTERCEPT_TERM, (INTERCEPT_TERM,), None, False),) if part.has_intercept else ()
            varying = (*intercept, *part.terms)
            is_correlated = (
                self.question.correlated and group.is_correlated and sum(len(term.columns) for term in varying) > 1
            )
            terms.append(GroupTerm(group.text, group.name, varying, part.products, is_correlated))
        if any(term.is_correlated for term in terms):
            tell_of_correlations()
        check_terms(terms, grouping, self.n_rows)
        return tuple(terms)

    def _terms(
        self,
        asked: Sequence[FormulaicTerm],
        factors: Mapping[str, FactorValues[Any]],
        laid_out: Mapping[str, FactorRows],
        by_level: str | None = None,
    ) -> _LaidOut:
        """Label and code terms, without the columns of combinations of levels that no row has."""
        used = {factor.expr for term in asked for factor in term.factors}
        own = {text: values for text, values in factors.items() if text in used}
        if not own:
            return _LaidOut(bool(asked), (), (), {})
        if by_level is not None:
            own[by_level] = stand_in(own[by_level])
        spec, names = self._learn(asked, own)
        labels = Labels(spec, own, names)
        parts: list[tuple[Term, list[Product]]] = []
        kept = None
        for structure in spec.structure:
            if structure.term.degree > 0:
                term = labels.term(structure)
                if by_level is not None and is_main_effect(structure.term, by_level):
                    levels = _levels(factors[by_level]) or ()
                    kept = term_by_level(term.name, by_level, levels, len(term.columns) == 1)
                    if by_level in labels.baseline:
                        labels.baseline[by_level] = str(levels[0])
                    continue
                with translate_errors(f"Cannot lay out the formula {self.parsed.text!r}"):
                    parts.append((term, products(structure, own)))
        has_intercept = len(parts) + (kept is not None) < len(spec.structure)
        terms, layout = without_empty_cells(parts, laid_out)
        if kept is None:
            return _LaidOut(has_intercept, terms, layout, labels.baseline)
        order = list(names.values())
        in_order = sorted((*terms, kept[0]), key=lambda term: order.index(term.name))
        return _LaidOut(has_intercept, tuple(in_order), layout, labels.baseline, kept[1])

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
        """Find the terms and offsets whose value in a row depends on other rows, which some rows must not have."""
        parts = [(text, expression, laid_out[text]) for text, expression in self.parsed.expressions.items()]
        parts += [(f"offset({part.text})", part, self.offsets[part.text]) for part in self.parsed.offsets]
        if all(expression.is_column for _, expression, _ in parts):
            return ()
        from .rowwise import RowCheck, entangled, needs_other_rows, warn_entangled  # with what only Python code needs

        levels = {text: _levels(values) for text, values in factors.items()}

        def again(expression: Expression, columns: Columns) -> FactorRows:
            return evaluate_again(expression, columns, self.namespace, self.state, levels.get(expression.text))

        check = RowCheck(self.columns, again)
        found = entangled(parts, self.namespace, check)
        if found and not self.has_all_rows:
            raise needs_other_rows(found[0])
        if found:
            warn_entangled(found)
        return found

    def _response(self, response: Response) -> Floats:
        """Evaluate the response: one finite number a row."""
        expression = response.observed
        title, column = f"The response {response.name!r}", expression.text if expression.is_column else None
        values = self._evaluate(expression)
        if response.success is not None:
            return is_level(values, response, self.question.is_binary)
        if self.question.is_binary and isinstance(values, (pd.Series, pd.Categorical)):
            raise which_level(response, values)
        return numbers(values, title, column, allow_boolean=self.question.is_binary)

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
        if self.has_all_rows and not weights.any():
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


def _levels(values: FactorValues[Any]) -> tuple[Any, ...] | None:
    return tuple(values.__wrapped__.cat.categories) if is_categorical(values) else None
