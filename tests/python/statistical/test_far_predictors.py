"""Correlated effects along predictors far from zero have the posterior of the model with centred ones, reweighted."""

from __future__ import annotations

import filbert as fb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from filbert import _core

FloatArray = npt.NDArray[np.float64]

GROUPS, ROWS = 25, 30
WIDE, NARROW = 500.0, 2.0  # scales of the half-normal priors of the intercepts' deviations, at zero and at the centre
AT_ZERO = fb.Prior("HalfNormal", sigma=1)  # of the slopes' deviation
AT_CENTRE = fb.Prior("InverseGamma", alpha=3, beta=0.05)  # of the same, nearer to what the volume makes of it


def rows(family: str, distance: float, seed: int, slopes: float = 0.6) -> pd.DataFrame:
    """Rows with a predictor of deviation 1 and mean `distance`, and the deviation of the slopes of groups."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(GROUPS), ROWS)
    z = rng.normal(size=codes.size)
    eta = 0.4 + 0.3 * z + rng.normal(0, 0.7, GROUPS)[codes] + rng.normal(0, slopes, GROUPS)[codes] * z
    y = rng.poisson(np.exp(eta)) if family == "poisson" else rng.gamma(2, np.exp(eta) / 2)
    return pd.DataFrame({"y": y, "x": distance + z, "g": [f"g{code}" for code in codes]}).assign(xc=z)


def draws(right: str, family: str, data: pd.DataFrame, scale: float, seed: int) -> dict[str, FloatArray]:
    """Return what does not depend on where effects are taken, or at the centre, (chains, draws)."""
    predictor, of_slopes = ("xc", AT_CENTRE) if "xc" in right else ("x", AT_ZERO)
    priors = {
        "1|g": fb.Prior("Normal", mu=0, sigma=fb.Prior("HalfNormal", sigma=scale)),
        f"{predictor}|g": fb.Prior("Normal", mu=0, sigma=of_slopes),
        "g_corr": fb.Prior("LKJCorr", eta=2),
    }
    idata = fb.Model(f"y ~ x + ({right})", data, family=family, priors=priors).fit(
        draws=2000, random_seed=seed, progressbar=False
    )
    posterior = idata.posterior
    found = {"slopes": posterior[f"{predictor}|g_sigma"].values, "intercepts": posterior["1|g_sigma"].values}
    found["correlation"] = posterior["g_corr"].values[..., 0]
    found["effect"] = posterior[f"{predictor}|g"].values[:, :, 3]
    found["Intercept"] = posterior["Intercept"].values
    return found


def moved(found: dict[str, FloatArray], by: float) -> dict[str, FloatArray]:
    """Return draws with the intercepts of groups taken `by` further along the predictor."""
    slopes, intercepts, correlation = found["slopes"], found["intercepts"], found["correlation"]
    covariance = correlation * slopes * intercepts + by * slopes**2
    there = np.sqrt(intercepts**2 + 2 * by * correlation * slopes * intercepts + (by * slopes) ** 2)
    return {**found, "intercepts": there, "correlation": covariance / (slopes * there)}


def log_weights(centred: dict[str, FloatArray], distance: float, volume: int = 2) -> FloatArray:
    """Return the log of the prior at zero over that at the centre: densities of covariances, hence d², with LKJ(2)."""
    at_zero, slopes = moved(centred, -distance), centred["slopes"]

    def of_intercepts(found: dict[str, FloatArray], scale: float) -> FloatArray:
        deviation, correlation = found["intercepts"], found["correlation"]
        return -0.5 * (deviation / scale) ** 2 + np.log1p(-(correlation**2)) - volume * np.log(deviation)

    of_slopes = -0.5 * slopes**2 + 4 * np.log(slopes) + 0.05 / slopes
    return of_intercepts(at_zero, WIDE) - of_intercepts(centred, NARROW) + of_slopes


def scores(found: dict[str, FloatArray], expected: dict[str, FloatArray], log_weight: FloatArray) -> FloatArray:
    """Return the differences of means in their Monte Carlo standard errors."""
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    result = []
    for name, values in found.items():
        reference = np.sum(weights * expected[name])
        spread = np.sqrt(np.sum(weights * (expected[name] - reference) ** 2))
        kept = _core.ess_mean(np.ascontiguousarray(expected[name])) / expected[name].size
        error = spread * np.sqrt(np.sum(weights**2) / kept)
        own = values.std() / np.sqrt(_core.ess_mean(np.ascontiguousarray(values)))
        result.append((values.mean() - reference) / np.hypot(error, own))
    return np.array(result)


@pytest.mark.parametrize("family", ["poisson", "gamma"])
@pytest.mark.parametrize("distance", [5.0, 30.0, 300.0])
def test_far_predictors_have_the_posterior_of_centred_ones(family: str, distance: float) -> None:
    data = rows(family, distance, seed=1)
    centred = draws("xc | g", family, data, NARROW, seed=2)
    found = moved(draws("x | g", family, data, WIDE, seed=3), distance)
    assert np.abs(scores(found, centred, log_weights(centred, distance))).max() < 4
    assert np.abs(scores(found, centred, log_weights(centred, distance, volume=0))).max() > 5


def test_slopes_that_may_not_be_there_come_with_advice() -> None:
    """No chain would go from slopes that intercepts make up for to hardly any: one was found, without a warning."""
    data = rows("poisson", 300.0, seed=1, slopes=0.25)
    with pytest.raises(fb.DataError, match=r"'x\|g' is far from 0 .*\(center\(x\) \| g\)"):
        fb.Model("y ~ x + (x | g)", data, family="poisson").fit(random_seed=1, progressbar=False)
    idata = fb.Model("y ~ x + (center(x) | g)", data, family="poisson").fit(random_seed=1, progressbar=False)
    assert 0.1 < float(idata["posterior"]["center(x)|g_sigma"].mean()) < 0.4
