"""Draws the coefficients of a fit as intervals below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError
from ..regression.names import INTERCEPT, stored_name
from ..regression.regression import stated
from ..results.draws import Draws
from ..results.summary import auxiliary_names, checked_probability, hdi, parameters_of, posterior_variables
from .style import COLOURS, TEXT_SIZE, FloatArray, chosen_names, note, panels, short, tidy, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_forest"]

MOST_ROWS = 100
_ROW_HEIGHT = 0.27  # inches
_THICK = 0.5  # probability of the inner interval


def plot_forest(
    idata: Any,
    var_names: str | Sequence[str] | None = None,
    hdi_prob: float = 0.94,
    figsize: tuple[float, float] | None = None,
    ax: Axes | None = None,
    *,
    standardize: Any = None,
) -> Axes:
    """Draw coefficients as points with a thick 50 % and a thin 94 % interval, and a line at zero.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What ``fit`` or ``pm.sample`` returned.
    var_names : str or list of str, optional
        Parameters to draw. By default all but the intercept and those beside the coefficients, such as ``sigma``,
        which are on other scales.
    hdi_prob : float, default 0.94
        Probability of the thin interval; both are highest-density intervals, and points are posterior means.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes, optional
    standardize : Model, optional
        The model that was fitted. Each coefficient is multiplied by the standard deviation of its column in the design
        (of ``log(x)``, of the zeros and ones of a level, of a product), so that they can be compared: what the linear
        predictor, which for a Gaussian response is its mean, changes by for one standard deviation of the column.

    Returns
    -------
    matplotlib.axes.Axes
        Of more than 100 coefficients the first 100 are drawn, which the title says.

    Raises
    ------
    SettingError
        If `var_names` has a name that is no parameter or, with `standardize`, no column, if the draws are of another
        model than `standardize`, or `hdi_prob` is not between 0 and 1.

    Examples
    --------
    >>> fb.plot_forest(idata, var_names=["mom_iq", "mom_hs"])
    >>> fb.plot_forest(idata, standardize=model)
    """
    if checked_probability(hdi_prob, "hdi_prob") <= _THICK:
        raise SettingError(f"hdi_prob must be above {_THICK}, the probability of the thick interval, not {hdi_prob}.")
    if standardize is None or standardize is False:
        coefficients, scale = _as_drawn(idata, var_names), ": "
    else:
        coefficients, scale = _standardized(idata, standardize, var_names), " per standard deviation of its column\n"
    shown = coefficients[:MOST_ROWS]
    axes: Axes = panels(ax, (1, 1), (7.0, max(1.6, _ROW_HEIGHT * len(shown) + 1.0)), figsize)[0, 0]
    axes.axvline(0, color="0.5", linewidth=1, linestyle=(0, (4, 2)), zorder=0)
    places = np.arange(len(shown))
    for place, (_, draws) in zip(places, shown, strict=True):
        axes.plot(hdi(draws, hdi_prob), [place, place], color=COLOURS[0], linewidth=1.2, solid_capstyle="butt")
        axes.plot(hdi(draws, _THICK), [place, place], color=COLOURS[0], linewidth=4.0, solid_capstyle="butt")
    axes.plot([draws.mean() for _, draws in shown], places, "o", markersize=5, markerfacecolor="white",
              markeredgecolor=COLOURS[0], zorder=3)  # fmt: skip
    axes.set_ylim(len(shown) - 0.4, -0.6)
    tidy(axes)
    axes.set_yticks(places, [short(label, 40) for label, _ in shown], fontsize=TEXT_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(wrapped(axes, f"coefficient{scale}mean, {100 * _THICK:g} % and {100 * hdi_prob:g} % HDI"))
    if len(shown) < len(coefficients):
        note(axes, f"the first {len(shown)} of {len(coefficients)} coefficients")
    return axes


def _as_drawn(idata: Any, var_names: Any) -> list[tuple[str, FloatArray]]:
    """Return label and draws of each value of the parameters asked for."""
    variables = {variable[0]: variable for variable in posterior_variables(idata)}
    if var_names is None:
        others = (INTERCEPT, *auxiliary_names(idata))
        var_names = [name for name in variables if name not in others] or None
    chosen = chosen_names(list(variables), var_names)
    return [entry for name in chosen for entry in parameters_of(variables[name])]


def _standardized(idata: Any, model: Any, var_names: Any) -> list[tuple[str, FloatArray]]:
    """Return the same of coefficients, times the standard deviation of their columns."""
    if model is True:
        raise SettingError(
            "standardize needs the model, which knows the columns: write plot_forest(idata, standardize=model)."
        )
    regression = stated(model)
    draws = Draws.read(idata, regression)
    first = int(regression.has_intercept)  # the intercept has no column
    with_column = {stored_name(p.name): p for p in regression.coefficients if p.rows.min() >= first}
    if not with_column:
        raise SettingError("standardize: the model has no coefficient with a column.")
    deviations = regression.summary.sd
    return [
        (label, draws.array[row] * deviations[row - first])
        for name in chosen_names(list(with_column), var_names)
        for row, label in zip(with_column[name].rows.ravel().tolist(), with_column[name].labels, strict=True)
    ]
