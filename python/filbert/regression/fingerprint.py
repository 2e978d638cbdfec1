"""Tells models apart by a short text that stays with their draws: what the coefficients multiply, and what is observed.

Two models have the same fingerprint where the draws of one are draws of the other's parameters: equal columns, family,
link, response and fixed parameters. Priors do not count, and rows only as far as the columns learnt from them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .parameters import Role
from .regression import Regression


def fingerprint(regression: Regression) -> str:
    """Return the fingerprint, 16 hexadecimal digits."""
    design = regression.design
    if design is not None:
        columns: Any = [
            design.products,
            list(design.expressions),
            design.levels,
            design.state,
            [offset.text for offset in design.offsets],
            design.offset_is_array,
        ]
    else:  # written out: the columns by what they hold
        columns = [regression.summary.mean, regression.summary.sd]
    shapes = [(p.name, p.rows, p.auxiliary) for p in regression.parameters if p.role is not Role.EFFECT]
    content = [regression.family.name, regression.link, regression.response, shapes, regression.columns, columns]
    if design is not None and design.group_terms:
        labels = {
            name: hashlib.sha256("\n".join(factor.labels).encode("utf-8", "surrogatepass"))
            for name, factor in design.grouping.items()
        }
        content.append([design.group_terms, {name: digest.hexdigest() for name, digest in labels.items()}])
    if regression.by_level is not None:
        content.append(regression.by_level)
    if design is not None and design.constants:
        content.append(design.constants)
    if regression.fixed:
        content.append(dict(regression.fixed))
    return hashlib.sha256("".join(tokens(content)).encode()).hexdigest()[:16]


def tokens(value: Any) -> list[str]:
    """Return a value as text that does not depend on how it is held, numbers with the digits that machines agree on."""
    found: list[str] = []
    _add_tokens(value, found)
    return found


def _add_tokens(value: Any, found: list[str]) -> None:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        value = sorted(value.items(), key=lambda item: str(item[0]))
    if isinstance(value, (list, tuple)):
        found.append("(")
        for item in value:
            _add_tokens(item, found)
        found.append(")")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found.append(f"{float(value) + 0.0:.9g};")
    else:
        found.append(f"{value!r};")
