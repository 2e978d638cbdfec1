"""The oracle itself: against exact summaries of real regressions, brute force on a grid, and closed forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import filbert as fb
import numpy as np
import pytest
from formulaic import Formula
from scipy import stats
from statistical.cases import case_names, read_case
from statistical.models import model_and_regression, simulated_frame
from statistical.oracle import Oracle, Regression, as_scipy, grid_marginals
from statistical.scores import QUANTILES

if TYPE_CHECKING:
    from statistical.marginals import Marginal

pytestmark = pytest.mark.statistical


def statistics(marginal: Marginal) -> dict[str, float]:
    quantiles = {name: marginal.quantile(probability) for name, probability in QUANTILES.items()}
    return {"mean": marginal.mean, "sd": marginal.sd, **quantiles}


def assert_same(ours: dict[str, float], theirs: dict[str, float], tolerance: float) -> None:
    """Compare locations in posterior standard deviations, and these relatively."""
    for name, value in theirs.items():
        assert abs(ours[name] - value) < tolerance * theirs["sd"], name


@pytest.mark.parametrize("name", case_names())
def test_oracle_equals_the_exact_summaries(name: str) -> None:
    case = read_case(name)
    formula = Formula(case.formula)
    X = formula.rhs.get_model_matrix(case.data)
    y = formula.lhs.get_model_matrix(case.data).to_numpy()[:, 0]
    intercept = "Intercept" in X.columns
    regression = Regression(
        X[[column for column in X.columns if column != "Intercept"]].to_numpy(dtype=float),
        y,
        [as_scipy(case.priors[column]) for column in case.columns[:-1]],
        as_scipy(case.priors["sigma"]),
        intercept=intercept,
        intercept_at_means=case.intercept_at_means,
    )
    for exact, marginal in zip(case.exact, Oracle(regression).marginals(), strict=True):
        assert_same(statistics(marginal), exact, 1e-6)


PRIORS_ON_A_SLOPE = {
    "StudentT": fb.StudentT(3, -0.4, 0.1),
    "Cauchy": fb.Cauchy(0.0, 0.1),
    "Normal": fb.Normal(-0.4, 0.1),
}


@pytest.mark.parametrize("kind", PRIORS_ON_A_SLOPE)
@pytest.mark.parametrize("weighted", [False, True])
def test_oracle_equals_brute_force(kind: str, weighted: bool) -> None:
    priors = {"Intercept": fb.Normal(1, 0.5), "x1": PRIORS_ON_A_SLOPE[kind], "sigma": fb.Gamma(3, 4)}
    _, regression = model_and_regression(
        simulated_frame(30, 1, seed=5), ["x1"], priors, center_predictors=False, weighted=weighted, offset=True
    )
    for ours, brute in zip(Oracle(regression).marginals(), grid_marginals(regression), strict=True):
        assert_same(statistics(ours), statistics(brute), 1e-5)


def test_flat_priors_give_the_classical_t_and_chi_square() -> None:
    """With p(σ) flat: slopes are t and RSS/σ² is chi-square, each with n - p - 1 degrees of freedom."""
    priors = {"Intercept": fb.Flat(), "x1": fb.Flat(), "x2": fb.Flat(), "sigma": fb.HalfFlat()}
    model, regression = model_and_regression(simulated_frame(25, 2, seed=8), ["x1", "x2"], priors)
    fit = model.least_squares()
    freedom = fit.attrs["degrees_of_freedom"] - 1
    widening = np.sqrt(fit.attrs["degrees_of_freedom"] / freedom)
    *coefficients, sigma = Oracle(regression).marginals()
    for (_, row), marginal in zip(fit.iterrows(), coefficients, strict=True):
        exact = stats.t(freedom, row["estimate"], row["standard_error"] * widening)
        for probability in QUANTILES.values():
            assert abs(marginal.quantile(probability) - exact.ppf(probability)) < 1e-8 * exact.std()
    squares = fit.attrs["residual_sum_of_squares"]
    for probability in QUANTILES.values():
        exact_sigma = np.sqrt(squares / stats.chi2(freedom).isf(probability))
        np.testing.assert_allclose(sigma.quantile(probability), exact_sigma, rtol=1e-6)


def test_uniform_prior_truncates() -> None:
    """A slope whose prior is uniform has the flat prior's posterior, given sigma, cut at the ends."""
    frame = simulated_frame(40, 1, seed=9)
    others = {"Intercept": fb.Flat(), "sigma": fb.HalfFlat()}
    _, flat = model_and_regression(frame, ["x1"], {**others, "x1": fb.Flat()})
    untouched = Oracle(flat).marginals()[1]
    low, high = untouched.quantile(0.3), untouched.quantile(0.9)
    _, cut = model_and_regression(frame, ["x1"], {**others, "x1": fb.Uniform(low, high)})
    marginal = Oracle(cut).marginals()[1]
    for probability in QUANTILES.values():
        expected = untouched.quantile(0.3 + 0.6 * probability)
        assert abs(marginal.quantile(probability) - expected) < 1e-7 * untouched.sd
