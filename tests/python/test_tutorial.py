"""PyMC's tutorial "GLM: Linear regression" in its own words: other imports, and the names of ArviZ 1 where that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from containers import ARVIZ_MAJOR

RANDOM_SEED = 8927


@pytest.fixture(scope="module")
def tutorial() -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(RANDOM_SEED)
    size = 200
    true_intercept = 1
    true_slope = 2
    x = np.linspace(0, 1, size)
    true_regression_line = true_intercept + true_slope * x
    y = true_regression_line + rng.normal(scale=0.5, size=size)
    return x, y, pd.DataFrame({"x": x, "y": y})


@pytest.fixture(autouse=True)
def _no_open_figures() -> Iterator[None]:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def explicit(x: np.ndarray, y: np.ndarray):
    from filbert import explicit as pm

    with pm.Model():
        sigma = pm.HalfCauchy("sigma", beta=10)
        intercept = pm.Normal("Intercept", 0, sigma=20)
        slope = pm.Normal("slope", 0, sigma=20)

        likelihood = pm.Normal("y", mu=intercept + slope * x, sigma=sigma, observed=y)  # noqa: F841

        return pm.sample(3000, random_seed=RANDOM_SEED)


def formula(data: pd.DataFrame):
    import filbert as bmb

    model = bmb.Model("y ~ x", data)
    return model, model.fit(draws=3000, random_seed=RANDOM_SEED)


def check_means(idata, data: pd.DataFrame, slope: str) -> None:
    """The posterior is that of least squares, but for vague priors: within a tenth of a standard error."""
    import statistics

    expected = statistics.linear_regression(data["x"], data["y"])
    posterior = idata["posterior"]
    error = float(posterior[slope].std()) / 10
    assert float(posterior[slope].mean()) == pytest.approx(expected.slope, abs=error)
    assert float(posterior["Intercept"].mean()) == pytest.approx(expected.intercept, abs=error)
    assert float(posterior["sigma"].mean()) == pytest.approx(0.5, abs=0.05)


def drawn_lines(ax) -> int:
    return len(ax.get_lines()) + sum(len(collection.get_paths()) for collection in ax.collections)


@pytest.mark.parametrize("form", ["explicit", "formula"])
def test_models_and_summary(form: str, tutorial) -> None:
    import arviz as az

    x, y, data = tutorial
    idata = explicit(x, y) if form == "explicit" else formula(data)[1]
    slope = "slope" if form == "explicit" else "x"
    check_means(idata, data, slope)
    assert idata["posterior"].sizes["draw"] == 3000
    table = az.summary(idata)
    assert {"Intercept", slope, "sigma"} <= set(table.index)


@pytest.mark.parametrize("form", ["explicit", "formula"])
def test_trace_plot(form: str, tutorial) -> None:
    import arviz as az

    x, y, data = tutorial
    idata = explicit(x, y) if form == "explicit" else formula(data)[1]
    if ARVIZ_MAJOR == 0:
        axes = az.plot_trace(idata, figsize=(10, 7))
        assert axes.shape == (3, 2)
        assert all(drawn_lines(ax) for ax in axes.ravel())
    else:
        import matplotlib.pyplot as plt

        az.plot_trace_dist(idata)
        assert len(plt.gcf().axes) == 6


@pytest.mark.filterwarnings("ignore:posterior_predictive not found")  # ArviZ 0 says so to PyMC's users as well
@pytest.mark.parametrize("form", ["explicit", "formula"])
def test_regression_lines(form: str, tutorial) -> None:
    import arviz as az
    import matplotlib.pyplot as plt
    import xarray as xr

    x, y, data = tutorial
    model, idata = (None, explicit(x, y)) if form == "explicit" else formula(data)
    slope = "slope" if form == "explicit" else "x"
    if ARVIZ_MAJOR == 0:
        idata.posterior["y_model"] = idata.posterior["Intercept"] + idata.posterior[slope] * xr.DataArray(x)
        _, ax = plt.subplots(figsize=(7, 7))
        az.plot_lm(idata=idata, y="y", num_samples=100, axes=ax, y_model="y_model")
        assert drawn_lines(ax)
        # ArviZ 0.23 takes draws for rows here, and leaves the lines out unless there are as many of both.
        az.plot_lm(idata=idata, y="y", num_samples=200, axes=ax, y_model="y_model")
        assert drawn_lines(ax) >= 200
        return
    idata["posterior"]["y_model"] = idata["posterior"]["Intercept"] + idata["posterior"][slope] * xr.DataArray(x)
    assert idata["posterior"]["y_model"].shape == (4, 3000, 200)
    if model is not None:
        model.predict(idata, kind="response", random_seed=1)
        az.plot_lm(idata, x="x", y="y")
        assert plt.get_fignums()


def test_posterior_predictive_checks(tutorial) -> None:
    import arviz as az
    import matplotlib.pyplot as plt

    model, idata = formula(tutorial[2])
    model.predict(idata, kind="response", random_seed=1)
    if ARVIZ_MAJOR == 0:
        az.plot_ppc(idata, num_pp_samples=20)
    else:
        az.plot_ppc_dist(idata, num_samples=20)
    assert plt.get_fignums()
