"""The log likelihood of each group with its effects integrated out, for leave-one-group-out cross-validation.

Draws of the parameters say what they do about a group that is left out only if the group's own effects are no part of
them: the density of a group's responses is that of N(X b, V), where V has the effects' covariances (Merkle, Furr and
Rabe-Hesketh 2019). V is never made. Per group there is a matrix as large as its effects, whatever its number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import sparse

from ..data.blocks import Block, DesignColumns, Source
from ..errors import SettingError, quote_names
from ..families.gaussian import Gaussian
from ..formula.groups import GroupTerm
from ..regression.groups import Groups
from ..regression.names import SAMPLES, factor_dimension, stored_name
from ..regression.regression import Regression
from ..results import container
from ..results.draws import Draws
from . import rowwise
from .posterior_predictive import with_groups

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

MOST_EFFECTS = 3000  # of one group with the groups within it, whose matrix is factored in each draw
_CHUNK_EFFECTS = 1 << 24  # effects times draws that are worked on at a time: 128 MB
_CHUNK_VALUES = 1 << 20


def loo_groups(regression: Regression, idata: Any) -> Any:
    """Do what `Model.loo_groups` says."""
    groups = regression.groups
    if groups is None:
        raise SettingError(
            f"loo_groups leaves out groups, and {regression.description!r} has none. Use model.log_likelihood(idata) "
            "and az.loo(idata), which leave out rows."
        )
    if type(regression.family) is not Gaussian or regression.link != "identity":
        raise SettingError(
            "loo_groups integrates effects out in closed form, which needs family='gaussian' with the identity link, "
            f"and this model has family={regression.family.name!r}, link={regression.link!r}. Use "
            "model.log_likelihood(idata) and az.loo(idata), which leave out rows."
        )
    rows = rowwise.fitted_rows(regression)
    draws = Draws.read(idata, regression, with_effects=False)
    layout = Layout.of(groups, list(rows.blocks()))
    products, weights = _products(layout, rows.blocks())
    values = np.empty((layout.n_outer, draws.array.shape[1]))
    step = max(1, _CHUNK_EFFECTS // layout.n_effects)
    for start in range(0, values.shape[1], step):
        where = slice(start, start + step)
        values[:, where] = _log_densities(regression, layout, products, weights, _some(draws, where))
    posterior = container.group(idata, "posterior")
    assert posterior is not None
    dimension = stored_name(factor_dimension(layout.outer))
    labels = {**container.sample_labels(posterior), dimension: np.array(groups.grouping[layout.outer].labels)}
    by_group = np.ascontiguousarray(values.T).reshape(*draws.shape, -1)
    variables = {stored_name(regression.response): ((*SAMPLES, dimension), by_group)}
    found = xr.Dataset(variables, labels, container.common_attributes())
    return with_groups(idata, {"log_likelihood": found}, False)


@dataclass(frozen=True)
class Layout:
    """Where the effects of each group stand: group after group of the outermost factor, term after term in each.

    Attributes
    ----------
    groups : Groups
    outer : str
        The factor that the groups of all others are within.
    n_outer, n_effects : int
    places : list of int array, (groups of the term's factor,)
        Of each term the place of the first effect of each group.
    starts : int array, (outer groups + 1,)
        The place of the first effect of each outer group.
    counts : int array, (outer groups, terms)
        How many groups of the term's factor each one has.
    """

    groups: Groups
    outer: str
    n_outer: int
    n_effects: int
    places: list[Codes]
    starts: Codes
    counts: Codes

    @classmethod
    def of(cls, groups: Groups, blocks: list[Block]) -> Layout:
        """Find the outermost factor, or refuse factors that are crossed."""
        codes = [np.concatenate([block.groups[k] for block in blocks]) for k in range(len(groups.grouping))]
        number, parents = _outermost(groups, codes)
        n_outer = groups.n_groups[number]
        own = [parents[groups.factor_numbers[term.factor]] for term in groups.terms]
        widths = np.array([len(term.columns) for term in groups.terms])
        counts = np.stack([np.bincount(parent, minlength=n_outer) for parent in own], axis=1)
        if (largest := int((counts @ widths).max())) > MOST_EFFECTS:
            raise SettingError(
                f"loo_groups would factor a matrix of {largest} effects in each draw, for the groups within one group "
                f"of {list(groups.grouping)[number]!r}; it takes up to {MOST_EFFECTS}."
            )
        starts = np.concatenate([[0], np.cumsum(counts @ widths)])
        first = starts[:-1, None] + np.cumsum(counts * widths, axis=1) - counts * widths  # of each term
        places = []
        for t, parent in enumerate(own):
            order = np.argsort(parent, kind="stable")
            rank = np.empty(len(parent), dtype=np.intp)
            rank[order] = np.arange(len(parent)) - np.repeat(np.cumsum(counts[:, t]) - counts[:, t], counts[:, t])
            places.append(first[parent, t] + rank * widths[t])
        return cls(groups, list(groups.grouping)[number], n_outer, int(starts[-1]), places, starts, counts)

    def rows(self, block: Block) -> tuple[Codes, FloatArray]:
        """Return the places of the effects of each row, (rows, effects of a row), and what they are multiplied with."""
        numbers = self.groups.factor_numbers
        columns, values = [], []
        for term, place, Z in zip(self.groups.terms, self.places, block.Z, strict=True):
            first = place[block.groups[numbers[term.factor]]]
            columns.append(first[:, None] + np.arange(len(term.columns)))
            values.append(np.ones((len(first), 1)) if Z is None else Z)
        return np.concatenate(columns, axis=1), np.concatenate(values, axis=1)

    def outer_groups(self, block: Block) -> Codes:
        """Return the outer group of each row."""
        return np.asarray(block.groups[self.groups.factor_numbers[self.outer]], dtype=np.intp)

    def batches(self) -> Iterator[tuple[Codes, Codes]]:
        """Yield outer groups that have as many groups of each factor within, with these numbers, (terms,)."""
        shapes, kinds = np.unique(self.counts, axis=0, return_inverse=True)
        for kind, shape in enumerate(shapes):
            yield np.flatnonzero(kinds.ravel() == kind), shape


class _Sorted:
    """Rows in the order of their outer groups within each block, so that few rows at a time have few groups."""

    def __init__(self, rows: Source, layout: Layout) -> None:
        self._rows, self._layout = rows, layout
        self.n_rows = rows.n_rows
        self.index = rows.index
        self.are_read_in_parts = rows.are_read_in_parts

    def blocks(self) -> Iterator[Block]:
        """Yield them."""
        for block in self._rows.blocks():
            order = np.argsort(self._layout.outer_groups(block), kind="stable")
            columns = (block.y, block.offset, block.weights, block.trials)
            y, offset, weights, trials = (None if column is None else column[order] for column in columns)
            Z = tuple(None if one is None else one[order] for one in block.Z)
            groups = tuple(codes[order] for codes in block.groups)
            yield Block(DesignColumns.of(np.asfortranarray(block.X[order])), y, offset, weights, trials, Z, groups)


def _outermost(groups: Groups, codes: list[Codes]) -> tuple[int, list[Codes]]:
    """Return the number of the outermost factor, and the outer group of each group of each factor."""
    sizes = groups.n_groups
    number = int(np.argmin(sizes))
    parents = []
    for name, size, code in zip(groups.grouping, sizes, codes, strict=True):
        parent = np.zeros(size, dtype=np.intp)
        parent[code] = codes[number]
        if (parent[code] != codes[number]).any():
            raise SettingError(
                f"loo_groups needs one grouping factor, or factors within each other, and groups of "
                f"{quote_names([list(groups.grouping)[number]])} and {quote_names([name])} are crossed: leaving out a "
                "group would leave rows of others. Use model.log_likelihood(idata) and az.loo(idata)."
            )
        parents.append(parent)
    return number, parents


def _some(draws: Draws, where: slice) -> Draws:
    auxiliaries = {name: values[where] for name, values in draws.auxiliaries.items()}
    array = np.ascontiguousarray(draws.array[:, where])
    coefficients = array[: len(draws.coefficients)]
    return replace(draws, array=array, shape=(1, array.shape[1]), coefficients=coefficients, auxiliaries=auxiliaries)


def _products(layout: Layout, blocks: Iterator[Block]) -> tuple[sparse.csr_array, FloatArray]:
    """Return Z'WZ, (effects, effects), and the weight of each outer group."""
    products = sparse.csr_array((layout.n_effects, layout.n_effects))
    weights = np.zeros(layout.n_outer)
    for block in blocks:
        W = _weights(block)
        columns, Z = _sparse(*layout.rows(block))
        part = (Z.T @ (W[:, None] * Z)).tocoo()
        products += sparse.csr_array((part.data, (columns[part.row], columns[part.col])), shape=products.shape)
        weights += np.bincount(layout.outer_groups(block), weights=W, minlength=layout.n_outer)
    return products, weights


def _log_densities(
    regression: Regression, layout: Layout, products: sparse.csr_array, weights: FloatArray, draws: Draws
) -> FloatArray:
    """Return log N(y_g; X_g b, V_g), (outer groups, draws)."""
    sigma, rows = draws.auxiliaries["sigma"], _Sorted(rowwise.fitted_rows(regression), layout)
    moments = np.zeros((layout.n_effects, len(sigma)))  # Z'W(y - X b), then the effects' modes
    for _, block, predictor in rowwise.predictor_blocks(rows, regression, draws):
        left = block.y[:, None] - predictor  # type: ignore[index]
        left *= _weights(block)[:, None]
        columns, Z = _sparse(*layout.rows(block))
        moments[columns] += Z.T @ left
    values = -0.5 * weights[:, None] * np.log(2 * np.pi * sigma**2)
    roots = [_root(*pair) for pair in layout.groups.covariances(draws.array)]
    for chosen, shape in layout.batches():
        _condition(layout, chosen, shape, roots, sigma, products, moments, values)
    # Of residuals at the mode, not of differences between large sums of squares.
    for _, block, predictor in rowwise.predictor_blocks(rows, regression, draws):
        columns, Z = _sparse(*layout.rows(block))
        left = block.y[:, None] - predictor - Z @ moments[columns]  # type: ignore[index]
        left *= left
        groups, members = _sparse(layout.outer_groups(block)[:, None], _weights(block)[:, None])
        values[groups] -= 0.5 * (members.T @ left) / sigma**2
    return values


def _sparse(places: Codes, values: FloatArray) -> tuple[Codes, sparse.csr_array]:
    """Return the places that occur, and the values by row and place among these."""
    columns, inverse = np.unique(places, return_inverse=True)
    ends = np.arange(len(places) + 1) * places.shape[1]
    return columns, sparse.csr_array((values.ravel(), inverse.ravel(), ends), shape=(len(places), len(columns)))


def _condition(
    layout: Layout,
    chosen: Codes,
    shape: Codes,
    roots: list[FloatArray],
    sigma: FloatArray,
    products: sparse.csr_array,
    moments: FloatArray,
    values: FloatArray,
) -> None:
    """Put the modes of the effects of some groups into `moments`, and what these say into the log densities."""
    size = int(layout.starts[chosen[0] + 1] - layout.starts[chosen[0]])
    places = layout.starts[chosen][:, None] + np.arange(size)
    within = _within(products, layout, chosen, size)
    step = max(1, _CHUNK_VALUES // size**2)
    for start in range(0, len(sigma), step):
        where = slice(start, start + step)
        root = _block_diagonal([one[where] for one in roots], layout.groups.terms, shape)
        precision = 1 / sigma[where] ** 2
        groups_step = max(1, step // len(root))
        for first in range(0, len(chosen), groups_step):
            some = slice(first, first + groups_step)
            A = np.swapaxes(root, 1, 2) @ within[some, None] @ root * precision[:, None, None] + np.eye(size)
            own = moments[places[some]][:, :, where].transpose(0, 2, 1)[..., None] * precision[:, None, None]
            factor = np.linalg.cholesky(A)
            mode = np.linalg.solve(A, np.swapaxes(root, 1, 2) @ own)
            log_root = np.log(np.diagonal(factor, axis1=2, axis2=3)).sum(axis=2)
            values[chosen[some], where] -= log_root + 0.5 * (mode[..., 0] ** 2).sum(axis=2)
            moments[places[some], where] = (root @ mode)[..., 0].transpose(0, 2, 1)


def _within(products: sparse.csr_array, layout: Layout, chosen: Codes, size: int) -> FloatArray:
    """Return the diagonal blocks of Z'WZ of some outer groups, (groups, size, size)."""
    blocks = np.empty((len(chosen), size, size))
    for number, group in enumerate(chosen):
        start = layout.starts[group]
        blocks[number] = products[start : start + size, start : start + size].toarray()
    return blocks


def _block_diagonal(roots: list[FloatArray], terms: tuple[GroupTerm, ...], shape: Codes) -> FloatArray:
    """Return the roots of the covariance of all effects of a group, (draws, effects, effects)."""
    size = int(sum(len(term.columns) * number for term, number in zip(terms, shape, strict=True)))
    whole = np.zeros((len(roots[0]), size, size))
    start = 0
    for root, number in zip(roots, shape, strict=True):
        for _ in range(number):
            stop = start + root.shape[1]
            whole[:, start:stop, start:stop] = root
            start = stop
    return whole


def _root(deviations: FloatArray, correlations: FloatArray | None) -> FloatArray:
    """Return L with LL' the covariance of a term's effects, (draws, columns, columns).

    By eigenvalues, which take correlations of one and what rounding makes of them.
    """
    scales = np.ascontiguousarray(deviations.T)[:, :, None]
    if correlations is None:
        return scales * np.eye(len(deviations))
    values, vectors = np.linalg.eigh(correlations)
    return np.asarray(scales * vectors * np.sqrt(np.maximum(values, 0))[:, None, :])


def _weights(block: Block) -> FloatArray:
    return np.ones(len(block)) if block.weights is None else block.weights
