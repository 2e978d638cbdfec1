"""Mixed models of many rows as Gaussian ones with other weights.

At the mode, working weights make a mixed model of any family a Gaussian one, whose summary by group a pass folds. Draws
of its posterior are proposals: priors and effects are those of both models, so that the ratio of the likelihoods, of
all draws in one pass, makes them exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..data.blocks import Floats, Source
from ..sampling.run import ProposalsRefusedError
from .family import Posed
from .grouped_passes import CrossSlopes, KeptBlocks, Likelihood, Working, log_likelihoods, n_effects, run
from .passes import Layout, are_of_many, units_of

# The skewness of single groups makes the logarithms of weights vary by some half of effects² / rows.
_MOST_VARIATION = 2.0  # beyond, proposals are refused
_LITTLE_VARIATION = 0.3  # they are accepted
_LEAST_VARIATION = 0.02  # skewness need not be looked at
_MOST_STEPS = 25
_CONVERGED = 0.01  # squared length of a step, in standard deviations
_DRAWS_ABOUT = 32  # and as many opposite to them
_STEP = 0.02  # of logarithms of auxiliaries, in differences
_LOOKED_AT = np.array([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0])  # deviations of these logarithms
_PROPOSED_DEGREES = 8  # of the t that the core proposes them from
_MOST_LOG_WEIGHT = 2.5  # of a place in a tail: so heavy a draw is not left for e^2.5 proposals


def may_do(regression: Posed) -> bool:
    """Tell whether proposals may be accepted: where rows are many for so many effects."""
    return _variation(regression) <= _MOST_VARIATION


def will_do(regression: Posed) -> bool:
    """Tell whether they are likely to be."""
    return _variation(regression) <= _LITTLE_VARIATION


def _variation(regression: Posed) -> float:
    effects = n_effects(regression.groups.n_groups, regression.groups.structure)
    return effects**2 / float(regression.summary.n_rows)


def framed(regression: Posed, kernel: str, auxiliaries: Sequence[Any], seed: int, with_effects: bool) -> Any:
    """Return the posterior as that of a Gaussian mixed model times the ratio of their likelihoods.

    Parameters
    ----------
    regression : Posed
    kernel : str
        The core's name of the family.
    auxiliaries : sequence
        Of each of the family's the prior, or the number that it is known to be.
    seed : int
    with_effects : bool
        Whether draws hold the effects of groups.

    Returns
    -------
    _core.ReweightedGroupedGaussian

    Raises
    ------
    _core.NoModeError
        If Newton's method did not find the mode, or the Gaussian model cannot be computed.
    _core.ImproperPosteriorError
    ProposalsRefusedError
        If an auxiliary has a tail that proposals hardly reach, as where data do not bound it.
    """
    search = _Search(regression, kernel, auxiliaries, seed)
    try:
        summary, surrogate = search.climb()
        if _variation(regression) > _LEAST_VARIATION:
            summary, surrogate = search.average(surrogate)
    except (_core.UncomputablePosteriorError, _core.GroupsTooLargeError) as error:
        raise _core.NoModeError(str(error), "not converged", None) from None
    search.refuse_long_tails(surrogate)

    def log_ratios(draws: Floats, free: Floats) -> Floats:
        coefficients, effects = search.likelihood.split(draws)
        squares: Floats = summary.squared_residuals(coefficients, effects)
        return search.log_densities(draws, free) + 0.5 * squares

    return _core.ReweightedGroupedGaussian(
        surrogate,
        log_ratios,
        means=search.likelihood.means,
        auxiliaries=search.auxiliary_proposal(surrogate),
        effects=with_effects,
    )


class _Search:
    """A search of the mode: of a Gaussian model that is like the other one there, and of auxiliaries.

    Attributes
    ----------
    likelihood : Likelihood
    auxiliaries : array, (auxiliaries,)
        All of them, as far as the search has come.
    free : list of int
        Which are not known.
    spread : array, (free, free)
        The lower factor of the covariance of their logarithms, given the rest.
    """

    def __init__(self, regression: Posed, kernel: str, auxiliaries: Sequence[Any], seed: int) -> None:
        groups, units = regression.groups, units_of(regression)
        at_means = regression.has_intercept and regression.intercept_at_means
        self.likelihood = Likelihood(
            Layout(kernel, regression.link, units),
            list(groups.n_groups),
            list(groups.structure),
            units[0] if at_means else np.zeros(len(units[0])),
            regression.has_intercept,
        )
        self.free = [k for k, given in enumerate(auxiliaries) if isinstance(given, tuple)]
        self.spread = np.zeros((len(self.free), len(self.free)))
        self._regression = regression
        self._rows = _settled_rows(regression)
        self._priors = [auxiliaries[k] for k in self.free]
        self._seed = seed
        self.auxiliaries = self._first_guess(auxiliaries)

    def _first_guess(self, given: Sequence[Any]) -> Floats:
        """Return the auxiliaries that are known, and of the others what some rows say."""
        guess = np.ones(len(given))
        if self.free:
            data = next((self.likelihood.layout.of(block) for block in self._rows.blocks()), None)
            guess = guess if data is None else data.starting_auxiliaries()
        return np.array([guess[k] if k in self.free else given[k] for k in range(len(given))], dtype=float)

    def climb(self) -> tuple[Any, Any]:
        """Return the summary of the Gaussian model at the mode, and its posterior in its frame, by Newton's method."""
        _, surrogate = self._gaussian(None)
        centre = surrogate.expected()
        for _ in range(_MOST_STEPS):
            to_go = self._settle_auxiliaries(centre[:, None])
            summary, surrogate = self._gaussian(centre[:, None])
            before, centre = centre, surrogate.expected()
            to_go = max(to_go, self.likelihood.squared_length(summary, centre - before))
            if to_go < _CONVERGED:
                return summary, surrogate
        raise _core.NoModeError(f"Newton's method took more than {_MOST_STEPS} steps", "not converged", None)

    def average(self, surrogate: Any) -> tuple[Any, Any]:
        """Return the same where slopes and curvatures are those of draws on average, in place of those at the mode.

        That is the closest normal, in Kullback and Leibler's divergence, to a posterior that is skew.
        """
        centre = surrogate.expected()[:, None]
        rng = np.random.default_rng(self._seed)
        some = surrogate.to_user_scale(rng.standard_normal((surrogate.dimension, _DRAWS_ABOUT)))
        about = np.concatenate([some, 2 * centre - some], axis=1)
        self._settle_auxiliaries(about)
        return self._gaussian(about)

    def _gaussian(self, about: Floats | None) -> tuple[Any, Any]:
        regression = self._regression
        work = Working(self.likelihood, self.auxiliaries, about)
        run(work, self._rows)
        if work.leaves_domain:
            raise _core.NoModeError("Newton's method left the domain of the link", "not converged", None)
        posterior = _core.GroupedGaussian(
            work.summary,
            intercept=regression.has_intercept,
            intercept_at_means=False,  # the columns are centred where it is
            coefficient_priors=regression.coefficient_priors,
            sigma=1.0,
            terms=regression.groups.specs,
        )
        threads = _core.available_processors()
        return work.summary, _core.FramedGroupedGaussian(posterior, seed=self._seed, threads=threads)

    def log_densities(self, draws: Floats, free: Floats) -> Floats:
        """Return log likelihoods with the log priors of the logarithms of auxiliaries, (draws,)."""
        auxiliaries = np.repeat(self.auxiliaries[:, None], draws.shape[1], axis=1)
        auxiliaries[self.free] = free
        total = log_likelihoods(self._rows, self.likelihood, draws, auxiliaries)
        for (name, parameters), values in zip(self._priors, free, strict=True):
            of_values = [_core.prior_log_density(name, parameters, value)[0] for value in values]
            total = total + np.array(of_values) + np.log(values)
        return total

    def auxiliary_proposal(self, surrogate: Any) -> tuple[Floats, Floats, Floats]:
        """Return what logarithms of auxiliaries are proposed about, given the draw that goes with them.

        That is centre + slopes · draw, with a lower factor of their covariance; see `_core.ReweightedGroupedGaussian`.
        """
        draw = surrogate.expected()
        cross = np.zeros((len(self.free), len(draw)))
        n = len(self.likelihood.means) + self.likelihood.has_intercept
        for row, k in zip(cross, self.free, strict=True):
            moved = np.exp(_STEP * (np.arange(len(self.auxiliaries)) == k))
            work = CrossSlopes(self.likelihood, draw, self.auxiliaries / moved, self.auxiliaries * moved)
            run(work, self._rows)
            row[:n] = work.coefficients[len(work.coefficients) - n :] / (2 * _STEP)
            row[len(row) - len(work.effects) :] = work.effects / (2 * _STEP)
        slopes = self.spread @ self.spread.T @ cross
        return np.log(self.auxiliaries[self.free]) - slopes @ draw, self.spread, slopes

    def refuse_long_tails(self, surrogate: Any) -> None:
        """Refuse auxiliaries of which a draw in a tail would weigh so much that chains stay there."""
        names = list(self._regression.auxiliary_priors)
        if not names:
            return
        moves = (self.spread.T[:, :, None] * _LOOKED_AT).transpose(1, 0, 2)  # (auxiliaries, directions, places)
        places = np.exp(np.log(self.auxiliaries[self.free])[:, None] + moves.reshape(len(names), -1))
        draws = np.repeat(surrogate.expected()[:, None], places.shape[1], axis=1)
        proposed = -(_PROPOSED_DEGREES + 1) / 2 * np.log1p(_LOOKED_AT**2 / _PROPOSED_DEGREES)
        log_weights = self.log_densities(draws, places).reshape(len(names), -1) - proposed
        for name, along in zip(names, log_weights, strict=True):
            if np.max(along) - along[len(_LOOKED_AT) // 2] > _MOST_LOG_WEIGHT:
                raise ProposalsRefusedError(f"the posterior of {name!r} has a long tail, in which it is hardly bounded")

    def _settle_auxiliaries(self, about: Floats) -> float:
        """Make a step of Newton's method in logarithms, on average over draws, and return its squared length."""
        n = len(self.free)
        if n == 0:
            return 0.0
        at = np.array(list(product((-1, 0, 1), repeat=n))).T  # in steps, (free, 3ⁿ)
        here = np.log(self.auxiliaries[self.free])
        free = np.exp(here[:, None] + _STEP * at)
        each = about.shape[1]
        values = self.log_densities(np.tile(about, at.shape[1]), np.repeat(free, each, axis=1))
        cube = values.reshape(at.shape[1], each).mean(axis=1).reshape((3,) * n)
        slopes, hessian = _derivatives(cube)
        if not np.isfinite(slopes).all():
            raise _core.NoModeError("auxiliary parameters left their domain", "not converged", None)
        curvatures, directions = np.linalg.eigh(-hessian)
        curvatures = np.maximum(curvatures, 1e-3 * max(np.abs(curvatures).max(), 1.0))
        step = directions @ ((directions.T @ slopes) / curvatures)
        self.spread = np.linalg.cholesky(directions @ np.diag(1 / curvatures) @ directions.T)
        self.auxiliaries[self.free] = np.exp(here + step / max(1.0, np.abs(step).max()))
        return float(step @ (-hessian) @ step) if np.all(np.linalg.eigvalsh(-hessian) > 0) else np.inf


def _settled_rows(regression: Posed) -> Source:
    """Return the rows, read for good where they come in parts and are not many."""
    rows = regression.rows
    assert rows is not None
    return KeptBlocks(list(rows.blocks())) if rows.are_read_in_parts and not are_of_many(regression) else rows


def _derivatives(cube: Floats) -> tuple[Floats, Floats]:
    """Return slopes and second derivatives in the middle of a cube of values, one step about it in each dimension."""
    n = cube.ndim
    unit = np.eye(n, dtype=int)

    def at(moved: NDArray[np.int_]) -> float:
        return float(cube[tuple(1 + moved)])

    slopes = np.array([at(a) - at(-a) for a in unit]) / (2 * _STEP)
    hessian = np.empty((n, n))
    for j, a in enumerate(unit):
        for k, b in enumerate(unit):
            twice = at(a) - 2 * at(0 * a) + at(-a) if j == k else (at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / 4
            hessian[j, k] = twice / _STEP**2
    return slopes, hessian
