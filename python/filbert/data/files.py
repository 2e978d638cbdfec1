"""Reads a data frame from a CSV or Parquet file, or from standard input."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import DataError, quote_names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_table"]

PARQUET_SUFFIXES = (".parquet", ".pq")
TAB_SUFFIXES = (".tsv", ".tab")


def read_table(path: str, standard_input: BinaryIO | None = None, separator: str | None = None) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str
        A Parquet file (``.parquet``, ``.pq``; needs pyarrow), a tab-separated one (``.tsv``, ``.tab``), or else CSV,
        which may be compressed (``.csv.gz``). ``"-"`` reads CSV from `standard_input`.
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
    suffix = Path(path).suffix.lower()
    if suffix in PARQUET_SUFFIXES:
        if separator is not None:
            raise DataError(f"{path} is a Parquet file, which has no separator {separator!r}: leave that out.")
        return _read_parquet(path)
    return _read_csv(path, path, separator or ("\t" if suffix in TAB_SUFFIXES else ","))


def _read_csv(source: Any, name: str, separator: str) -> pd.DataFrame:
    import pandas as pd

    try:
        header = pd.read_csv(source, sep=separator, header=None, nrows=1, dtype=str).iloc[0].dropna()
        # pandas would rename a second 'x' to 'x.1' without a word.
        twice = header[header.duplicated()].unique()
        if len(twice):
            raise DataError(f"{name} has more than one column named {quote_names(twice)}. Give each its own name.")
        if isinstance(source, io.BytesIO):
            source.seek(0)
        return pd.read_csv(source, sep=separator)
    except DataError:
        raise
    except pd.errors.EmptyDataError:
        raise DataError(f"{name} is empty.") from None
    except FileNotFoundError:
        raise DataError(f"There is no file {name}.") from None
    except (OSError, ValueError, EOFError) as error:  # parser and Unicode errors are ValueErrors
        raise DataError(f"{name} cannot be read as CSV: {_first_line(error)}") from error


def _read_parquet(path: str) -> pd.DataFrame:
    if importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"Reading {path} needs pyarrow: pip install 'filbert[parquet]'.") from None
    import pandas as pd

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:  # pyarrow's own are subclasses of these
        raise DataError(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{text.strip().splitlines()[0].removesuffix('.')}." if text.strip() else f"{type(error).__name__}."
