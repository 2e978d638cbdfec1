"""Arguments of `_core` that are out of bounds are refused with a sentence, and nothing is read beyond an array."""

from __future__ import annotations

import numpy as np
import pytest
from filbert import _core


@pytest.fixture
def summary():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    return _core.SufficientStatistics.from_arrays(X, X.sum(axis=1) + rng.normal(size=20))


@pytest.fixture
def posterior(summary):
    return _core.LinearGaussian(
        summary,
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=[("Normal", (0, 1))] * 3,
        sigma_prior=("HalfNormal", (1,)),
    )


@pytest.mark.parametrize("column", [99, 3, -1])
def test_a_column_that_there_is_not(summary, column):
    with pytest.raises(IndexError, match=rf"column must be from 0 to 2 \(the response\), not {column}"):
        summary.is_constant(column)


def test_positions_of_the_wrong_shape(posterior):
    framed = _core.FramedLinearGaussian(posterior)
    with pytest.raises(ValueError, match="positions must have 4 rows, not 2"):
        framed.to_user_scale(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="position must have 4 elements, not 1"):
        framed.user_log_density(np.zeros(1), 0.0)
    for density in (framed, posterior):
        with pytest.raises(ValueError, match="position must have 4 elements, not 9"):
            density.log_density(np.zeros(9))


def test_shifts_at_no_sigma_and_of_another_posterior(posterior, summary):
    framed = _core.FramedLinearGaussian(posterior)
    with pytest.raises(ValueError, match="sigma must be positive, not"):
        framed.prior_shifts(posterior, 0.0)
    other = _core.LinearGaussian(
        summary,
        intercept=False,
        intercept_at_means=False,
        coefficient_priors=[("Normal", (0, 1))] * 2,
        sigma_prior=("HalfNormal", (1,)),
    )
    with pytest.raises(ValueError, match="posterior must have 3 coefficients, not 2"):
        framed.prior_shifts(other, 1.0)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (0, np.full((3, 3), np.nan), "not finite"),
        (0, np.tri(3), "not upper triangular"),
        (0, np.full((2, 3), 0.0), "sizes of its parts differ"),
        (0, np.triu(np.full((3, 3), 1e9)), "does not go with its weight"),
        (1, [0.0, np.inf, 0.0], "not finite"),
        (1, [0.0, 1.7e308, 0.0], "means are out of range"),
        (2, [0, 1024, 0], "exponents are out of range"),
        (2, [0, -1023, 0], "exponents are out of range"),
        (3, -1.0, "negative"),
        (3, np.nan, "negative"),
        (4, -5, "negative"),
        (4, 0, "number of rows does not go with its weight"),
    ],
)
def test_a_state_that_no_rows_can_give(summary, part, value, message):
    state = list(summary.state())
    state[part] = value
    with pytest.raises(ValueError, match=message):
        _core.SufficientStatistics.from_state(tuple(state))


def test_blocks_whose_means_are_farther_apart_than_the_largest_double():
    X = np.array([[1.0], [2.0]])
    low, high = (_core.SufficientStatistics.from_arrays(X, np.full(2, y)) for y in (-2e307, 2e307))
    low.merge(high)
    np.testing.assert_allclose(low.sd[1], 2e307)
    with pytest.raises(ValueError, match=r"y must be below 2.24712e\+307 at row 1, not 1e\+308; choose a larger unit"):
        high.update(X, np.array([1e307, 1e308]))
    assert high.n_rows == 2


def test_columns_too_far_apart_in_size_for_a_coefficient():
    X = np.array([[1e-300], [2e-300], [4e-300]])
    tiny = _core.SufficientStatistics.from_arrays(X, np.array([1e300, 3e300, 2e300]))
    with pytest.raises(ValueError, match="column 0 and the response are so far apart in size"):
        _core.LinearGaussian(
            tiny,
            intercept=True,
            intercept_at_means=True,
            coefficient_priors=[("Flat", ())] * 2,
            sigma_prior=("HalfFlat", ()),
        )
