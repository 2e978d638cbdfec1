"""Summaries of models that are written out: parameters in the order of their declaration, computed ones after them."""

from __future__ import annotations

from typing import Any

import filbert as fb
import numpy as np
import pytest
from filbert import explicit as pm

X = np.linspace(-1, 1, 80)
Y = 10 + 3 * X + np.random.default_rng(3).normal(0, 0.5, 80)


def drawn(model: pm.Model) -> Any:
    with model:
        return pm.sample(1000, random_seed=1, progressbar=False)


def line(shape: int | None = None) -> pm.Model:
    with pm.Model() as model:
        s = pm.HalfNormal("s", sigma=5, shape=shape)
        b = pm.Normal("slope", 0, sigma=10)
        a = pm.Normal("icpt", 0, sigma=10)
        pm.Deterministic("at one", a + b)
        pm.Normal("y", mu=a + b * X, sigma=s, observed=Y)
    return model


def test_least_squares_stand_beside_their_own_parameters() -> None:
    model = line()
    table = fb.summary(model, drawn(model), least_squares=True)
    np.testing.assert_allclose(table.loc[["s", "slope", "icpt"], "least_squares"], table["mean"][:3], rtol=0.05)
    assert table.loc[["slope", "icpt"], "standard_error"].between(0.01, 0.2).all()
    assert table.loc[["s", "at one"], "standard_error"].isna().all()
    assert np.isnan(table.loc["at one", "least_squares"])


def test_computed_parameters_keep_their_scale_beside_exponentials() -> None:
    with pm.Model() as model:
        a = pm.Normal("a", 0, sigma=1)
        pm.Deterministic("rate", pm.math.exp(a))
        pm.Poisson("y", mu=pm.math.exp(a + 0 * X), observed=np.tile([0, 1, 2, 3], 20))
    table = fb.summary(model, drawn(model), exponentiate=True)
    assert table.loc["rate", "mean"] == pytest.approx(table.loc["a", "mean"])


def test_an_auxiliary_in_an_array_of_one_is_read() -> None:
    model = line(shape=1)
    idata = drawn(model)
    with model:
        pm.compute_log_likelihood(idata)
    assert np.isfinite(idata["log_likelihood"]["y"]).all()


def test_counts_are_whole_numbers_in_what_was_observed() -> None:
    with pm.Model() as model:
        a = pm.Normal("a", 0, sigma=1)
        pm.Poisson("y", mu=pm.math.exp(a + 0 * X), observed=np.tile([0.0, 1, 2, 3], 20))
    assert drawn(model)["observed_data"]["y"].dtype == np.int64
