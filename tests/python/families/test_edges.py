"""Links whose domain has an edge: posteriors that are highest there are framed, sampled and explained all the same."""

from __future__ import annotations

from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import ConvergenceWarning, DataError
from filbert.regression.identifiability import edge_advice
from scipy import stats
from statistical.scores import Z_LIMIT, effective_sample_size

# Trajectories end at edges, and independence Metropolis is made to sample what it would leave to NUTS.
UNTRUSTED = pytest.mark.filterwarnings("ignore::filbert.errors.ConvergenceWarning")

# A model whose posterior is highest where some row's predictor is at the edge: family, link, and counts by x.
AT_EDGE = [
    ("poisson", "identity", [0, 0, 1, 1, 3, 2, 6]),
    ("poisson", "sqrt", [0, 0, 0, 1, 3, 2, 6]),
    ("negativebinomial", "identity", [0, 0, 1, 1, 3, 2, 9]),
    ("binomial", "identity", [0, 0, 1, 1, 1, 2, 3]),
    ("binomial", "identity", [0, 1, 1, 2, 3, 3, 3]),
]
X = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
SCALES = (3.0, 2.0)


def stated(family: str, link: str, counts: list[int]) -> fb.Model:
    data = pd.DataFrame({"x": X, "y": counts, "n": 3})
    priors = {name: fb.Normal(0, scale) for name, scale in zip(("Intercept", "x"), SCALES, strict=True)}
    formula = "p(y, n) ~ x" if family == "binomial" else "y ~ x"
    return fb.Model(formula, data, family=family, link=link, priors=priors)


@UNTRUSTED
@pytest.mark.parametrize(("family", "link", "counts"), AT_EDGE)
def test_a_posterior_that_is_highest_at_an_edge_is_framed_and_sampled(
    family: str, link: str, counts: list[int]
) -> None:
    idata = stated(family, link, counts).fit(draws=200, random_seed=1, progressbar=False, quiet=True)
    eta = idata.posterior["Intercept"].values[..., None] + idata.posterior["x"].values[..., None] * X
    assert (eta > 0).all()
    assert eta.min() < 0.05 * eta.mean()


def grid_moments(family: str, link: str, counts: list[int], edge: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of intercept and slope by a fine grid; the domain begins at `edge`."""
    a, b = np.meshgrid(np.linspace(-0.5, 7, 1201), np.linspace(-4, 5, 1201), indexing="ij")
    value = stats.norm.logpdf(a, 0, SCALES[0]) + stats.norm.logpdf(b, 0, SCALES[1])
    for x, y in zip(X, counts, strict=True):
        eta = a + b * x
        inside = (eta > edge) & ((eta < 1) | (family != "binomial"))
        safe = np.where(inside, eta, 0.5)
        if family == "binomial":
            row = stats.binom.logpmf(y, 3, safe)
        else:
            row = stats.poisson.logpmf(y, safe**2 if link == "sqrt" else safe)
        value = np.where(inside, value + row, -np.inf)
    mass = np.exp(value - value.max())
    mass /= mass.sum()
    means = np.array([(mass * a).sum(), (mass * b).sum()])
    return means, np.sqrt(np.array([(mass * a**2).sum(), (mass * b**2).sum()]) - means**2)


@UNTRUSTED
@pytest.mark.parametrize("sampler", ["nuts", "hmc", "independence"])
@pytest.mark.parametrize(("family", "link", "counts"), [AT_EDGE[k] for k in (0, 1, 3)])
def test_draws_next_to_an_edge_are_exact(family: str, link: str, counts: list[int], sampler: str) -> None:
    model = stated(family, link, counts)
    posterior = model.fit(draws=8000, random_seed=3, progressbar=False, quiet=True, sampler=sampler).posterior

    def worst(means: np.ndarray, spreads: np.ndarray) -> float:
        scores = []
        for name, mean, sd in zip(("Intercept", "x"), means, spreads, strict=True):
            draws = np.asarray(posterior[name])
            squares = (draws - mean) ** 2
            scores.append((draws.mean() - mean) / sd * np.sqrt(effective_sample_size(draws)))
            scores.append((squares.mean() - sd**2) / squares.std() * np.sqrt(effective_sample_size(squares)))
        return float(np.abs(scores).max())

    assert worst(*grid_moments(family, link, counts)) < Z_LIMIT
    assert worst(*grid_moments(family, link, counts, edge=0.1)) > Z_LIMIT or sampler == "independence"


@pytest.mark.parametrize(("family", "link", "counts"), AT_EDGE[:2])
def test_a_likelihood_that_is_highest_at_an_edge_is_named(family: str, link: str, counts: list[int]) -> None:
    with pytest.raises(DataError, match=f"at the edge of what link='{link}' allows.*link='log', or fit"):
        stated(family, link, counts).maximum_likelihood()


def test_a_mode_inside_is_found_although_steps_jam_at_the_edge() -> None:
    """Newton's steps from the intercept alone run into zeros on the left; the top is elsewhere."""
    rng = np.random.default_rng(7)
    x = np.repeat([0.0, 1.0], 20)
    y = np.concatenate([np.zeros(19), [1], rng.poisson(30, 20)])
    model = fb.Model("y ~ x", pd.DataFrame({"x": x, "y": y}), family="poisson", link="identity")
    estimate = model.maximum_likelihood()["estimate"]
    np.testing.assert_allclose(estimate, [0.05, y[20:].mean() - 0.05], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:The rhat|The effective")
def test_divergences_at_an_edge_are_explained() -> None:
    with pytest.warns(ConvergenceWarning, match="bias none.*link='log' has no edge"):
        stated(*AT_EDGE[0]).fit(draws=500, random_seed=1, progressbar=False, sampler="nuts")


@pytest.mark.parametrize(("family", "link"), [("t", "identity"), ("poisson", "log"), ("gaussian", "log")])
def test_links_without_an_edge_have_no_such_advice(family: str, link: str) -> None:
    data = pd.DataFrame({"x": X, "y": [1, 2, 1, 3, 2, 4, 3]})
    assert edge_advice(fb.Model("y ~ x", data, family=family, link=link).regression) == ""


def test_poles_of_an_inverse_link_are_explained() -> None:
    data = pd.DataFrame({"x": X, "y": [1, 2, 1, 3, 2, 4, 3]})
    advice = edge_advice(fb.Model("y ~ x", data, family="gaussian", link="inverse").regression)
    assert "has a pole" in advice
    assert "link='log' has no pole" in advice


def test_where_the_mode_is_inside_an_edge_is_no_reason_to_leave_independence_metropolis() -> None:
    """Proposals beyond the edge are not counted: of the others nearly all are accepted."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    data = pd.DataFrame({"x": x, "y": rng.gamma(2, (1 + 0.5 * np.tanh(x)) / 2)})
    posterior = fb.Model("y ~ x", data, family="gamma", link="inverse").fit(random_seed=1, progressbar=False).posterior
    assert posterior.attrs["sampler"] == "independence"


@UNTRUSTED
@pytest.mark.parametrize("family", ["poisson", "negativebinomial", "bernoulli"])
def test_zeros_alone_are_sampled_under_the_identity_link(family: str) -> None:
    """Rows that all ask for the same predictor have no spread: their rounding was taken for the unit of predictors."""
    data = pd.DataFrame({"x": X, "y": 0})
    priors = {"Intercept": fb.Normal(0, 1), "x": fb.Normal(0, 1)}
    posterior = (
        fb.Model("y ~ x", data, family=family, link="identity", priors=priors)
        .fit(draws=200, random_seed=1, progressbar=False)
        .posterior
    )
    assert 0 < float(posterior["Intercept"].mean()) < 1


BOUNDED = [
    ("negativebinomial", "alpha", (1.0, 2.0)),
    ("negativebinomial", "alpha", (0.0, 5.0)),
    ("gamma", "alpha", (1.0, 2.0)),
    ("gamma", "alpha", (5.0, 1e6)),
    ("t", "nu", (1.0, 2.0)),
    ("t", "sigma", (5.0, 10.0)),
]


@UNTRUSTED
@pytest.mark.parametrize(("family", "name", "ends"), BOUNDED)
def test_auxiliaries_whose_prior_ends_where_they_would_go_on_are_exact(
    family: str, name: str, ends: tuple[float, float]
) -> None:
    """The posterior is highest at an end of the prior, and the first guess may lie beyond it."""
    rng = np.random.default_rng(4)
    responses = {"negativebinomial": rng.poisson(3, 30), "gamma": rng.gamma(3, 1, 30), "t": rng.normal(size=30)}
    y = responses[family]
    fixed = {"nu": 4.0} if name == "sigma" else {"sigma": 1.0} if name == "nu" else {}
    priors = {"Intercept": fb.Normal(0, 1), name: fb.Uniform(*ends), **fixed}
    model = fb.Model("y ~ 1", pd.DataFrame({"y": y}), family=family, priors=priors)
    posterior = model.fit(draws=4000, random_seed=2, progressbar=False).posterior
    intercept, auxiliary = np.meshgrid(np.linspace(-4, 4, 1601), np.linspace(*ends, 802)[1:-1], indexing="ij")
    if ends[1] > 1e3:  # what is far from the lower end has no weight
        intercept, auxiliary = np.meshgrid(intercept[:, 0], np.linspace(ends[0], 15, 802)[1:-1], indexing="ij")
    value = stats.norm.logpdf(intercept)
    mean = np.exp(intercept)
    for each in y:
        if family == "negativebinomial":
            value += stats.nbinom.logpmf(each, auxiliary, auxiliary / (auxiliary + mean))
        elif family == "gamma":
            value += stats.gamma.logpdf(each, auxiliary, scale=mean / auxiliary)
        else:
            value += stats.t.logpdf(each, fixed.get("nu", auxiliary), intercept, fixed.get("sigma", auxiliary))
    mass = np.exp(value - value.max())
    mass /= mass.sum()
    for label, grid in (("Intercept", intercept), (name, auxiliary)):
        expected = (mass * grid).sum()
        sd = np.sqrt((mass * grid**2).sum() - expected**2)
        draws = np.asarray(posterior[label])
        score = (draws.mean() - expected) / sd * np.sqrt(effective_sample_size(draws))
        assert abs(score) < Z_LIMIT
        if label == name:
            assert abs((draws.mean() - np.mean(ends)) / sd * np.sqrt(effective_sample_size(draws))) > 2 * Z_LIMIT


def test_groups_at_an_edge_are_refused_with_a_link_that_has_none() -> None:
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(30), 12)
    x = rng.normal(size=len(g))
    mean = np.exp(0.4 + 0.5 * x + 0.8 * rng.normal(size=30)[g])
    data = pd.DataFrame({"x": x, "g": [f"g{code}" for code in g], "y": rng.poisson(mean)})
    model = fb.Model("y ~ x + (1 | g)", data, family="poisson", link="identity")
    with pytest.raises(DataError, match=r"highest where it ends.*link='identity' ends.*link='log' has no edge"):
        model.fit(random_seed=1, progressbar=False)


def test_groups_whose_quick_profiles_leave_their_ridge_are_sampled() -> None:
    data = pd.read_csv(Path(__file__).parents[2] / "data" / "glm" / "t_log_groups.csv")
    model = fb.Model("y ~ x + (1 | g)", data, family="t", link="log")
    ours, nuts = (
        model.fit(sampler=sampler, random_seed=1, progressbar=False)["posterior"] for sampler in ("hmc", "nuts")
    )
    for name in ("Intercept", "x", "sigma", "1|g_sigma"):
        one, other = np.asarray(ours[name]), np.asarray(nuts[name])
        error = np.hypot(*(each.std() / np.sqrt(effective_sample_size(each)) for each in (one, other)))
        assert abs(one.mean() - other.mean()) < Z_LIMIT * error


def test_priors_of_groups_that_no_double_reaches_are_refused() -> None:
    x = np.linspace(-1, 1, 60)
    data = pd.DataFrame({"x": x, "g": np.tile(["a", "b", "c"], 20), "y": x + np.cos(50 * x)})
    model = fb.Model("y ~ x + (1 | g)", data, priors={"x": fb.Uniform(-1e200, 1e200)})
    with pytest.raises(DataError, match=r"The posterior cannot be computed.*Check the units"):
        model.fit(draws=10, chains=1, random_seed=1, progressbar=False)
