"""Writes models to files without their rows, and reads them back; the format is described in docs/model-file.md."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .. import _core
from ..errors import DataTypeError, ModelFileError
from ..formula.namespace import make_namespace
from ..regression.regression import Regression
from .atomic import replacing
from .reading import restored
from .writing import content_of

MAGIC = "filbert model"
VERSION = 3
_OF_GROUPS = 3  # without group-specific terms a file has format 2, which earlier versions read
# A factor of 5000 levels, the most there may be, has 270 MB of contrasts, and its summary as much again.
MOST_BYTES = 1_000_000_000
# Unlike an array's, the bytes of lists and objects grow tenfold and more when they are read.
MOST_ITEMS = 500_000
DEEPEST = 50
_LONGEST_HEADER = 200
_SIGNATURES = {
    b"\x89HDF": "netCDF or HDF5",
    b"CDF": "netCDF",
    b"\x80": "pickle",
    b"PK": "zip",
    b"PAR1": "Parquet",
    b"\x89PNG": "PNG",
}


def save(regression: Regression, path: str | os.PathLike[str]) -> None:
    """Do what `Model.save` says."""
    content = content_of(regression)
    payload = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    if len(payload) > MOST_BYTES or _items(payload) > MOST_ITEMS:
        raise ModelFileError(
            f"The model cannot be stored: its file would have {len(payload) / 1e6:.0f} MB and {_items(payload)} "
            f"values, and load() reads at most {MOST_BYTES / 1e6:.0f} MB and {MOST_ITEMS} values. Use fewer levels or "
            "columns."
        )
    version = _OF_GROUPS if "groups" in content else _OF_GROUPS - 1
    header = f"{MAGIC} {version} {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode("ascii")
    with replacing(path) as file:
        file.write(header)
        file.write(payload)


def read(
    path: str | os.PathLike[str], extra_namespace: Mapping[str, Any] | None = None, family: Any = None
) -> Regression:
    """Do what `filbert.load` says."""
    namespace = make_namespace(extra_namespace)
    try:
        shown = os.fsdecode(path)
    except TypeError:
        raise DataTypeError(f"path must be a string or a path, not {path!r} ({type(path).__name__}).") from None
    version, payload = _checked_payload(shown)
    try:
        content = _parsed(payload)
        if version == 1 and isinstance(content, dict):
            content = {**content, "family": "gaussian", "link": "identity"}
        if version < _OF_GROUPS and isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != "groups"}
        return restored(content, namespace, dict(extra_namespace or {}), family)
    except ModelFileError as error:
        raise ModelFileError(f"{shown}: {error}") from None
    except Exception as error:  # nothing in the file is trusted, whatever it makes a library raise
        detail = f"{type(error).__name__}: {_cut(str(error))}"
        raise ModelFileError(f"{shown} is not a usable model file: its content is inconsistent ({detail}).") from error


def _checked_payload(path: str) -> tuple[int, bytes]:
    """Return the version and the content of a file whose checksum is right; no more is read than need be."""
    found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise ModelFileError(f"{path} is {what}, and so not a model file. Models are written by model.save(path).")
    with Path(path).open("rb") as file:
        # A file of the system may say that it is empty and have no end, or make its reader wait.
        header = b"" if found.st_size == 0 else file.readline(_LONGEST_HEADER)
        words = header.decode("ascii", errors="replace").rstrip("\n").split(" ")
        if words[:2] != MAGIC.split(" ") or len(words) != 5 or not header.endswith(b"\n"):
            _refuse_foreign(path, header)
        version, length, checksum = words[2:]
        if _is_count(version) and int(version) > VERSION:
            raise ModelFileError(
                f"{path} has format {version}, and filbert {_core.__version__} reads up to {VERSION}. Update filbert."
            )
        if not _is_count(version) or version == "0" or not _is_count(length):
            raise ModelFileError(f"{path} is corrupt: its header is damaged. Save the model again.")
        return int(version), _read_payload(path, file, int(length), checksum)


def _read_payload(path: str, file: BinaryIO, length: int, checksum: str) -> bytes:
    if length > MOST_BYTES:
        raise ModelFileError(f"{path} has {length} bytes, and a model file has at most {MOST_BYTES}.")
    payload = file.read(length + 1)
    if len(payload) < length:
        raise ModelFileError(f"{path} is truncated: {len(payload)} of {length} bytes are there. Save the model again.")
    if len(payload) > length or hashlib.sha256(payload).hexdigest() != checksum:
        raise ModelFileError(f"{path} is corrupt: its checksum is wrong. Save the model again.")
    return payload


def _refuse_foreign(path: str, start: bytes) -> NoReturn:
    kind = next((name for signature, name in _SIGNATURES.items() if start.startswith(signature)), None)
    seems = f" It seems to be a {kind} file." if kind else " It is empty." if not start else ""
    raise ModelFileError(f"{path} is not a model file of filbert.{seems} Models are written by model.save(path).")


def _parsed(payload: bytes) -> Any:
    """Read JSON that is neither large, deep, nor beyond what JSON can say of numbers."""
    if _items(payload) > MOST_ITEMS:
        raise ModelFileError(f"it has more than {MOST_ITEMS} values.")
    try:
        content = json.loads(payload, parse_constant=_refuse_constant)
    except RecursionError:
        raise ModelFileError(f"its content is nested more than {DEEPEST} deep.") from None
    except ValueError as error:
        raise ModelFileError(f"it is corrupt: its content is not JSON ({error}).") from None
    level, depth = [content], 0
    while level:
        level = [item for value in level if isinstance(value, (list, dict)) for item in _inner(value)]
        depth += 1
        if depth > DEEPEST:
            raise ModelFileError(f"its content is nested more than {DEEPEST} deep.")
    return content


def _inner(value: list[Any] | dict[str, Any]) -> Any:
    return value if isinstance(value, list) else value.values()


def _refuse_constant(name: str) -> NoReturn:
    raise ModelFileError(f"{name} is not a number.")


def _items(payload: bytes) -> int:
    """Return how many values JSON has, or some more: signs within text count too."""
    return sum(payload.count(sign) for sign in (b",", b"[", b"{"))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _cut(text: str) -> str:
    return text if len(text) <= 500 else f"{text[:500]}..."
