"""What mixed models of many rows are asked for: sums over them, a pass each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from .. import _core
from ..data.blocks import Block, Floats, Source
from ..formula.rows import Rows
from ..formula.streamed_rows import StreamedRows
from ..sampling.reading import one_pass, rows_read
from .passes import Layout

_SENT_BYTES = 1 << 25  # of draws that are sent to an engine at once


def run(work: BlockPass, rows: Source) -> None:
    """Fold all rows into a pass, where they are."""
    if isinstance(rows, StreamedRows):
        rows.run(work)
        return
    with one_pass(rows.n_rows):
        for block in rows.blocks():
            work.fold_block(block)
            rows_read(len(block))


def log_likelihoods(rows: Source, likelihood: Likelihood, draws: Floats, auxiliaries: Floats) -> Floats:
    """Return the log likelihoods of draws of the Gaussian model with all auxiliaries, (auxiliaries, draws)."""
    elsewhere = isinstance(rows, StreamedRows) and rows.stream.runs_elsewhere
    threads = 1 if elsewhere else _core.available_processors()
    at_once = max(1, _SENT_BYTES // draws[:, :1].nbytes) if elsewhere else draws.shape[1]
    values = []
    for first in range(0, draws.shape[1], at_once):
        some = slice(first, first + at_once)
        work = _LogLikelihoods(likelihood, draws[:, some], auxiliaries[:, some], threads)
        run(work, rows)
        values.append(work.total)
    return np.concatenate(values)


@dataclass(frozen=True)
class Likelihood:
    """What rows are asked for, and how draws of the Gaussian model are laid out.

    Attributes
    ----------
    layout : Layout
    n_groups, terms : list
        As `_core.GroupedSummary` takes them.
    means : array, (columns,)
        What predictors are centred at in the Gaussian model.
    has_intercept : bool
    """

    layout: Layout
    n_groups: list[int]
    terms: list[tuple[int, int]]
    means: Floats
    has_intercept: bool

    @property
    def n_effects(self) -> int:
        """Number of effects of all groups and terms."""
        return n_effects(self.n_groups, self.terms)

    def split(self, draws: Floats) -> tuple[Floats, Floats]:
        """Return the coefficients of draws, under a row of intercepts if only of zeros, and their effects."""
        n = len(self.means) + self.has_intercept
        none = np.zeros((1 - self.has_intercept, draws.shape[1]))
        return np.concatenate([none, draws[:n]]), draws[len(draws) - self.n_effects :]

    def columns_of(self, coefficients: Floats) -> Floats:
        """Return coefficients as the core's rows take them."""
        mean, scale = self.layout.units
        c: Floats = coefficients * np.concatenate([[1.0], scale])[:, None]
        c[0] += (mean - self.means) @ coefficients[1:]
        return c

    def predictors(self, block: Block, draws: Floats) -> list[Floats]:
        """Return the linear predictors of the rows of a block, (rows,), one a draw."""
        coefficients, effects = self.split(draws)
        columns = self.effect_columns(block)
        fixed = (block.X - self.means) @ coefficients[1:] + coefficients[0]
        if block.offset is not None:
            fixed += block.offset[:, None]
        return [eta + columns.predictors(of_draw) for eta, of_draw in zip(fixed.T, effects.T, strict=True)]

    def summed(self, block: Block, by_row: Floats) -> tuple[Floats, Floats]:
        """Return sums of numbers times what coefficients, with an intercept's first, and effects have in the rows."""
        of_effects = []
        for (factor, n_columns), Z in zip(self.terms, block.Z, strict=True):
            codes, n = block.groups[factor], self.n_groups[factor]
            columns = np.ones((len(block), 1)) if Z is None else Z
            of_effects += [np.bincount(codes, by_row * columns[:, j], n) for j in range(n_columns)]
        return np.concatenate([[by_row.sum()], by_row @ (block.X - self.means)]), np.concatenate(of_effects)

    def effect_columns(self, block: Block) -> Any:
        """Return which effects reach each row of a block."""
        return _core.EffectColumns(self.n_groups, self.terms, list(block.Z), list(block.groups))

    def squared_length(self, summary: Any, step: Floats) -> float:
        """Return that of a step from one draw to another, in standard deviations of the likelihood of a summary."""
        coefficients, effects = self.split(np.stack([step, -step, 0 * step], axis=1))
        there, back, at_zero = summary.squared_residuals(coefficients, effects)
        return float((there + back) / 2 - at_zero)


@dataclass(frozen=True)
class KeptBlocks:
    """Rows that were read in parts, at hand."""

    kept: list[Block]
    are_read_in_parts: ClassVar[bool] = False

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return sum(len(block) for block in self.kept)

    @property
    def index(self) -> pd.Index[Any]:
        """Their numbers."""
        return pd.RangeIndex(self.n_rows)

    def blocks(self) -> Iterator[Block]:
        """Yield them in order."""
        return iter(self.kept)


class BlockPass(ABC):
    """A pass that takes rows in block by block.

    Parameters
    ----------
    likelihood : Likelihood
    """

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood

    @abstractmethod
    def fresh(self) -> Self: ...

    @abstractmethod
    def add(self, block: Block, data: Any) -> None:
        """Take in a block, which is also laid out as the core keeps rows."""

    @abstractmethod
    def merge(self, other: Any) -> None: ...

    def fold(self, rows: Rows) -> None:
        for block in rows.blocks():
            self.fold_block(block)

    def fold_block(self, block: Block) -> None:
        """Take in the rows of a block, if any counts."""
        data = self.likelihood.layout.of(block)
        if data is not None:
            self.add(block, data)


class Working(BlockPass):
    """A pass that folds rows with their working responses, on average over some draws.

    Without draws each row is where it is likely by itself.
    """

    def __init__(self, likelihood: Likelihood, auxiliaries: Floats, about: Floats | None) -> None:
        super().__init__(likelihood)
        self.auxiliaries = auxiliaries
        self.about = about
        self.leaves_domain = False
        self.summary = _core.GroupedSummary(len(likelihood.means), likelihood.n_groups, likelihood.terms)

    def fresh(self) -> Self:
        return type(self)(self.likelihood, self.auxiliaries, self.about)

    def add(self, block: Block, data: Any) -> None:
        if self.leaves_domain:
            return
        if self.about is None:
            predictors = [data.starting_predictors()]
        else:
            predictors = self.likelihood.predictors(block, self.about)
        found = [data.working(eta, self.auxiliaries) for eta in predictors]
        centre, slopes, weights = (np.mean(parts, axis=0) for parts in (predictors, *zip(*found, strict=True)))
        response = centre + np.divide(slopes, weights, out=np.zeros(len(slopes)), where=weights > 0)
        if block.offset is not None:
            response -= block.offset
        if not (np.isfinite(response).all() and np.isfinite(weights).all()):
            self.leaves_domain = True
            return
        X = np.asfortranarray(block.X - self.likelihood.means)
        self.summary.update(X, response, list(block.Z), list(block.groups), weights)

    def merge(self, other: Working) -> None:
        self.leaves_domain |= other.leaves_domain
        self.summary.merge(other.summary)


class CrossSlopes(BlockPass):
    """A pass that adds up second derivatives: in the logarithm of an auxiliary, and in coefficients or effects.

    They are differences between `below` and `above`, which are the auxiliaries a step less and more of the one.
    """

    def __init__(self, likelihood: Likelihood, draw: Floats, below: Floats, above: Floats) -> None:
        super().__init__(likelihood)
        self.draw = draw
        self.below = below
        self.above = above
        self.coefficients: Floats = np.zeros(1 + len(likelihood.means))
        self.effects: Floats = np.zeros(likelihood.n_effects)

    def fresh(self) -> Self:
        return type(self)(self.likelihood, self.draw, self.below, self.above)

    def add(self, block: Block, data: Any) -> None:
        (eta,) = self.likelihood.predictors(block, self.draw[:, None])
        coefficients, effects = self.likelihood.summed(
            block, data.working(eta, self.above)[0] - data.working(eta, self.below)[0]
        )
        self.coefficients = self.coefficients + coefficients
        self.effects = self.effects + effects

    def merge(self, other: CrossSlopes) -> None:
        self.coefficients = self.coefficients + other.coefficients
        self.effects = self.effects + other.effects


class _LogLikelihoods(BlockPass):
    """A pass that adds up the log likelihoods of draws."""

    def __init__(self, likelihood: Likelihood, draws: Floats, auxiliaries: Floats, threads: int) -> None:
        super().__init__(likelihood)
        self.draws = draws
        self.auxiliaries = auxiliaries
        self.threads = threads
        self.total = np.zeros(draws.shape[1])

    def fresh(self) -> Self:
        return type(self)(self.likelihood, self.draws, self.auxiliaries, self.threads)

    def add(self, block: Block, data: Any) -> None:
        coefficients, effects = self.likelihood.split(self.draws)
        c, columns = self.likelihood.columns_of(coefficients), self.likelihood.effect_columns(block)
        self.total += columns.batch(data, c, self.auxiliaries, effects, self.threads)

    def merge(self, other: _LogLikelihoods) -> None:
        self.total = self.total + other.total


def n_effects(n_groups: Sequence[int], terms: Sequence[tuple[int, int]]) -> int:
    """Return the number of effects of all groups and terms."""
    return sum(columns * n_groups[factor] for factor, columns in terms)
