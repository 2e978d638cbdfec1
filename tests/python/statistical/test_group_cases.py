"""Real mixed models through formulas and priors by bambi's names, against their reference posteriors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from statistical.marginals import Array
from statistical.scores import QUANTILES, Z_LIMIT, coverage_score, effective_sample_size, mean_score, sd_score

pytestmark = pytest.mark.statistical

FOLDER = Path(__file__).parents[2] / "data" / "groups"
NAMES = sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())
SEED = 20261122
DRAWS = 2500


def prior(spec: dict[str, Any]) -> fb.Prior:
    names = ("mu", "sigma", "nu", "beta", "alpha", "lam", "lower", "upper", "b")
    given = {key: spec[key] for key in names if key in spec}
    return fb.Prior(spec["dist"], **{k: prior(v) if isinstance(v, dict) else v for k, v in given.items()})


@dataclass(frozen=True)
class Case:
    """A case's model and the statistics of each parameter of its reference posterior, by bambi's labels."""

    formula: str
    data: pd.DataFrame
    priors: dict[str, fb.Prior]
    reference: dict[str, dict[str, float]]

    def model(self, correlated: bool = True, **changed: fb.Prior) -> fb.Model:
        priors = self.priors | changed
        if not correlated:
            priors = {name: value for name, value in priors.items() if not name.endswith("_corr")}
        return fb.Model(self.formula, self.data, priors=priors, center_predictors=False, correlated=correlated)


@cache
def read(name: str) -> Case:
    meta = json.loads((FOLDER / name / "meta.json").read_text(encoding="utf-8"))
    summary = json.loads((FOLDER / name / "reference_summary.json").read_text(encoding="utf-8"))["params"]
    priors = {re.sub(r"\[[^\]]*\]", "", label): prior(spec) for label, spec in meta["priors"].items()}
    for group in meta["groups"]:
        if group["correlated"]:
            priors[f"{group['factor']}_corr"] = fb.Prior("LKJCorr", eta=group["lkj_eta"])
    reference = {label: summary[key] for key, label in meta["parameter_map"].items()}
    return Case(meta["formula"], pd.read_csv(FOLDER / name / "data.csv"), priors, reference)


def labelled(idata: Any) -> dict[str, Array]:
    """Draws, (chains, draws), by labels such as ``"1|g_sigma"``, ``"x|g[a]"`` and ``"f[v]"``."""
    found = {}
    for name, variable in idata["posterior"].data_vars.items():
        values = np.asarray(variable)
        for place in np.ndindex(values.shape[2:]):
            levels = [str(variable[dim].to_numpy()[at]) for dim, at in zip(variable.dims[2:], place, strict=True)]
            # A factor's level is by the name of its term in the cases: "f[v]|g[a]".
            label = f"{name}[{levels[0]}]" if levels else str(name)
            if len(levels) == 2:
                term, _, factor = str(name).partition("|")
                label = f"{term}[{levels[0]}]|{factor}[{levels[1]}]"
            found[label] = values[(..., *place)]
    return found


def fit(model: fb.Model, seed: int) -> tuple[dict[str, Array], int]:
    idata = model.fit(draws=DRAWS, random_seed=seed, progressbar=False)
    return labelled(idata), int(np.asarray(idata["sample_stats"]["diverging"]).sum())


@cache
def fitted(name: str) -> tuple[dict[str, Array], int]:
    return fit(read(name).model(), SEED + NAMES.index(name))


def means(name: str, draws: dict[str, Array]) -> Array:
    """Z-scores of the means of the parameters that the draws have."""
    reference = read(name).reference
    return np.array([mean_score(draws[label], exact) for label, exact in reference.items() if label in draws])


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_those_of_the_reference_posterior(name: str) -> None:
    draws, n_divergences = fitted(name)
    assert n_divergences == 0
    assert set(draws) == set(read(name).reference)
    for label, exact in read(name).reference.items():
        values = draws[label]
        scores = {"mean": mean_score(values, exact), "sd": sd_score(values, exact)}
        scores |= {key: coverage_score(values, exact[key], probability) for key, probability in QUANTILES.items()}
        for statistic, score in scores.items():
            assert abs(score) < Z_LIMIT, f"{statistic} of {label} is off by {score:.2f} Monte Carlo standard errors"
        assert effective_sample_size(values) > 0.1 * values.size


def test_scores_are_calibrated_over_all_cases() -> None:
    scores = np.concatenate([means(name, fitted(name)[0]) for name in NAMES])
    assert len(scores) > 100
    assert 0.6 < scores.std() < 1.35  # effects of one model are dependent, so that few of these count as independent


@pytest.mark.parametrize("name", ["sleepstudy-correlated", "Orthodont-correlated"])
def test_independent_effects_are_another_model(name: str) -> None:
    draws, _ = fit(read(name).model(correlated=False), SEED)
    assert np.abs(means(name, draws)).max() > Z_LIMIT


@pytest.mark.parametrize("name", ["sleepstudy-correlated", "Orthodont-correlated"])
def test_another_prior_of_the_correlations_would_be_noticed(name: str) -> None:
    (corr,) = (key for key in read(name).priors if key.endswith("_corr"))
    draws, _ = fit(read(name).model(**{corr: fb.Prior("LKJCorr", eta=6)}), SEED)
    assert np.abs(means(name, draws)).max() > Z_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_effects_of_the_next_group_would_be_noticed(name: str) -> None:
    draws, _ = fitted(name)
    effects = [label for label in draws if "|" in label and label.endswith("]")]
    swapped = draws | {label: draws[other] for label, other in zip(effects, effects[1:] + effects[:1], strict=True)}
    assert np.abs(means(name, swapped)).max() > Z_LIMIT
