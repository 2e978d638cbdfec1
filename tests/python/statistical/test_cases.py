"""Ten real regressions against their exact posteriors, and the calibration of the comparison itself."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from statistical.cases import case_names, read_case
from statistical.marginals import Array
from statistical.models import fitted_draws
from statistical.scores import (
    MIN_ESS_PER_DRAW,
    QUANTILES,
    Z_LIMIT,
    coverage_score,
    ess_per_draw,
    mean_score,
    sd_score,
)

pytestmark = pytest.mark.statistical

SEED = 20261122
DRAWS = 2500


@cache
def fit(name: str) -> tuple[dict[str, Array], NDArray[np.bool_]]:
    draws, idata = fitted_draws(read_case(name).model(), SEED + case_names().index(name), DRAWS)
    return draws, np.asarray(idata.sample_stats["diverging"])


@pytest.mark.parametrize("name", case_names())
def test_draws_have_the_exact_posterior(name: str) -> None:
    draws, diverging = fit(name)
    assert not diverging.any()
    for (parameter, values), exact in zip(draws.items(), read_case(name).exact, strict=True):
        scores = {"mean": mean_score(values, exact), "sd": sd_score(values, exact)}
        scores |= {key: coverage_score(values, exact[key], probability) for key, probability in QUANTILES.items()}
        for statistic, score in scores.items():
            assert abs(score) < Z_LIMIT, f"{statistic} of {parameter} is off by {score:.2f} Monte Carlo standard errors"


@pytest.mark.parametrize("name", case_names())
def test_effective_draws_per_draw(name: str) -> None:
    draws, _ = fit(name)
    for parameter, ess in ess_per_draw(draws).items():
        assert ess >= MIN_ESS_PER_DRAW, f"{ess:.2f} effective draws per draw of {parameter}"


def is_calibrated(scores: Array) -> bool:
    """Whether z-scores spread like N(0, 1): less, and ESS is understated; more, and it is overstated."""
    return bool(0.8 < scores.std() < 1.25)


def test_scores_are_calibrated_over_all_cases() -> None:
    scores = [
        mean_score(values, exact)
        for name in case_names()
        for values, exact in zip(fit(name)[0].values(), read_case(name).exact, strict=True)
    ]
    assert len(scores) == 134
    assert is_calibrated(np.array(scores))


def test_calibration_rejects_a_wrong_effective_sample_size() -> None:
    """Chains of known correlation: ESS gives calibrated scores, and the number of draws does not."""
    exact = {"mean": 0.0, "sd": 1.0}
    for correlation, calibrated_without in ((0.5, False), (-0.4, False), (0.0, True)):
        noise = np.random.default_rng(3).standard_normal((134, 4, DRAWS))
        for i in range(1, DRAWS):
            noise[..., i] = correlation * noise[..., i - 1] + np.sqrt(1 - correlation**2) * noise[..., i]
        assert is_calibrated(np.array([mean_score(draws, exact) for draws in noise]))
        assert is_calibrated(noise.mean(axis=(1, 2)) * np.sqrt(4 * DRAWS)) == calibrated_without
