"""Pictures of the tables of `filbert.interpret`: predictions, comparisons and slopes over up to three variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import SettingError, count
from ..interpret.observed import WithinGroups, has_levels, observed_rows
from ..interpret.tables import check_free, comparisons, predictions, slopes
from ..regression.regression import Regression, stated_by_formula
from .curves import Picture, applied, names_of, roles_of, shown, some_points
from .style import Panels, short

if TYPE_CHECKING:
    from ..formula.design import Design

__all__ = ["plot_comparisons", "plot_predictions", "plot_slopes"]

_CONTRAST = "contrast"
_KINDS = {"diff": "difference", "dydx": "slope"}
_NEUTRAL = {"diff": 0.0, "ratio": 1.0}  # where nothing has changed


def plot_predictions(
    model: Any,
    idata: Any,
    conditional: Any = None,
    average_by: Any = None,
    legend: bool = True,
    subplot_kwargs: Mapping[str, str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
    points: bool = False,
    **options: Any,
) -> Panels:
    """Draw the predicted response over one predictor, with intervals, by up to two others.

    Parameters
    ----------
    model, idata, conditional, average_by
        As in `filbert.predictions`; one of `conditional` and `average_by` is needed. Their first variable is on the x
        axis, the second has colours, line styles and markers, the third panels. Over a number, each curve of a level
        spans the values that the number has in the rows of that level; give values, as in ``conditional={"x":
        np.linspace(0, 1, 50), "g": None}``, to see it elsewhere.
    legend : bool, default True
        Name the values of the second variable.
    subplot_kwargs : mapping, optional
        Other roles of the variables: ``{"main": "x", "group": "g", "panel": "h"}``.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes or array of them, (panels,), optional
    points : bool, default False
        Draw the fitted rows too, in the colours and panels of their levels; of more than 2000 as many.
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
    regression, design = stated_by_formula(model)
    picture = _picture("plot_predictions", design, conditional, average_by, subplot_kwargs, options)
    if picture is None:
        raise SettingError(
            "plot_predictions needs a variable for its x axis: conditional= (others at typical values) or average_by= "
            "with column names."
        )
    rows, picture = _rows(design, picture, conditional, average_by)
    table = predictions(model, idata, **rows, **options)
    transforms = options.get("transforms") or {}
    picture = replace(picture, legend=legend, figsize=figsize, ax=ax, names=_names(transforms))
    if points:
        picture = _with_points(picture, design, regression.response, transforms)
    quantity = regression.response if options.get("pps") else _mean_of(regression)
    label = applied(transforms.get(regression.response), quantity)
    return picture.draw(_with_levels(table, design, transforms), label)


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
        As in `filbert.comparisons`. Several pairs of values count as a last variable, ``"contrast"``. Without
        `conditional` and `average_by`, or with ``average_by=True``, the averages over all rows are drawn.
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
    regression, design = stated_by_formula(model)
    picture = _picture("plot_comparisons", design, conditional, average_by, subplot_kwargs, options)
    averaged = picture is None
    if picture is None:
        rows: dict[str, Any] = {"conditional": conditional, "average_by": True}
        picture = Picture(roles_of([_CONTRAST], subplot_kwargs))
    elif conditional is not None and any(name in names_of(conditional) for name in names_of(contrast)):
        rows = {"conditional": conditional, "average_by": average_by}  # which `comparisons` refuses
    else:
        rows, picture = _rows(design, picture, conditional, average_by)
    table = comparisons(model, idata, contrast, comparison_type=comparison_type, **rows, **options)
    transforms = options.get("transforms") or {}
    table = _with_levels(table, design, transforms)
    name, kind = table["term"].iloc[0], table["estimate_type"].iloc[0]
    picture = replace(picture, legend=legend, figsize=figsize, ax=ax, neutral=_NEUTRAL.get(kind))
    picture = replace(picture, names={**_names(transforms), **({_CONTRAST: name} if averaged else {})})
    contrasts = _contrasts(table, contrast, design)
    if averaged or len(contrasts.categories) > 1:
        check_free(table, [_CONTRAST])
        picture = picture if averaged else picture.with_variable(_CONTRAST)
        table = table.assign(**{_CONTRAST: contrasts})
    label = f"{_KINDS.get(kind, kind)} of {applied(transforms.get(regression.response), regression.response)}"
    if averaged:
        return picture.draw(table, f"average {label}")
    one = f": {contrasts.categories[0]}" if len(contrasts.categories) == 1 else ""
    return picture.draw(table, f"{label}\n{name}{one}")


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
        As in `filbert.slopes`. Without `conditional` and `average_by`, or with ``average_by=True``, the average over
        all rows is drawn, for each value of `wrt` if it has some.
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
    regression, design = stated_by_formula(model)
    picture = _picture("plot_slopes", design, conditional, average_by, subplot_kwargs, options)
    averaged = picture is None
    if picture is None:
        rows: dict[str, Any] = {"conditional": conditional, "average_by": True}
        picture = Picture(roles_of(names_of(wrt), subplot_kwargs))
    else:
        rows, picture = _rows(design, picture, conditional, average_by)
    table = slopes(model, idata, wrt, slope=slope, **rows, **options)
    transforms = options.get("transforms") or {}
    table = _with_levels(table, design, transforms)
    name, kind = table["term"].iloc[0], table["estimate_type"].iloc[0]
    if averaged and not isinstance(wrt, Mapping):
        table[name] = pd.Categorical(["average over all rows" if conditional is None else "average"] * len(table))
    elif name not in table:
        table[name] = table["value"]
    picture = replace(picture, legend=legend, figsize=figsize, ax=ax, neutral=0.0, names=_names(transforms))
    label = f"{_KINDS.get(kind, kind)} of {applied(transforms.get(regression.response), regression.response)}"
    return picture.draw(table, f"{'average ' * averaged}{label} along {name}")


def _picture(
    function: str, design: Design, conditional: Any, average_by: Any, subplot_kwargs: Any, options: Mapping[str, Any]
) -> Picture | None:
    """Give the variables that a table is over their roles; None if there are none, as in an average over all rows."""
    if "data" in options:
        raise SettingError(f"{function} draws over variables, not rows: use conditional= or average_by= for data=.")
    by = conditional if average_by is None or average_by is False else average_by
    everything = by is None or by is True or (average_by == "all" and "all" not in design.predictors)
    return None if everything else Picture(roles_of(names_of(by), subplot_kwargs))


def _rows(design: Design, picture: Picture, conditional: Any, average_by: Any) -> tuple[dict[str, Any], Picture]:
    """Return the rows a table is made of: the grid asked for, each group's part of it only where it has data."""
    averaged = not (average_by is None or average_by is False)
    within = None if averaged else WithinGroups.of(design, conditional, picture.roles["main"])
    if within is None:
        return {"conditional": conditional, "average_by": average_by}, picture
    notes = (f"without rows: {count(within.without_rows, 'curve')}",) if within.without_rows else ()
    return {"data": within.frame}, replace(picture, notes=notes)


def _names(transforms: Mapping[str, Any]) -> dict[str, str]:
    """Call the variables by what `transforms` make of them."""
    return {name: applied(function, name) for name, function in transforms.items()}


def _contrasts(table: pd.DataFrame, contrast: Any, design: Design) -> pd.Categorical[Any]:
    """Return the pair of values that each row compares as text, in their order; of numbers, the unit between them."""
    predictor = design.predictors[table["term"].iloc[0]]
    unit = not isinstance(contrast, Mapping) and predictor.levels is None and predictor.dtype != "bool"
    written = ["+1" if unit else " to ".join(short(shown(one), 30) for one in pair) for pair in table["value"]]
    return pd.Categorical(written, categories=list(dict.fromkeys(written)))


def _with_points(picture: Picture, design: Design, response: str, transforms: Mapping[str, Any]) -> Picture:
    """Put the fitted rows into a picture, transformed as the table is."""
    main = picture.roles["main"]
    by = [name for name in picture.roles.values() if name in design.predictors and has_levels(design.predictors[name])]
    rows = observed_rows(design, list(dict.fromkeys([main, *by])))
    for name, function in transforms.items():
        column = None if name == response else name
        if column in rows.columns:
            rows[column] = function(rows[column])
    rows, notes = some_points(rows)
    return replace(picture, points=rows, notes=(*picture.notes, *notes))


def _mean_of(regression: Regression) -> str:
    """Return what the parameter that the formula models is called in pictures."""
    parent = regression.family.parent
    return f"mean {regression.response}" if parent == "mu" else f"{parent} of {regression.response}"


def _with_levels(table: pd.DataFrame, design: Design, transforms: Mapping[str, Any]) -> pd.DataFrame:
    """Make categories of what the formula takes for levels, numbers too, in the model's order."""
    columns = {}
    for name, predictor in design.predictors.items():
        if predictor.levels is not None and name in table.columns:
            levels = pd.Series(predictor.levels)
            if name in transforms:
                levels = transforms[name](levels)
            columns[name] = pd.Categorical(table[name], categories=list(dict.fromkeys(levels)))
    return table.assign(**columns)
