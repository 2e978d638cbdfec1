"""`_core.CallableDensity`: densities of Python functions are sampled as those of C++ are."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from filbert import _core

SETTINGS: dict[str, Any] = {
    "draws": 500, "tune": 300, "chains": 4, "cores": 2, "seed": 3, "target_accept": 0.8, "max_treedepth": 10,
    "keep_warmup": False, "report": None,
}  # fmt: skip


def normal_log_density(position):
    """Independent normals with means 1 and 2 and deviations 1 and 3."""
    distance = (position - [1, 2]) / [1, 3]
    return -0.5 * distance @ distance, -distance / [1, 3]


def with_their_sum(positions):
    return np.vstack([positions, positions.sum(axis=0)])


def normal(log_density=normal_log_density, to_user_scale=with_their_sum):
    return _core.CallableDensity(2, 3, log_density, to_user_scale)


def test_draws_have_the_distribution_and_every_variable():
    density = normal()
    assert (density.dimension, density.variables) == (2, 3)
    values = _core.sample(density, **SETTINGS)["sampling"]["values"]
    assert values.shape == (3, 4, 500)
    np.testing.assert_allclose(values[2], values[0] + values[1], rtol=1e-15)
    for draws, mean, sd in zip(values, [1, 2, 3], [1, 3, np.sqrt(10)], strict=True):
        error = sd / np.sqrt(_core.ess_mean(draws))
        assert abs(draws.mean() - mean) < 4 * error
        assert abs(draws.mean() - (mean + 0.5 * sd)) > 4 * error  # a density that is off would be found out


def test_what_is_reported_is_the_density_itself():
    result = _core.sample(normal(), **SETTINGS)["sampling"]
    expected = [normal_log_density(point)[0] for point in result["values"][:2, 0].T]
    np.testing.assert_allclose(result["lp"][0], expected, rtol=1e-14)


def test_draws_do_not_depend_on_the_number_of_threads():
    alone, many = (_core.sample(normal(), **{**SETTINGS, "cores": n})["sampling"]["values"] for n in (1, 4))
    np.testing.assert_array_equal(alone, many)


def test_a_density_of_python_and_one_of_c_plus_plus_give_the_same_draws():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    summary = _core.SufficientStatistics.from_arrays(X, X @ [1, 2] + rng.normal(size=30))
    posterior = _core.LinearGaussian(
        summary,
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=[("Normal", (0, 10))] * 3,
        sigma_prior=("HalfCauchy", (1,)),
    )
    framed = _core.FramedLinearGaussian(posterior)
    same = _core.CallableDensity(framed.dimension, framed.variables, framed.log_density, framed.to_user_scale)
    settings = {**SETTINGS, "draws": 50, "tune": 50}
    ours, theirs = (_core.sample(density, **settings)["sampling"]["values"] for density in (same, framed))
    np.testing.assert_array_equal(ours, theirs)


def test_the_error_of_a_function_reaches_the_caller():
    calls = itertools.count()

    def fails(position):
        if next(calls) > 20:
            raise LookupError("no data today")
        return normal_log_density(position)

    with pytest.raises(LookupError, match="no data today"):
        _core.sample(normal(fails), **SETTINGS)

    def cannot_go_back(positions):
        raise LookupError("no way back")

    with pytest.raises(LookupError, match="no way back"):
        _core.sample(normal(to_user_scale=cannot_go_back), **SETTINGS)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (1.0, TypeError, "must return a tuple of the log density and its gradient, not 1.0"),
        ((1.0, [1, 2, 3]), ValueError, r"gradient of log_density must have the shape \(2,\), not \(3,\)"),
        ((1.0, "steep"), TypeError, "gradient of log_density must return numbers, not str"),
        (("high", [1, 2]), TypeError, "must be real number, not str"),
        ((1.0, [[1, 2]]), ValueError, r"not \(1, 2\)"),
    ],
)
def test_a_function_that_returns_something_else_is_named(result, error, message):
    with pytest.raises(error, match=message):
        normal(lambda position: result).log_density(np.zeros(2))


def test_wrong_shapes_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 5\), a column for each position, not \(2, 5\)"):
        normal(to_user_scale=lambda positions: positions).to_user_scale(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="position must have 2 elements, not 3"):
        normal().log_density(np.zeros(3))
    with pytest.raises(ValueError, match="positions must have 2 rows, not 3"):
        normal().to_user_scale(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="dimension must be at least 1, not 0"):
        _core.CallableDensity(0, 1, normal_log_density, with_their_sum)
    with pytest.raises(TypeError, match="log_density must be a function"):
        _core.CallableDensity(2, 3, 7, with_their_sum)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_stops_and_keeps_the_draws():
    def slow(position):
        time.sleep(0.002)
        return normal_log_density(position)

    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    result = _core.sample(normal(slow), **{**SETTINGS, "draws": 100_000, "keep_warmup": True})
    timer.join()
    assert time.monotonic() - started < 10
    assert 0 < result["iterations"][0] < 100_000
    first = result["warmup"]["values"][:, 0, 0]
    assert first[2] == first[0] + first[1]


def test_the_functions_are_let_go_with_the_density():
    class Target:
        alive = 0

        def __init__(self):
            Target.alive += 1

        def __del__(self):
            Target.alive -= 1

        def __call__(self, position):
            return normal_log_density(position)

    density = normal(Target())
    _core.sample(density, **{**SETTINGS, "draws": 5, "tune": 5})
    assert Target.alive == 1
    del density
    assert Target.alive == 0
