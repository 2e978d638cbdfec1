"""Draws against exact distributions: differences in Monte Carlo standard errors, and effective sample sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from statistical.marginals import Array, Marginal

# A correct sampler goes beyond this once in 150 000 scores, and all statistical tests together take some 3000.
Z_LIMIT = 4.5
# The same once in 150 000, for p-values.
P_LIMIT = 2 * stats.norm.sf(Z_LIMIT)
MIN_ESS_PER_DRAW = 0.8
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q95": 0.95}
# Beyond this kurtosis (a normal has 3) the moments of draws are far from normal, and only their quantiles are compared.
MAX_KURTOSIS = 8.0


def effective_sample_size(draws: Array) -> float:
    """ESS of the mean of draws (chains, draws), by Geyer's initial monotone sequence on split chains."""
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    chains, length = split.shape
    centred = split - split.mean(axis=1, keepdims=True)
    padded = 2 ** int(np.ceil(np.log2(2 * length)))
    power = np.abs(np.fft.rfft(centred, padded)) ** 2
    covariance = np.fft.irfft(power, padded)[:, :length].mean(axis=0) / length
    within = covariance[0] * length / (length - 1)
    total = covariance[0] + split.mean(axis=1).var(ddof=1)
    correlation = 1 - (within - covariance * length / (length - 1)) / total
    pairs = correlation[: length - length % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if len(negative) else None])
    time = max(2 * pairs.sum() - 1, 1 / np.log10(chains * length))
    return float(chains * length / time)


def z_scores(draws: Array, exact: Marginal) -> dict[str, float]:
    """Differences of draws (chains, draws) from the exact moments and quantiles, in Monte Carlo standard errors."""
    scores = {}
    if exact.kurtosis < MAX_KURTOSIS:
        standard = (draws - exact.mean) / exact.sd
        scores["mean"] = float(standard.mean() * np.sqrt(effective_sample_size(draws)))
        spread = np.sqrt((exact.kurtosis - 1) / effective_sample_size(standard**2))
        scores["sd"] = float((np.mean(standard**2) - 1) / spread)
    for name, probability in QUANTILES.items():
        scores[name] = coverage_score(draws, exact.quantile(probability), probability)
    return scores


def coverage_score(draws: Array, quantile: float, probability: float) -> float:
    """Share of draws below an exact quantile, less what it should be."""
    below = (draws < quantile).astype(float)
    share = below.mean()
    if share in (0.0, 1.0):
        return float((share - probability) * np.sqrt(draws.size))
    size = min(effective_sample_size(below), 3 * draws.size)
    return float((share - probability) / np.sqrt(probability * (1 - probability) / size))


def mean_score(draws: Array, exact: Mapping[str, float]) -> float:
    """Difference of the mean from an exact one, or from one with an error `mcse_mean` of its own."""
    error = np.hypot(exact["sd"] / np.sqrt(effective_sample_size(draws)), exact.get("mcse_mean", 0.0))
    return float((draws.mean() - exact["mean"]) / error)


def sd_score(draws: Array, exact: Mapping[str, float]) -> float:
    """The same of the second moment about the exact mean."""
    squares = ((draws - exact["mean"]) / exact["sd"]) ** 2
    error = np.hypot(
        np.sqrt(squares.var() / effective_sample_size(squares)), 2 * exact.get("mcse_sd", 0.0) / exact["sd"]
    )
    return float((squares.mean() - 1) / error)


def _statistics(draws: Array, scale: Array) -> list[Array]:
    """Functions of one parameter's draws whose means are compared; `scale` has draws that fix where to cut."""
    centre, cuts = np.median(scale), np.quantile(scale, [0.05, 0.25, 0.5, 0.75, 0.95])
    return [draws, np.abs(draws - centre), *((draws < cut).astype(float) for cut in cuts)]


def differences(first: Array, second: Array) -> Array:
    """Z-scores of means, absolute deviations and shares below quantiles, (parameters, statistics)."""
    scores = np.empty((len(first), 7))
    for j, (a, b) in enumerate(zip(first, second, strict=True)):
        for k, (x, y) in enumerate(zip(_statistics(a, b), _statistics(b, b), strict=True)):
            errors = [v.std() / np.sqrt(effective_sample_size(v)) for v in (x, y)]
            scores[j, k] = (x.mean() - y.mean()) / np.hypot(*errors)
    return scores


def worst(draws: Mapping[str, Array], exact: Sequence[Marginal]) -> tuple[str, float]:
    """The largest z-score in absolute value over all parameters, and whose it is."""
    scores = {
        f"{name} {statistic}": score
        for (name, values), marginal in zip(draws.items(), exact, strict=True)
        for statistic, score in z_scores(values, marginal).items()
    }
    name = max(scores, key=lambda key: abs(scores[key]))
    return name, scores[name]


def ess_per_draw(draws: Mapping[str, Array]) -> dict[str, float]:
    return {name: effective_sample_size(values) / values.size for name, values in draws.items()}


def rank_p_value(ranks: NDArray[np.int64], n_ranks: int, bins: int) -> float:
    """P-value of ranks 0 .. n_ranks-1 being uniform, by chi-square over bins of equal size."""
    if n_ranks % bins:
        raise ValueError(f"{n_ranks} ranks do not divide into {bins} bins")
    counts = np.bincount(ranks // (n_ranks // bins), minlength=bins)
    return float(stats.chisquare(counts).pvalue)


def draws_by_name(idata: Any) -> dict[str, Array]:
    """Every scalar parameter of a fit as (chains, draws), in the order of the coefficients, sigma last."""
    result = {}
    for name, variable in idata.posterior.data_vars.items():
        values = np.asarray(variable)
        if values.ndim == 2:
            result[str(name)] = values
        else:
            result |= {f"{name}[{level}]": values[..., level] for level in range(values.shape[2])}
    return result


def draws_by_label(idata: Any) -> dict[str, Array]:
    """The same by the labels of levels, in any order."""
    result = {}
    for name, variable in idata.posterior.data_vars.items():
        values = np.asarray(variable)
        levels = [] if values.ndim == 2 else variable[variable.dims[2]].values
        result |= {f"{name}[{level}]": values[..., i] for i, level in enumerate(levels)} or {str(name): values}
    return result
