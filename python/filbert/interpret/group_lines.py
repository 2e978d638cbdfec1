"""The data of some groups, and the mean response over a predictor in each of them, as pictures show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..data.blocks import Block
from ..errors import SettingError, quote_names, suggest
from ..families.gaussian import Gaussian
from ..predict import rowwise
from ..predict.group_effects import with_new_groups, without_groups
from ..regression.regression import Regression
from ..results.draws import Draws
from .group_effects import stated_groups
from .lines import chosen_predictor, expected, explaining, held_offset, points_of
from .observed import rows_to_draw

if TYPE_CHECKING:
    from ..formula.design import Design
    from ..formula.rows import Rows

__all__ = ["GroupLines", "GroupPanel", "chosen_factor", "group_lines"]

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

GRID_POINTS = 50
MOST_GROUPS = 24


@dataclass(frozen=True)
class GroupPanel:
    """One group.

    Attributes
    ----------
    label : str
    rows : int array
        Its rows among the points.
    mean, lower, upper : array, (points of the grid,)
        The posterior mean of its mean response, and the ends of the interval between two quantiles.
    population : array, (points of the grid,)
        The posterior mean without the effects of groups.
    own : (array, array) or None
        Its least squares, where its own rows determine them: x and the response.
    """

    label: str
    rows: Codes
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    population: FloatArray
    own: tuple[FloatArray, FloatArray] | None


@dataclass(frozen=True)
class GroupLines:
    """Some groups of a factor over a predictor: the data as `lines.Points`, a grid, and the groups."""

    points: Any
    grid: FloatArray
    panels: list[GroupPanel]
    factor: str
    n_groups: int


def chosen_factor(regression: Regression, factor: Any, function: str) -> str:
    """Return the grouping factor that was named, by default the first of the formula."""
    names = list(stated_groups(regression, function).grouping)
    if factor is None:
        return names[0]
    if factor not in names:
        raise SettingError(
            f"factor={factor!r} is no grouping factor of the model.{suggest(str(factor), names)} "
            f"Its grouping factors are {quote_names(names)}."
        )
    return str(factor)


def group_lines(
    regression: Regression, idata: Any, x: str | None, factor: Any, groups: Any, prob: float, no_pooling: bool
) -> GroupLines:
    """Evaluate the mean response over a predictor in some groups, where other predictors are as in the group's rows.

    Effects of other grouping factors are left out, and so is the offset where `lines.points_of` takes it off the data.
    """
    name = chosen_factor(regression, factor, "plot_groups")
    if no_pooling and (not isinstance(regression.family, Gaussian) or not regression.link_function.is_identity):
        raise SettingError(
            f"no_pooling=True draws least squares, and this model has family={regression.family.name!r}, "
            f"link={regression.link!r}. Leave it out."
        )
    design = regression.design
    assert design is not None
    column = chosen_predictor(design, x)
    fitted = rows_to_draw(regression, column)
    codes = fitted.groups[name]
    labels = design.grouping[name].labels
    chosen = _chosen_groups(labels, groups, np.bincount(codes, minlength=len(labels)))
    points = points_of(regression, column)
    grid = np.linspace(points.x.min(), points.x.max(), GRID_POINTS)
    rows_of_groups = [np.flatnonzero(codes == group) for group in chosen]
    rows = _laid_out(regression, fitted, name, column, grid, rows_of_groups)
    draws = with_new_groups(Draws.read(idata, regression), regression, rows.unseen, "error", 0)
    mean, lower, upper = _summary(regression, rows, draws, prob)
    population, *_ = _summary(regression, rows, without_groups(draws), prob)
    panels = []
    for place, group in enumerate(chosen):
        part = slice(place * GRID_POINTS, (place + 1) * GRID_POINTS)
        own = None
        if no_pooling:
            own = _least_squares(regression, fitted, rows, name, part, rows_of_groups[place], points.x, grid)
        panels.append(
            GroupPanel(
                labels[group], rows_of_groups[place], mean[part], lower[part], upper[part], population[part], own
            )
        )
    return GroupLines(points, grid, panels, name, len(labels))


def _chosen_groups(labels: Sequence[str], groups: Any, sizes: Codes) -> list[int]:
    """Return the numbers of the groups to draw: those named, or up to 24 from the smallest to the largest."""
    if groups is None:
        if len(labels) <= MOST_GROUPS:
            return list(range(len(labels)))
        places = np.linspace(0, len(labels) - 1, MOST_GROUPS).round().astype(int)
        return sorted(np.argsort(sizes, kind="stable")[places].tolist())
    wanted = [groups] if isinstance(groups, str) or not isinstance(groups, (Sequence, np.ndarray)) else list(groups)
    if not wanted:
        raise SettingError("groups is empty. Name some groups, or leave it out.")
    if len(wanted) > MOST_GROUPS:
        raise SettingError(f"groups has {len(wanted)} names, and the picture takes {MOST_GROUPS}. Name fewer.")
    for group in wanted:
        if str(group) not in labels:
            raise SettingError(
                f"groups has {group!r}, which is no group.{suggest(str(group), labels)} They are {quote_names(labels)}."
            )
    return [labels.index(str(group)) for group in wanted]


def _laid_out(
    regression: Regression, fitted: Rows, factor: str, column: str, grid: FloatArray, rows_of_groups: list[Codes]
) -> Rows:
    """Return new rows: the grid in each group, the other predictors at its mean or most frequent level."""
    design = regression.design
    assert design is not None
    parts = [name for part in design.grouping[factor].parts for name in part.columns]
    names = list(dict.fromkeys([*explaining(design), *parts]))
    columns: dict[str, Any] = {column: np.tile(grid, len(rows_of_groups))}
    for name in names:
        if name != column or name in parts:
            own = [_typical(design, fitted, name, rows, is_part=name in parts) for rows in rows_of_groups]
            columns[name] = _repeated(fitted.columns[name], own, len(grid))
    without_offset = replace(
        design,
        offsets=(),
        offset_is_array=False,
        kinds={name: kind for name, kind in design.kinds.items() if name in columns},
    )
    rows = without_offset.new_rows(pd.DataFrame(columns), with_groups=False)
    others = {name: codes if name == factor else np.full_like(codes, -1) for name, codes in rows.groups.items()}
    offset = held_offset(regression)
    return replace(
        rows,
        groups=others,
        unseen={name: [] for name in others},
        offset=None if offset is None else np.full(rows.n_rows, offset),
    )


def _typical(design: Design, fitted: Rows, name: str, rows: Codes, *, is_part: bool) -> Any:
    """Return a column's mean in some rows, or the number of a row that has its most frequent level."""
    values, predictor = fitted.columns[name], design.predictors[name]
    if not is_part and predictor.levels is None and predictor.dtype in ("float", "int"):
        return float(np.mean(np.asarray(values)[rows]))
    _, first, counts = np.unique(pd.factorize(values[rows])[0], return_index=True, return_counts=True)
    return int(rows[first[np.argmax(counts)]])


def _repeated(values: Any, own: list[Any], times: int) -> Any:
    """Return a column of new rows from a value, or the row that has it, of each group."""
    if all(isinstance(one, float) for one in own):
        return np.repeat(own, times)
    return values[np.repeat(own, times)]


def _summary(
    regression: Regression, rows: Rows, draws: Draws, prob: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    blocks = rowwise.mean_blocks(rows, regression, draws)
    means = np.concatenate([expected(regression, block, mean, draws) for _, block, mean in blocks])
    mean, _, lower, upper = rowwise.summarise(means, prob, use_hdi=False)
    return mean, lower, upper


def _least_squares(
    regression: Regression,
    fitted: Rows,
    rows: Rows,
    factor: str,
    part: slice,
    own: Codes,
    x: FloatArray,
    grid: FloatArray,
) -> tuple[FloatArray, FloatArray] | None:
    """Fit a group's rows alone, on the columns of predictors and of what varies by group."""
    design, weights, y = [], [], []
    start = 0
    for block in fitted.blocks():
        inside = own[(own >= start) & (own < start + len(block))] - start
        design.append(_columns(regression, factor, block)[inside])
        weights.append(np.ones(len(inside)) if block.weights is None else block.weights[inside])
        y.append(regression.family.summarised(block)[inside])
        start += len(block)
    root = np.sqrt(np.concatenate(weights))
    M = np.concatenate(design)
    at = np.concatenate([_columns(regression, factor, block) for block in rows.blocks()])[part]
    scale = np.maximum(np.abs(M).max(axis=0, initial=0), 1e-300)
    _, sizes, directions = np.linalg.svd(M / scale, full_matrices=False)
    known = directions[sizes > 1e-9 * sizes.max(initial=0)]
    left = at / scale - (at / scale) @ known.T @ known
    inside_range = (grid >= x[own].min()) & (grid <= x[own].max())
    # What the group's rows say nothing about, such as a slope where it has one value of x, is not drawn.
    is_known = inside_range & (np.linalg.norm(left, axis=1) < 1e-6 * np.linalg.norm(at / scale, axis=1))
    if is_known.sum() < 2:
        return None
    solution = np.linalg.lstsq(root[:, None] * M / scale, root * np.concatenate(y), rcond=1e-9)[0]
    return grid[is_known], (at[is_known] / scale) @ solution


def _columns(regression: Regression, factor: str, block: Block) -> FloatArray:
    """Return the intercept, the predictors and what varies by group of the factor, (rows, columns)."""
    assert regression.groups is not None
    parts = [np.ones((len(block), 1)) if regression.has_intercept else np.empty((len(block), 0)), block.X]
    for term, Z in zip(regression.groups.terms, block.Z, strict=True):
        if term.factor == factor:
            parts.append(np.ones((len(block), 1)) if Z is None else Z)
    return np.concatenate(parts, axis=1)
