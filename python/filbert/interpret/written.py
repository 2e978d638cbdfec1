"""Predictions of rows that do not fit into memory, written part by part."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from ..data.columns import ColumnKind
from ..data.streams import frames_of, named_origin
from ..errors import DataError, SettingError
from ..regression.regression import stated_by_formula
from ..sampling.settings import checked_seed
from ..storage.atomic import replacing
from ..storage.signed import shown_path
from .prediction import predictions

if TYPE_CHECKING:
    import os

    from .view import Probabilities, Transforms

__all__ = ["write_predictions"]

ROW = "row"
_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz")


def write_predictions(
    path: str | os.PathLike[str],
    model: Any,
    idata: Any,
    data: Any,
    *,
    target: str = "mean",
    use_hdi: bool = True,
    prob: Probabilities = 0.94,
    transforms: Transforms = None,
    new_groups: str = "error",
    scale: str = "response",
    random_seed: int | np.random.Generator | None = None,
) -> int:
    """Predict rows a part at a time, and write what `predictions` says of each to a file.

    Memory holds one part, whatever the number of rows. The file is whole or not there.

    Parameters
    ----------
    path : str or path-like
        ``.parquet`` (needs pyarrow), ``.csv`` or ``.csv.gz``.
    model : Model
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    data : table
        What `Model` takes, or `filbert.stream`.
    target, use_hdi, prob, transforms, new_groups, scale
        As in `predictions`.
    random_seed : int or numpy.random.Generator, optional
        For the noise of the response. A row's numbers depend on the seed and on its number, not on the parts.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message; errors about a value say which part of the rows it is in.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> fb.write_predictions("risk.parquet", model, idata, fb.stream("customers-*.parquet"))
    """
    design = stated_by_formula(model)[1]
    write_part = _writer(Path(shown_path(path)))
    seed = checked_seed(random_seed)
    names = {*design.kinds, *(() if design.trials is None else design.trials.columns)}
    n_read, n_written = 0, 0
    with replacing(path) as file, write_part(file) as write:
        for part in frames_of(data, names):
            frame = part.frame.set_axis(pd.RangeIndex(n_read, n_read + len(part.frame)))
            n_read += len(frame)
            if not len(frame):
                continue
            with named_origin(part.origin):
                table = predictions(
                    model,
                    idata,
                    data=frame,
                    target=target,
                    use_hdi=use_hdi,
                    prob=prob,
                    transforms=transforms,
                    new_groups=new_groups,
                    scale=scale,
                    random_seed=seed,
                )
            if ROW in table.columns:
                raise DataError(f"A predictor is called {ROW!r}, as the numbers of the rows are. Rename it.")
            with named_origin(part.origin):
                write(_as_fitted(pd.DataFrame(table), design.kinds).rename_axis(ROW).reset_index())
            n_written += len(table)
        if not n_read:
            raise DataError("The data have no rows to predict.")
    return n_written


def _as_fitted(table: pd.DataFrame, kinds: Mapping[str, ColumnKind]) -> pd.DataFrame:
    """Give numbers the type of the fitted rows, lest a part with whole numbers alone be of another than the next."""
    fitted = {"float": np.float64, "int": np.int64}
    types = {
        name: fitted[kind.kind]
        for name, kind in kinds.items()
        if name in table.columns and kind.kind in fitted and table[name].dtype.kind in "biu"
    }
    return table.astype(types)


Write = Callable[[pd.DataFrame], None]


def _writer(path: Path) -> Callable[[IO[bytes]], AbstractContextManager[Write]]:
    """Return what makes a function of tables, with which a file is written until the block ends."""
    name = path.name.lower()
    if name.endswith(_PARQUET):
        return _parquet
    if name.endswith(_CSV):
        return _csv if name.endswith(".csv") else _compressed_csv
    raise SettingError(f"Predictions are written to {', '.join([*_PARQUET, *_CSV])} files, not to {path.name}.")


@contextmanager
def _parquet(file: IO[bytes]) -> Iterator[Write]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise SettingError("Writing Parquet needs pyarrow: pip install 'filbert[arrow]'.") from None
    writer: Any = None

    def write(table: pd.DataFrame) -> None:
        nonlocal writer
        schema = None if writer is None else writer.schema
        try:
            rows = pa.Table.from_pandas(table, schema=schema, preserve_index=False).replace_schema_metadata()
        except pa.ArrowInvalid as error:
            raise DataError(f"{error.args[-1]}: the rows before have another type. Convert the data.") from None
        writer = writer or pq.ParquetWriter(file, rows.schema)
        writer.write_table(rows)

    try:
        yield write
        if writer is not None:
            writer.close()
    finally:
        if writer is not None:
            writer.is_open = False  # or what failed would be ended when it is collected, in a file that is closed


@contextmanager
def _csv(file: IO[bytes]) -> Iterator[Write]:
    is_first = True

    def write(table: pd.DataFrame) -> None:
        nonlocal is_first
        file.write(table.to_csv(index=False, header=is_first).encode())
        is_first = False

    yield write


@contextmanager
def _compressed_csv(file: IO[bytes]) -> Iterator[Write]:
    with gzip.GzipFile(fileobj=file, mode="wb") as compressed, _csv(cast("IO[bytes]", compressed)) as write:
        yield write
