"""What is measured: one function a section, which runs peers in turns, in processes of their own, and gives a table."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners import PEERS
from table import Cell, Table, Target

WORKER = Path(__file__).with_name("measurements.py")
OLS = "statsmodels"


@dataclass(frozen=True)
class Plan:
    """Whom to measure, and how often."""

    peers: Sequence[str]
    rounds: int = 3
    slow_fits: int = 3  # a process, after one that is left out
    fast_fits: int = 20  # the same, of what takes milliseconds
    calls: int = 200  # of each kind that are compared directly

    def fits(self, peer: str) -> int:
        return self.fast_fits if peer in ("filbert", OLS) else self.slow_fits

    def among(self, *names: str) -> list[str]:
        return [name for name in names if name in self.peers]


def measure(name: str, *arguments: object) -> Any:
    """Run one measurement of measurements.py in a new process."""
    command = [sys.executable, str(WORKER), name, *map(str, arguments)]
    print("  ", name, *arguments, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def over(ours: dict[str, float], theirs: dict[str, float], key: str) -> float | None:
    return theirs[key] / ours[key] if key in theirs and key in ours else None


def medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    """Medians by name, and the sampler's figures of merit, which are medians of ratios."""
    result = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    if "min ESS" in result:
        result["ESS/draw"] = statistics.median(sample["min ESS"] / sample["draws"] for sample in samples)
        result["ESS/gradient"] = statistics.median(sample["min ESS"] / sample["gradients"] for sample in samples)
        result["ESS/s"] = statistics.median(sample["min ESS"] / sample["sampling"] for sample in samples)
    return result


def tutorial(plan: Plan) -> Table:
    peers = plan.among("filbert", "bambi", "bambi-nutpie", "pymc", OLS)
    processes: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
    fits: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
    for peer in peers:
        measure("process", peer, "tutorial", 0)  # fills the caches on disk
    for seed in range(1, plan.rounds + 1):
        for peer in peers:
            start = time.monotonic()
            processes[peer].append({"process": measure("process", peer, "tutorial", seed) - start})
            fits[peer] += measure("fits", peer, "tutorial", seed, plan.fits(peer))
    found = {peer: medians(processes[peer]) | medians(fits[peer]) for peer in peers}
    figures = ["process", "warm fit", "sampling", "min ESS", "ESS/draw", "ESS/gradient", "R-hat"]
    compared = ["process", "warm fit", "sampling"]
    rows: list[list[Cell]] = [
        [PEERS[peer].title, *map(values.get, figures), *(over(found["filbert"], values, key) for key in compared)]
        for peer, values in found.items()
    ]
    return Table(
        "Tutorial model",
        "n = 200, `y ~ x`, 4 chains × (1000 + 3000), all with their default number of cores. Seconds. A process lasts "
        "from its start until the ArviZ object is there, with caches on disk filled; a fit is a repeated call in one "
        "process; ESS is the least bulk ESS of all parameters; gradients are those of the draws.",
        ["", *figures, *(f"{key} ÷ filbert's" for key in compared)],
        rows,
        tutorial_targets(found),
        {"process": processes, "fits": fits},
    )


def tutorial_targets(found: dict[str, dict[str, float]]) -> list[Target]:
    ours = found["filbert"]
    targets = [
        Target(f"tutorial: {claim} over filbert's", found[peer][figure] / ours[figure], goal)
        for peer, claim, figure, goal in (
            ("bambi", "bambi's process", "process", 5),
            (OLS, "a statsmodels process", "process", 1),
            ("bambi-nutpie", "nutpie's sampling", "sampling", 10),
            ("bambi", "bambi's sampling (PyMC, centred)", "sampling", 300),
            ("pymc", "PyMC's sampling (uncentred)", "sampling", 300),
        )
        if peer in found
    ]
    targets.append(Target("tutorial: ESS per draw", ours["ESS/draw"], 0.8))
    rivals = [found[peer]["ESS/gradient"] for peer in found if peer != "filbert" and PEERS[peer].samples]
    if rivals:
        targets.append(Target("tutorial: ESS per gradient over the best peer's", ours["ESS/gradient"] / max(rivals), 1))
    return targets


def columns(plan: Plan) -> Table:
    figures = ["warm fit", "sampling", "min ESS", "ESS/draw", "ESS/gradient", "ESS/s"]
    rows: list[list[Cell]] = []
    targets: list[Target] = []
    raw = {}
    for regression, title, rival, goal in (
        ("p10", "p = 10", "bambi-nutpie", 1.5),
        ("p10-correlated", "p = 10, correlated", "bambi-nutpie", 1.5),
        ("p200", "p = 200", "pymc-nutpie", 3.0),
        ("p200-correlated", "p = 200, correlated", "pymc-nutpie", 3.0),
    ):
        peers = plan.among("filbert", rival)
        fits: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
        for seed in range(1, 1 + max(1, plan.rounds // 2)):
            for peer in peers:
                fits[peer] += measure("fits", peer, regression, seed, plan.fits(peer))
        found = {peer: medians(samples) for peer, samples in fits.items()}
        for peer, values in found.items():
            rows.append(
                [title, PEERS[peer].title, *map(values.get, figures), over(found["filbert"], values, "sampling")]
            )
        for peer in peers[1:]:
            ratio = found["filbert"]["ESS/gradient"] / found[peer]["ESS/gradient"]
            targets.append(Target(f"{title}: ESS per gradient over that of {PEERS[peer].title}", ratio, goal))
        raw[regression] = fits
    return Table(
        "More columns",
        "n = 10 000 with p = 10, n = 2 000 with p = 200; standard normal columns, independent or with every pair "
        "correlated by 0.8; default priors, 4 chains × (1000 + 1000). Seconds. With p = 200 the peer is bambi's model "
        "written in PyMC with one vector of coefficients, because bambi's own, with one variable a column, compiles "
        "for minutes.",
        ["", "", *figures, "sampling ÷ filbert's"],
        rows,
        targets,
        raw,
    )


def million(plan: Plan) -> Table:
    peers = plan.among("filbert", OLS)
    states = ("warm", "cold")
    samples: dict[str, list[dict[str, float]]] = {f"{peer} {state}": [] for peer in peers for state in states}
    for _ in range(plan.rounds):
        for state in states:
            for peer in peers:
                samples[f"{peer} {state}"].append(measure("memory", peer, "million", state))
    found = {name: medians(values) for name, values in samples.items()}
    rows: list[list[Cell]] = []
    for peer in peers:
        warm, cold = found[f"{peer} warm"], found[f"{peer} cold"]
        seconds: list[Cell] = [warm["seconds"], over(found["filbert warm"], warm, "seconds"), cold["seconds"]]
        rows.append(
            [PEERS[peer].title, *seconds, warm["peak"], over(found["filbert warm"], warm, "peak"), cold["peak"]]
        )
    targets = [
        Target("n = 1 000 000: peak memory over the frame (MB)", found["filbert cold"]["peak"], 250, at_least=False)
    ]
    if OLS in peers:
        ratio = found[f"{OLS} warm"]["seconds"] / found["filbert warm"]["seconds"]
        targets.append(Target("n = 1 000 000: statsmodels' time over filbert's", ratio, 1))
    return Table(
        "A million rows",
        "n = 1 000 000, p = 10, a frame of 88 MB; model and fit, 4 chains × (1000 + 1000) for filbert. Seconds, and MB "
        "of resident memory at the peak over the process with the frame; 'first' has the packages' imports in it.",
        ["", "model and fit", "÷ filbert's", "first", "peak", "÷ filbert's", "peak, first"],
        rows,
        targets,
        samples,
    )


def predict(plan: Plan) -> Table:
    peers = plan.among("filbert", "bambi")
    titles = {"response_params": "mean", "response": "mean and response"}
    samples: dict[str, list[dict[str, float]]] = {f"{peer} {kind}": [] for kind in titles for peer in peers}
    for _ in range(plan.rounds):
        for name, found in samples.items():
            values = measure("predict", *name.split(), 5)
            found.append(values | {"seconds": statistics.median(values["seconds"])})
    rows: list[list[Cell]] = []
    targets: list[Target] = []
    figures = ["seconds", "peak", "process"]
    for kind, title in titles.items():
        ours, *others = [medians(samples[f"{peer} {kind}"]) for peer in peers]
        for peer, values in zip(peers, [ours, *others], strict=True):
            ratios = [over(ours, values, key) for key in figures]
            rows.append([title, PEERS[peer].title, *map(values.get, figures), *ratios])
        for theirs in others:
            targets.append(
                Target(f"predict, {title}: bambi's time over filbert's", over(ours, theirs, "seconds") or 0, 5)
            )
            memory = (over(theirs, ours, "process") or 0, over(theirs, ours, "peak") or 0)
            targets.append(
                Target(f"predict, {title}: peak of the process over bambi's", memory[0], 0.5, at_least=False)
            )
            targets.append(Target(f"predict, {title}: the same, over the fit", memory[1], 0.5, at_least=False))
    for kind, title in (("response_params", "mean"), ("response", "response")):
        samples[f"summaries {kind}"] = [measure("summaries", kind) for _ in range(plan.rounds)]
        found = medians(samples[f"summaries {kind}"])
        rows.append([f"summaries, {title}", PEERS["filbert"].title, found["seconds"], found["peak"], *[None] * 4])
        claim = f"summaries of 1 000 000 rows × 4000 draws, {title}: peak memory over the frame (MB)"
        targets.append(Target(claim, found["peak"], 500, at_least=False))
    return Table(
        "Predictions",
        "`model.predict` for the 20 000 fitted rows × 1000 draws, p = 3: median of five calls in seconds, and MB of "
        "resident memory at the peak of the first, over the process with the fit and in all; each array of draws is "
        "160 MB, and nobody who keeps draws as doubles needs less. Summaries: mean, sd and 94 % interval of 1 000 000 "
        "new rows from 4000 draws, p = 10; the memory is over the frame of new rows.",
        ["", "", "seconds", "peak", "process", "÷ filbert's", "÷ filbert's", "÷ filbert's"],
        rows,
        targets,
        samples,
    )


def warm(plan: Plan) -> Table:
    if OLS not in plan.peers:
        raise LookupError("needs statsmodels")
    seconds: dict[str, list[float]] = {}
    for _ in range(plan.rounds):
        for name, values in measure("warm", plan.calls).items():
            seconds.setdefault(name, []).append(statistics.median(values))
    found = {name: statistics.median(values) for name, values in seconds.items()}
    titles = {
        "ols": "`smf.ols(formula, data).fit()`",
        "model": "`fb.Model(...)`",
        "fit": "`model.fit(3000)`",
        "sampling": "of which sampling",
        "model and fit": "`fb.Model(...).fit(3000)`",
        "explicit": "the explicit model, `with pm.Model(): ...`",
        "sample": "`pm.sample(3000)` on it",
    }
    rows: list[list[Cell]] = [[title, 1e3 * found[name], found[name] / found["ols"]] for name, title in titles.items()]
    claim = "a warm `fit` over `ols(...).fit()`, tutorial"
    return Table(
        "Warm calls",
        "The tutorial model, calls taking turns in one process; milliseconds.",
        ["", "ms", "÷ OLS"],
        rows,
        [
            Target(claim, found["fit"] / found["ols"], 3, at_least=False),
            Target("building the tutorial's explicit model (ms)", 1e3 * found["explicit"], 5, at_least=False),
            Target("`pm.sample` over `model.fit`", found["sample"] / found["fit"], 1.2, at_least=False),
        ],
        seconds,
    )


def polynomial(plan: Plan) -> Table:
    peers = plan.among("filbert", "bambi-nutpie")
    rows: list[list[Cell]] = []
    targets: list[Target] = []
    raw = {}
    for regression in ("polynomial-flat", "polynomial-wide"):
        for peer in peers:
            raw[f"{peer} {regression}"] = samples = measure("exact", peer, regression, plan.fits(peer))
            rhat = max(sample["R-hat"] for sample in samples)
            ess = min(sample["min ESS"] / sample["draws"] for sample in samples)
            divergences = sum(sample["divergences"] for sample in samples)
            z = max(abs(sample["z"]) for sample in samples)
            square, exactly = samples[0]["x²"], samples[0]["x² exactly"]
            rows.append([regression, PEERS[peer].title, rhat, ess, divergences, z, square, exactly])
            if peer == "filbert":
                targets += [
                    Target(f"{regression}: R-hat", rhat, 1.01, at_least=False),
                    Target(f"{regression}: ESS per draw", ess, 0.8),
                    Target(f"{regression}: divergences", divergences, 0, at_least=False),
                    Target(f"{regression}: largest z-score against the exact posterior", z, 4.5, at_least=False),
                ]
    return Table(
        "Raw polynomials",
        "x normal around 1000 with sd 1, n = 1000, terms x and x²; all priors flat, or Normal(0, 1e8) and "
        "HalfCauchy(100). The worst of several fits. z-scores are differences of means, sds and five quantiles from "
        "the exact ones, in Monte Carlo standard errors.",
        ["priors", "", "R-hat", "ESS/draw", "divergences", "largest z", "x² (sd)", "exactly"],
        rows,
        targets,
        raw,
    )


def agreement(plan: Plan) -> Table:
    peers = plan.among("bambi-nutpie", "bambi")[:1]
    if not peers:
        raise LookupError("needs bambi")
    rows: list[list[Cell]] = []
    raw = {}
    for regression in ("kidiq", "mom-work", "heavy-tails"):
        raw[regression] = scores = measure("agreement", regression, peers[0])
        worst = max(scores, key=lambda name: abs(scores[name]))
        rows.append([regression, len(scores), statistics.pstdev(scores.values()), worst, scores[worst]])
    largest = max(abs(score) for scores in raw.values() for score in scores.values())
    return Table(
        f"Agreement with {PEERS[peers[0]].title}",
        "Same formula and priors, 4 chains × (1000 + 5000) each. Differences of mean, sd, 5 % and 95 % quantiles of "
        "every parameter, in Monte Carlo standard errors of the difference; right answers have sd 1.",
        ["", "scores", "sd", "largest", "z"],
        rows,
        [Target("largest z-score between filbert and bambi", largest, 4.5, at_least=False)],
        raw,
    )


def cases(_plan: Plan) -> Table:
    found = {name: medians([sample]) for name, sample in measure("cases").items()}
    figures = ["sampling", "ESS/draw", "ESS/gradient", "R-hat", "divergences"]
    rows: list[list[Cell]] = [[name, *map(values.get, figures)] for name, values in found.items()]
    least = min(values["ESS/draw"] for values in found.values())
    return Table(
        "Real regressions",
        "The data sets of tests/data/cases with the priors they come with, 4 chains × (1000 + 3000), filbert only.",
        ["", *figures],
        rows,
        [Target("real regressions: least ESS per draw", least, 0.8)],
        found,
    )


def imports(plan: Plan) -> Table:
    statements = ["pass", "import pandas", "import filbert", "import pandas, filbert"]
    seconds: dict[str, list[float]] = {statement: [] for statement in statements}
    for repeat in range(-1, 5 * plan.rounds):
        for statement in statements:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            if repeat >= 0:
                seconds[statement].append(time.perf_counter() - start)
    found = {statement: statistics.median(values) for statement, values in seconds.items()}
    extra = found["import pandas, filbert"] - found["import pandas"]
    return Table(
        "Imports",
        "Processes that import and nothing else; seconds.",
        ["", "seconds", "over `import pandas`"],
        [[f"`{statement}`", value, value - found["import pandas"]] for statement, value in found.items()],
        [Target("`import filbert` over `import pandas` (s)", extra, 0.1, at_least=False)],
        seconds,
    )


SECTIONS = {
    section.__name__: section
    for section in (tutorial, columns, million, predict, warm, polynomial, agreement, cases, imports)
}
