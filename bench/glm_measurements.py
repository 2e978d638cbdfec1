"""One measurement of bench/glm.py in a process of its own: prints it as a line of JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from glm_peers import PEERS
from glm_problems import PROBLEMS


def process(peer: str, problem: str, seed: str) -> float:
    """One fit and nothing else; returns when it was done, on the clock that the caller reads too."""
    PEERS[peer].build(PROBLEMS[problem]())(int(seed))
    return time.monotonic()


def fits(peer: str, problem: str, seed: str, repeats: str) -> list[dict[str, float]]:
    """Fits after a first one, which may compile: seconds, processor seconds of all threads, and least ESS."""
    fit = PEERS[peer].build(PROBLEMS[problem]())
    fit(0)
    results = []
    for repeat in range(int(repeats)):
        start, start_of_cpu = time.perf_counter(), time.process_time()
        draws = fit(1000 * int(seed) + repeat)
        seconds, of_cpu = time.perf_counter() - start, time.process_time() - start_of_cpu
        results.append({"seconds": seconds, "CPU seconds": of_cpu, **({} if draws is None else quality(draws))})
    return results


def quality(draws: dict[str, Any]) -> dict[str, float]:
    """Effective sample sizes by filbert's C++ functions for everybody: they are ArviZ's, and quick for 200 columns."""
    import numpy as np
    from filbert import _core

    columns = [
        np.ascontiguousarray(column, dtype=float)
        for values in draws.values()
        for column in np.moveaxis(values.reshape(*values.shape[:2], -1), 2, 0)
    ]
    bulk, tail = (min(f(column) for column in columns) for f in (_core.ess_bulk, _core.ess_tail))
    return {
        "bulk": float(bulk),
        "tail": float(tail),
        "ESS": float(min(bulk, tail)),
        "draws": columns[0].size,
        "R-hat": max(float(_core.split_rhat(column)) for column in columns),
    }


def gradient(problem: str, repeats: str) -> list[float]:
    """Seconds of single log densities with their gradients, at points about the mode."""
    import numpy as np
    from filbert import _core

    stated = PROBLEMS[problem]()
    X = np.asfortranarray(stated.data[stated.predictors].to_numpy())
    data = _core.GlmData(stated.family, "logit", X, stated.data["y"].to_numpy().astype(float))
    priors = [("Normal", [0.0, 2.5])] * (X.shape[1] + 1)
    posterior = _core.GlmPosterior(
        data, intercept=True, intercept_at_means=True, coefficient_priors=priors, auxiliary_priors=[]
    )
    framed = _core.FramedGlm(posterior)
    positions = np.random.default_rng(1).standard_normal((64, framed.dimension))
    seconds = []
    for repeat in range(int(repeats)):
        start = time.perf_counter()
        for position in positions:
            framed.log_density(position)
        if repeat:
            seconds.append((time.perf_counter() - start) / len(positions))
    return seconds


MEASUREMENTS = {measure.__name__: measure for measure in (process, fits, gradient)}

if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
