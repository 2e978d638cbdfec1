"""Writes the values of a model file as JSON holds them, and reads them back with their kinds checked."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from ..errors import ModelFileError


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
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ModelFileError("a list stands where a value should.")
        return value
    ((kind, inner),) = value.items()
    if kind == "number" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if kind == "array":
        return read_array(inner)
    if kind == "list":
        return [read_value(item) for item in inner]
    if kind == "tuple":
        return tuple(read_value(item) for item in inner)
    if kind == "dict":
        return {read_value(key): read_value(item) for key, item in inner}
    raise ModelFileError(f"{kind!r} is not a kind of value.")


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
    return plain


def read_levels(levels: Any) -> tuple[Any, ...] | None:
    """Read levels: at least one, each text or a number."""
    if levels is None:
        return None
    if not isinstance(levels, list) or not levels or not all(isinstance(v, (str, int, float)) for v in levels):
        raise ModelFileError(f"{levels!r} are not levels.")
    return tuple(levels)


def write_number(value: float) -> float | None:
    """Write a number, and None for one that JSON cannot hold."""
    return value if math.isfinite(value) else None


def read_number(value: Any) -> float:
    """Read a number, NaN for None."""
    return math.nan if value is None else read_finite(value)


def read_finite(value: Any) -> float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ModelFileError(f"{value!r} is not a finite number.")
    return float(value)


def read_whole(value: Any) -> int:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelFileError(f"{value!r} is not a whole number.")
    return value


def read_text(value: Any) -> str:
    """Read text."""
    if not isinstance(value, str):
        raise ModelFileError(f"{value!r} is not text.")
    return value


def read_texts(values: Any) -> list[str]:
    """Read a list of texts."""
    if not isinstance(values, list):
        raise ModelFileError(f"{values!r} is not a list of texts.")
    return [read_text(value) for value in values]


def read_flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ModelFileError(f"{value!r} is neither true nor false.")
    return value
