"""Parameters of explicit models that no row uses have the draws of their prior, and change nothing for the others."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pytest
from filbert import explicit as pm
from statistical.oracle import Oracle, Regression, as_scipy
from statistical.scores import QUANTILES, Z_LIMIT, coverage_score, draws_by_name, worst

pytestmark = pytest.mark.statistical

RNG = np.random.default_rng(91)
GROUP = RNG.integers(0, 2, 40)
Y = np.array([0.3, 1.1])[GROUP] + RNG.normal(size=40)
# Without Cauchy: no metric fits its tails, NUTS crosses them slowly where no data cut them, and warns of that.
PRIORS = {
    "Normal": fb.Normal(1, 2),
    "StudentT": fb.StudentT(4, 1, 2),
    "Laplace": fb.Laplace(1, 2),
    "Uniform": fb.Uniform(-1, 3),
    "HalfNormal": fb.HalfNormal(2),
    "HalfCauchy": fb.HalfCauchy(2),
    "HalfStudentT": fb.HalfStudentT(4, 2),
    "Exponential": fb.Exponential(2),
    "Gamma": fb.Gamma(2, 3),
    "InverseGamma": fb.InverseGamma(3, 2),
}


def sampled(prior):
    """Draws where level "c" has no rows, and `prior` is that of a parameter that the mean does not use at all."""
    with pm.Model(coords={"g": ["a", "b", "c"]}):
        level = pm.Normal("level", 1, 2, dims="g")
        getattr(pm, prior.name)("idle", **prior.params)
        pm.Normal("y", level[GROUP], pm.HalfNormal("sigma", 1), observed=Y)
        with pytest.warns(fb.DataWarning, match=r"say nothing about 'level\[c\]', 'idle': the draws are the prior's"):
            return pm.sample(2000, random_seed=92)


def worst_coverage(draws, prior):
    exact = as_scipy(prior)
    return max(abs(coverage_score(draws, exact.ppf(share), share)) for share in QUANTILES.values())


@pytest.mark.parametrize("name", PRIORS)
def test_draws_of_the_unused_are_the_priors(name):
    idata = sampled(PRIORS[name])
    draws = draws_by_name(idata)
    assert not idata["sample_stats"]["diverging"].any()
    assert worst_coverage(draws["idle"], PRIORS[name]) < Z_LIMIT
    assert worst_coverage(draws["level[2]"], fb.Normal(1, 2)) < Z_LIMIT
    indicators = np.column_stack([GROUP == 0, GROUP == 1]).astype(float)
    priors = [as_scipy(fb.Normal(1, 2))] * 2
    exact = Oracle(Regression(indicators, Y, priors, as_scipy(fb.HalfNormal(1)), intercept=False)).marginals()
    used = {key: draws[key] for key in ("level[0]", "level[1]", "sigma")}
    assert abs(worst(used, exact)[1]) < Z_LIMIT


def test_another_prior_is_told_apart():
    assert worst_coverage(draws_by_name(sampled(fb.Normal(1, 2)))["idle"], fb.Normal(1, 2.3)) > Z_LIMIT
