"""Adds draws of the mean response and of the response to a fit, for the fitted rows or for new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import DataError, DataTypeError, FormulaError, SettingError, count
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..results import container
from ..results.draws import Draws
from ..sampling.memory import available_memory
from . import rowwise
from .group_effects import with_new_groups, without_groups
from .rowwise import FloatArray

if TYPE_CHECKING:
    from ..data.blocks import Source
    from ..regression.regression import Regression

_KINDS = ("response_params", "response")
_OLD_KINDS = {"mean": "response_params", "pps": "response"}  # bambi's names before 0.14


def predict(
    regression: Regression,
    idata: Any,
    kind: str,
    data: Any,
    inplace: bool,
    random_seed: Any,
    group_effects: bool = True,
    new_groups: str = "error",
) -> Any:
    """Do what `Model.predict` says."""
    _check_kind(kind)
    seed = rowwise.noise_seed(random_seed)
    draws = Draws.read(idata, regression)
    if not group_effects:
        draws = without_groups(draws)
    is_drawn = kind == "response"
    if data is None:
        rows = rowwise.fitted_rows(regression)
    else:
        rows = rowwise.new_rows(regression, data, is_drawn, group_effects)
        draws = with_new_groups(draws, regression, rows.unseen, new_groups, seed)
    parent, response = regression.family.parent, stored_name(regression.response) if is_drawn else None
    _check_names(idata, parent, response, data is None)
    drawn = row_draws(rows, regression, draws, seed if response else None)
    mean, *responses = [((*SAMPLES, OBSERVATIONS), values) for values in drawn]
    posterior = container.group(idata, "posterior")
    assert posterior is not None
    places = {OBSERVATIONS: np.arange(rows.n_rows)}
    coordinates = {**container.sample_labels(posterior), **places}
    common = container.common_attributes()
    named = {response: responses[0]} if response else {}
    if data is not None:
        groups = {
            "predictions": xr.Dataset({parent: mean, **named}, coordinates, common),
            "predictions_constant_data": container.by_row(rows.constant_data(), places, common),
        }
    else:
        parameters = posterior.drop_vars([parent, OBSERVATIONS], errors="ignore")
        groups = {"posterior": parameters.assign({parent: mean}).assign_coords(places)}
        if named:
            groups["posterior_predictive"] = xr.Dataset(named, coordinates, common)
    return with_groups(idata, groups, inplace)


def row_draws(rows: Source, regression: Regression, draws: Draws, seed: int | None) -> list[Any]:
    """Return draws of each row's mean, and of its response if there is a seed, (chains, draws, rows).

    Counts are integers, unless some are too large for a double to be exact.
    """
    arrays = new_arrays(1 if seed is None else 2, draws.shape, rows.n_rows)
    flat = [array.reshape(-1, rows.n_rows) for array in arrays]
    rowwise.all_draws(rows, regression, draws, flat[0], None if seed is None else flat[1], seed or 0)
    if seed is not None:
        arrays[1] = container.as_observed(regression.family, arrays[1])
    return arrays


def new_arrays(number: int, shape: tuple[int, int], n_rows: int) -> list[FloatArray]:
    """Return arrays (chains, draws, rows) to fill, or refuse if they would not fit into memory."""
    chains, draws = shape
    needed = 8 * number * chains * draws * n_rows
    available = available_memory()
    if available is not None and needed > available:
        raise _too_large(needed, f", and {available / 1e9:.2g} GB are free", n_rows, chains * draws)
    try:
        return [np.empty((chains, draws, n_rows)) for _ in range(number)]
    except MemoryError:
        raise _too_large(needed, "", n_rows, chains * draws) from None


def with_groups(idata: Any, groups: dict[str, xr.Dataset], inplace: bool) -> Any:
    """Add groups to a container, or to a new one that shares the other groups; return the new one or None."""
    target = idata if inplace else _shallow_copy(idata)
    for name, group in groups.items():
        container.set_group(target, name, group)
    return None if inplace else target


def _shallow_copy(idata: Any) -> Any:
    if isinstance(idata, xr.DataTree):
        return idata.copy()
    copied = container.container({name: idata[name] for name in idata.groups()})
    copied.attrs.update(idata.attrs)
    return copied


def _check_kind(kind: Any) -> None:
    if not isinstance(kind, str):
        raise DataTypeError(f"kind must be 'response_params' or 'response', not {kind!r} ({type(kind).__name__}).")
    if kind not in _KINDS:
        renamed = f" {kind!r} is now called {_OLD_KINDS[kind]!r}." if kind in _OLD_KINDS else ""
        raise SettingError(
            f"kind must be 'response_params' (the mean response) or 'response' (draws of the response), not {kind!r}."
            + renamed
        )


def _check_names(idata: Any, parent: str, response: str | None, fitted: bool) -> None:
    """Refuse a term or response that has the name of the family's parent, where the two would share a group."""
    posterior = container.group(idata, "posterior")
    is_parameter = (
        fitted and posterior is not None and parent in posterior and OBSERVATIONS not in posterior[parent].dims
    )
    if is_parameter or (response == parent and not fitted):
        raise FormulaError(
            f"The mean response is stored as {parent!r}, and so is a {'term' if is_parameter else 'response'} of the "
            "model: rename that column."
        )


def _too_large(needed: int, available: str, n_rows: int, n_draws: int) -> DataError:
    return DataError(
        f"Draws of {count(n_rows, 'row')} ({n_draws} each) take {needed / 1e9:.2g} GB{available}. Use fb.predictions, "
        "which gives each row's mean and interval without keeping its draws, fewer rows, or fewer draws "
        "(idata.isel(draw=slice(None, None, 10)))."
    )
