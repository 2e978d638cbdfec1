"""A table of effects: a DataFrame that code written for bambi can also read under bambi's names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

_INTERVAL_END = re.compile(r"(?:hdi|eti)_([0-9.e+-]+)%")


class EffectTable(pd.DataFrame):
    """What `predictions`, `comparisons` and `slopes` return: a DataFrame, with `summary` for bambi's users."""

    @property
    def _constructor(self) -> Callable[..., EffectTable]:
        return EffectTable

    @property
    def summary(self) -> pd.DataFrame:
        """The table with bambi's columns: ``estimate``, ``lower_3.0%``, ``upper_97.0%``, and pairs as ``a_vs_b``."""
        renamed: dict[Any, str] = {"mean": "estimate"}
        for column in self.columns:
            if end := _INTERVAL_END.fullmatch(str(column)):
                renamed[column] = f"{'lower' if float(end[1]) < 50 else 'upper'}_{float(end[1])}%"
        plain = pd.DataFrame(self).drop(columns="sd").rename(columns=renamed).reset_index(drop=True)
        if "estimate_type" in plain and "value" in plain:
            plain["value"] = [f"{v[0]}_vs_{v[1]}" if isinstance(v, tuple) else v for v in plain["value"]]
        return plain

    @property
    def draws(self) -> Any:
        """Not kept, unlike bambi's."""
        raise AttributeError(
            "A table keeps no draws, so that it takes millions of rows. For the draws of each row: "
            "model.predict(idata, data=..., inplace=False)."
        )
