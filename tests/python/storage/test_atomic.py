"""Files are whole or not there, keep their mode and links, and what cannot be written is a clear error."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataTypeError
from filbert.storage import atomic
from filbert.storage.atomic import check_writable, replacing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110


def write(path, data):
    with replacing(path) as file:
        file.write(data)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_new_and_old_files_are_written(tmp_path):
    path = tmp_path / "ü" / "file"
    path.parent.mkdir()
    for data in (b"first", b"2", b""):
        write(path, data)
        assert path.read_bytes() == data
    write(str(path), b"by text")
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_failing_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted():
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@needs_full
@pytest.mark.parametrize("operation", ["fsync", "replace", "flush"])
def test_a_failure_of_any_step_leaves_the_old_file_and_names_the_path(operation, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if operation == "replace":
        monkeypatch.setattr(atomic.Path, "replace", fail)
    elif operation == "fsync":
        monkeypatch.setattr(os, "fsync", fail)

    def failing():
        with replacing(path) as file, open("/dev/full", "wb") as full:  # noqa: PTH123
            if operation == "flush":
                os.dup2(full.fileno(), file.fileno())
            file.write(b"new")

    with pytest.raises(OSError, match="No space left") as caught:
        failing()
    assert caught.value.filename == str(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_mode_is_kept_and_new_files_have_the_umask(tmp_path):
    path = tmp_path / "file"
    before = os.umask(0o027)
    try:
        write(path, b"1")
        assert mode_of(path) == 0o640
        for mode in (0o600, 0o666, 0o755):
            path.chmod(mode)
            write(path, b"2")
            assert mode_of(path) == mode
    finally:
        os.umask(before)


def test_a_temporary_file_is_as_private_as_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"secret")
    path.chmod(0o600)
    with replacing(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may give files away")
def test_owner_is_kept(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    os.chown(path, 1234, 2345)
    write(path, b"2")
    assert (path.stat().st_uid, path.stat().st_gid, path.read_bytes()) == (1234, 2345, b"2")


def test_symbolic_links_stay_and_their_target_is_replaced(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "target").write_bytes(b"old")
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to("folder/target")
    second.symlink_to("link")
    write(second, b"new")
    assert link.is_symlink()
    assert second.is_symlink()
    assert (folder / "target").read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "link", "second"]
    dangling = tmp_path / "dangling"
    dangling.symlink_to("folder/other")
    write(dangling, b"made")
    assert (folder / "other").read_bytes() == b"made"


def test_long_names(tmp_path):
    path = tmp_path / ("n" * 255)
    write(path, b"x")
    assert path.read_bytes() == b"x"


def test_threads_that_write_one_path_all_succeed_and_one_wins_whole(tmp_path):
    path = tmp_path / "file"
    failures = []

    def work(number):
        try:
            for _ in range(50):
                write(path, bytes([number]) * 100_000)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            data = path.read_bytes()
            assert len(data) == 100_000
            assert len(set(data)) == 1
    assert failures == []
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def refusals(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    return {
        ".": "directory",
        "": "directory",
        str(tmp_path): "directory",
        f"{tmp_path}/new/": "directory",
        f"{tmp_path}/none/file": f"no folder {tmp_path}/none",
        f"{tmp_path}/file/inner": "Not a directory",
        f"{tmp_path}/loop": "symbolic links",
        f"{tmp_path}/fifo": "neither a regular file",
        f"{tmp_path}/{'n' * 256}": "too long",
        f"{tmp_path}/nul\0": "NUL",
    }


def test_what_is_no_place_for_a_file_is_refused_with_the_path(tmp_path):
    for path, part in refusals(tmp_path).items():
        for attempt in (check_writable, lambda path: write(path, b"x")):
            with pytest.raises(OSError, match=part) as caught:
                attempt(path)
            assert caught.value.filename == path
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fifo", "file", "loop"]
    for no_path in (3, None, b"\xff" if sys.platform == "win32" else 1.5):
        with pytest.raises(DataTypeError, match="must be a string or a path"):
            write(no_path, b"x")


@needs_full
def test_devices_take_bytes_and_a_full_one_says_so():
    write("/dev/null", b"x" * 100_000)
    check_writable("/dev/full")
    with pytest.raises(OSError, match=r"No space left.*'/dev/full'"):
        write("/dev/full", b"x" * 100_000)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)  # noqa: PTH116


AS_NOBODY = """
import os, sys
from filbert.storage.atomic import replacing
os.setgid(65534); os.setuid(65534)  # after the import, which that user may not be able to do
for path in sys.argv[1:]:
    try:
        with replacing(path) as file:
            file.write(b"new")
        print("written")
    except OSError as error:
        print(type(error).__name__, error.filename == path, error.strerror)
"""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can be another user")
def test_without_permission(tmp_path):
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):  # pytest's own, closed to others
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    closed, opened = tmp_path / "closed", tmp_path / "opened"
    for folder, mode in ((closed, 0o755), (opened, 0o777)):
        folder.mkdir()
        (folder / "mine").write_bytes(b"old")
        (folder / "mine").chmod(0o666)
        (folder / "read only").write_bytes(b"old")
        folder.chmod(mode)
    paths = [closed / "new", closed / "mine", opened / "read only", opened / "mine", opened / "new"]
    result = subprocess.run([sys.executable, "-c", AS_NOBODY, *paths], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("PermissionError True no file may be made in its folder")
    assert lines[1].startswith("PermissionError True no file may be made in its folder")
    assert lines[2] == "PermissionError True Permission denied"
    assert lines[3:] == ["written", "written"]
    assert (closed / "mine").read_bytes() == (opened / "read only").read_bytes() == b"old"


def test_models_are_saved_so(tmp_path, monkeypatch):
    frame = pd.DataFrame({"y": np.arange(9.0) % 4, "x": np.arange(9.0)})
    model = fb.Model("y ~ x", frame)
    path = tmp_path / "m"
    model.save(path)
    before = path.read_bytes()
    path.chmod(0o640)
    model.save(path)
    assert (path.read_bytes(), mode_of(path)) == (before, 0o640)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match=r"directory.*'\.'"):
        model.save(".")
    threads = [threading.Thread(target=model.save, args=(path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
