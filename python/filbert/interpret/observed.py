"""The fitted rows as pictures of tables need them: as points, and as the range that a predictor has in each group."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataError, SettingError, quote_names
from ..regression.regression import Regression, rows_of
from .grids import Conditional, conditional_values, grid

if TYPE_CHECKING:
    from ..formula.predictor import Predictor
    from ..formula.rows import Rows

__all__ = ["WithinGroups", "binned_shares", "jittered", "observed_rows", "responses_drawn", "rows_to_draw"]

FloatArray = npt.NDArray[np.float64]

_BINARY_JITTER = 0.03  # half its height, between 0 and 1
_ROWS_A_BIN = 20
_MOST_BINS = 10


@dataclass(frozen=True)
class WithinGroups:
    """A grid over a predictor that stays, in each group of rows, within the values that it has there.

    Attributes
    ----------
    frame : pandas.DataFrame
        Rows to predict.
    without_rows : int
        Combinations of levels that have no rows, which are left out.
    """

    frame: pd.DataFrame
    without_rows: int

    @classmethod
    def of(cls, regression: Regression, conditional: Conditional, main: str) -> WithinGroups | None:
        """Make the grid, or return None where nothing asks for one.

        Nothing does unless `conditional` has, beside `main`, a variable with levels, `main` is a number whose values
        were not given, and the fitted rows are known.
        """
        fitted, design = rows_of(regression), regression.design
        if fitted is None or design is None or conditional is None:
            return None
        values = conditional_values(design, conditional)
        given = isinstance(conditional, Mapping) and conditional.get(main) is not None
        by = [name for name in values if name != main and has_levels(design.predictors[name])]
        if given or not by or main not in values or not _is_number(design.predictors[main]):
            return None
        rows = pd.DataFrame({name: _plain(fitted.columns[name]) for name in [*by, main]})
        ranges = rows.groupby(by, observed=True)[main].agg(["min", "max"])
        found = {key if isinstance(key, tuple) else (key,): ends for key, *ends in ranges.itertuples()}
        parts = []
        combinations = list(itertools.product(*(values[name] for name in by)))
        for combination in combinations:
            if combination not in found:
                continue
            low, high = (float(end) for end in found[combination])
            levels = {name: [level] for name, level in zip(by, combination, strict=True)}
            parts.append(grid(design, {**values, **levels, main: _points(values, main, low, high)}))
        if not parts:
            return None
        return cls(pd.concat(parts, ignore_index=True), len(combinations) - len(parts))


def has_levels(predictor: Predictor) -> bool:
    """Tell whether rows fall into groups by a predictor."""
    return predictor.levels is not None or predictor.dtype == "bool"


def rows_to_draw(regression: Regression, column: str) -> Rows:
    """Return the fitted rows, or refuse if the model does not have them at hand."""
    rows = rows_of(regression)
    if rows is None:
        raise DataError(
            "The model has no rows at hand to draw: it was loaded from a file, or reads them in parts. Use "
            f"fb.plot_predictions(model, idata, conditional={column!r}) without points, or make the model again from "
            "its formula and data."
        )
    return rows


def observed_rows(regression: Regression, names: list[str]) -> pd.DataFrame:
    """Return columns of the fitted rows, as plain values, with the response in the column ``None``.

    Of successes among trials the response is the share.
    """
    rows = rows_to_draw(regression, names[0])
    unknown = [name for name in names if name not in rows.columns]
    if unknown:
        raise SettingError(
            f"points=True draws fitted rows, and the model does not use {quote_names(unknown)}. Leave out points."
        )
    columns: dict[Any, Any] = {name: _plain(rows.columns[name]) for name in names}
    columns[None] = responses_drawn(rows)
    return pd.DataFrame(columns)


def responses_drawn(rows: Rows) -> FloatArray:
    """Return the responses of fitted rows as pictures show them: of successes among trials the share."""
    assert rows.response_values is not None
    return rows.response_values if rows.trials is None else rows.response_values / rows.trials


def jittered(zeros_and_ones: FloatArray) -> FloatArray:
    """Return binary responses a little above or below 0 and 1, so that points do not hide each other."""
    rng = np.random.default_rng(0)
    return zeros_and_ones + rng.uniform(-_BINARY_JITTER, _BINARY_JITTER, len(zeros_and_ones))


def binned_shares(x: FloatArray, zeros_and_ones: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean of a predictor and the share of ones in bins of about as many rows each, none of few rows."""
    n_bins = min(_MOST_BINS, len(x) // _ROWS_A_BIN)
    if n_bins < 2:
        return np.empty(0), np.empty(0)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, n_bins + 1)[1:-1]))
    bins = np.searchsorted(edges, x, side="left")  # equal values are in the same bin
    sizes = np.bincount(bins)
    filled = sizes > 0
    at, ones = (np.bincount(bins, weights=values)[filled] / sizes[filled] for values in (x, zeros_and_ones))
    return at, ones


def _points(values: Mapping[str, list[Any]], main: str, low: float, high: float) -> list[float]:
    """Return as many points of a range as the grid over all rows has, or one where there is one value only."""
    n = len(values[main]) if low < high else 1
    points: list[float] = np.linspace(low, high, n).tolist()
    return points


def _is_number(predictor: Predictor) -> bool:
    return predictor.dtype in ("float", "int") and predictor.levels is None


def _plain(values: Any) -> Any:
    """Return a column as an array, of Python objects where it is categorical."""
    return np.asarray(values.astype(object)) if isinstance(values, pd.Categorical) else np.asarray(values)
