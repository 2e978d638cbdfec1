"""Simulation-based calibration of mixed models by formula: over data from the prior, ranks of the truth are uniform.

Six groups of six rows, simulated by NumPy: posteriors of deviations reach zero, and those of correlations both ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from statistical.marginals import Array
from statistical.scores import P_LIMIT, rank_p_value
from statistical.test_group_cases import labelled

pytestmark = [
    pytest.mark.statistical,
    pytest.mark.filterwarnings("ignore::filbert.errors.ConvergenceWarning"),  # of 57 draws
]

DATA_SETS = 200
RANKS = 20  # of the truth among 19 draws
BINS = 10
GROUPS, ROWS = 6, 36
ETA = 2.0

Rng = np.random.Generator
Truth = dict[str, float]


def named(name: str, labels: list[str], values: Array) -> Truth:
    return {f"{name}[{label}]": float(value) for label, value in zip(labels, values, strict=True)}


def intercepts(rng: Rng, name: str, codes: NDArray[np.int64], labels: list[str], truth: Truth) -> Array:
    """Effects of one grouping factor on the rows; adds what they are to the truth."""
    deviation = abs(rng.normal())
    effects = deviation * rng.normal(size=len(labels))
    truth |= {f"1|{name}_sigma": deviation, **named(f"1|{name}", labels, effects)}
    return effects[codes]


G, H = [f"g{i}" for i in range(GROUPS)], ["h0", "h1"]
CELLS = [f"{g}:{h}" for g in G for h in H]


def one(rng: Rng, frame: pd.DataFrame, truth: Truth) -> Array:
    return intercepts(rng, "g", frame.gc.to_numpy(), G, truth)


def nested(rng: Rng, frame: pd.DataFrame, truth: Truth) -> Array:
    return one(rng, frame, truth) + intercepts(rng, "g:h", (2 * frame.gc + frame.hc).to_numpy(), CELLS, truth)


def crossed(rng: Rng, frame: pd.DataFrame, truth: Truth) -> Array:
    return one(rng, frame, truth) + intercepts(rng, "h", frame.hc.to_numpy(), H, truth)


def correlated(rng: Rng, frame: pd.DataFrame, truth: Truth) -> Array:
    deviations, correlation = np.abs(rng.normal(size=2)), 2 * rng.beta(ETA, ETA) - 1
    first, second = rng.normal(size=(2, GROUPS))
    effects = deviations[:, None] * [first, correlation * first + np.sqrt(1 - correlation**2) * second]
    truth |= {"1|g_sigma": deviations[0], "x|g_sigma": deviations[1], "g_corr[1, x]": correlation}
    truth |= {**named("1|g", G, effects[0]), **named("x|g", G, effects[1])}
    codes = frame.gc.to_numpy()
    return np.asarray(effects[0][codes] + effects[1][codes] * frame.x.to_numpy())


STRUCTURES: dict[str, Callable[[Rng, pd.DataFrame, Truth], Array]] = {
    "(1 | g)": one,
    "(x | g)": correlated,
    "(1 | g/h)": nested,
    "(1 | g) + (1 | h)": crossed,
}
PRIORS = {
    "Intercept": fb.Normal(0, 1),
    "x": fb.Normal(0, 1),
    "sigma": fb.HalfNormal(1),
    "group_specific": fb.Prior("Normal", mu=0, sigma=fb.HalfNormal(1)),
}


@cache
def fits(structure: str, eta: float = ETA) -> list[tuple[Truth, dict[str, Array]]]:
    """Truths and 19 draws of each parameter, by data set."""
    logging.getLogger("filbert").setLevel(logging.WARNING)
    priors = PRIORS | ({"g_corr": fb.Prior("LKJCorr", eta=eta)} if structure == "(x | g)" else {})
    result = []
    for seed, rng in enumerate(np.random.default_rng(len(structure)).spawn(DATA_SETS)):
        frame = pd.DataFrame({"x": rng.normal(size=ROWS), "gc": np.arange(ROWS) % GROUPS})
        frame["hc"] = np.arange(ROWS) // GROUPS % 2
        frame["g"], frame["h"] = [G[code] for code in frame.gc], [H[code] for code in frame.hc]
        truth = {"Intercept": rng.normal(), "x": rng.normal(), "sigma": abs(rng.normal())}
        mean = truth["Intercept"] + truth["x"] * frame.x + STRUCTURES[structure](rng, frame, truth)
        frame["y"] = mean + truth["sigma"] * rng.normal(size=ROWS)
        model = fb.Model(f"y ~ x + {structure}", frame, priors=priors, center_predictors=False)
        idata = model.fit(draws=3 * (RANKS - 1), chains=1, cores=1, random_seed=seed, progressbar=False)
        result.append((truth, {label: draws[0, ::3] for label, draws in labelled(idata).items()}))
    return result


def p_values(found: list[tuple[Truth, dict[str, Array]]], truth_of: Callable[[Truth, str], float]) -> dict[str, float]:
    """P-values of the ranks of each parameter's truth being uniform."""
    ranks = {
        label: [int((draws[label] < truth_of(truth, label)).sum()) for truth, draws in found] for label in found[0][0]
    }
    return {label: rank_p_value(np.array(values), RANKS, BINS) for label, values in ranks.items()}


def correct(truth: Truth, label: str) -> float:
    return truth[label]


def variance(truth: Truth, label: str) -> float:
    return truth[label] ** 2 if label.endswith("_sigma") else truth[label]


def next_level(truth: Truth, label: str) -> float:
    labels = [other for other in truth if other.startswith(label.partition("[")[0] + "[")]
    return truth[labels[labels.index(label) - 1]] if label in labels else truth[label]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_ranks_are_uniform(structure: str) -> None:
    found = p_values(fits(structure), correct)
    assert len(found) >= 3 + 1 + GROUPS
    assert min(found.values()) > P_LIMIT, found


@pytest.mark.parametrize("structure", STRUCTURES)
def test_calibration_rejects_deviations_read_as_variances(structure: str) -> None:
    assert min(p_values(fits(structure), variance).values()) < P_LIMIT


@pytest.mark.parametrize("structure", STRUCTURES)
def test_calibration_rejects_effects_of_other_levels(structure: str) -> None:
    assert min(p_values(fits(structure), next_level).values()) < P_LIMIT


def test_calibration_rejects_another_prior_of_the_correlations() -> None:
    found = p_values(fits("(x | g)", eta=12.0), correct)
    assert found["g_corr[1, x]"] < P_LIMIT
