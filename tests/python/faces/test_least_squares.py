"""Least squares from the summary: certified NIST regressions, and the same answer however the rows arrive."""

from __future__ import annotations

import json
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest

NIST = Path(__file__).parents[2] / "data" / "nist"
DIGITS = {"longley": 11, "noint1": 11, "pontius": 9, "wampler1": 9, "wampler3": 8}


def correct_digits(value: float, certified: float, scale: float = 0.0) -> float:
    """Return the log relative error; that relative to `scale` where the certified value is 0."""
    error = abs(value - certified) / (abs(certified) or scale)
    return 15.0 if error == 0 else -np.log10(error)


def certified(name: str) -> tuple[dict, pd.DataFrame]:
    case = json.loads((NIST / f"{name}.json").read_text())
    return case, pd.DataFrame(case["data"])


@pytest.mark.parametrize("name", DIGITS)
def test_nist_regressions_reach_the_certified_digits(name: str) -> None:
    case, data = certified(name)
    fit = fb.Model(case["formula"], data).least_squares()
    for (_, row), estimate, deviation in zip(fit.iterrows(), case["coef"], case["sd"], strict=True):
        assert correct_digits(row["estimate"], estimate) >= DIGITS[name]
        # An exact fit has certified standard errors of 0; relative to the coefficient, then.
        assert correct_digits(row["standard_error"], deviation, scale=estimate) >= DIGITS[name]


@pytest.mark.parametrize("name", DIGITS)
def test_nist_regressions_from_arrays_with_a_column_of_ones(name: str) -> None:
    case, data = certified(name)
    model = fb.Model(case["formula"], data)
    X = np.concatenate([block.X for block in model.regression.rows.blocks()])
    if model.design.has_intercept:
        X = np.column_stack([np.ones(len(X)), X])
    fit = fb.SufficientStatistics.from_arrays(X, data["y"].to_numpy()).least_squares()
    for computed, estimate in zip(fit.estimate, case["coef"], strict=True):
        assert correct_digits(computed, estimate) >= DIGITS[name]


def test_table_has_names_and_the_residual_deviation() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=50), "g": rng.choice(["a", "b"], 50)})
    data["y"] = data["x"] + rng.normal(size=50)
    table = fb.Model("y ~ x + g", data).least_squares()
    assert list(table.index) == ["Intercept", "x", "g[T.b]"]
    assert list(table.columns) == ["estimate", "standard_error"]
    design = np.column_stack([np.ones(50), data["x"], data["g"] == "b"])
    beta, rss, _, _ = np.linalg.lstsq(design, data["y"])
    np.testing.assert_allclose(table["estimate"], beta, rtol=1e-12)
    assert table.attrs["sigma"] == pytest.approx(np.sqrt(rss[0] / 47), rel=1e-12)
    assert table.attrs["degrees_of_freedom"] == 47


def test_update_and_merge_equal_one_call() -> None:
    rng = np.random.default_rng(2)
    X, y, w = rng.normal(10, 1, (300, 3)), rng.normal(size=300), rng.uniform(0, 2, 300)
    whole = fb.SufficientStatistics.from_arrays(X, y, w).least_squares()
    parts = fb.SufficientStatistics(3)
    assert parts.update(X[:100], y[:100], w[:100]) is parts
    parts.merge(fb.SufficientStatistics.from_arrays(np.asfortranarray(X[100:]), y[100:], weights=w[100:]))
    np.testing.assert_allclose(parts.least_squares().estimate, whole.estimate, rtol=1e-11)
    np.testing.assert_allclose(parts.least_squares().standard_error, whole.standard_error, rtol=1e-11)
    assert parts.n_rows == 300
    assert parts.total_weight == pytest.approx(w.sum())


def test_bad_arrays_are_refused_by_place() -> None:
    X, y = np.ones((4, 2)), np.arange(4.0)
    with pytest.raises(ValueError, match="same number of rows, not 4, 3"):
        fb.SufficientStatistics.from_arrays(X, y[:3])
    with pytest.raises(ValueError, match="X must be finite in column 1 at row 2"):
        fb.SufficientStatistics.from_arrays(np.where(np.arange(8).reshape(4, 2) == 5, np.nan, X), y)
    with pytest.raises(ValueError, match="weights must be finite and not negative at row 0"):
        fb.SufficientStatistics.from_arrays(X, y, weights=[-1, 1, 1, 1])
    with pytest.raises(ValueError, match="same columns, not 2 and 1"):
        fb.SufficientStatistics(2).merge(fb.SufficientStatistics(1))


def test_collinear_columns_have_no_unique_answer() -> None:
    data = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [2.0, 4, 6, 10], "y": [1.0, 0, 2, 1]})
    with pytest.raises(fb.DataError, match="'a', 'b' are exactly collinear"):
        fb.Model("y ~ a + b", data).least_squares()
