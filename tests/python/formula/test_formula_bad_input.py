"""Tests that unusable formulas and responses are refused with the place, the name and the remedy."""

from __future__ import annotations

import re
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import N, make_labelled_frame, read, refused
from filbert.errors import DataTypeError, FormulaError


@pytest.fixture
def frame():
    return make_labelled_frame(N)


# The response


@pytest.mark.parametrize(
    ("response", "error", "remedy"),
    [
        ("g", DataTypeError, "pd.to_numeric(data['g'])"),
        ("flag", DataTypeError, "data['flag'].astype(float)"),
        ("c", DataTypeError, "pd.to_numeric(data['c'])"),
        ("t", DataTypeError, "days since a date"),
        ("C(x)", DataTypeError, "must hold numbers"),
        ("I(x > 1)", DataTypeError, "0 and 1"),
        ("poly(x, 2)", FormulaError, "2 columns"),
        ("bs(x, df=4)", FormulaError, "4 columns"),
        ("np.mean(x)", FormulaError, "single value"),
    ],
)
def test_responses_that_are_no_numbers(response, error, remedy, frame):
    data = frame.assign(c=frame.g.astype("category"), t=pd.date_range("2026-01-01", periods=N))
    refused(error, f"'{response}'", remedy, formula=f"{response} ~ y", data=data)


def test_a_text_response_of_one_value_is_refused_as_text(frame):
    refused(DataTypeError, "The response 'g' holds categories or text", formula="g ~ x", data=frame.assign(g="a"))


def test_several_responses(frame):
    refused(FormulaError, "one response", "'y', 'x'", "I(y + z) ~ x", formula="y + x ~ income", data=frame)
    refused(FormulaError, "one response", formula="y:x ~ income", data=frame)
    refused(FormulaError, "one response", formula="1 ~ income", data=frame)
    refused(FormulaError, "one response", formula="0 ~ income", data=frame)


@pytest.mark.parametrize("left", ["y - 300", "y - x", "(y - x)", "y + -x", "log(y) - 1"])
def test_a_difference_as_the_response_is_not_taken_for_its_first_part(left, frame):
    refused(FormulaError, "takes a term out", repr(left), f"I({left}) ~", formula=f"{left} ~ income", data=frame)


def test_a_response_plus_nothing_is_the_response(frame):
    assert fb.Model("y + 0 ~ income", frame).regression.design.response == "y"


@pytest.mark.parametrize("formula", ["~ x", "x", "x + g"])
def test_no_response(formula, frame):
    refused(FormulaError, formula, "no response", "'y ~ x + z'", formula=formula, data=frame)


@pytest.mark.parametrize("formula", ["y ~ y", "y ~ x + y", "log(y) ~ y", "y ~ x:y", "y ~ log(y)", "y ~ x + offset(y)"])
def test_response_on_both_sides(formula, frame):
    refused(FormulaError, "also on the right-hand side", "Take it out", formula=formula, data=frame)


def test_a_change_may_be_regressed_on_its_start(frame):
    assert read("I(y - x) ~ x", frame).response == "I(y - x)"


# The formula


@pytest.mark.parametrize("formula", [None, 3, ["y", "x"], b"y ~ x"])
def test_formula_of_a_wrong_kind(formula, frame):
    refused(DataTypeError, "formula must be a string", type(formula).__name__, formula=formula, data=frame)


@pytest.mark.parametrize("formula", ["", "  \n"])
def test_empty_formula(formula, frame):
    refused(FormulaError, "The formula is empty", "'y ~ x + z'", formula=formula, data=frame)


@pytest.mark.parametrize(
    ("formula", "detail", "carets"),
    [
        ("y ~ x income", "Missing operator", "    ^^^^^^^^"),
        ("y ~ x +", "Operator `+`", "      ^"),
        ("y ~ (x", "context marker", "    ^"),
        ("y ~ x)", "context marker", "     ^"),
        ("y ~ log(x", "Expected: )", "    ^^^^^"),
        ("y ~ x > 3", "Unknown operator '>'", "      ^"),
        ("y ~ x $ g", "Unknown operator '$'", "      ^"),
        ("y ~ x ~ g", "Operator `~`", "      ^"),
        ("y ~ 5", "Numeric literals", "    ^"),
        ("y ~ 'a'", "String literals", "    ^^^"),
        ("y ~ x + I(x +)", "invalid syntax", "        ^^^^^^"),
        ("y ~ x + {x +}", "invalid syntax", "        ^^^^^"),
        ("y ~\tx\n+ x income", "Missing operator", "        ^^^^^^^^"),
    ],
)
def test_syntax_errors_are_marked(formula, detail, carets, frame):
    message = refused(FormulaError, "Cannot read the formula", detail, formula=formula, data=frame)
    assert message.endswith(f"\n  {re.sub(chr(92) + 's', ' ', formula)}\n  {carets}")


def test_nothing_after_the_tilde(frame):
    refused(FormulaError, "nothing after '~'", "'1'", formula="y ~ ", data=frame)


@pytest.mark.parametrize(
    ("formula", "detail", "start", "length"),
    [
        ("y ~ x || g", "stands in brackets of its own", 6, 1),
        ("y ~ x | g", "stands in brackets of its own", 6, 1),
        ("y ~ x * (1 | g)", "can only be added", 8, 7),
        ("y ~ x - (1 | g)", "can only be added", 8, 7),
        ("y ~ (x + (1 | g))", "not within another bracket", 9, 7),
        ("y ~ (x | p | g)", "one bar", 4, 11),
        ("y ~ x + (| g)", "Nothing stands before", 8, 5),
        ("y ~ x + (1 |)", "No grouping factor stands after", 8, 5),
        ("y | trials(n) ~ x", "p(y, n)", 2, 1),
    ],
)
def test_bars_that_make_no_group_specific_term(formula, detail, start, length, frame):
    message = refused(FormulaError, detail, formula=formula, data=frame)
    assert message.endswith(f"\n  {formula}\n  {' ' * start}{'^' * length}")


def test_unknown_functions(frame):
    message = refused(
        FormulaError, "unknown function 'lgo'", "'log'", "extra_namespace", formula="y ~ lgo(x)", data=frame
    )
    assert message.endswith("\n  y ~ lgo(x)\n      ^^^")
    refused(FormulaError, "'x' is a column, not a function", formula="y ~ x(1 + 2)", data=frame)
    refused(FormulaError, "np.nope(x)", formula="y ~ np.nope(x)", data=frame)


@pytest.mark.parametrize("term", ["offset(x):income", "offset(x, 2)", "I(offset(x))", "weighted(x, income)"])
def test_offset_and_weighted_out_of_place(term, frame):
    refused(FormulaError, term.partition("(")[0] if "I(" not in term else "offset", formula=f"y ~ {term}", data=frame)


def test_weighted_with_a_wrong_number_of_arguments(frame):
    refused(FormulaError, "must be written weighted(y, w)", formula="weighted(y) ~ x", data=frame)


def test_functions_that_fail(frame):
    def broken(values):
        raise RuntimeError("out of luck")

    refused(
        FormulaError,
        "'broken(x)'",
        "RuntimeError: out of luck",
        formula="y ~ broken(x)",
        data=frame,
        extra_namespace={"broken": broken},
    )


def test_functions_that_do_not_give_one_value_a_row(frame):
    refused(FormulaError, "'np.mean(x)' gives a single value", formula="y ~ np.mean(x)", data=frame)
    refused(FormulaError, "'np.unique(flag)' gives 2 values for 30 rows", formula="y ~ np.unique(flag)", data=frame)


def test_functions_that_give_no_numbers(frame):
    namespace = {"odd": lambda x: np.asarray(x) * 1j}
    refused(DataTypeError, "'odd(x)'", "complex128", formula="y ~ odd(x)", data=frame, extra_namespace=namespace)


def test_functions_that_warn_do_not(frame):
    def noisy(values):
        warnings.warn("noise", RuntimeWarning, stacklevel=1)
        return values

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read("y ~ noisy(x)", frame, extra_namespace={"noisy": noisy})


def test_extra_namespace_of_a_wrong_kind(frame):
    refused(
        DataTypeError, "extra_namespace must be a dict", "list", formula="y ~ x", data=frame, extra_namespace=[np.log]
    )
    refused(DataTypeError, "extra_namespace", formula="y ~ x", data=frame, extra_namespace={1: np.log})


def test_a_column_named_intercept(frame):
    with pytest.raises(FormulaError, match=r"'Intercept'.*Rename"):
        fb.Model("y ~ Intercept", frame.assign(Intercept=frame.x))
