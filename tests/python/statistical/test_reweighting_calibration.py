"""Simulation-based calibration of reweighting: over data from the prior, ranks of the truth are uniform.

Few rows, so that the Gaussian model is not the posterior. Beside the parameters, the log likelihood of the rows is
ranked, which sees what the likelihood changes of the joint posterior (Modrák et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from filbert.families import reweighting
from numpy.typing import NDArray
from scipy import stats
from statistical.marginals import Array
from statistical.scores import P_LIMIT, rank_p_value

pytestmark = pytest.mark.statistical

DATA_SETS = 200
RANKS = 20  # of the truth among 19 draws
BINS = 10
APART = 40  # draws between two that are ranked

Rng = np.random.Generator
Density = Callable[..., Any]


class Responses(NamedTuple):
    """Of a family: responses of means and its auxiliary, and their log density."""

    draw: Callable[..., Array]
    log_density: Callable[..., Array]


GROUPS, ROWS = 3, 12
ALPHA = (3.0, 0.75)  # shape and rate
FAMILIES = {
    "gamma": Responses(
        lambda rng, m, alpha: rng.gamma(alpha, m / alpha),
        lambda y, m, alpha: stats.gamma.logpdf(y, alpha, scale=m / alpha),
    ),
    "negativebinomial": Responses(
        lambda rng, m, alpha: rng.poisson(m * rng.gamma(alpha, 1 / alpha, len(m))),
        lambda y, m, alpha: stats.nbinom.logpmf(y, alpha, alpha / (alpha + m)),
    ),
}
PRIORS = {
    "Intercept": fb.Normal(0, 1),
    "x": fb.Normal(0, 1),
    "alpha": fb.Gamma(*ALPHA),
    "group_specific": fb.Prior("Normal", mu=0, sigma=fb.HalfNormal(1)),
}
CODES = np.arange(ROWS) % GROUPS

WEIGHTED: Density = _core.ReweightedGroupedGaussian


def not_weighted(surrogate: Any, log_ratios: Density, **more: Any) -> Any:
    return WEIGHTED(surrogate, lambda draws, _: np.zeros(draws.shape[1]), **more)


def ranks(family: str, reweighted: Density) -> NDArray[np.int64]:
    """Ranks of the truth among 19 draws: of each parameter, of effects, of the log likelihood; (these, data sets)."""
    result = []
    for seed, rng in enumerate(np.random.default_rng(len(family)).spawn(DATA_SETS)):
        truth, x, y = simulated(family, rng)
        frame = pd.DataFrame({"x": x, "y": y, "g": [f"g{code}" for code in CODES]})
        model = fb.Model("y ~ x + (1 | g)", frame, family=family, link="log", priors=PRIORS, center_predictors=False)
        values = np.column_stack([sampled(model.regression, seed, reweighted), truth])
        means = np.exp(values[0] + x[:, None] * values[1] + values[-GROUPS:][CODES])
        log_likelihood = FAMILIES[family].log_density(y[:, None], means, values[2]).sum(axis=0)
        values = np.vstack([values, log_likelihood])
        result.append((values[:, :-1] < values[:, -1:]).sum(axis=1))
    return np.array(result).T


def simulated(family: str, rng: Rng) -> tuple[Array, Array, Array]:
    """A truth in the order of draws, a predictor and responses."""
    intercept, slope = rng.normal(size=2)
    alpha, deviation = rng.gamma(ALPHA[0], 1 / ALPHA[1]), abs(rng.normal())
    effects = deviation * rng.normal(size=GROUPS)
    x = rng.normal(size=ROWS)
    y = FAMILIES[family].draw(rng, np.exp(intercept + slope * x + effects[CODES]), alpha)
    return np.array([intercept, slope, alpha, deviation, *effects]), x, y


def sampled(regression: Any, seed: int, reweighted: Density) -> Array:
    """19 draws of one chain, far enough apart to be independent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_core, "ReweightedGroupedGaussian", reweighted)
        patch.setattr(reweighting, "_MOST_LOG_WEIGHT", np.inf)  # to leave data sets out would not be calibration
        density = regression.family.reweighted_frame(regression, seed, True)
    run = _core.sample_reweighted(density, draws=APART * (RANKS - 1), chains=1, cores=1, seed=seed, refuses=False)
    values: Array = run["sampling"]["values"]
    return values[:, 0, ::APART]


def least_p_value(ranks: NDArray[np.int64]) -> float:
    return min(rank_p_value(row, RANKS, BINS) for row in ranks)


@pytest.mark.parametrize("family", FAMILIES)
def test_ranks_are_uniform(family: str) -> None:
    found = ranks(family, WEIGHTED)
    assert len(found) == 4 + GROUPS + 1
    assert least_p_value(found) > P_LIMIT


@pytest.mark.parametrize("family", FAMILIES)
def test_ranks_reject_draws_that_are_not_weighted(family: str) -> None:
    assert least_p_value(ranks(family, not_weighted)) < P_LIMIT
