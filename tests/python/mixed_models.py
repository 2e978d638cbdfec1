"""Draws of mixed models by the core, and their scores against reference posteriors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from filbert import _core
from statistical.scores import QUANTILES, coverage_score, mean_score, sd_score


def sample(density: Any, draws: int, seed: int = 1, cores: int = 1, tune: int = 200) -> dict[str, Any]:
    return _core.sample(
        density,
        draws=draws,
        tune=tune,
        chains=4,
        cores=cores,
        seed=seed,
        target_accept=0.8,
        max_treedepth=10,
        keep_warmup=False,
        report=None,
    )


def sample_hmc(density: Any, draws: int, seed: int = 1, cores: int = 1) -> dict[str, Any]:
    return _core.sample_hmc(density, draws=draws, chains=4, cores=cores, seed=seed, target_accept=0.8, report=None)


def scores(labels: Sequence[str], reference: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    """Score draws, (variables, chains, draws), against the reference in Monte Carlo errors: (variables, statistics)."""
    return np.array(
        [
            [
                mean_score(draws, reference[label]),
                sd_score(draws, reference[label]),
                *(coverage_score(draws, reference[label][key], share) for key, share in QUANTILES.items()),
            ]
            for label, draws in zip(labels, values, strict=True)
        ]
    )
