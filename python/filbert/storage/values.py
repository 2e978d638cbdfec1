"""Writes the values of a model file as JSON holds them, and reads them back with their kinds checked."""

from __future__ import annotations

import base64
import math
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ModelFileError

_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which can be in JSON and cannot be printed
_LARGEST_WHOLE = 2**63 - 1


def write_value(value: Any, where: str) -> Any:
    """Write what a transform has learnt: numbers, text, lists, dicts with any such keys, and arrays."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"array": write_array(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [write_value(item, where) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[write_value(key, where), write_value(item, where)] for key, item in value.items()]}
    raise ModelFileError(
        f"{where} cannot be stored: a {type(value).__name__} is neither a number, text, list nor array."
    )


def read_value(value: Any) -> Any:
    """Read again what `write_value` wrote."""
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        if kind not in _READERS:
            raise ModelFileError(f"{_shown(kind)} is not a kind of value.")
        return _READERS[kind](inner)
    if isinstance(value, int) and not isinstance(value, bool):
        return read_whole(value)
    if isinstance(value, str):
        return read_text(value)
    if isinstance(value, list):
        raise ModelFileError("a list stands where a value should.")
    return value


def _read_special(name: Any) -> float:
    if name not in ("nan", "inf", "-inf"):
        raise ModelFileError(f"{_shown(name)} is not a number.")
    return float(name)


def write_array(values: Any) -> dict[str, Any]:
    """Write an array as the base64 of its little-endian doubles, row by row."""
    array = np.ascontiguousarray(values, dtype="<f8")
    return {"shape": list(np.shape(values)), "float64": base64.b64encode(array.tobytes()).decode("ascii")}


def read_array(entry: Any) -> Any:
    """Read an array of doubles, whose bytes must fill its shape."""
    shape = tuple(read_whole(size) for size in entry["shape"])
    data = base64.b64decode(read_text(entry["float64"]), validate=True)
    if len(shape) > 3 or min(shape, default=0) < 0 or len(data) != 8 * math.prod(shape):
        raise ModelFileError(f"an array of shape {shape} has {len(data)} bytes.")
    return np.frombuffer(data, dtype="<f8").astype(np.float64).reshape(shape)


_READERS: dict[str, Callable[[Any], Any]] = {
    "number": _read_special,
    "array": read_array,
    "list": lambda items: [read_value(item) for item in read_list(items)],
    "tuple": lambda items: tuple(read_value(item) for item in read_list(items)),
    "dict": lambda pairs: {read_value(key): read_value(item) for key, item in read_list(pairs)},
}


def write_levels(levels: tuple[Any, ...] | None, where: str) -> list[Any] | None:
    """Write levels, which are text or numbers."""
    if levels is None:
        return None
    plain = [level.item() if isinstance(level, np.generic) else level for level in levels]
    for level in plain:
        if not isinstance(level, (str, int, float, bool)):
            raise ModelFileError(
                f"The levels of {where!r} cannot be stored: {level!r} is a {type(level).__name__}. Turn them into text "
                "before the model is made, for example with data[column].astype(str)."
            )
        if isinstance(level, float) and not math.isfinite(level):
            raise ModelFileError(f"The levels of {where!r} cannot be stored: {level} is among them. Leave it out.")
    return plain


def read_levels(levels: Any, unique: bool = True) -> tuple[Any, ...] | None:
    """Read levels: at least one, each text or a finite number, each once unless they only label columns."""
    if levels is None:
        return None
    if not isinstance(levels, list) or not levels:
        raise ModelFileError(f"{_shown(levels)} are not levels.")
    for level in levels:
        if not isinstance(level, bool):
            read_text(level) if isinstance(level, str) else read_finite(level)
    if unique and len(set(levels)) < len(levels):
        raise ModelFileError(f"{_shown(levels)} are not levels: one is there twice.")
    return tuple(levels)


def write_number(value: float) -> float | None:
    """Write a number, and None for one that JSON cannot hold."""
    return value if math.isfinite(value) else None


def read_number(value: Any) -> float:
    """Read a number, NaN for None."""
    return math.nan if value is None else read_finite(value)


def read_finite(value: Any) -> float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        raise ModelFileError(f"{_shown(value)} is not a finite number.")
    return float(value)


def read_whole(value: Any) -> int:
    """Read a whole number, such that C++ can hold it."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST_WHOLE:
        raise ModelFileError(f"{_shown(value)} is not a whole number.")
    return value


def read_text(value: Any) -> str:
    """Read text, which must be such that it can be written again."""
    if not isinstance(value, str) or not (value.isascii() or _SURROGATE.search(value) is None):
        raise ModelFileError(f"{_shown(value)} is not text.")
    return value


def read_texts(values: Any) -> list[str]:
    """Read a list of texts."""
    return [read_text(value) for value in read_list(values)]


def read_list(values: Any) -> list[Any]:
    """Read a list of anything."""
    if not isinstance(values, list):
        raise ModelFileError(f"{_shown(values)} is not a list.")
    return values


def read_dict(values: Any) -> dict[str, Any]:
    """Read an object, whose keys are text."""
    if not isinstance(values, dict):
        raise ModelFileError(f"{_shown(values)} is not an object.")
    for key in values:
        read_text(key)
    return values


def read_flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ModelFileError(f"{_shown(value)} is neither true nor false.")
    return value


def _shown(value: Any) -> str:
    """Write a refused value, cut to a length that fits a message and without what cannot be printed."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
