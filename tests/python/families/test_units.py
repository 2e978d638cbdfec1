"""A model says the same whatever units its response has, and finds its mode where an auxiliary has hardly any."""

from __future__ import annotations

import re

import filbert as fb
import numpy as np
import pandas as pd
import pytest


def estimates(family: str, unit: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = rng.normal(size=100)
    noise = rng.standard_t(3, 100) if family == "t" else np.zeros(100)
    y = 5 + x + noise if family == "t" else rng.gamma(20, (5 + x) / 20)
    model = fb.Model("y ~ x", pd.DataFrame({"x": x, "y": unit * y}), family=family, link="identity")
    model.set_priors({name: fb.Normal(0, 20 * unit) for name in ("Intercept", "x")})
    draws = model.fit(draws=200, chains=2, random_seed=1, progressbar=False, quiet=True).posterior
    assert draws.attrs["sampler"] == "independence"
    return np.array([float(draws[name].mean()) for name in ("Intercept", "x")]) / unit


@pytest.mark.parametrize("family", ["t", "gamma"])
@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_of_the_response_change_nothing(family: str, unit: float) -> None:
    """Steps are judged by the spread of the response: its units would otherwise look like separated data."""
    np.testing.assert_allclose(estimates(family, unit), estimates(family, 1.0), rtol=1e-5)


def test_counts_that_scatter_less_than_poissons_have_a_mode() -> None:
    """Where alpha hardly matters Newton's steps in its logarithm are far too long; shortened, they climb."""
    rng = np.random.default_rng(14)
    p = int(rng.integers(1, 12))
    data = pd.DataFrame(rng.normal(size=(60, p)), columns=[f"x{j}" for j in range(p)])
    data["y"] = rng.poisson(np.exp(np.clip(data.sum(axis=1) * rng.uniform(0, 2), -20, 6)))
    assert data["y"].var() < data["y"].mean()
    model = fb.Model("y ~ x0 + x1", data, family="negativebinomial")
    mode = model.regression.family.frame(model.regression).mode()["estimate"]
    poisson = fb.Model("y ~ x0 + x1", data, family="poisson")
    nearly = poisson.regression.family.frame(poisson.regression).mode()["estimate"]
    np.testing.assert_allclose(mode[:3], nearly, atol=0.05)
    assert mode[3] > 1


def wide(family: str, **arguments: object) -> fb.Model:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({f"x{j}": rng.normal(size=10) for j in range(12)})
    data["y"] = rng.beta(2, 2, 10)
    return fb.Model("y ~ " + " + ".join(data.columns[:-1]), data, family=family, **arguments)


EXACT = [("gamma", {}, "alpha"), ("beta", {}, "kappa"), ("t", {}, "sigma"), ("gaussian", {"link": "log"}, "sigma")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("family", "arguments", "name"), EXACT)
def test_where_coefficients_fit_exactly_the_remedy_that_is_named_works(
    family: str, arguments: dict[str, str], name: str
) -> None:
    """The noise then is as small as it likes, and default priors do not stop it: there is no mode."""
    with pytest.raises(fb.DataError, match="13 coefficients can fit 10 rows") as error:
        wide(family, **arguments).fit(progressbar=False)
    remedy = re.search(r"priors=(\{.*?\})", str(error.value))
    assert remedy is not None
    assert repr(name) in remedy[1]
    named = eval(remedy[1], {"Gamma": fb.Gamma, "InverseGamma": fb.InverseGamma})
    posterior = wide(family, priors=named, **arguments).fit(draws=50, random_seed=1, progressbar=False).posterior
    assert np.isfinite(posterior[name]).all()


def test_responses_that_one_value_fits_are_named() -> None:
    data = pd.DataFrame({"x": [1.0, 2.0, 4.0], "y": 2.5})
    with pytest.raises(fb.DataError, match=r"one value fits all.*'alpha' grows.*Gamma\(2, 0.1\)"):
        fb.Model("y ~ x", data, family="gamma").fit(progressbar=False)


def test_columns_whose_squares_are_no_numbers_are_named() -> None:
    data = pd.DataFrame({"x": np.arange(9.0), "z": 1e200 * np.sin(np.arange(9)), "y": np.arange(9)})
    with pytest.raises(fb.DataError, match="numbers of 'z' are so large"):
        fb.Model("y ~ x + z", data, family="poisson").fit(progressbar=False)


@pytest.mark.parametrize("seed", [33, 57])
def test_counts_of_a_thousand_million_millions_have_a_mode(seed: int) -> None:
    """Sums of 1e17 round to tens, which the line search took for a fall."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=40)
    y = rng.integers(10**15, 2 * 10**15, 40)
    model = fb.Model("y ~ x", pd.DataFrame({"x": x, "y": y}), family="poisson")
    intercept, slope = model.regression.family.frame(model.regression).mode()["estimate"]
    np.testing.assert_allclose(np.exp(intercept + slope * x).sum(), y.sum(), rtol=1e-9)
