"""Each family against SciPy's distribution: log likelihoods, draws of responses, variances; and its defaults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from family_models import DISTRIBUTIONS, log_density
from filbert.data.blocks import Block, DesignColumns
from filbert.families import FAMILIES, family_of
from filbert.families.links import LINKS
from filbert.predict.rowwise import row_keys
from scipy import special

RNG = np.random.default_rng(20)
ROWS, DRAWS = 7, 5
AUXILIARIES = {
    "sigma": RNG.uniform(0.5, 2, DRAWS),
    "nu": RNG.uniform(3, 9, DRAWS),
    "alpha": RNG.uniform(0.5, 4, DRAWS),
    "kappa": RNG.uniform(2, 9, DRAWS),
}
TRIALS = np.array([1.0, 3, 10, 12, 1, 40, 7])

CASES = [(name, link) for name, family in FAMILIES.items() for link in family.links]


def predictors(name: str, link: str) -> np.ndarray:
    """Linear predictors that the link may have."""
    if link == "identity" and name in ("bernoulli", "binomial"):
        return RNG.uniform(0.1, 0.9, (ROWS, DRAWS))
    if link in ("identity", "inverse", "sqrt") and name not in ("gaussian", "t", "lognormal"):
        return RNG.uniform(0.5, 2, (ROWS, DRAWS))
    return RNG.normal(0.3, 0.7, (ROWS, DRAWS))


def responses(name: str) -> np.ndarray:
    """A response for each row."""
    values = {
        "bernoulli": RNG.integers(0, 2, ROWS),
        "binomial": np.rint(TRIALS * 0.4),
        "beta_binomial": np.rint(TRIALS * 0.4),
        "beta": RNG.uniform(0.05, 0.95, ROWS),
        "poisson": RNG.integers(0, 9, ROWS),
        "negativebinomial": RNG.integers(0, 9, ROWS),
        "gaussian": RNG.normal(size=ROWS),
        "t": RNG.normal(size=ROWS),
    }
    return np.asarray(values.get(name, RNG.gamma(2, 1, ROWS)), dtype=float)


def own(name: str) -> dict[str, np.ndarray]:
    return {auxiliary: AUXILIARIES[auxiliary] for auxiliary in FAMILIES[name].auxiliaries}


def block_of(y: np.ndarray, name: str) -> Block:
    return Block(DesignColumns([], len(y)), y, None, None, TRIALS[: len(y)] if FAMILIES[name].has_trials else None)


def test_every_family_has_its_distribution_here() -> None:
    assert set(DISTRIBUTIONS) == set(FAMILIES)


@pytest.mark.parametrize(("name", "link"), CASES)
def test_log_likelihoods_are_scipys(name: str, link: str) -> None:
    eta, y = predictors(name, link), responses(name)
    distribution = DISTRIBUTIONS[name](LINKS[link].inverse(eta), TRIALS, own(name))
    expected = log_density(distribution, y[:, None])
    found = FAMILIES[name].log_likelihood(link, block_of(y, name), eta.copy(), own(name))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("name", FAMILIES)
def test_draws_and_moments_are_scipys(name: str) -> None:
    """Means and variances of 40 000 draws of a row, in standard errors; and the same for each row's own stream."""
    link = FAMILIES[name].links[0]
    n = 40_000
    eta = np.repeat(predictors(name, link)[:, :1], n, axis=1)
    auxiliaries = {key: np.full(n, values[0]) for key, values in own(name).items()}
    mean = LINKS[link].inverse(eta)
    block = block_of(responses(name), name)
    drawn = np.empty((ROWS, n))
    FAMILIES[name].draw_responses(block, mean.copy(), auxiliaries, row_keys(pd.RangeIndex(ROWS)), 3, drawn, 1)
    distribution = DISTRIBUTIONS[name](mean[:, :1], TRIALS, {key: values[:1] for key, values in auxiliaries.items()})
    true_mean, true_variance = (np.ravel(value) for value in distribution.stats(moments="mv"))
    scores = (drawn.mean(axis=1) - true_mean) / np.sqrt(true_variance / n)
    assert np.abs(scores).max() < 4.5
    one = {key: values[:1] for key, values in auxiliaries.items()}
    variance = np.broadcast_to(FAMILIES[name].variance(block, mean[:, :1], one), (ROWS, 1))
    np.testing.assert_allclose(np.ravel(variance), true_variance, rtol=1e-9)
    np.testing.assert_allclose(np.ravel(FAMILIES[name].expectation(block, mean[:, :1], one)), true_mean, rtol=1e-9)
    for row in range(ROWS):
        cdf = DISTRIBUTIONS[name](
            mean[row : row + 1, :1], TRIALS[row : row + 1], {key: values[:1] for key, values in auxiliaries.items()}
        ).cdf
        values, counts = np.unique(drawn[row], return_counts=True)
        empirical = np.cumsum(counts) / n
        assert np.abs(empirical - np.ravel(cdf(values[None, :]))).max() < 1.95 / np.sqrt(n)  # Kolmogorov, 0.1 %


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_draws_the_same_wherever_it_stands(name: str) -> None:
    link = FAMILIES[name].links[0]
    mean = LINKS[link].inverse(predictors(name, link))
    keys = row_keys(pd.RangeIndex(ROWS))
    block = block_of(responses(name), name)
    whole, part = np.empty((ROWS, DRAWS)), np.empty((3, DRAWS))
    FAMILIES[name].draw_responses(block, mean, own(name), keys, 5, whole, 2)
    FAMILIES[name].draw_responses(block[2:5], mean[2:5], own(name), keys[2:5], 5, part, 1)
    np.testing.assert_array_equal(part, whole[2:5])


@pytest.mark.parametrize("link", LINKS)
def test_inverse_links_are_right_at_the_ends(link: str) -> None:
    eta = np.array([-700.0, -40, -8, -1, 0.25, 1, 8, 40, 700])
    expected = {
        "identity": eta,
        "log": np.exp(np.minimum(eta, 700)),
        "logit": special.expit(eta),
        "probit": special.ndtr(eta),
        "cloglog": -np.expm1(-np.exp(eta)),
        "inverse": 1 / eta,
        "sqrt": eta**2,
    }[link]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(LINKS[link].inverse(eta.copy()), expected, rtol=1e-13)


def test_unknown_families_are_refused() -> None:
    with pytest.raises(ValueError, match=r"family='poison' is not available\. Did you mean 'poisson'\?"):
        family_of("poison")
    with pytest.raises(TypeError, match="family must be the name of a family"):
        family_of(3)


# bambi 0.21's default priors of auxiliary parameters.
DEFAULTS = {
    ("negativebinomial", "alpha"): "HalfCauchy(beta: 1.0)",
    ("gamma", "alpha"): "HalfCauchy(beta: 1.0)",
    ("beta", "kappa"): "HalfCauchy(beta: 1.0)",
    ("beta_binomial", "kappa"): "HalfCauchy(beta: 1.0)",
    ("t", "sigma"): "HalfStudentT(nu: 4.0, sigma: 3.0)",
    ("t", "nu"): "Gamma(alpha: 2.0, beta: 0.1)",
    ("gaussian", "sigma"): "HalfStudentT(nu: 4.0, sigma: 3.0)",
    ("lognormal", "sigma"): "HalfNormal(sigma: 1.0)",
}


def test_auxiliary_priors_are_bambis() -> None:
    found = {
        (name, auxiliary): str(family.auxiliary_prior(auxiliary, 3.0).prior)
        for name, family in FAMILIES.items()
        for auxiliary in family.auxiliaries
    }
    assert found == DEFAULTS
