"""Draws the tables of `filbert.interpret`: over the first variable, a colour for the second, a panel for the third."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataTypeError, SettingError, quote_names, suggest
from ..interpret.comparison import comparisons
from ..interpret.prediction import predictions
from ..interpret.slope import slopes
from ..interpret.view import check_free
from ..regression.regression import stated_by_formula
from .style import (
    BAND_ALPHA,
    COLOURS,
    LINE_STYLES,
    MARKERS,
    MOST_COLUMNS,
    MOST_LETTERS,
    PANEL_LETTERS,
    TEXT_SIZE,
    Panels,
    legend_above,
    note,
    panels_in_rows,
    short,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..formula.design import Design

__all__ = ["plot_comparisons", "plot_predictions", "plot_slopes"]

_ROLES = ("main", "group", "panel")
_CONTRAST = "contrast"
_MOST_GROUPS = len(COLOURS)


def plot_predictions(
    model: Any,
    idata: Any,
    conditional: Any = None,
    average_by: Any = None,
    legend: bool = True,
    subplot_kwargs: Mapping[str, str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """Draw the predicted response over one predictor, with intervals, by up to two others.

    Parameters
    ----------
    model, idata, conditional, average_by
        As in `filbert.predictions`; one of `conditional` and `average_by` is needed. Their first variable is on the x
        axis, the second has colours, line styles and markers, the third panels.
    legend : bool, default True
        Name the values of the second variable.
    subplot_kwargs : mapping, optional
        Other roles of the variables: ``{"main": "x", "group": "g", "panel": "h"}``.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes or array of them, (panels,), optional
    **options
        Of `filbert.predictions`: ``pps``, ``use_hdi``, ``prob``, ``transforms``, ``random_seed``.

    Returns
    -------
    array of matplotlib.axes.Axes, (panels,)

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.

    Examples
    --------
    >>> fb.plot_predictions(model, idata, conditional=["mom_iq", "mom_hs"])
    """
    picture = _Picture.of("plot_predictions", conditional, average_by, subplot_kwargs, options)
    table: pd.DataFrame = predictions(model, idata, conditional, average_by, **options)
    regression, design = stated_by_formula(model)
    table = _with_levels(table, design, options.get("transforms"))
    response = regression.response
    return picture.draw(table, response if options.get("pps") else f"mean {response}", legend, figsize, ax)


def plot_comparisons(
    model: Any,
    idata: Any,
    contrast: Any,
    conditional: Any = None,
    average_by: Any = None,
    comparison_type: str = "diff",
    legend: bool = True,
    subplot_kwargs: Mapping[str, str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """Draw the difference (or ratio) of the mean response between values of a predictor, over another one.

    Parameters
    ----------
    model, idata, contrast, conditional, average_by, comparison_type
        As in `filbert.comparisons`; one of `conditional` and `average_by` is needed. Several pairs of values count as a
        last variable, ``"contrast"``.
    legend, subplot_kwargs, figsize, ax
        As in `plot_predictions`.
    **options
        Of `filbert.comparisons`: ``use_hdi``, ``prob``, ``transforms``.

    Returns
    -------
    array of matplotlib.axes.Axes, (panels,)

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.
    """
    picture = _Picture.of("plot_comparisons", conditional, average_by, subplot_kwargs, options)
    table: pd.DataFrame = comparisons(
        model, idata, contrast, conditional, average_by, comparison=comparison_type, **options
    )
    regression, design = stated_by_formula(model)
    table = _with_levels(table, design, options.get("transforms"))
    name, response = table["term"].iloc[0], regression.response
    predictor = design.predictors[name]
    unit = not isinstance(contrast, Mapping) and predictor.levels is None and predictor.dtype != "bool"
    shown = ["+1" if unit else " to ".join(map(_shown, pair)) for pair in table["value"]]
    pairs = list(dict.fromkeys(shown))
    if len(pairs) > 1:
        check_free(table, [_CONTRAST])
        picture = picture.with_variable(_CONTRAST)
        table[_CONTRAST] = pd.Categorical(shown, categories=pairs)
    quantity = f"difference of {response}" if comparison_type == "diff" else f"ratio of {response}"
    label = f"{quantity}\n{name}" + (f": {pairs[0]}" if len(pairs) == 1 else "")
    neutral = 0.0 if comparison_type == "diff" else 1.0
    return picture.draw(table, label, legend, figsize, ax, neutral=neutral)


def plot_slopes(
    model: Any,
    idata: Any,
    wrt: Any,
    conditional: Any = None,
    average_by: Any = None,
    slope: str = "dydx",
    legend: bool = True,
    subplot_kwargs: Mapping[str, str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """Draw the slope of the mean response along a numeric predictor, over another one (or over itself).

    Parameters
    ----------
    model, idata, wrt, conditional, average_by, slope
        As in `filbert.slopes`; one of `conditional` and `average_by` is needed.
    legend, subplot_kwargs, figsize, ax
        As in `plot_predictions`.
    **options
        Of `filbert.slopes`: ``eps``, ``use_hdi``, ``prob``.

    Returns
    -------
    array of matplotlib.axes.Axes, (panels,)

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.
    """
    picture = _Picture.of("plot_slopes", conditional, average_by, subplot_kwargs, options)
    regression, design = stated_by_formula(model)
    table = _with_levels(slopes(model, idata, wrt, conditional, average_by, slope=slope, **options), design, None)
    name, response = table["term"].iloc[0], regression.response
    if name not in table:
        table[name] = table["value"]
    kind = "slope" if slope == "dydx" else slope
    return picture.draw(table, f"{kind} of {response} along {name}", legend, figsize, ax, neutral=0.0)


@dataclass(frozen=True)
class _Picture:
    """Which variable of a table has which role."""

    roles: dict[str, str]

    @classmethod
    def of(
        cls,
        function: str,
        conditional: Any,
        average_by: Any,
        subplot_kwargs: Mapping[str, str] | None,
        options: Mapping[str, Any],
    ) -> _Picture:
        if "data" in options:
            raise SettingError(f"{function} draws over variables, not rows: use conditional= or average_by= for data=.")
        by = conditional if average_by is None or average_by is False else average_by
        if by is None or by is True:
            raise SettingError(
                f"{function} needs a variable for its x axis: conditional= (others at typical values) or average_by= "
                "with column names."
            )
        names = [by] if isinstance(by, str) or not isinstance(by, Iterable) else list(by)
        if len(names) > len(_ROLES):
            raise SettingError(f"A picture shows one to three variables, not {len(names)}: {quote_names(names)}.")
        roles = dict(zip(_ROLES, names, strict=False))
        if subplot_kwargs is not None:
            roles = _checked_roles(subplot_kwargs, names)
        return cls(roles)

    def with_variable(self, name: str) -> _Picture:
        """Give the next free role to one more variable."""
        free = [role for role in _ROLES if role not in self.roles]
        if not free:
            raise SettingError(
                f"A picture shows three variables, and several pairs of values are one: give contrast two values, or "
                f"leave out one of {quote_names(self.roles.values())}."
            )
        return _Picture({**self.roles, free[0]: name})

    def draw(
        self, table: pd.DataFrame, label: str, legend: bool, figsize: Any, ax: Any, neutral: float | None = None
    ) -> Panels:
        """Draw a table into a panel for each value of the third variable."""
        parts = _split(table, self.roles.get("panel"))
        groups = _values(table, self.roles.get("group"))
        size = (6.6, 4.4) if len(parts) == 1 else (3.6, 3.4)
        drawn = panels_in_rows(len(parts), ax, size, figsize, sharex=True, sharey=True)
        main = self.roles["main"]
        numeric = table[main].dtype.kind in "iufM" and len(table[main].unique()) > 1
        for place, (axes, (value, part)) in enumerate(zip(drawn, parts, strict=True)):
            _draw_panel(axes, part, main, numeric, self.roles.get("group"), groups)
            if neutral is not None:
                axes.axhline(neutral, color="0.5", linewidth=1, linestyle=(0, (4, 2)), zorder=0)
            if len(parts) > 1:
                title(axes, f"{self.roles['panel']} = {_shown(value)}", PANEL_LETTERS)
            if place + MOST_COLUMNS >= len(parts) or ax is not None:
                axes.set_xlabel(short(main))
                axes.tick_params(labelbottom=True)
            if place % MOST_COLUMNS == 0 or ax is not None:
                axes.set_ylabel(label if "\n" in label else short(label, 48))
            tidy(axes)
        if legend and len(groups) > 1:
            legend_above(drawn[0], below=int(len(parts) > 1), heading=self.roles["group"])
        if len(groups) > _MOST_GROUPS:
            note(drawn[-1], f"the first {_MOST_GROUPS} of {len(groups)} values of {short(self.roles['group'], 24)}")
        return drawn


def _draw_panel(
    axes: Axes, table: pd.DataFrame, main: str, numeric: bool, group: str | None, groups: Sequence[Any]
) -> None:
    """Draw lines with bands over numbers, and points with bars over levels."""
    places = {value: place for place, value in enumerate(_values(table, main))}
    shown = groups[:_MOST_GROUPS]
    for number, value in enumerate(shown):
        part = table if group is None else table[table[group] == value]
        if part.empty:
            continue
        mean = part["mean"].to_numpy()
        lower, upper = (part[column].to_numpy() for column in part.columns if column.startswith(("hdi_", "eti_")))
        colour, style, marker = COLOURS[number], LINE_STYLES[number], MARKERS[number]
        label = None if group is None else _shown(value, MOST_LETTERS)
        if numeric:
            order = np.argsort(part[main].to_numpy(), kind="stable")
            at = part[main].to_numpy()[order]
            axes.fill_between(at, lower[order], upper[order], color=colour, alpha=BAND_ALPHA, linewidth=0)
            axes.plot(at, mean[order], color=colour, linestyle=style, linewidth=1.8, label=label)
        else:
            shift = 0.0 if len(shown) == 1 else 0.5 * (number / (len(shown) - 1) - 0.5)
            at = np.array([places[one] + shift for one in part[main]])
            axes.vlines(at, lower, upper, color=colour, linewidth=1.4)
            axes.plot(at, mean, marker, color=colour, markersize=6, label=label)
    if not numeric:
        labels = [_shown(value) for value in places]
        crowded = sum(len(text) + 2 for text in labels) > 60 * axes.get_position().width
        axes.set_xticks(range(len(labels)), labels, fontsize=TEXT_SIZE, rotation=35 if crowded else 0,
                        ha="right" if crowded else "center", rotation_mode="anchor" if crowded else None)  # fmt: skip
        axes.set_xlim(-0.6, len(labels) - 0.4)


def _with_levels(table: pd.DataFrame, design: Design, transforms: Mapping[str, Any] | None) -> pd.DataFrame:
    """Make categories of what the formula takes for levels, numbers too, in the model's order."""
    columns = {}
    for name, predictor in design.predictors.items():
        if predictor.levels is not None and name in table.columns:
            levels = pd.Series(predictor.levels)
            if transforms and name in transforms:
                levels = transforms[name](levels)
            columns[name] = pd.Categorical(table[name], categories=list(dict.fromkeys(levels)))
    return table.assign(**columns)


def _checked_roles(given: Any, names: Sequence[str]) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise DataTypeError(f"subplot_kwargs must be a dict such as {{'main': {names[0]!r}}}, not {given!r}.")
    for role, name in given.items():
        if role not in _ROLES:
            raise SettingError(f"subplot_kwargs has {role!r}. The roles are {quote_names(_ROLES)}.")
        if name not in names:
            raise SettingError(
                f"subplot_kwargs has {name!r}, which is not drawn.{suggest(str(name), names)} Drawn are "
                f"{quote_names(names)}."
            )
    if sorted(given.values()) != sorted(names) or "main" not in given:
        raise SettingError(f"subplot_kwargs must give 'main', and each of {quote_names(names)} one role.")
    return dict(given)


def _split(table: pd.DataFrame, name: str | None) -> list[tuple[Any, pd.DataFrame]]:
    """Return the parts of a table for each value of a variable."""
    if name is None:
        return [(None, table)]
    return [(value, table[table[name] == value]) for value in _values(table, name)]


def _values(table: pd.DataFrame, name: str | None) -> list[Any]:
    """Return the values of a variable that occur, categories in their order and numbers sorted."""
    if name is None:
        return [None]
    column = table[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = set(column)
        return [value for value in column.cat.categories if value in present]
    return sorted(column.unique().tolist())


def _shown(value: Any, limit: int = 30) -> str:
    """Return a value as text: numbers with at most four digits."""
    return f"{value:.4g}" if isinstance(value, float) else short(str(value), limit)
