"""The files that the command line writes: whole or not at all, and nothing of the draws or of older files is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_line import SEED, run, summary_of, write_rows
from disks import small_disk
from filbert.sampling import run as sampling


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("data") / "data.csv")


def test_output_is_netcdf_that_can_be_read_again(data, tmp_path):
    path = tmp_path / "fit.nc"
    result = run("fit", "y ~ x + g", data, *SEED, "-o", path)
    assert result.exit_code == 0, result.output
    import xarray as xr

    with xr.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
        assert posterior["x"].shape == (4, 1000)
        assert list(posterior["g_dim"].values) == ["b", "c", "d"]
        assert posterior.attrs["formula"] == "y ~ x + g"
        assert abs(float(posterior["x"].mean()) - summary_of(result).loc["x", "mean"]) < 0.01


@pytest.mark.parametrize(("name", "start"), [("fit.png", b"\x89PNG"), ("fit.pdf", b"%PDF"), ("fit.svg", b"<?xml")])
def test_plot_is_written(data, tmp_path, name, start):
    result = run("fit", "y ~ x", data, *SEED, "--plot", tmp_path / name)
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("option", ["--output", "--plot"])
def test_failure_to_write_after_sampling_loses_nothing(data, tmp_path, monkeypatch, option):
    def fail(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / ("fit.nc" if option == "--output" else "fit.png")
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", fail)
    result = run("fit", "y ~ x", data, *SEED, "-q", option, path)
    assert result.exit_code == 1
    assert len(summary_of(result)) == 3
    assert result.stderr == f"Error: {path} could not be written: No space left on device.\n"
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_picture_that_cannot_be_drawn_leaves_the_older_one(data, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("nothing to draw")

    path = tmp_path / "fit.png"
    path.write_bytes(b"old")
    monkeypatch.setattr("filbert.plots.plot_fit", fail)
    result = run("fit", "y ~ x", data, *SEED, "-q", "--plot", path)
    assert (result.exit_code, path.read_bytes()) == (1, b"old")
    assert result.stderr == f"Error: {path} could not be written: nothing to draw.\n"


def test_an_interrupt_while_writing_says_what_is_not_there(data, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    result = run("fit", "y ~ x", data, *SEED, "-q", "-o", tmp_path / "fit.nc")
    assert result.exit_code == 130
    assert len(summary_of(result)) == 3
    assert result.stderr == f"Error: interrupted, so {tmp_path / 'fit.nc'} was not written.\n"
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line_and_status_1_and_leaves_the_older_files(data, tmp_path):
    with small_disk(tmp_path / "disk", "16k") as disk:
        paths = [disk / "fit.nc", disk / "fit.png"]
        for path in paths:
            path.write_bytes(b"old")
        command = [sys.executable, "-m", "filbert", "fit", "y ~ x", data, "-q", "-o", paths[0], "--plot", paths[1]]
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert result.returncode == 1, result.stderr
        lines = [f"Error: {path} could not be written: No space left on device." for path in paths]
        assert result.stderr.splitlines() == lines
        assert result.stdout.startswith("parameter ")
        assert [path.read_bytes() for path in paths] == [b"old", b"old"]
        assert sorted(path.name for path in disk.iterdir()) == ["fit.nc", "fit.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")
def test_files_that_are_replaced_keep_their_mode_and_links_stay(data, tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "real.png").chmod(0o600)
    (tmp_path / "fit.png").symlink_to("real.png")
    assert run("fit", "y ~ x", data, *SEED, "-q", "--plot", tmp_path / "fit.png").exit_code == 0
    assert (tmp_path / "fit.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o600


def test_output_paths_are_checked_before_sampling_and_leave_no_files(data, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("sampled")

    monkeypatch.setattr(sampling, "run", never)
    result = run("fit", "y ~ x", data, "-o", tmp_path / "fit.nc", "--plot", tmp_path / "none" / "fit.png")
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_path_check_does_not_touch_an_existing_file(data, tmp_path):
    path = tmp_path / "fit.nc"
    path.write_bytes(b"kept")
    assert run("fit", "y ~ nope", data, "-o", path).exit_code == 2
    assert path.read_bytes() == b"kept"
