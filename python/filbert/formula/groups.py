"""Group-specific terms as learnt from the rows: which groups there are, and the columns whose effects vary by group."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.blocks import DesignColumns
from ..data.columns import Columns, drop_unused
from ..errors import DataError, DataWarning, FormulaError, quote_names, warn
from .coding import Codes, FactorRows, Floats, Product
from .factors import interpreter_of, plain_values
from .parsed import Expression
from .rowwise import Reach, RowCheck, reach, reads_codes
from .terms import Term

GroupCodes = NDArray[np.int64]

_LOGGER = logging.getLogger("filbert")

INTERCEPT_TERM = "1"  # bambi's name of the intercept in "1|g"
_MOST_COMBINATIONS = 1 << 62
UNKNOWN = -1  # the code of a group that the model was not fitted with


@dataclass(frozen=True)
class GroupingFactor:
    """What the groups are.

    Attributes
    ----------
    name : str
        ``"g"``, or ``"g:h"`` of combinations.
    parts : tuple of Expression
        One, or several whose combinations the groups are.
    levels : tuple of tuple
        The levels of each part, in their order.
    cells : int array, (groups, parts)
        The place of each group's level among those of each part; combinations without rows have no group.
    """

    name: str
    parts: tuple[Expression, ...]
    levels: tuple[tuple[Any, ...], ...]
    cells: NDArray[np.intp]

    @classmethod
    def learnt(
        cls, parts: Sequence[Expression], columns: Columns, namespace: Mapping[str, Any]
    ) -> tuple[GroupingFactor, GroupCodes]:
        """Learn the groups from the rows; return the group of each row as well.

        Raises
        ------
        DataError
            If there is but one group.
        FormulaError
            If the group of a row depends on other rows, or on what a transform learns from them.
        """
        name = ":".join(part.text for part in parts)
        title = f"The grouping factor {name!r}"
        values = []
        for part in parts:
            reaches = reach(part, namespace)
            learning = [] if part.is_column else interpreter_of(part, columns, namespace, {}).transform_calls()
            if learning and reaches is not Reach.ROWS:
                raise FormulaError(
                    f"The group {part.text!r} of a row depends on what {learning[0][0]!r} learns from all rows, and "
                    "what makes groups remembers nothing. Compute it beforehand as a column."
                )
            if not part.is_column and reads_codes(part):
                raise FormulaError(
                    f"The group {part.text!r} of a row is a place among the categories that a table has, which new "
                    "rows may have in another order. Group by the column itself."
                )
            levels = None if reaches is Reach.ROWS else categories_of(part, columns, namespace)
            if levels is None or (reaches is Reach.UNKNOWN and not _is_rowwise(part, levels, columns, namespace)):
                raise FormulaError(
                    f"The group {part.text!r} of a row depends on other rows, so new rows would get wrong groups. "
                    "Compute it beforehand as a column."
                )
            values.append(drop_unused(levels, title))
        sizes = [len(one.categories) for one in values]
        if math.prod(sizes) > _MOST_COMBINATIONS:
            raise DataError(
                f"{title} combines {' x '.join(map(str, sizes))} levels, which are too many. Make one column of them."
            )
        if len(values) == 1:
            cells, codes = np.arange(sizes[0])[:, None], values[0].codes
        else:
            flat, codes = np.unique(np.ravel_multi_index([one.codes for one in values], sizes), return_inverse=True)
            cells = np.stack(np.unravel_index(flat, sizes), axis=1)
        factor = cls(name, tuple(parts), tuple(tuple(one.categories) for one in values), cells)
        if len(cells) == 1:
            raise DataError(
                f"{title} has only one level, {factor.labels[0]!r}, in the rows used, so there is "
                "nothing that varies between groups. Leave the term out."
            )
        if len(set(factor.labels)) < len(factor.labels):
            raise DataError(
                f"Groups of {name!r} have the same label, such as 'a:b' with 'c' and 'a' with 'b:c'. Rename levels."
            )
        return factor, codes.astype(np.int64)

    @cached_property
    def labels(self) -> list[str]:
        """A label for each group: its level, ``"a:p"`` of a combination."""
        texts = [[_label(level) for level in levels] for levels in self.levels]
        return [":".join(text[place] for text, place in zip(texts, cell, strict=True)) for cell in self.cells]

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.cells)

    def codes(self, columns: Columns, namespace: Mapping[str, Any]) -> tuple[GroupCodes, list[str]]:
        """Return the group of each row of other data, and the labels of groups that the model was not fitted with.

        The codes of these are -1, -2, ..., in the order of their labels.
        """
        values = [categories_of(part, columns, namespace) for part in self.parts]
        places = []
        for one, levels in zip(values, self.levels, strict=True):
            place_of = {level: place for place, level in enumerate(levels)}
            places.append(
                np.array([place_of.get(level, UNKNOWN) for level in one.categories], dtype=np.intp)[one.codes]
            )
        sizes = [len(levels) for levels in self.levels]
        is_known = np.logical_and.reduce([place != UNKNOWN for place in places])
        flat = np.ravel_multi_index([np.where(is_known, place, 0) for place in places], sizes)
        known = np.ravel_multi_index(list(self.cells.T), sizes)
        groups = np.minimum(np.searchsorted(known, flat), len(known) - 1)
        codes = np.where(is_known & (known[groups] == flat), groups, UNKNOWN).astype(np.int64)
        unknown = np.flatnonzero(codes == UNKNOWN)
        texts = [[_label(one.categories[code]) for code in one.codes[unknown]] for one in values]
        places_of: dict[str, int] = {}
        labels = [":".join(parts) for parts in zip(*texts, strict=True)]
        codes[unknown] = [-1 - places_of.setdefault(label, len(places_of)) for label in labels]
        return codes, list(places_of)


class GroupTerm(NamedTuple):
    """A group-specific term: columns that have an effect of their own in each group.

    Attributes
    ----------
    text : str
        As written: ``"(x | g)"``.
    factor : str
        The name of its grouping factor.
    terms : tuple of Term
        What varies, of which the intercept is called ``"1"``.
    products : tuple of Product
        How the factors make the columns of the terms but the intercept's.
    is_correlated : bool
        Whether the effects of one group have correlations.
    """

    text: str
    factor: str
    terms: tuple[Term, ...]
    products: tuple[Product, ...]
    is_correlated: bool

    @property
    def has_intercept(self) -> bool:
        """Whether the groups have intercepts."""
        return self.terms[0].name == INTERCEPT_TERM

    @property
    def columns(self) -> list[str]:
        """A label for each column, the intercept's first."""
        return [column for term in self.terms for column in term.columns]

    @property
    def effects(self) -> list[str]:
        """The names of its effects: ``"1|g"``, ``"x|g"``."""
        return [f"{term.name}|{self.factor}" for term in self.terms]

    def matrix(self, factors: Mapping[str, FactorRows], n_rows: int) -> Floats | None:
        """Return its columns on some rows, (rows, columns), column-major; None for a column of ones alone."""
        if not self.products:
            return None
        ones = [np.ones(n_rows)] if self.has_intercept else []
        products = [column for product in self.products for column in product.columns(factors)]
        return DesignColumns([*ones, *products], n_rows).matrix


def check_terms(terms: Sequence[GroupTerm], factors: Mapping[str, GroupingFactor], n_rows: int) -> None:
    """Refuse effects that occur twice, and warn where each group has one row."""
    seen: set[tuple[str, frozenset[str]]] = set()
    for term in terms:
        parts = frozenset(part.text for part in factors[term.factor].parts)  # g:h and h:g are the same groups
        for varying, effect in zip(term.terms, term.effects, strict=True):
            key = varying.name, parts
            if key in seen:
                raise FormulaError(
                    f"The formula has the effect {effect!r} twice, the second time in {term.text}. Write one term for "
                    "both, or (0 + x | g) for a slope without an intercept."
                )
            seen.add(key)
    single = [name for name, factor in factors.items() if factor.n_groups == n_rows]
    if single:
        warn(
            f"Each group of {quote_names(single)} has one row, so the data cannot tell the spread of its groups from "
            "that of single responses, unless the family has no spread of its own: the priors decide.",
            DataWarning,
        )


@functools.cache  # once a process
def tell_of_correlations() -> None:
    """Say how ``(x | g)`` is read, which code that comes from bambi means differently."""
    _LOGGER.info(
        "Effects of a term such as (x | g) are correlated, as in lme4 and brms. Independent ones, as in bambi, are "
        "written (x || g), or asked for by correlated=False."
    )


def categories_of(part: Expression, columns: Columns, namespace: Mapping[str, Any]) -> pd.Categorical:
    """Return the levels of one part of a grouping factor, whatever kind of values it has."""
    if part.is_column:
        values: Any = columns.arrays[part.text]
    else:
        # New rows may have other categories, or the same in another order: none is known to all rows.
        arrays = {name: columns.arrays[name] for name in part.columns}
        arrays = {name: one.as_unordered() if isinstance(one, pd.Categorical) else one for name, one in arrays.items()}
        values = plain_values(part, Columns(arrays, columns.index, columns.n_dropped), namespace)
    categories = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
    if (categories.codes < 0).any():
        raise DataError(f"The grouping factor {part.text!r} has no level for some rows. Leave them out.")
    return categories


def _is_rowwise(part: Expression, levels: pd.Categorical, columns: Columns, namespace: Mapping[str, Any]) -> bool:
    """Find out by evaluation whether functions of the user give some rows the levels that they have among all."""

    def again(part: Expression, some: Columns) -> Codes:
        # New rows have the categories that occur in them, not the model's: what counts places among these is found out.
        own = {
            name: values.remove_unused_categories() if isinstance(values, pd.Categorical) else values
            for name, values in some.arrays.items()
        }
        some = Columns(own, some.index, some.n_dropped)
        return Codes(levels.categories.get_indexer(pd.Index(categories_of(part, some, namespace))))

    return RowCheck(columns, again).agrees(part, Codes(levels.codes))


def _label(level: Any) -> str:
    """Return a level as text; a whole number has no decimals, whatever its type."""
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        return str(int(level))
    return str(level)
