"""Takes a linear predictor apart into coefficients and effects of groups, as the engines of group-specific terms do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import FormulaError
from ..formula.groups import GroupingFactor, GroupTerm
from ..formula.terms import Term
from ..priors.prior import Prior
from ..regression.groups import Groups, correlation_name, deviation_name
from ..regression.parameters import ChosenPrior, Parameter, Role
from .affine import Affine, FloatArray, Part

if TYPE_CHECKING:
    from .model import Model, Observed

Codes = NDArray[np.int64]
Places = NDArray[np.intp]
_Found = tuple[Places, tuple[str, int] | float, Codes, NDArray[np.bool_], FloatArray]

_ONE_GROUP = (
    "Each row may have an effect of one group, such as a[county]: give the others a deviation of their own, or a prior "
    "with numbers"
)


@dataclass(frozen=True)
class Column:
    """Effects that have one deviation: those of a parameter, or of a column of it.

    Attributes
    ----------
    name : str
        The parameter.
    elements : int array, (groups,)
        Which of its elements they are.
    deviation : (str, int) or float
        The element of a parameter that is their standard deviation, or its number.
    factor : int
        Which grouping factor tells the rows' groups.
    z : array, (rows,), or None
        What multiplies a row's effect; None where that is 1.
    cholesky : str
        The matrix that has its correlations with the other effects of a group, or nothing.
    """

    name: str
    elements: Places
    deviation: tuple[str, int] | float
    factor: int
    z: FloatArray | None
    cholesky: str = ""


@dataclass(frozen=True)
class Grouping:
    """The predictor of a model with groups, taken apart.

    Attributes
    ----------
    common : Affine
        What is left of it for coefficients: effects are deviations from that.
    columns : tuple of Column
    codes : tuple of int array, (rows,)
        One a grouping factor.
    """

    common: Affine
    columns: tuple[Column, ...]
    codes: tuple[Codes, ...]

    @property
    def deviations(self) -> list[str]:
        """The parameters that are deviations."""
        return list(dict.fromkeys(c.deviation[0] for c in self.columns if isinstance(c.deviation, tuple)))

    @property
    def effects(self) -> list[str]:
        """The parameters whose elements are effects, or effects and their mean."""
        return list(dict.fromkeys(column.name for column in self.columns))

    @property
    def terms(self) -> list[tuple[Column, ...]]:
        """The columns whose effects have correlations together, others alone."""
        alone = enumerate(self.columns)
        keyed = itertools.groupby(alone, key=lambda item: item[1].cholesky or item[0])
        return [tuple(column for _, column in columns) for _, columns in keyed]

    def groups(self, model: Model, first: int) -> Groups:
        """Return the terms as the engines' interface has them, whose parameters' draws start at a row."""
        grouping, terms, chosen, fixed = {}, [], {}, {}
        for place, columns in enumerate(self.terms):
            factor, n_groups = str(columns[0].factor), len(columns[0].elements)
            cells = np.arange(n_groups)[:, None]
            grouping[factor] = GroupingFactor(factor, (), (tuple(range(n_groups)),), cells)
            parts = tuple(Term(f"{c.name}.{place}.{k}", (c.name,), None, False) for k, c in enumerate(columns))
            terms.append(GroupTerm(columns[0].name, factor, parts, (), bool(columns[0].cholesky)))
            for column, effect in zip(columns, terms[-1].effects, strict=True):
                if isinstance(column.deviation, tuple):
                    prior = _element(model.priors[column.deviation[0]], column.deviation[1])
                    chosen[deviation_name(effect)] = ChosenPrior(prior, False, repr(prior))
                else:
                    fixed[deviation_name(effect)] = np.array([column.deviation])
            if terms[-1].is_correlated:
                chosen[correlation_name(factor)] = _correlations(model, columns[0].cholesky)
        ordered = {str(number): grouping[str(number)] for number in range(len(self.codes))}
        return Groups(ordered, tuple(terms), chosen, first, {}, fixed)

    def parameters(self, model: Model, first: int) -> Iterator[Parameter]:
        """Yield deviations and correlations, and effects as `effect_name` calls them; `first` is as of `groups`."""
        deviations = {name: np.empty(model.parameters[name].value.size, dtype=np.intp) for name in self.deviations}
        for columns in self.terms:
            for column in columns:
                if isinstance(column.deviation, tuple):
                    deviations[column.deviation[0]][column.deviation[1]] = first
                    first += 1
            if columns[0].cholesky:
                matrix = model.choleskies[columns[0].cholesky]
                pairs = first + np.arange(matrix.n * (matrix.n - 1) // 2)
                chosen = _correlations(model, matrix.name)
                yield Parameter(matrix.pairs, pairs, chosen, None, (f"{matrix.pairs}_dim",), {}, Role.CORRELATION)
                first = int(pairs[-1]) + 1
        effects = {name: np.empty(model.parameters[name].value.size, dtype=np.intp) for name in self.effects}
        for column in self.columns:
            effects[column.name][column.elements] = first + np.arange(len(column.elements))
            first += len(column.elements)
        for name, places in deviations.items():
            prior = model.priors[name]
            yield _parameter(model, name, name, places, ChosenPrior(prior, False, repr(prior)), Role.DEVIATION)
        for name, places in effects.items():
            own = ChosenPrior(Prior("Normal", mu=0.0, sigma=1.0), False, model.said(name))
            yield _parameter(model, name, effect_name(name), places, own, Role.EFFECT)


def _parameter(model: Model, name: str, called: str, places: Places, chosen: ChosenPrior, role: Role) -> Parameter:
    entry = model.parameters[name]
    coordinates = {dim: model.coords[dim] for dim in entry.dims if dim in model.coords}
    return Parameter(called, places.reshape(entry.value.shape), chosen, None, entry.dims, coordinates, role)


def _correlations(model: Model, name: str) -> ChosenPrior:
    prior = Prior("LKJCorr", eta=model.choleskies[name].eta)
    return ChosenPrior(prior, False, repr(prior))


def effect_name(name: str) -> str:
    """Return what the effects of a parameter are called where they stand for it: it may have a mean as well."""
    return f"{name}|effect"


def grouped(model: Model, likelihood: Observed) -> Grouping | None:
    """Take a model's predictor apart, or return None where it has no effects.

    Raises
    ------
    FormulaError
        About what no engine has: rows with effects of two groups, deviations that are something else as well.
    """
    common, found = _split(likelihood.predictor, model)
    unused = [name for name in model.effects if name not in found]
    if unused:
        raise FormulaError(
            f"No row of {likelihood.name!r} depends on {unused[0]!r}, which varies by group: leave it out."
        )
    if not found:
        return None
    columns: list[Column] = []
    factors: list[tuple[Codes, NDArray[np.bool_], int]] = []
    correlated: set[int] = set()
    for name, parts in found.items():
        cholesky = model.effects[name].cholesky if name in model.effects else ""
        size = model.parameters[name].value.size
        own = [(*column, *_rows(name, column[0], parts, size)) for column in _columns(model, name, parts)]
        if cholesky:
            own = _of_same_group(name, own)
        for place, (elements, deviation, codes, used, z) in enumerate(own):
            if place == 0 or not cholesky:
                number = _factor(factors, codes, used, len(elements), correlated if cholesky else set())
            columns.append(Column(name, elements, deviation, number, None if np.all(z == 1) else z, cholesky))
        if cholesky:
            correlated.add(number)
    result = Grouping(common, tuple(columns), tuple(codes for codes, _, _ in factors))
    _check_deviations(model, likelihood, result)
    return result


def _split(expression: Affine, model: Model) -> tuple[Affine, dict[str, list[Part]]]:
    """Return the coefficients' part of an expression of rows, and the parts of each parameter that has effects."""
    n = expression.shape
    kept: list[Part] = []
    found: dict[str, list[Part]] = {}
    rest = Affine(expression.owner, n, expression.constant, ())
    for part in expression.parts:
        index = np.broadcast_to(part.index, n)
        effects = model.effects.get(part.parameter)
        if part.deviation is None and effects is None:
            kept.append(part)
            continue
        if effects is None:
            placed = replace(part, index=index, place=np.broadcast_to(part.place, n))
        else:
            placed = Part(part.parameter, index, part.weight, effects.deviation, effects.place.ravel()[index])
            inner, more = _split(effects.mean.ravel()[index] * part.weight, model)
            rest = rest + inner
            for name, parts in more.items():
                found.setdefault(name, []).extend(parts)
        found.setdefault(part.parameter, []).append(placed)
    for name in {part.parameter for part in kept} & set(found):
        raise FormulaError(
            f"{name!r} is multiplied by {found[name][0].deviation!r} in some places and stands alone in others. Use "
            "the product everywhere."
        )
    return Affine(expression.owner, n, rest.constant, [*kept, *rest.parts]), found


def _columns(model: Model, name: str, parts: list[Part]) -> Iterator[tuple[Places, tuple[str, int] | float]]:
    """Yield the elements of a parameter that have the same deviation, and that."""
    effects = model.effects.get(name)
    size = model.parameters[name].value.size
    if effects is not None and effects.known is not None:
        values = effects.known.ravel()
        for value in np.unique(values):
            yield np.flatnonzero(values == value), float(value)
        return
    deviation = parts[0].deviation
    assert deviation is not None
    places = effects.place.ravel() if effects is not None else _places(name, size, parts)
    for place in np.unique(places):
        yield np.flatnonzero(places == place), (deviation, int(place))


def _places(name: str, size: int, parts: list[Part]) -> Places:
    """Return which element of the deviation multiplies each element of a parameter, by the rows that have them."""
    found = np.full(size, -1)
    for part in parts:
        found[part.index] = part.place
    if any(np.any(found[part.index] != part.place) for part in parts):
        raise FormulaError(
            f"An element of {name!r} is multiplied by two elements of {parts[0].deviation!r}. Give each deviation "
            "elements of its own."
        )
    known = np.unique(found[found >= 0])
    if len(known) == 1:
        return np.full(size, known[0])
    if np.any(found < 0):
        raise FormulaError(
            f"Some elements of {name!r} are in no row, so it is not known which element of {parts[0].deviation!r} is "
            f"their deviation. Leave them out, or write pm.Normal({name!r}, 0, sigma={parts[0].deviation}, dims=...)."
        )
    return found


def _rows(name: str, elements: Places, parts: list[Part], size: int) -> tuple[Codes, NDArray[np.bool_], FloatArray]:
    """Return the group of each row, which rows have one, and what multiplies its effect."""
    n = parts[0].index.shape
    group_of = np.full(size, -1)
    group_of[elements] = np.arange(len(elements))
    codes, used, z = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool), np.zeros(n)
    for part in parts:
        if part.deviation != parts[0].deviation:
            raise FormulaError(
                f"{name!r} is multiplied by {parts[0].deviation!r} and by {part.deviation!r}. Give each deviation a "
                "parameter pm.Normal(name, 0, 1) of its own."
            )
        own = group_of[part.index]
        weight = np.broadcast_to(part.weight, n)
        mine = (own >= 0) & (weight != 0)
        clash = np.flatnonzero(mine & used & (codes != own))
        if len(clash):
            raise FormulaError(f"Row {clash[0]} has effects of two elements of {name!r}. {_ONE_GROUP}.")
        codes[mine] = own[mine]
        used |= mine
        z[mine] += weight[mine]
    if len(elements) == 1:
        _refuse_single(name)
    if not used.any():
        raise FormulaError(f"No row depends on {len(elements)} of the elements of {name!r}: leave them out.")
    return codes, used, z


def _of_same_group(name: str, columns: list[_Found]) -> list[_Found]:
    """Return the columns of effects that have correlations, with the group that a row has in any of them."""
    codes, used = columns[0][2], columns[0][3]
    for _, _, others, taken, _ in columns[1:]:
        clash = np.flatnonzero(used & taken & (codes != others))
        if len(clash):
            raise FormulaError(f"Row {clash[0]} has effects of two groups of {name!r}. {_ONE_GROUP}.")
        codes, used = np.where(taken, others, codes), used | taken
    return [(elements, deviation, codes, used, z) for elements, deviation, _, _, z in columns]


def _factor(
    factors: list[tuple[Codes, NDArray[np.bool_], int]],
    codes: Codes,
    used: NDArray[np.bool_],
    n: int,
    others_than: set[int],
) -> int:
    """Return the number of the grouping factor with these groups, adding one where there is none yet."""
    for number, (others, taken, n_others) in enumerate(factors):
        if number not in others_than and n == n_others and np.all((codes == others) | ~used | ~taken):
            factors[number] = (np.where(used, codes, others), used | taken, n)
            return number
    factors.append((codes, used, n))
    return len(factors) - 1


def _check_deviations(model: Model, likelihood: Observed, result: Grouping) -> None:
    """Refuse deviations that are coefficients or auxiliary parameters too, or have other effects, or none."""
    taken: dict[tuple[str, int], Column] = {}
    coefficients = {part.parameter for part in result.common.parts}
    for column in result.columns:
        if not isinstance(column.deviation, tuple):
            continue
        name, _ = column.deviation
        if name in coefficients or name in likelihood.auxiliaries.values():
            where = "the predictor" if name in coefficients else f"the distribution of {likelihood.name!r}"
            raise FormulaError(
                f"{name!r} is the deviation of {column.name!r} and a parameter of {where} as well. Use two parameters."
            )
        if (other := taken.setdefault(column.deviation, column)) is not column:
            raise FormulaError(
                f"{name!r} is the deviation of {other.name!r} and of {column.name!r}. Give each a deviation of its own."
            )
        if name in model.effects:
            raise FormulaError(
                f"{name!r} is a deviation and cannot vary by group itself. Give it a prior with numbers."
            )
    for name in result.deviations:
        size = model.parameters[name].value.size
        unused = [place for place in range(size) if (name, place) not in taken]
        if unused:
            raise FormulaError(f"Element {unused[0]} of {name!r}, a deviation, is that of no effect: give it fewer.")


def _element(prior: Prior, place: int) -> Prior:
    """Return the prior of one element of a parameter."""
    values: dict[str, Any] = {
        key: float(np.ravel(value)[place if np.ndim(value) else 0]) for key, value in prior.params.items()
    }
    return Prior(prior.name, **values)


def _refuse_single(name: str) -> NoReturn:
    raise FormulaError(
        f"An element of {name!r} has a deviation that no other has, so there is nothing that varies between groups. "
        "Give the elements one deviation in common, or a prior with numbers."
    )
