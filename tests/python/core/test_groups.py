"""Mixed models in the core against reference posteriors of real data, lme4's estimates, and misuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filbert import _core
from mixed_models import sample, scores
from statistical.scores import Z_LIMIT

CASES = Path(__file__).parents[2] / "data" / "groups"
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def prior_of(spec: dict[str, Any]) -> tuple[str, tuple[float, ...]]:
    order = ("nu", "alpha", "mu", "beta", "sigma", "lower", "upper", "lam", "b")
    return spec["dist"], tuple(float(spec[key]) for key in order if key in spec and not isinstance(spec[key], dict))


class Case:
    """A case folder as arrays; its predictors are those that these few formulas need."""

    def __init__(self, name: str) -> None:
        self.meta = json.loads((CASES / name / "meta.json").read_text())
        self.reference = json.loads((CASES / name / "reference_summary.json").read_text())["params"]
        data = pd.read_csv(CASES / name / "data.csv")
        priors = self.meta["priors"]
        self.y = data[self.meta["response"]].to_numpy(float)
        self.coefficients = [key for key in priors if "|" not in key and key != "sigma"]
        self.X = np.column_stack([np.zeros((len(data), 0)), *(self.column(data, k) for k in self.coefficients[1:])])
        self.n_groups, self.terms, self.codes, self.Z, self.labels, models = [], [], [], [], [], []
        self.effect_labels: list[str] = []
        for number, group in enumerate(self.meta["groups"]):
            names = group["factor"].split(":")
            keys = data[names[0]].astype(str)
            for more in names[1:]:
                keys = keys + ":" + data[more].astype(str)
            levels, codes = np.unique(keys, return_inverse=True)
            expressions = group["expressions"]
            self.n_groups.append(len(levels))
            self.codes.append(codes.astype(np.int64))
            self.terms.append((number, len(expressions)))
            columns = [np.ones(len(data)) if e == "1" else data[e].to_numpy(float) for e in expressions]
            self.Z.append(None if expressions == ["1"] else np.column_stack(columns))
            deviations = [prior_of(priors[f"{e}|{group['factor']}"]["sigma"]) for e in expressions]
            models.append((bool(group["correlated"]), deviations, float(group["lkj_eta"] or 1)))
            self.labels += [f"{e}|{group['factor']}_sigma" for e in expressions]
            if group["correlated"]:
                self.labels += [f"{group['factor']}_corr[{expressions[0]}, {expressions[1]}]"]
            self.effect_labels += [f"{e}|{group['factor']}[{level}]" for e in expressions for level in levels]
        self.model: dict[str, Any] = {
            "intercept": True,
            "intercept_at_means": False,
            "coefficient_priors": [prior_of(priors[key]) for key in self.coefficients],
            "sigma": prior_of(priors["sigma"]),
            "terms": models,
        }
        self.labels = [*self.coefficients, "sigma", *self.labels, *self.effect_labels]

    @staticmethod
    def column(data: pd.DataFrame, label: str) -> np.ndarray:
        parts = []
        for part in label.split(":"):
            name, _, level = part.rstrip("]").partition("[")
            parts.append((data[name] == level).to_numpy(float) if level else data[name].to_numpy(float))
        return np.prod(parts, axis=0)

    def summary(self) -> _core.GroupedSummary:
        return _core.GroupedSummary(self.X.shape[1], self.n_groups, self.terms).update(
            self.X, self.y, self.Z, self.codes
        )

    def posterior(self, **changes: Any) -> _core.GroupedGaussian:
        return _core.GroupedGaussian(self.summary(), **{**self.model, **changes})


@pytest.mark.statistical
@pytest.mark.parametrize("name", NAMES)
def test_draws_are_those_of_the_reference_posterior(name: str) -> None:
    case = Case(name)
    framed = _core.FramedGroupedGaussian(case.posterior(), seed=3)
    assert framed.variables == len(case.labels)
    values = sample(framed, 2500)["sampling"]["values"]
    found = scores(case.labels, case.reference, values)
    assert np.abs(found).max() < Z_LIMIT
    assert np.sqrt(np.mean(found[:, 0] ** 2)) < 1.5
    centre = values.mean(axis=(1, 2), keepdims=True)
    assert (
        np.abs(scores(case.labels, case.reference, centre + 0.9 * (values - centre))).max() > Z_LIMIT
    )  # draws that spread too little


@pytest.mark.statistical
@pytest.mark.parametrize("name", NAMES)
def test_another_prior_of_the_deviations_would_be_noticed(name: str) -> None:
    case = Case(name)
    terms = [(c, [("Gamma", (0.05, 0.01))] * len(priors), eta) for c, priors, eta in case.model["terms"]]
    values = sample(_core.FramedGroupedGaussian(case.posterior(terms=terms)), 2500)["sampling"]["values"]
    assert np.abs(scores(case.labels, case.reference, values)[:, 0]).max() > 5


@pytest.mark.statistical
@pytest.mark.parametrize("name", NAMES)
def test_no_seed_diverges(name: str) -> None:
    framed = _core.FramedGroupedGaussian(Case(name).posterior(), effects=False)
    for seed in range(1, 11):
        for tune in (150, 200):
            assert sample(framed, 1000, seed=seed, tune=tune)["sampling"]["diverging"].sum() == 0


def test_draws_do_not_depend_on_cores_and_effects_can_be_drawn_later() -> None:
    case = Case("sleepstudy-correlated")
    posterior = case.posterior()
    with_effects = sample(_core.FramedGroupedGaussian(posterior, seed=7), 50)["sampling"]["values"]
    again = sample(_core.FramedGroupedGaussian(posterior, seed=7), 50, cores=4)["sampling"]["values"]
    np.testing.assert_array_equal(with_effects, again)
    without = _core.FramedGroupedGaussian(posterior, effects=False, seed=7)
    parameters = sample(without, 50)["sampling"]["values"]
    np.testing.assert_array_equal(parameters, with_effects[: posterior.parameters])
    effects = without.draw_effects(parameters.reshape(posterior.parameters, -1))
    np.testing.assert_array_equal(effects.reshape(-1, 4, 50), with_effects[posterior.parameters :])


# What lme4 1.1-31 prints of these data: `lmer(..., REML = TRUE)`.
LME4 = {
    "sleepstudy-correlated": {
        "deviations": [24.7407, 5.9221],
        "sigma": 25.5918,
        "corr": 0.066,
        "fixed": [251.405, 10.467],
    },
    "Penicillin-crossed": {"deviations": [0.8467, 1.9316], "sigma": 0.5499, "corr": None, "fixed": [22.972]},
    "Dyestuff-one_way": {"deviations": [42.0006], "sigma": 49.5101, "corr": None, "fixed": [1527.5]},
}


@pytest.mark.parametrize("name", list(LME4))
def test_restricted_maximum_likelihood_is_that_of_lme4(name: str) -> None:
    case = Case(name)
    fit = _core.mixed_model_fit(
        case.summary(), intercept=True, correlated=[c for c, _, _ in case.model["terms"]], restricted=True
    )
    expected = LME4[name]
    assert fit["converged"]
    np.testing.assert_allclose(np.concatenate(fit["deviations"]), expected["deviations"], rtol=1e-4)
    np.testing.assert_allclose(fit["sigma"], expected["sigma"], rtol=1e-4)
    np.testing.assert_allclose(fit["coefficients"], expected["fixed"], rtol=1e-4)
    if expected["corr"] is not None:
        assert fit["correlations"][0] == pytest.approx(expected["corr"], abs=6e-4)


def test_the_density_is_that_of_the_line_and_its_values() -> None:
    posterior = Case("Orthodont-correlated").posterior()
    values = np.array([1.9, 0.15, 0.2, 1.3])  # two deviations, w, sigma
    position = posterior.position(values)
    np.testing.assert_allclose(posterior.values(position), values)
    value, gradient = posterior.log_density(position)
    for k in range(4):
        step = 1e-5 * np.eye(4)[k]
        slope = (posterior.log_density(position + step)[0] - posterior.log_density(position - step)[0]) / 2e-5
        assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert np.isfinite(value)


def test_misuse_is_refused_with_a_sentence() -> None:
    case = Case("Dyestuff-one_way")
    summary = case.summary()
    codes = case.codes[0].copy()
    codes[2] = 6
    with pytest.raises(ValueError, match="codes of grouping factor 0 must be from 0 to 5, not 6 at row 2"):
        summary.update(case.X, case.y, case.Z, [codes])
    with pytest.raises(ValueError, match="must have one prior for each of the 1 coefficients"):
        _core.GroupedGaussian(summary, **{**case.model, "coefficient_priors": []})
    with pytest.raises(ValueError, match="the deviations of group term 0 must be one on positive values"):
        _core.GroupedGaussian(summary, **{**case.model, "terms": [(False, [("Normal", (0.0, 1.0))], 1.0)]})
    big = _core.GroupedSummary(0, [3002, 3001], [(0, 1), (1, 1)])
    rows = np.arange(9000) % 3001
    big.update(np.zeros((9000, 0)), np.sin(rows), [None, None], [np.arange(9000) % 3002, rows])
    model = {**case.model, "terms": [(False, [("HalfNormal", (1.0,))], 1.0)] * 2}
    with pytest.raises(_core.GroupsTooLargeError, match="crossed with 3001 effects"):
        _core.GroupedGaussian(big, **model)
