"""Where files are: paths of this machine, and addresses such as ``s3://bucket/rows.parquet`` that fsspec knows."""

from __future__ import annotations

import glob
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from ..errors import DataError


def is_address(path: str) -> bool:
    """Tell whether a file is somewhere else."""
    return "://" in path


def matches(path: str) -> list[str]:
    """Return the files that a path or an address stands for, those of a pattern in the order of names.

    Raises
    ------
    DataError
        If a pattern matches no file, or fsspec is not installed for an address.
    """
    if not glob.has_magic(path) or (not is_address(path) and Path(path).exists()):
        return [path]
    if is_address(path):
        system, inside = _system(path)
        found = sorted(system.unstrip_protocol(name) for name in system.glob(inside))
    else:
        found = sorted(glob.glob(path))  # noqa: PTH207 (a pattern may be absolute)
    if not found:
        raise DataError(f"No file matches {path}.")
    return found


def opened(path: str) -> Any:
    """Return a path as it is, and an address as an open file."""
    if not is_address(path):
        return path
    system, inside = _system(path)
    return system.open(inside, "rb")


def size_of(path: str) -> int:
    """Return the bytes of a file, 0 where that is not known."""
    if is_address(path):
        system, inside = _system(path)
        return int(system.size(inside) or 0) if system.exists(inside) else 0
    return Path(path).stat().st_size if Path(path).is_file() else 0


def _system(path: str) -> tuple[Any, str]:
    if importlib.util.find_spec("fsspec") is None:
        raise DataError(f"Reading {path} needs fsspec: pip install 'filbert[cloud]'.")
    try:
        system, inside = importlib.import_module("fsspec.core").url_to_fs(path)
    except (ImportError, ValueError) as error:  # an unknown protocol, or one whose package is not there
        raise DataError(f"{path} cannot be read: {error}") from error
    return system, inside
