"""Draws of responses of every family: their moments, their distributions, and what they depend on."""

from __future__ import annotations

import numpy as np
import pytest
from filbert import _core
from scipy import stats

MEAN_AND_VARIANCE = {
    "bernoulli": lambda m, n, a: (m, m * (1 - m)),
    "binomial": lambda m, n, a: (n * m, n * m * (1 - m)),
    "poisson": lambda m, n, a: (m, m),
    "negativebinomial": lambda m, n, a: (m, m + m * m / a[0]),
    "t": lambda m, n, a: (m, a[0] ** 2 * a[1] / (a[1] - 2)),
    "gamma": lambda m, n, a: (m, m * m / a[0]),
    "exponential": lambda m, n, a: (m, m * m),
    "beta": lambda m, n, a: (m, m * (1 - m) / (1 + a[0])),
    "beta_binomial": lambda m, n, a: (n * m, n * m * (1 - m) * (n + a[0]) / (1 + a[0])),
    "gaussian": lambda m, n, a: (m, a[0] ** 2),
}


@pytest.mark.parametrize("family", list(MEAN_AND_VARIANCE))
@pytest.mark.parametrize("size", [1.0, 200.0])
def test_responses_have_the_moments_of_their_family(family: str, size: float) -> None:
    shares = family in ("bernoulli", "binomial", "beta", "beta_binomial")
    mean = 0.3 if shares else 1.7 * size
    n = 5 * size
    a = {"t": [0.7, 9.0], "gaussian": [0.4]}.get(family, [2.5] if _core.glm_families()[family][0] else [])
    draws = 40_000
    y = np.empty((2, draws))
    arguments = (np.full((2, draws), mean), np.full(2, n), np.broadcast_to(np.reshape(a, (-1, 1)), (len(a), draws)))
    _core.glm_response_draws(family, *arguments, np.array([4, 9], dtype=np.uint64), 17, y)
    expected, variance = MEAN_AND_VARIANCE[family](mean, n, a)
    for row in y:
        assert abs(row.mean() - expected) < 4 * np.sqrt(variance / draws)
        squares = (row - expected) ** 2
        assert abs(squares.mean() - variance) < 4.5 * squares.std() / np.sqrt(draws)
    again = np.empty((1, 10))
    _core.glm_response_draws(
        family, np.full((1, 10), mean), np.full(1, n), arguments[2][:, :10], np.array([9], dtype=np.uint64), 17, again
    )
    np.testing.assert_array_equal(again[0], y[1, :10])  # of seed, key and number alone
    threaded = np.empty_like(y)
    _core.glm_response_draws(family, *arguments, np.array([4, 9], dtype=np.uint64), 17, threaded, threads=2)
    np.testing.assert_array_equal(threaded, y)


@pytest.mark.parametrize("mean", [0.3, 10.0, 60.0, 1e4])
def test_counts_are_distributed_as_they_should(mean: float) -> None:
    draws = 20_000
    y = np.empty((1, draws))
    key = np.zeros(1, dtype=np.uint64)
    _core.glm_response_draws("poisson", np.full((1, draws), mean), None, np.zeros((0, draws)), key, 3, y)
    binomial = np.empty((1, draws))
    n = np.ceil(mean * 4)
    _core.glm_response_draws(
        "binomial", np.full((1, draws), 0.25), np.full(1, n), np.zeros((0, draws)), key, 4, binomial
    )
    for values, distribution in ((y[0], stats.poisson(mean)), (binomial[0], stats.binom(n, 0.25))):
        edges = np.unique(distribution.ppf(np.linspace(0.02, 0.98, 25)))
        expected = np.diff(np.concatenate([[0], distribution.cdf(edges), [1]])) * draws
        observed = np.histogram(values, np.concatenate([[-np.inf], edges + 0.5, [np.inf]]))[0]
        keep = expected > 5
        assert (
            stats.chisquare(observed[keep], expected[keep] * observed[keep].sum() / expected[keep].sum()).pvalue > 1e-3
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, -1e300, 1e300, 0.0])
@pytest.mark.parametrize("what", ["means", "trials", "auxiliaries"])
def test_responses_of_impossible_parameters_end(what: str, value: float) -> None:
    """They would otherwise wait for a variate that is never accepted, or call themselves for ever."""
    for family, (auxiliaries, _) in _core.glm_families().items():
        given = {
            "means": np.full((3, 4), 0.5),
            "trials": np.full(3, 5.0),
            "auxiliaries": np.ones((len(auxiliaries), 4)),
        }
        given[what] = np.full_like(given[what], value)
        responses = np.zeros((3, 4))
        _core.glm_response_draws(
            family, given["means"], given["trials"], given["auxiliaries"], np.arange(3, dtype=np.uint64), 1, responses
        )
        impossible = what == "trials" and family in ("binomial", "beta_binomial") and not 0 <= value <= 2**53
        assert not impossible or np.isnan(responses).all()
