"""Golden draws: with a fixed seed a chain is the same as ever, up to what another compiler rounds otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from filbert import _core

NORMAL = ("Normal", (0.0, 2.5))
MODELS = {
    "gaussian priors": {},
    "other priors": {"coefficient_priors": [("StudentT", (3.0, 0.0, 5.0)), ("Laplace", (0.0, 0.5)), NORMAL]},
    "bounded coefficients": {"coefficient_priors": [NORMAL, ("HalfNormal", (1.0,)), ("Uniform", (-0.3, 0.0))]},
    "bounded sigma": {"sigma_prior": ("Uniform", (0.0, 1.2))},
    "no intercept": {"intercept": False, "coefficient_priors": [NORMAL] * 2},
    "intercept at zero, with an edge": {
        "intercept_at_means": False,
        "coefficient_priors": [("HalfNormal", (1.0,)), ("Laplace", (0.0, 1.0)), NORMAL],
    },
}

# The variables' last draws of chain 1: few iterations, in which rounding has no time to grow.
GOLDEN = {
    "gaussian priors": [
        1.2397498083529752,
        0.525606844147225,
        0.2723801026915517,
        0.6634715391225984,
        -19.57959327163377,
    ],
    "other priors": [
        1.4340272017818254,
        0.4856652906605506,
        0.5822554462327316,
        0.9397928075732501,
        -20.00152518731255,
    ],
    "bounded coefficients": [
        1.0922603272225406,
        0.567669916727659,
        -0.04181116200098176,
        1.2054063443894916,
        -17.543845446913465,
    ],
    "bounded sigma": [
        1.0631730335903387,
        0.6302779870845786,
        0.881133665606976,
        0.8340371944931052,
        -20.797638808170753,
    ],
    "no intercept": [0.675036909626373, 0.8259344062792824, 0.9693303737809696, -21.307271692032824],
    "intercept at zero, with an edge": [
        0.8615243912372215,
        0.4768579098416154,
        0.14515317521498505,
        0.764921141029823,
        -17.639386029324076,
    ],
}


def framed(**changes):
    x = np.arange(12.0)
    X = np.column_stack([x - 3, np.sin(x)])
    y = 1 + 0.5 * X[:, 0] - 0.2 * X[:, 1] + np.cos(7 * x)
    model = {
        "intercept": True,
        "intercept_at_means": True,
        "coefficient_priors": [("Normal", (0.0, 20.0)), NORMAL, NORMAL],
        "sigma_prior": ("HalfStudentT", (4.0, 2.0)),
        **changes,
    }
    return _core.FramedLinearGaussian(_core.LinearGaussian(_core.SufficientStatistics.from_arrays(X, y), **model))


def last_draws(seed=11, **changes):
    result = _core.sample(
        framed(**changes), draws=4, tune=8, chains=2, cores=2, seed=seed, target_accept=0.8, max_treedepth=10,
        keep_warmup=False, report=None,
    )["sampling"]  # fmt: skip
    return [*result["values"][:, 1, -1], result["lp"][1, -1]]


@pytest.mark.parametrize("model", MODELS)
def test_draws_are_golden(model):
    np.testing.assert_allclose(last_draws(**MODELS[model]), GOLDEN[model], rtol=1e-9)
    assert not np.allclose(last_draws(seed=12, **MODELS[model]), GOLDEN[model], rtol=1e-6)
