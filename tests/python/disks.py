"""A disk of one megabyte, for tests of what happens when it is full."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys

import pytest


@contextlib.contextmanager
def small_disk(folder, size="1m"):
    """Mount a small file system on a folder; skip the test where that is not possible."""
    if not sys.platform.startswith("linux") or shutil.which("mount") is None:
        pytest.skip("a small disk can be mounted on Linux only")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
