"""Tests that unusable data are refused with the column, the value and the remedy."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest
from design_checks import N, make_labelled_frame, read, refused
from filbert.errors import DataError, DataTypeError, DataWarning, FormulaError


@pytest.fixture
def frame():
    return make_labelled_frame(N)


# Missing and infinite values


def test_missing_values_are_counted_and_placed(frame):
    frame.loc[["r4", "r17", "r20"], "income"] = np.nan
    message = refused(DataError, formula="y ~ income", data=frame.set_axis(range(N)))
    assert message == (
        "Column 'income' has 3 missing values (rows 4, 17, 20). Fill them, or pass dropna=True to leave those rows out."
    )


def test_missing_values_of_all_columns_are_in_one_message(frame):
    frame.loc["r4", "income"] = np.nan
    frame.iloc[3:12, 0] = np.nan
    frame.loc["r9", "g"] = None
    refused(
        DataError,
        "'y' has 9 missing values (rows 'r3', 'r4', 'r5', 'r6', 'r7', ...)",
        "'income' has 1 missing value (row 'r4')",
        "'g' has 1 missing value (row 'r9')",
        "dropna=True",
        formula="y ~ income + g",
        data=frame,
    )


def test_missing_values_of_weights_and_offset(frame):
    values = np.ones(N)
    values[2] = np.nan
    for name in ["weights", "offset"]:
        refused(
            DataError,
            f"Argument {name} has 1 missing value (row 'r2')",
            "dropna",
            formula="y ~ x",
            data=frame,
            **{name: values},
        )
        named = {"formula": "y ~ x", "data": frame.assign(v=values), name: "v"}
        refused(DataError, "'v' has 1 missing value (row 'r2')", "dropna", **named)
        assert read("y ~ x", frame, dropna=True, **{name: values}).rows.n_dropped == 1


def test_infinite_values_are_counted_and_placed(frame):
    frame.loc["r3", "x"] = np.inf
    frame.loc[["r1", "r2"], "y"] = -np.inf
    refused(
        DataError,
        "'x' has 1 infinite value (row 'r3')",
        "'y' has 2 infinite values (rows 'r1', 'r2')",
        "Replace them",
        formula="y ~ x",
        data=frame,
    )
    refused(DataError, "'x' has 1 infinite value", formula="y ~ x", data=frame[["x"]].assign(y=1.0), dropna=True)


def test_infinite_offset_and_weights(frame):
    values = np.full(N, np.inf)
    for name in ["weights", "offset"]:
        refused(DataError, f"Argument {name} has 30 infinite values", formula="y ~ x", data=frame, **{name: values})


def test_large_finite_values_are_not_infinite(frame):
    read("y ~ x", frame.assign(x=1.7e308))  # the sum of the column overflows


@pytest.mark.parametrize(("formula", "rows"), [("y ~ log(x)", "2 rows (rows 'r1', 'r2')"), ("log(x) ~ y", "2 rows")])
def test_transforms_that_are_not_finite_are_named(formula, rows, frame):
    frame.loc["r1", "x"] = 0.0
    frame.loc["r2", "x"] = -1.0
    refused(DataError, "'log(x)' is not finite", rows, "Leave those rows out", formula=formula, data=frame)


def test_all_rows_missing(frame):
    frame["income"] = np.nan
    refused(DataError, "dropna=True leaves no rows", "'income'", formula="y ~ income", data=frame, dropna=True)
    frame["none"] = None
    refused(DataError, "'none' has 30 missing values", formula="y ~ none", data=frame)


def test_empty_frame(frame):
    refused(DataError, "no rows", formula="y ~ x", data=frame.head(0))


# Columns that are not there, or there twice


def test_unknown_columns_come_with_near_matches(frame):
    message = refused(DataError, "'incmoe', not a column", "Did you mean 'income'?", formula="y ~ incmoe", data=frame)
    assert "The columns are: 'y', 'x', 'income', 'g', 'flag'." in message
    refused(DataError, "'foo', 'bar', not columns", formula="foo ~ bar + x", data=frame)
    refused(DataError, "Did you mean 'income'?", formula="y ~ INCOME", data=frame)
    refused(DataError, "'nope'", formula="y ~ log(nope)", data=frame)


@pytest.mark.parametrize("argument", ["weights", "offset", "categorical"])
def test_arguments_may_only_name_columns(argument, frame):
    refused(
        DataError, f"Argument {argument} uses 'incom'", "'income'", formula="y ~ x", data=frame, **{argument: "incom"}
    )


def test_categorical_of_a_wrong_kind(frame):
    refused(DataTypeError, "categorical", "column name", "3", formula="y ~ x", data=frame, categorical=3)
    refused(DataTypeError, "categorical", formula="y ~ x", data=frame, categorical=["g", 3])


def test_names_of_transforms_are_not_columns(frame):
    refused(DataError, "'scale'", "scale(x)", formula="y ~ scale", data=frame)


def test_column_names_that_are_not_strings(frame):
    numbered = pd.DataFrame(np.ones((4, 3)))
    refused(DataError, "strings", "0 is of type int", "data.columns =", formula="y ~ x", data=numbered)
    refused(DataError, "strings", "data.columns =", formula="y ~ .", data=frame.rename(columns={"g": 7}))
    nested = frame[["y", "x"]].set_axis(pd.MultiIndex.from_tuples([("y", "a"), ("x", "a")]), axis=1)
    refused(DataError, "tuple", formula="y ~ x", data=nested)


def test_duplicate_columns(frame):
    twice = pd.concat([frame, frame[["x"]]], axis=1)
    refused(DataError, "2 columns named 'x'", "Rename or drop", formula="y ~ x", data=twice)
    refused(DataError, "2 columns named 'x'", formula="y ~ income", data=twice, weights="x")


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({"x": [1.0], "y": [2.0]}, "pd.DataFrame(data)"),
        (np.zeros(3, dtype=[("x", float), ("y", float)]), "pd.DataFrame(data)"),
        ([[1, 2]], "not builtins.list"),
        (None, "NoneType"),
    ],
)
def test_data_that_are_no_frame(data, part):
    refused(DataTypeError, "data must be a data frame, an Arrow table or a file", part, formula="y ~ x", data=data)


def test_tables_that_say_how_to_convert_them():
    class Table:
        def to_pandas(self):
            raise AssertionError

    refused(DataTypeError, "data.to_pandas()", formula="y ~ x", data=Table())


# Types of columns


@pytest.mark.parametrize(
    ("values", "dtype", "remedy"),
    [
        (np.full(N, 1j), "complex128", "real part"),
        ([decimal.Decimal("1.5")] * N, "decimal", "astype(float)"),
        (pd.date_range("2026-01-01", periods=N), "datetime64", "days since a date"),
        (pd.date_range("2026-01-01", periods=N, tz="UTC"), "datetime64", "days since a date"),
        (pd.to_timedelta(range(N), unit="D"), "timedelta64", "days"),
        (pd.period_range("2026-01", periods=N, freq="M"), "period", "numbers"),
        ([dt.date(2026, 1, 1)] * N, "date", "days"),
        ([[1, 2]] * N, "list", "Give one number or one text a row"),
        ([1, "a", None] * (N // 3), "int, str", "Give one number or one text a row"),
        ([b"a", b"b"] * (N // 2), "bytes", "decode"),
    ],
)
def test_unusable_types(values, dtype, remedy, frame):
    data = frame.assign(v=pd.Series(values, index=frame.index))
    for formula in ["y ~ v", "v ~ x"]:
        refused(DataTypeError, "'v'", dtype, remedy, formula=formula, data=data)
    refused(DataTypeError, "'v'", dtype, formula="y ~ x", data=data, weights="v")


@pytest.mark.parametrize("kind", ["decimal128", "list", "date32"])
def test_unusable_arrow_types(kind, frame):
    pa = pytest.importorskip("pyarrow")
    dtype, value = {
        "decimal128": (pa.decimal128(5, 2), decimal.Decimal("1.5")),
        "list": (pa.list_(pa.int64()), [1]),
        "date32": (pa.date32(), dt.date(2026, 1, 1)),
    }[kind]
    values = pd.Series([value] * N, dtype=pd.ArrowDtype(dtype), index=frame.index)
    refused(DataTypeError, "'v'", kind[:4], formula="y ~ v", data=frame.assign(v=values))


def test_times_that_stay_times(frame):
    frame["t"] = pd.date_range("2026-01-01", periods=N)
    refused(DataTypeError, "'I(t)'", "datetime64", formula="y ~ I(t)", data=frame)


def test_numbers_as_text(frame):
    text = frame.assign(v=[str(i / 2) for i in range(N)])
    for formula in ["y ~ v", "v ~ x", "y ~ log(v)"]:
        refused(
            DataError,
            "Column 'v' holds numbers stored as text ('0.0', ",
            "pd.to_numeric(data['v'])",
            "categorical=['v']",
            formula=formula,
            data=text,
        )


def test_text_in_a_numeric_function(frame):
    refused(FormulaError, "Cannot evaluate 'log(g)'", "'g' holds categories", formula="y ~ log(g)", data=frame)


@pytest.mark.parametrize("formula", ["y ~ x + g", "y ~ 0 + g", "y ~ x:g"])
def test_one_level_factors(formula, frame):
    refused(DataError, "Column 'g' has only one level, 'a'", "Leave it out", formula=formula, data=frame.assign(g="a"))


def test_one_level_factors_by_function_or_after_dropna(frame):
    refused(DataError, "'C(k)' has only one level, '1'", formula="y ~ C(k)", data=frame.assign(k=1))
    frame.loc[frame.g != "b", "x"] = np.nan
    with (
        pytest.warns(DataWarning, match="'g' has categories without rows, which are left out: 'a', 'c'"),
        pytest.raises(DataError, match="Column 'g' has only one level, 'b', in the rows used"),
    ):
        read("y ~ x + g", frame, dropna=True)


def test_factors_that_identify_rows():
    data = pd.DataFrame({"y": np.arange(6000.0), "id": [f"p{i}" for i in range(6000)]})
    refused(DataError, "'id' has 6000 levels", "at most 5000", "one row", "Leave it out", formula="y ~ id", data=data)


def test_levels_outside_of_those_listed(frame):
    refused(DataError, "'c'", "levels", formula="y ~ C(g, levels=['a', 'b'])", data=frame)


def test_expressions_that_leave_rows_without_a_category(frame):
    namespace = {"cut": lambda x: pd.cut(x, [0, 0.6, 1])}
    n_outside = int((frame.x > 1).sum())
    message = f"The factor 'cut(x)' has no category for {n_outside} rows"
    refused(DataError, message, formula="y ~ cut(x)", data=frame, extra_namespace=namespace)


def test_unknown_reference_level(frame):
    refused(FormulaError, "'zzz'", formula="y ~ C(g, 'zzz')", data=frame)


# Weights and offset


def test_negative_weights(frame):
    weights = np.ones(N)
    weights[[4, 7]] = -1
    parts = ["2 negative values", "rows 'r4', 'r7'", "0 or more"]
    refused(DataError, "Argument weights", *parts, formula="y ~ x", data=frame, weights=weights)
    refused(DataError, "Column 'w'", *parts, formula="y ~ x", data=frame.assign(w=weights), weights="w")
    refused(DataError, "'w'", *parts, formula="weighted(y, w) ~ x", data=frame.assign(w=weights))


def test_weights_that_are_all_zero(frame):
    refused(DataError, "Argument weights is zero in every row", formula="y ~ x", data=frame, weights=np.zeros(N))


@pytest.mark.parametrize("name", ["weights", "offset"])
def test_arrays_of_a_wrong_shape_or_kind(name, frame):
    def check(error, *parts, value):
        refused(error, name, *parts, formula="y ~ x", data=frame, **{name: value})

    check(DataError, "29 values", "30 rows", value=np.ones(N - 1))
    check(DataError, "0 values", value=[])
    check(DataTypeError, "shape (30, 1)", value=np.ones((N, 1)))
    check(DataTypeError, "2", "one number a row", value=2)
    check(DataTypeError, "one number a row", value={"x": 1})
    check(DataTypeError, "numbers", value=list("abc") * 10)
    check(DataTypeError, "complex", value=np.full(N, 1j))
    check(DataTypeError, "'g'", "numbers", value="g")


@pytest.mark.parametrize("name", ["weights", "offset"])
def test_a_series_with_another_index_is_not_aligned_in_silence(name, frame):
    shuffled = frame.x.iloc[::-1]
    refused(
        DataError, name, "another index", "to_numpy()", "reindex", formula="y ~ income", data=frame, **{name: shuffled}
    )


def test_weights_given_twice(frame):
    refused(FormulaError, "weights are given twice", formula="weighted(y, x) ~ income", data=frame, weights="income")
