"""Draws a fit as the command line saves it: the regression lines of a single predictor above the trace plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..interpret.lines import lines_of, only_numeric_predictor, points_of
from ..regression.regression import rows_of
from .regression import draw_lines
from .style import TEXT_SIZE
from .traces import Traces

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..regression.regression import Regression

__all__ = ["plot_fit"]

_WIDTH = 10.0  # inches, as all sizes here
_REGRESSION_HEIGHT = 4.2
_MARGIN = 0.5


def plot_fit(idata: Any, regression: Regression | None = None) -> Figure:
    """Draw a trace plot, as `plot_trace` does, and above it the regression if a line can show it.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What ``Model.fit`` returned.
    regression : Regression, optional
        ``model.regression``. If its only predictor is one numeric column and its rows are at hand, they are drawn with
        100 regression lines from the posterior and their mean.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot: call its ``savefig``. Past 20 rows, or 8 levels of a term, the title says what is
        left out.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    traces = Traces.of(idata)
    has_rows = regression is not None and rows_of(regression) is not None
    column = only_numeric_predictor(regression) if regression is not None and has_rows else None
    heights = [_REGRESSION_HEIGHT] * (column is not None) + [traces.row_height] * len(traces.rows)
    layout = ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.06, hspace=0.03)
    figure = Figure(figsize=(_WIDTH, sum(heights) + _MARGIN), dpi=120, layout=layout)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    if regression is not None and column is not None:
        draw_lines(figure.add_subplot(grid[0, :]), points_of(regression, column), lines_of(idata, regression, column))
    panels = np.empty((len(traces.rows), 2), dtype=object)
    for place in range(len(traces.rows)):
        row = len(heights) - len(traces.rows) + place
        panels[place] = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1], sharex=panels[0, 1])
    traces.draw(panels)
    if traces.notes:
        figure.suptitle("\n".join(traces.notes), fontsize=TEXT_SIZE, color="0.3")
    return figure
