"""Warnings of separated data and of default priors that overrule the data in models that are not Gaussian."""

from __future__ import annotations

import warnings
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataWarning
from filbert.fit import framed
from filbert.regression import conflicts

GLM = Path(__file__).parents[2] / "data" / "glm"


def said(model: fb.Model) -> list[str]:
    """The warnings of data that fitting gives before it samples."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        framed(model.regression)
    return [str(each.message) for each in caught if issubclass(each.category, DataWarning)]


def frame(n: int = 120, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(3, 2, n), "z": rng.normal(size=n), "g": np.resize(list("abc"), n)})
    eta = 0.4 * (data["x"] - 3) + 0.3 * data["z"]
    data["y"] = (rng.logistic(size=n) < eta).astype(int)
    data["n"] = rng.integers(1, 9, n)
    data["k"] = rng.binomial(data["n"], 1 / (1 + np.exp(-eta)))
    data["c"] = rng.poisson(np.exp(1 + eta))
    data["t"] = 1 / rng.gamma(3, np.exp(eta) / 3)
    data["v"] = eta + rng.standard_t(4, n)
    data["u"] = np.clip(rng.beta(2, 3, n), 0.01, 0.99)
    return data


# Separation


def test_a_column_that_gives_the_response_away_is_named() -> None:
    data = frame()
    data["leak"] = data["y"] + 0.1 * data["z"]
    (message,) = said(fb.Model("y ~ x + leak", data, family="bernoulli"))
    assert message.startswith("The data are separated along ")
    assert "'leak'" in message
    assert "priors={'leak': Normal(0, ...)}" in message


def test_a_level_without_a_success_is_named() -> None:
    """Quasi-complete separation: the other levels overlap, which fitted probabilities do not show."""
    data = frame()
    data.loc[data["g"] == "c", "y"] = 0
    (message,) = said(fb.Model("y ~ x + g", data, family="bernoulli"))
    assert "separated along 'g[c]'" in message
    data.loc[data["g"] == "c", "k"] = 0
    (message,) = said(fb.Model("p(k, n) ~ x + g", data, family="binomial"))
    assert "separated along 'g[c]'" in message


def test_it_is_a_warning_of_the_fit() -> None:
    data = frame()
    data["leak"] = data["y"] + 0.1 * data["z"]
    model = fb.Model("y ~ leak", data, family="bernoulli")
    with pytest.warns(DataWarning, match="separated along"):
        model.fit(draws=50, tune=50, random_seed=1, progressbar=False, compute_convergence_checks=False)


def test_priors_of_ones_own_are_not_doubted() -> None:
    data = frame()
    data["leak"] = data["y"] + 0.1 * data["z"]
    priors = {"leak": fb.Normal(0, 1), "Intercept": fb.Normal(0, 1)}
    assert said(fb.Model("y ~ leak", data, family="bernoulli", priors=priors)) == []
    priors = {"common": fb.Normal(0, 1), "Intercept": fb.Normal(0, 1)}
    assert said(fb.Model("y ~ x + leak", data, family="bernoulli", priors=priors)) == []


def test_one_row_on_the_wrong_side_is_no_separation() -> None:
    data = pd.DataFrame({"x": np.arange(40.0)})
    data["y"] = (data["x"] > 19).astype(int)
    assert "separated" in said(fb.Model("y ~ x", data, family="bernoulli"))[0]
    data.loc[[5, 33], "y"] = [1, 0]
    assert said(fb.Model("y ~ x", data, family="bernoulli")) == []


def test_rare_events_are_no_separation() -> None:
    data = frame(200)
    data["y"] = 0
    data.loc[17, "y"] = 1
    assert said(fb.Model("y ~ z", data, family="bernoulli")) == []


def test_long_data_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fb.Model("y ~ x", frame(), family="bernoulli")
    monkeypatch.setattr(type(model.family), "maximum_likelihood", lambda *_: pytest.fail("searched"))
    monkeypatch.setattr(conflicts, "MAX_VALUES_SEARCHED", 2 * 120 - 1)
    assert said(model) == []


# Default priors that overrule the data


def test_slopes_in_units_far_from_those_of_the_link() -> None:
    """Counts in the thousands with the identity link: default slopes are of size 2.5."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.uniform(0, 1, 100)})
    data["c"] = rng.poisson(1000 + 4000 * data["x"])
    (message,) = said(fb.Model("c ~ x", data, family="poisson", link="identity"))
    assert message.startswith("The default priors overrule the data")
    assert "'x'" in message
    assert "model.maximum_likelihood()" in message
    priors = {"x": fb.Normal(0, 10_000), "Intercept": fb.Normal(0, 10_000)}
    assert said(fb.Model("c ~ x", data, family="poisson", link="identity", priors=priors)) == []


def test_columns_that_nearly_determine_each_other() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": 1000 + rng.normal(size=4000)})
    t = data["x"] - 1000
    data["y"] = rng.poisson(np.exp(0.5 + 0.3 * t + 0.4 * t**2))
    (message,) = said(fb.Model("y ~ x + I(x**2)", data, family="poisson"))
    assert "'x', 'I(x ** 2)'" in message
    assert said(fb.Model("y ~ poly(x, 2)", data, family="poisson")) == []


def test_an_auxiliary_without_scale() -> None:
    data = frame()
    data["v"] *= 30
    assert said(fb.Model("v ~ x", data, family="t")) == []
    (message,) = said(fb.Model("v ~ x", data, family="t", auto_scale=False))
    assert "'sigma'" in message
    assert "HalfNormal" in message
    assert "leave out auto_scale=False" in message


def test_a_lognormal_sigma_far_from_one() -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"x": rng.normal(size=80), "y": np.exp(rng.normal(0, 30, 80))})
    messages = said(fb.Model("y ~ x", data, family="lognormal"))
    assert any("default prior of 'sigma'" in message and "auto_scale" not in message for message in messages)


@pytest.mark.parametrize("shape", [0.2, 400, 1e6])
def test_the_default_prior_of_a_shape_lets_the_data_through(shape: float) -> None:
    """HalfCauchy(1), unlike Exponential(1), does not overrule a shape in the hundreds; so there is no warning."""
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"x": np.linspace(0, 1, 60)})
    data["t"] = np.maximum(rng.gamma(shape, np.exp(1 + data["x"]) / shape), 1e-300)
    model = fb.Model("t ~ x", data, family="gamma")
    assert said(model) == []
    estimate, error = model.maximum_likelihood().loc["alpha"]
    mode = framed(model.regression).mode()["estimate"][-1]
    assert abs(np.log(mode / estimate)) < error / estimate


def test_a_narrow_prior_in_its_place_would_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from filbert.families.family import DefaultPrior
    from filbert.families.gamma import Gamma

    rng = np.random.default_rng(6)
    data = pd.DataFrame({"x": np.linspace(0, 1, 60)})
    data["t"] = rng.gamma(400, np.exp(1 + data["x"]) / 400)
    narrow = DefaultPrior(fb.Prior("Exponential", lam=1), "Exponential(lam: 1)")
    monkeypatch.setattr(Gamma, "auxiliary_prior", lambda *_: narrow)
    (message,) = said(fb.Model("t ~ x", data, family="gamma"))
    assert "direction that involves 'alpha'" in message


def test_shifts_are_those_of_maximum_likelihood() -> None:
    """To second order at the mode the pull is what the mode and the top of the likelihood differ by."""
    model = fb.Model("y ~ x + z", frame(600), family="bernoulli")
    regression = model.regression
    density = framed(regression)
    terms = conflicts._Terms.at_mode(regression, density)
    top = model.maximum_likelihood()
    difference = density.mode()["estimate"] - top["estimate"].to_numpy()
    exact = difference @ np.linalg.solve(top.attrs["covariance"], difference)
    assert np.sum(terms.parts().sum(axis=0) ** 2) == pytest.approx(exact, rel=0.05)


def test_the_bound_holds() -> None:
    """Where no factor is made no direction is pulled far, and it saves the factor on ordinary data."""
    saved = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = int(rng.integers(1, 12))
        data = pd.DataFrame(rng.normal(size=(60, p)), columns=[f"x{j}" for j in range(p)])
        data["y"] = rng.poisson(np.exp(np.clip(data.sum(axis=1) * rng.uniform(0, 2), -20, 6)))
        scale = float(10 ** rng.uniform(-2, 1))
        made = fb.Model("y ~ " + " + ".join(data.columns[:-1]), data * [*([scale] * p), 1], family="poisson")
        terms = conflicts._Terms.at_mode(made.regression, made.regression.family.frame(made.regression))
        if terms.surely_small():
            saved += 1
            assert np.abs(terms.parts().sum(axis=0)).max() <= conflicts.MAX_PRIOR_SHIFT
    assert saved > 5


ORDINARY = [
    ("y ~ x + z + g", "bernoulli"),
    ("p(k, n) ~ x + g", "binomial"),
    ("p(k, n) ~ x + z", "beta_binomial"),
    ("c ~ x * z", "poisson"),
    ("c ~ x + g", "negativebinomial"),
    ("t ~ x + z", "gamma"),
    ("t ~ x + z", "exponential"),
    ("t ~ x + z", "lognormal"),
    ("v ~ x + z", "t"),
    ("u ~ x + g", "beta"),
]


@pytest.mark.parametrize(("formula", "family"), ORDINARY)
@pytest.mark.parametrize("n", [24, 120, 5000])
def test_ordinary_data_are_silent(formula: str, family: str, n: int) -> None:
    assert said(fb.Model(formula, frame(n), family=family)) == []
