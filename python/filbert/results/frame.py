"""A summary as a frame: the numbers unrounded, and shown rounded, with the interval, in terminals and notebooks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pandas as pd

from .html import summary_html
from .report import summary_text

_SHOWN = ("mean", "sd")  # the columns that say to which digit a row is worth printing


class Summary(pd.DataFrame):
    """What `filbert.summary` returns: a pandas.DataFrame of floats that prints itself so that it can be read.

    Each row is shown with the digits that its standard deviation resolves, in blocks of columns where the terminal is
    too narrow for all. Everything else is pandas': columns hold every digit, and what is no summary any more (a
    column alone, a transposed table, one that was rounded) is shown by pandas.
    """

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return Summary

    def __repr__(self) -> str:
        if not self._is_summary():
            return repr(pd.DataFrame(self))
        return summary_text(self, self._chains, shutil.get_terminal_size((80, 24)).columns)

    def _repr_html_(self) -> str | None:
        if not (self._is_summary() and pd.get_option("display.notebook_repr_html")):
            html: str | None = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return html
        return summary_html(self, self._chains)

    def round(self, decimals: Any = 0, *args: Any, **kwargs: Any) -> Any:
        """Round as pandas does, and show the digits that were asked for: a plain DataFrame."""
        return pd.DataFrame(self).round(decimals, *args, **kwargs)

    @property
    def _chains(self) -> int:
        return int(self.attrs.get("chains", 4))

    def _is_summary(self) -> bool:
        return bool(
            len(self)
            and self.index.nlevels == self.columns.nlevels == 1
            and self.columns.is_unique
            and set(_SHOWN) <= set(self.columns)
            and all(dtype.kind == "f" for dtype in self.dtypes)
        )
