"""A plain independence Metropolis in NumPy, with switches for classical mistakes that the checks must reject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from statistical.marginals import Array

FREEDOM = 5.0

LogDensities = Callable[["Array"], "Array"]


@dataclass(frozen=True)
class Rules:
    """Where it may be broken: the accept step, and the share of heavy tails in the proposals."""

    weighs_proposals: bool = True
    share_of_t: float = 0.1


CORRECT = Rules()
PROPOSALS_NOT_WEIGHED = Rules(weighs_proposals=False)
NO_T = Rules(share_of_t=0.0)


def propose(dimension: int, count: int, rng: np.random.Generator, rules: Rules) -> tuple[Array, Array]:
    """Return positions (dimension, count) from N(0, I) or a multivariate t, and the log density of that mixture."""
    heavy = rng.random(count) < rules.share_of_t
    stretch = np.where(heavy, np.sqrt(FREEDOM / rng.chisquare(FREEDOM, count)), 1.0)
    positions = rng.standard_normal((dimension, count)) * stretch
    squares = np.sum(positions**2, axis=0)
    normal = -0.5 * squares - 0.5 * dimension * np.log(2 * np.pi)
    t = (
        special.gammaln((FREEDOM + dimension) / 2)
        - special.gammaln(FREEDOM / 2)
        - 0.5 * dimension * np.log(FREEDOM * np.pi)
        - 0.5 * (FREEDOM + dimension) * np.log1p(squares / FREEDOM)
    )
    with np.errstate(divide="ignore"):
        return positions, np.logaddexp(np.log1p(-rules.share_of_t) + normal, np.log(rules.share_of_t) + t)


def sample_chains(
    density: Any,
    draws: int,
    seed: int,
    rules: Rules = CORRECT,
    chains: int = 4,
    target: Callable[[Any], LogDensities] = lambda density: density.batch,
) -> Array:
    """Draws on the user's scale, (parameters, chains, draws), after fifty that are left out."""
    result = np.empty((density.variables, chains, draws))
    for chain, rng in enumerate(np.random.default_rng(seed).spawn(chains)):
        positions, proposed = propose(density.dimension, draws + 50, rng, rules)
        weight = target(density)(positions) - (proposed if rules.weighs_proposals else 0)
        threshold = np.log(rng.random(len(weight)))
        at = np.arange(len(weight))
        current = 0
        for i in range(1, len(weight)):
            if threshold[i] < weight[i] - weight[current]:
                current = i
            at[i] = current
        result[:, chain] = density.to_user_scale(np.asfortranarray(positions[:, at[50:]]))
    return result


def without_auxiliary_jacobian(density: Any) -> LogDensities:
    """The same density without the Jacobian of the last auxiliary's logarithm."""
    return lambda positions: density.batch(positions) - np.log(density.to_user_scale(np.asfortranarray(positions))[-1])
