"""New data are checked like the model's own: what does not fit is named, with the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame, read
from filbert.errors import DataError, DataTypeError, DataWarning, FormulaError


@pytest.fixture
def frame():
    return make_frame()


def matrix(rows):
    return np.concatenate([block.X for block in rows.blocks()])


def refused(error, design, data, *parts):
    with pytest.raises(error) as caught:
        design.new_rows(data)
    for part in parts:
        assert part in str(caught.value), str(caught.value)


def test_missing_columns_are_named_with_near_matches(frame):
    design = read("y ~ x + z", frame)
    refused(DataError, design, frame[["x"]].rename(columns={"x": "X"}), "'x', 'z'", "Did you mean 'X'?")


def test_only_predictors_and_offset_are_needed(frame):
    design = read("weighted(y, w) ~ x + offset(k)", frame, offset="z")
    rows = design.new_rows(frame[["x", "k", "z"]])
    np.testing.assert_allclose(rows.offset, frame.z + frame.k)
    assert rows.response_values is None
    assert rows.weights is None


@pytest.mark.parametrize("formula", ["y ~ g", "y ~ C(g)", "y ~ x*g", "y ~ T(g, 'b')"])
def test_unseen_levels_are_named(formula, frame):
    new = frame.iloc[:4].assign(g=["a", "zz", "b", "qq"])
    refused(DataError, read(formula, frame), new, "'qq', 'zz'", "rows 101, 103", "'a', 'b', 'c'")


def test_unseen_codes_of_a_declared_factor_are_named(frame):
    new = frame.iloc[:2].assign(k=[1, 9])
    refused(DataError, read("y ~ k", frame, categorical="k"), new, "'k'", "'9'", "row 101")
    refused(DataError, read("y ~ C(k)", frame), new, "'C(k)'", "'9'", "row 101")


def test_levels_that_new_data_lack_keep_their_columns(frame):
    rows = read("y ~ g", frame).new_rows(pd.DataFrame({"g": pd.Categorical(["c"], categories=["c", "other"])}))
    np.testing.assert_array_equal(matrix(rows), [[0, 1]])


def test_missing_values_are_an_error_or_dropped_as_in_the_model(frame, caplog):
    new = frame.assign(x=frame.x.where(frame.index != 103), g=frame.g.where(frame.index != 105))
    refused(
        DataError,
        read("y ~ x + g", frame),
        new,
        "'x' has 1 missing value (row 103)",
        "by making the model with dropna=True",
        "'g'",
        "row 105",
    )
    with caplog.at_level("INFO", "filbert"):
        rows = read("y ~ x + g", frame, dropna=True).new_rows(new)
    assert rows.n_dropped == 2
    assert 103 not in rows.index
    assert "removing 2/60 rows" in caplog.text


def test_values_must_be_of_the_same_kind(frame):
    design = read("y ~ x", frame)
    refused(DataTypeError, design, frame.assign(x="1.5"), "'x'", "must hold numbers", "pd.to_numeric")
    refused(DataTypeError, design, frame.assign(x=pd.Timestamp("2020-01-01")), "'x'", "datetime")
    refused(DataError, design, frame.assign(x=np.inf), "'x'", "infinite")
    refused(DataError, design, frame.iloc[:0], "no rows")
    refused(DataTypeError, design, {"x": [1.0]}, "pd.DataFrame(data)")


def test_a_transform_outside_its_domain_names_the_term(frame):
    refused(DataError, read("y ~ log(x)", frame), frame.assign(x=-1.0), "'log(x)' is not finite")
    refused(FormulaError, read("y ~ bs(x, df=4)", frame), frame.assign(x=100.0), "bs(x, df=4)")


@pytest.mark.parametrize("term", ["I(x - x.mean())", "np.cumsum(x)", "I(x.rank())"])
def test_terms_that_look_at_other_rows_cannot_be_predicted(term, frame):
    with pytest.warns(DataWarning, match="cannot predict new data"):
        design = read(f"y ~ {term}", frame)
    refused(FormulaError, design, frame, "depends on other rows", "scale()")


def test_an_offset_array_has_no_values_for_new_rows(frame):
    design = read("y ~ x", frame, offset=np.arange(60.0))
    refused(DataError, design, frame, "offset as an array", "column")


def test_booleans_and_their_numbers_are_the_same(frame):
    design = read("y ~ flag", frame)
    np.testing.assert_array_equal(matrix(design.new_rows(pd.DataFrame({"flag": [0, 1, 0.5]}))), [[0], [1], [0.5]])


def test_predictors_are_summarised(frame):
    predictors = read("y ~ scale(x) + g + k + flag", frame, weights="w").predictors
    assert list(predictors) == ["x", "g", "k", "flag"]
    assert [predictor.dtype for predictor in predictors.values()] == ["float", "categorical", "int", "bool"]
    assert predictors["g"].levels == ("a", "b", "c")
    assert predictors["x"].mean == pytest.approx(frame.x.mean())
    assert predictors["x"].quantiles == pytest.approx(tuple(frame.x.quantile([0, 0.25, 0.5, 0.75, 1])))


def test_comparisons_take_the_order_of_the_models_categories(frame):
    ordered = frame.assign(g=pd.Categorical(frame.g, categories=["c", "a", "b"], ordered=True))
    design = read("y ~ I(g < 'b')", ordered)
    for new in (frame, ordered, frame.assign(g=pd.Categorical(frame.g, categories=["b", "c", "a"], ordered=True))):
        np.testing.assert_array_equal(matrix(design.new_rows(new))[:, 0], frame.g != "b")
