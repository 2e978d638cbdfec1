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
        0.9934552126702554,
        0.5466581266225022,
        0.5291228188455244,
        0.4842430660310951,
        -18.804049231902553,
    ],
    "other priors": [
        0.9230633958833296,
        0.5747462833856102,
        0.4664471070072621,
        0.4847421094685022,
        -16.882564875759883,
    ],
    "bounded coefficients": [
        1.226360693859435,
        0.2956428928244891,
        -0.26651911036813836,
        1.3482552786379278,
        -20.955796601386407,
    ],
    "bounded sigma": [
        0.9933681923032507,
        0.5467519401177477,
        0.5286411164876574,
        0.48041840782237555,
        -17.993345564032513,
    ],
    "no intercept": [
        0.6953513331397051,
        -0.12363879006756828,
        1.2461443949783564,
        -23.103979300825426,
    ],
    "intercept at zero, with an edge": [
        0.8903897091187379,
        0.5604322520790139,
        0.3561018492154887,
        0.4771937381696192,
        -15.186200088951821,
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
