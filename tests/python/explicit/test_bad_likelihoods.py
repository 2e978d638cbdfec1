"""What a likelihood of an explicit model cannot be is refused on its line, with the argument and what to write."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import explicit as pm
from filbert.errors import DataError, DataTypeError, FormulaError, PriorError, SettingError
from refusals import refused

X = np.linspace(0, 1, 20)
Y = 1 + X
COUNTS = np.arange(20) % 4
BINARY = np.arange(20) % 2
exp, sigmoid = pm.math.exp, pm.math.sigmoid


class Parts:
    """A model with the parameters a, b, s, k, and eta and functions of it."""

    def __init__(self):
        self.a, self.b = pm.Normal("a"), pm.Normal("b")
        self.s, self.k = pm.HalfNormal("s"), pm.HalfNormal("k")
        self.eta = self.a + self.b * X
        self.mu, self.p = exp(self.eta), sigmoid(self.eta)


@pytest.fixture
def m():
    with pm.Model():
        yield Parts()


@pytest.mark.parametrize(
    "function",
    [
        lambda m: m.mu + 1,
        lambda m: m.a + m.mu,
        lambda m: 1 + m.mu,
        lambda m: X + m.mu,
        lambda m: m.mu - 1,
        lambda m: m.eta - m.mu,
        lambda m: 1 - m.mu,
        lambda m: 2 - m.p,
        lambda m: -m.p,
        lambda m: m.p * m.p,
        lambda m: m.p * m.mu,
        lambda m: m.mu / m.p,
        lambda m: m.mu / m.a,
        lambda m: m.p * X,
        lambda m: X / m.p,
        lambda m: m.p / 2,
        lambda m: np.log(m.mu),
        lambda m: X @ m.mu,
        lambda m: exp(m.mu),
        lambda m: sigmoid(m.mu),
        lambda m: exp(exp(-m.eta)),
        lambda m: pm.math.expm1(m.p),
    ],
)
def test_what_no_link_undoes_names_what_may_be_written(m, function):
    refused(FormulaError, lambda: function(m), "that a link undoes", "pm.math.sigmoid(eta)", "inside of the function")


@pytest.mark.parametrize(
    "function",
    [
        lambda m: m.mu**2,
        lambda m: 2**m.mu,
        lambda m: abs(m.mu),
        lambda m: m.mu < 1,
        lambda m: float(m.mu),
        lambda m: bool(m.mu),
        lambda m: np.asarray(m.mu),
        lambda m: m.mu @ X,
        lambda m: m.mu.sum(),
        lambda m: np.sum(m.mu),
        lambda m: m.k * m.mu + 1,
        lambda m: 2 * (m.k * m.mu),
        lambda m: X * (m.k * m.mu),
        lambda m: pd.Series(X) * (m.k * m.mu),
        lambda m: -(m.k / m.mu),
        lambda m: m.a + m.k * m.p,
    ],
)
def test_functions_are_no_numbers(m, function):
    refused(FormulaError, lambda: function(m), "no value before the model is sampled", "pm.math.")


def test_functions_of_parameters(m):
    for name in ("log", "sqrt", "expm1", "maximum"):
        refused(FormulaError, lambda name=name: getattr(pm.math, name)(m.eta), f"pm.math.{name}(", "pm.math.exp(eta)")
    refused(FormulaError, lambda: pm.math.log(m.mu), "pm.math.log(pm.math.exp(")
    refused(FormulaError, lambda: pm.math.sum(m.mu), "Use it on eta")
    refused(FormulaError, lambda: pm.math.mean(m.p), "Use it on eta")
    refused(FormulaError, lambda: np.exp(m.eta), "pm.math.exp")
    refused(FormulaError, lambda: 1 / m.eta, "pm.math.reciprocal")
    refused(FormulaError, lambda: m.eta**2, "pm.math.sqr")


def test_factors_that_are_not_positive(m):
    refused(DataError, lambda: 0 * m.mu, "multiplied or divided by 0", "leave such rows out")
    refused(DataError, lambda: m.mu / -2, "by -2")
    refused(DataError, lambda: X * m.mu, "by 0")
    refused(DataError, lambda: m.mu * np.nan, "missing or infinite")
    refused(DataTypeError, lambda: m.mu * "text", "needs numbers")


def test_without_observed(m):
    refused(FormulaError, lambda: pm.Poisson("y", m.mu), "needs observed=", "pm.Poisson('y', mu=pm.math.exp(eta)")
    refused(FormulaError, lambda: pm.Beta("y", 1, 1), "no prior", "HalfCauchy")
    refused(FormulaError, lambda: pm.Normal("q", mu=m.mu), "depends on the parameter pm.math.exp(", "observed=")
    refused(DataTypeError, lambda: pm.Deterministic("d", m.k * m.mu), "k * pm.math.exp(", "no link undoes")
    refused(DataTypeError, lambda: pm.Deterministic("d", -m.mu), "-pm.math.exp(", "no link undoes")


def test_links_that_a_family_does_not_have(m):
    refused(FormulaError, lambda: pm.Poisson("y", m.p, observed=COUNTS), "mu is pm.math.sigmoid(", "'poisson'", "sqr")
    refused(FormulaError, lambda: pm.Bernoulli("y", m.mu, observed=BINARY), "p is pm.math.exp(", "1 - pm.math.exp(-")
    refused(FormulaError, lambda: pm.StudentT("y", 4, m.p, m.s, observed=Y), "mu is pm.math.sigmoid(", "eta or")
    refused(FormulaError, lambda: pm.LogNormal("y", m.mu, m.s, observed=Y), "'lognormal'", "pm.LogNormal('y', mu=eta")
    refused(FormulaError, lambda: pm.Normal("y", m.p, m.s, observed=Y), "'gaussian'", "pm.math.reciprocal(eta)")
    refused(FormulaError, lambda: pm.Beta("y", mu=m.eta, nu=m.k, observed=X), "mu is affine", "pm.math.sigmoid(eta)")
    refused(FormulaError, lambda: pm.Beta("y", mu=0.5, nu=m.k, observed=X), "numbers only", "pm.math.sigmoid(eta)")
    refused(FormulaError, lambda: pm.Poisson("y", -m.mu, observed=COUNTS), "mu is -pm.math.exp(", "Write pm.Poisson")
    refused(FormulaError, lambda: pm.Poisson("y", m.k * m.mu, observed=COUNTS), "mu is k * pm.math.exp(")
    refused(FormulaError, lambda: pm.Laplace("y", m.eta, 1, observed=Y), "one of pm.Normal", "pm.Beta", "is pm.Laplace")


def test_probabilities(m):
    refused(FormulaError, lambda: pm.Bernoulli("y", m.p, m.eta, observed=BINARY), "'p' cannot stand beside 'logit_p'")
    refused(FormulaError, lambda: pm.Bernoulli("y", observed=BINARY), "p is missing", "logit_p=eta")
    refused(FormulaError, lambda: pm.Bernoulli("y", logit_p=m.p, observed=BINARY), "logit_p is", "a probability is p=")
    refused(PriorError, lambda: pm.Bernoulli("y", n=3, p=m.p, observed=BINARY), "takes 'p', 'logit_p', not 'n'")
    refused(DataTypeError, lambda: pm.Bernoulli("y", p=True, observed=BINARY), "p must be numbers", "True")


def test_trials(m):
    refused(FormulaError, lambda: pm.Binomial("y", p=m.p, observed=COUNTS), "n is missing", "n=trials")
    refused(FormulaError, lambda: pm.Binomial("y", m.a, m.p, observed=COUNTS), "n must be numbers, not a")
    refused(FormulaError, lambda: pm.Binomial("y", m.mu, m.p, observed=COUNTS), "n must be numbers")
    refused(DataError, lambda: pm.Binomial("y", 2, m.p, observed=COUNTS), "3 of 2", "trials are n=")
    refused(DataError, lambda: pm.Binomial("y", 4.5, m.p, observed=COUNTS), "4.5", "whole numbers")
    refused(DataError, lambda: pm.Binomial("y", [5, 5], m.p, observed=COUNTS), "n has shape (2,)", "(20,)")


def test_auxiliaries(m):
    def negative_binomial(alpha, mu=m.mu):
        return lambda: pm.NegativeBinomial("y", mu, alpha, observed=COUNTS)

    refused(FormulaError, negative_binomial(None), "alpha is missing", "alpha = pm.HalfCauchy('alpha', beta=1)")
    refused(FormulaError, negative_binomial(2 * m.k), "one scalar parameter", "or a positive number")
    refused(FormulaError, negative_binomial(m.mu), "one scalar parameter")
    refused(PriorError, negative_binomial(pm.Normal("c")), "positive values only")
    refused(FormulaError, negative_binomial(m.a), "'a' is alpha and cannot be part of mu as well")
    refused(FormulaError, negative_binomial(m.k, exp(m.a + m.k)), "'k' is alpha and cannot be part of mu")
    refused(FormulaError, negative_binomial(-1), "one positive number, not -1")
    refused(FormulaError, negative_binomial(0), "one positive number, not 0")
    refused(FormulaError, negative_binomial([1, 2]), "not an array of shape (2,)")
    refused(DataError, negative_binomial(np.inf), "alpha has 1 missing or infinite")
    refused(DataTypeError, negative_binomial("2"), "alpha must be numbers or an expression", "'2'")
    refused(FormulaError, lambda: pm.StudentT("y", m.k, m.eta, m.k, observed=Y), "must be different parameters")
    refused(FormulaError, lambda: pm.StudentT("y", mu=m.eta, sigma=m.s, observed=Y), "nu is missing", "pm.Gamma('nu'")
    refused(FormulaError, lambda: pm.Beta("y", mu=m.p, observed=X / 2 + 0.1), "nu is missing")


def test_other_parameters_of_pymc(m):
    refused(PriorError, lambda: pm.NegativeBinomial("y", n=3, p=m.p, observed=COUNTS), "give alpha", "mu=pm.math.exp")
    refused(PriorError, lambda: pm.StudentT("y", 4, m.eta, lam=1, observed=Y), "1 / sqrt(lam)")
    refused(PriorError, lambda: pm.LogNormal("y", m.eta, tau=1, observed=Y), "1 / sqrt(tau)")
    refused(PriorError, lambda: pm.Gamma("y", mu=m.mu, sigma=m.s, observed=Y), "(mu / sigma)**2", "beta=alpha / mu")
    refused(PriorError, lambda: pm.Exponential("y", mu=m.mu, observed=Y), "give scale")
    refused(PriorError, lambda: pm.Beta("y", mu=m.p, kappa=m.k, observed=X), "give nu")
    refused(PriorError, lambda: pm.Poisson("y", lam=m.mu, observed=COUNTS), "takes 'mu', not 'lam'")
    refused(PriorError, lambda: pm.Poisson("y", m.mu, 3, observed=COUNTS), "2 values follow")


def test_gamma(m):
    def gamma(*values, **given):
        return lambda: pm.Gamma("y", *values, observed=Y, **given)

    for beta in (m.mu, m.s / m.mu, m.k * m.p, 2.0):
        refused(FormulaError, gamma(m.k, beta), "beta is", "must be alpha / mu")
    refused(FormulaError, gamma(m.k, m.k / m.mu, m.mu), "'beta' cannot stand beside")
    refused(FormulaError, gamma(m.k), "beta is missing")
    refused(FormulaError, gamma(mu=m.mu), "alpha is missing")
    refused(FormulaError, gamma(2, 3 / m.p), "beta is 3.0 / pm.math.sigmoid(")


def test_exponential(m):
    def exponential(**given):
        return lambda: pm.Exponential("y", observed=Y, **given)

    refused(FormulaError, exponential(lam=m.eta), "1 / lam, must be pm.math.exp(eta)", "scale=pm.math.exp(eta)")
    refused(FormulaError, exponential(lam=2.0), "lam is 2.0")
    refused(FormulaError, exponential(lam=m.mu, scale=m.mu), "'lam' cannot stand beside 'scale'")
    refused(FormulaError, exponential(scale=m.eta), "scale is affine", "'exponential'")
    refused(FormulaError, exponential(), "lam is missing")


def test_shapes_of_beta(m):
    def beta(*values, **given):
        return lambda: pm.Beta("y", *values, observed=X / 2 + 0.1, **given)

    other = sigmoid(m.a)
    for second in (m.k * m.p, m.s * (1 - m.p), m.k * (1 - other), m.k, m.k / (1 - m.p), 3 * (1 - m.p)):
        refused(FormulaError, beta(m.k * m.p, second), "mu * nu and (1 - mu) * nu of the same mu")
    refused(FormulaError, beta(m.k * m.p), "beta is missing")
    refused(FormulaError, beta(m.k * m.p, m.k * (1 - m.p), mu=m.p), "cannot stand beside 'mu'")
    refused(FormulaError, lambda: pm.BetaBinomial("y", 1, 2, 5, observed=COUNTS), "alpha is 1 and beta is 2")
    refused(FormulaError, lambda: pm.BetaBinomial("y", m.k * m.p, m.k * (1 - m.p), observed=COUNTS), "n is missing")


def test_responses(m):
    refused(DataError, lambda: pm.Poisson("y", m.mu, observed=Y), "poisson needs whole numbers", "exposure * pm.math")
    refused(DataError, lambda: pm.Bernoulli("y", m.p, observed=COUNTS), "2, 3", "pm.Binomial('y', n=trials")
    refused(DataError, lambda: pm.Gamma("y", m.k, m.k / m.mu, observed=X), "row 0", "gamma needs positive")
    refused(DataError, lambda: pm.LogNormal("y", m.eta, m.s, observed=X), "lognormal needs positive")
    refused(DataError, lambda: pm.Beta("y", mu=m.p, nu=m.k, observed=X), "rows 0, 19", "both excluded")
    refused(DataTypeError, lambda: pm.Poisson("y", m.mu, observed=BINARY == 1), "boolean")
    refused(DataTypeError, lambda: pm.Bernoulli("y", m.p, observed=["yes", "no"] * 10), "needs numbers")


def test_nothing_to_sample():
    with pm.Model():
        refused(FormulaError, lambda: pm.Normal("y", 1.0, 2.0, observed=Y), "nothing to sample")
        refused(FormulaError, lambda: pm.Bernoulli("y", 0.5, observed=BINARY), "nothing to sample")


def test_samplers():
    with pm.Model():
        pm.Normal("y", pm.Normal("a"), pm.HalfNormal("sigma"), observed=Y)
        refused(SettingError, lambda: pm.sample(sampler="gibbs"), "'nuts'", "'gibbs'")
        refused(SettingError, lambda: pm.sample(sampler="independence"), "generalised linear models")


def test_flat_priors_and_data_that_do_not_bound_them():
    with pm.Model():
        a, slope = pm.Flat("a"), pm.Flat("slope")
        pm.Bernoulli("y", logit_p=a + slope * X, observed=X > 0.5)
        refused(DataError, pm.sample, "separated along", "'slope'", "proper priors")
    with pm.Model():
        level = pm.Flat("level", shape=3)
        pm.Poisson("y", exp(level[BINARY]), observed=COUNTS)
        refused(DataError, pm.sample, "'level[2]'", "proper priors")


def test_unused_parameters_have_the_draws_of_their_prior():
    with pm.Model():
        level = pm.Normal("level", 3, 0.5, shape=3)
        pm.Poisson("y", exp(level[BINARY]), observed=COUNTS)
        with pytest.warns(fb.DataWarning, match=r"say nothing about 'level\[2\]': the draws are the prior's"):
            idata = pm.sample(random_seed=1)
    row = fb.summary(idata).loc["level[2]"]
    assert abs(row["mean"] - 3) < 4.5 * 0.5 / np.sqrt(row["ess_bulk"])
    assert abs(row["sd"] - 0.5) < 0.05
