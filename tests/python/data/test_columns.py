"""Tests that columns of every usable type are read for what they hold, and that missing rows are left out."""

from __future__ import annotations

import decimal
import logging

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame, read, summary, whole
from filbert.errors import DataError, DataWarning

N = 60


@pytest.fixture
def frame():
    return make_frame(N)


# Types of columns


@pytest.mark.parametrize(
    "dtype", ["str", "string", "string[python]", "string[pyarrow]", "object", "category", "dictionary"]
)
def test_text_is_a_factor_whatever_its_dtype(dtype, frame):
    pa = pytest.importorskip("pyarrow")
    target = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())) if dtype == "dictionary" else dtype
    expected = whole(read("y ~ g", frame))[0]
    design = read("y ~ g", frame.astype({"g": target}))
    assert summary(design) == {"g": ("b", "c")}
    np.testing.assert_array_equal(whole(design)[0], expected)


def test_arrow_text_is_a_factor(frame):
    pa = pytest.importorskip("pyarrow")
    frame["g"] = frame.g.astype(pd.ArrowDtype(pa.large_string()))
    assert summary(read("y ~ g", frame)) == {"g": ("b", "c")}


@pytest.mark.parametrize(
    "dtype",
    [
        "int8",
        "uint8",
        "int64",
        "float16",
        "float32",
        ">f8",
        "Int8",
        "Int64",
        "Float32",
        "int64[pyarrow]",
        "Sparse[int]",
    ],
)
def test_numbers_of_every_width(dtype, frame):
    pytest.importorskip("pyarrow")
    X = whole(read("y ~ k", frame.astype({"k": dtype})))[0]
    np.testing.assert_array_equal(X[:, 0], frame.k)


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int64[pyarrow]", "uint8"])
def test_integer_codes_keep_integer_levels(dtype, frame):
    pytest.importorskip("pyarrow")
    frame = frame.astype({"k": dtype})
    assert summary(read("y ~ C(k)", frame)) == {"C(k)": (2, 3)}
    design = read("y ~ k", frame, categorical="k")
    assert summary(design) == {"k": (2, 3)}
    assert design.columns == ("k[T.2]", "k[T.3]")


@pytest.mark.parametrize("dtype", [">i4", ">u2", ">f8", ">f4", "float16", "longdouble"])
def test_numbers_that_pandas_tells_no_levels_of_are_factors_and_groups(dtype, frame):
    odd = frame.astype({"k": dtype})
    for formula, options in (("y ~ C(k)", {}), ("y ~ k", {"categorical": "k"}), ("y ~ x + C(k):x", {})):
        design = read(formula, frame, **options)
        np.testing.assert_array_equal(whole(read(formula, odd, **options))[0], whole(design)[0])
    assert fb.Model("y ~ x + (1 | k)", odd).regression.groups.n_groups == [3]


def test_numbers_in_an_object_column_are_numbers(frame):
    frame["o"] = frame.k.astype(object)
    frame["p"] = frame.x.astype(object)
    X = whole(read("y ~ o + p", frame))[0]
    np.testing.assert_array_equal(X, frame[["k", "x"]])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", "object"])
def test_booleans_are_zero_and_one(dtype, frame):
    pytest.importorskip("pyarrow")
    frame = frame.assign(f=frame.flag.astype(dtype))
    design = read("y ~ f", frame)
    assert summary(design) == {"f": None}
    np.testing.assert_array_equal(whole(design)[0][:, 0], frame.flag)
    assert summary(read("y ~ f", frame, categorical=["f"])) == {"f": ("True",)}


def test_order_of_categories_is_kept(frame):
    frame["g"] = pd.Categorical(frame.g, categories=["c", "a", "b"], ordered=True)
    design = read("y ~ g", frame)
    assert summary(design) == {"g": ("a", "b")}
    assert design.baseline == {"g": "c"}


def test_unused_categories_are_dropped_and_named(frame):
    frame["g"] = pd.Categorical(frame.g, categories=["never", "a", "b", "c", "nor"])
    with pytest.warns(DataWarning, match="'g' has categories without rows, which are left out: 'never', 'nor'"):
        design = read("y ~ g", frame)
    assert summary(design) == {"g": ("b", "c")}


def test_categories_that_lose_their_rows_to_dropna_are_named(frame):
    frame["g"] = frame.g.astype("category")
    frame.loc[frame.g == "b", "x"] = np.nan
    with pytest.warns(DataWarning, match="'g' has categories without rows, which are left out: 'b'"):
        assert summary(read("y ~ x + g", frame, dropna=True)) == {"x": None, "g": ("c",)}


def test_unused_categories_of_an_expression_are_named(frame):
    with pytest.warns(DataWarning, match=r"'C\(cut\(x.*' has categories without rows, which are left out: '\(2, 9\]'"):
        design = read("y ~ C(cut(x, [0, 1, 2, 9]))", frame, extra_namespace={"cut": pd.cut})
    assert design.terms[0].levels == ("(1, 2]",)


def test_intervals_are_labelled_by_text(frame):
    frame["bin"] = pd.cut(frame.x, [0, 0.75, 1, 2])
    assert summary(read("y ~ bin", frame)) == {"bin": ("(0.75, 1.0]", "(1.0, 2.0]")}


def test_few_numeric_labels_are_a_factor(frame):
    frame["code"] = frame.k.astype(str)
    assert summary(read("y ~ code", frame)) == {"code": ("2", "3")}


def test_numbers_as_text_are_a_factor_on_request(frame):
    frame["code"] = [str(i // 2) for i in range(N)]
    for options in [{"categorical": ["code"]}, {"formula": "y ~ C(code)"}]:
        design = read(**{"formula": "y ~ code", "data": frame, **options})
        assert len(design.columns) == N // 2 - 1


def test_times_are_welcome_where_numbers_are_made_of_them(frame):
    frame["t"] = pd.date_range("2026-01-01", periods=N)
    frame["tz"] = frame.t.dt.tz_localize("UTC")
    frame["p"] = frame.t.dt.to_period("D")
    formula = "y ~ I(t.dt.month) + days_since(tz, '2026-01-01') + days_since(p, '2025-12-31') + t.dt.day_of_year"
    design = read(formula, frame)
    expected = np.stack([frame.t.dt.month, np.arange(N), np.arange(N) + 1, np.arange(N) + 1], axis=1)
    np.testing.assert_array_equal(whole(design)[0], expected)
    (block,) = design.new_rows(frame.iloc[[7]]).blocks()
    np.testing.assert_array_equal(block.X, expected[[7]])


def test_unused_columns_may_be_anything(frame):
    frame["odd"] = [decimal.Decimal(1)] * N
    frame["gap"] = np.nan
    frame[3] = 1j
    frame = pd.concat([frame, frame[["z"]]], axis=1)
    assert read("y ~ x", frame).columns == ("x",)


# Missing rows


def test_dropna_drops_over_used_columns_and_says_how_many(frame, caplog):
    frame.loc[[101, 105], "x"] = np.nan
    frame.loc[[105, 107], "g"] = None
    frame.loc[110, "z"] = np.nan  # not used
    weights, offset = np.arange(N) + 1.0, np.arange(N) / 10
    with caplog.at_level(logging.INFO, logger="filbert"):
        design = read("y ~ x + g", frame, dropna=True, weights=weights, offset=list(offset))
    assert "Automatically removing 3/60 rows from the dataset." in caplog.text
    keep = ~frame.index.isin([101, 105, 107])
    assert (design.rows.n_rows, design.rows.n_dropped) == (57, 3)
    assert design.rows.index.equals(frame.index[keep])
    X, y, used = whole(design)
    np.testing.assert_array_equal(X[:, 0], frame.x[keep])
    np.testing.assert_allclose(y, (frame.y - offset)[keep])
    np.testing.assert_array_equal(used, weights[keep])


def test_dropna_without_missing_values_is_silent(frame, caplog):
    with caplog.at_level(logging.INFO, logger="filbert"):
        design = read("y ~ x", frame, dropna=True)
    assert design.rows.n_dropped == 0
    assert not caplog.records


@pytest.mark.parametrize(
    "dtype", ["Int64", "Float64", "boolean", "int64[pyarrow]", "double[pyarrow]", "string", "object"]
)
def test_every_kind_of_missing_value_counts(dtype, frame):
    pytest.importorskip("pyarrow")
    values = frame.flag if dtype == "boolean" else frame.k.astype(str) if dtype in ("string", "object") else frame.k
    column = values.astype(dtype)
    column.iloc[4] = None if dtype == "object" else pd.NA
    frame = frame.assign(v=column)
    with pytest.raises(DataError, match=r"Column 'v' has 1 missing value \(row 104\)"):
        read("y ~ v", frame)
    design = read("y ~ v", frame, dropna=True)
    expected = read("y ~ v", frame.assign(v=values).drop(index=104))
    np.testing.assert_array_equal(whole(design)[0], whole(expected)[0])
