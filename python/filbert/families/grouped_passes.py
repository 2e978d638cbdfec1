"""Group-specific terms of generalised linear models whose rows are many: all that is asked of them are sums.

At the mode, working weights make such a model a Gaussian mixed one, whose summary by group a pass folds. Draws of its
posterior are proposals: priors and effects are those of both models, so that the ratio of the likelihoods, of all
draws in one pass, makes them exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .. import _core
from ..data.blocks import Block, Floats, Source
from ..formula.rows import Rows
from ..formula.streamed_rows import StreamedRows
from ..sampling.reading import one_pass, rows_read
from .family import Posed
from .passes import Layout, units_of

# The skewness of single groups makes the logarithms of weights vary by some half of effects² / rows.
_MOST_VARIATION = 2.0  # beyond, proposals are refused
_LITTLE_VARIATION = 0.3  # they are accepted
_LEAST_VARIATION = 0.02  # skewness need not be looked at
_MOST_STEPS = 25
_CONVERGED = 0.01  # squared length of Newton's step, in standard deviations
_DRAWS_ABOUT = 32  # and as many opposite to them
_SENT_BYTES = 1 << 25  # of draws that are sent to an engine at once


def may_do(regression: Posed) -> bool:
    """Tell whether proposals may be accepted: where rows are many for so many effects."""
    return _variation(regression) <= _MOST_VARIATION


def will_do(regression: Posed) -> bool:
    """Tell whether they are likely to be."""
    return _variation(regression) <= _LITTLE_VARIATION


def _variation(regression: Posed) -> float:
    effects = _n_effects(regression.groups.n_groups, regression.groups.structure)
    return effects**2 / float(regression.summary.n_rows)


def framed(regression: Posed, kernel: str, auxiliaries: Sequence[float], seed: int, with_effects: bool) -> Any:
    """Return the posterior as that of a Gaussian mixed model times the ratio of their likelihoods.

    Parameters
    ----------
    regression : Posed
    kernel : str
        The core's name of the family.
    auxiliaries : sequence of float
        All of the family's, known.
    seed : int
    with_effects : bool
        Whether draws hold the effects of groups.

    Returns
    -------
    _core.ReweightedGroupedGaussian

    Raises
    ------
    _core.NoModeError
        If Newton's method did not find the mode.
    _core.ImproperPosteriorError, _core.GroupsTooLargeError
    """
    groups, rows, units = regression.groups, regression.rows, units_of(regression)
    at_means = regression.has_intercept and regression.intercept_at_means
    likelihood = Likelihood(
        Layout(kernel, regression.link, units),
        np.array(auxiliaries, dtype=float),
        list(groups.n_groups),
        list(groups.structure),
        units[0] if at_means else np.zeros(len(units[0])),
        regression.has_intercept,
    )
    assert rows is not None

    def fitted(about: Floats | None) -> tuple[Any, Any]:
        """Return the summary of the Gaussian model about some draws, and its posterior in its frame."""
        work = _Working(likelihood, about)
        _run(work, rows)
        if work.leaves_domain:
            raise _core.NoModeError("Newton's method left the domain of the link", "not converged", None)
        posterior = _core.GroupedGaussian(
            work.summary,
            intercept=regression.has_intercept,
            intercept_at_means=False,  # the columns are centred where it is
            coefficient_priors=regression.coefficient_priors,
            sigma=1.0,
            terms=groups.specs,
        )
        threads = _core.available_processors()
        return work.summary, _core.FramedGroupedGaussian(posterior, seed=seed, threads=threads)

    summary, surrogate = _at_mode(fitted, likelihood)
    if _variation(regression) > _LEAST_VARIATION:
        centre = surrogate.expected()[:, None]
        rng = np.random.default_rng(seed)
        some = surrogate.to_user_scale(rng.standard_normal((surrogate.dimension, _DRAWS_ABOUT)))
        summary, surrogate = fitted(np.concatenate([some, 2 * centre - some], axis=1))

    def log_ratios(draws: Floats) -> Floats:
        coefficients, effects = likelihood.split(draws)
        squares: Floats = summary.squared_residuals(coefficients, effects)
        return log_likelihoods(rows, likelihood, draws) + 0.5 * squares

    return _core.ReweightedGroupedGaussian(surrogate, log_ratios, means=likelihood.means, effects=with_effects)


def _at_mode(fitted: Any, likelihood: Likelihood) -> tuple[Any, Any]:
    """Return what `fitted` does about the mode, by Newton's method."""
    try:
        _, surrogate = fitted(None)
        centre = surrogate.expected()
        for _ in range(_MOST_STEPS):
            summary, surrogate = fitted(centre[:, None])
            before, centre = centre, surrogate.expected()
            if likelihood.squared_length(summary, centre - before) < _CONVERGED:
                return summary, surrogate
    except _core.UncomputablePosteriorError as error:
        raise _core.NoModeError(str(error), "not converged", None) from None
    raise _core.NoModeError(f"Newton's method took more than {_MOST_STEPS} steps", "not converged", None)


def _run(work: _BlockPass, rows: Source) -> None:
    """Fold all rows, where they are."""
    if isinstance(rows, StreamedRows):
        rows.run(work)
        return
    with one_pass(rows.n_rows):
        for block in rows.blocks():
            work.fold_block(block)
            rows_read(len(block))


def log_likelihoods(rows: Source, likelihood: Likelihood, draws: Floats) -> Floats:
    """Return the log likelihoods of draws of the Gaussian model, (draws,)."""
    elsewhere = isinstance(rows, StreamedRows) and rows.stream.runs_elsewhere
    threads = 1 if elsewhere else _core.available_processors()
    at_once = max(1, _SENT_BYTES // draws[:, :1].nbytes) if elsewhere else draws.shape[1]
    values = []
    for first in range(0, draws.shape[1], at_once):
        work = _LogLikelihoods(likelihood, draws[:, first : first + at_once], threads)
        _run(work, rows)
        values.append(work.total)
    return np.concatenate(values)


@dataclass(frozen=True)
class Likelihood:
    """What rows are asked for, and how draws of the Gaussian model are laid out.

    Attributes
    ----------
    layout : Layout
    auxiliaries : array, (auxiliaries,)
        Which are known.
    n_groups, terms : list
        As `_core.GroupedSummary` takes them.
    means : array, (columns,)
        What predictors are centred at in the Gaussian model.
    has_intercept : bool
    """

    layout: Layout
    auxiliaries: Floats
    n_groups: list[int]
    terms: list[tuple[int, int]]
    means: Floats
    has_intercept: bool

    @property
    def n_effects(self) -> int:
        """Number of effects of all groups and terms."""
        return _n_effects(self.n_groups, self.terms)

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

    def effect_columns(self, block: Block) -> Any:
        """Return which effects reach each row of a block."""
        return _core.EffectColumns(self.n_groups, self.terms, list(block.Z), list(block.groups))

    def squared_length(self, summary: Any, step: Floats) -> float:
        """Return that of a step from one draw to another, in standard deviations of the likelihood of a summary."""
        coefficients, effects = self.split(np.stack([step, -step, 0 * step], axis=1))
        there, back, at_zero = summary.squared_residuals(coefficients, effects)
        return float((there + back) / 2 - at_zero)


class _BlockPass(ABC):
    """A pass that takes rows in block by block."""

    @abstractmethod
    def fresh(self) -> Self: ...

    @abstractmethod
    def fold_block(self, block: Block) -> None: ...

    @abstractmethod
    def merge(self, other: Any) -> None: ...

    def fold(self, rows: Rows) -> None:
        for block in rows.blocks():
            self.fold_block(block)


class _Working(_BlockPass):
    """A pass that folds rows with their working responses, on average over some draws.

    Without draws each row is where it is likely by itself.
    """

    def __init__(self, likelihood: Likelihood, about: Floats | None) -> None:
        self.likelihood = likelihood
        self.about = about
        self.leaves_domain = False
        self.summary = _core.GroupedSummary(len(likelihood.means), likelihood.n_groups, likelihood.terms)

    def fresh(self) -> Self:
        return type(self)(self.likelihood, self.about)

    def fold_block(self, block: Block) -> None:
        data = self.likelihood.layout.of(block)
        if data is None or self.leaves_domain:
            return
        predictors = self._predictors(block, data)
        found = [data.working(eta, self.likelihood.auxiliaries) for eta in predictors]
        centre, slopes, weights = (np.mean(parts, axis=0) for parts in (predictors, *zip(*found, strict=True)))
        response = centre + np.divide(slopes, weights, out=np.zeros(len(slopes)), where=weights > 0)
        if block.offset is not None:
            response -= block.offset
        if not (np.isfinite(response).all() and np.isfinite(weights).all()):
            self.leaves_domain = True
            return
        X = np.asfortranarray(block.X - self.likelihood.means)
        self.summary.update(X, response, list(block.Z), list(block.groups), weights)

    def _predictors(self, block: Block, data: Any) -> list[Floats]:
        if self.about is None:
            return [data.starting_predictors()]
        coefficients, effects = self.likelihood.split(self.about)
        columns = self.likelihood.effect_columns(block)
        fixed = (block.X - self.likelihood.means) @ coefficients[1:] + coefficients[0]
        if block.offset is not None:
            fixed += block.offset[:, None]
        return [eta + columns.predictors(of_draw) for eta, of_draw in zip(fixed.T, effects.T, strict=True)]

    def merge(self, other: _Working) -> None:
        self.leaves_domain |= other.leaves_domain
        self.summary.merge(other.summary)


class _LogLikelihoods(_BlockPass):
    """A pass that adds up the log likelihoods of draws."""

    def __init__(self, likelihood: Likelihood, draws: Floats, threads: int) -> None:
        self.likelihood = likelihood
        self.draws = draws
        self.threads = threads
        self.total = np.zeros(draws.shape[1])

    def fresh(self) -> Self:
        return type(self)(self.likelihood, self.draws, self.threads)

    def fold_block(self, block: Block) -> None:
        data = self.likelihood.layout.of(block)
        if data is None:
            return
        coefficients, effects = self.likelihood.split(self.draws)
        auxiliaries = np.repeat(self.likelihood.auxiliaries[:, None], self.draws.shape[1], axis=1)
        c, columns = self.likelihood.columns_of(coefficients), self.likelihood.effect_columns(block)
        self.total += columns.batch(data, c, auxiliaries, effects, self.threads)

    def merge(self, other: _LogLikelihoods) -> None:
        self.total = self.total + other.total


def _n_effects(n_groups: Sequence[int], terms: Sequence[tuple[int, int]]) -> int:
    return sum(columns * n_groups[factor] for factor, columns in terms)
