"""Simulation-based calibration of generalised linear models: over data from the prior, ranks of the truth are uniform.

Responses are drawn by NumPy, which shares no code with the kernels. Few rows make posteriors skewed, which is what maps
and frames are not made for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from filbert import _core
from glm_models import MEANS, Glm, PriorSpec
from numpy.typing import NDArray
from statistical import reference_independence as reference
from statistical.marginals import Array
from statistical.scores import P_LIMIT, Z_LIMIT, rank_p_value

pytestmark = pytest.mark.statistical

ROWS = 12
DATA_SETS = 400
RANKS = 20  # of the truth among 19 draws
BINS = 10

Sampler = Callable[[_core.FramedGlm, int], Array]
Rng = np.random.Generator

# Link, priors of auxiliaries, and responses of means m, trials n and auxiliaries. Priors are the default ones but
# where those, drawn from, give responses that are 0 or 1 in double precision.
SHAPE: PriorSpec = ("Gamma", (3.0, 0.75))
FAMILIES: dict[str, tuple[str, list[PriorSpec], Callable[..., Array]]] = {
    "bernoulli": ("logit", [], lambda rng, m, n: (rng.random(len(m)) < m).astype(float)),
    "binomial": ("probit", [], lambda rng, m, n: rng.binomial(n, m).astype(float)),
    "poisson": ("log", [], lambda rng, m, n: rng.poisson(m).astype(float)),
    "negativebinomial": (
        "log",
        [SHAPE],
        lambda rng, m, n, alpha: rng.poisson(m * rng.gamma(alpha, 1 / alpha, len(m))).astype(float),
    ),
    "t": (
        "identity",
        [("HalfStudentT", (4.0, 1.0)), ("Gamma", (2.0, 0.1))],
        lambda rng, m, n, sigma, nu: m + sigma * rng.standard_t(nu, len(m)),
    ),
    "gamma": ("log", [SHAPE], lambda rng, m, n, alpha: rng.gamma(alpha, m / alpha)),
    "exponential": ("log", [], lambda rng, m, n: rng.exponential(m)),
    "beta": ("logit", [("Gamma", (9.0, 0.75))], lambda rng, m, n, kappa: rng.beta(m * kappa, (1 - m) * kappa)),
    "beta_binomial": (
        "logit",
        [SHAPE],
        lambda rng, m, n, kappa: rng.binomial(n, rng.beta(m * kappa, (1 - m) * kappa)).astype(float),
    ),
    "gaussian": ("log", [("HalfStudentT", (4.0, 1.0))], lambda rng, m, n, sigma: rng.normal(m, sigma)),
}
COEFFICIENTS: list[PriorSpec] = [("Normal", (0.5, 1.0)), ("Normal", (0.0, 0.7))]


def drawn(spec: PriorSpec, rng: Rng) -> float:
    name, parameters = spec
    by_name: dict[str, Callable[..., float]] = {
        "Normal": rng.normal,
        "Gamma": lambda alpha, beta: rng.gamma(alpha, 1 / beta),
        "HalfCauchy": lambda beta: abs(beta * rng.standard_cauchy()),
        "HalfStudentT": lambda nu, sigma: abs(sigma * rng.standard_t(nu)),
    }
    return float(by_name[name](*parameters))


def ranks(
    family: str, sampler: Sampler, data_sets: int = DATA_SETS, assumed: list[PriorSpec] | None = None
) -> NDArray[np.int64]:
    """Ranks of the true parameters among 19 draws, (parameters, data sets)."""
    link, auxiliary_priors, respond = FAMILIES[family]
    result = []
    for seed, rng in enumerate(np.random.default_rng(len(family)).spawn(data_sets)):
        centred = np.array([drawn(spec, rng) for spec in COEFFICIENTS])
        auxiliaries = [drawn(spec, rng) for spec in auxiliary_priors]
        X = rng.normal(size=(ROWS, 1)) + 1
        trials = rng.integers(1, 9, ROWS).astype(float) if "binomial" in family and family[0] == "b" else None
        mean = np.asarray(MEANS[link](centred[0] + (X - X.mean(axis=0)) @ centred[1:]))
        y = respond(rng, mean, None if trials is None else trials.astype(int), *auxiliaries)
        truth = np.array([centred[0] - X.mean(axis=0) @ centred[1:], centred[1], *auxiliaries])
        model = Glm(family, link, X, y, COEFFICIENTS, list(assumed or auxiliary_priors), trials)
        result.append((sampler(model.framed(), seed) < truth[:, None]).sum(axis=1))
    return np.array(result).T


def nuts(density: _core.FramedGlm, seed: int) -> Array:
    """19 draws of one chain, far enough apart to be independent."""
    result = _core.sample(
        density,
        draws=3 * (RANKS - 1),
        tune=100,
        chains=1,
        cores=1,
        seed=seed,
        target_accept=0.8,
        max_treedepth=10,
        keep_warmup=False,
        report=None,
    )
    values: Array = result["sampling"]["values"]
    return values[:, 0, ::3]


def independence(density: _core.FramedGlm, seed: int) -> Array:
    """The same; where it says that a posterior does not suit it, its draws are further apart than its stretches."""
    apart = 20
    options: dict[str, Any] = {"chains": 1, "cores": 1, "seed": seed, "report": None}
    values: Array = _core.sample_independence(density, draws=apart * (RANKS - 1), **options)["sampling"]["values"]
    return values[:, 0, ::apart]


def by_reference(
    rules: reference.Rules = reference.CORRECT,
    target: Callable[[Any], reference.LogDensities] = lambda density: density.batch,
) -> Sampler:
    def sampler(density: _core.FramedGlm, seed: int) -> Array:
        return reference.sample_chains(density, 20 * (RANKS - 1), seed, rules, chains=1, target=target)[:, 0, ::20]

    return sampler


def least_p_value(ranks: NDArray[np.int64]) -> float:
    return min(rank_p_value(row, RANKS, BINS) for row in ranks)


SAMPLERS = pytest.mark.parametrize("sampler", [nuts, independence])


@pytest.mark.parametrize("family", FAMILIES)
@SAMPLERS
def test_ranks_are_uniform(family: str, sampler: Sampler) -> None:
    assert least_p_value(ranks(family, sampler)) > P_LIMIT


@SAMPLERS
def test_a_missing_jacobian_is_rejected(sampler: Sampler) -> None:
    """Without the Jacobian of log α a Gamma(3, ·) prior acts as π(α)/α, which is Gamma(2, ·)."""
    assert least_p_value(ranks("beta_binomial", sampler, assumed=[("Gamma", (2.0, 0.75))])) < P_LIMIT


def test_ranks_of_the_reference_are_uniform() -> None:
    assert least_p_value(ranks("beta_binomial", by_reference())) > P_LIMIT


def test_ranks_reject_an_accept_step_without_the_proposals_density() -> None:
    """Accepting everything is too little to see: in the scores of alpha a normal has nearly the posterior."""
    assert least_p_value(ranks("gamma", by_reference(reference.PROPOSALS_NOT_WEIGHED))) < P_LIMIT


def test_ranks_reject_a_missing_jacobian() -> None:
    broken = by_reference(target=reference.without_auxiliary_jacobian)
    assert least_p_value(ranks("beta_binomial", broken)) < P_LIMIT


# 15 rows that one predictor separates, and Student priors: the posterior's tails are theirs.
SEPARATED_DRAWS = 20_000


def separated() -> Glm:
    x = np.sort(np.random.default_rng(4).normal(size=15))
    priors: list[PriorSpec] = [("StudentT", (4.0, 0.0, 2.5))] * 2
    return Glm("bernoulli", "logit", x[:, None], (x > 0.1).astype(float), priors)


def worst_score_where_data_separate(rules: reference.Rules, seed: int = 2) -> float:
    """Largest z-score of means and tail shares, against quadrature in the frame."""
    framed = separated().framed()
    axis = np.sinh(np.linspace(-np.arcsinh(60.0), np.arcsinh(60.0), 801))
    grid = np.array(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
    log_density = framed.batch(grid)
    mass = np.exp(log_density - log_density.max()) * np.outer(np.gradient(axis), np.gradient(axis)).ravel()
    mass /= mass.sum()
    values = framed.to_user_scale(grid)
    draws = reference.sample_chains(framed, SEPARATED_DRAWS, seed, rules)
    scores = []
    for exact, sampled in zip(values, draws, strict=True):
        order = np.argsort(exact)
        below = exact[order][np.searchsorted(np.cumsum(mass[order]), 0.02)]
        for f in (lambda v: v, lambda v, at=below: (v < at).astype(float)):
            ours = f(sampled)
            error = ours.std() / np.sqrt(_core.ess_mean(np.ascontiguousarray(ours)))
            scores.append(abs(ours.mean() - f(exact) @ mass) / error)
    return max(scores)


def test_scores_reject_a_map_without_its_t_part() -> None:
    assert worst_score_where_data_separate(reference.CORRECT) < Z_LIMIT
    assert worst_score_where_data_separate(reference.NO_T) > Z_LIMIT
