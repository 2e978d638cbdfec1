"""Group effects with any response: against references of real data, the integrating engine, and a sum by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filbert import _core
from mixed_models import sample, sample_hmc, scores
from scipy import stats
from statistical.scores import Z_LIMIT, effective_sample_size

CASES = Path(__file__).parents[2] / "data" / "grouped_glm"
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def column(data: pd.DataFrame, label: str) -> np.ndarray:
    parts = []
    for part in label.split(":"):
        name, _, level = part.rstrip("]").partition("[")
        parts.append((data[name] == level).to_numpy(float) if level else data[name].to_numpy(float))
    return np.prod(parts, axis=0)


class Case:
    """A case folder of one term `(1 | g)` as arrays."""

    def __init__(self, name: str) -> None:
        self.meta = json.loads((CASES / name / "meta.json").read_text())
        self.reference = json.loads((CASES / name / "reference_summary.json").read_text())["params"]
        data = pd.read_csv(CASES / name / "data.csv")
        coefficients = [key for key in self.meta["priors"] if "|" not in key]
        group = self.meta["groups"][0]["factor"]
        levels, codes = np.unique(data[group], return_inverse=True)
        binomial = self.meta["family"] == "binomial"
        response = ("incidence", "size") if binomial else (self.meta["response"], None)
        self.data = _core.GlmData(
            self.meta["family"],
            self.meta["link"],
            np.column_stack([column(data, key) for key in coefficients[1:]]),
            data[response[0]].to_numpy(float),
            None if response[1] is None else data[response[1]].to_numpy(float),
        )
        self.design = _core.GroupedDesign([len(levels)], [(0, 1)], [None], [codes.astype(np.int64)])
        deviation = self.meta["priors"][f"1|{group}"]["sigma"]
        (scale,) = (float(value) for key, value in deviation.items() if key in ("lam", "sigma", "beta"))
        self.model: dict[str, Any] = {
            "intercept": True,
            "intercept_at_means": False,
            "coefficient_priors": [
                ("Normal", (float(self.meta["priors"][key]["mu"]), float(self.meta["priors"][key]["sigma"])))
                for key in coefficients
            ],
            "auxiliary_priors": [],
            "terms": [(False, [(deviation["dist"], (scale,))], 1.0)],
        }
        self.labels = [*coefficients, f"1|{group}_sigma", *(f"1|{group}[{level}]" for level in levels)]

    def framed(self, **changes: Any) -> _core.FramedGroupedGlm:
        return _core.FramedGroupedGlm(_core.GroupedGlm(self.data, self.design, **{**self.model, **changes}))


@pytest.mark.statistical
@pytest.mark.parametrize("sampled", [sample, sample_hmc])
@pytest.mark.parametrize("name", NAMES)
def test_draws_are_those_of_the_reference_posterior(name: str, sampled: Callable[..., dict[str, Any]]) -> None:
    case = Case(name)
    framed = case.framed()
    assert framed.variables == len(case.labels)
    values = sampled(framed, 2500)["sampling"]["values"]
    found = scores(case.labels, case.reference, values)
    assert np.abs(found).max() < Z_LIMIT
    assert np.sqrt(np.mean(found[:, 0] ** 2)) < 1.5
    centre = values.mean(axis=(1, 2), keepdims=True)
    assert (
        np.abs(scores(case.labels, case.reference, centre + 0.9 * (values - centre))).max() > Z_LIMIT
    )  # draws that spread too little
    other = case.framed(terms=[(False, [("Gamma", (0.05, 0.01))], 1.0)])
    assert np.abs(scores(case.labels, case.reference, sampled(other, 2500)["sampling"]["values"])).max() > Z_LIMIT


@pytest.mark.statistical
@pytest.mark.parametrize("sampled", [sample, sample_hmc])
@pytest.mark.parametrize("name", NAMES)
def test_no_seed_diverges(name: str, sampled: Callable[..., dict[str, Any]]) -> None:
    framed = Case(name).framed()
    for seed in range(1, 11):
        assert sampled(framed, 1000, seed=seed)["sampling"]["diverging"].sum() == 0


def gaussian_rows(rng: np.random.Generator, factors: list[int]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    n = 90
    X = rng.normal(size=(n, 1)) + 2
    codes = [rng.integers(0, groups, n).astype(np.int64) for groups in factors]
    y = 1 + 0.5 * X[:, 0] + rng.normal(size=factors[0])[codes[0]] + 0.7 * rng.normal(size=n)
    return X, y, codes


@pytest.mark.statistical
@pytest.mark.parametrize("crossed", [False, True])
def test_a_gaussian_response_has_the_posterior_of_the_engine_that_integrates_effects_out(crossed: bool) -> None:
    X, y, codes = gaussian_rows(np.random.default_rng(4), [9, 5][: 1 + crossed])
    structure: tuple[list[int], list[tuple[int, int]]] = ([9, 5], [(0, 1), (1, 1)]) if crossed else ([9], [(0, 2)])
    slopes = np.column_stack([np.ones(len(y)), X[:, 0] - 2])
    Z = [None, None] if crossed else [slopes]
    one = (False, [("HalfNormal", (1.0,))], 1.0)
    terms = [one, one] if crossed else [(True, [("HalfNormal", (1.0,))] * 2, 2.0)]
    shared: dict[str, Any] = {
        "intercept": True,
        "intercept_at_means": True,
        "coefficient_priors": [("Normal", (0.0, 3.0))] * 2,
        "terms": terms,
    }
    summary = _core.GroupedSummary(1, *structure).update(X, y, Z, codes)
    integrated = _core.FramedGroupedGaussian(_core.GroupedGaussian(summary, sigma=("HalfNormal", (2.0,)), **shared))
    data = _core.GlmData("gaussian", "identity", X, y)

    def joint(sigma: float) -> np.ndarray:
        prior = [("HalfNormal", (sigma,))]
        posterior = _core.GroupedGlm(data, _core.GroupedDesign(*structure, Z, codes), auxiliary_priors=prior, **shared)
        run = sample(_core.FramedGroupedGlm(posterior), 4000)["sampling"]
        assert run["diverging"].sum() == 0
        return run["values"]

    expected = sample(integrated, 4000)["sampling"]["values"]

    def differences(values: np.ndarray) -> np.ndarray:
        found = []
        for ours, theirs in zip(values, expected, strict=True):
            for power in (1, 2):
                a, b = ours**power, theirs**power
                error = np.hypot(a.std() / effective_sample_size(a) ** 0.5, b.std() / effective_sample_size(b) ** 0.5)
                found.append((a.mean() - b.mean()) / error)
        return np.array(found)

    assert np.abs(differences(joint(2.0))).max() < Z_LIMIT
    assert np.abs(differences(joint(0.1))).max() > Z_LIMIT  # another prior of sigma


def test_the_density_is_the_sum_by_hand() -> None:
    rng = np.random.default_rng(1)
    n, groups = 40, 6
    X, codes = rng.normal(size=(n, 2)) + 1, rng.integers(0, groups, n).astype(np.int64)
    trials, weights, offset = rng.integers(1, 6, n).astype(float), rng.uniform(0.5, 2, n), rng.normal(size=n)
    y = rng.binomial(trials.astype(int), 0.4).astype(float)
    posterior = _core.GroupedGlm(
        _core.GlmData("binomial", "logit", X, y, trials, weights, offset),
        _core.GroupedDesign([groups], [(0, 2)], [np.column_stack([np.ones(n), X[:, 0]])], [codes]),
        intercept=True,
        intercept_at_means=False,
        coefficient_priors=[("Normal", (0.0, 2.0)), ("StudentT", (4.0, 0.0, 1.0)), ("HalfNormal", (1.5,))],
        auxiliary_priors=[],
        terms=[(False, [("HalfNormal", (1.0,)), ("Exponential", (2.0,))], 1.0)],
    )
    position = rng.normal(size=posterior.dimension) * 0.4
    assert posterior.outer == 3  # two deviations and the coefficient with an edge
    value, gradient = posterior.log_density(position)
    draw = posterior.to_user_scale(position)
    beta, sd, b = draw[:3], draw[3:5], draw[5:].reshape(2, groups)
    eta = offset + beta[0] + X @ beta[1:] + b[0, codes] + b[1, codes] * X[:, 0]
    expected = np.sum(weights * stats.binom(trials, 1 / (1 + np.exp(-eta))).logpmf(y))
    expected += (
        stats.norm(0, 2).logpdf(beta[0]) + stats.t(4, 0, 1).logpdf(beta[1]) + stats.halfnorm(0, 1.5).logpdf(beta[2])
    )
    expected += stats.halfnorm(0, 1).logpdf(sd[0]) + stats.expon(0, 0.5).logpdf(sd[1])
    expected += stats.norm(0, sd[:, None]).logpdf(b).sum()
    # The position has logarithms, a scaled slope, and effects over their deviations.
    scale = np.sqrt(np.average((X[:, 0] - np.average(X[:, 0], weights=weights)) ** 2, weights=weights))
    expected += (1 + groups) * np.log(sd).sum() + np.log(beta[2]) - np.log(scale)
    assert value == pytest.approx(expected, rel=1e-10)
    for k in range(posterior.dimension):
        step = 1e-5 * np.eye(posterior.dimension)[k]
        slope = (posterior.log_density(position + step)[0] - posterior.log_density(position - step)[0]) / 2e-5
        assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_draws_do_not_depend_on_cores_and_effects_can_be_left_out() -> None:
    case = Case("cbpp-binomial_logit_group")
    posterior = _core.GroupedGlm(case.data, case.design, **case.model)
    values = sample(_core.FramedGroupedGlm(posterior), 50)["sampling"]["values"]
    np.testing.assert_array_equal(sample(_core.FramedGroupedGlm(posterior), 50, cores=4)["sampling"]["values"], values)
    without = sample(_core.FramedGroupedGlm(posterior, effects=False), 50)["sampling"]["values"]
    np.testing.assert_array_equal(without, values[: posterior.parameters])


def test_misuse_is_refused_with_a_sentence() -> None:
    case = Case("cbpp-binomial_logit_group")
    with pytest.raises(ValueError, match="codes of grouping factor 0 must be from 0 to 1, not 2 at row 2"):
        _core.GroupedDesign([2], [(0, 1)], [None], [np.arange(3)])
    with pytest.raises(ValueError, match="Z of group term 0 must be finite in column 0 at row 1, not nan"):
        _core.GroupedDesign([2], [(0, 1)], [np.array([[1.0], [np.nan]])], [np.array([1, 0])])
    with pytest.raises(ValueError, match="must have 56 elements, one a row, not 3"):
        _core.GroupedGlm(case.data, _core.GroupedDesign([3], [(0, 1)], [None], [np.arange(3)]), **case.model)
    with pytest.raises(ValueError, match="there are 4 coefficients, but 0 priors"):
        _core.GroupedGlm(case.data, case.design, **{**case.model, "coefficient_priors": []})
    with pytest.raises(ValueError, match="the deviations of group term 0 must be one on positive values"):
        _core.GroupedGlm(case.data, case.design, **{**case.model, "terms": [(False, [("Normal", (0.0, 1.0))], 1.0)]})
    x = np.linspace(-1, 1, 20)
    separated = _core.GlmData("bernoulli", "logit", x[:, None], (x > 0).astype(float))
    flat = {**case.model, "coefficient_priors": [("Flat", ())] * 2}
    design = _core.GroupedDesign([4], [(0, 1)], [None], [np.arange(20) % 4])
    with pytest.raises(_core.NoModeError, match="separates the"):
        _core.FramedGroupedGlm(_core.GroupedGlm(separated, design, **flat))
    codes = [np.arange(3000) % 1002, np.arange(3000) % 1001]
    big = _core.GlmData("bernoulli", "logit", np.zeros((3000, 0)), (np.arange(3000) % 3 == 1).astype(float))
    crossed = _core.GroupedDesign([1002, 1001], [(0, 1), (1, 1)], [None, None], codes)
    model = {**case.model, "coefficient_priors": [("Normal", (0.0, 1.0))], "terms": case.model["terms"] * 2}
    with pytest.raises(_core.GroupsTooLargeError, match="have 1001 effects besides"):
        _core.FramedGroupedGlm(_core.GroupedGlm(big, crossed, **model))
