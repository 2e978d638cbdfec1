"""Draws are written to netCDF files that are whole or not there, and a full disk does not end the process."""

from __future__ import annotations

import subprocess
import sys

import filbert as fb
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from containers import ARVIZ_MAJOR
from disks import small_disk
from filbert.errors import DataTypeError
from filbert.results.container import container, group
from filbert.storage import netcdf

pytestmark = pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")


@pytest.fixture(scope="module")
def idata():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=40), "g": list("abcä") * 10, "t": rng.normal(size=40) > 0})
    frame["y"] = frame.x + rng.normal(size=40)
    model = fb.Model("y ~ x + g + I(x / 2 * (g == 'a'))", frame)
    return model.fit(draws=60, tune=200, random_seed=1, progressbar=False, discard_tuned_samples=False)


def groups_of(idata):
    return sorted(idata.children if isinstance(idata, xr.DataTree) else idata.groups())


def test_it_is_the_file_that_arviz_writes(idata, tmp_path):
    import arviz as az

    fb.to_netcdf(idata, tmp_path / "ours.nc")
    idata.to_netcdf(str(tmp_path / "theirs.nc"), engine="h5netcdf")
    ours, theirs = (az.from_netcdf(str(tmp_path / name), engine="h5netcdf") for name in ("ours.nc", "theirs.nc"))
    assert groups_of(ours) == groups_of(theirs) == groups_of(idata)
    for name in groups_of(idata):
        xr.testing.assert_identical(group(ours, name).load(), group(theirs, name).load())
        xr.testing.assert_equal(group(ours, name), group(idata, name))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_is_read_lazily_can_be_replaced_by_itself(idata, tmp_path):
    path = tmp_path / "fit.nc"
    fb.to_netcdf(idata, path)
    import arviz as az

    fb.to_netcdf(az.from_netcdf(str(path), engine="h5netcdf"), path)
    again = az.from_netcdf(str(path), engine="h5netcdf")
    xr.testing.assert_equal(group(again, "posterior"), group(idata, "posterior"))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (x | g)",
        "y ~ x + (1 | g:h)",
        "y ~ (x | C(k / 2)) + (1 | half)",
        "y ~ x + (I(x / 2) + h | `group/ä`)",
        "y ~ (poly(x, 2) || `a group`/h)",
    ],
)
@pytest.mark.parametrize("write", [fb.to_netcdf, lambda idata, path: idata.to_netcdf(str(path), engine="h5netcdf")])
def test_fits_of_models_with_groups_are_read_again(formula, write, tmp_path):
    import arviz as az

    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=120), "g": list("abcä") * 30, "h": ["u/1", "v:2", "w|3"] * 40})
    frame["group/ä"] = frame["a group"] = frame.g
    frame["k"] = np.arange(120) % 5
    frame["half"] = frame.k / 2
    frame["y"] = frame.x + rng.normal(size=120)
    model = fb.Model(formula, frame)
    idata = model.fit(draws=40, tune=100, random_seed=1, progressbar=False)
    model.predict(idata, kind="response", random_seed=1)
    write(idata, tmp_path / "fit.nc")
    again = az.from_netcdf(str(tmp_path / "fit.nc"), engine="h5netcdf")
    for name in groups_of(idata):
        xr.testing.assert_equal(group(again, name), group(idata, name))
    pd.testing.assert_frame_equal(fb.summary(again), fb.summary(idata))
    new = frame.iloc[[3, 50]]
    expected = fb.predictions(model, idata, data=new)
    model.save(tmp_path / "m")
    for each in (model, fb.load(tmp_path / "m")):
        pd.testing.assert_frame_equal(fb.predictions(each, again, data=new), expected)


@pytest.mark.skipif(ARVIZ_MAJOR < 1, reason="InferenceData has one level of groups")
def test_trees_of_any_depth_with_attributes(tmp_path):
    inner = xr.DataTree(xr.Dataset({"z": ("k", [1, 2])}, attrs={"deep": "ja"}))
    tree = xr.DataTree(xr.Dataset(attrs={"top": 1}), children={"a": xr.DataTree(children={"b": inner})})
    fb.to_netcdf(tree, tmp_path / "tree.nc")
    xr.testing.assert_identical(xr.load_datatree(tmp_path / "tree.nc", engine="h5netcdf"), tree)
    fb.to_netcdf(tree["a"], tmp_path / "part.nc")
    part = xr.load_datatree(tmp_path / "part.nc", engine="h5netcdf")
    assert list(part["b"]["z"].values) == [1, 2]


@pytest.mark.parametrize("wrong", [None, "fit.nc", {"posterior": 1}, 3])
def test_what_is_no_container_is_refused_before_the_file_is_touched(wrong, tmp_path):
    path = tmp_path / "fit.nc"
    path.write_bytes(b"old")
    with pytest.raises(DataTypeError, match=r"what fit\(\) returned"):
        fb.to_netcdf(wrong, path)
    assert path.read_bytes() == b"old"


def test_what_netcdf_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "fit.nc"
    path.write_bytes(b"old")
    bad = container({"posterior": xr.Dataset({"x": ("k", np.array([object(), 1], dtype=object))})})
    with pytest.raises((TypeError, ValueError)):
        fb.to_netcdf(bad, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_an_interrupt_leaves_the_old_file(idata, tmp_path, monkeypatch):
    path = tmp_path / "fit.nc"
    path.write_bytes(b"old")

    def interrupted(self, timeout=None):
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fb.to_netcdf(idata, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


MAKE = """
import errno, os, sys
import numpy as np, xarray as xr
import filbert as fb
from filbert.results.container import container
from filbert.storage import netcdf

def draws(n):
    values = np.random.default_rng(1).normal(size=(4, n, 3))
    x = xr.Dataset({"x": (("chain", "draw", "g"), values)}, {"g": ["a", "b", "c"]}, {"formula": "y ~ x"})
    return container({"posterior": x, "prior": x.isel(draw=slice(10)), "observed_data": x.isel(chain=0)})
"""

FAIL_EVERYWHERE = (
    MAKE
    + """
class Full:
    "A file that takes a number of writes, and no more."
    def __init__(self, file, left):
        self.file, self.left = file, left
    def write(self, data):
        if self.left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.left -= 1
        return self.file.write(data)
    def __getattr__(self, name):
        return getattr(self.file, name)

class Sink(netcdf._Sink):
    def __init__(self, file):
        super().__init__(Full(file, left))

netcdf._Sink = Sink
left, failures = 0, 0
while True:
    try:
        fb.to_netcdf(draws(3000), sys.argv[1])
        break
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        assert open(sys.argv[1], "rb").read() == b"old"
        failures += 1
    left += 1
print(failures, os.listdir(os.path.dirname(sys.argv[1])))
"""
)


def test_a_disk_that_is_full_at_any_write_is_an_error_and_no_crash(tmp_path):
    path = tmp_path / "fit.nc"
    path.write_bytes(b"old")
    result = subprocess.run([sys.executable, "-c", FAIL_EVERYWHERE, path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    failures, rest = result.stdout.split(" ", 1)
    assert int(failures) > 10
    assert rest == "['fit.nc']\n"


FULL_DISK = (
    MAKE
    + """
path = sys.argv[1]
fb.to_netcdf(draws(10), path)
before = open(path, "rb").read()
for write in (fb.to_netcdf, fb.to_netcdf):
    try:
        write(draws(100_000), path)
    except OSError as error:
        print(error)
assert open(path, "rb").read() == before
print(os.listdir(os.path.dirname(path)))
"""
)


def test_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "fit.nc"
        result = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        message = f"[Errno 28] No space left on device: '{path}'"
        assert result.stdout.splitlines() == [message, message, "['fit.nc']"]


def test_reads_beyond_what_was_written_are_zeros(tmp_path):
    with (tmp_path / "file").open("w+b") as file:
        sink = netcdf._Sink(file)
        sink.seek(3)
        assert sink.write(b"abc") == 3
        buffer = bytearray(b"xxxxxxxx")
        sink.seek(2)
        assert (sink.readinto(buffer), bytes(buffer)) == (8, b"\0abc\0\0\0\0")
        sink.seek(-1, 2)
        assert (sink.tell(), sink.read(2)) == (5, b"c\0")
