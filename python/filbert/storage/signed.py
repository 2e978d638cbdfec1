"""Writes JSON under a header with its length and checksum, and reads it back from files that nobody vouches for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .. import _core
from ..errors import DataTypeError, ModelFileError

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
    b"filbert model ": "model",
    b"filbert summary ": "summary",
}


@dataclass(frozen=True)
class Kind:
    """What a file holds.

    Attributes
    ----------
    noun : str
        ``"model"``: the header starts with ``"filbert model"``.
    version : int
        The highest format that is read.
    written_by, saved : str
        What writes such files, and what to do about a damaged one.
    """

    noun: str
    version: int
    written_by: str
    saved: str

    @property
    def magic(self) -> str:
        """How the header starts."""
        return f"filbert {self.noun}"

    def signed(self, content: Any, version: int, remedy: str) -> bytes:
        """Return the bytes of a file, or refuse content that would not be read again."""
        payload = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        if len(payload) > MOST_BYTES or _items(payload) > MOST_ITEMS:
            raise ModelFileError(
                f"The {self.noun} cannot be stored: its file would have {len(payload) / 1e6:.0f} MB and "
                f"{_items(payload)} values, and load() reads at most {MOST_BYTES / 1e6:.0f} MB and {MOST_ITEMS} "
                f"values. {remedy}"
            )
        header = f"{self.magic} {version} {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode("ascii")
        return header + payload

    def read_file(self, path: str) -> tuple[int, bytes]:
        """Return the version and the content of a file whose checksum is right; no more is read than need be."""
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            what = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise ModelFileError(f"{path} is {what}, and so not a {self.noun} file. {self.written_by}")
        with Path(path).open("rb") as file:
            # A file of the system may say that it is empty and have no end, or make its reader wait.
            return self._checked(path, file, is_empty=found.st_size == 0)

    def read_bytes(self, content: bytes) -> tuple[int, bytes]:
        """Return the same of bytes."""
        return self._checked("What was given", io.BytesIO(content), is_empty=not content)

    def _checked(self, path: str, file: BinaryIO, is_empty: bool) -> tuple[int, bytes]:
        header = b"" if is_empty else file.readline(_LONGEST_HEADER)
        words = header.decode("ascii", errors="replace").rstrip("\n").split(" ")
        if words[:2] != self.magic.split(" ") or len(words) != 5 or not header.endswith(b"\n"):
            self._refuse_foreign(path, header)
        version, length, checksum = words[2:]
        if _is_count(version) and int(version) > self.version:
            raise ModelFileError(
                f"{path} has format {version}, and filbert {_core.__version__} reads up to {self.version}. Update "
                "filbert."
            )
        if not _is_count(version) or version == "0" or not _is_count(length):
            raise ModelFileError(f"{path} is corrupt: its header is damaged. {self.saved}")
        return int(version), self._payload(path, file, int(length), checksum)

    def _payload(self, path: str, file: BinaryIO, length: int, checksum: str) -> bytes:
        if length > MOST_BYTES:
            raise ModelFileError(f"{path} has {length} bytes, and a {self.noun} file has at most {MOST_BYTES}.")
        payload = file.read(length + 1)
        if len(payload) < length:
            raise ModelFileError(f"{path} is truncated: {len(payload)} of {length} bytes are there. {self.saved}")
        if len(payload) > length or hashlib.sha256(payload).hexdigest() != checksum:
            raise ModelFileError(f"{path} is corrupt: its checksum is wrong. {self.saved}")
        return payload

    def _refuse_foreign(self, path: str, start: bytes) -> NoReturn:
        known = (name for signature, name in _SIGNATURES.items() if start.startswith(signature) and name != self.noun)
        kind = next(known, None)
        seems = f" It seems to be a {kind} file." if kind else " It is empty." if not start else ""
        raise ModelFileError(f"{path} is not a {self.noun} file of filbert.{seems} {self.written_by}")


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path as text, or refuse what is none."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise DataTypeError(f"path must be a string or a path, not {path!r} ({type(path).__name__}).") from None


def parsed(payload: bytes) -> Any:
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


def inconsistent(path: str, noun: str, error: Exception) -> ModelFileError:
    """Return the error of content that made a library raise, whatever it raised."""
    detail = f"{type(error).__name__}: {_cut(str(error))}"
    return ModelFileError(f"{path} is not a usable {noun} file: its content is inconsistent ({detail}).")


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
