"""Tests that a factor that is kept by level has the exact posterior of its columns, of all coefficients and sigma."""

from __future__ import annotations

from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.formula import levels
from statistical.scores import Z_LIMIT, effective_sample_size

LEVELS = 300
PRIORS = {
    "Intercept": fb.Normal(8, 0.4),
    "x": fb.Normal(0, 1),
    "g": fb.Normal(0.5, np.linspace(0.5, 2, LEVELS - 1)),
    "sigma": fb.HalfNormal(1),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(29)
    codes = np.concatenate([np.arange(LEVELS), rng.integers(0, LEVELS, 2 * LEVELS)])
    frame = pd.DataFrame({"x": rng.normal(size=len(codes)) + 0.01 * codes, "g": [f"g{code:03d}" for code in codes]})
    frame["y"] = 10 + frame.x + rng.normal(size=LEVELS)[codes] + rng.normal(size=len(codes))
    return frame


def exact(frame: pd.DataFrame, at_means: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return means and deviations of intercept, slope, levels and sigma, with sigma summed over a fine grid."""
    y, x = frame["y"].to_numpy(), frame["x"].to_numpy()
    columns = (frame["g"].to_numpy()[:, None] == np.unique(frame["g"])[1:]).astype(float)
    X = np.column_stack([np.ones(len(y)), x, columns])
    mean = np.concatenate([[8.0, 0.0], np.full(LEVELS - 1, 0.5)])
    deviation = np.concatenate([[0.4, 1.0], np.linspace(0.5, 2, LEVELS - 1)])
    to_zero = np.eye(X.shape[1])
    if at_means:
        to_zero[0, 1:] = -X[:, 1:].mean(axis=0)
    # In standardised coefficients of the centred columns the prior is standard normal.
    Z = X @ to_zero * deviation
    off = y - X @ to_zero @ mean
    values, vectors = np.linalg.eigh(Z.T @ Z)
    pull, back = vectors.T @ (Z.T @ off), (to_zero * deviation) @ vectors
    log_weights, means, variances, sigmas = [], [], [], np.exp(np.linspace(np.log(0.7), np.log(1.5), 300))
    for sigma in sigmas:
        precision = 1 + values / sigma**2
        centre = pull / sigma**2 / precision
        likelihood = -len(y) * np.log(sigma) - 0.5 * (off @ off / sigma**2 - (centre**2 * precision).sum())
        log_weights.append(likelihood - 0.5 * np.log(precision).sum() - 0.5 * sigma**2 + np.log(sigma))
        means.append(np.append(to_zero @ mean + back @ centre, sigma))
        variances.append(np.append(back**2 @ (1 / precision), 0))
    weights = np.exp(np.array(log_weights) - max(log_weights))
    weights /= weights.sum()
    overall = weights @ np.array(means)
    return overall, np.sqrt(weights @ (np.array(variances) + (np.array(means) - overall) ** 2))


def scores(idata: Any, frame: pd.DataFrame, at_means: bool) -> np.ndarray:
    """Return how far means and squares are from the exact ones, in Monte Carlo errors."""
    posterior = idata["posterior"]
    drawn = [posterior[name].to_numpy()[..., None] for name in ("Intercept", "x")]
    drawn += [posterior["g"].to_numpy(), posterior["sigma"].to_numpy()[..., None]]
    means, deviations = exact(frame, at_means)
    found = []
    for draws, mean, deviation in zip(
        np.moveaxis(np.concatenate(drawn, axis=-1), -1, 0), means, deviations, strict=True
    ):
        standard = (draws - mean) / deviation
        found += [score(standard, 0), score(standard**2, 1)]
    return np.array(found)


def score(draws: np.ndarray, mean: float) -> float:
    return float((draws.mean() - mean) / draws.std() * np.sqrt(effective_sample_size(draws)))


@pytest.mark.parametrize("sampler", ["auto", "nuts"])
@pytest.mark.parametrize("at_means", [True, False])
def test_a_factor_by_level_has_the_exact_posterior(
    at_means: bool, sampler: str, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "MOST_WITH_COLUMNS", 100)
    model = fb.Model("y ~ x + g", frame, priors=PRIORS, center_predictors=at_means)
    assert model.regression.by_level is not None
    idata = model.fit(draws=2000, random_seed=7, sampler=sampler, progressbar=False)
    right = scores(idata, frame, at_means)
    assert np.abs(right).max() < Z_LIMIT
    assert np.sqrt((right**2).mean()) < 1.3
    # The prior of the intercept reaches the levels, or it does not: the other is another posterior.
    broken = scores(idata, frame, not at_means)
    assert np.sqrt((broken**2).mean()) > 2
