"""Affine expressions evaluate to what NumPy gives for the same expression of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataError, DataTypeError, FormulaError
from filbert.explicit.affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

MODEL = object()
SHAPES = {"a": (), "b": (3,), "c": (2, 3)}
PARAMETERS = {name: Affine.parameter(MODEL, name, shape) for name, shape in SHAPES.items()}
RNG = np.random.default_rng(1)
DRAWS = {name: RNG.normal(size=(5, *shape)) for name, shape in SHAPES.items()}


def same(expression, expected):
    """Compare an expression with what the same code gave for one draw of numbers after the other."""
    values = expression.values(DRAWS)
    assert expression.shape == np.shape(expected(*(DRAWS[name][0] for name in SHAPES)))
    for s in range(5):
        want = expected(*(DRAWS[name][s] for name in SHAPES))
        np.testing.assert_allclose(values[s], want, rtol=1e-12, atol=1e-12)


A, B, C = PARAMETERS.values()
VECTOR = np.array([1.0, -2.0, 0.5])
MATRIX = RNG.normal(size=(7, 3))
GROUP = np.array([0, 2, 1, 1, 0, 2, 2])
MASK = np.array([True, False, True])


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, c: a + 1,
        lambda a, b, c: 1 - a,
        lambda a, b, c: -b / 2 + a,
        lambda a, b, c: VECTOR * a,
        lambda a, b, c: a * VECTOR - b * 3,
        lambda a, b, c: VECTOR - b,
        lambda a, b, c: b - VECTOR,
        lambda a, b, c: c + b + a,
        lambda a, b, c: MATRIX @ b,
        lambda a, b, c: np.dot(MATRIX, b),
        lambda a, b, c: b @ VECTOR,
        lambda a, b, c: c @ VECTOR,
        lambda a, b, c: MATRIX @ c.T,
        lambda a, b, c: c @ MATRIX.T,
        lambda a, b, c: VECTOR[:2] @ c,
        lambda a, b, c: b[GROUP] * MATRIX[:, 0] + a,
        lambda a, b, c: c[1, GROUP] + c[0][GROUP],
        lambda a, b, c: c[:, 1:].sum(0),
        lambda a, b, c: c[..., None] * np.ones((1, 1, 4)),
        lambda a, b, c: b[MASK] + 1,
        lambda a, b, c: b[::-1] - b[-1],
        lambda a, b, c: c.sum() + b.mean() + c.mean(1).sum(),
        lambda a, b, c: c.reshape(3, 2).T + c[0, 0],
        lambda a, b, c: np.sum(c, axis=1),
        lambda a, b, c: (MATRIX @ (b + VECTOR)) * 2 - 1,
        lambda a, b, c: sum(b[i] * MATRIX[:, i] for i in range(3)),
        lambda a, b, c: np.negative(b) + np.float64(3) * b,
    ],
)
def test_expressions_are_numpys(function):
    same(function(A, B, C), function)


def trees(depth=4):
    """Random code: pairs of an expression and the function of numbers that it stands for."""
    leaves = st.sampled_from(
        [
            (A, lambda a, b, c: a),
            (B, lambda a, b, c: b),
            (C, lambda a, b, c: c),
            (B[1:], lambda a, b, c: b[1:].reshape(2)),
            (C[0], lambda a, b, c: c[0]),
        ]
    )
    numbers = st.one_of(
        st.floats(-3, 3).map(np.float64),
        st.sampled_from([VECTOR, np.arange(6.0).reshape(2, 3), np.ones((2, 1))]),
    )

    def bigger(children):
        return st.one_of(
            st.tuples(children, numbers).map(lambda p: (p[0][0] * p[1], lambda *v: p[0][1](*v) * p[1])),
            st.tuples(children, numbers).map(lambda p: (p[1] - p[0][0], lambda *v: p[1] - p[0][1](*v))),
            st.tuples(children, numbers).map(lambda p: (p[0][0] + p[1], lambda *v: p[0][1](*v) + p[1])),
            children.map(lambda p: (p[0].sum(), lambda *v: np.sum(p[1](*v)))),
            children.map(lambda p: (p[0].T, lambda *v: np.transpose(p[1](*v)))),
            children.map(lambda p: (p[0].ravel()[::-1], lambda *v: np.ravel(p[1](*v))[::-1])),
        )

    return st.recursive(leaves.filter(lambda leaf: leaf[0].shape != (2,)), bigger, max_leaves=depth)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_random_expressions_are_numpys(data):
    def draw():
        while True:
            try:
                return data.draw(trees())
            except DataError:  # shapes that do not broadcast
                continue

    expression, function = draw()
    same(expression, function)


def test_pandas_on_either_side():
    series = pd.Series([1.0, 2.0, 3.0], index=[5, 6, 7])
    for expression in (series * A, A * series, series + A - A + A * series - series):
        assert isinstance(expression, Affine)
        assert expression.shape == (3,)
    same(series * A, lambda a, b, c: series.to_numpy() * a)
    same(pd.DataFrame(MATRIX) * B, lambda a, b, c: MATRIX * b)
    same(B[pd.Series(GROUP)], lambda a, b, c: b[GROUP])


def test_matrix_has_a_column_for_each_parameter():
    expression = A + B[GROUP] * MATRIX[:, 0] + MATRIX @ C[1] + 4
    X = expression.matrix({"a": 0, "b": 1, "c": 4}, 10, slice(2, 6))
    coefficients = np.concatenate([np.atleast_1d(DRAWS[name][0].ravel()) for name in SHAPES])
    np.testing.assert_allclose(X @ coefficients + 4, expression.values(DRAWS)[0][2:6], rtol=1e-12)
    assert X.flags.f_contiguous


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a, b: a * b, "multiplies two parameters"),
        (lambda a, b: a / b, "divides by a parameter"),
        (lambda a, b: 1 / a, "a number is divided by a"),
        (lambda a, b: VECTOR / b, "divided by b"),
        (lambda a, b: a**2, "power of a parameter"),
        (lambda a, b: 2**a, "exponent"),
        (lambda a, b: np.exp(a), r"np.exp\(a\) is not affine"),
        (lambda a, b: np.log(b) + 1, "np.log"),
        (lambda a, b: abs(a), "abs"),
        (lambda a, b: a < b, "cannot be compared"),
        (lambda a, b: bool(a), "truth value"),
        (lambda a, b: float(a), "not a number before"),
        (lambda a, b: np.asarray(b), "cannot become an array"),
        (lambda a, b: b @ b, "multiplies two parameters"),
        (lambda a, b: VECTOR[a], "array"),
        (lambda a, b: b[a], "indexed by a parameter"),
    ],
)
def test_what_is_not_affine_is_refused_on_its_line(function, message):
    with pytest.raises((FormulaError, IndexError), match=message):
        function(A, B)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda a, b: b + np.ones(4), DataError, r"\(3,\) and \(4,\) do not broadcast"),
        (lambda a, b: b * np.ones((2, 2)), DataError, "do not broadcast"),
        (lambda a, b: MATRIX[:, :2] @ b, DataError, "do not fit a matrix product"),
        (lambda a, b: MATRIX @ a, DataError, "use \\*"),
        (lambda a, b: b[5], DataError, "cannot be indexed"),
        (lambda a, b: b[[0, 9]], DataError, "cannot be indexed"),
        (lambda a, b: a * "text", DataTypeError, "needs numbers"),
        (lambda a, b: a + np.array([1.0, np.nan]), DataError, "1 missing or infinite value"),
        (lambda a, b: a / 0, DataError, "divided by zero"),
        (lambda a, b: a * pd.Series(["u", "v"]), DataTypeError, "needs numbers"),
        (lambda a, b: a + Affine.parameter(object(), "z", ()), FormulaError, "different models"),
        (lambda a, b: len(a), DataTypeError, "has no length"),
        (lambda a, b: b.sum(2), DataError, "no axis 2"),
    ],
)
def test_what_does_not_fit_is_refused_on_its_line(function, error, message):
    with pytest.raises(error, match=message):
        function(A, B)
