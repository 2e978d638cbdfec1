"""The peers: one function each that builds a regression and returns what fits it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models import Regression

Fit = Callable[[int], Any]

# filbert and nutpie run chains on all processors. PyMC's own sampler keeps its default, half of them, because its
# processes take longer to start than such models to sample.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def filbert(regression: Regression) -> Fit:
    import filbert as fb

    priors = regression.priors and {name: fb.Prior(kind, **to) for name, (kind, to) in regression.priors.items()}
    model = fb.Model(regression.formula, regression.data, priors=priors)
    return lambda seed: model.fit(
        draws=regression.draws,
        tune=regression.tune,
        chains=regression.chains,
        cores=CORES,
        random_seed=seed,
        progressbar=False,
    )


def bambi(regression: Regression, inference_method: str = "pymc") -> Fit:
    import bambi as bmb

    priors = regression.priors and {name: bmb.Prior(kind, **to) for name, (kind, to) in regression.priors.items()}
    model = bmb.Model(regression.formula, regression.data, priors=priors)
    return lambda seed: model.fit(
        draws=regression.draws,
        tune=regression.tune,
        chains=regression.chains,
        cores=CORES if inference_method == "nutpie" else None,
        random_seed=seed,
        progressbar=False,
        inference_method=inference_method,
    )


def bambi_nutpie(regression: Regression) -> Fit:
    return bambi(regression, "nutpie")


def pymc(regression: Regression) -> Fit:
    """One predictor and no centring, written down as in PyMC's tutorial."""
    import pymc as pm

    if regression.priors is None or regression.formula != "y ~ x":
        raise ValueError("the direct PyMC model is the tutorial's, y ~ x with priors")
    with pm.Model() as model:
        parameters = {name: getattr(pm, kind)(name, **to) for name, (kind, to) in regression.priors.items()}
        mean = parameters["Intercept"] + parameters["x"] * regression.data["x"].to_numpy()
        pm.Normal("y", mu=mean, sigma=parameters["sigma"], observed=regression.data["y"].to_numpy())

    return _pymc_sampling(model, regression, "pymc")


def _pymc_sampling(model: Any, regression: Regression, sampler: str) -> Fit:
    import pymc as pm

    def fit(seed: int) -> Any:
        with model:
            return pm.sample(
                draws=regression.draws,
                tune=regression.tune,
                chains=regression.chains,
                cores=CORES if sampler == "nutpie" else None,
                random_seed=seed,
                progressbar=False,
                nuts_sampler=sampler,
            )

    return fit


def pymc_nutpie(regression: Regression) -> Fit:
    """bambi's default model with one vector of coefficients: bambi's one variable a column takes minutes to compile."""
    import pymc as pm

    X, y = regression.data.drop(columns="y").to_numpy(), regression.data["y"].to_numpy()
    with pm.Model() as model:
        intercept = pm.Normal("Intercept", mu=y.mean(), sigma=2.5 * y.std())
        slopes = pm.Normal("slopes", mu=0, sigma=2.5 * y.std() / X.std(axis=0), shape=X.shape[1])
        sigma = pm.HalfStudentT("sigma", nu=4, sigma=y.std())
        pm.Normal("y", mu=intercept + (X - X.mean(axis=0)) @ slopes, sigma=sigma, observed=y)
    return _pymc_sampling(model, regression, "nutpie")


def statsmodels(regression: Regression) -> Fit:
    """Least squares, no posterior: the yardstick for what a regression costs that is not sampled at all."""
    import statsmodels.formula.api as smf

    return lambda _seed: smf.ols(regression.formula, regression.data).fit()


@dataclass(frozen=True)
class Peer:
    title: str
    requires: tuple[str, ...]
    build: Callable[[Regression], Fit]
    samples: bool = True

    def missing(self) -> list[str]:
        return [name for name in self.requires if importlib.util.find_spec(name) is None]


PEERS = {
    "filbert": Peer("filbert", ("filbert",), filbert),
    "bambi": Peer("bambi (PyMC's NUTS)", ("bambi",), bambi),
    "bambi-nutpie": Peer("bambi + nutpie", ("bambi", "nutpie"), bambi_nutpie),
    "pymc": Peer("PyMC, uncentred", ("pymc",), pymc),
    "pymc-nutpie": Peer("PyMC + nutpie, centred, one vector", ("pymc", "nutpie"), pymc_nutpie),
    "statsmodels": Peer("statsmodels OLS", ("statsmodels",), statsmodels, samples=False),
}
