"""Draws of random models against their exact posteriors: every prior, weights, offsets, few rows, many columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import DataWarning, _core
from statistical.marginals import Array, Marginal
from statistical.models import fitted_draws, model_and_regression, simulated_frame
from statistical.oracle import Oracle, Regression, as_scipy, grid_marginals
from statistical.scores import MIN_ESS_PER_DRAW, Z_LIMIT, ess_per_draw, worst

pytestmark = pytest.mark.statistical

SIGMA_PRIORS = {
    "HalfCauchy": fb.HalfCauchy(0.5),
    "HalfNormal": fb.HalfNormal(0.4),
    "HalfStudentT": fb.HalfStudentT(4, 0.5),
    "HalfFlat": fb.HalfFlat(),
    "Exponential": fb.Exponential(3),
    "Gamma": fb.Gamma(2, 4),
    "InverseGamma": fb.InverseGamma(3, 1),
    "Uniform": fb.Uniform(0, 100),
}
# Of a coefficient, given what least squares say of it: each pulls by about a standard error.
COEFFICIENT_PRIORS: dict[str, Callable[[float, float], fb.Prior]] = {
    "StudentT": lambda estimate, error: fb.StudentT(3, estimate + 2 * error, error),
    "Cauchy": lambda estimate, error: fb.Cauchy(estimate - 2 * error, error),
    "Laplace": lambda estimate, error: fb.Laplace(estimate + error, error),
    "Uniform": lambda estimate, error: fb.Uniform(estimate - 9 * error, estimate + 12 * error),
}

# Of a slope, given its standard error.
POSITIVE_PRIORS: dict[str, Callable[[float], fb.Prior]] = {
    "HalfNormal": fb.HalfNormal,
    "HalfCauchy": lambda error: fb.HalfCauchy(2 * error),
    "HalfStudentT": lambda error: fb.HalfStudentT(3, error),
    "Exponential": lambda error: fb.Exponential(1 / error),
    "Gamma": lambda error: fb.Gamma(2, 1 / error),
    "InverseGamma": lambda error: fb.InverseGamma(3, error),
}


def check(
    model: fb.Model,
    exact: Sequence[Marginal],
    seed: int,
    *,
    least_ess: float = MIN_ESS_PER_DRAW,
    n_draws: int = 1000,
) -> Any:
    """Fit, and hold draws, divergences and effective sample sizes to account; `least_ess` is a share of the draws."""
    draws, idata = fitted_draws(model, seed, n_draws)
    name, score = worst(draws, exact)
    assert abs(score) < Z_LIMIT, f"{name} is off by {score:.2f} Monte Carlo standard errors"
    assert not np.any(idata.sample_stats["diverging"])
    for parameter, ess in ess_per_draw(draws).items():
        assert ess >= least_ess, f"{ess:.2f} effective draws per draw of {parameter}"
    return idata


def normal_priors(columns: list[str], intercept: bool = True) -> dict[str, fb.Prior]:
    priors = {name: fb.Normal(0.2, 0.7) for name in columns}
    if intercept:
        priors["Intercept"] = fb.Normal(1, 0.5)
    return {**priors, "sigma": fb.HalfCauchy(0.5)}


def flat_priors(columns: list[str], intercept: bool = True) -> dict[str, fb.Prior]:
    priors = dict.fromkeys([*columns, *["Intercept"] * intercept], fb.Flat())
    return {**priors, "sigma": fb.HalfFlat()}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("kind", ["normal", "flat"])
@pytest.mark.parametrize("intercept", ["centred", "uncentred", "none"])
def test_intercepts_weights_and_offsets(intercept: str, kind: str, weighted: bool) -> None:
    columns = ["x1", "x2", "x3"]
    make = normal_priors if kind == "normal" else flat_priors
    model, regression = model_and_regression(
        simulated_frame(25, 3, seed=11),
        columns,
        make(columns, intercept != "none"),
        intercept=intercept != "none",
        center_predictors=intercept == "centred",
        weighted=weighted,
        offset=True,
    )
    check(model, Oracle(regression).marginals(), seed=12)


@pytest.mark.parametrize("name", SIGMA_PRIORS)
@pytest.mark.parametrize("n", [8, 30])
def test_priors_of_sigma(name: str, n: int) -> None:
    priors = {**normal_priors(["x1", "x2"]), "sigma": SIGMA_PRIORS[name]}
    model, regression = model_and_regression(simulated_frame(n, 2, seed=21), ["x1", "x2"], priors)
    check(model, Oracle(regression).marginals(), seed=22)


@pytest.mark.parametrize("n", [8, 30])
def test_uniform_prior_of_sigma_that_cuts_the_posterior_off(n: int) -> None:
    priors = {**normal_priors(["x1", "x2"]), "sigma": fb.Uniform(0, 0.8)}
    model, regression = model_and_regression(simulated_frame(n, 2, seed=21), ["x1", "x2"], priors)
    check(model, Oracle(regression).marginals(), seed=23)


def with_prior(parameter: str, make: Callable[[float, float], fb.Prior]) -> tuple[fb.Model, Regression]:
    """A regression of 30 rows where one coefficient has a prior made from its least-squares estimate and error."""
    frame = simulated_frame(30, 2, seed=31)
    frame[["x1", "x2"]] -= frame[["x1", "x2"]].mean()  # so that both intercepts are the same
    fit = fb.Model("y ~ x1 + x2", frame, offset="o").least_squares().loc[parameter].to_numpy()
    priors = {**normal_priors(["x1", "x2"]), parameter: make(*fit)}
    return model_and_regression(frame, ["x1", "x2"], priors, offset=True)


@pytest.mark.parametrize("name", COEFFICIENT_PRIORS)
@pytest.mark.parametrize("parameter", ["x2", "Intercept"])
def test_priors_of_other_shapes(name: str, parameter: str) -> None:
    model, regression = with_prior(parameter, COEFFICIENT_PRIORS[name])
    # The gradient jumps at a Laplace prior's mode, and where it does the leapfrog is of first order only.
    least_ess = 0.5 if name == "Laplace" else MIN_ESS_PER_DRAW
    check(model, Oracle(regression).marginals(), seed=32, least_ess=least_ess)


@pytest.mark.parametrize("name", POSITIVE_PRIORS)
def test_positive_priors_of_a_slope_that_is_not(name: str) -> None:
    """The data are for a negative slope, so that the posterior piles up at 0."""
    model, regression = with_prior("x2", lambda _, error: POSITIVE_PRIORS[name](error))
    check(model, Oracle(regression).marginals(), seed=37)


@pytest.mark.parametrize("prior", [fb.HalfNormal(0.3), fb.Uniform(0.1, 0.6), fb.Gamma(2, 8)])
@pytest.mark.parametrize("level", [0.3, -0.5])
def test_intercept_at_zero_of_which_the_prior_has_an_edge(level: float, prior: fb.Prior) -> None:
    """Far from the predictor means the intercept depends on the slope, and its edge cuts both off."""
    frame = simulated_frame(30, 1, seed=38)
    frame["x1"] += 3 - frame["x1"].mean()
    frame["y"] = level + frame["x1"] + 0.7 * np.random.default_rng(39).normal(size=30)
    priors = {"Intercept": prior, "x1": fb.Normal(0, 5), "sigma": fb.HalfNormal(2)}
    model, regression = model_and_regression(frame, ["x1"], priors, center_predictors=False)
    check(model, Oracle(regression).marginals(), seed=39)


@pytest.mark.parametrize("parameter", ["x2", "Intercept"])
def test_uniform_prior_that_cuts_the_posterior_off(parameter: str) -> None:
    model, regression = with_prior(
        parameter, lambda estimate, error: fb.Uniform(estimate - 0.7 * error, estimate + error)
    )
    check(model, Oracle(regression).marginals(), seed=35)


@pytest.mark.parametrize("name", ["StudentT", "Cauchy", "Laplace"])
def test_prior_and_data_in_conflict(name: str) -> None:
    """Ten standard errors apart, with two ways out: a coefficient that gives in, or a larger sigma."""

    def far_away(estimate: float, error: float) -> fb.Prior:
        return COEFFICIENT_PRIORS[name](estimate + 10 * error, error / 3)

    model, regression = with_prior("x2", far_away)
    # Two modes, and for Laplace a kink between them: slow, so more draws, but exact.
    check(model, Oracle(regression).marginals(), seed=36, least_ess=0.05, n_draws=5000)


def test_two_priors_of_other_shapes() -> None:
    priors = {"Intercept": fb.StudentT(4, 1, 0.3), "x1": fb.Cauchy(0, 0.2), "sigma": fb.InverseGamma(3, 2)}
    frame = simulated_frame(20, 1, seed=33)
    model, regression = model_and_regression(frame, ["x1"], priors, center_predictors=False)
    check(model, grid_marginals(regression), seed=34)


@pytest.mark.parametrize("n", range(3, 9))
@pytest.mark.parametrize("kind", ["normal", "flat"])
def test_few_rows(n: int, kind: str) -> None:
    columns = ["x1"] if n < 5 else ["x1", "x2", "x3"]
    priors = normal_priors(columns)
    if kind == "flat":
        priors |= {**flat_priors(columns), "sigma": fb.Gamma(3, 4)}
    model, regression = model_and_regression(simulated_frame(n, 3, seed=40 + n), columns, priors)
    check(model, Oracle(regression).marginals(), seed=41)


def test_more_columns_than_rows() -> None:
    columns = [f"x{j + 1}" for j in range(50)]
    model, regression = model_and_regression(simulated_frame(5, 50, seed=51), columns, normal_priors(columns))
    with pytest.warns(DataWarning, match="5 rows cannot determine 51 coefficients"):
        check(model, Oracle(regression).marginals(), seed=52)


def test_collinear_columns_with_proper_priors() -> None:
    frame = simulated_frame(40, 2, seed=61)
    frame["x3"] = frame["x1"] - 2 * frame["x2"]
    columns = ["x1", "x2", "x3"]
    model, regression = model_and_regression(frame, columns, normal_priors(columns))
    with pytest.warns(DataWarning, match="exactly collinear"):
        check(model, Oracle(regression).marginals(), seed=62)


def test_priors_that_differ_between_levels_of_a_factor() -> None:
    rng = np.random.default_rng(71)
    frame = pd.DataFrame({"g": rng.choice(list("abcd"), size=60), "x": rng.normal(3, 2, size=60)})
    frame["y"] = frame["g"].map({"a": 0.0, "b": 1.0, "c": -1.0, "d": 0.3}) + 0.4 * frame["x"] + rng.normal(size=60)
    by_level = fb.Normal([0.0, -0.5, 1.0], [1.0, 0.1, 0.3])
    priors = {"Intercept": fb.Normal(0, 2), "g": by_level, "x": fb.Normal(0, 1), "sigma": fb.Exponential(1)}
    columns = [(frame["g"] == level).to_numpy(dtype=float) for level in "bcd"]
    levels = [fb.Normal(mu, sigma) for mu, sigma in zip(*by_level.params.values(), strict=True)]
    regression = Regression(
        np.column_stack([*columns, frame["x"]]),
        frame["y"].to_numpy(),
        [as_scipy(prior) for prior in (priors["Intercept"], *levels, priors["x"])],
        as_scipy(priors["sigma"]),
    )
    idata = check(fb.Model("y ~ g + x", frame, priors=priors), Oracle(regression).marginals(), seed=72)
    assert list(idata.posterior["g_dim"].values) == ["b", "c", "d"]


@pytest.fixture(scope="module")
def polynomial() -> pd.DataFrame:
    rng = np.random.default_rng(81)
    x = rng.normal(1000, 1, size=1000)
    return pd.DataFrame({"x": x, "y": 2 + 0.5 * (x - 1000) - 0.3 * (x - 1000) ** 2 + rng.normal(size=1000)})


@pytest.mark.parametrize("center_predictors", [True, False])
@pytest.mark.parametrize("kind", ["flat", "wide"])
def test_raw_polynomials_far_from_zero(polynomial: pd.DataFrame, kind: str, center_predictors: bool) -> None:
    """x and x² at 1000 ± 1: the condition number of the raw columns is 10¹², of the centred ones 10³."""
    wide = kind == "wide"
    coefficients = ["Intercept", "x", "I(x ** 2)"]
    priors: dict[str, fb.Prior] = {name: fb.Normal(0, 1e8) if wide else fb.Flat() for name in coefficients}
    priors["sigma"] = fb.HalfCauchy(5) if wide else fb.HalfFlat()
    x = polynomial["x"].to_numpy()
    regression = Regression(
        np.column_stack([x, x**2]),
        polynomial["y"].to_numpy(),
        [as_scipy(priors[name]) for name in coefficients],
        as_scipy(priors["sigma"]),
        intercept_at_means=center_predictors,
    )
    model = fb.Model("y ~ x + I(x**2)", polynomial, priors=priors, center_predictors=center_predictors)
    idata = check(model, Oracle(regression).marginals(), seed=82)
    for variable in idata.posterior.data_vars.values():
        draws: Array = np.ascontiguousarray(variable)
        assert _core.split_rhat(draws) < 1.01
