"""Adds draws of the mean response and of the response to a fit, for the fitted rows or for new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import DataError, DataTypeError, FormulaError, SettingError, count
from ..regression.names import MEAN, OBSERVATIONS, SAMPLES, stored_name
from ..results import container as inference_data
from . import means as predictive

if TYPE_CHECKING:
    import pandas as pd

    from ..data.blocks import Source
    from ..model import Model
    from .means import FloatArray

_KINDS = ("response_params", "response")
_OLD_KINDS = {"mean": "response_params", "pps": "response"}  # bambi's names before 0.14


def predict(model: Model, idata: Any, kind: str, data: pd.DataFrame | None, inplace: bool, random_seed: Any) -> Any:
    """Do what `Model.predict` says."""
    _check_kind(kind)
    seed = predictive.noise_seed(random_seed)
    design = model.design
    coefficients, sigma = predictive.coefficient_draws(idata, design)
    rows = predictive.fitted_rows(design) if data is None else design.new_rows(data)
    response = stored_name(design.response) if kind == "response" else None
    _check_names(idata, response, data is None)
    shape = predictive.sample_shape(idata)
    drawn = row_draws(rows, coefficients, design.has_intercept, shape, sigma if response else None, seed)
    mean, *responses = [((*SAMPLES, OBSERVATIONS), draws) for draws in drawn]
    posterior = inference_data.group(idata, "posterior")
    assert posterior is not None
    places = {OBSERVATIONS: np.arange(rows.n_rows)}
    coordinates = {**inference_data.sample_labels(posterior), **places}
    common = inference_data.common_attributes()
    named = {response: responses[0]} if response else {}
    if data is not None:
        groups = {
            "predictions": xr.Dataset({MEAN: mean, **named}, coordinates, common),
            "predictions_constant_data": inference_data.by_row(rows.constant_data(), places, common),
        }
    else:
        parameters = posterior.drop_vars([MEAN, OBSERVATIONS], errors="ignore")
        groups = {"posterior": parameters.assign({MEAN: mean}).assign_coords(places)}
        if named:
            groups["posterior_predictive"] = xr.Dataset(named, coordinates, common)
    return with_groups(idata, groups, inplace)


def row_draws(
    rows: Source,
    coefficients: FloatArray,
    has_intercept: bool,
    shape: tuple[int, int],
    sigma: FloatArray | None,
    seed: int,
) -> list[FloatArray]:
    """Return draws of each row's mean, and of its response if `sigma` is given, (chains, draws, rows)."""
    arrays = new_arrays(1 if sigma is None else 2, shape, rows.n_rows)
    flat = [array.reshape(-1, rows.n_rows) for array in arrays]
    responses = None if sigma is None else flat[1]
    predictive.all_draws(rows, coefficients, has_intercept, flat[0], sigma=sigma, seed=seed, responses=responses)
    return arrays


def new_arrays(number: int, shape: tuple[int, int], n_rows: int) -> list[FloatArray]:
    """Return arrays (chains, draws, rows) to fill, or refuse if they would not fit into memory."""
    chains, draws = shape
    needed = 8 * number * chains * draws * n_rows
    available = _available_memory()
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
        inference_data.set_group(target, name, group)
    return None if inplace else target


def _shallow_copy(idata: Any) -> Any:
    if isinstance(idata, xr.DataTree):
        return idata.copy()
    copied = inference_data.container({name: idata[name] for name in idata.groups()})
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


def _check_names(idata: Any, response: str | None, fitted: bool) -> None:
    """Refuse a term or response that has the name of the mean, where the two would share a group."""
    posterior = inference_data.group(idata, "posterior")
    is_parameter = fitted and posterior is not None and MEAN in posterior and OBSERVATIONS not in posterior[MEAN].dims
    if is_parameter or (response == MEAN and not fitted):
        raise FormulaError(
            f"The mean response is stored as {MEAN!r}, and so is a {'term' if is_parameter else 'response'} of the "
            "model: rename that column."
        )


def _available_memory() -> int | None:
    """Return the free bytes of this machine, where it tells them."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    lines = (line.split() for line in info.read_text(encoding="ascii").splitlines())
    return next((1024 * int(words[1]) for words in lines if words[0] == "MemAvailable:"), None)


def _too_large(needed: int, available: str, n_rows: int, n_draws: int) -> DataError:
    return DataError(
        f"Draws of {count(n_rows, 'row')} ({n_draws} each) take {needed / 1e9:.2g} GB{available}. Use fb.predictions, "
        "which gives each row's mean and interval without keeping its draws, fewer rows, or fewer draws "
        "(idata.isel(draw=slice(None, None, 10)))."
    )
