"""Draws as numbers: the same for a seed on any number of cores, different between chains, and readable by ArviZ."""

from __future__ import annotations

import warnings
from typing import Any

import filbert as fb
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from statistical.models import simulated_frame
from statistical.scores import MIN_ESS_PER_DRAW, draws_by_name, ess_per_draw

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ 0.23 announces ArviZ 1 when it is imported
    import arviz as az

mpl.use("agg")

pytestmark = pytest.mark.statistical

Seed = int | np.random.Generator


@pytest.fixture(scope="module")
def model() -> fb.Model:
    return fb.Model("y ~ x1 + x2 + x3", simulated_frame(50, 3, seed=101))


def fitted(model: fb.Model, seed: Seed, **settings: Any) -> dict[str, Any]:
    """Draws and statistics of the sampler, by name."""
    idata = model.fit(draws=1000, tune=500, random_seed=seed, progressbar=False, **settings)
    return draws_by_name(idata) | {name: np.asarray(values) for name, values in idata.sample_stats.data_vars.items()}


def assert_equal(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert left.keys() == right.keys()
    for name, values in left.items():
        np.testing.assert_array_equal(values, right[name], strict=True, err_msg=name)


def test_draws_do_not_depend_on_cores(model: fb.Model) -> None:
    one = fitted(model, 7, cores=1)
    for cores in (2, 4):
        assert_equal(fitted(model, 7, cores=cores), one)


def test_a_generator_is_a_seed(model: fb.Model) -> None:
    first = fitted(model, np.random.default_rng(7))
    assert_equal(fitted(model, np.random.default_rng(7)), first)
    generator = np.random.default_rng(7)
    assert_equal(fitted(model, generator), first)
    assert not np.array_equal(fitted(model, generator)["x1"], first["x1"])  # it has moved on


def test_the_seed_used_is_kept(model: fb.Model) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fb.ConvergenceWarning)  # the seed is another one each time
        idata = model.fit(draws=1000, tune=500, progressbar=False)
        again = fitted(model, int(idata.posterior.attrs["random_seed"]))
    np.testing.assert_array_equal(np.asarray(idata.posterior["x1"]), again["x1"])


def test_seeds_and_chains_differ(model: fb.Model) -> None:
    fits = [fitted(model, seed, chains=8) for seed in (0, 1, 2, 2**32, 2**63)]
    for name in ("Intercept", "x1", "sigma"):
        chains = np.concatenate([fit[name] for fit in fits])
        # A draw occurs twice only where a chain stayed where it was, so that different chains have none in common.
        per_chain = [set(chain) for chain in chains]
        assert len(set().union(*per_chain)) == sum(map(len, per_chain))
        correlation = np.corrcoef(chains)[np.triu_indices(len(chains), 1)]
        assert np.abs(correlation).max() < 5.0 / np.sqrt(chains.shape[1])


def test_more_chains_leave_the_first_ones_as_they_are(model: fb.Model) -> None:
    two, four = fitted(model, 3, chains=2), fitted(model, 3, chains=4)
    np.testing.assert_array_equal(four["x1"][:2], two["x1"])


@pytest.fixture(scope="module")
def tutorial() -> Any:
    """The tutorial's model of 200 rows on the line y = 1 + 2x."""
    rng = np.random.default_rng(123)
    x = np.linspace(0, 1, 200)
    data = pd.DataFrame({"x": x, "y": 1 + 2 * x + rng.normal(scale=0.5, size=200)})
    priors = {"sigma": fb.HalfCauchy(10), "Intercept": fb.Normal(0, 20), "x": fb.Normal(0, 20)}
    return fb.Model("y ~ x", data, priors=priors).fit(3000, random_seed=124, progressbar=False)


def test_tutorial_draws(tutorial: Any) -> None:
    draws = draws_by_name(tutorial)
    assert list(draws) == ["Intercept", "x", "sigma"]
    for name, ess in ess_per_draw(draws).items():
        assert draws[name].shape == (4, 3000)
        assert ess >= MIN_ESS_PER_DRAW, f"{ess:.2f} effective draws per draw of {name}"
    assert not np.any(tutorial.sample_stats["diverging"])


def test_tutorial_summary(tutorial: Any) -> None:
    table = az.summary(tutorial, round_to="none")
    assert list(table.index) == ["Intercept", "x", "sigma"]
    for name, values in draws_by_name(tutorial).items():
        np.testing.assert_allclose(float(table.loc[name, "mean"]), values.mean(), rtol=1e-12)
        assert float(table.loc[name, "r_hat"]) < 1.01
        assert float(table.loc[name, "ess_bulk"]) >= MIN_ESS_PER_DRAW * values.size


def test_tutorial_trace_plot(tutorial: Any) -> None:
    plot = getattr(az, "plot_trace_dist", None) or az.plot_trace  # its names in ArviZ 1 and 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ and Matplotlib speak of their own futures
        plot(tutorial)
    figure = plt.gcf()
    assert len(figure.axes) == 6
    assert all(axes.lines or axes.collections for axes in figure.axes)
    plt.close(figure)
