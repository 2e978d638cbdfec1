"""Draws the density of priors, alone and beside the posterior."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..priors.prior import Prior, columns, parameter_names
from ..regression.levels import at_means
from ..regression.names import INTERCEPT
from ..regression.parameters import Parameter, Role
from ..regression.regression import Regression, stated
from ..results.draws import Draws
from .density import density
from .style import (
    BAND_ALPHA,
    COLOURS,
    LINE_STYLES,
    PANEL_LETTERS,
    PRIOR_COLOUR,
    TEXT_SIZE,
    FloatArray,
    Panels,
    capped,
    chosen_names,
    explain,
    left_out,
    legend_label,
    panels_in_rows,
    short,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["plot_prior_posterior", "plot_priors"]

_MOST_LEVELS = len(COLOURS)
_POINTS = 800
_TAIL = 0.03
_WIDE = 8  # widths of the posterior: a wider prior is drawn in part
_PANEL = (3.6, 2.3)  # inches
_MOST_PANELS = 20
_ONE_COLUMN = 4  # levels: more make two columns of the legend
_IMPROPER = ("Flat", "HalfFlat")

PriorSpec = tuple[str, tuple[float, ...]]


def plot_priors(
    model: Any,
    var_names: str | Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
) -> Panels:
    """Draw the density of each prior, on the scale of the data.

    Parameters
    ----------
    model : Model
        Of a formula, or written out with `filbert.explicit`.
    var_names : str or list of str, optional
        Parameters to draw; by default all but effects of groups and their correlations, which cannot be drawn. Of more
        than 20 the first are drawn; past them, or 8 levels, the picture says what is
        left out.
    figsize : (float, float), optional
        Width and height in inches.
    ax : array of matplotlib.axes.Axes, (parameters,), optional

    Returns
    -------
    array of matplotlib.axes.Axes, (parameters,)
        A panel a parameter; a curve a level where the levels have priors of their own.

    Raises
    ------
    SettingError
        If `var_names` has a name that is no parameter, or `ax` another number of axes.
    """
    regression = stated(model)
    by_name = _with_density(regression)
    asked = chosen_names(list(by_name), var_names)
    names = capped(asked, _kept(regression), _MOST_PANELS) if var_names is None else asked
    drawn = panels_in_rows(len(names), ax, _PANEL, figsize)
    for axes, name in zip(drawn, names, strict=True):
        prior = by_name[name].prior
        specs = columns(prior, prior.length or 1)
        for place, spec in enumerate(specs[:_MOST_LEVELS]):
            letters = 24 if len(specs) <= _ONE_COLUMN else 12
            label = None if len(specs) == 1 else legend_label(_level(by_name[name].labels[place], name), letters)
            _draw_prior(axes, spec, None, COLOURS[place], LINE_STYLES[place], label)
        title(axes, name, PANEL_LETTERS)
        axes.set_xlabel(_prior_label(regression, name))
        _finish(axes)
        if len(specs) > 1:
            _name_levels(axes, len(specs))
    explain(drawn, left_out(names, asked, "parameters"))
    return drawn


def plot_prior_posterior(
    model: Any,
    idata: Any,
    var_names: str | Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
) -> Panels:
    """Draw the posterior density of each parameter over its prior's: what the data have added.

    Parameters
    ----------
    model : Model
        Of a formula, or written out with `filbert.explicit`.
    idata : xarray.DataTree or arviz.InferenceData
        What ``fit`` or ``pm.sample`` returned.
    var_names : str or list of str, optional
        Parameters to draw; by default all but effects of groups and their correlations, which cannot be drawn. Of more
        than 20 panels the first are drawn, of a term at most 8 levels. The picture
        says what is left out.
    figsize : (float, float), optional
        Width and height in inches.
    ax : array of matplotlib.axes.Axes, (values,), optional

    Returns
    -------
    array of matplotlib.axes.Axes, (values,)
        A panel a coefficient. Where the intercept's prior is about the mean response at the predictor means, so is the
        posterior drawn beside it.

    Raises
    ------
    SettingError
        If `var_names` has a name that is no parameter, `ax` another number of axes, or the draws are another model's.
    """
    regression = stated(model)
    by_name = _with_density(regression)
    names = chosen_names(list(by_name), var_names)
    posterior = Draws.read(idata, regression)
    entries = {
        label: (row, spec, name)
        for name in names
        for row, spec, label in itertools.islice(
            zip(by_name[name].rows.ravel().tolist(), by_name[name].specs, by_name[name].labels, strict=True),
            _MOST_LEVELS,
        )
    }
    kept = [label for name in _kept(regression) for label in by_name[name].labels]
    labels = capped(list(entries), kept, _MOST_PANELS) if var_names is None else list(entries)
    drawn = panels_in_rows(len(labels), ax, _PANEL, figsize)
    for axes, label in zip(drawn, labels, strict=True):
        row, spec, name = entries[label]
        draws = posterior.array[row]
        if _is_at_means(regression, name):
            draws = draws + at_means(regression, posterior.array)
        at, height = density(draws)
        axes.fill_between(at, height, color=COLOURS[0], alpha=BAND_ALPHA, linewidth=0)
        axes.plot(at, height, color=COLOURS[0], linewidth=1.6, label="posterior")
        _draw_prior(axes, spec, _window(draws, spec), PRIOR_COLOUR, (0, (4, 2)), "prior")
        title(axes, label, PANEL_LETTERS)
        if _is_at_means(regression, name):
            axes.set_xlabel(_at_means(regression))
        _finish(axes)
    drawn[0].legend(frameon=False, fontsize=TEXT_SIZE, loc="best", handlelength=1.4)
    drawn_names = {entries[label][2] for label in labels}
    levels = [
        f"{short(name)}: the first {_MOST_LEVELS} of {by_name[name].rows.size} levels"
        for name in names
        if name in drawn_names and by_name[name].rows.size > _MOST_LEVELS
    ]
    explain(drawn, [*left_out(labels, list(entries), "parameters"), *levels])
    return drawn


def _with_density(regression: Regression) -> dict[str, Parameter]:
    """Return the parameters whose priors are densities of a number, which those of effects of groups are not."""
    others = (Role.EFFECT, Role.CORRELATION)
    return {parameter.name: parameter for parameter in regression.parameters if parameter.role not in others}


def _is_at_means(regression: Regression, name: str) -> bool:
    """Tell whether a parameter is the intercept, and its prior about the linear predictor at the predictor means."""
    return bool(
        name == INTERCEPT and regression.has_intercept and regression.intercept_at_means and regression.has_predictors
    )


def _at_means(regression: Regression) -> str:
    is_mean = regression.link_function.is_identity and regression.family.parent_is_mean
    quantity = "mean response" if is_mean else "linear predictor"
    return f"{quantity} at the predictor means"


def _kept(regression: Regression) -> list[str]:
    """Return the parameters that a picture of many shows in any case: those that are no coefficients."""
    return [parameter.name for parameter in regression.auxiliaries.values()]


def _name_levels(axes: Axes, n_levels: int) -> None:
    """Put a legend into the upper part of a panel, and the curves below it."""
    columns = 1 if n_levels <= _ONE_COLUMN else 2
    rows = -(-min(n_levels, _MOST_LEVELS) // columns)
    axes.set_ylim(top=axes.get_ylim()[1] / (1 - 0.13 * rows))
    axes.legend(frameon=False, fontsize=TEXT_SIZE, loc="upper left", ncols=columns, borderaxespad=0.2)
    if n_levels > _MOST_LEVELS:
        axes.set_xlabel(f"{axes.get_xlabel()}, the first {_MOST_LEVELS} of {n_levels} levels")


def _prior_label(regression: Regression, name: str) -> str:
    """Say under a prior's axis what it is about or how it is written, and that it is improper where it is."""
    prior = next(parameter.prior for parameter in regression.parameters if parameter.name == name)
    written = str(prior) if prior.length is None else prior.name
    label = _at_means(regression) if _is_at_means(regression, name) else short(written, 44)
    return label if prior.is_proper else f"{label}\nimproper"


def _level(label: str, name: str) -> str:
    """Return the level in a label such as "g[b]" of a parameter "g"."""
    return label[len(name) + 1 : -1] if label.startswith(f"{name}[") else label


def _draw_prior(
    axes: Axes, spec: PriorSpec, window: tuple[float, float] | None, colour: str, style: Any, label: str | None
) -> None:
    """Draw the density of one prior over a window, or where it is worth seeing; an improper one is a level line."""
    name, parameters = spec
    low, high = window or _extent(spec)
    at = low + (high - low) * (np.arange(_POINTS) + 0.5) / _POINTS  # not 0, where a density may have a pole
    height = np.exp([_core.prior_log_density(name, parameters, value)[0] for value in at])
    if name in _IMPROPER and axes.lines:
        height *= 0.1 * max(line.get_ydata().max() for line in axes.lines)
    drawn = np.isfinite(height)
    axes.plot(at[drawn], height[drawn], color=colour, linestyle=style, linewidth=1.6, label=label)


def _extent(spec: PriorSpec) -> tuple[float, float]:
    """Return where a prior is worth seeing: its central 94 % and a third as much on either side, in its support."""
    name, parameters = spec
    if name in _IMPROPER:
        return (-1.0, 1.0) if name == "Flat" else (0.0, 1.0)
    values: dict[str, Any] = dict(zip(parameter_names(name), parameters, strict=True))
    prior = Prior(name, **values)
    draws = prior.draw((4000,), np.random.default_rng(0))
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    reach = (high - low) / 3
    return (max(low - reach, 0.0) if prior.is_positive else low - reach), high + reach


def _window(draws: FloatArray, spec: PriorSpec) -> tuple[float, float]:
    """Return where a posterior and its prior are worth seeing: about the posterior, and all of a prior not too wide."""
    low, high = (float(q) for q in np.quantile(draws, [0.001, 0.999]))
    width = high - low or abs(low) or 1.0
    low, high = low - width, high + width
    if spec[0] in _IMPROPER:
        return (low if spec[0] == "Flat" else max(low, 0.0)), high
    first, last = _extent(spec)
    if last - first < _WIDE * width or last < low or first > high:
        return min(low, first), max(high, last)
    return max(low, first), min(high, last)


def _finish(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    tidy(axes, hide_y=True)
    axes.xaxis.label.set_size(TEXT_SIZE)
    axes.locator_params(axis="x", nbins=5)
