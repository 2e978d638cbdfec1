"""Model.maximum_likelihood: the digits of statsmodels, the same answer however the rows come, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataError

STORED = json.loads((Path(__file__).parents[2] / "data" / "glm" / "statsmodels.json").read_text())
DATA = pd.DataFrame(STORED["data"])
HAS_SCALE = ("gamma", "gaussian")  # statsmodels estimates their dispersion by moments, filbert by likelihood


def named(case: dict) -> str:
    return f"{case['family']}-{case['link']}-{'-'.join(case['arguments'])}"


def fit(case: dict) -> pd.DataFrame:
    model = fb.Model(f"{case['response']} ~ x + z", DATA, family=case["family"], link=case["link"], **case["arguments"])
    return model.maximum_likelihood()


@pytest.mark.parametrize("case", STORED["cases"], ids=named)
def test_statsmodels_digits(case: dict) -> None:
    table = fit(case)
    np.testing.assert_allclose(table["estimate"].iloc[:3], case["estimate"], rtol=1e-8)
    if case["auxiliary"] is not None:
        assert table["estimate"].iloc[3] == pytest.approx(case["auxiliary"], rel=1e-8)
    if case["log_likelihood"] is not None:
        assert table.attrs["log_likelihood"] == pytest.approx(case["log_likelihood"], rel=1e-9)
        assert table.attrs["aic"] == pytest.approx(2 * len(table) - 2 * case["log_likelihood"], rel=1e-9)
    if case["unit_error"] is not None:
        auxiliary = table["estimate"].iloc[-1]
        scale = (
            {"gamma": auxiliary**-0.5, "gaussian": auxiliary}[case["family"]]
            if len(table) > 3 and (case["family"] in HAS_SCALE)
            else 1.0
        )
        np.testing.assert_allclose(table["standard_error"].iloc[:3], scale * np.array(case["unit_error"]), rtol=1e-7)


def test_a_lognormal_is_least_squares_of_logarithms() -> None:
    logarithms = fb.Model("y ~ x + z", DATA.assign(y=np.log(DATA["y"]))).least_squares()
    model = fb.Model("y ~ x + z", DATA, family="lognormal")
    np.testing.assert_allclose(model.maximum_likelihood()["estimate"].iloc[:3], logarithms["estimate"], rtol=1e-10)
    np.testing.assert_allclose(model.least_squares()["estimate"], logarithms["estimate"], rtol=1e-12)


def test_whole_weights_are_repeated_rows() -> None:
    weighted = fb.Model("nb ~ x + z", DATA, family="negativebinomial", weights="w").maximum_likelihood()
    repeated = DATA.loc[DATA.index.repeat(DATA["w"])].reset_index(drop=True)
    single = fb.Model("nb ~ x + z", repeated, family="negativebinomial").maximum_likelihood()
    np.testing.assert_allclose(weighted, single, rtol=1e-7)
    assert weighted.attrs["log_likelihood"] == pytest.approx(single.attrs["log_likelihood"], rel=1e-10)


def test_what_is_fixed_has_no_row() -> None:
    table = fb.Model("y ~ x", DATA, family="t", priors={"nu": 4}).maximum_likelihood()
    assert list(table.index) == ["Intercept", "x", "sigma"]


def test_separated_data_are_named() -> None:
    frame = DATA.assign(clear=(DATA["b"] == 1) * 1.0 + DATA["z"] / 10, t=DATA["b"].map({0: "no", 1: "yes"}))
    with pytest.raises(DataError, match=r"separated along .*'clear'"):
        fb.Model("b ~ x + clear", frame, family="bernoulli").maximum_likelihood()
    with pytest.raises(DataError, match=r"separated along .*'t\[yes\]'"):
        fb.Model("b ~ t", frame, family="bernoulli").maximum_likelihood()


def test_collinear_columns_are_named() -> None:
    frame = DATA.assign(twice=2 * DATA["x"])
    with pytest.raises(DataError, match=r"combination of 'x', 'twice'"):
        fb.Model("c ~ x + twice + z", frame, family="poisson").maximum_likelihood()


def test_a_loaded_model_says_that_it_has_no_rows(tmp_path: Path) -> None:
    fb.Model("c ~ x", DATA, family="poisson").save(tmp_path / "model.filbert")
    with pytest.raises(DataError, match="has no rows"):
        fb.load(tmp_path / "model.filbert").maximum_likelihood()


@pytest.mark.parametrize(
    ("formula", "arguments"),
    [
        ("c ~ x", {"family": "poisson"}),
        ("y ~ x", {"family": "t"}),
        ("y ~ x", {"family": "gaussian", "link": "log"}),
        ("p(k, n) ~ x", {"family": "binomial"}),
    ],
)
def test_least_squares_are_for_gaussian_models(formula: str, arguments: dict) -> None:
    model = fb.Model(formula, DATA, **arguments)
    with pytest.raises(ValueError, match=r"family='\w+', link='\w+'. Use model.maximum_likelihood\(\)"):
        model.least_squares()
    idata = model.fit(draws=50, tune=100, random_seed=1, progressbar=False, compute_convergence_checks=False)
    with pytest.raises(ValueError, match=r"Use model.maximum_likelihood\(\)"):
        fb.summary(model, idata, least_squares=True)


def test_counts_without_overdispersion_are_said_to_have_no_maximum() -> None:
    counts = pd.DataFrame({"x": np.arange(60.0), "c": np.tile([4, 5, 6], 20)})
    with pytest.raises(DataError, match=r"'alpha' may have none: .* family='poisson'"):
        fb.Model("c ~ x", counts, family="negativebinomial").maximum_likelihood()
