"""Sums over rows that are read in parts: each that a generalised linear model asks for is a pass over them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .. import _core
from ..data import streams
from ..data.blocks import Block, DesignColumns, Floats
from ..formula.rows import Rows
from ..formula.streamed_rows import StreamedRows
from .family import Posed

_SAMPLE_BYTES = 1 << 25
_SAMPLE_ROWS = 1 << 17
_NUMBER_BYTES = 8

Point = tuple[Floats, Floats]


def are_needed(regression: Posed) -> bool:
    """Tell whether a model without groups is one of rows that are many, and read in parts."""
    return not regression.sums_groups and are_of_many(regression)


def are_of_many(regression: Posed) -> bool:
    """Tell whether the rows are read in parts, and their columns take more memory than is taken without being asked."""
    rows = regression.rows
    if not isinstance(rows, StreamedRows) or rows.is_brought:
        return False
    return column_bytes(regression) > streams.IN_MEMORY


def column_bytes(regression: Posed) -> int:
    """Return what columns, those of group-specific terms too, and response take in memory, as numbers of 8 bytes."""
    summary = regression.summary
    numbers = int(summary.columns) + 2
    if regression.groups is not None:
        numbers += len(regression.groups.n_groups) + sum(effects for _, effects in regression.groups.structure)
    return _NUMBER_BYTES * int(summary.n_rows) * numbers


def data_by_passes(regression: Posed, kernel: str) -> Any:
    """Return the rows of a regression as the core sees those that are elsewhere."""
    rows, summary = regression.rows, regression.summary
    assert isinstance(rows, StreamedRows)
    passes = Passes(rows, Layout(kernel, regression.link, units_of(regression)))
    return _core.GlmData.elsewhere(
        passes.sample(summary.n_rows, int(summary.columns)),
        rows=summary.n_rows,
        total_weight=summary.total_weight,
        passes=passes,
    )


def units_of(regression: Posed) -> tuple[Floats, Floats]:
    """Return what the core centres columns at and divides them by, (columns,) each."""
    mean, sd = np.array(regression.summary.mean[:-1]), np.array(regression.summary.sd[:-1])
    unit = np.where(mean != 0, np.abs(mean), 1.0)  # of a column that does not vary
    return mean, np.where(sd > 1e-14 * np.abs(mean), sd, unit)


@dataclass(frozen=True)
class Layout:
    """How the core lays out rows.

    Attributes
    ----------
    kernel, link : str
        Of the family.
    units : (array, array), (columns,) each
        What columns are centred at and divided by, whatever rows there are.
    """

    kernel: str
    link: str
    units: tuple[Floats, Floats]

    def of(self, block: Block, times: float = 1.0) -> Any:
        """Return rows as the core keeps them, each counted so many times; None if none of them counts."""
        assert block.y is not None
        weights = block.weights
        if weights is not None and not weights.any():
            return None
        if times != 1:
            weights = times * (np.ones(len(block)) if weights is None else weights)
        return _core.GlmData(self.kernel, self.link, block.X, block.y, block.trials, weights, block.offset, self.units)


class Passes:
    """Answers what the core asks of rows that are elsewhere.

    Parameters
    ----------
    rows : StreamedRows
    layout : Layout
    """

    def __init__(self, rows: StreamedRows, layout: Layout) -> None:
        self._rows = rows
        self._layout = layout
        self._threads = 1 if rows.stream.runs_elsewhere else _core.available_processors()

    def curvature(self, points: Sequence[Point], expected: bool) -> list[tuple[float, Floats, Floats, Floats]]:
        """Return the log likelihood at each point, with its derivatives; see `_core.GlmData.curvature`."""
        total = self._sum(_Curvature(list(points), expected))
        found = []
        for (c, auxiliaries), each in zip(points, total, strict=True):
            value, gradient, slopes, hessian = np.split(each, np.cumsum([1, len(c), len(auxiliaries)]))
            found.append((float(value[0]), gradient, slopes, hessian.reshape(len(c), len(c))))
        return found

    def batch(self, c: Floats, auxiliaries: Floats) -> Floats:
        """Return the log likelihoods of many parameters, a column each."""
        return self._sum(_Batch(c, auxiliaries, self._threads))

    def third_products(self, c: Floats, auxiliaries: Floats) -> Floats:
        """Return the third derivatives of the log likelihood."""
        return self._sum(_ThirdProducts(c, auxiliaries))

    def candidates(
        self, c: Floats, slopes: Floats, radius: float, times: float, most: int, seed: int
    ) -> tuple[Any, Floats, bool]:
        """Return the points of a Poisson process over the rows, `times` its bound of them a row on average.

        Returns
        -------
        rows : GlmData or None
            A row a point; None where there are none.
        bounds : array, (points,)
            See `_core.GlmData.remainder_bounds`.
        too_many : bool
            Whether there were more than `most`, and none are returned.
        """
        drawing = CandidateDraw(self._layout, (c, slopes, radius), times, most, seed)
        self._rows.run(drawing)
        if drawing.too_many or not drawing.kept:
            return None, np.zeros(0), drawing.too_many
        return self._layout.of(joined(drawing.kept)), np.concatenate(drawing.bounds), False

    def sample(self, n_rows: int, columns: int) -> Any:
        """Return some of the rows, which stand for all."""
        most = min(_SAMPLE_ROWS, max(1024, _SAMPLE_BYTES // (_NUMBER_BYTES * (columns + 2))))
        sampling = _Sampling(min(1.0, most / n_rows))
        self._rows.run(sampling)
        return self._layout.of(joined(sampling.kept), n_rows / sampling.n_kept)

    def _sum(self, question: _Question) -> Floats:
        summing = _Summing(self._layout, question)
        self._rows.run(summing)
        assert summing.total is not None
        return summing.total


class _Question(Protocol):
    """What is asked of rows; answers of different rows add up."""

    def answer(self, data: Any) -> Floats:
        """Return numbers in an array whose shape does not depend on the rows."""
        ...


@dataclass(frozen=True)
class _Curvature:
    points: list[Point]
    expected: bool

    def answer(self, data: Any) -> Floats:
        answers = []
        for c, auxiliaries in self.points:
            value, gradient, slopes, hessian = data.curvature(c, auxiliaries, self.expected)
            answers.append(np.concatenate([[value], gradient, slopes, hessian.ravel()]))
        return np.array(answers)


@dataclass(frozen=True)
class _Batch:
    c: Floats
    auxiliaries: Floats
    threads: int

    def answer(self, data: Any) -> Floats:
        values: Floats = data.batch(self.c, self.auxiliaries, self.threads)
        return values


@dataclass(frozen=True)
class _ThirdProducts:
    c: Floats
    auxiliaries: Floats

    def answer(self, data: Any) -> Floats:
        products: Floats = data.third_products(self.c, self.auxiliaries)
        return products


class _Summing:
    """A pass that adds up answers."""

    def __init__(self, layout: Layout, question: _Question) -> None:
        self.layout = layout
        self.question = question
        self.total: Floats | None = None

    def fresh(self) -> _Summing:
        return _Summing(self.layout, self.question)

    def fold(self, rows: Rows) -> None:
        for block in rows.blocks():
            data = self.layout.of(block)
            if data is not None:
                self._add(self.question.answer(data))

    def merge(self, other: _Summing) -> None:
        if other.total is not None:
            self._add(other.total)

    def _add(self, answer: Floats) -> None:
        self.total = answer if self.total is None else self.total + answer


class CandidateDraw:
    """A pass in which each row draws how often it is a candidate, by itself.

    Random numbers follow from the seed and from where the rows of a state begin: a partition that is read again draws
    the same ones, and no other partition does.
    """

    def __init__(
        self, layout: Layout, expansion: tuple[Floats, Floats, float], times: float, most: int, seed: int
    ) -> None:
        self.layout = layout
        self.expansion = expansion
        self.times = times
        self.most = most
        self.seed = seed
        self.rng: np.random.Generator | None = None
        self.kept: list[Block] = []
        self.bounds: list[Floats] = []
        self.n_kept = 0

    @property
    def too_many(self) -> bool:
        """Whether there were more than are wanted."""
        return self.n_kept > self.most

    def fresh(self) -> CandidateDraw:
        return CandidateDraw(self.layout, self.expansion, self.times, self.most, self.seed)

    def fold(self, rows: Rows) -> None:
        if self.rng is None:
            where = f"{rows.origin}, row {rows.index[0]}"
            self.rng = np.random.default_rng([self.seed, zlib.crc32(where.encode()), *where.encode()])
        for block in rows.blocks():
            data = None if self.too_many else self.layout.of(block)
            if data is not None:
                self._draw(self.rng, block, data.remainder_bounds(*self.expansion))

    def _draw(self, rng: np.random.Generator, block: Block, bounds: Floats) -> None:
        until = np.cumsum(self.times * bounds)
        if not until[-1] <= 2 * self.most:  # more than can be kept, or no number
            self.n_kept = self.most + 1
            return
        places = rng.random(rng.poisson(until[-1])) * until[-1]
        if len(places):
            chosen = np.minimum(np.searchsorted(until, places, side="right"), len(bounds) - 1)
            self._keep(_rows_of(block, chosen), bounds[chosen])

    def _keep(self, block: Block, bounds: Floats) -> None:
        self.n_kept += len(bounds)
        self.kept.append(block)
        self.bounds.append(bounds)

    def merge(self, other: CandidateDraw) -> None:
        self.kept += other.kept
        self.bounds += other.bounds
        self.n_kept += other.n_kept


class _Sampling:
    """A pass that keeps a share of the rows."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.kept: list[Block] = []

    @property
    def n_kept(self) -> int:
        """Number of rows kept."""
        return sum(len(block) for block in self.kept)

    def fresh(self) -> _Sampling:
        return _Sampling(self.share)

    def fold(self, rows: Rows) -> None:
        for block in rows.blocks():
            chosen = _chosen(block, self.share)
            if len(chosen) or not self.kept:  # one part at least has a row
                self.kept.append(_rows_of(block, chosen if len(chosen) else np.zeros(1, dtype=np.intp)))

    def merge(self, other: _Sampling) -> None:
        self.kept += other.kept


def joined(blocks: Sequence[Block]) -> Block:
    """Return the rows of several blocks as one."""

    def column(name: str) -> Floats | None:
        parts = [getattr(block, name) for block in blocks]
        return None if parts[0] is None else np.concatenate(parts)

    X = np.asfortranarray(np.concatenate([block.X for block in blocks]))
    return Block(DesignColumns.of(X), column("y"), column("offset"), column("weights"), column("trials"))


def _chosen(block: Block, share: float) -> Any:
    """Return places of rows, by what they hold and where they are: the same ones whenever the block is read again."""
    n = len(block)
    if share >= 1:
        return np.arange(n)
    seen = np.ascontiguousarray(block.X[:, :4].sum(axis=1) + (0.0 if block.y is None else block.y))
    seed = int(seen[:64].view(np.uint64).sum() & np.uint64(0xFFFFFFFF))
    return np.flatnonzero(np.random.default_rng(seed).random(n) < share)


def _rows_of(block: Block, chosen: Any) -> Block:
    def part(column: Floats | None) -> Floats | None:
        return None if column is None else column[chosen]

    return Block(
        DesignColumns.of(block.X[chosen]), part(block.y), part(block.offset), part(block.weights), part(block.trials)
    )
