"""Both samplers of GLMs against quadrature and against each other, with the traps of skewed posteriors."""

from __future__ import annotations

import numpy as np
import pytest
from filbert import _core
from glm_models import Glm, random_glm
from statistical.scores import differences

pytestmark = pytest.mark.statistical

NUTS = {"tune": 150, "cores": 2, "target_accept": 0.8, "max_treedepth": 10, "keep_warmup": False, "report": None}


def nuts(framed, draws=2500, seed=1, chains=4):
    return _core.sample(framed, draws=draws, chains=chains, seed=seed, **NUTS)["sampling"]["values"]


def hmc(framed, draws=2500, seed=1, chains=4):
    return _core.sample_hmc(framed, draws=draws, chains=chains, cores=2, seed=seed, target_accept=0.8, report=None)[
        "sampling"
    ]["values"]


def independence(framed, draws=2500, seed=1, chains=4):
    return _core.sample_independence(framed, draws=draws, chains=chains, cores=2, seed=seed, report=None)


def z_scores(values, exact_means, exact_sds):
    """Return how far means and second moments about the exact mean are from exact ones, in Monte Carlo errors."""
    scores = []
    for variable, mean, sd in zip(values, exact_means, exact_sds, strict=True):
        for function, expected in ((variable, mean), ((variable - mean) ** 2, sd**2)):
            error = function.std() / np.sqrt(_core.ess_mean(np.ascontiguousarray(function)))
            scores.append((function.mean() - expected) / error)
    return np.array(scores)


def quadrature(model: Glm, framed, width=9.0, points=181):
    """Return exact means and sds of a posterior of two coefficients, on a grid in the frame and far beyond it."""
    axis = np.sinh(np.linspace(-np.arcsinh(width), np.arcsinh(width), points))
    weight = np.gradient(axis)
    grid = np.array(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
    log_density = framed.batch(grid)
    mass = np.exp(log_density - log_density.max()) * np.outer(weight, weight).ravel()
    assert (
        mass.reshape(points, points)[[0, -1]].sum() + mass.reshape(points, points)[:, [0, -1]].sum() < 1e-6 * mass.sum()
    )
    mass /= mass.sum()
    values = framed.to_user_scale(grid)
    means = values @ mass
    return means, np.sqrt((values - means[:, None]) ** 2 @ mass)


def small_models() -> dict[str, Glm]:
    rng = np.random.default_rng(21)
    models = {
        f"{f}-{k}": random_glm(rng, f, k, n=40, p=1)
        for f, k in [
            ("bernoulli", "logit"),
            ("binomial", "cloglog"),
            ("poisson", "log"),
            ("poisson", "identity"),
            ("exponential", "log"),
            ("binomial", "probit"),
        ]
    }
    cauchy = random_glm(rng, "bernoulli", "logit", n=15, p=1)
    cauchy.coefficients = [("StudentT", (4.0, 0.0, 2.0)), ("Cauchy", (0.0, 1.0))]
    models["cauchy"] = cauchy
    half = random_glm(rng, "poisson", "log", n=20, p=1)
    half.coefficients[1] = ("HalfNormal", (0.5,))
    models["half normal"] = half
    return models


@pytest.mark.parametrize("name", list(small_models()))
@pytest.mark.parametrize("sampler", ["nuts", "hmc", "independence"])
def test_samplers_agree_with_quadrature(name: str, sampler: str) -> None:
    model = small_models()[name]
    framed = model.framed()
    exact = quadrature(
        model, framed, width=300.0 if name == "cauchy" else 40.0 if name == "half normal" else 12.0, points=601
    )
    run = {"nuts": nuts, "hmc": hmc, "independence": lambda framed: independence(framed)["sampling"]["values"]}[sampler]
    values = run(framed)
    scores = z_scores(values, *exact)
    assert np.abs(scores).max() < 4, scores
    # The check sees a bias of a tenth of a posterior deviation.
    shifted = values + 0.1 * exact[1][:, None, None]
    assert np.abs(z_scores(shifted, *exact)).max() > 4


def separated() -> Glm:
    """15 rows that one predictor separates."""
    rng = np.random.default_rng(4)
    x = np.sort(rng.normal(size=15))
    return Glm(
        "bernoulli", "logit", x[:, None], (x > 0.1).astype(float), [("Normal", (0.0, 2.5)), ("Normal", (0.0, 2.5))]
    )


def rare() -> Glm:
    """One event in 200 rows."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=200)
    y = np.zeros(200)
    y[17] = 1
    return Glm("bernoulli", "logit", x[:, None], y, [("Normal", (0.0, 10.0)), ("Normal", (0.0, 2.5))])


@pytest.mark.parametrize("trap", [separated, rare])
def test_the_choice_is_right_where_a_map_alone_is_wrong(trap) -> None:
    model = trap()
    framed = model.framed()
    exact = quadrature(model, framed, width=60.0, points=801)
    result = _core.sample_glm(framed, draws=2500, chains=4, seed=3, **NUTS)
    assert np.abs(z_scores(result["sampling"]["values"], *exact)).max() < 4
    # Independence Metropolis on its own is exact too, however slow, and does not call itself good where it sticks.
    alone = independence(framed, draws=20_000, seed=5)
    assert np.abs(z_scores(alone["sampling"]["values"], *exact)).max() < 4
    assert bool(alone["complaint"]) == (trap is rare)


def test_draws_do_not_depend_on_cores_and_chains_differ() -> None:
    framed = random_glm(np.random.default_rng(1), "negativebinomial", "log").framed()
    runs = [
        _core.sample_independence(framed, draws=300, chains=3, cores=cores, seed=8, report=None)["sampling"]
        for cores in (1, 2, 3)
    ]
    for name, array in runs[0].items():
        for other in runs[1:]:
            np.testing.assert_array_equal(array, other[name])
    values = runs[0]["values"]
    assert not np.array_equal(values[:, 0], values[:, 1])
    assert not np.array_equal(values[:, 1], values[:, 2])


def test_statistics_of_independence_draws() -> None:
    framed = random_glm(np.random.default_rng(1), "poisson", "log").framed()
    result = independence(framed, draws=1000)
    sampling = result["sampling"]
    assert result["complaint"] == ""
    assert min(result["acceptance"]) > 0.85
    assert sampling["nuts"].mean() == pytest.approx(1 / 97, abs=0.01)
    assert np.all((sampling["n_steps"] > 0) == sampling["nuts"])
    moved = np.any(np.diff(sampling["values"], axis=2) != 0, axis=0)
    np.testing.assert_array_equal(moved, sampling["accepted"][:, 1:])
    posterior = random_glm(np.random.default_rng(1), "poisson", "log").posterior()
    for chain, draw in [(0, 5), (3, 999)]:
        assert sampling["lp"][chain, draw] == pytest.approx(
            posterior.log_density(sampling["values"][:, chain, draw])[0], rel=1e-10
        )


COMPARED = [
    (family, link, variant)
    for family, links in [
        ("bernoulli", ["logit", "probit", "cloglog"]),
        ("binomial", ["logit"]),
        ("poisson", ["log", "sqrt"]),
        ("negativebinomial", ["log"]),
        ("t", ["identity"]),
        ("gamma", ["log", "inverse"]),
        ("exponential", ["log"]),
        ("beta", ["logit"]),
        ("beta_binomial", ["logit"]),
        ("gaussian", ["log"]),
    ]
    for link in links
    for variant in ("plain", "weights and offset", "tails", "wide")
]


def compared(family: str, link: str, variant: str) -> Glm:
    rng = np.random.default_rng(100 + COMPARED.index((family, link, variant)))
    n, p = (200, 8) if variant == "wide" else (80, 2)
    model = random_glm(rng, family, link, n=n, p=p)
    if variant == "weights and offset":
        model.weights = rng.integers(0, 3, len(model.y)).astype(float)
        model.offset = rng.uniform(-0.1, 0.1, len(model.y))
    if variant == "tails":
        model.coefficients = [model.coefficients[0], ("Cauchy", (0.0, 1.0)), ("StudentT", (4.0, 0.0, 1.0))]
    return model


def test_both_samplers_agree_on_every_family() -> None:
    everything = []
    for number, key in enumerate(COMPARED):
        framed = compared(*key).framed()
        result = independence(framed, draws=1500, seed=number)
        scores = differences(result["sampling"]["values"], nuts(framed, draws=1500, seed=1000 + number))
        if result["complaint"]:
            continue
        assert np.abs(scores).max() < 5, (key, scores)
        everything.append(scores)
    assert len(everything) > 40
    pooled = np.concatenate(everything)
    assert 0.85 < np.sqrt(np.mean(pooled**2)) < 1.15


def test_a_strong_effect_among_many_coefficients_is_sampled_by_independence() -> None:
    """From the mean of the closest normal it has a heavy side; from its draws, which are far from it, it has none."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1000, 80))
    y = (rng.random(1000) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(float)
    framed = Glm("bernoulli", "logit", X, y, [("Normal", (0.0, 2.5))] * 81).framed()
    result = _core.sample_glm(framed, draws=1500, chains=4, seed=1, **NUTS)
    assert result["sampler"] == "independence"
    scores = differences(result["sampling"]["values"][:2], nuts(framed, draws=3000)[:2])
    assert np.abs(scores).max() < 4, scores
