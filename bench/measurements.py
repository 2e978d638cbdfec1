"""One measurement in a process of its own: `python measurements.py NAME ARGUMENT ...` prints it as a line of JSON."""

from __future__ import annotations

import ctypes
import importlib
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import models
from runners import PEERS

# Exact posteriors, the cases that have them, and z-scores are those of the statistical tests.
sys.path.insert(0, str(models.REPOSITORY / "tests" / "python"))


def process(peer: str, regression: str, seed: str) -> float:
    """One fit and nothing else; returns when it was done, on the clock that the caller reads too."""
    PEERS[peer].build(models.REGRESSIONS[regression]())(int(seed))
    return time.monotonic()


def fits(peer: str, regression: str, seed: str, repeats: str) -> list[dict[str, Any]]:
    """The same model fitted again and again; the first fit, which may compile, is left out."""
    problem = models.REGRESSIONS[regression]()
    fit = PEERS[peer].build(problem)
    fit(0)
    results = []
    for repeat in range(int(repeats)):
        start = time.perf_counter()
        idata = fit(1000 * int(seed) + repeat)
        seconds = time.perf_counter() - start
        results.append({"warm fit": seconds, **(sampled(idata) if PEERS[peer].samples else {})})
    return results


def sampled(idata: Any) -> dict[str, float]:
    """What a sampler is judged by; gradients are those of the draws, without the warm-up."""
    import arviz as az
    import numpy as np

    parameters = scalars(idata)
    draws = next(iter(parameters.values())).size
    ess = min(float(az.ess(values)) for values in parameters.values())
    return {
        "sampling": float(idata["posterior"].attrs["sampling_time"]),
        "draws": draws,
        "min ESS": ess,
        "gradients": int(np.asarray(idata["sample_stats"]["n_steps"]).sum()),
        "R-hat": max(float(az.rhat(values)) for values in parameters.values()),
        "divergences": int(np.asarray(idata["sample_stats"]["diverging"]).sum()),
    }


def scalars(idata: Any) -> dict[str, Any]:
    """Every parameter as an array (chains, draws). Variables sorted by name: packages order them in their own ways."""
    import numpy as np

    result = {}
    for name in sorted(idata["posterior"].data_vars):
        values = np.asarray(idata["posterior"][name])
        if values.ndim == 2:
            result[name] = values
        else:
            result |= {f"{name}[{level}]": values[..., level] for level in range(values.shape[2])}
    return result


def memory(peer: str, regression: str, state: str) -> dict[str, float]:
    """Model and fit from a frame: seconds, and the peak of resident memory over what there was with the frame (MB).

    In the state "warm" a small fit beforehand has loaded the code, so that neither number has imports in it.
    """
    if state == "warm":
        PEERS[peer].build(models.REGRESSIONS["tutorial"]())(0)
    problem = models.REGRESSIONS[regression]()
    before = _start_of_peak()
    start = time.perf_counter()
    # A name for the result: it holds arrays, and they count.
    result = PEERS[peer].build(problem)(1)
    seconds = time.perf_counter() - start
    peak = _memory("VmHWM") - before
    del result
    return {"seconds": seconds, "peak": peak, "frame": problem.data.memory_usage().sum() / 1e6}


def _start_of_peak() -> float:
    """Return the resident memory (MB) that the next peak is counted from.

    What was freed must not serve the next step unseen, and the high-water mark that was left must go.
    """
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory("VmRSS")


def predict(peer: str, kind: str, repeats: str) -> dict[str, Any]:
    """Draws for the fitted rows: seconds of repeated calls, the peak of the first over what there was (MB), and in all.

    A few new rows are predicted beforehand, which loads and compiles what the peer needs.
    """
    problem = models.REGRESSIONS["predictions"]()
    model, idata = _fitted(peer, problem)
    model.predict(idata, kind=kind, data=problem.data.iloc[:10], inplace=False)
    before = _start_of_peak()
    seconds = []
    peak = 0.0
    for _ in range(int(repeats)):
        start = time.perf_counter()
        model.predict(idata, kind=kind)
        seconds.append(time.perf_counter() - start)
        peak = peak or _memory("VmHWM")
    return {"seconds": seconds, "peak": peak - before, "process": peak}


def _fitted(peer: str, problem: models.Regression) -> Any:
    """Return a formula model of filbert or bambi, and its fit."""
    library = importlib.import_module(peer)
    model = library.Model(problem.formula, problem.data)
    fit = model.fit(problem.draws, tune=problem.tune, chains=problem.chains, random_seed=1, progressbar=False)
    return model, fit


def summaries(kind: str) -> dict[str, float]:
    """Mean, sd and interval of a million new rows from 4000 draws; the frame of new rows does not count (MB)."""
    import numpy as np
    from filbert.predict import rowwise
    from filbert.results.draws import Draws

    problem = models.REGRESSIONS["summaries"]()
    model, idata = _fitted("filbert", problem)
    new = models.REGRESSIONS["million"]().data.drop(columns="y")
    before = _start_of_peak()
    start = time.perf_counter()
    regression = model.regression
    draws = Draws.read(idata, regression)
    rows = model.design.new_rows(new)
    keys = rowwise.row_keys(rows.index)
    table = np.empty((4, rows.n_rows))
    for where, block, values in rowwise.mean_blocks(rows, regression, draws):
        if kind == "response":
            rowwise.response_draws(block, values, regression, draws, keys[where], 1, out=values)
        table[:, where] = rowwise.summarise(values, 0.94, use_hdi=True)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak": _memory("VmHWM") - before, "frame": new.memory_usage().sum() / 1e6}


def _memory(field: str) -> float:
    kibibytes = re.search(rf"^{field}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if kibibytes is None:
        raise RuntimeError(f"/proc/self/status has no {field}")
    return int(kibibytes[1]) * 1024 / 1e6


def warm(repeats: str) -> dict[str, list[float]]:
    """Calls on the tutorial's data, taking turns: statsmodels' least squares, filbert's formula and explicit models."""
    import filbert as fb
    import filbert.explicit as pm
    import statsmodels.formula.api as smf

    problem = models.tutorial()
    priors = {name: fb.Prior(kind, **to) for name, (kind, to) in (problem.priors or {}).items()}
    fit = PEERS["filbert"].build(problem)
    x, y = problem.data["x"].to_numpy(), problem.data["y"].to_numpy()
    seconds: dict[str, list[float]] = {
        name: [] for name in ("ols", "model", "fit", "sampling", "model and fit", "explicit", "sample")
    }
    for seed in range(int(repeats) + 5):
        start = time.perf_counter()
        smf.ols(problem.formula, problem.data).fit()
        after_ols = time.perf_counter()
        idata = fit(seed)
        after_fit = time.perf_counter()
        model = fb.Model(problem.formula, problem.data, priors=priors)
        after_model = time.perf_counter()
        model.fit(problem.draws, tune=problem.tune, chains=problem.chains, random_seed=seed, progressbar=False)
        after_both = time.perf_counter()
        with pm.Model():
            sigma = pm.HalfCauchy("sigma", beta=10)
            intercept = pm.Normal("Intercept", 0, sigma=20)
            slope = pm.Normal("slope", 0, sigma=20)
            pm.Normal("y", mu=intercept + slope * x, sigma=sigma, observed=y)
            after_explicit = time.perf_counter()
            pm.sample(problem.draws, tune=problem.tune, chains=problem.chains, random_seed=seed, progressbar=False)
        end = time.perf_counter()
        if seed < 5:  # everything is loaded and cached after these
            continue
        seconds["ols"].append(after_ols - start)
        seconds["fit"].append(after_fit - after_ols)
        seconds["model"].append(after_model - after_fit)
        seconds["model and fit"].append(after_both - after_fit)
        seconds["explicit"].append(after_explicit - after_both)
        seconds["sample"].append(end - after_explicit)
        seconds["sampling"].append(idata["posterior"].attrs["sampling_time"])
    return seconds


def exact(peer: str, regression: str, repeats: str) -> list[dict[str, Any]]:
    """Fits of a raw polynomial against its exact posterior; z is the largest difference in standard errors."""
    import filbert as fb
    import numpy as np
    from statistical.oracle import Oracle, Regression, as_scipy
    from statistical.scores import z_scores

    problem = models.REGRESSIONS[regression]()
    x, y = problem.data["x"].to_numpy(), problem.data["y"].to_numpy()
    columns = ("Intercept", "x", "I(x ** 2)")
    *priors, sigma_prior = (as_scipy(fb.Prior(kind, **to)) for kind, to in (problem.priors or {}).values())
    marginals = Oracle(Regression(np.column_stack([x, x**2]), y, priors, sigma_prior)).marginals()
    fit = PEERS[peer].build(problem)
    results = []
    for seed in range(1, int(repeats) + 1):
        idata = fit(seed)
        posterior = scalars(idata)
        scores = {
            f"{name} {statistic}": score
            for name, marginal in zip((*columns, "sigma"), marginals, strict=True)
            for statistic, score in z_scores(posterior[name], marginal).items()
        }
        worst = max(scores, key=lambda name: abs(scores[name]))
        square, of_square = posterior["I(x ** 2)"], marginals[columns.index("I(x ** 2)")]
        results.append(
            {
                **sampled(idata),
                "z": scores[worst],
                "z of": worst,
                "x²": f"{square.mean():.4f} ({square.std():.4f})",
                "x² exactly": f"{of_square.mean:.4f} ({of_square.sd:.4f})",
            }
        )
    return results


def agreement(regression: str, peer: str) -> dict[str, float]:
    """Differences of filbert's posterior from a peer's, in Monte Carlo standard errors of the difference."""
    import arviz as az
    import numpy as np

    problem = models.REGRESSIONS[regression]()
    ours, theirs = (scalars(PEERS[name].build(problem)(seed)) for seed, name in enumerate(("filbert", peer)))
    if list(ours) != list(theirs):
        raise RuntimeError(f"{list(ours)} against {peer}'s {list(theirs)}")
    statistics: dict[str, tuple[Any, dict[str, Any]]] = {
        "mean": (np.mean, {"method": "mean"}),
        "sd": (np.std, {"method": "sd"}),
        "q05": (lambda values: np.quantile(values, 0.05), {"method": "quantile", "prob": 0.05}),
        "q95": (lambda values: np.quantile(values, 0.95), {"method": "quantile", "prob": 0.95}),
    }
    return {
        f"{name} {statistic}": float((value(ours[name]) - value(theirs[name])) / np.hypot(*errors))
        for name in ours
        for statistic, (value, options) in statistics.items()
        for errors in [[az.mcse(draws[name], **options) for draws in (ours, theirs)]]
    }


def cases() -> dict[str, dict[str, float]]:
    """filbert on the real regressions of the tests, with the priors they come with."""
    from statistical.cases import case_names, read_case

    results = {}
    for seed, name in enumerate(case_names()):
        model = read_case(name).model()
        results[name] = sampled(model.fit(draws=3000, tune=1000, random_seed=seed, progressbar=False))
    return results


MEASUREMENTS = {
    measure.__name__: measure for measure in (process, fits, memory, predict, summaries, warm, exact, agreement, cases)
}

if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
