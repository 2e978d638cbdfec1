"""What a fit expects of the rows it was fitted to, beside what they are: numbers of each count, and shares of ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.blocks import Block, DesignColumns
from ..errors import SettingError, quote_names
from ..families import FAMILIES
from ..predict import rowwise
from ..regression.regression import Regression
from ..results.draws import Draws
from ..results.summary import checked_probability

__all__ = ["Calibration", "CountCheck", "calibration_of", "counts_of"]

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

_MOST_BARS = 50
_MOST_DRAWS = 1000  # more say nothing new about an interval
_FEWEST_DRAWS = 100
_MOST_PROBABILITIES = 3e8  # of rows, draws and counts, which some seconds are enough for
_TOO_MANY_PROBABILITIES = 1e9


@dataclass(frozen=True)
class CountCheck:
    """How many rows have each count, and how many the posterior expects to.

    Attributes
    ----------
    start : int array, (bars,)
        The count of each bar, or the first of several.
    width : int
        Counts in a bar.
    observed : array, (bars,)
        Rows, or their weights.
    mean, lower, upper : array, (bars,)
        Expected rows: the posterior mean, and the ends of the interval between two quantiles.
    """

    start: Labels
    width: int
    observed: FloatArray
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True)
class Calibration:
    """Rows in bins of about equal numbers, in the order of their predicted probabilities.

    Attributes
    ----------
    rows : int array, (bins,)
    predicted : array, (bins,)
        The mean over the rows (trials) of the posterior mean of their probabilities.
    observed : array, (bins,)
        The share of ones, or of successes.
    lower, upper : array, (bins,)
        Where shares of data from the fitted model would lie: the interval between two quantiles.
    """

    rows: Labels
    predicted: FloatArray
    observed: FloatArray
    lower: FloatArray
    upper: FloatArray


def counts_of(regression: Regression, idata: Any, prob: float) -> CountCheck:
    """Compare the rows of each count, up to the largest, with the expected ones.

    The probability of each count in each row is exact; it is averaged over rows for up to 1000 draws, fewer where rows
    are very many.
    """
    if not regression.family.is_discrete or regression.family.is_binary:
        raise _wrong_family(regression, "counts", lambda family: family.is_discrete and not family.is_binary)
    probability = checked_probability(prob, "prob")
    rows = rowwise.fitted_rows(regression)
    responses = np.concatenate([block.y for block in rows.blocks()])
    largest = int(responses.max())
    if rows.n_rows * (largest + 1) * _FEWEST_DRAWS > _TOO_MANY_PROBABILITIES:
        raise SettingError(
            f"Response {regression.response!r} goes up to {largest}, and the probability of each count up to that in "
            f"each of {rows.n_rows} rows would take minutes. Draw replicates: model.predict(idata, kind='response')."
        )
    width = -(-(largest + 1) // _MOST_BARS)
    n_bars = -(-(largest + 1) // width)
    most = int(np.clip(_MOST_PROBABILITIES / (rows.n_rows * (largest + 1)), _FEWEST_DRAWS, _MOST_DRAWS))
    draws = _thinned(regression, Draws.read(idata, regression), most)
    expected = np.zeros((n_bars, draws.coefficients.shape[1]))
    observed = np.zeros(n_bars)
    for _, block, predictor in rowwise.predictor_blocks(rows, regression, draws):
        assert block.y is not None
        weights = np.ones(len(block.y)) if block.weights is None else block.weights
        observed += np.bincount(block.y.astype(np.intp) // width, weights=weights, minlength=n_bars)
        for count in range(largest + 1):
            expected[count // width] += _expected_rows(regression, block, predictor, draws, weights, count)
    tail = (1 - probability) / 2
    lower, upper = np.quantile(expected, [tail, 1 - tail], axis=1)
    return CountCheck(np.arange(n_bars) * width, width, observed, expected.mean(axis=1), lower, upper)


def calibration_of(regression: Regression, idata: Any, bins: int, prob: float, seed: int) -> Calibration:
    """Compare shares of ones, or of successes, with predicted probabilities, in bins of rows."""
    family = regression.family
    if not (family.is_binary or family.has_trials):
        raise _wrong_family(regression, "0 and 1 or shares", lambda family: family.is_binary or family.has_trials)
    probability = checked_probability(prob, "prob")
    rows = rowwise.fitted_rows(regression)
    draws = Draws.read(idata, regression)
    chances = np.empty(rows.n_rows)
    for where, _, mean in rowwise.mean_blocks(rows, regression, draws):
        chances[where] = mean.mean(axis=1)
    labels, n_bins = _bins(chances, bins)
    few = _thinned(regression, draws, _MOST_DRAWS)
    keys = rowwise.row_keys(rows.index)
    successes, replicated = np.zeros(n_bins), np.zeros((n_bins, few.coefficients.shape[1]))
    expected, totals = np.zeros(n_bins), np.zeros(n_bins)
    for where, block, mean in rowwise.mean_blocks(rows, regression, few):
        assert block.y is not None
        weights = np.ones(len(block.y)) if block.weights is None else block.weights
        trials = weights if block.trials is None else weights * block.trials
        responses = rowwise.response_draws(block, mean, regression, few, keys[where], seed)
        inside = labels[where]
        successes += np.bincount(inside, weights=weights * block.y, minlength=n_bins)
        expected += np.bincount(inside, weights=trials * chances[where], minlength=n_bins)
        totals += np.bincount(inside, weights=trials, minlength=n_bins)
        for label in np.unique(inside):
            replicated[label] += weights[inside == label] @ responses[inside == label]
    used = totals > 0
    shares = replicated[used] / totals[used, None]
    tail = (1 - probability) / 2
    lower, upper = np.quantile(shares, [tail, 1 - tail], axis=1)
    sizes = np.bincount(labels, minlength=n_bins)[used]
    return Calibration(
        sizes, (expected / np.where(used, totals, 1))[used], successes[used] / totals[used], lower, upper
    )


def _expected_rows(
    regression: Regression, block: Block, predictor: FloatArray, draws: Draws, weights: FloatArray, count: int
) -> FloatArray:
    """Return how many rows of a block are expected to have a count, at each draw."""
    able = np.ones(len(weights), dtype=bool) if block.trials is None else block.trials >= count
    if not able.any():
        return np.zeros(predictor.shape[1])
    trials = None if block.trials is None else block.trials[able]
    some = Block(DesignColumns.of(block.X[able]), np.full(int(able.sum()), float(count)), None, None, trials)
    terms = regression.family.log_likelihood(regression.link, some, predictor[able], draws.auxiliaries)
    return np.asarray(weights[able] @ np.exp(terms))


def _thinned(regression: Regression, draws: Draws, most: int) -> Draws:
    """Return so many draws, spread evenly over all chains."""
    n = draws.array.shape[1]
    if n <= most:
        return draws
    chosen = np.linspace(0, n - 1, most).round().astype(np.intp)
    return Draws.of(regression, np.ascontiguousarray(draws.array[:, chosen]), (1, most))


def _bins(chances: FloatArray, bins: int) -> tuple[Labels, int]:
    """Put rows into bins by their probabilities, equal ones into the same."""
    levels = np.unique(chances)
    edges = levels[:-1] if len(levels) <= bins else np.quantile(chances, np.linspace(0, 1, bins + 1)[1:-1])
    _, labels = np.unique(np.searchsorted(np.unique(edges), chances, side="left"), return_inverse=True)
    return labels, int(labels.max()) + 1


def _wrong_family(regression: Regression, noun: str, fits: Any) -> SettingError:
    names = [name for name, family in FAMILIES.items() if fits(family)]
    return SettingError(
        f"The picture is of {noun}, and family {regression.family.name!r} has other responses. It needs one of "
        f"{quote_names(names)}; for others use ArviZ's plot_ppc or plot_ppc_dist after model.predict(idata, "
        "kind='response')."
    )
