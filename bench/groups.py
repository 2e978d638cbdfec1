"""Measures filbert's mixed models against other packages: `python bench/groups.py [SECTION ...]`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from group_peers import ENGINES, PEERS
from group_problems import PROBLEMS
from peers import circumstances
from table import Cell, Table, Target, report

RESULTS = Path(__file__).with_name("results")
WORKER = Path(__file__).with_name("group_peers.py")

# How many times a peer's effective draws a second; of lme4, how many times faster than its point estimate.
GOALS: dict[str, dict[str, float]] = {
    "sleepstudy": {"brms": 2000, "rstanarm": 2000, "bambi-nutpie": 150},
    "radon": {"brms": 1000, "rstanarm": 1000, "bambi-nutpie": 150},
    "slopes": {"brms": 1000, "bambi-nutpie": 150},
    "pastes": {"brms": 700, "rstanarm": 700, "bambi-nutpie": 100},
    "nested": {"brms": 700, "rstanarm": 700, "bambi-nutpie": 100},
    "crossed": {"brms": 700, "rstanarm": 700, "bambi-nutpie": 100},
    "million": {"lme4": 10},
    "insteval": {"lme4": 1 / 1.5},
    "logistic": {"brms": 100, "bambi-nutpie": 25},
    "many": {"lme4": 10},
    "cbpp": {"brms": 150, "bambi-nutpie": 30},
}
OUR_FITS = 10  # a process, after one that is left out


def quality(draws: np.ndarray) -> dict[str, float]:
    """Least effective sample sizes over all parameters, by filbert's C++ functions for everybody: they are ArviZ's."""
    from filbert import _core

    columns = [np.ascontiguousarray(draws[..., k]) for k in range(draws.shape[2])]
    bulk, tail = (min(f(column) for column in columns) for f in (_core.ess_bulk, _core.ess_tail))
    worst = max(float(_core.split_rhat(column)) for column in columns)
    return {"bulk": float(bulk), "tail": float(tail), "ESS": float(min(bulk, tail)), "R-hat": worst}


def measure(python: str, peer: str, problem: str, seed: int, repeats: int) -> list[dict[str, float]]:
    """Fit in a new process; the draws are judged here."""
    print("  ", peer, problem, seed, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(WORKER), peer, problem, str(seed), str(repeats), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
        results = []
        for repeat, seconds in enumerate(json.loads(done.stdout.splitlines()[-1])):
            path = Path(folder) / f"{repeat}.npy"
            found = quality(np.load(path)) if path.exists() else {}
            results.append({"seconds": seconds, **found})
        return results


def medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    result = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    if "ESS" in result:
        result["ESS/s"] = statistics.median(sample["ESS"] / sample["seconds"] for sample in samples)
    return result


def section(name: str, peers: dict[str, str], rounds: int, our_fits: int) -> Table:
    """Measure a problem; `peers` has each one's Python.

    Peers that sample are stated or compiled beforehand, and so is the filbert that they are held against; lme4's
    estimate begins with its formula, and filbert with its own.
    """
    ours = "filbert-stated" if "lme4" in GOALS[name] else "filbert"
    measured = dict.fromkeys([ours, "filbert-stated", *(peer for peer in GOALS[name] if peer in peers)])
    our_fits = 1 if name == "insteval" else our_fits
    problem, fits = PROBLEMS[name](), dict[str, list[dict[str, float]]]()
    for seed in range(1, rounds + 1):
        for peer in measured:
            made = measure(peers[peer], peer, name, seed, our_fits if peer.startswith("filbert") else 1)
            fits.setdefault(peer, []).extend(made)
    found = {peer: medians(samples) for peer, samples in fits.items()}
    rows: list[list[Cell]] = []
    targets: list[Target] = []
    for peer, values in found.items():
        key = "ESS/s" if "ESS/s" in values else "seconds"
        ratio = found[ours][key] / values[key] if key == "ESS/s" else values[key] / found[ours][key]
        rows.append([peer, *(values.get(column) for column in ("seconds", "bulk", "tail", "R-hat", "ESS/s")), ratio])
        if peer in GOALS[name]:
            what = "ESS/s over that" if key == "ESS/s" else "the posterior faster than the estimate"
            targets.append(Target(f"{problem.title}: {what} of {peer}", ratio, GOALS[name][peer]))
    return Table(
        problem.title[0].upper() + problem.title[1:],
        f"`{problem.formula}`, default priors, 4 chains × {problem.draws} draws after each package's own warm-up. "
        "Seconds of a repeated fit: for filbert set-up, warm-up and the container are in it, and the statement of the "
        "model in those of filbert-stated; "
        "compilation is in none, nor are bambi's statement, the start of R and its reading of the rows. Least ESS of "
        "all parameters, effects of groups among them where they are kept. bambi's effects are independent of each "
        "other. lme4's is its estimate, by REML or Laplace's approximation.",
        ["", "seconds", "bulk ESS", "tail ESS", "R-hat", "ESS/s", "filbert's ÷, or times faster"],
        rows,
        targets,
        fits,
    )


def is_there(peer: str, python: str) -> bool:
    """Tell whether a peer is installed."""
    if peer in ENGINES:
        question = f"quit(status = !requireNamespace('{peer}', quietly = TRUE))"
        asked = ["Rscript", "-e", question]
        return shutil.which("Rscript") is not None and _runs(asked)
    if python == sys.executable:
        return importlib.util.find_spec(peer.partition("-")[0]) is not None
    return _runs([python, "-c", f"import {peer.partition('-')[0]}"])


def _runs(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(GOALS)}; all by default")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="filbert is always measured")
    parser.add_argument("--bambi-python", default=sys.executable, help="an interpreter that has bambi and nutpie")
    parser.add_argument("--rounds", type=int, default=3, help="how often peers take turns")
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(GOALS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(GOALS)}")
    return arguments


def main() -> None:
    arguments = parsed()
    peers = {"filbert": sys.executable, "filbert-stated": sys.executable}
    for peer in arguments.peers:
        python = arguments.bambi_python if peer.startswith("bambi") else sys.executable
        if is_there(peer, python):
            peers[peer] = python
        else:
            print(f"{peer} is left out: it is not installed")
    rounds, our_fits = (1, 3) if arguments.quick else (arguments.rounds, OUR_FITS)
    path = arguments.results / "groups.json"
    tables: dict[str, Table] = {}
    if path.exists():  # sections that are not measured anew stay
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        tables = {name: Table.of(content) for name, content in stored.items()}
    for name in arguments.sections or GOALS:
        print(name, flush=True)
        made = circumstances()
        made["command"] = shlex.join(["python", "bench/groups.py", name, "--rounds", str(rounds), "--peers", *peers])
        tables[name] = section(name, peers, rounds, our_fits)
        tables[name].circumstances = made
        print(tables[name].markdown(), end="\n\n")
        ordered = {key: tables[key] for key in GOALS if key in tables}
        path.parent.mkdir(parents=True, exist_ok=True)
        contents = {key: table.content() for key, table in ordered.items()}
        path.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
        markdown = report(list(ordered.values()), "filbert's mixed models and their peers, measured", "bench/groups.py")
        path.with_suffix(".md").write_text(markdown, encoding="utf-8")


if __name__ == "__main__":
    main()
