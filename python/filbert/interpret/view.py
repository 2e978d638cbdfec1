"""The rows that a table of effects is about, what is drawn for each of them, and how the draws are summarised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..data.tables import as_frame
from ..errors import DataError, DataTypeError, SettingError, quote_names, quote_rows, suggest
from ..predict import rowwise
from ..predict.group_effects import with_new_groups
from ..regression.regression import stated_by_formula
from ..results.draws import Draws
from ..results.summary import checked_probability, interval_names
from .grids import Conditional, column_of, conditional_values, grid
from .table import EffectTable

if TYPE_CHECKING:
    from ..formula.design import Design
    from ..formula.rows import Rows
    from ..regression.regression import Regression

FloatArray = npt.NDArray[np.float64]
Blocks = Iterator[tuple[slice, FloatArray]]
AverageBy = bool | str | Sequence[str] | None
Probabilities = float | Sequence[float]
Transforms = Mapping[str, Callable[[Any], Any]] | None

SCALES = ("response", "link")
_EVERYTHING = "all"  # bambi's word for the average over all rows
_CHUNK_VALUES = 1 << 18


@dataclass(frozen=True)
class Intervals:
    """How draws are summarised: by their mean, their deviation and one or more intervals, the widest first."""

    probabilities: tuple[float, ...]
    use_hdi: bool

    @classmethod
    def of(cls, prob: Probabilities, use_hdi: bool) -> Intervals:
        """Check the arguments of a table."""
        several = isinstance(prob, (list, tuple, np.ndarray))
        given: list[Any] = list(prob) if several else [prob]  # type: ignore[arg-type]
        if not given:
            raise SettingError("prob must be a probability, or a list of them, and the list is empty.")
        checked = {checked_probability(one, "prob") for one in given}
        return cls(tuple(sorted(checked, reverse=True)), bool(use_hdi))

    @property
    def columns(self) -> list[str]:
        """Names of the columns of results."""
        kind = "hdi" if self.use_hdi else "eti"
        return ["mean", "sd", *(name for one in self.probabilities for name in interval_names(one, "prob", kind))]

    def summarise(self, draws: FloatArray) -> list[FloatArray]:
        """Return these columns for draws (rows, draws)."""
        parts = [rowwise.summarise(draws, one, self.use_hdi) for one in self.probabilities]
        return [*parts[0][:2], *(end for part in parts for end in part[2:])]


@dataclass(frozen=True)
class Target:
    """Which quantity of a row is drawn: the parent parameter, the response, or an auxiliary parameter."""

    name: str
    is_response: bool = False
    is_auxiliary: bool = False

    @classmethod
    def of(cls, regression: Regression, target: Any, pps: bool = False) -> Target:
        """Return what an argument ``target`` names: ``"mean"``, the response or a parameter of the family."""
        parent, response, auxiliaries = regression.family.parent, regression.response, regression.auxiliaries
        if not isinstance(target, str):
            raise DataTypeError(f"target must be a name, such as 'mean', not {target!r} ({type(target).__name__}).")
        if pps and target not in ("mean", response):
            raise SettingError(f"pps=True draws the response, and target={target!r} does not: leave one of them out.")
        if pps or (target == response and target != "mean"):
            return cls(response, is_response=True)
        if target in ("mean", parent):
            return cls(parent)
        if target in auxiliaries:
            return cls(target, is_auxiliary=True)
        known = ["mean", parent, response, *auxiliaries]
        meant = f" For a kind of comparison write comparison={target!r}." if target in ("diff", "ratio", "lift") else ""
        raise SettingError(
            f"target={target!r} is not known.{suggest(target, known)} It may be 'mean' (or {parent!r}, what the "
            f"formula models), {response!r} (the response with its noise)"
            f"{''.join(f', {name!r}' for name in auxiliaries)}.{meant}"
        )

    def refuse_constant(self, function: str) -> None:
        """Refuse a parameter that no predictor changes."""
        if self.is_auxiliary:
            raise SettingError(f"target={self.name!r}: {function} of it are zero, for it is the same in every row.")

    def refuse_relative(self, regression: Regression, kind: str) -> None:
        """Refuse a ratio of what is not a mean: that of two means of logarithms, say."""
        if not self.is_response and not regression.family.parent_is_mean:
            raise SettingError(
                f"{kind!r} would be relative to {self.name!r}, and with family={regression.family.name!r} that is not "
                f"the mean of {regression.response!r}. Transform it, for example transforms={{{regression.response!r}: "
                "np.exp} for the medians of a lognormal model."
            )


@dataclass(frozen=True)
class View:
    """The rows that a table is about, with the draws of the model's parameters."""

    regression: Regression
    design: Design
    draws: Draws
    rows: Rows
    frame: pd.DataFrame  # the predictors of the rows
    weights: FloatArray | None
    on_link: bool
    data: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        model: Any,
        idata: Any,
        conditional: Conditional,
        data: Any,
        scale: str,
        instead_of: str | None = None,
        wanted: Target | None = None,
        new_groups: str = "error",
        seed: int = 0,
    ) -> View:
        """Take the fitted rows, new ones, or a grid over `conditional` (and one predictor at its typical value).

        Rows of a grid have effects of those grouping factors only whose columns are in `conditional`. What is done
        about new groups of other rows, `new_groups` and `seed` say, as in `group_effects.with_new_groups`.
        """
        on_link = is_on_link(scale, wanted)
        regression, design = stated_by_formula(model)
        draws = Draws.read(idata, regression)
        needs_trials = wanted is not None and wanted.is_response
        weights = None
        if conditional is not None:
            if data is not None:
                raise SettingError("conditional and data were both given. A grid or rows: leave one of them out.")
            values = conditional_values(design, conditional)
            if needs_trials and design.trials is not None and design.trials.columns:
                raise SettingError(
                    f"conditional makes rows without the trials of {design.response!r}, which draws of the response "
                    f"need. Pass the rows as data=, with the column {design.trials.columns[0]!r}."
                )
            rows = rowwise.new_rows(regression, grid(design, values, instead_of), needs_trials, needs_groups=False)
        elif data is not None:
            data = as_frame(data)
            rows = rowwise.new_rows(regression, data, needs_trials)
        else:
            rows = rowwise.fitted_rows(regression)
            weights = rows.weights
        draws = with_new_groups(draws, regression, rows.unseen, new_groups, seed)
        names = [name for name in design.kinds if name in rows.columns]
        if conditional is not None:
            names = [*values, *(name for name in names if name not in values)]
        frame = pd.DataFrame({name: rows.columns[name] for name in names}, index=rows.index)
        if instead_of is not None and frame[instead_of].dtype.kind in "iu":
            frame[instead_of] = frame[instead_of].astype(np.float64)
        return cls(regression, design, draws, rows, frame, weights, on_link, data)

    def at(self, name: str, values: Any) -> Rows:
        """Return the rows with other values of one predictor."""
        predictor = self.design.predictors[name]
        if predictor.levels is not None:
            values = column_of(predictor, [values] * len(self.frame))
        changed = self.design.new_rows(self.frame.assign(**{name: values}), with_groups=False)
        return replace(changed, trials=self.rows.trials)

    def blocks(self, rows: Rows, target: Target, seed: int = 0) -> Blocks:
        """Yield draws of a quantity of some rows, a block at a time."""
        if target.is_auxiliary:
            draws = self.draws.auxiliaries[target.name]
            step = max(1, _CHUNK_VALUES // len(draws))
            for start in range(0, rows.n_rows, step):
                where = slice(start, min(start + step, rows.n_rows))
                yield where, np.tile(draws, (where.stop - where.start, 1))
            return
        read = rowwise.predictor_blocks if self.on_link else rowwise.mean_blocks
        keys = rowwise.row_keys(rows.index) if target.is_response else None
        for where, block, mean in read(rows, self.regression, self.draws):
            if keys is None:
                yield where, mean
            else:
                yield where, rowwise.response_draws(block, mean, self.regression, self.draws, keys[where], seed)

    def versions(self, target: Target, *rows: Rows, seed: int = 0) -> Iterator[tuple[slice, list[FloatArray]]]:
        """Yield draws of the same rows in several versions, whose responses have noise of their own."""
        streams = [
            self.blocks(version, target, int(np.random.SeedSequence((seed, place)).generate_state(1, np.uint64)[0]))
            for place, version in enumerate(rows)
        ]
        for parts in zip(*streams, strict=True):
            yield parts[0][0], [draws for _, draws in parts]

    def summarised(self, blocks: Blocks, without: str | None, average_by: AverageBy, intervals: Intervals) -> Any:
        """Summarise draws of each row, or of averages over rows, beside the covariates (but one that changes)."""
        names = intervals.columns
        if not averages(average_by):
            covariates = self.frame if without is None else self.frame.drop(columns=without)
            check_free(covariates, names)
            parts = [intervals.summarise(draws) for _, draws in blocks]
            columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
            return EffectTable(covariates.assign(**dict(zip(names, columns, strict=True))))
        codes, groups = self._groups(average_by)
        check_free(groups, names)
        sums = np.zeros((len(groups), self.draws.coefficients.shape[1]))
        totals = np.zeros(len(groups))
        weights = np.ones(len(self.frame)) if self.weights is None else self.weights
        for where, draws in blocks:
            for group in np.unique(codes[where]):
                inside = codes[where] == group
                sums[group] += weights[where][inside] @ draws[inside]
                totals[group] += weights[where][inside].sum()
        columns = intervals.summarise(sums / totals[:, None])
        return EffectTable(groups.assign(**dict(zip(names, columns, strict=True))))

    def labelled(
        self,
        blocks: Blocks,
        labels: Mapping[str, Any],
        average_by: AverageBy,
        intervals: Intervals,
    ) -> Any:
        """Summarise changes of one predictor, ``labels["term"]``, with what changed in the first three columns."""
        term, values = labels["term"], labels["value"]
        table = self.summarised(blocks, term, average_by, intervals)
        check_free(table, list(labels))
        same = bool((values == values.iloc[0]).all()) if values.dtype != object else len(set(values)) == 1
        one = [values.iloc[0] if same else None] * len(table)
        shown = one if averages(average_by) or same else values.to_numpy()
        for place, (name, value) in enumerate({**labels, "value": shown}.items()):
            table.insert(place, name, value)
        return table

    def _groups(self, average_by: AverageBy) -> tuple[npt.NDArray[np.intp], pd.DataFrame]:
        """Return the group of each row, and the covariates that the groups have in common."""
        everything = average_by is True or (average_by == _EVERYTHING and _EVERYTHING not in self.frame)
        if everything:
            return np.zeros(len(self.frame), dtype=np.intp), pd.DataFrame(index=[0])
        names = [average_by] if isinstance(average_by, str) else average_by
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names) or not names:
            raise DataTypeError(f"average_by must be True, a column name or a list of them, not {average_by!r}.")
        by = pd.DataFrame({name: self._column(name) for name in names}, index=self.frame.index)
        for name in by:
            if by[name].isna().any():
                missing = by.index[by[name].isna()]
                raise DataError(f"average_by: column {name!r} has missing values ({quote_rows(missing)}).")
        grouped = by.groupby(list(by), observed=True, sort=True)
        codes = grouped.ngroup().to_numpy().astype(np.intp)
        return codes, by.iloc[np.unique(codes, return_index=True)[1]].reset_index(drop=True)

    def _column(self, name: str) -> Any:
        """Return a column to average by: a predictor, or another column of the data that were given."""
        if name in self.frame:
            return self.frame[name]
        if self.data is not None and name in self.data:
            column = self.data[name]
            if self.rows.n_dropped:  # by position, because labels may occur twice
                column = column.iloc[self.design.new_rows(self.data.set_axis(range(len(column)))).index.to_numpy()]
            return column.set_axis(self.frame.index)
        known = list(self.frame.columns if self.data is None else dict.fromkeys([*self.frame, *self.data]))
        columns = (
            f"The columns are {quote_names(known)}."
            if known
            else "It has none: average_by=True averages over all rows."
        )
        remedy = " A column that the model does not use needs data=." if self.data is None else ""
        raise SettingError(
            f"average_by has {name!r}, not a column of the table.{suggest(name, known)} {columns}{remedy}"
        )


def is_on_link(scale: str, target: Target | None) -> bool:
    """Return whether the linear predictor is meant, and refuse that of what has none."""
    if scale not in SCALES:
        raise SettingError(f"scale must be 'response' or 'link' (the linear predictor), not {scale!r}.")
    if scale == "link" and target is not None and (target.is_response or target.is_auxiliary):
        raise SettingError(f"scale='link' is of the mean, and target={target.name!r} has no link: leave one out.")
    return scale == "link"


def averages(average_by: AverageBy) -> bool:
    """Return whether rows are averaged at all."""
    return not (average_by is None or average_by is False)


def check_free(covariates: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a covariate that has the name of a column of results."""
    taken = [name for name in names if name in covariates.columns]
    if taken:
        raise SettingError(
            f"The predictor {taken[0]!r} has the name of a column that the table needs for its results. Rename it in "
            f"the data and in the formula: data.rename(columns={{{taken[0]!r}: {taken[0] + '_'!r}}})."
        )


def named(argument: str, value: Any) -> tuple[str, Any]:
    """Return the one predictor that an argument names, and its values if they were given."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, values),) = value.items()
        return name, values
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0], None
    raise DataTypeError(f"{argument} must be one column name, or a dict of it and its values, not {value!r}.")


def target_transform(design: Design, target: Target, transforms: Transforms) -> Callable[[Any], Any] | None:
    """Return the function of what is drawn, and refuse names that are neither the response nor a predictor."""
    if transforms is not None and not isinstance(transforms, Mapping):
        raise DataTypeError(f"transforms must be a dict of functions by name, not {transforms!r}.")
    known = [design.response, *design.predictors, *([target.name] if target.is_auxiliary else [])]
    for name, function in (transforms or {}).items():
        if name not in known:
            raise SettingError(
                f"transforms has {name!r}, which is not one of {quote_names(known)}.{suggest(str(name), known)}"
            )
        if not callable(function):
            raise DataTypeError(f"transforms[{name!r}] must be a function, not {function!r}.")
    name = target.name if target.is_auxiliary else design.response
    chosen = (transforms or {}).get(name)
    return None if chosen is None else lambda draws: applied(f"transforms[{name!r}]", chosen, draws)


def applied(argument: str, function: Callable[..., Any], *arrays: FloatArray) -> FloatArray:
    """Return what a user's function makes of draws, and refuse another shape."""
    result = np.asarray(function(*arrays), dtype=np.float64)
    if result.shape != arrays[0].shape:
        raise DataTypeError(
            f"{argument} must return one value for each draw, an array of shape {arrays[0].shape}, and it returns "
            f"{result.shape}."
        )
    return result


def with_covariates_transformed(table: Any, design: Design, transforms: Transforms) -> Any:
    """Return the table with the columns of its covariates transformed."""
    chosen = {name: function for name, function in (transforms or {}).items() if name in design.predictors}
    return table.assign(**{name: function(table[name]) for name, function in chosen.items() if name in table.columns})
