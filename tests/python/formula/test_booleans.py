"""Tests that booleans are 1 and 0 for arithmetic and functions, and true and false for logic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from design_checks import read, whole

FRAME = pd.DataFrame(
    {
        "y": [1.0, 2, 3, 5, 4, 6],
        "a": [True, True, False, False, True, False],
        "b": [True, False, True, False, True, False],
        "x": [0.1, 0.7, 0.3, 0.9, 0.4, 0.2],
        "t": pd.date_range("2020-01-01", periods=6, freq="400D"),
        "g": ["p", "qq", "p", "qq", "rrr", "p"],
    }
)
A, B = FRAME.a.to_numpy(), FRAME.b.to_numpy()


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("I(a + b)", A * 1.0 + B),
        ("I(a - b)", A * 1.0 - B),
        ("I(-a)", -1.0 * A),
        ("I(+a)", A),
        ("I(a * b * 3)", 3 * (A & B)),
        ("I((x > 0.3) + (x > 0.6))", (FRAME.x > 0.3) * 1 + (FRAME.x > 0.6)),
        ("I(2**a)", 2.0**A),
        ("I(a / 3)", A / 3),
        ("exp(a)", np.exp(A * 1.0)),
        ("np.exp(-a)", np.exp(-1.0 * A)),
        ("np.maximum(a, x)", np.maximum(A * 1.0, FRAME.x)),
        ("np.add(a, b)", A * 1.0 + B),
        ("np.power(a + 1, 2)", (A + 1.0) ** 2),
        ("a.clip(0, 0.5)", A * 0.5),
        ("scale(a)", (A - A.mean()) / np.std(A, ddof=1)),
        ("I(~a)", ~A),
        ("I(a & b)", A & B),
        ("I(a | b)", A | B),
        ("I(a ^ b)", A ^ B),
        ("I(~(a & b) + 0)", ~(A & B)),
        ("I(a == b)", A == B),
        ("I(a > 0.5)", A),
        ("np.where(a, x, 0)", np.where(A, FRAME.x, 0)),
        ("np.logical_not(a)", ~A),
        ("x.where(a, 0)", np.where(A, FRAME.x, 0)),
        ("a.astype('float')", A),
        ("I(t.dt.year ** 4 / 1e12)", FRAME.t.dt.year.astype(float) ** 4 / 1e12),
        ("I(g.str.len() ** 40 / 1e12)", FRAME.g.str.len().astype(float) ** 40 / 1e12),
        ("I(0.2 < x < 0.8)", FRAME.x.between(0.2, 0.8, inclusive="neither")),
    ],
)
def test_booleans(term, expected):
    design = read(f"y ~ {term}", FRAME)
    np.testing.assert_allclose(whole(design)[0][:, 0], np.asarray(expected, dtype=float), rtol=1e-14)
    assert whole(design)[0].dtype == np.float64


def test_factors_of_booleans():
    assert read("y ~ C(a)", FRAME).terms[0].levels == ("True",)
    assert read("y ~ C(a + b)", FRAME).terms[0].levels == (1, 2)


def test_exponentials_of_booleans_have_the_precision_of_doubles():
    (column,) = read("y ~ exp(a)", FRAME).rows.factors["exp(a)"].columns
    assert column.dtype == np.float64
