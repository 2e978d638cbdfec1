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
    """A mixed model; the right side of its formula is read alike by filbert, bambi, brms, rstanarm and lme4."""

    title: str
    data: pd.DataFrame
    right: str
    response: str
    trials: str = ""  # their column, of counts of successes
    family: str = "gaussian"
    keeps_effects: bool = True
    draws: int = 1000  # filbert's, of each chain

    @property
    def formula(self) -> str:
        """The formula as filbert and bambi read it."""
        left = f"p({self.response}, {self.trials})" if self.trials else self.response
        return f"{left} ~ {self.right}"

    def formula_in_r(self, engine: str) -> str:
        """The formula as a package of R reads it."""
        if not self.trials:
            return self.formula
        failures = f"cbind({self.response}, {self.trials} - {self.response})"
        return f"{f'{self.response} | trials({self.trials})' if engine == 'brms' else failures} ~ {self.right}"

    @property
    def groups(self) -> list[str]:
        """The columns that are grouping factors: those of text."""
        return [str(name) for name, dtype in self.data.dtypes.items() if dtype.kind not in "if"]


def _case(name: str) -> pd.DataFrame:
    return pd.read_csv(CASES / name / "data.csv")


def _of_lme4(name: str, labels: list[str]) -> pd.DataFrame:
    """Return data of R's lme4; of the columns those of labels are text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        script = f"write.csv(lme4::{name}, '{path.as_posix()}', row.names = FALSE)"
        subprocess.run(["Rscript", "-e", script], check=True, capture_output=True)
        return pd.read_csv(path, dtype=dict.fromkeys(labels, str))


def sleepstudy() -> MixedProblem:
    return MixedProblem(
        "sleepstudy, 18 × 10 rows", _case("sleepstudy-correlated"), "Days + (Days | Subject)", "Reaction"
    )


def nested() -> MixedProblem:
    right = "Machine + (1 | Worker) + (1 | Worker:Machine)"
    return MixedProblem("Machines, nested", _case("Machines-nested"), right, "score")


def pastes() -> MixedProblem:
    """Strength of a chemical paste: two assays of each of three casks of ten batches, from R's lme4."""
    data = _of_lme4("Pastes", ["batch", "sample"])[["strength", "batch", "sample"]]
    return MixedProblem("Pastes, nested", data, "1 + (1 | batch) + (1 | sample)", "strength")


def crossed() -> MixedProblem:
    right = "1 + (1 | plate) + (1 | sample)"
    return MixedProblem("Penicillin, crossed", _case("Penicillin-crossed"), right, "diameter")


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
    return MixedProblem("radon, 919 rows, 85 groups", data, "floor_measure + (1 | county)", "log_radon")


def slopes() -> MixedProblem:
    """Rows simulated like those of radon, with a slope in every county."""
    sizes = np.random.default_rng(2).pareto(1.2, 85) + 0.3
    title = "like radon, with slopes, 919 rows, 85 groups"
    return MixedProblem(title, _simulated(919, 85, sizes), "x + (x | g)", "y")


def million() -> MixedProblem:
    data = _simulated(1_000_000, 10_000, np.ones(10_000))
    return MixedProblem("1 000 000 rows, 10 000 groups", data, "x + (x | g)", "y", keeps_effects=False)


def insteval() -> MixedProblem:
    """73 421 marks that students gave to lecturers, from R's lme4: 2972 by 1128 by 14 levels, crossed."""
    data = _of_lme4("InstEval", ["s", "d", "dept", "service"])
    right = "service + (1 | s) + (1 | d) + (1 | dept)"
    data = data[["y", "service", "s", "d", "dept"]].assign(service=data["service"].astype(float))
    return MixedProblem("InstEval, 73 421 rows, crossed", data, right, "y", draws=250)


def logistic() -> MixedProblem:
    """Yes or no, 20 times in each of 100 groups, with a slope in every group."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(100), 20), rng.normal(size=2000)
    effects = rng.multivariate_normal([0, 0], [[0.8, 0.15], [0.15, 0.3]], 100)
    p = 1 / (1 + np.exp(-(0.3 + effects[g, 0] + (0.7 + effects[g, 1]) * x)))
    data = pd.DataFrame({"y": rng.binomial(1, p), "x": x, "g": [f"g{code}" for code in g]})
    return MixedProblem("logistic, 100 × 20 rows, slopes", data, "x + (x | g)", "y", family="bernoulli")


def many() -> MixedProblem:
    """Yes or no, 100 000 times in 50 groups, with a slope in every group."""
    rng = np.random.default_rng(4)
    g, x = rng.integers(0, 50, 100_000), rng.normal(size=100_000)
    effects = rng.multivariate_normal([0, 0], [[0.7, 0.1], [0.1, 0.2]], 50)
    p = 1 / (1 + np.exp(1.2 - effects[g, 0] - (0.5 + effects[g, 1]) * x))
    data = pd.DataFrame({"y": rng.binomial(1, p), "x": x, "g": [f"g{code}" for code in g]})
    return MixedProblem("logistic, 100 000 rows, 50 groups", data, "x + (x | g)", "y", family="bernoulli")


def cbpp() -> MixedProblem:
    """Pleuropneumonia among the cattle of 15 herds, in four periods."""
    data = pd.read_csv(CASES.parent / "grouped_glm" / "cbpp-binomial_logit_group" / "data.csv")
    return MixedProblem("cbpp, 56 rows", data, "period + (1 | herd)", "incidence", trials="size", family="binomial")


MAKERS = (sleepstudy, radon, slopes, pastes, nested, crossed, million, insteval, logistic, many, cbpp)
PROBLEMS = {make.__name__: make for make in MAKERS}
