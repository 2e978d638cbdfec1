"""Explicit models of every family and link are those of formulas: the same density, and for a seed the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import explicit as pm
from filbert.families import FAMILIES
from filbert.plots import plot_priors

RNG = np.random.default_rng(12)
N = 90
X = RNG.normal(size=N)
ETA = 0.3 + 0.5 * X
P = 1 / (1 + np.exp(-ETA))
TRIALS = RNG.integers(1, 12, N)
SHARE = RNG.beta(6 * P, 6 * (1 - P))
DATA = pd.DataFrame(
    {
        "x": X,
        "z": RNG.uniform(0.5, 1.5, N),
        "n": TRIALS,
        "exposure": RNG.uniform(0.5, 3, N),
        "real": ETA + 0.5 * RNG.standard_t(4, N),
        "binary": RNG.binomial(1, P),
        "successes": RNG.binomial(TRIALS, P),
        "spread": RNG.binomial(TRIALS, SHARE),
        "counts": RNG.negative_binomial(2, 2 / (2 + np.exp(ETA))),
        "positive": RNG.gamma(4, np.exp(ETA) / 4),
        "share": SHARE,
    }
)


@dataclass(frozen=True)
class Case:
    """A formula with its family, and the likelihood written out from eta and a function that makes parameters."""

    formula: str
    family: str
    link: str
    written: Callable[[Any, Callable[[str], Any]], Any]
    priors: Mapping[str, Any] = field(default_factory=dict)


def likelihood(name: str, kind: str, **given: Any) -> Any:
    return getattr(pm, kind)(name, observed=DATA[name], **given)


def beta_binomial(p: Any, kappa: Any) -> Any:
    return likelihood("spread", "BetaBinomial", alpha=p * kappa, beta=(1 - p) * kappa, n=DATA.n)


def beta(p: Any, kappa: Any) -> Any:
    return likelihood("share", "Beta", alpha=kappa * p, beta=kappa * (1 - p))


def gamma(alpha: Any, rate: Callable[[Any], Any]) -> Any:
    return likelihood("positive", "Gamma", alpha=alpha, beta=rate(alpha))


def binomial(**given: Any) -> Any:
    return likelihood("successes", "Binomial", n=DATA.n, **given)


exp, sigmoid, invprobit = pm.math.exp, pm.math.sigmoid, pm.math.invprobit
SIGMA = {"sigma": fb.HalfNormal(2)}
SHAPE = {"alpha": fb.HalfCauchy(1)}
KAPPA = {"kappa": fb.HalfCauchy(2)}
NU = {"nu": fb.Gamma(2, 0.1)}
SMALL = {"Intercept": fb.Normal(0.5, 0.1), "x": fb.Normal(0, 0.02)}
POSITIVE = {"Intercept": fb.Normal(3, 0.5), "x": fb.Normal(0, 0.1)}
CASES = {
    "normal": Case(
        "real ~ x", "gaussian", "identity", lambda e, p: likelihood("real", "Normal", mu=e, sigma=p("sigma")), SIGMA
    ),
    "normal, known sigma": Case(
        "real ~ x", "gaussian", "identity", lambda e, p: likelihood("real", "Normal", mu=e, sigma=0.7), {"sigma": 0.7}
    ),
    "normal, log": Case(
        "positive ~ x",
        "gaussian",
        "log",
        lambda e, p: likelihood("positive", "Normal", mu=exp(e), sigma=p("sigma")),
        SIGMA,
    ),
    "t": Case(
        "real ~ x",
        "t",
        "identity",
        lambda e, p: likelihood("real", "StudentT", nu=p("nu"), mu=e, sigma=p("sigma")),
        {**SIGMA, **NU},
    ),
    "t, known nu": Case(
        "real ~ x",
        "t",
        "identity",
        lambda e, p: likelihood("real", "StudentT", nu=4, mu=e, sigma=p("sigma")),
        {**SIGMA, "nu": 4},
    ),
    "t, log": Case(
        "positive ~ x",
        "t",
        "log",
        lambda e, p: likelihood("positive", "StudentT", nu=4, mu=exp(e), sigma=p("sigma")),
        {**SIGMA, "nu": 4},
    ),
    "lognormal": Case(
        "positive ~ x",
        "lognormal",
        "identity",
        lambda e, p: likelihood("positive", "LogNormal", mu=e, sigma=p("sigma")),
        SIGMA,
    ),
    "bernoulli, logit_p": Case(
        "binary ~ x", "bernoulli", "logit", lambda e, p: likelihood("binary", "Bernoulli", logit_p=e)
    ),
    "bernoulli, sigmoid": Case(
        "binary ~ x", "bernoulli", "logit", lambda e, p: likelihood("binary", "Bernoulli", p=sigmoid(e))
    ),
    "bernoulli, 1 less": Case(
        "binary ~ x",
        "bernoulli",
        "logit",
        lambda e, p: likelihood("binary", "Bernoulli", p=1 - pm.math.invlogit(-e)),
    ),
    "bernoulli, probit": Case(
        "binary ~ x", "bernoulli", "probit", lambda e, p: likelihood("binary", "Bernoulli", p=invprobit(e))
    ),
    "bernoulli, cloglog": Case(
        "binary ~ x", "bernoulli", "cloglog", lambda e, p: likelihood("binary", "Bernoulli", p=1 - exp(-exp(e)))
    ),
    "bernoulli, cloglog by expm1": Case(
        "binary ~ x", "bernoulli", "cloglog", lambda e, p: likelihood("binary", "Bernoulli", p=-pm.math.expm1(-exp(e)))
    ),
    "bernoulli, identity": Case(
        "binary ~ x", "bernoulli", "identity", lambda e, p: likelihood("binary", "Bernoulli", p=e), SMALL
    ),
    "binomial": Case("p(successes, n) ~ x", "binomial", "logit", lambda e, p: binomial(logit_p=e)),
    "binomial, probit": Case("p(successes, n) ~ x", "binomial", "probit", lambda e, p: binomial(p=invprobit(e))),
    "beta_binomial": Case(
        "p(spread, n) ~ x", "beta_binomial", "logit", lambda e, p: beta_binomial(sigmoid(e), p("kappa")), KAPPA
    ),
    "beta_binomial, known kappa": Case(
        "p(spread, n) ~ x", "beta_binomial", "logit", lambda e, p: beta_binomial(sigmoid(e), 6.0), {"kappa": 6.0}
    ),
    "poisson": Case("counts ~ x", "poisson", "log", lambda e, p: likelihood("counts", "Poisson", mu=exp(e))),
    "poisson, exposure": Case(
        "counts ~ x + offset(log(exposure))",
        "poisson",
        "log",
        lambda e, p: likelihood("counts", "Poisson", mu=DATA.exposure * exp(e)),
    ),
    "poisson, sqrt": Case(
        "counts ~ x", "poisson", "sqrt", lambda e, p: likelihood("counts", "Poisson", mu=pm.math.sqr(e)), POSITIVE
    ),
    "poisson, identity": Case(
        "counts ~ z",
        "poisson",
        "identity",
        lambda e, p: likelihood("counts", "Poisson", mu=e),
        {"Intercept": fb.Normal(2, 0.5), "z": fb.Normal(0, 0.1)},
    ),
    "negativebinomial": Case(
        "counts ~ x",
        "negativebinomial",
        "log",
        lambda e, p: likelihood("counts", "NegativeBinomial", mu=exp(e), alpha=p("alpha")),
        SHAPE,
    ),
    "negativebinomial, known alpha": Case(
        "counts ~ x",
        "negativebinomial",
        "log",
        lambda e, p: likelihood("counts", "NegativeBinomial", mu=exp(e), alpha=2),
        {"alpha": 2},
    ),
    "gamma, mu": Case(
        "positive ~ x", "gamma", "log", lambda e, p: likelihood("positive", "Gamma", mu=exp(e), alpha=p("alpha")), SHAPE
    ),
    "gamma, beta": Case(
        "positive ~ x",
        "gamma",
        "log",
        lambda e, p: gamma(p("alpha"), lambda alpha: alpha / exp(e)),
        SHAPE,
    ),
    "gamma, product": Case(
        "positive ~ x",
        "gamma",
        "log",
        lambda e, p: gamma(p("alpha"), lambda alpha: alpha * exp(-e)),
        SHAPE,
    ),
    "gamma, known alpha": Case(
        "positive ~ x",
        "gamma",
        "log",
        lambda e, p: gamma(4, lambda alpha: alpha / exp(e)),
        {"alpha": 4},
    ),
    "gamma, inverse": Case(
        "positive ~ x",
        "gamma",
        "inverse",
        lambda e, p: likelihood("positive", "Gamma", mu=pm.math.reciprocal(e), alpha=p("alpha")),
        {**SHAPE, **POSITIVE},
    ),
    "gamma, identity": Case(
        "positive ~ x",
        "gamma",
        "identity",
        lambda e, p: likelihood("positive", "Gamma", mu=e, alpha=p("alpha")),
        {**SHAPE, **POSITIVE},
    ),
    "exponential, lam": Case(
        "positive ~ x", "exponential", "log", lambda e, p: likelihood("positive", "Exponential", lam=1 / exp(e))
    ),
    "exponential, scale": Case(
        "positive ~ x", "exponential", "log", lambda e, p: likelihood("positive", "Exponential", scale=exp(e))
    ),
    "beta, mu": Case(
        "share ~ x", "beta", "logit", lambda e, p: likelihood("share", "Beta", mu=sigmoid(e), nu=p("kappa")), KAPPA
    ),
    "beta, shapes": Case("share ~ x", "beta", "logit", lambda e, p: beta(sigmoid(e), p("kappa")), KAPPA),
    "beta, probit": Case("share ~ x", "beta", "probit", lambda e, p: beta(invprobit(e), p("kappa")), KAPPA),
    "beta, cloglog": Case("share ~ x", "beta", "cloglog", lambda e, p: beta(1 - exp(-exp(e)), p("kappa")), KAPPA),
}


def both(name: str) -> tuple[fb.Model, pm.Model]:
    """Return the model of a formula and its explicit twin, whose parameters have the names of the terms."""
    case = CASES[name]
    column = "z" if "z" in case.priors else "x"
    priors = {"Intercept": fb.Normal(0, 2), column: fb.Normal(0, 1), **case.priors}
    model = fb.Model(case.formula, DATA, case.family, priors, case.link, center_predictors=False)

    def parameter(term: str) -> Any:
        return getattr(pm, priors[term].name)(term, **priors[term].params)

    with pm.Model() as explicit:
        case.written(parameter("Intercept") + parameter(column) * DATA[column], parameter)
    return model, explicit


def test_cases_have_every_family():
    assert {case.family for case in CASES.values()} == set(FAMILIES)


@pytest.mark.parametrize("name", CASES)
def test_density_is_the_formulas(name):
    model, explicit = both(name)
    assert explicit.regression.family is model.family
    assert explicit.regression.link == CASES[name].link
    here, there = (each.regression.family.posterior(each.regression) for each in (explicit, model))
    assert here.dimension == there.dimension
    start = [0.5, 0.01, 0.3, 0.2]
    rng = np.random.default_rng(0)
    for _ in range(5):
        position = np.array(start[: here.dimension]) + rng.normal(0, 0.01, here.dimension)
        (one, one_gradient), (other, other_gradient) = here.log_density(position), there.log_density(position)
        assert np.isfinite(one)
        assert one == other
        np.testing.assert_array_equal(one_gradient, other_gradient)


@pytest.mark.parametrize("name", CASES)
def test_draws_and_predictions_are_the_formulas_for_a_seed(name):
    model, explicit = both(name)
    response = model.design.response
    one = pm.sample(random_seed=3, model=explicit)
    other = model.fit(random_seed=3)
    assert set(one["posterior"].data_vars) == set(other["posterior"].data_vars)
    for variable in one["posterior"].data_vars:
        np.testing.assert_array_equal(one["posterior"][variable], other["posterior"][variable])
    pm.compute_log_likelihood(one, model=explicit)
    model.log_likelihood(other)
    pm.sample_posterior_predictive(one, extend_inferencedata=True, random_seed=4, model=explicit)
    model.predict(other, kind="response", random_seed=4)
    written, stored = explicit.likelihood.name, response
    for group in ("log_likelihood", "posterior_predictive"):
        here, there = one[group][written], other[group][stored]
        assert here.dims == ("chain", "draw", f"{written}_dim_0")
        np.testing.assert_array_equal(here, there)
    before = pm.sample_prior_predictive(50, random_seed=5, model=explicit)
    expected = model.prior_predictive(50, random_seed=5)
    np.testing.assert_array_equal(before["prior_predictive"][written], expected["prior_predictive"][stored])


def test_another_model_is_told_apart():
    """The checks above can fail: with another link, prior or number of trials nothing is equal."""
    _, explicit = both("binomial")
    for name, value in (("link", "probit"), ("prior", fb.Normal(0, 0.5)), ("trials", DATA.n + 1)):
        data = DATA.assign(n=value) if name == "trials" else DATA
        priors = {"Intercept": fb.Normal(0, 2), "x": value if name == "prior" else fb.Normal(0, 1)}
        link = value if name == "link" else "logit"
        model = fb.Model("p(successes, n) ~ x", data, "binomial", priors, link, center_predictors=False)
        here, there = (each.regression.family.posterior(each.regression) for each in (explicit, model))
        assert here.log_density(np.array([0.3, 0.5]))[0] != there.log_density(np.array([0.3, 0.5]))[0]


@pytest.mark.parametrize("sampler", ["nuts", "independence"])
def test_the_sampler_can_be_chosen(sampler):
    model, explicit = both("poisson")
    one = pm.sample(sampler=sampler, random_seed=3, model=explicit)["posterior"]
    other = model.fit(sampler=sampler, random_seed=3)["posterior"]
    assert one.attrs["sampler"] == sampler
    assert one.attrs["tuning_steps"] == other.attrs["tuning_steps"] == 150
    np.testing.assert_array_equal(one["x"], other["x"])


def test_warm_up_of_a_gaussian_response_stays_as_long_as_it_was():
    _, explicit = both("normal")
    assert pm.sample(random_seed=1, model=explicit)["posterior"].attrs["tuning_steps"] == 1000


def test_names_are_the_users_and_functions_can_be_named():
    with pm.Model(coords={"row": DATA.index}) as model:
        slope = pm.Normal("slope", 0, 1)
        level = pm.Normal("level", 0, 2)
        shape = pm.HalfNormal("shape", 2)
        rate = pm.Deterministic("rate", DATA.exposure.to_numpy() * pm.math.exp(level + slope * X), dims="row")
        pm.NegativeBinomial("y", rate, shape, observed=DATA.counts, dims="row")
        idata = pm.sample(random_seed=1)
    posterior = idata["posterior"]
    eta = posterior["level"].values[..., None] + posterior["slope"].values[..., None] * X
    assert posterior["rate"].dims == ("chain", "draw", "row")
    np.testing.assert_allclose(posterior["rate"], DATA.exposure.to_numpy() * np.exp(eta), rtol=1e-12)
    assert {"slope", "level", "shape"} <= set(fb.summary(idata).index)
    assert list(model.regression.auxiliaries) == ["alpha"]
    assert model.regression.auxiliaries["alpha"].name == "shape"
    assert len(plot_priors(model)) == 3
    assert str(model).splitlines()[-2:] == [
        "rate = exp(affine in level, slope)",
        "y ~ NegativeBinomial(mu: exp(affine in level, slope); alpha: shape), 90 observations",
    ]
    assert model.regression.description == "y ~ NegativeBinomial(mu, shape)"


def test_auxiliaries_are_told_apart_whatever_the_order_of_their_parameters():
    with pm.Model() as model:
        freedom = pm.Gamma("freedom", 2, 0.1)
        scale = pm.Uniform("scale", 0, 5)
        pm.StudentT("y", freedom, pm.Normal("a"), scale, observed=DATA.real)
    rows = {name: int(parameter.rows) for name, parameter in model.regression.auxiliaries.items()}
    assert rows == {"sigma": 1, "nu": 2}
    table = fb.summary(pm.sample(random_seed=1, model=model))
    assert table.loc["scale", "mean"] < 1.5 < table.loc["freedom", "mean"]


def test_true_and_false_are_binary_and_trials_may_be_one_number():
    with pm.Model() as booleans:
        pm.Bernoulli("y", logit_p=pm.Normal("a"), observed=DATA.binary == 1)
    with pm.Model() as ones:
        pm.Binomial("y", 1, logit_p=pm.Normal("a"), observed=DATA.binary)
    assert ones.regression.family.name == "binomial"
    one, other = (next(iter(each.regression.rows.blocks())) for each in (booleans, ones))
    np.testing.assert_array_equal(one.y, other.y)
    np.testing.assert_array_equal(other.trials, np.ones(N))


def test_levels_index_functions_and_expressions_alike():
    group = np.arange(N) % 3
    models = []
    for outside in (False, True):
        with pm.Model() as model:
            level = pm.Normal("level", 0, 1, shape=3)
            mu = pm.math.exp(level)[group] if outside else pm.math.exp(level[group])
            pm.Poisson("y", mu, observed=DATA.counts)
        models.append(pm.sample(random_seed=1, model=model)["posterior"]["level"])
    np.testing.assert_array_equal(*models)


def test_a_known_mean_leaves_the_auxiliary_to_sample():
    known = np.exp(ETA)
    with pm.Model():
        pm.Gamma("y", mu=known, alpha=pm.Uniform("alpha", 0.1, 30), observed=DATA.positive)
        idata = pm.sample(2000, random_seed=1)
    from scipy import stats

    at = np.linspace(0.1, 30, 6000)
    log_density = stats.gamma.logpdf(DATA.positive.to_numpy()[:, None], at, scale=known[:, None] / at).sum(0)
    weight = np.exp(log_density - log_density.max())
    mean = weight @ at / weight.sum()
    sd = np.sqrt(weight @ (at - mean) ** 2 / weight.sum())
    row = fb.summary(idata).loc["alpha"]
    assert abs(row["mean"] - mean) < 4.5 * sd / np.sqrt(row["ess_bulk"])
    assert abs(row["mean"] - 2 * mean) > 4.5 * sd / np.sqrt(row["ess_bulk"])


@pytest.mark.parametrize(
    ("name", "function"),
    [("exp", np.exp), ("sqr", np.square), ("sigmoid", lambda v: 1 / (1 + np.exp(-v))), ("expm1", np.expm1)],
)
def test_functions_work_on_numbers(name, function):
    np.testing.assert_allclose(getattr(pm.math, name)(DATA.x), function(DATA.x), rtol=1e-14)
    assert pm.math.invlogit(0) == pm.math.invprobit(0.0) == 0.5
    assert pm.math.reciprocal(4.0) == 0.25
