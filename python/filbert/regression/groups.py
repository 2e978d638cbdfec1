"""The group-specific terms of a model: where their deviations, correlations and effects stand among the draws."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..families.family import ScaleSpec
from ..formula.groups import GroupingFactor, GroupTerm
from ..formula.terms import Term
from ..priors.prior import Prior, columns
from .names import correlation_dimension, expression_dimension, factor_dimension
from .parameters import ChosenPrior, Parameter, Role

Floats = NDArray[np.float64]


class Groups(NamedTuple):
    """The group-specific terms with their priors.

    Attributes
    ----------
    grouping : mapping of str to GroupingFactor
    terms : tuple of GroupTerm
    chosen : mapping of str to ChosenPrior
        By ``"x|g_sigma"`` and ``"g_corr"``.
    fixed : mapping of str to array, (columns of the term,)
        Deviations that are known, by ``"x|g_sigma"``.
    first : int
        The row of the draws of the first of their parameters.
    spreads : mapping of str to (array, array)
        Means and standard deviations of the columns of each effect but intercepts, by the effect's name.
    """

    grouping: Mapping[str, GroupingFactor]
    terms: tuple[GroupTerm, ...]
    chosen: Mapping[str, ChosenPrior]
    first: int
    spreads: Mapping[str, tuple[Floats, Floats]]
    fixed: Mapping[str, Floats] = {}

    @property
    def factor_numbers(self) -> dict[str, int]:
        """The place of each grouping factor."""
        return {name: number for number, name in enumerate(self.grouping)}

    @property
    def n_groups(self) -> list[int]:
        """The number of groups of each grouping factor."""
        return [factor.n_groups for factor in self.grouping.values()]

    @property
    def structure(self) -> list[tuple[int, int]]:
        """The number of the factor, and of the columns, of each term."""
        numbers = self.factor_numbers
        return [(numbers[term.factor], len(term.columns)) for term in self.terms]

    @property
    def specs(self) -> list[tuple[bool, list[ScaleSpec], float]]:
        """Of each term whether it is correlated, the priors of its deviations and eta, as the C++ core takes them."""
        specs = []
        for term in self.terms:
            scales: list[ScaleSpec] = []
            for part, effect in zip(term.terms, term.effects, strict=True):
                name = deviation_name(effect)
                known = self.fixed.get(name)
                scales += columns_of(self.chosen[name], part) if known is None else known.tolist()
            eta = float(self.chosen[correlation_name(term.factor)].prior.params["eta"]) if term.is_correlated else 1.0
            specs.append((term.is_correlated, scales, eta))
        return specs

    @property
    def is_drawn(self) -> NDArray[np.bool_]:
        """Which of the numbers that the core draws between auxiliaries and effects are parameters: the free ones."""
        free = []
        for term in self.terms:
            for part, effect in zip(term.terms, term.effects, strict=True):
                free += [deviation_name(effect) not in self.fixed] * len(part.columns)
            free += [True] * n_correlations(term)
        return np.array(free, dtype=bool)

    @property
    def fixed_in_order(self) -> list[Floats]:
        """The deviations that are known, in the order of the draws."""
        names = [deviation_name(effect) for term in self.terms for effect in term.effects]
        return [self.fixed[name] for name in names if name in self.fixed]

    def parameters(self) -> list[Parameter]:
        """Return deviations, correlations and effects as parameters, in the order in which results have them."""
        deviations, effects = [], []
        correlations: dict[str, list[tuple[int, str]]] = {}
        row = self.first
        for term in self.terms:
            for part, effect in zip(term.terms, term.effects, strict=True):
                name = deviation_name(effect)
                if name not in self.fixed:
                    deviations.append(_deviation(part, name, row, self.chosen[name]))
                    row += len(part.columns)
            for label in pair_labels(term):
                correlations.setdefault(term.factor, []).append((row, label))
                row += 1
        for term in self.terms:
            factor = self.grouping[term.factor]
            for part, effect in zip(term.terms, term.effects, strict=True):
                effects.append(_effects(part, effect, factor, row, self.prior_of(part, effect)))
                row += len(part.columns) * factor.n_groups
        return [*deviations, *(self._correlations(name, rows) for name, rows in correlations.items()), *effects]

    @property
    def correlation_rows(self) -> list[range]:
        """The rows of the draws that the correlations of each term have."""
        row, rows = self.first, []
        for term in self.terms:
            names = zip(term.terms, term.effects, strict=True)
            row += sum(len(part.columns) for part, effect in names if deviation_name(effect) not in self.fixed)
            rows.append(range(row, row + n_correlations(term)))
            row = rows[-1].stop
        return rows

    @property
    def first_effect(self) -> int:
        """The row of the draws of the first effect."""
        return self.correlation_rows[-1].stop

    def covariances(self, values: Floats) -> list[tuple[Floats, Floats | None]]:
        """Return of each term draws of its deviations, (columns, draws), and of its matrix of correlations, or None.

        Parameters
        ----------
        values : array, (rows of the draws, draws)
        """
        row, n_draws, found = self.first, values.shape[1], []
        for term in self.terms:
            parts = []
            for part, effect in zip(term.terms, term.effects, strict=True):
                known = self.fixed.get(deviation_name(effect))
                if known is None:
                    parts.append(values[row : row + len(part.columns)])
                    row += len(part.columns)
                else:
                    parts.append(np.tile(known[:, None], n_draws))
            matrices = None
            if term.is_correlated:
                matrices = np.tile(np.eye(len(term.columns)), (n_draws, 1, 1))
                for i, j in itertools.combinations(range(len(term.columns)), 2):
                    matrices[:, i, j] = matrices[:, j, i] = values[row]
                    row += 1
            found.append((np.concatenate(parts), matrices))
        return found

    def prior_of(self, part: Term, effect: str) -> ChosenPrior:
        """Return the prior of an effect: a normal distribution whose deviation has a prior, or is known."""
        name = deviation_name(effect)
        if name in self.fixed:
            known = self.fixed[name]
            prior = Prior("Normal", mu=0.0, sigma=float(known[0]) if part.levels is None else known)
            return ChosenPrior(prior, False, repr(prior))
        chosen = self.chosen[name]
        return ChosenPrior(
            Prior("Normal", mu=0.0, sigma=chosen.prior), chosen.is_default, f"Normal(mu: 0.0, sigma: {chosen.rule})"
        )

    def _correlations(self, factor: str, rows: Sequence[tuple[int, str]]) -> Parameter:
        dimension, name = correlation_dimension(factor), correlation_name(factor)
        coordinates = {dimension: np.array([label for _, label in rows])}
        places = np.array([row for row, _ in rows])
        return Parameter(name, places, self.chosen[name], None, (dimension,), coordinates, Role.CORRELATION)


def correlation_roots(matrices: Floats) -> Floats:
    """Return the lower factors of matrices of correlations, (draws, n, n).

    Also of those that rounding has made singular, as where a correlation is 1, which LAPACK refuses.
    """
    roots = np.zeros_like(matrices)
    for j in range(matrices.shape[-1]):
        left = matrices[:, j:, j] - np.einsum("dik,dk->di", roots[:, j:, :j], roots[:, j, :j])
        pivot = np.sqrt(np.maximum(left[:, :1], 0))
        roots[:, j:, j] = np.divide(left, pivot, out=np.zeros_like(left), where=pivot > 0)
        roots[:, j, j] = pivot[:, 0]
    return roots


def deviation_name(effect: str) -> str:
    """Return the name of the deviation of an effect: ``"x|g_sigma"``."""
    return f"{effect}_sigma"


def correlation_name(factor: str) -> str:
    """Return the name of the correlations between the effects of a group: ``"g_corr"``."""
    return f"{factor}_corr"


def column_labels(term: GroupTerm) -> list[str]:
    """Return how the columns of a term are called in correlations: ``"1"``, ``"x"``, ``"f[b]"``."""
    return [
        part.name if part.levels is None else f"{part.name}[{level}]"
        for part in term.terms
        for level in (part.levels or ("",))
    ]


def pair_labels(term: GroupTerm) -> list[str]:
    """Return a label for each correlation of a term, in the order of the draws: ``"1, x"``."""
    if not term.is_correlated:
        return []
    return [f"{one}, {other}" for one, other in itertools.combinations(column_labels(term), 2)]


def n_correlations(term: GroupTerm) -> int:
    """Return the number of correlations of a term."""
    n = len(term.columns)
    return n * (n - 1) // 2 if term.is_correlated else 0


def columns_of(chosen: ChosenPrior, part: Term) -> list[Any]:
    """Return one prior a column, as the C++ core takes them."""
    return columns(chosen.prior, len(part.columns))


def _deviation(part: Term, name: str, row: int, chosen: ChosenPrior) -> Parameter:
    if part.levels is None:
        return Parameter(name, np.array(row), chosen, role=Role.DEVIATION)
    dimension = expression_dimension(part.name)
    places = row + np.arange(len(part.columns))
    return Parameter(
        name, places, chosen, None, (dimension,), {dimension: np.asarray(part.levels)}, role=Role.DEVIATION
    )


def _effects(part: Term, name: str, factor: GroupingFactor, row: int, chosen: ChosenPrior) -> Parameter:
    dims: tuple[str, ...] = (factor_dimension(factor.name),)
    coordinates: dict[str, NDArray[Any]] = {dims[0]: np.array(factor.labels)}
    shape: tuple[int, ...] = (factor.n_groups,)
    if part.levels is not None:
        dimension = expression_dimension(part.name)
        dims, shape = (dimension, *dims), (len(part.columns), *shape)
        coordinates = {dimension: np.asarray(part.levels), **coordinates}
    places = row + np.arange(int(np.prod(shape))).reshape(shape)
    return Parameter(name, places, chosen, None, dims, coordinates, role=Role.EFFECT)
