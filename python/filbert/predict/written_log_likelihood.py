"""Log likelihoods of more rows than fit into memory, written block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..regression.regression import stated
from ..results import container
from ..results.draws import Draws
from ..storage.netcdf import filled
from . import rowwise
from .log_likelihood import likelihood_blocks

if TYPE_CHECKING:
    import os

__all__ = ["write_log_likelihood"]

_CHUNK_VALUES = 1 << 16  # that are read together


def write_log_likelihood(path: str | os.PathLike[str], model: Any, idata: Any) -> int:
    """Write the log likelihood of each fitted row at each draw to a netCDF file, a block of rows at a time.

    `Model.log_likelihood` for rows that are read in parts, or whose log likelihoods do not fit into memory: memory
    holds one block, the file 8 bytes a row and draw. The file is whole or not there.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    model : Model
        With its fitted rows, which a stream reads once more.
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned, or a selection of its draws, which makes the file smaller.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    DataError
        If the model was loaded from a file, without its rows.
    FormulaError
        If its rows could be read only once.
    SettingError, DataTypeError
        If the draws are of another model.
    OSError
        If the file cannot be written; what was there before is still there.

    Examples
    --------
    >>> fb.write_log_likelihood("rows.nc", model, idata.isel(draw=slice(None, None, 10)))
    >>> terms = xr.open_dataset("rows.nc", group="log_likelihood", chunks={"__obs__": 1000})
    """
    regression = stated(model)
    rows = rowwise.fitted_rows(regression, in_parts=True)
    draws = Draws.read(idata, regression)
    n_rows, shape = rows.n_rows, draws.shape
    labels = container.sample_labels(container.posterior_group(idata))

    def fill(file: Any) -> Iterator[None]:
        group = file.create_group("log_likelihood")
        group.attrs.update(container.common_attributes())
        group.dimensions = {**dict(zip(SAMPLES, shape, strict=True)), OBSERVATIONS: n_rows}
        for dim, label in labels.items():
            group.create_variable(dim, (dim,), data=np.asarray(label))
        group.create_variable(OBSERVATIONS, (OBSERVATIONS,), data=np.arange(n_rows))
        together = min(n_rows, max(1, _CHUNK_VALUES // (shape[0] * shape[1])))
        dims, name = (*SAMPLES, OBSERVATIONS), stored_name(regression.response)
        terms = group.create_variable(name, dims, np.float64, chunks=(*shape, together))
        for where, values in likelihood_blocks(rows, regression, draws):
            terms[:, :, where] = values.T.reshape(*shape, -1)
            yield

    filled(path, fill)
    return int(n_rows)
