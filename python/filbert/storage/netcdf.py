"""Writes containers of draws to netCDF files such that a full disk is an error, and not the end of the process.

HDF5 keeps a file open whose last bytes it could not write, and crashes when the interpreter ends. So it writes to an
object that takes all bytes, remembers the first failure, and lets HDF5 close the file in peace.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import xarray as xr

from ..errors import DataTypeError
from .atomic import replacing

Fill = Callable[[Any], Iterator[None]]


def to_netcdf(idata: Any, path: str | os.PathLike[str]) -> None:
    """Write draws to a netCDF file, wholly or not at all.

    `idata.to_netcdf` does the same unless something goes wrong: then it leaves a broken file where an older one was,
    and when the disk is full Python may crash at its end. Here the new file takes the older one's place when it is
    complete. ``az.from_netcdf(path)`` reads it.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What `Model.fit` returned, with all of its groups.
    path : str or path-like
        The file; one that is there is replaced. Its mode is kept, and a symbolic link stays one.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is still there.
    DataTypeError
        If `idata` is no such container, or `path` no path.

    Examples
    --------
    >>> idata = model.fit()
    >>> fb.to_netcdf(idata, "fit.nc")
    """
    from xarray.backends import H5NetCDFStore

    groups = list(_groups(idata))

    def fill(file: Any) -> Iterator[None]:
        for place, group in groups:
            store = H5NetCDFStore(file, group=None if place == "." else place, mode="a")
            group.compute().dump_to_store(store)  # as xarray does
            yield

    filled(path, fill)


def filled(path: str | os.PathLike[str], fill: Fill) -> None:
    """Write a netCDF file, wholly or not at all, by a function of `h5netcdf.File` that yields after each piece."""
    with replacing(path) as file:
        sink = _Sink(file)
        # In a thread of its own, because Ctrl-C must not raise within what HDF5 calls; it raises here instead.
        with ThreadPoolExecutor(1) as writer:
            try:
                writer.submit(_write, fill, sink).result()
            except BaseException as error:
                sink.failure = sink.failure or error
                raise


def _groups(idata: Any) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield the path and data of each group, the root first."""
    if isinstance(idata, xr.DataTree):
        for node in idata.subtree:
            yield node.relative_to(idata), node.to_dataset(inherit=node is idata)
        return
    try:
        names, attributes = list(idata.groups()), dict(idata.attrs)
    except (AttributeError, TypeError):
        raise DataTypeError(
            f"idata must be what fit() returned, and not {type(idata).__module__}.{type(idata).__name__}."
        ) from None
    yield ".", xr.Dataset(attrs=attributes)
    for name in names:
        yield name, idata[name]


def _write(fill: Fill, sink: _Sink) -> None:
    """Fill the file, stop at the first failure of the sink, and raise it."""
    import h5netcdf

    try:
        with h5netcdf.File(sink, "w") as file:
            for _ in fill(file):
                if sink.failure is not None:
                    break
    except Exception:  # what HDF5 makes of bytes that were lost is of no interest
        if sink.failure is None:
            raise
    if sink.failure is not None:
        raise sink.failure


class _Sink:
    """A file for HDF5 whose every operation succeeds; after the first that did not, bytes are lost."""

    def __init__(self, file: BinaryIO) -> None:
        self.failure: BaseException | None = None
        self._file = file
        self._place = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            self._place = self._try(lambda: self._file.seek(0, os.SEEK_END), 0) + offset
        else:
            self._place = offset + (self._place if whence == os.SEEK_CUR else 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def write(self, data: Any) -> int:
        size = len(data)
        self._try(lambda: self._at_place().write(data), size)
        self._place += size
        return size

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        read = self._try(lambda: self._at_place().readinto(buffer), 0)  # type: ignore[attr-defined]
        if read < size:
            buffer[read:] = bytes(size - read)
        self._place += size
        return size

    def read(self, size: int) -> bytes:
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int) -> int:
        return self._try(lambda: self._file.truncate(size), size)

    def flush(self) -> None:
        self._try(self._file.flush, 0)

    def _at_place(self) -> BinaryIO:
        self._file.seek(self._place)
        return self._file

    def _try(self, operation: Callable[[], int | None], otherwise: int) -> int:
        if self.failure is None:
            try:
                return operation() or 0
            except BaseException as error:
                self.failure = error
        return otherwise
