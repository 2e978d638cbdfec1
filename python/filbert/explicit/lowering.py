"""Turns an explicit model into the regression that it states: its columns, its rows, and what its draws are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import _core
from ..data.blocks import Block
from ..priors.prior import Prior
from ..regression import identifiability
from ..regression.default_priors import ResolvedPrior
from ..regression.regression import Regression
from .affine import Affine

if TYPE_CHECKING:
    from ..results.container import Variable
    from .model import Likelihood, Model, Named

_BLOCK_ROWS = 65536


@dataclass(frozen=True)
class Lowered:
    """A model as a regression: its coefficients in order, and its rows."""

    regression: Regression
    variables: tuple[Variable, ...]
    columns: dict[str, int]  # first column of each parameter among all parameters
    intercept: str | None
    likelihood: Likelihood

    @classmethod
    def of(cls, model: Model, likelihood: Likelihood) -> Lowered:
        """Lower a model; a single number that every row has with coefficient 1 becomes the intercept."""
        parameters = {name: entry for name, entry in model.parameters.items() if name != likelihood.sigma}
        intercept = next((name for name in parameters if _is_intercept(likelihood.mean, name, parameters[name])), None)
        lowered = cls._with(model, likelihood, parameters, intercept)
        summary = lowered.regression.summary
        identifiability.check_response(likelihood.name, summary)
        if intercept is not None and any(summary.is_constant(j) and summary.mean[j] for j in range(summary.columns)):
            return cls._with(model, likelihood, parameters, None)  # priors tell the two constants apart
        return lowered

    @classmethod
    def _with(
        cls, model: Model, likelihood: Likelihood, parameters: Mapping[str, Named], intercept: str | None
    ) -> Lowered:
        from ..results.container import Variable

        ordered = [name for name in parameters if name == intercept] + [
            name for name in parameters if name != intercept
        ]
        widths = {name: parameters[name].value.size for name in ordered}
        columns = dict(zip(ordered, np.cumsum([0, *widths.values()])[:-1].tolist(), strict=True))
        variables = []
        for name, entry in model.parameters.items():
            shape = entry.value.shape
            index = (
                np.full(shape, -1)
                if name == likelihood.sigma
                else columns[name] + np.arange(entry.value.size).reshape(shape)
            )
            coordinates = {dim: model.coords[dim] for dim in entry.dims if dim in model.coords}
            variables.append(Variable(name, index, entry.dims, coordinates))
        n_columns = sum(widths.values())
        rows = ModelRows(likelihood, columns, n_columns, intercept is not None)
        summary = _core.SufficientStatistics(n_columns - (intercept is not None))
        for block in rows.blocks():
            summary.update(block.X, block.target)
        priors = {
            name: ResolvedPrior(
                _spread(model.priors[name], parameters[name].value.shape), False, repr(model.priors[name])
            )
            for name in ordered
        }
        sigma = model.priors[likelihood.sigma]
        priors[likelihood.sigma] = ResolvedPrior(sigma, False, repr(sigma))
        labels = [
            label for name in ordered if name != intercept for label in _labels(name, parameters[name], model.coords)
        ]
        regression = Regression(
            summary=summary,
            has_intercept=intercept is not None,
            intercept_at_means=False,
            response=likelihood.name,
            columns=tuple(labels),
            widths=widths,
            priors=priors,
            description=f"{likelihood.name} ~ Normal(mu, {likelihood.sigma})",
        )
        return cls(regression, tuple(variables), columns, intercept, likelihood)

    @property
    def rows(self) -> ModelRows:
        """The observed rows."""
        width = sum(self.regression.widths.values())
        return ModelRows(self.likelihood, self.columns, width, self.intercept is not None)


@dataclass(frozen=True)
class ModelRows:
    """The rows of an explicit model, laid out a block at a time."""

    likelihood: Likelihood
    columns: dict[str, int]
    width: int
    has_intercept: bool

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
        seen = self.likelihood
        constant = np.broadcast_to(seen.mean.constant, seen.observed.shape)
        has_offset = bool(np.any(seen.mean.constant != 0))
        for start in range(0, self.n_rows, _BLOCK_ROWS):
            where = slice(start, start + _BLOCK_ROWS)
            X = seen.mean.matrix(self.columns, self.width, where)[:, int(self.has_intercept) :]
            yield Block(X, seen.observed[where], constant[where] if has_offset else None, None)


def _is_intercept(mean: Affine, name: str, entry: Named) -> bool:
    """Tell whether a parameter is one number that every row has with coefficient 1."""
    if entry.value.shape != ():
        return False
    weight: Any = sum(part.weight for part in mean.parts if part.parameter == name)
    return bool(np.all(weight == 1))


def _spread(prior: Prior, shape: tuple[int, ...]) -> Prior:
    """Return a prior of one-element arrays as one of numbers, for a parameter that is a single number."""
    if shape != () and int(np.prod(shape)) != 1:
        return prior
    values: dict[str, Any] = {key: float(np.ravel(value)[0]) for key, value in prior.params.items()}
    return Prior(prior.name, **values)


def _labels(name: str, entry: Named, coords: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    if not entry.dims:
        return [name]
    levels = [coords.get(dim, range(size)) for dim, size in zip(entry.dims, entry.value.shape, strict=True)]
    return [
        f"{name}[{', '.join(str(level[i]) for level, i in zip(levels, where, strict=True))}]"
        for where in np.ndindex(entry.value.shape)
    ]
