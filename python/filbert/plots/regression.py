"""Draws the data with the regression lines that the posterior allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataTypeError, SettingError
from ..interpret.lines import Lines, Points, chosen_predictor, lines_of, points_of
from ..interpret.observed import jittered
from ..regression.regression import stated_by_formula
from ..sampling.settings import whole_number
from .style import (
    BAND_ALPHA,
    COLOURS,
    DATA_COLOUR,
    MOST_POINTS,
    FloatArray,
    legend_above,
    note,
    panels,
    short,
    sizes_by_trials,
    tidy,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["plot_lm"]

TrueLine = Callable[[FloatArray], Any] | tuple[float, float] | None


def plot_lm(
    model: Any,
    idata: Any = None,
    x: str | None = None,
    num_samples: int = 100,
    true_line: TrueLine = None,
    prob: float = 0.94,
    ax: Axes | None = None,
) -> Axes:
    """Draw the data and, with a fit, regression lines from the posterior, their mean and a band about it.

    Parameters
    ----------
    model : Model
        Of a formula. Transforms of the predictor are followed: the lines of ``y ~ poly(x, 3)`` are curves over x.
    idata : xarray.DataTree or arviz.InferenceData, optional
        What ``model.fit`` returned. Without it only the data are drawn.
    x : str, optional
        The numeric column to draw over, if there are several; the others are held at their mean or most frequent level,
        which the title says.
    num_samples : int, default 100
        Lines to draw, one for each of as many draws, spread evenly over the chains. 0 draws none.
    true_line : function, or (intercept, slope), optional
        The line that simulated data came from: a function of an array of x, or the two numbers, on the scale of the
        response.
    prob : float, default 0.94
        Probability of the band, between two quantiles at each x.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        On the scale of the response; of successes among trials their share. An offset is taken off the data, and not
        in the lines, where the link is the identity; with a log link the data are divided by its exponential. Zeros and
        ones are jittered, with their shares in up to ten bins of rows. Of more than 2000 rows as many are drawn.

    Raises
    ------
    SettingError
        If there is no such predictor, or several and none was named.
    DataTypeError
        If `true_line` is neither a function nor two numbers, or the model not one of a formula.
    DataError
        If the model was loaded from a file, which has no rows.

    Examples
    --------
    >>> fb.plot_lm(model, idata, true_line=(1, 2))
    """
    regression, design = stated_by_formula(model)
    whole_number("num_samples", num_samples, 0, 100_000)
    column = chosen_predictor(design, x)
    points = points_of(regression, column)
    truth = None if true_line is None else _true_line(true_line, points.x)
    lines = None if idata is None else lines_of(idata, regression, column, num_samples, prob)
    axes: Axes = panels(ax, (1, 1), (7.0, 4.6))[0, 0]
    draw_lines(axes, points, lines, truth)
    return axes


def draw_lines(
    axes: Axes, points: Points, lines: Lines | None = None, truth: tuple[FloatArray, FloatArray] | None = None
) -> None:
    """Draw the data, some lines from the posterior with their mean and band, and the line that the data came from."""
    from matplotlib.colors import to_rgba

    n = len(points.x)
    shown = np.arange(n)
    notes = []
    if n > MOST_POINTS:
        shown = np.random.default_rng(0).choice(n, MOST_POINTS, replace=False)
        notes.append(f"{MOST_POINTS} of {n} points are shown")
    _draw_points(axes, points, shown)
    if lines is not None:
        if len(lines.draws):
            axes.plot(lines.grid, lines.draws.T, color=COLOURS[0], linewidth=0.6, alpha=0.2, zorder=2)
            axes.plot([], [], color=COLOURS[0], linewidth=0.8, alpha=0.6, label=f"{len(lines.draws)} posterior draws")
        # Of the mean's colour and with an edge of its own: between lines of its colour a band would not be seen.
        axes.fill_between(lines.grid, lines.lower, lines.upper, facecolor=to_rgba(COLOURS[1], BAND_ALPHA),
                          edgecolor=COLOURS[1], linestyle=(0, (2, 1)), linewidth=1.1, zorder=2.4,
                          label=f"{100 * lines.prob:g} % interval")  # fmt: skip
        axes.plot(lines.grid, lines.mean, color=COLOURS[1], linewidth=2, zorder=3, label="posterior mean")
        if lines.held:
            held = ", ".join(f"{short(name, 24)} = {_shown(value)}" for name, value in list(lines.held.items())[:3])
            notes.append("lines at " + held + (", ..." if len(lines.held) > 3 else ""))
    if truth is not None:
        axes.plot(*truth, color="black", linestyle=(0, (4, 2)), linewidth=1.6, zorder=4, label="true line")
    axes.set_xlabel(wrapped(axes, short(points.x_label)))
    axes.set_ylabel(wrapped(axes, short(points.y_label), upright=True))
    tidy(axes)
    if notes:
        note(axes, "\n".join(notes))
    legend_above(axes, below=len(notes))


def _draw_points(axes: Axes, points: Points, shown: npt.NDArray[np.intp]) -> None:
    """Draw some of the data: larger for more trials, and of zeros and ones the shares of all rows too."""
    size: Any = 18 if len(shown) <= 200 else 9
    label = "data"
    if points.trials is not None and points.trials.min() < points.trials.max():
        size, label = sizes_by_trials(points.trials)[shown], "data, larger for more trials"
    y = points.y if points.shares is None else jittered(points.y)
    alpha = 0.6 if points.shares is None or len(shown) <= 200 else 0.35
    axes.scatter(points.x[shown], y[shown], s=size, color=DATA_COLOUR, alpha=alpha, linewidths=0, label=label,
                 zorder=2.6, rasterized=len(shown) > 500)  # fmt: skip
    if points.shares is not None and len(points.shares[0]):
        axes.plot(*points.shares, "D", color="black", markersize=6, markeredgecolor="white", markeredgewidth=0.8,
                  label=f"shares in {len(points.shares[0])} bins", zorder=3.5)  # fmt: skip


def _true_line(line: Any, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Evaluate the line that data came from over the range of the predictor."""
    at = np.linspace(float(x.min()), float(x.max()), 200)
    if callable(line):
        values = np.asarray(line(at), dtype=np.float64)
        if values.shape != at.shape:
            raise SettingError(
                f"true_line must give a number for each x, and gave shape {values.shape} for {at.shape}."
            )
        return at, values
    pair = list(line) if isinstance(line, (tuple, list, np.ndarray)) else []
    if len(pair) != 2 or not all(isinstance(v, (int, float, np.number)) and math.isfinite(v) for v in pair):
        raise DataTypeError(f"true_line must be (intercept, slope) or a function of x, not {line!r}.")
    return at, float(pair[0]) + float(pair[1]) * at


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else short(str(value), 24)
