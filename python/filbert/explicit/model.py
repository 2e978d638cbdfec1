"""A model written out inside a ``with`` block: parameters with priors, named quantities, and one likelihood."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DataTypeError, FormulaError, PriorError, SettingError, count, quote_names, suggest
from ..priors.prior import Prior
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.regression import Regression
from .affine import Affine, numbers
from .lowering import lower

FloatArray = npt.NDArray[np.float64]
Dims = str | Sequence[str] | None

_open_models = threading.local()


@dataclass(frozen=True)
class Named:
    """A named quantity of a model: what it is, and what its dimensions are called."""

    value: Any
    dims: tuple[str, ...]


@dataclass(frozen=True)
class Likelihood:
    """``observed ~ Normal(mean, sigma)``, a row for each element; `dim` names the rows."""

    name: str
    mean: Affine
    sigma: str
    observed: FloatArray
    dim: str


class Model:
    """A linear regression written out inside a ``with`` block.

    Parameters
    ----------
    coords : mapping of str to sequence, optional
        Labels along named dimensions, for ``dims=``.

    Examples
    --------
    >>> import filbert.explicit as pm
    >>> with pm.Model() as model:
    ...     sigma = pm.HalfCauchy("sigma", beta=10)
    ...     slope = pm.Normal("slope", 0, sigma=20)
    ...     pm.Normal("y", mu=slope * x, sigma=sigma, observed=y)
    ...     idata = pm.sample(random_seed=1)
    """

    def __init__(self, coords: Mapping[str, Iterable[Any]] | None = None) -> None:
        self.coords: dict[str, npt.NDArray[Any]] = {}
        self.priors: dict[str, Prior] = {}
        self.parameters: dict[str, Named] = {}
        self.deterministics: dict[str, Named] = {}
        self.data: dict[str, Named] = {}
        self._likelihood: Likelihood | None = None
        for name, labels in (coords or {}).items():
            self.add_coord(name, labels)

    def __enter__(self) -> Self:
        _stack().append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _stack().pop()

    def add_coord(self, name: str, values: Iterable[Any]) -> None:
        """Add labels along a named dimension."""
        if name in self.named_vars:
            raise FormulaError(f"The model has a quantity {name!r} already. Give the dimension another name.")
        labels = np.asarray(list(values))
        if name in self.coords and not np.array_equal(self.coords[name], labels):
            raise SettingError(f"The dimension {name!r} has labels already, and others than these.")
        self.coords[name] = labels

    @property
    def named_vars(self) -> dict[str, Any]:
        """Parameters, named expressions and data by name."""
        named = {**self.parameters, **self.deterministics, **self.data}
        return {name: entry.value for name, entry in named.items()}

    def __getitem__(self, name: str) -> Any:
        return self.named_vars[name]

    def __repr__(self) -> str:
        lines = [f"{name} ~ {prior}" for name, prior in self.priors.items()]
        lines += [f"{name} = affine in {parameters_of(entry.value)}" for name, entry in self.deterministics.items()]
        if self._likelihood is not None:
            seen = self._likelihood
            mean = parameters_of(seen.mean) or "no parameter"
            rows = count(len(seen.observed), "observation")
            lines.append(f"{seen.name} ~ Normal(mu: affine in {mean}; sigma: {seen.sigma}), {rows}")
        return "\n".join(lines) or "an empty model"

    @property
    def likelihood(self) -> Likelihood:
        """What was observed, and how it depends on the parameters."""
        if self._likelihood is None:
            raise FormulaError(
                "The model has no likelihood. Write pm.Normal('y', mu=..., sigma=..., observed=y) in its with block."
            )
        return self._likelihood

    def add_parameter(self, name: str, prior: Prior, shape: Any, dims: Dims) -> Affine:
        """Add a parameter with a prior of its shape, and return it as an expression."""
        self.check_name(name)
        wanted = self.shape_of(name, shape, dims)
        given = np.broadcast_shapes(*(np.shape(value) for value in prior.params.values())) if prior.params else ()
        if wanted is None:
            wanted = given
        names = dimension_names(dims, name, wanted)
        parameter = Affine.parameter(self, name, wanted)
        self.__dict__.pop("regression", None)
        self.priors[name] = prior
        self.parameters[name] = Named(parameter, names)
        return parameter

    def shape_of(self, name: str, shape: Any, dims: Dims) -> tuple[int, ...] | None:
        """Return the shape that ``shape=`` or ``dims=`` asks for, None if neither was given."""
        by_dims = None
        if dims is not None:
            listed = (dims,) if isinstance(dims, str) else tuple(dims)
            for dim in listed:
                if dim not in self.coords:
                    raise SettingError(
                        f"{name!r} has the dimension {dim!r}, which the model's coords do not have"
                        f"{suggest(str(dim), self.coords)} They are {quote_names(self.coords) or 'empty'}: write "
                        f"pm.Model(coords={{{dim!r}: [...]}})."
                    )
            by_dims = tuple(len(self.coords[dim]) for dim in listed)
        if shape is None:
            return by_dims
        sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        if not all(isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size > 0 for size in sizes):
            raise SettingError(f"{name!r}: shape must be a positive int or a tuple of them, not {shape!r}.")
        if by_dims is not None and by_dims != sizes:
            raise SettingError(f"{name!r} has shape {sizes}, and its dims {dims!r} have the lengths {by_dims}.")
        return tuple(int(size) for size in sizes)

    def check_name(self, name: Any) -> None:
        """Refuse a name that is taken."""
        if not isinstance(name, str) or not name:
            raise DataTypeError(f"The first argument is the name, a str such as 'slope', not {name!r}.")
        taken = [*self.named_vars, *([] if self._likelihood is None else [self._likelihood.name])]
        if stored_name(name) in map(stored_name, taken):
            raise FormulaError(f"The model has {name!r} already. Give each quantity a name of its own.")
        if name in (*SAMPLES, OBSERVATIONS):
            raise FormulaError(f"{name!r} is the name of a dimension of the draws. Choose another name.")
        if name in self.coords:
            raise FormulaError(f"{name!r} is a dimension in the model's coords. Give one of them another name.")

    def observe(self, name: str, mean: Any, sigma: Any, observed: Any, dims: Dims) -> Affine:
        """Add the likelihood, and return its mean."""
        self.check_name(name)
        if self._likelihood is not None:
            raise FormulaError(
                f"The model has the likelihood {self._likelihood.name!r} already, and there can be one. Put all rows "
                "into one pm.Normal."
            )
        y = _observed(name, observed)
        names = dimension_names(dims, name, y.shape)
        shape = self.shape_of(name, None, [dim for dim in names if dim in self.coords])
        if shape and shape != y.shape:
            raise SettingError(
                f"{name!r} has {count(len(y), 'value')}, and its dims {dims!r} have the lengths {shape}."
            )
        expression = (
            mean if isinstance(mean, Affine) else Affine(self, (), np.zeros(()), ()) + numbers(mean, f"{name!r}: mu")
        )
        if expression.owner is not self:
            raise FormulaError(f"{name!r}: mu has parameters of another model. Use those of this one.")
        if not fits(expression.shape, y.shape):
            raise DataError(
                f"{name!r}: mu has shape {expression.shape} and observed has shape {y.shape}. Index the parameters so "
                "that there is one mean for each row."
            )
        scale = self._scale(name, sigma, expression)
        self._likelihood = Likelihood(name, expression.broadcast_to(y.shape), scale, y, *names)
        return expression

    def _scale(self, name: str, sigma: Any, mean: Affine) -> str:
        """Return the name of the parameter that is the standard deviation, or refuse."""
        remedy = "Give it a prior: sigma = pm.HalfNormal('sigma', sigma=1)."
        if not isinstance(sigma, Affine):
            raise FormulaError(f"{name!r}: sigma must be a parameter, not {sigma!r}. {remedy}")
        if sigma.name not in self.priors or sigma.owner is not self or sigma.size != 1:
            raise FormulaError(f"{name!r}: sigma must be one scalar parameter of this model, not {sigma}. {remedy}")
        if any(part.parameter == sigma.name for part in mean.parts):
            raise FormulaError(f"{name!r}: {sigma.name!r} is the standard deviation and cannot be part of mu as well.")
        prior = self.priors[sigma.name]
        if not prior.is_positive:
            raise PriorError(f"The prior of {sigma.name!r} must allow positive values only, and {prior} does not.")
        return sigma.name

    @cached_property
    def regression(self) -> Regression:
        """What the model states: the value that formulas become as well."""
        return lower(self, self.likelihood)


def modelcontext(model: Model | None = None) -> Model:
    """Return the given model, or that of the innermost ``with`` block."""
    if model is not None:
        if not isinstance(model, Model):
            raise DataTypeError(f"model must be a filbert.explicit.Model, not {type(model).__name__}.")
        return model
    if not _stack():
        raise FormulaError("There is no model here. Write this inside 'with pm.Model():', or pass model=.")
    return _stack()[-1]


def fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Tell whether an array of a shape broadcasts to another shape."""
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False


def dimension_names(dims: Dims, name: str, shape: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the dimensions, PyMC's where none were given."""
    if not dims:
        return tuple(f"{name}_dim_{axis}" for axis in range(len(shape)))
    names = (dims,) if isinstance(dims, str) else tuple(dims)
    if len(names) != len(shape):
        raise SettingError(f"{name!r} has shape {tuple(shape)}, and dims has {count(len(names), 'name')}: {dims!r}.")
    for dim in names:
        if dim == name:  # a likelihood's dimension need not be among the coords
            raise FormulaError(f"{name!r} has the name of its dimension. Give one of them another name.")
        if dim in SAMPLES:
            raise FormulaError(f"{name!r}: {dim!r} is a dimension of the draws. Give that of dims= another name.")
    return names


def _observed(name: str, observed: Any) -> FloatArray:
    array = observed.to_numpy() if hasattr(observed, "to_numpy") else np.asarray(observed)
    if array.dtype.kind == "b":
        raise DataTypeError(
            f"{name!r}: observed is boolean. Convert it with astype(float) if 0 and 1 are what you mean."
        )
    values = numbers(array, f"{name!r}: observed")
    if values.ndim != 1:
        raise DataError(f"{name!r}: observed must have one value a row, and has shape {values.shape}. Use ravel().")
    if not len(values):
        raise DataError(f"{name!r}: observed has no values.")
    return values


def parameters_of(expression: Affine) -> str:
    """List the parameters in an expression."""
    return ", ".join(dict.fromkeys(part.parameter for part in expression.parts))


def _stack() -> list[Model]:
    if not hasattr(_open_models, "models"):
        _open_models.models = []
    return _open_models.models  # type: ignore[no-any-return]
