"""The peers of bench/glm.py: one function each that builds a generalised regression and returns what fits it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from glm_problems import Problem

# A fit takes a seed and returns draws by parameter (chains, draws, ...), or nothing where nothing is sampled.
Fit = Callable[[int], "dict[str, Any] | None"]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def filbert(problem: Problem, **options: Any) -> Fit:
    """The model's statement is part of every fit, and so is the container for ArviZ."""
    import filbert as fb

    def fit(seed: int) -> dict[str, Any]:
        model = fb.Model(problem.formula, problem.data, family=problem.family)
        idata = model.fit(
            draws=problem.draws, chains=problem.chains, cores=CORES, random_seed=seed, progressbar=False, **options
        )
        return {str(name): np.asarray(values) for name, values in idata["posterior"].data_vars.items()}

    return fit


def filbert_nuts(problem: Problem) -> Fit:
    return filbert(problem, sampler="nuts")


def filbert_independence(problem: Problem) -> Fit:
    return filbert(problem, sampler="independence")


def numpyro(problem: Problem) -> Fit:
    """bambi's model as one vector of coefficients on centred columns. Fits after the first do not compile again."""
    import numpyro as npr

    npr.set_host_device_count(problem.chains)
    npr.enable_x64()
    import jax
    from numpyro import distributions as dist
    from numpyro.infer import MCMC, NUTS

    X = problem.data[problem.predictors].to_numpy()
    spread = X.std(axis=0)
    X = X - X.mean(axis=0)
    at_zero, slope = (1.5, 1.0) if problem.family == "bernoulli" else (2.5, 2.5)  # bambi's default scales
    y = problem.data["y"].to_numpy()

    def model() -> None:
        intercept = npr.sample("intercept", dist.Normal(0, at_zero))
        slopes = npr.sample("slopes", dist.Normal(0, slope / spread).to_event(1))
        eta = intercept + X @ slopes
        if problem.family == "bernoulli":
            npr.sample("y", dist.BernoulliLogits(eta), obs=y)
        elif problem.family == "poisson":
            npr.sample("y", dist.Poisson(jax.numpy.exp(eta)), obs=y)
        else:
            alpha = npr.sample("alpha", dist.HalfCauchy(1))
            npr.sample("y", dist.NegativeBinomial2(jax.numpy.exp(eta), alpha), obs=y)

    chains = MCMC(
        NUTS(model),
        num_warmup=problem.tune,
        num_samples=problem.draws,
        num_chains=problem.chains,
        chain_method="parallel",
        progress_bar=False,
    )

    def fit(seed: int) -> dict[str, Any]:
        chains.run(jax.random.PRNGKey(seed))
        return {name: np.asarray(values) for name, values in chains.get_samples(group_by_chain=True).items()}

    return fit


def _bambi_model(problem: Problem) -> Any:
    import bambi as bmb

    return bmb.Model(problem.formula, problem.data, family=problem.family)


def bambi_nutpie(problem: Problem) -> Fit:
    """bambi's model, compiled once by nutpie: the compilation is in no fit."""
    import nutpie

    model = _bambi_model(problem)
    model.build()
    compiled = nutpie.compile_pymc_model(model.backend.model)

    def fit(seed: int) -> dict[str, Any]:
        idata = nutpie.sample(
            compiled,
            draws=problem.draws,
            tune=problem.tune,
            chains=problem.chains,
            cores=CORES,
            seed=seed,
            progress_bar=False,
        )
        return {str(name): np.asarray(values) for name, values in idata["posterior"].data_vars.items()}

    return fit


def bambi(problem: Problem) -> Fit:
    """bambi as it is called, with PyMC's sampler: for the time of a whole process."""

    def fit(seed: int) -> None:
        _bambi_model(problem).fit(
            draws=problem.draws, tune=problem.tune, chains=problem.chains, random_seed=seed, progressbar=False
        )

    return fit


def statsmodels(problem: Problem) -> Fit:
    """Maximum likelihood, no posterior: `GLM(...).fit()` from the formula (its negative binomial has alpha fixed)."""
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    families = {
        "bernoulli": sm.families.Binomial,
        "poisson": sm.families.Poisson,
        "negativebinomial": sm.families.NegativeBinomial,
    }
    model = smf.glm(problem.formula, problem.data, family=families[problem.family]())

    def fit(_seed: int) -> None:
        model.fit()

    return fit


RSTANARM = """
suppressMessages(library(rstanarm))
arguments <- commandArgs(TRUE)
data <- read.csv(arguments[1])
family <- switch(arguments[2], bernoulli = binomial(), poisson = poisson(), negativebinomial = neg_binomial_2())
fit <- stan_glm(y ~ ., data = data, family = family, chains = 4, cores = {cores}, iter = 2000, refresh = 0,
                seed = as.integer(arguments[3]))
invisible(as.array(fit))
"""


def rstanarm(problem: Problem) -> Fit:
    """A process of R that reads the rows from a CSV file; its own default priors are much like bambi's."""
    folder = Path(tempfile.mkdtemp())
    problem.data.to_csv(folder / "rows.csv", index=False)
    (folder / "fit.R").write_text(RSTANARM.replace("{cores}", str(CORES)), encoding="utf-8")

    def fit(seed: int) -> None:
        command = ["Rscript", str(folder / "fit.R"), str(folder / "rows.csv"), problem.family, str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        shutil.rmtree(folder)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])

    return fit


@dataclass(frozen=True)
class Peer:
    title: str
    requires: tuple[str, ...]
    build: Callable[[Problem], Fit]
    samples: bool = True

    def missing(self) -> list[str]:
        if self.requires == ("rstanarm",):
            return [] if _has_rstanarm() else ["rstanarm"]
        return [name for name in self.requires if importlib.util.find_spec(name) is None]


def _has_rstanarm() -> bool:
    if shutil.which("Rscript") is None:
        return False
    question = "quit(status = !requireNamespace('rstanarm', quietly = TRUE))"
    return subprocess.run(["Rscript", "-e", question], capture_output=True, check=False).returncode == 0


PEERS = {
    "filbert": Peer("filbert", ("filbert",), filbert),
    "filbert-nuts": Peer("filbert, NUTS", ("filbert",), filbert_nuts),
    "filbert-independence": Peer("filbert, independence", ("filbert",), filbert_independence),
    "numpyro": Peer("numpyro", ("numpyro", "jax"), numpyro),
    "bambi-nutpie": Peer("bambi + nutpie", ("bambi", "nutpie"), bambi_nutpie),
    "bambi": Peer("bambi (PyMC's NUTS)", ("bambi",), bambi),
    "rstanarm": Peer("rstanarm", ("rstanarm",), rstanarm),
    "statsmodels": Peer("statsmodels GLM", ("statsmodels",), statsmodels, samples=False),
}
