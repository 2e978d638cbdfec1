"""``pm.Normal`` and the others: they add a parameter with its prior or, with ``observed=``, the likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import FormulaError, PriorError, SettingError, count, quote_names
from ..priors.prior import Prior, parameter_names
from ..priors.table import TABLE
from .affine import Affine, Function
from .correlated import Undistributed
from .effects import add_effects
from .likelihoods import LIKELIHOODS, read
from .model import Dims, Model, fits, modelcontext

_PRIOR_DOC = """Add a parameter with a {kind} prior to the model of the ``with`` block{or_likelihood}.

Parameters
----------
name : str
{parameters}dims : str or tuple of str, optional
    Names among the model's coords.
shape : int or tuple of int, optional
    By default that of the parameters above.
{observed}
Returns
-------
Affine
    The parameter, to compute with; of a likelihood its linear predictor.
"""
_OBSERVED_DOC = """observed : array, (rows,)
    What was observed: makes this the likelihood, of family {family}, such as
    ``{example}``.
"""
_LIKELIHOOD_DOC = """Add the likelihood, of family {family}, to the model of the ``with`` block.

``{example}``

Parameters
----------
name : str
{parameters}observed : array, (rows,)
    What was observed.
dims : str, optional
    The name of the rows.

Returns
-------
Affine
    The linear predictor.
"""


def distribution(kind: str) -> Callable[..., Affine]:
    """Make the function that adds a parameter with a prior of this kind, or the likelihood, to the current model."""

    def add(
        name: str,
        *values: Any,
        observed: Any = None,
        dims: Dims = None,
        shape: Any = None,
        model: Model | None = None,
        **parameters: Any,
    ) -> Affine:
        model = modelcontext(model)
        if observed is None and kind not in TABLE:
            raise FormulaError(
                f"pm.{kind}({name!r}, ...) needs observed=, because {kind} is a likelihood here and no prior. Write "
                f"{LIKELIHOODS[kind].example}; the priors are {', '.join(TABLE)}."
            )
        if observed is not None and kind not in LIKELIHOODS:
            raise FormulaError(
                f"The likelihood must be one of {', '.join(f'pm.{each}' for each in LIKELIHOODS)}, and {name!r} is "
                f"pm.{kind}."
            )
        names = parameter_names(kind) if observed is None else LIKELIHOODS[kind].names
        parameters = _with_positions(kind, name, names, values, parameters)
        if observed is not None:
            return _likelihood_of(model, kind, name, parameters, observed, dims, shape)
        if any(isinstance(value, Affine | Function) for value in parameters.values()):
            return add_effects(model, kind, name, parameters, shape, dims)
        return _parameter_of(model, kind, name, parameters, shape, dims)

    def dist(*values: Any, shape: Any = None, **parameters: Any) -> Undistributed:
        """Return the distribution without a name, as pm.LKJCholeskyCov takes it."""
        if kind not in TABLE:
            raise FormulaError(f"pm.{kind}.dist(...) is not available: {kind} is a likelihood here and no prior.")
        given = _with_positions(kind, "dist", parameter_names(kind), values, parameters)
        sizes = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        return Undistributed(Prior(kind, **given), sizes)

    add.__name__ = add.__qualname__ = kind
    add.dist = dist  # type: ignore[attr-defined]
    add.__doc__ = _documentation(kind)
    return add


def _documentation(kind: str) -> str:
    if kind not in TABLE:
        rule = LIKELIHOODS[kind]
        listed = "".join(f"{parameter} : expression, number or array\n" for parameter in rule.names)
        return _LIKELIHOOD_DOC.format(family=rule.family, example=rule.example, parameters=listed)
    listed = "".join(f"{parameter} : float or array\n" for parameter in parameter_names(kind))
    if kind not in LIKELIHOODS:
        return _PRIOR_DOC.format(kind=kind, or_likelihood="", parameters=listed, observed="")
    rule = LIKELIHOODS[kind]
    observed = _OBSERVED_DOC.format(family=rule.family, example=rule.example)
    return _PRIOR_DOC.format(kind=kind, or_likelihood=", or the likelihood", parameters=listed, observed=observed)


def _with_positions(
    kind: str, name: str, names: tuple[str, ...], values: tuple[Any, ...], parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters by name, those that were given by position among them."""
    if len(values) > len(names):
        raise PriorError(f"{kind}({name!r}, ...) takes {quote_names(names)}, and {count(len(values), 'value')} follow.")
    for parameter, value in zip(names, values, strict=False):
        if parameter in parameters:
            raise PriorError(f"{kind}({name!r}, ...): {parameter} is given twice.")
        parameters[parameter] = value
    return parameters


def _likelihood_of(
    model: Model, kind: str, name: str, parameters: Mapping[str, Any], observed: Any, dims: Dims, shape: Any
) -> Affine:
    if shape is not None and np.shape(observed) != ((shape,) if isinstance(shape, int) else tuple(shape)):
        raise SettingError(f"{name!r} has shape {shape}, and observed has shape {np.shape(observed)}.")
    return model.observe(name, read(kind, name, parameters), observed, dims)


def _parameter_of(model: Model, kind: str, name: str, parameters: Mapping[str, Any], shape: Any, dims: Dims) -> Affine:
    """Check the prior, whose arrays may have any shape that broadcasts to the parameter's."""
    values = {key: value.to_numpy() if hasattr(value, "to_numpy") else value for key, value in parameters.items()}
    arrays = {key: np.asarray(value) for key, value in values.items() if np.ndim(value) > 0}
    if not arrays:
        return model.add_parameter(name, Prior(kind, **values), shape, dims)
    given = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    wanted = model.shape_of(name, shape, dims) or given
    if not fits(given, wanted):
        raise PriorError(f"{kind}({name!r}, ...): parameters of shape {given} do not fit the shape {wanted}.")
    flat = {key: np.broadcast_to(array, wanted).ravel() for key, array in arrays.items()}
    return model.add_parameter(name, Prior(kind, **{**values, **flat}), wanted, dims)
