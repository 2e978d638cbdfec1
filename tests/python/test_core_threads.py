"""Objects of `_core` that several Python threads use at once: nothing is lost, torn or shared by accident."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from filbert import _core

TIMEOUT = 120  # seconds, for threads that wait for each other


def in_threads(*works: Callable[[], None]) -> None:
    """Run each function on a thread of its own, and raise what any of them raises."""
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive(), "the threads wait for each other"
    if errors:
        raise errors[0]


@pytest.fixture
def rows():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(2000, 6))
    return X, X.sum(axis=1) + rng.normal(size=2000)


def test_update_from_threads_counts_every_row(rows):
    X, y = rows
    summary = _core.SufficientStatistics(6)

    def feed():
        for _ in range(60):
            summary.update(X, y)

    in_threads(*[feed] * 4)
    assert summary.n_rows == 4 * 60 * 2000
    one = _core.SufficientStatistics.from_arrays(X, y)
    np.testing.assert_allclose(summary.sd, one.sd, rtol=1e-12)
    np.testing.assert_allclose(summary.least_squares(True).estimate, one.least_squares(True).estimate, rtol=1e-11)


def test_reading_while_others_write_sees_whole_blocks(rows):
    X, y = rows
    summary = _core.SufficientStatistics.from_arrays(X, y)
    expected = summary.least_squares(True).estimate
    done = threading.Event()

    def feed():
        try:
            for _ in range(150):
                summary.update(X, y)
        finally:
            done.set()

    def read():
        while not done.is_set():
            np.testing.assert_allclose(summary.least_squares(True).estimate, expected, rtol=1e-9)
            factor, mean, _, total_weight, n_rows = summary.state()
            assert total_weight == n_rows
            assert n_rows % 2000 == 0
            # The spread of the response, from parts that only belong together if they were read together.
            np.testing.assert_allclose(np.linalg.norm(factor[:, -1]) ** 2 / n_rows / factor_scale, 1, rtol=1e-9)
            np.testing.assert_allclose(mean[-1], y.mean(), atol=1e-9)

    factor, _, _, _, n_rows = summary.state()
    factor_scale = np.linalg.norm(factor[:, -1]) ** 2 / n_rows
    in_threads(feed, read, read)


def test_summaries_merge_into_each_other_from_both_sides(rows):
    X, y = rows
    left, right = (_core.SufficientStatistics.from_arrays(X, y) for _ in range(2))

    def merge(a, b):
        for _ in range(12):
            a.merge(b)

    in_threads(lambda: merge(left, right), lambda: merge(right, left))
    for summary in (left, right):
        assert summary.n_rows % 2000 == 0
        np.testing.assert_allclose(summary.sd, _core.SufficientStatistics.from_arrays(X, y).sd, rtol=1e-10)
    before = left.n_rows
    left.merge(left)
    assert left.n_rows == 2 * before


def test_update_beside_merge_loses_nothing(rows):
    X, y = rows
    total = _core.SufficientStatistics(6)
    part = _core.SufficientStatistics.from_arrays(X, y)

    def feed():
        for _ in range(80):
            total.update(X, y)

    def merge():
        for _ in range(400):
            total.merge(part)

    in_threads(feed, merge, merge)
    assert total.n_rows == (80 + 800) * 2000


@pytest.fixture
def framed(rows):
    posterior = _core.LinearGaussian(
        _core.SufficientStatistics.from_arrays(rows[0][:30], rows[1][:30]),
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=[("Normal", (0, 10)), ("HalfNormal", (0.5,))] + [("Laplace", (0, 0.5))] * 5,
        sigma_prior=("HalfCauchy", (1,)),
    )
    return _core.FramedLinearGaussian(posterior)


def test_a_density_is_the_same_for_every_thread_that_evaluates_it(framed):
    rng = np.random.default_rng(1)
    positions = rng.normal(size=(4, framed.dimension, 40))
    values = [framed.log_density(p) for batch in positions for p in batch.T]
    expected = [(value, *gradient) for value, gradient in values]
    users = [framed.to_user_scale(batch) for batch in positions]

    def evaluate(i):
        for _ in range(100):
            found = [framed.log_density(position) for position in positions[i].T]
            np.testing.assert_array_equal([(v, *g) for v, g in found], expected[40 * i : 40 * (i + 1)])
            np.testing.assert_array_equal(framed.to_user_scale(positions[i]), users[i])

    in_threads(*(lambda i=i: evaluate(i) for i in range(4)))


def test_draws_do_not_change_where_another_thread_evaluates_the_density(framed):
    def draws():
        return _core.sample(
            framed, draws=400, tune=200, chains=2, cores=2, seed=5, target_accept=0.8, max_treedepth=10,
            keep_warmup=False, report=None,
        )["sampling"]["values"]  # fmt: skip

    expected = draws()
    done = threading.Event()
    position = np.full(framed.dimension, 0.3)
    value = framed.log_density(position)[0]

    def evaluate():
        while not done.is_set():
            assert framed.log_density(position)[0] == value
            framed.to_user_scale(np.full((framed.dimension, 3), -0.2))

    def sample():
        try:
            for _ in range(20):
                np.testing.assert_array_equal(draws(), expected)
        finally:
            done.set()

    in_threads(sample, evaluate, evaluate)


def test_blocks_of_predictions_from_many_threads_are_those_of_one():
    rng = np.random.default_rng(2)
    X = np.asfortranarray(rng.normal(size=(3000, 4)))
    coefficients = rng.normal(size=(5, 300))
    expected = np.zeros((3000, 300))
    _core.mean_draws(X, coefficients, True, expected, 1)

    def predict():
        for _ in range(10):
            means = np.zeros((3000, 300))
            _core.mean_draws(X, coefficients, True, means, 4)
            np.testing.assert_array_equal(means, expected)

    in_threads(*[predict] * 4)
