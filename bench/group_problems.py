"""The mixed models of bench/groups.py: the rows, and the formula in the words of each package."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

CASES = Path(__file__).parents[1] / "tests" / "data" / "groups"


@dataclass(frozen=True)
class MixedProblem:
    """A Gaussian mixed model; `formula` is lme4's, which filbert, brms and rstanarm read alike."""

    title: str
    data: pd.DataFrame
    formula: str
    keeps_effects: bool = True
    draws: int = 1000  # filbert's, of each chain

    @property
    def groups(self) -> list[str]:
        """The columns that are grouping factors: those of text."""
        return [str(name) for name, dtype in self.data.dtypes.items() if dtype.kind not in "if"]


def _case(name: str) -> pd.DataFrame:
    return pd.read_csv(CASES / name / "data.csv")


def sleepstudy() -> MixedProblem:
    return MixedProblem(
        "sleepstudy, 18 × 10 rows", _case("sleepstudy-correlated"), "Reaction ~ Days + (Days | Subject)"
    )


def nested() -> MixedProblem:
    formula = "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)"
    return MixedProblem("Machines, nested", _case("Machines-nested"), formula)


def crossed() -> MixedProblem:
    return MixedProblem("Penicillin, crossed", _case("Penicillin-crossed"), "diameter ~ 1 + (1 | plate) + (1 | sample)")


def _simulated(n: int, groups: int, sizes: np.ndarray, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = rng.choice(groups, n, p=sizes / sizes.sum())
    x = rng.binomial(1, 0.17, n).astype(float)
    effects = rng.multivariate_normal([0, 0], [[0.1, 0.02], [0.02, 0.08]], groups)
    y = 1.4 + effects[g, 0] + (effects[g, 1] - 0.7) * x + rng.normal(0, 0.75, n)
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{code}" for code in g]})


def radon() -> MixedProblem:
    """Radon in Minnesota: 919 houses in 85 counties of 1 to 116."""
    data = pd.read_csv(CASES.parent / "cases" / "radon_mn-radon_county_intercept" / "data.csv")
    data["county"] = "c" + data.pop("county_idx").astype(int).astype(str)
    return MixedProblem("radon, 919 rows, 85 groups", data, "log_radon ~ floor_measure + (1 | county)")


def slopes() -> MixedProblem:
    """Rows simulated like those of radon, with a slope in every county."""
    sizes = np.random.default_rng(2).pareto(1.2, 85) + 0.3
    return MixedProblem("like radon, with slopes, 919 rows, 85 groups", _simulated(919, 85, sizes), "y ~ x + (x | g)")


def million() -> MixedProblem:
    data = _simulated(1_000_000, 10_000, np.ones(10_000))
    return MixedProblem("1 000 000 rows, 10 000 groups", data, "y ~ x + (x | g)", keeps_effects=False)


def insteval() -> MixedProblem:
    """73 421 marks that students gave to lecturers, from R's lme4: 2972 by 1128 by 14 levels, crossed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "InstEval.csv"
        script = f"write.csv(lme4::InstEval, '{path.as_posix()}', row.names = FALSE)"
        subprocess.run(["Rscript", "-e", script], check=True, capture_output=True)
        data = pd.read_csv(path, dtype={"s": str, "d": str, "dept": str, "service": str})
    formula = "y ~ service + (1 | s) + (1 | d) + (1 | dept)"
    data = data[["y", "service", "s", "d", "dept"]].assign(service=data["service"].astype(float))
    return MixedProblem("InstEval, 73 421 rows, crossed", data, formula, draws=250)


PROBLEMS = {make.__name__: make for make in (sleepstudy, radon, slopes, nested, crossed, million, insteval)}
