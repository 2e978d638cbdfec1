"""Learns a design from rows that come in parts, in as many passes as its terms need."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from ..data.columns import Columns, read_columns
from ..data.readers import ResumedStream
from ..data.series import Values
from ..data.streams import Part, Stream, named_origin
from ..errors import DataError, DataTypeError, FormulaError, count, quote_rows
from .allowed import rule_of
from .design import Design
from .factors import interpreter_of, levels_in, translate_errors
from .further import is_fixed
from .groups import categories_of
from .learning import Learning
from .namespace import names_of_user
from .parsed import Expression
from .question import Question
from .remembered import Learner, as_numbers, learner_of
from .rowwise import Reach, needs_other_rows, reach
from .streamed_predictors import StreamedPredictors
from .streamed_rows import StreamedRows, no_rows

_ROWS_AT_FIRST = 4096


def read_stream(question: Question, stream: Stream) -> tuple[Design, StreamedRows]:
    """Learn the design of a formula from a stream, in as many passes as its terms need: none for numbers alone.

    Some rows stand for all: the first ones, and one for each level, and combination of levels, that terms and groups
    have. What transforms remember is learnt beforehand, and their design is that of all rows.

    Raises
    ------
    FormulaError
        Terms whose value in a row depends on other rows, transforms that cannot be learnt in parts, and terms that need
        more passes than the stream allows.
    DataError, DataTypeError
        As `filbert.formula.reading.read`; the message begins with where the rows are from.
    """
    if question.arrays:
        name = next(iter(question.arrays))
        raise FormulaError(
            f"{name}= is an array, and the rows are read in parts. Put it into a column of the data, and pass its name."
        )
    _check_rowwise(question)
    learning = _LearningParts(question)
    parts = stream.beginnings(question.use.names, _ROWS_AT_FIRST)
    if not stream.is_repeatable:
        parts, rest = itertools.tee(parts)
        stream = ResumedStream(rest, stream.names)
    learning.look_at(parts)
    del parts  # or what was looked at would be kept as long as this runs
    while needs := learning.needs:
        stream.check_repeatable(needs)
        a_pass = learning.fresh()
        stream.run(a_pass, question.use.names)
        learning.end_pass(a_pass)
    columns = read_columns(learning.representatives(), question.use, {}, False)
    design, _ = Learning(question, columns, learning.state, learning.n_rows).design_and_rows()
    return replace(design, predictors=StreamedPredictors(design, stream)), StreamedRows(
        design, stream, question.is_binary
    )


class _LearningParts:
    """What parts of the rows tell of a design."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.state: dict[str, Any] = {}
        self.learners: dict[str, tuple[Expression, ast.Call, Learner]] = {}
        self.factors: dict[tuple[str, ...], tuple[Expression, ...]] = {}
        self.unseen: dict[tuple[str, ...], tuple[Expression, ...]] = {}
        self.seen: dict[tuple[str, ...], pd.Index[Any]] = {}
        self.kept: list[pd.DataFrame] = []
        self.first: Columns | None = None
        self.kinds: dict[str, str] = {}
        self.n_rows = 0

    def look_at(self, parts: Iterator[Part]) -> None:
        """Find out from the first rows what has to be learnt of all."""
        for part in parts:
            with named_origin(part.origin):
                frame = part.frame
                if self.question.dropna:
                    frame = frame.dropna(subset=[name for name in self.question.use.names if name in frame.columns])
                if not len(frame):
                    continue
                columns, frame = self._columns(frame.iloc[:_ROWS_AT_FIRST])
            self.first, self.n_rows = columns, len(frame)
            self.kept.append(frame)
            self._find_learners(columns)
            self._find_factors()
            return
        raise no_rows(self.question.dropna)

    @property
    def needs(self) -> str:
        """What another pass is needed for; empty if there is nothing more to learn."""
        if self.learners:
            return f"what {next(iter(self.learners))!r} remembers"
        return f"the levels of {' and '.join(map(repr, next(iter(self.unseen))))}" if self.unseen else ""

    def fresh(self) -> _LearningParts:
        """Return what takes in all rows once more: with what was learnt, and without any rows."""
        fresh = copy.copy(self)
        fresh.learners = {key: (part, call, known.fresh()) for key, (part, call, known) in self.learners.items()}
        fresh.kept, fresh.first, fresh.seen, fresh.n_rows = [], None, {}, 0
        return fresh

    def fold(self, part: Part) -> None:
        """Take in some rows."""
        if not len(part.frame):
            return
        columns, frame = self._columns(part.frame)
        if not len(frame):
            return
        if self.unseen:
            self._keep_new_levels(columns, frame)
        for key in self._ready():
            self._fold(key, columns)
        self.n_rows += len(frame)

    def merge(self, other: _LearningParts) -> None:
        """Take in what was learnt of other rows in the same pass."""
        if other.kept:
            columns, frame = self._columns(pd.concat(other.kept, ignore_index=True))
            self._keep_new_levels(columns, frame)
        for key, (_, _, learner) in other.learners.items():
            self.learners[key][2].merge(learner)
        self.n_rows += other.n_rows

    def end_pass(self, done: _LearningParts) -> None:
        """Take over what a pass has learnt of all rows."""
        self.kept += done.kept
        self.n_rows = done.n_rows
        self.learners = done.learners
        for key in self._ready():
            with translate_errors(f"Cannot evaluate {key!r}"):
                learnt = self.learners[key][2].end_of_pass()
            if learnt is not None:
                self.state[key] = learnt
        self.learners = {key: parts for key, parts in self.learners.items() if key not in self.state}
        self._find_factors()  # those of which transforms are a part can be told now

    def representatives(self) -> pd.DataFrame:
        """Return rows that have what all rows have."""
        return pd.concat(self.kept, ignore_index=True)

    def _columns(self, frame: pd.DataFrame) -> tuple[Columns, pd.DataFrame]:
        """Return the columns of a part, and the rows of it that are used."""
        columns = read_columns(frame, self.question.use, {}, self.question.dropna, has_all_rows=False)
        for name, values in columns.arrays.items() if len(columns.index) else ():
            kind = _kind(values)
            if kind != (before := self.kinds.setdefault(name, kind)):
                raise DataTypeError(
                    f"Column {name!r} holds {kind}, and {before} in the rows before. Convert one of both."
                )
        return columns, frame if len(columns.index) == len(frame) else frame.loc[columns.index]

    def _find_learners(self, columns: Columns) -> None:
        parsed, namespace = self.question.parsed, self.question.namespace
        weights = parsed.response.weights
        beside = [parsed.response.observed, *([] if weights is None else [weights]), *parsed.offsets]
        for expression in [*parsed.expressions.values(), *beside]:
            if expression.is_column:
                continue
            interpreter = interpreter_of(expression, columns, namespace, self.state)
            for key, call in interpreter.transform_calls():
                if key in self.learners or is_fixed(key, namespace):
                    continue
                if expression in beside or not isinstance(call.func, ast.Name) or not call.args:
                    raise _cannot_be_learnt(key)
                rule = None if call.func.id in names_of_user(namespace) else rule_of(call.func, frozenset())
                if rule is None:
                    raise _cannot_be_learnt(key)
                options = dict(zip(rule.parameters, map(interpreter.value, call.args[1:]), strict=False))
                options |= {named.arg or "": interpreter.value(named.value) for named in call.keywords}
                learner = learner_of(key, call.func.id, namespace[call.func.id], options)
                self.learners[key] = expression, call, learner

    def _find_factors(self) -> None:
        """Find the combinations of factors of which every level, and combination of levels, is still to be seen."""
        parsed, known = self.question.parsed, self.factors
        assert self.first is not None
        learning = {expression.text for expression, _, _ in self.learners.values()}
        levelled = {
            text
            for text, expression in parsed.expressions.items()
            if text not in learning
            and levels_in(expression, self.first, self.question.namespace, self.state) is not None
        }
        factors = {}
        asked = [*parsed.terms, *(term for group in parsed.groups for term in group.terms)]
        for term in asked:
            crossed = [factor.expr for factor in term.factors if factor.expr in levelled]
            if crossed:
                factors[tuple(crossed)] = tuple(parsed.expressions[text] for text in crossed)
        # Expressions may read the levels of a column without being factors: g.cat.codes, g.str.len().
        for name in dict.fromkeys(name for expression in parsed.expressions.values() for name in expression.columns):
            if isinstance(self.first.arrays.get(name), pd.Categorical):
                factors.setdefault((name,), (Expression(name, True, (name,)),))
        for group in parsed.groups:
            factors[tuple(part.text for part in group.factor)] = group.factor
        if parsed.response.success is not None:
            factors[parsed.response.observed.text,] = (parsed.response.observed,)
        self.unseen = {texts: parts for texts, parts in factors.items() if texts not in known}
        self.factors = {**known, **self.unseen}

    def _keep_new_levels(self, columns: Columns, frame: pd.DataFrame) -> None:
        """Keep a row of each level, and combination of levels, that was not seen before."""
        levels: dict[str, pd.Categorical] = {}
        new: list[NDArray[np.intp]] = []
        for texts, parts in self.unseen.items():
            for part in parts:
                if part.text not in levels:
                    levels[part.text] = _levels(part, columns, self.question.namespace, self.state)
            own = [levels[part.text] for part in parts]
            codes = [np.asarray(one.codes, dtype=np.int64) for one in own]
            sizes = [len(one.categories) for one in own]
            flat, first = np.unique(np.ravel_multi_index(codes, sizes), return_index=True)
            cells = np.unravel_index(flat, sizes)
            labels = [one.categories[cell] for one, cell in zip(own, cells, strict=True)]
            found: pd.Index[Any] = labels[0] if len(labels) == 1 else pd.MultiIndex.from_arrays(labels)
            if texts in self.seen:
                is_new = self.seen[texts].get_indexer(found) < 0
                self.seen[texts] = self.seen[texts].append(found[is_new])
                first = first[is_new]
            else:
                self.seen[texts] = found
            new.append(first)
        chosen = np.unique(np.concatenate(new))
        if len(chosen):
            self.kept.append(frame.iloc[chosen])

    def _ready(self) -> list[str]:
        """Return the calls whose arguments can be computed: what is within them is learnt."""
        return [
            key
            for key, (_, call, _) in self.learners.items()
            if not any(other in self.learners for other in self._within(key, call))
        ]

    def _within(self, key: str, call: ast.Call) -> list[str]:
        nodes = {id(node) for node in ast.walk(call) if node is not call}
        return [other for other, (_, node, _) in self.learners.items() if other != key and id(node) in nodes]

    def _fold(self, key: str, columns: Columns) -> None:
        expression, call, learner = self.learners[key]
        with translate_errors(f"Cannot evaluate {key!r}"), np.errstate(all="ignore"):
            interpreter = interpreter_of(expression, columns, self.question.namespace, self.state)
            values = as_numbers(interpreter.value(call.args[0]))
        outside = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        if len(outside):
            raise DataError(
                f"What {key!r} is given is not finite for {count(len(outside), 'row')} "
                f"({quote_rows(columns.index[outside])}). Leave those rows out, or use a transform that is defined "
                "there."
            )
        learner.fold(values)


def _levels(
    part: Expression, columns: Columns, namespace: Mapping[str, Any], state: Mapping[str, Any]
) -> pd.Categorical:
    levels = levels_in(part, columns, namespace, state)
    if levels is None:
        levels = categories_of(part, columns, namespace)
    if (levels.codes < 0).any():
        raise DataError(
            f"The factor {part.text!r} has no category for {quote_rows(columns.index[levels.codes < 0])}. Widen it, or "
            "leave them out."
        )
    return levels


def _kind(values: Values) -> str:
    """Say what a column holds, levels or not."""
    dtype = values.categories.dtype if isinstance(values, pd.Categorical) else values.dtype
    return "numbers" if is_numeric_dtype(dtype) else "times" if is_datetime64_any_dtype(dtype) else "text"


def _check_rowwise(question: Question) -> None:
    for part in question.parsed:
        if reach(part, question.namespace) is Reach.ROWS:
            raise needs_other_rows(part.text)


def _cannot_be_learnt(key: str) -> FormulaError:
    return FormulaError(
        f"{key!r} cannot be learnt from rows that are read in parts. Write down the numbers that it learns, compute it "
        "beforehand as a column, or pass a data frame."
    )
