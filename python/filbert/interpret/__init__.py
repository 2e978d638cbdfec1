"""Predictions, comparisons and slopes, as tables and as pictures, where bambi's users look for them."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["comparisons", "plot_comparisons", "plot_predictions", "plot_slopes", "predictions", "slopes"]

_HOMES = {"comparisons": ".comparison", "predictions": ".prediction", "slopes": ".slope"}


def __getattr__(name: str) -> Any:
    # Loaded when first used. Pictures stand above tables, so nothing here may import them by a statement.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "..plots"), __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
