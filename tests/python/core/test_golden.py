"""Golden draws: with a fixed seed a chain is the same as ever, up to what another compiler rounds otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
        0.8036013759975764,
        0.5652085875678258,
        0.2698174924888489,
        0.6634703996226097,
        -19.579589630833123,
    ],
    "other priors": [
        0.9253638811762521,
        0.6709099546492299,
        0.18235925415877657,
        0.8955648027052885,
        -21.044161737009638,
    ],
    "bounded coefficients": [
        0.7701418936968609,
        0.5677748229681163,
        -0.041785388337541925,
        1.2060563122498758,
        -17.548736844620855,
    ],
    "bounded sigma": [
        0.7405566898304783,
        0.5394817241229218,
        0.8869996601981258,
        0.8340349734585729,
        -20.797607006910823,
    ],
    "no intercept": [0.7372193047157446, 0.823630857591724, 0.9693294095965523, -21.307269353937325],
    "intercept at zero, with an edge": [
        0.8571855276933162,
        0.5084003651460149,
        0.8688972935010464,
        0.7658410003213798,
        -17.655881560726208,
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


def test_draws_do_not_hang_on_how_sums_are_rounded():
    """Frames are smooth functions of the summary: instruction sets that round otherwise differ in the last digits."""
    program = (
        "import json, test_golden as t; print(json.dumps([t.last_draws(**changes) for changes in t.MODELS.values()]))"
    )
    environment = {**os.environ, "FILBERT_INSTRUCTION_SET": "baseline"}
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=folder
    )
    for model, draws in zip(MODELS, json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(draws, GOLDEN[model], rtol=1e-9, err_msg=model)
