"""Writes files that are whole or not there: into a temporary file beside the target, which then takes its place."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import DataTypeError

_TEMPORARY = ".filbert-"
_NEW_FILE = 0o666  # less the umask, as open() has it
_BINARY = getattr(os, "O_BINARY", 0)  # Windows


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a new file to write, which takes the place of `path` when the block ends, and not if it fails.

    Until then, and whatever fails, a file of that name stays as it is. The mode of an older file is kept; a symbolic
    link stays one, and the file that it points to is replaced. What is written to a character device, such as
    ``/dev/null``, goes there when the block ends.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    file
        Binary, for writing, reading and seeking.

    Raises
    ------
    OSError
        If the file cannot be written; `filename` is the path that was given.
    DataTypeError
        If `path` is no path.
    """
    with _named(path) as shown:
        target = _Target.at(shown)
        if target.is_device:
            with tempfile.TemporaryFile() as file:
                yield cast(BinaryIO, file)
                file.seek(0)
                with Path(shown).open("wb") as device:
                    shutil.copyfileobj(file, device)
            return
        temporary, descriptor = target.make_temporary()
        try:
            file = os.fdopen(descriptor, "w+b")
            try:
                yield cast(BinaryIO, file)
                file.flush()
                target.dress(descriptor)
                os.fsync(descriptor)
            finally:
                _close(file)
            temporary.replace(target.path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(target.path.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the error that `replacing` would raise before anything is written; nothing is left behind."""
    with _named(path) as shown:
        target = _Target.at(shown)
        if target.is_device:
            with Path(shown).open("wb"):
                return
        temporary, descriptor = target.make_temporary()
        os.close(descriptor)
        temporary.unlink()


@dataclass(frozen=True)
class _Target:
    """Where a path leads.

    `path` is behind all symbolic links, and `old` says what is there: a regular file, a character device, or nothing.
    """

    path: Path
    old: os.stat_result | None

    @classmethod
    def at(cls, path: str) -> _Target:
        """Follow a path, and refuse what cannot be replaced by a file."""
        try:
            old = Path(path).stat()
        except FileNotFoundError:
            old = None
        ends_as_directory = not path or path.endswith(tuple(filter(None, (os.sep, os.altsep))))
        if ends_as_directory or (old is not None and stat.S_ISDIR(old.st_mode)):
            raise IsADirectoryError(errno.EISDIR, "this is a directory, and not the name of a file")
        target = Path(path).resolve()
        if old is not None:
            if not (stat.S_ISREG(old.st_mode) or stat.S_ISCHR(old.st_mode)):
                raise OSError(errno.EINVAL, "this is neither a regular file nor a character device")
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        elif not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {target.parent}")
        return cls(target, old)

    @property
    def is_device(self) -> bool:
        """Whether bytes go there as they come, and there is nothing to replace."""
        return self.old is not None and stat.S_ISCHR(self.old.st_mode)

    def make_temporary(self) -> tuple[Path, int]:
        """Make an empty file beside the target under a name of its own, readable by nobody who may not read the old."""
        mode = _NEW_FILE if self.old is None else stat.S_IMODE(self.old.st_mode) & 0o777
        # No part of the target's name, which may be as long as names can be.
        temporary = self.path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}.tmp")
        try:
            return temporary, os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        except PermissionError:
            raise PermissionError(
                errno.EACCES, "no file may be made in its folder, and one is written there before it takes this name"
            ) from None

    def dress(self, descriptor: int) -> None:
        """Give the new file the owner and mode of the old one."""
        if self.old is None or not hasattr(os, "fchown"):
            return
        new = os.fstat(descriptor)
        mode = stat.S_IMODE(self.old.st_mode)
        if (new.st_uid, new.st_gid) != (self.old.st_uid, self.old.st_gid):
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(descriptor, self.old.st_uid, self.old.st_gid)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)


@contextlib.contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[str]:
    """Let errors of the system name the path that was given, not that of a temporary file."""
    try:
        shown = os.fsdecode(path)
    except TypeError:
        raise DataTypeError(f"path must be a string or a path, not {path!r} ({type(path).__name__}).") from None
    if "\0" in shown:
        raise OSError(errno.EINVAL, "names of files cannot have NUL characters", shown)
    try:
        yield shown
    except OSError as error:
        is_ours = error.filename is None or Path(os.fsdecode(error.filename)).name.startswith(_TEMPORARY)
        if error.errno is None or not is_ours:
            raise
        raise OSError(error.errno, error.strerror, shown) from error


def _close(file: BinaryIO) -> None:
    """Close a file whose buffer may not fit onto the disk any more; closing again leaves the rest of it out."""
    try:
        file.close()
    except OSError:
        with contextlib.suppress(OSError):
            file.close()
        raise


def _sync_directory(directory: Path) -> None:
    """Make the new name last beyond a loss of power, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
