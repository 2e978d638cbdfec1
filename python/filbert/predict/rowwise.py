"""Draws of each row's mean and response from draws of the parameters, a block of rows at a time, and their summaries.

A row's numbers depend on the row and the seed alone: not on the rows beside it, their order, or the size of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import _core
from ..data.blocks import Block, Source
from ..data.tables import as_frame
from ..errors import DataError
from ..families.responses import check_trials
from ..formula.rows import Rows
from ..formula.streamed_rows import StreamedRows
from ..regression.levels import coefficients as level_coefficients
from ..regression.regression import Regression
from ..results.draws import Draws
from ..results.summary import checked_probability
from ..sampling.settings import available_cores, checked_seed
from .group_effects import add_group_effects

FloatArray = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_CHUNK_VALUES = 1 << 18  # rows times draws that are worked on at a time: 2 MB, which a cache holds
_NEXT_OF_SAME_LABEL = np.uint64(0x9E3779B97F4A7C15)


def predictor_draws(block: Block, regression: Regression, draws: Draws, out: FloatArray | None = None) -> FloatArray:
    """Return draws of the linear predictor, (rows, draws), with the offset added; `out` is filled if given."""
    predictor = np.empty((len(block), draws.coefficients.shape[1])) if out is None else out
    _core.mean_draws(block.X, draws.coefficients, regression.has_intercept, predictor, available_cores())
    if block.offset is not None:
        predictor += block.offset[:, None]
    if draws.levels is not None:
        predictor += level_coefficients(block, regression, draws.levels)
    if draws.effects:
        assert regression.groups is not None
        add_group_effects(block, regression.groups, draws.effects, predictor)
    return predictor


def mean_draws(block: Block, regression: Regression, draws: Draws, out: FloatArray | None = None) -> FloatArray:
    """Return draws of the family's parent parameter, (rows, draws); `out` is filled if given."""
    predictor = predictor_draws(block, regression, draws, out)
    if regression.link_function.is_identity:
        return predictor
    predictor[...] = regression.link_function.inverse(predictor)
    return predictor


def response_draws(
    block: Block,
    mean: FloatArray,
    regression: Regression,
    draws: Draws,
    keys: Keys,
    seed: int,
    out: FloatArray | None = None,
) -> FloatArray:
    """Return draws of the response, (rows, draws).

    Parameters
    ----------
    block : Block
    mean : array, (rows, draws)
        What `mean_draws` returned.
    regression : Regression
    draws : Draws
    keys : uint64 array, (rows,)
        See `row_keys`. The noise of a row's draw k depends on `seed`, the row's key and k alone.
    seed : int
        See `noise_seed`.
    out : array, (rows, draws), optional
        Filled and returned; may be `mean`.
    """
    responses = np.empty(mean.shape) if out is None else out
    regression.family.draw_responses(block, mean, draws.auxiliaries, keys, seed, responses, available_cores())
    return responses


def summarise(draws: FloatArray, prob: float, use_hdi: bool) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return mean, sd and the ends of an interval of each row of draws.

    Parameters
    ----------
    draws : array, (rows, draws)
    prob : float
        Probability of the interval, between 0 and 1.
    use_hdi : bool
        True: the shortest interval, as in `filbert.summary`. False: the one between two quantiles.

    Raises
    ------
    DataTypeError, SettingError
        If `prob` is not a number between 0 and 1.
    """
    probability = checked_probability(prob, "prob")
    return _core.summarise_rows(draws, probability, bool(use_hdi), available_cores())


def predictor_blocks(rows: Source, regression: Regression, draws: Draws) -> Iterator[tuple[slice, Block, FloatArray]]:
    """Yield consecutive rows: where they are, their block, and the draws of their linear predictors."""
    step = max(1, _CHUNK_VALUES // draws.coefficients.shape[1])
    for where, block in _placed_blocks(rows):
        for start in range(where.start, where.stop, step):
            part = slice(start, min(start + step, where.stop))
            piece = block[part.start - where.start : part.stop - where.start]
            yield part, piece, predictor_draws(piece, regression, draws)


def mean_blocks(rows: Source, regression: Regression, draws: Draws) -> Iterator[tuple[slice, Block, FloatArray]]:
    """Yield the same with the draws of the family's parent parameter."""
    inverse = regression.link_function.inverse
    for where, block, predictor in predictor_blocks(rows, regression, draws):
        yield where, block, inverse(predictor)


def all_draws(
    rows: Source,
    regression: Regression,
    draws: Draws,
    means: FloatArray,
    responses: FloatArray | None = None,
    seed: int = 0,
) -> None:
    """Fill `means` (draws, rows) and, if given, `responses` with the draws of every row."""
    keys = None if responses is None else row_keys(rows.index)
    for where, block in _placed_blocks(rows):
        mean = mean_draws(block, regression, draws, means.T[where])
        if responses is not None and keys is not None:
            response_draws(block, mean, regression, draws, keys[where], seed, responses.T[where])


def row_keys(index: pd.Index[Any]) -> Keys:
    """Return a number for each row, from its label and its place among the rows of the same label."""
    if index.dtype == object and index.nlevels == 1:
        index = index.infer_objects()  # pandas keeps whole numbers so where texts were among them before
    if index.dtype.kind in "iufb":
        index = _numbers_alike(index)
    keys: Keys = np.asarray(pd.util.hash_pandas_object(index, index=False), dtype=np.uint64)
    if index.is_unique:
        return keys
    earlier = pd.Series(keys).groupby(keys).cumcount().to_numpy().astype(np.uint64)
    return keys + earlier * _NEXT_OF_SAME_LABEL


def noise_seed(random_seed: Any) -> int:
    """Return the 64 bits that the streams of row noise start from; unlike those of a fit with the same seed."""
    sequence = np.random.SeedSequence(checked_seed(random_seed), spawn_key=(1,))
    return int(sequence.generate_state(1, np.uint64)[0])


def new_rows(regression: Regression, data: Any, draws_responses: bool, needs_groups: bool = True) -> Rows:
    """Return rows of new data, with their trials where responses are drawn, which alone need them."""
    assert regression.design is not None
    trials = regression.design.trials if draws_responses else None
    data = as_frame(data, {*regression.design.kinds, *(() if trials is None else trials.columns)})
    lacking = [name for name in trials.columns if name not in data.columns] if trials is not None else []
    if lacking:
        raise DataError(
            f"The new data lack column {lacking[0]!r}, the trials of {regression.response!r}, which draws of the "
            "response need; its mean does not."
        )
    rows = regression.design.new_rows(data, with_trials=draws_responses, with_groups=needs_groups)
    if rows.trials is not None:
        check_trials(regression.response, rows.trials, rows.index)
    return rows


def fitted_rows(regression: Regression, in_parts: bool = False) -> Any:
    """Return the rows that a model was fitted to, or refuse if it was loaded without them.

    Those that are read in parts are refused too, unless the caller says that blocks are all it needs.
    """
    if regression.rows is None:
        raise DataError(
            "The model was loaded from a file, which has no rows, or made of a summary. Pass new rows as data=, where "
            "these will do, or make the model again from its formula and data."
        )
    if isinstance(regression.rows, StreamedRows) and not in_parts:
        raise DataError(
            "The model's rows are read in parts, and this needs them all at hand. Pass the rows that it is asked of as "
            "data=, where that is possible, or make the model of a data frame."
        )
    return regression.rows


def _numbers_alike(index: pd.Index[Any]) -> pd.Index[Any]:
    """Return numbers as integers where they are whole, so that a label counts the same whatever its type."""
    values = index.to_numpy()
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        return index
    return index.astype(np.int64)


def _placed_blocks(rows: Source) -> Iterator[tuple[slice, Block]]:
    start = 0
    for block in rows.blocks():
        yield slice(start, start + len(block)), block
        start += len(block)
