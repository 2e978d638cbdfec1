"""What a fit says about the response: predictions, comparisons and slopes, as tidy tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataTypeError, FormulaError, SettingError, quote_names, suggest
from ..predict import rowwise
from ..regression.regression import stated_by_formula
from ..results.draws import Draws
from ..results.summary import interval_names
from .grids import Conditional, checked_values, column_of, conditional_values, grid, predictor_of

if TYPE_CHECKING:
    from ..formula.design import Design
    from ..formula.rows import Rows
    from ..regression.regression import Regression

__all__ = ["comparisons", "predictions", "slopes"]

FloatArray = npt.NDArray[np.float64]
AverageBy = bool | str | Sequence[str] | None
_LABELS = ("term", "estimate_type", "value")
_SLOPES = ("dydx", "dyex", "eyex", "eydx")


def predictions(
    model: Any,
    idata: Any,
    conditional: Conditional = None,
    average_by: AverageBy = None,
    target: str = "mean",
    pps: bool = False,
    use_hdi: bool = True,
    prob: float = 0.94,
    transforms: Mapping[str, Callable[[Any], Any]] | None = None,
    *,
    data: pd.DataFrame | None = None,
    random_seed: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Predict the mean response, or the response, and summarise the draws of each row.

    Rows are summarised a block at a time, so that millions need no more memory than their results.

    Parameters
    ----------
    model : Model
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    conditional : str, list of str, or dict, optional
        Columns to predict over, at most three: the first on a grid of 50 values or at its levels, the others at their
        levels, or at minimum, quartiles and maximum; a dict gives the values. Other predictors are at their mean or
        most frequent level. By default the fitted rows are predicted.
    average_by : True, str or list of str, optional
        Average over rows, draw by draw: over all, or within each combination of some columns. Fitted rows count with
        their weights.
    target : str, default "mean"
        Only the mean response.
    pps : bool, default False
        Predict the response, with its noise, instead of its mean.
    use_hdi : bool, default True
        The shortest interval; otherwise the one between two quantiles (``eti``).
    prob : float, default 0.94
        Probability of the interval.
    transforms : mapping of str to function, optional
        Functions of the response, by its name: applied to each draw; or of a covariate, applied to its column.
    data : pandas.DataFrame, optional
        New rows to predict.
    random_seed : int or numpy.random.Generator, optional
        For `pps`. A row's numbers depend on the seed and on its label, not on the other rows.

    Returns
    -------
    pandas.DataFrame
        The covariates, then ``mean``, ``sd`` and the interval's ends, such as ``hdi_3%`` and ``hdi_97%``. Fitted and
        new rows keep their index.

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.
    """
    if target != "mean":
        raise SettingError(f"target must be 'mean', the only parameter that depends on the row, not {target!r}.")
    view = _View.of(model, idata, conditional, data)
    change = _response_transform(view.design, transforms)
    keys = rowwise.row_keys(view.rows.index) if pps else None
    seed = rowwise.noise_seed(random_seed)

    def draws() -> Iterator[tuple[slice, FloatArray]]:
        for where, block, mean in rowwise.mean_blocks(view.rows, view.regression, view.draws):
            drawn = (
                mean
                if keys is None
                else rowwise.response_draws(block, mean, view.regression, view.draws, keys[where], seed)
            )
            yield where, drawn if change is None else change(drawn)

    return _transformed(view.summarised(draws(), view.frame, average_by, prob, use_hdi), view.design, transforms)


def comparisons(
    model: Any,
    idata: Any,
    contrast: str | Mapping[str, Any],
    conditional: Conditional = None,
    average_by: AverageBy = None,
    comparison_type: str = "diff",
    use_hdi: bool = True,
    prob: float = 0.94,
    transforms: Mapping[str, Callable[[Any], Any]] | None = None,
    *,
    data: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compare the mean response at two values of a predictor, all else equal.

    Parameters
    ----------
    model, idata, conditional, average_by, use_hdi, prob, transforms, data
        As in `predictions`; the default, without `conditional`, compares at each fitted row.
    contrast : str or dict
        The predictor, or a dict with its values: each pair of them is compared, in their order. By default all pairs of
        levels; for numbers the mean less and plus one half (at fitted and new rows: the row's own value).
    comparison_type : str, default "diff"
        ``"diff"``: the second less the first. ``"ratio"``: the second over the first.

    Returns
    -------
    pandas.DataFrame
        ``term``, ``estimate_type``, ``value`` (the pair), the other covariates, ``mean``, ``sd`` and the interval.
    """
    if comparison_type not in ("diff", "ratio"):
        raise SettingError(f"comparison_type must be 'diff' or 'ratio', not {comparison_type!r}.")
    name, given = _named("contrast", contrast)
    predictor = predictor_of(stated_by_formula(model)[1], name, "contrast")
    if conditional is not None and name in ([conditional] if isinstance(conditional, str) else conditional):
        raise SettingError(f"conditional and contrast both have {name!r}. Leave it out of conditional.")
    view = _View.of(model, idata, conditional, data, instead_of=name)
    values: list[Any]
    if given is not None:
        values = checked_values(predictor, given, "contrast")
    elif predictor.levels is not None:
        values = list(predictor.levels)
    elif predictor.dtype == "bool":
        values = [False, True]
    else:
        values = [-0.5, 0.5]
    if len(values) < 2:
        raise SettingError(f"contrast needs two values of {name!r} or more, not {values}.")
    around = given is None and predictor.levels is None and predictor.dtype != "bool"
    change = _response_transform(view.design, transforms)
    if name in (transforms or {}):
        raise SettingError(
            f"transforms and contrast both have {name!r}, and what is compared are values of the data. Leave it out of "
            "transforms, and change the column 'value' of the result."
        )
    tables = []
    for pair in itertools.combinations(values, 2):
        try:
            low, high = (view.at(name, view.frame[name] + value if around else value) for value in pair)
        except FormulaError as error:
            if not around:
                raise
            raise FormulaError(
                f"{error} Compared are half a unit of {name!r} below and above each row; give two values within the "
                f"range of the data instead: contrast={{{name!r}: [low, high]}}."
            ) from None

        def draws(low: Rows = low, high: Rows = high) -> Iterator[tuple[slice, FloatArray]]:
            for where, means in view.means(low, high):
                first, second = means if change is None else map(change, means)
                yield where, second - first if comparison_type == "diff" else second / first

        shown = _pair(view, name, pair, around)
        tables.append(_labelled(view, draws(), name, comparison_type, shown, average_by, prob, use_hdi))
    table = pd.concat(tables, ignore_index=len(tables) > 1 or average_by is not None)
    return _transformed(table, view.design, transforms)


def slopes(
    model: Any,
    idata: Any,
    wrt: str | Mapping[str, Any],
    conditional: Conditional = None,
    average_by: AverageBy = None,
    eps: float = 1e-4,
    slope: str = "dydx",
    use_hdi: bool = True,
    prob: float = 0.94,
    *,
    data: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the slope of the mean response along a numeric predictor, all else equal.

    Parameters
    ----------
    model, idata, conditional, average_by, use_hdi, prob, data
        As in `predictions`; the default, without `conditional`, is the slope at each fitted row.
    wrt : str or dict
        The predictor, or a dict with the value or values at which the slope is taken. By default the rows' own values,
        or its mean.
    eps : float, default 1e-4
        Half the step of the central difference, in standard deviations of the predictor. Where the step would leave the
        range of the data (splines end there), it is one-sided.
    slope : str, default "dydx"
        ``"dydx"``: change of the response for a unit of x. ``"eyex"``: per cent of y for a per cent of x. ``"eydx"``:
        in parts of y for a unit of x. ``"dyex"``: for a relative change of x.

    Returns
    -------
    pandas.DataFrame
        ``term``, ``estimate_type``, ``value`` (where the slope is taken), the other covariates, ``mean``, ``sd`` and
        the interval.
    """
    if slope not in _SLOPES:
        raise SettingError(f"slope must be one of {quote_names(_SLOPES)}, not {slope!r}.")
    if not 0 < eps <= 1:
        raise SettingError(f"eps must be a number of standard deviations between 0 and 1, not {eps!r}.")
    name, given = _named("wrt", wrt)
    predictor = predictor_of(stated_by_formula(model)[1], name, "wrt")
    if predictor.levels is not None or predictor.dtype not in ("float", "int"):
        held = "categories" if predictor.levels is not None else f"{predictor.dtype} values"
        raise SettingError(
            f"wrt={name!r} holds {held}, which have no slope. Use comparisons(model, idata, contrast={name!r})."
        )
    view = _View.of(model, idata, conditional, data, instead_of=name)
    values = [None] if given is None else checked_values(predictor, given, "wrt")
    step = eps * (predictor.sd if predictor.sd > 0 else 1.0)
    lowest, highest = predictor.quantiles[0], predictor.quantiles[-1]
    tables = []
    for value in values:
        frame = view.frame if value is None else view.frame.assign(**{name: float(value)})
        x = frame[name].to_numpy(dtype=np.float64)
        inside = (x >= lowest) & (x <= highest)
        below = np.where(inside, np.maximum(x - step, lowest), x - step)
        above = np.where(inside, np.minimum(x + step, highest), x + step)
        rows = (view.at(name, below), view.at(name, above), view.at(name, x))

        def draws(
            rows: tuple[Rows, ...] = rows, x: FloatArray = x, width: FloatArray = above - below
        ) -> Iterator[tuple[slice, FloatArray]]:
            for where, (low, high, mean) in view.means(*rows):
                change = (high - low) / width[where, None]
                if slope in ("dyex", "eyex"):
                    change = change * x[where, None]
                yield where, change / mean if slope in ("eyex", "eydx") else change

        tables.append(_labelled(view, draws(), name, slope, pd.Series(x, view.frame.index), average_by, prob, use_hdi))
    return pd.concat(tables, ignore_index=len(tables) > 1 or average_by is not None)


@dataclass(frozen=True)
class _View:
    """The rows that a table is about, with the draws of the model's parameters."""

    regression: Regression
    design: Design
    draws: Draws
    rows: Rows
    frame: pd.DataFrame  # the predictors of the rows
    weights: FloatArray | None

    @classmethod
    def of(
        cls,
        model: Any,
        idata: Any,
        conditional: Conditional,
        data: pd.DataFrame | None,
        instead_of: str | None = None,
    ) -> _View:
        """Take the fitted rows, new ones, or a grid over `conditional` (and one predictor at its typical value)."""
        regression, design = stated_by_formula(model)
        draws = Draws.read(idata, regression)
        weights = None
        if conditional is not None:
            if data is not None:
                raise SettingError("conditional and data were both given. A grid or rows: leave one of them out.")
            values = conditional_values(design, conditional)
            rows = design.new_rows(grid(design, values))
        elif data is not None:
            rows = design.new_rows(data)
        else:
            rows = rowwise.fitted_rows(regression)
            weights = rows.weights
        names = list(design.kinds)
        if conditional is not None:
            names = [*values, *(name for name in names if name not in values)]
        frame = pd.DataFrame({name: rows.columns[name] for name in names}, index=rows.index)
        if instead_of is not None and frame[instead_of].dtype.kind in "iu":
            frame[instead_of] = frame[instead_of].astype(np.float64)
        return cls(regression, design, draws, rows, frame, weights)

    def at(self, name: str, values: Any) -> Rows:
        """Return the rows with other values of one predictor."""
        predictor = self.design.predictors[name]
        if predictor.levels is not None:
            values = column_of(predictor, [values] * len(self.frame))
        return self.design.new_rows(self.frame.assign(**{name: values}))

    def means(self, *versions: Rows) -> Iterator[tuple[slice, list[FloatArray]]]:
        """Yield draws of the means of the same rows in several versions, a block at a time."""
        blocks = [rowwise.mean_blocks(rows, self.regression, self.draws) for rows in versions]
        for parts in zip(*blocks, strict=True):
            yield parts[0][0], [mean for _, _, mean in parts]

    def summarised(
        self,
        blocks: Iterator[tuple[slice, FloatArray]],
        covariates: pd.DataFrame,
        average_by: AverageBy,
        prob: float,
        use_hdi: bool,
    ) -> pd.DataFrame:
        """Summarise draws of each row, or of averages over rows."""
        names = ["mean", "sd", *interval_names(prob, "prob", "hdi" if use_hdi else "eti")]
        if average_by is None or average_by is False:
            check_free(covariates, names)
            parts = [rowwise.summarise(draws, prob, use_hdi) for _, draws in blocks]
            columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
            return covariates.assign(**dict(zip(names, columns, strict=True)))
        codes, groups = _groups(covariates, average_by)
        check_free(groups, names)
        sums = np.zeros((len(groups), self.draws.coefficients.shape[1]))
        totals = np.zeros(len(groups))
        weights = np.ones(len(covariates)) if self.weights is None else self.weights
        for where, draws in blocks:
            for group in np.unique(codes[where]):
                inside = codes[where] == group
                sums[group] += weights[where][inside] @ draws[inside]
                totals[group] += weights[where][inside].sum()
        columns = list(rowwise.summarise(sums / totals[:, None], prob, use_hdi))
        return groups.assign(**dict(zip(names, columns, strict=True)))


def _labelled(
    view: _View,
    blocks: Iterator[tuple[slice, FloatArray]],
    term: str,
    kind: str,
    values: pd.Series[Any],
    average_by: AverageBy,
    prob: float,
    use_hdi: bool,
) -> pd.DataFrame:
    """Summarise changes, with what changed in the first three columns."""
    others = view.frame.drop(columns=term)
    check_free(others, _LABELS)
    table = view.summarised(blocks, others, average_by, prob, use_hdi)
    averaged = not (average_by is None or average_by is False)
    same = bool((values == values.iloc[0]).all()) if values.dtype != object else len(set(values)) == 1
    shown = values.iloc[0] if same else None
    labels = (term, kind, [shown] * len(table) if averaged or same else values.to_numpy())
    for place, (label, value) in enumerate(zip(_LABELS, labels, strict=True)):
        table.insert(place, label, value)
    return table


def check_free(covariates: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a covariate that has the name of a column of results."""
    taken = [name for name in names if name in covariates.columns]
    if taken:
        raise SettingError(
            f"The predictor {taken[0]!r} has the name of a column that the table needs for its results. Rename it in "
            f"the data and in the formula: data.rename(columns={{{taken[0]!r}: {taken[0] + '_'!r}}})."
        )


def _pair(view: _View, name: str, pair: tuple[Any, Any], around: bool) -> pd.Series[Any]:
    """Return the two values that each row compares."""
    if not around:
        return pd.Series([pair] * len(view.frame), view.frame.index)
    x = view.frame[name].to_numpy(dtype=np.float64)
    return pd.Series([(value + pair[0], value + pair[1]) for value in x.tolist()], view.frame.index, dtype=object)


def _named(argument: str, value: Any) -> tuple[str, Any]:
    """Return the one predictor that an argument names, and its values if they were given."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, values),) = value.items()
        return name, values
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0], None
    raise DataTypeError(f"{argument} must be one column name, or a dict of it and its values, not {value!r}.")


def _groups(covariates: pd.DataFrame, average_by: AverageBy) -> tuple[npt.NDArray[np.intp], pd.DataFrame]:
    """Return the group of each row, and the covariates that the groups have in common."""
    if average_by is True:
        return np.zeros(len(covariates), dtype=np.intp), pd.DataFrame(index=[0])
    names = [average_by] if isinstance(average_by, str) else average_by
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names) or not names:
        raise DataTypeError(f"average_by must be True, a column name or a list of them, not {average_by!r}.")
    for name in names:
        if name not in covariates.columns:
            known = quote_names(covariates.columns)
            columns = f"The columns are {known}." if known else "It has none: average_by=True averages over all rows."
            raise SettingError(
                f"average_by has {name!r}, not a column of the table.{suggest(name, covariates.columns)} {columns}"
            )
    grouped = covariates.groupby(list(names), observed=True, sort=True)
    codes = grouped.ngroup().to_numpy().astype(np.intp)
    groups = covariates[list(names)].iloc[np.unique(codes, return_index=True)[1]].reset_index(drop=True)
    return codes, groups


def _response_transform(
    design: Design, transforms: Mapping[str, Callable[[Any], Any]] | None
) -> Callable[[Any], Any] | None:
    """Return the function of the response, and refuse names that are neither the response nor a predictor."""
    for name, function in (transforms or {}).items():
        if name != design.response and name not in design.predictors:
            known = quote_names([design.response, *design.predictors])
            raise SettingError(f"transforms has {name!r}, which is not one of {known}.")
        if not callable(function):
            raise DataTypeError(f"transforms[{name!r}] must be a function, not {function!r}.")
    return (transforms or {}).get(design.response)


def _transformed(
    table: pd.DataFrame, design: Design, transforms: Mapping[str, Callable[[Any], Any]] | None
) -> pd.DataFrame:
    """Return the table with the columns of its covariates transformed."""
    chosen = {name: function for name, function in (transforms or {}).items() if name in design.predictors}
    return table.assign(**{name: function(table[name]) for name, function in chosen.items() if name in table.columns})
