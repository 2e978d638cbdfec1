"""Draws the coefficients of a fit as intervals below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError
from ..results.summary import checked_probability, hdi, parameters_of, posterior_variables
from .style import COLOURS, TEXT_SIZE, chosen_names, note, panels, short, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_forest"]

MOST_ROWS = 100
_ROW_HEIGHT = 0.27  # inches
_THICK = 0.5  # probability of the inner interval
_NOT_SLOPES = ("Intercept", "sigma")


def plot_forest(
    idata: Any,
    var_names: str | Sequence[str] | None = None,
    hdi_prob: float = 0.94,
    figsize: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw coefficients as points with a thick 50 % and a thin 94 % interval, and a line at zero.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What ``fit`` or ``pm.sample`` returned.
    var_names : str or list of str, optional
        Parameters to draw. By default all but ``Intercept`` and ``sigma``, which are on other scales.
    hdi_prob : float, default 0.94
        Probability of the thin interval; both are highest-density intervals, and points are posterior means.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Of more than 100 coefficients the first 100 are drawn, which the title says.

    Raises
    ------
    SettingError
        If `var_names` has a name that is no parameter, or `hdi_prob` is not between 0 and 1.

    Examples
    --------
    >>> fb.plot_forest(idata, var_names=["mom_iq", "mom_hs"])
    """
    if checked_probability(hdi_prob, "hdi_prob") <= _THICK:
        raise SettingError(f"hdi_prob must be above {_THICK}, the probability of the thick interval, not {hdi_prob}.")
    variables = {variable[0]: variable for variable in posterior_variables(idata)}
    if var_names is None:
        var_names = [name for name in variables if name not in _NOT_SLOPES] or None
    chosen = [variables[name] for name in chosen_names(list(variables), var_names)]
    coefficients = [entry for variable in chosen for entry in parameters_of(variable)]
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
    axes.set_xlabel(f"coefficient: mean, {100 * _THICK:g} % and {100 * hdi_prob:g} % HDI")
    if len(shown) < len(coefficients):
        note(axes, f"the first {len(shown)} of {len(coefficients)} coefficients")
    return axes
