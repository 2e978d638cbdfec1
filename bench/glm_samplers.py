"""Effective draws a second of both samplers of GLMs, set-up and warm-up included, and how the choice falls.

Run from the repository root: ``python bench/glm_samplers.py``. ESS is the least of bulk and tail over parameters;
C divides it by half of the process's CPU time, W by wall time.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from filbert import _core

NUTS = {"tune": 150, "cores": 2, "target_accept": 0.8, "max_treedepth": 10, "keep_warmup": False, "report": None}


def correlated(rng: np.random.Generator, n: int, p: int, rho: float) -> np.ndarray:
    common = rng.normal(size=(n, 1))
    return np.sqrt(1 - rho) * rng.normal(size=(n, p)) + np.sqrt(rho) * common


def regimes() -> dict[str, tuple[str, str, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    cases = {}
    sizes = [(50, 5, 0), (1000, 25, 0.9), (10_000, 20, 0), (100_000, 20, 0), (1500, 60, 0), (2000, 200, 0)]
    for n, p, rho in sizes:
        X = correlated(rng, n, p, rho)
        eta = X @ rng.normal(size=p) / np.sqrt(p)
        cases[f"logit {n}x{p} rho {rho}"] = (
            "bernoulli",
            "logit",
            X,
            (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
        )
    X = rng.normal(size=(10_000, 10))
    eta = X @ rng.normal(size=10) * 0.1
    cases["poisson 10000x10"] = ("poisson", "log", X, rng.poisson(np.exp(eta)).astype(float))
    X = rng.normal(size=(500, 6))
    mean = np.exp(0.5 + X @ rng.normal(size=6) * 0.2)
    cases["negbinomial 500x6"] = (
        "negativebinomial",
        "log",
        X,
        rng.poisson(mean * rng.gamma(0.7, 1 / 0.7, 500)).astype(float),
    )
    X = rng.normal(size=(500, 8))
    cases["t 500x8"] = ("t", "identity", X, X @ rng.normal(size=8) + rng.standard_t(4, 500))
    X = rng.normal(size=(10_000, 10))
    cases["gamma 10000x10"] = ("gamma", "log", X, rng.gamma(3, size=10_000) * np.exp(X[:, 0] * 0.3) + 1e-9)
    return cases


AUXILIARIES = {
    "negativebinomial": [("HalfCauchy", (1.0,))],
    "gamma": [("HalfCauchy", (1.0,))],
    "t": [("HalfStudentT", (4.0, 2.0)), ("Gamma", (2.0, 0.1))],
}


def measured(family: str, link: str, X: np.ndarray, y: np.ndarray, sampler: str) -> str:
    wall, cpu = time.perf_counter(), time.process_time()
    data = _core.GlmData(family, link, X, y)
    posterior = _core.GlmPosterior(
        data,
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=[("Normal", (0.0, 2.5))] * (X.shape[1] + 1),
        auxiliary_priors=AUXILIARIES.get(family, []),
    )
    framed = _core.FramedGlm(posterior)
    if sampler == "nuts":
        result = _core.sample(framed, draws=1000, chains=4, seed=1, **NUTS)
    else:
        result = _core.sample_glm(framed, draws=1000, chains=4, seed=1, **NUTS)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _, bulk_ess, tail_ess = _core.ChainSummaries(result["sampling"]["values"]).result()
    bulk, tail = float(np.min(bulk_ess)), float(np.min(tail_ess))
    accepted = ""
    if "acceptance" in result:
        accepted = f"acceptance {np.mean(result['acceptance']):.3f}"
    name = result.get("sampler", "nuts")
    return (
        f"{name:13s} bulk {bulk:6.0f} tail {tail:6.0f}  W {min(bulk, tail) / wall / 1e3:8.2f}k"
        f"  C {min(bulk, tail) / (cpu / 2) / 1e3:8.2f}k  wall {wall * 1e3:8.1f} ms  {accepted}"
    )


def main() -> None:
    sys.stdout.write(f"instruction set {_core.instruction_set()}\n")
    for name, case in regimes().items():
        for sampler in ("nuts", "auto"):
            line = [measured(*case, sampler) for _ in range(2)][-1]  # the first one warms up
            sys.stdout.write(f"{name:26s} {line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
