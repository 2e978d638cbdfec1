"""Draws of parameters that vary by group: engines draw effects, results have the parameters as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..regression.names import SAMPLES, stored_name
from .affine import FloatArray
from .correlated import Cholesky, matrices, packed_factors
from .effects import Effects
from .grouping import effect_name

if TYPE_CHECKING:
    import xarray as xr

    from .model import Model


def as_written(model: Model, drawn: xr.Dataset) -> xr.Dataset:
    """Return draws with parameters in the place of their effects, all in the order in which they were written.

    ``mean + effect`` of a parameter with a deviation in its prior, and ``effect / deviation`` of one that is multiplied
    by its deviation.
    """
    if model.regression.groups is None:
        return drawn
    labelled = {name: drawn[stored_name(name)] for name in model.parameters if stored_name(name) in drawn}
    values = {name: _flat(array) for name, array in labelled.items()}
    for name, entry in model.parameters.items():  # means have only what was written before
        stored = stored_name(effect_name(name))
        if stored not in drawn:
            continue
        effects = model.effects.get(name)
        flat = _flat(drawn[stored])
        values[name] = flat / _deviations(model, name, values) if effects is None else _means(effects, values) + flat
        labelled[name] = drawn[stored].copy(data=values[name].reshape(drawn[stored].shape))
        assert values[name].shape[1:] == entry.value.shape
    variables: dict[str, Any] = {stored_name(name): labelled[name] for name in model.parameters}
    for chol in model.choleskies.values():
        if stored_name(chol.pairs) in drawn:
            variables |= _matrices(chol, drawn[stored_name(chol.pairs)], values[chol.deviations])
    return _dataset(drawn, variables)


def as_drawn(model: Model, written: xr.Dataset) -> xr.Dataset:
    """Return draws with effects in the place of parameters, which `as_written` undoes."""
    if model.regression.groups is None:
        return written
    values = {name: _flat(written[stored_name(name)]) for name in model.parameters if stored_name(name) in written}
    variables: dict[str, Any] = {str(name): array for name, array in written.data_vars.items()}
    for parameter in model.regression.effects:
        name = parameter.name.removesuffix(effect_name(""))
        if name not in values:
            continue
        array = variables.pop(stored_name(name))
        effects = model.effects.get(name)
        moved = (
            values[name] * _deviations(model, name, values)
            if effects is None
            else values[name] - _means(effects, values)
        )
        ordered = array.transpose(*SAMPLES, ...)
        variables[stored_name(parameter.name)] = ordered.copy(data=moved.reshape(ordered.shape))
    for chol in model.choleskies.values():
        if stored_name(chol.correlations) in variables:
            variables.pop(stored_name(chol.name), None)
            whole = variables.pop(stored_name(chol.correlations)).transpose(*SAMPLES, ...)
            pairs = whole.to_numpy()[..., *np.triu_indices(chol.n, 1)]
            variables[stored_name(chol.pairs)] = ((*SAMPLES, stored_name(f"{chol.pairs}_dim")), pairs)
    return _dataset(written, variables)


def _matrices(chol: Cholesky, pairs: xr.DataArray, deviations: FloatArray) -> dict[str, Any]:
    """Return the matrix of correlations and the packed factor of the covariance, under PyMC's names."""
    correlations = matrices(_flat(pairs), chol.n)
    found = {chol.name: packed_factors(correlations, deviations), chol.correlations: correlations}
    variables = {}
    for name, flat in found.items():
        stored = stored_name(name)
        dims = (*SAMPLES, *(f"{stored}_dim_{axis}" for axis in range(flat.ndim - 1)))
        variables[stored] = (dims, flat.reshape(pairs.sizes["chain"], pairs.sizes["draw"], *flat.shape[1:]))
    return variables


def _flat(array: xr.DataArray) -> FloatArray:
    """Return draws (draws, ...), those of one chain after those of the other."""
    ordered = array.transpose(*SAMPLES, ...)
    return np.asarray(ordered, dtype=np.float64).reshape(-1, *ordered.shape[2:])


def _means(effects: Effects, values: dict[str, FloatArray]) -> FloatArray:
    return effects.mean.values(values)


def _deviations(model: Model, name: str, values: dict[str, FloatArray]) -> FloatArray:
    """Return draws of the deviation that multiplies each element of a parameter."""
    shape = model.parameters[name].value.shape
    size = int(np.prod(shape))
    found = np.empty((len(next(iter(values.values()))), size))
    for column in model.grouping.columns if model.grouping is not None else ():
        if column.name == name:
            assert isinstance(column.deviation, tuple)
            deviation, place = column.deviation
            found[:, column.elements] = values[deviation].reshape(len(found), -1)[:, place, None]
    return found.reshape(-1, *shape)


def _dataset(like: xr.Dataset, variables: dict[str, Any]) -> xr.Dataset:
    """Return a group with other variables, and the coordinates and attributes of the first."""
    import xarray as xr

    return xr.Dataset(variables, like.coords, dict(like.attrs))
