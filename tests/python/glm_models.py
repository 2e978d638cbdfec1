"""Random generalised linear models, and their posteriors by plain NumPy, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from filbert import _core

Floats = npt.NDArray[np.float64]
PriorSpec = tuple[str, tuple[float, ...]]

MEANS: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda eta: eta,
    "log": np.exp,
    "logit": lambda eta: 1 / (1 + np.exp(-eta)),
    "probit": lambda eta: np.array([0.5 * (1 + _erf(value / np.sqrt(2))) for value in np.ravel(eta)]).reshape(
        np.shape(eta)
    ),
    "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
    "inverse": lambda eta: 1 / eta,
    "sqrt": lambda eta: eta**2,
}


def _erf(x: float) -> float:
    from math import erf

    return erf(x)


@dataclass
class Glm:
    """A model and what the engine needs of it."""

    family: str
    link: str
    X: Floats
    y: Floats
    coefficients: list[PriorSpec]
    auxiliaries: list[PriorSpec | float] = field(default_factory=list)
    trials: Floats | None = None
    weights: Floats | None = None
    offset: Floats | None = None
    intercept: bool = True
    at_means: bool = True

    def posterior(self) -> _core.GlmPosterior:
        data = _core.GlmData(self.family, self.link, self.X, self.y, self.trials, self.weights, self.offset)
        return _core.GlmPosterior(
            data,
            intercept=self.intercept,
            intercept_at_means=self.at_means,
            coefficient_priors=self.coefficients,
            auxiliary_priors=self.auxiliaries,
        )

    def framed(self) -> _core.FramedGlm:
        return _core.FramedGlm(self.posterior())

    def log_density(self, beta: Floats, log_auxiliaries: Sequence[float] = ()) -> float:
        """Return the log density of (β, log auxiliaries), row by row through `glm_log_likelihood`."""
        weights = np.ones(len(self.y)) if self.weights is None else self.weights
        eta = np.zeros(len(self.y)) if self.offset is None else self.offset.copy()
        slopes = beta[1:] if self.intercept else beta
        eta = eta + self.X @ slopes + (beta[0] if self.intercept else 0.0)
        free = iter(np.exp(log_auxiliaries))
        natural = [spec if isinstance(spec, float) else next(free) for spec in self.auxiliaries]
        rows = _core.glm_log_likelihood(
            self.family, self.link, self.y, self.trials, eta[:, None], np.reshape(natural, (-1, 1))
        )[:, 0]
        value = float(np.sum(np.where(weights > 0, weights * rows, 0.0)))
        arguments = list(beta)
        if self.intercept and self.at_means:
            arguments[0] = beta[0] + slopes @ np.average(self.X, axis=0, weights=weights)
        for (name, parameters), argument in zip(self.coefficients, arguments, strict=True):
            value += _core.prior_log_density(name, parameters, argument)[0]
        for spec, number in zip(self.auxiliaries, natural, strict=True):
            if not isinstance(spec, float):
                value += _core.prior_log_density(spec[0], spec[1], number)[0] + np.log(number)
        return value


AUXILIARIES: dict[str, list[PriorSpec | float]] = {
    "negativebinomial": [("HalfCauchy", (1.0,))],
    "gamma": [("HalfCauchy", (1.0,))],
    "beta": [("HalfCauchy", (1.0,))],
    "beta_binomial": [("HalfCauchy", (1.0,))],
    "gaussian": [("HalfNormal", (2.0,))],
    "t": [("HalfStudentT", (4.0, 2.0)), ("Gamma", (2.0, 0.1))],
}


def random_glm(rng: np.random.Generator, family: str, link: str, n: int = 120, p: int = 2, **changes: Any) -> Glm:
    """Draw predictors, coefficients of moderate size and responses."""
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 3, p) + rng.normal(size=p)
    centred = (X - X.mean(axis=0)) / X.std(axis=0)
    start = {"identity": 0.0, "log": 0.5, "logit": 0.2, "probit": 0.1, "cloglog": -0.3, "inverse": 2.0, "sqrt": 2.5}[
        link
    ]
    if link == "identity" and family not in ("t", "gaussian"):
        start = 0.5 if family in ("bernoulli", "binomial") else 6.0
    spread = 0.1 if link in ("identity", "inverse") and family not in ("t", "gaussian") else 0.4
    if link == "identity" and family in ("bernoulli", "binomial"):
        spread = 0.05  # a mode inside of the domain
    eta = start + spread * np.clip(centred @ rng.uniform(-1, 1, p), -3, 3)
    if family in ("gaussian", "t") and link == "inverse":
        eta = 1.0 + 0.1 * np.clip(centred @ rng.uniform(-1, 1, p), -3, 3)
    mean = np.array(MEANS[link](eta))[:, None]
    trials = rng.integers(1, 12, n).astype(float) if family in ("binomial", "beta_binomial") else None
    truth = {
        "negativebinomial": [2.0],
        "gamma": [4.0],
        "beta": [8.0],
        "beta_binomial": [6.0],
        "gaussian": [0.3],
        "t": [0.5, 5.0],
    }
    y = np.empty((n, 1))
    auxiliaries = np.reshape(truth.get(family, []), (-1, 1))
    _core.glm_response_draws(
        family, mean, trials, auxiliaries, np.arange(n, dtype=np.uint64), int(rng.integers(2**31)), y
    )
    y = y[:, 0]
    if family == "beta":
        y = np.clip(y, 1e-6, 1 - 1e-6)
    priors: list[PriorSpec] = [("Normal", (float(start), 2.0))] + [
        ("Normal", (0.0, float(2.5 / s))) for s in X.std(axis=0)
    ]
    model = Glm(family, link, X, y, priors, list(AUXILIARIES.get(family, [])), trials)
    for name, value in changes.items():
        setattr(model, name, value)
    return model


ALL = [(family, link) for family, (_, links) in _core.glm_families().items() for link in links]
