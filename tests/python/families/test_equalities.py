"""Models that must agree: aggregated and single rows, offsets and rates, limits of families, families of logarithms."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from family_models import quickly
from filbert.fit import framed

RNG = np.random.default_rng(31)
CELLS = pd.DataFrame(
    {"x": np.repeat([-1.0, 0, 1, 2], 2), "g": np.resize(list("ab"), 8), "n": [9, 4, 12, 7, 5, 11, 8, 6]}
)
CELLS["k"] = RNG.binomial(CELLS["n"], 1 / (1 + np.exp(-0.7 * CELLS["x"])))
SINGLE = pd.concat(
    [
        CELLS.assign(y=1).loc[CELLS.index.repeat(CELLS["k"])],
        CELLS.assign(y=0).loc[CELLS.index.repeat(CELLS["n"] - CELLS["k"])],
    ],
    ignore_index=True,
)
PRIORS = {"Intercept": fb.Normal(0, 2), "x": fb.Normal(0, 1), "g": fb.Normal(0, 1)}


def log_density(model: fb.Model, position: np.ndarray) -> float:
    """The log posterior at a point: coefficients, then the logarithms of auxiliaries."""
    return float(model.regression.family.posterior(model.regression).log_density(position)[0])


def agree(left: fb.Model, right: fb.Model, *, draws: int = 4000) -> None:
    """Means of both posteriors in Monte Carlo errors, and deviations within a few percent."""
    tables = []
    for seed, model in enumerate((left, right)):
        idata = model.fit(draws=draws, random_seed=seed, progressbar=False, compute_convergence_checks=False)
        tables.append(fb.summary(idata))
    common = [name for name in tables[0].index if name in tables[1].index]
    one, two = (table.loc[common] for table in tables)
    scores = (one["mean"] - two["mean"]) / np.hypot(one["mcse_mean"], two["mcse_mean"])
    assert np.abs(scores).max() < 4
    np.testing.assert_allclose(one["sd"], two["sd"], rtol=0.06)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_binomial_rows_are_bernoulli_rows_together(link: str) -> None:
    """Their densities differ by a constant, that of the binomial coefficients."""
    arguments = {"priors": PRIORS, "link": link, "center_predictors": False}
    together = fb.Model("p(k, n) ~ x + g", CELLS, family="binomial", **arguments)
    single = fb.Model("y ~ x + g", SINGLE, family="bernoulli", **arguments)
    points = RNG.normal(0, 0.7, (20, 3))
    differences = [log_density(together, point) - log_density(single, point) for point in points]
    np.testing.assert_allclose(differences, differences[0], rtol=1e-10)
    assert abs(differences[0]) > 1
    np.testing.assert_allclose(
        together.maximum_likelihood()["estimate"], single.maximum_likelihood()["estimate"], rtol=1e-7
    )
    np.testing.assert_allclose(
        framed(together.regression).mode()["covariance"], framed(single.regression).mode()["covariance"], rtol=1e-5
    )


def test_one_trial_is_bernoulli() -> None:
    binomial = fb.Model("p(y, 1) ~ x + g", SINGLE, family="binomial", priors=PRIORS)
    bernoulli = fb.Model("y ~ x + g", SINGLE, family="bernoulli", priors=PRIORS)
    for point in RNG.normal(0, 0.7, (5, 3)):
        assert log_density(binomial, point) == pytest.approx(log_density(bernoulli, point), rel=1e-12)


def test_successes_and_failures_mirror_each_other() -> None:
    text = SINGLE.assign(t=np.where(SINGLE["y"] == 1, "yes", "no"))
    yes = fb.Model("t['yes'] ~ x + g", text, family="bernoulli").maximum_likelihood()
    no = fb.Model("binary(t, 'no') ~ x + g", text, family="bernoulli").maximum_likelihood()
    np.testing.assert_allclose(yes["estimate"], -no["estimate"], rtol=1e-8)


def test_an_offset_of_log_exposure_models_rates() -> None:
    """Rows of one exposure may be split into rows of parts of it: the sums of counts say the same."""
    data = pd.DataFrame({"x": RNG.normal(size=30), "e": RNG.uniform(1, 5, 30)})
    data["c"] = RNG.poisson(np.exp(0.5 + 0.4 * data["x"]) * data["e"])
    whole = fb.Model("c ~ x + offset(log(e))", data, family="poisson", priors={"common": fb.Normal(0, 1)})
    first = RNG.binomial(data["c"], 0.3)
    parts = pd.concat([data.assign(c=first, e=0.3 * data["e"]), data.assign(c=data["c"] - first, e=0.7 * data["e"])])
    split = fb.Model(
        "c ~ x + offset(log(e))", parts.reset_index(drop=True), family="poisson", priors=whole.regression.priors
    )
    points = RNG.normal(0, 0.5, (10, 2))
    differences = [log_density(whole, point) - log_density(split, point) for point in points]
    np.testing.assert_allclose(differences, differences[0], rtol=1e-10)
    idata = quickly(whole)
    rates = fb.predictions(whole, idata, data=data.assign(e=1.0))["mean"].to_numpy()
    np.testing.assert_allclose(fb.predictions(whole, idata)["mean"].to_numpy(), rates * data["e"], rtol=1e-9)
    as_argument = fb.Model("c ~ x", data.assign(o=np.log(data["e"])), family="poisson", offset="o")
    np.testing.assert_allclose(as_argument.maximum_likelihood(), whole.maximum_likelihood(), rtol=1e-9)


def test_an_exponential_is_a_gamma_of_shape_one() -> None:
    data = pd.DataFrame({"x": RNG.normal(size=40)})
    data["t"] = RNG.exponential(np.exp(0.3 * data["x"]))
    exponential = fb.Model("t ~ x", data, family="exponential")
    gamma = fb.Model("t ~ x", data, family="gamma", priors={"alpha": 1})
    for point in RNG.normal(0, 1, (10, 2)):
        assert log_density(exponential, point) == pytest.approx(log_density(gamma, point), rel=1e-11)
    draws = [np.asarray(quickly(model)["posterior"]["x"]) for model in (exponential, gamma)]
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-6)
    half = fb.Model("t ~ x", data, family="gamma", priors={"alpha": 0.5})
    assert log_density(half, np.zeros(2)) != pytest.approx(log_density(gamma, np.zeros(2)), rel=1e-3)


def test_a_lognormal_is_a_gaussian_of_logarithms_bit_for_bit() -> None:
    data = pd.DataFrame({"x": RNG.normal(size=40)})
    data["y"] = np.exp(1 + 0.5 * data["x"] + RNG.normal(0, 0.4, 40))
    priors = {"Intercept": fb.Normal(0, 3), "x": fb.Normal(0, 2), "sigma": fb.HalfNormal(1)}
    lognormal = fb.Model("y ~ x", data, family="lognormal", priors=priors)
    gaussian = fb.Model("y ~ x", data.assign(y=np.log(data["y"])), priors=priors)
    one, two = quickly(lognormal), quickly(gaussian)
    for name in ("Intercept", "x", "sigma"):
        np.testing.assert_array_equal(one["posterior"][name], two["posterior"][name])
    for made, idata in ((lognormal, one), (gaussian, two)):
        made.log_likelihood(idata)
        made.predict(idata, kind="response", random_seed=5)
    jacobian = np.log(data["y"].to_numpy())
    np.testing.assert_allclose(
        one["log_likelihood"]["y"], two["log_likelihood"]["y"] - jacobian, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(
        np.log(one["posterior_predictive"]["y"]), two["posterior_predictive"]["y"], rtol=1e-9, atol=1e-12
    )


@pytest.mark.statistical
def test_a_t_of_a_million_degrees_is_gaussian() -> None:
    data = pd.DataFrame({"x": RNG.normal(size=60)})
    data["y"] = 2 - 0.5 * data["x"] + RNG.normal(0, 0.8, 60)
    agree(fb.Model("y ~ x", data, family="t", priors={"nu": 1e6}), fb.Model("y ~ x", data))
    with pytest.raises(AssertionError):
        agree(fb.Model("y ~ x", data, family="t", priors={"nu": 2}), fb.Model("y ~ x", data))


@pytest.mark.statistical
def test_families_with_an_auxiliary_far_out_are_those_without() -> None:
    counts = pd.DataFrame({"x": RNG.normal(size=60), "n": 10})
    counts["c"] = RNG.poisson(np.exp(1 + 0.3 * counts["x"]))
    counts["k"] = RNG.binomial(10, 1 / (1 + np.exp(-0.5 * counts["x"])))
    priors = {"Intercept": fb.Normal(0, 2), "x": fb.Normal(0, 1)}
    agree(
        fb.Model("c ~ x", counts, family="negativebinomial", priors={**priors, "alpha": 1e8}),
        fb.Model("c ~ x", counts, family="poisson", priors=priors),
    )
    agree(
        fb.Model("p(k, n) ~ x", counts, family="beta_binomial", priors={**priors, "kappa": 1e8}),
        fb.Model("p(k, n) ~ x", counts, family="binomial", priors=priors),
    )


@pytest.mark.statistical
def test_a_gaussian_with_known_sigma_has_its_conjugate_posterior() -> None:
    data = pd.DataFrame({"x": RNG.normal(size=30)})
    data["y"] = 1 + data["x"] + RNG.normal(0, 0.5, 30)
    priors = {"Intercept": fb.Normal(0, 2), "x": fb.Normal(0, 2), "sigma": 0.5}
    model = fb.Model("y ~ x", data, priors=priors, center_predictors=False)
    X = np.column_stack([np.ones(30), data["x"]])
    covariance = np.linalg.inv(X.T @ X / 0.25 + np.eye(2) / 4)
    mean = covariance @ X.T @ data["y"].to_numpy() / 0.25
    table = fb.summary(quickly(model, draws=4000))
    assert np.abs((table["mean"] - mean) / table["mcse_mean"]).max() < 4
    np.testing.assert_allclose(table["sd"], np.sqrt(np.diag(covariance)), rtol=0.04)
