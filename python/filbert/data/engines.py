"""Frames of engines that hold their rows in partitions, Dask and Spark: passes run where the partitions are."""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from ..errors import DataTypeError, FilbertError
from .streams import PART_BYTES, Part, Pass, Stream, named_origin
from .tables import as_frame

_BRANCHES = 8  # states that are merged at once
_SERIALIZED = "origin string, first long, content binary"  # what Spark sends of some rows


class EngineStream(Stream):
    """The rows of an engine's frame."""

    @abstractmethod
    def with_columns(self, function: Callable[[Part], Any], names: list[str]) -> Any:
        """Return the engine's frame with more columns of numbers, which a function appends to rows where they are."""


def engine_stream(frame: Any, part_rows: int | None = None) -> EngineStream:
    """Return the stream of an engine's frame."""
    names = list(frame.columns)
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise DataTypeError(f"The data have more than one column named {twice[0]!r}. Rename or drop the others.")
    kind = SparkStream if type(frame).__module__.startswith("pyspark") else DaskStream
    return kind(frame, names, part_rows)


@dataclass
class DaskStream(EngineStream):
    """The partitions of a Dask frame; its scheduler runs the passes, and runs again what a lost worker had."""

    data: Any
    names: list[Any]
    part_rows: int | None = None
    runs_elsewhere: ClassVar[bool] = True

    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:
        for number in range(self.data.npartitions):
            yield from _pieces(self.data.get_partition(number)[names].compute(), f"partition {number}", part_rows)

    def beginnings(self, names: Collection[str], rows: int) -> Iterator[Part]:
        """Yield the first rows of each partition, sent without the others."""
        wanted = self.data[self.chosen(names)]
        for number in range(self.data.npartitions):
            frame = wanted.get_partition(number).head(rows, npartitions=1)
            yield Part(f"partition {number}", _numbered(frame, 0))

    def frame(self, names: Collection[str]) -> pd.DataFrame:
        """Return all rows at once; the partitions are computed together."""
        frame: pd.DataFrame = self.data[self.chosen(names)].compute()
        return frame.reset_index(drop=True)

    def run(self, work: Pass, names: Collection[str]) -> None:
        """Fold each partition into a state of its own, and merge these as a tree."""
        import dask

        wanted = self.chosen(names)
        states = [
            dask.delayed(_folded)(work, partition, f"partition {number}", self.part_rows)
            for number, partition in enumerate(self.data[wanted].to_delayed())
        ]
        while len(states) > 1:
            states = [
                dask.delayed(_merged)(states[first : first + _BRANCHES]) for first in range(0, len(states), _BRANCHES)
            ]
        work.merge(states[0].compute())

    def with_columns(self, function: Callable[[Part], Any], names: list[str]) -> Any:
        """Return the frame with more columns, computed when it is; the index stays."""
        like = self.data._meta.assign(**dict.fromkeys(names, 0.0)).astype(dict.fromkeys(names, float))
        return self.data.map_partitions(_Appended(function), meta=like)


@dataclass
class SparkStream(EngineStream):
    """The partitions of a Spark frame, as Arrow batches (pyspark 3.5 or later)."""

    data: Any
    names: list[Any]
    part_rows: int | None = None
    runs_elsewhere: ClassVar[bool] = True

    def _read(self, names: list[Any], part_rows: int) -> Iterator[Part]:
        import pyarrow as pa

        serialized = _selected(self.data, names).mapInArrow(_as_bytes, _SERIALIZED)
        for row in serialized.toLocalIterator():
            table = pa.ipc.open_stream(bytes(row.content)).read_all()
            yield from _pieces(as_frame(table, names), row.origin, part_rows, row.first)

    def beginnings(self, names: Collection[str], rows: int) -> Iterator[Part]:
        """Yield the first rows of each partition, sent alone: a partition may be larger than what Spark can send."""
        import pyarrow as pa

        wanted = self.chosen(names)
        for row in _selected(self.data, wanted).mapInArrow(_SparkHead(rows), _SERIALIZED).toLocalIterator():
            yield Part(row.origin, _numbered(as_frame(pa.ipc.open_stream(bytes(row.content)).read_all(), wanted), 0))

    def run(self, work: Pass, names: Collection[str]) -> None:
        """Fold each partition into a state of its own, and merge these here."""
        wanted = self.chosen(names)
        rows = _selected(self.data, wanted).mapInArrow(_SparkFold(work, wanted), "content binary").collect()
        for row in rows:
            state = pickle.loads(row.content)
            if isinstance(state, FilbertError):
                raise state
            work.merge(state)

    def with_columns(self, function: Callable[[Part], Any], names: list[str]) -> Any:
        """Return the frame with more columns, computed when it is; the index of a part has partition and place."""
        from pyspark.sql.types import DoubleType, StructType

        schema = StructType([*self.data.schema.fields])
        for name in names:
            schema = schema.add(name, DoubleType())
        return self.data.mapInPandas(_SparkAppended(function), schema)


class _Appended:
    """A function of a partition of Dask that appends columns."""

    def __init__(self, function: Callable[[Part], Any]) -> None:
        self.function = function

    def __call__(self, frame: Any, partition_info: dict[str, Any] | None = None) -> Any:
        return self.function(Part(f"partition {partition_info['number']}" if partition_info else "", frame))


class _SparkAppended:
    """The same of a partition of Spark, whose rows have no labels but partition and place."""

    def __init__(self, function: Callable[[Part], Any]) -> None:
        self.function = function

    def __call__(self, frames: Iterator[Any]) -> Iterator[Any]:
        origin = _partition()
        first = int(origin.rpartition(" ")[2]) << 33
        for frame in frames:
            yield self.function(Part(origin, _numbered(frame, first)))
            first += len(frame)


class _SparkFold:
    """A function of a partition's batches that Spark can send: it yields the state as one row."""

    def __init__(self, work: Any, names: list[Any]) -> None:
        self.work = work
        self.names = names

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa
        from pyspark import cloudpickle

        origin = _partition()
        state: Any = self.work.fresh()
        try:
            first = 0
            for table in _together(batches):
                frame = as_frame(table, self.names)
                with named_origin(origin):
                    state.fold(Part(origin, _numbered(frame, first)))
                first += len(frame)
        except FilbertError as error:
            state = error
        yield pa.RecordBatch.from_pydict({"content": [cloudpickle.dumps(state)]})


def _selected(data: Any, names: list[Any]) -> Any:
    return data.select(*[f"`{name.replace('`', '``')}`" for name in names])


def _together(batches: Iterator[Any]) -> Iterator[Any]:
    """Join batches, of which Spark makes small ones, to tables of some size."""
    import pyarrow as pa

    joined: list[Any] = []
    size = 0
    for batch in batches:
        joined.append(batch)
        size += batch.nbytes
        if size > PART_BYTES:
            yield pa.Table.from_batches(joined)
            joined, size = [], 0
    if joined:
        yield pa.Table.from_batches(joined)


class _SparkHead:
    """A function of a partition's batches that yields the first rows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            if batch.num_rows:
                yield from _as_bytes(iter([batch.slice(0, self.rows)]))
                return


def _as_bytes(batches: Iterator[Any]) -> Iterator[Any]:
    import pyarrow as pa

    first = 0
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue().to_pybytes()
        yield pa.RecordBatch.from_pydict({"origin": [_partition()], "first": [first], "content": [content]})
        first += batch.num_rows


def _partition() -> str:
    from pyspark import TaskContext

    context = TaskContext.get()
    return f"partition {context.partitionId() if context else 0}"


def _pieces(frame: Any, origin: str, part_rows: int, first: int = 0) -> Iterator[Part]:
    for start in range(0, len(frame), part_rows):
        yield Part(origin, _numbered(frame.iloc[start : start + part_rows], first + start))


def _numbered(frame: Any, first: int) -> Any:
    return frame.set_axis(range(first, first + len(frame)))


def _folded(work: Pass, frame: Any, origin: str, part_rows: int | None) -> Pass:
    state = work.fresh()
    for part in _pieces(frame, origin, part_rows or max(1, len(frame))):
        with named_origin(origin):
            state.fold(part)
    return state


def _merged(states: list[Pass]) -> Pass:
    merged = states[0].fresh()
    for state in states:
        merged.merge(state)
    return merged
