"""Draws of each row's mean and response from draws of the parameters, a block of rows at a time, and their summaries.

A row's numbers depend on the row and the seed alone: not on the rows beside it, their order, or the size of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import _core
from ..errors import DataError, SettingError, quote_names
from ..regression.names import SAMPLES, stored_name
from ..results.container import Variable, design_variables, posterior_group
from ..results.summary import checked_probability
from ..sampling.settings import available_cores, checked_seed

if TYPE_CHECKING:
    from ..data.blocks import Block, Source
    from ..formula.design import Design

FloatArray = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_CHUNK_VALUES = 1 << 18  # rows times draws that are worked on at a time: 2 MB, which a cache holds
_NEXT_OF_SAME_LABEL = np.uint64(0x9E3779B97F4A7C15)


def coefficient_draws(idata: Any, design: Design) -> tuple[FloatArray, FloatArray]:
    """Read the draws of a formula's parameters.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What `Model.fit` returned, or a selection of its draws.
    design : Design
        The design of the model that was fitted.

    Returns
    -------
    coefficients : array, (coefficients, draws)
        The intercept first, if there is one; draws of all chains, one chain after the other.
    sigma : array, (draws,)

    Raises
    ------
    SettingError
        If `idata` is of another model: parameters are missing, or have other levels.
    """
    values = parameter_draws(idata, design_variables(design))
    return values[:-1], values[-1]


def parameter_draws(idata: Any, variables: Sequence[Variable]) -> FloatArray:
    """Read the draws of parameters, (rows of the draws, chains * draws), sigma last."""
    posterior = posterior_group(idata)
    missing = [variable.name for variable in variables if stored_name(variable.name) not in posterior]
    if missing:
        raise SettingError(
            f"The posterior lacks {quote_names(missing)}, which the model has: was it fitted by another model? It has "
            f"{quote_names(posterior.data_vars)}."
        )
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    values = np.empty((1 + max(int(variable.index.max()) for variable in variables) + 1, n_draws))
    for variable in variables:
        draws = _in_order(posterior[stored_name(variable.name)], variable)
        values[variable.index.ravel()] = draws.reshape(n_draws, -1).T
    return values


def sample_shape(idata: Any) -> tuple[int, int]:
    """Return how many chains and draws the posterior has."""
    sizes = posterior_group(idata).sizes
    return sizes["chain"], sizes["draw"]


def mean_draws(
    block: Block, coefficients: FloatArray, has_intercept: bool, out: FloatArray | None = None
) -> FloatArray:
    """Return draws of the mean response, (rows, draws), with the offset added; `out` is filled if given."""
    mean = np.empty((len(block.X), coefficients.shape[1])) if out is None else out
    _core.mean_draws(block.X, coefficients, has_intercept, mean, available_cores())
    if block.offset is not None:
        mean += block.offset[:, None]
    return mean


def response_draws(
    mean: FloatArray, sigma: FloatArray, keys: Keys, seed: int, out: FloatArray | None = None
) -> FloatArray:
    """Return draws of the response, (rows, draws).

    Parameters
    ----------
    mean : array, (rows, draws)
    sigma : array, (draws,)
    keys : uint64 array, (rows,)
        See `row_keys`. The noise of a row's draw k depends on `seed`, the row's key and k alone.
    seed : int
        See `noise_seed`.
    out : array, (rows, draws), optional
        Filled and returned; may be `mean`.
    """
    responses = np.empty(mean.shape) if out is None else out
    _core.response_draws(mean, sigma, keys, seed, responses, available_cores())
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


def mean_blocks(
    rows: Source, coefficients: FloatArray, has_intercept: bool
) -> Iterator[tuple[slice, Block, FloatArray]]:
    """Yield consecutive rows: where they are, their block, and the draws of their means (see `mean_draws`)."""
    step = max(1, _CHUNK_VALUES // coefficients.shape[1])
    for where, block in _placed_blocks(rows):
        for start in range(where.start, where.stop, step):
            part = slice(start, min(start + step, where.stop))
            piece = _part(block, slice(part.start - where.start, part.stop - where.start))
            yield part, piece, mean_draws(piece, coefficients, has_intercept)


def all_draws(
    rows: Source,
    coefficients: FloatArray,
    has_intercept: bool,
    means: FloatArray,
    *,
    sigma: FloatArray | None = None,
    seed: int = 0,
    responses: FloatArray | None = None,
) -> None:
    """Fill `means` (draws, rows) and, if given, `responses` with the draws of every row."""
    keys = None if responses is None else row_keys(rows.index)
    for where, block in _placed_blocks(rows):
        mean = mean_draws(block, coefficients, has_intercept, means.T[where])
        if responses is not None and keys is not None and sigma is not None:
            response_draws(mean, sigma, keys[where], seed, responses.T[where])


def row_keys(index: pd.Index[Any]) -> Keys:
    """Return a number for each row, from its label and its place among the rows of the same label."""
    keys: Keys = np.asarray(pd.util.hash_pandas_object(index, index=False), dtype=np.uint64)
    if index.is_unique:
        return keys
    earlier = pd.Series(keys).groupby(keys).cumcount().to_numpy().astype(np.uint64)
    return keys + earlier * _NEXT_OF_SAME_LABEL


def noise_seed(random_seed: Any) -> int:
    """Return the 64 bits that the streams of row noise start from; unlike those of a fit with the same seed."""
    sequence = np.random.SeedSequence(checked_seed(random_seed), spawn_key=(1,))
    return int(sequence.generate_state(1, np.uint64)[0])


def fitted_rows(design: Design) -> Any:
    """Return the rows that a model was fitted to, or refuse if it was loaded without them."""
    if design.rows is None:
        raise DataError(
            "The model was loaded from a file, which has no rows. Pass new rows as data=, where these will do, or make "
            "the model again from its formula and data."
        )
    return design.rows


def _in_order(stored: Any, variable: Variable) -> FloatArray:
    """Return a variable's draws, (chains, draws, ...), with its levels in the order of the model."""
    dims = [stored_name(dim) for dim in variable.dims]
    if set(stored.dims) != {*SAMPLES, *dims}:
        raise SettingError(
            f"The posterior's {variable.name!r} has the dimensions {quote_names(stored.dims)}, and the model expects "
            f"{quote_names([*SAMPLES, *dims])}: was it fitted by another model?"
        )
    values = stored.transpose(*SAMPLES, *dims)
    for axis, (dim, length) in enumerate(zip(variable.dims, variable.index.shape, strict=True)):
        expected = variable.coordinates.get(dim, range(length))
        found = stored.coords[dims[axis]].to_numpy() if dims[axis] in stored.coords else range(stored.sizes[dims[axis]])
        # As text, because netCDF does not keep every type.
        places = {str(level): place for place, level in enumerate(found)}
        if set(places) != {str(level) for level in expected}:
            raise SettingError(
                f"The posterior's {variable.name!r} is about {quote_names(found)}, and the model's about "
                f"{quote_names(expected)}: was it fitted by another model?"
            )
        values = values.isel({dims[axis]: [places[str(level)] for level in expected]})
    return np.asarray(values, dtype=np.float64)


def _placed_blocks(rows: Source) -> Iterator[tuple[slice, Block]]:
    start = 0
    for block in rows.blocks():
        yield slice(start, start + len(block.X)), block
        start += len(block.X)


def _part(block: Block, where: slice) -> Block:
    columns = {name: getattr(block, name) for name in ("y", "offset", "weights")}
    return replace(
        block, X=block.X[where], **{name: None if part is None else part[where] for name, part in columns.items()}
    )
