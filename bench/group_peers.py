"""One measurement of bench/groups.py in a process of its own: fits a mixed model, and prints seconds as JSON.

`python bench/group_peers.py PEER PROBLEM SEED REPEATS FOLDER` leaves the draws of fit k in FOLDER/k.npy, (chains,
draws, parameters), where the peer has any.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from group_problems import PROBLEMS, MixedProblem

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# A fit takes a seed and returns its seconds, and draws (chains, draws, parameters) or None.
Fit = Callable[[int], "tuple[float, np.ndarray | None]"]


def stacked(posterior: Any) -> np.ndarray:
    """Put the parameters of a container side by side, without what only a parametrisation needs."""
    arrays = [np.asarray(values) for name, values in posterior.data_vars.items() if not str(name).endswith("_offset")]
    return np.concatenate([array.reshape(*array.shape[:2], -1) for array in arrays], axis=2)


def filbert(problem: MixedProblem, *, is_stated_anew: bool = False) -> Fit:
    """A model that is stated once, as bambi's is, or anew for every fit; the container is part of each."""
    import filbert as fb

    state = partial(fb.Model, problem.formula, problem.data, family=problem.family)
    stated = None if is_stated_anew else state()

    def fit(seed: int) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        idata = (stated or state()).fit(
            problem.draws,
            cores=CORES,
            random_seed=seed,
            progressbar=False,
            include_group_effects=problem.keeps_effects,
        )
        return time.perf_counter() - start, stacked(idata["posterior"])

    return fit


def bambi_nutpie(problem: MixedProblem) -> Fit:
    """bambi's model, whose effects are independent, compiled once by nutpie: the compilation is in no fit."""
    import bambi as bmb
    import nutpie

    model = bmb.Model(problem.formula, problem.data, family=problem.family)
    model.build()
    compiled = nutpie.compile_pymc_model(model.backend.model)

    def fit(seed: int) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        idata = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, cores=CORES, seed=seed, progress_bar=False)
        return time.perf_counter() - start, stacked(idata["posterior"])

    return fit


R = """
options(mc.cores = CORES)
arguments <- commandArgs(TRUE)
data <- read.csv(arguments[1])
for (name in strsplit(arguments[2], ",")[[1]]) data[[name]] <- factor(data[[name]])
formula <- as.formula(arguments[3]); seed <- as.integer(arguments[4])
draws <- NULL
seconds <- system.time(START)["elapsed"]
FINISH
if (!is.null(draws)) {
  out <- file(arguments[5], "wb")
  writeBin(as.double(dim(draws)), out); writeBin(as.vector(draws), out)
  close(out)
}
cat("seconds", seconds, "\\n")
"""
# Debian's BH has no headers of its own: they are those of the system.
BOOST = "if (!nzchar(system.file('include', package = 'BH'))) rstan::rstan_options(boost_lib = '/usr/include')"
STAN = "chains = 4, iter = 2000, refresh = 0, seed = seed"
ENGINES = {
    "lme4": ("suppressMessages(library(lme4))", "fit <- MIXED(formula, dataOPTION)", ""),
    "rstanarm": (
        "suppressMessages(library(rstanarm))",
        f"fit <- stan_MIXED(formula, dataOPTION, {STAN})",
        "draws <- as.array(fit)",
    ),
    "brms": (  # compiled by a first fit
        f"suppressMessages(library(brms)); {BOOST}",
        f"fit <- update(first, recompile = FALSE, {STAN})",
        "draws <- unclass(as_draws_array(fit)); draws <- draws[, , !grepl('^l(p|prior)', dimnames(draws)[[3]])]",
    ),
}


def in_r(engine: str) -> Callable[[MixedProblem], Fit]:
    """Fit in a process of R, which says how long the fit itself took: neither start nor reading nor compilation."""
    library, start, finish = ENGINES[engine]

    def build(problem: MixedProblem) -> Fit:
        folder = Path(sys.argv[5])
        problem.data.to_csv(folder / "rows.csv", index=False)
        is_linear = problem.family == "gaussian"
        words = {
            "START": start,
            "FINISH": finish,
            "CORES": str(CORES),
            "MIXED": "lmer" if is_linear else "glmer",
            "OPTION": "" if is_linear else ", family = binomial()",
        }
        script = R
        for word, meaning in words.items():
            script = script.replace(word, meaning)
        if engine == "brms":
            first = f"brm(formula, data, family = {problem.family}(), chains = 1, iter = 10, refresh = 0)"
            script = script.replace("seconds <-", f"first <- {first}\nseconds <-", 1)
        (folder / "fit.R").write_text(f"{library}\n{script}", encoding="utf-8")

        def fit(seed: int) -> tuple[float, np.ndarray | None]:
            out = folder / "draws.bin"
            formula = problem.formula_in_r(engine)
            rows = [str(folder / "rows.csv"), ",".join(problem.groups), formula, str(seed), str(out)]
            command = ["Rscript", str(folder / "fit.R"), *rows]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr[-2000:])
            seconds = float(done.stdout.split("seconds")[-1])
            if not out.exists():
                return seconds, None
            values = np.fromfile(out)
            draws = values[3:].reshape([int(size) for size in values[:3]], order="F")
            return seconds, np.swapaxes(draws, 0, 1)

        return fit

    return build


PEERS: dict[str, Callable[[MixedProblem], Fit]] = {
    "filbert": filbert,
    "filbert-stated": partial(filbert, is_stated_anew=True),
    "bambi-nutpie": bambi_nutpie,
    **{engine: in_r(engine) for engine in ENGINES},
}


def main(peer: str, problem: str, seed: str, repeats: str, folder: str) -> None:
    fit = PEERS[peer](PROBLEMS[problem]())
    if peer not in ENGINES:
        fit(0)  # imports, caches and threads
    seconds = []
    for repeat in range(int(repeats)):
        took, draws = fit(1000 * int(seed) + repeat)
        seconds.append(took)
        if draws is not None:
            np.save(Path(folder) / f"{repeat}.npy", draws)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
