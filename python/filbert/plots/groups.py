"""Draws mixed models: the effects of groups below each other, and the data of each group with its line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError, count
from ..interpret.group_effects import effect_draws
from ..interpret.group_lines import GroupLines, GroupPanel, chosen_factor, group_lines
from ..interpret.observed import jittered
from ..predict import rowwise
from ..regression.regression import stated, stated_by_formula
from ..results.draws import Draws
from ..results.summary import checked_probability
from .style import (
    BAND_ALPHA,
    COLOURS,
    DATA_COLOUR,
    MOST_POINTS,
    PANEL_LETTERS,
    TEXT_SIZE,
    TITLE_SIZE,
    FloatArray,
    Panels,
    explain,
    figure_of,
    left_out,
    legend_above,
    panels,
    panels_in_rows,
    short,
    sizes_by_trials,
    tidy,
    title,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_group_effects", "plot_groups"]

MOST_EFFECTS = 9  # panels
MOST_GROUPS = 100  # in a panel
_ROW_HEIGHT = 0.19  # inches
_THICK = 0.5  # probability of the inner interval
_PANELS_IN_ROW = 6
_LARGE_PANELS = 3  # up to so many are large


@dataclass(frozen=True)
class _Effect:
    """The groups of one effect as they are drawn: from the smallest mean at the bottom."""

    name: str
    labels: list[str]
    mean: FloatArray
    ends: list[tuple[FloatArray, FloatArray]]
    n_groups: int


def plot_group_effects(
    model: Any,
    idata: Any,
    factor: str | None = None,
    hdi_prob: float = 0.94,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
) -> Panels:
    """Draw the effects of groups, sorted by their posterior means, each as a point with two intervals.

    Parameters
    ----------
    model : Model
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    factor : str, optional
        The grouping factor to draw, such as ``"g"`` or ``"g:h"``; all by default.
    hdi_prob : float, default 0.94
        Probability of the thin interval; the thick one has 50 %. Both are highest-density intervals.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes or array of them, (effects,), optional

    Returns
    -------
    array of matplotlib.axes.Axes, (effects,)
        A panel an effect. Of more than 100 groups as many are drawn, evenly spread from the smallest mean to the
        largest, which the picture says; of more than nine effects the first nine.

    Raises
    ------
    SettingError
        If the model has no group-specific terms or not that factor, the draws are of another model, or `hdi_prob` is
        not between 0.5 and 1.

    Examples
    --------
    >>> fb.plot_group_effects(model, idata)
    """
    if checked_probability(hdi_prob, "hdi_prob") <= _THICK:
        raise SettingError(f"hdi_prob must be above {_THICK}, the probability of the thick interval, not {hdi_prob}.")
    regression = stated(model)
    chosen_factor(regression, factor, "plot_group_effects")
    groups = regression.groups
    assert groups is not None
    found = list(effect_draws(groups, Draws.read(idata, regression)))
    asked = [(name, label, draws) for name, label, draws in found if factor in (None, name)]
    effects = [
        _effect(f"{label}|{name}", groups.grouping[name].labels, draws, hdi_prob)
        for name, label, draws in asked[:MOST_EFFECTS]
    ]
    tallest = max(len(effect.labels) for effect in effects)
    drawn = panels_in_rows(len(effects), ax, (3.6, max(1.6, _ROW_HEIGHT * tallest + 1.1)), figsize)
    for axes, effect in zip(drawn, effects, strict=True):
        _draw_effect(axes, effect)
    label = f"effect: mean, {100 * _THICK:g} % and {100 * hdi_prob:g} % HDI"
    if ax is None:
        figure_of(drawn).supxlabel(label, fontsize=TITLE_SIZE)
    else:
        drawn[0].set_xlabel(wrapped(drawn[0], label))
    notes = left_out([effect.name for effect in effects], [f"{label}|{name}" for name, label, _ in asked], "effects")
    sizes = sorted({effect.n_groups for effect in effects if effect.n_groups > MOST_GROUPS})
    if sizes:
        notes.append(f"{MOST_GROUPS} of {' and '.join(map(str, sizes))} groups, evenly spread by their means")
    explain(drawn, notes)
    return drawn


def _effect(name: str, labels: Sequence[str], draws: FloatArray, hdi_prob: float) -> _Effect:
    """Sort the groups of an effect, and leave out some of very many."""
    order = np.argsort(draws.mean(axis=1), kind="stable")
    if len(order) > MOST_GROUPS:
        order = order[np.linspace(0, len(order) - 1, MOST_GROUPS).round().astype(int)]
    mean, _, *thin = rowwise.summarise(draws[order], hdi_prob, use_hdi=True)
    _, _, *thick = rowwise.summarise(draws[order], _THICK, use_hdi=True)
    ends = [(low, high) for low, high in (thin, thick)]
    return _Effect(name, [labels[place] for place in order], mean, ends, len(labels))


def _draw_effect(axes: Axes, effect: _Effect) -> None:
    places = np.arange(len(effect.labels))
    axes.axvline(0, color="0.5", linewidth=1, linestyle=(0, (4, 2)), zorder=0)
    for (low, high), width in zip(effect.ends, (1.2, 3.4), strict=True):
        axes.hlines(places, low, high, color=COLOURS[0], linewidth=width)
    axes.plot(effect.mean, places, "o", markersize=4.5, markerfacecolor="white", markeredgecolor=COLOURS[0], zorder=3)
    axes.set_ylim(-0.7, len(places) - 0.3)
    tidy(axes)
    axes.set_yticks(places, [short(label, 20) for label in effect.labels], fontsize=TEXT_SIZE)
    axes.tick_params(axis="y", length=0)
    title(axes, effect.name, PANEL_LETTERS)


def plot_groups(
    model: Any,
    idata: Any,
    x: str | None = None,
    factor: str | None = None,
    groups: Sequence[Any] | None = None,
    prob: float = 0.94,
    no_pooling: bool = False,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
) -> Panels:
    """Draw the data of each group with its line, beside the line of the population: what pooling does.

    Parameters
    ----------
    model : Model
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    x : str, optional
        The numeric column to draw over, if there are several. Others are at the group's mean or most frequent level.
    factor : str, optional
        The grouping factor, by default the first of the formula. Effects of the others are left out.
    groups : sequence of str, optional
        The groups to draw, at most 24. By default all, or 24 from the smallest group to the largest.
    prob : float, default 0.94
        Probability of the band about a group's line, between two quantiles at each x.
    no_pooling : bool, default False
        Draw the least squares of each group's rows alone too, for Gaussian responses, where these determine it.
    figsize : (float, float), optional
        Width and height in inches.
    ax : array of matplotlib.axes.Axes, (groups,), optional

    Returns
    -------
    array of matplotlib.axes.Axes, (groups,)
        On the scale of the response, as in `filbert.plot_lm`.

    Raises
    ------
    SettingError
        If the model has no group-specific terms, that factor, those groups or that predictor.
    DataError
        If the model was loaded from a file, which has no rows.

    Examples
    --------
    >>> fb.plot_groups(model, idata, "days", no_pooling=True)
    """
    regression, _ = stated_by_formula(model)
    lines = group_lines(regression, idata, x, factor, groups, checked_probability(prob, "prob"), bool(no_pooling))
    number = len(lines.panels)
    width = min(number, _PANELS_IN_ROW)
    shape = (math.ceil(number / width), width)
    if ax is None:
        size = (1.75, 1.75) if number > _LARGE_PANELS else (3.4, 3.0)
        grid = panels(None, shape, size, figsize, sharex=True, sharey=True).ravel()
        for spare in grid[number:]:
            spare.remove()
        drawn = grid[:number]
    else:
        drawn = panels(ax, (number, 1), (1.75, 1.75)).ravel()
    shown, notes = _shown_points(lines)
    for axes, panel in zip(drawn, lines.panels, strict=True):
        _draw_group(axes, lines, panel, shown, prob)
    if number < lines.n_groups and groups is None:
        notes.append(
            f"{number} of {count(lines.n_groups, 'group')}, from the smallest to the largest; groups= names others"
        )
    _label(drawn, lines, None if ax is not None else shape, notes)
    return drawn


def _shown_points(lines: GroupLines) -> tuple[set[int], list[str]]:
    """Choose the points to draw: at most 2000."""
    rows = np.concatenate([panel.rows for panel in lines.panels])
    if len(rows) <= MOST_POINTS:
        return set(rows.tolist()), []
    chosen = np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False)
    return set(chosen.tolist()), [f"{MOST_POINTS} of {len(rows)} points are shown"]


def _draw_group(axes: Axes, lines: GroupLines, panel: GroupPanel, shown: set[int], prob: float) -> None:
    points = lines.points
    rows = np.array([row for row in panel.rows.tolist() if row in shown], dtype=np.intp)
    y = points.y if points.shares is None else jittered(points.y)
    size: Any = 14
    if points.trials is not None and points.trials.min() < points.trials.max():
        size = sizes_by_trials(points.trials)[rows]
    axes.scatter(points.x[rows], y[rows], s=size, color=DATA_COLOUR, alpha=0.6, linewidths=0, label="data", zorder=2.6)
    axes.fill_between(lines.grid, panel.lower, panel.upper, color=COLOURS[0], alpha=BAND_ALPHA, linewidth=0,
                      label=f"{100 * prob:g} % interval")  # fmt: skip
    axes.plot(lines.grid, panel.mean, color=COLOURS[0], linewidth=1.8, label="group", zorder=3)
    axes.plot(lines.grid, panel.population, color="black", linewidth=1.2, linestyle=(0, (4, 2)), label="population",
              zorder=2.8)  # fmt: skip
    if panel.own is not None:
        axes.plot(*panel.own, color=COLOURS[1], linewidth=1.6, linestyle=":", label="its rows alone", zorder=3.2)
    tidy(axes)
    axes.locator_params(nbins=3)
    axes.set_title(short(panel.label, 16), loc="left", fontsize=TEXT_SIZE)


def _label(drawn: Panels, lines: GroupLines, shape: tuple[int, int] | None, notes: list[str]) -> None:
    """Name the axes once for all panels of a figure of its own, and what is drawn over the first one that has all."""
    x, y = short(lines.points.x_label), short(lines.points.y_label, PANEL_LETTERS)
    figure = figure_of(drawn)
    if shape is None:
        drawn[0].set(xlabel=x, ylabel=y)
    else:
        figure.supxlabel(x, fontsize=TITLE_SIZE)
        figure.supylabel(y, fontsize=TITLE_SIZE)
        for axes in drawn[max(0, len(drawn) - shape[1]) :]:
            axes.tick_params(labelbottom=True)
    if shape is None:
        explain(drawn, notes)
        legend_above(drawn[0], below=1)
        return
    handles: dict[str, Any] = {}
    for axes in drawn:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    columns = max(1, int(figure.get_size_inches()[0] // 1.5))
    figure.legend(handles.values(), handles, loc="outside upper left", ncols=columns, frameon=False, alignment="left",
                  fontsize=TEXT_SIZE, title="\n".join(notes) or None, title_fontsize=TEXT_SIZE)  # fmt: skip
