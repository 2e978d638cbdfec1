"""Functions of affine expressions evaluate to what NumPy gives for the same expression of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from filbert import explicit as pm
from filbert.explicit.affine import Affine
from filbert.explicit.linked import FORM_OF, Linked
from filbert.families.links import LINKS

MODEL = object()
RNG = np.random.default_rng(3)
A, B = Affine.parameter(MODEL, "a", ()), Affine.parameter(MODEL, "b", (3,))
DRAWS = {"a": RNG.normal(size=5), "b": RNG.normal(size=(5, 3))}
EXPOSURE = np.array([0.5, 2.0, 3.0])
exp, sigmoid, invprobit = pm.math.exp, pm.math.sigmoid, pm.math.invprobit

EXPRESSIONS = {
    "exp": ("log", lambda a, b: exp(a + b)),
    "times a number": ("log", lambda a, b: 2 * exp(a + b) * 3.5),
    "times an array": ("log", lambda a, b: EXPOSURE * exp(a + b)),
    "array on the right": ("log", lambda a, b: exp(b) * EXPOSURE),
    "times a larger array": ("log", lambda a, b: exp(a) * EXPOSURE),
    "times a series": ("log", lambda a, b: pd.Series(EXPOSURE, index=[4, 5, 6]) * exp(a + b)),
    "over an array": ("log", lambda a, b: exp(a + b) / EXPOSURE),
    "array over it": ("log", lambda a, b: EXPOSURE / exp(b)),
    "1 over it": ("log", lambda a, b: 1 / exp(a + b)),
    "product": ("log", lambda a, b: exp(a) * exp(b)),
    "ratio": ("log", lambda a, b: exp(b) / exp(a)),
    "twice negative": ("log", lambda a, b: np.negative(-exp(b))),
    "NumPy's functions": ("log", lambda a, b: np.multiply(EXPOSURE, np.divide(exp(b), np.float64(2)))),
    "sigmoid": ("logit", lambda a, b: sigmoid(b - a)),
    "invlogit": ("logit", lambda a, b: pm.math.invlogit(b - a)),
    "1 less sigmoid": ("logit", lambda a, b: 1 - sigmoid(b - a)),
    "1 less sigmoid, from NumPy": ("logit", lambda a, b: np.float64(1) - sigmoid(b - a)),
    "invprobit": ("probit", lambda a, b: invprobit(b / 2)),
    "1 less invprobit": ("probit", lambda a, b: 1 - invprobit(b / 2)),
    "cloglog": ("cloglog", lambda a, b: 1 - exp(-exp(b))),
    "cloglog by expm1": ("cloglog", lambda a, b: -pm.math.expm1(-exp(b))),
    "cloglog with exposure": ("cloglog", lambda a, b: 1 - exp(-(EXPOSURE * exp(b)))),
    "sqr": ("sqrt", lambda a, b: pm.math.sqr(b + 1)),
    "reciprocal": ("inverse", lambda a, b: pm.math.reciprocal(b + 1)),
    "element": ("log", lambda a, b: exp(b)[1]),
    "elements": ("logit", lambda a, b: sigmoid(b)[np.array([2, 2, 0, 1])]),
    "plus": ("log", lambda a, b: +exp(b)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_functions_are_numpys(name):
    link, function = EXPRESSIONS[name]
    expression = function(A, B)
    assert isinstance(expression, Linked)
    assert expression.link == link
    values = expression.values(DRAWS)
    for draw in range(5):
        want = np.asarray(function(DRAWS["a"][draw], DRAWS["b"][draw]))
        assert expression.shape == want.shape
        np.testing.assert_allclose(values[draw], want, rtol=1e-13)


def test_every_link_can_be_written():
    assert {*FORM_OF, "identity"} == set(LINKS)


def test_lengths_and_names():
    assert len(exp(B)) == 3
    assert str(exp(A)) == "pm.math.exp(a)"
    assert str(1 - exp(-exp(A))) == "1 - pm.math.exp(-pm.math.exp(a))"
    assert str(A / sigmoid(B)) == "a / pm.math.sigmoid(b)"
