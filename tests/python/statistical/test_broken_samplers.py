"""Shows that the checks can fail: each of them rejects the samplers that it is there to reject, and no correct one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import filbert as fb
import pytest
from filbert import _core
from statistical.marginals import Array, Marginal
from statistical.models import framed_density, model_and_regression, simulated_frame
from statistical.oracle import Oracle
from statistical.reference_nuts import (
    CORRECT,
    FLIPPED_TURN,
    NO_WEIGHTS,
    LogDensity,
    Rules,
    framed,
    sample_chains,
    without_frame_jacobian,
    without_sigma_jacobian,
)
from statistical.scores import MIN_ESS_PER_DRAW, Z_LIMIT, ess_per_draw, worst

pytestmark = pytest.mark.statistical

COLUMNS = ["x1", "x2"]
DRAWS = 1000


@pytest.fixture(scope="module")
def problem() -> tuple[_core.FramedLinearGaussian, list[Marginal]]:
    priors: dict[str, fb.Prior] = dict.fromkeys(["Intercept", *COLUMNS], fb.Normal(0, 2))
    priors["sigma"] = fb.HalfNormal(1)
    _, regression = model_and_regression(simulated_frame(12, 2, seed=91), COLUMNS, priors)
    density = framed_density(regression.X, regression.y, [("Normal", (0.0, 2.0))] * 3, ("HalfNormal", (1.0,)))
    return density, Oracle(regression).marginals()


def run(density: Any, target: LogDensity, rules: Rules, seed: int) -> dict[str, Array]:
    values = sample_chains(density, target, DRAWS, seed, rules)
    return dict(zip(["Intercept", *COLUMNS, "sigma"], values, strict=True))


def test_a_correct_reference_passes(problem: Any) -> None:
    density, exact = problem
    draws = run(density, framed(density), CORRECT, seed=1)
    assert abs(worst(draws, exact)[1]) < Z_LIMIT
    assert min(ess_per_draw(draws).values()) >= MIN_ESS_PER_DRAW


@pytest.mark.parametrize("break_density", [without_sigma_jacobian, without_frame_jacobian])
def test_scores_reject_a_missing_jacobian(problem: Any, break_density: Callable[[Any], LogDensity]) -> None:
    density, exact = problem
    draws = run(density, break_density(density), CORRECT, seed=2)
    assert abs(worst(draws, exact)[1]) > Z_LIMIT


def test_scores_reject_dropped_multinomial_weights(problem: Any) -> None:
    density, exact = problem
    draws = run(density, framed(density), NO_WEIGHTS, seed=3)
    assert abs(worst(draws, exact)[1]) > Z_LIMIT


def test_effective_sample_size_rejects_a_flipped_turn(problem: Any) -> None:
    """The criterion stays symmetric, so the draws stay exact; but trajectories stop at once, and draws hardly move."""
    density, exact = problem
    draws = run(density, framed(density), FLIPPED_TURN, seed=4)
    assert abs(worst(draws, exact)[1]) < Z_LIMIT
    assert min(ess_per_draw(draws).values()) < MIN_ESS_PER_DRAW
