"""The engine of GLMs: densities against plain sums, modes, maximum likelihood, responses, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from filbert import _core
from glm_models import ALL, MEANS, Glm, random_glm
from scipy import optimize, special, stats

NORMAL = [("Normal", (0.0, 2.5)), ("Normal", (0.0, 2.5)), ("Normal", (0.0, 2.5))]


def numerical_gradient(f, x, step=1e-5):
    return np.array([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))])


@pytest.mark.parametrize(("family", "link"), ALL)
@pytest.mark.parametrize("variant", ["plain", "weights and offset", "no intercept", "intercept at 0"])
def test_posterior_is_the_sum_of_rows_and_priors(family: str, link: str, variant: str) -> None:
    rng = np.random.default_rng(3)
    model = random_glm(rng, family, link)
    if variant == "weights and offset":
        model.weights = rng.integers(0, 4, len(model.y)).astype(float)
        model.offset = rng.uniform(-0.05, 0.05, len(model.y))
    elif variant == "no intercept":
        model.intercept = False
        model.X = np.column_stack([np.ones(len(model.y)), model.X])
        model.at_means = False
    elif variant == "intercept at 0":
        model.at_means = False
    posterior = model.posterior()
    framed = model.framed()
    estimate = framed.mode()["estimate"]
    k = posterior.dimension
    position = estimate.copy()
    coefficients = len(model.coefficients)
    position[coefficients:] = np.log(position[coefficients:])
    deviations = np.sqrt(np.diag(framed.mode()["covariance"]))
    if MEANS[link] is not MEANS["identity"]:
        position = position + 0.1 * deviations * rng.normal(size=k)
    value, gradient = posterior.log_density(position)
    free = position[coefficients:]
    assert value == pytest.approx(model.log_density(position[:coefficients], free), rel=1e-12)
    numeric = numerical_gradient(lambda q: posterior.log_density(q)[0], position, 1e-6 * max(1, np.abs(position).max()))
    scale = np.abs(numeric).max() + abs(value) * 1e-3
    np.testing.assert_allclose(gradient, numeric, atol=3e-4 * scale)

    # The frame is the same density, and its mode a place where the gradient vanishes.
    z = 0.3 * rng.normal(size=k)
    framed_value, framed_gradient = framed.log_density(z)
    user = framed.to_user_scale(z[:, None])[:, 0]
    user[coefficients:] = np.log(user[coefficients:])
    assert framed.user_log_density(z, framed_value) == pytest.approx(posterior.log_density(user)[0], rel=1e-10)
    numeric = numerical_gradient(lambda q: framed.log_density(q)[0], z)
    np.testing.assert_allclose(framed_gradient, numeric, atol=1e-5)
    np.testing.assert_allclose(framed.log_density(np.zeros(k))[1], 0, atol=1e-4)
    hessian = np.array([numerical_gradient(lambda q, j=j: framed.log_density(q)[1][j], np.zeros(k)) for j in range(k)])
    np.testing.assert_allclose(hessian, -np.eye(k), atol=2e-4)
    batch = rng.normal(size=(k, 101)) * 0.3
    np.testing.assert_allclose(
        framed.batch(batch), [framed.log_density(np.ascontiguousarray(z))[0] for z in batch.T], rtol=1e-11
    )


@pytest.mark.parametrize(
    "prior",
    [
        ("HalfNormal", (1.0,)),
        ("Uniform", (-0.2, 0.9)),
        ("HalfCauchy", (1.0,)),
        ("Laplace", (0.0, 0.3)),
        ("Cauchy", (0.0, 1.0)),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_priors_with_edges_corners_and_tails(prior: tuple[str, tuple[float, ...]], place: int) -> None:
    model = random_glm(np.random.default_rng(5), "bernoulli", "logit")
    model.coefficients[place] = prior
    for model.at_means in (True, False):
        framed, posterior = model.framed(), model.posterior()
        rng = np.random.default_rng(1)
        for z in 2 * rng.normal(size=(5, 3)):
            value, gradient = framed.log_density(z)
            user = framed.to_user_scale(z[:, None])[:, 0]
            assert framed.user_log_density(z, value) == pytest.approx(posterior.log_density(user)[0], rel=1e-9)
            np.testing.assert_allclose(
                gradient, numerical_gradient(lambda q, f=framed: f.log_density(q)[0], z), atol=2e-5
            )
            if prior[0] in ("HalfNormal", "Uniform", "HalfCauchy"):
                argument = user[place]
                if place == 0 and model.at_means:
                    argument += user[1:] @ model.X.mean(axis=0)
                assert _core.prior_log_density(*prior, argument)[0] > -np.inf
        np.testing.assert_allclose(framed.batch(np.eye(3)), [framed.log_density(z)[0] for z in np.eye(3)], rtol=1e-11)


def test_fixed_auxiliaries_and_limits() -> None:
    model = random_glm(np.random.default_rng(7), "t", "identity")
    model.auxiliaries = [("HalfNormal", (2.0,)), 1e6]
    gaussian = Glm("gaussian", "identity", model.X, model.y, model.coefficients, [("HalfNormal", (2.0,))])
    beta = np.array([0.1, 0.2, -0.1, np.log(0.6)])
    assert model.posterior().log_density(beta)[0] == pytest.approx(gaussian.posterior().log_density(beta)[0], rel=1e-5)
    assert model.framed().variables == 4


def test_binomial_on_aggregated_rows_is_bernoulli_on_single_ones() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat(np.arange(4.0), 10)
    y = (rng.random(40) < 0.5).astype(float)
    single = Glm("bernoulli", "logit", x[:, None], y, NORMAL[:2])
    sums = y.reshape(4, 10).sum(axis=1)
    aggregated = Glm("binomial", "logit", np.arange(4.0)[:, None], sums, NORMAL[:2], trials=np.full(4, 10.0))
    constant = np.sum(special.gammaln(11) - special.gammaln(sums + 1) - special.gammaln(11 - sums))
    at = np.array([0.3, -0.2])
    assert aggregated.posterior().log_density(at)[0] - constant == pytest.approx(
        single.posterior().log_density(at)[0], rel=1e-13
    )


@pytest.mark.parametrize(("family", "link"), [(f, k) for f, k in ALL if (f, k) != ("t", "inverse")])
def test_maximum_likelihood_is_the_top(family: str, link: str) -> None:
    rng = np.random.default_rng(11)
    model = random_glm(rng, family, link, n=300)
    names = _core.glm_families()[family][0]
    fixed = [4.0 if name == "nu" else None for name in names]
    model.auxiliaries = [("HalfFlat", ()) if value is None else value for value in fixed]
    model.coefficients = [("Flat", ())] * 3
    data = _core.GlmData(family, link, model.X, model.y, model.trials)
    found = _core.glm_maximum_likelihood(data, intercept=True, fixed=fixed)
    estimate = found["estimate"]
    at = estimate.copy()
    at[3:] = np.log(at[3:])

    def log_likelihood(q):
        return model.log_density(q[:3], q[3:]) - np.sum(q[3:])

    assert found["log_likelihood"] == pytest.approx(log_likelihood(at), rel=1e-12)
    scale = np.sqrt(np.diag(found["covariance"]))
    gradient = np.array(
        [
            (log_likelihood(at + 1e-4 * s * e) - log_likelihood(at - 1e-4 * s * e)) / 2e-4
            for s, e in zip(scale, np.eye(len(at)), strict=True)
        ]
    )
    np.testing.assert_allclose(gradient, 0, atol=2e-5)
    bend = [
        (log_likelihood(at + 1e-3 * s * e) - 2 * log_likelihood(at) + log_likelihood(at - 1e-3 * s * e)) / 1e-6
        for s, e in zip(scale, np.eye(len(at)), strict=True)
    ]
    precision = np.linalg.inv(found["covariance"])
    np.testing.assert_allclose(-np.array(bend), scale**2 * np.diag(precision), rtol=2e-3)


def test_maximum_likelihood_agrees_with_iteratively_reweighted_least_squares() -> None:
    rng = np.random.default_rng(12)
    x = np.column_stack([np.ones(400), rng.normal(size=(400, 3)) * [1, 50, 0.01] + [3, 1e4, 0]])
    beta = np.zeros(4)
    y = rng.poisson(np.exp(0.3 + 0.2 * x[:, 1] - 0.6)).astype(float)
    centred = np.column_stack([np.ones(400), (x[:, 1:] - x[:, 1:].mean(0)) / x[:, 1:].std(0)])
    for _ in range(50):
        mu = np.exp(centred @ beta)
        beta = beta + np.linalg.solve(centred.T @ (mu[:, None] * centred), centred.T @ (y - mu))
    slopes = beta[1:] / x[:, 1:].std(0)
    found = _core.glm_maximum_likelihood(_core.GlmData("poisson", "log", x[:, 1:], y), intercept=True, fixed=[])
    np.testing.assert_allclose(found["estimate"][1:], slopes, rtol=1e-8)
    np.testing.assert_allclose(found["estimate"][0], beta[0] - slopes @ x[:, 1:].mean(0), rtol=1e-8)
    np.testing.assert_allclose(found["covariance"], found["expected_covariance"], rtol=1e-7)


def test_separated_data_are_named() -> None:
    x = np.column_stack([np.linspace(-1, 1, 20), np.tile([0.0, 1.0], 10)])
    y = (x[:, 0] > 0).astype(float)
    with pytest.raises(_core.NoModeError) as error:
        _core.glm_maximum_likelihood(_core.GlmData("bernoulli", "logit", x, y), intercept=True, fixed=[])
    assert error.value.args[1] == "separated"
    direction = error.value.args[2]
    assert np.all((2 * y - 1) * (direction[0] + x @ (direction[1:] / x.std(0))) > 0)
    # Quasi-complete separation: one level has successes only, the other both.
    level = np.repeat([0.0, 1.0], 10)
    outcome = np.concatenate([np.tile([0.0, 1.0], 5), np.ones(10)])
    with pytest.raises(_core.NoModeError, match="without end"):
        _core.glm_maximum_likelihood(
            _core.GlmData("bernoulli", "logit", level[:, None], outcome), intercept=True, fixed=[]
        )
    # Any of the two, with a flat prior, has no posterior; with a proper one it has.
    flat = Glm("bernoulli", "logit", level[:, None], outcome, [("Flat", ()), ("Flat", ())])
    with pytest.raises(_core.NoModeError):
        flat.framed()
    assert Glm("bernoulli", "logit", level[:, None], outcome, NORMAL[:2]).framed().dimension == 2
    counts = np.where(level > 0, 0.0, 3.0)
    with pytest.raises(_core.NoModeError, match="without end"):
        _core.glm_maximum_likelihood(_core.GlmData("poisson", "log", level[:, None], counts), intercept=True, fixed=[])


def test_data_that_are_nearly_separated_have_a_maximum() -> None:
    x = np.linspace(-1, 1, 40)
    y = (x > 0).astype(float)
    y[18], y[21] = 1, 0
    found = _core.glm_maximum_likelihood(_core.GlmData("bernoulli", "logit", x[:, None], y), intercept=True, fixed=[])
    left = y - special.expit(found["estimate"][0] + found["estimate"][1] * x)
    assert abs(left.sum()) < 1e-8
    assert abs(left @ x) < 1e-8


def test_predictors_that_depend_on_each_other_are_named() -> None:
    x = np.random.default_rng(1).normal(size=(30, 2))
    x = np.column_stack([x, x[:, 0] - x[:, 1]])
    y = (np.arange(30) % 2).astype(float)
    with pytest.raises(_core.NoModeError) as error:
        _core.glm_maximum_likelihood(_core.GlmData("bernoulli", "logit", x, y), intercept=True, fixed=[])
    assert error.value.args[1] == "not identified"


@pytest.mark.parametrize(
    ("family", "y", "trials", "message"),
    [
        ("bernoulli", 0.5, None, "the response of row 1 is 0.5; it must be 0 or 1"),
        ("poisson", 1.5, None, "whole number"),
        ("poisson", -1.0, None, "whole number"),
        ("binomial", 11.0, 10.0, "number of trials"),
        ("binomial", 1.0, 1.5, "the number of trials of row 1 is 1.5"),
        ("gamma", 0.0, None, "greater than 0"),
        ("beta", 1.0, None, "between 0 and 1"),
        ("t", np.nan, None, "finite"),
    ],
)
def test_bad_responses_are_refused(family: str, y: float, trials: float | None, message: str) -> None:
    link = _core.glm_families()[family][1][0]
    good = 0.5 if family == "beta" else 1.0
    all_trials = None if trials is None else np.array([10.0, trials, 10.0])
    with pytest.raises(ValueError, match=message):
        _core.GlmData(family, link, np.zeros((3, 1)), np.array([good, y, good]), all_trials)


def test_other_bad_input_is_refused() -> None:
    X, y = np.zeros((3, 1)), np.ones(3)
    with pytest.raises(ValueError, match="unknown family 'poison'; there are"):
        _core.GlmData("poison", "log", X, y)
    with pytest.raises(ValueError, match="has no link 'probit'"):
        _core.GlmData("poisson", "probit", X, y)
    with pytest.raises(ValueError, match="no trials"):
        _core.GlmData("poisson", "log", X, y, trials=y)
    with pytest.raises(ValueError, match="weight"):
        _core.GlmData("poisson", "log", X, y, weights=-y)
    with pytest.raises(ValueError, match="offset"):
        _core.GlmData("poisson", "log", X, y, offset=np.full(3, np.inf))
    with pytest.raises(ValueError, match="predictor 0 of row"):
        _core.GlmData("poisson", "log", np.full((3, 1), np.nan), y)
    data = _core.GlmData("negativebinomial", "log", X, y)
    for c, auxiliaries in (([], [1.0]), ([0.0] * 9, [1.0]), ([0.0, 0.0], [])):
        with pytest.raises(ValueError, match=r"c must have 2 elements|auxiliaries must have 1 element"):
            data.third_products(c, auxiliaries)  # read out of bounds
    with pytest.raises(ValueError, match="alpha allows negative"):
        _core.GlmPosterior(
            data,
            intercept=True,
            intercept_at_means=True,
            coefficient_priors=NORMAL[:2],
            auxiliary_priors=[("Normal", (0, 1))],
        )
    with pytest.raises(ValueError, match="alpha is fixed at -1"):
        _core.GlmPosterior(
            data, intercept=True, intercept_at_means=True, coefficient_priors=NORMAL[:2], auxiliary_priors=[-1.0]
        )


class Weibull:
    """A user's family: mean exp(eta), shape `alpha`."""

    auxiliaries = ("alpha",)

    def log_likelihood(self, eta, y, trials, auxiliaries):
        alpha = auxiliaries["alpha"]
        z = alpha * (np.log(y) - eta + special.gammaln(1 + 1 / alpha))
        return np.log(alpha) - np.log(y) + z - np.exp(z), alpha * (np.exp(z) - 1)


def test_a_users_family_is_sampled_like_any_other() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(80, 1))
    y = np.exp(0.3 + 0.5 * x[:, 0]) * rng.weibull(2, 80) / special.gamma(1.5)
    data = _core.GlmData(Weibull(), "log", x, y)
    posterior = _core.GlmPosterior(
        data,
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=NORMAL[:2],
        auxiliary_priors=[("HalfCauchy", (1.0,))],
    )

    def log_density(q):
        value = Weibull().log_likelihood(q[0] + x[:, 0] * q[1], y, None, {"alpha": np.exp(q[2])})[0].sum()
        value += stats.norm(0, 2.5).logpdf([q[0] + q[1] * x.mean(), q[1]]).sum()
        return value + stats.halfcauchy.logpdf(np.exp(q[2])) + q[2]

    at = np.array([0.2, 0.4, 0.5])
    value, gradient = posterior.log_density(at)
    assert value == pytest.approx(log_density(at), rel=1e-12)
    np.testing.assert_allclose(gradient, numerical_gradient(log_density, at), rtol=1e-5, atol=1e-5)
    framed = _core.FramedGlm(posterior)
    top = optimize.minimize(lambda q: -log_density(q), at, tol=1e-10)
    mode = framed.mode()["estimate"]
    np.testing.assert_allclose(np.append(mode[:2], np.log(mode[2])), top.x, atol=1e-4)
    result = _core.sample_glm(
        framed,
        draws=100,
        tune=50,
        chains=2,
        cores=2,
        seed=1,
        target_accept=0.8,
        max_treedepth=10,
        keep_warmup=False,
        report=None,
    )
    assert result["sampling"]["values"].shape == (3, 2, 100)


def test_an_interrupt_keeps_what_is_done() -> None:
    framed = random_glm(np.random.default_rng(1), "bernoulli", "logit", n=20_000).framed()
    seen = []

    def report(chains, iterations):
        seen.append((chains, iterations))
        if any(iterations > 0 for iterations, _ in chains):
            raise KeyboardInterrupt

    result = _core.sample_independence(framed, draws=2_000_000, chains=2, cores=2, seed=1, report=report)
    assert result["interrupted"]
    assert not result["complaint"]
    assert 0 < max(result["iterations"]) < 2_000_000
    assert {iterations for _, iterations in seen} == {2_000_000}  # of what the bar is full
    for chain, done in enumerate(result["iterations"]):
        assert np.all(np.isfinite(result["sampling"]["lp"][chain, :done]))


def test_the_baseline_instruction_set_can_be_asked_for() -> None:
    program = "from filbert import _core; print(_core.instruction_set())"
    environment = {**os.environ, "FILBERT_INSTRUCTION_SET": "baseline"}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "baseline"
    environment["FILBERT_INSTRUCTION_SET"] = "mmx"
    wrong = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert "must be 'baseline' or 'avx2'" in wrong.stderr
