"""Code as bambi's users write it for Gaussian models, with only the import changed."""

from __future__ import annotations

import itertools
from typing import Any

import filbert as bmb
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.statistical


def coordinates(idata: Any, name: str) -> list[Any]:
    return list(idata.posterior[f"{name}_dim"].values)


@pytest.fixture(scope="module")
def crossed() -> pd.DataFrame:
    rng = np.random.default_rng(1234)
    rows = itertools.product("abc", "abcd", range(10))
    data = pd.DataFrame(rows, columns=["threecats", "fourcats", "item"])
    data["continuous"] = rng.normal(size=len(data))
    data["dummy"] = rng.integers(2, size=len(data))
    data["Y"] = data["continuous"] + (data["threecats"] == "b") + rng.normal(size=len(data))
    return data


@pytest.fixture(scope="module")
def survey() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    data = pd.DataFrame(rng.normal(100, 20, size=(300, 5)), columns=list("ocean"))
    data["drugs"] = 2 + data @ np.array([0.01, -0.005, 0.0, -0.002, 0.004]) + rng.normal(scale=0.6, size=300)
    return data


def test_quick_start() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=50), "x": rng.normal(size=50), "z": rng.normal(size=50)})
    model = bmb.Model("y ~ x + z", data)
    text = str(model)
    for line in (
        "Formula: y ~ x + z",
        "Family: gaussian",
        "Link: mu = identity",
        "Observations: 50",
        "Auxiliary parameters",
    ):
        assert line in text
    results = model.fit(draws=2000, chains=2, random_seed=0)
    assert dict(results.posterior.sizes) == {"chain": 2, "draw": 2000}
    assert list(results.posterior.data_vars) == ["Intercept", "x", "z", "sigma"]


def test_multiple_regression(survey: pd.DataFrame) -> None:
    model = bmb.Model("drugs ~ o + c + e + a + n", survey)
    fitted = model.fit(tune=2000, draws=2000, init="auto", target_accept=0.9, random_seed=1)
    posterior = fitted.posterior
    assert set(posterior.data_vars) == {"Intercept", "o", "c", "e", "a", "n", "sigma"}
    # Weak default priors leave least squares as it is.
    fit = model.least_squares()
    for name in "ocean":
        estimate, error = fit.loc[name].to_numpy()
        assert abs(float(posterior[name].mean()) - estimate) < 0.1 * error


def test_priors(survey: pd.DataFrame) -> None:
    prior = bmb.Prior("Normal", mu=0, sigma=0.001)
    model = bmb.Model("drugs ~ o + c", survey, priors={"Intercept": bmb.Prior("Normal", mu=2, sigma=3), "o": prior})
    model.set_priors(priors={"sigma": bmb.Prior("HalfStudentT", nu=4, sigma=0.5)})
    results = model.fit(random_seed=2)
    estimate, error = model.least_squares().loc["o"].to_numpy()
    shrunk = estimate / (1 + (error / 0.001) ** 2)
    assert abs(float(results.posterior["o"].mean()) - shrunk) < 0.1 * error
    model.set_priors(common=bmb.Prior("Normal", mu=0, sigma=1e-6))
    assert abs(float(model.fit(random_seed=3).posterior["c"].mean())) < 1e-6


@pytest.mark.parametrize(
    ("formula", "variables"),
    [
        ("Y ~ 1", []),
        ("Y ~ 0 + continuous", ["continuous"]),
        ("Y ~ 0 + threecats", ["threecats"]),
        ("Y ~ 0 + threecats + continuous", ["threecats", "continuous"]),
        ("Y ~ threecats*fourcats", ["threecats", "fourcats", "threecats:fourcats"]),
        ("Y ~ 0 + threecats*fourcats", ["threecats", "fourcats", "threecats:fourcats"]),
        ("Y ~ 0 + threecats:fourcats", ["threecats:fourcats"]),
    ],
)
def test_factors(crossed: pd.DataFrame, formula: str, variables: list[str]) -> None:
    idata = bmb.Model(formula, crossed).fit(tune=500, draws=1000, random_seed=4)
    intercept = [] if "0" in formula else ["Intercept"]
    assert set(idata.posterior.data_vars) == {*intercept, *variables, "sigma"}
    for name in variables:
        if name == "continuous":
            continue
        whole = "0" in formula and name == variables[0]  # without an intercept the first factor keeps its first level
        levels = [list("abcd" if factor == "fourcats" else "abc")[not whole :] for factor in name.split(":")]
        # Of an interaction formulaic varies the first factor fastest, bambi the last.
        assert sorted(coordinates(idata, name)) == [", ".join(each) for each in itertools.product(*levels)]


def test_categorical_argument_and_extra_namespace(crossed: pd.DataFrame) -> None:
    data = crossed.assign(month=np.arange(len(crossed)) % 3)
    model = bmb.Model(
        "Y ~ month + halved(continuous)", data, categorical="month", extra_namespace={"halved": lambda x: x / 2}
    )
    idata = model.fit(draws=1000, random_seed=5)
    assert coordinates(idata, "month") == [1, 2]
    assert "halved(continuous)" in idata.posterior.data_vars


def test_missing_rows_are_dropped_on_request(crossed: pd.DataFrame) -> None:
    data = crossed.copy()
    data.loc[[3, 17], "continuous"] = np.nan
    idata = bmb.Model("Y ~ continuous", data, dropna=True).fit(draws=1000, random_seed=6)
    assert idata.observed_data["Y"].shape == (118,)


def test_falling_ball() -> None:
    """A polynomial in time, with and without what is known of the fall."""
    t = np.linspace(0, 2, 40)
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"t": t, "x": 50 - 4.905 * t**2 + rng.normal(scale=0.3, size=40)})
    results = bmb.Model("x ~ I(t**2) + t", data).fit(random_seed=8)
    assert "I(t ** 2)" in results.posterior.data_vars
    priors = {
        "I(t**2)": bmb.Prior("Normal", mu=-4.9, sigma=0.2),
        "t": bmb.Prior("Normal", mu=0, sigma=0.1),
        "sigma": bmb.Prior("HalfNormal", sigma=1),
    }
    informed = bmb.Model("x ~ I(t**2) + t", data, priors=priors).fit(random_seed=9)
    gravity = -2 * informed.posterior["I(t ** 2)"]
    assert abs(float(gravity.mean()) - 9.81) < 0.2
    assert float(gravity.std()) < float((2 * results.posterior["I(t ** 2)"]).std())


def test_splines_without_an_intercept() -> None:
    year = np.arange(1000, 1400)
    rng = np.random.default_rng(10)
    data = pd.DataFrame({"year": year, "doy": 100 + 5 * np.sin(year / 60) + rng.normal(scale=4, size=len(year))})
    knots = np.quantile(data["year"], np.linspace(0, 1, 8))[1:-1]
    priors = {"common": bmb.Prior("Normal", mu=100, sigma=10), "sigma": bmb.Prior("Exponential", lam=1)}
    formula = "doy ~ 0 + bs(year, knots=knots, include_intercept=True)"
    model = bmb.Model(formula, data, priors=priors, extra_namespace={"knots": knots})
    idata = model.fit(draws=1000, random_seed=11)
    name, sigma = idata.posterior.data_vars
    assert (str(name)[:8], sigma) == ("bs(year,", "sigma")
    assert coordinates(idata, name) == list(range(10))


def test_no_scaling_of_priors(crossed: pd.DataFrame) -> None:
    model = bmb.Model("Y ~ continuous", crossed, auto_scale=False, center_predictors=False)
    assert model.priors["continuous"] == model.priors["Intercept"] == bmb.Prior("Flat")
    assert model.priors["sigma"] == bmb.Prior("HalfNormal", sigma=1)
    posterior = model.fit(random_seed=12).posterior
    estimate, error = model.least_squares().loc["continuous"].to_numpy()
    assert abs(float(posterior["continuous"].mean()) - estimate) < 0.1 * error


def test_the_order_in_which_priors_win(crossed: pd.DataFrame) -> None:
    """As bambi 0.21.0 prints them after the same calls, but for the intercept, which "common" does not mean here."""
    normal = {width: bmb.Prior("Normal", mu=0, sigma=width) for width in (2, 3, 7, 8)}
    model = bmb.Model("Y ~ continuous + threecats", crossed, priors={"continuous": normal[7]})
    model.set_priors(common=normal[2])
    assert (model.priors["continuous"], model.priors["threecats"]) == (normal[2], normal[2])
    model.set_priors({"continuous": normal[3]})
    assert (model.priors["continuous"], model.priors["threecats"]) == (normal[3], normal[2])
    model.set_priors({"threecats": normal[3]}, common=normal[8])
    assert (model.priors["continuous"], model.priors["threecats"]) == (normal[8], normal[3])
    model.set_priors({"common": normal[2], "continuous": normal[7]}, None, None)
    assert (model.priors["continuous"], model.priors["threecats"]) == (normal[7], normal[2])


def test_arguments_of_fit(crossed: pd.DataFrame) -> None:
    model = bmb.Model("Y ~ continuous", crossed, potentials=None, noncentered=False)
    model.build()
    idata = model.fit(
        draws=1000,
        tune=1000,
        discard_tuned_samples=True,
        omit_offsets=False,
        include_response_params=True,
        inference_method="nutpie",
        init="jitter+adapt_diag",
        n_init=50_000,
        chains=2,
        cores=1,
        random_seed=13,
        nuts={"target_accept": 0.95},
        idata_kwargs={"log_likelihood": True},
        progressbar=False,
    )
    assert idata.posterior["mu"].sizes["__obs__"] == len(crossed)
    assert idata.log_likelihood["Y"].shape == (2, 1000, len(crossed))
    assert idata.posterior.attrs["target_accept"] == 0.95
    model.compute_log_likelihood(idata, None, inplace=True)
    draws = model.r2_score(idata, summary=False)
    assert model.r2_score(idata)["r2"] == draws.mean()
    model.predict(idata, kind="response", include_group_specific=True, sample_new_groups=False, random_seed=1)
    assert idata.posterior_predictive["Y"].sizes["__obs__"] == len(crossed)
    prior = model.prior_predictive(100, ["continuous", "Y"], True, 3)
    assert list(prior.prior.data_vars) == ["continuous"]
    assert list(prior.prior_predictive.data_vars) == ["Y"]


def test_interpret(crossed: pd.DataFrame) -> None:
    model = bmb.Model("Y ~ continuous * threecats", crossed)
    idata = model.fit(random_seed=14)
    summary = bmb.interpret.predictions(
        model, idata, {"continuous": [0, 1], "threecats": ["a", "c"]}, None, "mean", False, [0.5, 0.9]
    ).summary
    names = ["lower_5.0%", "upper_95.0%", "lower_25.0%", "upper_75.0%"]
    assert list(summary.columns) == ["continuous", "threecats", "estimate", *names]
    values = np.sort(np.asarray(idata.posterior["Intercept"]).ravel())
    assert summary["upper_75.0%"][0] == pytest.approx(np.quantile(values, 0.75), rel=1e-6)
    contrast = bmb.interpret.comparisons(
        model, idata, {"threecats": ["a", "b"]}, "continuous", "all", "mean", lambda low, high: high - low
    ).summary
    assert (contrast["value"][0], contrast["estimate_type"][0]) == ("a_vs_b", "<lambda>")
    slopes = bmb.interpret.slopes(
        model, idata, "continuous", "threecats", target="mean", sample_new_groups=None
    ).summary
    estimate = model.least_squares()["estimate"]
    assert abs(slopes["estimate"][0] - estimate["continuous"]) < 0.1
    noisy = bmb.interpret.predictions(model, idata, "continuous", target="Y").summary
    assert (noisy["upper_97.0%"] - noisy["lower_3.0%"]).min() > 3
    bmb.interpret.plot_predictions(model, idata, "continuous")
