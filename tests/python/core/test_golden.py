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
        0.8035996311364941,
        0.5652086882849076,
        0.2698202100238032,
        0.6634715378635738,
        -19.5795932674421,
    ],
    "other priors": [
        0.9251960016304517,
        0.6709302984774144,
        0.18236852991104763,
        0.8956082019916859,
        -21.044396555669742,
    ],
    "bounded coefficients": [
        0.7706384799844379,
        0.5676699578416894,
        -0.04181115234052304,
        1.2054066250910433,
        -17.54384753646486,
    ],
    "bounded sigma": [
        0.7405504399616887,
        0.5394825901684281,
        0.8870027384849832,
        0.8340371927637761,
        -20.797638783413767,
    ],
    "no intercept": [0.7372196825042221, 0.8236304139604911, 0.9693303734376686, -21.30727169119811],
    "intercept at zero, with an edge": [
        0.8572055941940515,
        0.5083988577810263,
        0.8688807304260711,
        0.7658259168621219,
        -17.65573441517035,
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
