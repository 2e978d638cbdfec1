"""A model says the same whatever units its response has, and finds its mode where an auxiliary has hardly any."""

from __future__ import annotations

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
