"""Turns a model that was written out into the regression that it states: its columns, its rows, its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from .. import _core
from ..data.blocks import Block, DesignColumns, Floats
from ..errors import DataError
from ..priors.prior import Prior
from ..regression import identifiability
from ..regression.parameters import ChosenPrior, Parameter
from ..regression.regression import Regression
from .affine import Affine, FloatArray
from .grouping import Column, Grouping

if TYPE_CHECKING:
    from .model import Model, Named, Observed

_BLOCK_ROWS = 65536


def lower(model: Model, likelihood: Observed) -> Regression:
    """Make the regression of a model; a single number that every row has with coefficient 1 becomes the intercept."""
    grouping = model.grouping
    others = {
        *likelihood.auxiliaries.values(),
        *(() if grouping is None else (*grouping.deviations, *grouping.effects)),
    }
    coefficients = {name: entry for name, entry in model.parameters.items() if name not in others}
    predictor = likelihood.predictor if grouping is None else grouping.common
    intercept = next((name for name in coefficients if _is_intercept(predictor, name, coefficients[name])), None)
    if likelihood.spread is not None:
        intercept = None  # rows are divided by their deviations, and so is the column of ones
    regression = _lowered(model, likelihood, coefficients, intercept, grouping)
    summary = regression.summary
    if likelihood.stated.family.scales_with_response:
        identifiability.check_response(likelihood.name, summary)
    if intercept is not None and any(summary.is_constant(j) and summary.mean[j] for j in range(summary.columns)):
        return _lowered(model, likelihood, coefficients, None, grouping)  # priors tell the two constants apart
    return regression


def _lowered(
    model: Model,
    likelihood: Observed,
    coefficients: Mapping[str, Named],
    intercept: str | None,
    grouping: Grouping | None,
) -> Regression:
    stated = likelihood.stated
    ordered = sorted(coefficients, key=lambda name: name != intercept)
    widths = {name: coefficients[name].value.size for name in ordered}
    first = dict(zip(ordered, np.cumsum([0, *widths.values()])[:-1].tolist(), strict=True))
    n_coefficients = sum(widths.values())
    rows = ModelRows(likelihood, first, n_coefficients, intercept is not None, grouping)
    summary = _core.SufficientStatistics(n_coefficients - (intercept is not None))
    sampled = [name for name in stated.family.auxiliaries if name in likelihood.auxiliaries]
    auxiliary_of = {likelihood.auxiliaries[name]: name for name in sampled}
    parameters = []
    for name, entry in model.parameters.items():
        if name not in coefficients and name not in auxiliary_of:
            continue  # of groups
        shape = entry.value.shape
        prior = model.priors[name]
        chosen = ChosenPrior(_spread(prior, shape), False, repr(prior))
        coordinates = {dim: model.coords[dim] for dim in entry.dims if dim in model.coords}
        auxiliary = auxiliary_of.get(name)
        if auxiliary is None:
            index = first[name] + np.arange(entry.value.size).reshape(shape)
        else:
            index = np.full(shape, n_coefficients + sampled.index(auxiliary))
        parameters.append(Parameter(name, index, chosen, auxiliary, entry.dims, coordinates))
    groups = None
    if grouping is not None:
        first_of_groups = n_coefficients + len(sampled)
        groups = grouping.groups(model, first_of_groups)
        parameters += grouping.parameters(model, first_of_groups)
    by_name = {parameter.name: parameter for parameter in parameters}
    columns = tuple(label for name in ordered if name != intercept for label in by_name[name].labels)
    for block in rows.blocks():
        response = stated.family.summarised(block)
        try:
            summary.update(block.X, response)
        except ValueError:  # all are finite
            raise _too_large(likelihood.name, response, columns, block.X) from None
    return Regression(
        description=_description(likelihood),
        response=likelihood.name,
        family=stated.family,
        link=stated.link,
        columns=columns,
        has_intercept=intercept is not None,
        intercept_at_means=False,
        parameters=tuple(parameters),
        summary=summary,
        rows=rows,
        fixed=likelihood.fixed,
        groups=groups,
    )


def _too_large(response: str, observed: Floats, labels: Sequence[str], X: Floats) -> DataError:
    """Name what has numbers that a sum cannot hold."""
    sizes = [float(np.abs(observed).max()), *np.abs(X).max(axis=0).tolist()]
    place = int(np.argmax(sizes))
    values = f"of {response!r}" if place == 0 else f"that {labels[place - 1]!r} is multiplied by"
    return DataError(
        f"Values {values} are too large to be summed up: they reach {sizes[place]:.2g}. Choose a larger unit."
    )


def _description(likelihood: Observed) -> str:
    """Say what is observed and what its distribution depends on: ``y ~ Normal(mu, sigma)``."""
    family = likelihood.stated.family
    known = {name: f"{value:g}" for name, value in likelihood.fixed.items()}
    if likelihood.spread is not None:
        known["sigma"] = "known"
    auxiliaries = [{**known, **likelihood.auxiliaries}[name] for name in family.auxiliaries]
    return f"{likelihood.name} ~ {likelihood.stated.distribution}({', '.join([family.parent, *auxiliaries])})"


@dataclass(frozen=True)
class ModelRows:
    """The rows of an explicit model, laid out a block at a time.

    Where the deviation of each row is known, rows are divided by it: they have the deviation 1 then.
    """

    likelihood: Observed
    columns: dict[str, int]
    width: int
    has_intercept: bool
    grouping: Grouping | None = None
    are_read_in_parts: ClassVar[bool] = False

    @property
    def n_rows(self) -> int:
        """Number of observations."""
        return len(self.likelihood.observed)

    @property
    def index(self) -> pd.Index[Any]:
        """The rows' numbers."""
        return pd.RangeIndex(self.n_rows)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order, at most 65536 at a time."""
        for start in range(0, self.n_rows, _BLOCK_ROWS):
            block = self._block(slice(start, start + _BLOCK_ROWS))
            spread = self.likelihood.spread
            yield block if spread is None else _divided(block, spread[start : start + _BLOCK_ROWS])

    def _block(self, where: slice) -> Block:
        seen = self.likelihood
        predictor = seen.predictor if self.grouping is None else self.grouping.common
        constant = np.broadcast_to(predictor.constant, seen.observed.shape)
        offset = constant[where] if np.any(constant != 0) else None
        X = predictor.matrix(self.columns, self.width, where)[:, int(self.has_intercept) :]
        trials = None if seen.trials is None else seen.trials[where]
        if self.grouping is None:
            return Block(DesignColumns.of(X), seen.observed[where], offset, None, trials)
        Z = tuple(_stacked(columns, where, len(X)) for columns in self.grouping.terms)
        groups = tuple(codes[where] for codes in self.grouping.codes)
        return Block(DesignColumns.of(X), seen.observed[where], offset, None, trials, Z, groups)


def _stacked(columns: Sequence[Column], where: slice, n_rows: int) -> FloatArray | None:
    """Return what multiplies the effects of a term in some rows, (rows, columns); None for a column of ones alone."""
    if len(columns) == 1 and columns[0].z is None:
        return None
    Z = np.ones((n_rows, len(columns)), order="F")
    for place, column in enumerate(columns):
        if column.z is not None:
            Z[:, place] = column.z[where]
    return Z


def _divided(block: Block, spread: FloatArray) -> Block:
    """Return rows divided by numbers."""
    assert block.y is not None
    each = spread[:, None]
    offset = None if block.offset is None else block.offset / spread
    Z = tuple(1 / each if z is None else z / each for z in block.Z)
    X = np.asfortranarray(block.X / each)
    return Block(DesignColumns.of(X), block.y / spread, offset, None, block.trials, Z, block.groups)


def _is_intercept(predictor: Affine, name: str, entry: Named) -> bool:
    """Tell whether a parameter is one number that every row has with coefficient 1."""
    if entry.value.shape != ():
        return False
    weight: Any = sum(part.weight for part in predictor.parts if part.parameter == name)
    return bool(np.all(weight == 1))


def _spread(prior: Prior, shape: tuple[int, ...]) -> Prior:
    """Return a prior of one-element arrays as one of numbers, for a parameter that is a single number."""
    if shape != () and int(np.prod(shape)) != 1:
        return prior
    values: dict[str, Any] = {key: float(np.ravel(value)[0]) for key, value in prior.params.items()}
    return Prior(prior.name, **values)
