"""Finds the combinations of levels that no row has: their columns would be zero, and no new row may have them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, DataWarning, quote_names, quote_rows, warn
from .coding import Codes, Coding, FactorRows, Product
from .terms import Term

_MOST_VALUES = 1 << 22
_LARGEST_CODE = 1 << 62


def without_empty_cells(
    parts: Sequence[tuple[Term, Sequence[Product]]], factors: Mapping[str, FactorRows]
) -> tuple[tuple[Term, ...], tuple[Product, ...]]:
    """Leave out the columns of combinations of levels that no row has, with a warning that names them.

    Parameters
    ----------
    parts : sequence of (Term, sequence of Product)
        The terms with the products that make their columns.
    factors : mapping of str to FactorRows
        The factors by text.
    """
    terms, layout, empty = [], [], []
    for term, products in parts:
        used = [_occupied(product, factors) for product in products]
        columns = np.concatenate(used)
        layout += [_keep(product, places) for product, places in zip(products, used, strict=True) if places.any()]
        empty += [name for name, has_rows in zip(term.columns, columns, strict=True) if not has_rows]
        if columns.any():
            terms.append(term if columns.all() else term.only(columns))
    if empty:
        several = len(empty) > 1
        warn(
            f"No row has the combination{'s' if several else ''} of levels of {quote_names(empty)}, which "
            f"{'are' if several else 'is'} left out.",
            DataWarning,
        )
    return tuple(terms), tuple(layout)


def check_cells(
    product: Product,
    factors: Mapping[str, FactorRows],
    levels: Mapping[str, Sequence[Any] | None],
    index: pd.Index[Any],
) -> None:
    """Refuse new rows that need a column which was left out."""
    if product.kept is None:
        return
    whole = product._replace(kept=None)
    left_out = np.ones(whole.width, dtype=bool)
    left_out[list(product.kept)] = False
    crossed = _crossed(product)
    cells, places = _cells(crossed, factors)
    step = max(1, _MOST_VALUES // whole.width)
    for start in range(0, len(cells), step):
        unseen = np.flatnonzero(_used(whole, cells[start : start + step])[:, left_out].any(axis=1))
        if len(unseen):
            cell = start + int(unseen[0])
            named = " and ".join(
                f"{coding.factor} = {str((levels[coding.factor] or ())[code])!r}"
                for coding, code in zip(crossed, cells[cell], strict=True)
            )
            raise DataError(
                f"The new data have {named} ({quote_rows(index[places == cell])}), a combination that no row of the "
                "model's data had, so its effect is not known. Leave those rows out, or fit a model without the "
                "interaction."
            )


def _crossed(product: Product) -> list[Coding]:
    return [coding for coding in product.codings if coding.contrasts is not None]


def _cells(crossed: Sequence[Coding], factors: Mapping[str, FactorRows]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the combinations that rows have, (cells, factors), and the cell of each row."""
    codes = []
    for coding in crossed:
        values = factors[coding.factor]
        assert isinstance(values, Codes)
        codes.append(np.asarray(values.codes, dtype=np.intp))
    sizes = _sizes(crossed)
    if math.prod(sizes) > _LARGEST_CODE:
        cells, places = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        return cells, places.reshape(-1)
    flat, places = np.unique(np.ravel_multi_index(codes, sizes), return_inverse=True)
    return np.stack(np.unravel_index(flat, sizes), axis=1), places


def _used(product: Product, cells: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which columns are not zero in each cell, taking numbers for not zero."""
    used = np.ones((len(cells), 1), dtype=bool)
    column = itertools.count()
    for coding in product.codings:
        if coding.contrasts is None:
            part = np.ones((len(cells), len(coding.chosen or ())), dtype=bool)
        else:
            part = coding.contrasts[cells[:, next(column)]] != 0
        used = (part[:, :, None] & used[:, None, :]).reshape(len(cells), -1)
    return used


def _occupied(product: Product, factors: Mapping[str, FactorRows]) -> NDArray[np.bool_]:
    """Tell which columns of a product are not zero in every combination of levels that rows have."""
    everything = np.ones(product.width, dtype=bool)
    crossed = _crossed(product)
    if len(crossed) < 2:
        return everything
    cells, _ = _cells(crossed, factors)
    if len(cells) == math.prod(_sizes(crossed)):
        # Where every combination has rows, a column is zero only if the contrasts make it so.
        return everything
    found = np.zeros(product.width, dtype=bool)
    step = max(1, _MOST_VALUES // product.width)
    for start in range(0, len(cells), step):
        found |= _used(product, cells[start : start + step]).any(axis=0)
    return found


def _keep(product: Product, columns: NDArray[np.bool_]) -> Product:
    return product if columns.all() else product._replace(kept=tuple(int(j) for j in np.flatnonzero(columns)))


def _sizes(crossed: Sequence[Coding]) -> tuple[int, ...]:
    return tuple(0 if coding.contrasts is None else len(coding.contrasts) for coding in crossed)
