"""Model.prior_predictive: each prior against SciPy's distribution, the centred intercept, and refusals."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pytest
from containers import ARVIZ_MAJOR
from design_checks import make_frame
from filbert.errors import DataTypeError, DataWarning, FormulaError, PriorError, SettingError
from filbert.predict.prior_predictive import prior_draws
from scipy import stats
from statistical.oracle import as_scipy

DRAWS = 20_000
TOO_FAR = 1.95  # √n times Kolmogorov's distance; exceeded once in a thousand
REAL = [fb.Normal(3, 2), fb.StudentT(3, 1, 2), fb.Cauchy(-1, 2), fb.Laplace(1, 3), fb.Uniform(-4, 1)]
POSITIVE = [
    fb.HalfNormal(2),
    fb.HalfCauchy(3),
    fb.HalfStudentT(4, 2),
    fb.Exponential(0.5),
    fb.Gamma(3, 2),
    fb.InverseGamma(3, 2),
]


def cdf(prior):
    if prior.name == "HalfStudentT":
        nu, sigma = prior.params.values()
        return lambda x: 2 * stats.t(nu).cdf(x / sigma) - 1
    return as_scipy(prior).cdf


def distance(draws, distribution_function):
    return stats.kstest(np.ravel(draws), distribution_function).statistic * np.sqrt(np.size(draws))


def drawn(model, seed=1):
    return prior_draws(model.regression, DRAWS, np.random.default_rng(seed))


@pytest.mark.parametrize("prior", [*REAL, *POSITIVE], ids=str)
def test_draws_follow_their_prior_and_not_a_wider_one(prior):
    model = fb.Model("y ~ 0 + x", make_frame(), priors={"x": prior})
    slope = drawn(model)[0]
    assert distance(slope, cdf(prior)) < TOO_FAR
    assert distance(slope * 1.2 + 0.05, cdf(prior)) > TOO_FAR


@pytest.mark.parametrize("prior", [*POSITIVE, fb.Uniform(0, 3)], ids=str)
def test_sigma_follows_its_prior(prior):
    model = fb.Model("y ~ x", make_frame(), priors={"sigma": prior})
    assert distance(drawn(model)[-1], cdf(prior)) < TOO_FAR


def test_a_prior_with_a_value_a_column_is_used_by_column():
    model = fb.Model("y ~ 0 + g", make_frame(), priors={"g": fb.Normal([0, 10, 20], [1, 2, 3])})
    for row, mu, sigma in zip(drawn(model)[:3], [0, 10, 20], [1, 2, 3], strict=True):
        assert distance(row, stats.norm(mu, sigma).cdf) < TOO_FAR


def test_the_intercept_is_shifted_back_from_the_predictor_means():
    frame = make_frame().assign(x=lambda frame: frame.x + 10)
    priors = {"Intercept": fb.Normal(5, 1), "x": fb.Normal(2, 1)}
    for centred in (True, False):
        model = fb.Model("y ~ x", frame, priors=priors, center_predictors=centred)
        intercept, slope, _ = drawn(model)
        at_means = intercept + slope * frame.x.mean()
        about_prior = distance(at_means if centred else intercept, stats.norm(5, 1).cdf)
        about_other = distance(intercept if centred else at_means, stats.norm(5, 1).cdf)
        assert about_prior < TOO_FAR < about_other


def test_means_and_responses_have_the_moments_of_the_priors():
    frame = make_frame()
    priors = {"Intercept": fb.Normal(5, 1), "x": fb.Normal(2, 3), "sigma": fb.Gamma(9, 3)}
    model = fb.Model("y ~ x + offset(z)", frame, priors=priors, center_predictors=False)
    idata = model.prior_predictive(draws=DRAWS, random_seed=1)
    mean = 5 + 2 * frame.x + frame.z
    mean_variance = 1 + 9 * frame.x**2
    variance = mean_variance + 9 / 9 + 3**2  # E σ² = Var σ + (E σ)²
    mu = np.asarray(idata["prior"]["mu"])[0]
    y = np.asarray(idata["prior_predictive"]["y"])[0]
    for values, expected in ((mu, mean_variance), (y, variance)):
        assert np.all(np.abs(values.mean(axis=0) - mean) < 4.5 * np.sqrt(expected / DRAWS))
        ratio = values.var(axis=0) / expected
        assert np.all(np.abs(ratio - 1) < 5 * np.sqrt(3 / DRAWS))
    assert np.all(np.abs(mu.var(axis=0) / variance - 1) > 5 * np.sqrt(3 / DRAWS))  # without the noise it would show


@pytest.mark.parametrize(("formula", "family"), [("n ~ x", "poisson"), ("k ~ x", "lognormal")])
def test_priors_that_reach_beyond_doubles_are_named(formula, family):
    frame = make_frame()
    frame = frame.assign(n=np.arange(len(frame)), k=np.linspace(1, 2, len(frame)))
    model = fb.Model(formula, frame, family=family, priors={"x": fb.Normal(0, 1e100)})
    with pytest.warns(DataWarning, match=r"of 50 draws are not finite.* that of 'x', Normal.*furthest") as caught:
        model.prior_predictive(draws=50, random_seed=1)
    assert len(caught) == 1, "and no warning of NumPy's"


@pytest.mark.parametrize(
    "prior",
    [fb.HalfCauchy(1e308), fb.HalfStudentT(3, 1e308), fb.InverseGamma(2, 1e308), fb.InverseGamma(1e-308, 2)],
    ids=str,
)
def test_draws_that_are_no_doubles_are_named_without_a_warning_of_numpys(prior):
    model = fb.Model("y ~ x", make_frame(), priors={"x": fb.StudentT(3, 1e308, 1e308), "sigma": prior})
    with pytest.warns(DataWarning, match="draws are not finite") as caught:
        model.prior_predictive(draws=50, random_seed=1)
    assert len(caught) == 1


def test_groups_shapes_and_seeds():
    model = fb.Model("y ~ x + g", make_frame())
    idata = model.prior_predictive(random_seed=3)
    names = set(idata.children) if ARVIZ_MAJOR >= 1 else set(idata.groups())
    assert names == {"prior", "prior_predictive", "observed_data", "constant_data"}
    assert set(idata["prior"].data_vars) == {"Intercept", "x", "g", "sigma", "mu"}
    assert dict(idata["prior"].sizes) == {"chain": 1, "draw": 500, "g_dim": 2, "__obs__": 60}
    assert idata["prior"]["mu"].dims == idata["prior_predictive"]["y"].dims == ("chain", "draw", "__obs__")
    assert idata["prior"]["g_dim"].to_numpy().tolist() == ["b", "c"]
    again = model.prior_predictive(random_seed=3)
    np.testing.assert_array_equal(idata["prior_predictive"]["y"], again["prior_predictive"]["y"])
    other = model.prior_predictive(random_seed=4)
    assert not np.any(np.asarray(idata["prior"]["x"]) == np.asarray(other["prior"]["x"]))
    assert model.prior_predictive(draws=7)["prior"].sizes["draw"] == 7


def test_improper_priors_are_refused_by_name():
    model = fb.Model("y ~ x + g", make_frame(), priors={"g": fb.Flat()})
    with pytest.raises(PriorError, match=r"The prior of 'g', Flat\(\), is improper.*such as Normal\(0, 10\)"):
        model.prior_predictive()
    model.set_priors({"g": fb.Normal(0, 1), "sigma": fb.HalfFlat()})
    with pytest.raises(PriorError, match=r"The prior of 'sigma', HalfFlat\(\), is improper.*such as HalfNormal\(10\)"):
        model.prior_predictive()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"draws": 0}, SettingError, "draws must be at least 1, not 0"),
        ({"draws": "many"}, DataTypeError, "draws must be a whole number, not 'many'"),
        ({"draws": 2.5}, DataTypeError, "draws must be a whole number"),
        ({"random_seed": -1}, SettingError, "random_seed must not be negative"),
        ({"random_seed": "a"}, DataTypeError, "random_seed must be a non-negative int"),
    ],
)
def test_bad_settings_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        fb.Model("y ~ x", make_frame()).prior_predictive(**arguments)


def test_a_parameter_called_mu_is_refused():
    with pytest.raises(FormulaError, match="stored as 'mu', which is also a parameter's name"):
        fb.Model("y ~ mu", make_frame().rename(columns={"x": "mu"})).prior_predictive()
