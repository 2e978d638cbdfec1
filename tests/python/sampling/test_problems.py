"""Which draws a fit is judged by."""

from __future__ import annotations

from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core


@pytest.mark.parametrize(
    ("family", "right", "variables"),
    [
        ("gaussian", "x + (x | g)", 6),  # two coefficients, sigma, two deviations and a correlation
        ("lognormal", "x + (1 | g)", 4),
        ("poisson", "x + (x | g)", 5 + 2 * 8),  # effects are part of the chain
        ("gaussian", "x", 3),
    ],
)
def test_effects_that_are_drawn_given_the_others_are_not_judged(
    monkeypatch: pytest.MonkeyPatch, family: str, right: str, variables: int
) -> None:
    seen: list[int] = []
    original = _core.ChainSummaries

    def noted(draws: Any, threads: int = 1) -> _core.ChainSummaries:
        seen.append(len(draws))
        return original(draws, threads)

    monkeypatch.setattr(_core, "ChainSummaries", noted)
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(8), 12)
    data = pd.DataFrame({"x": rng.normal(size=g.size), "g": g.astype(str)})
    data["y"] = 1 + rng.poisson(np.exp(0.5 + 0.3 * data.x + rng.normal(0, 0.5, 8)[g]))
    fb.Model(f"y ~ {right}", data, family=family).fit(random_seed=1, progressbar=False)
    assert seen == [variables]
