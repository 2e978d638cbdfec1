"""The predictors of rows that are read in parts, summarised by passes of their own when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.columns import read_new_columns
from ..data.streams import Stream, named_origin
from ..errors import DataWarning, warn
from .further import without_missing
from .order_statistics import OrderStatistics
from .predictor import Predictor
from .remembered import Moments

if TYPE_CHECKING:
    from .design import Design

_QUARTILES = (0, 0.25, 0.5, 0.75, 1)


class StreamedPredictors(Mapping[str, Predictor]):
    """The predictors of a formula by name.

    Parameters
    ----------
    design : Design
        Of rows that have every level; its predictors are those of these rows.
    stream : Stream
        All rows.
    """

    def __init__(self, design: Design, stream: Stream) -> None:
        self._design = design
        self._stream = stream

    def __getitem__(self, name: str) -> Predictor:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._design.predictors)

    def __len__(self) -> int:
        return len(self._design.predictors)

    @cached_property
    def _known(self) -> dict[str, Predictor]:
        some = dict(self._design.predictors)
        if not self._stream.is_repeatable:
            warn(
                "The rows can be read once, so that typical values of predictors (means, quartiles, most frequent "
                "levels) are those of the first rows. Name the values where they matter.",
                DataWarning,
            )
            return some
        columns = {name: _Column(known) for name, known in some.items()}
        while waiting := {name: column for name, column in columns.items() if not column.is_known}:
            for part in self._stream.parts(waiting):
                with named_origin(part.origin):
                    self._fold(part.frame, waiting)
            for column in waiting.values():
                column.end_pass()
        return {name: column.summary() for name, column in columns.items()}

    def _fold(self, frame: pd.DataFrame, waiting: Mapping[str, _Column]) -> None:
        frame = without_missing(self._design, frame)
        if len(frame):
            arrays = read_new_columns(frame, {name: self._design.kinds[name] for name in waiting}, False).arrays
            for name, column in waiting.items():
                column.fold(arrays[name])


class _Column:
    """One predictor, as far as it is known."""

    def __init__(self, some: Predictor) -> None:
        self.some = some
        self.is_numeric = some.dtype in ("float", "int", "bool")
        self.is_known = some.dtype == "datetime"
        self.moments = Moments()
        self.order = OrderStatistics(_QUARTILES)
        self.quantiles: Any = None
        self.counts: dict[Any, int] = {}
        self.passes = 0

    def fold(self, values: Any) -> None:
        if self.is_numeric:
            numbers = np.asarray(values, dtype=np.float64)
            self.order.fold(numbers)
            if not self.passes:
                self.moments.fold(numbers)
        if self.some.levels is not None and not self.passes:
            levels, counts = np.unique(np.asarray(values), return_counts=True)
            for level, number in zip(levels.tolist(), counts.tolist(), strict=True):
                self.counts[level] = self.counts.get(level, 0) + number

    def end_pass(self) -> None:
        self.passes += 1
        self.quantiles = self.order.end_of_pass() if self.is_numeric else np.zeros(0)
        self.is_known = self.quantiles is not None

    def summary(self) -> Predictor:
        if self.some.dtype == "datetime":
            return self.some
        levels = self.some.levels
        mode = None if levels is None else max(levels, key=lambda level: self.counts.get(level, 0))
        if not self.is_numeric:
            return self.some._replace(mode=mode)
        mean, sd = float(self.moments.mean), float(np.sqrt(self.moments.squares / self.moments.n_rows))
        return self.some._replace(mean=mean, sd=sd, quantiles=tuple(self.quantiles.tolist()), mode=mode)
