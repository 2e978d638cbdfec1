"""The mixed models of bench/groups.py: the rows, and the formula in the words of each package."""

from __future__ import annotations

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
    """Rows simulated like those of radon in Minnesota: 919 houses in 85 counties of 1 to 116."""
    sizes = np.random.default_rng(2).pareto(1.2, 85) + 0.3
    return MixedProblem("like radon, 919 rows, 85 groups", _simulated(919, 85, sizes), "y ~ x + (x | g)")


def million() -> MixedProblem:
    data = _simulated(1_000_000, 10_000, np.ones(10_000))
    return MixedProblem("1 000 000 rows, 10 000 groups", data, "y ~ x + (x | g)", keeps_effects=False)


PROBLEMS = {make.__name__: make for make in (sleepstudy, radon, nested, crossed, million)}
