"""Tests that messages about formulas say what to write instead, and that it works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from design_checks import read, whole
from filbert.errors import DataError, DataTypeError, FormulaError, suggest

N = 40


@pytest.fixture
def frame():
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.random(N),
            "height": rng.random(N),
            "g": list("ab") * (N // 2),
            "Year": pd.date_range("2001-03-01", periods=N, freq="100D"),
        }
    )


def refused(error, formula, frame, *parts, **options):
    with pytest.raises(error) as caught:
        read(formula, frame, **options)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    return str(caught.value)


def test_variables_of_the_caller_are_passed_as_extra_namespace(frame):
    refused(DataError, "y ~ bs(x, knots=knots)", frame, "extra_namespace={'knots': knots}", "data.assign(knots=knots)")
    design = read("y ~ bs(x, knots=knots)", frame, extra_namespace={"knots": [0.3, 0.6]})
    assert len(design.columns) == 5
    refused(DataError, "y ~ x + myvar", frame, "data.assign(myvar=myvar)", "extra_namespace={'myvar': myvar}")
    read("y ~ x + myvar", frame.assign(myvar=np.arange(N)))


def test_a_slip_is_no_variable_of_the_caller(frame):
    message = refused(DataError, "y ~ heigth", frame, "Did you mean 'height'?")
    assert "extra_namespace" not in message


@pytest.mark.parametrize(
    ("name", "remedy"), [("ln", "log(x)"), ("factor", "C(x)"), ("s", "bs("), ("max", "np.maximum")]
)
def test_functions_of_other_programs_are_named_as_here(name, remedy, frame):
    refused(FormulaError, f"y ~ {name}(x)", frame, f"Write {remedy}", "extra_namespace")


def test_only_close_names_are_suggested():
    assert suggest("x2", ["x1", "y"]) == ""
    assert suggest("hieght", ["height", "weight"]).startswith(" Did you mean 'height'")
    assert suggest("XY", ["xy"]) == " Did you mean 'xy'?"
    assert suggest("lgo", ["log"]) == " Did you mean 'log'?"


@pytest.mark.parametrize("name", ["cr", "cs", "cc"])
def test_cubic_splines_stand_beside_an_intercept(name, frame):
    for formula, columns in [(f"y ~ {name}(x, df=4)", 3), (f"y ~ 0 + {name}(x, df=4)", 4)]:
        design = read(formula, frame)
        X = whole(design)[0]
        assert X.shape[1] == columns == len(design.terms[0].levels)
        full = np.column_stack([np.ones(N), X]) if design.has_intercept else X
        assert np.linalg.matrix_rank(full) == full.shape[1]
        (block,) = design.new_rows(frame.iloc[[3]]).blocks()
        np.testing.assert_allclose(block.X, X[[3]])
    centred = read(f"y ~ {name}(x, df=4, constraints='center')", frame)
    assert len(centred.columns) == 4


def test_rows_outside_of_a_spline_are_told_its_range(frame):
    design = read("y ~ bs(x, df=4)", frame)
    with pytest.raises(FormulaError) as caught:
        design.new_rows(pd.DataFrame({"x": [0.5, 7.0]}))
    for part in [
        f"{frame.x.min():.6g} to {frame.x.max():.6g}",
        "1 of 2 rows",
        "lower_bound=",
        "extrapolation='extend'",
    ]:
        assert part in str(caught.value), str(caught.value)
    for options in ["lower_bound=0, upper_bound=8", "extrapolation='extend'", "extrapolation='clip'"]:
        read(f"y ~ bs(x, df=4, {options})", frame).new_rows(pd.DataFrame({"x": [0.5, 7.0]}))


def test_fields_of_times_may_stand_by_themselves(frame):
    design = read("y ~ Year.dt.year + Year.dt.month:x", frame)
    assert design.columns == ("Year.dt.year", "Year.dt.month:x")
    np.testing.assert_array_equal(whole(design)[0][:, 0], frame.Year.dt.year)
    dotted = frame.rename(columns={"x": "Year.dt.year"})
    np.testing.assert_array_equal(whole(read("y ~ Year.dt.year", dotted))[0][:, 0], frame.x)


@pytest.mark.parametrize(
    ("values", "rewrite", "formula"),
    [
        (pd.date_range("2021-01-01", periods=N), lambda v: v, "y ~ days_since(v, '2020-01-01') + v.dt.month"),
        (pd.to_timedelta(np.arange(N), unit="h"), lambda v: v, "y ~ I(v.dt.total_seconds() / 86400)"),
        (
            [d.date() for d in pd.date_range("2021-01-01", periods=N)],
            pd.to_datetime,
            "y ~ days_since(v, '2020-01-01')",
        ),
        (
            [d.time() for d in pd.date_range("2021-01-01", periods=N, freq="7min")],
            lambda v: pd.to_timedelta(v.astype(str)),
            "y ~ I(v.dt.total_seconds() / 3600)",
        ),
    ],
)
def test_what_is_said_of_times_works_for_fitted_and_for_new_rows(values, rewrite, formula, frame):
    frame["v"] = values
    message = refused(DataTypeError, "y ~ v", frame)
    assert formula.removeprefix("y ~ ").partition(" + ")[0] in message
    frame["v"] = rewrite(frame.v)
    design = read(formula, frame)
    (block,) = design.new_rows(frame.iloc[[9]]).blocks()
    np.testing.assert_array_equal(block.X, whole(design)[0][[9]])


@pytest.mark.parametrize("as_given", [lambda v: v, lambda v: v.dt.date, lambda v: v.dt.to_period("D")])
def test_what_is_said_of_times_as_levels_works(as_given, frame):
    frame["v"] = as_given(pd.Series(pd.date_range("2021-01-01", periods=N)).dt.floor("4D"))
    message = refused(DataTypeError, "y ~ x + (1 | v)", frame)
    assert "groups into text: data['v'].astype(str)" in message
    frame["v"] = frame["v"].astype(str)
    assert read("y ~ x + (1 | v)", frame).grouping["v"].labels[0] == "2021-01-01"


def test_days_since_takes_times_only(frame):
    refused(DataTypeError, "y ~ days_since(x, '2020-01-01')", frame, "takes a column of times")


@pytest.mark.parametrize(
    ("formula", "columns"),
    [
        ("y ~ 2:x", ("2:x",)),
        ("y ~ x:2", ("2:x",)),
        ("y ~ 0.5:x:height", ("0.5:x:height",)),
        ("y ~ 2:g", ("2:g[T.b]",)),
        ("y ~ 2:poly(x, 2)", ("2:poly(x, 2)[1]", "2:poly(x, 2)[2]")),
    ],
)
def test_multiples_are_labelled_as_such(formula, columns, frame):
    assert read(formula, frame).columns == columns


@pytest.mark.parametrize(
    ("term", "remedy"),
    [
        ("x.astype(float)", "x.astype('float')"),
        ("I(x.astype(int))", "x.astype('int')"),
        ("pd.cut(x, 3)", "pd.cut"),
    ],
)
def test_names_of_python_and_pandas_are_no_slips(term, remedy, frame):
    message = refused(FormulaError, f"y ~ {term}", frame, remedy)
    assert "Did you mean" not in message
    read("y ~ x.astype('float')", frame)


def test_sum_is_told_apart_from_the_contrast(frame):
    assert "Did you mean" not in refused(FormulaError, "y ~ I(x - sum(x))", frame, "np.sum(x)")


@pytest.mark.parametrize(
    "formula", ["y ~ 1/x", "y ~ z + (1/x | g)", "y ~ -x", "y~-x + z", "y ~ -1:x", "y ~ (-x | g)", "y ~ -(x + z)"]
)
def test_arithmetic_that_formulas_read_otherwise_is_told(formula, frame):
    """`1/x` was x itself, and `-x` nothing at all, without a word."""
    refused(FormulaError, formula, frame, "Write I(1 / x)" if "/" in formula else "takes a term out")


@pytest.mark.parametrize(
    "formula",
    ["y ~ height - height + x", "y ~ -1 + x", "y ~ x - 1", "y ~ - 0 + x", "y ~ (-1 + x | g) + x", "y ~ x/height"],
)
def test_terms_that_are_there_may_be_taken_out(formula, frame):
    assert read(formula, frame).columns[:1] == ("x",)


def test_what_only_other_programs_have_is_no_slip(frame):
    assert "Did you mean" not in refused(FormulaError, "y ~ truncated(x)", frame, "filbert does not")
