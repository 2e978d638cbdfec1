"""What an explicit model cannot be is refused on the line that writes it, with what is allowed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from filbert import explicit as pm
from filbert.errors import DataError, DataTypeError, DataWarning, FormulaError, PriorError, SettingError
from refusals import refused

X = np.linspace(0, 1, 20)
Y = 1 + X + np.sin(50 * X)


@pytest.fixture
def model():
    with pm.Model(coords={"k": ["u", "v"]}) as model:
        yield model


def test_outside_of_a_model():
    refused(FormulaError, lambda: pm.Normal("a"), "with pm.Model()")
    refused(FormulaError, pm.sample, "with pm.Model()")
    refused(DataTypeError, lambda: pm.sample(model=1), "not int")


def test_products_and_functions_of_parameters(model):
    a, b = pm.Normal("a"), pm.Normal("b")
    refused(FormulaError, lambda: a * b, "a * b multiplies two parameters", "X @ beta")
    refused(FormulaError, lambda: pm.math.log(a), "pm.math.log(a)", "not affine", "pm.math.exp(eta)")
    refused(FormulaError, lambda: np.exp(a), "np.exp(a)")
    refused(AttributeError, lambda: pm.math.nothing(a), "no 'nothing'")


def test_hierarchies(model):
    a = pm.HalfNormal("a")
    refused(FormulaError, lambda: pm.Normal("b", 0, a), "depends on the parameter a (sigma=)", "independent")
    refused(FormulaError, lambda: pm.Normal("c", mu=2 * a), "mu=")


def test_likelihoods(model):
    a, sigma = pm.Normal("a"), pm.HalfNormal("sigma")
    refused(FormulaError, lambda: pm.Laplace("y", a, 1, observed=Y), "must be one of pm.Normal", "'y' is pm.Laplace")
    refused(FormulaError, lambda: pm.Normal("y", a, -1.0, observed=Y), "sigma must be one parameter or one positive")
    refused(FormulaError, lambda: pm.Normal("y", a, observed=Y), "sigma is missing")
    refused(FormulaError, lambda: pm.Normal("y", a, 2 * sigma, observed=Y), "one scalar parameter")
    refused(FormulaError, lambda: pm.Normal("y", a + sigma, sigma, observed=Y), "part of mu as well")
    refused(PriorError, lambda: pm.Normal("y", sigma, a, observed=Y), "positive values only")
    refused(PriorError, lambda: pm.Normal("y", a, tau=1, observed=Y), "'tau'")
    refused(DataError, lambda: pm.Normal("y", a * X[:5], sigma, observed=Y), "(5,)", "(20,)")
    refused(SettingError, lambda: pm.Normal("y", a, sigma, observed=Y, shape=3), "shape 3")
    pm.Normal("y", a, sigma, observed=Y)
    refused(FormulaError, lambda: pm.Normal("y2", a, sigma, observed=Y), "'y' already")


def test_without_a_likelihood(model):
    pm.Normal("a")
    refused(FormulaError, pm.sample, "no likelihood")
    refused(FormulaError, pm.sample_prior_predictive, "no likelihood")


def test_unused_parameters_are_named_and_need_a_proper_prior(model):
    beta, sigma = pm.Normal("beta", shape=3), pm.HalfNormal("sigma")
    pm.Normal("y", beta[np.arange(20) % 2], sigma, observed=Y)
    with pytest.warns(DataWarning, match=r"say nothing about 'beta\[2\]': the draws are the prior's"):
        pm.sample(random_seed=1)
    pm.Flat("late")  # after the likelihood, which has been lowered once
    refused(DataError, pm.sample, "Columns 'beta[2]', 'late' are 0 in every row", "improper")


def test_names(model):
    pm.Normal("a")
    refused(FormulaError, lambda: pm.HalfNormal("a"), "'a' already")
    refused(FormulaError, lambda: pm.Data("a", X), "'a' already")
    refused(FormulaError, lambda: pm.Normal("chain"), "dimension of the draws")
    refused(FormulaError, lambda: pm.Normal("__obs__"), "dimension of the draws")
    refused(FormulaError, lambda: pm.Normal("k"), "'k' is a dimension in the model's coords")
    refused(FormulaError, lambda: model.add_coord("a", [1]), "quantity 'a' already")
    refused(DataTypeError, lambda: pm.Normal(0, 1), "the name")


def test_names_of_dimensions(model):
    model.add_coord("chain", range(2))
    refused(FormulaError, lambda: pm.Normal("a", dims="chain"), "'a': 'chain' is a dimension of the draws")
    a, sigma = pm.Normal("a"), pm.HalfNormal("sigma")
    refused(FormulaError, lambda: pm.Normal("y", a, sigma, observed=Y, dims="draw"), "'draw' is a dimension")
    refused(FormulaError, lambda: pm.Normal("y", a, sigma, observed=Y, dims="y"), "'y' has the name of its dimension")
    refused(SettingError, lambda: pm.Normal("y", a, sigma, observed=Y, dims=("i", "j")), "(20,)", "2 names")


def test_unknown_distributions():
    refused(AttributeError, lambda: pm.Weibull, "'Weibull'", "HalfCauchy", "with observed=", "Bernoulli")
    refused(AttributeError, lambda: pm.HalfNorml, "Did you mean 'HalfNormal'")


def test_shapes_and_dims(model):
    refused(SettingError, lambda: pm.Normal("a", dims="m"), "'m'", "'k'")
    refused(SettingError, lambda: pm.Normal("a", dims="k", shape=3), "(3,)", "(2,)")
    refused(SettingError, lambda: pm.Normal("a", shape=0), "shape must be a positive int")
    refused(PriorError, lambda: pm.Normal("a", [1, 2, 3], dims="k"), "(3,)", "(2,)")
    refused(PriorError, lambda: pm.Normal("a", 0, -1), "sigma must be positive")
    refused(PriorError, lambda: pm.Normal("a", 0, 1, 2), "takes 'mu', 'sigma'")
    refused(PriorError, lambda: pm.Normal("a", 0, mu=1), "given twice")
    refused(SettingError, lambda: pm.Data("d", X, dims="k"), "(20,)", "(2,)")
    refused(SettingError, lambda: model.add_coord("k", ["u", "w"]), "labels already")


def test_data(model):
    a, sigma = pm.Normal("a"), pm.HalfNormal("sigma")
    missing = Y.copy()
    missing[[3, 7]] = np.nan
    refused(DataError, lambda: pm.Normal("y", a, sigma, observed=missing), "2 missing or infinite values", "3")
    refused(DataTypeError, lambda: pm.Normal("y", a, sigma, observed=Y > 1), "boolean")
    refused(DataTypeError, lambda: pm.Normal("y", a, sigma, observed=list("ab")), "needs numbers")
    refused(DataError, lambda: pm.Normal("y", a, sigma, observed=np.ones((3, 2))), "(3, 2)", "ravel")
    refused(DataError, lambda: pm.Normal("y", a, sigma, observed=[]), "no values")
    refused(DataError, lambda: a * pd.Series([1.0, np.inf]), "1 missing or infinite value")
    refused(DataTypeError, lambda: pm.Data("d", ["a", "b"]), "needs numbers")
    refused(DataTypeError, lambda: pm.Deterministic("d", 3.0), "expression of parameters")


@pytest.mark.parametrize(("place", "named"), [("x", "that 'b' is multiplied by"), ("y", "of 'y'")])
def test_values_that_no_sum_holds_are_named(model, place, named):
    values = {"x": X.copy(), "y": Y.copy()}
    values[place][3] = 2.5e307
    pm.Normal("y", pm.Normal("a") + pm.Normal("b") * values["x"], pm.HalfNormal("sigma"), observed=values["y"])
    refused(DataError, pm.sample, f"Values {named} are too large to be summed up: they reach 2.5e+307")


def test_parameters_of_another_model(model):
    with pm.Model():
        other = pm.Normal("b")
    a, sigma = pm.Normal("a"), pm.HalfNormal("sigma")
    refused(FormulaError, lambda: a + other, "different models")
    refused(FormulaError, lambda: pm.Normal("y", other, sigma, observed=Y), "another model")
    refused(FormulaError, lambda: pm.Deterministic("d", other), "another model")


def test_settings(model):
    pm.Normal("y", pm.Normal("a"), pm.HalfNormal("sigma"), observed=Y)
    refused(SettingError, lambda: pm.sample(0), "draws")
    refused(SettingError, lambda: pm.sample(return_inferencedata=False), "return_inferencedata")
    refused(SettingError, lambda: pm.sample(step="slice"), "step= is not available")
