"""The same regression twice: as a model of the package and as plain arrays for the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import filbert as fb
import numpy as np
import pandas as pd
from filbert import _core
from statistical.oracle import Regression, as_scipy
from statistical.scores import draws_by_name

if TYPE_CHECKING:
    from statistical.marginals import Array


def simulated_frame(n: int, p: int, seed: int, noise: float = 0.7) -> pd.DataFrame:
    """Columns y, x1 ... xp of different locations and scales, w (weights, some of them 0) and o (an offset)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.2, 3, size=p) + rng.normal(size=p)
    frame = pd.DataFrame(X, columns=[f"x{j + 1}" for j in range(p)])
    frame["o"] = rng.normal(size=n)
    frame["y"] = 1.5 + X @ rng.normal(size=p) / np.sqrt(p) + frame["o"] + noise * rng.normal(size=n)
    frame["w"] = rng.choice([0.0, 0.5, 1.0, 2.5], size=n)
    return frame


def model_and_regression(
    frame: pd.DataFrame,
    columns: Sequence[str],
    priors: Mapping[str, fb.Prior],
    *,
    intercept: bool = True,
    center_predictors: bool = True,
    weighted: bool = False,
    offset: bool = False,
) -> tuple[fb.Model, Regression]:
    """The regression of y on numeric columns; `priors` must name every parameter."""
    model = fb.Model(
        f"y ~ {'1' if intercept else '0'} + {' + '.join(columns)}",
        frame,
        priors=priors,
        center_predictors=center_predictors,
        weights="w" if weighted else None,
        offset="o" if offset else None,
    )
    names = ["Intercept"] * intercept + list(columns)
    regression = Regression(
        frame[list(columns)].to_numpy(),
        frame["y"].to_numpy(),
        [as_scipy(priors[name]) for name in names],
        as_scipy(priors["sigma"]),
        intercept=intercept,
        intercept_at_means=center_predictors,
        weights=frame["w"].to_numpy() if weighted else None,
        offset=frame["o"].to_numpy() if offset else 0.0,
    )
    return model, regression


def fitted_draws(model: fb.Model, seed: int, draws: int = 1000) -> tuple[dict[str, Array], Any]:
    """Draws by parameter, and the whole fit."""
    idata = model.fit(draws=draws, random_seed=seed, progressbar=False)
    return draws_by_name(idata), idata


def framed_density(
    X: Array, y: Array, priors: Sequence[tuple[str, Sequence[float]]], sigma_prior: tuple[str, Sequence[float]]
) -> _core.FramedLinearGaussian:
    """The sampler's density of a regression with an intercept, without the layers above it."""
    posterior = _core.LinearGaussian(
        _core.SufficientStatistics.from_arrays(X, y),
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=[(name, list(values)) for name, values in priors],
        sigma_prior=(sigma_prior[0], list(sigma_prior[1])),
    )
    return _core.FramedLinearGaussian(posterior)
