"""The generalised regressions that bench/glm.py fits: rows, formula and family, in no package's own terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Problem:
    """A regression of `y` on all other columns, with the default priors that filbert and bambi share."""

    family: str
    data: pd.DataFrame
    draws: int = 1000
    tune: int = 1000
    chains: int = 4

    @property
    def formula(self) -> str:
        return "y ~ " + " + ".join(self.predictors)

    @property
    def predictors(self) -> list[str]:
        return [str(name) for name in self.data.columns if name != "y"]


def simulated(family: str, n: int, p: int, correlation: float = 0.0) -> Problem:
    """`p` standard normal columns, each pair correlated alike; the predictor has an sd of about 1 (counts: 0.5)."""
    rng = np.random.default_rng([n, p])
    common = np.sqrt(correlation) * rng.normal(size=n)
    X = np.sqrt(1 - correlation) * rng.normal(size=(n, p)) + common[:, None]
    eta = X @ rng.normal(size=p)
    eta *= (1.0 if family == "bernoulli" else 0.5) / eta.std()
    response: dict[str, Callable[[], np.ndarray]] = {
        "bernoulli": lambda: rng.random(n) < 1 / (1 + np.exp(-eta)),
        "poisson": lambda: rng.poisson(np.exp(1 + eta)),
        "negativebinomial": lambda: rng.poisson(np.exp(1 + eta) * rng.gamma(2.0, 1 / 2.0, n)),
    }
    columns = {f"x{j + 1}": X[:, j] for j in range(p)}
    return Problem(family, pd.DataFrame({"y": response[family]().astype(np.int64), **columns}))


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "logistic": lambda: simulated("bernoulli", 10_000, 20),
    "logistic-correlated": lambda: simulated("bernoulli", 1000, 25, correlation=0.9),
    "poisson": lambda: simulated("poisson", 10_000, 10),
    "negative-binomial": lambda: simulated("negativebinomial", 500, 6),
    "logistic-wide": lambda: simulated("bernoulli", 2000, 200),
    "logistic-million": lambda: simulated("bernoulli", 1_000_000, 10),
}
