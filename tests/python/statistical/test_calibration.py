"""Simulation-based calibration (Talts et al. 2018): over data sets from the prior, ranks of the truth are uniform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from filbert import _core
from numpy.typing import NDArray
from statistical.marginals import Array
from statistical.models import framed_density
from statistical.reference_nuts import (
    CORRECT,
    LogDensity,
    Rules,
    framed,
    sample_chains,
    without_frame_jacobian,
)
from statistical.scores import P_LIMIT, rank_p_value

pytestmark = pytest.mark.statistical

Spec = tuple[str, tuple[float, ...]]

# Priors of the intercept (about the mean response at the predictor means), of two slopes, and of sigma.
NORMAL: tuple[list[Spec], Spec] = (
    [("Normal", (1.0, 2.0)), ("Normal", (0.0, 1.0)), ("Normal", (-0.5, 0.3))],
    ("Gamma", (3.0, 3.0)),
)
OTHER: tuple[list[Spec], Spec] = (
    [("StudentT", (4.0, 1.0, 1.0)), ("Laplace", (0.0, 0.5)), ("Cauchy", (-0.5, 0.3))],
    ("InverseGamma", (4.0, 3.0)),
)
ROWS = 6
DATA_SETS = 500
RANKS = 100  # of the truth among 99 draws
BINS = 20

Sampler = Callable[[_core.FramedLinearGaussian, int], Array]


def simulate(spec: Spec, rng: np.random.Generator) -> float:
    name, parameters = spec
    draw: dict[str, Callable[..., float]] = {
        "Normal": rng.normal,
        "StudentT": lambda nu, mu, sigma: mu + sigma * rng.standard_t(nu),
        "Laplace": rng.laplace,
        "Cauchy": lambda alpha, beta: alpha + beta * rng.standard_cauchy(),
        "Gamma": lambda alpha, beta: rng.gamma(alpha, 1 / beta),
        "InverseGamma": lambda alpha, beta: beta / rng.gamma(alpha),
    }
    return float(draw[name](*parameters))


def filbert(density: _core.FramedLinearGaussian, seed: int) -> Array:
    """99 draws of one chain, (parameters, draws), far enough apart to be independent."""
    result = _core.sample(
        density,
        draws=4 * (RANKS - 1),
        tune=300,
        chains=1,
        cores=1,
        seed=seed,
        target_accept=0.8,
        max_treedepth=10,
        keep_warmup=False,
        report=None,
    )
    values: Array = result["sampling"]["values"]
    return values[:, 0, ::4]


def ranks(
    priors: tuple[list[Spec], Spec], sampler: Sampler, data_sets: int, assumed_sigma_prior: Spec | None = None
) -> NDArray[np.int64]:
    """Ranks of the true parameters among their draws, (parameters, data sets)."""
    coefficient_priors, sigma_prior = priors
    result = np.empty((len(coefficient_priors) + 1, data_sets), dtype=np.int64)
    for data_set, rng in enumerate(np.random.default_rng(2018).spawn(data_sets)):
        centred = np.array([simulate(spec, rng) for spec in coefficient_priors])
        sigma = simulate(sigma_prior, rng)
        X = rng.normal(size=(ROWS, len(centred) - 1)) + 1
        y = centred[0] + (X - X.mean(axis=0)) @ centred[1:] + sigma * rng.normal(size=ROWS)
        truth = np.array([centred[0] - X.mean(axis=0) @ centred[1:], *centred[1:], sigma])
        density = framed_density(X, y, coefficient_priors, assumed_sigma_prior or sigma_prior)
        result[:, data_set] = (sampler(density, data_set) < truth[:, None]).sum(axis=1)
    return result


def p_values(ranks: NDArray[np.int64], n_ranks: int = RANKS, bins: int = BINS) -> list[float]:
    return [rank_p_value(row, n_ranks, bins) for row in ranks]


@pytest.mark.parametrize("priors", [NORMAL, OTHER], ids=["normal", "other"])
def test_ranks_are_uniform(priors: tuple[list[Spec], Spec]) -> None:
    p = p_values(ranks(priors, filbert, DATA_SETS))
    assert min(p) > P_LIMIT


def test_a_missing_jacobian_is_rejected() -> None:
    """Without the Jacobian of log σ a Gamma(3, ·) prior acts as π(σ)/σ, which is Gamma(2, ·)."""
    p = p_values(ranks(NORMAL, filbert, DATA_SETS, assumed_sigma_prior=("Gamma", (2.0, 3.0))))
    assert min(p) < P_LIMIT


REFERENCE_DATA_SETS = 120
REFERENCE_RANKS = 20


def reference(rules: Rules = CORRECT, target: Callable[[_core.FramedLinearGaussian], LogDensity] = framed) -> Sampler:
    """The reference NUTS, 19 draws far apart."""

    def sampler(density: _core.FramedLinearGaussian, seed: int) -> Array:
        draws = sample_chains(density, target(density), 3 * (REFERENCE_RANKS - 1), seed, rules, chains=1)
        return draws[:, 0, ::3]

    return sampler


def reference_p_values(sampler: Sampler) -> list[float]:
    return p_values(ranks(NORMAL, sampler, REFERENCE_DATA_SETS), REFERENCE_RANKS, 10)


def test_ranks_of_the_reference_are_uniform() -> None:
    p = reference_p_values(reference())
    assert min(p) > P_LIMIT


def test_ranks_reject_a_missing_frame_jacobian() -> None:
    p = reference_p_values(reference(target=without_frame_jacobian))
    assert min(p) < P_LIMIT
