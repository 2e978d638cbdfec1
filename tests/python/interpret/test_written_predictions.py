"""Predictions that are written part by part are those of all rows at once."""

from __future__ import annotations

import gc

import filbert as fb
import numpy as np
import pandas as pd
import pytest

N = 300


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(20261128)
    frame = pd.DataFrame(
        {"x": rng.normal(size=N), "g": rng.choice(["a", "b", "c"], N), "s": rng.choice(list("pqrst"), N)}
    )
    frame["y"] = frame.x + (frame.g == "b") + rng.normal(size=N)
    return frame


@pytest.fixture(scope="module")
def fitted(data):
    model = fb.Model("y ~ x*g + (1 | s)", data)
    return model, model.fit(random_seed=1, progressbar=False)


def parts(data, at=(0, 7, 90, 90, 250)):
    return lambda: (data.iloc[start:stop] for start, stop in zip(at, [*at[1:], len(data)], strict=True))


@pytest.mark.parametrize("target", ["mean", "y"])
@pytest.mark.parametrize("name", ["p.parquet", "p.csv", "p.csv.gz"])
def test_files_have_what_predictions_gives(fitted, data, tmp_path, target, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    assert fb.write_predictions(path, *fitted, parts(data), target=target, random_seed=3) == N
    found = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    whole = fb.predictions(*fitted, data=data, target=target, random_seed=3)
    assert list(found.columns) == ["row", *whole.columns]
    assert np.array_equal(found["row"], np.arange(N))
    for column in whole.columns:
        if whole[column].dtype.kind == "f":
            assert np.allclose(found[column], whole[column], rtol=1e-12)
        else:
            assert list(found[column].astype(str)) == list(whole[column].astype(str))


def test_a_part_that_fails_leaves_the_file_as_it_was(fitted, data, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("older")
    spoilt = data.assign(x=np.where(np.arange(N) == 280, np.nan, data.x))
    with pytest.raises(fb.DataError, match=r"table 4 of the stream: Column 'x' has 1 missing value \(row 280\)"):
        fb.write_predictions(path, *fitted, parts(spoilt))
    assert path.read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


def test_a_part_that_fails_ends_a_parquet_file_in_silence(fitted, data, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    spoilt = data.assign(x=np.where(np.arange(N) == 280, np.nan, data.x))
    with pytest.raises(fb.DataError, match="1 missing value"):
        fb.write_predictions(tmp_path / "p.parquet", *fitted, parts(spoilt))
    gc.collect()  # pyarrow's writer ends itself
    assert not capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("whole", [1, True, np.int8(1)])
def test_parts_may_have_whole_numbers_alone(fitted, data, tmp_path, whole):
    pytest.importorskip("pyarrow")
    path = tmp_path / "p.parquet"
    first, rest = data[:90].assign(x=whole), data[90:]
    assert fb.write_predictions(path, *fitted, lambda: iter([first, rest])) == N
    assert np.array_equal(pd.read_parquet(path)["x"], [*np.ones(90), *rest["x"]])


def test_parts_that_no_type_of_parquet_holds_are_named(data, tmp_path):
    pytest.importorskip("pyarrow")
    counts = data.assign(x=np.arange(N) % 7)
    model = fb.Model("y ~ x", counts)
    idata = model.fit(random_seed=1, progressbar=False)
    later = counts[90:].assign(x=0.5)
    with pytest.raises(fb.DataError, match=r"table 1 of the stream: Conversion failed for column x with type float64"):
        fb.write_predictions(tmp_path / "p.parquet", model, idata, lambda: iter([counts[:90], later]))


def test_new_groups_and_rows_that_are_left_out(data, tmp_path):
    model = fb.Model("y ~ x + (1 | s)", data, dropna=True)
    idata = model.fit(random_seed=1, progressbar=False)
    spoilt = data.assign(x=np.where(np.arange(N) == 280, np.nan, data.x), s="new")
    with pytest.raises(fb.DataError, match="new"):
        fb.write_predictions(tmp_path / "p.csv", model, idata, parts(spoilt))
    assert fb.write_predictions(tmp_path / "p.csv", model, idata, parts(spoilt), new_groups="sample") == N - 1
    assert 280 not in set(pd.read_csv(tmp_path / "p.csv")["row"])


def test_bad_arguments_are_named(fitted, data, tmp_path):
    with pytest.raises(fb.SettingError, match=r"not to p\.xlsx"):
        fb.write_predictions(tmp_path / "p.xlsx", *fitted, data)
    with pytest.raises(fb.DataError, match="no rows"):
        fb.write_predictions(tmp_path / "p.csv", *fitted, lambda: iter([data[:0]]))
    assert not (tmp_path / "p.csv").exists()
    with pytest.raises(fb.DataTypeError, match="path must be a string or a path, not None"):
        fb.write_predictions(None, *fitted, data)
