"""Models written out parameter by parameter are those of formulas: the same density, the same draws."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from containers import ARVIZ_MAJOR
from filbert import explicit as pm
from filbert.families import FAMILIES

RNG = np.random.default_rng(5)
N = 80
DATA = pd.DataFrame(
    {
        "x": RNG.normal(2, 1, N),
        "z": RNG.normal(size=N),
        "w": RNG.uniform(1, 3, N),
        "g": RNG.choice(["a", "b", "c"], N),
        "h": RNG.choice(["u", "v"], N),
    }
)
DATA["y"] = 1 + 2 * DATA.x - DATA.z + (DATA.g == "b") + RNG.normal(0, 0.7, N)
CODES = DATA.g.map({"a": 0, "b": 1, "c": 2}).to_numpy()


def dummies(column):
    return pd.get_dummies(DATA[column], dtype=float).to_numpy()


# Formula, its priors, and the mean written out; parameters are named as terms and in their order.
MODELS = {
    "line": ("y ~ x", {}, lambda p: p("Intercept") + p("x") * DATA.x),
    "series on the left": ("y ~ x", {}, lambda p: p("Intercept") + DATA.x * p("x")),
    "two": ("y ~ x + z", {}, lambda p: p("Intercept") + p("x") * DATA.x + p("z") * DATA["z"].to_numpy()),
    "intercept last": ("y ~ x + z", {}, lambda p: p("x") * DATA.x + p("z") * DATA.z + p("Intercept")),
    "no intercept": ("y ~ 0 + x + z", {}, lambda p: p("x") * DATA.x + p("z") * DATA.z),
    "intercept alone": ("y ~ 1", {}, lambda p: p("Intercept")),
    "square": ("y ~ x + I(x ** 2)", {}, lambda p: p("Intercept") + p("x") * DATA.x + p("I(x ** 2)") * DATA.x**2),
    "log": ("y ~ log(w)", {}, lambda p: p("Intercept") + p("log(w)") * np.log(DATA.w)),
    "centred": ("y ~ center(x)", {}, lambda p: p("Intercept") + (DATA.x - DATA.x.mean()) * p("center(x)")),
    "cells": ("y ~ 0 + g", {}, lambda p: p("g", 3)[CODES]),
    "treatment": ("y ~ g", {}, lambda p: p("Intercept") + dummies("g")[:, 1:] @ p("g", 2)),
    "treatment by dot": ("y ~ g", {}, lambda p: pm.math.dot(dummies("g")[:, 1:], p("g", 2)) + p("Intercept")),
    "factor and number": (
        "y ~ x + g",
        {},
        lambda p: p("Intercept") + p("x") * DATA.x + dummies("g")[:, 1:] @ p("g", 2),
    ),
    "interaction": (
        "y ~ x * z",
        {},
        lambda p: p("Intercept") + p("x") * DATA.x + p("z") * DATA.z + p("x:z") * (DATA.x * DATA.z),
    ),
    "slopes by group": (
        "y ~ 0 + g + g:x",
        {},
        lambda p: p("g", 3)[CODES] + p("g:x", 3)[CODES] * DATA.x,
    ),
    "offset": ("y ~ x + offset(z)", {}, lambda p: p("Intercept") + p("x") * DATA.x + DATA.z),
    "constant offset": ("I(y - 3) ~ x", {}, lambda p: p("Intercept") + p("x") * DATA.x),
    "rescaled": ("y ~ I(x / 2)", {}, lambda p: p("Intercept") + p("I(x / 2)") * DATA.x / 2),
    "student t": (
        "y ~ x",
        {"x": fb.StudentT(4, 1, 2), "sigma": fb.HalfStudentT(4, 3)},
        lambda p: p("Intercept") + p("x") * DATA.x,
    ),
    "positive slope": (
        "y ~ x",
        {"x": fb.HalfNormal(2), "Intercept": fb.Cauchy(0, 5), "sigma": fb.Exponential(2)},
        lambda p: p("Intercept") + p("x") * DATA.x,
    ),
    "one prior a column": (
        "y ~ g",
        {"g": fb.Normal([0, 1], [2, 3]), "Intercept": fb.Flat(), "sigma": fb.HalfFlat()},
        lambda p: p("Intercept") + dummies("g")[:, 1:] @ p("g", 2),
    ),
}


def both(name):
    """Return a formula model and its explicit twin."""
    formula, priors, mean = MODELS[name]
    defaults = {"common": fb.Normal(0, 3), "Intercept": fb.Normal(0, 20), "sigma": fb.HalfCauchy(10)}
    model = fb.Model(formula, DATA, center_predictors=False, priors=None)
    names = list(model.priors)
    given = {key: prior for key, prior in {**defaults, **priors}.items() if key == "common" or key in names}
    model.set_priors(given)
    with pm.Model() as explicit:
        prior = model.priors["sigma"]
        sigma = getattr(pm, prior.name)("sigma", **prior.params)

        def parameter(term, shape=()):
            prior = model.priors[term]
            return getattr(pm, prior.name)(term, **prior.params, shape=shape)

        response = DATA.y - 3 if name == "constant offset" else DATA.y
        pm.Normal(model.design.response, mu=mean(parameter), sigma=sigma, observed=response)
    return model, explicit


@pytest.mark.parametrize("name", MODELS)
def test_density_is_the_formulas(name):
    model, explicit = both(name)
    gaussian = FAMILIES["gaussian"]
    here, there = gaussian.summary_posterior(explicit.regression), gaussian.summary_posterior(model.regression)
    assert here.dimension == there.dimension
    rng = np.random.default_rng(0)
    for _ in range(5):
        position = np.abs(rng.normal(1, 0.3, here.dimension))
        (one, one_gradient), (other, other_gradient) = here.log_density(position), there.log_density(position)
        assert one == pytest.approx(other, rel=1e-12)
        np.testing.assert_allclose(one_gradient, other_gradient, rtol=1e-11, atol=1e-10 * np.abs(other_gradient).max())


@pytest.mark.parametrize("name", MODELS)
def test_posterior_is_the_formulas_for_a_seed(name):
    model, explicit = both(name)
    one = pm.sample(500, random_seed=3, model=explicit)["posterior"]
    other = model.fit(draws=500, random_seed=3)["posterior"]
    assert set(one.data_vars) == set(other.data_vars)
    for variable in one.data_vars:
        np.testing.assert_allclose(one[variable], other[variable], rtol=1e-6, atol=1e-8)


def test_a_different_model_is_told_apart():
    """The check above can fail: with another prior the draws differ."""
    model, explicit = both("line")
    model.set_priors(sigma=fb.HalfCauchy(1))
    one = pm.sample(500, random_seed=3, model=explicit)["posterior"]["x"]
    assert not np.allclose(one, model.fit(draws=500, random_seed=3)["posterior"]["x"], rtol=1e-6)


def test_coords_and_dims_reach_the_container():
    X = DATA[["x", "z"]]
    with pm.Model(coords={"predictor": list(X.columns), "row": DATA.index}) as model:
        design = pm.Data("design", X, dims=("row", "predictor"))
        sigma = pm.HalfNormal("sigma", 2)
        alpha = pm.Normal("alpha", 0, 10)
        beta = pm.Normal("beta", 0, [1, 2], dims="predictor")
        mu = pm.Deterministic("mu", alpha + design @ beta, dims="row")
        total = pm.Deterministic("total", beta.sum())
        pm.Normal("y", mu=mu, sigma=sigma, observed=DATA.y, dims="row")
        idata = pm.sample(random_seed=1)
    posterior = idata["posterior"]
    assert posterior["beta"].dims == ("chain", "draw", "predictor")
    assert list(posterior["predictor"].values) == ["x", "z"]
    assert posterior["mu"].dims == ("chain", "draw", "row")
    expected = posterior["alpha"].values[..., None] + posterior["beta"].values @ X.to_numpy().T
    np.testing.assert_allclose(posterior["mu"], expected, rtol=1e-12)
    np.testing.assert_allclose(posterior["total"], posterior["beta"].sum("predictor"), rtol=1e-12)
    assert idata["observed_data"]["y"].dims == ("row",)
    assert idata["constant_data"]["design"].dims == ("row", "predictor")
    assert model["beta"] is beta
    assert "total" in model.named_vars
    assert str(total) == "total"


def test_names_of_dimensions_are_pymcs_without_dims():
    with pm.Model():
        beta = pm.Normal("beta", shape=3)
        pm.Normal("y", mu=beta[CODES], sigma=pm.HalfNormal("s"), observed=DATA.y)
        idata = pm.sample(random_seed=1)
    assert idata["posterior"]["beta"].dims == ("chain", "draw", "beta_dim_0")
    assert idata["observed_data"]["y"].dims == ("y_dim_0",)
    assert set(idata["posterior"].data_vars) == {"beta", "s"}


def test_two_constants_are_told_apart_by_their_priors():
    X = np.column_stack([np.ones(N), DATA.x])
    with pm.Model():
        intercept = pm.Normal("a", 0, 1)
        beta = pm.Normal("b", 0, 2, shape=2)
        pm.Normal("y", mu=intercept + X @ beta, sigma=pm.HalfNormal("sigma", 2), observed=DATA.y)
        with pytest.warns(fb.DataWarning, match="collinear"):
            idata = pm.sample(2000, random_seed=1)
    ratio = float(idata["posterior"]["b"][..., 0].mean() / idata["posterior"]["a"].mean())
    assert ratio == pytest.approx(4, abs=0.8)  # in proportion to the prior variances


def test_predictive_draws():
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 1), pm.Normal("b", 0, 2)
        sigma = pm.HalfNormal("sigma", 1)
        mu = pm.Deterministic("mu", a + b * DATA.x)
        pm.Normal("y", mu=mu, sigma=sigma, observed=DATA.y)
        idata = pm.sample(1000, random_seed=1)
        prior = pm.sample_prior_predictive(4000, random_seed=2)
        replicated = pm.sample_posterior_predictive(idata, random_seed=3)
    assert set(prior["prior"].data_vars) == {"a", "b", "sigma", "mu"}
    assert prior["prior"]["mu"].sizes["draw"] == 4000
    x = DATA.x.to_numpy()
    variance = 1 + 4 * x**2 + 1  # of a, b and the noise
    drawn = prior["prior_predictive"]["y"].values[0]
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.15)
    y = replicated["posterior_predictive"]["y"]
    assert y.dims == ("chain", "draw", "y_dim_0")
    np.testing.assert_allclose(y.mean(("chain", "draw")), idata["posterior"]["mu"].mean(("chain", "draw")), atol=0.06)
    assert "posterior_predictive" not in list(idata.children if ARVIZ_MAJOR else idata.groups())
    pm.sample_posterior_predictive(idata, extend_inferencedata=True, random_seed=3, model=model)
    np.testing.assert_array_equal(idata["posterior_predictive"]["y"], y)


def test_a_parameter_may_be_called_mu_and_names_may_have_slashes(tmp_path):
    with pm.Model(coords={"g/h": ["u", "v"]}):
        mu = pm.Normal("mu", 0, 1, dims="g/h")
        pm.Data("x/10", DATA.x / 10)
        mean = pm.Deterministic("mu/2", mu[(DATA.x > 2).astype(int)] / 2)
        pm.Normal("y/1", mean, pm.HalfNormal("sigma", 1), observed=DATA.y, dims="row/s")
        idata = pm.sample(random_seed=1)
        prior = pm.sample_prior_predictive(100, random_seed=2)
        pm.sample_posterior_predictive(idata, extend_inferencedata=True, random_seed=3)
    assert set(prior["prior"].data_vars) == {"mu", "sigma", "mu÷2"}
    assert prior["prior"]["mu"].dims == ("chain", "draw", "g÷h")
    assert idata["posterior_predictive"]["y÷1"].dims == ("chain", "draw", "row÷s")
    idata.to_netcdf(tmp_path / "fit.nc")
    for group, names in {"observed_data": {"y÷1"}, "constant_data": {"x÷10"}}.items():
        with xr.open_dataset(tmp_path / "fit.nc", group=group, engine="h5netcdf") as stored:
            assert set(stored.data_vars) == names


def test_the_mean_may_be_known():
    known = 0.5 * DATA.x
    with pm.Model():
        sigma = pm.HalfNormal("sigma", 3)
        pm.Normal("y", mu=known, sigma=sigma, observed=DATA.y)
        idata = pm.sample(4000, random_seed=1)
        prior = pm.sample_prior_predictive(2000, random_seed=2)
        replicated = pm.sample_posterior_predictive(idata, random_seed=3)
    at = np.linspace(0.5, 8, 4000)
    log_density = -N * np.log(at) - 0.5 * ((DATA.y - known) ** 2).sum() / at**2 - 0.5 * (at / 3) ** 2
    weight = np.exp(log_density - log_density.max())
    mean = weight @ at / weight.sum()
    sd = np.sqrt(weight @ (at - mean) ** 2 / weight.sum())
    table = fb.summary(idata).loc["sigma"]
    assert abs(table["mean"] - mean) < 4.5 * sd / np.sqrt(table["ess_bulk"])
    assert table["sd"] == pytest.approx(sd, rel=0.06)
    assert prior["prior_predictive"]["y"].shape == (1, 2000, N)
    np.testing.assert_allclose(replicated["posterior_predictive"]["y"].mean(("chain", "draw")), known, atol=0.15)


def test_models_nest_and_can_be_entered_again():
    with pm.Model() as outer:
        pm.Normal("a")
        with pm.Model() as inner:
            pm.Normal("b")
        pm.Normal("c")
    with outer:
        pm.HalfNormal("d")
    assert set(outer.named_vars) == {"a", "c", "d"}
    assert set(inner.named_vars) == {"b"}
    assert pm.modelcontext(inner) is inner


def test_print():
    with pm.Model() as model:
        sigma = pm.HalfCauchy("sigma", beta=10)
        slope = pm.Normal("slope", 0, sigma=20)
        pm.Deterministic("double", 2 * slope)
        pm.Normal("y", mu=slope * DATA.x, sigma=sigma, observed=DATA.y)
    assert str(model).splitlines() == [
        "sigma ~ HalfCauchy(beta: 10.0)",
        "slope ~ Normal(mu: 0.0, sigma: 20.0)",
        "double = affine in slope",
        "y ~ Normal(mu: affine in slope; sigma: sigma), 80 observations",
    ]


def test_math_works_on_numbers():
    np.testing.assert_array_equal(pm.math.log(DATA.w), np.log(DATA.w))
    np.testing.assert_array_equal(pm.math.dot(np.eye(2), np.ones(2)), [1, 1])


def test_many_rows_and_levels():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200_000, 10))
    y = X @ np.arange(10) + rng.normal(size=len(X))
    group = rng.integers(0, 50, len(X))
    with pm.Model():
        beta = pm.Normal("beta", 0, 20, shape=10)
        level = pm.Normal("level", 0, 20, shape=50)
        pm.Normal("y", mu=X @ beta + level[group], sigma=pm.HalfNormal("sigma", 5), observed=y)
        posterior = pm.sample(random_seed=1)["posterior"]
    np.testing.assert_allclose(posterior["beta"].mean(("chain", "draw")), np.arange(10), atol=0.02)
