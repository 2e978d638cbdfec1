"""Predictions against closed forms: flat priors make a new response Student-t, and its mean too.

With p(β, σ) constant, the posterior of a row's mean x'β is x'β̂ + s √h t, and that of a new response
x'β̂ + s √(1 + h) t, with t of n - p - 1 degrees of freedom, s² = RSS / (n - p - 1) and h = x'(X'X)⁻¹x.
"""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.predict import rowwise
from filbert.results.draws import Draws
from scipy import stats

pytestmark = pytest.mark.statistical

DRAWS = 5000
CHAINS = 4
N, P = 10, 3  # few rows, so that the tails of t count
NEW = 5


class Setting:
    """A regression with flat priors, new rows, and the exact distributions of their means and responses."""

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        self.frame = pd.DataFrame({"x": rng.normal(3, 1, N), "z": rng.normal(size=N)})
        self.frame["y"] = 1 + 2 * self.frame.x - self.frame.z + rng.normal(0, 2, N)
        self.new = pd.DataFrame({"x": rng.normal(3, 0.5, NEW), "z": rng.normal(0, 0.5, NEW)})
        X, rows = (np.column_stack([np.ones(len(f)), f.x, f.z]) for f in (self.frame, self.new))
        Q, R = np.linalg.qr(X)
        estimate = np.linalg.solve(R, Q.T @ self.frame.y.to_numpy())
        leverage = np.sum(np.linalg.solve(R.T, rows.T) ** 2, axis=0)
        self.df = N - P - 1
        s = np.sqrt(np.sum((self.frame.y - X @ estimate) ** 2) / self.df)
        self.mean = stats.t(self.df, rows @ estimate, s * np.sqrt(leverage))
        self.response = stats.t(self.df, rows @ estimate, s * np.sqrt(1 + leverage))
        flat = {"Intercept": fb.Flat(), "common": fb.Flat(), "sigma": fb.HalfFlat()}
        self.model = fb.Model("y ~ x + z", self.frame, priors=flat)
        self.idata = self.model.fit(DRAWS, tune=1000, chains=CHAINS, random_seed=1, progressbar=False)
        self.model.predict(self.idata, "response", data=self.new, random_seed=2)

    def draws(self, name: str) -> np.ndarray:
        """(draws, rows)"""
        return np.asarray(self.idata["predictions"][name]).reshape(-1, NEW)


@pytest.fixture(scope="module")
def setting():
    return Setting()


def errors(draws, exact):
    """Means, variances and five quantiles against exact ones, in Monte Carlo standard errors of half as many draws.

    Draws of the sampler are worth about one independent draw each here; half of that leaves room.
    """
    n = len(draws) / 2
    mean, variance, _, kurtosis = exact.stats(moments="mvsk")
    scores = [(draws.mean(axis=0) - mean) / np.sqrt(variance / n)]
    scores.append((draws.var(axis=0) / variance - 1) / np.sqrt((kurtosis + 2) / n))
    for probability in (0.005, 0.25, 0.5, 0.75, 0.995):
        below = np.mean(draws < exact.ppf(probability), axis=0)
        scores.append((below - probability) / np.sqrt(probability * (1 - probability) / n))
    return np.abs(scores).max()


def test_means_and_responses_have_their_exact_distributions(setting):
    assert errors(setting.draws("mu"), setting.mean) < 4
    assert errors(setting.draws("y"), setting.response) < 4


def test_wrong_predictions_are_noticed(setting):
    mu, y = setting.draws("mu"), setting.draws("y")
    sigma = np.asarray(setting.idata["posterior"]["sigma"]).reshape(-1, 1)
    noise = (y - mu) / sigma
    assert errors(mu, setting.response) > 10  # without noise
    assert errors(mu.mean(axis=0) + sigma * noise, setting.response) > 10  # coefficients at their means
    assert errors(mu + sigma.mean() * noise, setting.response) > 5  # sigma at its mean
    assert errors(mu + np.roll(sigma, 1) * 1.1 * noise, setting.response) > 5  # too much noise
    assert errors(mu + 0.1 * setting.response.std(), setting.mean) > 5  # a shift


def test_noise_is_independent_between_rows_and_of_the_parameters(setting):
    mu, y = setting.draws("mu"), setting.draws("y")
    sigma = np.asarray(setting.idata["posterior"]["sigma"]).reshape(-1, 1)
    noise = (y - mu) / sigma
    correlation = np.corrcoef(np.column_stack([noise, mu, sigma]), rowvar=False)[:NEW]
    correlation[np.arange(NEW), np.arange(NEW)] = 0
    assert np.abs(correlation).max() < 4.5 / np.sqrt(len(noise))
    shared = noise + 0.3 * noise[:, :1]  # a part that all rows share
    assert np.corrcoef(shared, rowvar=False)[0, 1] > 4.5 / np.sqrt(len(noise))


def test_summaries_of_predictions_hold_their_probability(setting):
    """A new response lies in its interval as often as the interval says."""
    regression = setting.model.regression
    draws = Draws.read(setting.idata, regression)
    rows = setting.model.design.new_rows(setting.new)
    ((_, block, mean),) = rowwise.mean_blocks(rows, regression, draws)
    responses = rowwise.response_draws(block, mean, regression, draws, rowwise.row_keys(rows.index), 5)
    for use_hdi in (True, False):
        for prob in (0.5, 0.9):
            _, _, lower, upper = rowwise.summarise(responses, prob, use_hdi)
            held = setting.response.cdf(upper) - setting.response.cdf(lower)
            assert np.all(np.abs(held - prob) < 0.02)
