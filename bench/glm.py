"""Measures filbert's generalised linear models against other packages: `python bench/glm.py [SECTION ...]`."""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glm_peers import PEERS
from peers import circumstances, installed_version
from table import Cell, Table, Target, report

RESULTS = Path(__file__).with_name("results")
WORKER = Path(__file__).with_name("glm_measurements.py")
PACKAGES = ("numpyro", "jax")  # beside those of peers.py


@dataclass(frozen=True)
class Plan:
    """Whom to measure, and how often."""

    peers: Sequence[str]
    rounds: int = 3
    our_fits: int = 10  # a process, after one that is left out
    their_fits: int = 1

    def among(self, *names: str) -> list[str]:
        return [name for name in names if name in self.peers]

    def fits(self, peer: str) -> int:
        return self.our_fits if peer.startswith("filbert") else self.their_fits


def measure(name: str, *arguments: object) -> Any:
    """Run one measurement of glm_measurements.py in a new process."""
    command = [sys.executable, str(WORKER), name, *map(str, arguments)]
    print("  ", name, *arguments, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    result = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    if "ESS" in result:
        result["ESS/s"] = statistics.median(sample["ESS"] / sample["seconds"] for sample in samples)
        result["ESS/CPU s"] = statistics.median(sample["ESS"] / sample["CPU seconds"] for sample in samples)
    return result


# A problem, its title, and the goals: how many times the peer's effective draws a second.
COMPARED: list[tuple[str, str, dict[str, float]]] = [
    ("logistic", "logistic, n = 10 000, p = 20", {"numpyro": 20, "bambi-nutpie": 50}),
    ("logistic-correlated", "logistic, n = 1000, p = 25, correlated 0.9", {"numpyro": 100}),
    ("poisson", "poisson, n = 10 000, p = 10", {"numpyro": 40, "bambi-nutpie": 40}),
    ("negative-binomial", "negative binomial, n = 500, p = 6", {"numpyro": 200}),
    ("logistic-wide", "logistic, n = 2000, p = 200", {"numpyro": 4}),
]


def sampling(plan: Plan, problem: str, title: str, goals: dict[str, float]) -> Table:
    peers = plan.among("filbert", "filbert-nuts", *goals)
    fits: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
    for seed in range(1, plan.rounds + 1):
        for peer in peers:
            fits[peer] += measure("fits", peer, problem, seed, plan.fits(peer))
    found = {peer: medians(samples) for peer, samples in fits.items()}
    rows: list[list[Cell]] = []
    targets: list[Target] = []
    for peer, values in found.items():
        ratio, of_cpu = (found["filbert"][key] / values[key] for key in ("ESS/s", "ESS/CPU s"))
        figures: list[Cell] = [values[key] for key in ("seconds", "CPU seconds", "bulk", "tail", "R-hat", "ESS/s")]
        rows.append([PEERS[peer].title, *figures, ratio, of_cpu])
        if peer in goals:
            targets.append(Target(f"{title}: ESS/s over that of {PEERS[peer].title}", ratio, goals[peer]))
    return Table(
        title[0].upper() + title[1:],
        "Default priors, 4 chains × 1000 draws after each package's own warm-up (1000 in numpyro and nutpie). Seconds "
        "of a repeated fit: for filbert the statement of the model, set-up, warm-up and the container are in it; for "
        "numpyro and nutpie compilation is not, nor is bambi's statement. Least bulk and tail ESS of all parameters, "
        "and ESS/s of the lesser; a busy machine moves the ratios of wall time, and hardly those of CPU time. numpyro "
        "samples one vector of coefficients of centred columns in 64 bits, four chains in parallel.",
        ["", "seconds", "CPU s", "bulk ESS", "tail ESS", "R-hat", "ESS/s", "filbert's ÷", "of CPU time"],
        rows,
        targets,
        fits,
    )


def processes(plan: Plan) -> Table:
    """Whole processes: what a user waits for who runs a script."""
    rows: list[list[Cell]] = []
    targets: list[Target] = []
    raw: dict[str, Any] = {}
    for problem, title in (("logistic", COMPARED[0][1]), ("negative-binomial", COMPARED[3][1])):
        peers = plan.among("filbert", "statsmodels", "bambi", "rstanarm")
        seconds: dict[str, list[float]] = {peer: [] for peer in peers}
        for peer in plan.among("filbert", "statsmodels", "bambi"):
            measure("process", peer, problem, 0)  # fills the caches on disk
        for seed in range(1, plan.rounds + 1):
            for peer in peers:
                for _ in range(3 if peer in ("filbert", "statsmodels") else 1):
                    start = time.monotonic()
                    seconds[peer].append(measure("process", peer, problem, seed) - start)
        found = {peer: statistics.median(values) for peer, values in seconds.items()}
        rows += [[title, PEERS[peer].title, value, value / found["filbert"]] for peer, value in found.items()]
        if rivals := [found[peer] for peer in ("bambi", "rstanarm") if peer in found]:
            claim = f"{title}: process over the faster of bambi and rstanarm"
            targets.append(Target(claim, found["filbert"] / min(rivals), 0.2, at_least=False))
        if "statsmodels" in found:
            claim = f"{title}: process over that of statsmodels GLM"
            targets.append(Target(claim, found["filbert"] / found["statsmodels"], 1, at_least=False))
        raw[problem] = seconds
    return Table(
        "Whole processes",
        "From the start of a process until the ArviZ object (statsmodels: the estimate) is there, caches on disk "
        "filled, 4 chains × 1000 draws; seconds. rstanarm reads the rows from a CSV file, the others make them.",
        ["", "", "seconds", "÷ filbert's"],
        rows,
        targets,
        raw,
    )


def million(plan: Plan) -> Table:
    peers = plan.among("filbert", "statsmodels")
    seconds: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
    for seed in range(1, plan.rounds + 1):
        for peer in peers:
            seconds[peer] += measure("fits", peer, "logistic-million", seed, 1)
    found = {peer: medians(values) for peer, values in seconds.items()}
    ours = found["filbert"]["seconds"]
    rows: list[list[Cell]] = [
        [PEERS[peer].title, values["seconds"], values["seconds"] / ours, values["CPU seconds"], values.get("ESS")]
        for peer, values in found.items()
    ]
    targets = []
    if "statsmodels" in found:
        ratio = ours / found["statsmodels"]["seconds"]
        targets = [Target("logistic, n = 1 000 000: model and fit over GLM.fit", ratio, 2, at_least=False)]
    return Table(
        "A million rows",
        "Logistic, n = 1 000 000, p = 10. Seconds of a repeated call: for filbert the model from the formula and its "
        "fit with 4 chains × 1000 draws, for statsmodels `fit` alone on a model that is built.",
        ["", "seconds", "÷ filbert's", "CPU s", "least ESS"],
        rows,
        targets,
        seconds,
    )


def gradient(plan: Plan) -> Table:
    seconds = [value for _ in range(plan.rounds) for value in measure("gradient", "logistic", 30)]
    least, middle = min(seconds), statistics.median(seconds)
    per_cell = 1e9 / (10_000 * 21)
    return Table(
        "A gradient",
        "Log density and gradient of the logistic regression, n = 10 000, p = 20 and the intercept, called from Python "
        "on one core; nanoseconds a row and column.",
        ["", "microseconds", "ns"],
        [["median", 1e6 * middle, middle * per_cell], ["least", 1e6 * least, least * per_cell]],
        [Target("a logistic gradient, ns per row and column", middle * per_cell, 0.25, at_least=False)],
        seconds,
    )


SECTIONS: dict[str, Callable[[Plan], Table]] = {
    **{problem: partial(sampling, problem=problem, title=title, goals=goals) for problem, title, goals in COMPARED},
    **{section.__name__: section for section in (processes, million, gradient)},
}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="filbert is always measured")
    parser.add_argument("--rounds", type=int, default=3, help="how often peers take turns")
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return arguments


def present(names: Sequence[str]) -> list[str]:
    """Leave out the peers that are not there, and say so."""
    for name in names:
        if missing := PEERS[name].missing():
            print(f"{name} is left out: {', '.join(missing)} not installed")
    return [name for name in names if not PEERS[name].missing()]


def main() -> None:
    arguments = parsed()
    peers = present(["filbert", *(name for name in arguments.peers if name != "filbert")])
    plan = Plan(peers, rounds=1, our_fits=3, their_fits=1) if arguments.quick else Plan(peers, rounds=arguments.rounds)
    path = arguments.results / "glm.json"
    tables = {}
    if path.exists():  # sections that are not measured anew stay
        stored = json.loads(path.read_text(encoding="utf-8"))
        tables = {name: Table.of(content) for name, content in stored.items()}
    for name in arguments.sections or SECTIONS:
        print(name, flush=True)
        made = circumstances()
        options = ["--rounds", str(plan.rounds), "--peers", *peers[1:]]
        made["command"] = shlex.join(["python", "bench/glm.py", name, *options])
        made["versions"] |= {package: version for package in PACKAGES if (version := installed_version(package))}
        tables[name] = SECTIONS[name](plan)
        tables[name].circumstances = made
        print(tables[name].markdown(), end="\n\n")
        write(tables, path)


def write(tables: dict[str, Table], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = {name: tables[name] for name in SECTIONS if name in tables}
    text = json.dumps({name: table.content() for name, table in ordered.items()}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    markdown = report(list(ordered.values()), "filbert's GLMs and their peers, measured", "bench/glm.py")
    path.with_suffix(".md").write_text(markdown, encoding="utf-8")


if __name__ == "__main__":
    main()
