"""Model.maximum_likelihood of mixed models: lme4's digits, repeated rows, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataError, DataTypeError, SettingError

FOLDER = Path(__file__).parents[2] / "data" / "groups"
# `lmer` of lme4 1.1-31 with bobyqa(rhoend = 1e-12); deviations of nested factors from the outermost.
CASES = json.loads((FOLDER / "lme4.json").read_text())


def data_of(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / name / "data.csv")


def parts(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Take a table apart by what its rows are called."""
    is_deviation = table.index.str.contains("_sigma")
    is_correlation = table.index.str.contains("_corr[", regex=False)
    is_coefficient = ~(is_deviation | is_correlation | (table.index == "sigma"))
    return {
        "coefficients": table.loc[is_coefficient, "estimate"].to_numpy(),
        "standard_errors": table.loc[is_coefficient, "standard_error"].to_numpy(),
        "sigma": float(table.loc["sigma", "estimate"]),
        "deviations": table.loc[is_deviation, "estimate"].to_numpy(),
        "correlations": table.loc[is_correlation, "estimate"].to_numpy(),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['formula']}, {'RE' * case['restricted']}ML")
def test_lme4_digits(case: dict) -> None:
    table = fb.Model(case["formula"], data_of(case["data"])).maximum_likelihood(case["restricted"])
    for name, found in parts(table).items():
        np.testing.assert_allclose(found, case[name], rtol=1e-5, atol=2e-6, err_msg=name)
    assert table.attrs["log_likelihood"] == pytest.approx(case["log_likelihood"], abs=1e-6)
    assert table.attrs["aic"] == pytest.approx(2 * len(table) - 2 * case["log_likelihood"], abs=1e-5)
    assert table.attrs["converged"]
    assert table.attrs["restricted"] is case["restricted"]


def test_rows_are_called_as_the_draws_are_and_reml_is_the_default() -> None:
    model = fb.Model("score ~ Machine + (0 + Machine | Worker)", data_of("Machines-nested"))
    table = model.maximum_likelihood()
    labels = {label for parameter in model.regression.parameters for label in parameter.labels}
    effects = {label for effect in model.regression.effects for label in effect.labels}
    assert set(table.index) == labels - effects
    assert table.attrs["restricted"]
    pd.testing.assert_frame_equal(table, model.maximum_likelihood(restricted=True))
    assert table.loc["sigma":, "standard_error"].isna().all()


@pytest.mark.parametrize("restricted", [True, False])
def test_whole_weights_are_repeated_rows(restricted: bool) -> None:
    data = data_of("sleepstudy-correlated").assign(w=lambda d: 1 + np.arange(len(d)) % 3)
    weighted = fb.Model("Reaction ~ Days + (Days | Subject)", data, weights="w").maximum_likelihood(restricted)
    repeated = data.loc[data.index.repeat(data["w"])].reset_index(drop=True)
    single = fb.Model("Reaction ~ Days + (Days | Subject)", repeated).maximum_likelihood(restricted)
    np.testing.assert_allclose(weighted, single, rtol=1e-6)
    assert weighted.attrs["log_likelihood"] == pytest.approx(single.attrs["log_likelihood"], rel=1e-10)
    unweighted = fb.Model("Reaction ~ Days + (Days | Subject)", data).maximum_likelihood(restricted)
    assert abs(unweighted.loc["sigma", "estimate"] - single.loc["sigma", "estimate"]) > 0.1


def test_an_offset_is_taken_off_the_response() -> None:
    data = data_of("sleepstudy-correlated").assign(o=lambda d: 3 * d["Days"])
    table = fb.Model("Reaction ~ Days + (Days | Subject)", data).maximum_likelihood()
    shifted = fb.Model("Reaction ~ Days + offset(o) + (Days | Subject)", data).maximum_likelihood()
    assert shifted.loc["Days", "estimate"] == pytest.approx(table.loc["Days", "estimate"] - 3, abs=1e-6)


def test_a_deviation_may_be_zero() -> None:
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(6), 10)
    y = rng.normal(size=60)
    y -= pd.Series(y).groupby(g).transform("mean")  # groups that differ less than chance would have it
    table = fb.Model("y ~ 1 + (1 | g)", pd.DataFrame({"y": y, "g": g})).maximum_likelihood()
    assert table.loc["1|g_sigma", "estimate"] == pytest.approx(0, abs=1e-4)
    assert table.loc["sigma", "estimate"] == pytest.approx(y.std(ddof=1), rel=1e-6)


def test_refusals_say_what_to_do() -> None:
    data = data_of("Dyestuff-one_way")
    model = fb.Model("Yield ~ 1 + (1 | Batch)", data)
    with pytest.raises(DataTypeError, match="restricted must be True or False, not 'REML'"):
        model.maximum_likelihood("REML")
    with pytest.raises(SettingError, match=r"restricted=True is for group-specific terms such as \(1 \| g\)"):
        fb.Model("Yield ~ 1", data).maximum_likelihood(restricted=True)
    with pytest.raises(SettingError, match=r"no group-specific terms such as \(1 \| Batch\).*maximum_likelihood\(\)"):
        model.least_squares()
    with pytest.raises(SettingError, match=r"is for family='gaussian' .* has family='lognormal'"):
        fb.Model("Yield ~ 1 + (1 | Batch)", data, family="lognormal").maximum_likelihood()
    with pytest.raises(SettingError, match=r"the model knows 'sigma'\. Give priors"):
        fb.Model("Yield ~ 1 + (1 | Batch)", data, priors={"sigma": 50.0}).maximum_likelihood()
    twice = data.assign(x=np.arange(len(data)), z=2.0 * np.arange(len(data)))
    with pytest.raises(DataError, match="'x', 'z'"):
        fb.Model("Yield ~ x + z + (1 | Batch)", twice).maximum_likelihood()
