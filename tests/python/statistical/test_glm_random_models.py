"""Both samplers of GLMs on random models that are hard in known ways: they must agree in Monte Carlo errors.

Two dozen by default; all fifty with FILBERT_ALL_MODELS=1 in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from filbert import _core
from glm_models import MEANS, Glm, PriorSpec, random_glm
from statistical.marginals import Array
from statistical.scores import Z_LIMIT, differences

pytestmark = pytest.mark.statistical

NUMBERS = range(50 if os.environ.get("FILBERT_ALL_MODELS") else 24)
WIDTHS = (1, 8, 40, 70, 3, 20, 100, 200, 2)
CORRELATIONS = (0.0, 0.5, 0.9)
Rng = np.random.Generator


def columns(rng: Rng, n: int, p: int, correlation: float) -> Array:
    common = rng.normal(size=(n, 1))
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.normal(size=(n, p))


def correlated(rng: Rng, number: int) -> Glm:
    """From one to 200 columns, which are correlated."""
    p = WIDTHS[number // 6]
    family, link = [("bernoulli", "logit"), ("poisson", "log"), ("gamma", "log"), ("negativebinomial", "log")][
        number // 6 % 4
    ]
    n = 60 + 10 * p
    X = columns(rng, n, p, CORRELATIONS[number // 6 % 3])
    eta = X @ rng.normal(size=p)
    mean = np.asarray(MEANS[link](0.6 * eta / eta.std()))
    y = {
        "bernoulli": lambda: rng.random(n) < mean,
        "poisson": lambda: rng.poisson(mean),
        "gamma": lambda: rng.gamma(3.0, mean / 3.0),
        "negativebinomial": lambda: rng.poisson(mean * rng.gamma(2.0, 0.5, n)),
    }[family]()
    auxiliaries: list[PriorSpec | float] = [("HalfCauchy", (1.0,))] if family[0] in "gn" else []
    return Glm(family, link, X, np.asarray(y, dtype=float), [("Normal", (0.0, 2.5))] * (p + 1), auxiliaries)


def weighted(rng: Rng, number: int) -> Glm:
    """Weights, some of them 0, and offsets."""
    family, link = [("bernoulli", "cloglog"), ("poisson", "log"), ("t", "identity"), ("beta", "logit")][number // 6 % 4]
    model = random_glm(rng, family, link, n=70, p=3)
    model.weights = rng.choice([0.0, 0.5, 1.0, 2.5], len(model.y))
    model.offset = rng.normal(scale=0.3, size=len(model.y))
    return model


def heavy_priors(rng: Rng, number: int) -> Glm:
    """Cauchy and Student priors on few rows."""
    family, link = [("bernoulli", "logit"), ("binomial", "probit"), ("exponential", "log")][number // 6 % 3]
    model = random_glm(rng, family, link, n=25, p=2)
    model.coefficients = [model.coefficients[0], ("Cauchy", (0.0, 1.0)), ("StudentT", (4.0, 0.0, 1.0))]
    return model


def nearly_separated(rng: Rng, number: int) -> Glm:
    """One row on the wrong side of a line that separates all others."""
    X = rng.normal(size=(40, 2))
    y = (X[:, 0] > 0).astype(float)
    near = np.argmin(np.abs(X[:, 0]))
    y[near] = 1 - y[near]
    return Glm("bernoulli", ("logit", "probit")[number // 6 % 2], X, y, [("Normal", (0.0, 2.5))] * 3)


def one_event(rng: Rng, number: int) -> Glm:
    """One event in 1000 rows."""
    y = np.zeros(1000)
    y[number] = 1
    family, link = [("bernoulli", "logit"), ("poisson", "log")][number // 6 % 2]
    return Glm(family, link, rng.normal(size=(1000, 2)), y, [("Normal", (-4.0, 3.0)), *[("Normal", (0.0, 1.0))] * 2])


def plain(rng: Rng, number: int) -> Glm:
    families = [("beta_binomial", "logit"), ("gaussian", "log"), ("poisson", "sqrt"), ("gamma", "inverse")]
    return random_glm(rng, *families[number // 6 % 4], n=100, p=4)


KINDS: list[Callable[[Rng, int], Glm]] = [
    correlated,
    weighted,
    heavy_priors,
    nearly_separated,
    one_event,
    plain,
]


def model_of(number: int) -> Glm:
    return KINDS[number % 6](np.random.default_rng([number, 2026]), number)


@cache
def compared(number: int) -> tuple[Array, str]:
    """Scores of a model, and what independence Metropolis says of itself; twenty parameters at most."""
    framed = model_of(number).framed()
    p = framed.dimension
    independence = _core.sample_independence(
        framed, draws=6000 if p < 30 else 2000, chains=4, cores=2, seed=number, report=None
    )
    nuts = _core.sample(
        framed,
        draws=2000,
        tune=200,
        chains=4,
        cores=2,
        seed=1000 + number,
        target_accept=0.9,
        max_treedepth=10,
        keep_warmup=False,
        report=None,
    )
    ours, theirs = (run["sampling"]["values"][:20] for run in (independence, nuts))
    return differences(ours, theirs), independence["complaint"]


@pytest.mark.parametrize("number", NUMBERS)
def test_both_samplers_agree(number: int) -> None:
    scores, complaint = compared(number)
    if not complaint:  # who is warned is told to take NUTS
        assert np.abs(scores).max() < Z_LIMIT, scores


def test_scores_are_calibrated() -> None:
    found = [compared(number) for number in NUMBERS]
    kept = [scores for scores, complaint in found if not complaint]
    assert len(kept) >= 0.6 * len(found)
    spread = np.sqrt(np.mean(np.concatenate(kept) ** 2))
    assert 0.85 < spread < 1.15, spread


def test_scores_reject_other_weights() -> None:
    """The same model with every weight a tenth larger."""
    model = model_of(1)
    other = model_of(1)
    assert model.weights is not None
    other.weights = 1.1 * model.weights
    options = {"draws": 4000, "chains": 4, "cores": 2, "report": None}
    first, second = (
        _core.sample_independence(m.framed(), seed=seed, **options)["sampling"]["values"]
        for seed, m in enumerate((model, other))
    )
    assert np.abs(differences(first, second)).max() > Z_LIMIT
