"""Reads a data frame from files, CSV, Parquet or Feather, or from standard input."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import DataError, quote_names
from .locations import is_address, matches, opened, size_of
from .tables import from_arrow, settled

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column_names", "file_names", "is_larger_than", "read_files", "read_in_parts", "read_table"]

PARQUET_SUFFIXES = (".parquet", ".pq")
FEATHER_SUFFIXES = (".feather", ".arrow", ".ipc")
TAB_SUFFIXES = (".tsv", ".tab")
_NUMBER_BYTES = 8
_BUFFER_BYTES = 1 << 17
_DENSEST = 64  # of a Parquet file's numbers in memory to their bytes on disk, beyond which its size says too little


def read_table(path: str, standard_input: BinaryIO | None = None, separator: str | None = None) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str
        A Parquet file (``.parquet``, ``.pq``), a Feather or Arrow file (``.feather``, ``.arrow``, ``.ipc``; both need
        pyarrow), a tab-separated one (``.tsv``, ``.tab``), or else CSV, which may be compressed (``.csv.gz``). ``"-"``
        reads CSV from `standard_input`. A pattern such as ``"sales-*.parquet"`` stands for all files that it matches.
        Addresses such as ``s3://bucket/rows.parquet`` are read through fsspec.
    standard_input : binary file, optional
    separator : str, optional
        The character between columns; by default a comma, or a tab in tab-separated files.

    Raises
    ------
    DataError
        If the file cannot be read, is empty, or has two columns of one name.
    """
    if path == "-" and standard_input is not None:
        return _read_csv(io.BytesIO(standard_input.read()), "standard input", separator or ",")
    paths = file_names(path)
    return _read(paths[0], None, separator) if len(paths) == 1 else read_files(paths, None, separator)


def file_names(source: Any) -> list[str]:
    """Return the files that a path, a pattern or a list of them stands for, those of a pattern in the order of names.

    Raises
    ------
    DataError
        If a pattern matches no file.
    """
    if isinstance(source, (list, tuple)):
        return [name for part in source for name in file_names(part)]
    return matches(os.fspath(source))


def column_names(paths: Sequence[str]) -> list[str]:
    """Return the names of a table's columns, from the first of its files."""
    suffix = Path(paths[0]).suffix.lower()
    if suffix in (*PARQUET_SUFFIXES, *FEATHER_SUFFIXES):
        return list(_schema(paths[0]).names)
    return _read_csv(paths[0], paths[0], _separator_of(suffix), rows=0).columns.to_list()


def _schema(path: str) -> Any:
    if _kind(path) == "Parquet":
        return _arrow(path, lambda: _module("pyarrow.parquet").read_schema(opened(path)))
    return _arrow(path, lambda: _module("pyarrow.ipc").open_file(opened(path)).schema)


def read_files(paths: Sequence[str], names: Collection[str] | None, separator: str | None = None) -> pd.DataFrame:
    """Read the rows of several files, one after the other, as one table.

    Parameters
    ----------
    paths : sequence of str
        As `read_table` takes them, each for itself.
    names : collection of str, or None
        The columns to read, of which those that no file has are left out; all of them by default.
    separator : str, optional

    Raises
    ------
    DataError
        If a file cannot be read, or lacks a column that another has.
    """
    import pandas as pd

    frames = [_read(path, names, separator) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        lacking = [name for name in frames[0].columns if name not in frame.columns]
        further = [name for name in frame.columns if name not in frames[0].columns]
        if lacking or further:
            one, other = (path, paths[0]) if lacking else (paths[0], path)
            raise DataError(f"{one} lacks {quote_names(lacking or further)}, which {other} has.")
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def is_larger_than(paths: Sequence[str], most: int) -> bool:
    """Tell whether the numbers in files take more than so many bytes, as far as can be said without reading them."""
    total = 0
    for path in paths:
        size = size_of(path)
        if Path(path).suffix.lower() in PARQUET_SUFFIXES and size > most // _DENSEST:
            metadata = _arrow(path, lambda path=path: _module("pyarrow.parquet").read_metadata(opened(path)))  # type: ignore[misc]
            size = metadata.num_rows * metadata.num_columns * _NUMBER_BYTES
        total += size
    return total > most


def read_in_parts(path: str, names: Sequence[str], part_rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of one file, at most `part_rows` at a time, with where they are from.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix in PARQUET_SUFFIXES:
        yield from _parquet_parts(path, names, part_rows)
    elif suffix in FEATHER_SUFFIXES:
        yield from _feather_parts(path, names, part_rows)
    else:
        yield from _csv_parts(path, names, part_rows)


def _parquet_parts(path: str, names: Sequence[str], part_rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
    first = 0
    options = {
        "pre_buffer": False,
        "page_checksum_verification": True,
        # What was read stays in the processor's cache until it is decoded; each request to another machine costs more.
        "buffer_size": 0 if is_address(path) else _BUFFER_BYTES,
    }
    file = _arrow(path, lambda: _module("pyarrow.parquet").ParquetFile(opened(path), **options))
    with file:
        _check_names(path, file.schema_arrow.names, names)
        for group in range(file.num_row_groups):
            batches = file.iter_batches(part_rows, row_groups=[group], columns=list(names))
            while (batch := _arrow(path, lambda batches=batches: next(batches, None))) is not None:  # type: ignore[misc]
                yield f"{path}, row group {group}", _numbered(batch, first)
                first += batch.num_rows


def _check_names(path: str, names: Sequence[str], wanted: Collection[str]) -> None:
    """Refuse names that more than one column has."""
    if twice := sorted({name for name in wanted if names.count(name) > 1}):
        raise DataError(f"{path} has more than one column named {quote_names(twice)}. Give each its own name.")


def _feather_parts(path: str, names: Sequence[str], part_rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
    first = 0
    with _arrow(path, lambda: opened(path) if is_address(path) else _module("pyarrow").memory_map(path)) as source:
        file = _arrow(path, lambda: _module("pyarrow.ipc").open_file(source))
        _check_names(path, file.schema.names, names)
        for number in range(file.num_record_batches):
            batch = _arrow(path, lambda number=number: file.get_batch(number).select(list(names)))  # type: ignore[misc]
            for start in range(0, batch.num_rows, part_rows):
                piece = batch.slice(start, part_rows)
                yield f"{path}, record batch {number}", _numbered(piece, first)
                first += piece.num_rows


def _numbered(batch: Any, first: int) -> pd.DataFrame:
    """Return a batch as pandas reads whole files, with the numbers of its rows as index."""
    import pandas as pd

    index = pd.RangeIndex(first, first + batch.num_rows)
    if all(_is_plain(column) for column in batch.columns):
        # Without a copy, which pandas' own conversion makes to put columns side by side.
        arrays = [column.to_numpy(zero_copy_only=True) for column in batch.columns]
        return pd.DataFrame(dict(zip(batch.schema.names, arrays, strict=True)), index=index, copy=False)
    frame = from_arrow(_module("pyarrow").Table.from_batches([batch]))
    frame.index = index
    return frame


def _is_plain(column: Any) -> bool:
    types = _module("pyarrow").types
    return not column.null_count and (types.is_floating(column.type) or types.is_integer(column.type))


def _csv_parts(path: str, names: Sequence[str], part_rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
    import pandas as pd

    separator = _separator_of(Path(path).suffix.lower())
    _read_csv(path, path, separator, rows=0)  # says what is wrong with the header
    with (
        _csv_errors(path),
        pd.read_csv(path, sep=separator, usecols=list(names) or None, chunksize=part_rows) as chunks,
    ):
        for chunk in chunks:
            yield path, chunk[list(names)]


def _read(path: str, names: Collection[str] | None, separator: str | None) -> pd.DataFrame:
    suffix = Path(path).suffix.lower()
    if suffix in (*PARQUET_SUFFIXES, *FEATHER_SUFFIXES):
        if separator is not None:
            raise DataError(f"{path} is a {_kind(path)} file, which has no separator {separator!r}: leave that out.")
        return _read_columnar(path, names)
    frame = _read_csv(path, path, separator or _separator_of(suffix))
    return frame if names is None else frame[[name for name in frame.columns if name in names]]


def _read_columnar(path: str, names: Collection[str] | None) -> pd.DataFrame:
    import pandas as pd

    schema = _schema(path)
    chosen = schema.names if names is None else [name for name in schema.names if name in names]
    _check_names(path, schema.names, chosen)
    reader = pd.read_parquet if _kind(path) == "Parquet" else pd.read_feather
    frame: pd.DataFrame = _arrow(path, lambda: reader(path, columns=None if names is None else chosen))
    for place, name in enumerate(frame.index.names):  # what pandas wrote as labels of rows is a column all the same
        if name in chosen:
            frame[name] = frame.index.get_level_values(place)
    return settled(frame, schema)


def _kind(path: str) -> str:
    return "Parquet" if Path(path).suffix.lower() in PARQUET_SUFFIXES else "Feather"


def _separator_of(suffix: str) -> str:
    return "\t" if suffix in TAB_SUFFIXES else ","


def _read_csv(source: Any, name: str, separator: str, rows: int | None = None) -> pd.DataFrame:
    import pandas as pd

    with _csv_errors(name):
        header = pd.read_csv(source, sep=separator, header=None, nrows=1, dtype=str).iloc[0].dropna()
        # pandas would rename a second 'x' to 'x.1' without a word.
        twice = header[header.duplicated()].unique()
        if len(twice):
            raise DataError(f"{name} has more than one column named {quote_names(twice)}. Give each its own name.")
        if isinstance(source, io.BytesIO):
            source.seek(0)
        return pd.read_csv(source, sep=separator, nrows=rows)


@contextlib.contextmanager
def _csv_errors(name: str) -> Iterator[None]:
    """Say what is wrong with a file of CSV."""
    import pandas as pd

    try:
        yield
    except DataError:
        raise
    except pd.errors.EmptyDataError:
        raise DataError(f"{name} is empty.") from None
    except FileNotFoundError:
        raise DataError(f"There is no file {name}.") from None
    except (OSError, ValueError, EOFError) as error:  # parser and Unicode errors are ValueErrors
        raise DataError(f"{name} cannot be read as CSV: {_first_line(error)}") from error


def _arrow(path: str, read: Callable[[], Any]) -> Any:
    """Read something of a file by pyarrow, and say what is wrong with it."""
    if importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"Reading {path} needs pyarrow: pip install 'filbert[arrow]'.") from None
    try:
        return read()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:  # pyarrow's own are subclasses of these
        raise DataError(f"{path} cannot be read as {_kind(path)}: {_first_line(error)}") from error


def _module(name: str) -> Any:
    """Import a heavy library when it is first needed."""
    return importlib.import_module(name)


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{text.strip().splitlines()[0].removesuffix('.')}." if text.strip() else f"{type(error).__name__}."
