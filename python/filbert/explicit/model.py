"""A model written out inside a ``with`` block: parameters with priors, named quantities, and one likelihood."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DataTypeError, FormulaError, PriorError, SettingError, count, quote_names, suggest
from ..priors.prior import Prior
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.regression import Regression
from .affine import Affine, Function, numbers
from .correlated import Cholesky
from .effects import Effects
from .grouping import Grouping, grouped
from .likelihoods import Stated, check_response, remedy_of
from .linked import FORM_OF, Linked
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
class Observed:
    """What was observed, a row for each element, and how its distribution depends on the parameters.

    Attributes
    ----------
    name : str
    stated : Stated
        Family and link.
    predictor : Affine
        The linear predictor of each row.
    auxiliaries : dict of str to str
        The parameters that the family's auxiliary parameters are, by its names for these.
    fixed : dict of str to float
        Those that are numbers.
    observed : array, (rows,)
    trials : array, (rows,), or None
    dim : str
        The name of the rows.
    spread : array, (rows,), or None
        The standard deviation of each row, where these are known; the family's is 1 then.
    """

    name: str
    stated: Stated
    predictor: Affine
    auxiliaries: dict[str, str]
    fixed: dict[str, float]
    observed: FloatArray
    trials: FloatArray | None
    dim: str
    spread: FloatArray | None = None


class Model:
    """A regression written out inside a ``with`` block.

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
        self.effects: dict[str, Effects] = {}
        self.choleskies: dict[str, Cholesky] = {}
        self.parameters: dict[str, Named] = {}
        self.deterministics: dict[str, Named] = {}
        self.data: dict[str, Named] = {}
        self._likelihood: Observed | None = None
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
        lines = [f"{name} ~ {self.said(name)}" for name in self.parameters]
        lines += [f"{name} = {_described(entry.value)}" for name, entry in self.deterministics.items()]
        if self._likelihood is not None:
            seen, stated = self._likelihood, self._likelihood.stated
            parent = Linked(FORM_OF[stated.link], seen.predictor) if stated.link in FORM_OF else seen.predictor
            said = [f"{stated.family.parent}: {_described(parent)}"]
            known = {} if seen.spread is None else {"sigma": "known in each row"}
            said += [f"{argument}: {known.get(argument, value)}" for argument, value in stated.auxiliaries.values()]
            lines.append(
                f"{seen.name} ~ {stated.distribution}({'; '.join(said)}), {count(len(seen.observed), 'observation')}"
            )
        return "\n".join(lines) or "an empty model"

    @property
    def likelihood(self) -> Observed:
        """What was observed, and how it depends on the parameters."""
        if self._likelihood is None:
            raise FormulaError(
                "The model has no likelihood. Write pm.Normal('y', mu=..., sigma=..., observed=y), or another "
                "distribution with observed=, in its with block."
            )
        return self._likelihood

    def add_parameter(self, name: str, prior: Prior, shape: Any, dims: Dims) -> Affine:
        """Add a parameter with a prior of its shape, and return it as an expression."""
        self.check_name(name)
        wanted = self.shape_of(name, shape, dims)
        given = np.broadcast_shapes(*(np.shape(value) for value in prior.params.values())) if prior.params else ()
        parameter = self._named(name, given if wanted is None else wanted, dims)
        self.priors[name] = prior
        return parameter

    def add_effects(self, name: str, effects: Effects, shape: tuple[int, ...], dims: Dims) -> Affine:
        """Add a parameter that varies by group, and return it as an expression."""
        self.check_name(name)
        parameter = self._named(name, shape, dims)
        self.effects[name] = effects
        return parameter

    def said(self, name: str) -> str:
        """Return the prior of a parameter as text."""
        return self.effects[name].said if name in self.effects else repr(self.priors[name])

    def _named(self, name: str, shape: tuple[int, ...], dims: Dims) -> Affine:
        parameter = Affine.parameter(self, name, shape)
        self.parameters[name] = Named(parameter, dimension_names(dims, name, shape))
        for computed in ("regression", "grouping"):
            self.__dict__.pop(computed, None)
        return parameter

    def shape_of(self, name: str, shape: Any, dims: Dims) -> tuple[int, ...] | None:
        """Return the shape that ``shape=`` or ``dims=`` asks for, None if neither was given."""
        by_dims = None
        if dims is not None:
            listed = (dims,) if isinstance(dims, str) else tuple(dims)
            for dim in listed:
                if dim not in self.coords:
                    raise SettingError(
                        f"{name!r} has the dimension {dim!r}, which the model's coords do not have."
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
        matrices = [named for each in self.choleskies.values() for named in (each.name, each.correlations)]
        taken = [*self.named_vars, *matrices, *([] if self._likelihood is None else [self._likelihood.name])]
        if stored_name(name) in map(stored_name, taken):
            raise FormulaError(f"The model has {name!r} already. Give each quantity a name of its own.")
        if name in (*SAMPLES, OBSERVATIONS):
            raise FormulaError(f"{name!r} is the name of a dimension of the draws. Choose another name.")
        if name in self.coords:
            raise FormulaError(f"{name!r} is a dimension in the model's coords. Give one of them another name.")

    def observe(self, name: str, stated: Stated, observed: Any, dims: Dims) -> Affine:
        """Add the likelihood, and return its linear predictor."""
        self.check_name(name)
        if self._likelihood is not None:
            raise FormulaError(
                f"The model has the likelihood {self._likelihood.name!r} already, and there can be one. Put all rows "
                f"into one pm.{stated.distribution}."
            )
        y = _observed(name, observed, stated.family.is_binary)
        names = dimension_names(dims, name, y.shape)
        shape = self.shape_of(name, None, [dim for dim in names if dim in self.coords])
        if shape and shape != y.shape:
            raise SettingError(
                f"{name!r} has {count(len(y), 'value')}, and its dims {dims!r} have the lengths {shape}."
            )
        given, argument = stated.predictor, stated.argument
        predictor = given if isinstance(given, Affine) else Affine(self, (), np.zeros(()), ()) + given
        if predictor.owner is not self:
            raise FormulaError(f"{name!r}: {argument} has parameters of another model. Use those of this one.")
        if not fits(predictor.shape, y.shape):
            raise DataError(
                f"{name!r}: {argument} has shape {predictor.shape} and observed has shape {y.shape}. Index the "
                f"parameters so that there is one value of {argument} for each row."
            )
        stated, spread = _known_spread(name, stated, y)
        auxiliaries, fixed = self._auxiliaries(name, stated, predictor)
        trials = None if stated.trials is None else _trials(name, stated.trials, y)
        check_response(name, stated, y, trials)
        self._likelihood = Observed(
            name, stated, predictor.broadcast_to(y.shape), auxiliaries, fixed, y, trials, names[0], spread
        )
        return predictor

    def _auxiliaries(self, name: str, stated: Stated, predictor: Affine) -> tuple[dict[str, str], dict[str, float]]:
        """Return the auxiliary parameters that are parameters of the model, and those that are numbers, or refuse."""
        sampled: dict[str, str] = {}
        fixed: dict[str, float] = {}
        for auxiliary, (argument, value) in stated.auxiliaries.items():
            if isinstance(value, Affine | Function):
                sampled[auxiliary] = self._auxiliary(name, stated, argument, value, predictor)
            else:
                fixed[auxiliary] = _fixed(name, argument, value)
        if len(set(sampled.values())) < len(sampled):
            raise FormulaError(f"{name!r}: {quote_names(sampled)} must be different parameters.")
        if not sampled and not self.parameters:
            raise FormulaError(f"{name!r}: there is nothing to sample. Add parameters, such as pm.Normal('a', 0, 1).")
        return sampled, fixed

    def _auxiliary(self, name: str, stated: Stated, argument: str, value: Any, predictor: Affine) -> str:
        """Return the name of the parameter that is a positive parameter of the likelihood, or refuse."""
        remedy = f"{remedy_of(argument)[:-1]}, or a positive number."
        if not isinstance(value, Affine) or value.name not in self.priors or value.owner is not self or value.size != 1:
            raise FormulaError(
                f"{name!r}: {argument} must be one scalar parameter of this model, not {value}. {remedy}"
            )
        if any(part.parameter == value.name for part in predictor.parts):
            what = "the standard deviation" if argument == "sigma" else argument
            raise FormulaError(f"{name!r}: {value.name!r} is {what} and cannot be part of {stated.argument} as well.")
        prior = self.priors[value.name]
        if not prior.is_positive:
            raise PriorError(f"The prior of {value.name!r} must allow positive values only, and {prior} does not.")
        return value.name

    @cached_property
    def grouping(self) -> Grouping | None:
        """The predictor taken apart into coefficients and effects of groups, None where there are none."""
        return grouped(self, self.likelihood)

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


def _observed(name: str, observed: Any, is_binary: bool) -> FloatArray:
    array = observed.to_numpy() if hasattr(observed, "to_numpy") else np.asarray(observed)
    if array.dtype.kind == "b" and not is_binary:
        raise DataTypeError(
            f"{name!r}: observed is boolean. Convert it with astype(float) if 0 and 1 are what you mean."
        )
    values = numbers(array, f"{name!r}: observed")
    if values.ndim != 1:
        raise DataError(f"{name!r}: observed must have one value a row, and has shape {values.shape}. Use ravel().")
    if not len(values):
        raise DataError(f"{name!r}: observed has no values.")
    return values


def _trials(name: str, trials: Any, y: FloatArray) -> FloatArray:
    if isinstance(trials, Affine | Function):
        raise FormulaError(f"{name!r}: n must be numbers, not {trials}: the trials are data.")
    values = numbers(trials, f"{name!r}: n")
    if not fits(values.shape, y.shape):
        raise DataError(
            f"{name!r}: n has shape {values.shape} and observed has shape {y.shape}. Give one n for each row."
        )
    return np.broadcast_to(values, y.shape).copy()


def _known_spread(name: str, stated: Stated, y: FloatArray) -> tuple[Stated, FloatArray | None]:
    """Return what is stated of rows divided by their deviations, and these, where one is known for each row."""
    given = stated.auxiliaries.get("sigma", ("", None))[1]
    if isinstance(given, Affine | Function) or np.size(given) < 2:
        return stated, None
    if stated.distribution not in ("Normal", "StudentT") or stated.link != "identity":
        return stated, None
    spread = numbers(given, f"{name!r}: sigma")
    if spread.shape != y.shape or not np.all(spread > 0):
        found = f"shape {spread.shape}" if spread.shape != y.shape else f"the value {spread.min():g}"
        raise FormulaError(
            f"{name!r}: sigma must be one parameter, one positive number or one for each of {count(len(y), 'row')}, "
            f"and has {found}."
        )
    return replace(stated, auxiliaries={**stated.auxiliaries, "sigma": ("sigma", 1.0)}), spread


def _fixed(name: str, argument: str, value: Any) -> float:
    array = numbers(value, f"{name!r}: {argument}")
    if array.size != 1 or not float(array.ravel()[0]) > 0:
        shown = f"an array of shape {array.shape}" if array.size != 1 else f"{float(array.ravel()[0]):g}"
        raise FormulaError(f"{name!r}: {argument} must be one parameter or one positive number, not {shown}.")
    return float(array.ravel()[0])


def _described(expression: Affine | Linked) -> str:
    """Say what an expression is, and which parameters it has: ``exp of what is affine in a, b``."""
    affine = expression.inner if isinstance(expression, Linked) else expression
    said = f"affine in {', '.join(affine.parameters) or 'no parameter'}"
    return f"{expression.form}({said})" if isinstance(expression, Linked) else said


def _stack() -> list[Model]:
    if not hasattr(_open_models, "models"):
        _open_models.models = []
    return _open_models.models  # type: ignore[no-any-return]
