"""A family of a user's own: fits to the exact posterior, catches a wrong slope, and does all that follows a fit."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from scipy import special, stats


class KnownSigma(fb.CustomFamily):
    """Gaussian responses whose deviation is 2."""

    name = "known sigma"

    def row_log_likelihood(self, y: Any, predictor: Any, auxiliaries: Mapping[str, Any]) -> tuple[Any, Any]:
        residual = (y - predictor) / 2
        return -0.5 * residual**2 - 0.5 * np.log(2 * np.pi) - np.log(2), residual / 2

    def quantile(self, uniform: Any, mean: Any, auxiliaries: Mapping[str, Any]) -> Any:
        return mean + 2 * special.ndtri(uniform)

    def variance(self, block: Any, mean: Any, auxiliaries: Mapping[str, Any]) -> Any:
        return np.full(mean.shape, 4.0)


class WrongSlope(KnownSigma):
    """The same with a derivative that is off by a tenth."""

    def row_log_likelihood(self, y: Any, predictor: Any, auxiliaries: Mapping[str, Any]) -> tuple[Any, Any]:
        value, slope = super().row_log_likelihood(y, predictor, auxiliaries)
        return value, slope + 0.4 * np.ones_like(slope)


class Logistic(fb.CustomFamily):
    """Errors of the logistic distribution, with a scale of its own."""

    name = "logistic errors"
    links = ("identity", "log")
    auxiliaries = {"s": "the scale"}  # noqa: RUF012 (never changed)

    def row_log_likelihood(self, y: Any, predictor: Any, auxiliaries: Mapping[str, Any]) -> tuple[Any, Any]:
        s = auxiliaries["s"]
        r = (y - predictor) / s
        return -np.abs(r) - 2 * np.log1p(np.exp(-np.abs(r))) - np.log(s), np.tanh(r / 2) / s

    def quantile(self, uniform: Any, mean: Any, auxiliaries: Mapping[str, Any]) -> Any:
        return mean + auxiliaries["s"] * special.logit(uniform)

    def variance(self, block: Any, mean: Any, auxiliaries: Mapping[str, Any]) -> Any:
        return np.broadcast_to(auxiliaries["s"] ** 2 * np.pi**2 / 3, mean.shape)

    def auxiliary_prior(self, name: str, response_sd: float) -> Any:
        from filbert.families.family import DefaultPrior

        prior = fb.Prior("HalfNormal", sigma=2)
        return DefaultPrior(prior, str(prior))


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=40)})
    data["y"] = 1 + 2 * data["x"] + rng.normal(0, 2, 40)
    return data


PRIORS = {"Intercept": fb.Normal(0, 3), "x": fb.Normal(0, 3)}


def fitted(family: fb.CustomFamily, draws: int = 200, sampler: str = "auto", **arguments: Any) -> tuple[fb.Model, Any]:
    model = fb.Model("y ~ x", frame(), family=family, priors=PRIORS, center_predictors=False, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model, model.fit(draws=draws, sampler=sampler, random_seed=1, progressbar=False)


def exact() -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the posterior of a Gaussian with known deviation."""
    data = frame()
    X = np.column_stack([np.ones(len(data)), data["x"]])
    covariance = np.linalg.inv(X.T @ X / 4 + np.eye(2) / 9)
    return covariance @ X.T @ data["y"].to_numpy() / 4, covariance


@pytest.mark.statistical
@pytest.mark.parametrize("sampler", ["nuts", "independence"])
def test_the_posterior_is_the_exact_one(sampler: str) -> None:
    _, idata = fitted(KnownSigma(), 2000, sampler)
    mean, covariance = exact()
    table = fb.summary(idata)
    scores = (table["mean"].to_numpy() - mean) / table["mcse_mean"].to_numpy()
    assert np.abs(scores).max() < 4
    np.testing.assert_allclose(table["sd"], np.sqrt(np.diag(covariance)), rtol=0.05)


@pytest.mark.statistical
def test_an_auxiliary_of_ones_own_has_its_exact_posterior() -> None:
    """By quadrature on a grid of intercept, slope and log scale."""
    _, idata = fitted(Logistic(), 2000)
    table = fb.summary(idata)
    data = frame()
    centres, widths = table["mean"].to_numpy(), table["sd"].to_numpy()
    a, b, s = (np.linspace(c - 5 * w, c + 5 * w, 41) for c, w in zip(centres, widths, strict=True))
    s = np.maximum(s, 1e-3)
    A, B, S = np.meshgrid(a, b, s, indexing="ij")
    log_density = stats.norm(0, 3).logpdf(A) + stats.norm(0, 3).logpdf(B) + stats.halfnorm(scale=2).logpdf(S)
    for x, y in zip(data["x"], data["y"], strict=True):
        log_density += stats.logistic(A + B * x, S).logpdf(y)
    weights = np.exp(log_density - log_density.max())
    expected = [np.sum(values * weights) / weights.sum() for values in (A, B, S)]
    scores = (centres - expected) / table["mcse_mean"].to_numpy()
    assert np.abs(scores).max() < 4


def test_a_wrong_slope_is_caught() -> None:
    """Draws would still be exact, for they are accepted by the values; but few, and maximum likelihood would err."""
    with pytest.raises(ValueError, match=r"'known sigma' returns a derivative that .* differences of the values say"):
        fitted(WrongSlope())


@pytest.mark.parametrize("family", [KnownSigma(), Logistic()], ids=lambda family: family.name)
def test_all_that_follows_a_fit(family: fb.CustomFamily, tmp_path: Path) -> None:
    model, idata = fitted(family)
    table = fb.summary(model, idata)
    assert list(table.index) == ["Intercept", "x", *family.auxiliaries]
    assert f"Family: {family.name}" in str(model)
    model.log_likelihood(idata)
    eta = (
        np.asarray(idata["posterior"]["Intercept"])[..., None]
        + np.asarray(idata["posterior"]["x"])[..., None] * frame()["x"].to_numpy()
    )
    scale = np.asarray(idata["posterior"]["s"])[..., None] if family.auxiliaries else 2.0
    distribution = stats.logistic(eta, scale) if family.auxiliaries else stats.norm(eta, scale)
    np.testing.assert_allclose(idata["log_likelihood"]["y"], distribution.logpdf(frame()["y"].to_numpy()), rtol=1e-10)
    model.predict(idata, kind="response", random_seed=1)
    drawn = np.asarray(idata["posterior_predictive"]["y"])
    scores = np.sort(distribution.cdf(drawn).ravel())
    assert np.abs(scores - (np.arange(scores.size) + 0.5) / scores.size).max() < 1.95 / np.sqrt(scores.size)
    assert 0 < model.r2(idata)["r2"] < 1
    assert np.isfinite(fb.comparisons(model, idata, contrast={"x": [0, 1]}, average_by="all")["mean"]).all()
    assert model.prior_predictive(draws=20)["prior_predictive"]["y"].shape == (1, 20, 40)
    model.save(tmp_path / "own.filbert")
    new = pd.DataFrame({"x": [0.0, 1.0]})
    expected = fb.predictions(model, idata, data=new, pps=True, random_seed=1)
    loaded = fb.load(tmp_path / "own.filbert", family=family)
    for other in (loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        pd.testing.assert_frame_equal(fb.predictions(other, idata, data=new, pps=True, random_seed=1), expected)
    with pytest.raises(ValueError, match="family"):
        fb.load(tmp_path / "own.filbert")


def test_maximum_likelihood_of_a_known_sigma_is_least_squares() -> None:
    model, _ = fitted(KnownSigma(), 50)
    expected = fb.Model("y ~ x", frame()).least_squares()["estimate"]
    np.testing.assert_allclose(model.maximum_likelihood()["estimate"], expected, rtol=1e-6)


def test_what_a_family_lacks_is_said() -> None:
    class Bare(fb.CustomFamily):
        name = "bare"
        row_log_likelihood = KnownSigma.row_log_likelihood

    model, idata = fitted(Bare(), 50)
    with pytest.raises(ValueError, match=r"'bare' has no quantile\(\).*quantile\(self, uniform, mean, aux"):
        model.predict(idata, kind="response")
    with pytest.raises(ValueError, match=r"'bare' has no variance\(\).*variance\(self, block, mean, aux"):
        model.r2(idata)
    with pytest.raises(TypeError, match="abstract"):
        fb.CustomFamily()
