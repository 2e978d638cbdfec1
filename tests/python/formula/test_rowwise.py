"""Tests that terms which depend on other rows fit with a warning, and that new rows of all others are right."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from design_checks import read
from filbert.errors import DataWarning, FormulaError
from filbert.formula.namespace import make_namespace
from filbert.formula.parsing import read_expression
from filbert.formula.rowwise import Reach, reach
from hypothesis import given, settings
from hypothesis import strategies as st

N = 40
LABELS = ["x", "z", "k", "a", "b", "g", "d", "t", "y"]


def make_frame(n=N):
    """Return rows in ascending order of everything: the first half looks like the whole to a term with a minimum."""
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "t": np.arange(2000, 2000 + n),
            "x": np.sort(rng.random(n)) + 0.5,
            "z": rng.normal(size=n),
            "k": rng.integers(1, 5, n),
            "a": rng.random(n) > 0.5,
            "b": rng.random(n) > 0.5,
            "g": rng.permutation([*("north", "south") * (n // 2)]),
            "d": pd.date_range("2020-01-01", periods=n, freq="11D"),
        }
    )


def matrix(rows):
    return np.concatenate([block.X for block in rows.blocks()])


OTHER_ROWS = [
    "I(t - t.min())",
    "I(x / x.max())",
    "I(x > x.median())",
    "t.rank()",
    "I((d - d.min()).dt.days)",
    "scale(x - x.mean())",
    "np.log(x / x.max())",
    "lag(x, 0)",
    "I(x.shift(1, fill_value=0))",
    "x.diff().fillna(0)",
    "np.cumsum(x)",
    "x.cumsum()",
    "I(x - np.mean(x))",
    "I(x - x.groupby(g).transform('mean'))",
    "x.rolling(3, min_periods=1).mean()",
    "C(x > np.quantile(x, 0.5))",
    "x.fillna(x.mean())",
    "x.clip(0, x.quantile(0.9))",
    "x.isin(z)",
    "scale(x, center=x.mean())",
    "bs(x, df=4, upper_bound=x.max())",
    "np.where(x > x.mean(), x, z)",
    "x.where(x > 1, x.min())",
    "poly(x - x.min(), 2)",
    "log(1 + t - np.min(t))",
]


@pytest.mark.parametrize("term", OTHER_ROWS)
def test_terms_that_depend_on_other_rows_fit_with_a_warning_and_predict_nothing(term):
    frame = make_frame()
    with pytest.warns(DataWarning, match="cannot predict new data"):
        design = read(f"y ~ {term}", frame)
    assert np.isfinite(matrix(design.rows)).all()
    with pytest.raises(FormulaError, match="depends on other rows"):
        design.new_rows(frame.iloc[:20])


def test_an_offset_that_depends_on_other_rows_predicts_nothing():
    frame = make_frame()
    with pytest.warns(DataWarning, match=r"offset\(t - t.min\(\)\)"):
        design = read("y ~ x + offset(t - t.min())", frame)
    with pytest.raises(FormulaError, match="depends on other rows"):
        design.new_rows(frame)


ONE_ROW = [
    "log(x)",
    "np.log1p(x) + np.hypot(x, z)",
    "I(x**2) + I(-z) + I(x * z / (1 + k))",
    "scale(x) + center(z) + standardize(k)",
    "scale(log(x)) + poly(x, 2) + poly(z, 3, raw=True)",
    "bs(x, df=5) + cr(z, df=4) + cs(z, df=3) + cc(z, df=3)",
    "g + C(k) + C(k, 2) + T(g, 'south') + S(g)",
    "C(g, contr.sum) + C(k, Treatment(3))",
    "hashed(g, levels=3)",
    "I(a + b) + I(a & ~b) + I((a | b) ^ a)",
    "I(0.7 < x < 1.2) + I(k == 2) + I(g == 'north')",
    "d.dt.month + I(d.dt.year - 2020) + I(d.dt.day_name() == 'Monday') + days_since(d, '2020-01-01')",
    "g.str.len() + g.str.startswith('n') + I(g.str[0] == 'n') + g.str.contains('ou')",
    "k.astype('float') + x.clip(0.6, 1) + x.round(1) + z.abs() + k.isin([1, 2]) + x.between(0.7, 1)",
    "k.map({1: 10, 2: 20, 3: 5, 4: 0}) + k.replace(1, 7) + x.where(x > 1, z) + x.mask(x > 1, 0)",
    "np.where(x > 1, x, 0) + np.clip(z, -1, 1) + np.maximum(x, z) + np.select([x > 1, z > 0], [x, z], 0)",
    "np.digitize(x, [0.7, 1]) + np.interp(x, [0.5, 1.5], [0, 10])",
    "I(x * pi) + exp(-x * np.e)",
    "x:z + 2:x:g + x*C(k)",
]


@pytest.mark.parametrize("terms", ONE_ROW)
def test_single_rows_are_laid_out_as_the_fitted_ones(terms):
    frame = make_frame()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        design = read(f"y ~ {terms}", frame)
    fitted = matrix(design.rows)
    for row in [0, 1, 17, N - 1]:
        np.testing.assert_allclose(matrix(design.new_rows(frame.iloc[[row]])), fitted[[row]], rtol=1e-12, atol=1e-14)


FUNCTIONS_OF_OTHER_ROWS = {
    "less_minimum": lambda x: x - np.min(x),
    "share": lambda x: x / np.max(x),
    "above_median": lambda x: x > np.median(x),
    "rank": lambda x: x.rank(),
    "position": lambda x: np.arange(len(x)),
    "winsorised": lambda x: np.clip(x, *np.quantile(x, [0.01, 0.99])),
    "quartile": lambda x: pd.qcut(x, 4, labels=False),
    "noise": lambda x: np.random.default_rng().normal(size=len(x)),
    "total": lambda x: x + 1e-6 * np.sum(x),
    "fails_alone": np.gradient,
}


@pytest.mark.parametrize("name", FUNCTIONS_OF_OTHER_ROWS)
@pytest.mark.parametrize("n", [5, N, 5000])
def test_functions_of_the_user_are_found_out(name, n):
    frame = make_frame(max(n, 6) // 2 * 2)
    with pytest.warns(DataWarning, match=f"{name}\\(x\\)"):
        read(f"y ~ {name}(x)", frame, extra_namespace={name: FUNCTIONS_OF_OTHER_ROWS[name]})


@pytest.mark.parametrize("n", [6, N, 5000])
def test_functions_of_the_user_that_look_at_one_row_predict(n):
    frame = make_frame(n)
    own = {
        "logit": lambda x: np.log(x / (3 - x)),
        "bins": lambda x: pd.cut(x, [0, 0.8, 1, 2], labels=["low", "mid", "high"]),
        "both": lambda a, b: a & b,
        "knots": [0.8, 1.0],
        "rate": 3.0,
    }
    design = read("y ~ logit(x) + bins(x) + both(a, b) + bs(x, knots=knots) + I(x * rate)", frame, extra_namespace=own)
    assert design.entangled == ()
    np.testing.assert_allclose(
        matrix(design.new_rows(frame.iloc[[3]])), matrix(design.rows)[[3]], rtol=1e-12, atol=1e-14
    )


def test_an_array_of_the_user_has_no_values_for_new_rows():
    with pytest.warns(DataWarning, match="cannot predict"):
        read("y ~ I(x * v)", make_frame(), extra_namespace={"v": np.arange(N)})


def test_a_function_of_the_user_is_not_evaluated_on_all_rows_again():
    sizes = []

    def double(x):
        sizes.append(len(x))
        return 2 * x

    read("y ~ double(x)", make_frame(50_000), extra_namespace={"double": double})
    assert sizes[0] == 50_000
    assert sum(sizes[1:]) < 1000


# Expressions put together at random

_NAMESPACE = make_namespace(None)
_NUMBERS = st.sampled_from(["x", "z", "k", "t", "a", "b", "1", "2.5", "d.dt.month", "g.str.len()", "pi"])
_CONDITIONS = st.sampled_from(["a", "b", "x > 1", "z <= 0", "k == 2", "g == 'north'", "k.isin([1, 3])", "x.isna()"])


def _more_numbers(inner):
    condition = st.one_of(_CONDITIONS, st.builds("({}) & ~({})".format, _CONDITIONS, _CONDITIONS))
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*"]), inner),
        st.builds("{}({})".format, st.sampled_from(["np.abs", "np.tanh", "np.arctan", "I", "np.sign", "-"]), inner),
        st.builds("np.where({}, {}, {})".format, condition, inner, inner),
        st.builds("(x * {}).clip(-3, 3)".format, inner),
        st.builds("(z + {}).round(2)".format, inner),
        st.builds("center(x + {})".format, inner),
        st.builds("scale(z * 0.5 + x * {})".format, inner),
        st.builds("(({}) + 0 * x).where({}, 0)".format, inner, condition),
    )


@settings(max_examples=150, deadline=None)
@given(st.recursive(_NUMBERS, _more_numbers, max_leaves=8))
def test_random_expressions_of_single_rows_are_those_of_all_rows(text):
    frame = make_frame()
    text = f"I({text} + 0 * x)"
    assert reach(read_expression(text, LABELS, _NAMESPACE), _NAMESPACE) is Reach.ROW
    design = read(f"y ~ {text}", frame)
    fitted = matrix(design.rows)
    new = np.concatenate([matrix(design.new_rows(frame.iloc[[row]])) for row in (0, 5, N - 1)])
    np.testing.assert_allclose(new, fitted[[0, 5, N - 1]], rtol=1e-10, atol=1e-10 * np.abs(fitted).max())


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(_NUMBERS, _more_numbers, max_leaves=4),
    st.sampled_from(["x.mean()", "np.max(z)", "k.rank()", "x.shift(1)", "(d - d.min()).dt.days", "np.cumsum(a)"]),
    st.sampled_from(["I({0} + {1})", "np.tanh({1} * ({0} + x))", "scale(x + {0} * {1})", "x.where(x > {1}, {0})"]),
)
def test_a_part_that_looks_at_other_rows_is_found_however_deep(text, part, around):
    expression = read_expression(around.format(text, part), LABELS, _NAMESPACE)
    assert reach(expression, _NAMESPACE) is Reach.ROWS
