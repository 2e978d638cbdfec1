"""The data and the regression lines or curves of a fit over one predictor, on the scale of the response."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, SettingError, quote_names
from ..predict import rowwise
from ..predict.group_effects import without_groups
from ..results.draws import Draws
from .grids import grid, predictor_of
from .observed import binned_shares, responses_drawn, rows_to_draw

if TYPE_CHECKING:
    from ..data.blocks import Block
    from ..formula.design import Design
    from ..regression.regression import Regression

__all__ = [
    "Lines", "Points", "chosen_predictor", "expected", "explaining", "held_offset", "lines_of",
    "only_numeric_predictor", "points_of",
]  # fmt: skip

FloatArray = npt.NDArray[np.float64]

GRID_POINTS = 200


@dataclass(frozen=True)
class Points:
    """The data.

    Attributes
    ----------
    x, y : array, (n,)
        A numeric predictor; the response, without the offset where that can be taken off, as a share of its trials.
    x_label, y_label : str
    trials : array, (n,), or None
    shares : (array, array) or None
        Of a response of 0 and 1: the predictor in bins of rows, and the share of ones in each.
    """

    x: FloatArray
    y: FloatArray
    x_label: str
    y_label: str
    trials: FloatArray | None = None
    shares: tuple[FloatArray, FloatArray] | None = None


@dataclass(frozen=True)
class Lines:
    """The mean response over a predictor.

    Attributes
    ----------
    grid : array, (points,)
        Values of the predictor, increasing, between its smallest and its largest.
    draws : array, (lines, points)
        For some draws, spread evenly over all chains.
    mean, lower, upper : array, (points,)
        The posterior mean and the ends of the interval between two quantiles, of all draws.
    prob : float
        Probability of the interval.
    held : dict
        The values that the other predictors have.
    """

    grid: FloatArray
    draws: FloatArray
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    prob: float
    held: Mapping[str, Any]


def only_numeric_predictor(regression: Regression) -> str | None:
    """Return the column over which the regression is one line: the only one that predictors use, and numeric."""
    design = regression.design
    if design is None or regression.rows is None or design.entangled:
        return None
    names = explaining(design)
    if len(names) != 1 or any(term.is_categorical for term in design.terms):
        return None
    return names[0] if _is_numeric(design, names[0]) else None


def chosen_predictor(design: Design, x: str | None) -> str:
    """Return the predictor to draw over, the one that was named or the only one.

    Raises
    ------
    SettingError
        If none was named and there are several, or the one named is not numeric.
    """
    names = explaining(design)
    numeric = [name for name in names if _is_numeric(design, name)]
    if x is None:
        if len(names) == 1 and numeric:
            return names[0]
        if not numeric:
            raise SettingError(
                "The formula has no numeric predictor to draw a line over. Use fb.plot_predictions(model, idata, "
                "conditional=...)."
            )
        raise SettingError(f"The model has several predictors: write x= and one of {quote_names(numeric)}.")
    if predictor_of(design, x, "x").name not in numeric:
        raise SettingError(
            f"x={x!r} is not a numeric predictor. Use fb.plot_predictions(model, idata, conditional={x!r})."
        )
    return x


def points_of(regression: Regression, column: str) -> Points:
    """Return the fitted rows as points over a predictor."""
    rows = rows_to_draw(regression, column)
    x, y = np.asarray(rows.columns[column], dtype=np.float64), responses_drawn(rows)
    label = regression.response
    if rows.offset is not None and _offset_is_added(regression):
        y, label = y - rows.offset, f"{label} - offset"
    elif rows.offset is not None and _offset_multiplies(regression):
        y, label = y / np.exp(rows.offset), f"{label} / {_exposure(regression)}"
    if regression.family.is_binary:
        return Points(x, y, column, f"probability of {label}", shares=binned_shares(x, y))
    return Points(x, y, column, label, rows.trials)


def lines_of(idata: Any, regression: Regression, column: str, number: int = 100, prob: float = 0.94) -> Lines:
    """Evaluate the mean response (of one trial) over a predictor; the others have typical values.

    Effects of groups are left out. So is the offset where `points_of` takes it off the data; otherwise it has its mean,
    as another predictor.

    Transforms are followed: for ``y ~ log(x)`` or ``y ~ poly(x, 3)`` the lines are curves over x. Points at which the
    mean is not finite, such as the pole of ``1 / x``, are left out.
    """
    design = regression.design
    assert design is not None
    parameters = without_groups(Draws.read(idata, regression))
    names = explaining(design)
    without_offset = replace(
        design,
        grouping={},
        group_terms=(),
        offsets=(),
        offset_is_array=False,
        kinds={name: design.kinds[name] for name in names},
        predictors={name: design.predictors[name] for name in names},
    )
    low, *_, high = design.predictors[column].quantiles
    values = np.linspace(low, high, GRID_POINTS) if low < high else np.array([low])
    frame = grid(without_offset, {column: values.tolist()})
    try:
        parts = [(values, without_offset.new_rows(frame))]
    except DataError:
        parts = []
        for place in range(len(values)):
            here = slice(place, place + 1)
            try:
                parts.append((values[here], without_offset.new_rows(frame[here])))
            except DataError:
                continue
        if not parts:
            raise
    held = {name: frame[name].iloc[0] for name in names if name != column}
    offset = held_offset(regression)
    if offset is not None:
        parts = [(at, replace(rows, offset=np.full(len(at), offset))) for at, rows in parts]
        held["offset"] = offset
    draws = np.concatenate(
        [
            expected(regression, block, mean, parameters)
            for _, rows in parts
            for _, block, mean in rowwise.mean_blocks(rows, regression, parameters)
        ]
    )
    mean, _, lower, upper = rowwise.summarise(draws, prob, use_hdi=False)
    chosen = np.linspace(0, draws.shape[1] - 1, min(number, draws.shape[1])).round().astype(int)
    return Lines(np.concatenate([at for at, _ in parts]), draws[:, chosen].T, mean, lower, upper, prob, held)


def expected(regression: Regression, block: Block, mean: FloatArray, draws: Draws) -> FloatArray:
    """Return the expected response, (rows, draws), of one trial where there are trials."""
    family = regression.family
    return mean if family.parent_is_mean else family.expectation(block, mean, draws.auxiliaries)


def _offset_is_added(regression: Regression) -> bool:
    """Tell whether taking the offset off the response takes it out of the regression."""
    return regression.link_function.is_identity and regression.family.parent_is_mean


def _offset_multiplies(regression: Regression) -> bool:
    """Tell whether the offset is the logarithm of an exposure that multiplies the mean."""
    return regression.link == "log" and regression.family.parent_is_mean


def _exposure(regression: Regression) -> str:
    """Return how the exponential of the offset is called: the column that it is the logarithm of, if that is known."""
    assert regression.design is not None
    texts = [part.text for part in regression.design.offsets]
    found = re.fullmatch(r"(?:np\.)?log\((\w+)\)", texts[0]) if len(texts) == 1 else None
    return "exp(offset)" if found is None else found[1]


def held_offset(regression: Regression) -> float | None:
    """Return the mean offset of the fitted rows, where lines need one."""
    rows = regression.rows
    if _offset_is_added(regression) or _offset_multiplies(regression) or rows is None:
        return None
    offsets = [block.offset for block in rows.blocks() if block.offset is not None]
    return float(np.concatenate(offsets).mean()) if offsets else None


def explaining(design: Design) -> list[str]:
    """Return the columns that terms use, which offsets alone do not count among."""
    return list(dict.fromkeys(name for part in design.expressions.values() for name in part.columns))


def _is_numeric(design: Design, name: str) -> bool:
    return design.kinds[name].kind in ("float", "int") and design.predictors[name].levels is None
