"""The regressions that the benchmarks fit: formula, frame and priors, in no package's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parent.parent
KIDIQ = REPOSITORY / "examples" / "kidiq.csv"
MOM_WORK = REPOSITORY / "tests" / "data" / "cases" / "kidiq_with_mom_work-kidscore_mom_work" / "data.csv"

PriorSpec = tuple[str, dict[str, float]]


@dataclass(frozen=True)
class Regression:
    """A regression and how long to sample it. Without priors each package takes its own default ones."""

    formula: str
    data: pd.DataFrame
    priors: Mapping[str, PriorSpec] | None = None
    draws: int = 1000
    tune: int = 1000
    chains: int = 4


def tutorial() -> Regression:
    """PyMC's tutorial on linear regression."""
    rng = np.random.default_rng(2026)
    x = np.linspace(0, 1, 200)
    data = pd.DataFrame({"x": x, "y": 1 + 2 * x + rng.normal(scale=0.5, size=len(x))})
    priors: dict[str, PriorSpec] = {
        "Intercept": ("Normal", {"mu": 0, "sigma": 20}),
        "x": ("Normal", {"mu": 0, "sigma": 20}),
        "sigma": ("HalfCauchy", {"beta": 10}),
    }
    return Regression("y ~ x", data, priors, draws=3000)


def columns(n: int, p: int, correlation: float = 0.0) -> Regression:
    """`p` standard normal columns, each pair correlated alike, with coefficients of their own; default priors."""
    rng = np.random.default_rng(p)
    common = np.sqrt(correlation) * rng.normal(size=n)
    coefficients = rng.normal(size=p) / np.sqrt(p)
    data = {f"x{j}": common + np.sqrt(1 - correlation) * rng.normal(size=n) for j in range(p)}
    response = 1 + rng.normal(size=n)
    for coefficient, column in zip(coefficients, data.values(), strict=True):
        response += coefficient * column
    formula = "y ~ " + " + ".join(data)
    return Regression(formula, pd.DataFrame({"y": response, **data}))


def raw_polynomial(*, flat: bool) -> Regression:
    """x and x² of an x around 1000: collinear to one part in a thousand before anything is centred."""
    rng = np.random.default_rng(1000)
    u = rng.normal(size=1000)
    data = pd.DataFrame({"x": 1000 + u, "y": 1 + 0.5 * u + 0.5 * u**2 + rng.normal(scale=0.5, size=len(u))})
    slope: PriorSpec = ("Flat", {}) if flat else ("Normal", {"mu": 0, "sigma": 1e8})
    sigma: PriorSpec = ("HalfFlat", {}) if flat else ("HalfCauchy", {"beta": 100})
    priors = {"Intercept": slope, "x": slope, "I(x ** 2)": slope, "sigma": sigma}
    return Regression("y ~ x + I(x ** 2)", data, priors)


def kidiq() -> Regression:
    priors: dict[str, PriorSpec] = {
        "Intercept": ("Normal", {"mu": 80, "sigma": 50}),
        "mom_iq": ("Normal", {"mu": 0, "sigma": 2}),
        "mom_hs": ("Normal", {"mu": 0, "sigma": 30}),
        "sigma": ("HalfCauchy", {"beta": 20}),
    }
    return Regression("kid_score ~ mom_iq + mom_hs", pd.read_csv(KIDIQ), priors, draws=5000)


def mom_work() -> Regression:
    """A factor with four levels, and priors narrow enough to be seen in the posterior."""
    priors: dict[str, PriorSpec] = {
        "Intercept": ("Normal", {"mu": 80, "sigma": 5}),
        "C(mom_work)": ("Normal", {"mu": 0, "sigma": 5}),
        "sigma": ("HalfStudentT", {"nu": 4, "sigma": 20}),
    }
    return Regression("kid_score ~ C(mom_work)", pd.read_csv(MOM_WORK), priors, draws=5000)


def heavy_tails() -> Regression:
    """Few rows, and priors that are not Gaussian."""
    rng = np.random.default_rng(7)
    data = pd.DataFrame(rng.normal(size=(25, 3)), columns=["a", "b", "c"])
    data["y"] = 3 + 1.5 * data["a"] + rng.normal(size=len(data))
    priors: dict[str, PriorSpec] = {
        "Intercept": ("Normal", {"mu": 0, "sigma": 10}),
        "a": ("StudentT", {"nu": 3, "mu": 0, "sigma": 0.5}),
        "b": ("Laplace", {"mu": 0, "b": 0.2}),
        "c": ("Normal", {"mu": 0, "sigma": 0.2}),
        "sigma": ("Exponential", {"lam": 1}),
    }
    return Regression("y ~ a + b + c", data, priors, draws=5000)


REGRESSIONS: dict[str, Callable[[], Regression]] = {
    "tutorial": tutorial,
    "p10": lambda: columns(10_000, 10),
    "p10-correlated": lambda: columns(10_000, 10, correlation=0.8),
    "p200": lambda: columns(2_000, 200),
    "p200-correlated": lambda: columns(2_000, 200, correlation=0.8),
    "million": lambda: columns(1_000_000, 10),
    "predictions": lambda: replace(columns(20_000, 3), draws=250),
    "summaries": lambda: columns(1_000, 10),
    "polynomial-flat": lambda: raw_polynomial(flat=True),
    "polynomial-wide": lambda: raw_polynomial(flat=False),
    "kidiq": kidiq,
    "mom-work": mom_work,
    "heavy-tails": heavy_tails,
}
