"""Exact quantiles of a column that comes in parts and does not fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_KEPT = 1 << 22  # values, 32 MB
_BITS = 16
_DIGITS = 64 // _BITS


class OrderStatistics:
    """Finds quantiles as ``numpy.quantile`` defines them, by selection on the digits of numbers.

    Few values are kept and sorted. Of many each pass counts those that share the leading digits of what is sought, 16
    bits a pass, until what is left can be kept.

    Parameters
    ----------
    quantiles : sequence of float
    low, high : float, optional
        Values outside do not count.
    """

    def __init__(
        self, quantiles: Sequence[float] | Floats, low: float | None = None, high: float | None = None
    ) -> None:
        self.quantiles = np.asarray(quantiles, dtype=np.float64)
        self.low, self.high = low, high
        self.least, self.most = np.inf, -np.inf
        self.n_values = 0
        self.depth = 0
        self.counts: dict[int, NDArray[np.int64]] = {0: np.zeros(1 << _BITS, dtype=np.int64)}
        self.kept: dict[int, list[NDArray[np.uint64]]] | None = {0: []}
        self.sought: dict[int, tuple[int, int]] = {}  # rank: leading digits, rank among those that share them

    def fresh(self) -> OrderStatistics:
        """Return what takes in the same pass, without any values."""
        fresh = OrderStatistics(self.quantiles, self.low, self.high)
        if self.depth:
            fresh.least, fresh.most, fresh.n_values = self.least, self.most, self.n_values
        fresh.depth, fresh.sought = self.depth, self.sought
        fresh.counts = {leading: np.zeros_like(counts) for leading, counts in self.counts.items()}
        fresh.kept = {leading: [] for leading in self.counts}
        return fresh

    def fold(self, values: Floats) -> None:
        """Take in some values, none of which is missing."""
        values = np.ravel(values)
        if self.depth == 0 and len(values):
            self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))
        if self.low is not None:
            values = values[values >= self.low]
        if self.high is not None:
            values = values[values <= self.high]
        if self.depth == 0:
            self.n_values += len(values)
        if not len(self.quantiles):
            return
        keys = _keys(values)
        for leading in list(self.counts):
            shared = keys if self.depth == 0 else keys[keys >> np.uint64(64 - _BITS * self.depth) == leading]
            digits = (shared >> np.uint64(64 - _BITS * (self.depth + 1))) & np.uint64((1 << _BITS) - 1)
            self.counts[leading] += np.bincount(digits.astype(np.intp), minlength=1 << _BITS)
            if self.kept is not None:
                self.kept[leading].append(shared)
        self._keep_few()

    def merge(self, other: OrderStatistics) -> None:
        """Take in what another has of other values in the same pass."""
        if self.depth == 0:
            self.least, self.most = min(self.least, other.least), max(self.most, other.most)
            self.n_values += other.n_values
        for leading, counts in other.counts.items():
            self.counts[leading] += counts
            if self.kept is not None and other.kept is not None:
                self.kept[leading] += other.kept[leading]
        if other.kept is None:
            self.kept = None
        self._keep_few()

    def _keep_few(self) -> None:
        if self.kept is not None and sum(int(each.sum()) for each in self.counts.values()) > _MOST_KEPT:
            self.kept = None

    def end_of_pass(self) -> Floats | None:
        """Return the quantiles, or None if another pass is needed."""
        if not len(self.quantiles):
            return np.zeros(0)
        if self.depth == 0:
            self.sought = {rank: (0, rank) for place in self._places() for rank in place[:2]}
        if self.kept is not None:
            ordered = {leading: np.sort(np.concatenate(parts)) for leading, parts in self.kept.items()}
            return self._interpolated({rank: ordered[lead][among] for rank, (lead, among) in self.sought.items()})
        found = {}
        for rank, (leading, among) in self.sought.items():
            up_to = np.cumsum(self.counts[leading])
            digit = int(np.searchsorted(up_to, among, side="right"))
            before = int(up_to[digit - 1]) if digit else 0
            found[rank] = ((leading << _BITS) | digit, among - before)
        self.sought = found
        self.depth += 1
        if self.depth == _DIGITS:
            return self._interpolated({rank: np.uint64(leading) for rank, (leading, _) in found.items()})
        prefixes = {leading for leading, _ in found.values()}
        self.counts = {leading: np.zeros(1 << _BITS, dtype=np.int64) for leading in prefixes}
        self.kept = {leading: [] for leading in prefixes}
        return None

    def _places(self) -> list[tuple[int, int, float]]:
        """Return the ranks between which each quantile lies, and how far."""
        places = []
        for place in (self.quantiles * (self.n_values - 1)).tolist():
            below = int(np.floor(place))
            places.append((below, min(below + 1, self.n_values - 1), place - below))
        return places

    def _interpolated(self, keys: dict[int, Any]) -> Floats:
        values = {rank: float(_values(np.array([key], dtype=np.uint64))[0]) for rank, key in keys.items()}
        return np.array([np.quantile([values[a], values[b]], share) for a, b, share in self._places()])


def _keys(values: Floats) -> NDArray[np.uint64]:
    """Return integers in the order of the values."""
    bits = (values + 0.0).view(np.int64)  # of the two zeros one
    return (bits ^ ((bits >> 63) | np.int64(-(2**63)))).view(np.uint64)


def _values(keys: NDArray[np.uint64]) -> Floats:
    bits = keys.view(np.int64)
    return (bits ^ (~(bits >> 63) | np.int64(-(2**63)))).view(np.float64)
