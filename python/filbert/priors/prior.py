"""A univariate prior as a value: a distribution's name and its checked parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataTypeError, PriorError, count, suggest
from .table import CORRELATIONS, ParameterRule, distribution

__all__ = ["Prior", "columns"]

FloatArray = npt.NDArray[np.float64]


class Prior:
    """A prior distribution for the coefficients of one term, or for sigma.

    ``Prior("Normal", mu=0, sigma=20)``, as in bambi, and ``Normal(0, 20)``, as in PyMC, give equal objects. A prior
    cannot be changed after it was made.

    Parameters
    ----------
    name : str
        Name of the distribution: ``"Normal"``, ``"StudentT"``, ``"Cauchy"``, ``"Laplace"``, ``"Uniform"``, ``"Flat"``,
        ``"HalfNormal"``, ``"HalfCauchy"``, ``"HalfStudentT"``, ``"Exponential"``, ``"Gamma"``, ``"InverseGamma"`` or
        ``"HalfFlat"``; ``"LKJCorr"`` of the correlations of group-specific effects.
    auto_scale : bool
        Accepted for the sake of code written for bambi, and without effect there as here: a prior that you give is used
        as it is; only default priors are scaled by the data.
    dist : None
        bambi's Python function of a distribution, which filbert cannot take.
    noncentered : bool, optional
        Accepted and without effect: how a group-specific term is sampled does not depend on it.
    **params : float or 1-d array
        The distribution's parameters, under PyMC's names and with PyMC's defaults. An array has one value for each
        column of the term. The `sigma` of ``"Normal"`` may be a prior, that of the deviation between groups.

    Attributes
    ----------
    name : str
    params : mapping of str to float, read-only 1-d float64 array, or Prior, in PyMC's positional order

    Raises
    ------
    PriorError
        (a ``ValueError``) for an unknown distribution or parameter, or a value out of range.
    DataTypeError
        (a ``TypeError``) for a parameter that is not a number.
    """

    __slots__ = ("name", "params")
    name: str
    params: Mapping[str, Any]

    def __init__(
        self, name: str, auto_scale: bool = True, dist: None = None, noncentered: bool | None = None, **params: Any
    ) -> None:
        if not isinstance(name, str):
            raise DataTypeError(f"The name of a prior must be a string, such as 'Normal', and not {_shown(name)}.")
        distribution(name)
        if not isinstance(auto_scale, (bool, np.bool_)):
            raise DataTypeError(f"{name}: auto_scale must be True or False, and not {_shown(auto_scale)}.")
        if dist is not None:
            raise PriorError(
                f"{name}: filbert evaluates its priors in C++ and cannot take a Python function (dist=). Leave it out."
            )
        if noncentered not in (None, True, False):
            raise DataTypeError(f"{name}: noncentered must be True, False or None, and not {_shown(noncentered)}.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "params", MappingProxyType(_checked_parameters(name, params)))

    def __setattr__(self, attribute: str, value: object) -> None:
        raise AttributeError(f"A prior cannot be changed; make a new one instead of setting {attribute!r}.")

    def __delattr__(self, attribute: str) -> None:
        raise AttributeError(f"A prior cannot be changed; make a new one instead of deleting {attribute!r}.")

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}: {_formatted(value)}' for name, value in self.params.items())})"

    def _repr_html_(self) -> str:
        # Distributions, parameters and numbers: nothing of it needs escaping.
        return f"<code>{self!r}</code>" + ("" if self.is_proper else " (improper)")

    @property
    def length(self) -> int | None:
        """Number of values of the array parameters; None if every parameter is one number."""
        return next((len(v) for v in self.params.values() if isinstance(v, np.ndarray)), None)

    @property
    def is_positive(self) -> bool:
        """Whether the prior allows positive values only, as one for sigma must."""
        if self.name == "Uniform":
            return bool(np.all(np.greater_equal(self.params["lower"], 0)))
        return distribution(self.name).is_positive

    @property
    def is_proper(self) -> bool:
        """Whether the density integrates to one (``Flat`` and ``HalfFlat`` do not)."""
        return distribution(self.name).draw is not None or self.name in CORRELATIONS

    @property
    def hyperprior(self) -> Prior | None:
        """The prior of `sigma`, where that is no number."""
        sigma = self.params.get("sigma")
        return sigma if isinstance(sigma, Prior) else None

    @property
    def args(self) -> dict[str, Any]:
        """The parameters as a dict, under bambi's name for them."""
        return dict(self.params)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Draw from a proper prior.

        Parameters
        ----------
        shape : tuple of int
            (values, draws) where parameters are arrays, which have one value each; else any.
        rng : numpy.random.Generator

        Returns
        -------
        array of that shape
        """
        draw = distribution(self.name).draw
        assert draw is not None
        values = [np.reshape(value, (-1, 1)) if np.ndim(value) else value for value in self.params.values()]
        with np.errstate(over="ignore", divide="ignore"):  # who uses draws says which are not finite
            return np.asarray(draw(rng, shape, *values), dtype=np.float64)

    def _key(self) -> tuple[Any, ...]:
        return (self.name, *(tuple(v.tolist()) if isinstance(v, np.ndarray) else v for v in self.params.values()))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Prior) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.name, dict(self.params))


def _rebuilt(name: str, params: dict[str, Any]) -> Prior:
    """Unpickle a prior (a mapping proxy cannot be pickled)."""
    return Prior(name, **params)


def parameter_names(name: str) -> tuple[str, ...]:
    """Return the names of a distribution's parameters, in PyMC's positional order."""
    return tuple(parameter.name for parameter in distribution(name).parameters)


def columns(prior: Prior, n: int) -> list[tuple[str, tuple[float, ...]]]:
    """One (name, parameters in positional order) for each of `n` columns, as ``_core`` takes them.

    Raises
    ------
    PriorError
        If an array parameter does not have `n` values.
    """
    length = prior.length
    if length is not None and length != n:
        raise PriorError(f"{prior} has {count(length, 'value')} for {count(n, 'column')}.")
    rows = np.array([np.broadcast_to(value, n) for value in prior.params.values()]).reshape(len(prior.params), n)
    return [(prior.name, tuple(row)) for row in rows.T.tolist()]


def _checked_parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a prior, fill in defaults, and order them as PyMC does."""
    parameters = distribution(name).parameters
    known = {parameter.name for parameter in parameters}
    for key in given:
        if key not in known:
            raise PriorError(_unknown_parameter(name, key, given))
    missing = [p.name for p in parameters if p.default is None and p.name not in given]
    if missing:
        raise PriorError(f"{name} needs {' and '.join(missing)}: write {_signature(name)}.")
    checked = {p.name: _checked_value(name, p, given.get(p.name, p.default)) for p in parameters}
    lengths = {key: len(value) for key, value in checked.items() if isinstance(value, np.ndarray)}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{key} has {size}" for key, size in lengths.items())
        raise PriorError(f"The parameters of {name} must have one value per column of the term, but {sizes}.")
    if name == "Uniform":
        _check_edges(checked["lower"], checked["upper"])
    return checked


def _check_edges(lower: Any, upper: Any) -> None:
    """Refuse a uniform prior that has no width, or none that a double holds."""
    given = f"lower={_formatted(lower)}, upper={_formatted(upper)}"
    if not np.all(np.less(lower, upper)):
        raise PriorError(f"Uniform: lower must be below upper, and {given} is not.")
    with np.errstate(over="ignore"):
        if not np.all(np.isfinite(np.subtract(upper, lower))):
            raise PriorError(f"Uniform: upper - lower must be a finite number, and of {given} it is not. Write Flat().")


def _checked_value(name: str, parameter: ParameterRule, value: Any) -> Any:
    """Return one parameter's value as a float or a read-only 1-d array, or as the prior of a deviation."""
    if type(value) is float and math.isfinite(value) and not (parameter.positive and value <= 0):
        return value
    where = f"{name}: {parameter.name}"
    if isinstance(value, Prior):
        if (name, parameter.name) == ("Normal", "sigma") and value.is_positive and value.hyperprior is None:
            return value
        raise PriorError(
            f"{where} is itself a prior ({value}). Only the sigma of Normal may be one, of positive values, for a "
            "group-specific term: Normal(0, sigma=HalfNormal(1))."
        )
    if isinstance(value, (list, tuple)) and any(isinstance(item, (bool, np.bool_)) for item in value):
        raise DataTypeError(f"{where} must be a number, and not {_shown(value)}.")
    try:
        array = np.asarray(value)
    except ValueError as error:  # a ragged list
        raise DataTypeError(f"{where} must be a number or a list of numbers, and not {_shown(value)}.") from error
    if array.dtype.kind not in "iuf":
        raise DataTypeError(f"{where} must be a number or a list of numbers, and not {_shown(value)}.")
    if array.ndim > 1 or array.size == 0:
        raise PriorError(f"{where} must be one number, or one per column of the term, and has shape {array.shape}.")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise PriorError(f"{where} must be finite, and is {_formatted(array)}.")
    if parameter.positive and not np.all(array > 0):
        raise PriorError(f"{where} must be positive, and is {_formatted(array)}.")
    array.setflags(write=False)
    return array if array.ndim else float(array)


def _unknown_parameter(name: str, key: str, given: Mapping[str, Any]) -> str:
    """Say which parameters a distribution has, and how to write PyMC's alternative ones."""
    instead = distribution(name).instead.get(key)
    if instead:
        return f"{name} takes {_signature(name)}, and not {key!r}: write {instead}{_worked_out(instead, given)}."
    names = tuple(parameter.name for parameter in distribution(name).parameters)
    return f"{name} has no parameter {key!r}: write {_signature(name)}.{suggest(key, names)}"


def _worked_out(instead: str, given: Mapping[str, Any]) -> str:
    """Return ", that is sigma=0.5" where the alternative parameter is one positive number."""
    target, _, source = instead.partition("=")
    rules = {"1/sqrt(tau)": ("tau", -0.5), "1/sqrt(lam)": ("lam", -0.5), "1/scale": ("scale", -1.0)}
    key, power = rules.get(source, (source, 1.0))
    value = given.get(key)
    if power == 1 and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f", that is {target}={value:.6g}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        return ""
    return f", that is {target}={value**power:.6g}"


def _signature(name: str) -> str:
    """Write a distribution as it is called, e.g. "StudentT(nu, mu=0, sigma=1)"."""
    written = [p.name if p.default is None else f"{p.name}={p.default:g}" for p in distribution(name).parameters]
    return f"{name}({', '.join(written)})"


def _shown(value: object) -> str:
    """Write a refused value and its type, cut to a length that fits a message."""
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"


def _formatted(value: float | FloatArray | Prior) -> str:
    """Write a value as bambi does, with four decimals, but small values with four digits so that none becomes 0."""
    if isinstance(value, Prior):
        return repr(value)
    array = np.asarray(value)
    if array.ndim == 0:
        number = float(array)
        plain = number == 0 or 0.1 <= abs(number) < 1e6
        return repr(round(number, 4)) if plain else f"{number:.4g}"
    items = [_formatted(item) for item in array.tolist()]
    if len(items) > 10:
        items = [*items[:4], "...", items[-1]]
    return f"[{', '.join(items)}]"
