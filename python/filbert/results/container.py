"""Labels draws: puts arrays into the container that this Python's ArviZ reads; the only importer of arviz, xarray."""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from .. import _core
from ..errors import DataTypeError, SettingError
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.parameters import Parameter
from ..sampling.run import Run

if TYPE_CHECKING:
    from ..families.family import Family
    from ..formula.rows import Rows
    from ..regression.regression import Regression


def posterior_container(
    run: Run, parameters: Sequence[Parameter], data: Mapping[str, xr.Dataset], attributes: Mapping[str, Any]
) -> Any:
    """Build the container of a fit.

    Parameters
    ----------
    run : Run
    parameters : sequence of Parameter
        What the rows of the draws are called.
    data : mapping of str to Dataset
        Groups that hold data, such as ``observed_data``.
    attributes : mapping
        What the group ``posterior`` records beside the library's name and version.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        A DataTree with ArviZ 1, an InferenceData with ArviZ 0. Groups ``posterior``, ``sample_stats``, those of `data`,
        and ``warmup_posterior`` and ``warmup_sample_stats`` where the run kept its warm-up. See `names.stored_name` for
        variables with a division in their name.
    """
    recorded = {**common_attributes(), "sampling_time": run.seconds, **attributes}
    groups = {**_drawn("", run.sampling, parameters, recorded), **data}
    if run.warmup is not None:
        groups |= _drawn("warmup_", run.warmup, parameters, recorded)
    return container(groups)


def _drawn(
    prefix: str,
    arrays: Mapping[str, npt.NDArray[Any]],
    parameters: Sequence[Parameter],
    attributes: Mapping[str, Any],
) -> dict[str, xr.Dataset]:
    """Return the groups of the parameters and of the sampler's statistics."""
    samples = _sample_coordinates(arrays["lp"].shape)
    statistics = {name: _variable(SAMPLES, array) for name, array in arrays.items() if name != "values"}
    return {
        f"{prefix}posterior": parameters_group(arrays["values"], parameters, attributes, samples),
        f"{prefix}sample_stats": xr.Dataset(statistics, samples, dict(attributes)),
    }


def common_attributes() -> dict[str, Any]:
    """Return the attributes that every group has."""
    version = _core.__version__
    return {
        "created_at": datetime.now(UTC).isoformat(),
        "inference_library": "filbert",
        "inference_library_version": version,
        "modeling_interface": "filbert",
        "modeling_interface_version": version,
    }


def container(groups: Mapping[str, xr.Dataset]) -> Any:
    """Put groups into the container that this Python's ArviZ reads, without those that are empty."""
    filled = {name: group for name, group in groups.items() if group.data_vars}
    if _arviz_reads_datatree():
        tree = xr.DataTree()
        tree.children = {name: xr.DataTree(group) for name, group in filled.items()}  # from_dict would copy each node
        return tree
    import arviz

    return arviz.InferenceData(**filled)


def set_group(idata: Any, name: str, group: xr.Dataset) -> None:
    """Add a group to a container, or replace the one of that name."""
    if isinstance(idata, xr.DataTree):
        idata[name] = xr.DataTree(group)
        return
    if name in idata.groups():
        delattr(idata, name)
    with warnings.catch_warnings():
        # ArviZ 0 warns of groups that are not in its list.
        warnings.simplefilter("ignore", UserWarning)
        idata.add_groups({name: group})


def group(idata: Any, name: str) -> xr.Dataset | None:
    """Return a group's data, or None if the container does not have it."""
    names = idata.children if isinstance(idata, xr.DataTree) else idata.groups()
    if name not in names:
        return None
    node = idata[name]
    return node.to_dataset() if isinstance(node, xr.DataTree) else node


def posterior_group(idata: Any) -> xr.Dataset:
    """Return the posterior of a fit, or say what is wrong with what was given instead."""
    try:
        posterior = group(idata, "posterior")
    except (AttributeError, TypeError):
        raise DataTypeError(f"idata must be what Model.fit returned, not {type(idata).__name__}.") from None
    if posterior is None:
        raise SettingError("idata has no group 'posterior': it must be what Model.fit returned.")
    if not set(SAMPLES) <= set(posterior.dims):
        raise SettingError("The posterior must have the dimensions 'chain' and 'draw', as Model.fit returned it.")
    return posterior


def fitted_data(regression: Regression, rows: Rows) -> dict[str, xr.Dataset]:
    """Return the groups ``observed_data`` and ``constant_data`` of the fitted rows of a formula.

    Counts are integers, by which ArviZ's predictive checks tell that bars and not densities show them.
    """
    labels = xr.Coordinates({OBSERVATIONS: _variable((OBSERVATIONS,), np.arange(rows.n_rows))})
    common = common_attributes()
    assert rows.response_values is not None
    observed = as_observed(regression.family, rows.response_values)
    return {
        "observed_data": by_row({regression.response: observed}, labels, common),
        "constant_data": by_row(rows.constant_data(), labels, common),
    }


def as_observed(family: Family, values: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Return responses as containers hold them: counts as integers, unless they are too large to be exact."""
    are_exact = family.is_discrete and bool(values.max(initial=0) < 2**53)
    return values.astype(np.int64) if are_exact else values


def sample_labels(posterior: xr.Dataset) -> dict[str, Any]:
    """Return the labels of chains and draws that a posterior has, which thinning keeps and some libraries leave out."""
    return {dim: posterior.coords[dim] for dim in SAMPLES if dim in posterior.coords}


def _sample_coordinates(shape: Sequence[int]) -> xr.Coordinates:
    """Return labels of chains and draws, with their index, which groups share because it takes time to make."""
    return xr.Coordinates({dim: _variable((dim,), np.arange(size)) for dim, size in zip(SAMPLES, shape, strict=True)})


def _variable(dims: Sequence[str], values: npt.ArrayLike) -> xr.Variable:
    """Wrap an array as it is: to look whether it is one of Dask's, xarray would load Dask where there is one."""
    array = np.asarray(values)
    return xr.Variable(dims, array, fastpath=array.dtype.kind not in "OMm")  # those that xarray stores otherwise


def parameters_group(
    values: npt.NDArray[Any],
    parameters: Sequence[Parameter],
    attributes: Mapping[str, Any],
    samples: xr.Coordinates | None = None,
) -> xr.Dataset:
    """Return a group of the parameters, from the rows of the draws (rows, chains, draws), labelled by `samples`."""
    coordinates = _sample_coordinates(values.shape[1:]) if samples is None else samples
    labels: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    for parameter in parameters:
        dims = tuple(stored_name(dim) for dim in parameter.dims)
        for dim, own in parameter.coordinates.items():
            labels[stored_name(dim)] = _variable((stored_name(dim),), own)
        draws = np.moveaxis(_rows_of(values, parameter.rows), (-2, -1), (0, 1))
        stored[stored_name(parameter.name)] = _variable((*SAMPLES, *dims), draws)
    if labels:
        coordinates = coordinates.merge(xr.Coordinates(labels)).coords  # assign takes three times as long
    return xr.Dataset(stored, coordinates, dict(attributes))


def _rows_of(values: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Return some rows of the draws, without a copy where they follow each other: those of groups are most of all."""
    places = rows.ravel()
    if not (np.diff(places) == 1).all():
        return values[rows]
    return values[places[0] : places[-1] + 1].reshape(*rows.shape, *values.shape[1:])


def by_row(
    columns: Mapping[str, npt.NDArray[Any]], rows: Mapping[str, Any], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Return a group of columns with a value a row."""
    return xr.Dataset(
        {stored_name(name): _variable((OBSERVATIONS,), values) for name, values in columns.items()},
        rows,
        dict(attributes),
    )


@functools.cache
def _arviz_reads_datatree() -> bool:
    return int(importlib.metadata.version("arviz").partition(".")[0]) >= 1
