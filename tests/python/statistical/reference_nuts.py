"""A plain NUTS in NumPy with switches for classical mistakes, so that the statistical checks have something to reject.

Multinomial sampling with biased progressive updates and the generalised U-turn criterion (Betancourt 2017), unit metric
and a fixed step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from statistical.marginals import Array

LogDensity = Callable[[Array], tuple[float, Array]]

MAX_DEPTH = 8
MAX_ENERGY_ERROR = 1000.0


@dataclass(frozen=True)
class Rules:
    """Where NUTS may be broken: the sign of the U-turn criterion, and the weights of the multinomial draw."""

    turn_sign: float = 1.0
    weighted: bool = True


CORRECT = Rules()
FLIPPED_TURN = Rules(turn_sign=-1.0)
NO_WEIGHTS = Rules(weighted=False)


@dataclass
class Point:
    position: Array
    momentum: Array
    log_density: float
    gradient: Array

    @property
    def energy(self) -> float:
        return float(0.5 * self.momentum @ self.momentum) - self.log_density


@dataclass
class Tree:
    """A stretch of trajectory. `first` is the end it started to grow from, `last` the other one."""

    first: Point
    last: Point
    momentum_sum: Array
    chosen: Point
    log_weight: float


class ReferenceNuts:
    def __init__(self, density: LogDensity, step: float, rng: np.random.Generator, rules: Rules = CORRECT) -> None:
        self._density, self._step, self._rng, self._rules = density, step, rng, rules
        self._start_energy = 0.0

    def sample(self, start: Array, draws: int, burn_in: int) -> Array:
        """Draws of one chain, (draws, dimension)."""
        point = Point(start, start, *self._density(start))
        result = np.empty((draws, len(start)))
        for iteration in range(-burn_in, draws):
            point = self._transition(point)
            if iteration >= 0:
                result[iteration] = point.position
        return result

    def _transition(self, point: Point) -> Point:
        start = Point(point.position, self._rng.standard_normal(len(point.position)), point.log_density, point.gradient)
        self._start_energy = start.energy
        tree = Tree(start, start, start.momentum, start, 0.0)
        for depth in range(MAX_DEPTH):
            forward = self._rng.random() < 0.5
            # Time runs from `first` to `last` in a tree of positive steps; turned around it grows at its other end.
            if not forward:
                tree.first, tree.last = tree.last, tree.first
            new = self._grow(tree.last, depth, self._step if forward else -self._step)
            if new is None:
                break
            chosen = new.chosen if np.log(self._rng.random()) < new.log_weight - tree.log_weight else tree.chosen
            turning = self._turns(tree, new)
            tree = self._merged(tree, new, chosen)
            if not forward:
                tree.first, tree.last = tree.last, tree.first
            if turning:
                break
        return tree.chosen

    def _grow(self, end: Point, depth: int, step: float) -> Tree | None:
        """A tree of 2**depth new points beyond `end`; None where it turns or diverges."""
        if depth == 0:
            point = self._leapfrog(end, step)
            error = point.energy - self._start_energy
            if not error < MAX_ENERGY_ERROR:
                return None
            return Tree(point, point, point.momentum, point, -error if self._rules.weighted else 0.0)
        earlier = self._grow(end, depth - 1, step)
        later = None if earlier is None else self._grow(earlier.last, depth - 1, step)
        if earlier is None or later is None or self._turns(earlier, later):
            return None
        share = 1 / (1 + np.exp(earlier.log_weight - later.log_weight))
        return self._merged(earlier, later, later.chosen if self._rng.random() < share else earlier.chosen)

    def _leapfrog(self, point: Point, step: float) -> Point:
        momentum = point.momentum + 0.5 * step * point.gradient
        position = point.position + step * momentum
        value, gradient = self._density(position)
        return Point(position, momentum + 0.5 * step * gradient, value, gradient)

    def _turns(self, earlier: Tree, later: Tree) -> bool:
        stretches = (
            (earlier.momentum_sum + later.momentum_sum, earlier.first, later.last),
            (earlier.momentum_sum + later.first.momentum, earlier.first, later.first),
            (later.momentum_sum + earlier.last.momentum, earlier.last, later.last),
        )
        sign = self._rules.turn_sign
        return any(sign * (rho @ a.momentum) <= 0 or sign * (rho @ b.momentum) <= 0 for rho, a, b in stretches)

    @staticmethod
    def _merged(earlier: Tree, later: Tree, chosen: Point) -> Tree:
        log_weight = float(np.logaddexp(earlier.log_weight, later.log_weight))
        return Tree(earlier.first, later.last, earlier.momentum_sum + later.momentum_sum, chosen, log_weight)


def framed(density: Any) -> LogDensity:
    """The package's log density in its standard frame, as it is."""
    log_density: LogDensity = density.log_density
    return log_density


def without_sigma_jacobian(density: Any) -> LogDensity:
    """The same without the Jacobian of log σ: as if σ's own density were that of log σ."""
    ends = np.zeros((density.dimension, 2))
    ends[-1, 1] = 1.0
    log_sigma = np.log(density.to_user_scale(ends)[-1])
    slope = log_sigma[1] - log_sigma[0]  # log σ is linear in the last coordinate

    def broken(position: Array) -> tuple[float, Array]:
        value, gradient = density.log_density(position)
        gradient[-1] -= slope
        return value - log_sigma[0] - slope * position[-1], gradient

    return broken


def without_frame_jacobian(density: Any) -> LogDensity:
    """The same without the Jacobian of the frame: the density of (β, log σ), taken for that of (u, ζ)."""

    def broken(position: Array) -> tuple[float, Array]:
        value, gradient = density.log_density(position)
        shift = np.zeros(len(position))
        shift[-1] = 1e-4  # the Jacobian depends on the last coordinate only
        ahead, behind = (density.user_log_density(position + s, 0.0) for s in (shift, -shift))
        gradient[-1] += (ahead - behind) / 2e-4
        return density.user_log_density(position, value), gradient

    return broken


def sample_chains(
    density: Any, target: LogDensity, draws: int, seed: int, rules: Rules = CORRECT, chains: int = 4
) -> Array:
    """Draws on the user's scale, (parameters, chains, draws), from chains that start about the mode."""
    result = np.empty((density.dimension, chains, draws))
    for chain, rng in enumerate(np.random.default_rng(seed).spawn(chains)):
        sampler = ReferenceNuts(target, STEP, rng, rules)
        positions = sampler.sample(rng.standard_normal(density.dimension), draws, BURN_IN)
        result[:, chain] = density.to_user_scale(np.asfortranarray(positions.T))
    return result


STEP = 1.2  # what the package's step size adaptation finds in a standard frame, for an acceptance rate of 0.8
BURN_IN = 20
