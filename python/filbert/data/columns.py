"""Takes the columns that a formula uses out of a data frame, checked: numbers, or categories with their rows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError, DataWarning, count, quote_names, quote_rows, suggest, warn
from .series import Values, as_categories, check_text, is_finite, missing_mask, read_values

_LOGGER = logging.getLogger("filbert")

# A text column that holds only numbers may still be a factor (codes "1", "2", "3"); above this many levels, or where
# most rows have a level of their own, it is taken for numbers that were read as text.
_MOST_NUMERIC_TEXT_LEVELS = 20


@dataclass(eq=False)
class Columns:
    """Columns without missing or infinite values, over the same rows.

    Attributes
    ----------
    arrays : dict of str to array
        By name: a float, integer or boolean NumPy array, a Categorical whose every category has rows, or an array of
        times.
    index : pandas.Index
        The frame's labels of the rows.
    n_dropped : int
        How many rows with missing values were left out.
    arguments : dict of str to array
        The same for arrays that were passed beside the frame.
    """

    arrays: dict[str, Values]
    index: pd.Index[Any]
    n_dropped: int
    arguments: dict[str, Values] = field(default_factory=dict)

    def series(self, name: str, keep_integers: bool) -> pd.Series[Any]:
        """Return a column to calculate with: integers become floats, so that powers and ratios cannot wrap around."""
        values = self.arrays[name]
        if isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and not keep_integers:
            values = values.astype(np.float64, copy=False)
        return pd.Series(values, copy=False)


class Use(NamedTuple):
    """How a formula uses columns, which decides what types they may have.

    `categorical` are factors by request, `factors` only occur within C(...) or as what makes groups, `within` only
    within expressions.
    """

    names: tuple[str, ...]
    categorical: Collection[str] = ()
    factors: Collection[str] = ()
    within: Collection[str] = ()


def kept_frame(frame: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Return a frame of at least these columns that changes of `frame` do not reach."""
    if int(pd.__version__.partition(".")[0]) >= 3:
        return frame.copy(deep=False)  # pandas copies when one of them is written to
    return frame.loc[:, frame.columns.isin(list(names))].copy()


def read_columns(
    data: pd.DataFrame, use: Use, arguments: Mapping[str, Any], dropna: bool, has_all_rows: bool = True
) -> Columns:
    """Read and check the columns a formula uses.

    Parameters
    ----------
    data : pandas.DataFrame
        Only the columns in ``use.names`` are looked at.
    use : Use
        Which columns, and what for.
    arguments : mapping of str to array-like
        Arrays with one value a row, by the name of their argument (``"weights"``).
    dropna : bool
        Leave out the rows with a missing value in any of the columns or arguments, instead of raising.
    has_all_rows : bool, default True
        If False other rows may have further levels, and those that are read may all be left out.

    Raises
    ------
    DataError
        Missing or infinite values, no rows, ambiguous columns, numbers stored as text.
    DataTypeError
        A column of a type that is neither numbers nor categories.
    """
    if len(data) == 0:
        raise DataError("The data frame has no rows.")
    read: dict[str, tuple[Values, NDArray[np.bool_] | None]] = {}
    for name in use.names:
        check_text(name, "The name of the column")
        series = _column(data, name)
        title = f"Column {name!r}"
        if name in use.categorical:
            values = as_categories(series)
            read[title] = values, missing_mask(values)
        else:
            read[title] = read_values(series, title, name, within=name in use.within)
    for name, argument in arguments.items():
        read[f"Argument {name}"] = read_values(_argument(name, argument, data.index), f"Argument {name}", name)
    remedy = "pass dropna=True to leave those rows out"
    kept, index = _usable(read, data.index, dropna, remedy, may_be_empty=not has_all_rows)
    titles = [f"Column {name!r}" for name in use.names]
    columns = Columns(
        {name: kept[title] for name, title in zip(use.names, titles, strict=True)},
        index,
        len(data) - len(index),
        {name: kept[f"Argument {name}"] for name in arguments},
    )
    for name, array in columns.arrays.items() if has_all_rows else ():
        if isinstance(array, pd.Categorical):
            declared = name in use.categorical or name in use.factors
            columns.arrays[name] = _check_levels(array, name, declared)
    return columns


class ColumnKind(NamedTuple):
    """What a column held when the model was made, which new data must hold again.

    Attributes
    ----------
    kind : str
        ``"float"``, ``"int"``, ``"bool"``, ``"datetime"`` or ``"categorical"``.
    levels : tuple or None
        The categories, in their order.
    is_open : bool
        Whether new data may have other categories, as those of a column that does nothing but make groups may.
    """

    kind: str
    levels: tuple[Any, ...] | None = None
    is_open: bool = False

    @classmethod
    def of(cls, values: Values, is_open: bool = False) -> ColumnKind:
        """Return the kind of a column that was read."""
        if isinstance(values, pd.Categorical):
            return cls("categorical", tuple(values.categories), is_open)
        names = {"f": "float", "i": "int", "u": "int", "b": "bool"}
        return cls(names.get(values.dtype.kind, "datetime"), None, is_open)


def read_new_columns(data: pd.DataFrame, kinds: Mapping[str, ColumnKind], dropna: bool) -> Columns:
    """Read the columns of new data as those of the model's data were read.

    Parameters
    ----------
    data : pandas.DataFrame
        Only the columns named in `kinds` are looked at.
    kinds : mapping of str to ColumnKind
        What each must hold.
    dropna : bool
        Leave out the rows with a missing value, instead of raising.

    Returns
    -------
    Columns
        Categories are the model's, in the model's order, unless there may be others.

    Raises
    ------
    DataError
        Columns that are not there, levels that the model does not know, missing or infinite values, no rows.
    DataTypeError
        A column of another kind than in the model's data.
    """
    absent = [name for name in kinds if name not in data.columns]
    if absent:
        hints = "".join(suggest(name, data.columns) for name in absent)
        noun = "column" if len(absent) == 1 else "columns"
        raise DataError(f"The new data lack {noun} {quote_names(absent)}, which the model uses.{hints}")
    if len(data) == 0:
        raise DataError("The new data have no rows.")
    read = {f"Column {name!r}": _read_again(_column(data, name), name, kind) for name, kind in kinds.items()}
    remedy = "leave those rows out, with dropna() or by making the model with dropna=True"
    kept, index = _usable(read, data.index, dropna, remedy)
    arrays: dict[str, Values] = {}
    for (name, kind), (title, values) in zip(kinds.items(), kept.items(), strict=True):
        if kind.levels is None or kind.is_open:
            arrays[name] = values
        else:
            codes = level_codes(values, kind.levels, title, index)
            # What compares the order of categories was refused at the fit unless they have one: the model's.
            arrays[name] = pd.Categorical.from_codes(codes, categories=pd.Index(kind.levels), ordered=True)
    return Columns(arrays, index, len(data) - len(index))


def level_codes(values: Any, levels: Iterable[Any], title: str, index: pd.Index[Any]) -> NDArray[np.intp]:
    """Return the place of each value among the model's levels; raise for values that are none of them."""
    categories = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
    known = pd.Index(list(levels))
    places = known.get_indexer(categories.categories)
    codes = places[categories.codes]
    unknown = codes < 0
    if unknown.any():
        used = np.unique(categories.codes[unknown])
        named = quote_names(categories.categories[used])
        raise DataError(
            f"{title} has {'a level' if len(used) == 1 else 'levels'} that the model was not fitted with: {named} "
            f"({quote_rows(index[unknown])}). Its levels are {quote_names(known)}. Leave those rows out, or fit the "
            "model to data that have them."
        )
    return np.asarray(codes, dtype=np.intp)


def _read_again(series: pd.Series[Any], name: str, kind: ColumnKind) -> tuple[Values, NDArray[np.bool_] | None]:
    """Read a column of new data, which must be of the same kind as in the model's data."""
    if kind.levels is not None:
        categories = as_categories(series)
        return categories, missing_mask(categories)
    title = f"Column {name!r}"
    values, missing = read_values(series, title, name, within=kind.kind == "datetime")
    if isinstance(values, pd.Categorical):
        raise DataTypeError(
            f"{title} of the new data holds text or categories, and must hold numbers as in the data of the model. "
            f"Convert it with pd.to_numeric(data[{name!r}])."
        )
    if (ColumnKind.of(values).kind == "datetime") != (kind.kind == "datetime"):
        raise DataTypeError(
            f"{title} of the new data has dtype {series.dtype}, and held {kind.kind} values in the data of the model."
        )
    return values, missing


def _column(data: pd.DataFrame, name: str) -> pd.Series[Any]:
    column: Any = data[name]
    if isinstance(column, pd.DataFrame):
        raise DataError(
            f"The data have {column.shape[1]} columns named {name!r}. Rename or drop the others; "
            "data.loc[:, ~data.columns.duplicated()] keeps the first of each name."
        )
    return cast("pd.Series[Any]", column)


def _argument(name: str, values: Any, index: pd.Index[Any]) -> pd.Series[Any]:
    """Return an array argument as a series on the frame's index, without aligning anything."""
    if isinstance(values, pd.Series):
        if len(values) == len(index) and not values.index.equals(index):
            raise DataError(
                f"The Series passed as {name} has another index than the data. Pass {name}=series.to_numpy() if its "
                f"rows are in the order of the data, or series.reindex(data.index) to match them by label."
            )
    else:
        if np.ndim(values) != 1 or isinstance(values, (str, bytes, Mapping)):
            shape = f"an array of shape {np.shape(values)}" if np.ndim(values) > 1 else f"{values!r}"
            raise DataTypeError(f"{name} must be a column name or one number a row, not {shape}.")
        values = pd.Series(values)
    values = values.copy()  # the caller may change theirs
    if len(values) != len(index):
        raise DataError(f"{name} has {count(len(values), 'value')} and the data have {count(len(index), 'row')}.")
    return cast("pd.Series[Any]", values.set_axis(index))


def _usable(
    read: Mapping[str, tuple[Values, NDArray[np.bool_] | None]],
    index: pd.Index[Any],
    dropna: bool,
    remedy: str,
    may_be_empty: bool = False,
) -> tuple[dict[str, Values], pd.Index[Any]]:
    """Leave out the rows with missing values, or raise for them; raise for infinite ones."""
    kept, rows = _without_missing(read, index, dropna, remedy, may_be_empty)
    # A column without a mask is finite: it was looked at once.
    _check_finite({title: kept[title] for title, (_, mask) in read.items() if mask is not None}, rows)
    return kept, rows


def _without_missing(
    read: Mapping[str, tuple[Values, NDArray[np.bool_] | None]],
    index: pd.Index[Any],
    dropna: bool,
    remedy: str,
    may_be_empty: bool,
) -> tuple[dict[str, Values], pd.Index[Any]]:
    """Leave out the rows with missing values if that was asked for; raise for all columns at once if not."""
    missing = {title: mask for title, (_, mask) in read.items() if mask is not None and mask.any()}
    if not missing:
        return {title: values for title, (values, _) in read.items()}, index
    if not dropna:
        each = [f"{title} has {_places(mask, index, 'missing value')}." for title, mask in missing.items()]
        raise DataError(f"{' '.join(each)} Fill them, or {remedy}.")
    keep = ~np.logical_or.reduce(list(missing.values()))
    n_dropped = len(keep) - int(keep.sum())
    if n_dropped == len(keep) and not may_be_empty:
        raise DataError(
            f"dropna=True leaves no rows: each of the {len(keep)} has a missing value in "
            f"{', '.join(title[0].lower() + title[1:] for title in missing)}. Fill them, or use fewer columns."
        )
    if not may_be_empty:
        _LOGGER.info("Automatically removing %d/%d rows from the dataset.", n_dropped, len(keep))
    return {title: values[keep] for title, (values, _) in read.items()}, index[keep]


def _check_finite(columns: Mapping[str, Values], index: pd.Index[Any]) -> None:
    """Raise for infinite values, all columns in one message."""
    each = []
    for title, values in columns.items():
        if isinstance(values, np.ndarray) and values.dtype.kind == "f" and not is_finite(values):
            mask = np.isinf(values)
            if mask.any():
                each.append(f"{title} has {_places(mask, index, 'infinite value')}.")
    if each:
        raise DataError(f"{' '.join(each)} Replace them with numbers, or leave those rows out.")


def _places(mask: NDArray[np.bool_], index: pd.Index[Any], noun: str) -> str:
    return f"{count(int(mask.sum()), noun)} ({quote_rows(index[mask])})"


def _check_levels(values: pd.Categorical, name: str, declared: bool) -> pd.Categorical:
    """Leave out categories without rows, and refuse numbers that were read as text."""
    values = drop_unused(values, f"Column {name!r}")
    categories = values.categories
    for level in categories:
        check_text(level, f"A level of column {name!r},")
    many = len(categories) > min(_MOST_NUMERIC_TEXT_LEVELS, max(2, len(values) // 2))
    if many and not declared and all(isinstance(level, str) and _is_number(level) for level in categories):
        raise DataError(
            f"Column {name!r} holds numbers stored as text ({quote_names(categories[:3])}, ...; {len(categories)} "
            f"different ones in {len(values)} rows). Convert it with data[{name!r}] = pd.to_numeric(data[{name!r}]), "
            f"or pass categorical=[{name!r}] if they are labels."
        )
    return values


def drop_unused(values: pd.Categorical, title: str) -> pd.Categorical:
    """Leave out categories without rows, which would be columns of zeros, and warn which they are."""
    used = np.bincount(values.codes, minlength=len(values.categories)) > 0
    if used.all():
        return values
    named = quote_names(values.categories[~used])
    warn(f"{title} has categories without rows, which are left out: {named}.", DataWarning)
    return values.remove_unused_categories()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
