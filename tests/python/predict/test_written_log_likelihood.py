"""Log likelihoods that are written block by block are those of all rows at once."""

from __future__ import annotations

import arviz as az
import filbert as fb
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from disks import small_disk

N = 700  # more than one block


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(20261126)
    frame = pd.DataFrame({"x": rng.normal(size=N), "g": rng.choice(list("pqrst"), N), "w": rng.uniform(0.5, 2, N)})
    frame["y"] = frame.x + rng.normal(size=N)
    frame["k"] = rng.poisson(np.exp(0.3 * frame.x))
    return frame


def expected(model, idata):
    return model.log_likelihood(idata, inplace=False)["log_likelihood"]


@pytest.mark.parametrize(
    ("formula", "options"),
    [("y ~ x", {"weights": "w"}), ("k ~ x", {"family": "poisson"}), ("y ~ x + (1 | g)", {})],
)
def test_files_have_the_terms_of_all_rows(data, tmp_path, formula, options):
    model = fb.Model(formula, data, **options)
    idata = model.fit(draws=300, random_seed=1, progressbar=False)
    path = tmp_path / "rows.nc"
    assert fb.write_log_likelihood(path, model, idata) == N
    with xr.open_dataset(path, group="log_likelihood") as found:
        one = expected(model, idata)
        assert np.array_equal(found[formula[0]], one[formula[0]])
        for dim in ("chain", "draw", "__obs__"):
            assert np.array_equal(found[dim], one[dim])


def test_rows_of_a_stream_are_read_once_more(data, tmp_path):
    whole = fb.Model("y ~ x", data)
    idata = whole.fit(random_seed=1, progressbar=False)
    parts = fb.Model("y ~ x", fb.stream(lambda: (data.iloc[at : at + 90] for at in range(0, N, 90))))
    thinned = idata.isel(draw=slice(None, None, 10))
    assert fb.write_log_likelihood(tmp_path / "rows.nc", parts, thinned) == N
    with xr.open_dataset(tmp_path / "rows.nc", group="log_likelihood") as found:
        assert np.allclose(found["y"], expected(whole, thinned)["y"], rtol=1e-12)
        assert list(found["draw"].values[:3]) == [0, 10, 20]


def test_arviz_reads_them(data, tmp_path):
    model = fb.Model("y ~ x", data)
    idata = model.fit(random_seed=1, progressbar=False)
    fb.to_netcdf(idata, tmp_path / "fit.nc")
    fb.write_log_likelihood(tmp_path / "rows.nc", model, idata)
    again = az.from_netcdf(tmp_path / "rows.nc")
    model.log_likelihood(idata)
    assert np.array_equal(again["log_likelihood"]["y"], idata["log_likelihood"]["y"])


def test_what_cannot_be_written_leaves_what_was_there(data, tmp_path):
    path = tmp_path / "rows.nc"
    path.write_text("mine")
    once = fb.Model("y ~ x", fb.stream(iter([data])))
    idata = once.fit(random_seed=1, progressbar=False)
    with pytest.raises(fb.FormulaError, match="can be read once"):
        fb.write_log_likelihood(path, once, idata)
    model = fb.Model("y ~ x", data)
    model.save(tmp_path / "model.json")
    with pytest.raises(fb.DataError, match="loaded from a file"):
        fb.write_log_likelihood(path, fb.load(tmp_path / "model.json"), idata)
    with pytest.raises(fb.SettingError, match="y ~ 1"):
        fb.write_log_likelihood(path, fb.Model("y ~ 1", data), idata)
    assert path.read_text() == "mine"


def test_a_full_disk_ends_it_and_leaves_no_part_of_a_file(data, tmp_path):
    model = fb.Model("y ~ x", data)
    idata = model.fit(random_seed=1, progressbar=False)
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(OSError, match="No space left"):
            fb.write_log_likelihood(disk / "rows.nc", model, idata)
        assert not list(disk.iterdir())
