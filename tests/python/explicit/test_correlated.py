"""Effects with correlations, as ``pm.LKJCholeskyCov`` and ``pm.MvNormal`` state them: those of ``(x | g)``."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import explicit as pm
from filbert.errors import DataTypeError, FormulaError, PriorError, SettingError
from refusals import refused

RNG = np.random.default_rng(9)
N, G = 200, 10
CODES = RNG.permutation(np.arange(N) % G)
X, W = RNG.normal(size=(2, N))
EFFECTS = RNG.multivariate_normal(np.zeros(3), [[1, 0.6, 0], [0.6, 1, -0.5], [0, -0.5, 1]], G)
MEAN = 1 + EFFECTS[CODES, 0] + (0.5 + EFFECTS[CODES, 1]) * X + EFFECTS[CODES, 2] * W
FRAME = pd.DataFrame({"x": X, "w": W, "g": [f"g{code}" for code in CODES], "y": MEAN + RNG.normal(0, 0.7, N)})
FRAME["counts"] = RNG.poisson(np.exp(0.3 * MEAN))
COORDS = {"g": [f"g{code}" for code in range(G)], "effect": ["one", "x", "w"]}
QUIET = {"progressbar": False, "compute_convergence_checks": False}


def explicit_model(family="gaussian", eta=3.0):
    with pm.Model(coords=COORDS) as model:
        chol, _, _ = pm.LKJCholeskyCov("chol", n=3, eta=eta, sd_dist=pm.Exponential.dist(1.0, shape=3))
        ab = pm.MvNormal("ab", mu=0, chol=chol, dims=("g", "effect"))
        mean = pm.Normal("mu", 0, 5) + pm.Normal("beta", 0, 3) * X
        mean = mean + ab[CODES, 0] + ab[CODES, 1] * X + ab[CODES, 2] * W
        if family == "gaussian":
            pm.Normal("y", mu=mean, sigma=pm.HalfNormal("sigma", 1), observed=FRAME.y)
        else:
            pm.Poisson("counts", mu=pm.math.exp(mean), observed=FRAME.counts)
    return model


def formula_draws(family, eta):
    priors = {"Intercept": fb.Normal(0, 5), "x": fb.Normal(0, 3), "g_corr": fb.Prior("LKJCorr", eta=eta)}
    priors |= {f"{name}|g": fb.Exponential(1) for name in ("1", "x", "w")}
    priors |= {"sigma": fb.HalfNormal(1)} if family == "gaussian" else {}
    response = "y" if family == "gaussian" else "counts"
    model = fb.Model(f"{response} ~ x + (x + w | g)", FRAME, family, priors=priors, center_predictors=False)
    return model.fit(200, random_seed=4, **QUIET)["posterior"]


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_draws_are_the_formulas(family):
    draws = pm.sample(200, random_seed=4, model=explicit_model(family), **QUIET)["posterior"]
    theirs = formula_draws(family, 3.0)
    close = {"rtol": 1e-6, "atol": 1e-8}
    for place, effect in enumerate(["1|g", "x|g", "w|g"]):
        np.testing.assert_allclose(draws["ab"][..., place], theirs[effect], **close)
        np.testing.assert_allclose(draws["chol_stds"][..., place], theirs[f"{effect}_sigma"], **close)
    correlations = draws["chol_corr"].to_numpy()
    for pair, (i, j) in {"1, x": (0, 1), "1, w": (0, 2), "x, w": (1, 2)}.items():
        for one, other in ((i, j), (j, i)):
            np.testing.assert_allclose(correlations[..., one, other], theirs["g_corr"].sel(g__corr_dim=pair), **close)
    assert draws["ab"].dims == ("chain", "draw", "g", "effect")
    assert not np.allclose(draws["chol_stds"][..., 0], formula_draws(family, 1.0)["1|g_sigma"], rtol=1e-3)


def test_factor_is_that_of_the_covariance_matrix():
    draws = pm.sample(50, random_seed=4, model=explicit_model(), **QUIET)["posterior"]
    factor = np.zeros((4, 50, 3, 3))
    factor[..., *np.tril_indices(3)] = draws["chol"].to_numpy()
    stds = draws["chol_stds"].to_numpy()
    covariance = stds[..., :, None] * draws["chol_corr"].to_numpy() * stds[..., None, :]
    np.testing.assert_allclose(factor @ factor.swapaxes(-1, -2), covariance, rtol=1e-9, atol=1e-12)


def test_draws_whose_correlations_are_singular_have_factors():
    prior = pm.sample_prior_predictive(400, random_seed=2, model=explicit_model(eta=0.05))["prior"]
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(prior["chol_corr"].to_numpy())
    assert np.isfinite(prior["chol"].to_numpy()).all()


def test_likelihoods_are_those_of_the_draws():
    model = explicit_model()
    idata = pm.sample(50, random_seed=4, model=model, **QUIET)
    draws = idata["posterior"]
    ab = draws["ab"].to_numpy()[..., CODES, :]
    mean = draws["mu"].to_numpy()[..., None] + draws["beta"].to_numpy()[..., None] * X
    mean = mean + ab[..., 0] + ab[..., 1] * X + ab[..., 2] * W
    sigma = draws["sigma"].to_numpy()[..., None]
    expected = -0.5 * ((FRAME.y.to_numpy() - mean) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    pm.compute_log_likelihood(idata, model=model, progressbar=False)
    np.testing.assert_allclose(idata["log_likelihood"]["y"], expected, rtol=1e-8)


def test_prior_draws_of_correlations_are_of_lkj():
    prior = pm.sample_prior_predictive(4000, random_seed=2, model=explicit_model(eta=3.0))["prior"]
    correlation = prior["chol_corr"].to_numpy()[..., 0, 1].ravel()
    # Of 3 x 3 matrices a correlation has the density of 2 Beta(a, a) - 1 with a = eta + 1/2, and variance 1/(2 a + 1).
    squares = correlation**2
    error = 4 * squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - 1 / 8) < error
    assert abs(squares.mean() - 1 / 4) > error  # that of eta = 1
    standard = (prior["ab"] / prior["chol_stds"].to_numpy()[..., None, :]).to_numpy()
    assert abs((standard[..., 0] * standard[..., 1]).mean() - correlation.mean()) < 4 / np.sqrt(4000)


def test_means_by_effect():
    with pm.Model(coords=COORDS):
        chol, _, _ = pm.LKJCholeskyCov("chol", n=3, eta=3, sd_dist=pm.Exponential.dist(1.0))
        ab = pm.MvNormal("ab", pm.Normal("mu", 0, 5, dims="effect"), chol=chol, dims=("g", "effect"))
        mean = ab[CODES, 0] + ab[CODES, 1] * X + ab[CODES, 2] * W
        pm.Normal("y", mu=mean, sigma=pm.HalfNormal("sigma", 1), observed=FRAME.y)
        draws = pm.sample(2000, random_seed=4, progressbar=False)["posterior"]
    estimates = np.array(
        [np.linalg.lstsq(np.column_stack([np.ones(N), X, W])[g == CODES], FRAME.y[g == CODES])[0] for g in range(G)]
    )
    found = draws["ab"].to_numpy().reshape(-1, G, 3)
    assert np.abs((found.mean(0) - estimates) / found.std(0)).max() < 2.5  # shrunk, and each to its own group
    assert np.abs((found.mean(0) - estimates[::-1]) / found.std(0)).max() > 5


class TestRefused:
    @pytest.fixture(autouse=True)
    def model(self):
        with pm.Model(coords=COORDS) as model:
            self.chol, self.corr, self.stds = pm.LKJCholeskyCov("chol", n=3, eta=2, sd_dist=pm.HalfNormal.dist(1))
            yield model

    def test_matrices(self):
        sds = pm.HalfNormal.dist(1)
        refused(SettingError, lambda: pm.LKJCholeskyCov("c", n=1, eta=2, sd_dist=sds), "n must be", "not 1")
        refused(PriorError, lambda: pm.LKJCholeskyCov("c", n=2, eta=-1, sd_dist=sds), "eta")
        refused(PriorError, lambda: pm.LKJCholeskyCov("c", n=2, eta=1, sd_dist=pm.Normal.dist()), "positive values")
        refused(DataTypeError, lambda: pm.LKJCholeskyCov("c", n=2, eta=1, sd_dist=1.0), "pm.HalfNormal.dist(1)")
        refused(SettingError, lambda: pm.LKJCholeskyCov("c", n=2, eta=1, sd_dist=sds, compute_corr=False), "compute_c")
        wide = pm.HalfNormal.dist(1, shape=4)
        refused(PriorError, lambda: pm.LKJCholeskyCov("c", n=2, eta=1, sd_dist=wide), "one value, or 2", "(4,)")
        refused(FormulaError, lambda: pm.LKJCholeskyCov("chol", n=2, eta=1, sd_dist=sds), "has 'chol' already")
        refused(FormulaError, lambda: pm.Normal("chol_corr"), "has 'chol_corr' already")
        refused(FormulaError, pm.Poisson.dist, "pm.Poisson.dist", "likelihood")

    def test_effects(self):
        dims = ("g", "effect")
        refused(FormulaError, lambda: pm.MvNormal("ab", cov=np.eye(3), dims=dims), "does not take 'cov'", "chol=")
        refused(FormulaError, lambda: pm.MvNormal("ab", 0, dims=dims), "needs chol=", "pm.LKJCholeskyCov")
        refused(FormulaError, lambda: pm.MvNormal("ab", 0, chol=self.corr, dims=dims), "needs chol=")
        refused(SettingError, lambda: pm.MvNormal("ab", 0, chol=self.chol, shape=(G, 2)), "(10, 2)", "3 effects")
        refused(SettingError, lambda: pm.MvNormal("ab", np.zeros((3, 2)), chol=self.chol, dims=dims), "(3, 2)")
        z = pm.Normal("z", 0, 1, dims=("effect", "g"))
        refused(FormulaError, lambda: self.chol @ z, "'chol'", "pm.MvNormal(name, mu, chol=chol")
        refused(FormulaError, lambda: pm.math.dot(self.chol, z), "'chol'", "pm.MvNormal(name, mu, chol=chol")
        transposed = pm.Normal("transposed", 0, 1, dims=("g", "effect"))
        refused(FormulaError, lambda: transposed @ self.chol.T, "'chol'", "pm.MvNormal(name, mu, chol=chol")

    def test_rows_with_two_groups(self, model):
        ab = pm.MvNormal("ab", 0, chol=self.chol, dims=("g", "effect"))
        mean = ab[CODES, 0] + ab[(CODES + 1) % G, 1] * X + ab[CODES, 2] * W
        pm.Normal("y", mean, pm.HalfNormal("sigma", 1), observed=FRAME.y)
        refused(FormulaError, lambda: model.regression, "Row 0", "two groups of 'ab'")

    def test_columns_without_rows(self, model):
        ab = pm.MvNormal("ab", 0, chol=self.chol, dims=("g", "effect"))
        pm.Normal("y", ab[CODES, 0] + ab[CODES, 1] * X, pm.HalfNormal("sigma", 1), observed=FRAME.y)
        refused(FormulaError, lambda: model.regression, "No row depends on 10 of the elements of 'ab'")
