"""Parameters that vary by group: the models of formulas, in both spellings, and what no engine has."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import explicit as pm
from filbert.errors import DataError, FormulaError, PriorError
from refusals import refused

RNG = np.random.default_rng(8)
N, G = 120, 8
CODES = RNG.permutation(np.arange(N) % G)
FRAME = pd.DataFrame({"g": np.array(list("abcdefgh"))[CODES], "k": np.array(list("pqr"))[np.arange(N) % 3]})
FRAME["x"] = RNG.normal(size=N)
OTHER = np.arange(N) % 3
_TRUTH = 1 + RNG.normal(0, 1, G)[CODES] + (0.5 + RNG.normal(0, 0.7, G)[CODES]) * FRAME.x
FRAME["y"] = _TRUTH + RNG.normal(0, 0.8, N)
FRAME["counts"] = RNG.poisson(np.exp(0.4 * _TRUTH))
FRAME["successes"] = (_TRUTH + RNG.logistic(size=N) > 1).astype(int)
COORDS = {"g": list("abcdefgh"), "k": list("pqr")}
X = FRAME.x.to_numpy()


def centred(name, mean, deviation, dims="g"):
    return pm.Normal(name, mean, sigma=deviation, dims=dims)


def not_centred(name, mean, deviation, dims="g"):
    return pm.Deterministic(name, mean + deviation * pm.Normal(f"{name}_offset", 0, 1, dims=dims), dims=dims)


SPELLINGS = {"centred": centred, "not centred": not_centred}


def intercepts(varying):
    a = varying("a", pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 2))
    return a[CODES] + pm.Normal("beta", 0, 3) * X


def slopes(varying):
    a = varying("a", pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 2))
    b = varying("b", pm.Normal("beta", 0, 3), pm.Exponential("tau_b", 1))
    return a[CODES] + b[CODES] * X


def zero_means(varying):
    a = varying("a", 0, pm.HalfNormal("tau", 2))
    b = varying("b", 0, pm.HalfCauchy("tau_b", 1), "k")
    return pm.Normal("mu", 0, 5) + X * pm.Normal("beta", 0, 3) + a[CODES] + b[OTHER]


COMMON = {"Intercept": fb.Normal(0, 5), "x": fb.Normal(0, 3)}
MODELS = {
    "intercepts": ("1 + x + (1 | g)", {"1|g": fb.HalfNormal(2)}, intercepts, {"a": ("1|g", "Intercept")}),
    "slopes": (
        "1 + x + (x || g)",
        {"1|g": fb.HalfNormal(2), "x|g": fb.Exponential(1)},
        slopes,
        {"a": ("1|g", "Intercept"), "b": ("x|g", "x")},
    ),
    "crossed": (
        "1 + x + (1 | g) + (1 | k)",
        {"1|g": fb.HalfNormal(2), "1|k": fb.HalfCauchy(1)},
        zero_means,
        {"a": ("1|g", None), "b": ("1|k", None)},
    ),
}
RESPONSES = {
    "gaussian": ("y", {"sigma": fb.HalfNormal(1)}),
    "poisson": ("counts", {}),
    "bernoulli": ("successes", {}),
    "negativebinomial": ("counts", {"alpha": fb.HalfCauchy(1)}),
}


def observe(family, eta):
    if family == "gaussian":
        pm.Normal("y", mu=eta, sigma=pm.HalfNormal("sigma", 1), observed=FRAME.y)
    elif family == "poisson":
        pm.Poisson("counts", mu=pm.math.exp(eta), observed=FRAME.counts)
    elif family == "bernoulli":
        pm.Bernoulli("successes", logit_p=eta, observed=FRAME.successes)
    else:
        alpha = pm.HalfCauchy("alpha", 1)
        pm.NegativeBinomial("counts", mu=pm.math.exp(eta), alpha=alpha, observed=FRAME.counts)


def explicit_model(name, family, spelling):
    with pm.Model(coords=COORDS) as model:
        observe(family, MODELS[name][2](SPELLINGS[spelling]))
    return model


def formula_model(name, family, **changed):
    formula, priors, *_ = MODELS[name]
    response, auxiliaries = RESPONSES[family]
    given = {**COMMON, **priors, **auxiliaries, **changed}
    return fb.Model(f"{response} ~ {formula}", FRAME, family, priors=given, center_predictors=False)


def sampled(model, **settings):
    return pm.sample(200, random_seed=4, progressbar=False, compute_convergence_checks=False, model=model, **settings)


def expected(name, reference):
    """Return the draws of each parameter of the explicit model, from those of the formula's."""
    posterior = reference["posterior"]
    found = {"mu": posterior["Intercept"], "beta": posterior["x"], "tau": posterior["1|g_sigma"]}
    for parameter, (effect, mean) in MODELS[name][3].items():
        found[parameter] = posterior[effect] + (0 if mean is None else posterior[mean])
        found[f"{parameter}_offset"] = posterior[effect] / posterior[f"{effect}_sigma"]
    return {key: np.asarray(value) for key, value in found.items()}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    ("name", "family"), [*((name, "gaussian") for name in MODELS), *(("slopes", family) for family in RESPONSES)]
)
def test_draws_are_the_formulas(name, family, spelling):
    idata = sampled(explicit_model(name, family, spelling))
    drawn = idata["posterior"]
    settings = {"random_seed": 4, "progressbar": False, "compute_convergence_checks": False}
    theirs = expected(name, formula_model(name, family).fit(200, **settings))
    compared = [key for key in theirs if key in drawn]
    assert {"mu", "beta", "tau", "a"} <= {*compared}
    assert ("a_offset" in compared) == (spelling == "not centred")
    for key in compared:
        np.testing.assert_allclose(drawn[key], theirs[key], rtol=1e-6, atol=1e-8, err_msg=key)
    assert drawn["a"].dims == ("chain", "draw", "g")
    assert list(drawn["g"].to_numpy()) == COORDS["g"]
    other = expected(name, formula_model(name, family, **{"1|g": fb.HalfNormal(0.3)}).fit(200, **settings))
    assert not np.allclose(drawn["tau"], other["tau"], rtol=1e-3)  # another prior of the deviation is seen


def eight_schools(spelling, known=None):
    y = np.array([28, 8, -3, 7, -1, 1, 18, 12.0])
    known = np.array([15, 10, 16, 11, 9, 11, 10, 18.0]) if known is None else known
    with pm.Model(coords={"school": list("ABCDEFGH")}) as model:
        mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
        theta = SPELLINGS[spelling]("theta", mu, tau, "school")
        pm.Normal("y", mu=theta, sigma=known, observed=y, dims="school")
    return model, y, known


def exact_moments(y, known):
    """Return means and deviations of mu, tau and theta: Gaussian given tau, and the trapezoid rule over log tau."""
    log_tau = np.linspace(-12, 9, 20001)
    tau = np.exp(log_tau)[:, None]
    variance = tau**2 + known**2
    precision = 1 / 25 + (1 / variance).sum(1)
    mean = (y / variance).sum(1) / precision
    density = -0.5 * np.log(variance).sum(1) - 0.5 * np.log(precision) - np.log1p((tau[:, 0] / 5) ** 2) + log_tau
    density += -0.5 * (y**2 / variance).sum(1) + 0.5 * precision * mean**2
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    share = tau**2 / variance  # of the data in a school's mean
    theta = share * y + (1 - share) * mean[:, None]
    theta_variance = share * known**2 + (1 - share) ** 2 / precision[:, None]
    means = np.column_stack([mean, tau, theta])
    variances = np.column_stack([1 / precision, np.zeros_like(tau), theta_variance])
    centre = weight @ means
    return centre, np.sqrt(weight @ (variances + means**2) - centre**2)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_eight_schools(spelling):
    model, y, known = eight_schools(spelling)
    idata = pm.sample(4000, random_seed=1, progressbar=False, model=model)
    posterior = idata["posterior"]
    draws = np.concatenate([posterior["mu"].to_numpy()[..., None], posterior["tau"].to_numpy()[..., None]], axis=-1)
    draws = np.concatenate([draws, posterior["theta"].to_numpy()], axis=-1).reshape(-1, 10)
    means, sds = exact_moments(y, known)
    least = 3000  # effective draws, of 16000
    assert np.all(np.abs(draws.mean(0) - means) < 4 * sds / np.sqrt(least))
    wrong, _ = exact_moments(y, known / 2)
    assert not np.all(np.abs(draws.mean(0) - wrong) < 4 * sds / np.sqrt(least))
    assert not np.asarray(idata["sample_stats"]["diverging"]).any()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_known_deviations_in_likelihood_and_predictions(spelling):
    model, y, known = eight_schools(spelling)
    idata = sampled(model)
    theta = idata["posterior"]["theta"].to_numpy()
    pm.compute_log_likelihood(idata, model=model)
    density = -0.5 * ((y - theta) / known) ** 2 - np.log(known * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(idata["log_likelihood"]["y"], density, rtol=1e-9)
    drawn = pm.sample_posterior_predictive(idata, random_seed=1, model=model)["posterior_predictive"]["y"]
    assert drawn.dims == ("chain", "draw", "school")
    assert list(drawn["school"].to_numpy()) == list("ABCDEFGH")
    noise = (drawn.to_numpy() - theta) / known
    assert np.abs(noise.mean((0, 1))).max() < 4 / np.sqrt(800)
    assert np.abs(noise.std((0, 1)) - 1).max() < 4 / np.sqrt(1600)
    prior = pm.sample_prior_predictive(4000, random_seed=1, model=model)
    noise = (prior["prior_predictive"]["y"] - prior["prior"]["theta"]).to_numpy() / known
    assert np.abs(noise.std((0, 1)) - 1).max() < 4 / np.sqrt(8000)


def test_known_deviation_of_each_row_without_groups():
    known = RNG.uniform(0.5, 2, N)
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("a", 0, 5) + pm.Normal("b", 0, 5) * X, sigma=known, observed=FRAME.y)
        idata = pm.sample(2000, random_seed=1, progressbar=False)
        assert "sigma: known in each row" in repr(model)
    design = np.column_stack([np.ones(N), X])
    precision = design.T @ (design / known[:, None] ** 2) + np.eye(2) / 25
    mean = np.linalg.solve(precision, design.T @ (FRAME.y / known**2))
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    found = np.array([float(idata["posterior"][name].mean()) for name in "ab"])
    assert np.all(np.abs(found - mean) < 4 * sd / np.sqrt(2000))
    assert not np.all(np.abs(found - np.linalg.lstsq(design, FRAME.y, rcond=None)[0]) < 4 * sd / np.sqrt(2000))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_predictions_are_those_of_the_written_mean(spelling):
    model = explicit_model("slopes", "poisson", spelling)
    idata = sampled(model)
    draws = idata["posterior"]
    eta = draws["a"].to_numpy()[..., CODES] + draws["b"].to_numpy()[..., CODES] * X
    pm.compute_log_likelihood(idata, model=model)
    log_factorial = np.array([np.log(np.arange(1, count + 1)).sum() for count in FRAME.counts])
    np.testing.assert_allclose(
        idata["log_likelihood"]["counts"], FRAME.counts.to_numpy() * eta - np.exp(eta) - log_factorial, rtol=1e-8
    )
    drawn = pm.sample_posterior_predictive(idata, random_seed=1, model=model)["posterior_predictive"]["counts"]
    standard = (drawn.to_numpy() - np.exp(eta)) / np.exp(eta / 2)
    assert abs(standard.mean()) < 5 / np.sqrt(standard.size)


def test_means_may_depend_on_columns_of_the_groups_and_on_other_effects():
    column = RNG.normal(size=G)
    inner = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    with pm.Model(coords=COORDS) as model:
        upper = pm.Normal("upper", pm.Normal("mu", 0, 5), sigma=pm.HalfNormal("tau_k", 1), dims="k")
        mean = upper[inner] + pm.Normal("gamma", 0, 2) * column
        a = pm.Normal("a", mean, sigma=pm.HalfNormal("tau", 1), dims="g")
        pm.Normal("y", a[CODES], sigma=pm.HalfNormal("sigma", 1), observed=FRAME.y)
    frame = FRAME.assign(column=column[CODES], k=np.array(list("pqr"))[inner[CODES]])
    priors = {"Intercept": fb.Normal(0, 5), "column": fb.Normal(0, 2), "sigma": fb.HalfNormal(1)}
    priors |= {"1|g": fb.HalfNormal(1), "1|k": fb.HalfNormal(1)}
    formula = fb.Model("y ~ column + (1 | k) + (1 | g)", frame, priors=priors, center_predictors=False)
    theirs = formula.fit(200, random_seed=4, progressbar=False, compute_convergence_checks=False)["posterior"]
    ours = sampled(model)["posterior"]
    of_groups = theirs["Intercept"].to_numpy()[..., None] + theirs["1|k"].to_numpy()[..., inner]
    of_groups = of_groups + theirs["column"].to_numpy()[..., None] * column + theirs["1|g"].to_numpy()
    np.testing.assert_allclose(ours["a"], of_groups, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours["tau"], theirs["1|g_sigma"], rtol=1e-6)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_deviation_for_each_column(spelling):
    with pm.Model(coords={**COORDS, "effect": ["one", "x"]}) as model:
        mu = pm.Normal("mu", [0, 0], [5, 3], dims="effect")
        tau = pm.HalfNormal("tau", [2, 1], dims="effect")
        ab = SPELLINGS[spelling]("ab", mu, tau, ("g", "effect"))
        observe("gaussian", ab[CODES, 0] + ab[CODES, 1] * X)
    ours = sampled(model)["posterior"]
    priors = {**COMMON, "1|g": fb.HalfNormal(2), "x|g": fb.HalfNormal(1), "sigma": fb.HalfNormal(1)}
    formula = fb.Model("y ~ x + (x || g)", FRAME, priors=priors, center_predictors=False)
    theirs = formula.fit(4000, random_seed=5, progressbar=False)["posterior"]
    assert ours["ab"].dims == ("chain", "draw", "g", "effect")
    for place, (effect, mean) in enumerate([("1|g", "Intercept"), ("x|g", "x")]):
        whole = (theirs[effect] + theirs[mean]).to_numpy().reshape(-1, G)
        drawn = ours["ab"].to_numpy()[..., place].reshape(-1, G)
        assert np.all(np.abs(drawn.mean(0) - whole.mean(0)) < 4.5 * whole.std(0) / np.sqrt(400))
        deviation = theirs[f"{effect}_sigma"].to_numpy().ravel()
        drawn = ours["tau"].to_numpy()[..., place].ravel()
        assert abs(drawn.mean() - deviation.mean()) < 4.5 * deviation.std() / np.sqrt(200)


def test_known_deviation_of_groups():
    with pm.Model(coords=COORDS) as model:
        a = pm.Normal("a", pm.Normal("mu", 0, 5), sigma=0.5, dims="g")
        observe("gaussian", a[CODES])
    ours = sampled(model)["posterior"]
    priors = {"Intercept": fb.Normal(0, 5), "1|g": 0.5, "sigma": fb.HalfNormal(1)}
    formula = fb.Model("y ~ 1 + (1 | g)", FRAME, priors=priors)
    theirs = formula.fit(200, random_seed=4, progressbar=False, compute_convergence_checks=False)["posterior"]
    np.testing.assert_allclose(ours["a"], theirs["1|g"] + theirs["Intercept"], rtol=1e-6, atol=1e-8)


def test_groups_without_rows_have_draws_of_their_distribution():
    with pm.Model(coords={"g": list("abcdefghi")}) as model:
        a = pm.Normal("a", pm.Normal("mu", 0, 5), sigma=pm.HalfNormal("tau", 2), dims="g")
        observe("gaussian", a[CODES])
    draws = pm.sample(2000, random_seed=1, progressbar=False, model=model)["posterior"]
    standard = ((draws["a"].isel(g=8) - draws["mu"]) / draws["tau"]).to_numpy()
    assert abs(standard.mean()) < 4 / np.sqrt(4000)
    assert abs(standard.std() - 1) < 4 / np.sqrt(8000)


def test_draws_can_be_thinned_and_are_read_by_name():
    model = explicit_model("slopes", "gaussian", "centred")
    idata = sampled(model)
    whole = pm.sample_posterior_predictive(idata, random_seed=1, model=model)["posterior_predictive"]["y"]
    part = idata.isel(draw=slice(None, 50))
    thinned = pm.compute_log_likelihood(part, model=model, extend_inferencedata=False)["log_likelihood"]["y"]
    all_of_it = pm.compute_log_likelihood(idata, model=model)["log_likelihood"]["y"]
    np.testing.assert_allclose(thinned, all_of_it.isel(draw=slice(None, 50)), rtol=1e-9)
    assert whole.sizes["draw"] == 200


class TestRefused:
    @pytest.fixture(autouse=True)
    def model(self):
        with pm.Model(coords=COORDS) as model:
            self.tau = pm.HalfNormal("tau", 1)
            self.sigma = pm.HalfNormal("sigma", 1)
            self.mu = pm.Normal("mu", 0, 5)
            yield model

    def lowered(self, model, eta, **arguments):
        pm.Normal("y", eta, **{"sigma": self.sigma, **arguments}, observed=FRAME.y)
        return model.regression

    def test_priors(self, model):
        refused(
            FormulaError, lambda: pm.HalfNormal("b", self.tau), "'b' depends on the parameter tau (sigma=)", "HalfN"
        )
        refused(FormulaError, lambda: pm.StudentT("b", 4, 0, self.tau, dims="g"), "a StudentT prior", "pm.Normal(name")
        refused(
            PriorError, lambda: pm.Normal("b", 0, self.mu, dims="g"), "mu (sigma=)", "not positive", "pm.HalfNormal"
        )
        refused(FormulaError, lambda: pm.Normal("b", 0, 2 * self.tau, dims="g"), "(sigma=)", "positive parameter")
        refused(FormulaError, lambda: pm.Normal("b", 0, self.tau), "one value")
        refused(PriorError, lambda: pm.Normal("b", self.mu, sigma=-1.0, dims="g"), "must be positive")
        refused(PriorError, lambda: pm.Normal("b", self.mu, sd=1, dims="g"), "sigma=sd")
        refused(
            FormulaError, lambda: self.tau * pm.Normal("c", 1, 1, dims="g"), "'c' is Normal(mu: 1.0", "(name, 0, 1)"
        )
        refused(PriorError, lambda: pm.Normal("b", np.zeros(3), self.tau, dims="g"), "shape (3,) do not fit", "(8,)")
        refused(DataError, lambda: pm.Normal("b", np.zeros(3), pm.HalfNormal("t", shape=2)), "mu has shape (3,)")
        refused(FormulaError, lambda: self.mu * pm.Normal("d", 0, 1, dims="g"), "multiplies two parameters")

    def test_parameters_of_another_model(self):
        with pm.Model(coords=COORDS):
            refused(FormulaError, lambda: pm.Normal("b", 0, self.tau, dims="g"), "another model")

    def test_two_groups_in_a_row(self, model):
        a = pm.Normal("a", 0, self.tau, dims="g")
        refused(
            FormulaError, lambda: self.lowered(model, a[CODES] - a[(CODES + 1) % G]), "Row 0", "two elements of 'a'"
        )

    def test_deviations_that_are_something_else(self, model):
        a = pm.Normal("a", 0, self.tau, dims="g")
        refused(
            FormulaError,
            lambda: self.lowered(model, a[CODES], sigma=self.tau),
            "'tau' is the deviation of 'a' and a parameter of the distribution of 'y'",
        )

    def test_deviations_in_the_predictor(self, model):
        a = pm.Normal("a", self.mu, self.tau, dims="g")
        refused(FormulaError, lambda: self.lowered(model, a[CODES] + self.tau), "'tau'", "of the predictor")

    def test_shared_deviations(self, model):
        a, b = pm.Normal("a", 0, self.tau, dims="g"), pm.Normal("b", 0, self.tau, dims="g")
        refused(FormulaError, lambda: self.lowered(model, a[CODES] + b[CODES] * X), "'tau'", "'a' and of 'b'")

    def test_effects_without_rows(self, model):
        pm.Normal("a", 0, self.tau, dims="g")
        refused(FormulaError, lambda: self.lowered(model, self.mu), "No row of 'y' depends on 'a'", "leave it out")

    def test_deviations_of_one_effect_each(self, model):
        taus = pm.HalfNormal("taus", 1, dims="g")
        a = pm.Normal("a", 0, taus, dims="g")
        refused(FormulaError, lambda: self.lowered(model, a[CODES]), "'a' has a deviation that no other has")

    def test_standard_effects_with_and_without_deviation(self, model):
        z = pm.Normal("z", 0, 1, dims="g")
        refused(FormulaError, lambda: self.lowered(model, self.tau * z[CODES] + z[CODES]), "'z' is multiplied by 'tau'")

    def test_two_deviations_of_the_same_effects(self, model):
        z, other = pm.Normal("z", 0, 1, dims="g"), pm.HalfNormal("other", 1)
        eta = self.tau * z[CODES] + other * z[CODES] * X
        refused(FormulaError, lambda: self.lowered(model, eta), "'z' is multiplied by 'tau' and by 'other'")

    def test_two_elements_of_a_deviation_for_one_effect(self, model):
        z, two = pm.Normal("z", 0, 1, dims="g"), pm.HalfNormal("two", 1, shape=2)
        eta = two[0] * z[CODES] + two[1] * z[CODES] * X
        refused(FormulaError, lambda: self.lowered(model, eta), "'z' is multiplied by two elements of 'two'")

    def test_effects_without_rows_and_several_deviations(self, model):
        z, two = pm.Normal("z", 0, 1, shape=(G + 1, 2)), pm.HalfNormal("two", 1, shape=2)
        ab = two * z
        eta = ab[CODES, 0] + ab[CODES, 1] * X
        refused(FormulaError, lambda: self.lowered(model, eta), "elements of 'z' are in no row", "element of 'two'")

    def test_deviations_of_rows(self, model):
        refused(
            FormulaError, lambda: self.lowered(model, self.mu, sigma=np.ones(3)), "one for each of 120 rows", "(3,)"
        )
        refused(FormulaError, lambda: self.lowered(model, self.mu, sigma=np.zeros(N)), "the value 0")
