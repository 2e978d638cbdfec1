"""Pictures of the tables of `filbert.interpret`: predictions, comparisons and slopes over up to three variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import DataError, DataTypeError, SettingError, count
from ..interpret.comparison import comparisons
from ..interpret.observed import WithinGroups, has_levels, jittered, observed_rows, rows_to_draw
from ..interpret.prediction import predictions
from ..interpret.slope import slopes
from ..interpret.view import Target, Transforms, averages, check_free
from ..regression.regression import Regression, rows_of, stated_by_formula
from .curves import Picture, applied, names_of, roles_of, shown, some_points
from .style import Panels, short, sizes_by_trials

if TYPE_CHECKING:
    from ..formula.design import Design

__all__ = ["plot_comparisons", "plot_predictions", "plot_slopes"]

_CONTRAST = "contrast"
_KINDS = {"diff": "difference", "dydx": "slope"}
_NEUTRAL = {"diff": 0.0, "ratio": 1.0, "lift": 0.0}  # where nothing has changed


def plot_predictions(
    model: Any,
    idata: Any,
    conditional: Any = None,
    average_by: Any = None,
    target: str = "mean",
    use_hdi: bool = True,
    prob: Any = 0.94,
    transforms: Transforms = None,
    sample_new_groups: bool | None = None,
    fig_kwargs: Mapping[str, Any] | None = None,
    subplot_kwargs: Mapping[str, str] | None = None,
    *,
    legend: bool = True,
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
    target, use_hdi, prob, transforms, sample_new_groups
        As in `filbert.predictions`; of several intervals the narrower ones are darker.
    fig_kwargs : mapping, optional
        ``{"figsize": (width, height)}``, as in bambi.
    subplot_kwargs : mapping, optional
        Other roles of the variables: ``{"main": "x", "group": "g", "panel": "h"}``.
    legend : bool, default True
        Name the values of the second variable.
    figsize : (float, float), optional
        Width and height in inches.
    ax : matplotlib.axes.Axes or array of them, (panels,), optional
    points : bool, default False
        Draw the fitted rows too, in the colours and panels of their levels; of more than 2000 as many. Zeros and ones
        are jittered; successes among trials are shares, larger for more trials.
    **options
        Of `filbert.predictions`: ``pps``, ``scale``, ``random_seed``.

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
    picture = _picture("plot_predictions", regression, design, conditional, average_by, subplot_kwargs, options)
    if picture is None:
        raise SettingError(
            "plot_predictions needs a variable for its x axis: conditional= (others at typical values) or average_by= "
            "with column names."
        )
    rows, picture = _rows(regression, picture, conditional, average_by)
    options = {**options, **_options(target, use_hdi, prob, transforms, sample_new_groups)}
    table: pd.DataFrame = predictions(model, idata, **rows, **options)
    transforms = transforms or {}
    picture = replace(picture, legend=legend, figsize=_size(figsize, fig_kwargs), ax=ax, names=_names(transforms))
    shown = Target.of(regression, target, bool(options.get("pps")))
    if points:
        _check_points(regression, shown, options.get("scale"))
        picture = _with_points(picture, regression, design, transforms, shown)
    label = applied(transforms.get(shown.name if shown.is_auxiliary else regression.response),
                    _quantity(regression, shown, options.get("scale")))  # fmt: skip
    return picture.draw(_with_levels(table, design, transforms), label)


def plot_comparisons(
    model: Any,
    idata: Any,
    contrast: Any,
    conditional: Any = None,
    average_by: Any = None,
    target: str = "mean",
    comparison: Any = "diff",
    use_hdi: bool = True,
    prob: Any = 0.94,
    transforms: Transforms = None,
    sample_new_groups: bool | None = None,
    fig_kwargs: Mapping[str, Any] | None = None,
    subplot_kwargs: Mapping[str, str] | None = None,
    *,
    legend: bool = True,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """Draw the difference (or ratio) of the mean response between values of a predictor, over another one.

    Parameters
    ----------
    model, idata, contrast, conditional, average_by, target, comparison
        As in `filbert.comparisons`. Several pairs of values count as a last variable, ``"contrast"``. Without
        `conditional` and `average_by`, or with ``average_by=True``, the averages over all rows are drawn.
    use_hdi, prob, transforms, sample_new_groups, fig_kwargs, subplot_kwargs, legend, figsize, ax
        As in `plot_predictions`.
    **options
        Of `filbert.comparisons`: ``scale``, ``random_seed``, ``comparison_type``.

    Returns
    -------
    array of matplotlib.axes.Axes, (panels,)

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.
    """
    regression, design = stated_by_formula(model)
    picture = _picture("plot_comparisons", regression, design, conditional, average_by, subplot_kwargs, options)
    averaged = picture is None
    if picture is None:
        rows: dict[str, Any] = {"conditional": conditional, "average_by": True}
        picture = Picture(roles_of([_CONTRAST], subplot_kwargs))
    elif conditional is not None and any(name in names_of(conditional) for name in names_of(contrast)):
        rows = {"conditional": conditional, "average_by": average_by}  # which `comparisons` refuses
    else:
        rows, picture = _rows(regression, picture, conditional, average_by)
    options = {**options, **_options(target, use_hdi, prob, transforms, sample_new_groups)}
    if "comparison_type" not in options:
        options["comparison"] = comparison
    transforms = transforms or {}
    table = _with_levels(comparisons(model, idata, contrast, **rows, **options), design, transforms)
    name, kind = table["term"].iloc[0], table["estimate_type"].iloc[0]
    picture = replace(picture, legend=legend, figsize=_size(figsize, fig_kwargs), ax=ax, neutral=_NEUTRAL.get(kind))
    picture = replace(picture, names={**_names(transforms), **({_CONTRAST: name} if averaged else {})})
    contrasts = _contrasts(table, contrast, design)
    if averaged or len(contrasts.categories) > 1:
        check_free(table, [_CONTRAST])
        picture = picture if averaged else picture.with_variable(_CONTRAST)
        table = table.assign(**{_CONTRAST: contrasts})
    label = f"{_KINDS.get(kind, kind)} of {_changing(regression, target, transforms, options.get('scale'))}"
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
    eps: float = 1e-4,
    slope: Any = "dydx",
    target: str = "mean",
    use_hdi: bool = True,
    prob: Any = 0.94,
    transforms: Transforms = None,
    sample_new_groups: bool | None = None,
    fig_kwargs: Mapping[str, Any] | None = None,
    subplot_kwargs: Mapping[str, str] | None = None,
    *,
    legend: bool = True,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """Draw the slope of the mean response along a numeric predictor, over another one (or over itself).

    Parameters
    ----------
    model, idata, wrt, conditional, average_by, eps, slope, target
        As in `filbert.slopes`. Without `conditional` and `average_by`, or with ``average_by=True``, the average over
        all rows is drawn, for each value of `wrt` if it has some.
    use_hdi, prob, transforms, sample_new_groups, fig_kwargs, subplot_kwargs, legend, figsize, ax
        As in `plot_predictions`.
    **options
        Of `filbert.slopes`: ``scale``.

    Returns
    -------
    array of matplotlib.axes.Axes, (panels,)

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.
    """
    regression, design = stated_by_formula(model)
    picture = _picture("plot_slopes", regression, design, conditional, average_by, subplot_kwargs, options)
    averaged = picture is None
    if picture is None:
        rows: dict[str, Any] = {"conditional": conditional, "average_by": True}
        picture = Picture(roles_of(names_of(wrt), subplot_kwargs))
    else:
        rows, picture = _rows(regression, picture, conditional, average_by)
    options = {**options, **_options(target, use_hdi, prob, transforms, sample_new_groups)}
    transforms = transforms or {}
    table = _with_levels(slopes(model, idata, wrt, eps=eps, slope=slope, **rows, **options), design, transforms)
    name, kind = table["term"].iloc[0], table["estimate_type"].iloc[0]
    if averaged and not isinstance(wrt, Mapping):
        table[name] = pd.Categorical(["average over all rows" if conditional is None else "average"] * len(table))
    elif name not in table:
        table[name] = table["value"]
    picture = replace(
        picture, legend=legend, figsize=_size(figsize, fig_kwargs), ax=ax, neutral=0.0, names=_names(transforms)
    )
    label = f"{_KINDS.get(kind, kind)} of {_changing(regression, target, transforms, options.get('scale'))}"
    return picture.draw(table, f"{'average ' * averaged}{label} along {name}")


def _options(target: str, use_hdi: bool, prob: Any, transforms: Transforms, groups: bool | None) -> dict[str, Any]:
    """Return the arguments that all tables have, and pictures in the same places."""
    return {"target": target, "use_hdi": use_hdi, "prob": prob, "transforms": transforms, "sample_new_groups": groups}


def _size(figsize: Any, fig_kwargs: Any) -> Any:
    """Return the size of a figure, which bambi's `fig_kwargs` may have, and refuse what else that has."""
    if fig_kwargs is None:
        return figsize
    if not isinstance(fig_kwargs, Mapping):
        raise DataTypeError(f"fig_kwargs must be a dict such as {{'figsize': (6, 4)}}, not {fig_kwargs!r}.")
    for name in fig_kwargs:
        if name != "figsize":
            raise SettingError(
                f"fig_kwargs has {name!r}. Only 'figsize' is taken; change the axes that are returned, as in "
                "axes.set_title(...)."
            )
    return fig_kwargs.get("figsize", figsize)


def _picture(
    function: str,
    regression: Regression,
    design: Design,
    conditional: Any,
    average_by: Any,
    subplot_kwargs: Any,
    options: Mapping[str, Any],
) -> Picture | None:
    """Give the variables that a table is over their roles; None if there are none, as in an average over all rows."""
    if "data" in options:
        raise SettingError(f"{function} draws over variables, not rows: use conditional= or average_by= for data=.")
    if conditional is None and rows_of(regression) is None:
        raise DataError(
            f"{function} without conditional= averages over the fitted rows, and the model has none at hand: it was "
            "loaded from a file, or reads them in parts. Name the variables to draw over in conditional=, or make the "
            "model of a data frame."
        )
    by = average_by if averages(average_by) else conditional
    everything = by is None or by is True or (average_by == "all" and "all" not in design.predictors)
    return None if everything else Picture(roles_of(names_of(by), subplot_kwargs))


def _rows(
    regression: Regression, picture: Picture, conditional: Any, average_by: Any
) -> tuple[dict[str, Any], Picture]:
    """Return the rows a table is made of: the grid asked for, each group's part of it only where it has data."""
    within = None if averages(average_by) else WithinGroups.of(regression, conditional, picture.roles["main"])
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


def _check_points(regression: Regression, target: Target, scale: Any) -> None:
    """Refuse points where what is drawn is not on the scale of the responses."""
    if target.is_response:
        return
    identity = regression.link_function.is_identity
    if target.is_auxiliary or not regression.family.parent_is_mean or (scale == "link" and not identity):
        raise SettingError(
            f"points=True draws responses, and {_quantity(regression, target, scale)} has another scale. Leave "
            "points out, or draw the response (pps=True)."
        )


def _with_points(
    picture: Picture, regression: Regression, design: Design, transforms: Mapping[str, Any], target: Target
) -> Picture:
    """Put the fitted rows into a picture, transformed as the table is."""
    main = picture.roles["main"]
    by = [name for name in picture.roles.values() if name in design.predictors and has_levels(design.predictors[name])]
    rows = observed_rows(regression, list(dict.fromkeys([main, *by])))
    family, trials = regression.family, rows_to_draw(regression, main).trials
    if trials is not None and target.is_response:
        rows[None] *= trials
    elif trials is not None and trials.min() < trials.max():
        picture = replace(picture, sizes=pd.Series(sizes_by_trials(trials)))
    if family.is_binary and regression.response not in transforms:
        rows[None] = jittered(rows[None].to_numpy())
    for name, function in transforms.items():
        column = None if name == regression.response else name
        if column in rows.columns:
            rows[column] = function(rows[column])
    rows, notes = some_points(rows)
    return replace(picture, points=rows, notes=(*picture.notes, *notes))


def _quantity(regression: Regression, target: Target, scale: Any) -> str:
    """Return what pictures call a quantity of a row."""
    family, response = regression.family, regression.response
    if target.is_auxiliary:
        return target.name
    if target.is_response:
        return f"successes of {response}" if family.has_trials else response
    if scale == "link":
        return f"linear predictor of {response}"
    if family.is_binary:
        return f"probability of {response}"
    if family.has_trials or (family.parent == "mu" and family.parent_is_mean):
        return f"mean {response}"
    return f"{family.parent} of {response}"


def _changing(regression: Regression, target: str, transforms: Mapping[str, Any], scale: Any) -> str:
    """Return what differences and slopes are of; those of a mean are called those of the response."""
    quantity = _quantity(regression, Target.of(regression, target), scale)
    mean = f"mean {regression.response}"
    return applied(transforms.get(regression.response), regression.response if quantity == mean else quantity)


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
