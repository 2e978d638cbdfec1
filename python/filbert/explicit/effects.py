"""Parameters that vary by group: those whose prior has a deviation that is a parameter, in both of their spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..errors import DataError, FormulaError, PriorError
from ..priors.prior import Prior, parameter_names
from .affine import Affine, FloatArray, Function, IntArray, Part, numbers

if TYPE_CHECKING:
    from .model import Dims, Model

_WRITTEN = (
    "What may depend on parameters is pm.Normal(name, mu, sigma=tau), where mu is affine in parameters and tau is a "
    "positive parameter, or the same as mu + tau * pm.Normal(name, 0, 1)"
)


@dataclass(frozen=True)
class Effects:
    """Elements that are normal about an affine mean: ``a ~ Normal(mean, sigma=deviation)``, one for each group.

    Attributes
    ----------
    mean : Affine
        Of the parameter's shape.
    deviation : str or None
        The parameter that is the standard deviation; None where that is known.
    place : int array of the parameter's shape
        The element of the deviation that belongs to each of them.
    known : array of the parameter's shape, or None
        The standard deviations that are known.
    said : str
        The prior as it was written.
    cholesky : str
        The matrix of which the deviation is, where the effects of a group have correlations.
    """

    mean: Affine
    deviation: str | None
    place: IntArray
    known: FloatArray | None
    said: str
    cholesky: str = ""


def add_effects(model: Model, kind: str, name: str, given: Mapping[str, Any], shape: Any, dims: Dims) -> Affine:
    """Add a parameter whose prior depends on other parameters, or refuse what no engine has.

    Raises
    ------
    FormulaError, PriorError
        About anything but a normal prior with an affine mean and one positive parameter as its deviation.
    """
    if kind != "Normal" or any(isinstance(value, Function) for value in given.values()):
        argument, value = next(entry for entry in given.items() if isinstance(entry[1], Affine | Function))
        _refuse(name, value, argument, f"of a {kind} prior" if kind != "Normal" else "no affine expression")
    for key in given:
        if key not in parameter_names(kind):
            unknown: dict[str, Any] = {key: 1.0}
            Prior(kind, **unknown)  # which says what to write instead
    mu, sigma = given.get("mu", 0.0), given.get("sigma", 1.0)
    for value in (mu, sigma):
        if isinstance(value, Affine) and value.owner is not model:
            raise FormulaError(f"The prior of {name!r} has parameters of another model. Use those of this one.")
    mean = mu if isinstance(mu, Affine) else Affine(model, (), np.zeros(()), ()) + mu
    scale: Any = sigma if isinstance(sigma, Affine) else numbers(sigma, f"{name!r}: sigma")
    try:
        own = np.broadcast_shapes(mean.shape, scale.shape)
    except ValueError:
        raise DataError(f"{name!r}: mu has shape {mean.shape} and sigma has shape {scale.shape}.") from None
    wanted = model.shape_of(name, shape, dims)
    wanted = own if wanted is None else wanted
    if len(own) > len(wanted) or any(
        size not in (1, whole) for size, whole in zip(own[::-1], wanted[::-1], strict=False)
    ):
        raise PriorError(f"Normal({name!r}, ...): parameters of shape {own} do not fit the shape {wanted}.")
    if int(np.prod(wanted)) < 2:
        _refuse(name, mu if isinstance(mu, Affine) else sigma, "mu" if isinstance(mu, Affine) else "sigma", "one value")
    deviation, place, known = _deviation(model, name, scale, wanted)
    said = f"Normal(mu: {mu if isinstance(mu, Affine) else np.asarray(mu)}, sigma: {sigma})"
    return model.add_effects(name, Effects(mean.broadcast_to(wanted), deviation, place, known, said), wanted, dims)


def product(one: Affine, other: Affine) -> Affine | None:
    """Return ``tau * z``, effects in the spelling that is not centred, or None of what is no such product.

    One factor is a positive parameter, and the other has parameters that are Normal(0, 1), without a constant.
    """
    priors: Mapping[str, Prior] = getattr(one.owner, "priors", {})
    if other.owner is not one.owner:
        return None
    if _single(one) is None or not priors[one.parts[0].parameter].is_positive:
        one, other = other, one
    scale = _single(one)
    if scale is None or scale.parameter not in priors or not priors[scale.parameter].is_positive:
        return None
    standard = Prior("Normal", mu=0.0, sigma=1.0)
    if not other.parts or np.any(other.constant != 0):
        return None
    if any(part.deviation is not None or priors.get(part.parameter) != standard for part in other.parts):
        named = next((part.parameter for part in other.parts if priors.get(part.parameter) != standard), "")
        if named in priors and not priors[named].is_positive:
            raise FormulaError(
                f"{one} * {other} multiplies two parameters. With a deviation, {one}, only parameters that are "
                f"pm.Normal(name, 0, 1) can be multiplied, and {named!r} is {priors[named]}."
            )
        return None
    shape = np.broadcast_shapes(one.shape, other.shape)
    parts = [Part(part.parameter, part.index, part.weight, scale.parameter, scale.index) for part in other.parts]
    return Affine(one.owner, shape, np.zeros(()), parts)


def _single(expression: Affine) -> Part | None:
    """Return the only part of an expression that is a parameter, or elements of one, and nothing else."""
    if len(expression.parts) != 1 or np.any(expression.constant != 0):
        return None
    (part,) = expression.parts
    is_plain = part.deviation is None and bool(np.all(part.weight == 1))
    return part if is_plain and part.parameter in getattr(expression.owner, "priors", {}) else None


def _deviation(
    model: Model, name: str, scale: Affine | FloatArray, shape: tuple[int, ...]
) -> tuple[str | None, IntArray, FloatArray | None]:
    """Return which parameter is the deviation, and which of its elements, or the numbers that it is known to be."""
    if not isinstance(scale, Affine):
        if not np.all(scale > 0):
            raise PriorError(f"The sigma of {name!r} must be positive, and is {float(scale.min()):g}.")
        return None, np.zeros(shape, dtype=np.intp), np.broadcast_to(scale, shape)
    part = _single(scale)
    if part is None:
        _refuse(name, scale, "sigma", "more than one parameter")
    prior = model.priors[part.parameter]
    if not prior.is_positive:
        raise PriorError(
            f"The prior of {name!r} depends on the parameter {scale} (sigma=), whose own prior, {prior}, allows values "
            "that are not positive. A deviation needs a prior such as pm.HalfNormal('tau', 1), pm.HalfCauchy or "
            "pm.Exponential."
        )
    return part.parameter, np.broadcast_to(part.index, shape), None


def _refuse(name: str, value: Any, argument: str, what: str) -> NoReturn:
    raise FormulaError(
        f"The prior of {name!r} depends on the parameter {value} ({argument}=), and is {what}. {_WRITTEN}, with one "
        "value for each group; other priors are independent: give a number. A likelihood needs observed=."
    )
