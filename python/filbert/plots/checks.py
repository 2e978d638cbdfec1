"""Pictures that hold a fit against its data: rootograms of counts, and calibration of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..interpret.checks import calibration_of, counts_of
from ..predict import rowwise
from ..regression.regression import stated
from ..sampling.settings import whole_number
from .style import BAND_ALPHA, COLOURS, DATA_COLOUR, legend_above, note, panels, short, tidy, wrapped

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["plot_calibration", "plot_rootogram"]

_SIZE = (6.6, 4.4)  # inches
_WARNING = 1.0  # about two standard deviations of the root of a number of rows, whatever the number is (Tukey)


def plot_rootogram(
    model: Any,
    idata: Any,
    prob: float = 0.94,
    figsize: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many rows have each count, hanging from how many the fit expects: a hanging rootogram.

    A bar as long as the root of the number of rows hangs from the root of the expected number, so that a bar that ends
    above zero is a count rarer than expected, and one that ends below zero a count more frequent. Ends beyond the
    dotted lines, at -1 and 1, are surprising: about one in twenty if the model is true. Bars that end below zero at
    the smallest and the largest counts, and above between them, are a sign of more scatter than the family allows.

    Parameters
    ----------
    model : Model
        Of counts: ``poisson``, ``negativebinomial``, or successes among trials.
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    prob : float, default 0.94
        Probability of the interval of the expected number, between two quantiles.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Past 50 counts a bar is of several.

    Raises
    ------
    SettingError
        If the family's responses are no counts, or `prob` is no probability.
    DataError
        If the model was loaded from a file, which has no rows.

    References
    ----------
    Kleiber and Zeileis, Visualizing count data regressions using rootograms. The American Statistician 70 (2016).

    Examples
    --------
    >>> fb.plot_rootogram(model, idata)
    """
    regression = stated(model)
    check = counts_of(regression, idata, prob)
    axes: Axes = panels(ax, (1, 1), _SIZE, figsize)[0, 0]
    at = check.start + (check.width - 1) / 2
    expected, observed = check.mean**0.5, check.observed**0.5
    axes.bar(at, observed, 0.85 * check.width, expected - observed, color="0.72", linewidth=0, label="data", zorder=1)
    axes.fill_between(at, check.lower**0.5, check.upper**0.5, color=COLOURS[1], alpha=BAND_ALPHA, linewidth=0,
                      label=f"{100 * prob:g} % interval", zorder=2)  # fmt: skip
    axes.plot(at, expected, color=COLOURS[1], linewidth=1.6, marker="o", markersize=3.5, label="expected", zorder=3)
    axes.use_sticky_edges = False  # by which the longest bar would end at the edge
    axes.axhline(0, color="black", linewidth=1, zorder=2)
    for height in (-_WARNING, _WARNING):
        axes.axhline(height, color="0.3", linewidth=0.9, linestyle=(0, (1, 2)), zorder=2)
    noun = "weight" if any(block.weights is not None for block in rowwise.fitted_rows(regression).blocks()) else "rows"
    quantity = "successes in " if regression.family.has_trials else ""
    axes.set_xlabel(wrapped(axes, short(f"{quantity}{regression.response}")))
    axes.set_ylabel(wrapped(axes, f"root of the number of {noun}" if noun == "rows" else "root of the weight of rows",
                            upright=True))  # fmt: skip
    axes.xaxis.get_major_locator().set_params(integer=True)
    tidy(axes)
    if check.width > 1:
        note(axes, f"a bar is of {check.width} counts")
    legend_above(axes, below=int(check.width > 1))
    return axes


def plot_calibration(
    model: Any,
    idata: Any,
    bins: int = 10,
    prob: float = 0.94,
    figsize: tuple[float, float] | None = None,
    ax: Axes | None = None,
    *,
    random_seed: int | np.random.Generator | None = 0,
) -> Axes:
    """Draw the observed share of ones against the predicted probability, in bins of rows.

    Rows are sorted by the posterior mean of their probabilities and cut into bins of about as many rows each. In a
    calibrated model the share of ones in a bin is about the mean probability there, the diagonal. Bars show where the
    shares of data from the fitted model would lie.

    Parameters
    ----------
    model : Model
        Of responses 0 and 1, or of successes among trials.
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    bins : int, default 10
        At most so many; rows with the same probability are in the same one.
    prob : float, default 0.94
        Probability of the bars, between two quantiles of replicated shares.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes, optional
    random_seed : int or numpy.random.Generator, default 0
        For the replicated data.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    SettingError
        If the responses of the family are others, or an argument is out of its range.
    DataError
        If the model was loaded from a file, which has no rows.

    Examples
    --------
    >>> fb.plot_calibration(model, idata)
    """
    regression = stated(model)
    whole_number("bins", bins, 1, 1000)
    check = calibration_of(regression, idata, bins, prob, rowwise.noise_seed(random_seed))
    axes: Axes = panels(ax, (1, 1), (5.4, 4.6), figsize)[0, 0]
    axes.vlines(check.predicted, check.lower, check.upper, color=COLOURS[0], alpha=0.35, linewidth=6,
                label=f"{100 * prob:g} % of data from the model", zorder=1)  # fmt: skip
    ends = [
        min(check.predicted.min(), check.observed.min(), check.lower.min()),
        max(check.predicted.max(), check.observed.max(), check.upper.max()),
    ]
    axes.plot(ends, ends, color=DATA_COLOUR, linewidth=1, linestyle=(0, (4, 2)), label="calibrated", zorder=2)
    axes.plot(check.predicted, check.observed, "o", color=COLOURS[1], markersize=6, markeredgecolor="white",
              markeredgewidth=0.6, label="data", zorder=3)  # fmt: skip
    thing = "success" if regression.family.has_trials else short(regression.response, 40)
    axes.set_xlabel(wrapped(axes, f"predicted probability of {thing}"))
    axes.set_ylabel(wrapped(axes, f"observed share of {'successes' if regression.family.has_trials else thing}",
                            upright=True))  # fmt: skip
    tidy(axes)
    sizes = sorted({int(check.rows.min()), int(check.rows.max())})
    note(axes, f"rows a bin: {' to '.join(map(str, sizes))}")
    legend_above(axes, below=1)
    return axes
