"""Small functions of `_core`: the table of priors, processors, uniform noise, the shortest interval."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from filbert import _core


def test_the_table_of_priors_names_each_and_its_parameters():
    table = _core.prior_table()
    assert table["Normal"] == ("mu", "sigma")
    assert table["StudentT"] == ("nu", "mu", "sigma")
    assert table["Flat"] == ()
    for name, parameters in table.items():
        value, slope = _core.prior_log_density(name, [2.5, 3.5, 4.5][: len(parameters)], 3.0)
        assert np.isfinite([value, slope]).all()


def test_an_unknown_prior_and_a_wrong_number_of_parameters_are_refused():
    with pytest.raises(ValueError, match=r"unknown prior 'Gaussian'; there are Normal, StudentT"):
        _core.prior_log_density("Gaussian", [0, 1], 0)
    with pytest.raises(ValueError, match=r"Normal takes 2 parameters \(mu, sigma\), not 3"):
        _core.prior_log_density("Normal", [0, 1, 2], 0)


def test_processors_are_those_that_the_process_may_run_on():
    assert 1 <= _core.available_processors() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity of Linux")
def test_a_process_bound_to_one_processor_has_one():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from filbert import _core; print(_core.available_processors())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "1"


@pytest.mark.parametrize("order", ["C", "F"])
def test_uniforms_are_in_the_open_interval_and_depend_on_seed_and_key_alone(order):
    keys = np.arange(400, dtype=np.uint64)
    uniforms = np.zeros((400, 300), order=order)
    _core.uniform_draws(keys, 5, uniforms, 3)
    assert uniforms.min() > 0
    assert uniforms.max() < 1
    one = np.zeros((1, 100))
    _core.uniform_draws(keys[7:8], 5, one)
    np.testing.assert_array_equal(one[0], uniforms[7, :100])
    _core.uniform_draws(keys[7:8], 6, one)
    assert not np.isin(one, uniforms).any()
    with pytest.raises(ValueError, match="the number of keys must be 1, not 2"):
        _core.uniform_draws(keys[:2], 5, one)


@pytest.mark.parametrize("prob", [0.01, 0.5, 0.94, 0.999])
def test_the_shortest_interval_is_that_of_all_pairs_of_sorted_values(prob):
    rng = np.random.default_rng(2)
    for values in (rng.exponential(size=501), rng.normal(size=2), np.array([3.0]), np.repeat([1.0, 2.0], 20)):
        ordered = np.sort(values)
        span = min(int(prob * len(values)), len(values) - 1)
        start = int(np.argmin(ordered[span:] - ordered[: len(values) - span]))
        assert _core.shortest_interval(values, prob) == [ordered[start], ordered[start + span]]
    assert np.isnan(_core.shortest_interval([1.0, np.nan, 2.0], prob)).all()
    assert np.isnan(_core.shortest_interval([], prob)).all()


def test_a_forked_child_computes_on_as_its_parent_does():
    """Threads are not inherited: a pool that counts on its parent's would wait for ever."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    code = """
import os, signal, numpy as np
from filbert import _core
X = np.asfortranarray(np.random.default_rng(0).normal(size=(5000, 5)))
def means():
    out = np.zeros((5000, 400))
    _core.mean_draws(X, np.ones((6, 400)), True, out, 2)
    return out
before = means()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if (means() == before).all() else 1)
_, status = os.waitpid(child, 0)
print("status", status)
"""
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert out.stdout.strip() == "status 0"
