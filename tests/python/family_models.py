"""One small model of each family, and SciPy's distributions of their responses, for the tests of families."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
from filbert.families import FAMILIES
from scipy import stats

N = 60

# SciPy's distribution of a response from its parent parameter (rows, draws), trials and auxiliaries.
DISTRIBUTIONS = {
    "gaussian": lambda mu, n, a: stats.norm(mu, a["sigma"]),
    "lognormal": lambda mu, n, a: stats.lognorm(a["sigma"], scale=np.exp(mu)),
    "bernoulli": lambda p, n, a: stats.bernoulli(p),
    "binomial": lambda p, n, a: stats.binom(n[:, None], p),
    "poisson": lambda mu, n, a: stats.poisson(mu),
    "negativebinomial": lambda mu, n, a: stats.nbinom(a["alpha"], a["alpha"] / (a["alpha"] + mu)),
    "t": lambda mu, n, a: stats.t(a["nu"], mu, a["sigma"]),
    "gamma": lambda mu, n, a: stats.gamma(a["alpha"], scale=mu / a["alpha"]),
    "exponential": lambda mu, n, a: stats.expon(scale=mu),
    "beta": lambda mu, n, a: stats.beta(mu * a["kappa"], (1 - mu) * a["kappa"]),
    "beta_binomial": lambda mu, n, a: stats.betabinom(n[:, None], mu * a["kappa"], (1 - mu) * a["kappa"]),
}


def frame(seed: int = 12) -> pd.DataFrame:
    """Columns that suit a family each: `y_` and its name, with predictors, trials, an offset and weights."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(1, 2, N), "g": np.resize(list("abc"), N), "o": rng.uniform(-0.2, 0.2, N)})
    data["n"], data["w"] = rng.integers(3, 12, N), rng.integers(1, 4, N)
    eta = 0.2 + 0.25 * data["x"] + data["o"]
    p, mean = 1 / (1 + np.exp(-eta)), np.exp(eta)
    data["y_gaussian"] = eta + rng.normal(0, 0.7, N)
    data["y_t"] = eta + 0.6 * rng.standard_t(4, N)
    data["y_bernoulli"] = rng.binomial(1, p)
    data["y_binomial"] = rng.binomial(data["n"], p)
    data["y_beta_binomial"] = rng.binomial(data["n"], rng.beta(5 * p, 5 * (1 - p)))
    data["y_beta"] = np.clip(rng.beta(6 * p, 6 * (1 - p)), 0.01, 0.99)
    data["y_poisson"] = rng.poisson(mean)
    data["y_negativebinomial"] = rng.poisson(mean * rng.gamma(2, 0.5, N))
    data["y_gamma"], data["y_exponential"] = rng.gamma(3, mean / 3), rng.exponential(mean)
    data["y_lognormal"] = np.exp(eta + rng.normal(0, 0.5, N))
    return data


def response(name: str) -> str:
    return f"p(y_{name}, n)" if FAMILIES[name].has_trials else f"y_{name}"


def model(name: str, **arguments: Any) -> fb.Model:
    return fb.Model(f"{response(name)} ~ x + g + offset(o)", frame(), family=name, **arguments)


def quickly(made: fb.Model, draws: int = 100, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made.fit(draws=draws, random_seed=1, progressbar=False, **arguments)


@cache
def fitted(name: str) -> tuple[fb.Model, Any]:
    made = model(name)
    return made, quickly(made)


def log_density(distribution: object, y: np.ndarray) -> np.ndarray:
    return getattr(distribution, "logpmf", getattr(distribution, "logpdf", None))(y)
